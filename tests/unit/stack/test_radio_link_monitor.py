"""In and out of synchrony: a table of states and indications, against an oracle that counts for itself."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from net4ai.stack.radio_link_monitor import N310, N311, TRANSITIONS, Indication, LinkState, RadioLinkMonitor

PERIOD, T310 = 1000, 2000


def monitor(state: LinkState = LinkState.IN_SYNC) -> RadioLinkMonitor:
    """In `state`, since time 0 or the deadline that led there."""
    made = RadioLinkMonitor(T310)
    if state is not LinkState.SEARCHING:
        made.heard(PERIOD, 0)
    if state is LinkState.OUT_OF_SYNC:
        for _ in range(N310):
            advance(made)
    assert made.state is state
    return made


def advance(made: RadioLinkMonitor) -> int:
    now = made.next_deadline()
    assert now is not None
    assert made.advance(now) == (made.state is LinkState.SEARCHING)
    return now


def test_numbers_of_the_specification() -> None:
    assert (N310, N311) == (3, 1)


def test_not_heard_yet_there_is_nothing_to_wait_for() -> None:
    made = monitor(LinkState.SEARCHING)
    assert made.next_deadline() is None
    assert not made.advance(10**12)
    assert made.state is LinkState.SEARCHING


def test_three_missed_in_a_row_start_t310_and_its_end_is_a_failure() -> None:
    made = monitor()
    for missed in range(N310):
        assert made.state is LinkState.IN_SYNC
        assert not made.advance(1500 + missed * PERIOD - 1)
        assert not made.advance(1500 + missed * PERIOD)
    assert made.state is LinkState.OUT_OF_SYNC
    assert not made.advance(3500 + T310 - 1)
    assert made.advance(3500 + T310)
    assert made.state is LinkState.SEARCHING
    assert made.next_deadline() is None
    assert not made.advance(10**9)


def test_one_heard_stops_t310() -> None:
    made = monitor(LinkState.OUT_OF_SYNC)
    made.heard(PERIOD, 4000)
    assert made.state is LinkState.IN_SYNC
    assert made.next_deadline() == 5500
    for now in range(5000, 20000, PERIOD):
        made.heard(PERIOD, now)
        assert not made.advance(now + 1)


def test_missed_ones_count_only_in_a_row() -> None:
    made = monitor()
    for _ in range(10):
        for _ in range(N310 - 1):
            now = advance(made)
        made.heard(PERIOD, now)
    assert made.state is LinkState.IN_SYNC


def test_a_lost_cell_may_come_back() -> None:
    made = monitor(LinkState.OUT_OF_SYNC)
    while made.state is not LinkState.SEARCHING:
        advance(made)
    made.heard(PERIOD, 9000)
    assert made.state is LinkState.IN_SYNC


def test_who_was_stopped_has_missed_one_period_at_most() -> None:
    made = monitor()
    assert not made.advance(10**12)
    assert made.state is LinkState.IN_SYNC
    assert made.next_deadline() == 10**12 + PERIOD


@pytest.mark.parametrize("state", LinkState)
@pytest.mark.parametrize("indication", Indication)
def test_every_indication_in_every_state(state: LinkState, indication: Indication) -> None:
    made = monitor(state)
    transition = TRANSITIONS.get((state, indication))
    for number in range(1, 5):
        made._indicate(indication, 0)
        if transition is not None and number == transition.needed:
            assert made.state is transition.to
            return
        assert made.state is state


@given(st.lists(st.booleans(), max_size=60))
def test_against_counting(heard: list[bool]) -> None:
    """Periods of 1000, each with System Information or without: the failure comes when the oracle says."""
    made = monitor()
    missed = 0
    for number, is_heard in enumerate(heard, 1):
        if is_heard:
            made.heard(PERIOD, number * PERIOD)
        missed = 0 if is_heard else missed + 1
        failed = False
        while (deadline := made.next_deadline()) is not None and deadline <= number * PERIOD + 500:
            failed |= made.advance(deadline)
        # The third one missed starts T310, which lasts for two more.
        assert failed == (missed == N310 + T310 // PERIOD)
        if failed:
            return
        assert (made.state is LinkState.OUT_OF_SYNC) == (missed >= N310)
