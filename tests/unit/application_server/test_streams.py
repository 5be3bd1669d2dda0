"""Streams of chunks between two ends: whole and in order within bounds, or an error at both ends."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import nullcontext
from dataclasses import replace
from typing import Any

import pytest
from function_host_bench import virtual
from hypothesis import given, settings
from hypothesis import strategies as st

from net4ai.application_server import host_channel
from net4ai.application_server.host_channel import MAXIMUM_CHUNK, UNANSWERED_SENDS, WINDOW, HostChannel
from net4ai.codecs.declaration import Buffer
from net4ai.codecs.errors import DecodeError, EncodeError
from net4ai.codecs.message import (
    Chunk,
    Content,
    ElementType,
    Message,
    Taken,
    encode_chunk,
    encode_message,
    encode_taken,
    taken_of,
)
from net4ai.functions.api import ChannelClosed, StreamError
from net4ai.stack.io.virtual_loop import run_virtual

TENSOR = Message(7, Content.TENSOR, b"", 9, ElementType.FLOAT32, (1 << 20, 40))
PLAIN = Message(1)


class Line:
    """Two ends, and messages that take their time between them."""

    def __init__(self, delay: Callable[[], float] = lambda: 0.001) -> None:
        self._delay = delay
        self.passed: list[Buffer] = []
        self.most_octets = 0
        """Under way or unread, at the most."""
        self.ends: list[HostChannel] = []
        for end in (0, 1):
            self.ends.append(HostChannel(lambda body, end=end: self._emit(end, body), nullcontext))  # type: ignore[misc]
        self._at = [0.0, 0.0]
        self._under_way = 0

    def _emit(self, end: int, body: bytes) -> None:
        loop = asyncio.get_running_loop()
        self._under_way += len(body)
        self._at[end] = max(self._at[end] + 1e-6, loop.time() + self._delay())
        loop.call_at(self._at[end], self._arrive, end, body)

    def _arrive(self, end: int, body: bytes) -> None:
        self.passed.append(body)
        self._under_way -= len(body)
        self.ends[end].sent()
        assert self.ends[1 - end].deliver(body) in ("", "channel closed")
        self.most_octets = max(self.most_octets, self._under_way + self.ends[1 - end]._octets)


async def read(channel: HostChannel, pause: float = 0) -> tuple[Message, bytes]:
    stream = await channel.receive_stream()
    octets = b""
    async for chunk in stream:
        octets += bytes(chunk)
        await asyncio.sleep(pause)
    return stream.message, octets


@virtual
async def test_what_is_larger_than_a_message_may_be_passes_within_bounds() -> None:
    """100 MiB that nobody ever holds: made and compared as they pass, while the reader is slow."""
    total = 100
    line = Line()
    block = bytes(range(256)) * 4096

    async def chunks() -> AsyncIterator[bytes]:
        for number in range(total):
            yield block[number:] + block[:number]

    async def compare() -> int:
        stream = await line.ends[1].receive_stream()
        assert stream.message == TENSOR
        number = 0
        async for chunk in stream:
            assert bytes(chunk) == block[number:] + block[:number]
            number += 1
            await asyncio.sleep(1)
        return number

    sent = asyncio.ensure_future(line.ends[0].send_stream(TENSOR, chunks()))
    assert await compare() == total
    await sent
    assert line.most_octets <= WINDOW * (MAXIMUM_CHUNK + 64)


@given(
    streams=st.lists(st.lists(st.binary(max_size=20), max_size=30) | st.binary(max_size=10), max_size=8),
    seed=st.integers(0, 99),
)
@settings(deadline=None, max_examples=60)
def test_streams_and_messages_come_in_order(streams: list[list[bytes] | bytes], seed: int) -> None:
    """In both directions at once, however slow either side is."""
    chance = random.Random(seed)

    async def write(end: HostChannel) -> None:
        for index, content in enumerate(streams):
            if isinstance(content, bytes):
                await end.send(replace(PLAIN, index=index, data=content))
            else:
                await end.send_stream(replace(PLAIN, index=index), content)

    async def check(end: HostChannel) -> None:
        for index, content in enumerate(streams):
            await asyncio.sleep(chance.random())
            if isinstance(content, bytes) and chance.random() < 0.5:
                found = await end.receive()
                assert (found.index, bytes(found.data)) == (index, content)
            else:
                message, octets = await read(end, chance.random())
                assert message.index == index
                assert octets == (content if isinstance(content, bytes) else b"".join(content))

    async def play() -> None:
        line = Line(chance.random)
        await asyncio.gather(*(write(end) for end in line.ends), *(check(end) for end in line.ends))

    run_virtual(play())


@virtual
async def test_long_pieces_are_cut_and_buffers_of_any_kind_are_taken() -> None:
    line = Line()
    long = bytearray(MAXIMUM_CHUNK * 2 + 5)
    pieces = [memoryview(long), b"", memoryview(bytes(8)).cast("I"), b"x"]
    sent = asyncio.ensure_future(line.ends[0].send_stream(PLAIN, pieces))
    _, octets = await read(line.ends[1])
    await sent
    assert octets == bytes(len(long) + 8) + b"x"
    assert max(len(body) for body in line.passed) == MAXIMUM_CHUNK + 64


@virtual
async def test_a_sender_waits_for_its_reader() -> None:
    line = Line()
    sent = asyncio.ensure_future(line.ends[0].send_stream(PLAIN, [b"x"] * 100))
    await asyncio.sleep(60)
    assert len(line.passed) == WINDOW
    assert not sent.done()
    await read(line.ends[1])
    await sent
    chunks = [body for body in line.passed if taken_of(body) is None]
    assert len(chunks) == 101
    assert len(line.passed) - len(chunks) == 101 // (WINDOW // 2)


@virtual
async def test_many_short_streams_do_not_use_up_the_window() -> None:
    """Those of exactly as many chunks as one is told of among them."""
    line = Line()
    for chunks in (WINDOW // 2 - 1, 0, 3):
        for _ in range(20):
            sent = asyncio.ensure_future(line.ends[0].send_stream(PLAIN, [b"x"] * chunks))
            assert await read(line.ends[1]) == (PLAIN, b"x" * chunks)
            await sent


@virtual
async def test_a_message_waits_for_the_end_of_a_stream() -> None:
    line = Line()
    gate = asyncio.Event()

    async def chunks() -> AsyncIterator[bytes]:
        yield b"first"
        await gate.wait()
        yield b"second"

    streaming = asyncio.ensure_future(line.ends[0].send_stream(PLAIN, chunks()))
    await asyncio.sleep(1)
    sending = asyncio.ensure_future(line.ends[0].send(replace(PLAIN, data=b"message")))
    await asyncio.sleep(1)
    assert len(line.passed) == 1
    gate.set()
    assert await read(line.ends[1]) == (PLAIN, b"firstsecond")
    assert bytes((await line.ends[1].receive()).data) == b"message"
    await asyncio.gather(streaming, sending)


class FaultyError(Exception):
    pass


def fails_after(count: int) -> Iterator[bytes]:
    for _ in range(count):
        yield b"x"
    raise FaultyError


@pytest.mark.parametrize("count", [0, 1, WINDOW - 1, WINDOW, 40])
@virtual
async def test_a_source_that_fails_breaks_the_stream_at_both_ends_and_the_next_one_passes(count: int) -> None:
    line = Line()

    async def write() -> None:
        with pytest.raises(FaultyError):
            await line.ends[0].send_stream(PLAIN, fails_after(count))
        await line.ends[0].send(replace(PLAIN, data=b"next"))

    writing = asyncio.ensure_future(write())
    stream = await line.ends[1].receive_stream()
    octets = b""
    with pytest.raises(StreamError, match="broken"):
        async for chunk in stream:
            octets += bytes(chunk)
    assert octets == b"x" * count
    assert bytes((await line.ends[1].receive()).data) == b"next"
    await writing


@virtual
async def test_a_sender_that_is_cancelled_breaks_its_stream_with_what_it_sends_next() -> None:
    line = Line()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(1):
            await line.ends[0].send_stream(PLAIN, [b"x"] * 100)
    sending = asyncio.ensure_future(line.ends[0].send(replace(PLAIN, data=b"next")))
    with pytest.raises(StreamError, match="broken"):
        await read(line.ends[1])
    assert bytes((await line.ends[1].receive()).data) == b"next"
    await sending


@pytest.mark.parametrize("read_before", [0, 1, 30])
@virtual
async def test_a_stream_that_is_left_is_thrown_away(read_before: int) -> None:
    line = Line()

    async def write() -> None:
        await line.ends[0].send_stream(PLAIN, [b"x"] * 100)
        await line.ends[0].send(replace(PLAIN, data=b"next"))

    writing = asyncio.ensure_future(write())
    stream = await line.ends[1].receive_stream()
    for _ in range(read_before):
        await anext(aiter(stream))
    assert bytes((await line.ends[1].receive()).data) == b"next"
    await writing
    with pytest.raises(StreamError, match="what was left of the stream is gone"):
        await anext(aiter(stream))


@virtual
async def test_a_stream_in_place_of_a_message_is_told_and_not_lost() -> None:
    line = Line()
    writing = asyncio.ensure_future(line.ends[0].send_stream(PLAIN, [b"x", b"y"]))
    for _ in range(2):
        with pytest.raises(StreamError, match="a stream has come in place of a message"):
            await line.ends[1].receive()
    assert await read(line.ends[1]) == (PLAIN, b"xy")
    await writing


@virtual
async def test_a_reader_that_is_cancelled_loses_nothing() -> None:
    line = Line()
    gate = asyncio.Event()

    async def chunks() -> AsyncIterator[bytes]:
        for number in range(3 * WINDOW):
            await gate.wait()
            yield b"%d " % number

    writing = asyncio.ensure_future(line.ends[0].send_stream(PLAIN, chunks()))
    gate.set()
    stream = await line.ends[1].receive_stream()
    gate.clear()
    asyncio.get_running_loop().call_later(5, gate.set)
    octets = b""
    while True:
        try:
            async with asyncio.timeout(0.3):
                octets += bytes(await anext(aiter(stream)))
        except TimeoutError:
            continue
        except StopAsyncIteration:
            break
    await writing
    assert octets == b"".join(b"%d " % number for number in range(3 * WINDOW))


@virtual
async def test_the_end_of_the_session_ends_streams_at_both_ends() -> None:
    line = Line()
    writing = asyncio.ensure_future(line.ends[0].send_stream(PLAIN, [b"x"] * 100))
    stream = await line.ends[1].receive_stream()
    await asyncio.sleep(1)
    for end in line.ends:
        end.close("the session has ended")
    with pytest.raises(ChannelClosed, match="the session has ended"):
        await writing
    read_before = 0
    with pytest.raises(ChannelClosed, match="the session has ended"):
        async for _ in stream:
            read_before += 1
    assert read_before == WINDOW, "what had come before is read"
    with pytest.raises(ChannelClosed):
        await line.ends[0].send(PLAIN)


def chunk(number: int, more: bool = True, **change: Any) -> bytes:
    return encode_chunk(Chunk(replace(PLAIN, data=b"x", **change), number, more))


@pytest.mark.parametrize(
    "second", [chunk(2), chunk(0), chunk(1, tag=2), chunk(1, index=1), encode_message(PLAIN)], ids=range(5)
)
@virtual
async def test_a_hole_is_seen_and_ends_the_channel(second: bytes) -> None:
    channel = HostChannel(lambda body: None, nullcontext)
    for body in (chunk(0), second):
        assert channel.deliver(body) == ""
    stream = await channel.receive_stream()
    await anext(aiter(stream))
    with pytest.raises(StreamError, match="chunk 1 is missing"):
        await anext(aiter(stream))
    with pytest.raises(ChannelClosed, match="a stream has a hole"):
        await channel.receive()


@virtual
async def test_numbers_begin_again_after_the_last() -> None:
    line = Line()
    line.ends[0]._next_number = line.ends[0]._taken = (1 << 32) - WINDOW // 2
    writing = asyncio.ensure_future(line.ends[0].send_stream(PLAIN, [b"x"] * 40))
    assert await read(line.ends[1]) == (PLAIN, b"x" * 40)
    await writing


@pytest.mark.parametrize("number", [0, WINDOW + 1, 1 << 31, (1 << 32) - 1])
@virtual
async def test_more_cannot_be_taken_than_was_sent(number: int) -> None:
    said: list[bytes] = []
    channel = HostChannel(said.append, nullcontext)
    writing = asyncio.ensure_future(channel.send_stream(PLAIN, [b"x"] * 100))
    for _ in range(2 * WINDOW):
        await asyncio.sleep(1)
        channel.sent()
    assert channel.deliver(encode_taken(Taken(number))) == ""
    for _ in range(WINDOW):
        await asyncio.sleep(1)
        channel.sent()
    assert len(said) == WINDOW
    assert channel._unread.empty(), "it is no message"
    writing.cancel()


@pytest.mark.parametrize(
    ("message", "chunks", "error"),
    [
        (replace(PLAIN, data=b"x"), [b"y"], "that of the message must be empty"),
        (Message(1 << 16), [b"y"], "MessagePrefix.tag"),
        (PLAIN, ["text"], "a bytes-like object is required"),
    ],
)
@virtual
async def test_streams_that_cannot_be_sent(message: Message, chunks: Any, error: str) -> None:
    line = Line()
    with pytest.raises((StreamError, EncodeError, TypeError), match=error):
        await line.ends[0].send_stream(message, chunks)
    await line.ends[0].send(replace(PLAIN, data=b"next"))
    await asyncio.sleep(1)
    if line.passed[0][3]:
        with pytest.raises(StreamError, match="broken"):
            await read(line.ends[1])
    assert bytes((await line.ends[1].receive()).data) == b"next"


@virtual
async def test_where_the_other_end_knows_no_streams() -> None:
    channel = HostChannel(lambda body: None, nullcontext, streams=False)
    with pytest.raises(StreamError, match="takes no streams"):
        await channel.send_stream(PLAIN, [])


@given(st.lists(st.binary(max_size=70) | st.integers(0, 255).map(lambda flags: b"N4\x01" + bytes([flags]) + bytes(60))))
@settings(deadline=None)
def test_whatever_comes_gives_messages_or_errors(bodies: list[bytes]) -> None:
    async def play() -> None:
        channel = HostChannel(lambda body: None, nullcontext)
        for body in bodies:
            channel.deliver(body)
        channel.close("end")
        while True:
            try:
                await read(channel)
            except (DecodeError, StreamError):
                continue
            except ChannelClosed:
                return

    run_virtual(play())


def test_bounds_fit_each_other() -> None:
    assert WINDOW <= host_channel.UNREAD_MESSAGES
    assert (MAXIMUM_CHUNK + 64) * WINDOW <= host_channel.UNREAD_OCTETS
    assert UNANSWERED_SENDS <= WINDOW
