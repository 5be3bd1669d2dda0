"""What the kernel does for batches of datagrams, found out by trying: the ladder of UDP segmentation offload.

GSO (generic segmentation offload, Linux 4.18): one call sends up to 64 datagrams of one size to one peer. GRO (generic
receive offload, Linux 5.0): one call receives them together again. Datagrams on the wire are the same at every level,
so ends of different levels understand each other. A kernel that knows nothing of this takes the control message of GSO
without a word and sends one long datagram: that is why a socket is tried out before it is trusted.
"""

from __future__ import annotations

import errno
import socket
import struct
import sys
from collections.abc import Iterable
from enum import Flag
from typing import Any

Arrival = tuple[int, int, tuple[Any, ...]]
"""Of what one call received: octets, octets of each datagram but the last, which may be shorter, and the sender."""


class Offload(Flag):
    """What the kernel does for a socket."""

    NONE = 0
    """Each datagram is a call of its own. So outside Linux."""
    GSO = 1
    """Batches are sent by one call."""
    GRO = 2
    """Batches are received by one call."""
    ALL = GSO | GRO


LADDER = (Offload.ALL, Offload.GSO, Offload.NONE)
"""Levels a socket can start at. GRO alone is left of the first one where sending fails at run time."""

SEGMENTS_PER_SEND = 64
"""Datagrams of one call: UDP_MAX_SEGMENTS of Linux before 6.9 (then 128); one more is EINVAL."""
LONGEST_BURST = 65493
"""Octets of one call that are received by one call; of 65494 to 65507 GRO makes single datagrams without a word."""
TAKEN_BY_EVERY_PATH = 1232
"""Octets of a datagram that need no fragmentation anywhere (RFC 8200 5: 1280 with headers). Where this much is refused
as too long, it is not the length."""

REFUSES_SIZE = frozenset({errno.EMSGSIZE, errno.EINVAL})
"""Of a call with GSO: the segment is longer than the path's MTU, depending on the kernel's version."""
REFUSES_OFFLOAD = frozenset({errno.EIO, errno.EOPNOTSUPP})
"""Of a call with GSO: the device computes no checksums, or a tunnel or IPsec is in the way."""

_UDP_SEGMENT = 103
_UDP_GRO = 104
"""Options of level UDP; the standard library does not name them."""
_UINT16 = struct.Struct("=H")
_INT = struct.Struct("=i")
_PROBE = bytes(range(250))
_PROBE_STRIDE = 100
_PROBE_PATIENCE = 0.1
"""Seconds. On the loopback a datagram is there when the call that sends it returns."""


def probe(family: int) -> Offload:
    """What the kernel does for sockets of an address family: three datagrams go over the loopback. Raises nothing."""
    if sys.platform != "linux":
        return Offload.NONE
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as near, socket.socket(family, socket.SOCK_DGRAM) as far:
            far.bind(("::1" if family == socket.AF_INET6 else "127.0.0.1", 0))
            far.settimeout(_PROBE_PATIENCE)
            asked = merge_on_receive(far)
            send_segments(near, _PROBE, _PROBE_STRIDE, far.getsockname()[:2])
            buffer = bytearray(2 * len(_PROBE))
            size, stride, _ = receive_merged(far, memoryview(buffer))
    except OSError:
        return Offload.NONE
    if buffer[:size] != _PROBE[:size] or stride != _PROBE_STRIDE:
        return Offload.NONE
    return Offload.ALL if asked and size == len(_PROBE) else Offload.GSO


def merge_on_receive(sock: socket.socket) -> bool:
    """Ask for GRO; whether the kernel knows it. From then on only `receive_merged` tells datagrams apart."""
    try:
        sock.setsockopt(socket.IPPROTO_UDP, _UDP_GRO, 1)
    except OSError:
        return False
    return True


def send_segments(sock: socket.socket, data: bytes | memoryview, stride: int, peer: tuple[str, int]) -> None:
    """Send datagrams of `stride` octets, the last may be shorter, by one call. OSError: none of them was sent."""
    sock.sendmsg((data,), ((socket.IPPROTO_UDP, _UDP_SEGMENT, _UINT16.pack(stride)),), 0, peer)


def receive_merged(sock: socket.socket, into: memoryview) -> Arrival:
    """Receive one datagram, or several that GRO has merged. `into`: 64 KiB, what does not fit is lost."""
    size, control, _, source = sock.recvmsg_into((into,), _CONTROL_OCTETS)
    return size, _segment(control) or size, source


def receive_single(sock: socket.socket, into: memoryview) -> Arrival:
    """Receive one datagram, without GRO."""
    size, source = sock.recvfrom_into(into)
    return size, size, source


def _segment(control: Iterable[tuple[int, int, bytes]]) -> int:
    """What GRO says; 0: nothing was merged. Sent as 16 bits, it comes as a C int."""
    for level, kind, data in control:
        if (level, kind, len(data)) == (socket.IPPROTO_UDP, _UDP_GRO, _INT.size):
            size: int = _INT.unpack(data)[0]
            return size
    return 0


_CONTROL_OCTETS = socket.CMSG_SPACE(_INT.size) if sys.platform != "win32" else 0
