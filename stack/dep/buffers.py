"""Memory of an incoming message: aligned, and only as much as has arrived or may arrive."""

from __future__ import annotations

from typing import Any

import numpy as np

from net4ai.stack.dep.constants import ALIGNMENT, GROWTH

Octets = np.ndarray[Any, np.dtype[np.uint8]]


def aligned(octets: int) -> Octets:
    """Writable memory of `octets` whose address is a multiple of ALIGNMENT. What it holds has no meaning.

    It is not touched here: the system gives pages of a large one when they are first written.
    """
    memory = np.empty(octets + ALIGNMENT, np.uint8)
    skip = -memory.__array_interface__["data"][0] % ALIGNMENT
    return memory[skip : skip + octets]


class GrowingBuffer:
    """A message in the making. There is room for what is permitted, later for GROWTH times what was.

    Memory follows permission: nothing is written beyond it, and the system gives what is not written no memory. So a
    message that nothing comes of any more holds what was permitted, and a large one is moved once.
    """

    __slots__ = ("length", "octets")

    def __init__(self, length: int) -> None:
        self.length = length
        self.octets = _NOTHING

    @property
    def view(self) -> memoryview:
        """What there is; once the last octet had to have room it is the whole message."""
        return self.octets.data

    def reserve(self, end: int, permitted: int) -> None:
        """Make room for the octets before `end`, which are permitted, as all before `permitted` are."""
        held = len(self.octets)
        if end <= held:
            return
        larger = aligned(min(self.length, max(end, permitted, held * GROWTH)))
        larger[:held] = self.octets
        self.octets = larger


_NOTHING: Octets = aligned(0)
