"""Fates and rate of one UE's channel."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from net4ai.stack.drops import Drop
from net4ai.stack.radio.channel import Fate, Quality, RadioChannel
from net4ai.stack.radio.conditions import RadioConditions
from net4ai.stack.radio.cqi import bits_per_second
from net4ai.stack.radio.gilbert_elliott import Draw, GilbertElliott
from net4ai.stack.units import MILLISECOND, SECOND

START = 5 * SECOND
NUMBER = 20_000


def draws(seed: int) -> Callable[[str], Draw]:
    return lambda what: random.Random(f"{seed} {what}").random


def channel(seed: int = 1, **conditions: Any) -> RadioChannel:
    return RadioChannel(RadioConditions(**conditions), START, draws(seed))


def each(fates: list[tuple[int, Fate]]) -> list[Fate]:
    return [fate for number, fate in fates for _ in range(number)]


def test_a_batch_with_one_fate_stays_one() -> None:
    assert channel(delay=0.02).fates(45, START) == [(45, 20 * MILLISECOND)]
    assert channel().fates(45, START) == [(45, 0)]
    assert channel(loss=1).fates(45, START) == [(45, Drop.LOST)]


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_loss_delay_and_jitter_at_once(seed: int) -> None:
    print(f"seed {seed}")
    fates = each(channel(seed, loss=0.1, delay=0.010, jitter=0.004).fates(NUMBER, START))
    delays = [fate for fate in fates if not isinstance(fate, Drop)]
    assert abs(NUMBER - len(delays) - NUMBER * 0.1) <= 5 * math.sqrt(NUMBER * 0.1 * 0.9)
    assert 10 * MILLISECOND <= min(delays) < max(delays) < 14 * MILLISECOND
    assert abs(sum(delays) / len(delays) - 12 * MILLISECOND) <= 5 * 4 * MILLISECOND / math.sqrt(12 * len(delays))


CONDITIONS = st.sampled_from(
    [
        {"loss": 0.3},
        {"bursts": GilbertElliott(p=0.2, r=0.3, loss_in_bad=0.9)},
        {"jitter": 0.01},
        {"loss": 0.3, "delay": 0.01, "jitter": 0.01},
    ]
)


@given(CONDITIONS, st.lists(st.integers(1, 40), min_size=1, max_size=10), st.integers(0, 999))
def test_fates_do_not_depend_on_how_datagrams_are_batched(
    conditions: dict[str, Any], batches: list[int], seed: int
) -> None:
    whole = each(channel(seed, **conditions).fates(sum(batches), START))
    cut = channel(seed, **conditions)
    assert [fate for number in batches for fate in each(cut.fates(number, START))] == whole


@given(CONDITIONS, st.integers(0, 999))
def test_a_cut_changes_nothing_for_those_behind_it(conditions: dict[str, Any], seed: int) -> None:
    open_one = channel(seed, **conditions)
    cut = channel(seed, cuts=((1.0, 2.0),), **conditions)
    for now in (START, START + 2 * SECOND, START + 3 * SECOND):
        expected = open_one.fates(20, now)
        if now == START + 2 * SECOND:
            expected = [(20, Drop.LINK_CUT)]
        assert cut.fates(20, now) == expected


def test_cuts_may_overlap_and_come_in_any_order() -> None:
    cut = channel(cuts=((5.0, 1.0), (1.0, 4.0), (2.0, 1.0)))
    closed = [second for second in range(8) if cut.closed(START + second * SECOND) is Drop.LINK_CUT]
    assert closed == [1, 2, 3, 4, 5]
    assert cut.closed(START + SECOND - 1) is None
    assert cut.closed(START + 6 * SECOND - 1) is Drop.LINK_CUT
    assert cut.closed(0) is None, "before the run began"


def test_the_rate_follows_the_trace() -> None:
    moving = channel(cqi=((0.0, 15), (2.0, 0), (3.0, 4)), cqi_repeat=10.0, bandwidth=1e6)
    now: int | None = START - SECOND
    seen = []
    while now is not None and now < START + 13 * SECOND:
        seen.append(((now - START) / SECOND, moving.quality(now)))
        now = moving.next_change(now)
    good, bad = Quality(15, bits_per_second(15, 1e6)), Quality(4, bits_per_second(4, 1e6))
    out = Quality(0, 0)
    assert seen[:2] == [(-1, good), (2, out)]
    assert seen[2:] == [(3, bad), (10, good), (12, out)]


def test_a_trace_may_have_begun_before_the_run() -> None:
    steps = ((0.0, 1), (2.0, 2), (5.0, 3))
    late = RadioChannel(RadioConditions(cqi=steps, cqi_repeat=6.0), START, draws(1), ahead=3 * SECOND)
    assert [late.quality(START + second * SECOND).cqi for second in range(6)] == [2, 2, 3, 1, 1, 2]
    assert late.next_change(START) == START + 2 * SECOND
    assert late.next_change(START - SECOND) == START + 2 * SECOND


def test_out_of_range_nothing_passes_and_that_is_said() -> None:
    gone = channel(cqi=((0.0, 15), (2.0, 0)))
    assert gone.fates(3, START) == [(3, 0)]
    assert gone.fates(3, START + 2 * SECOND) == [(3, Drop.OUT_OF_RANGE)]


def test_a_constant_rate_stays() -> None:
    assert channel(rate=64_000).quality(START) == Quality(15, 64_000)
    assert channel(rate=64_000).next_change(START) is None
    assert channel().quality(START) == Quality(15, None)
