"""The sending half of a session: one `FlowSender` per QoS flow, one window over all of them.

Every transmission has a fresh packet number, so an ACK says which transmission arrived: a segment is lost once a later
one is acknowledged and it is old enough (RFC 9002 6.1). What no ACK can tell, a probe finds out (RFC 9002 6.2).
"""

from __future__ import annotations

from array import array
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from heapq import heappop, heappush

from net4ai.codecs.causes import Cause
from net4ai.codecs.common import FlowMapping, SessionLimits
from net4ai.codecs.dep import DepType
from net4ai.stack.dep import pdus
from net4ai.stack.dep.constants import (
    ACK_DELAY,
    BURST_OCTETS,
    BURST_SEGMENTS,
    BUSY_DELAY,
    MAXIMUM_PROBES,
    MESSAGE_WINDOW,
    PROBE_SEGMENTS,
    REORDERING_PACKETS,
    UNRELIABLE_LIFETIME,
)
from net4ai.stack.dep.events import Event, MessageAcknowledged, MessageFailed
from net4ai.stack.dep.pdus import SEGMENT, SEGMENT_HEADERS
from net4ai.stack.dep.round_trip import RoundTrip

UNSENT, FLIGHT, LOST, ACKNOWLEDGED = range(4)
"""States of a segment, an octet each."""


@dataclass(frozen=True, slots=True)
class Burst:
    """DATA segments of one message, `stride` octets apart; only the last may be shorter.

    Each starts with 8 zero octets where the layer-2 header goes.
    """

    data: bytearray
    stride: int
    segments: int
    qfi: int
    bearer: int


