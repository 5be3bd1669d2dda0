"""Frames over byte streams: N2 over TCP, and any pair of asyncio streams such as a child's pipes.

A frame is its length in 32 bits, big endian, and that many octets. A connection delivers frames whole and in order or
is closed, with a reason; it never loses one silently. `listen` bounds what strangers can hold open, `connect_forever`
keeps trying and says what it is waiting for.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
import socket
from collections.abc import Awaitable, Callable

from net4ai.codecs.declaration import Buffer
from net4ai.codecs.errors import DecodeError, EncodeError
from net4ai.stack.drops import Drop, DropCounter
from net4ai.stack.io.udp import Address

LENGTH_OCTETS = 4
MAXIMUM_FRAME = 65536
"""Longest frame, unless told otherwise, in octets without its length."""
SEND_BUFFER = 16 << 20
"""Octets that may wait for the peer to read; beyond that it counts as dead and the connection is closed."""
MAXIMUM_CONNECTIONS = 1024
"""Connections of one listener."""
MAXIMUM_HALF_OPEN = 64
"""Connections of one listener whose peer has not sent a frame yet."""
FIRST_FRAME_BOUND = 10.0
"""Seconds a peer of a listener has for its first frame."""
CLOSE_BOUND = 2.0
"""Seconds a closed connection has to get rid of what was sent before."""

CONNECT_BOUND = 1.5
"""Seconds one attempt to connect may take."""
FIRST_BACK_OFF = 0.1
"""Seconds before the second attempt; doubled each time."""
MAXIMUM_BACK_OFF = 1.0
COMPLAIN_AFTER = 1.0
"""Seconds without an answer before the log says so."""
COMPLAIN_EVERY = 10.0

_READ_SIZE = 1 << 16

log = logging.getLogger(__name__)

OpenStreams = Callable[[str, int], Awaitable[tuple[asyncio.StreamReader, asyncio.StreamWriter]]]
"""`asyncio.open_connection`, or what stands in for it."""


class FrameDecoder:
    """Octets in, frames out. Without I/O; holds at most one frame and what was fed last."""

    def __init__(self, maximum: int = MAXIMUM_FRAME) -> None:
        self._maximum = maximum
        self._buffer = bytearray()

    def feed(self, data: Buffer) -> None:
        """Octets have arrived, in any pieces."""
        self._buffer += data

    def next_frame(self) -> bytes | None:
        """The next whole frame. Raises `DecodeError` for a length that is not allowed; the stream is lost then."""
        if len(self._buffer) < LENGTH_OCTETS:
            return None
        length = int.from_bytes(self._buffer[:LENGTH_OCTETS], "big")
        if length > self._maximum:
            raise DecodeError("frame", "length out of range", f"{length} octets, allowed 0 to {self._maximum}")
        end = LENGTH_OCTETS + length
        if len(self._buffer) < end:
            return None
        frame = bytes(self._buffer[LENGTH_OCTETS:end])
        del self._buffer[:end]
        return frame

    @property
    def within_frame(self) -> bool:
        """A frame has begun and is not complete."""
        return bool(self._buffer)


class FrameConnection:
    """Frames over a pair of asyncio streams. Make it in a running loop; reading begins in the next turn.

    `receive` gets each frame; an error it raises is logged and counted. `closed` gets the reason, once, after either
    side has closed. Neither is called from within `send` or `close`.
    """

    def __init__(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        *,
        maximum_frame: int = MAXIMUM_FRAME,
        send_buffer: int = SEND_BUFFER,
        drops: DropCounter | None = None,
        at_once: bool = False,
    ) -> None:
        """`at_once`: frames are not gathered for a turn of the loop: whoever may die at any moment has said it."""
        self._at_once = at_once
        self.receive: Callable[[bytes], None] | None = None
        self.closed: Callable[[str], None] | None = None
        self.drops = DropCounter() if drops is None else drops
        self.heard = False
        """The peer has sent a frame."""
        self._reader = reader
        self._writer = writer
        self._maximum_frame = maximum_frame
        self._send_buffer = send_buffer
        self._loop = asyncio.get_running_loop()
        self._ended: asyncio.Future[str] = self._loop.create_future()
        self._open = True
        self._frames = bytearray()
        """Sent in this turn of the loop: they go out together, in the next."""
        self._task = self._loop.create_task(self._read())

    @property
    def is_open(self) -> bool:
        return self._open

    @property
    def peer(self) -> Address | None:
        """Address of the peer; None for pipes."""
        found = self._writer.get_extra_info("peername")
        return (found[0], found[1]) if isinstance(found, tuple) else None

    @property
    def buffered(self) -> int:
        """Octets sent that wait for the peer to read."""
        return len(self._frames) + self._writer.transport.get_write_buffer_size() if self._open else 0

    def send(self, frame: Buffer) -> None:
        """Send a frame; never blocks. Once the connection is closed it is dropped and counted.

        When the send buffer is full the peer has stopped reading: the connection is closed, for a stream with a hole
        is worth nothing. Raises `EncodeError` for a frame that is too long.
        """
        if len(frame) > self._maximum_frame:
            raise EncodeError("FrameConnection", "length of frame", len(frame), f"0 to {self._maximum_frame}")
        if self._open and self.buffered + LENGTH_OCTETS + len(frame) > self._send_buffer:
            self.drops.count(Drop.SEND_QUEUE_FULL, len(frame))
            self._close(f"the peer does not read: {self.buffered} octets wait", abort=True)
            return
        if not self._open:
            self.drops.count(Drop.CLOSED, len(frame))
            return
        if not self._frames and not self._at_once:
            self._loop.call_soon(self._write_frames)
        self._frames += len(frame).to_bytes(LENGTH_OCTETS, "big")
        self._frames += frame
        if self._at_once:
            self._write_frames()

    def _write_frames(self) -> None:
        if self._frames:
            self._writer.write(bytes(self._frames))
            self._frames.clear()

    def send_octets(self, octets: Buffer) -> None:
        """Send octets as they are, without a length before them: for tests of what the peer makes of them."""
        if self._open:
            self._frames += octets
            self._write_frames()

    async def drain(self) -> None:
        """Wait until little is buffered: for senders of much. Returns at once when the connection is closed."""
        self._write_frames()
        with contextlib.suppress(OSError):
            await self._writer.drain()

    def close(self, reason: str = "closed by this side") -> None:
        """Close, after what was sent has gone out. May be called twice."""
        self._close(reason)

    async def wait_closed(self) -> str:
        """Wait for the end; gives the reason."""
        return await asyncio.shield(self._ended)

    def _close(self, reason: str, abort: bool = False) -> None:
        if not self._open:
            return
        transport = self._writer.transport
        if not abort:
            self._write_frames()
        self._frames.clear()
        if abort:
            transport.abort()
        elif transport.get_write_buffer_size():
            self._loop.call_later(CLOSE_BOUND, transport.abort)
        self._open = False
        self._writer.close()
        self._task.cancel()
        self._loop.call_soon(self._finish, reason)

    def _finish(self, reason: str) -> None:
        if not self._ended.done():
            self._ended.set_result(reason)
        if self.closed is not None:
            try:
                self.closed(reason)
            except Exception:
                log.exception("the closed callback of a connection failed")

    async def _read(self) -> None:
        decoder = FrameDecoder(self._maximum_frame)
        reason = "cancelled"
        try:
            while data := await self._reader.read(_READ_SIZE):
                decoder.feed(data)
                while self._open and (frame := decoder.next_frame()) is not None:
                    self._deliver(frame)
            reason = "closed by the peer" + (" within a frame" if decoder.within_frame else "")
        except DecodeError as error:
            self.drops.count(error.reason)
            reason = str(error)
        except OSError as error:
            reason = f"connection lost: {error}"
        finally:
            self._close(reason)

    def _deliver(self, frame: bytes) -> None:
        self.heard = True
        if self.receive is None:
            self.drops.count(Drop.NO_RECEIVER, len(frame))
            return
        try:
            self.receive(frame)
        except Exception:
            self.drops.count(Drop.RECEIVER_FAILED, len(frame))
            log.exception("the receiver of a frame failed")


Accept = Callable[[FrameConnection], None]
"""Called with each new connection; sets its `receive` and `closed`."""


class Listener:
    """Takes connections, and bounds how many there are and how long they may say nothing. Made by `listen`."""

    def __init__(self, accept: Accept, *, maximum_frame: int = MAXIMUM_FRAME, drops: DropCounter | None = None) -> None:
        self.address: Address = ("", 0)
        self.drops = DropCounter() if drops is None else drops
        self.stop: Callable[[], None] = lambda: None
        """Ends what brings new connections."""
        self._accept = accept
        self._maximum_frame = maximum_frame
        self._connections: set[FrameConnection] = set()

    @property
    def connections(self) -> frozenset[FrameConnection]:
        """Open connections."""
        self._connections = {connection for connection in self._connections if connection.is_open}
        return frozenset(self._connections)

    def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """A stranger has connected."""
        half_open = sum(not connection.heard for connection in self.connections)
        if len(self._connections) >= MAXIMUM_CONNECTIONS or half_open >= MAXIMUM_HALF_OPEN:
            full = len(self._connections) >= MAXIMUM_CONNECTIONS
            self.drops.count(Drop.TOO_MANY_CONNECTIONS if full else Drop.TOO_MANY_HALF_OPEN)
            writer.transport.abort()
            return
        _no_delay(writer)
        connection = FrameConnection(reader, writer, maximum_frame=self._maximum_frame, drops=self.drops)
        self._connections.add(connection)
        connection._ended.add_done_callback(lambda _: self._connections.discard(connection))
        asyncio.get_running_loop().call_later(FIRST_FRAME_BOUND, self._check_heard, connection)
        try:
            self._accept(connection)
        except Exception:
            log.exception("accepting a connection failed")
            connection.close("not accepted")

    def _check_heard(self, connection: FrameConnection) -> None:
        if connection.is_open and not connection.heard:
            connection.close(f"nothing heard for {FIRST_FRAME_BOUND:g} s")

    def close(self) -> None:
        """Take no more connections and close those there are."""
        self.stop()
        for connection in self.connections:
            connection.close()


async def listen(
    host: str, port: int, accept: Accept, *, maximum_frame: int = MAXIMUM_FRAME, drops: DropCounter | None = None
) -> Listener:
    """Listen for TCP connections (port 0: any free one). Raises OSError."""
    listener = Listener(accept, maximum_frame=maximum_frame, drops=drops)
    server = await asyncio.start_server(listener.connected, host, port)
    listener.stop = server.close
    bound = server.sockets[0].getsockname()
    listener.address = (bound[0], bound[1])
    return listener


class Connector:
    """Keeps one connection to a peer, for ever. Made by `connect_forever`."""

    def __init__(
        self,
        host: str,
        port: int,
        name: str,
        connected: Accept,
        *,
        maximum_frame: int = MAXIMUM_FRAME,
        drops: DropCounter | None = None,
        open_streams: OpenStreams = asyncio.open_connection,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self.connection: FrameConnection | None = None
        """The connection while there is one."""
        self._host, self._port, self._name = host, port, name
        self._connected = connected
        self._maximum_frame = maximum_frame
        self._drops = drops
        self._open_streams = open_streams
        self._jitter = jitter
        self._loop = asyncio.get_running_loop()
        self._silent_since = self._loop.time()
        self._complained: float | None = None
        self._task = self._loop.create_task(self._run())

    def close(self) -> None:
        """Stop trying; close the connection."""
        self._task.cancel()
        if self.connection is not None:
            self.connection.close()

    async def _run(self) -> None:
        back_off = FIRST_BACK_OFF
        while True:
            error = await self._connect_once()
            if error is None:
                back_off = FIRST_BACK_OFF
            else:
                self._complain(error)
            await asyncio.sleep(back_off * (1 + self._jitter()) / 2)
            back_off = min(2 * back_off, MAXIMUM_BACK_OFF)

    async def _connect_once(self) -> str | None:
        """One attempt and, where it succeeds, the life of the connection. Gives what was wrong."""
        try:
            async with asyncio.timeout(CONNECT_BOUND):
                reader, writer = await self._open_streams(self._host, self._port)
        except TimeoutError:
            return f"nothing came for {CONNECT_BOUND:g} s"
        except ConnectionRefusedError:
            return "connection refused"
        except OSError as error:
            return error.strerror or str(error)
        if writer.get_extra_info("sockname") == writer.get_extra_info("peername"):
            # With nobody listening, TCP can connect a port of the dynamic range to itself.
            writer.transport.abort()
            return "nobody listens"
        _no_delay(writer)
        connection = FrameConnection(reader, writer, maximum_frame=self._maximum_frame, drops=self._drops)
        self.connection = connection
        try:
            self._connected(connection)
        except Exception:
            log.exception("the connected callback for %s failed", self._name)
            connection.close("not accepted")
        if self._complained is not None:
            log.info("connected to %s at %s:%s", self._name, self._host, self._port)
        try:
            reason = await connection.wait_closed()
        finally:
            self.connection = None
        if not connection.heard:
            return reason
        self._silent_since = self._loop.time()
        self._complained = None
        return None

    def _complain(self, error: str) -> None:
        now = self._loop.time()
        if now - self._silent_since < COMPLAIN_AFTER:
            return
        if self._complained is None or now - self._complained >= COMPLAIN_EVERY:
            self._complained = now
            log.warning("no answer from %s at %s:%s, retrying (%s)", self._name, self._host, self._port, error)


def connect_forever(
    host: str,
    port: int,
    name: str,
    connected: Accept,
    *,
    maximum_frame: int = MAXIMUM_FRAME,
    drops: DropCounter | None = None,
) -> Connector:
    """Connect by TCP to `name`, again and again until it works and whenever the connection ends.

    `connected` gets each new connection. While nobody answers, the log names the peer and its address within about two
    seconds and every ten.
    """
    return Connector(host, port, name, connected, maximum_frame=maximum_frame, drops=drops)


def _no_delay(writer: asyncio.StreamWriter) -> None:
    sock = writer.get_extra_info("socket")
    if sock is not None:
        with contextlib.suppress(OSError):
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
