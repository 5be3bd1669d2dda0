"""Memory of an incoming message: aligned, and only as much as has arrived or may arrive."""

from __future__ import annotations

import ctypes

from net4ai.stack.dep.constants import ALIGNMENT, FIRST_ALLOCATION


def aligned(octets: int) -> memoryview:
    """A writable view of `octets` zeros whose address is a multiple of ALIGNMENT."""
    memory = bytearray(octets + ALIGNMENT)
    skip = -ctypes.addressof(ctypes.c_char.from_buffer(memory)) % ALIGNMENT
    return memoryview(memory)[skip : skip + octets]


class GrowingBuffer:
    """A message in the making. It grows with what arrives: twice as large each time, within what is permitted.

    `view` is what there is; once the last octet had to have room it is the whole message.
    """

    __slots__ = ("length", "view")

    def __init__(self, length: int) -> None:
        self.length = length
        self.view = memoryview(bytearray())

    def reserve(self, end: int, permitted: int) -> None:
        """Make room for the octets before `end`; take no more memory than for `permitted` octets (`end` included)."""
        if end <= len(self.view):
            return
        wanted = max(end, 2 * len(self.view), FIRST_ALLOCATION)
        larger = aligned(max(end, min(wanted, permitted, self.length)))
        larger[: len(self.view)] = self.view
        self.view = larger
