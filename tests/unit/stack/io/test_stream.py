"""Frames over streams: the decoder octet by octet, connections and listeners. For connectors see `test_connector`."""

from __future__ import annotations

import asyncio
import random
import socket
import sys
from collections.abc import Coroutine
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from net4ai.codecs.errors import DecodeError, EncodeError
from net4ai.stack.drops import Drop, DropCounter
from net4ai.stack.io import stream as module
from net4ai.stack.io.memory_network import MemoryNetwork, Streams, memory_streams
from net4ai.stack.io.stream import (
    FIRST_FRAME_BOUND,
    MAXIMUM_FRAME,
    FrameConnection,
    FrameDecoder,
    Listener,
    connect_forever,
    listen,
)
from net4ai.stack.io.virtual_loop import run_virtual

HOST = "127.0.0.1"
PATIENCE = 20


def run(scenario: Coroutine[Any, Any, None]) -> None:
    async def bounded() -> None:
        async with asyncio.timeout(PATIENCE):
            await scenario

    asyncio.run(bounded())


def framed(*frames: bytes) -> bytes:
    return b"".join(len(frame).to_bytes(4, "big") + frame for frame in frames)


# ---------------------------------------------------------------------------------------------------------------------
# Decoder


@given(frames=st.lists(st.binary(max_size=30), max_size=10), pieces=st.lists(st.integers(1, 20)))
def test_frames_in_any_pieces(frames: list[bytes], pieces: list[int]) -> None:
    """Octet by octet where the pieces run out."""
    decoder = FrameDecoder()
    data, got = framed(*frames), []
    while data:
        size = pieces.pop() if pieces else 1
        decoder.feed(data[:size])
        data = data[size:]
        while (frame := decoder.next_frame()) is not None:
            got.append(frame)
    assert got == frames
    assert not decoder.within_frame


def test_frame_is_given_with_its_last_octet() -> None:
    decoder = FrameDecoder()
    for octet in framed(b"abc")[:-1]:
        decoder.feed(bytes([octet]))
        assert decoder.next_frame() is None
        assert decoder.within_frame
    decoder.feed(b"c")
    assert decoder.next_frame() == b"abc"


@pytest.mark.parametrize("length", [101, 2**31, 2**32 - 1])
def test_length_is_checked_before_anything_is_kept(length: int) -> None:
    decoder = FrameDecoder(maximum=100)
    decoder.feed(framed(bytes(100)) + length.to_bytes(4, "big"))
    assert decoder.next_frame() == bytes(100)
    with pytest.raises(DecodeError, match=f"{length} octets, allowed 0 to 100") as caught:
        decoder.next_frame()
    assert caught.value.reason == "length out of range"


def test_random_input_gives_frames_or_the_error() -> None:
    rng = random.Random(1)
    for _ in range(20_000):
        decoder = FrameDecoder(maximum=10)
        decoder.feed(bytes(rng.choice((0, 0, 0, 5, 255)) for _ in range(rng.randrange(20))))
        try:
            while (frame := decoder.next_frame()) is not None:
                assert len(frame) <= 10
        except DecodeError:
            pass


# ---------------------------------------------------------------------------------------------------------------------
# Connection, over streams in memory


class End:
    """A connection that keeps what it gets."""

    def __init__(self, streams: Streams, **options: Any) -> None:
        self.frames: list[bytes] = []
        self.reasons: list[str] = []
        self.connection = FrameConnection(*streams, **options)
        self.connection.receive = self.frames.append
        self.connection.closed = self.reasons.append


def test_wire() -> None:
    async def main() -> None:
        near, (reader, writer) = memory_streams(asyncio.get_running_loop())
        end = End(near)
        end.connection.send(b"abc")
        end.connection.send(memoryview(b""))
        assert await reader.readexactly(11) == bytes.fromhex("00000003 616263 00000000")
        writer.write(framed(b"x") + b"\0\0")
        await asyncio.sleep(0.1)
        assert end.frames == [b"x"]
        assert end.connection.heard
        writer.close()
        assert await end.connection.wait_closed() == "closed by the peer within a frame"
        assert end.reasons == ["closed by the peer within a frame"]

    run_virtual(main())


def test_frame_too_long_from_the_peer_closes() -> None:
    """Frames before it are delivered, nothing behind it."""

    async def main() -> None:
        near, (reader, writer) = memory_streams(asyncio.get_running_loop())
        end = End(near, maximum_frame=10)
        writer.write(framed(b"good", bytes(11), b"behind"))
        reason = await end.connection.wait_closed()
        assert reason == "frame: length out of range (11 octets, allowed 0 to 10)"
        assert end.frames == [b"good"]
        assert end.reasons == [reason]
        assert end.connection.drops.counts == {"length out of range": 1}
        assert await reader.read() == b""
        writer.close()

    run_virtual(main())


