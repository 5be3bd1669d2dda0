"""The token bucket: how much may pass at a bit rate, with what was not used saved up to a bound. Exact arithmetic."""

from __future__ import annotations

from net4ai.stack.units import SECOND

_OCTET = 8 * SECOND
"""Tokens of one octet. A token is a billionth of a bit: bit/s times nanoseconds."""


class TokenBucket:
    """Octets that may pass: a PDU passes whole while anything is left, so the level falls below 0 by less than a PDU.

    In any time t no more passes than the rate times t, and the depth, and one PDU. A new bucket is full, or empty.
    """

    __slots__ = ("_depth", "_filled", "_level", "rate")

    def __init__(self, rate: int, depth: int, now: int, full: bool = True) -> None:
        """`rate`: bit/s; `depth`: octets."""
        self.rate = rate
        self._depth = max(1, depth) * _OCTET
        self._level = self._depth if full else 0
        self._filled = now

    def change(self, rate: int, depth: int, now: int) -> None:
        """Another rate and depth from now on; what was saved up stays, as far as it fits."""
        self.fill(now)
        self.rate, self._depth = rate, max(1, depth) * _OCTET
        self._level = min(self._level, self._depth)

    def fill(self, now: int) -> None:
        """Time has come to `now`."""
        if now > self._filled:
            self._level = min(self._depth, self._level + self.rate * (now - self._filled))
            self._filled = now

    @property
    def open(self) -> bool:
        """Whether a PDU may pass."""
        return self._level > 0

    @property
    def octets(self) -> float:
        """What is left; below 0: what has passed beyond it."""
        return self._level / _OCTET

    def pdus(self, size: int) -> int:
        """How many PDUs of `size` octets may pass now, one after another."""
        return -(-self._level // (size * _OCTET)) if self._level > 0 else 0

    def take(self, octets: int) -> None:
        """So much has passed."""
        self._level -= octets * _OCTET

    def open_at(self) -> int | None:
        """When a PDU may pass, in nanoseconds; None: never at this rate."""
        if self._level > 0:
            return self._filled
        return self._filled + -self._level // self.rate + 1 if self.rate else None
