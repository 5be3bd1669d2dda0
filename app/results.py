"""What the provider of a learning service does with results: measures each model, keeps it, answers with the metric."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

from net4ai.app.progress import Display, octets_text
from net4ai.app.scenario import Scenario
from net4ai.codecs.message import Message
from net4ai.functions.learning import provider
from net4ai.functions.learning.errors import FunctionError

FUNCTIONS = frozenset({"data-source", "local-training", "global-training"})
"""Functions this provider knows to give settings to and to take results from."""


class ResultsError(Exception):
    """The provider cannot work with this service, these settings, or what came out of the network."""


class Results:
    """The provider's side of the blood-pressure service: settings out, models in, metrics back."""

    def __init__(self, scenario: Scenario, display: Display) -> None:
        """Raises `ResultsError`."""
        self.scenario = scenario
        self.display = display
        names = {function.entry_point for function in scenario.service.functions.values()}
        if names != FUNCTIONS:
            raise ResultsError(
                f"service {scenario.service.name}: functions {', '.join(sorted(names))}; "
                f"`net4ai run` has a provider for {', '.join(sorted(FUNCTIONS))} only"
            )
        chosen: dict[str, Any] = dict(scenario.settings)
        try:
            self.settings = provider.service_settings(scenario.seed, subscribers=scenario.ue_count, **chosen)
        except (FunctionError, TypeError) as error:
            raise ResultsError(f"settings of service {scenario.service.name}: {error}") from None
        self.evaluator = provider.Evaluator(scenario.seed)
        self.baselines = provider.baselines(scenario.seed)
        self.blocks = int(self.settings["local-training"]["model"]["layers"]) - 1
        self.octets: Counter[str] = Counter()
        self.doing = "nodes start"
        self.rounds = int(scenario.settings["rounds"])
        self.news = 0
        """Counts results and reports of progress."""
        self._octets_before = 0
        self._said_registered = 0
        display.plain(
            f"baselines on the test rows: mean predictor {self.baselines.mean_predictor:.2f} mmHg, "
            f"ridge {self.baselines.ridge:.2f} mmHg"
        )

    def take(self, message: Message) -> Message:
        """A model has come: measure it on rows no terminal ever sees; the validation metric goes back (R5).

        Raises `ResultsError`.
        """
        self.news += 1
        try:
            metrics = self.evaluator.evaluate(message)
        except FunctionError as error:
            raise ResultsError(f"a result that is no model: {error}") from None
        total = sum(self.octets.values())
        sent = octets_text(total - self._octets_before)
        self._octets_before = total
        self.doing = f"round {metrics.round + 2}"
        self.display.line(
            f"round {metrics.round + 1:2} of {self.rounds}: test MAE {metrics.test_mae:.2f} mmHg, "
            f"validation {metrics.validation_mae:.2f}; {sent}"
        )
        return metrics.job_input()

    def progress(self, what: str, values: dict[str, int | float | str]) -> None:
        """The job reports."""
        self.news += 1
        if what == "function":
            if "seat" in values:
                self.doing = f"round {int(values['round']) + 1}"
            return
        details = ", ".join(f"{name} {value}" for name, value in values.items())
        self.display.line(f"{what} ({details})" if details else what)

    def registered(self, count: int, everyone: int) -> None:
        """So many terminals are attached."""
        if count == everyone != self._said_registered:
            self._said_registered = count
            self.display.line(f"{count} UEs attached and registered")

    def save(self, folder: Path) -> Path | None:
        """Save the model with the best validation metric."""
        if self.evaluator.best is None:
            return None
        path = folder / "model.safetensors"
        self.evaluator.best.save(path)
        return path
