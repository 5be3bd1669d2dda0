"""Where bursts are built: one buffer for all sessions of a process, since every burst is sent before the next is built.

The segments of a burst lie a fixed number of octets apart, so what one field of them is lies so, too: a strided array
of numpy, a *column*. Many segments are written by one assignment for each column, few of them one by one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from net4ai.codecs.l2 import L2_HEADER_SIZE
from net4ai.stack.dep.constants import BURST_OCTETS, BURST_SEGMENTS
from net4ai.stack.dep.outgoing_message import OutgoingMessage, Segments
from net4ai.stack.dep.pdus import SEGMENT, SEGMENT_HEADERS

COLUMNS_FROM = 7
"""So many segments are faster written as columns than one by one: measured at 1,400 octets."""
LAYOUTS = 16
"""Strides whose columns are kept."""

_NUMBERS = 1 << 32
_STEPS = np.arange(BURST_SEGMENTS, dtype=np.uint64)


@dataclass(frozen=True, slots=True)
class Burst:
    """DATA segments of one QoS flow, `stride` octets apart; only the last may be shorter.

    Each starts with 8 octets for the layer-2 header, which have no meaning yet. `data` is good until the next burst is
    asked for: who keeps it copies it.
    """

    data: memoryview
    stride: int
    segments: int
    qfi: int
    bearer: int


class _Columns:
    """The fields of all segments a burst may have with one stride."""

    __slots__ = ("numbers", "payloads", "places", "prefixes")

    def __init__(self, memory: memoryview, stride: int) -> None:
        rows = min(BURST_SEGMENTS, BURST_OCTETS // stride)

        def column(at: int) -> np.ndarray[Any, Any]:
            return np.ndarray((rows,), ">u8", memory, L2_HEADER_SIZE + at, (stride,))

        self.prefixes = column(0)
        self.places = column(8)
        """Message id and offset."""
        self.numbers = column(16)
        """Message length and packet number."""
        size = stride - SEGMENT_HEADERS
        self.payloads = np.ndarray((rows, size), np.uint8, memory, SEGMENT_HEADERS, (stride, 1))


class StagingBuffer:
    """Memory of one burst, and the burst in the making: `stride`, `segments` and `octets` of it."""

    __slots__ = ("_layouts", "_memory", "octets", "segments", "stride")

    def __init__(self) -> None:
        self._memory = memoryview(b"")
        self._layouts: dict[int, _Columns] = {}
        self.stride = 0
        self.segments = 0
        self.octets = 0

    def begin(self) -> None:
        """Begin a burst; the last one is gone."""
        if not self._memory:
            self._memory = memoryview(bytearray(BURST_OCTETS))
        self.stride = self.segments = self.octets = 0

    @property
    def data(self) -> memoryview:
        """The burst."""
        return self._memory[: self.octets]

    @property
    def full(self) -> bool:
        """No further segment of this size can follow."""
        return self.segments > 0 and self.room(self.stride - SEGMENT_HEADERS) == 0

    def room(self, size: int) -> int:
        """How many segments with `size` octets of payload there is room for. All but the last must be of one size."""
        stride = SEGMENT_HEADERS + size
        if not self.segments:
            return min(BURST_SEGMENTS, BURST_OCTETS // stride)
        if stride > self.stride or self.octets != self.segments * self.stride:
            return 0
        room = min(BURST_SEGMENTS - self.segments, (BURST_OCTETS - self.octets) // stride)
        return room if stride == self.stride else min(1, room)

    def announce(self, message: OutgoingMessage, prefix: bytes, number: int) -> None:
        """Append DATA without payload. Its offset tells a relay that is new to the message where it stands."""
        self._append(message, prefix, message.base * message.segment, 0, number)

    def append(self, message: OutgoingMessage, segments: Segments, prefix: bytes, number: int) -> None:
        """Append segments of a message with packet numbers from `number` on. There must be room for them."""
        if len(segments) < COLUMNS_FROM:
            for index in segments:
                at = index * message.segment
                self._append(message, prefix, at, min(message.segment, message.length - at), number)
                number += 1
        else:
            self._append_columns(message, segments, prefix, number % _NUMBERS)

    def _append(self, message: OutgoingMessage, prefix: bytes, offset: int, size: int, number: int) -> None:
        at, end = self.octets, self.octets + SEGMENT_HEADERS + size
        SEGMENT.pack_into(
            self._memory, at + L2_HEADER_SIZE, prefix, message.message_id, offset, message.length, number % _NUMBERS
        )
        if size:
            self._memory[at + SEGMENT_HEADERS : end] = message.body[offset : offset + size]
        if not self.segments:
            self.stride = end - at
        self.segments += 1
        self.octets = end

    def _append_columns(self, message: OutgoingMessage, segments: Segments, prefix: bytes, number: int) -> None:
        """Segments of full size. The packet numbers do not wrap around among them."""
        size, many = message.segment, len(segments)
        self.stride = SEGMENT_HEADERS + size
        columns = self._columns(self.stride)
        rows = slice(self.segments, self.segments + many)
        columns.prefixes[rows] = int.from_bytes(prefix, "big")
        columns.numbers[rows] = _STEPS[:many] + (message.length << 32 | number)
        place = message.message_id << 32
        if isinstance(segments, range):
            first = segments.start * size
            columns.places[rows] = _STEPS[:many] * size + (place | first)
            columns.payloads[rows] = np.ndarray((many, size), np.uint8, message.body, first)
        else:
            columns.places[rows] = segments.astype(np.uint64) * size + place
            columns.payloads[rows] = np.ndarray((message.whole, size), np.uint8, message.body)[segments]
        self.segments += many
        self.octets += many * self.stride

    def _columns(self, stride: int) -> _Columns:
        columns = self._layouts.get(stride)
        if columns is None:
            if len(self._layouts) >= LAYOUTS:
                self._layouts.clear()
            columns = self._layouts[stride] = _Columns(self._memory, stride)
        return columns
