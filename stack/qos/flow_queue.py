"""DATA of one QoS flow that waits at a hop, in bursts as it came."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

import numpy as np

from net4ai.codecs.declaration import Buffer
from net4ai.codecs.dep import CongestionMark
from net4ai.codecs.l2 import L2_HEADER_SIZE
from net4ai.stack.qos.violations import FlowWatch

MARK_AT = L2_HEADER_SIZE + 2
"""Octet of a segment with the congestion mark (its two highest bits) and the QFI."""
HANDLE_AT = L2_HEADER_SIZE + 4
QFI_MASK = 0x3F


@dataclass(slots=True)
class _Waiting:
    """What is left of a burst."""

    data: memoryview
    stride: int
    since: int


@dataclass(frozen=True, slots=True)
class Cut:
    """PDUs taken from the queue, `stride` octets apart; only the last may be shorter."""

    data: memoryview
    """Writable; nobody else has it."""
    stride: int
    pdus: int
    waited: int
    """Nanoseconds."""


@dataclass(slots=True, eq=False)
class FlowQueue:
    """One flow's queue on its bearer, its turn among others, and what became of its octets."""

    bearer: int
    handle: int
    qfi: int
    watch: FlowWatch
    deficit: int = 0
    """Octets it may send before the next session's turn comes (deficit round robin)."""
    octets: int = 0
    """Waiting."""
    sent: int = 0
    """Octets so far; those below too."""
    refused: int = 0
    """For which there was no room."""
    discarded: int = 0
    """Which waited longer than the delay budget."""
    marked: int = 0
    """Congestion experienced."""
    _bursts: deque[_Waiting] = field(default_factory=deque)

    def __bool__(self) -> bool:
        return bool(self._bursts)

    def put(self, burst: Buffer, stride: int, now: int) -> None:
        """Take a copy of a burst."""
        if not self._bursts:
            self.watch.begins(now)
        self._bursts.append(_Waiting(memoryview(bytearray(burst)), stride, now))
        self.octets += len(burst)

    @property
    def next_size(self) -> int:
        """Octets of the next PDU."""
        burst = self._bursts[0]
        return min(burst.stride, len(burst.data))

    @property
    def waits_since(self) -> int:
        """When the next PDU came."""
        return self._bursts[0].since

    def take(self, pdus: int, now: int) -> Cut:
        """The next PDUs of the oldest burst, at most `pdus`."""
        burst = self._bursts[0]
        data = burst.data[: pdus * burst.stride]
        if len(data) == len(burst.data):
            self._bursts.popleft()
            if not self._bursts:
                self.watch.ends(now)
        else:
            burst.data = burst.data[len(data) :]
        self.octets -= len(data)
        return Cut(data, burst.stride, -(-len(data) // burst.stride), now - burst.since)


def mark_congestion(cut: Cut) -> int:
    """Write "congestion experienced" into PDUs that are capable of it; gives their octets."""
    marks = np.ndarray((cut.pdus,), np.uint8, cut.data, MARK_AT, (cut.stride,))
    capable = (marks >> 6 != CongestionMark.NOT_CAPABLE) & (marks >> 6 != CongestionMark.EXPERIENCED)
    np.bitwise_or(marks, CongestionMark.EXPERIENCED << 6, out=marks, where=capable)
    if capable.all():
        return len(cut.data)
    return int(sum(len(cut.data[at * cut.stride : (at + 1) * cut.stride]) for at in np.flatnonzero(capable).tolist()))
