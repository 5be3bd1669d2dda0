"""What every network promises, on sockets and in memory alike: a node cannot tell which it is on."""

from __future__ import annotations

import asyncio
import random
import socket
import sys
from collections.abc import Awaitable, Callable

import pytest

from net4ai.stack.drops import Drop, DropCounter
from net4ai.stack.io.memory_network import MemoryNetwork
from net4ai.stack.io.network import Network, SystemNetwork
from net4ai.stack.io.stream import FrameConnection
from net4ai.stack.io.udp import MAXIMUM_DATAGRAM, Batch, Endpoint, UdpEndpoint
from net4ai.stack.io.udp_offload import LADDER, Offload
from net4ai.stack.io.virtual_loop import run_virtual

Scenario = Callable[[Network, str], Awaitable[None]]
PATIENCE = 20


def has_ipv6() -> bool:
    """Whether this machine has an IPv6 loopback to test on."""
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return False
    return True


class Level(SystemNetwork):
    """Sockets that do no more than `offload`."""

    def __init__(self, offload: Offload) -> None:
        self._offload = offload

    async def open(self, host: str, port: int = 0, *, drops: DropCounter | None = None) -> Endpoint:
        return await UdpEndpoint.open(host, port, drops=drops, offload=self._offload)


HOSTS = ["127.0.0.1", *(["::1"] if has_ipv6() else [])]
LEVELS = {f"{host} {offload.name}": (host, offload) for host in HOSTS for offload in LADDER}


@pytest.fixture(params=["memory", *LEVELS])
def on(request: pytest.FixtureRequest) -> Callable[[Scenario], None]:
    """Runs a scenario on a network: in memory, and on sockets at each level of the ladder."""

    async def in_memory(scenario: Scenario) -> None:
        await scenario(MemoryNetwork(asyncio.get_running_loop()), "ran-1")

    async def on_sockets(scenario: Scenario) -> None:
        async with asyncio.timeout(PATIENCE):
            host, offload = LEVELS[request.param]
            await scenario(Level(offload), host)

    if request.param == "memory":
        return lambda scenario: run_virtual(in_memory(scenario))
    return lambda scenario: asyncio.run(on_sockets(scenario))


class Inbox:
    """Keeps what an endpoint receives; `count` waits for a number of datagrams."""

    def __init__(self, endpoint: Endpoint) -> None:
        self.datagrams: list[bytes] = []
        self.peers: set[tuple[str, int]] = set()
        self.arrived = asyncio.Event()
        endpoint.receive = self.receive

    def receive(self, batch: Batch) -> None:
        self.datagrams += [bytes(segment) for segment in batch.segments()]
        self.peers.add(batch.peer)
        self.arrived.set()

    async def count(self, number: int) -> list[bytes]:
        while len(self.datagrams) < number:
            self.arrived.clear()
            await self.arrived.wait()
        return self.datagrams


def test_batches_cross(on: Callable[[Scenario], None]) -> None:
    """More datagrams than one turn takes, a shorter last one; the peer's address is the sender's."""

    async def scenario(network: Network, host: str) -> None:
        near, far = await network.open(host), await network.open(host)
        inbox, answers = Inbox(far), Inbox(near)
        data = random.Random(1).randbytes(300 * 100 - 1)
        near.send(Batch(data, 100, far.address))
        near.send(Batch(b"single", 1400, far.address))
        datagrams = await inbox.count(301)
        assert b"".join(datagrams) == data + b"single"
        assert [len(datagram) for datagram in datagrams] == [100] * 299 + [99, 6]
        assert inbox.peers == {near.address}
        far.send(Batch(b"answer", 6, next(iter(inbox.peers))))
        assert await answers.count(1) == [b"answer"]
        assert not near.drops.total
        assert not far.drops.total
        near.close()
        far.close()

    on(scenario)


def test_never_from_within_send(on: Callable[[Scenario], None]) -> None:
    async def scenario(network: Network, host: str) -> None:
        here = await network.open(host)
        inbox = Inbox(here)
        here.send(Batch(b"to myself", 9, here.address))
        assert not inbox.datagrams
        await inbox.count(1)
        here.close()

    on(scenario)


