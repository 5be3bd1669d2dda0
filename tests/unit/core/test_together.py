"""Procedures side by side."""

from __future__ import annotations

from typing import Any

import pytest

from net4ai.codecs.causes import Cause
from net4ai.core.together import all_ended, guarded, outcomes, together
from net4ai.stack.procedure import ProcedureCancelled, ProcedureError, Procedures


class World:
    def __init__(self) -> None:
        self.procedures = Procedures()
        self.promises = [self.procedures.promise(str(number)) for number in range(3)]
        self.ended: list[int | str] = []
        self.whole = self.procedures.start("whole", together(self.procedures, [self.part(n) for n in range(3)]))

    async def part(self, number: int) -> None:
        try:
            self.ended.append(await self.promises[number])
        except ProcedureCancelled:
            self.ended.append(f"{number} cancelled")
            raise


@pytest.fixture
def world() -> World:
    return World()


def test_it_ends_with_the_last(world: World) -> None:
    for number in (2, 0, 1):
        assert not world.whole.done
        world.promises[number].resolve(number)
        world.procedures.run()
    world.whole.result()
    assert world.ended == [2, 0, 1]


def test_the_first_failure_is_raised_and_ends_the_others(world: World) -> None:
    world.promises[1].resolve(1)
    world.promises[2].fail(ProcedureError(Cause.BUSY))
    world.procedures.run()
    with pytest.raises(ProcedureError, match="BUSY"):
        world.whole.result()
    assert world.ended == [1, "0 cancelled"]
    assert not world.procedures.open


def test_with_the_whole_all_parts_are_cancelled(world: World) -> None:
    world.whole.cancel("no more")
    world.procedures.run()
    assert world.ended == ["0 cancelled", "1 cancelled", "2 cancelled"]
    assert not world.procedures.open


def test_nothing_to_do_is_done() -> None:
    procedures = Procedures()
    assert procedures.start("whole", together(procedures, [])).done


class Parts:
    """Coroutines that end when their promises are kept."""

    def __init__(self) -> None:
        self.procedures = Procedures()
        self.promises: dict[str, Any] = {name: self.procedures.promise(name) for name in ("a", "b", "c")}
        self.cancelled: list[str] = []

    async def part(self, name: str) -> str:
        try:
            return f"{name}{await self.promises[name]}"
        except ProcedureCancelled:
            self.cancelled.append(name)
            raise

    def keep(self, name: str, value: Any = 1) -> None:
        if isinstance(value, Exception):
            self.promises[name].fail(value)
        else:
            self.promises[name].resolve(value)
        self.procedures.run()


def test_outcomes_are_results_and_errors() -> None:
    parts = Parts()
    whole = parts.procedures.start("whole", outcomes(parts.procedures, {name: parts.part(name) for name in "abc"}))
    lost = ProcedureError(Cause.PEER_LOST)
    parts.keep("c")
    parts.keep("a", lost)
    assert not whole.done
    parts.keep("b", ProcedureCancelled("by itself"))
    ends = whole.result()
    assert (ends["a"], ends["c"]) == (lost, "c1") and isinstance(ends["b"], ProcedureCancelled)


def test_with_the_whole_all_outcomes_are_cancelled() -> None:
    parts = Parts()
    whole = parts.procedures.start("whole", outcomes(parts.procedures, {name: parts.part(name) for name in "abc"}))
    parts.keep("a")
    whole.cancel("no more")
    parts.procedures.run()
    with pytest.raises(ProcedureCancelled):
        whole.result()
    assert parts.cancelled == ["b", "c"] and not parts.procedures.open


def guarding(parts: Parts) -> Any:
    work = guarded(parts.procedures, parts.part("a"), [parts.part("b"), parts.part("c")])
    return parts.procedures.start("whole", work)


def test_work_does_not_wait_for_its_guards() -> None:
    parts = Parts()
    whole = guarding(parts)
    parts.keep("b")
    assert not whole.done
    parts.keep("a")
    assert whole.result() == "a1"
    assert parts.cancelled == ["c"] and not parts.procedures.open


@pytest.mark.parametrize("failing", ["a", "c"])
def test_a_failing_guard_ends_the_work(failing: str) -> None:
    parts = Parts()
    whole = guarding(parts)
    parts.keep("b")
    parts.keep(failing, ProcedureError(Cause.FUNCTION_NOT_HERE))
    with pytest.raises(ProcedureError, match="FUNCTION_NOT_HERE"):
        whole.result()
    assert len(parts.cancelled) == 1 and not parts.procedures.open


def test_with_the_whole_work_and_guards_are_cancelled() -> None:
    parts = Parts()
    whole = guarding(parts)
    whole.cancel("no more")
    parts.procedures.run()
    assert sorted(parts.cancelled) == ["a", "b", "c"] and not parts.procedures.open


@pytest.mark.parametrize("in_time", [True, False])
def test_all_ended_waits_so_long_and_lets_them_go_on(in_time: bool) -> None:
    parts = Parts()
    started = [parts.procedures.start(name, parts.part(name)) for name in "abc"]
    waiting = parts.procedures.start("waiting", all_ended(parts.procedures, started, 100))
    parts.keep("a")
    parts.keep("b", ProcedureError(Cause.BUSY))
    if in_time:
        parts.keep("c")
        assert waiting.result() is True
    else:
        parts.procedures.advance(99)
        assert not waiting.done
        parts.procedures.advance(100)
        assert waiting.result() is False and not parts.cancelled
    assert parts.procedures.next_deadline() is None
