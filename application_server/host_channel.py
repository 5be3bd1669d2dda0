"""A function's end of a channel, within bounds: messages, and streams of chunks with a window of their own.

Messages wait at the receiver until its function reads them, so only few may be unread. A stream may be longer than any
memory: its sender goes on only as the receiver has taken what came before (`net4ai.codecs.message.Taken`).
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterable
from contextlib import AbstractAsyncContextManager
from dataclasses import replace

from net4ai.codecs.compute import MAXIMUM_BODY
from net4ai.codecs.declaration import Buffer
from net4ai.codecs.errors import EncodeError
from net4ai.codecs.message import Chunk, Message, Taken, decode, encode_chunk, encode_message, encode_taken, taken_of
from net4ai.functions.api import ChannelClosed, Chunks, StreamError
from net4ai.stack.drops import Drop

UNANSWERED_SENDS = 8
"""Messages of one channel the network has not taken yet; the next `send` waits."""
UNREAD_MESSAGES = 64
"""Messages of one channel its function has not read yet; more break the channel."""
UNREAD_OCTETS = 2 * MAXIMUM_BODY
MAXIMUM_CHUNK = 1 << 20
"""Octets of one chunk of a stream; longer ones are cut."""
WINDOW = 16
"""Chunks the other end has not read yet; the next one waits."""
_NUMBERS = 1 << 32

Room = Callable[[], AbstractAsyncContextManager[None]]
"""Entered for each message of a function: waits until there is room for one where it goes."""


class HostChannel:
    """One end of a channel: what `net4ai.functions.api.Channel` says for the function, the rest for the host."""

    def __init__(self, emit: Callable[[bytes], None], room: Room, *, streams: bool = True) -> None:
        """`streams` False: the other end does not know them."""
        self.closed = ""
        """Why it is closed; empty: it is open."""
        self._emit = emit
        self._room = room
        self._streams = streams
        self._sending = asyncio.Lock()
        """A stream goes out in one piece."""
        self._free = asyncio.Semaphore(UNANSWERED_SENDS)
        self._unanswered = 0
        self._next_number = 0
        self._taken = 0
        self._window_moved = asyncio.Event()
        self._unfinished: Message | None = None
        """The stream that was given up and has yet to be broken off."""
        self._unread: asyncio.Queue[Buffer | None] = asyncio.Queue()
        self._octets = 0
        self._head: Chunk | None = None
        """Beginning of the stream that is next."""
        self._stream: HostStream | None = None
        """The stream that is being read."""

    # Sending

    async def send(self, message: Message) -> None:
        """Take a snapshot of `message`, wait for a free place, send. Raises `ChannelClosed`, `EncodeError`."""
        body = encode_message(message)
        if len(body) > MAXIMUM_BODY:
            raise EncodeError("Message", "data", f"{len(message.data)} octets", f"up to {MAXIMUM_BODY} with the prefix")
        async with self._sending:
            await self._break_off()
            await self._post(body)

    async def send_stream(self, message: Message, chunks: Chunks) -> None:
        """See `net4ai.functions.api.Channel`."""
        if not self._streams:
            raise StreamError("the application controller takes no streams; send messages")
        if len(message.data):
            raise StreamError("a stream's data are its chunks; that of the message must be empty")
        encode_chunk(Chunk(message, 0, more=True))  # what cannot be said is told before anything is sent
        async with self._sending:
            await self._break_off()
            self._unfinished = message
            try:
                async for piece in _pieces(chunks):
                    await self._send_chunk(replace(message, data=piece), more=True)
                await self._send_chunk(message, more=False)
            except Exception:
                if not self.closed:
                    await self._break_off()
                raise
            self._unfinished = None

    async def _break_off(self) -> None:
        """Tell the other end that the stream before, which was given up, is over."""
        if self._unfinished is not None:
            await self._send_chunk(self._unfinished, more=False, broken=True)
            self._unfinished = None

    async def _send_chunk(self, message: Message, *, more: bool, broken: bool = False) -> None:
        while (self._next_number - self._taken) % _NUMBERS >= WINDOW and not self.closed:
            self._window_moved.clear()
            await self._window_moved.wait()
        await self._post(encode_chunk(Chunk(message, self._next_number, more, broken)))
        self._next_number = (self._next_number + 1) % _NUMBERS

    async def _post(self, body: bytes) -> None:
        """Send what is encoded, once there is a free place. Raises `ChannelClosed`."""
        await self._free.acquire()
        self._unanswered += 1
        try:
            async with self._room():
                if self.closed:
                    raise ChannelClosed(self.closed)
                self._emit(body)
        except BaseException:
            self.sent()  # it was not; after the end, whoever waits next is woken to be told the same
            raise

    # Receiving

    async def receive(self) -> Message:
        """The next message; of a closed channel, as long as there are any.

        Raises `ChannelClosed`, `DecodeError`, `StreamError`.
        """
        found = await self._next()
        if isinstance(found, Chunk):
            self._head = found
            raise StreamError("a stream has come in place of a message")
        return found

    async def receive_stream(self) -> HostStream:
        """The next stream; a message is one of a single chunk. Raises `ChannelClosed`, `DecodeError`."""
        found = await self._next()
        first = found if isinstance(found, Chunk) else Chunk(found, -1, more=False)
        self._stream = HostStream(self, first)
        return self._stream

    async def _next(self) -> Message | Chunk:
        """What comes next, after what is left of the stream that was read before."""
        if self._stream is not None:
            await self._stream.leave()
            self._stream = None
        head, self._head = self._head, None
        return head or await self._read()

    async def _read(self) -> Message | Chunk:
        body = await self._unread.get()
        if body is None:
            self._unread.put_nowait(None)
            raise ChannelClosed(self.closed)
        self._octets -= len(body)
        found = decode(body)
        assert not isinstance(found, Taken), "taken_of has taken it"
        return found

    async def _take(self, number: int) -> None:
        """A chunk has been read. Every so many the other end is told."""
        if not self.closed and number >= 0 and (number + 1) % (WINDOW // 2) == 0:
            with contextlib.suppress(ChannelClosed):  # what has come before can still be read
                await self._post(encode_taken(Taken((number + 1) % _NUMBERS)))

    # For the host

    def sent(self) -> None:
        """The network has taken a message."""
        if self._unanswered:
            self._unanswered -= 1
            self._free.release()

    def deliver(self, body: Buffer) -> str:
        """A message has come. Gives the reason where it is dropped; with a hole in its stream, the channel closes."""
        if self.closed:
            return Drop.CHANNEL_CLOSED
        if (taken := taken_of(body)) is not None:
            # Only what is under way can have been taken.
            if 0 < (taken - self._taken) % _NUMBERS <= (self._next_number - self._taken) % _NUMBERS:
                self._taken = taken
                self._window_moved.set()
            return ""
        if self._unread.qsize() >= UNREAD_MESSAGES or self._octets + len(body) > UNREAD_OCTETS:
            self.close(f"the function left {self._unread.qsize()} messages, {self._octets} octets, unread")
            return Drop.RECEIVE_QUEUE_FULL
        self._octets += len(body)
        self._unread.put_nowait(body)
        return ""

    def close(self, reason: str) -> None:
        """Nothing comes any more; what waits for a place or a message is told so."""
        if not self.closed:
            self.closed = reason
            self._unread.put_nowait(None)
            self._free.release()
            self._window_moved.set()


class HostStream:
    """A stream as it comes in: what it is, and its chunks once."""

    def __init__(self, channel: HostChannel, first: Chunk) -> None:
        self.message = replace(first.message, data=b"")
        self._channel = channel
        self._chunk: Chunk | None = first
        """Read, and not given out yet."""
        self._number = first.number
        self._more = True
        self._left = False

    def __aiter__(self) -> AsyncIterator[Buffer]:
        return self

    async def __anext__(self) -> Buffer:
        """The next chunk. Raises `StreamError`, `ChannelClosed`, `DecodeError`."""
        while self._more and not self._left:
            chunk = await self._next()
            if len(chunk.message.data):
                return chunk.message.data
        if self._left:
            raise StreamError("the channel was read on: what was left of the stream is gone")
        raise StopAsyncIteration

    async def _next(self) -> Chunk:
        # A caller that is cancelled meanwhile finds the same chunk the next time.
        if self._chunk is None:
            self._chunk = await self._follow()
        chunk = self._chunk
        await self._channel._take(chunk.number)
        self._chunk = None
        self._number, self._more = chunk.number, chunk.more
        if chunk.broken:
            raise StreamError("the other end has broken the stream off")
        return chunk

    async def _follow(self) -> Chunk:
        """The chunk after the newest one. Without one the stream is over."""
        found = await self._channel._read()
        expected = (self._number + 1) % _NUMBERS
        head = replace(found.message, data=b"") if isinstance(found, Chunk) else found
        if isinstance(found, Chunk) and found.number == expected and head == self.message:
            return found
        self._more = False
        self._channel.close("a stream has a hole")
        raise StreamError(f"chunk {expected} is missing")

    async def leave(self) -> None:
        """Nobody reads it to its end: the rest is thrown away as it comes."""
        try:
            while self._more:
                await self._next()
        except StreamError:
            pass
        self._left = True


async def _pieces(chunks: AsyncIterable[Buffer] | Iterable[Buffer]) -> AsyncIterator[memoryview]:
    """Octets in pieces of at most `MAXIMUM_CHUNK`, none of them empty."""
    if isinstance(chunks, AsyncIterable):
        async for chunk in chunks:
            for piece in _cut(chunk):
                yield piece
    else:
        for chunk in chunks:
            for piece in _cut(chunk):
                yield piece


def _cut(chunk: Buffer) -> Iterable[memoryview]:
    octets = memoryview(chunk).cast("B")
    return (octets[start : start + MAXIMUM_CHUNK] for start in range(0, len(octets), MAXIMUM_CHUNK))
