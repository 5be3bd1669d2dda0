from __future__ import annotations

import ctypes

import pytest

from net4ai.stack.dep.buffers import GrowingBuffer, aligned
from net4ai.stack.dep.constants import ALIGNMENT, FIRST_ALLOCATION


@pytest.mark.parametrize("octets", [1, 63, 64, 65, 1 << 20])
def test_alignment(octets):
    view = aligned(octets)
    assert len(view) == octets
    assert ctypes.addressof(ctypes.c_char.from_buffer(view)) % ALIGNMENT == 0


def test_it_grows_with_what_arrives_and_keeps_it():
    buffer = GrowingBuffer(1 << 22)
    buffer.reserve(100, permitted=1 << 22)
    assert len(buffer.view) == FIRST_ALLOCATION
    buffer.view[:5] = b"hello"
    buffer.reserve(FIRST_ALLOCATION + 1, permitted=1 << 22)
    assert len(buffer.view) == 2 * FIRST_ALLOCATION
    assert bytes(buffer.view[:5]) == b"hello"
    buffer.reserve(1 << 22, permitted=1 << 22)
    assert len(buffer.view) == 1 << 22


def test_it_never_takes_more_than_is_permitted():
    buffer = GrowingBuffer(1 << 30)
    buffer.reserve(1000, permitted=4000)
    assert len(buffer.view) == 4000
    assert len(GrowingBuffer(0).view) == 0
