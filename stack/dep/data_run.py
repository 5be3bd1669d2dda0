"""DATA of one QoS flow that came together: what is the same in all segments, and columns of what is not."""

from __future__ import annotations

import struct
from collections.abc import Container, Iterator
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from net4ai.codecs.dep import CongestionMark, DepType
from net4ai.codecs.l2 import L2_HEADER_SIZE
from net4ai.stack.dep.buffers import Octets
from net4ai.stack.dep.constants import PREFIXES
from net4ai.stack.dep.outgoing_message import Segments
from net4ai.stack.dep.pdus import SEGMENT_HEADERS, Header, unwrap
from net4ai.stack.dep.pdus import header as read_header

COLUMNS_FROM = 4
"""So many segments of one message are faster looked at as columns than one by one: measured at 1,400 octets."""

_FIELDS = struct.Struct(">IIII")
"""Message id, offset, message length, packet number."""
_FIELDS_AT = L2_HEADER_SIZE + 8
_IDS_AT, _OFFSETS_AT, _LENGTHS_AT, _PACKETS_AT = range(_FIELDS_AT, _FIELDS_AT + 16, 4)
_NUMBERS = 1 << 32
_MOST = 2048
"""No batch has more segments: 65,535 octets in strides of 32 and more."""


@lru_cache(maxsize=16)
def _steps(size: int) -> np.ndarray[Any, np.dtype[np.uint64]]:
    """What offset and packet number grow by from segment to segment."""
    steps = np.empty((_MOST, 2), np.uint64)
    steps[:, 0] = np.arange(_MOST, dtype=np.uint64) * size
    steps[:, 1] = np.arange(_MOST, dtype=np.uint64)
    return steps


class Marks(NamedTuple):
    """What the first 8 octets of all segments say."""

    response: bool
    ack_requested: bool
    congested: bool


def marks_of(header: Header) -> Marks:
    return Marks(bool(header.response), bool(header.ack_requested), header.congestion == CongestionMark.EXPERIENCED)


class PlainData:
    """DATA without extensions of one session, known by its first 8 octets: of few kinds, so they are kept."""

    __slots__ = ("_flows", "_known", "_version")

    def __init__(self, version: int, flows: Container[int]) -> None:
        self._version = version
        self._flows = flows
        self._known: dict[bytes, tuple[int, Marks]] = {}

    def look_up(self, pdu: memoryview) -> tuple[int, Marks] | None:
        """QoS flow and marks of a PDU behind its layer-2 header; None if it is anything else, or cut."""
        if len(pdu) < SEGMENT_HEADERS:
            return None
        prefix = bytes(pdu[L2_HEADER_SIZE : L2_HEADER_SIZE + 8])
        known = self._known.get(prefix)
        if known is None:
            header = read_header(pdu, L2_HEADER_SIZE)
            is_data = header.type == DepType.DATA and header.version == self._version
            if not is_data or header.extension_words or header.qfi not in self._flows:
                return None
            if len(self._known) >= PREFIXES:
                self._known.clear()
            known = self._known[prefix] = (header.qfi, marks_of(header))
        return known


class Segment(NamedTuple):
    """One segment of a run."""

    message_id: int
    offset: int
    length: int
    """Of the message."""
    number: int
    """Of the packet, modulo 2^32."""
    payload: memoryview


