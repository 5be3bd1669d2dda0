"""Connectors: a peer that is missing, silent or hangs up is named and asked again, over streams in memory."""

from __future__ import annotations

import asyncio
import itertools
import logging
import random

import pytest

from net4ai.stack.io import stream as module
from net4ai.stack.io.memory_network import MemoryNetwork, Streams, memory_streams
from net4ai.stack.io.stream import COMPLAIN_EVERY, MAXIMUM_BACK_OFF, FrameConnection
from net4ai.stack.io.virtual_loop import run_virtual


def complaints(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if "no answer" in record.getMessage()]


def test_missing_peer_is_named_soon_and_then_seldom(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)

    async def main() -> None:
        network = MemoryNetwork(asyncio.get_running_loop())
        connector = network.connect_forever("core", 46412, "the core", lambda connection: connection.send(b"hi"))
        await asyncio.sleep(0.9)
        assert complaints(caplog) == [], "it may just be starting"
        await asyncio.sleep(1.1)
        assert complaints(caplog) == ["no answer from the core at core:46412, retrying (connection refused)"]
        await asyncio.sleep(10 * COMPLAIN_EVERY)
        assert 10 <= len(complaints(caplog)) <= 12
        said = len(complaints(caplog))
        listener = await network.listen("core", 46412, lambda connection: connection.send(b"hi"))
        await asyncio.sleep(MAXIMUM_BACK_OFF)
        assert connector.connection is not None
        assert "connected to the core at core:46412" in caplog.text
        await asyncio.sleep(100)
        listener.close()
        await asyncio.sleep(0.9)
        assert len(complaints(caplog)) == said, "silence counts from the end of the connection"
        await asyncio.sleep(1.1)
        assert len(complaints(caplog)) == said + 1
        connector.close()
        await asyncio.sleep(0)

    run_virtual(main())


def test_peer_that_never_answers_is_named(caplog: pytest.LogCaptureFixture) -> None:
    """Packets that vanish: an attempt is given up in time for the log."""

    async def main() -> None:
        async def vanish(host: str, port: int) -> Streams:
            await asyncio.sleep(3600)
            raise AssertionError

        connector = module.Connector("10.0.0.1", 5, "core", lambda connection: None, open_streams=vanish)
        await asyncio.sleep(2)
        assert complaints(caplog) == ["no answer from core at 10.0.0.1:5, retrying (nothing came for 1.5 s)"]
        connector.close()
        await asyncio.sleep(0)

    run_virtual(main())


def test_back_off_is_capped_and_jittered() -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        attempts: list[float] = []

        async def refuse(host: str, port: int) -> Streams:
            attempts.append(loop.time())
            raise ConnectionRefusedError

        rng = random.Random(3)
        connector = module.Connector("core", 5, "core", lambda connection: None, open_streams=refuse, jitter=rng.random)
        await asyncio.sleep(100)
        connector.close()
        waits = [after - before for before, after in itertools.pairwise(attempts)]
        assert 0.05 <= waits[0] <= 0.1
        assert 0.1 <= waits[1] <= 0.2
        assert all(MAXIMUM_BACK_OFF / 2 <= wait <= MAXIMUM_BACK_OFF for wait in waits[5:])
        assert len({round(wait, 6) for wait in waits}) == len(waits)

    run_virtual(main())


def test_peer_that_only_hangs_up_is_not_asked_in_a_tight_loop(caplog: pytest.LogCaptureFixture) -> None:
    """It accepts and closes without a word: backed off from and named like one that is not there."""

    async def main() -> None:
        network = MemoryNetwork(asyncio.get_running_loop())
        accepted: list[FrameConnection] = []

        def hang_up(connection: FrameConnection) -> None:
            accepted.append(connection)
            connection.close()

        listener = await network.listen("core", 1, hang_up)
        connector = network.connect_forever("core", 1, "core", lambda connection: None)
        await asyncio.sleep(100)
        assert 100 <= len(accepted) <= 210
        assert complaints(caplog)[0] == "no answer from core at core:1, retrying (closed by the peer)"
        connector.close()
        listener.close()

    run_virtual(main())


def test_connected_callback_that_raises(caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        network = MemoryNetwork(asyncio.get_running_loop())
        listener = await network.listen("core", 1, lambda connection: None)
        attempts: list[FrameConnection] = []

        def connected(connection: FrameConnection) -> None:
            attempts.append(connection)
            raise RuntimeError("boom")

        connector = network.connect_forever("core", 1, "core", connected)
        await asyncio.sleep(1)
        assert len(attempts) > 1
        assert not attempts[0].is_open
        connector.close()
        listener.close()

    run_virtual(main())
    assert "boom" in caplog.text


def test_connection_to_itself_is_refused() -> None:
    """TCP can connect a port of the dynamic range to itself; nobody listens there."""

    async def main() -> None:
        loop = asyncio.get_running_loop()

        async def to_itself(host: str, port: int) -> Streams:
            near, (_, far) = memory_streams(loop, (host, port), (host, port))
            far.close()
            return near

        got: list[FrameConnection] = []
        connector = module.Connector("core", 5, "core", got.append, open_streams=to_itself)
        await asyncio.sleep(5)
        assert not got
        connector.close()
        await asyncio.sleep(0)

    run_virtual(main())
