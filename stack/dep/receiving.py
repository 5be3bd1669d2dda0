"""The receiving half of a session: reassembly, credit, acknowledgement and order, one `FlowReceiver` per QoS flow.

Memory follows credit: a message may hold what was permitted, never what it announces.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from net4ai.codecs.causes import Cause
from net4ai.codecs.common import FlowMapping, SessionLimits
from net4ai.codecs.dep import DepType
from net4ai.stack.dep import pdus
from net4ai.stack.dep.congestion import MarkCounter
from net4ai.stack.dep.constants import (
    ACK_DELAY,
    ACK_OCTETS,
    NACK_RANGES,
    REASSEMBLY_TIMEOUT,
    RECORD_FAILURES,
    REORDERING_DELAY,
    UNRELIABLE_LIFETIME,
)
from net4ai.stack.dep.credit import Claim, CreditBudget
from net4ai.stack.dep.data_run import COLUMNS_FROM, DataRun, Marks, RunPart, Segment
from net4ai.stack.dep.events import Event, MessageReceived
from net4ai.stack.dep.finished import FinishedMessages, Past
from net4ai.stack.dep.incoming_message import IncomingMessage, MessageKey
from net4ai.stack.dep.records import Place, RecordRefused
from net4ai.stack.dep.session_records import ArrivingRecords, SessionRecords
from net4ai.stack.drops import Drop

Control = Callable[[DepType, int, MessageKey, int, bytes], None]
"""Queues a control PDU: type, QoS flow, message, offset, body."""


class ReceiveWindow:
    """What the messages of all flows share: the budget, the number open, and what waits for the application."""

    __slots__ = ("_counted", "backlog", "budget", "flows", "limits", "owner", "records")

    def __init__(self, limits: SessionLimits, budget: CreditBudget, owner: object, records: SessionRecords) -> None:
        self.limits = limits
        self.budget = budget
        self.records = records
        self.owner = owner
        """Named by the budget when credit came free."""
        self.flows: list[FlowReceiver] = []
        self.backlog = 0
        """Whole messages the application has not taken."""
        self._counted: dict[Claim, int] = {}

    def count(self, claim: Claim, octets: int) -> None:
        """Octets have arrived under a claim. Told to the budget once for all batches, by `settle`."""
        self._counted[claim] = self._counted.get(claim, 0) + octets

    def settle(self) -> None:
        """Give the credit of what has arrived back to the budget."""
        if self._counted:
            self.budget.arrive(self._counted)
            self._counted.clear()

    def open_waiting(self, now: int) -> None:
        """A key has come."""
        for flow in self.flows:
            flow.open_waiting(now)

    def refusal(self) -> Drop | None:
        """Why no further message can be opened now."""
        if sum(len(flow.open) + len(flow.held) for flow in self.flows) >= self.limits.maximum_open:
            return Drop.TOO_MANY_MESSAGES
        return Drop.RECEIVER_BACKLOG if self.backlog >= self.limits.maximum_open else None


class FlowReceiver:
    """The messages of one QoS flow."""

    def __init__(
        self,
        mapping: FlowMapping,
        window: ReceiveWindow,
        events: deque[Event],
        control: Control,
        drop: Callable[[Drop, int, int], None],
    ) -> None:
        self.mapping = mapping
        self.window = window
        self.events = events
        self.open: dict[MessageKey, IncomingMessage] = {}
        self.held: dict[int, memoryview] = {}
        """Whole requests of an ordered flow that wait for an earlier one."""
        self._held_since = 0
        self._next_id = 1
        """The request to deliver next on an ordered flow."""
        self._finished = {False: FinishedMessages(), True: FinishedMessages()}
        self._final_acks: dict[MessageKey, int] = {}
        self._control = control
        self._drop = drop
        self._highest = 0
        """Highest packet number that has arrived."""
        self._highest_time = 0
        self._marks = MarkCounter()
        self._lifetime = REASSEMBLY_TIMEOUT if mapping.reliable else UNRELIABLE_LIFETIME

    # --- DATA ---

    def on_run(self, run: DataRun, next_request: int, now: int) -> bool:
        """DATA without extensions that came together: the same as `on_data` for each segment, and faster for many."""
        heard = False
        for part in run.parts():
            if part.count >= COLUMNS_FROM:
                key = run.marks.response, part.first.message_id
                if key not in self.open:
                    heard |= self.on_data(part.first, run.marks, next_request, now)
                    part = part.rest()
                message = self.open.get(key)
                if message is not None and self._take(message, part, now):
                    continue
            for segment in part.segments():
                heard |= self.on_data(segment, run.marks, next_request, now)
        return heard

    def _take(self, message: IncomingMessage, part: RunPart, now: int) -> bool:
        """Keep many segments of an open message that are all new; False, and nothing has happened, if they are not."""
        indices = part.indices(message.length, message.segment)
        highest = part.highest_number(self._highest)
        permitted = max(message.permitted, self.window.limits.unscheduled)
        before = message.arrived
        if indices is None or highest is None or not message.store_part(part, indices, permitted):
            return False
        if highest > self._highest:
            self._highest, self._highest_time = highest, now
        self._marks.count(part.count, part.run.marks.congested)
        message.last_arrival = message.timer = now
        message.silences = 0
        if self._stored(message, message.arrived - before, now) and part.run.marks.ack_requested:
            message.acknowledge_by(now)
        return True

    def on_data(self, data: Segment, marks: Marks, next_request: int, now: int) -> bool:
        """One DATA PDU. What is wrong is dropped and, where due, answered. Whether the peer is one we talk with.

        `next_request`: id of the request we have not sent yet; a response to it, or later ones, answers nothing.
        """
        key, offset, length, payload = (marks.response, data.message_id), data.offset, data.length, data.payload
        size = len(payload)
        segment = self.window.limits.segment_size
        if marks.response and data.message_id >= next_request:
            self._refuse(Drop.ANSWERS_NOTHING, Cause.UNEXPECTED_MESSAGE, key, size, now)
            return False
        if length > self.window.limits.maximum_message:
            self._refuse(Drop.MESSAGE_TOO_LARGE, Cause.MESSAGE_TOO_LARGE, key, size, now)
            return True
        announcement = size == 0 and length > 0
        if offset % segment or offset > length or not (announcement or size == min(segment, length - offset)):
            self._drop(Drop.WRONG_SEGMENT, size, now)
            return True
        self._note(data.number, now)
        self._marks.count(1, marks.congested)
        message = self.open.get(key)
        if message is None:
            message = self._open(key, offset, length, size, now)
            if message is None:
                return True
        elif message.length != length:
            self._drop(Drop.WRONG_LENGTH, size, now)
            return True
        if offset + size > max(message.permitted, self.window.limits.unscheduled):
            self._refuse(Drop.CREDIT_VIOLATION, Cause.CREDIT_VIOLATION, key, size, now)
            return True
        message.last_arrival = message.timer = now
        message.silences = 0
        if announcement:
            self._answer_announcement(message)
        elif not self._store(message, offset // segment, payload, now):
            return True
        if marks.ack_requested:
            message.acknowledge_by(now)
        return True

    def _note(self, number: int, now: int) -> None:
        """A packet number has arrived."""
        number = pdus.unwrap(number, self._highest)
        if number > self._highest:
            self._highest = number
            self._highest_time = now

    def _open(self, key: MessageKey, offset: int, length: int, size: int, now: int) -> IncomingMessage | None:
        """The new message, unless it is an old one or there is no place."""
        response, message_id = key
        past = self._finished[response].look_up(message_id)
        if past is Cause.NORMAL:
            self._drop(Drop.DUPLICATE, size, now)
            self._final_acks[key] = length
            return None
        if isinstance(past, Cause):
            self._refuse(Drop.FAILED_MESSAGE, past, key, size, now)
            return None
        ordered = self.mapping.ordered and not response
        if ordered and message_id in self.held:
            self._drop(Drop.DUPLICATE, size, now)
            self._final_acks[key] = length
            return None
        if past is Past.STALE or (ordered and message_id < self._next_id):
            self._refuse(Drop.STALE_MESSAGE, Cause.UNEXPECTED_MESSAGE, key, size, now)
            return None
        if ordered and message_id >= self._next_id + self.window.limits.maximum_open:
            self._drop(Drop.BEYOND_WINDOW, size, now)
            self._busy(key)
            return None
        if offset + size > self.window.limits.unscheduled:
            self._refuse(Drop.CREDIT_VIOLATION, Cause.CREDIT_VIOLATION, key, size, now)
            return None
        refusal = self.window.refusal()
        if refusal is not None:
            self._drop(refusal, size, now)
            self._busy(key)
            return None
        try:
            records = self._records(key, length)
        except RecordRefused as refused:
            self._refuse(refused.reason, Cause.UNEXPECTED_MESSAGE, key, size, now)
            return None
        message = IncomingMessage(key, length, self.window.limits.segment_size, now, records)
        self.open[key] = message
        if length > self.window.limits.unscheduled:
            self._claim(message)
        return message

    def _records(self, key: MessageKey, length: int) -> ArrivingRecords | None:
        """Of a new message, where they are sealed. Raises `RecordRefused` for one that was opened before."""
        opener = self.window.records.opener
        if opener is None:
            return None
        place = Place(self.mapping.qfi, *key)
        opener.check(place)
        return ArrivingRecords(opener, place, length)

    def _claim(self, message: IncomingMessage) -> None:
        message.claim = self.window.budget.claim(
            self.window.owner, length=message.length, segment=message.segment, arrived=message.arrived
        )

    def _answer_announcement(self, message: IncomingMessage) -> None:
        if message.claim is None:
            self._claim(message)
        if message.permitted > message.reached or (message.has_gap and message.permitted):
            message.grant_due = True
        elif message.permitted < message.length:
            self._busy(message.key)

    def _store(self, message: IncomingMessage, index: int, payload: memoryview, now: int) -> bool:
        """Keep a segment; whether the message is still open."""
        stored = message.store(index, payload, max(message.permitted, self.window.limits.unscheduled))
        if stored is None and message.records is None:
            self.abandon(message, Cause.OVERLAPPING_DATA, Drop.OVERLAPPING_DATA, now)
            return False
        if stored:
            return self._stored(message, len(payload), now)
        self._drop(Drop.DUPLICATE if stored is not None else Drop.OVERLAPPING_DATA, len(payload), now)
        if message.records is not None and message.records.wait_ends is not None:
            self._busy(message.key)  # all may be here, and the sender asks why it is not acknowledged
        else:
            message.acknowledge_by(now + REORDERING_DELAY)
        return True

    def _stored(self, message: IncomingMessage, octets: int, now: int) -> bool:
        """Octets have arrived that had not; whether the message is still open."""
        if message.records is not None and not self._open_records(message, message.records, now):
            return False
        if message.complete:
            self._complete(message, now)
            return False
        if message.claim is not None:
            self.window.count(message.claim, message.fresh(octets))
        message.unacknowledged += octets
        if message.unacknowledged >= ACK_OCTETS:
            message.acknowledge_by(now)
        else:
            message.acknowledge_by(now + (REORDERING_DELAY if message.gap_seen else ACK_DELAY))
        return True

    # --- Sealed records ---

    def _open_records(self, message: IncomingMessage, records: ArrivingRecords, now: int) -> bool:
        """Open the records that have arrived whole; what is not as it was sealed is asked for again.

        Whether the message goes on.
        """
        again: list[tuple[int, int]] = []
        permitted = max(message.permitted, self.window.limits.unscheduled)
        while (refusal := records.open(message, permitted, now)) is not None:
            if records.failures > RECORD_FAILURES or not self.mapping.reliable:
                self.abandon(message, Cause.INTEGRITY_FAILURE, refusal.reason, now)
                return False
            self._drop(refusal.reason, sum(end - start for start, end in refusal.ranges), now)
            for start, end in refusal.ranges:
                message.forget(start, end)
            again += refusal.ranges
        if again:
            self._control(DepType.NACK, self.mapping.qfi, message.key, 0, pdus.nack(again[:NACK_RANGES]))
        return True

    def open_waiting(self, now: int) -> None:
        """A key has come that records may have waited for."""
        for message in list(self.open.values()):
            if message.records is not None and message.records.wait_ends is not None:
                self._open_late(message, message.records, now)

    def _open_late(self, message: IncomingMessage, records: ArrivingRecords, now: int) -> None:
        """Nothing has arrived, but a key, or the time to wait for one is over."""
        if not self._open_records(message, records, now):
            return
        if message.complete:
            self._complete(message, now)
        else:
            message.acknowledge_by(now)

    # --- The end of a message ---

    def _complete(self, message: IncomingMessage, now: int) -> None:
        response, message_id = message.key
        body = message.memory if message.records is None else message.records.take_body()
        self._close(message)
        self._final_acks[message.key] = message.length
        if response or not self.mapping.ordered:
            self._finished[response].add(message_id, Cause.NORMAL)
            self._deliver(message.key, body)
            return
        if not self.held:
            self._held_since = now
        self.held[message_id] = body
        self._deliver_held(now)

    def _deliver_held(self, now: int) -> None:
        """On an ordered flow: deliver as far as nothing is missing; what was dropped as a whole is not waited for."""
        finished = self._finished[False]
        while True:
            if self._next_id in self.held:
                finished.add(self._next_id, Cause.NORMAL)
                self._deliver((False, self._next_id), self.held.pop(self._next_id))
            elif not isinstance(finished.look_up(self._next_id), Cause):
                return
            self._next_id += 1
            self._held_since = now

    def _deliver(self, key: MessageKey, body: memoryview) -> None:
        self.window.backlog += 1
        self.events.append(MessageReceived(self.mapping.qfi, key[1], key[0], body))

    def abandon(self, message: IncomingMessage, cause: Cause, reason: Drop, now: int) -> None:
        """Drop a message as a whole."""
        response, message_id = message.key
        self._close(message)
        self._finished[response].add(message_id, cause)
        self._refuse(reason, cause, message.key, message.arrived, now)
        if self.mapping.ordered and not response:
            self._deliver_held(now)

    def _close(self, message: IncomingMessage) -> None:
        del self.open[message.key]
        if message.claim is not None:
            message.claim.close()

    def release(self) -> None:
        """The session is over: give memory and credit back."""
        for message in list(self.open.values()):
            self._close(message)
        self.held.clear()
        self._final_acks.clear()

    # --- What goes out ---

    def collect(self, now: int) -> None:
        """Queue the ACKs and GRANTs that are due."""
        if self._final_acks or any(
            message.ack_at is not None and message.ack_at <= now for message in self.open.values()
        ):
            # All that wait, and what is whole last: a sender concludes from the ACK of one message what others miss.
            congestion = self._marks.take()
            for message in self.open.values():
                if message.ack_at is not None:
                    message.ack_at = None
                    message.unacknowledged = 0
                    first, arrived = message.acknowledgement()
                    self._acknowledge(message.key, first * message.segment, arrived, congestion, now)
            for key, length in self._final_acks.items():
                self._acknowledge(key, length, b"", congestion, now)
            self._final_acks.clear()
        for message in self.open.values():
            if message.grant_due or message.permitted > message.granted:
                if message.permitted > message.granted:
                    message.timer, message.silences = now, 0
                message.granted = message.permitted
                message.grant_due = False
                self._control(DepType.GRANT, self.mapping.qfi, message.key, 0, pdus.grant(message.granted))

    def _acknowledge(self, key: MessageKey, offset: int, arrived: bytes | bytearray, congestion: int, now: int) -> None:
        segment = self.window.limits.segment_size
        body = pdus.ack(self._highest, now - self._highest_time, segment, arrived, congestion)
        self._control(DepType.ACK, self.mapping.qfi, key, offset, body)

    def restate(self, now: int) -> None:
        """The path has changed: say again of every message what has arrived and what is permitted."""
        for message in self.open.values():
            message.acknowledge_by(now)
            message.grant_due = message.permitted > 0
            message.timer, message.silences = now, 0

    def _busy(self, key: MessageKey) -> None:
        self._control(DepType.BUSY, self.mapping.qfi, key, 0, bytes(4))

    def _error(self, cause: Cause, key: MessageKey) -> None:
        self._control(DepType.ERROR, self.mapping.qfi, key, 0, pdus.error(cause, 0))

    def _refuse(self, reason: Drop, cause: Cause, key: MessageKey, octets: int, now: int) -> None:
        self._drop(reason, octets, now)
        self._error(cause, key)

    # --- Time ---

    def next_deadline(self) -> int | None:
        deadlines = []
        for message in self.open.values():
            deadlines.append(message.last_arrival + self._lifetime)
            if message.ack_at is not None:
                deadlines.append(message.ack_at)
            if message.waits_for_sender:
                deadlines.append(message.silence_ends)
            if message.records is not None and message.records.wait_ends is not None:
                deadlines.append(message.records.wait_ends)
        if self.held:
            deadlines.append(self._held_since + self._lifetime)
        return min(deadlines, default=None)

    def advance(self, now: int) -> None:
        """Let timers run out."""
        for message in list(self.open.values()):
            if message.last_arrival + self._lifetime <= now:
                self.abandon(message, Cause.REASSEMBLY_TIMEOUT, Drop.REASSEMBLY_TIMEOUT, now)
            elif message.waits_for_sender and message.silence_ends <= now:
                self._break_silence(message, now)
            elif message.records is not None and message.records.wait_ended(now):
                self._open_late(message, message.records, now)
        if self.held and self._held_since + self._lifetime <= now:
            self._skip(now)

    def _break_silence(self, message: IncomingMessage, now: int) -> None:
        message.timer = now
        message.silences += 1
        if message.permitted > message.reached:
            message.grant_due = True
        if message.has_gap and self.mapping.reliable:
            ranges = [gap for gap, _ in zip(message.missing(), range(NACK_RANGES), strict=False)]
            self._control(DepType.NACK, self.mapping.qfi, message.key, 0, pdus.nack(ranges))

    def _skip(self, now: int) -> None:
        """An ordered flow waits for requests nothing arrives of: their sender has given them up."""
        if (False, self._next_id) in self.open:
            self._held_since = now
            return
        self._drop(Drop.MESSAGE_SKIPPED, 0, now)
        self._next_id += 1
        while self._next_id not in self.held and (False, self._next_id) not in self.open:
            self._drop(Drop.MESSAGE_SKIPPED, 0, now)
            self._next_id += 1
        self._held_since = now
        self._deliver_held(now)
