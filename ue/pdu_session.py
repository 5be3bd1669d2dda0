"""PDU sessions of a terminal: the classic path to functions outside its RAN node (R47, R95, T2a).

A data radio bearer comes by RRC reconfiguration; NAS says which address the terminal has and where the forwarding
function is. The terminal attaches there as any other peer does, under the token of the session and nothing else. For
DEP the whole path is one more hop: what it sends is wrapped in UDP and IP and goes over the data radio bearer.
"""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import IPv4Address
from typing import TYPE_CHECKING

from net4ai.codecs import link, nas, rrc
from net4ai.codecs.causes import Cause
from net4ai.codecs.common import MAXIMUM_BEARERS
from net4ai.codecs.declaration import Buffer
from net4ai.codecs.dep import VERSION
from net4ai.codecs.l2 import BULK_PORT, SIGNALLING_PORT
from net4ai.codecs.sdap import UplinkHeader
from net4ai.stack.attached_link import AttachedLink
from net4ai.stack.dep.errors import DepError
from net4ai.stack.drops import Drop
from net4ai.stack.hop import Address, Sockets
from net4ai.stack.l2_header import l2_fields
from net4ai.stack.link_peer import LinkPeer
from net4ai.stack.procedure import ProcedureError, outcome_of
from net4ai.stack.runs import drop_all
from net4ai.stack.user_plane.data_bearer import HEADERS_SIZE, DataBearer
from net4ai.stack.user_plane.internet import UdpFlow, unwrap, wrap
from net4ai.ue import take_part

if TYPE_CHECKING:
    from net4ai.ue.terminal import Terminal

LINK = "T2a"
PORTS = (SIGNALLING_PORT, BULK_PORT)
"""UDP ports of T2a at both ends."""
MAXIMUM_QFI = 63


