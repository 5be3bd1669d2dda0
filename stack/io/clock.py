"""Clocks: monotonic nanoseconds for protocols, and one offset to UTC per process.

Machines never read a clock; the shells in `stack.io` and the nodes do, through this protocol, so that the same code
runs in real and in virtual time.
"""

from __future__ import annotations

import asyncio
import time
from typing import Protocol

NANOSECONDS = 1_000_000_000
"""Nanoseconds in a second."""


class Clock(Protocol):
    """Where a process gets its time from."""

    @property
    def utc_offset(self) -> int:
        """Nanoseconds to add to `now()` to get UTC (nanoseconds since 1970). Constant for the life of the process."""

    def now(self) -> int:
        """Monotonic nanoseconds."""


class SystemClock:
    """The machine's monotonic clock.

    A runner hands its own `utc_offset` to its children, so that their traces and captures share one time line.
    """

    def __init__(self, utc_offset: int | None = None) -> None:
        self._utc_offset = time.time_ns() - time.monotonic_ns() if utc_offset is None else utc_offset

    @property
    def utc_offset(self) -> int:
        return self._utc_offset

    def now(self) -> int:
        return time.monotonic_ns()


class LoopClock:
    """The time of an asyncio loop; under `VirtualLoop` this is virtual time, and UTC starts at `utc_offset`."""

    def __init__(self, loop: asyncio.AbstractEventLoop, utc_offset: int = 0) -> None:
        self._loop = loop
        self._utc_offset = utc_offset

    @property
    def utc_offset(self) -> int:
        return self._utc_offset

    def now(self) -> int:
        # Rounded, not cut: a timer set for a machine's deadline must not wake one nanosecond early for ever.
        return round(self._loop.time() * NANOSECONDS)
