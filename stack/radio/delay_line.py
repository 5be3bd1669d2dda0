"""Datagrams under way on emulated radios: held until they are due. One for all UEs of a process."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from typing import TypeAlias

from net4ai.codecs.declaration import Buffer

MAXIMUM_HELD_OCTETS = 64 << 20
"""Octets under way on all emulated radios of a process."""

Deliver: TypeAlias = Callable[[Buffer, int], object]
"""Takes datagrams: data, stride of the datagrams in it."""


class DelayLine:
    """A heap of what is under way. The owner calls `release` at the deadline."""

    def __init__(self) -> None:
        self.octets = 0
        self._heap: list[tuple[int, int, bytearray, int, Deliver]] = []
        self._order = 0

    def hold(self, due: int, data: Buffer, stride: int, deliver: Deliver) -> bool:
        """Keep a copy of the datagrams until `due`, then `deliver` them. False: too much is under way already."""
        size = len(data)
        if self.octets + size > MAXIMUM_HELD_OCTETS:
            return False
        self.octets += size
        self._order += 1
        heapq.heappush(self._heap, (due, self._order, bytearray(data), stride, deliver))
        return True

    def release(self, now: int) -> None:
        """Deliver what is due, in the order of its time; what is due at the same time, in the order it came."""
        while self._heap and self._heap[0][0] <= now:
            _, _, data, stride, deliver = heapq.heappop(self._heap)
            self.octets -= len(data)
            deliver(data, stride)

    def next_deadline(self) -> int | None:
        """When something is due."""
        return self._heap[0][0] if self._heap else None
