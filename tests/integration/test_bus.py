"""One behaviour, every backend: in one process, over mosquitto, over the embedded broker."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import aiomqtt
import msgspec
import pytest
from bus_world import (
    OTHER_KEY,
    RUN_KEY,
    Inbox,
    World,
    WorldRun,
    make,
    mqtt_bus,
    presence,
    raw_client,
    run,
    until,
    worlds,
)

from net4ai.codecs.envelope import MAXIMUM_BODY, Envelope, encode, node_key
from net4ai.codecs.errors import EncodeError
from net4ai.stack.io import bus_mqtt
from net4ai.stack.io.broker import Broker
from net4ai.stack.io.bus import Bus, BusFull
from net4ai.stack.io.bus_mqtt import MqttBus
from net4ai.stack.io.child_process import ChildProcess
from net4ai.stack.io.clock import SystemClock


def test_request_and_reply_between_processes_and_within_one(in_world: WorldRun) -> None:
    async def scenario(world: World) -> None:
        core, ran = await world.join("core"), await world.join("ran-1")
        replies = Inbox(core, "task-manager")

        def answer(bus: Bus, me: str) -> Callable[[Envelope], None]:
            return lambda request: bus.send(
                make(request.sender, [me, msgspec.json.decode(request.body)], sender=me, kind="reply")
            )

        ran.serve("fpf/ran-1", answer(ran, "fpf/ran-1"))
        core.serve("routine-manager", answer(core, "routine-manager"))
        await presence(core, "fpf/ran-1", True)
        await presence(ran, "task-manager", True)
        for number, entity in enumerate(("fpf/ran-1", "routine-manager")):
            core.send(make(entity, number, number=number))
            reply = await replies.get()
            assert (reply.kind, reply.sender, msgspec.json.decode(reply.body)) == ("reply", entity, [entity, number])
        assert not core.drops and not ran.drops

    in_world(scenario)


def test_order_is_kept(in_world: WorldRun) -> None:
    async def scenario(world: World) -> None:
        core, ran = await world.join("core"), await world.join("ran-1")
        inbox = Inbox(ran, "fpf/ran-1")
        await presence(core, "fpf/ran-1", True)
        for number in range(300):
            core.send(make("fpf/ran-1", number, number=number))
        assert await inbox.bodies(300) == list(range(300))

    in_world(scenario)


def test_a_large_body_goes_in_parts(in_world: WorldRun) -> None:
    async def scenario(world: World) -> None:
        core, ran = await world.join("core"), await world.join("ran-1")
        seen: list[tuple[str, int]] = []
        core.tap(lambda envelope, raw, direction: seen.append((direction, envelope.part)))
        ran.tap(lambda envelope, raw, direction: seen.append((direction, envelope.part)))
        inboxes = {"fpf/ran-1": Inbox(ran, "fpf/ran-1"), "task-manager": Inbox(core, "task-manager")}
        await presence(core, "fpf/ran-1", True)
        body = {"clients": ["é" * 50] * 5_000}
        for entity, inbox in inboxes.items():
            seen.clear()
            core.send(make(entity, body))
            whole = await inbox.get()
            assert msgspec.json.decode(whole.body) == body
            count = len(seen) // 2
            assert count > 1
            assert sorted(seen) == sorted((way, part) for way in ("in", "out") for part in range(count))
        with pytest.raises(EncodeError, match="at most"):
            core.send(make("fpf/ran-1", "x" * MAXIMUM_BODY))

    in_world(scenario)


def test_presence_of_those_who_come_and_go(in_world: WorldRun) -> None:
    async def scenario(world: World) -> None:
        core = await world.join("core")
        core.serve("task-manager", lambda envelope: None)
        await presence(core, "task-manager", True)
        ran = world.make("ran-1")
        ran.serve("fpf/ran-1", lambda envelope: None)
        await ran.start()
        await presence(core, "fpf/ran-1", True)
        ran.serve("cpf/ran-1", lambda envelope: None)
        await presence(core, "cpf/ran-1", True)
        await presence(ran, "task-manager", True)
        assert "edge" not in core.presence
        await ran.close()
        await presence(core, "fpf/ran-1", False)
        assert core.presence == {"task-manager": True, "fpf/ran-1": False, "cpf/ran-1": False}
        late = await world.join("edge")
        late.serve("fpf/edge", lambda envelope: None)
        await presence(late, "task-manager", True)
        await presence(core, "fpf/edge", True)

    in_world(scenario)


def test_a_wrong_signature_is_dropped_and_counted(in_world: WorldRun) -> None:
    async def scenario(world: World) -> None:
        core, rogue = await world.join("core"), await world.join("rogue", OTHER_KEY)
        inbox = Inbox(core, "task-manager")
        honest = await world.join("ran-1")
        honest.serve("fpf/ran-1", lambda envelope: None)
        await presence(honest, "task-manager", True)
        if isinstance(rogue, MqttBus):
            await rogue.connected()
        rogue.send(make("task-manager", "forged", sender="fpf/ran-1"))
        await until(lambda: core.drops["bad signature"] > 0)
        honest.send(make("task-manager", "true", sender="fpf/ran-1"))
        assert await inbox.bodies(1) == ["true"]

    in_world(scenario)


# What only exists over a broker

LOST_PROCESS = """
import asyncio, sys
from net4ai.stack.io.bus_mqtt import MqttBus
from net4ai.stack.io.clock import SystemClock
from net4ai.stack.io.child_process import read_first_line

