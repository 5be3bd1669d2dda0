"""The provider of the blood-pressure service: models come in, metrics go back, the best is kept, the end is judged."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest
from safetensors.torch import load_file

from net4ai.app.scenario import load_scenario
from net4ai.codecs.message import Content, Message
from net4ai.functions.inference.model import ModelFile
from net4ai.functions.learning.blood_pressure import BloodPressure
from net4ai.functions.learning.messages import Errors, Tag, from_errors
from net4ai.functions.learning.split_model import initial_state
from net4ai.functions.learning.tensors import State, from_state
from net4ai.functions.provider import ProviderContext, ProviderError, RoutineRecord

NOTHING = RoutineRecord(undefined="no round was completed")


def provider(*overrides: str) -> BloodPressure:
    scenario = load_scenario("blood-pressure", overrides)
    return BloodPressure(ProviderContext(scenario.service, scenario.settings, scenario.seed, scenario.ue_count))


def state(ours: BloodPressure, seed: int) -> State:
    return initial_state(ours.settings()["local-training"]["model"], seed)


def take(ours: BloodPressure, round: int, model: State) -> Message | None:
    message = from_state(Tag.MODEL, model)
    return ours.take("global-training", Message(message.tag, message.content, message.data, index=round))


@pytest.fixture(scope="module")
def shared() -> BloodPressure:
    return provider("settings.rounds=3")


def test_it_begins_with_the_baselines(shared: BloodPressure) -> None:
    mean, ridge = shared.baselines.mean_predictor, shared.baselines.ridge
    assert shared.opening() == [f"baselines on the test rows: mean predictor {mean:.2f} mmHg, ridge {ridge:.2f} mmHg"]
    assert 5 < ridge < mean < 30


def test_models_are_measured_answered_and_the_best_is_saved(tmp_path: Path) -> None:
    """What goes back is the validation metric alone (R5, R111); the file can be used for inference."""
    ours = provider("settings.rounds=3")
    assert (ours.line(), ours.save(tmp_path)) == ("", [])
    states = [state(ours, seed) for seed in range(3)]
    for round, model in enumerate(states):
        answer, metrics = take(ours, round, model), ours.evaluator.history[round]
        assert answer == metrics.job_input()
        assert ours.line() == (
            f"round {round + 1:2} of 3: test MAE {metrics.test_mae:.2f} mmHg, validation {metrics.validation_mae:.2f}"
        )
    errors = [metrics.validation_mae for metrics in ours.evaluator.history]
    (path,) = ours.save(tmp_path)
    saved, best = load_file(path), states[errors.index(min(errors))]
    assert saved.keys() == best.keys()
    assert all(saved[name].equal(best[name]) for name in best)
    assert ModelFile.read(str(path)).normalisation == ours.settings()["data-source"]["normalisation"]


def test_what_is_no_model_is_refused(shared: BloodPressure) -> None:
    for message in (
        Message(Tag.MODEL, Content.BYTES, b"nonsense"),
        Message(Tag.ERRORS, Content.JSON, b'{"rows": -1}'),
        Message(Tag.LABELS),
    ):
        with pytest.raises(ProviderError, match="a result that is no model: "):
            shared.take("global-training", message)


def test_the_validation_task_has_a_figure() -> None:
    ours = provider("settings.rounds=1")
    take(ours, 0, state(ours, 1))
    assert ours.findings(lambda routine: NOTHING).tables == ()
    assert ours.take("global-training", from_errors(Errors(384, 24, 384 * 12.5))) is None
    assert ours.line() == "validation task: MAE 12.50 mmHg over 384 rows that 24 terminals held out of training"
    found = ours.findings(lambda routine: NOTHING)
    assert found.lines[1] == "held out  MAE 12.50 mmHg over 384 rows that 24 terminals held out of training"
    assert found.tables[0].rows == (("mean absolute error", "12.50 mmHg"), ("rows", 384), ("terminals", 24))
    assert found.learning is not None and found.learning.final["held_out_mae"] == 12.5
    assert (found.learning.verdict, found.learning.reason) == ("not defined", "no round was completed")
    ours.take("global-training", from_errors(Errors(0, 24, 0.0)))
    assert ours.line() == "validation task: no rows were held out"


def test_fidelity_is_asked_of_the_training_routine_alone() -> None:
    asked: list[str] = []
    ours = provider()
    ours.findings(lambda routine: (asked.append(routine), NOTHING)[1])
    assert asked == ["bottom"]


def test_another_service_is_refused_in_a_line(shared: BloodPressure) -> None:
    context = shared.context
    functions = {name: each for name, each in context.description.functions.items() if name != "data-source"}
    other = msgspec.structs.replace(context.description, functions=functions)
    with pytest.raises(ProviderError, match=r"^functions global-training, local-training; known here: data-source, "):
        BloodPressure(ProviderContext(other, context.values))


@pytest.mark.parametrize("values", [{"rounds": 0}, {"holdout": 0.6}, {"nonsense": 1}, {"learning_rate": -1.0}])
def test_settings_that_do_not_fit_are_refused_in_a_line(shared: BloodPressure, values: dict[str, Any]) -> None:
    context = shared.context
    with pytest.raises(ProviderError, match=r"^settings: "):
        BloodPressure(ProviderContext(context.description, {**context.values, **values}, subscribers=24))


def test_settings_follow_from_values_and_seed() -> None:
    def training(*overrides: str) -> dict[str, Any]:
        found: dict[str, Any] = provider(*overrides).settings()["local-training"]["training"]
        return found

    one, again, other = training("settings.epochs=3", "seed=9"), training("settings.epochs=3", "seed=9"), training()
    assert one == again
    assert (one["epochs"], other["epochs"]) == (3, 1)
    assert one["seed"] != other["seed"]
