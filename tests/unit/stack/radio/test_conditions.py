"""What conditions may be, and what is said where they may not."""

from __future__ import annotations

import math
from typing import Any

import msgspec
import pytest

from net4ai.stack.radio.conditions import (
    HIGHEST_RATE,
    LATEST,
    LOWEST_RATE,
    MAXIMUM_CUTS,
    MAXIMUM_DELAY,
    MAXIMUM_STEPS,
    NARROWEST_BANDWIDTH,
    PERFECT,
    SHORTEST_STEP,
    WIDEST_BANDWIDTH,
    RadioConditions,
)
from net4ai.stack.radio.cqi import bits_per_second
from net4ai.stack.radio.errors import ConditionsError
from net4ai.stack.radio.gilbert_elliott import GilbertElliott

BURSTS = GilbertElliott(p=0.1, r=0.5)
TRACE = ((0.0, 3), (1.0, 4))


@pytest.mark.parametrize(
    "values",
    [
        {"rate": LOWEST_RATE},
        {"rate": HIGHEST_RATE},
        {"bandwidth": NARROWEST_BANDWIDTH},
        {"bandwidth": WIDEST_BANDWIDTH},
        {"delay": MAXIMUM_DELAY, "jitter": MAXIMUM_DELAY},
        {"loss": 1},
        {"bursts": BURSTS},
        {"cqi": TRACE},
        {"cqi": TRACE, "cqi_repeat": 1 + SHORTEST_STEP},
        {"cqi": ((0.0, 0), (SHORTEST_STEP, 15))},
        {"cqi": tuple((float(second), 1) for second in range(MAXIMUM_STEPS))},
        {"cuts": ((0.0, LATEST),) * MAXIMUM_CUTS},
    ],
)
def test_allowed(values: dict[str, Any]) -> None:
    conditions = RadioConditions(**values)
    assert msgspec.json.decode(msgspec.json.encode(conditions), type=RadioConditions) == conditions
    assert conditions.perfect == ("bandwidth" in values)


@pytest.mark.parametrize(
    ("field", "values"),
    [
        ("rate", {"rate": LOWEST_RATE - 1}),
        ("rate", {"rate": HIGHEST_RATE + 1}),
        ("rate", {"rate": 10_000, "cqi": TRACE}),
        ("bandwidth", {"bandwidth": NARROWEST_BANDWIDTH - 1}),
        ("bandwidth", {"bandwidth": WIDEST_BANDWIDTH * 2}),
        ("delay", {"delay": -0.001}),
        ("jitter", {"jitter": MAXIMUM_DELAY + 0.1}),
        ("loss", {"loss": 1.01}),
        ("loss", {"loss": math.nan}),
        ("loss", {"loss": 0.1, "bursts": BURSTS}),
        ("cqi", {"cqi": tuple((float(second), 1) for second in range(MAXIMUM_STEPS + 1))}),
        ("cqi[0][0]", {"cqi": ((0.1, 3),)}),
        ("cqi[0][1]", {"cqi": ((0.0, 16),)}),
        ("cqi[1][1]", {"cqi": ((0.0, 1), (1.0, -1))}),
        ("cqi[1][0]", {"cqi": ((0.0, 1), (SHORTEST_STEP / 2, 2))}),
        ("cqi[1][0]", {"cqi": ((0.0, 1), (LATEST + 1, 2))}),
        ("cqi_repeat", {"cqi": TRACE, "cqi_repeat": 1.0}),
        ("cqi_repeat", {"cqi_repeat": -1.0}),
        ("cuts", {"cuts": ((0.0, 1.0),) * (MAXIMUM_CUTS + 1)}),
        ("cuts[1][0]", {"cuts": ((0.0, 1.0), (-1.0, 1.0))}),
        ("cuts[0][1]", {"cuts": ((0.0, LATEST + 1),)}),
    ],
)
def test_not_allowed(field: str, values: dict[str, Any]) -> None:
    with pytest.raises(ConditionsError) as caught:
        RadioConditions(**values)
    assert caught.value.field == field
    assert caught.value.allowed
    assert str(caught.value.value) in str(caught.value)
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(msgspec.json.encode(values), type=RadioConditions)


def test_without_conditions_the_radio_is_perfect() -> None:
    assert PERFECT.perfect


def test_the_narrowest_bandwidth_still_has_a_rate_that_can_be_reported() -> None:
    assert bits_per_second(1, NARROWEST_BANDWIDTH) >= LOWEST_RATE
