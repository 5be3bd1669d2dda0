"""One end of a hop: the Uu between UE and RAN node, T4 or T8.

A hop has an acknowledged signalling bearer (SRB1, or bearer 0 of a fixed link) and bearers that carry DEP (computing
radio bearers, or bearer 1 of a fixed link). Signalling, and whatever of DEP is not DATA, goes through the signalling
socket, DATA through the bulk socket, so liveness never waits behind bulk. COUNT runs per bearer and socket.

Where the hop has a rate, or anything on it a ceiling, DATA waits in the hop's scheduler and goes out with `pump`; COUNT
is given then. Everywhere else it goes to the socket at once.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal, NamedTuple

from net4ai.codecs.common import BearerConfiguration, BearerMode, QosProfile
from net4ai.codecs.declaration import Buffer, Message, UnknownMessage
from net4ai.codecs.l2 import L2_HEADER_SIZE, BearerType
from net4ai.stack.acknowledged_bearer import AcknowledgedBearer, BearerQueueFull
from net4ai.stack.computing_bearer import AcknowledgedComputingBearer, ComputingBearer
from net4ai.stack.drops import Drop, DropCounter
from net4ai.stack.l2_header import l2_fields
from net4ai.stack.qos.bearer_scheduler import UNLIMITED, BearerScheduler
from net4ai.stack.qos.figures import QOS_VIOLATED
from net4ai.stack.qos.violations import Violation
from net4ai.stack.runs import drop_all, segments
from net4ai.stack.trace import Trace, TraceEvent, numbers_in

Address = tuple[str, int]
Direction = Literal["in", "out"]
Send = Callable[[Buffer, int, Address], None]
"""Send datagrams: data, stride of the datagrams in it, destination."""
Receive = Callable[[Buffer, int, Address, bool, int], None]
"""Take datagrams: data, stride, source, whether they came by the bulk socket, and now.

