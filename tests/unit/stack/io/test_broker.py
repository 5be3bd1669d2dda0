"""The broker child: who may in, where it listens, what it says when it cannot."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import sys
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import aiomqtt
import pytest

from net4ai.stack.io import broker as module
from net4ai.stack.io.broker import Broker, BrokerError, Kind, find_mosquitto
from net4ai.stack.io.child_process import ChildProcess

PATIENCE = 30
"""Seconds until a test that hangs fails; no test waits for it."""


def run(scenario: Coroutine[Any, Any, None]) -> None:
    async def bounded() -> None:
        async with asyncio.timeout(PATIENCE):
            await scenario

    asyncio.run(bounded())


@pytest.fixture(params=[pytest.param("mosquitto", marks=pytest.mark.mosquitto), "iotcore"])
def kind(request: pytest.FixtureRequest) -> Kind:
    if request.param == "mosquitto" and find_mosquitto() is None:
        if os.environ.get("CI"):
            pytest.fail("mosquitto is missing")
        pytest.skip("mosquitto is not installed")
    kind: Kind = request.param
    return kind


def client(broker: Broker, **login: str) -> aiomqtt.Client:
    return aiomqtt.Client(
        broker.address,
        broker.port,
        protocol=aiomqtt.ProtocolVersion.V5,
        timeout=0.5,
        **login,  # type: ignore[arg-type]
    )


def test_who_may_in(kind: Kind, tmp_path: Path) -> None:
    async def scenario() -> None:
        async with Broker.start(tmp_path / "a folder", kind) as broker:
            assert (broker.kind, broker.quality_of_service) == (kind, {"mosquitto": 1, "iotcore": 0}[kind])
            async with client(broker, username=broker.username, password=broker.password) as ours:
                await ours.subscribe("net4ai/v1/#")
                await ours.publish("net4ai/v1/a", b"x" * 65536)
                async for message in ours.messages:
                    assert len(message.payload) == 65536  # type: ignore[arg-type]
                    break
            for login in ({}, {"username": broker.username, "password": "guess"}):
                with pytest.raises(aiomqtt.MqttError):
                    async with client(broker, **login):
                        pass
            for file in (tmp_path / "a folder").iterdir():
                assert file.stat().st_mode & 0o077 == 0, f"{file} holds a secret"

    run(scenario())


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="127.0.0.2 exists on Linux only")
def test_only_one_address(kind: Kind, tmp_path: Path) -> None:
    async def scenario() -> None:
        async with Broker.start(tmp_path, kind) as broker:
            with pytest.raises(ConnectionRefusedError):
                await asyncio.open_connection("127.0.0.2", broker.port)

    run(scenario())


def test_stops_and_starts_again(kind: Kind, tmp_path: Path) -> None:
    async def scenario() -> None:
        async with Broker.start(tmp_path, kind) as broker:
            port = broker.port
            await broker.stop(kill=True)
            with pytest.raises(ConnectionRefusedError):
                await asyncio.open_connection(broker.address, port)
            await broker.launch()
            async with client(broker, username=broker.username, password=broker.password):
                assert broker.port == port
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection(broker.address, port)

    run(scenario())


def test_port_in_use(kind: Kind, tmp_path: Path) -> None:
    """Somebody else listens there: the broker's own last words are in the error."""

    async def scenario() -> None:
        with socket.socket() as other:
            other.bind(("127.0.0.1", 0))
            other.listen()
            with pytest.raises(BrokerError, match=r"(?s)127\.0\.0\.1:\d+ .*in use"):
                async with Broker.start(tmp_path, kind, port=other.getsockname()[1]):
                    pass

    run(scenario())


def test_a_free_port_taken_meanwhile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario() -> None:
        with socket.socket() as other:
            other.bind(("127.0.0.1", 0))
            other.listen()
            choices = [other.getsockname()[1], module._free_port()]
            monkeypatch.setattr(module, "_free_port", lambda address: choices.pop(0))
            async with Broker.start(tmp_path, "iotcore") as broker:
                assert (broker.port != other.getsockname()[1], choices) == (True, [])

    run(scenario())


def test_kind_follows_what_is_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "find_mosquitto", lambda: None)

    async def scenario() -> None:
        async with Broker.start(tmp_path) as broker:
            assert broker.kind == "iotcore"
        with pytest.raises(BrokerError, match="not installed"):
            async with Broker.start(tmp_path, "mosquitto"):
                pass

    run(scenario())


OWNER = """
import asyncio, sys
from pathlib import Path
from net4ai.stack.io.broker import Broker

async def main():
    async with Broker.start(Path(sys.argv[1]), sys.argv[2]) as broker:
        print(broker.port)
        await asyncio.Event().wait()

asyncio.run(main())
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="mosquitto is tied to its parent on Linux only")
def test_ends_with_its_killed_parent(kind: Kind, tmp_path: Path) -> None:
    """Our open connection to the broker ends when the broker does."""

    async def scenario() -> None:
        ports: asyncio.Queue[int] = asyncio.Queue()
        command = [sys.executable, "-P", "-c", OWNER, str(tmp_path), kind]
        owner = await ChildProcess.start("owner", command, lambda line: ports.put_nowait(int(line.split("|")[1])))
        port = await ports.get()
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        owner.kill()
        with contextlib.suppress(ConnectionError):
            while True:
                await reader.read(1)
                writer.close()
                reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.close()
        await owner.wait()
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection("127.0.0.1", port)

    run(scenario())
