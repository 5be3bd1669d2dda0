"""Role ran-node: the tester plays UEs on the Uu and the core on N2; the RAN node between them is the target."""

from __future__ import annotations

import itertools

from net4ai.codecs import rrc
from net4ai.codecs.l2 import BearerType
from net4ai.conformance import preambles
from net4ai.conformance.core import RAN_NODE, Core
from net4ai.conformance.hop_end import HopEnd, Session
from net4ai.conformance.log import CaseLog, Packet
from net4ai.conformance.nas_port import NasPort
from net4ai.conformance.pdus import L2Pdu
from net4ai.conformance.port import MessagePort
from net4ai.conformance.sockets import PduPort
from net4ai.conformance.statement import Statement, TestSubscriber
from net4ai.conformance.tester import Surroundings, Tester
from net4ai.stack.hop import Address, HopName
from net4ai.stack.security.srb_security import SrbSecurity


class PlayedUe(HopEnd):
    """A UE that the tester plays, with sockets of its own.

    Ports: `pdus`, `srb0`, `srb1`, `nas` (inside SRB1), `dep`.
    """

    def __init__(self, tester: RanNodeTester, number: int, subscriber: TestSubscriber, pdus: PduPort) -> None:
        name = f"ue-1/{number}"
        super().__init__(tester, HopName("Uu", name, RAN_NODE, {}), pdus, BearerType.SRB, rrc.Rrc.FAMILY)
        self.subscriber = subscriber
        self.srb0 = pdus.srb0()
        self.nas = NasPort(tester, lambda octets, to: self._send_nas(octets))
        self.ran_ue = 0
        """Identity of its context on N2, once the core knows it."""
        self.k_gnb = bytes(32)
        """Key of the connection, once the core has given it."""
        self.security: SrbSecurity | None = None
        """RRC keys and algorithms, once security is on."""
        pdus.on_pdu = self._on_pdu

    @property
    def srb1(self) -> MessagePort:
        """RRC on the acknowledged signalling bearer."""
        return self.signalling

    @property
    def c_rnti(self) -> int:
        """The C-RNTI; 0 while not connected."""
        return self.identity

    def take(self, setup: rrc.Setup) -> None:
        """Take the C-RNTI that an RRC Setup gives: from now on there is SRB1."""
        signalling, _ = self.pdus.peer_address or (self.tester.target, None)
        bulk = (signalling[0], setup.bulk_port)
        self.pdus.peer_address = signalling, bulk
        # Security Mode Command is protected with keys that are made from it.
        self.bind(setup.c_rnti, signalling, bulk).signalling.takes_unverified = True

    def _on_pdu(self, pdu: L2Pdu, octets: bytes, packet: Packet, source: Address) -> None:
        if pdu.header.c_rnti == 0 and pdu.header.bearer_type == BearerType.SRB:
            self.srb0.receive(octets, packet, source)
        else:
            self.receive(pdu, octets, packet)

    def on_message(self, message: object, packet: Packet) -> None:
        if isinstance(message, rrc.DownlinkInformationTransfer):
            self.nas.receive(message.nas, packet)

    def _send_nas(self, octets: bytes) -> None:
        self.srb1.send(rrc.UplinkInformationTransfer(nas=octets))


class RanNodeTester(Tester):
    """Cases of this role get it. `core` is the core; UEs are made by `ue`, `connected_ue` and so on."""

    role = "ran-node"

    def __init__(self, surroundings: Surroundings, statement: Statement, target: Address, n2: Address) -> None:
        """`target`: signalling address of the RAN node's radio; `n2`: where to listen for its N2."""
        super().__init__(surroundings, statement, target)
        self.core = Core(self, n2)
        self.ues: list[PlayedUe] = []
        """UEs of this case."""
        self._numbers = itertools.count(1)

    async def open(self) -> None:
        await self.core.listen()

    def close(self) -> None:
        super().close()
        self.core.close()

    def begin(self, log: CaseLog) -> None:
        super().begin(log)
        self.core.begin()
        self._numbers = itertools.count(1)

    def ends(self) -> list[HopEnd]:
        return list(self.ues)

    async def end(self) -> None:
        """Release all UEs at the core; then their sockets go."""
        try:
            await preambles.release_ues(self)
        finally:
            for ue in self.ues:
                ue.pdus.close()
            self.ues = []

    # For cases

    async def ue(self, subscriber: TestSubscriber | None = None) -> PlayedUe:
        """A UE that has said nothing yet. Raises `Inconclusive` where it cannot get sockets."""
        await self.core.ready()
        number = next(self._numbers)
        pdus = PduPort(self, "Uu", f"ue-1/{number}", RAN_NODE)
        await pdus.open(self.local_host)
        pdus.peer_address = self.target, self.target
        ue = PlayedUe(self, number, subscriber or self.subscriber, pdus)
        self.ues.append(ue)
        return ue

    @property
    def local_host(self) -> str:
        """Where the tester's own sockets are: on the loopback interface where the target is there, too."""
        return "::" if ":" in self.target[0] else "127.0.0.1" if self.target[0].startswith("127.") else "0.0.0.0"

    async def connected_ue(self, subscriber: TestSubscriber | None = None) -> PlayedUe:
        """A UE with SRB1 whose registration request has reached the core. Raises `Inconclusive`."""
        ue = await self.ue(subscriber)
        with self.preamble("RRC connection"):
            await preambles.connect(self, ue)
        return ue

    async def registered_ue(self, subscriber: TestSubscriber | None = None) -> PlayedUe:
        """A connected UE, registered, with security on. Raises `Inconclusive`."""
        ue = await self.connected_ue(subscriber)
        with self.preamble("registration"):
            await preambles.register(self, ue)
        return ue

    async def session(self, ue: PlayedUe | None = None, job: int = 1) -> Session:
        """A DEP session of a registered UE (a new one, if none is given). Raises `Inconclusive`."""
        ue = ue or await self.registered_ue()
        with self.preamble("session set-up"):
            return await preambles.set_up_session(self, ue, job)
