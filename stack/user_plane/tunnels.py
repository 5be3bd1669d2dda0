"""GTP-U tunnels of PDU sessions: the end at a RAN node, and the end at a user plane function (N3, TS 29.281).

A tunnel is two TEIDs, one for each direction, each given out by its receiver. G-PDUs with their session container
carry packets; Echo, Error Indication and End Marker concern path and tunnel. The emulated N3 has two sockets, as every
link: what came over the bulk socket of the radio goes over that of N3.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from ipaddress import AddressValueError, IPv4Address
from typing import Generic, NamedTuple, TypeVar

from net4ai.codecs import gtp_u
from net4ai.codecs.common import TunnelEnd
from net4ai.codecs.declaration import Buffer
from net4ai.codecs.errors import DecodeError
from net4ai.codecs.gtp_u import G_PDU_HEADER_SIZE, HEADER_SIZE, Container, GtpMessage, GtpType
from net4ai.stack.dep.error_rate import ErrorRate
from net4ai.stack.drops import Drop, DropCounter
from net4ai.stack.hop import Address, Sockets
from net4ai.stack.link_peer import bulk_address
from net4ai.stack.runs import Alike, drop_all, runs, segments
from net4ai.stack.user_plane.reframe import column, fill, sizes

Session = TypeVar("Session")

MAXIMUM_TUNNELS = 65536
"""Tunnels that end at one node."""
_MESSAGE = Alike(0, 8, HEADER_SIZE)
"""Flags, type, length and TEID."""
_OPTIONS = Alike(HEADER_SIZE, 8, G_PDU_HEADER_SIZE)
"""Options and the extension header with the session container."""
_LENGTH_AT = 2


class TooManyTunnels(ValueError):
    """As many tunnels as one node can have end here already."""

    def __init__(self) -> None:
        super().__init__(f"{MAXIMUM_TUNNELS} tunnels end here already")


@dataclass(eq=False, slots=True)
class Tunnel(Generic[Session]):
    """This node's end of a tunnel."""

    teid: int
    """Given out here."""
    session: Session
    flows: frozenset[int]
    """QoS flows it carries."""
    other: TunnelEnd | None = None
    """The other end, once it is known."""
    signalling_address: Address = field(init=False, default=("", 0))
    bulk_address: Address = field(init=False, default=("", 0))


class TunnelPackets(NamedTuple, Generic[Session]):
    """Packets that came through a tunnel, `stride` octets apart, each behind `start` octets of headers."""

    session: Session
    container: Container
    data: Buffer
    stride: int
    start: int


