"""UDP endpoints where the socket misbehaves, at every level of the ladder.

What they share with other networks is in test_network.py, batches in test_udp_batches.py, the ladder in
test_udp_offload.py.
"""

from __future__ import annotations

import asyncio
import errno
import gc
import socket
import weakref
from typing import Any

import pytest
from odd_socket import HOST, at_every_level, odd, receive, run

from net4ai.stack.drops import Drop
from net4ai.stack.io import udp as module
from net4ai.stack.io.udp import (
    BATCH_OCTETS,
    CALLS_PER_TURN,
    MERGED_CREDIT,
    SINGLE_CREDIT,
    WANTED_RECEIVE_BUFFER,
    Batch,
    UdpEndpoint,
    resolve,
)
from net4ai.stack.io.udp_offload import Offload


def test_batch_segments() -> None:
    batch = Batch(b"abcdefg", 3, (HOST, 1))
    assert [bytes(segment) for segment in batch.segments()] == [b"abc", b"def", b"g"]
    assert list(Batch(b"", 3, (HOST, 1)).segments()) == []


@at_every_level
def test_what_the_socket_does_not_take_waits_in_order(level: Offload) -> None:
    async def scenario() -> None:
        sock, near = odd(level)
        far = await UdpEndpoint.open(HOST)
        data = bytearray(b"abcdefgh")
        near.send(Batch(data[:2], 1, far.address))
        sock.blocked = True
        near.send(Batch(memoryview(data)[2:6], 1, far.address))
        data[:] = b"........"
        sock.blocked = False
        before = sock.attempts
        near.send(Batch(b"gh", 1, far.address))
        assert sock.attempts == before, "nothing overtakes what waits"
        assert b"".join(await receive(far, 8)) == b"abcdefgh"
        assert not near.drops.total
        near.close()
        far.close()

    run(scenario())


@at_every_level
def test_waiting_is_bounded(level: Offload, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SEND_QUEUE_OCTETS", 1050)

    async def scenario() -> None:
        sock, near = odd(level)
        far = await UdpEndpoint.open(HOST)
        sock.blocked = True
        near.send(Batch(bytes(1500), 100, far.address))
        assert near.drops.counts == {Drop.SEND_QUEUE_FULL: 5}
        sock.blocked = False
        assert await receive(far, 10) == [bytes(100)] * 10
        assert sum(sock.sent) == 1000, "whole datagrams only"
        sock.blocked = True
        near.send(Batch(bytes(250), 100, far.address))
        near.close()
        assert near.drops[Drop.CLOSED] == 3
        far.close()

    run(scenario())


@at_every_level
def test_socket_that_blocks_again_while_the_queue_drains(level: Offload) -> None:
    async def scenario() -> None:
        sock, near = odd(level)
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
        near.send(Batch(bytes(2 * CALLS_PER_TURN + 1), 1, far.address))
        sock.blocked = False
        before = sock.attempts
        near._writable()
        assert sock.attempts - before == CALLS_PER_TURN
        assert len(await receive(far, 2 * CALLS_PER_TURN + 1)) == 2 * CALLS_PER_TURN + 1
        near._writable()
        assert not asyncio.get_running_loop().remove_writer(sock), "an empty queue does not wake the loop"
        near.close()
        far.close()

    run(scenario())


@at_every_level
def test_a_turn_receives_by_a_bounded_number_of_calls(level: Offload) -> None:
    """Then others get their turn, also while datagrams keep coming. What is left is received in the next one."""

    async def scenario() -> None:
        sock, far = odd(level)
        near = await UdpEndpoint.open(HOST, offload=Offload.NONE)
        near.send(Batch(bytes(2 * CALLS_PER_TURN), 1, far.address))
        got: list[int] = []
        far.receive = lambda batch: got.append(len(batch.data))
        far._readable()
        assert sock.receipts == CALLS_PER_TURN == sum(got)
        assert len(await receive(far, CALLS_PER_TURN)) == CALLS_PER_TURN
        near.close()
        far.close()

    run(scenario())


@at_every_level
def test_a_turn_receives_a_bounded_number_of_octets(level: Offload, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "OCTETS_PER_TURN", 60_000)

    async def scenario() -> None:
        _, far = odd(level)
        near = await UdpEndpoint.open(HOST)
        near.send(Batch(bytes(100 * 1000), 1000, far.address))
        got: list[int] = []
        far.receive = lambda batch: got.append(len(batch.data))
        far._readable()
        assert 60_000 <= sum(got) <= BATCH_OCTETS
        assert len(await receive(far, 100 - sum(got) // 1000)) == 100 - sum(got) // 1000
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
@at_every_level
def test_errors_are_counted_and_never_fatal(level: Offload, code: int, reason: Drop) -> None:
    """One each on sending and on receiving; then both still work."""

    async def scenario() -> None:
        sock, end = odd(level)
        sock.on_send = [OSError(code, "on purpose")]
        sock.on_receive = [OSError(code, "on purpose")]
        end.send(Batch(b"a", 1, end.address))
        end.send(Batch(b"bc", 1, end.address))
        assert await receive(end, 2) == [b"b", b"c"]
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
        sock.on_receive = [OSError(errno.ECONNREFUSED, "on purpose") for _ in range(CALLS_PER_TURN + 50)]
        end._readable()
        assert end.drops.counts == {Drop.CONNECTION_REFUSED: CALLS_PER_TURN}
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


@at_every_level
def test_receive_buffer_is_what_the_system_gave(level: Offload) -> None:
    async def scenario() -> None:
        end = await UdpEndpoint.open(HOST, offload=level)
        assert end.receive_buffer == end._socket.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF)
        assert end.credit == int(end.receive_buffer * (MERGED_CREDIT if Offload.GRO in end.offload else SINGLE_CREDIT))
        end.close()

    run(scenario())


def test_receive_buffer_that_is_refused() -> None:
    """Some systems refuse what they cannot give: half as much is asked for, and so on."""

    class Modest(socket.socket):
        asked: list[int]

        def setsockopt(self, level: int, option: int, value: Any, *rest: Any) -> None:
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


@at_every_level
def test_nothing_is_kept_alive_after_close(level: Offload) -> None:
    class Node:
        def receive(self, batch: Batch) -> None: ...

    async def scenario() -> None:
        sock, end = odd(level)
        node = Node()
        end.receive = node.receive
        sock.blocked = True
        end.send(Batch(bytes(100), 10, end.address))
        end.close()
        gone = weakref.ref(end), weakref.ref(node), weakref.ref(sock)
        del end, node, sock
        await asyncio.sleep(0)
        gc.collect()
        assert [found() for found in gone] == [None] * 3

    run(scenario())
