from __future__ import annotations

import ctypes
from pathlib import Path

import pytest

from net4ai.stack.dep.buffers import GrowingBuffer, aligned
from net4ai.stack.dep.constants import ALIGNMENT, GROWTH

MIB = 1 << 20


@pytest.mark.parametrize("octets", [1, 63, 64, 65, MIB])
def test_alignment(octets):
    view = aligned(octets).data
    assert len(view) == octets
    assert not view.readonly
    assert ctypes.addressof(ctypes.c_char.from_buffer(view)) % ALIGNMENT == 0


def test_it_grows_and_keeps_what_has_arrived():
    buffer = GrowingBuffer(8 * MIB)
    assert len(buffer.view) == 0
    buffer.reserve(100, permitted=4000)
    assert len(buffer.view) == 4000
    buffer.view[:5] = b"hello"
    buffer.reserve(4000, permitted=8000)
    assert len(buffer.view) == 4000
    buffer.reserve(4001, permitted=5000)
    assert len(buffer.view) == GROWTH * 4000
    assert bytes(buffer.view[:5]) == b"hello"
    buffer.reserve(8 * MIB, permitted=8 * MIB)
    assert len(buffer.view) == 8 * MIB


def test_it_is_never_larger_than_the_message():
    buffer = GrowingBuffer(100)
    buffer.reserve(64, permitted=4000)
    assert len(buffer.view) == 100
    assert len(GrowingBuffer(0).view) == 0


def resident() -> int:
    """Octets of memory this process holds."""
    return 4096 * int(Path("/proc/self/statm").read_text().split()[1])


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="resident memory is read from /proc")
def test_what_is_not_written_holds_no_memory():
    buffer = GrowingBuffer(1 << 30)
    before = resident()
    buffer.reserve(1000, permitted=4 * MIB)
    buffer.reserve(4 * MIB + 1, permitted=5 * MIB)
    assert len(buffer.view) == 1 << 30
    assert resident() - before < 8 * MIB
