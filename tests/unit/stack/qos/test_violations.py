"""Promises that are not kept."""

from __future__ import annotations

from net4ai.stack.qos.violations import AVERAGING_WINDOW, FlowWatch, Violation
from net4ai.stack.units import MILLISECOND, SECOND

RATE = 800_000
"""100 octets per millisecond."""
BUDGET = 10 * MILLISECOND
ENOUGH = RATE // 8 * AVERAGING_WINDOW // SECOND


def test_less_than_guaranteed_while_there_was_enough() -> None:
    watch = FlowWatch(RATE, BUDGET)
    watch.begins(0)
    watch.sent(ENOUGH - 2000, 1000, 200, 0)
    assert watch.check(AVERAGING_WINDOW - 1, 1, 2, 3) == []
    achieved = (ENOUGH - 2000) * 4
    assert watch.check(AVERAGING_WINDOW, 1, 2, 3) == [Violation("rate", 1, 2, 3, RATE, achieved)]
    assert watch.rate_violations == 1 and watch.achieved == achieved


def test_a_pdu_on_its_way_out_counts() -> None:
    watch = FlowWatch(RATE, BUDGET)
    watch.begins(0)
    watch.sent(ENOUGH - 1000, 1000, 200, 0)
    assert watch.check(AVERAGING_WINDOW, 1, 2, 3) == []
    assert watch.rate_violations == 0


def test_who_has_nothing_to_send_is_not_wronged() -> None:
    """The clock of the window stands still while the queue is empty."""
    watch = FlowWatch(RATE, BUDGET)
    watch.begins(0)
    watch.ends(500 * MILLISECOND)
    assert watch.window_ends() is None
    assert watch.check(100 * AVERAGING_WINDOW, 1, 2, 3) == []
    start = 100 * AVERAGING_WINDOW
    watch.begins(start)
    assert watch.window_ends() == start + AVERAGING_WINDOW - 500 * MILLISECOND
    assert len(watch.check(start + AVERAGING_WINDOW - 500 * MILLISECOND, 1, 2, 3)) == 1


def test_a_new_window_begins_with_nothing() -> None:
    watch = FlowWatch(RATE, BUDGET)
    watch.begins(0)
    watch.sent(2 * ENOUGH, 1000, 200, 0)
    assert watch.check(AVERAGING_WINDOW, 1, 2, 3) == []
    assert len(watch.check(2 * AVERAGING_WINDOW, 1, 2, 3)) == 1


def test_without_a_guarantee_there_is_no_window() -> None:
    watch = FlowWatch(0, BUDGET)
    watch.begins(0)
    assert watch.window_ends() is None
    assert watch.check(10 * AVERAGING_WINDOW, 1, 2, 3) == []


def test_late_pdus_are_counted_and_reported_once_in_a_window() -> None:
    watch = FlowWatch(0, BUDGET)
    watch.sent(100, 100, 1, BUDGET)
    assert watch.check(0, 1, 2, 3) == []
    watch.sent(300, 100, 3, BUDGET + 1)
    watch.waited(2, BUDGET + 7)
    assert watch.check(SECOND, 1, 2, 3) == [Violation("delay", 1, 2, 3, BUDGET, BUDGET + 7, 5)]
    watch.sent(100, 100, 1, BUDGET + 2)
    assert watch.check(SECOND + AVERAGING_WINDOW - 1, 1, 2, 3) == []
    assert watch.check(SECOND + AVERAGING_WINDOW, 1, 2, 3) == [Violation("delay", 1, 2, 3, BUDGET, BUDGET + 2, 1)]
    assert watch.delay_violations == 6


def test_other_promises_begin_a_new_window() -> None:
    watch = FlowWatch(RATE, BUDGET)
    watch.begins(0)
    watch.change(2 * RATE, BUDGET, SECOND)
    assert watch.window_ends() == SECOND + AVERAGING_WINDOW
    watch.change(2 * RATE, BUDGET, 2 * SECOND)
    assert watch.window_ends() == SECOND + AVERAGING_WINDOW, "the same promises change nothing"
