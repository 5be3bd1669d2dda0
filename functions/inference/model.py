"""A trained model: read from its file, cut into parts, run forward. Nothing here can train."""

from __future__ import annotations

import importlib.resources
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import safetensors
import safetensors.torch
import torch
from numpy.typing import NDArray
from torch import Tensor

SHIPPED = "shipped"
"""Names the model that comes with net4ai: the blood-pressure scenario's, seed 0."""

MAXIMUM_FILE = 1 << 28
MAXIMUM_HEADER = 1 << 20

Parameters = dict[str, Tensor]
"""Of some blocks, by name: `block1.linear.weight` (outputs, inputs), `block1.linear.bias` (outputs)."""


class ModelError(Exception):
    """A file or a message that is no model, or another one."""


@dataclass(frozen=True, slots=True)
class Normalisation:
    """What was done to the inputs and the target when the model was trained."""

    medians: tuple[float, ...]
    means: tuple[float, ...]
    scales: tuple[float, ...]
    target_mean: float
    target_scale: float

    @classmethod
    def of(cls, values: Mapping[str, Any], inputs: int) -> Normalisation:
        """Raises `ModelError`."""
        lists = [_numbers(values, key, inputs) for key in ("medians", "means", "scales")]
        single = [_number(values, key) for key in ("target_mean", "target_scale")]
        if min(lists[2]) <= 0 or single[1] <= 0:
            raise ModelError("normalisation: scales are positive")
        return cls(lists[0], lists[1], lists[2], single[0], single[1])

    def inputs(self, rows: NDArray[np.float64]) -> Tensor:
        """Rows (n, inputs), NaN where a value is missing, as the model takes them: float32."""
        filled = np.where(np.isnan(rows), self.medians, rows)
        return torch.tensor((filled - np.array(self.means)) / np.array(self.scales), dtype=torch.float32)

    def target(self, outputs: Tensor) -> list[float]:
        """Outputs (n, 1) in the unit of the target."""
        return [float(value) * self.target_scale + self.target_mean for value in outputs[:, 0]]


def shapes(neurons: Sequence[int], start: int, stop: int) -> dict[str, tuple[int, ...]]:
    """Names and shapes of the parameters of blocks `start` to `stop`."""
    found: dict[str, tuple[int, ...]] = {}
    for block in range(start + 1, stop + 1):
        found[f"block{block}.linear.weight"] = neurons[block], neurons[block - 1]
        found[f"block{block}.linear.bias"] = (neurons[block],)
    return found


def from_parameters(parameters: Parameters) -> bytes:
    """As a safetensors file."""
    data: bytes = safetensors.torch.save(parameters)
    return data


def to_parameters(data: bytes, expected: Mapping[str, tuple[int, ...]]) -> Parameters:
    """The parameters in a safetensors file: float32, finite, these names and shapes. Raises `ModelError`."""
    try:
        found: Parameters = safetensors.torch.load(data)
    except (safetensors.SafetensorError, ValueError, KeyError) as error:
        raise ModelError(f"not a safetensors file: {error}") from error
    if {name: tuple(value.shape) for name, value in found.items()} != dict(expected):
        raise ModelError(f"parameters {sorted(found)}; expected {sorted(expected)}, each of its shape")
    for name, value in found.items():
        if value.dtype != torch.float32 or not bool(torch.isfinite(value).all()):
            raise ModelError(f"{name}: expected finite FLOAT32")
    return {name: found[name].clone() for name in expected}


@torch.no_grad()
def forward(parameters: Parameters, start: int, stop: int, blocks: int, inputs: Tensor) -> Tensor:
    """Blocks `start` to `stop` of a model of `blocks`, each linear, with a ReLU behind all but the last."""
    values = inputs
    for block in range(start + 1, stop + 1):
        weight, bias = parameters[f"block{block}.linear.weight"], parameters[f"block{block}.linear.bias"]
        values = torch.nn.functional.linear(values, weight, bias)
        if block < blocks:
            values = torch.nn.functional.relu(values)
    return values


@dataclass(frozen=True, slots=True)
class ModelFile:
    """What `net4ai run blood-pressure` leaves as model.safetensors: parameters, and how to use them."""

    data: bytes
    neurons: tuple[int, ...]
    normalisation: Mapping[str, Any]

    @classmethod
    def read(cls, name: str) -> ModelFile:
        """The model of this name: a file's, or `SHIPPED`. Raises `ModelError`."""
        try:
            shipped = importlib.resources.files(__package__) / "blood-pressure.safetensors"
            data = shipped.read_bytes() if name == SHIPPED else _read(Path(name))
        except OSError as error:
            raise ModelError(f"{name}: {error.strerror or error}") from None
        try:
            length = int.from_bytes(data[:8], "little")
            header = json.loads(data[8 : 8 + min(length, MAXIMUM_HEADER)])
            facts = json.loads(header["__metadata__"]["net4ai"])
            neurons, normalisation = tuple(facts["neurons"]), facts["normalisation"]
        except (ValueError, LookupError, TypeError, RecursionError):
            raise ModelError(f"{name}: no model that `net4ai run blood-pressure` has left") from None
        if len(neurons) < 2 or not all(type(size) is int and 1 <= size <= 1_000_000 for size in neurons):
            raise ModelError(f"{name}: neurons {neurons}; allowed: two or more positive integers")
        Normalisation.of(normalisation, neurons[0])
        to_parameters(data, shapes(neurons, 0, len(neurons) - 1))
        return cls(data, neurons, normalisation)


def _read(path: Path) -> bytes:
    if path.stat().st_size > MAXIMUM_FILE:
        raise ModelError(f"{path}: more than {MAXIMUM_FILE} octets")
    return path.read_bytes()


def _number(values: Mapping[str, Any], key: str) -> float:
    value = values.get(key)
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ModelError(f"normalisation.{key}: {value!r}; allowed: a finite number")
    return float(value)


def _numbers(values: Mapping[str, Any], key: str, count: int) -> tuple[float, ...]:
    found = values.get(key)
    if not isinstance(found, list | tuple) or len(found) != count:
        raise ModelError(f"normalisation.{key}: expected {count} numbers")
    return tuple(_number({key: each}, key) for each in found)
