"""A host for functions in memory: channels are pairs of queues."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from net4ai.codecs.message import Message, decode_message, encode_message
from net4ai.functions.api import Channel, Execution, Outcome, Radio, Role, ServiceFunction, Turn


class PlainChannel:
    """One end. What is sent is encoded and decoded, as on its way through the network."""

    def __init__(self, incoming: asyncio.Queue[bytes], outgoing: asyncio.Queue[bytes]) -> None:
        self.incoming, self.outgoing = incoming, outgoing
        self.sent: list[Message] = []

    async def send(self, message: Message) -> None:
        self.sent.append(message)
        await self.outgoing.put(encode_message(message))

    async def receive(self) -> Message:
        return decode_message(await self.incoming.get())


def pair() -> tuple[PlainChannel, PlainChannel]:
    up: asyncio.Queue[bytes] = asyncio.Queue()
    down: asyncio.Queue[bytes] = asyncio.Queue()
    return PlainChannel(up, down), PlainChannel(down, up)


@dataclass
class PlainContext:
    settings: Mapping[str, Any] = field(default_factory=dict)
    private: Mapping[str, Any] = field(default_factory=dict)
    radio: Radio | None = None
    results: Channel = field(default_factory=lambda: pair()[0])
    reports: list[dict[str, Any]] = field(default_factory=list)

    def progress(self, **values: Any) -> None:
        self.reports.append(values)

    def log(self, line: str) -> None:
        raise AssertionError(line)


@dataclass
class PlainHost:
    """Plays the network."""

    Context = PlainContext
    pair = staticmethod(pair)
    sent_by_clients: list[Message] = field(default_factory=list)
    sent_by_servers: list[Message] = field(default_factory=list)

    async def execute(
        self,
        server: ServiceFunction,
        clients: Sequence[ServiceFunction],
        *,
        round: int = 0,
        cut: int = 0,
        routine: str = "routine",
    ) -> Outcome:
        """One execution, all clients at once."""
        seats = tuple(range(len(clients)))
        at_server = Execution(1, routine, Role.SERVER, round, cut, seats, False)
        await server.begin(at_server)
        await asyncio.gather(*(self._turn(server, client, at_server, seat) for seat, client in enumerate(clients)))
        return await server.end(at_server)

    async def _turn(self, server: ServiceFunction, client: ServiceFunction, at_server: Execution, seat: int) -> None:
        at_client = replace(at_server, role=Role.CLIENT, seats=(seat,))
        server_end, client_end = pair()
        await client.begin(at_client)
        await asyncio.gather(
            server.server_turn(at_server, Turn(seat, seat), server_end),
            client.client_turn(at_client, Turn(seat, seat), client_end),
        )
        self.sent_by_servers += server_end.sent
        self.sent_by_clients += client_end.sent


@pytest.fixture
def host() -> PlainHost:
    return PlainHost()
