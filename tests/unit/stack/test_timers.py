"""The table of timers and its overrides."""

from __future__ import annotations

from pathlib import Path

import pytest

from net4ai.stack import timers
from net4ai.stack.control_entity import REPEAT_AFTER
from net4ai.stack.timers import MARGIN, NESTED, TIMERS, Timers
from net4ai.stack.units import MILLISECOND

USERS = ("stack", "core", "ue", "ran_node", "edge", "application_server", "app")


@pytest.mark.parametrize("name", TIMERS)
def test_table(name: str) -> None:
    timer = TIMERS[name]
    assert timer.milliseconds > 0
    assert timer.attempts >= 0
    assert timer.reference
    assert timer.doc.endswith(".")
    assert Timers()[name] == timer.milliseconds * MILLISECOND
    assert Timers().attempts(name) == timer.attempts


@pytest.mark.parametrize("outer", NESTED)
def test_inner_timers_end_first(outer: str) -> None:
    assert TIMERS[outer].milliseconds >= sum(TIMERS[inner].milliseconds for inner in NESTED[outer]) + MARGIN


def test_the_margin_is_enough_for_a_lost_bus_message() -> None:
    assert MARGIN * MILLISECOND > REPEAT_AFTER


@pytest.mark.parametrize("name", TIMERS)
def test_every_timer_is_used(name: str) -> None:
    root = Path(timers.__file__).parent.parent
    sources = (path for folder in USERS for path in (root / folder).rglob("*.py") if path.name != "timers.py")
    assert any(f'"{name}"' in path.read_text() for path in sources)


def test_overrides() -> None:
    timers = Timers({"attach": 7})
    assert timers["attach"] == 7 * MILLISECOND
    assert timers["T300"] == Timers()["T300"]


def test_unknown_timer() -> None:
    with pytest.raises(ValueError, match=r"no timer named T9, x; allowed: T300, T301"):
        Timers({"x": 1, "T9": 1})


@pytest.mark.parametrize("milliseconds", [0, -1])
def test_a_timer_that_never_lets_time_pass(milliseconds: int) -> None:
    with pytest.raises(ValueError, match=rf"timer attach = {milliseconds}; allowed: at least 1 ms"):
        Timers({"attach": milliseconds})
