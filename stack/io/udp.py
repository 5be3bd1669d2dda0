"""UDP endpoints that take and yield batches of datagrams.

A batch is one run of octets cut into datagrams of `stride` octets, only the last shorter, for one peer: what a kernel
with segmentation offload takes and gives in one call (`net4ai.stack.io.udp_offload`). Where it does not, each datagram
is a call of its own, and neighbours of one peer and one size are put together again before they are handed over.
asyncio's own datagram transport is not used: it reads one datagram per turn of the loop.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import socket
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple, Protocol, Self

from net4ai.codecs.declaration import Buffer
from net4ai.stack.drops import Drop, DropCounter
from net4ai.stack.io.udp_offload import (
    LONGEST_BURST,
    REFUSES_OFFLOAD,
    REFUSES_SIZE,
    SEGMENTS_PER_SEND,
    TAKEN_BY_EVERY_PATH,
    Offload,
    merge_on_receive,
    probe,
    receive_merged,
    receive_single,
    send_segments,
)

Address = tuple[str, int]
"""Numeric host and port."""

MAXIMUM_DATAGRAM = 65507
"""Longest UDP payload over IPv4, in octets."""
CALLS_PER_TURN = 128
OCTETS_PER_TURN = 2 << 20
"""Calls of the kernel, and octets, to receive, or to send from the queue, in one turn of the loop; then others get
their turn. 32 bursts; a datagram that is a call of its own costs some microseconds."""
WANTED_RECEIVE_BUFFER = 4 << 20
"""Octets of socket receive buffer asked for; where that is refused, half of it and so on."""
SEND_QUEUE_OCTETS = 8 << 20
"""Octets that may wait for the socket to take them."""

MERGED_CREDIT = 3 / 8
SINGLE_CREDIT = 1 / 4
"""Parts of the receive buffer that may be under way as DATA, with GRO and without.

