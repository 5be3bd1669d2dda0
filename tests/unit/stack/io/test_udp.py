"""UDP endpoints where the socket misbehaves. What they share with other networks is in test_network.py."""

from __future__ import annotations

import asyncio
import errno
import socket
from collections.abc import Coroutine
from typing import Any

import pytest

from net4ai.stack.drops import Drop, DropCounter
from net4ai.stack.io import udp as module
from net4ai.stack.io.udp import DATAGRAMS_PER_TURN, WANTED_RECEIVE_BUFFER, Batch, UdpEndpoint, resolve

HOST = "127.0.0.1"
PATIENCE = 20


def run(scenario: Coroutine[Any, Any, None]) -> None:
    async def bounded() -> None:
        async with asyncio.timeout(PATIENCE):
            await scenario

    asyncio.run(bounded())


class OddSocket(socket.socket):
    """A UDP socket that raises what it is told to, call by call, before it works."""

    def __init__(self) -> None:
        super().__init__(socket.AF_INET, socket.SOCK_DGRAM)
        self.setblocking(False)
        self.bind((HOST, 0))
        self.on_send: list[OSError] = []
        self.on_receive: list[OSError] = []
        self.blocked = False
        self.attempts = 0

    def sendto(self, *arguments: Any) -> int:
        self.attempts += 1
        if self.blocked:
            raise BlockingIOError
        if self.on_send:
            raise self.on_send.pop(0)
        return super().sendto(*arguments)

    def recvfrom_into(self, *arguments: Any) -> Any:
        if self.on_receive:
            raise self.on_receive.pop(0)
        return super().recvfrom_into(*arguments)


def odd() -> tuple[OddSocket, UdpEndpoint]:
    sock = OddSocket()
    return sock, UdpEndpoint(sock, asyncio.get_running_loop(), DropCounter())


async def receive(endpoint: UdpEndpoint, number: int) -> list[bytes]:
    """The next datagrams of an endpoint."""
    got: list[bytes] = []
    done = asyncio.Event()

    def keep(batch: Batch) -> None:
        got.append(bytes(batch.data))
        if len(got) == number:
            done.set()

    endpoint.receive = keep
    await done.wait()
    return got


def test_batch_segments() -> None:
    batch = Batch(b"abcdefg", 3, (HOST, 1))
    assert [bytes(segment) for segment in batch.segments()] == [b"abc", b"def", b"g"]
    assert list(Batch(b"", 3, (HOST, 1)).segments()) == []


def test_what_the_socket_does_not_take_waits_in_order() -> None:
    async def scenario() -> None:
        sock, near = odd()
        far = await UdpEndpoint.open(HOST)
        data = bytearray(b"abcdefgh")
        near.send(Batch(data[:2], 1, far.address))
        sock.blocked = True
        near.send(Batch(memoryview(data)[2:6], 1, far.address))
        data[:] = b"........"
        sock.blocked = False
        near.send(Batch(b"gh", 1, far.address))
        assert sock.attempts == 3, "nothing overtakes what waits"
        assert b"".join(await receive(far, 8)) == b"abcdefgh"
        assert not near.drops.total
        near.close()
        far.close()

    run(scenario())


def test_waiting_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SEND_QUEUE_OCTETS", 1000)

    async def scenario() -> None:
        sock, near = odd()
        far = await UdpEndpoint.open(HOST)
        sock.blocked = True
        near.send(Batch(bytes(1500), 100, far.address))
        assert near.drops.counts == {Drop.SEND_QUEUE_FULL: 5}
        sock.blocked = False
        assert await receive(far, 10) == [bytes(100)] * 10
        sock.blocked = True
        near.send(Batch(bytes(300), 100, far.address))
        near.close()
        assert near.drops[Drop.CLOSED] == 3
        far.close()

    run(scenario())


def test_socket_that_blocks_again_while_the_queue_drains() -> None:
    async def scenario() -> None:
        sock, near = odd()
        far = await UdpEndpoint.open(HOST)
        sock.on_send = [BlockingIOError() for _ in range(5)]
        near.send(Batch(b"abc", 1, far.address))
        assert await receive(far, 3) == [b"a", b"b", b"c"]
        near.close()
        far.close()

    run(scenario())


def test_a_turn_drains_a_bounded_part_of_the_queue() -> None:
    async def scenario() -> None:
        sock, near = odd()
        far = await UdpEndpoint.open(HOST)
        sock.blocked = True
        near.send(Batch(bytes(2 * DATAGRAMS_PER_TURN + 1), 1, far.address))
        sock.blocked = False
        before = sock.attempts
        near._writable()
        assert sock.attempts - before == DATAGRAMS_PER_TURN
        assert len(await receive(far, 2 * DATAGRAMS_PER_TURN + 1)) == 2 * DATAGRAMS_PER_TURN + 1
        near._writable()
        assert not asyncio.get_running_loop().remove_writer(sock), "an empty queue does not wake the loop"
        near.close()
        far.close()

    run(scenario())


