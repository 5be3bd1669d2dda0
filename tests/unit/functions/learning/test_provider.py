from __future__ import annotations

import asyncio
import json
import statistics
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import torch

from net4ai.functions.learning import provider, reference
from net4ai.functions.learning.errors import PeerError, SettingsError
from net4ai.functions.learning.messages import Tag, from_metric
from net4ai.functions.learning.split_model import initial_state, model_profile
from net4ai.functions.learning.tensors import from_state

SEED = 9


def test_settings_are_plain_data_that_json_keeps_exactly() -> None:
    settings = provider.service_settings(SEED, 15, 24, 1)
    text = json.dumps(settings)
    assert json.loads(text) == settings
    assert len(text) < 16_384, "fits a message of the control bus many times"
    assert set(settings) == {"data-source", "local-training", "global-training"}


def test_functions_learn_neither_the_seed_of_the_run_nor_more_than_they_need() -> None:
    settings = provider.service_settings(123_456_789, 15, 24, 1)
    assert "123456789" not in json.dumps(settings)
    assert set(settings["local-training"]) == {"training", "model"}
    assert set(settings["global-training"]) == {"model", "rounds", "patience"}


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"seed": -1}, "seed: -1"),
        ({"rounds": 0}, "rounds: 0"),
        ({"subscribers": 4000}, "subscribers: 4000 is not allowed; allowed: up to 3767"),
        ({"cut": 5}, "cut: 5 is not allowed; allowed: an integer from 0 to 4"),
        ({"cut": True}, "cut: True"),
        ({"neurons": [41, 1]}, "42 inputs first"),
        ({"neurons": [42, 0, 1]}, "integers from 1"),
        ({"neurons": [42]}, "a list of 2 to 64 integers"),
        ({"learning_rate": 0}, "learning_rate: 0 is not allowed; allowed: a finite number above 0"),
        ({"learning_rate": float("nan")}, "learning_rate"),
        ({"weight_decay": -0.1}, "weight_decay: -0.1 is not allowed; allowed: a finite number of at least 0"),
        ({"batch_size": 1.5}, "batch_size"),
        ({"epochs": 0}, "epochs"),
        ({"patience": 0}, "patience"),
        ({"deal": "unfair"}, "deal: 'unfair' is not allowed; allowed: mixed, by age"),
    ],
)
def test_settings_that_are_refused(change: dict[str, Any], expected: str) -> None:
    arguments: dict[str, Any] = {"seed": SEED, "rounds": 15, "subscribers": 24, "cut": 1} | change
    with pytest.raises(SettingsError, match=expected):
        provider.service_settings(**arguments)


def test_only_the_validation_metric_goes_back(tmp_path: Path) -> None:
    evaluator = provider.Evaluator(SEED)
    state = initial_state(model_profile(), 1)
    metrics = evaluator.evaluate(from_state(Tag.MODEL, state, index=4))
    assert (metrics.round, evaluator.history) == (4, [metrics])
    assert json.loads(bytes(metrics.job_input().data)) == {"round": 4, "validation_mae": metrics.validation_mae}
    assert 10 < metrics.validation_mae < 25
    assert metrics.validation_mae != metrics.test_mae
    assert evaluator.newest is not None
    evaluator.newest.save(tmp_path / "model.safetensors")
    assert reference.verdict(state, safetensors.torch.load_file(tmp_path / "model.safetensors")).identical


def test_the_best_model_is_kept() -> None:
    evaluator = provider.Evaluator(SEED)
    good = initial_state(model_profile(), 1)
    bad = {name: value + 0.5 for name, value in good.items()}
    for round, state in enumerate([bad, good, bad]):
        evaluator.evaluate(from_state(Tag.MODEL, state, index=round))
    assert evaluator.best is not None and evaluator.newest is not None
    assert (evaluator.best.metrics.round, evaluator.newest.metrics.round) == (1, 2)
    assert reference.verdict(good, evaluator.best.state).identical


def test_a_message_that_is_no_model() -> None:
    evaluator = provider.Evaluator(SEED)
    for message in (from_metric(0, 1.0), from_state(Tag.MODEL, {})):
        with pytest.raises(PeerError):
            evaluator.evaluate(message)
    assert evaluator.newest is None


def test_the_mean_predictor_is_the_model_that_always_says_0_but_for_the_mean_it_knows() -> None:
    """Worked out by two ways that share little; the model knows the mean of the validation rows only."""
    evaluator = provider.Evaluator(SEED)
    nothing = {name: torch.zeros_like(value) for name, value in initial_state(model_profile(), 1).items()}
    metrics = evaluator.evaluate(from_state(Tag.MODEL, nothing))
    assert provider.baselines(SEED).mean_predictor == pytest.approx(metrics.test_mae, abs=0.3)


def test_blood_pressure_is_learned(memory: Any) -> None:
    """Two servers with twelve clients each, cut 1, 15 rounds, seeds 0 to 2, by direct calls."""
    errors, ridges = [], []
    for seed in range(3):
        service = memory.Service(seed, 15, (tuple(range(12)), tuple(range(12, 24))), 1)
        asyncio.run(service.run())
        best, baselines = service.evaluator.best.metrics, provider.baselines(seed)
        print(f"seed {seed}: {best}, last {service.evaluator.history[-1]}, {baselines}")
        errors.append(best.test_mae)
        ridges.append(baselines.ridge)
        assert best.test_mae < baselines.ridge < baselines.mean_predictor
    assert statistics.fmean(errors) <= 12.7
    assert statistics.fmean(errors) <= statistics.fmean(ridges) - 0.2
