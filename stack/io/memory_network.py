"""A network in memory: the same endpoints and connections, without sockets.

For runs of all nodes in one process, for tests and for virtual time. Addresses mean nothing outside the network.
Datagrams cross in the next turn of the loop, in order, and are lost only where a receiver's buffer is full or nobody
listens; put an emulated link (`net4ai.stack.io.impairment`) before an endpoint for more.
"""

from __future__ import annotations

import asyncio
import errno
import random
from collections import deque
from collections.abc import Container
from typing import Any

from net4ai.codecs.declaration import Buffer
from net4ai.stack.drops import Drop, DropCounter
from net4ai.stack.io.stream import MAXIMUM_FRAME, Accept, Connector, Listener
from net4ai.stack.io.udp import (
    CALLS_PER_TURN,
    MAXIMUM_DATAGRAM,
    OCTETS_PER_TURN,
    WANTED_RECEIVE_BUFFER,
    Address,
    Batch,
    Receive,
    call_receiver,
    drop_batch,
)
from net4ai.stack.io.udp_offload import Offload

FIRST_PORT = 49152
"""First port given to who asks for any."""
LAST_PORT = 65535
CREDIT_SHARE = 4
"""A quarter of the receive buffer may be under way as DATA: the rest is for what is sent beside it."""


def credit_of(receive_buffer: int) -> int:
    """What an endpoint with this receive buffer is worth."""
    return receive_buffer // CREDIT_SHARE


