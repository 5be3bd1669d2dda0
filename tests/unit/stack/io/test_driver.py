"""Driving a machine on a loop, under virtual time."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from net4ai.stack.io.clock import LoopClock
from net4ai.stack.io.driver import ERROR_PAUSE, Driver
from net4ai.stack.io.virtual_loop import run_virtual

MILLISECOND = 1_000_000


class Timed:
    """A machine with a list of deadlines."""

    def __init__(self, *deadlines: int) -> None:
        self.deadlines = sorted(deadlines)
        self.pumped: list[int] = []
        self.inputs: list[Any] = []

    def take(self, value: Any, now: int) -> None:
        self.inputs.append((value, now))

    def pump(self, now: int) -> None:
        self.pumped.append(now)
        self.deadlines = [deadline for deadline in self.deadlines if deadline > now]

    def next_deadline(self) -> int | None:
        return self.deadlines[0] if self.deadlines else None


class Broken(Timed):
    """Its pump fails, and it is always due."""

    def pump(self, now: int) -> None:
        self.pumped.append(now)
        raise LookupError("broken")

    def next_deadline(self) -> int | None:
        return 0


def drive(machine: Any, script: Callable[[Driver], Coroutine[Any, Any, None]]) -> Driver:
    async def main() -> Driver:
        driver = Driver("ran-1", LoopClock(asyncio.get_running_loop()))
        driver.machine = machine
        await script(driver)
        driver.close()
        return driver

    return run_virtual(main())


def test_all_inputs_of_a_turn_are_pumped_once() -> None:
    machine = Timed()

    async def script(driver: Driver) -> None:
        for number in range(5):
            driver.feed(machine.take, number)
        assert machine.pumped == []
        await asyncio.sleep(0.001)
        assert machine.pumped == [0]
        driver.feed(machine.take, 5)
        driver.wake()
        await asyncio.sleep(0.001)

    drive(machine, script)
    assert machine.inputs == [(0, 0), (1, 0), (2, 0), (3, 0), (4, 0), (5, MILLISECOND)]
    assert machine.pumped == [0, MILLISECOND]


def test_pumped_at_every_deadline_and_not_between() -> None:
    deadlines = [3 * MILLISECOND, 7 * MILLISECOND, 7 * MILLISECOND + 1, 10**12 + 7]
    machine = Timed(*deadlines)

    async def script(driver: Driver) -> None:
        driver.wake()
        await asyncio.sleep(2000)

    drive(machine, script)
    assert machine.pumped == [0, *deadlines]


def test_an_earlier_deadline_replaces_the_timer() -> None:
    machine = Timed(50 * MILLISECOND)

    async def script(driver: Driver) -> None:
        driver.wake()
        await asyncio.sleep(0.010)
        machine.deadlines.insert(0, 20 * MILLISECOND)
        driver.wake()
        await asyncio.sleep(1)

    drive(machine, script)
    assert machine.pumped == [0, 10 * MILLISECOND, 20 * MILLISECOND, 50 * MILLISECOND]


def test_an_input_that_fails_is_logged_and_the_next_is_taken(caplog: pytest.LogCaptureFixture) -> None:
    machine = Timed()

    def fail(now: int) -> None:
        raise LookupError("no such key")

    async def script(driver: Driver) -> None:
        driver.feed(fail)
        driver.feed(machine.take, 1)
        await asyncio.sleep(0.001)

    driver = drive(machine, script)
    assert driver.errors == 1
    assert machine.inputs == [(1, 0)] and machine.pumped == [0]
    assert "ran-1: an input failed" in caplog.text and "no such key" in caplog.text


def test_a_broken_machine_gets_pauses_and_its_inputs(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.CRITICAL)
    machine = Broken()

    async def script(driver: Driver) -> None:
        driver.wake()
        await asyncio.sleep(0.001)
        driver.feed(machine.take, 1)  # an input is no reason to wait
        await asyncio.sleep(1)

    driver = drive(machine, script)
    assert machine.inputs == [(1, MILLISECOND)]
    assert machine.pumped[:3] == [0, MILLISECOND, MILLISECOND + ERROR_PAUSE]
    assert driver.errors == len(machine.pumped) == pytest.approx(10**9 / ERROR_PAUSE, abs=3)


def test_closed() -> None:
    machine = Timed(5 * MILLISECOND)

    async def script(driver: Driver) -> None:
        driver.wake()
        await asyncio.sleep(0.001)
        driver.wake()
        driver.close()
        driver.feed(machine.take, 1)
        driver.wake()
        await asyncio.sleep(1)

    drive(machine, script)
    assert machine.pumped == [0] and machine.inputs == []


def test_inputs_before_there_is_a_machine() -> None:
    async def script(driver: Driver) -> None:
        driver.wake()
        await asyncio.sleep(0.001)
        driver.machine = machine
        driver.wake()
        await asyncio.sleep(0.001)

    machine = Timed()
    drive(None, script)
    assert machine.pumped == [MILLISECOND]
