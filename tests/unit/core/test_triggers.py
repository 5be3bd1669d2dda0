"""Triggers: what makes them fire, how often, and when (R4)."""

from __future__ import annotations

from typing import Any

import pytest
from core_bench import Bench
from hypothesis import given
from hypothesis import strategies as st

from net4ai.codecs.service import EventTrigger, JobTrigger, TerminalsTrigger, TimeTrigger, Trigger
from net4ai.core.triggers import (
    KINDS,
    Consents,
    EventRaised,
    JobDone,
    TimeReached,
    Triggers,
    fires,
    first_due,
    next_due,
    repeats,
)
from net4ai.stack.units import SECOND

EVENT, JOB = EventTrigger(event="e"), JobTrigger(job="a")
ANY_CELL, ONE_CELL = TerminalsTrigger(at_least=3), TerminalsTrigger(at_least=3, node="ran-2")
ONCE, EACH = TimeTrigger(after_s=2), TimeTrigger(after_s=2, every_s=5)
TRIGGERS = (EVENT, JOB, ANY_CELL, ONE_CELL, ONCE, EACH)

FIRES: dict[Any, tuple[Trigger, ...]] = {
    EventRaised("e"): (EVENT,),
    EventRaised("a"): (),
    JobDone("a"): (JOB,),
    JobDone("e"): (),
    TimeReached(): (ONCE, EACH),
}
"""What has happened, and the triggers that fire."""


@pytest.mark.parametrize("happening", FIRES, ids=str)
@pytest.mark.parametrize("trigger", TRIGGERS, ids=str)
def test_a_trigger_fires_at_its_own_kind_only(trigger: Trigger, happening: Any) -> None:
    assert fires(trigger, happening) == (trigger in FIRES[happening])


@given(st.dictionaries(st.sampled_from(["ran-1", "ran-2", "ran-3"]), st.integers(0, 6)))
def test_consents_count_in_one_cell(nodes: dict[str, int]) -> None:
    assert fires(ANY_CELL, Consents(nodes)) == any(number >= 3 for number in nodes.values())
    assert fires(ONE_CELL, Consents(nodes)) == ("ran-2" in nodes and nodes["ran-2"] >= 3)
    assert not any(fires(trigger, Consents(nodes)) for trigger in (EVENT, JOB, ONCE, EACH))


def test_every_kind_is_in_the_table() -> None:
    assert set(KINDS) == set(Trigger.__args__)
    assert [repeats(trigger) for trigger in TRIGGERS] == [True, True, False, False, False, True]


def test_the_time_counts_from_the_registration() -> None:
    assert first_due(EACH, 100 * SECOND) == 102 * SECOND
    assert first_due(EVENT, 100 * SECOND) == 0
    assert next_due(ONCE, 102 * SECOND, 102 * SECOND) == 0
    assert next_due(EVENT, 0, 5) == 0


@given(st.integers(1, 10**6), st.integers(1, 10**4), st.integers(0, 10**6))
def test_the_next_time_is_the_first_of_its_row_that_is_still_to_come(due: int, period: int, late: int) -> None:
    trigger = TimeTrigger(after_s=1, every_s=period)
    utc = (due + late) * SECOND
    following = next_due(trigger, due * SECOND, utc)
    assert utc < following <= utc + period * SECOND
    assert (following - due * SECOND) % (period * SECOND) == 0


class World(Bench):
    def __init__(self) -> None:
        super().__init__()
        self.fired: list[tuple[int, float]] = []
        self.triggers = Triggers(self.entity("x"), self.on_time)

    async def on_time(self, job: int) -> None:
        self.fired.append((job, self.procedures.now / SECOND))


def test_clocks_run_until_disarmed() -> None:
    world = World()
    world.triggers.arm(1, ONCE, 2 * SECOND)
    world.triggers.arm(2, ONCE, 3 * SECOND)
    world.triggers.arm(3, ONCE, 4 * SECOND)
    world.triggers.arm(3, ONCE, 5 * SECOND)
    world.triggers.arm(4, EVENT, 0)
    world.triggers.disarm(2)
    world.triggers.disarm(2)
    world.advance(60)
    assert world.fired == [(1, 2), (3, 5)]
    assert not world.procedures.open
    assert world.triggers.fired([1, 2, 3, 4, 5], EventRaised("e")) == [4]


def test_what_was_missed_fires_at_once() -> None:
    world = World()
    world.advance(10)
    world.triggers.arm(1, ONCE, 2 * SECOND)
    world.advance(0)
    assert world.fired == [(1, 10)]
