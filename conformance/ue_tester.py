"""Role ue: the tester plays RAN node and core; the UE under test is configured to use the tester's address."""

from __future__ import annotations

import contextlib
import itertools

from net4ai.codecs import nas, rrc
from net4ai.codecs.causes import Cause
from net4ai.codecs.common import FlowMapping, SessionLimits
from net4ai.codecs.l2 import BearerType
from net4ai.conformance import preambles
from net4ai.conformance.hop_end import HopEnd, Session
from net4ai.conformance.log import CaseLog, Packet
from net4ai.conformance.nas_port import NasPort
from net4ai.conformance.pdus import L2Pdu
from net4ai.conformance.port import MessagePort
from net4ai.conformance.sockets import PduPort
from net4ai.conformance.statement import Statement
from net4ai.conformance.tester import Surroundings, Tester
from net4ai.conformance.verdict import Fail, Inconclusive
from net4ai.stack.hop import Address, HopName
from net4ai.stack.srb0 import srb0_pdu

RAN_NODE, UE = "ran-1", "ue-1"
"""Names in captures."""
CELL = 1
"""Physical cell identity of the tester's cell."""
PERIOD = 0.5
"""Seconds between two System Information messages."""
BY_ITSELF = 3.0
"""Seconds a released UE has to ask for a connection by itself; then it is paged."""
CONNECTIONS = 3
"""Connections a UE gets to find out that it has to register."""


class ServedUe(HopEnd):
    """The UE under test, as the tester's RAN node serves it.

    Ports: `srb1`, `nas` (inside SRB1), `dep`; SRB0 and raw PDUs are the tester's.
    """

    def __init__(self, tester: UeTester, c_rnti: int, signalling: Address, bulk_port: int) -> None:
        super().__init__(tester, HopName("Uu", RAN_NODE, UE, {}), tester.pdus, BearerType.SRB, rrc.Rrc.FAMILY)
        self.nas = NasPort(tester, lambda octets, to: self._send_nas(octets))
        self.k_gnb = bytes(32)
        """Key that RRC security starts with; NAS security gives another."""
        self.bind(c_rnti, signalling, (signalling[0], bulk_port))

    @property
    def srb1(self) -> MessagePort:
        """RRC on the acknowledged signalling bearer."""
        return self.signalling

    @property
    def c_rnti(self) -> int:
        """The C-RNTI the tester has given."""
        return self.identity

    def on_message(self, message: object, packet: Packet) -> None:
        if isinstance(message, rrc.UplinkInformationTransfer):
            self.nas.receive(message.nas, packet)

    def _send_nas(self, octets: bytes) -> None:
        self.srb1.send(rrc.DownlinkInformationTransfer(nas=octets))


class Cell:
    """System Information, sent periodically to whoever camps. Off, the UE under test loses synchrony."""

    def __init__(self, tester: UeTester) -> None:
        self.on = True
        self.barred = False
        self._tester = tester
        self._camping: dict[Address, None] = {}
        self._next: int | None = None

    def camp(self, address: Address) -> None:
        """Somebody has asked for System Information: it comes at once, and from now on."""
        self._camping[address] = None
        self._send(address)

    def page(self, temporary_identity: int) -> None:
        """Page a UE, at whoever camps."""
        paging = rrc.Paging(records=(rrc.PagingRecord(temporary_identity=temporary_identity),))
        for address in self._camping:
            self._tester.srb0.send(paging, to=address)

    def pump(self, now: int) -> None:
        if self._next is None or now >= self._next:
            self._next = now + round(PERIOD * 1_000_000_000)
            for address in self._camping:
                self._send(address)

    def next_deadline(self) -> int | None:
        return self._next

    def _send(self, address: Address) -> None:
        if self.on:
            information = rrc.SystemInformation(cell=CELL, period=round(PERIOD * 1000), barred=self.barred)
            self._tester.pdus.put(srb0_pdu(information.encode()), to=address)