class DataRun:
    """Segments `stride` octets apart, each with its 32 octets of headers; only the last may be shorter.

    `view` holds nothing else; extensions there are none.
    """

    __slots__ = ("count", "marks", "stride", "view")

    def __init__(self, view: memoryview, stride: int, marks: Marks) -> None:
        self.view = view
        self.stride = stride
        self.marks = marks
        self.count = -(-len(view) // stride)

    def segment(self, index: int) -> Segment:
        at = index * self.stride
        message_id, offset, length, number = _FIELDS.unpack_from(self.view, at + _FIELDS_AT)
        return Segment(message_id, offset, length, number, self.view[at + SEGMENT_HEADERS : at + self.stride])

    def size(self, index: int) -> int:
        """Payload octets of a segment."""
        return min(self.stride, len(self.view) - index * self.stride) - SEGMENT_HEADERS

    def parts(self) -> Iterator[RunPart]:
        """Neighbouring segments of one message."""
        whole = RunPart(self, 0, self.count)
        if self.count < COLUMNS_FROM or whole.is_sequence:
            yield whole
            return
        ids = self.column(_IDS_AT)
        changes = (np.flatnonzero(ids[1:] != ids[:-1]) + 1).tolist()
        for start, stop in zip([0, *changes], [*changes, self.count], strict=True):
            yield RunPart(self, start, stop)

    def column(self, at: int) -> np.ndarray[Any, Any]:
        """A field of 32 bits of every segment."""
        return np.ndarray((self.count,), ">u4", self.view, at, (self.stride,))


class RunPart:
    """Segments `start` to `stop` of a run, all of the same message."""

    __slots__ = ("_sequence", "count", "first", "run", "start", "stop")

    def __init__(self, run: DataRun, start: int, stop: int, sequence: bool | None = None) -> None:
        self.run = run
        self.start = start
        self.stop = stop
        self.count = stop - start
        self.first = run.segment(start)
        self._sequence = sequence

    def segments(self) -> Iterator[Segment]:
        """One by one."""
        yield self.first
        for index in range(self.start + 1, self.stop):
            yield self.run.segment(index)

    @property
    def is_sequence(self) -> bool:
        """One length, offsets and packet numbers without a gap: as a sender sends what it has never sent before."""
        if self._sequence is None:
            self._sequence = self._is_sequence()
        return self._sequence

    def _is_sequence(self) -> bool:
        """All is proved by one comparison with what the first segment lets expect."""
        run, first, many = self.run, self.first, self.count
        size = run.stride - SEGMENT_HEADERS
        if many > _MOST or first.number + many > _NUMBERS:
            return False
        fields = np.ndarray((many, 2), ">u8", run.view, self.start * run.stride + _FIELDS_AT, (run.stride, 8))
        bases = (first.message_id << 32 | first.offset, first.length << 32 | first.number)
        return int(np.count_nonzero(fields == _steps(size)[:many] + np.array(bases, np.uint64))) == 2 * many

    def rest(self) -> RunPart:
        """All but the first segment."""
        return RunPart(self.run, self.start + 1, self.stop, self._sequence or None)

    def indices(self, length: int, size: int) -> Segments | None:
        """Which segments of a message of `length` octets, in segments of `size`, these are; None if not all fit.

        All are of full size but the last one, which may be the message's last.
        """
        whole = length // size
        last = self.run.size(self.stop - 1)
        full = self.count if last == size else self.count - 1
        if self.run.stride != SEGMENT_HEADERS + size or not last:
            return None
        if self.is_sequence:
            start, odd = divmod(self.first.offset, size)
            highest, ending = start + full - 1, start + full
            indices: Segments = range(start, start + self.count)
            fits = not odd and self.first.length == length
        else:
            indices, odds = np.divmod(self.run.column(_OFFSETS_AT)[self.start : self.stop].astype(np.int64), size)
            highest, ending = int(indices[:full].max()), int(indices[-1])
            fits = not odds.any() and bool((self.run.column(_LENGTHS_AT)[self.start : self.stop] == length).all())
            fits = fits and len(np.unique(indices)) == self.count
        if last != size:
            fits = fits and ending == whole and last == length - whole * size
        return indices if fits and highest < whole else None

    def highest_number(self, near: int) -> int | None:
        """The highest packet number, unwrapped near another; None where they are too far from it to be compared."""
        if self.is_sequence:
            number = unwrap(self.first.number + self.count - 1, near)
            return number if abs(number - near) < _NUMBERS // 4 else None
        steps = self.run.column(_PACKETS_AT)[self.start : self.stop].astype(np.int64)
        steps = (steps - near + _NUMBERS // 2) % _NUMBERS - _NUMBERS // 2
        return near + int(steps.max()) if np.abs(steps).max() < _NUMBERS // 4 else None

    @property
    def payloads(self) -> Octets:
        """The payload of every segment of full size, one a row."""
        run = self.run
        size = run.stride - SEGMENT_HEADERS
        rows = self.count if run.size(self.stop - 1) == size else self.count - 1
        return np.ndarray((rows, size), np.uint8, run.view, self.start * run.stride + SEGMENT_HEADERS, (run.stride, 1))
