"""What the service provider does, at the application controller: settings out, metrics in, baselines beside them."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from torch import Tensor

from net4ai.codecs.message import Message
from net4ai.functions import nhanes
from net4ai.functions.learning.determinism import derive, prepare_torch
from net4ai.functions.learning.errors import PeerError, SettingsError
from net4ai.functions.learning.messages import Tag, from_metric
from net4ai.functions.learning.normalisation import Normalisation
from net4ai.functions.learning.settings import LARGEST_SEED, Training, choice, integer, number
from net4ai.functions.learning.split_model import DEFAULT_NEURONS, SplitModel, check_profile, model_profile
from net4ai.functions.learning.tensors import State, to_state

LARGEST_HOLDOUT = 0.5
"""Of a terminal's rows that it may hold out of training."""
RIDGE_PENALTY = 1.0
"""Of the ridge baseline, on normalised inputs: small against some 3,800 rows."""


def partition_seed(seed: int) -> int:
    """The seed of who holds which rows, from the run's seed."""
    return derive(seed, "partition")


@dataclass(frozen=True, slots=True)
class _Rows:
    inputs: Tensor
    """(rows, 42) float32, normalised."""
    pressure: Tensor
    """(rows,) float64, mmHg."""

    @classmethod
    def of(cls, table: nhanes.Table, rows: Sequence[int], normalisation: Normalisation) -> _Rows:
        return cls(normalisation.apply(table, rows)[0], torch.from_numpy(table.target[list(rows)]))

    def mean_absolute_error(self, predicted: Tensor) -> float:
        """Of pressures (rows,), or of one for all; mmHg."""
        return float((predicted - self.pressure).abs().mean())


class _Provider:
    """The data as the provider of a run divides it; for the baselines alone it also looks at the train rows."""

    def __init__(self, seed: int) -> None:
        table = nhanes.load()
        split = nhanes.split_rows(len(table), partition_seed(seed))
        self.normalisation = Normalisation.of(table, split.validation)
        self.train, self.validation, self.test = (
            _Rows.of(table, rows, self.normalisation) for rows in (split.train, split.validation, split.test)
        )


def service_settings(
    seed: int,
    rounds: int,
    subscribers: int,
    cut: int,
    *,
    neurons: Sequence[int] = DEFAULT_NEURONS,
    learning_rate: float = 0.05,
    weight_decay: float = 0.01,
    batch_size: int = 32,
    epochs: int = 1,
    patience: int | None = None,
    deal: str = "mixed",
    holdout: float = 0.0,
) -> dict[str, dict[str, Any]]:
    """The settings of each function of the service, as plain data. Raises `SettingsError`.

    The functions get seeds derived from `seed`, not `seed` itself, and who holds which rows is told to the data sources
    alone. This is order, not secrecy: a run's seed is a small number, and who tries them all can work out the seats.
    """
    model = model_profile(neurons)
    _check_model(model)
    numbers = {"seed": seed, "rounds": rounds, "subscribers": subscribers, "cut": cut, "patience": patience}
    integer(numbers, "seed", 0, LARGEST_SEED)
    integer(numbers, "rounds", 1)
    integer(numbers, "subscribers", 1)
    integer(numbers, "cut", 0, len(neurons) - 1)
    if patience is not None:
        integer(numbers, "patience", 1)
    choice({"deal": deal}, "deal", nhanes.DEALS)
    if number({"holdout": holdout}, "holdout", least=0.0) > LARGEST_HOLDOUT:
        raise SettingsError("holdout", holdout, f"0 to {LARGEST_HOLDOUT}")
    training = Training(derive(seed, "training"), learning_rate, weight_decay, batch_size, epochs).to_settings()
    Training.from_settings(training)
    provider = _Provider(seed)
    train_rows = len(provider.train.inputs)
    if subscribers > train_rows:
        raise SettingsError("subscribers", subscribers, f"up to {train_rows}, the number of train rows")
    return {
        "data-source": {
            "training": training,
            "model": model,
            "normalisation": provider.normalisation.to_settings(),
            "partition": {"seed": partition_seed(seed), "deal": deal, "holdout": holdout},
        },
        "local-training": {"training": training, "model": model},
        "global-training": {"model": model, "rounds": rounds, "patience": patience},
    }


