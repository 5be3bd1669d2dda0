"""Procedures side by side."""

from __future__ import annotations

import pytest

from net4ai.codecs.causes import Cause
from net4ai.core.together import together
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
