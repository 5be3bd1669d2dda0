"""What a function is given: its cell in its turn, numbers and its own settings, and nobody's identity (R81)."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from enum import Enum

from function_host_bench import EXECUTION, SERVER, Host, begin, begun, channel, deliver, done, load, run_turn, virtual

from net4ai.codecs import compute as c
from net4ai.functions.api import Channel, Content, ElementType, Execution, Radio, Role, ServiceFunction, Turn


@virtual
async def test_a_terminal_hears_its_cell_in_its_turn() -> None:
    heard: list[object] = []

    async def listen(function: ServiceFunction, turn: Turn, server: Channel) -> None:
        heard.append(function.context.radio)
        await asyncio.create_task(later(function))

    async def later(function: ServiceFunction) -> None:
        heard.append(function.context.radio)

    host = Host(client=listen, begin=lambda function, _: later(function))
    await host.started(as_server=False)
    radio = c.Radio(cell=3, rsrp_dbm=-80.5, rsrq_db=-11.0, sinr_db=14.0)
    message = c.RunTurn(**channel(0, False), turn=0, repetition=0, radio=radio)
    assert await host.tell(message) == [done(as_server=False)]
    assert await host.tell(run_turn(turn=1, as_server=False)) == [done(0, 1, as_server=False)]
    cell = Radio(cell=3, rsrp_dbm=-80.5, rsrq_db=-11.0, sinr_db=14.0)
    assert heard == [None, cell, cell, None, None]


@virtual
async def test_ping() -> None:
    host = Host()
    assert await host.tell(c.Ping()) == [c.Pong()]


# --- Who is at the other end is nowhere to be seen (R81)

PLAIN = (str, int, float, bytes, memoryview, type(None), Enum)


def shown(thing: object, path: str = "") -> Iterator[tuple[str, object]]:
    """All that can be had from a thing by public names, with the way to it."""
    if isinstance(thing, PLAIN) or callable(thing):
        yield path, thing
    elif isinstance(thing, Mapping):
        for name, value in thing.items():
            yield from shown(value, f"{path}[{name}]")
    elif isinstance(thing, tuple | list):
        for value in thing:
            yield from shown(value, f"{path}[]")
    else:
        for name in dir(thing):
            if not name.startswith("_"):
                yield from shown(getattr(thing, name), f"{path}.{name}")


@virtual
async def test_what_a_function_is_given_names_nobody() -> None:
    """Numbers of execution, turn and seat, its own settings: nothing else, in the streams neither."""
    seen: dict[str, object] = {}

    async def look(function: ServiceFunction, turn: Turn, client: Channel) -> None:
        stream = await client.receive_stream()
        for name, thing in {"context": function.context, "turn": turn, "channel": client, "stream": stream}.items():
            seen.update(shown(thing, name))
        seen.update(shown(execution[0], "execution"))

    execution: list[Execution] = []

    async def keep(function: ServiceFunction, begun: Execution) -> None:
        execution.append(begun)

    host = Host(server=look, begin=keep)
    await host.tell(load(SERVER, epochs=3))
    assert await host.tell(begin(), deliver("x"), run_turn()) == [begun(), done()]
    values = {path: value for path, value in seen.items() if not callable(value)}
    assert values == {
        "context.settings[epochs]": 3,
        "context.private[rows][]": 2,
        "context.open": True,
        "context.radio": None,
        "context.results.closed": "",
        "context.result_channel.closed": "",
        "channel.closed": "",
        "turn.number": 0,
        "turn.seat": 0,
        "turn.repetition": 0,
        "stream.message.tag": 9,
        "stream.message.index": 0,
        "stream.message.content": Content.JSON,
        "stream.message.data": b"",
        "stream.message.element_type": ElementType.NONE,
        "execution.number": EXECUTION,
        "execution.routine": "bottom",
        "execution.role": Role.SERVER,
        "execution.round": 3,
        "execution.cut": 2,
        "execution.seats[]": 1,
        "execution.sequential": False,
    }
