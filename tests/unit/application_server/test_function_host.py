"""The host of functions: turns, channels and their bounds, everything a function can do wrong, all in virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from function_host_bench import (
    CLIENT,
    EXECUTION,
    SERVER,
    Host,
    Script,
    Scripted,
    begin,
    begun,
    channel,
    close,
    deliver,
    done,
    echo,
    end,
    ended,
    forget,
    load,
    nothing,
    run_turn,
    sent,
    talk,
    text,
    virtual,
    without_log,
    word,
    words,
)

from net4ai.application_server import function_host, host_channel, instance
from net4ai.application_server.find_function import finder, installed_function
from net4ai.application_server.function_host import FunctionHost
from net4ai.codecs import compute as c
from net4ai.codecs.compute import FromWorker
from net4ai.codecs.message import encode_message
from net4ai.functions.api import Channel, Execution, Outcome, Role, ServiceFunction, Turn

# --- Turns


@virtual
async def test_two_hosts_joined() -> None:
    """A whole execution between a client and a server; each host's messages become the other's."""

    async def ask(function: ServiceFunction, turn: Turn, server: Channel) -> None:
        for question in ("one", "two"):
            await server.send(word(question))
            function.context.progress(heard=text(await server.receive()), turn=turn.number)
        await server.send(word("bye"))

    hosts: dict[bool, FunctionHost] = {}
    story: list[FromWorker] = []

    def reply_of(as_server: bool) -> Callable[[FromWorker], None]:
        def reply(message: FromWorker) -> None:
            if isinstance(message, c.Send):
                moved = c.Deliver(**channel(message.seat, not as_server), body=message.body)
                loop = asyncio.get_running_loop()
                loop.call_soon(hosts[not as_server].receive, moved)
                loop.call_soon(hosts[as_server].receive, sent(message.seat, as_server))
            else:
                story.append(message)

        return reply

    for as_server, script in ((True, {"server": echo}), (False, {"client": ask})):
        function = type("Function", (Scripted,), {"scripts": script})
        hosts[as_server] = FunctionHost(reply_of(as_server), lambda name, function=function: function)
        hosts[as_server].receive(load(SERVER if as_server else CLIENT))
        hosts[as_server].receive(begin(as_server, (4,)))
        hosts[as_server].receive(run_turn(4, 5, as_server=as_server))
    await asyncio.sleep(1)
    hosts[True].receive(end())
    await asyncio.sleep(1)
    heard = [
        c.Progress(instance=CLIENT, execution=EXECUTION, values={"heard": f"{q} from seat 4", "turn": 5})
        for q in ("one", "two")
    ]
    loaded = [c.Loaded(instance=SERVER), c.Loaded(instance=CLIENT)]
    begins = [begun(True), begun(False)]
    assert story == [*loaded, *begins, *heard, done(4, 5, as_server=False), done(4, 5), ended()]


@virtual
async def test_what_a_function_is_told() -> None:
    seen: list[object] = []

    async def look(function: ServiceFunction, *rest: Any) -> Any:
        seen.extend(rest[:1])
        return Outcome.STOP

    host = Host(begin=look, server=look, end=look)
    await host.started(seats=(1, 0), sequential=True)
    assert await host.tell(run_turn(1, 8, 2)) == [done(1, 8)]
    assert await host.tell(end()) == [ended("stop")]
    expected = Execution(EXECUTION, "bottom", Role.SERVER, 3, 2, (1, 0), True)
    assert seen == [expected, Turn(8, 1, 2), expected]


@virtual
async def test_settings_are_the_functions_own() -> None:
    found: list[Any] = []

    async def look(function: ServiceFunction, *_: object) -> None:
        found.append((dict(function.context.settings), dict(function.context.private)))
        function.context.settings["model"]["neurons"].append(1)

    host = Host(begin=look)
    message = load(SERVER, model={"neurons": [42]})
    await host.tell(message, begin())
    assert found == [({"model": {"neurons": [42, 1]}}, {"rows": [1, 2]})]
    assert message.settings == {"model": {"neurons": [42]}}


@virtual
async def test_turns_at_once_and_in_the_order_they_were_started() -> None:
    host = Host(server=echo)
    await host.started()
    assert await host.tell(run_turn(1, 0), run_turn(0, 1)) == []
    assert words(await host.tell(deliver("a", 0), deliver("b", 1))) == ["a from seat 0", "b from seat 1"]
    assert await host.tell(deliver("bye", 0), deliver("bye", 1)) == [done(0, 1), done(1, 0)]


@virtual
async def test_a_message_before_its_turn_is_kept() -> None:
    host = Host(server=echo)
    await host.started()
    assert await host.tell(deliver("early"), deliver("bye")) == []
    said = await host.tell(run_turn())
    assert words(said) == ["early from seat 0"]
    assert said[-1] == done()


@virtual
async def test_a_turn_waits_for_the_begin() -> None:
    opened = asyncio.Event()

    async def slow(*_: object) -> None:
        await opened.wait()

    host = Host(begin=slow)
    assert await host.tell(load(SERVER), begin(), run_turn(), end()) == [c.Loaded(instance=SERVER)]
    host = Host(begin=slow)
    assert await host.tell(load(SERVER), begin(), run_turn()) == [c.Loaded(instance=SERVER)]
    opened.set()
    assert await host.heard() == [begun(), done()]


@virtual
async def test_a_committed_turn_is_not_run_again() -> None:
    runs: list[Turn] = []

    async def count(function: ServiceFunction, turn: Turn, client: Channel) -> None:
        runs.append(turn)

    host = Host(server=count)
    await host.started()
    assert await host.tell(run_turn(0, 0)) == [done(0, 0)]
    assert await host.tell(run_turn(0, 0), run_turn(1, 1)) == [done(0, 0), done(1, 1)]
    assert runs == [Turn(0, 0), Turn(1, 1)]
    assert await host.tell(run_turn(1, 0)) == [done(1, 0, "turn 0 was committed by seat 0")]


@virtual
async def test_committed_turns_are_remembered_within_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(instance, "REMEMBERED_TURNS", 2)
    runs: list[int] = []

    async def count(function: ServiceFunction, turn: Turn, client: Channel) -> None:
        runs.append(turn.number)

    host = Host(server=count)
    await host.started()
    for turn in (0, 1, 2, 2, 1, 0):
        assert await host.tell(run_turn(0, turn)) == [done(0, turn)]
    assert runs == [0, 1, 2, 0]


@virtual
async def test_a_client_repeats_a_turn_as_it_is_told() -> None:
    async def say(function: ServiceFunction, turn: Turn, server: Channel) -> None:
        await server.send(word(f"turn {turn.number}"))

    host = Host(client=say)
    await host.started(as_server=False)
    for _ in range(2):
        said = await host.tell(run_turn(as_server=False))
        assert words(said) == ["turn 0"]
        assert said[-1] == done(as_server=False)


@virtual
async def test_a_start_repeated_during_its_turn_changes_nothing_and_another_is_refused() -> None:
    host = Host(server=echo)
    await host.started()
    assert await host.tell(run_turn(), run_turn()) == []
    assert await host.tell(run_turn(0, 1)) == [done(0, 1, "seat 0 is still in turn 0")]
    assert await host.tell(deliver("bye")) == [done()]


# --- Turns that go wrong


async def raises(*_: object) -> None:
    raise RuntimeError("out of luck")


async def exits(*_: object) -> None:
    raise SystemExit(3)


async def cancels_itself(*_: object) -> None:
    raise asyncio.CancelledError


class UnprintableError(Exception):
    def __str__(self) -> str:
        raise RuntimeError


async def raises_unprintable(*_: object) -> None:
    raise UnprintableError


async def raises_no_text(*_: object) -> None:
    raise RuntimeError("\ud800" + "x" * 5000)


@pytest.mark.parametrize(
    ("script", "error"),
    [
        (raises, "RuntimeError: out of luck"),
        (exits, "SystemExit: 3"),
        (cancels_itself, "CancelledError: "),
        (raises_unprintable, "UnprintableError: (its text cannot be had)"),
        (raises_no_text, ("RuntimeError: ?" + "x" * 5000)[: c.MAXIMUM_TEXT]),
        (lambda *_: None, "TypeError: object NoneType can't be used in 'await' expression"),
    ],
)
@virtual
async def test_an_error_in_a_function_is_told_and_the_host_lives_on(script: Script, error: str) -> None:
    host = Host(server=script, begin=nothing)
    await host.started()
    said = await host.tell(run_turn())
    assert said[-1] == done(error=error)
    assert any(isinstance(message, c.Log) for message in said)
    for message in said:
        assert c.decode_from_worker(c.encode(message)) == message
    assert await host.tell(end()) == [ended()]
    host = Host(begin=script)
    assert without_log(await host.tell(load(SERVER), begin()))[-1] == begun(detail=error)
    assert await host.tell(run_turn(), end()) == [done(error=error), ended(error=error)]
    host = Host(end=script)
    await host.started()
    assert without_log(await host.tell(end())) == [ended(error=error)]


@virtual
async def test_a_failed_turn_is_not_committed_and_its_channel_is_dead_until_closed() -> None:
    states: list[str] = []

    async def learn(function: ServiceFunction, turn: Turn, client: Channel) -> None:
        heard = [text(await client.receive()) for _ in range(2)]
        if "bad" in heard:
            raise ValueError("bad")
        states.extend(heard)

    host = Host(server=learn)
    await host.started()
    said = await host.tell(run_turn(), deliver("half"), deliver("bad"))
    assert without_log(said) == [done(error="ValueError: bad")]
    (dropped,) = await host.tell(deliver("late"))
    assert dropped == c.Dropped(instance=SERVER, reason="channel closed", octets=68)
    assert await host.tell(run_turn()) == [done(error="ChannelClosed: turn 0 failed")]
    assert await host.tell(close(), deliver("new"), run_turn(), deliver("good")) == [done()]
    assert states == ["new", "good"]


@virtual
async def test_a_malformed_message_fails_the_turn_that_reads_it() -> None:
    host = Host(server=echo)
    await host.started()
    said = await host.tell(run_turn(), c.Deliver(**channel(), body=b"N4"))
    assert without_log(said) == [done(error="DecodeError: MessagePrefix: truncated (2 octets left, 64 needed)")]


@virtual
async def test_a_closed_channel_ends_the_turn_that_waits_for_it() -> None:
    host = Host(server=echo)
    await host.started()
    assert await host.tell(run_turn(), close()) == [done(error="ChannelClosed: the session has ended")]


@virtual
async def test_a_message_that_came_before_the_end_of_its_session_is_read() -> None:
    host = Host(server=echo)
    await host.started()
    assert await host.tell(run_turn(), deliver("bye"), close()) == [done()]


@virtual
async def test_a_turn_repeated_over_a_new_session_waits_for_the_end_of_the_old_attempt() -> None:
    """And the failure of the old attempt is not taken for one of the new."""
    order: list[str] = []

    async def linger(function: ServiceFunction, turn: Turn, client: Channel) -> None:
        order.append("in")
        try:
            assert text(await client.receive()) == "bye"
        finally:
            await asyncio.sleep(0.5)
            order.append("out")

    host = Host(server=linger)
    await host.started()
    assert await host.tell(run_turn()) == []
    assert await host.tell(close(), run_turn(), deliver("bye")) == [done()]
    assert order == ["in", "out", "in", "out"]


@virtual
async def test_the_old_attempt_may_still_commit() -> None:
    """It had all it needed: the new one is then answered without being run."""
    runs: list[int] = []

    async def slow(function: ServiceFunction, turn: Turn, client: Channel) -> None:
        runs.append(turn.number)
        await client.receive()
        await asyncio.sleep(0.5)

    host = Host(server=slow)
    await host.started()
    assert await host.tell(run_turn(), deliver("all"), close(), run_turn()) == [done(), done()]
    assert runs == [0]


# --- Flow


@virtual
async def test_few_messages_go_unanswered() -> None:
    host = Host(server=talk)
    await host.started()
    assert words(await host.tell(run_turn())) == [str(n) for n in range(host_channel.UNANSWERED_SENDS)]
    assert words(await host.tell(sent())) == ["8"]
    assert words(await host.tell(sent(), sent())) == ["9", "10"]
    assert await host.tell(close()) == [done(error="ChannelClosed: the session has ended")]


@virtual
async def test_too_much_unread_breaks_the_channel() -> None:
    host = Host(server=echo)
    await host.started()
    count = host_channel.UNREAD_MESSAGES
    assert await host.tell(*[deliver("x")] * count) == []
    reasons = ["receive queue full", "channel closed"]
    dropped = [c.Dropped(instance=SERVER, reason=reason, octets=65) for reason in reasons]
    assert await host.tell(deliver("x"), deliver("x")) == dropped
    said = await host.tell(run_turn())
    left = f"ChannelClosed: the function left {count} messages, {65 * count} octets, unread"
    assert said == [done(error=left)]
    assert await host.tell(close(), run_turn(), deliver("bye")) == [done()]


# --- What is unknown


@virtual
async def test_unknown_names_are_answered() -> None:
    host = Host()
    unknown = "unknown instance"
    assert await host.tell(begin(), run_turn(), end()) == [
        begun(detail=unknown),
        done(error=unknown),
        ended(error=unknown),
    ]
    results = c.DeliverResult(instance=SERVER, body=b"x")
    assert await host.tell(deliver("x"), results) == [
        c.Dropped(instance=SERVER, reason=unknown, octets=65),
        c.Dropped(instance=SERVER, reason=unknown, octets=1),
    ]
    late = [c.Unload(instance=SERVER), c.ResultSent(instance=SERVER), c.CloseResults(instance=SERVER)]
    assert await host.tell(close(), sent(), forget(), *late) == []
    await host.tell(load(SERVER))
    unknown = "unknown execution"
    assert await host.tell(run_turn(), end(), deliver("x")) == [
        done(error=unknown),
        ended(error=unknown),
        c.Dropped(instance=SERVER, reason=unknown, octets=65),
    ]
    assert await host.tell(close(), sent(), forget()) == []
    await host.tell(begin())
    assert await host.tell(run_turn(5), deliver("x", 5)) == [
        done(5, error="unknown seat"),
        c.Dropped(instance=SERVER, reason="unknown seat", octets=65),
    ]
    assert await host.tell(close(5), sent(5), close(0), sent(0)) == []


# --- Instances


@virtual
async def test_loading_fails() -> None:
    class Picky(ServiceFunction):
        def __init__(self, context: Any) -> None:
            super().__init__(context)
            context.progress(loading=True)
            raise KeyError("training")

    said: list[FromWorker] = []
    host = FunctionHost(said.append, lambda name: Picky)
    host.receive(load(SERVER))
    assert without_log(said) == [
        c.Progress(instance=SERVER, execution=0, values={"loading": 1}),
        c.LoadFailed(instance=SERVER, detail="KeyError: 'training'"),
    ]
    host = FunctionHost(said.append)
    host.receive(c.Load(instance=SERVER, function="no-such", settings={}, private={}))
    failed = said[-1]
    assert isinstance(failed, c.LoadFailed)
    assert failed.detail.startswith("LookupError: function 'no-such' is not installed; installed: ")


@virtual
async def test_instances_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(function_host, "MAXIMUM_INSTANCES", 1)

    host = Host()
    assert await host.tell(load(1)) == [c.Loaded(instance=1)]
    failed = c.LoadFailed(instance=2, detail="LookupError: there are 1 instances already")
    assert without_log(await host.tell(load(2))) == [failed]
    assert await host.tell(load(1)) == [c.Loaded(instance=1)], "in place of the one before"
    assert await host.tell(c.Unload(instance=1), load(2)) == [c.Loaded(instance=2)]


def test_which_functions_are_found() -> None:
    here = "net4ai.functions.api:ServiceFunction"
    for modules in (["net4ai.functions.api"], ["net4ai"], ["json", "net4ai.functions"]):
        assert finder(modules)(here) is ServiceFunction
    with pytest.raises(LookupError, match="is not installed"):
        installed_function(here)
    with pytest.raises(LookupError, match="is not installed"):
        finder(["net4ai"])("no-such")
    with pytest.raises(TypeError, match="allowed: a subclass of ServiceFunction"):
        finder(["net4ai"])("net4ai.functions.api:Turn")


@pytest.mark.parametrize("modules", [[], ["net4ai.functions.ap"], ["net4ai.functions.api.more"], ["os"], [""]])
def test_modules_that_may_not_be_used(modules: list[str]) -> None:
    with pytest.raises(LookupError, match=r"its module may not be used; allowed \(function_modules\): "):
        finder(modules)("net4ai.functions.api:ServiceFunction")


# --- Results and progress


@virtual
async def test_results() -> None:
    async def report(function: ServiceFunction, execution: Execution) -> Outcome:
        results = function.context.results
        await results.send(word("model"))
        return Outcome.STOP if text(await results.receive()) == "enough" else Outcome.COMPLETE

    host = Host(end=report)
    await host.started()
    (model,) = await host.tell(end())
    assert model == c.SendResult(instance=SERVER, body=encode_message(word("model")))
    answer = c.DeliverResult(instance=SERVER, body=encode_message(word("enough")))
    assert await host.tell(c.ResultSent(instance=SERVER), answer) == [ended("stop")]
    await host.tell(begin(execution=8))
    assert await host.tell(end(execution=8)) == [model]
    (last,) = await host.tell(c.CloseResults(instance=SERVER))
    error = "ChannelClosed: the session has ended"
    assert last == c.Ended(instance=SERVER, execution=8, repetition=0, outcome="complete", error=error, closed=True)
    assert await host.tell(end(execution=8)) == [last], "that is the answer,"
    await host.tell(begin(execution=8))
    assert await host.tell(end(execution=8)) == [model], "until it begins once more; a new session is a new channel"


@virtual
async def test_progress_knows_its_execution_and_what_can_be_told() -> None:
    async def report(function: ServiceFunction, turn: Turn, client: Channel) -> None:
        function.context.progress(loss=float("nan"), best=float("inf"), step=True, name="\ud800")
        await asyncio.create_task(later(function))

    async def later(function: ServiceFunction) -> None:
        function.context.progress(x=1)

    host = Host(server=report)
    await host.started()
    said = await host.tell(run_turn())
    values = {"loss": "nan", "best": "inf", "step": 1, "name": "?"}
    assert said == [
        c.Progress(instance=SERVER, execution=EXECUTION, values=values),
        c.Progress(instance=SERVER, execution=EXECUTION, values={"x": 1}),
        done(),
    ]
