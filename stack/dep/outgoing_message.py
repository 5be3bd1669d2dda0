"""One message on its way: which of its segments were sent, lost and acknowledged, and how far it may go.

The state of a segment is one octet, the number of its last transmission one integer, in arrays: what happens to many
segments at once is one operation on a slice, or on an array of their indices.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from net4ai.codecs.declaration import Buffer
from net4ai.stack.dep.constants import BURST_SEGMENTS

UNSENT, FLIGHT, LOST, ACKNOWLEDGED = range(4)
"""States of a segment, an octet each."""

Indices = np.ndarray[Any, np.dtype[np.int64]]
Segments = range | Indices
"""Segments of a message, ascending: neighbours, or any."""

NO_SEGMENTS = range(0)
_IN_FLIGHT = bytes([FLIGHT]) * BURST_SEGMENTS
_COUNTED = np.arange(BURST_SEGMENTS, dtype=np.int64)


def snapshot(parts: Sequence[Buffer]) -> memoryview:
    """The parts as one, in memory nobody else can change: copied once, or not at all."""
    whole = parts[0] if len(parts) == 1 else b"".join(parts)
    return memoryview(whole if isinstance(whole, bytes) else bytes(whole))


class OutgoingMessage:
    """One message. `body` is not copied here."""

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
        "lost_from",
        "message_id",
        "next",
        "numbers",
        "overtaken",
        "permitted",
        "prefix",
        "progress",
        "qfi",
        "reported",
        "response",
        "sealed",
        "segment",
        "serial",
        "states",
        "unscheduled",
        "whole",
    )

    def __init__(
        self,
        qfi: int,
        response: bool,
        message_id: int,
        body: memoryview,
        segment: int,
        prefix: bytes,
        sealed: bool = False,
    ) -> None:
        self.qfi = qfi
        self.sealed = sealed
        """What an ACK's map has may be asked for again."""
        self.response = response
        self.message_id = message_id
        self.serial = 0
        """Its number among the messages that were opened on this flow."""
        self.body = body
        self.length = len(body)
        self.segment = segment
        self.prefix = prefix
        """The first 8 octets of its DATA headers."""
        self.whole = self.length // segment
        """Segments of full size; the last one may be shorter."""
        self.count = max(1, -(-self.length // segment))
        self.states = bytearray(self.count)
        self.numbers = np.empty(self.count, np.int64)
        """Packet number of each segment's last transmission; of those never sent it means nothing."""
        self.next = 0
        """First segment never sent."""
        self.base = 0
        """First segment not acknowledged."""
        self.acknowledged = 0
        self.in_flight = 0
        self.lost = 0
        """Segments to send again."""
        self.lost_from = 0
        """No segment before this one is to be sent again."""
        self.reported = 0
        """Highest packet number an ACK of this message spoke of. ACKs of other messages say nothing of this one."""
        self.overtaken: int | None = None
        """When ACKs of other messages began to speak of packets behind some of this one; None: since its own ACK, none
        has."""
        self.granted = 0
        self.unscheduled = 0
        """Octets it may send out of the session's unscheduled ones."""
        self.permitted = 0
        """Segments that may be sent."""
        self.permit()
        self.announced = False
        self.progress = 0
        """When an ACK or GRANT last moved it on, or it was first sent."""

    @property
    def done(self) -> bool:
        return self.acknowledged == self.count

    @property
    def unscheduled_in_use(self) -> int:
        return max(0, self.unscheduled - max(self.granted, self.base * self.segment))

    def permit(self) -> None:
        """Count what may be sent, after `granted` or `unscheduled` has changed."""
        octets = max(self.granted, self.unscheduled)
        self.permitted = self.count if octets >= self.length else octets // self.segment

    def lose_permission(self) -> None:
        """What was granted, and lent of the unscheduled octets, does not count any more."""
        self.granted = self.unscheduled = 0
        self.announced = False
        self.permit()

    # --- What is to be sent ---

    @property
    def first(self) -> int:
        """The segment to send next, lost ones first; `count` where everything was sent."""
        if self.lost:
            self.lost_from = self.states.find(LOST, self.lost_from)
            return self.lost_from
        return self.next

    @property
    def blocked(self) -> bool:
        """Nothing is left to do but to wait for credit."""
        return self.permitted <= self.first < self.count

    @property
    def to_send(self) -> int:
        """Payload octets of the next segment, 0 for an announcement that is due; -1: there is nothing to send now."""
        first = self.first
        if first < self.permitted:
            return self.segment if first < self.whole else self.length - first * self.segment
        return 0 if first < self.count and not self.announced else -1

    def take(self, most: int) -> Segments:
        """At most `most` segments of equal size to send now, lost ones first; a shorter last one comes alone."""
        first = self.first
        if first >= self.permitted:
            return NO_SEGMENTS
        if first >= self.whole:
            segments: Segments = range(first, first + 1)
        elif self.lost:
            segments = self._take_lost(first, min(self.whole, self.permitted), most)
        else:
            segments = range(first, min(self.whole, self.permitted, first + most))
        if not self.lost:
            self.next = first + len(segments)
        return segments

    def _take_lost(self, first: int, end: int, most: int) -> Segments:
        states = np.frombuffer(self.states, np.uint8, end - first, first)
        lost = np.flatnonzero(states == LOST)[:most] + first
        last = int(lost[-1])
        return range(first, last + 1) if last - first == len(lost) - 1 else lost

    def sent(self, segments: Segments, number: int) -> int:
        """Segments of one state go out with packet numbers from `number` on. How many of them went out before."""
        if not len(segments):
            return 0
        state = self.states[segments[0]]
        if isinstance(segments, range):
            self.states[segments.start : segments.stop] = _IN_FLIGHT[: len(segments)]
            if len(segments) == 1:
                self.numbers[segments.start] = number
            else:
                self.numbers[segments.start : segments.stop] = _COUNTED[: len(segments)] + number
        else:
            self._flags()[segments] = FLIGHT
            self.numbers[segments] = _COUNTED[: len(segments)] + number
        if state != FLIGHT:
            self.in_flight += len(segments)
        if state == LOST:
            self.lost -= len(segments)
        return len(segments) if state != UNSENT else 0

    # --- What becomes of it ---

    def in_flight_of(self, segments: Segments, number: int) -> Indices:
        """Those of the segments that are in flight and were last sent in the transmission that began with `number`."""
        if not self.in_flight:
            return _COUNTED[:0]
        if isinstance(segments, range):
            if self.states.find(FLIGHT, segments.start, segments.stop) < 0:
                return _COUNTED[:0]
            chosen = slice(segments.start, segments.stop)
            indices: Indices = np.arange(segments.start, segments.stop)
            flags, numbers = self._flags()[chosen], self.numbers[chosen]
        else:
            indices, flags, numbers = segments, self._flags()[segments], self.numbers[segments]
        found: Indices = indices[(flags == FLIGHT) & (numbers == _COUNTED[: len(segments)] + number)]
        return found

    def in_flight_before(self, start: int, end: int, number: int) -> Indices:
        """Segments `start` to `end` that are in flight and were sent before packet `number`."""
        end = min(end, self.next)
        if start >= end:
            return _COUNTED[:0]
        old = (self._flags()[start:end] == FLIGHT) & (self.numbers[start:end] < number)
        return np.flatnonzero(old) + start

    def take_back(self, start: int, end: int) -> None:
        """Segments `start` to `end` are in flight again where they were acknowledged."""
        flags = self._flags()[start:end]
        back = np.flatnonzero(flags == ACKNOWLEDGED)
        if len(back):
            flags[back] = FLIGHT
            self.acknowledged -= len(back)
            self.in_flight += len(back)
            self.base = min(self.base, start + int(back[0]))

    def lose(self, segments: Indices, again: bool = True) -> None:
        """Segments in flight will not arrive. `again`: they are to be sent once more."""
        if not len(segments):
            return
        self._flags()[segments] = LOST
        self.in_flight -= len(segments)
        if again:
            first = int(segments[0])
            self.lost_from = min(first, self.lost_from) if self.lost else first
            self.lost += len(segments)

    def lose_all(self) -> None:
        """Nothing that is in flight will arrive."""
        self.lose(np.flatnonzero(self._flags() == FLIGHT))

    def let_go(self) -> None:
        """It has come to its end: hold no memory for it."""
        self.in_flight = self.lost = 0
        self.body = memoryview(b"")

    def acknowledge_before(self, index: int) -> int:
        """All segments before `index` have arrived. How many of them is news."""
        if index <= self.base:
            return 0
        states = self.states[self.base : index]
        self.in_flight -= states.count(FLIGHT)
        if self.lost:
            self.lost -= states.count(LOST)
        news = len(states) - states.count(ACKNOWLEDGED)
        self.acknowledged += news
        self.states[self.base : index] = bytes([ACKNOWLEDGED]) * len(states)
        self.base = index
        return news

    def acknowledge(self, first: int, arrived: np.ndarray[Any, np.dtype[np.uint8]]) -> int:
        """Segments whose element in `arrived` is 1, counted from `first`, have arrived. How many of them is news."""
        if not len(arrived):
            return 0
        flags = self._flags()[first : first + len(arrived)]
        in_flight, lost = (arrived == 1) & (flags == FLIGHT), (arrived == 1) & (flags == LOST)
        landed, found = int(np.count_nonzero(in_flight)), int(np.count_nonzero(lost))
        if landed or found:
            flags[in_flight | lost] = ACKNOWLEDGED
            self.acknowledged += landed + found
            self.in_flight -= landed
            if self.lost:
                self.lost -= found
            if self.states[self.base] == ACKNOWLEDGED:
                missing = np.flatnonzero(self._flags()[self.base : self.next] != ACKNOWLEDGED)
                self.base += int(missing[0]) if len(missing) else self.next - self.base
        return landed + found

    def _flags(self) -> np.ndarray[Any, np.dtype[np.uint8]]:
        """The states as an array: the same memory."""
        return np.frombuffer(self.states, np.uint8)
