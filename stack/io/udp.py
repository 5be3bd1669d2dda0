"""UDP endpoints that take and yield batches of datagrams.

A batch is one run of octets cut into datagrams of `stride` octets, only the last shorter, for one peer: what a kernel
with segmentation offload takes and gives in one call. So far each datagram is a call of its own; the interface is
already that of batches. asyncio's own datagram transport is not used: it reads one datagram per turn of the loop.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import socket
from collections import deque
from collections.abc import Callable, Iterator
from typing import NamedTuple, Protocol, Self

from net4ai.codecs.declaration import Buffer
from net4ai.stack.drops import Drop, DropCounter

Address = tuple[str, int]
"""Numeric host and port."""

MAXIMUM_DATAGRAM = 65507
"""Longest UDP payload over IPv4, in octets."""
DATAGRAMS_PER_TURN = 128
"""Datagrams received, or sent from the queue, in one turn of the loop; then others get their turn."""
WANTED_RECEIVE_BUFFER = 4 << 20
"""Octets of socket receive buffer asked for; where that is refused, half of it and so on."""
SEND_QUEUE_OCTETS = 8 << 20
"""Octets that may wait for the socket to take them."""

_REASONS = {
    errno.ECONNREFUSED: Drop.CONNECTION_REFUSED,
    errno.ECONNRESET: Drop.CONNECTION_REFUSED,
    errno.EMSGSIZE: Drop.DATAGRAM_TOO_LONG,
    errno.ENOBUFS: Drop.NO_BUFFER_SPACE,
    errno.ENOMEM: Drop.NO_BUFFER_SPACE,
    errno.ENETUNREACH: Drop.UNREACHABLE,
    errno.EHOSTUNREACH: Drop.UNREACHABLE,
    errno.ENETDOWN: Drop.UNREACHABLE,
    errno.EADDRNOTAVAIL: Drop.UNREACHABLE,
}

log = logging.getLogger(__name__)


class Batch(NamedTuple):
    """Datagrams to or from one peer."""

    data: Buffer
    """All datagrams one behind the other. Of a received batch: valid until the callback returns, copy what you keep."""
    stride: int
    """Octets of each datagram but the last, which may be shorter."""
    peer: Address

    def segments(self) -> Iterator[memoryview]:
        """Each datagram, as a view into `data`. Raises ValueError as `check` does."""
        self.check()
        view = memoryview(self.data)
        for start in range(0, len(view), self.stride):
            yield view[start : start + self.stride]

    def check(self) -> None:
        """Raises ValueError for a stride that is not positive."""
        if self.stride <= 0:
            raise ValueError(f"Batch.stride: {self.stride} is not allowed; allowed: at least 1")


Receive = Callable[[Batch], None]


class Endpoint(Protocol):
    """Where datagrams are sent and received: a UDP socket, an in-memory one, or either behind an emulated link."""

    receive: Receive | None
    """Called in the loop with each batch that arrives. An error it raises is logged and counted."""
    drops: DropCounter

    @property
    def address(self) -> Address:
        """Where this endpoint receives."""

    @property
    def receive_buffer(self) -> int:
        """Octets of receive buffer the system really gave, overhead included. Grant credit well below it."""

    def send(self, batch: Batch) -> None:
        """Send now, or as soon as the socket takes more. Never blocks or raises for the network's sake; the data may
        be changed when it returns. Datagrams get lost like on any network."""

    def close(self) -> None:
        """Stop receiving, throw away what waits. May be called twice."""


async def resolve(host: str, port: int) -> Address:
    """The numeric address of a name: `send` takes no names. Raises OSError."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_DGRAM)
    address = found[0][4]
    return str(address[0]), int(address[1])


def drop_batch(drops: DropCounter, reason: Drop, size: int, stride: int) -> None:
    """Count every datagram of a batch of `size` octets."""
    for start in range(0, size, stride):
        drops.count(reason, min(stride, size - start))


def call_receiver(receive: Receive | None, batch: Batch, drops: DropCounter) -> None:
    """Hand a batch to a receive callback; whatever it raises is logged and counted."""
    if receive is None:
        drops.count(Drop.NO_RECEIVER, len(batch.data))
        return
    try:
        receive(batch)
    except Exception:
        drops.count(Drop.RECEIVER_FAILED, len(batch.data))
        log.exception("the receiver of a batch from %s:%s failed", *batch.peer)