def test_data_may_change_after_send(on: Callable[[Scenario], None]) -> None:
    async def scenario(network: Network, host: str) -> None:
        near, far = await network.open(host), await network.open(host)
        inbox = Inbox(far)
        data = bytearray(b"before")
        for text in (b"before", b"after!"):
            data[:] = text
            near.send(Batch(memoryview(data), 6, far.address))
        data[:] = b"......"
        assert await inbox.count(2) == [b"before", b"after!"]
        near.close()
        far.close()

    on(scenario)


def test_received_data_is_valid_only_in_the_callback(on: Callable[[Scenario], None]) -> None:
    """What is kept must be copied: the buffer is used again."""

    async def scenario(network: Network, host: str) -> None:
        near, far = await network.open(host), await network.open(host)
        kept: list[memoryview] = []
        arrived = asyncio.Event()

        def receive(batch: Batch) -> None:
            kept.extend(batch.segments())
            arrived.set()

        far.receive = receive
        for text in (b"first", b"other"):
            near.send(Batch(text, 5, far.address))
            await arrived.wait()
            arrived.clear()
        assert bytes(kept[0]) != b"first"
        near.close()
        far.close()

    on(scenario)


def test_a_callback_that_raises(on: Callable[[Scenario], None], caplog: pytest.LogCaptureFixture) -> None:
    async def scenario(network: Network, host: str) -> None:
        near, far = await network.open(host), await network.open(host)
        second = asyncio.Event()

        def receive(batch: Batch) -> None:
            if bytes(batch.data) == b"bad":
                raise RuntimeError("boom")
            second.set()

        far.receive = receive
        near.send(Batch(b"bad", 3, far.address))
        near.send(Batch(b"good", 4, far.address))
        await second.wait()
        assert far.drops.counts == {Drop.RECEIVER_FAILED: 1}
        near.close()
        far.close()

    on(scenario)
    assert "boom" in caplog.text


def test_no_callback_yet(on: Callable[[Scenario], None]) -> None:
    async def scenario(network: Network, host: str) -> None:
        near, far = await network.open(host), await network.open(host)
        dropped = asyncio.Event()
        far.drops.on_drop = lambda reason, size: dropped.set()
        near.send(Batch(b"early", 5, far.address))
        await dropped.wait()
        assert far.drops.counts == {Drop.NO_RECEIVER: 1}
        near.close()
        far.close()

    on(scenario)


def test_closing_in_the_callback(on: Callable[[Scenario], None]) -> None:
    """Nothing more is received, nothing raises."""

    async def scenario(network: Network, host: str) -> None:
        near, far = await network.open(host), await network.open(host)
        got: list[bytes] = []
        closed = asyncio.Event()

        def receive(batch: Batch) -> None:
            got.append(bytes(batch.data))
            far.close()
            far.close()
            closed.set()

        far.receive = receive
        for size in range(1, 6):
            near.send(Batch(b"x" * size, size, far.address))
        await closed.wait()
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert got == [b"x"]
        far.send(Batch(b"abc", 2, near.address))
        assert far.drops.counts == {Drop.CLOSED: 2}
        near.close()

    on(scenario)


def test_longest_datagram(on: Callable[[Scenario], None]) -> None:
    async def scenario(network: Network, host: str) -> None:
        near, far = await network.open(host), await network.open(host)
        inbox = Inbox(far)
        near.send(Batch(bytes(70_000), 70_000, far.address))
        assert near.drops.counts == {Drop.DATAGRAM_TOO_LONG: 1}
        longest = 9216 if sys.platform == "darwin" else MAXIMUM_DATAGRAM  # net.inet.udp.maxdgram
        near.send(Batch(bytes(longest), longest, far.address))
        assert await inbox.count(1) == [bytes(longest)]
        near.close()
        far.close()

    on(scenario)


def test_nobody_listens(on: Callable[[Scenario], None]) -> None:
    """Sending to a closed endpoint never raises, and the sender still works."""

    async def scenario(network: Network, host: str) -> None:
        near, far, gone = await network.open(host), await network.open(host), await network.open(host)
        gone.close()
        inbox = Inbox(far)
        for _ in range(3):
            near.send(Batch(b"lost", 4, gone.address))
            near.send(Batch(b"found", 5, far.address))
        assert await inbox.count(3) == [b"found"] * 3
        near.close()
        far.close()

    on(scenario)