class Tunnels(Generic[Session]):
    """The tunnels that end at this node. `receives`: the containers that come, by direction."""

    def __init__(
        self,
        address: Address,
        sockets: Sockets,
        random_teid: Callable[[], int],
        receives: type[Container],
        drops: DropCounter,
    ) -> None:
        """`address`: of this node's signalling socket on N3."""
        self.address = address
        self.tunnels: dict[int, Tunnel[Session]] = {}
        """By the TEID given out here."""
        self.on_error_indication: Callable[[Tunnel[Session]], None] = lambda tunnel: None
        """The other end does not know the tunnel any more."""
        self._by_other: dict[tuple[str, int], Tunnel[Session]] = {}
        """By host and TEID of the other end."""
        self._sockets = sockets
        self._random_teid = random_teid
        self._receives = receives
        self._drops = drops
        self._rate = ErrorRate()
        """Of Error Indications, and of what answers Echo Requests."""

    def open(self, session: Session, flows: frozenset[int]) -> Tunnel[Session]:
        """A tunnel ends here. Raises `TooManyTunnels`."""
        if len(self.tunnels) >= MAXIMUM_TUNNELS:
            raise TooManyTunnels
        while (teid := self._random_teid()) == 0 or teid in self.tunnels:
            pass
        tunnel = self.tunnels[teid] = Tunnel(teid, session, flows)
        return tunnel

    def end_of(self, tunnel: Tunnel[Session]) -> TunnelEnd:
        """What the other end has to know of this one."""
        host, port = self.address
        return TunnelEnd(teid=tunnel.teid, address=host, port=port, bulk_port=self._sockets.bulk_port)

    def join(self, tunnel: Tunnel[Session], other: TunnelEnd | None) -> None:
        """The other end of a tunnel is known, or (None) known no more."""
        if tunnel.other is not None:
            self._by_other.pop((tunnel.other.address, tunnel.other.teid), None)
        tunnel.other = other
        if other is not None:
            tunnel.signalling_address = (other.address, other.port)
            tunnel.bulk_address = bulk_address(tunnel.signalling_address, other.bulk_port)
            self._by_other[other.address, other.teid] = tunnel

    def close(self, tunnel: Tunnel[Session]) -> None:
        """The tunnel ends; the other end is told by an End Marker that nothing follows."""
        if self.tunnels.pop(tunnel.teid, None) is None:
            return
        if tunnel.other is not None:
            marker = gtp_u.end_marker(tunnel.other.teid)
            self._sockets.send_bulk(marker, len(marker), tunnel.bulk_address)
            self.join(tunnel, None)

    # Sending

    def send(self, tunnel: Tunnel[Session], packets: bytearray, stride: int, container: Container, bulk: bool) -> None:
        """Send packets, `stride` octets apart, each with `G_PDU_HEADER_SIZE` octets in front for the headers."""
        if tunnel.other is None:
            drop_all(self._drops, Drop.TUNNEL_NOT_READY, len(packets), stride)
            return
        fill(packets, stride, gtp_u.g_pdu_header(tunnel.other.teid, container, 0))
        column(packets, stride, _LENGTH_AT)[:] = sizes(packets, stride) - HEADER_SIZE
        if bulk:
            self._sockets.send_bulk(packets, stride, tunnel.bulk_address)
        else:
            self._sockets.send_signalling(packets, stride, tunnel.signalling_address)

    # Receiving

    def receive(
        self, data: Buffer, stride: int, source: Address, bulk: bool, now: int
    ) -> Iterator[TunnelPackets[Session]]:
        """GTP-U messages, `stride` octets apart. Never raises for what is in them."""
        for same_tunnel in runs(data, stride, _MESSAGE):
            for run in runs(same_tunnel, stride, _OPTIONS):
                yield from self._receive(run, stride, source, bulk, now)

    def _receive(
        self, run: memoryview, stride: int, source: Address, bulk: bool, now: int
    ) -> Iterator[TunnelPackets[Session]]:
        try:
            message = gtp_u.read(run[:stride])
        except DecodeError as error:
            drop_all(self._drops, error.reason, len(run), stride)
            return
        if message.start > G_PDU_HEADER_SIZE and len(run) > stride:
            for one in segments(run, stride):  # further headers: they may differ
                yield from self._receive(one, stride, source, bulk, now)
        elif message.type == GtpType.G_PDU:
            packets = self._packets(message, run, stride, source, bulk, now)
            if packets is not None:
                yield packets
        elif (handler := _HANDLERS.get(message.type)) is None:
            drop_all(self._drops, Drop.UNKNOWN_TYPE, len(run), stride)
        else:
            for one in segments(run, stride):
                handler(self, message, one, source, bulk, now)

    def _packets(
        self, message: GtpMessage, run: memoryview, stride: int, source: Address, bulk: bool, now: int
    ) -> TunnelPackets[Session] | None:
        tunnel = self.tunnels.get(message.teid)
        if tunnel is None:
            drop_all(self._drops, Drop.UNKNOWN_TUNNEL, len(run), stride)
            if self._rate.take(now):
                self._answer(gtp_u.error_indication(message.teid, self._own_address()), source, bulk)
            return None
        reason = self._fault(tunnel, message, source, bulk)
        if reason is not None:
            drop_all(self._drops, reason, len(run), stride)
            return None
        assert message.container is not None
        return TunnelPackets(tunnel.session, message.container, run, stride, message.start)

    def _fault(self, tunnel: Tunnel[Session], message: GtpMessage, source: Address, bulk: bool) -> Drop | None:
        """Why a G-PDU cannot be taken."""
        if tunnel.other is None:
            return Drop.TUNNEL_NOT_READY
        if source != (tunnel.bulk_address if bulk else tunnel.signalling_address):
            return Drop.SOURCE_NOT_BOUND
        if message.container is None or not isinstance(message.container, self._receives):
            return Drop.MALFORMED
        return None if message.container.qfi in tunnel.flows else Drop.FLOW_NOT_CONFIGURED

    def _own_address(self) -> bytes:
        try:
            return IPv4Address(self.address[0]).packed
        except AddressValueError:
            return bytes(4)  # a name

    def _answer(self, message: bytes, to: Address, bulk: bool) -> None:
        send = self._sockets.send_bulk if bulk else self._sockets.send_signalling
        send(message, len(message), to)

    # Path and tunnel management

    def _echo_request(self, message: GtpMessage, pdu: memoryview, source: Address, bulk: bool, now: int) -> None:
        """Anyone may ask (TS 29.281 7.2.1); the answer is no longer than the question, and the rate is limited."""
        if self._rate.take(now):
            self._answer(gtp_u.echo_response(message.sequence or 0), source, bulk)
        else:
            self._drops.count(Drop.CONTROL_QUEUE_FULL, len(pdu))

    def _echo_response(self, message: GtpMessage, pdu: memoryview, source: Address, bulk: bool, now: int) -> None:
        self._drops.count(Drop.ANSWER_TO_NO_REQUEST, len(pdu))

    def _error_indication(self, message: GtpMessage, pdu: memoryview, source: Address, bulk: bool, now: int) -> None:
        try:
            teid = gtp_u.unknown_teid(pdu[message.start :])
        except DecodeError as error:
            self._drops.count(error.reason, len(pdu))
            return
        tunnel = self._by_other.get((source[0], teid))
        if tunnel is None or source not in (tunnel.signalling_address, tunnel.bulk_address):
            self._drops.count(Drop.UNKNOWN_TUNNEL, len(pdu))
        else:
            self.join(tunnel, None)
            self.on_error_indication(tunnel)

    def _end_marker(self, message: GtpMessage, pdu: memoryview, source: Address, bulk: bool, now: int) -> None:
        """Nothing follows on the tunnel. Its end here is closed by who controls it."""
        if message.teid not in self.tunnels:
            self._drops.count(Drop.UNKNOWN_TUNNEL, len(pdu))


_HANDLERS: dict[int, Callable[..., None]] = {
    GtpType.ECHO_REQUEST: Tunnels._echo_request,
    GtpType.ECHO_RESPONSE: Tunnels._echo_response,
    GtpType.ERROR_INDICATION: Tunnels._error_indication,
    GtpType.END_MARKER: Tunnels._end_marker,
}
