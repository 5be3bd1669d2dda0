"""Global training: server of the top routine. Averages the local models, and decides when the job is done (R110)."""

from __future__ import annotations

import asyncio

from net4ai.functions.api import Channel, Context, Execution, Outcome, ServiceFunction, Turn
from net4ai.functions.learning.aggregation import Update, weighted_average
from net4ai.functions.learning.checkpoint import (
    errors_from_values,
    errors_to_values,
    from_checkpoint,
    to_checkpoint,
    updates_from_states,
    updates_to_states,
)
from net4ai.functions.learning.determinism import prepare_torch
from net4ai.functions.learning.errors import FunctionError
from net4ai.functions.learning.messages import Errors, Tag, from_errors, receive, row_count, to_errors, to_metric
from net4ai.functions.learning.settings import integer, section
from net4ai.functions.learning.split_model import SplitModel
from net4ai.functions.learning.tensors import State, from_state, to_state
from net4ai.functions.learning.validation import is_validation, total


class GlobalTraining(ServiceFunction):
    """Waits for the models of all seats, answers each with their average by rows, in seat order.

    After each round the model goes to the application controller (R111), whose validation metric comes back (R5).
    Settings: `model`; `rounds`, after which the job stops; `patience`, the rounds without a better metric after which
    it stops early, or None. In validation it adds up what the local trainings found, for the application controller.
    """

    def __init__(self, context: Context) -> None:
        """Raises `SettingsError`."""
        super().__init__(context)
        prepare_torch()
        settings = context.settings
        model = SplitModel(section(settings, "model"))
        self._shapes = model.shapes(0, model.blocks)
        self._rounds = integer(settings, "rounds", 1)
        self._patience = None if settings.get("patience") is None else integer(settings, "patience", 1)
        self._metrics: list[float] = []
        self._updates: dict[int, Update] = {}
        self._average: State = {}
        self._averaged = asyncio.Event()
        self._errors: dict[int, Errors] = {}

    async def begin(self, execution: Execution) -> None:
        """Raises `FunctionError` for turns that come one after another: each waits for the models of all."""
        if execution.sequential and len(execution.seats) > 1:
            raise FunctionError(f"routine {execution.routine}: global training needs its clients all at once")
        self._updates = {}
        self._averaged = asyncio.Event()
        self._errors = {}

    async def server_turn(self, execution: Execution, turn: Turn, client: Channel) -> None:
        """One turn with a local training: UPDATE in, MODEL out; in validation ERRORS in. Raises `PeerError`."""
        if is_validation(execution):
            self._errors[turn.seat] = to_errors(await receive(client, Tag.ERRORS))
            return
        message = await receive(client, Tag.UPDATE)
        self._updates[turn.seat] = Update(to_state(message, self._shapes, "UPDATE"), row_count(message))
        if not self._averaged.is_set() and self._updates.keys() >= set(execution.seats):
            self._average = weighted_average([self._updates[seat] for seat in execution.seats])
            self._averaged.set()
        await self._averaged.wait()
        await client.send(from_state(Tag.MODEL, self._average, execution.round))

    async def end(self, execution: Execution) -> Outcome:
        results = self.context.results
        if is_validation(execution):
            found = total(self._errors[seat] for seat in sorted(self._errors))
            await results.send(from_errors(found))
            self.context.progress(held_out_rows=found.rows, held_out_error_sum=found.error_sum)
            return Outcome.COMPLETE
        await results.send(from_state(Tag.MODEL, self._average, execution.round))
        metric = to_metric(await receive(results, Tag.METRIC), execution.round)
        self._metrics.append(metric)
        self.context.progress(round=execution.round, validation_mae=metric)
        return Outcome.STOP if self._finished(execution.round) else Outcome.COMPLETE

    def _finished(self, round: int) -> bool:
        if round + 1 >= self._rounds:
            return True
        best = self._metrics.index(min(self._metrics))
        return self._patience is not None and len(self._metrics) - 1 - best >= self._patience

    def checkpoint(self) -> bytes:
        """The average, what it is made of, the metrics of all rounds, what validations found."""
        values = {
            "rows": {seat: update.rows for seat, update in self._updates.items()},
            "metrics": self._metrics,
            "averaged": self._averaged.is_set(),
            "errors": errors_to_values(self._errors),
        }
        states = {"model": self._average} if self._average else {}
        return to_checkpoint({**states, **updates_to_states(self._updates)}, values)

    def restore(self, checkpoint: bytes) -> None:
        """Raises `FunctionError`."""
        states, values = from_checkpoint(checkpoint, self._shapes)
        self._average = states.get("model", {})
        self._updates = updates_from_states(states, values["rows"])
        self._metrics = values["metrics"]
        self._errors = errors_from_values(values["errors"])
        self._averaged = asyncio.Event()
        if values["averaged"]:
            self._averaged.set()
