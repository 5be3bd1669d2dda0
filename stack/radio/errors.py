"""What is wrong with the conditions somebody asks for."""

from __future__ import annotations

import math


class ConditionsError(ValueError):
    """A value that conditions of a radio cannot have."""

    def __init__(self, field: str, value: object, allowed: str) -> None:
        super().__init__(f"{field}: {value} is not allowed; allowed: {allowed}")
        self.field = field
        self.value = value
        self.allowed = allowed


def check(
    field: str, value: float, minimum: float, maximum: float, *, above: bool = False, below: bool = False
) -> None:
    """Raises `ConditionsError` unless `value` is between both, with `above` and `below` not on the border either."""
    high_enough = value > minimum if above else value >= minimum
    low_enough = value < maximum if below else value <= maximum
    if not (math.isfinite(value) and high_enough and low_enough):
        words = [f"{'above ' if above else ''}{minimum:g}", f"{'below ' if below else ''}{maximum:g}"]
        raise ConditionsError(field, value, words[0] if minimum == maximum else " to ".join(words))
