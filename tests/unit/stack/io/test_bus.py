"""The in-process bus under virtual time. What every backend shares is in tests/integration/test_bus.py."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import msgspec
import pytest

from net4ai.codecs.envelope import BATCH_LIFETIME, Envelope, encode, node_key
from net4ai.codecs.errors import EncodeError
from net4ai.stack.io import bus as module
from net4ai.stack.io.bus import BusFull, Hub, InProcessBus
from net4ai.stack.io.clock import LoopClock
from net4ai.stack.io.virtual_loop import run_virtual
from net4ai.stack.trace import TraceEvent

RUN_KEY = bytes(range(32))


def make(to: str, body: object = None, number: int = 0) -> Envelope:
    return Envelope(
        id=f"{number:032x}",
        kind="request",
        type="Test",
        sender="task-manager",
        to=to,
        body=msgspec.Raw(msgspec.json.encode(body)),
    )


def with_buses(scenario: Callable[[InProcessBus, InProcessBus, list[TraceEvent]], Awaitable[None]]) -> None:
    """Runs a scenario with a bus of "core" (serving task-manager) and one of "ran-1"."""

    async def main() -> None:
        clock, hub, trace = LoopClock(asyncio.get_running_loop()), Hub(), list[TraceEvent]()
        core = InProcessBus("core", RUN_KEY, clock, hub, trace.append)
        ran = InProcessBus("ran-1", RUN_KEY, clock, hub, trace.append)
        core.serve("task-manager", lambda envelope: None)
        async with core, ran:
            await scenario(core, ran, trace)

    run_virtual(main())


@pytest.mark.parametrize("where", ["core", "ran-1"])
def test_tapped_and_traced_alike_here_and_there(where: str) -> None:
    async def scenario(core: InProcessBus, ran: InProcessBus, trace: list[TraceEvent]) -> None:
        target = core if where == "core" else ran
        got: list[Envelope] = []
        seen: list[tuple[str, str, bytes]] = []
        core.tap(lambda envelope, raw, direction: seen.append((envelope.id, direction, raw)))
        if target is not core:
            target.tap(lambda envelope, raw, direction: seen.append((envelope.id, direction, raw)))
        target.serve("entity", got.append)
        core.send(make("entity", {"x": 1}, number=7))
        assert not got, "never from within send"
        await asyncio.sleep(0.1)
        assert [msgspec.json.decode(envelope.body) for envelope in got] == [{"x": 1}]
        assert got[0].process == "core"
        raw = encode(got[0], node_key(RUN_KEY, "core"))[0]
        assert seen == [(f"{7:032x}", "out", raw), (f"{7:032x}", "in", raw)]
        events = [event for event in trace if event.kind == "message"]
        assert [(event.node, event.direction, event.peer) for event in events] == [
            ("core", "out", "entity"),
            (where, "in", "task-manager"),
        ]
        assert {event.size for event in events} == {len(raw)}

    with_buses(scenario)


def test_a_receiver_may_send_and_is_not_entered_again() -> None:
    async def scenario(core: InProcessBus, ran: InProcessBus, trace: list[TraceEvent]) -> None:
        order: list[str] = []

        def receive(envelope: Envelope) -> None:
            count = msgspec.json.decode(envelope.body)
            order.append(f"enter {count}")
            if count:
                core.send(make("self", count - 1))
            order.append(f"leave {count}")

        core.serve("self", receive)
        core.send(make("self", 2))
        await asyncio.sleep(0.1)
        assert order == ["enter 2", "leave 2", "enter 1", "leave 1", "enter 0", "leave 0"]

    with_buses(scenario)


def test_queue_is_bounded() -> None:
    async def scenario(core: InProcessBus, ran: InProcessBus, trace: list[TraceEvent]) -> None:
        got: list[Envelope] = []
        core.serve("entity", got.append)
        for number in range(module.LOCAL_QUEUE_LIMIT):
            core.send(make("entity", number=number))
        with pytest.raises(BusFull):
            core.send(make("entity", number=module.LOCAL_QUEUE_LIMIT))
        assert core.drops == {"local queue full": 1}
        await asyncio.sleep(0.1)
        assert len(got) == module.LOCAL_QUEUE_LIMIT
        core.send(make("entity"))

    with_buses(scenario)


def test_failing_callbacks_do_not_end_the_bus(caplog: pytest.LogCaptureFixture) -> None:
    async def scenario(core: InProcessBus, ran: InProcessBus, trace: list[TraceEvent]) -> None:
        got: list[Envelope] = []

        def receive(envelope: Envelope) -> None:
            got.append(envelope)
            raise RuntimeError("my own fault")

        def fail(*arguments: object) -> None:
            raise RuntimeError("not the bus's")

        ran.tap(fail)
        ran.on_presence(fail)
        ran.serve("entity", receive)
        for number in range(2):
            core.send(make("entity", number=number))
        await asyncio.sleep(0.1)
        assert len(got) == 2
        assert ran.drops["receiver failed"] == 2
        assert ran.drops["tap failed"] == 2
        assert ran.drops["presence callback failed"] >= 1

    with_buses(scenario)
    assert "my own fault" in caplog.text


def test_presence_of_an_entity_served_late() -> None:
    async def scenario(core: InProcessBus, ran: InProcessBus, trace: list[TraceEvent]) -> None:
        changes: list[tuple[str, bool]] = []
        await asyncio.sleep(0)
        assert core.presence == {"task-manager": True}
        core.on_presence(lambda entity, present: changes.append((entity, present)))
        ran.serve("fpf/ran-1", lambda envelope: None)
        assert changes == [], "never from within serve"
        await asyncio.sleep(0)
        await ran.close()
        await asyncio.sleep(0)
        assert changes == [("fpf/ran-1", True), ("fpf/ran-1", False)]
        assert core.presence == {"task-manager": True, "fpf/ran-1": False}

    with_buses(scenario)


def test_unknown_entity_is_counted() -> None:
    async def scenario(core: InProcessBus, ran: InProcessBus, trace: list[TraceEvent]) -> None:
        core.send(make("nobody"))
        assert core.drops == {"no such entity": 1}
        assert [(event.drop, event.link) for event in trace if event.kind == "drop"] == [("no such entity", "bus")]

    with_buses(scenario)


def test_what_is_on_its_way_to_a_bus_that_was_left_arrives_no_more() -> None:
    """At the end of a run in one process: traces are closed already."""

    async def scenario(core: InProcessBus, ran: InProcessBus, trace: list[TraceEvent]) -> None:
        arrived: list[Envelope] = []
        core.serve("job-manager", arrived.append)
        await asyncio.sleep(1)
        ran.send(make("job-manager"))
        core.leave()
        before = len(trace)
        await asyncio.sleep(1)
        assert (arrived, trace[before:]) == ([], [])
        await core.start()

    with_buses(scenario)


def test_half_a_body_expires() -> None:
    async def scenario(core: InProcessBus, ran: InProcessBus, trace: list[TraceEvent]) -> None:
        got: list[Envelope] = []
        ran.serve("entity", got.append)
        whole = msgspec.structs.replace(make("entity", "x" * 200_000), process="core", sent=1)
        messages = encode(whole, node_key(RUN_KEY, "core"))
        for message in messages[:-1]:
            ran._arrive(message)
        await asyncio.sleep(BATCH_LIFETIME / 1e9 - 0.001)
        assert not ran.drops
        await asyncio.sleep(0.002)
        assert ran.drops == {"parts missing": 1}
        ran._arrive(messages[-1])
        assert not got, "takes effect whole or not at all"

    with_buses(scenario)


def test_misuse() -> None:
    async def scenario(core: InProcessBus, ran: InProcessBus, trace: list[TraceEvent]) -> None:
        with pytest.raises(ValueError, match="already served"):
            core.serve("task-manager", lambda envelope: None)
        with pytest.raises(EncodeError):
            core.send(make("not a name"))
        with pytest.raises(ValueError, match="not allowed"):
            InProcessBus("a/b", RUN_KEY, LoopClock(asyncio.get_running_loop()), Hub())
        with pytest.raises(ValueError, match="already on this bus"):
            await InProcessBus("core", RUN_KEY, LoopClock(asyncio.get_running_loop()), core._hub).start()

    with_buses(scenario)