class UeTester(Tester):
    """Cases of this role get it. `srb0` and `pdus` hear every UE that uses the tester's address."""

    role = "ue"

    def __init__(self, surroundings: Surroundings, statement: Statement, target: Address, bulk_port: int = 0) -> None:
        """`target`: where the tester's radio listens, and the UE under test sends to."""
        super().__init__(surroundings, statement, target)
        self.pdus = PduPort(self, "Uu", RAN_NODE, UE)
        self.pdus.on_pdu = self._on_pdu
        self.srb0 = self.pdus.srb0()
        self.cell = Cell(self)
        self.served: dict[int, ServedUe] = {}
        """By C-RNTI."""
        self.temporary_identity = 0
        """That the UE under test was given last."""
        self._bulk_port = bulk_port
        self._c_rntis = itertools.cycle(range(1, 0xFFF0))

    async def open(self) -> None:
        await self.pdus.open(self.target[0], (self.target[1], self._bulk_port))

    def close(self) -> None:
        super().close()
        self.pdus.close()

    def begin(self, log: CaseLog) -> None:
        super().begin(log)
        self.pdus.reset()
        self.srb0.reset()

    def ends(self) -> list[HopEnd]:
        return list(self.served.values())

    async def end(self) -> None:
        """Release the UE: it comes back by itself."""
        self.cell.on, self.cell.barred = True, False
        try:
            for ue in list(self.served.values()):
                await preambles.release_ue(self, ue)
        finally:
            self.served = {}

    def pump(self, now: int) -> None:
        super().pump(now)
        self.cell.pump(now)

    def next_deadline(self) -> int | None:
        deadlines = [super().next_deadline(), self.cell.next_deadline()]
        return min((deadline for deadline in deadlines if deadline is not None), default=None)

    def _on_pdu(self, pdu: L2Pdu, octets: bytes, packet: Packet, source: Address) -> None:
        self.pdus.peer_address = self.pdus.peer_address or (source, source)
        if pdu.header.c_rnti == 0 and pdu.header.bearer_type == BearerType.SRB:
            if isinstance(self.srb0.receive(octets, packet, source), rrc.SystemInformationRequest):
                self.cell.camp(source)
        elif (ue := self.served.get(pdu.header.c_rnti)) is not None:
            ue.receive(pdu, octets, packet)

    def serve(self, signalling: Address, bulk_port: int) -> ServedUe:
        """A context for a UE, with a C-RNTI that no case before has had."""
        c_rnti = next(self._c_rntis)
        ue = ServedUe(self, c_rnti, signalling, bulk_port)
        self.served[c_rnti] = ue
        self.pdus.peer_address = signalling, (signalling[0], bulk_port)
        return ue

    # For cases

    async def setup_request(self) -> rrc.SetupRequest | rrc.ReestablishmentRequest:
        """Wait until the UE under test asks for a connection. Raises `Inconclusive`.

        One that is registered and idle is paged; one that wants a lost connection back is told that there is none.
        """
        times = self.statement.times
        asks = (rrc.SetupRequest, rrc.ReestablishmentRequest)
        with self.waiting_for_target(times.come_back if self.heard else times.appear) as limit:
            with contextlib.suppress(Fail):
                return await self.srb0.expect(asks, within=min(limit, BY_ITSELF))
            self.cell.page(self.temporary_identity)
            try:
                return await self.srb0.expect(asks, within=limit)
            except Fail as error:
                where = f"{self.pdus.address[0]}:{self.pdus.address[1]}"
                raise Inconclusive(f"no UE asks for a connection at {where}: {error}") from None

    async def connected_ue(self) -> ServedUe:
        """The UE, connected; its first NAS message waits at `ue.nas`. Raises `Inconclusive`."""
        for _ in range(CONNECTIONS):
            request = await self.setup_request()
            with self.preamble("RRC connection"):
                ue = await preambles.give_connection(self, request)
            if not preambles.asks_for_service(ue):
                return ue
            # It believes in a registration of an earlier case, of which this one knows nothing.
            ue.nas.send_plain(nas.ServiceReject(cause=Cause.UNKNOWN_CONTEXT))
            await self.settled(ue)
            await preambles.release_ue(self, ue)
            del self.served[ue.c_rnti]
            self.srb0.clear()  # what it has asked for meanwhile it may have given up
        raise Inconclusive("the UE asks for service again and again, and does not register")

    async def registered_ue(self) -> ServedUe:
        """The UE, registered, with security on. Raises `Inconclusive`."""
        ue = await self.connected_ue()
        with self.preamble("registration"):
            await preambles.accept_registration(self, ue)
        return ue

    async def session(
        self,
        ue: ServedUe | None = None,
        number: int = 0,
        bearer: int = 1,
        *,
        flows: tuple[FlowMapping, ...] = (),
        limits: SessionLimits | None = None,
    ) -> Session:
        """A DEP session with the UE, with one QoS flow unless told otherwise. `limits`: what the tester permits.

        Raises `Inconclusive`.
        """
        ue = ue or await self.registered_ue()
        flows = flows or (FlowMapping(qfi=1, bearer=bearer),)
        with self.preamble("session set-up"):
            return await preambles.configure_session(ue, number, flows, limits)

    @staticmethod
    def ue_of(session: Session) -> ServedUe:
        """The UE whose session it is."""
        assert isinstance(session.end, ServedUe)
        return session.end

    async def echo(self, *, flows: tuple[FlowMapping, ...] = (), limits: SessionLimits | None = None) -> Session:
        """A session in which the UE's function runs and sends back what it gets. Raises `Inconclusive`."""
        session = await self.session(flows=flows, limits=limits)
        with self.preamble("routine"):
            await preambles.take_part(self.ue_of(session), session.number, self.statement.function)
        return session