class PduSession:
    """One PDU session, from its data radio bearer to the forwarding function."""

    def __init__(self, terminal: Terminal, configuration: rrc.DataBearerConfiguration) -> None:
        assert terminal.hop is not None
        self.terminal = terminal
        self.configuration = configuration
        self.flows = frozenset(configuration.flows)
        self.bearer = DataBearer(
            configuration.bearer, terminal.hop.identity, self.flows, terminal.process.drops, at_ue=True, mirror=None
        )
        self.address: int | None = None
        """IPv4 address, once NAS has said it."""
        self.link: AttachedLink | None = None

    # To the forwarding function

    def accepted(self, message: nas.PduSessionAccept) -> None:
        """NAS has said who we are and whom to attach to. The same, said again, changes nothing."""
        if self.link is not None:
            return
        process, terminal = self.terminal.process, self.terminal
        self.address = message.address
        sockets = Sockets(self._sender(False), self._sender(True), BULK_PORT)
        self.link = AttachedLink(
            message.token.hex(),
            link.AttachKind.TERMINAL,
            LINK,
            (str(IPv4Address(message.function)), message.port),
            sockets,
            process.procedures,
            process.timers,
            process.endpoint,
            process.trace,
            self._on_message,
            self._on_lost,
            lambda what: process.on_trouble(f"{terminal.name}: {what}"),
            node=terminal.name,
        )
        self.link.attach()

    async def attached(self) -> None:
        """Wait until the forwarding function has taken us. Raises `ProcedureError`: it will not."""
        attaching = self.link.attaching if self.link is not None else None
        if attaching is None:
            raise ProcedureError(Cause.UNEXPECTED_MESSAGE, f"session {self.configuration.session}: no address yet")
        outcome = await outcome_of(attaching)
        if isinstance(outcome, ProcedureError):
            raise outcome

    def end(self) -> None:
        """The session is over."""
        if self.link is not None:
            if self.link.attaching is not None:
                self.link.attaching.cancel("PDU session over")
            if (peer := self.link.peer) is not None:
                self.terminal.process.endpoint.remove_all(peer.hop)
            self.link.attachment.lost()
            self.link = None

    def _on_lost(self) -> None:
        """The forwarding function does not answer: its sessions are gone, and we attach anew."""
        self.terminal.sessions.pop(self.configuration.session, None)

    # Signalling

    def _on_message(self, peer: LinkPeer, message: link.Link) -> None:
        handler = _HANDLERS.get(type(message))
        if handler is None:
            self.terminal.process.drops.count(Drop.UNEXPECTED_MESSAGE)
        else:
            handler(self, peer, message)

    def _session_add(self, peer: LinkPeer, message: link.SessionAdd) -> None:
        """A session for an execution the terminal was invited to, in place of one it had."""
        part = self.terminal.participations.get(message.execution)
        wanted = [session for session in message.sessions if part is not None and session.seat == part.seat]
        if part is None or part.session != self.configuration.session or len(wanted) != 1 or len(message.sessions) != 1:
            peer.refuse(message.transaction, Cause.NOT_ALLOWED, f"execution {message.execution}")
        elif message.end_point != link.EndPoint.ROUTINE_CLIENT:
            peer.refuse(message.transaction, Cause.MALFORMED_MESSAGE, f"end point {message.end_point}")
        elif message.dep_version != VERSION:
            peer.refuse(message.transaction, Cause.VERSION_NOT_SUPPORTED, f"DEP version {message.dep_version}")
        else:
            self._add(peer, message, wanted[0])

    def _add(self, peer: LinkPeer, message: link.SessionAdd, session: link.LinkSession) -> None:
        terminal, number = self.terminal, self.configuration.session
        endpoint = terminal.process.endpoint
        ids: dict[str, int | str] = {"ue": terminal.name, "session": number}
        self._remove()
        try:
            end = endpoint.add(
                peer.hop,
                endpoint.new_handle(),
                session.handle,
                message.dep_version,
                session.flows,
                session.limits,
                lambda end, event: take_part.on_dep_event(terminal, end, event),
                ids | take_part.trace_ids(terminal, number),
            )
        except DepError as error:
            peer.refuse(message.transaction, Cause.NO_RESOURCES, str(error))
            return
        terminal.sessions[number] = end
        handle = link.LinkHandle(seat=session.seat, handle=end.handle, limits=endpoint.limits)
        peer.send(link.SessionAddComplete(transaction=message.transaction, sessions=(handle,)))

    def _session_release(self, peer: LinkPeer, message: link.SessionRelease) -> None:
        part = self.terminal.participations.get(message.execution)
        if part is not None and part.session == self.configuration.session:
            self._remove()

    def _remove(self) -> None:
        end = self.terminal.sessions.pop(self.configuration.session, None)
        if end is not None:
            self.terminal.process.endpoint.remove(end)

    # Packets

    def _sender(self, bulk: bool) -> Callable[[Buffer, int, Address], None]:
        """Sends over the data radio bearer, on the signalling or the bulk socket of the radio."""
        terminal = self.terminal

        def send(data: Buffer, stride: int, to: Address) -> None:
            hop = terminal.hop
            if hop is None or self.address is None:
                drop_all(terminal.process.drops, Drop.NO_CONNECTION, len(data), stride)
                return
            flow = UdpFlow(self.address, PORTS[bulk], int(IPv4Address(to[0])), to[1])
            pdus, wide = wrap(data, stride, flow, HEADERS_SIZE)
            self.bearer.stamp(pdus, wide, UplinkHeader(qfi=self.configuration.flows[0]), bulk)
            if bulk:
                terminal.radio.sockets.send_bulk(pdus, wide, hop.bulk_address)
            else:
                terminal.radio.sockets.send_signalling(pdus, wide, hop.signalling_address)

        return send

    def receive(self, run: Buffer, stride: int, bulk: bool, now: int) -> None:
        """PDUs of the data radio bearer. Never raises for what is in them."""
        drops = self.terminal.process.drops
        for packets in self.bearer.receive(run, stride, bulk):
            for udp in unwrap(packets.data, packets.stride, HEADERS_SIZE, drops):
                flow = udp.flow
                if self.link is None or flow.destination != self.address or flow.destination_port not in PORTS:
                    drop_all(drops, Drop.NO_ROUTE, len(udp.data), udp.stride)
                else:
                    source = (str(IPv4Address(flow.source)), flow.source_port)
                    self.link.receive(udp.data, udp.stride, source, flow.destination_port == BULK_PORT, now)

    # Time

    def pump(self, now: int) -> None:
        """Handle what has come, send what is ready."""
        if self.link is not None and (peer := self.link.peer) is not None:
            peer.hop.advance(now)
            self.link.pump(now)

    def next_deadline(self) -> int | None:
        """When to call `pump`."""
        peer = self.link.peer if self.link is not None else None
        return peer.hop.next_deadline() if peer is not None else None


