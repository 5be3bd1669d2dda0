"""The model store: gets the trained model from the provider, hands it to servers, and gathers latencies (R5)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from net4ai.codecs.message import Message
from net4ai.functions.api import Channel, Context, Execution, Outcome, ServiceFunction, Turn
from net4ai.functions.inference.messages import Tag, from_latencies, receive, to_latencies, together


class ModelStore(ServiceFunction):
    """Concrete function, server of the inference servers. It passes the model on unread.

    When all servers have told how long predictions took, that goes to the application controller.
    """

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self._model: Message | None = None
        self._latencies: dict[int, tuple[int, NDArray[np.float64]]] = {}
        """By seat: number of terminals, and seconds."""

    async def begin(self, execution: Execution) -> None:
        """Raises `PeerError`."""
        self._latencies = {}
        if self._model is None:
            await self.context.results.send(Message(Tag.WANT_MODEL))
            self._model = await receive(self.context.results, Tag.MODEL)

    async def server_turn(self, execution: Execution, turn: Turn, client: Channel) -> None:
        """WANT_MODEL in and MODEL out, or LATENCIES in. Raises `PeerError`."""
        message = await receive(client, Tag.WANT_MODEL, Tag.LATENCIES)
        if message.tag == Tag.LATENCIES:
            self._latencies[turn.seat] = message.index, to_latencies(message)
        elif self._model is not None:
            await client.send(self._model)

    async def end(self, execution: Execution) -> Outcome:
        if self._latencies:
            terminals = sum(count for count, _ in self._latencies.values())
            everything = together(seconds for _, seconds in self._latencies.values())
            await self.context.results.send(from_latencies(everything, terminals))
        return Outcome.COMPLETE
