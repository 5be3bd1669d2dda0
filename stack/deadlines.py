"""The next deadline of many machines, without asking each of them."""

from __future__ import annotations

import heapq
from collections.abc import Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)

STALE_ENTRIES = 64
"""Entries of the heap that may be stale before it is looked through; in a large heap, as many as are not."""


class Deadlines(Generic[K]):
    """A heap of deadlines by key. Stale entries are passed over, and cleared away where they become many."""

    def __init__(self) -> None:
        self._current: dict[K, int] = {}
        self._heap: list[tuple[int, int, K]] = []
        self._order = 0

    def set(self, key: K, deadline: int | None) -> None:
        """`key` is due at `deadline`; None: not at all."""
        if deadline is None:
            if self._current.pop(key, None) is None:
                return
        elif self._current.get(key) != deadline:
            self._current[key] = deadline
            self._order += 1
            heapq.heappush(self._heap, (deadline, self._order, key))
        if len(self._heap) > 2 * len(self._current) + STALE_ENTRIES:
            self._heap = [entry for entry in self._heap if self._current.get(entry[2]) == entry[0]]
            heapq.heapify(self._heap)

    def get(self, key: K) -> int | None:
        """When `key` is due; None: not at all."""
        return self._current.get(key)

    def next(self) -> int | None:
        """The earliest deadline."""
        while self._heap and self._current.get(self._heap[0][2]) != self._heap[0][0]:
            heapq.heappop(self._heap)
        return self._heap[0][0] if self._heap else None

    def due(self, now: int) -> list[K]:
        """Keys due at `now`, the earliest first; each is forgotten until it is set again."""
        keys = []
        while (deadline := self.next()) is not None and deadline <= now:
            key = heapq.heappop(self._heap)[2]
            del self._current[key]
            keys.append(key)
        return keys

    def __len__(self) -> int:
        return len(self._current)
