"""The server of split inference: the blocks behind the cut, forward only; no loss, no label, no gradient (R16)."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from net4ai.codecs.message import Content, Message
from net4ai.functions.api import Channel, Context, Execution, Outcome, ServiceFunction, Turn
from net4ai.functions.inference.messages import (
    MAXIMUM_ROWS,
    PeerError,
    Tag,
    from_latencies,
    from_matrix,
    receive,
    to_latencies,
    to_matrix,
)
from net4ai.functions.inference.model import Parameters, forward, from_parameters, shapes, to_parameters


class InferenceServer(ServiceFunction):
    """Concrete function. Settings: `neurons`, `requests`. The model is asked of the application controller (R5).

    When all terminals are served, how long their predictions took goes to the application controller, sorted: no seat,
    no order of arrival.
    """

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        torch.set_num_threads(1)
        self._neurons = [int(size) for size in context.settings["neurons"]]
        self._requests = int(context.settings["requests"])
        self._model: Parameters = {}
        self._latencies: dict[int, NDArray[np.float64]] = {}
        """By seat."""

    async def begin(self, execution: Execution) -> None:
        """Raises `PeerError`, `ModelError`."""
        blocks = len(self._neurons) - 1
        if not 1 <= execution.cut < blocks:
            raise PeerError("cut", f"1 to {blocks - 1}: both sides compute, and no raw data is sent", execution.cut)
        self._latencies = {}
        if not self._model:
            results = self.context.results
            await results.send(Message(Tag.WANT_MODEL))
            message = await receive(results, Tag.MODEL)
            self._model = to_parameters(bytes(message.data), shapes(self._neurons, 0, blocks))

    async def server_turn(self, execution: Execution, turn: Turn, client: Channel) -> None:
        """One terminal: its blocks out, then activations in and predictions out. Raises `PeerError`."""
        cut, blocks = execution.cut, len(self._neurons) - 1
        own = from_parameters({name: self._model[name] for name in shapes(self._neurons, 0, cut)})
        await client.send(Message(Tag.MODEL, Content.TENSORS, own))
        for request in range(self._requests):
            activations = to_matrix(await receive(client, Tag.ACTIVATIONS), self._neurons[cut], MAXIMUM_ROWS)
            outputs = forward(self._model, cut, blocks, blocks, activations)
            await client.send(from_matrix(Tag.PREDICTION, outputs, request))
        self._latencies[turn.seat] = to_latencies(await receive(client, Tag.LATENCIES), self._requests)
        self.context.progress(round=execution.round, seat=turn.seat, requests=self._requests)

    async def end(self, execution: Execution) -> Outcome:
        everything = np.sort(np.concatenate([np.zeros(0), *self._latencies.values()]))
        await self.context.results.send(from_latencies(everything, len(self._latencies)))
        return Outcome.COMPLETE
