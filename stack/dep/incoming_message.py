"""One message in the making: its memory, and which of its segments have arrived."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from net4ai.stack.dep.buffers import GrowingBuffer
from net4ai.stack.dep.constants import ACK_MAP_SEGMENTS, SILENCE, SILENCE_MAXIMUM
from net4ai.stack.dep.credit import Claim
from net4ai.stack.dep.data_run import RunPart
from net4ai.stack.dep.outgoing_message import Segments
from net4ai.stack.dep.session_records import ArrivingRecords

MessageKey = tuple[bool, int]
"""Whether it is a response, and the message id."""


class IncomingMessage:
    """One message in the making."""

    __slots__ = (
        "ack_at",
        "arrived",
        "base",
        "buffer",
        "claim",
        "counted",
        "gap_seen",
        "got",
        "grant_due",
        "granted",
        "key",
        "last_arrival",
        "length",
        "records",
        "segment",
        "silences",
        "timer",
        "unacknowledged",
    )

    def __init__(
        self, key: MessageKey, length: int, segment: int, now: int, records: ArrivingRecords | None = None
    ) -> None:
        self.key = key
        self.length = length
        self.segment = segment
        self.records = records
        """Of a message in a session that seals."""
        self.counted = 0
        """Octets that were thrown away and will arrive again: their credit was given back before."""
        self.buffer = GrowingBuffer(length)
        self.got = bytearray()
        """An octet 1 for every segment that has arrived, as far as the highest one."""
        self.base = 0
        """First segment that has not arrived."""
        self.arrived = 0
        """Octets, each counted once."""
        self.claim: Claim | None = None
        self.granted = 0
        """Limit last sent in a GRANT."""
        self.grant_due = False
        self.ack_at: int | None = None
        self.unacknowledged = 0
        """Octets that arrived since the last ACK."""
        self.last_arrival = now
        self.timer = now
        """Last arrival, GRANT repeated or NACK."""
        self.silences = 0
        self.gap_seen = False
        """What was kept last found or left a gap."""

    @property
    def permitted(self) -> int:
        """Octets permitted by GRANT."""
        return self.claim.granted if self.claim is not None else 0

    @property
    def reached(self) -> int:
        """Offset behind the highest octet that has arrived."""
        return min(len(self.got) * self.segment, self.length)

    @property
    def memory(self) -> memoryview:
        """What has arrived, where it belongs."""
        return self.buffer.view

    @property
    def complete(self) -> bool:
        """All of it is here, and open."""
        return self.arrived == self.length if self.records is None else self.records.complete

    @property
    def has_gap(self) -> bool:
        return self.base < len(self.got)

    @property
    def waits_for_sender(self) -> bool:
        return self.has_gap or self.permitted > self.reached

    @property
    def silence_ends(self) -> int:
        return self.timer + min(SILENCE << min(self.silences, 16), SILENCE_MAXIMUM)

    def store(self, index: int, payload: memoryview, permitted: int) -> bool | None:
        """Keep a segment. False: it was there already. None: it was there with other octets."""
        at = index * self.segment
        if index < len(self.got) and self.got[index]:
            return False if self.buffer.view[at : at + len(payload)] == payload else None
        self.buffer.reserve(at + len(payload), permitted)
        self.buffer.view[at : at + len(payload)] = payload
        self._mark(range(index, index + 1), len(payload))
        return True

    def store_part(self, part: RunPart, indices: Segments, permitted: int) -> bool:
        """Keep many segments; False, and nothing has happened, where some were there already or are not permitted."""
        size, payloads = self.segment, part.payloads
        full = len(payloads)
        highest = int(indices[-1] if isinstance(indices, range) else indices.max())
        end = min((highest + 1) * size, self.length)
        if end > permitted or self._any_arrived(indices):
            return False
        self.buffer.reserve(end, permitted)
        octets = self.buffer.octets
        if isinstance(indices, range):
            octets[indices.start * size : (indices.start + full) * size].reshape(full, size)[...] = payloads
        else:
            rows = len(octets) // size
            octets[: rows * size].reshape(rows, size)[indices[:full]] = payloads
        arrived = full * size
        if full < len(indices):
            tail = part.run.segment(part.stop - 1).payload
            at = int(indices[-1]) * size
            self.buffer.view[at : at + len(tail)] = tail
            arrived += len(tail)
        self._mark(indices, arrived)
        return True

    def _any_arrived(self, indices: Segments) -> bool:
        if isinstance(indices, range):
            return self.got.find(1, indices.start, indices.stop) >= 0
        known = indices[indices < len(self.got)]
        return bool(np.frombuffer(self.got, np.uint8)[known].any())

    def _mark(self, indices: Segments, octets: int) -> None:
        """Segments have arrived that had not."""
        before = len(self.got)
        found_gap = self.has_gap
        if isinstance(indices, range):
            if indices.start > before:
                self.got.extend(bytes(indices.start - before))
            self.got[indices.start : indices.stop] = b"\x01" * len(indices)
            in_order = True
        else:
            highest = int(indices.max())
            if highest >= before:
                self.got.extend(bytes(highest + 1 - before))
            np.frombuffer(self.got, np.uint8)[indices] = 1
            in_order = bool((indices[1:] > indices[:-1]).all())
        if self.base < len(self.got) and self.got[self.base]:
            missing = self.got.find(0, self.base)
            self.base = missing if missing >= 0 else len(self.got)
        self.arrived += octets
        self.gap_seen = found_gap or self.has_gap or not in_order

    def has(self, start: int, end: int) -> bool:
        """Whether all of these octets have arrived, as far as the message goes."""
        stop = -(-min(end, self.length) // self.segment)
        return len(self.got) >= stop and self.got.find(0, start // self.segment, stop) < 0

    def forget(self, start: int, end: int) -> None:
        """Segments with these octets count as not arrived."""
        first, stop = start // self.segment, -(-min(end, self.length) // self.segment)
        for index in range(first, stop):
            if self.got[index]:
                self.got[index] = 0
                octets = min(self.segment, self.length - index * self.segment)
                self.arrived -= octets
                self.counted += octets
        self.base = min(self.base, first)

    def fresh(self, octets: int) -> int:
        """How many of the octets that have arrived are news to the budget."""
        again = min(octets, self.counted)
        self.counted -= again
        return octets - again

    def acknowledgement(self) -> tuple[int, bytearray]:
        """The first segment an ACK does not vouch for, and the map of what has arrived behind it.

        Sealed records are vouched for when they are open, and the last segment with the whole message only: what is in
        the map may have to be sent again.
        """
        if self.records is None:
            return self.base, self.got[self.base : self.base + ACK_MAP_SEGMENTS]
        first, last = min(self.base, self.records.confirmed // self.segment), (self.length - 1) // self.segment
        return first, self.got[first : min(first + ACK_MAP_SEGMENTS, last)]

    def acknowledge_by(self, time: int) -> None:
        """Let an ACK go out no later than `time`."""
        if self.ack_at is None or time < self.ack_at:
            self.ack_at = time

    def missing(self) -> Iterator[tuple[int, int]]:
        """Octet ranges that have not arrived before the highest one that has."""
        start = self.base
        while 0 <= start < len(self.got):
            end = self.got.find(1, start)
            end = end if end >= 0 else len(self.got)  # some may have been thrown away
            yield start * self.segment, end * self.segment
            start = self.got.find(0, end)