class OutgoingMessage:
    """One message on its way."""

    __slots__ = (
        "acknowledged",
        "announced",
        "base",
        "body",
        "count",
        "granted",
        "in_flight",
        "length",
        "lost",
        "message_id",
        "next",
        "numbers",
        "prefix",
        "progress",
        "qfi",
        "reported",
        "response",
        "segment",
        "serial",
        "states",
        "unscheduled",
    )

    def __init__(self, qfi: int, response: bool, message_id: int, body: bytes, segment: int, prefix: bytes) -> None:
        self.qfi = qfi
        self.response = response
        self.message_id = message_id
        self.serial = 0
        """Its number among the messages that were opened on this flow."""
        self.body = memoryview(body)
        self.length = len(body)
        self.segment = segment
        self.prefix = prefix
        """The first 8 octets of its DATA headers."""
        self.count = max(1, -(-self.length // segment))
        self.states = bytearray(self.count)
        self.numbers = array("Q", bytes(8 * self.count))
        """Packet number of each segment's last transmission."""
        self.lost: list[int] = []
        """A heap of the segments to send again; those acknowledged meanwhile are passed over."""
        self.next = 0
        """First segment never sent."""
        self.base = 0
        """First segment not acknowledged."""
        self.acknowledged = 0
        self.in_flight = 0
        self.reported = 0
        """Highest packet number an ACK of this message spoke of. ACKs of other messages say nothing of this one."""
        self.granted = 0
        self.unscheduled = 0
        """Octets it may send out of the session's unscheduled ones."""
        self.announced = False
        self.progress = 0
        """When an ACK or GRANT last moved it on, or it was first sent."""

    @property
    def done(self) -> bool:
        return self.acknowledged == self.count

    @property
    def unscheduled_in_use(self) -> int:
        return max(0, self.unscheduled - max(self.granted, self.base * self.segment))

    @property
    def permitted(self) -> int:
        """Segments that may be sent."""
        octets = max(self.granted, self.unscheduled)
        return self.count if octets >= self.length else octets // self.segment

    @property
    def blocked(self) -> bool:
        """Nothing is left to do but to wait for credit."""
        while self.lost and self.states[self.lost[0]] != LOST:
            heappop(self.lost)
        return self.permitted <= (self.lost[0] if self.lost else self.next) < self.count

    def take_segments(self, most: int) -> Sequence[int]:
        """The segments to send now: lost ones first. Ascending, so that a short last one ends the burst."""
        permitted = self.permitted
        segments: list[int] = []
        while self.lost and self.lost[0] < permitted and len(segments) < most:
            index = heappop(self.lost)
            if self.states[index] == LOST:
                segments.append(index)
        end = min(permitted, self.next + most - len(segments))
        fresh = range(self.next, max(self.next, end))
        self.next = fresh.stop
        return [*segments, *fresh] if segments else fresh

    def lose(self, index: int) -> None:
        """A segment in flight will not arrive."""
        self.states[index] = LOST
        self.in_flight -= 1
        heappush(self.lost, index)

    def lose_all(self) -> None:
        """Nothing that is in flight will arrive."""
        index = self.states.find(FLIGHT, self.base)
        while index >= 0:
            self.lose(index)
            index = self.states.find(FLIGHT, index)

    def lose_permission(self) -> None:
        """What was granted, and lent of the unscheduled octets, does not count any more."""
        self.granted = self.unscheduled = 0
        self.announced = False

    def acknowledge_before(self, index: int) -> bool:
        """All segments before `index` have arrived; whether that is news."""
        if index <= self.base:
            return False
        states = self.states[self.base : index]
        self.in_flight -= states.count(FLIGHT)
        self.acknowledged += len(states) - states.count(ACKNOWLEDGED)
        self.states[self.base : index] = bytes([ACKNOWLEDGED]) * len(states)
        self.base = index
        return True

    def acknowledge(self, first: int, arrived: bytes) -> bool:
        """Segments whose octet in `arrived` is 1, counted from `first`, have arrived; whether that is news."""
        before = self.acknowledged
        states = self.states
        at = arrived.find(1)
        while at >= 0:
            state = states[first + at]
            if state in (FLIGHT, LOST):
                states[first + at] = ACKNOWLEDGED
                self.acknowledged += 1
                self.in_flight -= state == FLIGHT
            at = arrived.find(1, at + 1)
        while self.base < self.count and states[self.base] == ACKNOWLEDGED:
            self.base += 1
        return self.acknowledged > before


class SendWindow:
    """What the messages of all flows share: unscheduled octets and the number under way."""

    __slots__ = ("flows", "limits")

    def __init__(self, limits: SessionLimits) -> None:
        self.limits = limits
        self.flows: list[FlowSender] = []

    def may_open(self) -> bool:
        return sum(flow.places for flow in self.flows) < self.limits.maximum_open

    def lend(self, message: OutgoingMessage) -> None:
        """Let a message without credit have unscheduled octets, as far as there are any."""
        most = min(message.length, self.limits.unscheduled)
        have = max(message.unscheduled, message.granted, message.base * message.segment)
        if most <= have:
            return
        used = sum(other.unscheduled_in_use for flow in self.flows for other in flow.open.values())
        end = min(most, have + self.limits.unscheduled - used)
        if end < message.length:
            end -= end % message.segment
        message.unscheduled = max(message.unscheduled, end)


class FlowSender:
    """Messages, packet numbers, losses and the timer of one QoS flow."""

    def __init__(
        self, mapping: FlowMapping, version: int, handle: int, window: SendWindow, events: deque[Event]
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
        self._next_serial = 0
        self._next_number = 1
        self._highest = 0
        """Highest packet number acknowledged."""
        self._round_trip = RoundTrip()
        self._transmissions: deque[tuple[int, int, int, OutgoingMessage, Sequence[int]]] = deque()
        """First and last packet number, time, message and segments of what was sent, oldest first."""
        self._probes = 0
        self._probe_due = False
        self._suspended = False
        self._pending: deque[Burst] = deque()
        self._timer = 0
        """When the wait for an answer began."""
        self._loss_check: int | None = None

    # --- The application's side ---

    @property
    def places(self) -> int:
        """Places of the receiver the open messages may take. Ordered ones wait there for the oldest."""
        if not self.open or not self.mapping.ordered:
            return len(self.open)
        return self._next_serial - next(iter(self.open.values())).serial

    def submit(self, body: bytes, answers: int | None) -> int:
        """Queue a message; gives its message id."""
        response = answers is not None
        message_id = answers if answers is not None else self.next_id
        self.next_id += not response
        prefix = pdus.pack_header(
            self._version, DepType.DATA, handle=self._handle, qfi=self.mapping.qfi, response=response
        )[:8]
        segment = self.window.limits.segment_size
        self.queue.append(OutgoingMessage(self.mapping.qfi, response, message_id, body, segment, prefix))
        return message_id

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
        self._pending.clear()
        self._transmissions.clear()

    def _forget(self, message: OutgoingMessage) -> None:
        self.open.pop((message.response, message.message_id), None)
        message.in_flight = 0
        message.lost.clear()
        while self._transmissions and not self._transmissions[0][3].in_flight:
            self._transmissions.popleft()

    # --- Another path ---

    def suspend(self) -> None:
        """The path has changed. Relays of the new one have granted nothing yet; timers rest until `resume`."""
        self._suspended = True
        self._pending.clear()
        self._probe_due = False
        for message in self.open.values():
            message.lose_permission()

    def resume(self, now: int) -> None:
        """Go on over the new path with what has not been acknowledged; nothing more comes of the old one."""
        self._suspended = False
        self._round_trip = RoundTrip()
        self._probes = 0
        self._timer = max(self._timer, now)
        if self.mapping.reliable:
            for message in self.open.values():
                message.lose_all()

    # --- What goes out ---

    def next_burst(self, now: int) -> Burst | None:
        """Something that may be sent now."""
        if self._probe_due:
            self._probe_due = False
            self._pending.extend(self._probe(now))
        return self._pending.popleft() if self._pending else self._next_burst(now)

    def _next_burst(self, now: int) -> Burst | None:
        most = min(BURST_SEGMENTS, BURST_OCTETS // (SEGMENT_HEADERS + self.window.limits.segment_size))
        for message in self.open.values():
            if message.blocked:
                self.window.lend(message)
            segments = message.take_segments(most)
            if segments:
                return self._burst(message, segments, now)
            if message.blocked and not message.announced:
                return self._announce(message, now)
        if not self.queue or not self._may_open():
            return None
        message = self.queue.popleft()
        message.serial = self._next_serial
        self._next_serial += 1
        message.progress = now
        self.open[message.response, message.message_id] = message
        return self._next_burst(now)

    def _may_open(self) -> bool:
        if self.open and self._next_serial - next(iter(self.open.values())).serial >= MESSAGE_WINDOW:
            return False
        return self.window.may_open()

    def _probe(self, now: int) -> Iterator[Burst]:
        """Repeat what the peer may have missed: announcements, and the oldest segments."""
        left = PROBE_SEGMENTS if self.mapping.reliable else 0
        for message in list(self.open.values()):
            if message.blocked:
                yield self._announce(message, now, ack_requested=True)
            if left and message.in_flight:
                left -= 1
                yield self._burst(message, [message.states.find(FLIGHT, message.base)], now, ack_requested=True)

    def _announce(self, message: OutgoingMessage, now: int, ack_requested: bool = False) -> Burst:
        """DATA without payload asks for credit. Its offset tells a relay that is new to the message where it stands."""
        message.announced = True
        return self._burst(message, (), now, ack_requested)

    def _burst(self, message: OutgoingMessage, segments: Sequence[int], now: int, ack_requested: bool = False) -> Burst:
        size, length, body, states = message.segment, message.length, message.body, message.states
        stride = SEGMENT_HEADERS + size
        first = number = self._next_number
        prefix = message.prefix
        if ack_requested:
            prefix = pdus.pack_header(
                self._version,
                DepType.DATA,
                handle=self._handle,
                qfi=message.qfi,
                response=message.response,
                ack_requested=True,
            )[:8]
        data = bytearray(stride * max(1, len(segments)))
        at = 8
        pack_into, numbers, message_id = SEGMENT.pack_into, message.numbers, message.message_id
        if not segments:
            pack_into(data, at, prefix, message_id, message.base * size, length, number & 0xFFFFFFFF)
            end, number = SEGMENT_HEADERS, number + 1
        for index in segments:
            offset = index * size
            payload = body[offset : offset + size]
            pack_into(data, at, prefix, message_id, offset, length, number & 0xFFFFFFFF)
            end = at + 24 + len(payload)
            data[at + 24 : end] = payload
            self.segments_repeated += states[index] != UNSENT
            if states[index] != FLIGHT:
                message.in_flight += 1
                states[index] = FLIGHT
            numbers[index] = number
            number += 1
            at += stride
        del data[end:]
        self.segments_sent += len(segments)
        self._next_number = number
        self._transmissions.append((first, number - 1, now, message, segments))
        self._timer = max(self._timer, now)
        return Burst(data, stride, max(1, len(segments)), message.qfi, self.mapping.bearer)

    # --- What comes in ---

    def on_ack(self, message: OutgoingMessage, offset: int, arrived: bytes, highest: int, delay: int, now: int) -> bool:
        """ACK for a message; False where it speaks of what was never sent. `delay` in nanoseconds."""
        before = message.count if offset == message.length else offset // message.segment
        highest = pdus.unwrap(highest, self._highest)
        whole = before == message.count
        if highest >= self._next_number or before > message.next or (offset % message.segment and not whole):
            return False
        if message.length == 0 and not message.next:
            return False
        if before + len(arrived) > message.next:
            arrived = arrived[: max(0, message.next - before)]
        self._heard(now)
        progress = message.acknowledge_before(before)
        progress = message.acknowledge(before, arrived) or progress
        if progress:
            message.progress = now
        message.reported = max(message.reported, highest)
        if highest > self._highest:
            self._highest = highest
            self._sample(highest, delay, now)
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
            last = min(message.next, -(-end // message.segment))
            index = message.states.find(FLIGHT, start // message.segment, last)
            while index >= 0:
                if message.numbers[index] < recent:
                    message.lose(index)
                index = message.states.find(FLIGHT, index + 1, last)

    def _heard(self, now: int) -> None:
        self._probes = 0
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

        A later number in an ACK of another message counts too, once this message's own ACK should have come.
        """
        self._loss_check = None
        delay = self._round_trip.loss_delay()
        while self._transmissions:
            first, last, sent, message, segments = self._transmissions[0]
            if message.in_flight:
                if last > self._highest:
                    return
                lost_at = sent + delay + (ACK_DELAY if last > message.reported else 0)
                if lost_at > now and last > message.reported - REORDERING_PACKETS:
                    self._loss_check = lost_at
                    return
            self._transmissions.popleft()
            if not message.in_flight:
                continue
            for number, index in enumerate(segments, first):
                if message.states[index] == FLIGHT and message.numbers[index] == number:
                    message.lose(index)
            if not self.mapping.reliable:
                message.lost.clear()

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
        if self._timer + self._round_trip.probe_timeout(self._probes) > now:
            return
        self._probes += 1
        self._timer = now
        if self._probes > MAXIMUM_PROBES:
            self._probes = 0
            self.fail_all(Cause.PEER_LOST)
        else:
            self._probe_due = True
