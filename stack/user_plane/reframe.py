"""Neighbouring datagrams get other headers, all at once: what every hop of the classic path does to packets.

A batch is octets and a stride, as everywhere: datagrams lie `stride` octets apart, only the last may be shorter.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from net4ai.codecs.declaration import Buffer


def reframe(data: Buffer, stride: int, cut: int, header: bytes) -> tuple[bytearray, int]:
    """Each datagram without its first `cut` octets and behind `header`: a fresh batch, and its stride.

    No datagram may be shorter than `cut`.
    """
    size = len(data)
    stride = min(stride, size) or 1
    number, rest = divmod(size, stride)
    front = len(header)
    wide = front + stride - cut
    out = bytearray(number * wide + (front + rest - cut if rest else 0))
    before, after = np.frombuffer(data, np.uint8), np.frombuffer(out, np.uint8)
    whole = after[: number * wide].reshape(number, wide)
    whole[:, :front] = np.frombuffer(header, np.uint8)
    whole[:, front:] = before[: number * stride].reshape(number, stride)[:, cut:]
    if rest:
        end = number * wide
        out[end : end + front] = header
        after[end + front :] = before[number * stride + cut :]
    return out, wide


def fill(data: bytearray, stride: int, header: bytes) -> None:
    """Write the same octets to the beginning of each datagram."""
    number = -(-len(data) // stride)
    np.ndarray((number, len(header)), np.uint8, data, 0, (stride, 1))[:] = np.frombuffer(header, np.uint8)


def sizes(data: Buffer, stride: int) -> np.ndarray[Any, np.dtype[np.int64]]:
    """Octets of each datagram."""
    number, rest = divmod(len(data), stride)
    found = np.full(number + bool(rest), stride, np.int64)
    if rest:
        found[-1] = rest
    return found


def column(data: Buffer, stride: int, at: int, kind: str = ">u2") -> np.ndarray[Any, Any]:
    """The number that each datagram has at the same place; written through where the memory is writable."""
    number = -(-len(data) // stride)
    return np.ndarray((number,), kind, data, at, (stride,))
