"""The user plane function at the edge: here GTP-U tunnels of PDU sessions end, and packets reach the FPF (T2a, R95).

Its data network has one host, the forwarding function, at an address of its own. A packet from a tunnel goes there if
its source is the address of the session; what the forwarding function sends to that address goes back through the
tunnel. Sessions are set up by the core over the bus (N4).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Network

from net4ai.codecs.bus import (
    Done,
    EstablishPduSession,
    ModifyPduSession,
    N3End,
    PduSessionEstablished,
    ReleasePduSession,
)
from net4ai.codecs.causes import Cause
from net4ai.codecs.common import FlowMapping, TunnelEnd
from net4ai.codecs.declaration import Buffer
from net4ai.codecs.gtp_u import G_PDU_HEADER_SIZE, DownlinkContainer, UplinkContainer
from net4ai.codecs.l2 import BULK_PORT, SIGNALLING_PORT
from net4ai.stack.control_entity import ControlEntity
from net4ai.stack.drops import Drop, DropCounter
from net4ai.stack.forwarding.function import ForwardingFunction
from net4ai.stack.hop import FIXED_LINK_DEP_BEARER, Address, Sockets
from net4ai.stack.procedure import ProcedureError
from net4ai.stack.runs import drop_all
from net4ai.stack.user_plane.internet import UdpFlow, UdpRun, unwrap, wrap
from net4ai.stack.user_plane.tunnels import TooManyTunnels, Tunnel, TunnelPackets, Tunnels

LINK = "T2a"
NETWORK = IPv4Network("10.45.0.0/16")
"""Addresses of PDU sessions. Every user plane function has the same: they mean something in its tunnels only."""
FUNCTION = int(NETWORK[1])
"""Address of the forwarding function."""
MAXIMUM_SESSIONS = NETWORK.num_addresses - 3
"""One for each address but those of network, broadcast and forwarding function."""
MAXIMUM_FLOWS = 8
"""QoS flows of a session, as many as N2 can ask for."""
MAXIMUM_QFI = 63
MAXIMUM_NAMES = 4096
"""Addresses of RAN nodes that are remembered by name."""
TOKEN_OCTETS = 16
"""A token is this long, in hexadecimal digits on the bus and as a name on T2a."""


@dataclass(eq=False, slots=True)
class PduSession:
    """A PDU session, as the user plane knows it: no subscriber, no radio identity."""

    token: str
    address: int
    flows: tuple[int, ...]
    """QoS flows; what goes down takes the first."""
    tunnel: Tunnel[PduSession] = field(init=False)

    @property
    def host(self) -> str:
        """Its address, as hosts are named."""
        return str(IPv4Address(self.address))


class UserPlaneFunction:
    """One user plane function. The owner feeds datagrams of N3; `sockets` is T2a for the forwarding function."""

    fpf: ForwardingFunction

    def __init__(
        self,
        entity: ControlEntity,
        n3_address: Address,
        n3_sockets: Sockets,
        random_number: Callable[[int], int],
        drops: DropCounter,
    ) -> None:
        """`n3_address`: of the signalling socket on N3; `random_number(bits)`: for TEIDs."""
        self.drops = drops
        self.tunnels: Tunnels[PduSession] = Tunnels(
            n3_address, n3_sockets, lambda: random_number(32), UplinkContainer, drops
        )
        self.sessions: dict[str, PduSession] = {}
        """By token."""
        self.sockets = Sockets(self._send_signalling, self._send_bulk, BULK_PORT)
        self._by_host: dict[str, PduSession] = {}
        self._ran_nodes: dict[Address, str] = {}
        """Names by address on N3."""
        self._last_address = FUNCTION
        entity.handle(EstablishPduSession, self.establish)
        entity.handle(ModifyPduSession, self.modify)
        entity.handle(ReleasePduSession, self.release)

    # N4

    def establish(self, request: EstablishPduSession) -> PduSessionEstablished:
        """A session begins; the same request gets the same answer. Raises `ProcedureError`."""
        session = self.sessions.get(request.token)
        if session is None:
            session = self._begin(request)
        end = self.tunnels.end_of(session.tunnel)
        uplink = N3End(teid=end.teid, address=end.address, port=end.port, bulk_port=end.bulk_port)
        return PduSessionEstablished(address=session.address, function=FUNCTION, port=SIGNALLING_PORT, uplink=uplink)

    def _begin(self, request: EstablishPduSession) -> PduSession:
        flows = tuple(request.flows)
        if not 1 <= len(flows) <= MAXIMUM_FLOWS or not all(1 <= qfi <= MAXIMUM_QFI for qfi in flows):
            raise ProcedureError(Cause.QOS_FLOW_NOT_CONFIGURED, f"QoS flows {flows}; allowed: 1 to 8 from 1 to 63")
        if len(request.token) != 2 * TOKEN_OCTETS or not set(request.token) <= set("0123456789abcdef"):
            raise ProcedureError(Cause.MALFORMED_MESSAGE, f"token of {len(request.token)} characters; allowed: 32 hex")
        session = PduSession(request.token, self._free_address(), flows)
        try:
            session.tunnel = self.tunnels.open(session, frozenset(flows))
        except TooManyTunnels as error:
            raise ProcedureError(Cause.NO_RESOURCES, str(error)) from None
        self.sessions[session.token] = self._by_host[session.host] = session
        return session

    def _free_address(self) -> int:
        """The next one in turn that no session has: an address is not given out again soon."""
        if len(self.sessions) >= MAXIMUM_SESSIONS:
            raise ProcedureError(Cause.NO_RESOURCES, f"{MAXIMUM_SESSIONS} PDU sessions")
        first, last = FUNCTION + 1, int(NETWORK.broadcast_address) - 1
        while True:
            self._last_address = self._last_address + 1 if self._last_address < last else first
            if str(IPv4Address(self._last_address)) not in self._by_host:
                return self._last_address

    def modify(self, request: ModifyPduSession) -> Done:
        """The other end of the tunnel is known. Raises `ProcedureError`."""
        session = self.sessions.get(request.token)
        if session is None:
            raise ProcedureError(Cause.UNKNOWN_SESSION, "no PDU session has this token")
        end = request.downlink
        other = TunnelEnd(teid=end.teid, address=end.address, port=end.port, bulk_port=end.bulk_port)
        self.tunnels.join(session.tunnel, other)
        for port in (end.port, end.bulk_port):
            if len(self._ran_nodes) < MAXIMUM_NAMES:
                self._ran_nodes[end.address, port] = request.node
        return Done()

    def name_of(self, address: Address) -> str:
        """Name of the RAN node at an address of N3, for captures."""
        return self._ran_nodes.get(address) or f"{address[0]}:{address[1]}"

    def release(self, request: ReleasePduSession) -> Done:
        """The session is over: its tunnel ends, and who attached through it is gone."""
        session = self.sessions.pop(request.token, None)
        if session is not None:
            del self._by_host[session.host]
            for peer in [peer for peer in self.fpf.peers.values() if peer.name == session.token]:
                self.fpf.forget(peer)
            self.tunnels.close(session.tunnel)
        return Done()

    # For the forwarding function

    def admits(self, token: str, source: Address) -> bool:
        """Whether the token is that of the PDU session with this address."""
        session = self.sessions.get(token)
        return session is not None and session.host == source[0]

    def flows_of(self, token: str) -> tuple[FlowMapping, ...]:
        """QoS flows of the session; none: there is no such session."""
        session = self.sessions.get(token)
        flows = session.flows if session is not None else ()
        return tuple(FlowMapping(qfi=qfi, bearer=FIXED_LINK_DEP_BEARER) for qfi in flows)

    # Uplink

    def receive(self, data: Buffer, stride: int, source: Address, bulk: bool, now: int) -> None:
        """GTP-U messages from N3, `stride` octets apart. Never raises for what is in them."""
        for packets in self.tunnels.receive(data, stride, source, bulk, now):
            for udp in unwrap(packets.data, packets.stride, packets.start, self.drops):
                self._deliver(packets, udp, now)

    def _deliver(self, packets: TunnelPackets[PduSession], udp: UdpRun, now: int) -> None:
        session, flow = packets.session, udp.flow
        if flow.source != session.address:
            drop_all(self.drops, Drop.FORGED_ADDRESS, len(udp.data), udp.stride)
        elif flow.destination != FUNCTION or flow.destination_port not in (SIGNALLING_PORT, BULK_PORT):
            drop_all(self.drops, Drop.NO_ROUTE, len(udp.data), udp.stride)
        else:
            bulk = flow.destination_port == BULK_PORT
            self.fpf.receive(LINK, udp.data, udp.stride, (session.host, flow.source_port), bulk, now)

    # Downlink

    def _send_signalling(self, data: Buffer, stride: int, to: Address) -> None:
        self._send(data, stride, to, False)

    def _send_bulk(self, data: Buffer, stride: int, to: Address) -> None:
        self._send(data, stride, to, True)

    def _send(self, data: Buffer, stride: int, to: Address, bulk: bool) -> None:
        host, port = to
        session = self._by_host.get(host)
        if session is None:
            drop_all(self.drops, Drop.NO_ROUTE, len(data), stride)
            return
        flow = UdpFlow(FUNCTION, BULK_PORT if bulk else SIGNALLING_PORT, session.address, port)
        packets, wide = wrap(data, stride, flow, G_PDU_HEADER_SIZE)
        self.tunnels.send(session.tunnel, packets, wide, DownlinkContainer(qfi=session.flows[0]), bulk)
