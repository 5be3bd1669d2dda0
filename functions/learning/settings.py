"""The settings of the learning functions: read once, checked, typed. A wrong one raises `SettingsError`."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor

from net4ai.codecs.derivation import derive
from net4ai.functions.learning.errors import SettingsError

MAXIMUM_COUNT = 1_000_000
"""Bound of rounds, epochs, batch sizes, numbers of subscribers and neurons."""

LARGEST_SEED = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Training:
    """How the model is trained: plain SGD on the mean squared error of the standardised target."""

    seed: int
    learning_rate: float = 0.05
    weight_decay: float = 0.01
    batch_size: int = 32
    epochs: int = 1
    """Local epochs: passes over a client's rows in one turn."""

    @classmethod
    def from_settings(cls, settings: Mapping[str, Any]) -> Training:
        """Raises `SettingsError`."""
        return cls(
            seed=integer(settings, "seed", 0, LARGEST_SEED),
            learning_rate=number(settings, "learning_rate", above=0.0),
            weight_decay=number(settings, "weight_decay", least=0.0),
            batch_size=integer(settings, "batch_size", 1),
            epochs=integer(settings, "epochs", 1),
        )

    def to_settings(self) -> dict[str, Any]:
        return asdict(self)

    def batches(self, round: int, seat: int, rows: int) -> Iterator[Tensor]:
        """Row numbers of each batch of one client's turn, in order. Whoever trains, the order is the same."""
        for epoch in range(self.epochs):
            generator = torch.Generator().manual_seed(derive(self.seed, "batches", round, seat, epoch))
            order = torch.randperm(rows, generator=generator)
            for first in range(0, rows, self.batch_size):
                yield order[first : first + self.batch_size]


def integer(settings: Mapping[str, Any], key: str, least: int, most: int = MAXIMUM_COUNT) -> int:
    value = settings.get(key)
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise SettingsError(key, value, f"an integer from {least} to {most}")
    return value


def number(settings: Mapping[str, Any], key: str, *, above: float | None = None, least: float | None = None) -> float:
    return _number(key, settings.get(key), above, least)


def numbers(settings: Mapping[str, Any], key: str, count: int, *, above: float | None = None) -> tuple[float, ...]:
    values = settings.get(key)
    if not isinstance(values, list | tuple) or len(values) != count:
        raise SettingsError(key, values, f"a list of {count} numbers")
    return tuple(_number(key, value, above, None) for value in values)


def _number(key: str, value: object, above: float | None, least: float | None) -> float:
    if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
        found = float(value)
        if (above is None or found > above) and (least is None or found >= least):
            return found
    bound = f" above {above:g}" if above is not None else f" of at least {least:g}" if least is not None else ""
    raise SettingsError(key, value, f"a finite number{bound}")


def choice(settings: Mapping[str, Any], key: str, allowed: Mapping[str, object]) -> str:
    value = settings.get(key)
    if not isinstance(value, str) or value not in allowed:
        raise SettingsError(key, value, ", ".join(allowed))
    return value


def section(settings: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = settings.get(key)
    if not isinstance(value, Mapping):
        raise SettingsError(key, value, "a mapping")
    return value
