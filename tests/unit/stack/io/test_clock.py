from __future__ import annotations

import asyncio
import time

from net4ai.stack.io.clock import Clock, LoopClock, SystemClock
from net4ai.stack.io.virtual_loop import run_virtual


def test_system_clock_is_monotonic_and_knows_utc() -> None:
    clock: Clock = SystemClock()
    first = clock.now()
    assert first <= clock.now()
    before = time.time_ns()
    assert abs(clock.now() + clock.utc_offset - before) < 3600 * 10**9
    assert SystemClock(utc_offset=7).utc_offset == 7


def test_loop_clock_is_exact_under_virtual_time() -> None:
    """A timer for a deadline in nanoseconds wakes at that very nanosecond, however odd the number."""

    async def main() -> None:
        loop = asyncio.get_running_loop()
        clock: Clock = LoopClock(loop, utc_offset=5)
        assert (clock.now(), clock.utc_offset) == (0, 5)
        for deadline in (1, 3, 1_000_000_007, 123_456_789_123_457, 999_999_999_999_999):
            woken: asyncio.Future[int] = loop.create_future()
            loop.call_at(deadline / 1e9, lambda: woken.set_result(clock.now()))  # noqa: B023
            assert await woken == deadline

    run_virtual(main())