The kernel counts the memory behind a datagram, and what was read counts until it makes a quarter of the buffer. On
Linux 6.18, loopback, a datagram of 1400 octets counts as 2304, one of 64 as 832; merged ones as their own size. So
payload under way may be 45 % of the buffer (64 octets: 6 %), merged 73 %. A sender without GSO fills a socket with GRO
with single datagrams, and acknowledgements need room as well: three eighths. Drivers of real devices may spend 4 KiB
on a datagram that is not merged, which makes 25 %."""

BATCH_OCTETS = 1 << 18
"""Octets of one batch: what several calls have received is handed over at once, which costs little more than what one
has. With the message it is copied to it fits a second-level cache."""
_BUFFER_OCTETS = BATCH_OCTETS + (1 << 16)
"""Where a batch ends there is still room for whatever the next call receives."""

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
    """All datagrams one behind the other. Of a received batch: memory of the endpoint that may be written, at most
    BATCH_OCTETS, valid until the callback returns; copy what you keep."""
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
        """Octets of receive buffer the system really gave, overhead included."""

    @property
    def credit(self) -> int:
        """Octets of DATA that may be under way to this endpoint and still find room, in segments of usual size."""

    @property
    def offload(self) -> Offload:
        """What the kernel does for batches here."""

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
        drop_batch(drops, Drop.NO_RECEIVER, len(batch.data), batch.stride)
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

    def __init__(
        self,
        sock: socket.socket,
        loop: asyncio.AbstractEventLoop,
        drops: DropCounter,
        offload: Offload = Offload.NONE,
    ) -> None:
        self.receive: Receive | None = None
        self.drops = drops
        self.refused_bursts = 0
        """Bursts the kernel did not take as one, and that were sent again datagram by datagram. Nothing is lost."""
        self._socket = sock
        self._loop = loop
        self._segments = Offload.GSO in offload
        self._longest_segment = MAXIMUM_DATAGRAM
        """Longer ones are sent one by one."""
        self._receive_into = receive_merged if Offload.GRO in offload and merge_on_receive(sock) else receive_single
        self._buffer = memoryview(bytearray(_BUFFER_OCTETS))
        self._queue: deque[tuple[memoryview, int, Address]] = deque()
        """Data, stride, peer."""
        self._queued_octets = 0
        self._open = True
        host, port = sock.getsockname()[:2]
        self._address: Address = (host, port)
        self._receive_buffer = sock.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF)
        loop.add_reader(sock, self._readable)

    @classmethod
    async def open(
        cls, host: str, port: int = 0, *, drops: DropCounter | None = None, offload: Offload = Offload.ALL
    ) -> Self:
        """Bind to `host` (IPv4 or IPv6; port 0: any free one), with that part of `offload` that works here. Raises
        OSError."""
        loop = asyncio.get_running_loop()
        found = await loop.getaddrinfo(host, port, type=socket.SOCK_DGRAM, flags=socket.AI_PASSIVE)
        family, _, _, _, address = found[0]
        sock = socket.socket(family, socket.SOCK_DGRAM)
        try:
            sock.setblocking(False)
            _ask_for_receive_buffer(sock)
            sock.bind(address)
            end = cls(sock, loop, DropCounter() if drops is None else drops, probe(family) & offload)
        except BaseException:
            sock.close()
            raise
        log.debug("UDP socket %s:%s: offload %s, %s octets of credit", *end.address, end.offload.name, end.credit)
        return end

    @property
    def address(self) -> Address:
        return self._address

    @property
    def receive_buffer(self) -> int:
        return self._receive_buffer

    @property
    def credit(self) -> int:
        return int(self._receive_buffer * (MERGED_CREDIT if Offload.GRO in self.offload else SINGLE_CREDIT))

    @property
    def offload(self) -> Offload:
        """Less than at first where the kernel has refused a burst since."""
        received = Offload.GRO if self._receive_into is receive_merged else Offload.NONE
        return received | (Offload.GSO if self._segments else Offload.NONE)

    def send(self, batch: Batch) -> None:
        batch.check()
        data, stride, peer = memoryview(batch.data), batch.stride, batch.peer
        if not self._open:
            drop_batch(self.drops, Drop.CLOSED, len(data), stride)
            return
        done = 0 if self._queue else self._send_now(data, stride, peer)
        if done < len(data):
            self._enqueue(data[done:], stride, peer)

    def close(self) -> None:
        if not self._open:
            return
        self._open = False
        self._loop.remove_reader(self._socket)
        self._loop.remove_writer(self._socket)
        for data, stride, _ in self._queue:
            drop_batch(self.drops, Drop.CLOSED, len(data), stride)
        self._queue.clear()
        self._queued_octets = 0
        self._socket.close()

    # Sending

    def _burst(self, stride: int) -> int:
        """Octets of datagrams of this size that one call may take."""
        if not self._segments or stride > self._longest_segment:
            return stride
        return stride * max(1, min(SEGMENTS_PER_SEND, LONGEST_BURST // stride))

    def _send_now(self, data: memoryview, stride: int, peer: Address) -> int:
        """How many octets are settled: sent, or counted as an error. Fewer than all: the socket takes no more now."""
        done, burst = 0, self._burst(stride)
        while done < len(data):
            piece = data[done : done + burst]
            try:
                if len(piece) > stride:
                    send_segments(self._socket, piece, stride, peer)
                else:
                    self._socket.sendto(piece, peer)
            except (BlockingIOError, InterruptedError):
                break
            except OSError as error:
                if len(piece) > stride and self._step_down(error, stride):
                    burst = self._burst(stride)
                    continue
                drop_batch(self.drops, self._reason(error), len(piece), stride)
            done += len(piece)
        return done

    def _step_down(self, error: OSError, stride: int) -> bool:
        """Whether an error says that the kernel cannot do this burst: none of its kind is tried again."""
        if error.errno in REFUSES_SIZE and stride > TAKEN_BY_EVERY_PATH:
            self._longest_segment, what = stride - 1, f"segments of {stride} octets or more"
        elif error.errno in REFUSES_SIZE | REFUSES_OFFLOAD:
            self._segments, what = False, "batches"
        else:
            return False
        if not self.refused_bursts:
            log.info("UDP socket %s:%s: %s; %s are sent one by one from now on", *self._address, error, what)
        self.refused_bursts += 1
        return True

    def _reason(self, error: OSError) -> Drop:
        """Under which it is counted; one without a name is logged, once."""
        reason = _REASONS.get(error.errno or 0, Drop.SOCKET_ERROR)
        if reason is Drop.SOCKET_ERROR and not self.drops[reason]:
            log.warning("UDP socket %s:%s: %s (counted from now on)", *self._address, error)
        return reason

    def _enqueue(self, data: memoryview, stride: int, peer: Address) -> None:
        """Keep a copy of as many datagrams as there is room for."""
        room = SEND_QUEUE_OCTETS - self._queued_octets
        if len(data) > room:
            kept = room // stride * stride
            drop_batch(self.drops, Drop.SEND_QUEUE_FULL, len(data) - kept, stride)
            data = data[:kept]
        if not data:
            return
        if not self._queue:
            self._loop.add_writer(self._socket, self._writable)
        self._queue.append((memoryview(bytes(data)), stride, peer))
        self._queued_octets += len(data)

    def _writable(self) -> None:
        calls = octets = 0
        while self._queue and calls < CALLS_PER_TURN and octets < OCTETS_PER_TURN:
            data, stride, peer = self._queue[0]
            done = self._send_now(data[: self._burst(stride)], stride, peer)
            if not done:
                return
            calls += 1
            octets += done
            self._queued_octets -= done
            if done < len(data):
                self._queue[0] = data[done:], stride, peer
            else:
                self._queue.popleft()
        if not self._queue:
            self._loop.remove_writer(self._socket)

    # Receiving

    def _readable(self) -> None:
        for batch in self._arrivals():
            call_receiver(self.receive, batch, self.drops)
            if not self._open:
                return

    def _arrivals(self) -> Iterator[Batch]:
        """What the socket has, neighbours of one peer and one size as one batch.

        No more than a turn's worth: what is left makes the socket readable in the next one.
        """
        buffer, receive_into = self._buffer, self._receive_into
        start = end = stride = octets = 0
        peer: tuple[Any, ...] = ()
        for _ in range(CALLS_PER_TURN):
            try:
                size, segment, source = receive_into(self._socket, buffer[end:])
            except (BlockingIOError, InterruptedError):
                break
            except OSError as error:
                # A datagram sent earlier was refused, say. The socket itself is sound.
                self.drops.count(self._reason(error))
                continue
            if not size:
                self.drops.count(Drop.DATAGRAM_EMPTY)
                continue
            alike = source == peer and (segment == stride or segment == size < stride)
            if start < end and not (alike and end - start + size <= BATCH_OCTETS):
                yield Batch(buffer[start:end], stride, (peer[0], peer[1]))
                start = end
            if start == end:
                stride, peer = segment, source
            end += size
            if end + size > BATCH_OCTETS or (end - start) % stride:  # no room for its like, or the last of its batch
                yield Batch(buffer[start:end], stride, (peer[0], peer[1]))
                start = end = 0
            octets += size
            if octets >= OCTETS_PER_TURN:
                break
        if start < end:
            yield Batch(buffer[start:end], stride, (peer[0], peer[1]))
