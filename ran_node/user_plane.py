"""PDU sessions at the RAN node: data radio bearers of UEs on one side, GTP-U tunnels on the other (R95; TS 38.413).

Packets pass between the two and nobody here looks into them: what the SDAP header says of the QoS flow, the PDU session
container says on N3.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from net4ai.codecs import n2, rrc
from net4ai.codecs.causes import Cause
from net4ai.codecs.common import MAXIMUM_BEARERS, MAXIMUM_SESSIONS, TunnelEnd
from net4ai.codecs.declaration import Buffer
from net4ai.codecs.gtp_u import G_PDU_HEADER_SIZE, DownlinkContainer, UplinkContainer
from net4ai.codecs.sdap import DownlinkHeader
from net4ai.ran_node.map_sessions import FIRST_QFI, MAXIMUM_FLOWS
from net4ai.ran_node.reconfigure import Change, in_turn, reconfigure
from net4ai.ran_node.ue_context import UeContext
from net4ai.stack.drops import Drop
from net4ai.stack.hop import Address, Direction, Sockets
from net4ai.stack.l2_header import l2_fields
from net4ai.stack.procedure import ProcedureError
from net4ai.stack.runs import drop_all
from net4ai.stack.user_plane.data_bearer import HEADERS_SIZE, DataBearer
from net4ai.stack.user_plane.reframe import reframe
from net4ai.stack.user_plane.tunnels import TooManyTunnels, Tunnel, TunnelPackets, Tunnels

if TYPE_CHECKING:
    from net4ai.ran_node.node import RanNode

LEAST_PACKET = 20
"""Octets of an IPv4 header: what is shorter is no packet."""


@dataclass(eq=False, slots=True)
class PduSession:
    """A PDU session of a UE, as its RAN node knows it."""

    session: int
    context: UeContext
    bearer: DataBearer
    tunnel: Tunnel[PduSession] = field(init=False)


class UserPlane:
    """All PDU sessions of a RAN node. The owner feeds runs of data radio bearers, and datagrams of N3."""

    def __init__(
        self, node: RanNode, n3_address: Address, n3_sockets: Sockets, random_number: Callable[[int], int]
    ) -> None:
        """`n3_address`: of the signalling socket on N3; `random_number(bits)`: for TEIDs."""
        self.node = node
        self.tunnels: Tunnels[PduSession] = Tunnels(
            n3_address, n3_sockets, lambda: random_number(32), DownlinkContainer, node.drops
        )
        self.tunnels.on_error_indication = self._tunnel_lost
        self.mirror: Callable[[UeContext, DataBearer, Buffer, int, Direction], None] | None = None
        """Sees the PDUs of all data radio bearers: for captures."""

    # Sessions

    async def set_up(self, context: UeContext, request: n2.PduSessionSetupRequest) -> PduSession:
        """A data radio bearer and a tunnel for a job's session; it is set up once. Raises `ProcedureError`."""
        if request.job in context.jobs_under_way:
            raise ProcedureError(Cause.BUSY, f"the session of job {request.job} is being set up")
        if request.job not in context.jobs:
            context.jobs[request.job] = await self._add(context, request)
        session = context.pdu_sessions.get(context.jobs[request.job])
        if session is None:
            raise ProcedureError(Cause.INVALID_CONFIGURATION, f"job {request.job} has a DEP session")
        return session

    async def _add(self, context: UeContext, request: n2.PduSessionSetupRequest) -> int:
        if not 1 <= len(request.qos) <= MAXIMUM_FLOWS:
            raise ProcedureError(Cause.QOS_FLOW_NOT_CONFIGURED, f"{len(request.qos)} QoS flows")
        context.jobs_under_way.add(request.job)
        try:
            async with in_turn(self.node, context):
                session = self._begin(context, bytes(range(FIRST_QFI, FIRST_QFI + len(request.qos))), request.uplink)
                added = rrc.DataBearerConfiguration(
                    bearer=session.bearer.bearer, session=session.session, flows=bytes(sorted(session.bearer.flows))
                )
                try:
                    await reconfigure(self.node, context, Change(data_bearers=(added,)))
                except ProcedureError:
                    self.end(context, session.session)
                    raise
        finally:
            context.jobs_under_way.discard(request.job)
        return session.session

    def _begin(self, context: UeContext, flows: bytes, uplink: TunnelEnd) -> PduSession:
        """The session is ready before the UE knows of it: its first packet may overtake its answer."""
        number = context.free_session()
        taken = {session.bearer.bearer for session in context.pdu_sessions.values()}
        bearer = next((bearer for bearer in range(1, MAXIMUM_BEARERS + 1) if bearer not in taken), None)
        if number is None or bearer is None:
            raise ProcedureError(Cause.NO_RESOURCES, f"{MAXIMUM_SESSIONS} sessions")
        data_bearer = DataBearer(bearer, context.c_rnti, frozenset(flows), self.node.drops, at_ue=False, mirror=None)
        if (mirror := self.mirror) is not None:
            data_bearer.mirror = lambda data, stride, direction: mirror(context, data_bearer, data, stride, direction)
        session = PduSession(number, context, data_bearer)
        try:
            session.tunnel = self.tunnels.open(session, frozenset(flows))
        except TooManyTunnels as error:
            raise ProcedureError(Cause.NO_RESOURCES, str(error)) from None
        self.tunnels.join(session.tunnel, uplink)
        context.pdu_sessions[number] = session
        return session

    def end(self, context: UeContext, number: int) -> None:
        """A session is over: its tunnel ends."""
        session = context.pdu_sessions.pop(number, None)
        if session is not None:
            self.tunnels.close(session.tunnel)

    def end_all(self, context: UeContext) -> None:
        """The UE is gone, and its sessions with it."""
        for number in list(context.pdu_sessions):
            self.end(context, number)

    def _tunnel_lost(self, tunnel: Tunnel[PduSession]) -> None:
        """The user plane function does not know the tunnel, say after it was started anew: the UE has to start anew."""
        context = tunnel.session.context
        self.node.n2.send(n2.ContextReleaseRequest(ran_ue=context.number, cause=Cause.PEER_LOST))

    # Packets

    def receive_uu(self, context: UeContext, run: Buffer, stride: int, bulk: bool) -> None:
        """PDUs of one data radio bearer have come: a run by `HOP`."""
        bearer = l2_fields(run).bearer
        session = next((one for one in context.pdu_sessions.values() if one.bearer.bearer == bearer), None)
        if session is None:
            drop_all(self.node.drops, Drop.WRONG_BEARER, len(run), stride)
            return
        for packets in session.bearer.receive(run, stride, bulk):
            if _shortest(packets.data, packets.stride) < HEADERS_SIZE + LEAST_PACKET:
                drop_all(self.node.drops, Drop.TRUNCATED, len(packets.data), packets.stride)
                continue
            out, wide = reframe(packets.data, packets.stride, HEADERS_SIZE, bytes(G_PDU_HEADER_SIZE))
            self.tunnels.send(session.tunnel, out, wide, UplinkContainer(qfi=packets.header.qfi), bulk)

    def receive_n3(self, data: Buffer, stride: int, source: Address, bulk: bool, now: int) -> None:
        """GTP-U messages from N3, `stride` octets apart. Never raises for what is in them."""
        self.node.procedures.advance(now)
        for packets in self.tunnels.receive(data, stride, source, bulk, now):
            self._to_ue(packets, bulk)

    def _to_ue(self, packets: TunnelPackets[PduSession], bulk: bool) -> None:
        context, container = packets.session.context, packets.container
        if _shortest(packets.data, packets.stride) < packets.start + LEAST_PACKET:
            drop_all(self.node.drops, Drop.TRUNCATED, len(packets.data), packets.stride)
            return
        reflective = isinstance(container, DownlinkContainer) and container.reflective_flow
        out, wide = reframe(packets.data, packets.stride, packets.start, bytes(HEADERS_SIZE))
        header = DownlinkHeader(reflective_flow=reflective, qfi=container.qfi)
        packets.session.bearer.stamp(out, wide, header, bulk)
        context.last_active = self.node.procedures.now
        if bulk:
            self.node.uu_sockets.send_bulk(out, wide, context.hop.bulk_address)
        else:
            self.node.uu_sockets.send_signalling(out, wide, context.hop.signalling_address)


async def set_up_pdu_session(node: RanNode, request: n2.PduSessionSetupRequest) -> None:
    """Set up a PDU session and answer the core."""
    context, user_plane = node.by_number.get(request.ran_ue), node.user_plane
    answer = {"ran_ue": request.ran_ue, "transaction": request.transaction}
    try:
        if context is None:
            raise ProcedureError(Cause.UNKNOWN_CONTEXT, f"no UE context {request.ran_ue}")
        if user_plane is None:
            raise ProcedureError(Cause.NOT_ALLOWED, "no N3")
        session = await user_plane.set_up(context, request)
    except ProcedureError as error:
        node.n2.send(n2.SessionSetupFailure(cause=error.cause, **answer))
        raise
    downlink = user_plane.tunnels.end_of(session.tunnel)
    node.n2.send(n2.PduSessionSetupResponse(session=session.session, downlink=downlink, **answer))


def _shortest(data: Buffer, stride: int) -> int:
    return len(data) % stride or min(stride, len(data))