def _ask_for_receive_buffer(sock: socket.socket) -> None:
    """Some systems refuse what they cannot give instead of giving less."""
    octets = WANTED_RECEIVE_BUFFER
    while octets > sock.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF):
        with contextlib.suppress(OSError):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, octets)
            return
        octets //= 2


class UdpEndpoint:
    """An `Endpoint` on a UDP socket. Make one with `open`."""

    def __init__(self, sock: socket.socket, loop: asyncio.AbstractEventLoop, drops: DropCounter) -> None:
        self.receive: Receive | None = None
        self.drops = drops
        self._socket = sock
        self._loop = loop
        self._buffer = bytearray(1 << 16)
        self._queue: deque[tuple[bytes, Address]] = deque()
        self._queued_octets = 0
        self._open = True
        host, port = sock.getsockname()[:2]
        self._address: Address = (host, port)
        self._receive_buffer = sock.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF)
        loop.add_reader(sock, self._readable)

    @classmethod
    async def open(cls, host: str, port: int = 0, *, drops: DropCounter | None = None) -> Self:
        """Bind to `host` (IPv4 or IPv6; port 0: any free one). Raises OSError."""
        loop = asyncio.get_running_loop()
        found = await loop.getaddrinfo(host, port, type=socket.SOCK_DGRAM, flags=socket.AI_PASSIVE)
        family, _, _, _, address = found[0]
        sock = socket.socket(family, socket.SOCK_DGRAM)
        try:
            sock.setblocking(False)
            _ask_for_receive_buffer(sock)
            sock.bind(address)
            return cls(sock, loop, DropCounter() if drops is None else drops)
        except BaseException:
            sock.close()
            raise

    @property
    def address(self) -> Address:
        return self._address

    @property
    def receive_buffer(self) -> int:
        return self._receive_buffer

    def send(self, batch: Batch) -> None:
        for segment in batch.segments():
            if not self._open:
                self.drops.count(Drop.CLOSED, len(segment))
            elif self._queue or not self._send_now(segment, batch.peer):
                self._enqueue(segment, batch.peer)

    def close(self) -> None:
        if not self._open:
            return
        self._open = False
        self._loop.remove_reader(self._socket)
        self._loop.remove_writer(self._socket)
        for data, _ in self._queue:
            self.drops.count(Drop.CLOSED, len(data))
        self._queue.clear()
        self._queued_octets = 0
        self._socket.close()

    def _send_now(self, data: Buffer, peer: Address) -> bool:
        """False: the socket takes nothing now. An error is counted, and the datagram is gone."""
        try:
            self._socket.sendto(data, peer)
        except (BlockingIOError, InterruptedError):
            return False
        except OSError as error:
            self._count_error(error, len(data))
        return True

    def _count_error(self, error: OSError, size: int) -> None:
        reason = _REASONS.get(error.errno or 0, Drop.SOCKET_ERROR)
        if reason is Drop.SOCKET_ERROR and not self.drops[reason]:
            log.warning("UDP socket %s:%s: %s (counted from now on)", *self._address, error)
        self.drops.count(reason, size)

    def _enqueue(self, data: memoryview, peer: Address) -> None:
        if self._queued_octets + len(data) > SEND_QUEUE_OCTETS:
            self.drops.count(Drop.SEND_QUEUE_FULL, len(data))
            return
        if not self._queue:
            self._loop.add_writer(self._socket, self._writable)
        self._queue.append((bytes(data), peer))
        self._queued_octets += len(data)

    def _writable(self) -> None:
        for _ in range(DATAGRAMS_PER_TURN):
            if not self._queue:
                self._loop.remove_writer(self._socket)
                return
            data, peer = self._queue[0]
            if not self._send_now(data, peer):
                return
            self._queue.popleft()
            self._queued_octets -= len(data)

    def _readable(self) -> None:
        # What is left after a turn makes the socket readable in the next one.
        view = memoryview(self._buffer)
        for _ in range(DATAGRAMS_PER_TURN):
            if not self._open:
                return
            try:
                size, peer = self._socket.recvfrom_into(self._buffer)
            except (BlockingIOError, InterruptedError):
                return
            except OSError as error:
                # A datagram sent earlier was refused, say. The socket itself is sound.
                self._count_error(error, 0)
                continue
            if size:
                call_receiver(self.receive, Batch(view[:size], size, (peer[0], peer[1])), self.drops)
            else:
                self.drops.count(Drop.DATAGRAM_EMPTY)
