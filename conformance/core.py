"""The core as the tester plays it towards a RAN node: N2, one connection at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from net4ai.codecs import n2
from net4ai.codecs.errors import EncodeError
from net4ai.conformance.pattern import Malformed
from net4ai.conformance.port import MessagePort
from net4ai.conformance.verdict import Fail, Inconclusive
from net4ai.stack.hop import Address
from net4ai.stack.io.stream import FrameConnection, Listener

if TYPE_CHECKING:
    from net4ai.conformance.tester import Tester

TAKEN = 0.1
"""Seconds a target has to take what it does not answer."""
CORE, RAN_NODE = "core", "ran-1"
"""Names in captures."""


class Core:
    """Listens for the RAN node under test. `n2` is the port; `ready` sees to it that N2 is set up."""

    def __init__(self, tester: Tester, listen_at: Address) -> None:
        self.n2 = MessagePort(tester, "N2", n2.N2.FAMILY, lambda octets, to: self._transmit(octets))
        self.node = ""
        """Name of the RAN node; empty while N2 is not set up."""
        self.connections = 0
        """Connections there have been."""
        self._tester = tester
        self._listen_at = listen_at
        self._listener: Listener | None = None
        self._connection: FrameConnection | None = None

    async def listen(self) -> None:
        """Raises OSError."""
        self._listener = await self._tester.network.listen(*self._listen_at, self._accept)

    @property
    def address(self) -> Address:
        """Where the RAN node under test connects to."""
        assert self._listener is not None
        return self._listener.address

    def close(self) -> None:
        """Listen no more."""
        if self._listener is not None:
            self._listener.close()

    def begin(self) -> None:
        """A case begins. A set-up request that nobody has answered yet stays."""
        waiting = self.n2.arrived(n2.SetupRequest) if not self.node else []
        self.n2.reset()
        for request in waiting[-1:]:
            self.n2.deliver(request, None)

    # The connection

    @property
    def connected(self) -> bool:
        """The RAN node is there."""
        return self._connection is not None

    def disconnect(self) -> None:
        """Close the connection: the RAN node connects anew, and sets N2 up again."""
        if self._connection is not None:
            self._connection.close("by a case")
            self._lost(self._connection, "closed by the tester")

    async def connection(self) -> None:
        """Wait for a connection. Raises `Inconclusive`."""
        tester = self._tester
        with tester.waiting_for_target(tester.statement.times.appear) as limit:
            if not await tester.until(lambda: self.connected, limit):
                raise Inconclusive(f"no RAN node has connected to N2 at {_shown(self.address)} within {limit:g} s")

    async def new_connection(self, within: float) -> None:
        """Wait until the RAN node has given up this connection and made another. Raises `Fail`."""
        before = self.connections
        if not await self._tester.until(lambda: self.connections > before, within):
            raise Fail(f"N2: the RAN node has not connected anew within {within:g} s")
        self._tester.note("N2: connected anew")

    async def ready(self) -> None:
        """N2 is set up when this returns. Raises `Inconclusive`."""
        await self.connection()
        if self.node:
            return
        with self._tester.preamble("N2 set-up"):
            try:
                await self.set_up()
            except Fail:
                # It may have asked long ago, and wait for an answer that will not come.
                self.disconnect()
                await self.connection()
                await self.set_up()
        # Nothing tells when the target has taken the answer, and UEs may come by another way.
        await self._tester.sleep(TAKEN)

    async def set_up(self) -> n2.SetupRequest:
        """Answer the set-up request. Raises `Fail` where none comes."""
        request = await self.n2.expect(n2.SetupRequest)
        self.n2.send(n2.SetupResponse(version=n2.VERSION))
        self.node = request.node
        return request

    def _accept(self, connection: FrameConnection) -> None:
        if self._connection is not None:
            # One at a time: the newest counts, as after a restart of the target.
            self._connection.close("another connection came")
        self._connection, self.node = connection, ""
        self.connections += 1
        self.n2.broken = ""
        connection.receive = lambda frame: self._tester.driver.feed(self._receive, connection, frame)
        connection.closed = lambda reason: self._lost(connection, reason)

    def _receive(self, connection: FrameConnection, frame: bytes, now: int) -> None:
        if connection is not self._connection:
            return
        packet = self._tester.log.packet("N2", RAN_NODE, CORE, frame, "in")
        self.n2.receive(frame, packet)

    def _lost(self, connection: FrameConnection, reason: str) -> None:
        if connection is self._connection:
            self._connection, self.node = None, ""
            self._tester.log.step("note", "N2", f"connection lost: {reason}")
            self.n2.fail(f"the connection is lost: {reason}")

    def _transmit(self, octets: bytes) -> None:
        if self._connection is None:
            raise Fail("N2: the target has closed the connection")
        self._tester.log.packet("N2", CORE, RAN_NODE, octets, "out")
        try:
            self._connection.send(octets)
        except EncodeError as error:
            raise Inconclusive(str(error)) from None

    def send_octets(self, octets: bytes) -> None:
        """Octets on the connection as they are, without the length that frames have. Raises `Fail`."""
        if self._connection is None:
            raise Fail("N2: the target has closed the connection")
        self._tester.log.step("out", "N2", f"octets {octets[:64].hex()}, not framed")
        self._connection.send_octets(octets)

    @property
    def malformed(self) -> list[Malformed]:
        """What came and is no N2 message."""
        found: list[Malformed] = self.n2.arrived(Malformed)
        return found


def _shown(address: Address) -> str:
    return f"{address[0]}:{address[1]}"
