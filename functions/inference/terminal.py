"""The terminal's part of split inference: first blocks on its own rows, the prediction comes back (R16)."""

from __future__ import annotations

import asyncio

import numpy as np
import torch

from net4ai.functions import nhanes
from net4ai.functions.api import Channel, Context, Execution, ServiceFunction, Turn
from net4ai.functions.inference.matrix import from_matrix, to_matrix
from net4ai.functions.inference.messages import Tag, from_latencies, receive
from net4ai.functions.inference.model import Normalisation, forward, shapes, to_parameters


class InferenceTerminal(ServiceFunction):
    """Abstract function: routine client at every terminal.

    Settings: `neurons`, `normalisation`, `requests`, `rows`, `partition_seed`. Private: `subscriber`, `subscribers`.
    What leaves are activations at the cut, and how long the predictions took; rows and predictions stay.
    """

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        torch.set_num_threads(1)
        settings, private = context.settings, context.private
        self._neurons = [int(size) for size in settings["neurons"]]
        self._requests, self._rows = int(settings["requests"]), int(settings["rows"])
        self._normalisation = Normalisation.of(settings["normalisation"], self._neurons[0])
        table, seed = nhanes.load(), int(settings["partition_seed"])
        own = nhanes.shard(table, seed, int(private["subscriber"]), int(private["subscribers"]))
        if not own:
            raise nhanes.DataError("no row is left for this terminal")
        needed = np.arange(self._requests * self._rows) % len(own)
        self._inputs = self._normalisation.inputs(table.inputs[np.array(own)[needed]])
        self.predictions: list[float] = []
        """mmHg, of the newest turn: what its owner gets."""

    async def client_turn(self, execution: Execution, turn: Turn, server: Channel) -> None:
        """The first blocks in, then a request at a time. Raises `PeerError`, `ModelError`."""
        cut, blocks, rows = execution.cut, len(self._neurons) - 1, self._rows
        message = await receive(server, Tag.MODEL)
        parameters = to_parameters(bytes(message.data), shapes(self._neurons, 0, cut))
        predictions: list[float] = []
        latencies: list[float] = []
        now = asyncio.get_running_loop().time
        for request in range(self._requests):
            began = now()
            inputs = self._inputs[request * rows : (request + 1) * rows]
            activations = forward(parameters, 0, cut, blocks, inputs)
            await server.send(from_matrix(Tag.ACTIVATIONS, activations, request))
            outputs = to_matrix(await receive(server, Tag.PREDICTION), self._neurons[-1], rows)
            latencies.append(now() - began)
            predictions += self._normalisation.target(outputs)
        await server.send(from_latencies(np.array(latencies)))
        self.predictions = predictions
