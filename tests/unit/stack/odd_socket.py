"""A UDP endpoint whose socket can be made to misbehave, at every level of the ladder."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Coroutine
from typing import Any

import pytest

from net4ai.stack.drops import DropCounter
from net4ai.stack.io.udp import Batch, UdpEndpoint
from net4ai.stack.io.udp_offload import LADDER, Offload, probe

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
