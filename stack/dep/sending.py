"""The sending half of a session: one `FlowSender` per QoS flow, one window over all of them.

Every transmission has a fresh packet number, so an ACK says which transmission arrived: a segment is lost once a later
one is acknowledged and it is old enough (RFC 9002 6.1). What no ACK can tell, a probe finds out (RFC 9002 6.2).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence

from net4ai.codecs.causes import Cause
from net4ai.codecs.common import FlowMapping, SessionLimits
from net4ai.codecs.declaration import Buffer
from net4ai.codecs.dep import CongestionMark, DepType
from net4ai.stack.dep import pdus
from net4ai.stack.dep.congestion import CongestionWindow
from net4ai.stack.dep.constants import (
    ACK_DELAY,
    BURST_OCTETS,
    BUSY_DELAY,
    HELD_UP,
    MAXIMUM_PROBES,
    MESSAGE_WINDOW,
    PROBE_SEGMENTS,
    REORDERING_PACKETS,
    UNRELIABLE_LIFETIME,
)
from net4ai.stack.dep.events import Event, MessageAcknowledged, MessageFailed
from net4ai.stack.dep.outgoing_message import FLIGHT, NO_SEGMENTS, OutgoingMessage, Segments
from net4ai.stack.dep.pdus import SEGMENT_HEADERS, Acknowledgement
from net4ai.stack.dep.records import Place
from net4ai.stack.dep.round_trip import RoundTrip
from net4ai.stack.dep.session_records import SessionRecords
from net4ai.stack.dep.staging import Burst, StagingBuffer

_NUMBERS = 1 << 32


class SendWindow:
    """What the messages of all flows share: unscheduled octets and the number under way."""

    __slots__ = ("_free", "flows", "limits", "records")

    def __init__(self, limits: SessionLimits, records: SessionRecords) -> None:
        self.limits = limits
        self.records = records
        self.flows: list[FlowSender] = []
        self._free: int | None = None
        """Unscheduled octets that are not lent; None: to be counted."""

    def may_open(self) -> bool:
        return sum(flow.places for flow in self.flows) < self.limits.maximum_open

    def recount(self) -> None:
        """Octets that were lent may be free again."""
        self._free = None

    def lend(self, message: OutgoingMessage) -> None:
        """Let a message without credit have unscheduled octets, as far as there are any."""
        most = min(message.length, self.limits.unscheduled)
        have = max(message.unscheduled, message.granted, message.base * message.segment)
        if most <= have:
            return
        if self._free is None:
            used = sum(other.unscheduled_in_use for flow in self.flows for other in flow.open.values())
            self._free = self.limits.unscheduled - used
        end = min(most, have + self._free)
        if end < message.length:
            end -= end % message.segment
        if end > message.unscheduled:
            message.unscheduled = end
            message.permit()
            self._free = None


class FlowSender:
    """Messages, packet numbers, losses and the timer of one QoS flow."""

    def __init__(
        self,
        mapping: FlowMapping,
        version: int,
        handle: int,
        window: SendWindow,
        events: deque[Event],
        staging: StagingBuffer,
    ) -> None:
        self.mapping = mapping
        self.window = window
        self.events = events
        self.open: dict[tuple[bool, int], OutgoingMessage] = {}
        """Under way, by (response, message id), oldest first."""
        self.queue: deque[OutgoingMessage] = deque()
        self.next_id = 1
        self.segments_sent = 0
        self.segments_repeated = 0
        self._version = version
        self._handle = handle
        self._prefixes: dict[tuple[bool, bool], bytes] = {}
        self._next_serial = 0
        self._next_number = 1
        self._highest = 0
        """Highest packet number acknowledged."""
        self._round_trip = RoundTrip()
        self._congestion = CongestionWindow()
        self._staging = staging
        self._transmissions: deque[tuple[int, int, int, OutgoingMessage, Segments]] = deque()
        """First and last packet number, time, message and segments of what was sent, oldest first."""
        self._probes = 0
        self._probe_due = False
        self._suspended = False
        self._to_probe: deque[tuple[OutgoingMessage, Segments]] = deque()
        self._timer = 0
        """When the wait for an answer began."""
        self._held_up = False
        """The probe timer ran out late: what has come meanwhile is read first."""
        self._loss_check: int | None = None

    # --- The application's side ---

    @property
    def places(self) -> int:
        """Places of the receiver the open messages may take. Ordered ones wait there for the oldest."""
        if not self.open or not self.mapping.ordered:
            return len(self.open)
        return self._next_serial - next(iter(self.open.values())).serial

    def submit(self, parts: Sequence[Buffer], answers: int | None) -> int:
        """Queue a message; gives its message id. Raises `NotSealable`, `KeyExhausted`."""
        qfi, records, segment = self.mapping.qfi, self.window.records, self.window.limits.segment_size
        response = answers is not None
        message_id = answers if answers is not None else self.next_id
        body = records.body(Place(qfi, response, message_id), parts)
        self.next_id += not response
        prefix = self._prefix(response)
        self.queue.append(OutgoingMessage(qfi, response, message_id, body, segment, prefix, records.seals))
        return message_id

    def use_handle(self, handle: int) -> None:
        """The peer is named by another handle from now on, also in what waits."""
        self._handle = handle
        self._prefixes.clear()
        for message in (*self.open.values(), *self.queue):
            message.prefix = self._prefix(message.response)

    def _prefix(self, response: bool, ack_requested: bool = False) -> bytes:
        """The first 8 octets of DATA."""
        prefix = self._prefixes.get((response, ack_requested))
        if prefix is None:
            header = pdus.pack_header(
                self._version,
                DepType.DATA,
                handle=self._handle,
                qfi=self.mapping.qfi,
                response=response,
                ack_requested=ack_requested,
                congestion=CongestionMark.CAPABLE_0,
            )
            prefix = self._prefixes[response, ack_requested] = header[:8]
        return prefix

    def answering(self, message_id: int) -> bool:
        """Whether a response of this id is under way."""
        return (True, message_id) in self.open or any(
            message.response and message.message_id == message_id for message in self.queue
        )

    def fail(self, message: OutgoingMessage, cause: Cause) -> None:
        """Give a message up."""
        self._forget(message)
        self.events.append(MessageFailed(message.qfi, message.message_id, message.response, cause))

    def fail_all(self, cause: Cause) -> None:
        """Give everything up, oldest first."""
        for message in [*self.open.values(), *self.queue]:
            self.fail(message, cause)
        self.queue.clear()
        self._to_probe.clear()
        self._transmissions.clear()

    def _forget(self, message: OutgoingMessage) -> None:
        self.open.pop((message.response, message.message_id), None)
        message.let_go()
        self.window.recount()
        while self._transmissions and not self._transmissions[0][3].in_flight:
            self._transmissions.popleft()

    # --- Another path ---

    def suspend(self) -> None:
        """The path has changed. Relays of the new one have granted nothing yet; timers rest until `resume`."""
        self._suspended = True
        self._to_probe.clear()
        self._probe_due = False
        for message in self.open.values():
            message.lose_permission()
        self.window.recount()

    def resume(self, now: int) -> None:
        """Go on over the new path with what has not been acknowledged; nothing more comes of the old one."""
        self._suspended = False
        self._round_trip = RoundTrip()
        self._congestion = CongestionWindow()
        self._probes = 0
        self._timer = max(self._timer, now)
        if self.mapping.reliable:
            for message in self.open.values():
                message.lose_all()

    # --- What goes out ---

    def next_burst(self, now: int, limit: int = BURST_OCTETS) -> Burst | None:
        """Something that may be sent now: whole segments, but for the last one no more than `limit` octets."""
        if self._probe_due:
            self._probe_due = False
            self._to_probe.extend(self._probe())
        self._staging.begin()
        while self._to_probe and not self._staging.segments:
            message, segments = self._to_probe.popleft()
            if (message.response, message.message_id) in self.open:
                self._put(message, segments, now, ack_requested=True)
        if not self._staging.segments:
            self._fill(now, limit)
        return self._burst()

    def _burst(self) -> Burst | None:
        staging = self._staging
        if not staging.segments:
            return None
        return Burst(staging.data, staging.stride, staging.segments, self.mapping.qfi, self.mapping.bearer)

    def _fill(self, now: int, limit: int) -> None:
        """Put into the burst what may be sent: segments of one size, of one message or several, then a shorter one."""
        staging = self._staging
        shorter: OutgoingMessage | None = None
        left = self._sendable(limit)
        for message in self._messages(now):
            size = self._to_send(message)
            while size >= 0 and left and (room := min(left, staging.room(size))):
                if staging.segments and size + SEGMENT_HEADERS != staging.stride:
                    shorter = shorter or message
                    break
                left -= self._put(message, message.take(room), now)
                size = self._to_send(message)
            if not left or staging.full or size + SEGMENT_HEADERS > staging.stride > 0:
                break
        if shorter is not None and left and staging.room(shorter.to_send):
            self._put(shorter, shorter.take(1), now)

    def _sendable(self, limit: int) -> int:
        """How many segments the next burst may have: packet numbers do not wrap around within one."""
        stride = SEGMENT_HEADERS + self.window.limits.segment_size
        left = min(_NUMBERS - self._next_number % _NUMBERS, -(-limit // stride))
        if self._congestion.segments is None:
            return left
        return min(left, self._congestion.room(self._in_flight()))

    def _in_flight(self) -> int:
        return sum(message.in_flight for message in self.open.values())

    def _messages(self, now: int) -> Iterator[OutgoingMessage]:
        """Those under way, oldest first, then those there is a place for."""
        yield from list(self.open.values())
        while self.queue and self._may_open():
            message = self.queue.popleft()
            message.serial = self._next_serial
            self._next_serial += 1
            message.progress = now
            self.open[message.response, message.message_id] = message
            yield message

    def _to_send(self, message: OutgoingMessage) -> int:
        """Payload octets of its next segment; -1: there is none to send now."""
        if message.blocked:
            self.window.lend(message)
        return message.to_send

    def _may_open(self) -> bool:
        if self.open and self._next_serial - next(iter(self.open.values())).serial >= MESSAGE_WINDOW:
            return False
        return self.window.may_open()

    def _probe(self) -> Iterator[tuple[OutgoingMessage, Segments]]:
        """Repeat what the peer may have missed: announcements, and the oldest segments."""
        left = PROBE_SEGMENTS if self.mapping.reliable else 0
        for message in self.open.values():
            if message.blocked:
                yield message, NO_SEGMENTS
            if left and message.in_flight:
                left -= 1
                oldest = message.states.find(FLIGHT, message.base)
                yield message, range(oldest, oldest + 1)

    def _put(self, message: OutgoingMessage, segments: Segments, now: int, ack_requested: bool = False) -> int:
        """Append segments, or where there are none an announcement, to the burst. How many packets that are."""
        prefix = message.prefix if not ack_requested else self._prefix(message.response, ack_requested=True)
        first = self._next_number
        many = max(1, len(segments))
        if len(segments):
            self._staging.append(message, segments, prefix, first)
            self.segments_repeated += message.sent(segments, first)
            self.segments_sent += many
        else:
            message.announced = True
            self._staging.announce(message, prefix, first)
        self._next_number = first + many
        self._transmissions.append((first, first + many - 1, now, message, segments))
        self._timer = max(self._timer, now)
        return many

    # --- What comes in ---

    def on_ack(self, message: OutgoingMessage, offset: int, ack: Acknowledgement, now: int) -> bool:
        """ACK for a message; False where it speaks of what was never sent."""
        before = message.count if offset == message.length else offset // message.segment
        highest = pdus.unwrap(ack.highest, self._highest)
        whole = before == message.count
        if highest >= self._next_number or before > message.next or (offset % message.segment and not whole):
            return False
        if message.length == 0 and not message.next:
            return False
        self._heard(now)
        heeds_congestion = ack.congestion or self._congestion.segments is not None
        in_flight = self._in_flight() if heeds_congestion else 0
        news = message.acknowledge_before(before)
        news += message.acknowledge(before, ack.arrived[: max(0, message.next - before)])
        if news:
            message.progress = now
            self.window.recount()
        message.reported = max(message.reported, highest)
        message.overtaken = None
        if highest > self._highest:
            self._highest = highest
            self._sample(highest, ack.delay, now)
        if heeds_congestion:
            self._congestion.on_ack(news, ack.congestion, in_flight, highest, self._next_number, now)
        if message.done:
            self._forget(message)
            self.events.append(MessageAcknowledged(message.qfi, message.message_id, message.response))
        self._detect_losses(now)
        return True

    def on_grant(self, message: OutgoingMessage, limit: int, now: int) -> None:
        """GRANT for a message."""
        self._heard(now)
        if limit > message.granted:
            message.granted = min(limit, message.length)
            message.permit()
            self.window.recount()
            message.progress = now

    def on_busy(self, message: OutgoingMessage, now: int) -> None:
        """BUSY: the peer lives and has no credit; wait anew."""
        self._heard(now)
        message.progress = now
        self._timer = now + BUSY_DELAY

    def on_nack(self, message: OutgoingMessage, ranges: Iterable[tuple[int, int]], now: int) -> None:
        """NACK: send these octets again, unless they were within the last round trip."""
        self._heard(now)
        if not self.mapping.reliable:
            return
        recent = self._first_number_since(now - self._round_trip.smoothed)
        for start, end in ranges:
            first, last = start // message.segment, -(-end // message.segment)
            if message.sealed:
                message.take_back(first, last)
            message.lose(message.in_flight_before(first, last, recent))

    def _heard(self, now: int) -> None:
        self._probes = 0
        self._held_up = False
        self._timer = max(self._timer, now)

    def _sample(self, number: int, delay: int, now: int) -> None:
        for first, last, sent, _, _ in reversed(self._transmissions):
            if first <= number <= last:
                self._round_trip.sample(now - sent, delay)
                return

    def _first_number_since(self, time: int) -> int:
        number = self._next_number
        for first, _, sent, _, _ in reversed(self._transmissions):
            if sent <= time:
                break
            number = first
        return number

    def _detect_losses(self, now: int) -> None:
        """RFC 9002 6.1: by packet number, or by age where a later number is acknowledged.

        A later number in an ACK of another message counts too, once this message's own ACK should have come: behind the
        other, where neither end had time to look for a while.
        """
        self._loss_check = None
        delay = self._round_trip.loss_delay()
        while self._transmissions:
            first, last, sent, message, segments = self._transmissions[0]
            missing = message.in_flight_of(segments, first)
            if len(missing):
                if last > self._highest:
                    return
                lost_at = sent + delay
                if last > message.reported:
                    message.overtaken = now if message.overtaken is None else message.overtaken
                    lost_at = max(lost_at, message.overtaken) + ACK_DELAY
                if lost_at > now and last > message.reported - REORDERING_PACKETS:
                    self._loss_check = lost_at
                    return
                message.lose(missing, again=self.mapping.reliable)
            self._transmissions.popleft()

    # --- Time ---

    def _waits(self) -> bool:
        """Whether it is the peer's turn."""
        if self._suspended:
            return False
        reliable = self.mapping.reliable
        return any((reliable and message.in_flight) or message.blocked for message in self.open.values())

    def next_deadline(self) -> int | None:
        deadlines = [] if self._loss_check is None else [self._loss_check]
        if not self._probe_due and self._waits():
            deadlines.append(self._timer + self._round_trip.probe_timeout(self._probes))
        if not self.mapping.reliable:
            deadlines.extend(message.progress + UNRELIABLE_LIFETIME for message in self.open.values())
        return min(deadlines, default=None)

    def advance(self, now: int) -> None:
        """Let timers run out."""
        if self._loss_check is not None and self._loss_check <= now:
            self._detect_losses(now)
        if not self.mapping.reliable:
            for message in list(self.open.values()):
                if message.progress + UNRELIABLE_LIFETIME <= now:
                    self.fail(message, Cause.TIMEOUT)
        if self._probe_due or not self._waits():
            return
        due = self._timer + self._round_trip.probe_timeout(self._probes)
        if due > now:
            return
        if now - due >= HELD_UP and not self._held_up:
            self._held_up = True
            self._timer += now - due + HELD_UP
            return
        self._held_up = False
        self._probes += 1
        self._timer = now
        if self._probes > MAXIMUM_PROBES:
            self._probes = 0
            self.fail_all(Cause.PEER_LOST)
        else:
            self._probe_due = True
