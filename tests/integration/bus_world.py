"""Processes on a bus, on every backend, for the tests of the bus."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from pathlib import Path
from typing import Any

import aiomqtt
import msgspec
import pytest

from net4ai.codecs.envelope import Envelope, provider_of
from net4ai.stack.io.broker import Broker, Login, find_mosquitto
from net4ai.stack.io.bus import Bus, Hub, InProcessBus
from net4ai.stack.io.bus_mqtt import MqttBus
from net4ai.stack.io.clock import SystemClock

RUN_KEY = bytes(range(32))
OTHER_KEY = bytes(32)
PROVIDERS = {"health": bytes([1] * 32), "farming": bytes([2] * 32)}
"""Keys of the providers whose application controllers may come."""
PATIENCE = 30
"""Seconds until a test that hangs fails; no test waits for it."""


class World:
    """The processes of one test, on one backend."""

    def __init__(self, broker: Broker | None) -> None:
        self._broker = broker
        self._hub = Hub()
        self._stack = contextlib.AsyncExitStack()

    @property
    def broker(self) -> Broker:
        assert self._broker is not None
        return self._broker

    def make(self, process: str, run_key: bytes = RUN_KEY) -> Bus:
        if self._broker is None:
            return InProcessBus(process, run_key, SystemClock(), self._hub)
        return mqtt_bus(self._broker, process, run_key)

    async def join(self, process: str, run_key: bytes = RUN_KEY) -> Bus:
        bus = self.make(process, run_key)
        await self._stack.enter_async_context(bus)
        return bus

    async def __aenter__(self) -> World:
        return self

    async def __aexit__(self, *exception: object) -> None:
        await self._stack.aclose()


def mqtt_bus(broker: Broker, process: str, run_key: bytes = RUN_KEY) -> MqttBus:
    network = Login(broker.username, broker.password)
    login = broker.providers.get(provider_of(process) or "", network)
    return MqttBus(
        process,
        run_key,
        SystemClock(),
        broker.address,
        broker.port,
        username=login.username,
        password=login.password,
        quality_of_service=broker.quality_of_service,
    )


class Inbox:
    """What an entity received."""

    def __init__(self, bus: Bus, entity: str) -> None:
        self._queue: asyncio.Queue[Envelope] = asyncio.Queue()
        bus.serve(entity, self._queue.put_nowait)

    async def get(self) -> Envelope:
        return await self._queue.get()

    async def bodies(self, count: int) -> list[object]:
        return [msgspec.json.decode((await self.get()).body) for _ in range(count)]

    @property
    def empty(self) -> bool:
        return self._queue.empty()


async def presence(bus: Bus, entity: str, present: bool) -> None:
    """Waits until `entity` is present (or not) for `bus`."""
    if bus.presence.get(entity, False) == present:
        return
    reached: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def changed(name: str, now: bool) -> None:
        if (name, now) == (entity, present) and not reached.done():
            reached.set_result(None)

    bus.on_presence(changed)
    await reached


async def until(happens: Callable[[], bool]) -> None:
    """Lets the loop turn until a counter says so."""
    while not happens():  # noqa: ASYNC110 -- counters have no event, and no time passes here
        await asyncio.sleep(0)


def make(to: str, body: object = None, *, number: int = 0, sender: str = "task-manager", **fields: Any) -> Envelope:
    return Envelope(
        id=f"{number:032x}",
        kind=fields.pop("kind", "request"),
        type="Test",
        sender=sender,
        to=to,
        body=msgspec.Raw(msgspec.json.encode(body)),
        **fields,
    )


def run(scenario: Coroutine[Any, Any, None]) -> None:
    async def bounded() -> None:
        async with asyncio.timeout(PATIENCE):
            await scenario

    asyncio.run(bounded())


def need_mosquitto() -> None:
    if find_mosquitto() is None:
        if os.environ.get("CI"):
            pytest.fail("mosquitto is missing")
        pytest.skip("mosquitto is not installed")


BROKERS = [pytest.param("mosquitto", marks=pytest.mark.mosquitto), "iotcore"]
WorldRun = Callable[[Callable[[World], Awaitable[None]]], None]


def worlds(backend: str, folder: Path) -> WorldRun:
    if backend == "mosquitto":
        need_mosquitto()

    @contextlib.asynccontextmanager
    async def world() -> AsyncIterator[World]:
        if backend == "in-process":
            async with World(None) as made:
                yield made
        else:
            started = Broker.start(folder, backend, providers=list(PROVIDERS))  # type: ignore[arg-type]
            async with started as broker, World(broker) as made:
                yield made

    def in_world(scenario: Callable[[World], Awaitable[None]]) -> None:
        async def main() -> None:
            async with world() as made:
                await scenario(made)

        run(main())

    return in_world


@pytest.fixture(params=["in-process", *BROKERS])
def in_world(request: pytest.FixtureRequest, tmp_path: Path) -> WorldRun:
    """Runs a scenario on each backend."""
    return worlds(request.param, tmp_path)


@pytest.fixture(params=BROKERS)
def in_mqtt_world(request: pytest.FixtureRequest, tmp_path: Path) -> WorldRun:
    return worlds(request.param, tmp_path)


@contextlib.asynccontextmanager
async def raw_client(broker: Broker, login: Login | None = None) -> AsyncIterator[aiomqtt.Client]:
    """A client that keeps none of our rules."""
    login = login or Login(broker.username, broker.password)
    async with aiomqtt.Client(
        broker.address,
        broker.port,
        username=login.username,
        password=login.password,
        protocol=aiomqtt.ProtocolVersion.V5,
    ) as client:
        yield client
