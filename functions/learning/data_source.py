"""The data source: routine client on a terminal. Its rows leave the terminal only at cut 0, with the user's consent."""

from __future__ import annotations

import torch
from torch import Tensor

from net4ai.functions import nhanes
from net4ai.functions.api import Channel, Context, Execution, ServiceFunction, Turn
from net4ai.functions.learning.determinism import prepare_torch
from net4ai.functions.learning.messages import Tag, matrix, receive
from net4ai.functions.learning.normalisation import Normalisation
from net4ai.functions.learning.settings import LARGEST_SEED, Training, choice, integer, number, section
from net4ai.functions.learning.split_model import ModelPart, Split, SplitModel
from net4ai.functions.learning.tensors import from_state, from_tensor, to_state
from net4ai.functions.learning.validation import HeldOut, take_part


class DataSource(ServiceFunction):
    """Holds one subscriber's rows; runs the first blocks of the model on them, up to the cut.

    Settings: `training`, `model`, `normalisation`, `partition` (seed, deal, holdout). Private: `subscriber` from 0, and
    `subscribers`, the number of terminals the rows were dealt to. It keeps nothing from turn to turn.
    """

    def __init__(self, context: Context) -> None:
        """Raises `SettingsError`, `DataError`."""
        super().__init__(context)
        prepare_torch()
        self._training = Training.from_settings(section(context.settings, "training"))
        self._model = SplitModel(section(context.settings, "model"))
        self._normalisation = Normalisation.from_settings(
            section(context.settings, "normalisation"), len(nhanes.INPUTS)
        )
        self._inputs, self._labels, self._held_out = self._own_rows()

    def _own_rows(self) -> tuple[Tensor, Tensor, HeldOut]:
        """To train on: normalised inputs (rows, inputs) and labels (rows, 1). And the rows that are held out."""
        settings, private = self.context.settings, self.context.private
        partition = section(settings, "partition")
        subscribers = integer(private, "subscribers", 1)
        subscriber = integer(private, "subscriber", 0, subscribers - 1)
        table = nhanes.load()
        seed = integer(partition, "seed", 0, LARGEST_SEED)
        rows = nhanes.shard(
            table,
            seed,
            subscriber,
            subscribers,
            choice(partition, "deal", nhanes.DEALS),
        )
        if not rows:
            raise nhanes.DataError(f"no row is left for this terminal: {subscribers} subscribers share the train rows")
        train, held_out = nhanes.hold_out(rows, seed, number(partition, "holdout", least=0.0))
        unseen = HeldOut(self._normalisation.apply(table, held_out)[0], torch.from_numpy(table.target[list(held_out)]))
        return *self._normalisation.apply(table, train), unseen

    async def client_turn(self, execution: Execution, turn: Turn, server: Channel) -> None:
        cut = execution.cut
        split = Split.of(cut, self._model.blocks)
        message = await receive(server, Tag.MODEL, Tag.VALIDATE)
        if message.tag == Tag.VALIDATE:
            to_pressure = self._normalisation.pressure
            await take_part(server, message, cut, self._model, self._held_out, self._training, to_pressure)
            return
        start = to_state(message, self._model.shapes(0, cut), "MODEL")
        part = self._model.part(0, cut, start, self._training)
        if split is Split.BOTTOM:
            await self._send(server, self._inputs, self._labels, step=0)
        else:
            batches = self._training.batches(execution.round, turn.seat, len(self._inputs))
            for step, batch in enumerate(batches):
                inputs, labels = self._inputs[batch], self._labels[batch]
                if split is Split.TOP:
                    part.learn(inputs, labels)
                else:
                    await self._learn_together(server, part, inputs, labels, step)
        await server.send(from_state(Tag.UPDATE, part.state(), index=len(self._inputs)))

    async def _learn_together(
        self, server: Channel, part: ModelPart, inputs: Tensor, labels: Tensor, step: int
    ) -> None:
        """One batch of middle split: activations up, gradient down."""
        activations = part.forward(inputs)
        await self._send(server, activations, labels, step)
        rows, columns = activations.shape
        part.backward(matrix(await receive(server, Tag.GRADIENT), columns, range(rows, rows + 1)))

    async def _send(self, server: Channel, activations: Tensor, labels: Tensor, step: int) -> None:
        await server.send(from_tensor(Tag.ACTIVATIONS, activations, step))
        await server.send(from_tensor(Tag.LABELS, labels, step))
