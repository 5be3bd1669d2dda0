"""The port of raw PDUs: a pair of UDP sockets, signalling and bulk, as every party on the Uu, T4 and T8 has."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from net4ai.codecs.declaration import Buffer
from net4ai.codecs.errors import DecodeError
from net4ai.codecs.rrc import Rrc
from net4ai.conformance.log import Packet
from net4ai.conformance.pattern import Malformed, Pattern
from net4ai.conformance.pdus import L2Pdu
from net4ai.conformance.port import NEVER_WITHIN, WITHIN, MessagePort, Port
from net4ai.stack.hop import Address, Sockets
from net4ai.stack.io.udp import Batch, Endpoint
from net4ai.stack.srb0 import srb0_pdu, srb0_sdu

if TYPE_CHECKING:
    from net4ai.conformance.tester import Tester

OnPdu = Callable[[L2Pdu, bytes, Packet, Address], None]
"""Told of each PDU that has come and was not lost: the PDU, its octets, its packet, its source."""


class PduPort(Port[L2Pdu]):
    """Raw PDUs of layer 2. What the tester's own bearers send and get passes here too, and can be lost or changed."""

    def __init__(self, tester: Tester, link: str, name: str, peer_name: str) -> None:
        """`name` and `peer_name`: of the two ends, in captures. Nothing is open before `open`."""
        super().__init__(tester, f"{link} PDUs", recorded=False)
        self.link = link
        self.peer_address: tuple[Address, Address] | None = None
        """Signalling and bulk address that `send` sends to."""
        self.on_pdu: OnPdu | None = None
        self._names = name, peer_name
        self._endpoints: list[Endpoint] = []

    async def open(self, host: str, ports: tuple[int, int] = (0, 0)) -> None:
        """Open both sockets; port 0: any free one. Raises OSError."""
        for bulk, port in enumerate(ports):
            endpoint = await self._tester.network.open(host, port)
            endpoint.receive = self._on_batch(bool(bulk))
            self._endpoints.append(endpoint)

    def close(self) -> None:
        """Close both sockets."""
        for endpoint in self._endpoints:
            endpoint.close()

    @property
    def address(self) -> Address:
        """Where the signalling socket receives."""
        return self._endpoints[0].address

    @property
    def bulk_port(self) -> int:
        """Port of the bulk socket."""
        return self._endpoints[1].address[1]

    @property
    def credit(self) -> int:
        """Octets of DATA that may be under way to the bulk socket."""
        return self._endpoints[1].credit

    def sockets(self) -> Sockets:
        """For the tester's own bearers."""

        def send(bulk: bool) -> Callable[[Buffer, int, Address], None]:
            def send_batch(data: Buffer, stride: int, to: Address) -> None:
                for octets in Batch(data, stride, to).segments():
                    self._send_own(bytes(octets), bulk, to)

            return send_batch

        return Sockets(send(False), send(True), self.bulk_port)

    # Out

    def send(self, pdu: L2Pdu, *, to: Address | None = None) -> None:
        """Send a PDU to the target, or to another of its addresses."""
        self._tester.log.step("out", self.name, str(pdu))
        self.put(pdu.encode(), pdu.bulk, to)

    def inject(self, octets: bytes, *, bulk: bool = False, to: Address | None = None) -> None:
        """Send a datagram of any octets."""
        shown = f"{octets[:48].hex()}{'…' if len(octets) > 48 else ''} ({len(octets)} octets)"
        self._tester.log.step("out", self.name, f"octets {shown}{', bulk' if bulk else ''}")
        self.put(octets, bulk, to)

    def _send_own(self, octets: bytes, bulk: bool, to: Address) -> None:
        try:
            kept = self._meddle("out", L2Pdu.decode(octets, bulk))
        except DecodeError:
            kept = octets
        if kept is not None:
            self.put(kept if isinstance(kept, bytes) else kept.encode(), bulk, to)

    def srb0(self) -> MessagePort:
        """A port of RRC messages in the clear, C-RNTI 0. The owner hands it the PDUs that are of SRB0."""
        return MessagePort(self._tester, "SRB0", Rrc.FAMILY, lambda sdu, to: self.put(srb0_pdu(sdu), to=to), srb0_sdu)

    def put(self, octets: bytes, bulk: bool = False, to: Address | None = None) -> None:
        """Send a datagram that is no step of its own: a layer above has told of it."""
        if to is None:
            if self.peer_address is None:
                raise RuntimeError(f"{self.name}: nobody has been heard yet; say where `to`")
            to = self.peer_address[bulk]
        self._tester.log.packet(self.link, *self._names, octets, "out", bulk)
        if octets:
            self._endpoints[bulk].send(Batch(octets, len(octets), to))

    # In

    def _on_batch(self, bulk: bool) -> Callable[[Batch], None]:
        def on_batch(batch: Batch) -> None:
            for octets in batch.segments():
                self._tester.driver.feed(self._receive, bytes(octets), bulk, batch.peer)

        return on_batch

    def _receive(self, octets: bytes, bulk: bool, source: Address, now: int) -> None:
        name, peer_name = self._names
        packet = self._tester.log.packet(self.link, peer_name, name, octets, "in", bulk)
        try:
            pdu = L2Pdu.decode(octets, bulk)
        except DecodeError as error:
            self.deliver(Malformed(octets, error), packet, source)
            return
        if self.deliver(pdu, packet, source) and self.on_pdu is not None:
            self.on_pdu(pdu, octets, packet, source)

    async def expect(self, *, within: float = WITHIN, **fields: object) -> L2Pdu:
        """Wait for a PDU with these header fields, `body` and `bulk`. Raises `Fail`."""
        pdu: L2Pdu = await self._expect(Pattern(L2Pdu, fields), within)
        return pdu

    async def never(self, *, within: float = NEVER_WITHIN, **fields: object) -> None:
        """No such PDU may be there already or come. Raises `Fail`."""
        await self._never(Pattern(L2Pdu, fields), within)
