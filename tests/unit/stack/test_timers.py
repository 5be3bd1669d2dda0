"""The table of timers and its overrides."""

from __future__ import annotations

import pytest

from net4ai.stack.timers import MILLISECOND, TIMERS, Timers


@pytest.mark.parametrize("name", TIMERS)
def test_table(name: str) -> None:
    timer = TIMERS[name]
    assert timer.milliseconds > 0
    assert timer.attempts >= 0
    assert timer.reference
    assert timer.doc.endswith(".")
    assert Timers()[name] == timer.milliseconds * MILLISECOND
    assert Timers().attempts(name) == timer.attempts


def test_overrides() -> None:
    timers = Timers({"attach": 7})
    assert timers["attach"] == 7 * MILLISECOND
    assert timers["T300"] == Timers()["T300"]


def test_unknown_timer() -> None:
    with pytest.raises(ValueError, match=r"no timer named T301, x; allowed: T300, T302"):
        Timers({"x": 1, "T301": 1})


@pytest.mark.parametrize("milliseconds", [0, -1])
def test_a_timer_that_never_lets_time_pass(milliseconds: int) -> None:
    with pytest.raises(ValueError, match=rf"timer attach = {milliseconds}; allowed: at least 1 ms"):
        Timers({"attach": milliseconds})