def test_frame_too_long_to_send() -> None:
    async def main() -> None:
        near, far = memory_streams(asyncio.get_running_loop())
        end, other = End(near, maximum_frame=10), End(far)
        with pytest.raises(EncodeError, match=r"11.*0 to 10"):
            end.connection.send(bytes(11))
        assert end.connection.is_open
        end.connection.close()
        await other.connection.wait_closed()

    run_virtual(main())


def test_callbacks_never_come_from_within_a_call() -> None:
    async def main() -> None:
        near, far = memory_streams(asyncio.get_running_loop())
        end, other = End(near), End(far)
        other.connection.send(b"x")
        end.connection.close("enough")
        end.connection.close("again")
        assert end.reasons == []
        assert not end.connection.is_open
        assert await end.connection.wait_closed() == "enough"
        await other.connection.wait_closed()
        assert end.reasons == ["enough"]
        assert other.reasons == ["closed by the peer"]
        assert end.frames == []
        end.connection.send(b"late")
        assert end.connection.drops.counts == {Drop.CLOSED: 1}
        assert end.connection.buffered == 0

    run_virtual(main())


def test_closing_ends_reading_where_the_peer_goes_on() -> None:
    """As with a child's pipes: its output stays open when its input is closed."""

    async def main() -> None:
        loop = asyncio.get_running_loop()
        (_, writer), (_, far_writer) = memory_streams(loop)
        endless = asyncio.StreamReader()
        connection = FrameConnection(endless, writer)
        await asyncio.sleep(0.1)
        connection.close()
        await connection.wait_closed()
        await asyncio.sleep(0.1)
        assert connection._task.done()
        far_writer.close()

    run_virtual(main())


def test_closing_while_frames_arrive() -> None:
    async def main() -> None:
        near, far = memory_streams(asyncio.get_running_loop())
        end, other = End(near), End(far)

        def receive(frame: bytes) -> None:
            end.frames.append(frame)
            end.connection.close("had enough")

        end.connection.receive = receive
        for _ in range(5):
            other.connection.send(b"x")
        assert await end.connection.wait_closed() == "had enough"
        await other.connection.wait_closed()
        assert end.frames == [b"x"]
        assert end.reasons == ["had enough"]

    run_virtual(main())


