"""The table of 5QIs."""

from __future__ import annotations

import pytest

from net4ai.codecs.five_qi import (
    CHARACTERISTICS,
    FIRST_OPERATOR_CLASS,
    LAST_OPERATOR_CLASS,
    UNKNOWN_CLASS,
    ResourceType,
    characteristics,
    contradiction,
)


def test_rows_of_the_standard() -> None:
    """A few rows of TS 23.501 table 5.7.4-1, as they are printed there."""
    voice, best_effort, automation = characteristics(1), characteristics(9), characteristics(82)
    assert (voice.resource_type, voice.priority, voice.delay_budget_ms, voice.error_rate) == (
        ResourceType.GBR, 20, 100, 1e-2,
    )  # fmt: skip
    assert (best_effort.resource_type, best_effort.priority, best_effort.delay_budget_ms) == (
        ResourceType.NON_GBR, 90, 300,
    )  # fmt: skip
    assert (automation.resource_type, automation.delay_budget_ms, automation.burst) == (
        ResourceType.DELAY_CRITICAL, 10, 255,
    )  # fmt: skip


def test_resource_types_by_number() -> None:
    by_type = {kind: {n for n, row in CHARACTERISTICS.items() if row.resource_type is kind} for kind in ResourceType}
    assert by_type[ResourceType.GBR] == {1, 2, 3, 4, 65, 66, 67, 71, 72, 73, 74, 76}
    assert by_type[ResourceType.NON_GBR] == {5, 6, 7, 8, 9, 10, 69, 70, 79, 80, 129, 130, 131}
    assert by_type[ResourceType.DELAY_CRITICAL] == {*range(82, 91), 128}
    assert all(row.burst for n, row in CHARACTERISTICS.items() if n in by_type[ResourceType.DELAY_CRITICAL])


def test_an_activation_is_larger_than_any_standard_burst() -> None:
    activation = 270_000  # TS 22.261 table 7.10.1-1
    assert max(row.burst for n, row in CHARACTERISTICS.items() if n < FIRST_OPERATOR_CLASS) < activation
    assert characteristics(128).burst >= activation


def test_operator_classes_never_discard() -> None:
    """A tensor is wanted however late it comes: DEP would only send it again."""
    assert not any(row.discard for n, row in CHARACTERISTICS.items() if n >= FIRST_OPERATOR_CLASS)


@pytest.mark.parametrize("five_qi", [0, 11, 100, 132, LAST_OPERATOR_CLASS, 255])
def test_unknown_classes_are_as_best_effort(five_qi: int) -> None:
    assert characteristics(five_qi) is UNKNOWN_CLASS


@pytest.mark.parametrize(
    ("five_qi", "guaranteed", "maximum", "wrong"),
    [
        (128, 0, 0, None),
        (128, 100, 0, None),
        (128, 100, 100, None),
        (9, 0, 100, None),
        (128, 101, 100, "maximum"),
        (9, 1, 0, "guaranteed"),
        (200, 1, 0, "guaranteed"),
    ],
)
def test_contradictions(five_qi: int, guaranteed: int, maximum: int, wrong: str | None) -> None:
    found = contradiction(five_qi, guaranteed, maximum)
    assert (found[0] if found else None) == wrong
