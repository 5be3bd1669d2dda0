"""Robust statistics of counted samples, beside the textbook's of the samples themselves."""

from __future__ import annotations

import statistics

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from net4ai.functions.radio_map.measurement import LEVELS
from net4ai.functions.radio_map.statistics import mean, quantile, shift_bound, trimmed, trimmed_mean

SAMPLES = st.lists(st.integers(0, LEVELS - 1), min_size=1, max_size=60)


def counted(samples: list[int]) -> np.ndarray:
    return np.bincount(samples, minlength=LEVELS)


@given(SAMPLES, st.floats(0, 0.4))
def test_trimmed_mean_is_the_mean_of_the_middle(samples: list[int], trim: float) -> None:
    cut = trimmed(len(samples), trim)
    middle = sorted(samples)[cut : len(samples) - cut]
    assert trimmed_mean(counted(samples), trim) == pytest.approx(statistics.fmean(middle))
    assert mean(counted(samples)) == pytest.approx(statistics.fmean(samples))


@given(SAMPLES)
def test_nothing_trimmed_is_the_mean(samples: list[int]) -> None:
    assert trimmed_mean(counted(samples), 0) == mean(counted(samples))


@given(SAMPLES, st.sampled_from([0.1, 0.25, 0.5, 0.9, 1.0]))
def test_a_quantile_is_the_lowest_level_that_enough_do_not_exceed(samples: list[int], share: float) -> None:
    found = quantile(counted(samples), share)
    assert sum(sample <= found for sample in samples) >= share * len(samples)
    assert sum(sample < found for sample in samples) < share * len(samples)


@given(
    st.lists(st.integers(0, LEVELS - 1), min_size=11, max_size=20),
    st.integers(0, LEVELS - 1),
    st.integers(0, LEVELS - 1),
    st.integers(1, 5),
    st.sampled_from([0.1, 0.2, 0.3]),
)
def test_one_liar_moves_the_trimmed_mean_less_than_the_bound(
    honest: list[int], truth: int, lie: int, rounds: int, trim: float
) -> None:
    """`rounds` samples of each terminal, one of which says `lie` instead of `truth`."""
    said = trimmed_mean(counted([*honest, lie] * rounds), trim)
    meant = trimmed_mean(counted([*honest, truth] * rounds), trim)
    spread = max(*honest, truth) - min(*honest, truth)
    assert abs(said - meant) <= shift_bound(spread, len(honest) + 1, trim) + 1e-9


def test_a_plain_mean_has_no_such_bound() -> None:
    """The same liar: the plain mean moves six times as far as the trimmed one may."""
    honest, truth, lie = [60, 61, 62, 63] * 3, 62, 127
    samples = counted([*honest[:-1], truth]), counted([*honest[:-1], lie])
    plain = mean(samples[1]) - mean(samples[0])
    robust = trimmed_mean(samples[1], 0.2) - trimmed_mean(samples[0], 0.2)
    bound = shift_bound(3, 12, 0.2)
    assert abs(robust) <= bound < 0.6
    assert plain > 5
