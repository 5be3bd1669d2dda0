"""The network in memory: bounds and ports. What it shares with sockets is in test_network.py."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

import pytest

from net4ai.stack.drops import Drop
from net4ai.stack.io import memory_network as module
from net4ai.stack.io.memory_network import MemoryNetwork, memory_streams
from net4ai.stack.io.stream import FrameConnection
from net4ai.stack.io.udp import CALLS_PER_TURN, OCTETS_PER_TURN, Batch
from net4ai.stack.io.virtual_loop import run_virtual


def with_network(scenario: Callable[[MemoryNetwork], Awaitable[None]], receive_buffer: int = 1000) -> None:
    async def main() -> None:
        await scenario(MemoryNetwork(asyncio.get_running_loop(), receive_buffer=receive_buffer))

    run_virtual(main())


async def turns(number: int = 5) -> None:
    for _ in range(number):
        await asyncio.sleep(0)


def test_receive_buffer_is_bounded() -> None:
    """Like a socket's: what does not fit is lost at the receiver, and the sender does not notice."""

    async def scenario(network: MemoryNetwork) -> None:
        near, far = await network.open("a"), await network.open("b")
        got: list[bytes] = []
        far.receive = lambda batch: got.append(bytes(batch.data))
        for _ in range(3):
            near.send(Batch(bytes(400), 100, far.address))
        assert far.drops.counts == {Drop.RECEIVE_QUEUE_FULL: 4}
        assert not near.drops.total
        await turns()
        assert len(got) == 2
        near.send(Batch(bytes(1000), 100, far.address))
        await turns()
        assert len(got) == 3
        assert far.receive_buffer == 1000
        assert far.credit == 250

    with_network(scenario)


def test_batches_stay_batches() -> None:
    async def scenario(network: MemoryNetwork) -> None:
        near, far = await network.open("a"), await network.open("b")
        got: list[tuple[int, int]] = []
        far.receive = lambda batch: got.append((len(batch.data), batch.stride))
        near.send(Batch(bytes(450), 100, far.address))
        near.send(Batch(bytes(50), 100, far.address))
        await turns()
        assert got == [(450, 100), (50, 50)]

    with_network(scenario)


def test_a_kept_view_is_found_out_at_once() -> None:
    async def scenario(network: MemoryNetwork) -> None:
        near, far = await network.open("a"), await network.open("b")
        kept: list[memoryview] = []
        far.receive = lambda batch: kept.extend(batch.segments())
        near.send(Batch(b"xyz", 3, far.address))
        await turns()
        assert bytes(kept[0]) == bytes(3)

    with_network(scenario)


def test_a_turn_delivers_a_bounded_number() -> None:
    async def scenario(network: MemoryNetwork) -> None:
        near, far = await network.open("a"), await network.open("b")
        got: list[int] = []
        far.receive = lambda batch: got.append(1)
        for _ in range(CALLS_PER_TURN + 10):
            near.send(Batch(b"x", 1, far.address))
        await turns(1)
        assert len(got) == CALLS_PER_TURN
        await turns(1)
        assert len(got) == CALLS_PER_TURN + 10

    with_network(scenario)


def test_a_turn_delivers_a_bounded_number_of_octets() -> None:
    async def scenario(network: MemoryNetwork) -> None:
        near, far = await network.open("a"), await network.open("b")
        got: list[int] = []
        far.receive = lambda batch: got.append(len(batch.data))
        for _ in range(5):
            near.send(Batch(bytes(OCTETS_PER_TURN // 2), 1400, far.address))
        per_turn = []
        for _ in range(3):
            await turns(1)
            per_turn.append(sum(got) // (OCTETS_PER_TURN // 2))
            got.clear()
        assert per_turn == [2, 2, 1]

    with_network(scenario, receive_buffer=3 * OCTETS_PER_TURN)


def test_received_data_may_be_written() -> None:
    """A relay changes headers in place."""

    async def scenario(network: MemoryNetwork) -> None:
        near, far = await network.open("a"), await network.open("b")
        got: list[bytes] = []

        def relay(batch: Batch) -> None:
            memoryview(batch.data)[0] = 7
            far.send(Batch(batch.data, batch.stride, near.address))

        far.receive = relay
        near.receive = lambda batch: got.append(bytes(batch.data))
        near.send(Batch(bytes(3), 3, far.address))
        await turns()
        assert got == [bytes((7, 0, 0))]

    with_network(scenario)


def test_batch_larger_than_a_datagram() -> None:
    async def scenario(network: MemoryNetwork) -> None:
        near, far = await network.open("a"), await network.open("b")
        got: list[bytes] = []
        far.receive = lambda batch: got.extend(bytes(segment) for segment in batch.segments())
        near.send(Batch(bytes(200_000), 1400, far.address))
        await turns()
        assert b"".join(got) == bytes(200_000)

    with_network(scenario, receive_buffer=1 << 20)


def test_nobody_listens() -> None:
    async def scenario(network: MemoryNetwork) -> None:
        near = await network.open("a")
        near.send(Batch(b"abc", 1, ("b", 1)))
        assert near.drops.counts == {Drop.CONNECTION_REFUSED: 3}

    with_network(scenario)


def test_ports_run_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LAST_PORT", module.FIRST_PORT + 2)

    async def scenario(network: MemoryNetwork) -> None:
        ends = [await network.open("a") for _ in range(3)]
        assert len({end.address for end in ends}) == 3
        with pytest.raises(OSError, match="no free port at a"):
            await network.open("a")
        ends[1].close()
        assert (await network.open("a")).address == ends[1].address
        assert (await network.open("b")).address[0] == "b"

    with_network(scenario)


def test_same_order_every_time() -> None:
    """Whoever retries does so at the same virtual times in every run."""

    def one_run() -> list[float]:
        times: list[float] = []

        async def scenario(network: MemoryNetwork) -> None:
            loop = asyncio.get_running_loop()
            connected = asyncio.Event()

            def on_connection(connection: FrameConnection) -> None:
                times.append(loop.time())
                connected.set()

            connectors = [network.connect_forever("core", 1, "core", on_connection) for _ in range(5)]
            await asyncio.sleep(3.3)
            await network.listen("core", 1, lambda connection: None)
            while len(times) < 5:
                connected.clear()
                await connected.wait()
            for connector in connectors:
                connector.close()

        with_network(scenario)
        return times

    first = one_run()
    assert first == one_run()
    assert len(set(first)) == 5
    assert max(first) <= 4.3


def test_stream_that_nobody_reads_is_bounded() -> None:
    """In one turn of the loop nothing crosses: sending without end closes the connection."""

    async def main() -> None:
        (reader, writer), (_, far) = memory_streams(asyncio.get_running_loop())
        connection = FrameConnection(reader, writer, send_buffer=1000)
        for _ in range(20):
            connection.send(bytes(96))
        assert not connection.is_open
        assert connection.drops.counts == {Drop.SEND_QUEUE_FULL: 1, Drop.CLOSED: 9}
        assert "does not read" in await connection.wait_closed()
        far.close()

    run_virtual(main())


def test_missing_peer_is_named(caplog: pytest.LogCaptureFixture) -> None:
    async def scenario(network: MemoryNetwork) -> None:
        connector = network.connect_forever("core", 46412, "core", lambda connection: None)
        await asyncio.sleep(2)
        assert "no answer from core at core:46412, retrying" in caplog.text
        connector.close()

    with caplog.at_level(logging.WARNING):
        with_network(scenario)
