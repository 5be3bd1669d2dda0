"""Seeded random numbers for machines, which draw none themselves."""

from __future__ import annotations

import random
from collections.abc import Callable

from net4ai.codecs.derivation import derive
from net4ai.stack.radio.gilbert_elliott import Draw


def chance_of(seed: int) -> Callable[..., Draw]:
    """Gives, for a purpose and parts as those of `derive`, random numbers that follow from `seed` and from them."""

    def draws(purpose: str, *parts: int | str) -> Draw:
        return random.Random(derive(seed, purpose, *parts)).random

    return draws