def _check_model(model: dict[str, Any]) -> None:
    check_profile(model)
    neurons = model["neurons"]
    if neurons[0] != len(nhanes.INPUTS) or neurons[-1] != 1:
        raise SettingsError("neurons", neurons, f"{len(nhanes.INPUTS)} inputs first, 1 output last")


@dataclass(frozen=True, slots=True)
class Metrics:
    """Mean absolute errors of one round's model, mmHg. `test_mae` is for the report only: it never goes back."""

    round: int
    validation_mae: float
    test_mae: float

    def job_input(self) -> Message:
        """What goes back into the network: the validation metric alone."""
        return from_metric(self.round, self.validation_mae)


@dataclass(frozen=True, slots=True)
class MeasuredModel:
    """A model that came out of the network, and how good it is."""

    metrics: Metrics
    state: State
    facts: Mapping[str, Any]
    """What else one has to know to use it: neurons of each layer and normalisation, as plain data."""

    def save(self, path: str | os.PathLike[str]) -> None:
        """As a safetensors file, with `facts` as its metadata: one entry, the order of several is left to chance."""
        Path(path).write_bytes(safetensors.torch.save(self.state, {"net4ai": json.dumps(self.facts)}))


class Evaluator:
    """Measures the models that come out of the network on the provider's own rows.

    It keeps the newest model, which is what fidelity is checked on, and the best by validation error, which is what
    the provider came for.
    """

    def __init__(self, seed: int, neurons: Sequence[int] = DEFAULT_NEURONS) -> None:
        """`seed`: the run's, as given to `service_settings`. Raises `SettingsError`, `DataError`."""
        prepare_torch()
        self._model = SplitModel(model_profile(neurons))
        self._data = _Provider(seed)
        self.history: list[Metrics] = []
        """The metrics of all models so far, in order."""
        self.newest: MeasuredModel | None = None
        self.best: MeasuredModel | None = None

    def evaluate(self, message: Message) -> Metrics:
        """Metrics of a MODEL message from global training; its index is the round. Raises `PeerError`."""
        if message.tag != Tag.MODEL:
            raise PeerError("message", "MODEL", f"tag {message.tag}")
        state = to_state(message, self._model.shapes(0, self._model.blocks), "MODEL")
        metrics = Metrics(
            message.index,
            self._mean_absolute_error(state, self._data.validation),
            self._mean_absolute_error(state, self._data.test),
        )
        self.history.append(metrics)
        facts = {
            "neurons": self._model.neurons,
            "normalisation": self._data.normalisation.to_settings(),
        }
        self.newest = MeasuredModel(metrics, state, facts)
        if self.best is None or metrics.validation_mae < self.best.metrics.validation_mae:
            self.best = self.newest
        return metrics

    def _mean_absolute_error(self, state: State, rows: _Rows) -> float:
        return rows.mean_absolute_error(self._data.normalisation.pressure(self._model.predict(state, rows.inputs)))


@dataclass(frozen=True, slots=True)
class Baselines:
    """Test errors of what any model has to beat, on the same split: mean absolute errors, mmHg."""

    mean_predictor: float
    """Always the mean of the train rows."""
    ridge: float
    """Linear regression with a small penalty, given all train rows in one place."""


def baselines(seed: int) -> Baselines:
    """The baselines for a run with this seed. Raises `DataError`."""
    data = _Provider(seed)
    return Baselines(
        mean_predictor=data.test.mean_absolute_error(data.train.pressure.mean()),
        ridge=data.test.mean_absolute_error(_ridge(data.train, data.test.inputs)),
    )


def _ridge(train: _Rows, inputs: Tensor) -> Tensor:
    """Closed form, the intercept without penalty: (XᵀX + λ)w = Xᵀ(y - mean), with X centred."""
    x, centre = train.inputs.to(torch.float64), train.inputs.to(torch.float64).mean(dim=0)
    mean = train.pressure.mean()
    penalty = RIDGE_PENALTY * torch.eye(x.shape[1], dtype=torch.float64)
    weights = torch.linalg.solve((x - centre).T @ (x - centre) + penalty, (x - centre).T @ (train.pressure - mean))
    predicted: Tensor = (inputs.to(torch.float64) - centre) @ weights + mean
    return predicted
