"""Seeded random numbers for machines, which draw none themselves."""

from __future__ import annotations

import random
from collections.abc import Callable

from net4ai.codecs.derivation import derive

Draw = Callable[[], float]
"""A random number from 0 to just below 1; each call gives another."""


def chance_of(seed: int) -> Callable[..., Draw]:
    """Gives, for a purpose and parts as those of `derive`, random numbers that follow from `seed` and from them."""

    def draws(purpose: str, *parts: int | str) -> Draw:
        return random.Random(derive(seed, purpose, *parts)).random

    return draws