The data is there until it returns; until then it may be written to.
"""

SIGNALLING_BEARER = {BearerType.SRB: 1, BearerType.FIXED_LINK: 0}
"""Identity of the acknowledged signalling bearer, by type."""
FIXED_LINK_DEP_BEARER = 1

_TRACED_NUMBERS = ("execution", "seat", "turn", "session", "job", "transaction")

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


class DepRun(NamedTuple):
    """DEP PDUs that came over one bearer, `stride` octets apart, each behind the 8 octets of its layer-2 header."""

    bearer: int
    data: memoryview
    stride: int


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
        self._bearer_type = bearer_type
        self._dep_type = BearerType.CRB if bearer_type is BearerType.SRB else BearerType.FIXED_LINK
        self.signalling = self._signalling_bearer()
        self.on_queued: Callable[[], None] = lambda: None
        """Called when something other than signalling waits for `pump`."""
        self.on_protected: Callable[[Message | UnknownMessage, Direction], None] | None = None
        """Called with every signalling message, while the bearer protects them: see the key log."""
        self._backlog: list[bytes] = []
        self._configurations: dict[int, BearerConfiguration] = {}
        self._control: dict[int, _DepBearer] = {}
        self._bulk: dict[int, _DepBearer] = {}
        self._acknowledged: list[tuple[AcknowledgedComputingBearer, bool]] = []
        """Computing radio bearers in acknowledged mode, and whether they are on the bulk socket."""
        self._failed: set[int] = set()
        """Bearers whose failure the owner knows."""
        self.scheduler: BearerScheduler | None = None
        """Where DATA waits; None: nothing was ever limited here."""
        self._room_wanted: dict[Hashable, Callable[[], None]] = {}
        """Who is to be called when DATA has gone out."""
        self._now = 0
        if bearer_type is BearerType.FIXED_LINK:
            self._add_bearer(FIXED_LINK_DEP_BEARER, BearerMode.UNACKNOWLEDGED)

    # Bearers

    def _signalling_bearer(self) -> AcknowledgedBearer:
        return AcknowledgedBearer(
            bearer_type=self._bearer_type,
            bearer=SIGNALLING_BEARER[self._bearer_type],
            c_rnti=self.identity,
            drops=self._drops,
        )

    def fresh_signalling_bearer(self) -> AcknowledgedBearer:
        """A bearer to begin anew with, not used yet: COUNT 0, no security, nothing under way (TS 38.331 5.3.7)."""
        bearer = self._signalling_bearer()
        bearer.takes_unverified = self.signalling.takes_unverified
        return bearer

    def renew_signalling(self, bearer: AcknowledgedBearer) -> list[bytes]:
        """Go on with a fresh signalling bearer; bearers for DEP stay as they are.

        Gives what the peer has not acknowledged, oldest first: it may have got it all the same.
        """
        before, self.signalling = self.signalling, bearer
        waiting = [*before.unacknowledged, *self._backlog]
        self._backlog.clear()
        return waiting

    @property
    def unacknowledged(self) -> list[bytes]:
        """Signalling the peer has perhaps not got, oldest first."""
        return [*self.signalling.unacknowledged, *self._backlog]

    def rebind(self, signalling_address: Address, bulk_address: Address) -> None:
        """The peer is at other addresses now: re-establishment may come from elsewhere."""
        self.signalling_address = signalling_address
        self.bulk_address = bulk_address

    def add_bearer(self, configuration: BearerConfiguration) -> None:
        """Configure a computing radio bearer, or give one that is there other quality of service.

        COUNT, and what is under way, go on. To change its mode a bearer is removed and added again: ValueError.
        """
        bearer, before = configuration.bearer, self._configurations.get(configuration.bearer)
        if before is None:
            self._add_bearer(bearer, BearerMode(configuration.mode))
        elif before.mode != configuration.mode:
            raise ValueError(f"bearer {bearer}: mode {configuration.mode}; allowed: {before.mode}, as it was added")
        self._configurations[bearer] = configuration
        if self.scheduler is not None or configuration.qos.maximum_bit_rate:
            self._scheduled().configure(bearer, configuration.qos, self._now)

    def _add_bearer(self, bearer: int, mode: BearerMode) -> None:
        kind = _BEARERS[mode]
        for bearers in (self._control, self._bulk):
            bearers[bearer] = kind(bearer_type=self._dep_type, bearer=bearer, c_rnti=self.identity, drops=self._drops)
        self._find_acknowledged()

    def remove_bearer(self, bearer: int) -> None:
        """Forget a computing radio bearer and all that is under way on it."""
        for bearers in (self._configurations, self._control, self._bulk):
            bearers.pop(bearer, None)
        self._failed.discard(bearer)
        self._find_acknowledged()
        if self.scheduler is not None:
            self.scheduler.remove(bearer)

    def _find_acknowledged(self) -> None:
        self._acknowledged = [
            (bearer, bulk)
            for bearers, bulk in ((self._control, False), (self._bulk, True))
            for bearer in bearers.values()
            if isinstance(bearer, AcknowledgedComputingBearer)
        ]

    @property
    def bearers(self) -> Mapping[int, BearerConfiguration]:
        """The computing radio bearers by identity."""
        return MappingProxyType(self._configurations)

    def has_failed(self, bearer: int) -> bool:
        """Whether a computing radio bearer's peer did not answer after all repetitions, on either socket."""
        return any(
            isinstance(found := bearers.get(bearer), AcknowledgedComputingBearer) and found.failed
            for bearers in (self._control, self._bulk)
        )

    def take_failed_bearers(self) -> list[int]:
        """Computing radio bearers that have failed since the last call. They carry nothing until they are made anew."""
        if not self._acknowledged:
            return []
        failed = [bearer for bearer in self._configurations if bearer not in self._failed and self.has_failed(bearer)]
        self._failed.update(failed)
        return failed

    # Quality of service

    def set_rate(self, bits_per_second: int | None, now: int | None = None) -> None:
        """What the radio gives in the sending direction; None: as much as the socket takes. Without `now`: since the
        last `pump`."""
        if bits_per_second is not None or self.scheduler is not None:
            self._scheduled().set_rate(bits_per_second, self._now if now is None else now)
            self.on_queued()

    def set_ue_ceiling(self, bits_per_second: int, now: int) -> None:
        """UE AMBR; 0: none."""
        if bits_per_second or self.scheduler is not None:
            self._scheduled().set_ue_ceiling(bits_per_second, now)

    def set_session_ceiling(self, session: int, handle: int, bits_per_second: int, now: int) -> None:
        """Session AMBR of a session, whose PDUs carry `handle` from now on; 0: none."""
        if bits_per_second or self.scheduler is not None:
            self._scheduled().set_session_ceiling(session, handle, bits_per_second, now)

    def _scheduled(self) -> BearerScheduler:
        """The scheduler, from now on needed."""
        if self.scheduler is None:
            self.scheduler = BearerScheduler(self._drops)
            if self._bearer_type is BearerType.FIXED_LINK:
                self.scheduler.configure(FIXED_LINK_DEP_BEARER, _FIXED_LINK_QOS, self._now)
            for bearer, configuration in self._configurations.items():
                self.scheduler.configure(bearer, configuration.qos, self._now)
        return self.scheduler

    @property
    def shapes(self) -> bool:
        """Whether DATA waits for its turn here."""
        return self.scheduler is not None and self.scheduler.shapes

    @property
    def waiting(self) -> int:
        """Octets of DATA that wait."""
        return 0 if self.scheduler is None else self.scheduler.octets

    def room(self, bearer: int, handle: int) -> int:
        """Octets of DATA that a session should hand over now on a bearer; see `BearerScheduler.room`."""
        return UNLIMITED if self.scheduler is None else self.scheduler.room(bearer, handle)

    def when_sent(self, who: Hashable, call: Callable[[], None]) -> None:
        """`call` once, as soon as DATA has gone out: then there may be room."""
        self._room_wanted[who] = call

    def _send_scheduled(self, scheduler: BearerScheduler, now: int) -> None:
        sent = False
        for bearer, cut in scheduler.take(now):
            self._transmit(bearer, cut.data, cut.stride, now)
            sent = True
        for violation in scheduler.violations:
            self._trace_violation(violation, now)
        scheduler.violations.clear()
        if self._room_wanted and (sent or not scheduler.octets):
            wanted, self._room_wanted = self._room_wanted, {}
            for call in wanted.values():
                call()

    # Sending

    def send(self, message: Message | UnknownMessage, now: int) -> None:
        """Queue a signalling message. Goes out with the next `pump`. Raises `BearerFailed`, `EncodeError`."""
        sdu = message.encode()
        if len(self._backlog) >= MAXIMUM_BACKLOG:
            self._drops.count(Drop.SEND_QUEUE_FULL, len(sdu))
            return
        if (self._backlog and not self.signalling.failed) or not self._queue(sdu, now):
            self._backlog.append(sdu)
        self.trace_message(message, "out", len(sdu), now)

    def _queue(self, sdu: bytes, now: int) -> bool:
        try:
            self.signalling.send(sdu, now)
        except BearerQueueFull:
            return False
        return True

    def send_dep(self, bearer: int, pdu: bytearray | memoryview, now: int) -> None:
        """Send one DEP PDU that is not DATA; its first 8 octets are left for the layer-2 header.

        Dropped where the bearer was removed meanwhile, as by `send_burst`.
        """
        found = self._control.get(bearer)
        if self.scheduler is not None:
            self.scheduler.charge(len(pdu), now)
        if isinstance(found, ComputingBearer):
            found.stamp_one(pdu)
            self._sockets.send_signalling(pdu, len(pdu), self.signalling_address)
        else:
            self._queue_dep(found, pdu, len(pdu), now)

    def send_burst(self, bearer: int, burst: bytearray | memoryview, stride: int, now: int) -> None:
        """Send DATA segments; the first 8 octets of each are left for the layer-2 header."""
        if self.scheduler is None or not self.scheduler.shapes:
            self._transmit(bearer, burst, stride, now)
        else:
            self._now = now
            self.scheduler.queue(bearer, burst, stride, now)
            self.on_queued()

    def _transmit(self, bearer: int, burst: bytearray | memoryview, stride: int, now: int) -> None:
        found = self._bulk.get(bearer)
        if isinstance(found, ComputingBearer):
            found.stamp(burst, stride)
            self._sockets.send_bulk(burst, stride, self.bulk_address)
        else:
            self._queue_dep(found, burst, stride, now)

    def _queue_dep(
        self, bearer: AcknowledgedComputingBearer | None, burst: bytearray | memoryview, stride: int, now: int
    ) -> None:
        if bearer is None:
            self._drops.count(Drop.WRONG_BEARER, len(burst))
            return
        bearer.send_burst(burst, stride, now)
        self.on_queued()

    def pump(self, now: int) -> None:
        """Send what the acknowledged bearers have ready, and the DATA whose turn it is."""
        self._now = now
        while self._backlog and not self.signalling.failed and self._queue(self._backlog[0], now):
            self._backlog.pop(0)
        for datagram in self.signalling.datagrams_to_send(now):
            if self.scheduler is not None:
                self.scheduler.charge(len(datagram), now)
            self._sockets.send_signalling(datagram, len(datagram), self.signalling_address)
        if self.scheduler is not None:
            self._send_scheduled(self.scheduler, now)
        for bearer, bulk in self._acknowledged:
            send = self._sockets.send_bulk if bulk else self._sockets.send_signalling
            address = self.bulk_address if bulk else self.signalling_address
            for datagram in bearer.datagrams_to_send(now):
                send(datagram, len(datagram), address)

    # Receiving

    def receive(self, run: Buffer, stride: int, bulk: bool, now: int) -> Sequence[DepRun]:
        """Layer-2 PDUs of this hop have come, of one bearer: a run (see `net4ai.stack.runs`) by `HOP`.

        Gives all that can be delivered now. Signalling is handed to the acknowledged bearer; take it with `next_sdu`.
        What belongs to no bearer configured for this socket is dropped.
        """
        fields = l2_fields(run)
        bearer_type, identity = fields.bearer_type, fields.bearer
        bearers = self._bulk if bulk else self._control
        if bearer_type == self._dep_type and identity in bearers:
            bearer = bearers[identity]
            if isinstance(bearer, ComputingBearer):
                return (DepRun(identity, memoryview(run), stride),) if bearer.accept_run(run, stride) else ()
            return self._receive_acknowledged(bearer, run, stride, now)
        if bulk or (bearer_type, identity) != (self.signalling.bearer_type, self.signalling.bearer):
            drop_all(self._drops, Drop.WRONG_BEARER, len(run), stride)
        else:
            for pdu in segments(run, stride):
                self.signalling.receive(pdu, now)
        return ()

    def _receive_acknowledged(
        self, bearer: AcknowledgedComputingBearer, run: Buffer, stride: int, now: int
    ) -> Sequence[DepRun]:
        for pdu in segments(run, stride):
            bearer.receive(pdu, now)
        whole = [memoryview(bytearray(L2_HEADER_SIZE) + sdu) for sdu in iter(bearer.next_sdu, None)]
        return [DepRun(bearer.bearer, pdu, len(pdu)) for pdu in whole]

    def next_sdu(self) -> bytes | None:
        """The next signalling message, whole and in order."""
        return self.signalling.next_sdu()

    # Time and trace

    def next_deadline(self) -> int | None:
        if not self._acknowledged and self.scheduler is None:
            return self.signalling.next_deadline()
        deadlines = [self.signalling.next_deadline(), *(bearer.next_deadline() for bearer, _ in self._acknowledged)]
        if self.scheduler is not None:
            deadlines.append(self.scheduler.next_deadline())
        return min((deadline for deadline in deadlines if deadline is not None), default=None)

    def advance(self, now: int) -> None:
        self.signalling.advance(now)
        for bearer, _ in self._acknowledged:
            bearer.advance(now)

    def trace_message(self, message: Message | UnknownMessage, direction: str, size: int, now: int) -> None:
        """One line of trace for a signalling message."""
        if self.on_protected is not None and self.signalling.protects:
            self.on_protected(message, "out" if direction == "out" else "in")
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
                ids=self.name.ids | numbers_in(message, _TRACED_NUMBERS),
            )
        )

    def _trace_violation(self, violation: Violation, now: int) -> None:
        """One line of trace for a promise that was not kept."""
        ids: dict[str, int | str] = {"what": violation.kind, "bearer": violation.bearer, "qfi": violation.qfi}
        ids |= {"promised": violation.promised, "measured": violation.measured, "pdus": violation.pdus}
        self._trace(
            TraceEvent(
                time=now,
                node=self.name.node,
                kind="state",
                link=self.name.link,
                message=QOS_VIOLATED,
                peer=self.name.peer,
                ids=self.name.ids | ids,
            )
        )


_FIXED_LINK_QOS = QosProfile(five_qi=9, priority=90)
"""All DEP of a fixed link is on one bearer: best effort."""

_DepBearer = ComputingBearer | AcknowledgedComputingBearer
_BEARERS: dict[BearerMode, type[_DepBearer]] = {
    BearerMode.UNACKNOWLEDGED: ComputingBearer,
    BearerMode.ACKNOWLEDGED: AcknowledgedComputingBearer,
}