def test_a_turn_receives_a_bounded_number() -> None:
    """Then others get their turn, also while datagrams keep coming."""

    async def scenario() -> None:
        near, far = await UdpEndpoint.open(HOST), await UdpEndpoint.open(HOST)
        per_turn: list[int] = []
        done = asyncio.Event()

        def keep(batch: Batch) -> None:
            if not per_turn:
                asyncio.get_running_loop().call_soon(new_turn)
                per_turn.append(0)
            per_turn[-1] += 1
            if sum(per_turn) == 300:
                done.set()

        def new_turn() -> None:
            per_turn.append(0)
            if not done.is_set():
                asyncio.get_running_loop().call_soon(new_turn)

        far.receive = keep
        near.send(Batch(bytes(300), 1, far.address))
        await done.wait()
        assert max(per_turn) <= DATAGRAMS_PER_TURN
        near.close()
        far.close()

    run(scenario())


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        (errno.ECONNREFUSED, Drop.CONNECTION_REFUSED),
        (errno.EMSGSIZE, Drop.DATAGRAM_TOO_LONG),
        (errno.ENOBUFS, Drop.NO_BUFFER_SPACE),
        (errno.ENETUNREACH, Drop.UNREACHABLE),
        (errno.EPERM, Drop.SOCKET_ERROR),
    ],
)
def test_errors_are_counted_and_never_fatal(code: int, reason: Drop) -> None:
    """One each on sending and on receiving; then both still work."""

    async def scenario() -> None:
        sock, end = odd()
        sock.on_send = [OSError(code, "on purpose")]
        sock.on_receive = [OSError(code, "on purpose")]
        end.send(Batch(b"ab", 1, end.address))
        assert await receive(end, 1) == [b"b"]
        assert end.drops.counts == {reason: 2}
        end.close()

    run(scenario())


def test_unknown_error_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    async def scenario() -> None:
        sock, end = odd()
        sock.on_send = [OSError(errno.EPERM, "on purpose") for _ in range(10)]
        end.send(Batch(bytes(10), 1, end.address))
        assert end.drops.counts == {Drop.SOCKET_ERROR: 10}
        end.close()

    run(scenario())
    assert caplog.text.count("on purpose") == 1


def test_error_without_end_does_not_block_the_loop() -> None:
    """A socket that only raises keeps its turn bounded."""

    async def scenario() -> None:
        sock, end = odd()
        sock.on_receive = [OSError(errno.ECONNREFUSED, "on purpose") for _ in range(DATAGRAMS_PER_TURN + 50)]
        end._readable()
        assert end.drops.counts == {Drop.CONNECTION_REFUSED: DATAGRAMS_PER_TURN}
        end.close()

    run(scenario())


def test_empty_datagram() -> None:
    async def scenario() -> None:
        end = await UdpEndpoint.open(HOST)
        dropped = asyncio.Event()
        end.drops.on_drop = lambda reason, size: dropped.set()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
            stranger.sendto(b"", end.address)
        await dropped.wait()
        assert end.drops.counts == {Drop.DATAGRAM_EMPTY: 1}
        end.close()

    run(scenario())


def test_receive_buffer_is_what_the_system_gave() -> None:
    async def scenario() -> None:
        end = await UdpEndpoint.open(HOST)
        assert end.receive_buffer == end._socket.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF)
        end.close()

    run(scenario())


def test_receive_buffer_that_is_refused() -> None:
    """Some systems refuse what they cannot give: half as much is asked for, and so on."""

    class Modest(socket.socket):
        asked: list[int]

        def setsockopt(self, level: int, option: int, value: Any, *rest: Any) -> None:  # type: ignore[override]
            self.asked.append(value)
            if value > 1 << 20:
                raise OSError(errno.ENOBUFS, "on purpose")
            super().setsockopt(level, option, value)

    with Modest(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.asked = []
        module._ask_for_receive_buffer(sock)
        assert sock.asked == [WANTED_RECEIVE_BUFFER, 2 << 20, 1 << 20]


def test_address_that_cannot_be_bound_is_an_error() -> None:
    async def scenario() -> None:
        with pytest.raises(OSError):
            await UdpEndpoint.open("203.0.113.7")

    run(scenario())


def test_resolve() -> None:
    async def scenario() -> None:
        assert (await resolve("localhost", 5))[1] == 5
        assert await resolve(HOST, 6) == (HOST, 6)

    run(scenario())
