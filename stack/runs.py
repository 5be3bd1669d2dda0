"""Runs: neighbouring datagrams of a batch that are alike where it matters, to be handled together.

A kernel that merges datagrams does not look into them: one batch can hold PDUs of several terminals and sessions. In
bulk nearly every batch is one run.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import numpy as np

from net4ai.codecs.declaration import Buffer
from net4ai.codecs.dep import DEP_HEADER_SIZE
from net4ai.codecs.l2 import L2_HEADER_SIZE
from net4ai.stack.drops import DropCounter


class Alike(NamedTuple):
    """What the datagrams of a run have in common."""

    at: int
    """First of the octets that are the same."""
    octets: int
    """How many: 4 or 8."""
    least: int
    """Octets a datagram needs to be among others."""


HOP = Alike(0, 4, L2_HEADER_SIZE + 1)
"""Version and flags, bearer, C-RNTI: one bearer of one hop."""
SESSION = Alike(L2_HEADER_SIZE, 8, L2_HEADER_SIZE + DEP_HEADER_SIZE)
"""DEP flags, type, QFI, length of extensions and handle: one flow of one session, and one type of PDU."""

_COLUMN = {4: "<u4", 8: "<u8"}


def segments(data: Buffer, stride: int) -> Iterator[memoryview]:
    """Each datagram."""
    view = memoryview(data)
    for start in range(0, len(view), stride):
        yield view[start : start + stride]


def drop_all(drops: DropCounter, reason: str, size: int, stride: int) -> None:
    """Count each of the datagrams in `size` octets as dropped; none at all is one that is empty."""
    for start in range(0, max(size, 1), stride):
        drops.count(reason, min(stride, size - start))


def runs(data: Buffer, stride: int, alike: Alike) -> Iterable[memoryview]:
    """The longest runs of datagrams, `stride` octets apart, that are alike, in their order.

    Every datagram is in one run. One that has fewer octets than `alike.least` is a run of its own.
    """
    view = memoryview(data)
    size = len(view)
    if size <= stride:
        return (view,) if size else ()
    number = size // stride
    if stride < alike.least:
        number = 0
    elif size - number * stride >= alike.least:
        number += 1  # the last one is shorter, and long enough
    if number * stride >= size and _all_alike(view, stride, alike, number):
        return (view,)
    return _cut(view, stride, alike, number)


def _all_alike(view: memoryview, stride: int, alike: Alike, number: int) -> bool:
    """Nearly always so in bulk. Compared as octets: one copy and one comparison, faster than numpy's."""
    first = bytes(view[alike.at : alike.at + alike.octets])
    return _column(view, stride, alike, number).tobytes() == first * number


def _cut(view: memoryview, stride: int, alike: Alike, number: int) -> Iterator[memoryview]:
    whole = min(number * stride, len(view))
    start = 0
    if number > 1:
        column = _column(view, stride, alike, number)
        for change in (np.flatnonzero(column[1:] != column[:-1]) + 1).tolist():
            yield view[start : change * stride]
            start = change * stride
    if whole:
        yield view[start:whole]
    yield from segments(view[whole:], stride)


def _column(view: memoryview, stride: int, alike: Alike, number: int) -> np.ndarray[Any, Any]:
    return np.ndarray((number,), _COLUMN[alike.octets], view, alike.at, (stride,))
