"""The loop under virtual time: jumps, order, threads, deadlock."""

from __future__ import annotations

import asyncio
import random
import threading

import pytest

from net4ai.stack.io.virtual_loop import VirtualLoop, VirtualTimeDeadlockError, run_virtual


def test_time_jumps_to_each_timer() -> None:
    async def main() -> list[tuple[str, float]]:
        loop = asyncio.get_running_loop()
        log: list[tuple[str, float]] = []

        async def sleeper(name: str, *delays: float) -> None:
            for delay in delays:
                await asyncio.sleep(delay)
                log.append((name, loop.time()))

        await asyncio.gather(sleeper("a", 3600, 3600), sleeper("b", 5000), sleeper("c", 1 / 3))
        return log

    assert run_virtual(main()) == [("c", pytest.approx(1 / 3)), ("a", 3600), ("b", 5000), ("a", 7200)]


def test_a_very_long_sleep() -> None:
    """Longer than asyncio's own cap on one select."""

    async def main() -> float:
        await asyncio.sleep(30 * 24 * 3600)
        return asyncio.get_running_loop().time()

    assert run_virtual(main()) == 30 * 24 * 3600


def test_timers_far_from_the_start_still_fire() -> None:
    """Where seconds as floats are coarser than nanoseconds, a jump may end just before its timer."""
    source = random.Random(7)

    async def main() -> None:
        loop = asyncio.get_running_loop()
        await asyncio.sleep(1e9)
        for _ in range(2_000):
            when = loop.time() + source.random()
            await asyncio.sleep(when - loop.time())
            assert loop.time() >= when

    run_virtual(main())


def test_timeouts_fire() -> None:
    async def main() -> float:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(12.5):
                await asyncio.get_running_loop().create_future()
        return asyncio.get_running_loop().time()

    assert run_virtual(main()) == 12.5


def test_deadlock_is_named() -> None:
    async def waits_for_ever() -> None:
        await asyncio.Event().wait()

    with pytest.raises(VirtualTimeDeadlockError, match="waits_for_ever"):
        run_virtual(waits_for_ever())


def test_tasks_are_cleaned_up_after_a_deadlock() -> None:
    cleaned = []

    async def waits_for_ever() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            cleaned.append(True)

    with pytest.raises(VirtualTimeDeadlockError):
        run_virtual(waits_for_ever())
    assert cleaned == [True]


def test_executor_job_takes_no_virtual_time() -> None:
    release = threading.Event()

    async def main() -> float:
        loop = asyncio.get_running_loop()
        fired: list[str] = []
        job = loop.run_in_executor(None, release.wait, 30)
        loop.call_later(1, fired.append, "timer")
        loop.call_soon(release.set)
        async with asyncio.timeout(0.5):
            assert await job
        assert fired == []
        return loop.time()

    assert run_virtual(main()) == 0


def test_call_soon_threadsafe_from_a_foreign_thread() -> None:
    async def main() -> str:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualLoop)
        result: asyncio.Future[str] = loop.create_future()
        thread = threading.Thread(target=lambda: loop.call_soon_threadsafe(result.set_result, "hello"))
        with loop.outside_work():
            thread.start()
            answer = await result
        thread.join()
        return answer

    assert run_virtual(main()) == "hello"


def test_same_run_twice() -> None:
    async def main() -> list[int]:
        order: list[int] = []

        async def one(number: int) -> None:
            await asyncio.sleep(number % 3 / 10)
            order.append(number)
            await asyncio.sleep(number % 5 / 7)
            order.append(-number)

        await asyncio.gather(*(one(number) for number in range(20)))
        return order

    assert run_virtual(main()) == run_virtual(main())
