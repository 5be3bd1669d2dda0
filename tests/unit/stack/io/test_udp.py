"""UDP endpoints: batches at every level of the ladder, and sockets that misbehave.

What endpoints share with other networks is in test_network.py, the ladder itself in test_udp_offload.py.
"""

from __future__ import annotations

import asyncio
import errno
import gc
import logging
import random
import socket
import sys
import weakref
from collections.abc import Coroutine
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from net4ai.stack.drops import Drop, DropCounter
from net4ai.stack.io import udp as module
from net4ai.stack.io.udp import (
    CALLS_PER_TURN,
    MAXIMUM_DATAGRAM,
    MERGED_CREDIT,
    SINGLE_CREDIT,
    WANTED_RECEIVE_BUFFER,
    Batch,
    UdpEndpoint,
    resolve,
)
from net4ai.stack.io.udp_offload import LADDER, LONGEST_BURST, SEGMENTS_PER_SEND, Offload, probe

HOST = "127.0.0.1"
PATIENCE = 20

at_every_level = pytest.mark.parametrize("level", LADDER, ids=[level.name for level in LADDER])
needs_offload = pytest.mark.skipif(probe(socket.AF_INET) is not Offload.ALL, reason="the kernel has no GSO and GRO")


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
        self.on_segments: OSError | None = None
        """Raised by each call that sends several datagrams."""
        self.on_receive: list[OSError] = []
        self.blocked = False
        self.attempts = 0
        self.receipts = 0
        self.sent: list[int] = []
        """Octets of each call that sent something."""

    def _send(self, size: int) -> None:
        self.attempts += 1
        if self.blocked:
            raise BlockingIOError
        if self.on_send:
            raise self.on_send.pop(0)
        self.sent.append(size)

    def sendto(self, *arguments: Any) -> int:
        self._send(len(arguments[0]))
        return super().sendto(*arguments)

    def sendmsg(self, *arguments: Any) -> int:
        if self.on_segments is not None:
            self.attempts += 1
            raise self.on_segments
        self._send(len(arguments[0][0]))
        return super().sendmsg(*arguments)

    def _receive(self) -> None:
        self.receipts += 1
        if self.on_receive:
            raise self.on_receive.pop(0)

    def recvfrom_into(self, *arguments: Any) -> Any:
        self._receive()
        return super().recvfrom_into(*arguments)

    def recvmsg_into(self, *arguments: Any) -> Any:
        self._receive()
        return super().recvmsg_into(*arguments)


def odd(level: Offload = Offload.NONE) -> tuple[OddSocket, UdpEndpoint]:
    sock = OddSocket()
    return sock, UdpEndpoint(sock, asyncio.get_running_loop(), DropCounter(), level & probe(socket.AF_INET))


async def receive(endpoint: UdpEndpoint, number: int) -> list[bytes]:
    """The next datagrams of an endpoint."""
    got: list[bytes] = []
    done = asyncio.Event()

    def keep(batch: Batch) -> None:
        got.extend(bytes(segment) for segment in batch.segments())
        if len(got) == number:
            done.set()

    endpoint.receive = keep
    await done.wait()
    return got


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
    monkeypatch.setattr(module, "SEND_QUEUE_OCTETS", 1000)

    async def scenario() -> None:
        sock, near = odd(level)
        far = await UdpEndpoint.open(HOST)
        sock.blocked = True
        near.send(Batch(bytes(1500), 100, far.address))
        assert near.drops.counts == {Drop.SEND_QUEUE_FULL: 5}
        sock.blocked = False
        assert await receive(far, 10) == [bytes(100)] * 10
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
        assert 60_000 <= sum(got) <= LONGEST_BURST
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


# ---------------------------------------------------------------------------------------------------------------------
# Batches


def has_ipv6() -> bool:
    """Whether this machine has an IPv6 loopback to test on."""
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as sock:
            sock.bind(("::1", 0))
    except OSError:
        return False
    return True


LONGEST = 9216 if sys.platform == "darwin" else MAXIMUM_DATAGRAM  # net.inet.udp.maxdgram
AT_ONCE = 130
OCTETS_AT_ONCE = 140_000
"""What fits into a socket that got 416 KiB: a datagram of 64 octets or less costs 832, one of 1400 costs 2304."""


