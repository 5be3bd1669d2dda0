"""The provider's side: models come in, metrics go back and onto the screen, the best is kept."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import msgspec
import pytest
from safetensors.torch import load_file

from net4ai.app.progress import Display
from net4ai.app.results import Results, ResultsError
from net4ai.app.scenario import load_scenario
from net4ai.codecs.message import Content, Message
from net4ai.functions.learning.messages import Tag
from net4ai.functions.learning.split_model import initial_state
from net4ai.functions.learning.tensors import State, from_state


class Provider:
    """Results whose lines are kept."""

    def __init__(self, *overrides: str) -> None:
        self._out = io.StringIO()
        self.results = Results(load_scenario("blood-pressure", overrides), Display(self._out, lambda: 0.0))
        self.take_lines()

    def take_lines(self) -> list[str]:
        """What was displayed since the last time, without the time."""
        lines = [line.removeprefix("    0.0 s  ") for line in self._out.getvalue().splitlines()]
        self._out.seek(0)
        self._out.truncate()
        return lines

    def state(self, seed: int) -> State:
        return initial_state(self.results.settings["local-training"]["model"], seed)

    def take(self, round: int, state: State) -> Message:
        message = from_state(Tag.MODEL, state)
        return self.results.take(Message(message.tag, message.content, message.data, index=round))


@pytest.fixture
def provider() -> Provider:
    return Provider("settings.rounds=3")


def test_the_screen_begins_with_the_baselines() -> None:
    out = io.StringIO()
    results = Results(load_scenario("blood-pressure"), Display(out))
    mean, ridge = results.baselines.mean_predictor, results.baselines.ridge
    assert out.getvalue() == f"baselines on the test rows: mean predictor {mean:.2f} mmHg, ridge {ridge:.2f} mmHg\n"
    assert 5 < ridge < mean < 30


def test_a_model_is_measured_shown_and_answered(provider: Provider) -> None:
    provider.results.octets.update(Uu=1_500_000, T4=500_000)
    answer = provider.take(0, provider.state(1))
    metrics = provider.results.evaluator.history[0]
    assert answer == metrics.job_input()
    (line,) = provider.take_lines()
    assert line == (
        f"round  1 of 3: test MAE {metrics.test_mae:.2f} mmHg, validation {metrics.validation_mae:.2f}; 2.0 MB"
    )
    provider.results.octets.update(Uu=250)
    provider.take(1, provider.state(2))
    assert provider.take_lines()[0].endswith("; 250 B"), "only what was sent since"
    assert provider.results.doing == "round 3"


def test_the_best_by_validation_is_saved(provider: Provider, tmp_path: Path) -> None:
    states = [provider.state(seed) for seed in range(3)]
    for round, state in enumerate(states):
        provider.take(round, state)
    errors = [metrics.validation_mae for metrics in provider.results.evaluator.history]
    path = provider.results.save(tmp_path)
    assert path == tmp_path / "model.safetensors"
    saved, best = load_file(path), states[errors.index(min(errors))]
    assert saved.keys() == best.keys()
    assert all(saved[name].equal(best[name]) for name in best)


def test_nothing_is_saved_where_no_model_came(provider: Provider, tmp_path: Path) -> None:
    assert provider.results.save(tmp_path) is None
    assert not list(tmp_path.iterdir())


def test_what_is_no_model_is_refused(provider: Provider) -> None:
    with pytest.raises(ResultsError, match="a result that is no model: "):
        provider.results.take(Message(tag=Tag.MODEL, content=Content.BYTES, data=b"nonsense"))


def test_progress_of_the_job_is_a_line_of_functions_is_not(provider: Provider) -> None:
    provider.results.progress("job started", {"job": 1, "of": "train"})
    provider.results.progress("waiting", {})
    provider.results.progress("function", {"round": 4, "seat": 2})
    provider.results.progress("function", {"loss": 0.5})
    assert provider.take_lines() == ["job started (job 1, of train)", "waiting"]
    assert (provider.results.doing, provider.results.news) == ("round 5", 4)


def test_it_is_said_once_that_all_are_there(provider: Provider) -> None:
    for count in (0, 1, 2, 2, 1, 2):
        provider.results.registered(count, 2)
    assert provider.take_lines() == ["2 UEs attached and registered"]


def test_another_service_is_refused_in_a_line() -> None:
    scenario = load_scenario("blood-pressure")
    functions = {name: function for name, function in scenario.service.functions.items() if name != "data-source"}
    service = msgspec.structs.replace(scenario.service, functions=functions)
    expected = r"^service blood-pressure: functions global-training, local-training; `net4ai run` has a provider for "
    with pytest.raises(ResultsError, match=expected):
        Results(msgspec.structs.replace(scenario, service=service), Display(io.StringIO()))


def test_settings_follow_from_scenario_and_seed() -> None:
    def training(*overrides: str) -> dict[str, Any]:
        found: dict[str, Any] = Provider(*overrides).results.settings["local-training"]["training"]
        return found

    one, again, other = training("settings.epochs=3", "seed=9"), training("settings.epochs=3", "seed=9"), training()
    assert one == again
    assert (one["epochs"], other["epochs"]) == (3, 1)
    assert one["seed"] != other["seed"]