@pytest.mark.parametrize("stride", [0, -1])
def test_stride_must_be_positive(on: Callable[[Scenario], None], stride: int) -> None:
    async def scenario(network: Network, host: str) -> None:
        here = await network.open(host)
        with pytest.raises(ValueError, match=rf"Batch.stride: {stride}"):
            here.send(Batch(b"x", stride, here.address))
        here.close()

    on(scenario)


def test_addresses(on: Callable[[Scenario], None]) -> None:
    async def scenario(network: Network, host: str) -> None:
        first = await network.open(host)
        assert first.address[0] == host
        assert first.address[1] > 1024
        with pytest.raises(OSError, match=r"in use|taken"):
            await network.open(*first.address)
        first.close()
        again = await network.open(*first.address)
        assert again.address == first.address
        again.close()
        assert await network.resolve(host, 7) == (host, 7)

    on(scenario)


def test_receive_buffer_is_told(on: Callable[[Scenario], None]) -> None:
    async def scenario(network: Network, host: str) -> None:
        here = await network.open(host)
        assert here.receive_buffer >= 1 << 16
        assert here.receive_buffer // 8 < here.credit < here.receive_buffer // 2
        here.close()

    on(scenario)


# ---------------------------------------------------------------------------------------------------------------------
# Streams


def test_frames_cross_both_ways(on: Callable[[Scenario], None]) -> None:
    async def scenario(network: Network, host: str) -> None:
        frames = [b"", b"a", random.Random(2).randbytes(65_536), *(b"%d" % number for number in range(500))]
        there: list[bytes] = []
        back: list[bytes] = []
        done = asyncio.Event()

        def accept(connection: FrameConnection) -> None:
            def echo(frame: bytes) -> None:
                there.append(frame)
                connection.send(frame)

            connection.receive = echo

        def connected(connection: FrameConnection) -> None:
            def receive(frame: bytes) -> None:
                back.append(frame)
                if len(back) == len(frames):
                    done.set()

            connection.receive = receive
            for frame in frames:
                connection.send(frame)

        listener = await network.listen(host, 0, accept)
        connector = network.connect_forever(*listener.address, "core", connected)
        await done.wait()
        assert there == frames
        assert back == frames
        assert connector.connection is not None
        assert connector.connection.peer == listener.address
        connector.close()
        listener.close()

    on(scenario)


def test_reconnects_when_the_listener_comes_back(on: Callable[[Scenario], None]) -> None:
    async def scenario(network: Network, host: str) -> None:
        greetings: asyncio.Queue[bytes] = asyncio.Queue()
        reasons: list[str] = []

        def greet(connection: FrameConnection) -> None:
            connection.send(b"hello")

        def connected(connection: FrameConnection) -> None:
            connection.receive = greetings.put_nowait
            connection.closed = reasons.append

        listener = await network.listen(host, 0, greet)
        address = listener.address
        connector = network.connect_forever(*address, "core", connected)
        for round_ in range(2):
            assert await greetings.get() == b"hello"
            assert len(reasons) == round_
            listener.close()
            await asyncio.sleep(0)
            listener = await network.listen(*address, greet)
        assert await greetings.get() == b"hello"
        assert reasons == ["closed by the peer"] * 2
        connector.close()
        listener.close()

    on(scenario)


def test_what_was_sent_before_close_arrives(on: Callable[[Scenario], None]) -> None:
    async def scenario(network: Network, host: str) -> None:
        got: list[int] = []
        ended: asyncio.Future[str] = asyncio.get_running_loop().create_future()

        def accept(connection: FrameConnection) -> None:
            connection.receive = lambda frame: got.append(len(frame))
            connection.closed = ended.set_result

        def connected(connection: FrameConnection) -> None:
            for _ in range(50):
                connection.send(bytes(60_000))
            connector.close()
            connection.send(b"too late")
            assert connection.drops.counts == {Drop.CLOSED: 1}

        listener = await network.listen(host, 0, accept)
        connector = network.connect_forever(*listener.address, "core", connected)
        assert await ended == "closed by the peer"
        assert got == [60_000] * 50
        listener.close()

    on(scenario)


def test_listening_twice(on: Callable[[Scenario], None]) -> None:
    async def scenario(network: Network, host: str) -> None:
        listener = await network.listen(host, 0, lambda connection: None)
        with pytest.raises(OSError, match=r"in use|taken"):
            await network.listen(*listener.address, lambda connection: None)
        listener.close()

    on(scenario)
