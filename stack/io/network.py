"""What a node sees of the network: datagram endpoints and connections, on sockets or in memory alike."""

from __future__ import annotations

from typing import Protocol

from net4ai.stack.drops import DropCounter
from net4ai.stack.io.stream import MAXIMUM_FRAME, Accept, Connector, Listener, connect_forever, listen
from net4ai.stack.io.udp import Address, Endpoint, UdpEndpoint, resolve


class Network(Protocol):
    """`SystemNetwork`, or `net4ai.stack.io.memory_network.MemoryNetwork`."""

    async def open(self, host: str, port: int = 0, *, drops: DropCounter | None = None) -> Endpoint:
        """A datagram endpoint (port 0: any free one). Raises OSError."""

    async def resolve(self, host: str, port: int) -> Address:
        """The numeric address of a name. Raises OSError."""

    async def listen(
        self,
        host: str,
        port: int,
        accept: Accept,
        *,
        maximum_frame: int = MAXIMUM_FRAME,
        drops: DropCounter | None = None,
    ) -> Listener:
        """Listen for frame connections. Raises OSError."""

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
        """Keep a frame connection to the peer `name`."""


class SystemNetwork:
    """The operating system's sockets: UDP and TCP."""

    async def open(self, host: str, port: int = 0, *, drops: DropCounter | None = None) -> Endpoint:
        return await UdpEndpoint.open(host, port, drops=drops)

    async def resolve(self, host: str, port: int) -> Address:
        return await resolve(host, port)

    async def listen(
        self,
        host: str,
        port: int,
        accept: Accept,
        *,
        maximum_frame: int = MAXIMUM_FRAME,
        drops: DropCounter | None = None,
    ) -> Listener:
        return await listen(host, port, accept, maximum_frame=maximum_frame, drops=drops)

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
        return connect_forever(host, port, name, connected, maximum_frame=maximum_frame, drops=drops)
