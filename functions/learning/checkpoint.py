"""Checkpoints of the learning functions: a safetensors file of several states, and plain values as JSON within it.

Bit for bit: what is restored is what was there. No pickle.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import safetensors
import safetensors.torch
import torch

from net4ai.functions.learning.aggregation import Update
from net4ai.functions.learning.errors import FunctionError
from net4ai.functions.learning.messages import Errors
from net4ai.functions.learning.tensors import Shape, State

_VALUES = "values"


def to_checkpoint(states: Mapping[str, State], values: Mapping[str, Any]) -> bytes:
    """States by name, which has no slash, and values JSON can hold. Equal ones give equal octets."""
    tensors = {
        f"{part}/{name}": tensor.contiguous().clone()
        for part, state in states.items()
        for name, tensor in state.items()
    }
    octets = bytearray(json.dumps(values, sort_keys=True).encode())
    tensors[_VALUES] = torch.frombuffer(octets, dtype=torch.uint8)
    return safetensors.torch.save({name: tensors[name] for name in sorted(tensors)})


def from_checkpoint(octets: bytes, shapes: Mapping[str, Shape]) -> tuple[dict[str, State], dict[str, Any]]:
    """What `to_checkpoint` was given, in memory of torch's own. Each state has float32 tensors of `shapes`, or none.

    Raises `FunctionError` for a checkpoint of another model.
    """
    try:
        # Copies lie as torch lays tensors: at other alignments the same arithmetic may give other last bits.
        tensors = {name: tensor.clone() for name, tensor in safetensors.torch.load(octets).items()}
        values = json.loads(bytes(tensors.pop(_VALUES).numpy()))
    except (safetensors.SafetensorError, KeyError, ValueError, RecursionError) as error:
        raise FunctionError(f"checkpoint: {error}") from None
    states: dict[str, State] = {}
    for path, tensor in tensors.items():
        part, _, name = path.partition("/")
        states.setdefault(part, {})[name] = tensor
    for part, state in states.items():
        found = {name: tuple(tensor.shape) for name, tensor in state.items() if tensor.dtype == torch.float32}
        if found != shapes:
            raise FunctionError(f"checkpoint: {part} is of another model; expected: {dict(shapes)}")
    # A model's parameters are used in the order of its blocks.
    return {part: {name: state[name] for name in shapes} for part, state in states.items()}, values


def updates_to_states(updates: Mapping[int, Update]) -> dict[str, State]:
    """States of updates, by seat; those without are left out."""
    return {f"update {seat}": update.state for seat, update in updates.items() if update.state}


def updates_from_states(states: Mapping[str, State], rows: Mapping[str, int]) -> dict[int, Update]:
    """The reverse: `rows` by seat, as JSON has them, in order."""
    return {int(seat): Update(states.get(f"update {seat}", {}), count) for seat, count in rows.items()}


def errors_to_values(errors: Mapping[int, Errors]) -> list[list[float]]:
    """What a validation found, by seat, as JSON holds it exactly."""
    return [[seat, found.rows, found.clients, found.error_sum] for seat, found in errors.items()]


def errors_from_values(values: list[list[Any]]) -> dict[int, Errors]:
    """The reverse."""
    return {seat: Errors(rows, clients, error_sum) for seat, rows, clients, error_sum in values}