def test_callbacks_that_raise(caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        near, far = memory_streams(asyncio.get_running_loop())
        end, other = End(near), End(far)

        def fail(argument: object) -> None:
            raise RuntimeError(f"boom {argument!r}")

        end.connection.receive = fail
        end.connection.closed = fail
        for _ in range(2):
            other.connection.send(b"x")
        await asyncio.sleep(0.1)
        assert end.connection.is_open
        assert end.connection.drops.counts == {Drop.RECEIVER_FAILED: 2}
        other.connection.close()
        await end.connection.wait_closed()
        await asyncio.sleep(0)

    run_virtual(main())
    assert "boom b'x'" in caplog.text
    assert "boom 'closed by the peer'" in caplog.text


def test_no_receiver_yet() -> None:
    async def main() -> None:
        near, far = memory_streams(asyncio.get_running_loop())
        end, other = End(near), End(far)
        end.connection.receive = None
        other.connection.send(b"x")
        await asyncio.sleep(0.1)
        assert end.connection.drops.counts == {Drop.NO_RECEIVER: 1}
        end.connection.close()
        await other.connection.wait_closed()

    run_virtual(main())


def test_cancelling_everything_closes() -> None:
    """As at the end of a program: nothing hangs, nothing is reported as never retrieved."""

    async def main() -> None:
        near, far = memory_streams(asyncio.get_running_loop())
        End(near), End(far)
        await asyncio.sleep(0.1)

    run_virtual(main())


def test_pipes_of_a_child() -> None:
    """Any pair of streams will do."""

    async def scenario() -> None:
        child = await asyncio.create_subprocess_exec(
            sys.executable,
            "-c",
            "import sys\nwhile data := sys.stdin.buffer.read1(): sys.stdout.buffer.write(data); sys.stdout.flush()",
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        assert child.stdin is not None
        assert child.stdout is not None
        end = End((child.stdout, child.stdin), maximum_frame=1 << 20)
        assert end.connection.peer is None
        done = asyncio.Event()

        def receive(frame: bytes) -> None:
            end.frames.append(frame)
            if len(end.frames) == 20:
                done.set()

        end.connection.receive = receive
        frames = [random.Random(number).randbytes(number * 10_000) for number in range(20)]
        for frame in frames:
            end.connection.send(frame)
            await end.connection.drain()
        await done.wait()
        assert end.frames == frames
        end.connection.close()
        await child.wait()

    run(scenario())


# ---------------------------------------------------------------------------------------------------------------------
# TCP


async def tcp_pair(**options: Any) -> tuple[Listener, FrameConnection, socket.socket]:
    """A connection, and a plain blocking-free socket at its other end."""
    accepted: asyncio.Future[FrameConnection] = asyncio.get_running_loop().create_future()
    listener = await listen(HOST, 0, accepted.set_result, **options)
    sock = socket.socket()
    sock.setblocking(False)
    await asyncio.get_running_loop().sock_connect(sock, listener.address)
    return listener, await accepted, sock


def test_tcp_no_delay_on_both_sides() -> None:
    async def scenario() -> None:
        accepted: asyncio.Queue[FrameConnection] = asyncio.Queue()
        listener = await listen(HOST, 0, accepted.put_nowait)
        connector = connect_forever(*listener.address, "core", accepted.put_nowait)
        for _ in range(2):
            sock = (await accepted.get())._writer.get_extra_info("socket")
            assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        connector.close()
        listener.close()

    run(scenario())


def test_peer_that_does_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """What waits is bounded; then the connection is closed, for nothing may be lost silently."""
    monkeypatch.setattr(module, "SEND_BUFFER", 1 << 20)

    async def scenario() -> None:
        listener, connection, sock = await tcp_pair()
        connection._send_buffer = 1 << 20
        for _ in range(1000):
            connection.send(bytes(MAXIMUM_FRAME))
            assert connection.buffered <= 1 << 20
            if not connection.is_open:
                break
        assert "does not read" in await connection.wait_closed()
        assert connection.drops[Drop.SEND_QUEUE_FULL] == 1
        sock.close()
        listener.close()

    run(scenario())


def test_close_does_not_wait_for_ever_for_a_peer_that_does_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "CLOSE_BOUND", 0.01)

    async def scenario() -> None:
        listener, connection, sock = await tcp_pair()
        while not connection.buffered:
            connection.send(bytes(MAXIMUM_FRAME))
        connection.close()
        await connection._writer.wait_closed()
        sock.close()
        listener.close()

    run(scenario())


def test_reset_by_the_peer() -> None:
    async def scenario() -> None:
        listener, connection, sock = await tcp_pair()
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        sock.close()
        assert (await connection.wait_closed()).startswith(("connection lost", "closed by the peer"))
        listener.close()

    run(scenario())


def test_closing_the_listener_closes_its_connections() -> None:
    async def scenario() -> None:
        listener, connection, sock = await tcp_pair()
        assert listener.connections == {connection}
        listener.close()
        assert await connection.wait_closed() == "closed by this side"
        assert await asyncio.get_running_loop().sock_recv(sock, 1) == b""
        assert not listener.connections
        sock.close()

    run(scenario())


# ---------------------------------------------------------------------------------------------------------------------
# Listener, in memory


async def strangers(network: MemoryNetwork, listener: Listener, number: int) -> list[Streams]:
    ends = [await network._open_streams(*listener.address) for _ in range(number)]
    await asyncio.sleep(0.1)
    return ends


def test_half_open_peers_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Strangers who say nothing cannot keep out those who do, at least not for long."""
    monkeypatch.setattr(module, "MAXIMUM_HALF_OPEN", 3)

    async def main() -> None:
        network = MemoryNetwork(asyncio.get_running_loop())
        drops = DropCounter()
        listener = await network.listen("core", 1, lambda connection: None, drops=drops)
        ends = await strangers(network, listener, 5)
        assert drops.counts == {Drop.TOO_MANY_HALF_OPEN: 2}
        assert [await reader.read() for reader, _ in ends[3:]] == [b"", b""]
        ends[0][1].write(framed(b"hello"))
        await asyncio.sleep(0.1)
        ends += await strangers(network, listener, 1)
        assert len(listener.connections) == 4
        assert drops.counts == {Drop.TOO_MANY_HALF_OPEN: 2, Drop.NO_RECEIVER: 1}
        await asyncio.sleep(FIRST_FRAME_BOUND)
        assert len(listener.connections) == 1
        assert await ends[1][0].read() == b""
        listener.close()
        for _, writer in ends:
            writer.close()

    run_virtual(main())


def test_connections_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAXIMUM_CONNECTIONS", 3)

    async def main() -> None:
        network = MemoryNetwork(asyncio.get_running_loop())
        listener = await network.listen("core", 1, lambda connection: None)
        ends = await strangers(network, listener, 4)
        assert listener.drops.counts == {Drop.TOO_MANY_CONNECTIONS: 1}
        ends[0][1].close()
        await asyncio.sleep(0.1)
        ends += await strangers(network, listener, 1)
        assert listener.drops.total == 1
        assert len(listener.connections) == 3
        listener.close()
        for _, writer in ends:
            writer.close()

    run_virtual(main())


def test_accept_that_raises(caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        network = MemoryNetwork(asyncio.get_running_loop())

        def accept(connection: FrameConnection) -> None:
            raise RuntimeError("boom")

        listener = await network.listen("core", 1, accept)
        ((reader, writer),) = await strangers(network, listener, 1)
        assert await reader.read() == b""
        writer.close()
        listener.close()

    run_virtual(main())
    assert "boom" in caplog.text