@st.composite
def batches(draw: st.DrawFn) -> list[tuple[bytes, int]]:
    """Data and stride of some batches: usual sizes, and those at the bounds of kernels."""
    found: list[tuple[bytes, int]] = []
    datagrams, octets = AT_ONCE, OCTETS_AT_ONCE
    usual = st.sampled_from((1, 2, 13, 64, 100, 1023, 1232, 1400, 1431, 1472, 8900, 16370, 32746, 65493, 65507))
    for _ in range(draw(st.integers(1, 4))):
        stride = min(draw(usual | st.integers(1, MAXIMUM_DATAGRAM)), LONGEST, max(1, octets))
        number = min(draw(st.integers(1, AT_ONCE) | st.sampled_from((46, 64, 65))), datagrams, octets // stride)
        if number == 0:
            break
        size = number * stride - draw(st.sampled_from((0, 0, 1, stride // 2, stride - 1)))
        found.append((random.Random(size).randbytes(size), stride))
        datagrams -= number
        octets -= size
    return found


@pytest.mark.parametrize(
    "host", [HOST, pytest.param("::1", marks=pytest.mark.skipif(not has_ipv6(), reason="no IPv6"))]
)
@pytest.mark.parametrize("receiver", LADDER, ids=[f"to {level.name}" for level in LADDER])
@pytest.mark.parametrize("sender", LADDER, ids=[f"from {level.name}" for level in LADDER])
def test_batches_arrive_exactly(sender: Offload, receiver: Offload, host: str) -> None:
    """At any pair of levels: every datagram, in order, from whom it came; in memory that may be written."""
    with asyncio.Runner() as runner:

        async def open_ends() -> tuple[UdpEndpoint, UdpEndpoint]:
            return await UdpEndpoint.open(host, offload=sender), await UdpEndpoint.open(host, offload=receiver)

        near, far = runner.run(open_ends())

        async def exchange(sent: list[tuple[bytes, int]]) -> None:
            expected = [bytes(segment) for data, stride in sent for segment in Batch(data, stride, HOST_1).segments()]
            got: list[bytes] = []
            all_there = asyncio.Event()

            def keep(batch: Batch) -> None:
                view = memoryview(batch.data)
                assert batch.peer == near.address
                assert 0 < batch.stride <= len(view) <= max(LONGEST_BURST, batch.stride)
                got.extend(bytes(segment) for segment in batch.segments())
                view[:] = bytes(len(view))
                if len(got) >= len(expected):
                    all_there.set()

            far.receive = keep
            for data, stride in sent:
                near.send(Batch(data, stride, far.address))
            async with asyncio.timeout(PATIENCE):
                while len(got) < len(expected):
                    await all_there.wait()
            assert got == expected

        @settings(max_examples=25, deadline=None)
        @given(batches())
        def check(sent: list[tuple[bytes, int]]) -> None:
            runner.run(exchange(sent))

        check()
        assert not near.drops.total and not far.drops.total
        near.close()
        far.close()


HOST_1 = HOST, 1


@needs_offload
@pytest.mark.parametrize(("size", "stride"), [(46 * 1400, 1400), (64 * 64, 64), (7 * 8900 - 3, 8900)])
def test_a_burst_is_one_call_each_way(size: int, stride: int) -> None:
    async def scenario() -> None:
        (sock, near), (far_sock, far) = odd(Offload.ALL), odd(Offload.ALL)
        got: list[tuple[int, int]] = []
        far.receive = lambda batch: got.append((len(batch.data), batch.stride))
        near.send(Batch(bytes(size), stride, far.address))
        far._readable()
        assert sock.attempts == 1
        assert got == [(size, stride)]
        assert far_sock.receipts == 2, "the burst, and nothing more"
        near.close()
        far.close()

    run(scenario())


@needs_offload
def test_longer_batches_are_cut_as_kernels_take_them() -> None:
    async def scenario() -> None:
        sock, near = odd(Offload.GSO)
        near.send(Batch(bytes(130 * 100), 100, near.address))
        assert sock.sent == [SEGMENTS_PER_SEND * 100, SEGMENTS_PER_SEND * 100, 200]
        sock.sent.clear()
        near.send(Batch(bytes(100_000), 1400, near.address))
        assert sock.sent == [46 * 1400, 100_000 - 46 * 1400]
        assert 46 * 1400 <= LONGEST_BURST < 47 * 1400
        sock.sent.clear()
        near.send(Batch(bytes(70_001), 35_000, near.address))
        assert sock.sent == [35_000, 35_000, 1]
        near.close()

    run(scenario())


@at_every_level
def test_neighbours_of_one_peer_and_size_are_handed_over_together(level: Offload) -> None:
    async def scenario() -> None:
        far = await UdpEndpoint.open(HOST, offload=level)
        ends = [await UdpEndpoint.open(HOST, offload=Offload.NONE) for _ in range(2)]
        got: list[tuple[int, bytes, int]] = []

        def keep(batch: Batch) -> None:
            got.append(([end.address for end in ends].index(batch.peer), bytes(batch.data), batch.stride))

        far.receive = keep
        for sender, data in (
            *((0, b"abc"), (0, b"def"), (0, b"g")),  # the last is shorter
            *((0, b"h"), (0, b"i")),
            *((0, b""), (0, b"j")),  # an empty one is counted and in nobody's way
            *((1, b"k"), (1, b"lm"), (0, b"no")),  # longer than the first; of another peer
        ):
            ends[sender]._socket.sendto(data, far.address)
        far._readable()
        assert got == [(0, b"abcdefg", 3), (0, b"hij", 1), (1, b"k", 1), (1, b"lm", 2), (0, b"no", 2)]
        assert far.drops.counts == {Drop.DATAGRAM_EMPTY: 1}
        for end in (far, *ends):
            end.close()

    run(scenario())


@needs_offload
def test_merged_and_single_ones_are_handed_over_together() -> None:
    """A burst cut in two on its way, or a sender who sends bursts of different lengths."""

    async def scenario() -> None:
        near, far = await UdpEndpoint.open(HOST), await UdpEndpoint.open(HOST)
        got: list[tuple[int, int]] = []
        far.receive = lambda batch: got.append((len(batch.data), batch.stride))
        for size in (200, 100, 300, 250, 100, 20 * 1400, 20 * 1400, 20 * 1400):
            near.send(Batch(bytes(size), 1400 if size > 1400 else 100, far.address))
        far._readable()
        assert got == [(850, 100), (100, 100), (40 * 1400, 1400), (20 * 1400, 1400)]
        near.close()
        far.close()

    run(scenario())


@needs_offload
def test_the_queue_keeps_batches() -> None:
    async def scenario() -> None:
        sock, near = odd(Offload.GSO)
        sock.blocked = True
        near.send(Batch(bytes(4000), 100, near.address))
        near.send(Batch(bytes(40), 1, near.address))
        sock.blocked = False
        near._writable()
        assert sock.sent == [4000, 40]
        near.close()

    run(scenario())


@at_every_level
def test_a_batch_without_octets_has_no_datagrams(level: Offload) -> None:
    async def scenario() -> None:
        sock, near = odd(level)
        near.send(Batch(b"", 1, near.address))
        sock.blocked = True
        near.send(Batch(b"", 1, near.address))
        assert not sock.attempts
        assert not asyncio.get_running_loop().remove_writer(sock)
        near.close()

    run(scenario())


# ---------------------------------------------------------------------------------------------------------------------
# Down the ladder at run time


@needs_offload
@pytest.mark.parametrize("code", [errno.EIO, errno.EOPNOTSUPP])
@pytest.mark.parametrize("level", [Offload.ALL, Offload.GSO])
def test_a_device_without_offload(level: Offload, code: int, caplog: pytest.LogCaptureFixture) -> None:
    """Nothing is lost or overtaken for it; no further batch is tried; it is said once. GRO and credit remain."""
    caplog.set_level(logging.INFO)

    async def scenario() -> None:
        sock, near = odd(level)
        far = await UdpEndpoint.open(HOST)
        before, credit = near.offload, near.credit
        assert before is level
        near.send(Batch(b"ab", 1, far.address))
        sock.on_segments = OSError(code, "on purpose")
        near.send(Batch(b"cdefgh", 1, far.address))
        near.send(Batch(b"ijk", 1, far.address))
        assert sock.attempts == 1 + 1 + 6 + 3
        assert b"".join(await receive(far, 11)) == b"abcdefghijk"
        assert near.offload is before & ~Offload.GSO
        assert near.refused_bursts == 1 and near.credit == credit and not near.drops.total
        near.close()
        far.close()

    run(scenario())
    assert caplog.text.count("on purpose") == 1


@needs_offload
@pytest.mark.parametrize("code", [errno.EMSGSIZE, errno.EINVAL])
def test_segments_longer_than_the_path_takes(code: int, caplog: pytest.LogCaptureFixture) -> None:
    """These, and longer ones, go one by one, IP may fragment them; shorter ones stay batches."""
    caplog.set_level(logging.INFO)

    async def scenario() -> None:
        sock, near = odd(Offload.ALL)
        far = await UdpEndpoint.open(HOST)
        sock.on_segments = OSError(code, "on purpose")
        near.send(Batch(bytes(4 * 2000), 2000, far.address))
        near.send(Batch(bytes(4 * 1500), 1500, far.address))
        assert sock.sent == [2000] * 4 + [1500] * 4
        assert sock.attempts == 10
        sock.on_segments = None
        sock.sent.clear()
        near.send(Batch(bytes(4 * 1500), 1500, far.address))
        near.send(Batch(bytes(4 * 1499), 1499, far.address))
        assert sock.sent == [1500] * 4 + [4 * 1499]
        assert near.offload is Offload.ALL
        assert len(await receive(far, 16)) == 16
        assert near.refused_bursts == 2 and not near.drops.total
        near.close()
        far.close()

    run(scenario())
    assert caplog.text.count("on purpose") == 1


@needs_offload
@pytest.mark.parametrize("code", [errno.EMSGSIZE, errno.EINVAL])
def test_what_every_path_takes_is_not_too_long(code: int) -> None:
    async def scenario() -> None:
        sock, near = odd(Offload.ALL)
        sock.on_segments = OSError(code, "on purpose")
        near.send(Batch(bytes(400), 100, near.address))
        assert near.offload is Offload.GRO
        assert len(await receive(near, 4)) == 4
        near.close()

    run(scenario())


@needs_offload
def test_a_burst_the_system_has_no_memory_for_is_lost_as_a_whole() -> None:
    """As each of its datagrams would be; the level stays."""

    async def scenario() -> None:
        sock, near = odd(Offload.ALL)
        sock.on_send = [OSError(errno.ENOBUFS, "on purpose")]
        near.send(Batch(bytes(350), 100, near.address))
        assert near.drops.counts == {Drop.NO_BUFFER_SPACE: 4}
        assert near.offload is Offload.ALL
        near.close()

    run(scenario())


@needs_offload
def test_down_the_ladder_while_others_wait() -> None:
    """The socket blocks, then refuses the burst, then blocks in the midst of its datagrams: all arrive in order."""

    async def scenario() -> None:
        sock, near = odd(Offload.ALL)
        far = await UdpEndpoint.open(HOST)
        sock.blocked = True
        near.send(Batch(b"abcd", 1, far.address))
        near.send(Batch(b"efgh", 1, far.address))
        sock.blocked = False
        sock.on_segments = OSError(errno.EIO, "on purpose")
        near._send_now = blocking_after(2, sock, near._send_now)  # type: ignore[method-assign]
        assert b"".join(await receive(far, 8)) == b"abcdefgh"
        assert not near.drops.total
        near.close()
        far.close()

    def blocking_after(number: int, sock: OddSocket, send_now: Any) -> Any:
        def send(*arguments: Any) -> Any:
            if len(sock.sent) == number:
                sock.on_send = [BlockingIOError()]
            return send_now(*arguments)

        return send

    run(scenario())


# ---------------------------------------------------------------------------------------------------------------------
# The end


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