_HANDLERS: dict[type, Callable[..., None]] = {
    link.SessionAdd: PduSession._session_add,
    link.SessionRelease: PduSession._session_release,
}
"""Who takes what the forwarding function says."""


def fault(message: rrc.Reconfiguration, terminal: Terminal) -> Cause | None:
    """Why the data radio bearers of a configuration cannot be taken; None: they can."""
    released = message.released_data_bearers
    bearers = [added.bearer for added in message.data_bearers]
    sessions = [added.session for added in message.data_bearers]
    if any(len(set(numbers)) < len(numbers) for numbers in (released, bearers, sessions)):
        return Cause.INVALID_CONFIGURATION
    if any(not 1 <= bearer <= MAXIMUM_BEARERS for bearer in released):
        return Cause.INVALID_CONFIGURATION
    gone = {release.session for release in message.released_sessions}
    dep = {session for session in terminal.sessions if session not in terminal.pdu_sessions} - gone
    if dep.union(configuration.session for configuration in message.sessions) & set(sessions):
        return Cause.INVALID_CONFIGURATION
    staying = {
        session.configuration.bearer: session.configuration.session
        for session in terminal.pdu_sessions.values()
        if session.configuration.bearer not in released
    }
    faults = (_fault_of(added, staying) for added in message.data_bearers)
    return next((cause for cause in faults if cause is not None), None)


def _fault_of(added: rrc.DataBearerConfiguration, staying: dict[int, int]) -> Cause | None:
    flows = added.flows
    if not flows or len(set(flows)) < len(flows) or not all(1 <= qfi <= MAXIMUM_QFI for qfi in flows):
        return Cause.QOS_FLOW_NOT_CONFIGURED
    bearers = {session: bearer for bearer, session in staying.items()}
    alone = staying.get(added.bearer, added.session) == added.session
    once = bearers.get(added.session, added.bearer) == added.bearer
    return None if alone and once else Cause.INVALID_CONFIGURATION


def apply(terminal: Terminal, message: rrc.Reconfiguration) -> None:
    """Take a configuration without fault. A bearer that is there as it shall be goes on."""
    for session in list(terminal.pdu_sessions.values()):
        if session.configuration.bearer in message.released_data_bearers:
            session.end()
            del terminal.pdu_sessions[session.configuration.session]
    for added in message.data_bearers:
        before = terminal.pdu_sessions.get(added.session)
        if before is None or before.configuration != added:
            if before is not None:
                before.end()
            terminal.pdu_sessions[added.session] = PduSession(terminal, added)


def accepted(terminal: Terminal, message: nas.PduSessionAccept) -> None:
    """NAS names the session that RRC has configured before."""
    session = terminal.pdu_sessions.get(message.session)
    if session is None:
        terminal.process.drops.count(Drop.UNEXPECTED_MESSAGE)
    else:
        session.accepted(message)


def receive(terminal: Terminal, run: Buffer, stride: int, bulk: bool, now: int) -> None:
    """PDUs of one data radio bearer have come: a run by `HOP`."""
    bearer = l2_fields(run).bearer
    for session in terminal.pdu_sessions.values():
        if session.configuration.bearer == bearer:
            session.receive(run, stride, bulk, now)
            return
    drop_all(terminal.process.drops, Drop.WRONG_BEARER, len(run), stride)
