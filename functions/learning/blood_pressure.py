"""The provider of the blood-pressure service: measures each model, answers with the metric, keeps the best."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from net4ai.codecs.message import Message
from net4ai.functions import nhanes
from net4ai.functions.learning import reference
from net4ai.functions.learning.errors import FunctionError
from net4ai.functions.learning.messages import Errors, Tag, to_errors
from net4ai.functions.learning.provider import Evaluator, baselines, service_settings
from net4ai.functions.learning.split_model import Split
from net4ai.functions.provider import Findings, Learning, Provider, ProviderContext, ProviderError, Record, Table

FUNCTIONS = frozenset({"data-source", "local-training", "global-training"})
"""Functions this provider knows to give settings to and to take results from."""

TRAINING_ROUTINE = "bottom"
"""The routine whose turns are the training."""


class BloodPressure(Provider):
    """Settings out, models in, validation metrics back (R5); test rows stay here, for the report alone."""

    def __init__(self, context: ProviderContext) -> None:
        """Raises `ProviderError`."""
        super().__init__(context)
        functions = context.description.functions
        names = {function.entry_point for function in functions.values()}
        if names != FUNCTIONS:
            raise ProviderError(f"functions {', '.join(sorted(names))}; known here: {', '.join(sorted(FUNCTIONS))}")
        chosen: dict[str, Any] = dict(context.values)
        try:
            self._by_function = service_settings(context.seed, subscribers=max(1, context.subscribers), **chosen)
            self.evaluator = Evaluator(context.seed)
            self.baselines = baselines(context.seed)
        except (FunctionError, nhanes.DataError, TypeError) as error:
            raise ProviderError(f"settings: {error}") from None
        self.held_out: Errors | None = None
        """What the validation task found."""
        self._line = ""

    def opening(self) -> list[str]:
        mean, ridge = self.baselines.mean_predictor, self.baselines.ridge
        return [f"baselines on the test rows: mean predictor {mean:.2f} mmHg, ridge {ridge:.2f} mmHg"]

    def settings(self) -> dict[str, dict[str, Any]]:
        """Raises nothing: they were worked out before."""
        functions = self.context.description.functions
        return {name: self._by_function[function.entry_point] for name, function in functions.items()}

    def take(self, function: str, message: Message) -> Message | None:
        """A model: measured on rows no terminal ever sees, its validation metric goes back. Or what the validation
        task found. Raises `ProviderError`."""
        try:
            if message.tag == Tag.ERRORS:
                self.held_out = to_errors(message)
                self._line = f"validation task: {self._held_out()}"
                return None
            metrics = self.evaluator.evaluate(message)
        except FunctionError as error:
            raise ProviderError(f"a result that is no model: {error}") from None
        self._line = (
            f"round {metrics.round + 1:2} of {self.context.values['rounds']}: "
            f"test MAE {metrics.test_mae:.2f} mmHg, validation {metrics.validation_mae:.2f}"
        )
        return metrics.job_input()

    def line(self) -> str:
        return self._line

    def findings(self, record: Record) -> Findings:
        history, best = self.evaluator.history, self.evaluator.best
        learning = self._learning(record)
        lines: list[str] = []
        tables: tuple[Table, ...] = ()
        if best is not None:
            lines.append(
                f"test MAE  {best.metrics.test_mae:.2f} mmHg, the model of round {best.metrics.round + 1}, best by "
                f"validation; last round {history[-1].test_mae:.2f}; ridge {self.baselines.ridge:.2f}, "
                f"mean predictor {self.baselines.mean_predictor:.2f}"
            )
        if self.held_out is not None:
            lines.append(f"held out  {self._held_out()}")
            rows = (("mean absolute error", self._held_out_mae()), ("rows", self.held_out.rows))
            terminals = ("terminals", self.held_out.clients)
            note = "The last round's model, on rows that terminals held out; they told counts and sums of errors only."
            tables = (Table("Validation task", ("what", "value"), (*rows, terminals), note),)
        reason = f" ({learning.reason})" if learning.reason else ""
        lines.append(
            f"fidelity  {learning.verdict}{reason}: the network's weights beside plain torch in the same order"
        )
        return Findings(tuple(lines), tables, learning)

    def _held_out_mae(self) -> str:
        found = self.held_out
        return f"{found.error_sum / found.rows:.2f} mmHg" if found is not None and found.rows else "none"

    def _held_out(self) -> str:
        """ "MAE 12.71 mmHg over 376 rows that 24 terminals held out"."""
        found = self.held_out
        if found is None or not found.rows:
            return "no rows were held out"
        return f"MAE {self._held_out_mae()} over {found.rows} rows that {found.clients} terminals held out of training"

    def _learning(self, record: Record) -> Learning:
        history, best = self.evaluator.history, self.evaluator.best
        final: Mapping[str, float] = {}
        note = ""
        if best is not None:
            final = {
                "mae": best.metrics.test_mae,
                "mae_last_round": history[-1].test_mae,
                "validation_mae": best.metrics.validation_mae,
            }
            if self.held_out is not None and self.held_out.rows:
                final = {**final, "held_out_mae": self.held_out.error_sum / self.held_out.rows}
            note = (
                f"model of round {best.metrics.round + 1} of {len(history)}, best by validation; "
                f"last round {history[-1].test_mae:.2f}"
            )
        verdict, reason, difference = self._fidelity(record)
        return Learning(
            metric="mae",
            label="Test MAE",
            unit="mmHg",
            note=note,
            final=final,
            by_round={m.round: {"mae": m.test_mae, "validation_mae": m.validation_mae} for m in history},
            baselines={"mean predictor": self.baselines.mean_predictor, "ridge": self.baselines.ridge},
            verdict=verdict,
            reason=reason,
            largest_difference=difference,
        )

    def _fidelity(self, record: Record) -> tuple[Literal["identical", "different", "not defined"], str, float | None]:
        """Train the same in plain torch and one place, and compare bit for bit: verdict, reason, difference."""
        turns, newest = record(TRAINING_ROUTINE), self.evaluator.newest
        if turns.undefined or newest is None:
            return "not defined", turns.undefined or "no model came out", None
        blocks = int(self._by_function["local-training"]["model"]["layers"]) - 1
        expected = reference.train(
            self._by_function,
            turns.schedule(),
            self.context.subscribers,
            averaging=Split.of(int(self.context.values["cut"]), blocks) is Split.TOP,
        )
        found = reference.verdict(expected, newest.state)
        return ("identical", "", 0.0) if found.identical else ("different", "", found.largest_difference)

    def save(self, folder: Path) -> list[Path]:
        """The model with the best validation metric."""
        if self.evaluator.best is None:
            return []
        path = folder / "model.safetensors"
        self.evaluator.best.save(path)
        return [path]
