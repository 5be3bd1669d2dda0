"""The ladder: what is found out about kernels that do all, some or nothing of it."""

from __future__ import annotations

import errno
import itertools
import socket
import struct
import sys
from typing import Any

import pytest

from net4ai.stack.io import udp_offload as module
from net4ai.stack.io.udp_offload import (
    LADDER,
    LONGEST_BURST,
    SEGMENTS_PER_SEND,
    Offload,
    merge_on_receive,
    probe,
    receive_merged,
    receive_single,
    send_segments,
)

HOST = "127.0.0.1"
needs_offload = pytest.mark.skipif(probe(socket.AF_INET) is not Offload.ALL, reason="the kernel has no GSO and GRO")


class Kernel(socket.socket):
    """A socket of a kernel that lacks something."""

    lacks = Offload.NONE
    ignores = Offload.NONE
    """Taken without a word, and not done."""

    def setsockopt(self, *arguments: Any) -> None:
        if Offload.GRO in self.lacks:
            raise OSError(errno.ENOPROTOOPT, "on purpose")
        if Offload.GRO not in self.ignores:
            super().setsockopt(*arguments)

    def sendmsg(self, buffers: Any, control: Any = (), flags: int = 0, address: Any = None) -> int:
        if Offload.GSO in self.lacks:
            raise OSError(errno.EINVAL, "on purpose")
        return super().sendmsg(buffers, () if Offload.GSO in self.ignores else control, flags, address)


def with_kernel(
    monkeypatch: pytest.MonkeyPatch, *, lacks: Offload = Offload.NONE, ignores: Offload = Offload.NONE
) -> None:
    monkeypatch.setattr(Kernel, "lacks", lacks)
    monkeypatch.setattr(Kernel, "ignores", ignores)
    monkeypatch.setattr(socket, "socket", Kernel)


def test_the_ladder() -> None:
    assert [level.name for level in LADDER] == ["ALL", "GSO", "NONE"]
    assert all(lower in upper for upper, lower in itertools.pairwise(LADDER))


@pytest.mark.skipif(sys.platform != "linux", reason="about Linux")
def test_this_kernel_is_one_of_the_ladder() -> None:
    assert probe(socket.AF_INET) in LADDER


@needs_offload
@pytest.mark.parametrize(
    ("lacks", "ignores", "found"),
    [
        (Offload.NONE, Offload.NONE, Offload.ALL),
        (Offload.GRO, Offload.NONE, Offload.GSO),
        (Offload.NONE, Offload.GRO, Offload.GSO),
        (Offload.GSO, Offload.NONE, Offload.NONE),
        (Offload.NONE, Offload.GSO, Offload.NONE),  # as Linux before 4.18: one long datagram
        (Offload.ALL, Offload.NONE, Offload.NONE),
        (Offload.NONE, Offload.ALL, Offload.NONE),
    ],
)
def test_kernels(monkeypatch: pytest.MonkeyPatch, lacks: Offload, ignores: Offload, found: Offload) -> None:
    with_kernel(monkeypatch, lacks=lacks, ignores=ignores)
    assert probe(socket.AF_INET) is found


@pytest.mark.parametrize("platform", ["darwin", "win32", "freebsd14"])
def test_elsewhere_nothing_is_asked(monkeypatch: pytest.MonkeyPatch, platform: str) -> None:
    monkeypatch.setattr(sys, "platform", platform)
    monkeypatch.setattr(socket, "socket", None)
    assert probe(socket.AF_INET) is Offload.NONE


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere nothing is asked")
def test_what_cannot_be_tried_is_not_done(monkeypatch: pytest.MonkeyPatch) -> None:
    """No sockets of this family; or nothing comes back in time."""
    assert probe(255) is Offload.NONE
    monkeypatch.setattr(module, "_PROBE_PATIENCE", 0.001)
    monkeypatch.setattr(module, "send_segments", lambda *arguments: None)
    assert probe(socket.AF_INET) is Offload.NONE


@needs_offload
def test_the_bounds_hold_here() -> None:
    """As many segments, and octets, as are sent by one call are received by one call."""
    buffer = memoryview(bytearray(1 << 16))
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as far,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as near,
    ):
        far.bind((HOST, 0))
        far.settimeout(10)
        assert merge_on_receive(far)
        for stride, size in (
            (1, SEGMENTS_PER_SEND),
            (LONGEST_BURST // SEGMENTS_PER_SEND, LONGEST_BURST // SEGMENTS_PER_SEND * SEGMENTS_PER_SEND),
            (LONGEST_BURST - 1, LONGEST_BURST),
            (1400, 46 * 1400),
        ):
            send_segments(near, bytes(size), stride, far.getsockname())
            found, segment, source = receive_merged(far, buffer)
            assert (found, segment, source[1]) == (size, stride, near.getsockname()[1])


def test_a_single_datagram_is_its_own_stride() -> None:
    buffer = memoryview(bytearray(1 << 16))
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as far,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as near,
    ):
        far.bind((HOST, 0))
        far.settimeout(10)
        near.sendto(b"abc", far.getsockname())
        assert receive_single(far, buffer)[:2] == (3, 3)
        if merge_on_receive(far):
            near.sendto(b"abc", far.getsockname())
            assert receive_merged(far, buffer)[:2] == (3, 3)


@pytest.mark.parametrize(
    ("control", "found"),
    [
        ([], 0),
        ([(socket.IPPROTO_UDP, 104, struct.pack("=i", 1400))], 1400),
        (
            [(socket.IPPROTO_IP, 104, struct.pack("=i", 9)), (socket.IPPROTO_UDP, 104, struct.pack("=i", 70_000))],
            70_000,
        ),
        ([(socket.IPPROTO_UDP, 104, b"\x05\x00")], 0),
        ([(socket.IPPROTO_UDP, 105, struct.pack("=i", 9))], 0),
    ],
)
def test_size_of_segments_is_a_c_int(control: list[tuple[int, int, bytes]], found: int) -> None:
    assert module._segment(control) == found