async def main():
    port, username, password, quality = read_first_line().decode().split()
    bus = MqttBus("ran-1", bytes(range(32)), SystemClock(), "127.0.0.1", int(port), username=username,
                  password=password, quality_of_service=int(quality))
    bus.serve("fpf/ran-1", lambda envelope: None)
    async with bus:
        await asyncio.Event().wait()

asyncio.run(main())
"""


def test_a_killed_process_becomes_absent(in_mqtt_world: WorldRun) -> None:
    async def scenario(world: World) -> None:
        core, broker = await world.join("core"), world.broker
        lines: list[str] = []
        child = await ChildProcess.start(
            "ran-1",
            [sys.executable, "-P", "-c", LOST_PROCESS],
            lines.append,
            first_line=f"{broker.port} {broker.username} {broker.password} {broker.quality_of_service}".encode(),
        )
        try:
            await presence(core, "fpf/ran-1", True)
            os.kill(child.pid, signal.SIGKILL)
            await presence(core, "fpf/ran-1", False)
            assert await child.wait() == -signal.SIGKILL
            late = await world.join("edge")
            assert isinstance(late, MqttBus)
            await late.connected()
            assert "fpf/ran-1" not in late.presence, "nothing retained is left of it"
        finally:
            await child.terminate()
        assert lines == []

    in_mqtt_world(scenario)


def test_who_leaves_late_does_not_take_its_successor_along(in_mqtt_world: WorldRun) -> None:
    """A node that was killed is started again while its orphaned application server of the same name still ends."""

    async def scenario(world: World) -> None:
        core, successor = await world.join("core"), await world.join("ran-1")
        successor.serve("fpf/ran-1", lambda envelope: None)
        await presence(core, "fpf/ran-1", True)
        seen: list[tuple[str, bool]] = []
        core.on_presence(lambda *change: seen.append(change))
        async with raw_client(world.broker) as client:
            await client.publish("net4ai/v1/reg/ran-1", b"", qos=1, retain=True)
        await until(lambda: seen == [("fpf/ran-1", False), ("fpf/ran-1", True)])

    in_mqtt_world(scenario)


def test_broker_restart(in_mqtt_world: WorldRun, caplog: pytest.LogCaptureFixture) -> None:
    async def scenario(world: World) -> None:
        core, ran = await world.join("core"), await world.join("ran-1")
        inbox = Inbox(ran, "fpf/ran-1")
        await presence(core, "fpf/ran-1", True)
        await world.broker.stop(kill=True)
        await presence(core, "fpf/ran-1", False)
        core.send(make("fpf/ran-1", "sent while away"))
        await world.broker.launch()
        await presence(core, "fpf/ran-1", True)
        core.send(make("fpf/ran-1", "sent after", number=1))
        # The first may have gone out before ran-1 was back: then only a repetition (not the bus's job) would help.
        while (await inbox.bodies(1)) != ["sent after"]:
            pass

    with caplog.at_level(logging.INFO):
        in_mqtt_world(scenario)
    assert "no connection to the broker at 127.0.0.1:" in caplog.text


def test_any_start_order(caplog: pytest.LogCaptureFixture, tmp_path: Path) -> None:
    """The bus first, then the broker: the missing one is named with its address, what was sent arrives."""

    async def scenario() -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        broker = Broker(tmp_path, "iotcore", port, None)
        core = mqtt_bus(broker, "core")
        warned = asyncio.Event()
        handler = logging.Handler()
        handler.emit = lambda record: warned.set()  # type: ignore[method-assign]
        bus_mqtt.log.addHandler(handler)
        try:
            async with core, mqtt_bus(broker, "ran-1") as ran:
                inbox = Inbox(ran, "fpf/ran-1")
                await warned.wait()
                assert f"the broker at 127.0.0.1:{port}" in caplog.text
                core.send(make("fpf/ran-1", "early"))
                await broker.launch()
                await presence(core, "fpf/ran-1", True)
                core.send(make("fpf/ran-1", "late", number=1))
                while (await inbox.bodies(1)) != ["late"]:
                    pass
        finally:
            bus_mqtt.log.removeHandler(handler)
            await broker.stop()

    run(scenario())


def unreachable(**arguments: Any) -> MqttBus:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    return MqttBus("core", RUN_KEY, SystemClock(), "127.0.0.1", port, **arguments)


def test_outgoing_queue_is_bounded() -> None:
    async def scenario() -> None:
        async with unreachable() as bus:
            for number in range(bus_mqtt.OUTGOING_LIMIT):
                bus.send(make("elsewhere", number=number))
            with pytest.raises(BusFull):
                bus.send(make("elsewhere", number=-1 % 2**128))
            assert bus.drops == {"outgoing queue full": 1}

    run(scenario())


def test_incoming_queue_is_bounded(in_mqtt_world: WorldRun, monkeypatch: pytest.MonkeyPatch) -> None:
    """A burst that comes in one read: what has no room is dropped and counted, the rest delivered."""
    monkeypatch.setattr(bus_mqtt, "INCOMING_LIMIT", 4)

    async def scenario(world: World) -> None:
        core, ran = await world.join("core"), await world.join("ran-1")
        got: list[Envelope] = []
        ran.serve("fpf/ran-1", got.append)
        await presence(core, "fpf/ran-1", True)
        for number in range(2000):
            core.send(make("fpf/ran-1", number=number))
        await until(lambda: len(got) + ran.drops["incoming queue full"] == 2000)
        assert got[0].id == f"{0:032x}"

    in_mqtt_world(scenario)


def test_bounded_queue_counts() -> None:
    refused: list[aiomqtt.Message] = []
    queue = bus_mqtt._BoundedQueue(2, refused.append)
    messages = [aiomqtt.Message(str(number), b"", 0, False, 0, None) for number in range(3)]
    for message in messages:
        queue.put_nowait(message)
    assert refused == messages[2:]
    assert [queue.get_nowait(), queue.get_nowait()] == messages[:2]


def test_duplicates_are_dropped_and_repetitions_are_not(in_mqtt_world: WorldRun) -> None:
    async def scenario(world: World) -> None:
        core = await world.join("core")
        inbox = Inbox(core, "task-manager")
        assert isinstance(core, MqttBus)
        ran = await world.join("ran-1")
        await presence(ran, "task-manager", True)
        stamped = make("task-manager", "once", process="ran-1", sent=1)
        repeated = msgspec.structs.replace(stamped, sent=2)
        key = node_key(RUN_KEY, "ran-1")
        async with raw_client(world.broker) as client:
            for envelope in (stamped, stamped, repeated, stamped, repeated):
                await client.publish("net4ai/v1/nf/task-manager", encode(envelope, key)[0])
        await until(lambda: core.drops["duplicate"] == 3)
        assert [(await inbox.get()).sent for _ in range(2)] == [1, 2]
        assert inbox.empty

    in_mqtt_world(scenario)


def test_forged_registrations_are_ignored(in_mqtt_world: WorldRun) -> None:
    async def scenario(world: World) -> None:
        core = await world.join("core")
        assert isinstance(core, MqttBus)
        await core.connected()
        registration = make("edge", ["fpf/edge"], sender="edge", process="edge")
        number = make("edge", 7, sender="edge", process="edge")
        key = node_key(RUN_KEY, "edge")
        async with raw_client(world.broker) as client:
            await client.publish("net4ai/v1/reg/edge", b'["fpf/edge"]')
            await until(lambda: core.drops["not an envelope"] == 1)
            await client.publish("net4ai/v1/reg/edge", encode(registration, node_key(OTHER_KEY, "edge"))[0])
            await until(lambda: core.drops["bad signature"] == 1)
            await client.publish("net4ai/v1/reg/another", encode(registration, key)[0])
            await until(lambda: core.drops["wrong process"] == 1)
            await client.publish("net4ai/v1/reg/edge", encode(number, key)[0])
            await until(lambda: core.drops["wrong schema"] == 1)
            assert not core.presence
            await client.publish("net4ai/v1/reg/edge", encode(registration, key)[0])
            await presence(core, "fpf/edge", True)

    in_mqtt_world(scenario)


def test_what_is_too_late_is_not_sent(tmp_path: Path) -> None:
    async def scenario() -> None:
        broker = Broker(tmp_path, "iotcore", unreachable().port, None)
        clock = SystemClock()
        try:
            async with mqtt_bus(broker, "core") as core:
                core.send(make("elsewhere", deadline=clock.now() + clock.utc_offset))
                await broker.launch()
                await until(lambda: core.drops["too late to send"] == 1)
        finally:
            await broker.stop()

    run(scenario())


def test_wrong_password(in_mqtt_world: WorldRun, caplog: pytest.LogCaptureFixture) -> None:
    async def scenario(world: World) -> None:
        broker = world.broker
        warned = asyncio.Event()
        handler = logging.Handler()
        handler.emit = lambda record: warned.set()  # type: ignore[method-assign]
        bus_mqtt.log.addHandler(handler)
        try:
            async with MqttBus(
                "core", RUN_KEY, SystemClock(), broker.address, broker.port, username="net4ai", password="guess"
            ):
                await warned.wait()
        finally:
            bus_mqtt.log.removeHandler(handler)

    in_mqtt_world(scenario)
    assert "no connection to the broker" in caplog.text


@pytest.mark.mosquitto
def test_unacknowledged_goes_out_again(tmp_path: Path) -> None:
    """The broker is stopped before it acknowledges, and dies. The next one gets the message."""

    async def scenario(world: World) -> None:
        core, broker = await world.join("core"), world.broker
        assert isinstance(core, MqttBus) and broker._child is not None
        await core._idle.wait()
        gate, connect = asyncio.Event(), core._connection

        @contextlib.asynccontextmanager
        async def gated() -> AsyncIterator[aiomqtt.Client]:
            await gate.wait()
            async with connect() as client:
                yield client

        core._connection = gated  # type: ignore[method-assign]
        os.kill(broker._child.pid, signal.SIGSTOP)
        for number in range(3):
            core.send(make("fpf/ran-1", number, number=number))
        await until(lambda: len(core._in_flight) == 3)
        await broker.stop(kill=True)
        await broker.launch()
        async with raw_client(broker) as client:
            await client.subscribe("net4ai/v1/nf/#")
            gate.set()
            numbers = []
            async for message in client.messages:
                numbers.append(msgspec.json.decode(message.payload)["body"])  # type: ignore[arg-type]
                if len(numbers) == 3:
                    break
            assert numbers == [0, 1, 2]

    worlds("mosquitto", tmp_path)(scenario)


@pytest.mark.mosquitto
def test_self_test_finds_a_broker_that_does_not_deliver(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """mosquitto grants subscriptions and publications its access rules forbid, and delivers nothing."""
    monkeypatch.setattr(bus_mqtt, "TOPIC_ROOT", "forbidden/v1")
    monkeypatch.setattr(bus_mqtt, "CONNECT_BOUND", 0.3)

    async def scenario(world: World) -> None:
        warned = asyncio.Event()
        handler = logging.Handler()
        handler.emit = lambda record: warned.set() if "rules" in record.getMessage() else None  # type: ignore
        bus_mqtt.log.addHandler(handler)
        try:
            bus_mqtt.log.setLevel(logging.INFO)
            core = await world.join("core")
            monkeypatch.setattr(bus_mqtt, "WARNING_INTERVAL", 0.0)
            await warned.wait()
            assert isinstance(core, MqttBus)
            assert not core._connected.is_set()
        finally:
            bus_mqtt.log.removeHandler(handler)
            bus_mqtt.log.setLevel(logging.NOTSET)

    worlds("mosquitto", tmp_path)(scenario)
