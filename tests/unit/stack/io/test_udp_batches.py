"""Batches of datagrams: exact at any pair of levels, one call where the kernel can, and down the ladder at run time."""

from __future__ import annotations

import asyncio
import errno
import logging
import random
import socket
import sys
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from odd_socket import HOST, PATIENCE, OddSocket, at_every_level, needs_offload, odd, receive, run

from net4ai.stack.drops import Drop
from net4ai.stack.io.udp import BATCH_OCTETS, MAXIMUM_DATAGRAM, Batch, UdpEndpoint
from net4ai.stack.io.udp_offload import LADDER, LONGEST_BURST, SEGMENTS_PER_SEND, Offload


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
                assert 0 < batch.stride <= len(view) <= BATCH_OCTETS
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
        assert got == [(850, 100), (100, 100), (60 * 1400, 1400)]
        near.close()
        far.close()

    run(scenario())


@needs_offload
def test_a_batch_grows_to_its_bound() -> None:
    async def scenario() -> None:
        near, far = await UdpEndpoint.open(HOST), await UdpEndpoint.open(HOST)
        sent = random.Random(1).randbytes(450 * 1400)
        got: list[bytes] = []
        far.receive = lambda batch: got.append(bytes(batch.data))
        for start in range(0, len(sent), 45 * 1400):
            near.send(Batch(sent[start : start + 45 * 1400], 1400, far.address))
        far._readable()
        assert b"".join(got) == sent
        assert [len(data) for data in got] == [180 * 1400, 180 * 1400, 90 * 1400]
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
