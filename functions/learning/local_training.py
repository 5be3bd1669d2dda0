"""Local training: server of the bottom routine, client of the top routine."""

from __future__ import annotations

from torch import Tensor

from net4ai.codecs.message import Message
from net4ai.functions.api import Channel, Context, Execution, Outcome, Role, ServiceFunction, Turn
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
from net4ai.functions.learning.errors import FunctionError, PeerError
from net4ai.functions.learning.messages import Errors, Tag, from_errors, matrix, receive, row_count
from net4ai.functions.learning.settings import Training, section
from net4ai.functions.learning.split_model import ModelPart, Split, SplitModel, initial_state
from net4ai.functions.learning.tensors import from_state, from_tensor, to_state
from net4ai.functions.learning.validation import is_validation, serve, total

FROM_CLIENT: dict[Split, tuple[Tag, ...]] = {
    Split.BOTTOM: (Tag.ACTIVATIONS, Tag.UPDATE),
    Split.MIDDLE: (Tag.ACTIVATIONS, Tag.UPDATE),
    Split.TOP: (Tag.UPDATE,),
}

MAXIMUM_ROWS_IN_TURN = 1 << 24
"""Rows of one client times epochs: where a client that never ends its turn is cut off."""


class LocalTraining(ServiceFunction):
    """Trains one model with the data sources of one radio computing node. Settings: `training`, `model`.

    In sequential turns the model passes from client to client: this is training in one place, in the order of the
    turns. Where turns do not build on each other (top split, or clients all at once), each starts from the same model
    and the results are averaged by rows, in seat order, when all are done (R24).

    A turn changes nothing until its last message is in: a half turn is rolled back by being forgotten.
    """

    def __init__(self, context: Context) -> None:
        """Raises `SettingsError`."""
        super().__init__(context)
        prepare_torch()
        self._training = Training.from_settings(section(context.settings, "training"))
        self._model = SplitModel(section(context.settings, "model"))
        self._state = initial_state(self._model.profile, self._training.seed)
        self._updates: dict[int, Update] = {}
        """What the turns of the newest bottom execution gave, by seat; only rows where nothing is averaged."""
        self._errors: dict[int, Errors] = {}
        """What the turns of the validation found, by seat."""

    async def begin(self, execution: Execution) -> None:
        if execution.role is Role.SERVER and is_validation(execution):
            self._errors = {}
        elif execution.role is Role.SERVER:
            self._updates = {}

    async def server_turn(self, execution: Execution, turn: Turn, client: Channel) -> None:
        """One turn with a data source; see `net4ai.functions.learning.messages`. Raises `PeerError`."""
        cut, blocks = execution.cut, self._model.blocks
        if is_validation(execution):
            self._errors[turn.seat] = await serve(client, cut, self._model, self._state, self._training)
            return
        split = Split.of(cut, blocks)
        part = self._model.part(cut, blocks, self._state, self._training)
        await client.send(from_state(Tag.MODEL, self._model.select(self._state, 0, cut), execution.round))
        seen = 0
        while (message := await receive(client, *FROM_CLIENT[split])).tag == Tag.ACTIVATIONS:
            if split is Split.BOTTOM:
                seen += await self._learn_alone(execution, turn, client, message, part)
            else:
                seen += await self._learn_together(execution, client, message, part)
            if seen > MAXIMUM_ROWS_IN_TURN:
                raise PeerError("ACTIVATIONS", f"at most {MAXIMUM_ROWS_IN_TURN} rows in a turn", seen)
        rows = row_count(message)
        expected = {Split.BOTTOM: rows, Split.MIDDLE: rows * self._training.epochs, Split.TOP: 0}[split]
        if seen != expected:
            raise PeerError("UPDATE.index", f"the number of rows in ACTIVATIONS, {seen} over all epochs", rows)
        client_part = to_state(message, self._model.shapes(0, cut), "UPDATE")
        self._commit(execution, turn, Update({**client_part, **part.state()}, rows))

    async def _learn_alone(
        self, execution: Execution, turn: Turn, client: Channel, message: Message, part: ModelPart
    ) -> int:
        """Bottom split: all rows at once; the batches are drawn here as the client would have."""
        inputs = matrix(message, self._model.neurons[0])
        labels = await self._labels(client, len(inputs))
        for batch in self._training.batches(execution.round, turn.seat, len(inputs)):
            part.learn(inputs[batch], labels[batch])
        return len(inputs)

    async def _learn_together(self, execution: Execution, client: Channel, message: Message, part: ModelPart) -> int:
        """Middle split, one batch: activations in, gradient out."""
        activations = matrix(message, self._model.neurons[execution.cut], range(1, self._training.batch_size + 1))
        gradient = part.learn(activations, await self._labels(client, len(activations)))
        await client.send(from_tensor(Tag.GRADIENT, gradient, message.index))
        return len(activations)

    async def _labels(self, client: Channel, rows: int) -> Tensor:
        return matrix(await receive(client, Tag.LABELS), self._model.neurons[-1], range(rows, rows + 1))

    def _commit(self, execution: Execution, turn: Turn, update: Update) -> None:
        if self._averages(execution):
            self._updates[turn.seat] = update
        else:
            self._updates[turn.seat] = Update({}, update.rows)
            self._state = update.state
        self.context.progress(round=execution.round, seat=turn.seat, rows=update.rows)

    def _averages(self, execution: Execution) -> bool:
        return execution.cut == self._model.blocks or not execution.sequential

    async def end(self, execution: Execution) -> Outcome:
        if not is_validation(execution) and self._averages(execution) and self._updates:
            self._state = weighted_average([self._updates[seat] for seat in sorted(self._updates)])
        return Outcome.COMPLETE

    async def client_turn(self, execution: Execution, turn: Turn, server: Channel) -> None:
        """One turn with global training: UPDATE out, MODEL in; in validation ERRORS out. Raises `PeerError`."""
        if is_validation(execution):
            await server.send(from_errors(total(self._errors[seat] for seat in sorted(self._errors))))
            return
        rows = sum(update.rows for update in self._updates.values())
        if rows == 0:
            raise FunctionError("local training has nothing to send: no turn of the bottom routine was completed")
        await server.send(from_state(Tag.UPDATE, self._state, rows))
        message = await receive(server, Tag.MODEL)
        self._state = to_state(message, self._model.shapes(0, self._model.blocks), "MODEL")

    def checkpoint(self) -> bytes:
        """The model, what turns gave, what validations found."""
        values = {
            "rows": {seat: update.rows for seat, update in self._updates.items()},
            "errors": errors_to_values(self._errors),
        }
        return to_checkpoint({"model": self._state, **updates_to_states(self._updates)}, values)

    def restore(self, checkpoint: bytes) -> None:
        """Raises `FunctionError`."""
        states, values = from_checkpoint(checkpoint, self._model.shapes(0, self._model.blocks))
        self._state = states["model"]
        self._updates = updates_from_states(states, values["rows"])
        self._errors = errors_from_values(values["errors"])
