"""asyncio's DatagramProtocol, as it comes: one datagram a segment, with a header of 24 octets, under a credit window.

The receiver copies each segment to its place and acknowledges how many it has, so that the sender stays within its
receive buffer: on loopback nothing is lost then, and nothing is ever repeated. `uvloop_datagrams` is the same on
another loop.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from typing import Any

from data_plane_methods.transfer import KINDS_OF_MESSAGE, Row, Worker

PACKAGE = None
MOST = 24 << 20
HEADER = struct.Struct(">QQII")
"""Number of the message, offset, its length, number of the packet."""
ACK = struct.Struct(">Q")
WINDOW_OCTETS = 512 << 10
ACK_SEGMENTS = 16
BUFFER = 4 << 20
MAXIMUM = 1 << 16

Address = tuple[str, int]


async def open_endpoint(protocol: asyncio.DatagramProtocol) -> tuple[Any, Address]:
    """A socket of this protocol on this machine, with large buffers."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.setblocking(False)
    for option in (socket.SO_RCVBUF, socket.SO_SNDBUF):
        sock.setsockopt(socket.SOL_SOCKET, option, BUFFER)
    sock.bind(("127.0.0.1", 0))
    transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(lambda: protocol, sock=sock)
    if hasattr(transport, "max_size"):
        transport.max_size = MAXIMUM  # asyncio takes 256 KiB of memory for every datagram otherwise
    return transport, sock.getsockname()


class Sender(asyncio.DatagramProtocol):
    """Counts what was acknowledged."""

    def __init__(self) -> None:
        self.acknowledged = 0
        self.news = asyncio.Event()
        self.writable = asyncio.Event()
        self.writable.set()

    def datagram_received(self, data: bytes, address: Any) -> None:
        self.acknowledged = max(self.acknowledged, ACK.unpack(data)[0])
        self.news.set()

    def pause_writing(self) -> None:
        self.writable.clear()

    def resume_writing(self) -> None:
        self.writable.set()


class Receiver(asyncio.DatagramProtocol):
    """Puts the messages together."""

    def __init__(self, row: Row) -> None:
        self.body = memoryview(bytearray(row.size))
        self.segment = row.segment
        self.wanted = 0
        self.packets = 0
        self.whole = asyncio.Event()
        self.transport: Any = None
        self._arrived = 0

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    async def expect(self, messages: int) -> None:
        """Wait for so many messages; the first may have come before."""
        self.wanted += messages
        if self.wanted:
            self.whole.clear()
            await self.whole.wait()

    def datagram_received(self, data: bytes, address: Any) -> None:
        number, offset, length, packet = HEADER.unpack_from(data)
        if packet != self.packets or length != len(self.body):
            raise ValueError(f"packet {packet} of message {number} comes in the place of packet {self.packets}")
        self.packets += 1
        payload = memoryview(data)[HEADER.size :]
        self.body[offset : offset + len(payload)] = payload
        self._arrived += len(payload)
        last = self._arrived == length
        if last or self.packets % ACK_SEGMENTS == 0:
            self.transport.sendto(ACK.pack(self.packets), address)
        if last:
            self._arrived = 0
            self.wanted -= 1
            if not self.wanted:
                self.whole.set()


async def send_datagrams(worker: Worker, row: Row) -> None:
    messages = [memoryview(message) for message in row.messages()]
    protocol = Sender()
    transport, own = await open_endpoint(protocol)
    peer = worker.exchange(own)["receive"]
    window = max(2 * ACK_SEGMENTS, WINDOW_OCTETS // row.segment)
    packet = 0
    async for count in worker.phases_async():
        for number in range(count):
            message = messages[number % KINDS_OF_MESSAGE]
            for offset in range(0, row.size, row.segment):
                while packet - protocol.acknowledged >= window:
                    protocol.news.clear()
                    await protocol.news.wait()
                await protocol.writable.wait()
                header = HEADER.pack(number, offset, row.size, packet)
                transport.sendto(header + message[offset : offset + row.segment], peer)
                packet += 1
    transport.close()


async def receive_datagrams(worker: Worker, row: Row) -> None:
    protocol = Receiver(row)
    transport, own = await open_endpoint(protocol)
    worker.exchange(own)
    async for count in worker.phases_async():
        await protocol.expect(count)
        worker.last = protocol.body
    transport.close()


def send(worker: Worker, row: Row) -> None:
    asyncio.run(send_datagrams(worker, row))


def receive(worker: Worker, row: Row) -> None:
    asyncio.run(receive_datagrams(worker, row))
