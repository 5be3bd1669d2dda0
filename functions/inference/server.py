"""The server of split inference: the blocks behind the cut, forward only; no loss, no label, no gradient (R16)."""

from __future__ import annotations

import numpy as np
import safetensors.torch
import torch
from numpy.typing import NDArray

from net4ai.codecs.message import Content, Message
from net4ai.functions.api import Channel, Context, Execution, Role, ServiceFunction, Turn
from net4ai.functions.inference.matrix import MAXIMUM_ROWS, from_matrix, to_matrix
from net4ai.functions.inference.messages import PeerError, Tag, from_latencies, receive, to_latencies, together
from net4ai.functions.inference.model import Parameters, forward, from_parameters, shapes, to_parameters

LATENCIES = "latencies."
"""Before the seat, in names of a checkpoint."""
LOAD_ROUTINE = "load"
"""The routine with the model store in which the model comes; in any other, latencies go."""


class InferenceServer(ServiceFunction):
    """Concrete function, server of the terminals, client of the model store. Settings: `neurons`, `requests`."""

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        torch.set_num_threads(1)
        self._neurons = [int(size) for size in context.settings["neurons"]]
        self._requests = int(context.settings["requests"])
        self._model: Parameters = {}
        self._latencies: dict[int, NDArray[np.float64]] = {}
        """By seat."""

    async def begin(self, execution: Execution) -> None:
        """Raises `PeerError`."""
        blocks = len(self._neurons) - 1
        if execution.role is Role.SERVER:
            self._latencies = {}
            if not 1 <= execution.cut < blocks:
                raise PeerError("cut", f"1 to {blocks - 1}: both sides compute, no raw data is sent", execution.cut)
            if not self._model:
                raise PeerError("model", f"routine {LOAD_ROUTINE} before", "none")

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

    async def client_turn(self, execution: Execution, turn: Turn, server: Channel) -> None:
        """With the model store: WANT_MODEL out and MODEL in, or LATENCIES out. Raises `PeerError`, `ModelError`."""
        if execution.routine == LOAD_ROUTINE:
            await server.send(Message(Tag.WANT_MODEL))
            message = await receive(server, Tag.MODEL)
            self._model = to_parameters(bytes(message.data), shapes(self._neurons, 0, len(self._neurons) - 1))
        else:
            await server.send(from_latencies(together(self._latencies.values()), len(self._latencies)))

    def checkpoint(self) -> bytes:
        """The model and the latencies, as one safetensors file."""
        latencies = {f"{LATENCIES}{seat}": torch.from_numpy(found) for seat, found in self._latencies.items()}
        return from_parameters({**self._model, **latencies})

    def restore(self, checkpoint: bytes) -> None:
        found: Parameters = safetensors.torch.load(checkpoint)
        self._model = {name: value for name, value in found.items() if not name.startswith(LATENCIES)}
        self._latencies = {
            int(name.removeprefix(LATENCIES)): value.numpy()
            for name, value in found.items()
            if name.startswith(LATENCIES)
        }
