"""Aggregation of models: FedAvg (McMahan et al. 2017), the average weighted by rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from net4ai.functions.learning.tensors import State


@dataclass(frozen=True, slots=True)
class Update:
    """A model, and the number of rows it was trained on."""

    state: State
    rows: int


def weighted_average(updates: Sequence[Update]) -> State:
    """Σ rows · state / Σ rows, summed in float64 in the order given.

    The order changes the last bits, so callers sort by seat. One update alone comes back unchanged, bit for bit.
    """
    rows = sum(update.rows for update in updates)
    average: State = {}
    for name, first in updates[0].state.items():
        total = torch.zeros(first.shape, dtype=torch.float64)
        for update in updates:
            total += update.state[name].to(torch.float64) * update.rows
        average[name] = (total / rows).to(first.dtype)
    return average
