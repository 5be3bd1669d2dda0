"""The fidelity oracle: the same training in plain torch, in one place, with no split, no messages, no network.

What the network trained must equal this bit for bit, on the same machine with the same torch. It shares with the
learning functions the rows, the initial model and the formula of the batch order; everything else is written anew.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from net4ai.functions import nhanes
from net4ai.functions.learning.determinism import derive, prepare_torch
from net4ai.functions.learning.normalisation import Normalisation
from net4ai.functions.learning.split_model import build_model, initial_state
from net4ai.functions.learning.tensors import State

Turns = Sequence[tuple[int, int]]
"""(seat, subscriber) of the turns at one server that were completed, in the order they were."""

Schedule = Sequence[Sequence[Turns]]
"""By round, then by server in the order of their seats at global training."""


def train(settings: Mapping[str, Any], schedule: Schedule, subscribers: int, *, averaging: bool = False) -> State:
    """The model after all rounds of `schedule`, with `settings` from `provider.service_settings`.

    Each server trains on its clients' rows in the order of the turns; the models of the servers are averaged by rows
    at the end of a round, so one server alone is centralised training. With `averaging` (top split) each client
    starts from the round's model, and a server's model is the average of its clients' by rows in seat order: FedAvg.
    """
    prepare_torch()
    training = settings["local-training"]["training"]
    profile = settings["local-training"]["model"]
    rows = _Shards(settings["data-source"], subscribers)
    state = initial_state(profile, training["seed"])
    for round, servers in enumerate(schedule):
        locals_: list[tuple[State, int]] = []
        for turns in servers:
            if averaging:
                clients = [
                    (_train_turn(profile, training, state, round, seat, *rows[subscriber]), len(rows[subscriber][0]))
                    for seat, subscriber in sorted(turns)
                ]
                locals_.append((_average(clients), sum(count for _, count in clients)))
            else:
                local, count = state, 0
                for seat, subscriber in turns:
                    local = _train_turn(profile, training, local, round, seat, *rows[subscriber])
                    count += len(rows[subscriber][0])
                locals_.append((local, count))
        state = _average(locals_)
    return state


class _Shards:
    """Normalised inputs and labels by subscriber."""

    def __init__(self, settings: Mapping[str, Any], subscribers: int) -> None:
        self._partition = settings["partition"]
        self._normalisation = Normalisation.from_settings(settings["normalisation"], len(nhanes.INPUTS))
        self._subscribers = subscribers
        self._known: dict[int, tuple[Tensor, Tensor]] = {}

    def __getitem__(self, subscriber: int) -> tuple[Tensor, Tensor]:
        if subscriber not in self._known:
            table, partition = nhanes.load(), self._partition
            rows = nhanes.shard(table, partition["seed"], subscriber, self._subscribers, partition["deal"])
            train, _ = nhanes.hold_out(rows, partition["seed"], partition["holdout"])
            self._known[subscriber] = self._normalisation.apply(table, train)
        return self._known[subscriber]


def _train_turn(
    profile: Mapping[str, Any],
    training: Mapping[str, Any],
    state: State,
    round: int,
    seat: int,
    inputs: Tensor,
    labels: Tensor,
) -> State:
    model = build_model(profile)
    model.load_state_dict(state)
    optimiser = torch.optim.SGD(model.parameters(), lr=training["learning_rate"], weight_decay=training["weight_decay"])
    for epoch in range(training["epochs"]):
        generator = torch.Generator().manual_seed(derive(training["seed"], "batches", round, seat, epoch))
        for batch in torch.randperm(len(inputs), generator=generator).split(training["batch_size"]):  # type: ignore[no-untyped-call]
            optimiser.zero_grad()
            nn.functional.mse_loss(model(inputs[batch]), labels[batch]).backward()  # type: ignore[no-untyped-call]
            optimiser.step()
    return {name: value.detach() for name, value in model.state_dict().items()}


def _average(models: Sequence[tuple[State, int]]) -> State:
    total = sum(rows for _, rows in models)
    return {
        name: (sum(state[name].double() * rows for state, rows in models) / total).to(value.dtype)  # type: ignore[union-attr]
        for name, value in models[0][0].items()
    }


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether two models are the same."""

    identical: bool
    """Same names, shapes, types and bits."""
    largest_difference: float
    """Largest absolute difference of two parameters; infinite where they cannot be compared."""

    def __str__(self) -> str:
        return "identical" if self.identical else f"different (by up to {self.largest_difference:.3g})"


def verdict(reference: State, received: State) -> Verdict:
    """Compare two models bit for bit."""
    if reference.keys() != received.keys():
        return Verdict(False, math.inf)
    largest, identical = 0.0, True
    for name, expected in reference.items():
        found = received[name]
        if found.shape != expected.shape or found.dtype != expected.dtype:
            return Verdict(False, math.inf)
        if expected.numel():
            same = torch.equal(_bits(expected), _bits(found))
            difference = (expected.double() - found.double()).abs().nan_to_num(nan=math.inf).max()
            identical, largest = identical and same, max(largest, float(difference))
    return Verdict(identical, largest)


def _bits(tensor: Tensor) -> Tensor:
    return tensor.contiguous().view(-1).view(torch.uint8)
