"""One end of a hop: the Uu between UE and RAN node, T4 or T8.

A hop has an acknowledged signalling bearer (SRB1, or bearer 0 of a fixed link) and bearers that carry DEP (computing
radio bearers, or bearer 1 of a fixed link). Signalling, and whatever of DEP is not DATA, goes through the signalling
socket, DATA through the bulk socket, so liveness never waits behind bulk. COUNT runs per bearer and socket.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from net4ai.codecs.declaration import Buffer, Message, UnknownMessage
from net4ai.codecs.l2 import L2_HEADER, L2_HEADER_SIZE, BearerType
from net4ai.stack.acknowledged_bearer import AcknowledgedBearer, BearerQueueFull
from net4ai.stack.computing_bearer import ComputingBearer
from net4ai.stack.drops import Drop, DropCounter
from net4ai.stack.trace import Trace, TraceEvent

Address = tuple[str, int]
Send = Callable[[Buffer, int, Address], None]
"""Send datagrams: data, stride of the datagrams in it, destination."""

SIGNALLING_BEARER = {BearerType.SRB: 1, BearerType.FIXED_LINK: 0}
"""Identity of the acknowledged signalling bearer, by type."""
FIXED_LINK_DEP_BEARER = 1

MAXIMUM_BACKLOG = 16384
"""Signalling messages that wait until the bearer takes them: a few for every seat of an execution."""


@dataclass(frozen=True, slots=True)
class Sockets:
    """How a process sends on its two sockets, and the bulk port it tells its peers."""

    send_signalling: Send
    send_bulk: Send
    bulk_port: int


@dataclass(frozen=True, slots=True)
class HopName:
    """How the trace names this hop: link, this node, the other end, and ids of every event (which UE)."""

    link: str
    node: str
    peer: str
    ids: dict[str, int | str]


class Hop:
    """This side's end of one hop to one peer. The owner feeds it PDUs and takes service data units from it."""

    def __init__(
        self,
        name: HopName,
        bearer_type: BearerType,
        identity: int,
        signalling_address: Address,
        bulk_address: Address,
        sockets: Sockets,
        drops: DropCounter,
        trace: Trace,
    ) -> None:
        self.name = name
        self.identity = identity
        self.signalling_address = signalling_address
        self.bulk_address = bulk_address
        self._sockets = sockets
        self._drops = drops
        self._trace = trace
        self._dep_type = BearerType.CRB if bearer_type is BearerType.SRB else BearerType.FIXED_LINK
        self.signalling = AcknowledgedBearer(
            bearer_type=bearer_type, bearer=SIGNALLING_BEARER[bearer_type], c_rnti=identity, drops=drops
        )
        self._backlog: deque[bytes] = deque()
        self._control: dict[int, ComputingBearer] = {}
        self._bulk: dict[int, ComputingBearer] = {}
        if bearer_type is BearerType.FIXED_LINK:
            self.add_bearer(FIXED_LINK_DEP_BEARER)

    # Bearers

    def add_bearer(self, bearer: int) -> None:
        """Configure a bearer for DEP. One that is there stays as it is."""
        for bearers in (self._control, self._bulk):
            if bearer not in bearers:
                bearers[bearer] = ComputingBearer(
                    bearer_type=self._dep_type, bearer=bearer, c_rnti=self.identity, drops=self._drops
                )

    def remove_bearer(self, bearer: int) -> None:
        """Forget a bearer."""
        self._control.pop(bearer, None)
        self._bulk.pop(bearer, None)

    @property
    def bearers(self) -> frozenset[int]:
        """Identities of the bearers configured for DEP."""
        return frozenset(self._bulk)

    # Sending

    def send(self, message: Message | UnknownMessage, now: int) -> None:
        """Queue a signalling message. Goes out with the next `pump`. Raises `BearerFailed`, `EncodeError`."""
        sdu = message.encode()
        if len(self._backlog) >= MAXIMUM_BACKLOG:
            self._drops.count(Drop.SEND_QUEUE_FULL, len(sdu))
            return
        if self._backlog or not self._queue(sdu, now):
            self._backlog.append(sdu)
        self.trace_message(message, "out", len(sdu), now)

    def _queue(self, sdu: bytes, now: int) -> bool:
        try:
            self.signalling.send(sdu, now)
        except BearerQueueFull:
            return False
        return True

    def send_dep(self, bearer: int, pdu: bytearray) -> None:
        """Send one DEP PDU that is not DATA; its first 8 octets are left for the layer-2 header."""
        self._control[bearer].stamp_one(pdu)
        self._sockets.send_signalling(pdu, len(pdu), self.signalling_address)

    def send_burst(self, bearer: int, burst: bytearray, stride: int) -> None:
        """Send DATA segments; the first 8 octets of each are left for the layer-2 header."""
        self._bulk[bearer].stamp(burst, stride)
        self._sockets.send_bulk(burst, stride, self.bulk_address)

    def pump(self, now: int) -> None:
        """Send what the signalling bearer has ready."""
        if self.signalling.failed:
            self._backlog.clear()
        while self._backlog and self._queue(self._backlog[0], now):
            self._backlog.popleft()
        for datagram in self.signalling.datagrams_to_send(now):
            self._sockets.send_signalling(datagram, len(datagram), self.signalling_address)

    # Receiving

    def receive(self, pdu: Buffer, bulk: bool, now: int) -> tuple[int, Buffer] | None:
        """A layer-2 PDU of this hop has come. Gives bearer and DEP PDU where it is one, else None.

        Signalling is handed to the acknowledged bearer; take it with `next_sdu`. What belongs to no bearer configured
        for this socket is dropped.
        """
        fields = L2_HEADER.unpack(pdu, 0)
        bearer_type, identity = fields[_BEARER_TYPE], fields[_BEARER]
        bearers = self._bulk if bulk else self._control
        if bearer_type == self._dep_type and identity in bearers:
            return (identity, memoryview(pdu)[L2_HEADER_SIZE:]) if bearers[identity].accept(pdu) else None
        if bulk or (bearer_type, identity) != (self.signalling.bearer_type, self.signalling.bearer):
            self._drops.count(Drop.WRONG_BEARER, len(pdu))
        else:
            self.signalling.receive(pdu, now)
        return None

    def next_sdu(self) -> bytes | None:
        """The next signalling message, whole and in order."""
        return self.signalling.next_sdu()

    # Time and trace

    def next_deadline(self) -> int | None:
        return self.signalling.next_deadline()

    def advance(self, now: int) -> None:
        self.signalling.advance(now)

    def trace_message(self, message: Message | UnknownMessage, direction: str, size: int, now: int) -> None:
        """One line of trace for a signalling message."""
        ids = dict(self.name.ids)
        for key in ("execution", "seat", "turn", "session", "job", "transaction"):
            if isinstance(value := getattr(message, key, None), int):
                ids[key] = value
        self._trace(
            TraceEvent(
                time=now,
                node=self.name.node,
                kind="message",
                link=self.name.link,
                message=message.NAME,
                direction="out" if direction == "out" else "in",
                peer=self.name.peer,
                size=size,
                ids=ids,
            )
        )


_FIELD_NAMES = [name for name, _ in L2_HEADER.fields]
_BEARER_TYPE = _FIELD_NAMES.index("bearer_type")
_BEARER = _FIELD_NAMES.index("bearer")
