"""The host of functions when an execution ends, begins anew or is forgotten, in virtual time."""

from __future__ import annotations

import asyncio

import pytest
from function_host_bench import (
    SERVER,
    Host,
    begin,
    begun,
    deliver,
    done,
    echo,
    end,
    ended,
    for_ever,
    forget,
    load,
    nothing,
    run_turn,
    virtual,
    word,
    words,
)

from net4ai.application_server import function_host, instance
from net4ai.codecs import compute as c
from net4ai.codecs.compute import ToWorker
from net4ai.functions.api import Channel, ChannelClosed, Execution, Outcome, ServiceFunction, Turn


@virtual
async def test_a_restart_keeps_seats_channels_and_turn_numbers() -> None:
    outcomes = [Outcome.RESTART, Outcome.COMPLETE]
    begins: list[Execution] = []

    async def note(function: ServiceFunction, execution: Execution) -> None:
        begins.append(execution)

    async def decide(*_: object) -> Outcome:
        return outcomes.pop(0)

    host = Host(begin=note, server=echo, end=decide)
    await host.started()
    assert await host.tell(run_turn(0, 0), deliver("bye")) == [done(0, 0)]
    assert await host.tell(end(0)) == [ended("restart")]
    assert await host.tell(deliver("early"), end(0)) == [ended("restart")], "the answer is repeated"
    said = await host.tell(run_turn(0, 0), run_turn(0, 1, 1), deliver("bye"))
    assert words(said) == ["early from seat 0"]
    assert (said[0], said[-1]) == (done(0, 0), done(0, 1))
    assert await host.tell(end(1)) == [ended("complete", repetition=1)]
    assert await host.tell(end(1), end(0)) == [ended("complete", repetition=1), ended("restart")]
    assert len(begins) == 1


@virtual
async def test_after_the_end_nothing_is_left() -> None:
    kept: list[Channel] = []

    async def keep(function: ServiceFunction, turn: Turn, client: Channel) -> None:
        kept.append(client)

    host = Host(server=keep)
    await host.started()
    assert await host.tell(run_turn(), end()) != []
    assert await host.tell(run_turn()) == [done(error="unknown execution")]
    assert await host.tell(deliver("x")) == [c.Dropped(instance=SERVER, reason="unknown execution", octets=65)]
    for use in (kept[0].send(word("x")), kept[0].receive()):
        with pytest.raises(ChannelClosed, match="the execution has ended"):
            await use
    assert not host.host._tasks


@virtual
async def test_turns_under_way_at_the_end_are_cancelled_and_cannot_commit() -> None:
    committed: list[int] = []

    async def stubborn(function: ServiceFunction, turn: Turn, client: Channel) -> None:
        try:
            await for_ever()
        except asyncio.CancelledError:
            committed.append(turn.number)

    async def last(function: ServiceFunction, execution: Execution) -> Outcome:
        assert committed == [0, 1]
        return Outcome.RESTART

    host = Host(server=stubborn, end=last)
    await host.started()
    assert await host.tell(run_turn(0, 0), run_turn(1, 1)) == []
    assert await host.tell(end()) == [ended("restart")]
    assert await host.tell(run_turn(0, 0)) == [done(0, 0)], "that repetition is over"
    assert await host.tell(run_turn(0, 2, 1)) == [], "this one runs"


@virtual
async def test_no_turn_starts_while_the_server_ends() -> None:
    opened = asyncio.Event()

    async def slow(*_: object) -> Outcome:
        await opened.wait()
        return Outcome.RESTART

    host = Host(end=slow)
    await host.started()
    assert await host.tell(end(), end(), run_turn()) == [done(error="the execution is ending")]
    opened.set()
    assert await host.heard() == [ended("restart")]
    assert await host.tell(run_turn()) == [done()]


@virtual
async def test_an_end_that_says_nothing() -> None:
    host = Host(end=nothing)
    await host.started()
    assert await host.tell(end()) == [ended(error="TypeError: end returned NoneType; allowed: an Outcome")]


@pytest.mark.parametrize("message", [begin(), forget(), c.Unload(instance=SERVER), load(SERVER)])
@virtual
async def test_what_is_cancelled_says_nothing_any_more(message: ToWorker) -> None:
    ends: list[str] = []

    async def wait(function: ServiceFunction, turn: Turn, client: Channel) -> None:
        try:
            await client.receive()
        except ChannelClosed:
            ends.append("closed")
        except asyncio.CancelledError:
            ends.append("cancelled")
        function.context.progress(said="I am still here")
        await client.send(word("I am still here"))

    host = Host(server=wait)
    await host.started()
    await host.tell(run_turn())
    said = await host.tell(message)
    assert not any(isinstance(m, c.Send | c.TurnDone) for m in said)
    assert len(ends) == 1
    assert not host.host._tasks


@virtual
async def test_begin_anew_waits_for_the_old_one_and_forgets_its_commits() -> None:
    order: list[str] = []

    async def note(function: ServiceFunction, *_: object) -> None:
        order.append("begin")

    async def slow(function: ServiceFunction, turn: Turn, client: Channel) -> None:
        order.append("turn")
        if turn.number:
            try:
                await for_ever()
            finally:
                await asyncio.sleep(0.5)
                order.append("cleaned up")

    host = Host(begin=note, server=slow)
    await host.started()
    assert await host.tell(run_turn(0, 0), run_turn(1, 1)) == [done(0, 0)]
    assert await host.tell(begin(), run_turn(0, 0)) == [begun(), done(0, 0)]
    assert order == ["begin", "turn", "turn", "cleaned up", "begin", "turn"]
    assert await host.tell(end()) == [ended()]


@virtual
async def test_an_instance_forgets_its_oldest_execution(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(function_host, "MAXIMUM_EXECUTIONS", 2)

    host = Host(server=for_ever)
    await host.started()
    assert await host.tell(run_turn(), begin(execution=8)) == [begun(execution=8)]
    said = await host.tell(begin(execution=9))
    assert said == [
        c.Log(instance=SERVER, line="execution 7 forgotten: too many executions"),
        begun(execution=9),
    ]
    assert await host.tell(run_turn()) == [done(error="unknown execution")]
    assert not host.host._tasks


@virtual
async def test_ends_are_remembered_within_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(instance, "REMEMBERED_ENDS", 1)

    host = Host()
    await host.started()
    await host.tell(begin(execution=8), end(), end(execution=8))
    assert await host.tell(end()) == [ended(error="unknown execution")]
