"""Normalisation: the provider works it out from its own rows and ships it as plain numbers in the settings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from net4ai.functions.learning.settings import number, numbers
from net4ai.functions.nhanes import Table


@dataclass(frozen=True, slots=True)
class Normalisation:
    """Per input: what replaces a missing value, then what is taken off and divided by. The target likewise."""

    medians: tuple[float, ...]
    means: tuple[float, ...]
    scales: tuple[float, ...]
    target_mean: float
    target_scale: float

    @classmethod
    def of(cls, table: Table, rows: Sequence[int]) -> Normalisation:
        """From these rows only. An input that is the same everywhere gets scale 1."""
        inputs, target = table.inputs[list(rows)], table.target[list(rows)]
        medians = np.nanmedian(inputs, axis=0)
        filled = np.where(np.isnan(inputs), medians, inputs)
        scales = filled.std(axis=0)
        return cls(
            medians=tuple(medians.tolist()),
            means=tuple(filled.mean(axis=0).tolist()),
            scales=tuple(np.where(scales > 0, scales, 1.0).tolist()),
            target_mean=float(target.mean()),
            target_scale=float(target.std()),
        )

    @classmethod
    def from_settings(cls, settings: Mapping[str, Any], inputs: int) -> Normalisation:
        """Raises `SettingsError`."""
        return cls(
            medians=numbers(settings, "medians", inputs),
            means=numbers(settings, "means", inputs),
            scales=numbers(settings, "scales", inputs, above=0.0),
            target_mean=number(settings, "target_mean"),
            target_scale=number(settings, "target_scale", above=0.0),
        )

    def to_settings(self) -> dict[str, Any]:
        return {key: list(value) if isinstance(value, tuple) else value for key, value in asdict(self).items()}

    def apply(self, table: Table, rows: Sequence[int]) -> tuple[Tensor, Tensor]:
        """Inputs (rows, inputs) and labels (rows, 1) as float32, worked out in float64."""
        inputs = table.inputs[list(rows)]
        filled = np.where(np.isnan(inputs), self.medians, inputs)
        standard: NDArray[np.float64] = (filled - np.array(self.means)) / np.array(self.scales)
        labels = (table.target[list(rows)] - self.target_mean) / self.target_scale
        return torch.tensor(standard, dtype=torch.float32), torch.tensor(labels[:, None], dtype=torch.float32)

    def pressure(self, outputs: Tensor) -> Tensor:
        """A model's outputs (rows, 1) back in mmHg: float64 (rows,)."""
        return outputs.to(torch.float64).squeeze(1) * self.target_scale + self.target_mean
