"""An in-memory host for the learning functions: channels are pairs of queues, every message is copied on the way."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from net4ai.codecs.message import Message
from net4ai.functions.api import Channel, ChannelClosed, Execution, Outcome, Role, ServiceFunction, Turn
from net4ai.functions.learning import provider
from net4ai.functions.learning.data_source import DataSource
from net4ai.functions.learning.global_training import GlobalTraining
from net4ai.functions.learning.local_training import LocalTraining
from net4ai.functions.learning.tensors import State

SUBSCRIBERS = 24
"""So each has some 157 rows, whether or not it takes part."""


class MemoryChannel:
    """One end. What is sent is copied to an odd address, as a receive buffer may be."""

    def __init__(self, incoming: asyncio.Queue[Message | None], outgoing: asyncio.Queue[Message | None]) -> None:
        self.incoming, self.outgoing = incoming, outgoing
        self.sent: list[Message] = []
        self.messages_before_loss: int | None = None

    async def send(self, message: Message) -> None:
        if self.messages_before_loss is not None and len(self.sent) >= self.messages_before_loss:
            self.close()
            raise ChannelClosed
        copy = bytearray(b"\0") + bytes(message.data)
        self.sent.append(replace(message, data=memoryview(copy)[1:], dimensions=tuple(message.dimensions)))
        await self.outgoing.put(self.sent[-1])

    async def receive(self) -> Message:
        message = await self.incoming.get()
        if message is None:
            self.incoming.put_nowait(None)
            raise ChannelClosed
        return message

    def close(self) -> None:
        self.incoming.put_nowait(None)
        self.outgoing.put_nowait(None)


def channel_pair() -> tuple[MemoryChannel, MemoryChannel]:
    up: asyncio.Queue[Message | None] = asyncio.Queue()
    down: asyncio.Queue[Message | None] = asyncio.Queue()
    return MemoryChannel(down, up), MemoryChannel(up, down)


@dataclass
class MemoryContext:
    settings: Mapping[str, Any]
    private: Mapping[str, Any] = field(default_factory=dict)
    channel: Channel | None = None
    reports: list[dict[str, float | int | str]] = field(default_factory=list)

    @property
    def results(self) -> Channel:
        assert self.channel is not None, "this function has no channel to the application controller"
        return self.channel

    def progress(self, **values: float | int | str) -> None:
        self.reports.append(values)


def execution(role: Role, round: int, cut: int, seats: Sequence[int], sequential: bool = True) -> Execution:
    return Execution(round, "test", role, round, cut, tuple(seats), sequential)


class Service:
    """Global training, local trainings and data sources in memory; `run` plays the routine managers.

    `groups`: by server, the subscriber on each seat.
    """

    def __init__(
        self,
        seed: int,
        rounds: int,
        groups: Sequence[Sequence[int]],
        cut: int,
        sequential: bool | None = None,
        **settings: Any,
    ) -> None:
        self.cut, self.groups = cut, groups
        self.subscribers = SUBSCRIBERS
        plain = provider.service_settings(seed, rounds, self.subscribers, cut, **settings)
        self.settings = json.loads(json.dumps(plain))  # they cross the control bus
        self.evaluator = provider.Evaluator(seed)
        self.controller, results = channel_pair()
        blocks = len(self.settings["local-training"]["model"]["links"])
        self.sequential = cut < blocks if sequential is None else sequential
        self.data_sources = {
            subscriber: DataSource(
                MemoryContext(self.settings["data-source"], {"subscriber": subscriber, "subscribers": self.subscribers})
            )
            for group in groups
            for subscriber in group
        }
        self.locals = [LocalTraining(MemoryContext(self.settings["local-training"])) for _ in groups]
        self.top = GlobalTraining(MemoryContext(self.settings["global-training"], channel=results))

    async def run(self, backwards: bool = False) -> State:
        """All rounds. `backwards`: clients that are started at once are started in the opposite order."""
        round, outcome = 0, Outcome.COMPLETE
        while outcome is not Outcome.STOP:
            outcome, _ = await asyncio.gather(self.round(round, backwards), self.control())
            round += 1
        assert self.evaluator.newest is not None
        return self.evaluator.newest.state

    async def control(self) -> None:
        metrics = self.evaluator.evaluate(await self.controller.receive())
        await self.controller.send(metrics.job_input())

    async def round(self, round: int, backwards: bool = False) -> Outcome:
        for local, group in zip(self.locals, self.groups, strict=True):
            clients = [self.data_sources[subscriber] for subscriber in group]
            await play(local, clients, round, self.cut, self.sequential, backwards)
        return await play(self.top, self.locals, round, self.cut, False, backwards)

    def schedule(self, rounds: int) -> list[list[list[tuple[int, int]]]]:
        """What `run` does, as the oracle wants it."""
        return [[list(enumerate(group)) for group in self.groups] for _ in range(rounds)]


async def play(
    server: ServiceFunction,
    clients: Sequence[ServiceFunction],
    round: int,
    cut: int,
    sequential: bool,
    backwards: bool = False,
) -> Outcome:
    """One execution."""
    seats = range(len(clients))
    at_server = execution(Role.SERVER, round, cut, seats, sequential)
    await server.begin(at_server)
    turns = [turn(server, client, at_server, seat) for seat, client in zip(seats, clients, strict=True)]
    if sequential:
        for each in turns:
            await each
    else:
        await asyncio.gather(*(reversed(turns) if backwards else turns))
    return await server.end(at_server)


async def turn(server: ServiceFunction, client: ServiceFunction, at_server: Execution, seat: int) -> None:
    at_client = replace(at_server, role=Role.CLIENT, seats=(seat,))
    server_end, client_end = channel_pair()
    await client.begin(at_client)
    await asyncio.gather(
        server.server_turn(at_server, Turn(seat, seat), server_end),
        client.client_turn(at_client, Turn(seat, seat), client_end),
    )


@pytest.fixture
def memory() -> type[Memory]:
    return Memory


class Memory:
    """What tests use of this file; test modules cannot import it."""

    Channel = MemoryChannel
    Context = MemoryContext
    Service = Service
    channel_pair = staticmethod(channel_pair)
    execution = staticmethod(execution)
    play = staticmethod(play)
    turn = staticmethod(turn)
