"""Burst loss: statistics against the closed forms, with seeds; replay; what is allowed."""

from __future__ import annotations

import itertools
import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from net4ai.stack.radio.errors import ConditionsError
from net4ai.stack.radio.gilbert_elliott import GilbertElliott, LossPattern

NUMBER = 200_000
SEEDS = (1, 2, 3)
MODELS = [
    GilbertElliott(p=0.01, r=0.1),
    GilbertElliott(p=0.05, r=0.5, loss_in_good=0.001, loss_in_bad=0.8),
    GilbertElliott(p=0.9, r=0.6),
    GilbertElliott(p=1, r=1),
    GilbertElliott.of(0.3, 10),
    GilbertElliott(p=0.2, r=0.3, loss_in_good=0.5, loss_in_bad=0.5),
]


def losses(model: GilbertElliott, seed: int, number: int = NUMBER) -> bytearray:
    return LossPattern.bursts(model, random.Random(seed).random).take(number)


def five_deviations(model: GilbertElliott, number: int) -> float:
    """Of the mean of `number` losses. Their correlation falls by 1 - p - r a step, which widens a binomial's."""
    memory = 1 - model.p - model.r
    bad = model.part_bad
    both = bad * (1 - bad) * (model.loss_in_bad - model.loss_in_good) ** 2  # variance that comes from the state
    loss = model.mean_loss
    variance = loss * (1 - loss) + 2 * both * memory / (1 - memory)
    return 5 * math.sqrt(max(variance, 0) / number) + 1 / number


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("model", MODELS)
def test_mean_loss_is_that_of_the_closed_form(model: GilbertElliott, seed: int) -> None:
    print(f"seed {seed}")
    assert abs(sum(losses(model, seed)) / NUMBER - model.mean_loss) <= five_deviations(model, NUMBER)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("model", MODELS)
def test_mean_burst_is_that_of_the_closed_form(model: GilbertElliott, seed: int) -> None:
    print(f"seed {seed}")
    runs = [sum(1 for _ in run) for gone, run in itertools.groupby(losses(model, seed)) if gone]
    mean = sum(runs) / len(runs)
    deviation = math.sqrt(sum((run - mean) ** 2 for run in runs) / len(runs) / len(runs))
    assert abs(mean - model.mean_burst) <= 5 * deviation + model.mean_burst / len(runs)


@pytest.mark.parametrize("seed", SEEDS)
def test_bursts_of_the_simple_model_are_geometric(seed: int) -> None:
    """Each step of a burst is the last with probability r, however long the burst has lasted."""
    print(f"seed {seed}")
    model = GilbertElliott(p=0.05, r=0.25)
    runs = [sum(1 for _ in run) for gone, run in itertools.groupby(losses(model, seed)) if gone]
    for length in range(1, 8):
        lasting = sum(run >= length for run in runs)
        ended = sum(run == length for run in runs)
        assert abs(ended - lasting * model.r) <= 5 * math.sqrt(lasting * model.r * (1 - model.r))


@pytest.mark.parametrize("seed", SEEDS)
def test_each_independent_loss_says_nothing_of_the_next(seed: int) -> None:
    print(f"seed {seed}")
    loss = 0.2
    lost = LossPattern.independent(loss, random.Random(seed).random).take(NUMBER)
    for before in (0, 1):
        after = [now for last, now in itertools.pairwise(lost) if last == before]
        assert abs(sum(after) - len(after) * loss) <= 5 * math.sqrt(len(after) * loss * (1 - loss))


@pytest.mark.parametrize(("loss", "expected"), [(1.0, 1), (1e-300, 0)])
def test_all_or_nothing_is_lost(loss: float, expected: int) -> None:
    assert set(LossPattern.independent(loss, random.Random(0).random).take(10_000)) == {expected}


@given(
    st.floats(0, 1),
    st.floats(0.001, 1),
    st.floats(0, 1),
    st.floats(0, 1),
    st.lists(st.integers(0, 50), max_size=20),
    st.integers(0, 99),
)
def test_fates_depend_on_the_number_alone(
    p: float, r: float, good: float, bad: float, cuts: list[int], seed: int
) -> None:
    model = GilbertElliott(p=p, r=r, loss_in_good=good, loss_in_bad=bad)
    pattern = LossPattern.bursts(model, random.Random(seed).random)
    assert b"".join(pattern.take(number) for number in cuts) == bytes(losses(model, seed, sum(cuts)))


@given(st.just(0.0) | st.floats(1e-9, 0.99), st.floats(1, 1000))
def test_a_channel_of_a_loss_and_a_burst_has_them(loss: float, burst: float) -> None:
    if loss / (1 - loss) / burst > 1:
        with pytest.raises(ConditionsError, match="burst"):
            GilbertElliott.of(loss, burst)
        return
    model = GilbertElliott.of(loss, burst)
    assert model.mean_loss == pytest.approx(loss)
    assert model.mean_burst == pytest.approx(burst if loss else 0)


@pytest.mark.parametrize("name", ["p", "r", "loss_in_good", "loss_in_bad"])
@pytest.mark.parametrize("value", [-0.1, 1.1, math.nan, math.inf])
def test_other_values_are_refused_by_name(name: str, value: float) -> None:
    with pytest.raises(ConditionsError) as caught:
        GilbertElliott(**{"p": 0.1, "r": 0.5} | {name: value})
    assert caught.value.field == f"bursts.{name}"
    assert "1" in caught.value.allowed


def test_a_channel_that_never_gets_well_again_is_refused() -> None:
    with pytest.raises(ConditionsError, match=r"bursts\.r: 0 is not allowed; allowed: above 0 to 1"):
        GilbertElliott(p=0.1, r=0)