class MemoryNetwork:
    """Endpoints and connections by address, within one loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop, *, receive_buffer: int = WANTED_RECEIVE_BUFFER) -> None:
        self._loop = loop
        self._receive_buffer = receive_buffer
        self._endpoints: dict[Address, MemoryEndpoint] = {}
        self._listeners: dict[Address, Listener] = {}
        self._next_port = FIRST_PORT
        self._jitter = random.Random(0)

    async def open(self, host: str, port: int = 0, *, drops: DropCounter | None = None) -> MemoryEndpoint:
        """A datagram endpoint (port 0: any free one). Raises OSError when the address is taken."""
        address = self._allocate(host, port, self._endpoints)
        endpoint = MemoryEndpoint(self, address, self._receive_buffer, DropCounter() if drops is None else drops)
        self._endpoints[address] = endpoint
        return endpoint

    async def resolve(self, host: str, port: int) -> Address:
        """Names are addresses here."""
        return host, port

    async def listen(
        self,
        host: str,
        port: int,
        accept: Accept,
        *,
        maximum_frame: int = MAXIMUM_FRAME,
        drops: DropCounter | None = None,
    ) -> Listener:
        """Listen for connections, as `stream.listen`. Raises OSError when the address is taken."""
        listener = Listener(accept, maximum_frame=maximum_frame, drops=drops)
        listener.address = self._allocate(host, port, self._listeners)
        listener.stop = lambda: self._unlisten(listener)
        self._listeners[listener.address] = listener
        return listener

    def connect_forever(
        self,
        host: str,
        port: int,
        name: str,
        connected: Accept,
        *,
        maximum_frame: int = MAXIMUM_FRAME,
        drops: DropCounter | None = None,
    ) -> Connector:
        """Keep a connection to a listener of this network, as `stream.connect_forever`."""
        return Connector(
            host,
            port,
            name,
            connected,
            maximum_frame=maximum_frame,
            drops=drops,
            open_streams=self._open_streams,
            jitter=self._jitter.random,
        )

    def _allocate(self, host: str, port: int, taken: Container[Address]) -> Address:
        if port:
            if (host, port) in taken:
                raise OSError(errno.EADDRINUSE, f"address {host}:{port} is taken")
            return host, port
        for _ in range(FIRST_PORT, LAST_PORT + 1):
            port, self._next_port = self._next_port, self._next_port + 1
            if self._next_port > LAST_PORT:
                self._next_port = FIRST_PORT
            if (host, port) not in taken:
                return host, port
        raise OSError(errno.EADDRINUSE, f"no free port at {host}")

    def _unlisten(self, listener: Listener) -> None:
        if self._listeners.get(listener.address) is listener:
            del self._listeners[listener.address]

    async def _open_streams(self, host: str, port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        listener = self._listeners.get((host, port))
        if listener is None:
            raise ConnectionRefusedError(errno.ECONNREFUSED, "Connection refused")
        here = self._allocate("memory", 0, ())
        near, far = memory_streams(self._loop, here, listener.address)
        self._loop.call_soon(listener.connected, *far)
        return near

    # Between endpoints

    def _carry(self, data: bytes, stride: int, source: MemoryEndpoint, peer: Address) -> None:
        target = self._endpoints.get(peer)
        if target is None:
            drop_batch(source.drops, Drop.CONNECTION_REFUSED, len(data), stride)
        else:
            target._arrive(data, stride, source.address)

    def _forget(self, endpoint: MemoryEndpoint) -> None:
        del self._endpoints[endpoint.address]


class MemoryEndpoint:
    """An `Endpoint` of a `MemoryNetwork`."""

    def __init__(self, network: MemoryNetwork, address: Address, receive_buffer: int, drops: DropCounter) -> None:
        self.receive: Receive | None = None
        self.drops = drops
        self._network = network
        self._address = address
        self._receive_buffer = receive_buffer
        self._arrived: deque[tuple[bytes, int, Address]] = deque()
        self._arrived_octets = 0
        self._scratch = bytearray(1 << 16)
        self._scheduled = False
        self._open = True

    @property
    def address(self) -> Address:
        return self._address

    @property
    def receive_buffer(self) -> int:
        return self._receive_buffer

    @property
    def credit(self) -> int:
        return credit_of(self._receive_buffer)

    @property
    def offload(self) -> Offload:
        """Batches stay batches."""
        return Offload.ALL

    def send(self, batch: Batch) -> None:
        batch.check()
        size = len(batch.data)
        if not size:
            return
        if not self._open:
            drop_batch(self.drops, Drop.CLOSED, size, batch.stride)
        elif min(batch.stride, size) > MAXIMUM_DATAGRAM:
            drop_batch(self.drops, Drop.DATAGRAM_TOO_LONG, size, batch.stride)
        else:
            self._network._carry(bytes(batch.data), batch.stride, self, batch.peer)

    def close(self) -> None:
        if self._open:
            self._open = False
            self._network._forget(self)
            self._arrived.clear()
            self._arrived_octets = 0

    def _arrive(self, data: bytes, stride: int, source: Address) -> None:
        if self._arrived_octets + len(data) > self._receive_buffer:
            drop_batch(self.drops, Drop.RECEIVE_QUEUE_FULL, len(data), stride)
            return
        self._arrived.append((data, stride, source))
        self._arrived_octets += len(data)
        self._schedule()

    def _schedule(self) -> None:
        if not self._scheduled:
            self._scheduled = True
            self._network._loop.call_soon(self._deliver)

    def _deliver(self) -> None:
        self._scheduled = False
        batches = octets = 0
        while self._arrived and batches < CALLS_PER_TURN and octets < OCTETS_PER_TURN:
            data, stride, source = self._arrived.popleft()
            self._arrived_octets -= len(data)
            batches += 1
            octets += len(data)
            self._hand_over(data, stride, source)
        if self._arrived:
            self._schedule()

    def _hand_over(self, data: bytes, stride: int, source: Address) -> None:
        """Through a buffer that is used again, and wiped: who keeps a view of a batch is found out here already."""
        if len(data) > len(self._scratch):
            self._scratch = bytearray(len(data))
        view = memoryview(self._scratch)[: len(data)]
        view[:] = data
        call_receiver(self.receive, Batch(view, min(stride, len(data)), source), self.drops)
        view[:] = bytes(len(data))


class _MemoryTransport(asyncio.Transport):
    """One end of a byte stream in memory."""

    def __init__(self, loop: asyncio.AbstractEventLoop, here: Address, there: Address) -> None:
        super().__init__({"sockname": here, "peername": there})
        self._loop = loop
        self._closing = False
        self._under_way = 0
        self.protocol: asyncio.Protocol
        self.other: _MemoryTransport

    def write(self, data: Buffer) -> None:
        if not self._closing:
            self._under_way += len(data)
            self._loop.call_soon(self._deliver, bytes(data))

    def _deliver(self, data: bytes) -> None:
        self._under_way -= len(data)
        if not self.other._closing:
            self.other.protocol.data_received(data)

    def close(self) -> None:
        if not self._closing:
            self._closing = True
            self._loop.call_soon(self.protocol.connection_lost, None)
            self._loop.call_soon(self.other.close)

    def abort(self) -> None:
        self.close()

    def is_closing(self) -> bool:
        return self._closing

    def get_write_buffer_size(self) -> int:
        return self._under_way

    def get_protocol(self) -> asyncio.BaseProtocol:
        return self.protocol

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        assert isinstance(protocol, asyncio.Protocol)
        self.protocol = protocol

    def pause_reading(self) -> None:
        """What was written is there already: nothing to hold back."""

    def resume_reading(self) -> None:
        """See `pause_reading`."""

    def can_write_eof(self) -> bool:
        return False


Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


def memory_streams(
    loop: asyncio.AbstractEventLoop, near: Address = ("memory", 1), far: Address = ("memory", 2)
) -> tuple[Streams, Streams]:
    """Both ends of a byte stream in memory, as asyncio streams."""
    transports = _MemoryTransport(loop, near, far), _MemoryTransport(loop, far, near)
    transports[0].other, transports[1].other = transports[1], transports[0]
    ends: list[Any] = []
    for transport in transports:
        reader = asyncio.StreamReader(loop=loop)
        protocol = asyncio.StreamReaderProtocol(reader, loop=loop)
        transport.protocol = protocol
        protocol.connection_made(transport)
        ends.append((reader, asyncio.StreamWriter(transport, protocol, reader, loop)))
    return ends[0], ends[1]
