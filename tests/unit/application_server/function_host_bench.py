"""A function host without a node, functions that each test writes, and short words for what is said."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

from net4ai.application_server.function_host import FunctionHost
from net4ai.codecs import compute as c
from net4ai.codecs.compute import FromWorker, ToWorker
from net4ai.codecs.message import Content, Message, decode_message, encode_message
from net4ai.functions.api import Channel, Execution, Outcome, ServiceFunction, Turn
from net4ai.stack.io.virtual_loop import run_virtual

CLIENT, SERVER = 2, 1
"""Instances."""
EXECUTION = 7

Script = Callable[..., Awaitable[Any]]


def virtual(test: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    """Run a test in virtual time."""

    @functools.wraps(test)
    def run(*arguments: Any, **named: Any) -> None:
        run_virtual(test(*arguments, **named))

    return run


class Scripted(ServiceFunction):
    """A function each test writes: coroutine functions by the method they stand for."""

    scripts: dict[str, Script]

    async def begin(self, execution: Execution) -> None:
        await self.scripts.get("begin", nothing)(self, execution)

    async def client_turn(self, execution: Execution, turn: Turn, server: Channel) -> None:
        await self.scripts.get("client", nothing)(self, turn, server)

    async def server_turn(self, execution: Execution, turn: Turn, client: Channel) -> None:
        await self.scripts.get("server", nothing)(self, turn, client)

    async def end(self, execution: Execution) -> Outcome:
        found: Outcome = await self.scripts.get("end", complete)(self, execution)
        return found


async def nothing(*_: object) -> None:
    pass


async def complete(*_: object) -> Outcome:
    return Outcome.COMPLETE


class Host:
    """A function host, what it said, and short words for what a node says to it."""

    def __init__(self, **scripts: Script) -> None:
        function = type("Function", (Scripted,), {"scripts": scripts})
        self.said: list[FromWorker] = []
        self.host = FunctionHost(self.said.append, lambda name: function)

    async def tell(self, *messages: ToWorker) -> list[FromWorker]:
        """Messages at once, and all that follows from them."""
        for message in messages:
            self.host.receive(message)
        return await self.heard()

    async def heard(self) -> list[FromWorker]:
        """What was said since the last time, once nothing moves any more."""
        await asyncio.sleep(60)
        said = self.said.copy()
        self.said.clear()
        return said

    async def started(self, as_server: bool = True, seats: tuple[int, ...] = (0, 1), sequential: bool = False) -> None:
        """An instance in an execution."""
        instance = SERVER if as_server else CLIENT
        begin_message = begin(as_server, seats, sequential=sequential)
        assert await self.tell(load(instance), begin_message) == [c.Loaded(instance=instance), begun(as_server)]


def load(instance: int, **settings: Any) -> c.Load:
    return c.Load(instance=instance, function="scripted", settings=settings, private={"rows": [1, 2]})


def begin(
    as_server: bool = True, seats: tuple[int, ...] = (0, 1), execution: int = EXECUTION, sequential: bool = False
) -> c.Begin:
    return c.Begin(
        instance=SERVER if as_server else CLIENT,
        execution=execution,
        as_server=as_server,
        routine="bottom",
        round=3,
        cut=2,
        seats=list(seats),
        sequential=sequential,
    )


def begun(as_server: bool = True, detail: str = "", execution: int = EXECUTION, next_turn: int = 0) -> c.Begun:
    return c.Begun(
        instance=SERVER if as_server else CLIENT,
        execution=execution,
        as_server=as_server,
        detail=detail,
        next_turn=next_turn,
    )


def channel(seat: int = 0, as_server: bool = True) -> dict[str, Any]:
    return {
        "instance": SERVER if as_server else CLIENT,
        "execution": EXECUTION,
        "as_server": as_server,
        "seat": seat,
    }


def run_turn(seat: int = 0, turn: int = 0, repetition: int = 0, as_server: bool = True) -> c.RunTurn:
    return c.RunTurn(**channel(seat, as_server), turn=turn, repetition=repetition)


def done(seat: int = 0, turn: int = 0, error: str = "", as_server: bool = True) -> c.TurnDone:
    return c.TurnDone(**channel(seat, as_server), turn=turn, error=error)


def deliver(text: str, seat: int = 0, as_server: bool = True) -> c.Deliver:
    return c.Deliver(**channel(seat, as_server), body=encode_message(word(text)))


def close(seat: int = 0, as_server: bool = True) -> c.CloseChannel:
    return c.CloseChannel(**channel(seat, as_server))


def sent(seat: int = 0, as_server: bool = True) -> c.Sent:
    return c.Sent(**channel(seat, as_server))


def end(repetition: int = 0, execution: int = EXECUTION) -> c.End:
    return c.End(instance=SERVER, execution=execution, repetition=repetition)


def ended(outcome: Any = "complete", error: str = "", repetition: int = 0) -> c.Ended:
    return c.Ended(instance=SERVER, execution=EXECUTION, repetition=repetition, outcome=outcome, error=error)


def forget(as_server: bool = True) -> c.Forget:
    return c.Forget(instance=SERVER if as_server else CLIENT, execution=EXECUTION, as_server=as_server)


def word(text: str) -> Message:
    return Message(9, Content.JSON, text.encode())


def text(message: Message) -> str:
    return bytes(message.data).decode()


def words(said: list[FromWorker]) -> list[str]:
    """What was sent."""
    return [text(decode_message(m.body)) for m in said if isinstance(m, c.Send | c.SendResult)]


def without_log(said: list[FromWorker]) -> list[FromWorker]:
    return [message for message in said if not isinstance(message, c.Log)]


async def echo(function: ServiceFunction, turn: Turn, client: Channel) -> None:
    """Answers each word with itself; ends at "bye"."""
    while (heard := text(await client.receive())) != "bye":
        await client.send(word(f"{heard} from seat {turn.seat}"))


async def for_ever(*_: object) -> None:
    await asyncio.Event().wait()


async def talk(function: ServiceFunction, turn: Turn, other: Channel) -> None:
    for number in range(12):
        await other.send(word(str(number)))
