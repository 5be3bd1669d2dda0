"""Arithmetic of COUNT, the number of a PDU: 32 bits. With one key each is used once; without keys it wraps."""

from __future__ import annotations

MODULUS = 1 << 32


def distance(count: int, base: int) -> int:
    """How far `count` is ahead of `base`; negative when it is behind. Both wrap at 2^32."""
    return ((count - base + MODULUS // 2) % MODULUS) - MODULUS // 2


def count_after(count: int, protected: bool) -> int:
    """The next COUNT. Behind the last that is `protected` comes 2^32, which there is not."""
    return count + 1 if protected else (count + 1) % MODULUS
