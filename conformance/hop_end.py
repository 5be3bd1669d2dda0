"""One end of a hop, played by the tester: signalling on the acknowledged bearer, and DEP, raw or by sessions."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from net4ai.codecs.causes import Cause
from net4ai.codecs.common import BearerConfiguration, BearerMode, FlowMapping, QosProfile, SessionLimits
from net4ai.codecs.declaration import Family, Structure
from net4ai.codecs.dep import DataBody, DepType
from net4ai.codecs.errors import DecodeError
from net4ai.codecs.l2 import L2_HEADER_SIZE, BearerType
from net4ai.conformance.log import Packet
from net4ai.conformance.pattern import Malformed, Pattern
from net4ai.conformance.pdus import DepPdu, L2Pdu, dep_pdu
from net4ai.conformance.port import NEVER_WITHIN, WITHIN, MessagePort, Port
from net4ai.conformance.sockets import PduPort
from net4ai.conformance.verdict import Fail
from net4ai.stack.acknowledged_bearer import BearerError
from net4ai.stack.dep.credit import CreditBudget
from net4ai.stack.dep.errors import DepError
from net4ai.stack.dep.events import Event, MessageReceived
from net4ai.stack.dep_endpoint import DepEndpoint, SessionEnd
from net4ai.stack.drops import DropCounter
from net4ai.stack.hop import FIXED_LINK_DEP_BEARER, Address, Hop, HopName
from net4ai.stack.io.platform import budget_of
from net4ai.stack.trace import no_trace

if TYPE_CHECKING:
    from net4ai.conformance.tester import Tester

FIRST_MESSAGE = 1
"""Message ids of a session, QoS flow and direction count from here."""
ANY_QOS = QosProfile(five_qi=131, priority=5)
"""Of bearers that a case uses without having configured them."""


class DepPort(Port[DepPdu]):
    """PDUs of DEP over the bearers of a hop, as they are."""

    def __init__(self, tester: Tester, name: str, end: HopEnd) -> None:
        super().__init__(tester, name)
        self._end = end

    def send(self, pdu: DepPdu) -> None:
        """Send a PDU; make one with `dep_pdu`."""
        kept = self._meddle("out", pdu)
        if kept is None:
            return
        octets = kept if isinstance(kept, bytes) else kept.encode()
        self._tester.log.step("out", self.name, str(kept) if isinstance(kept, DepPdu) else f"octets {octets.hex()}")
        self._end.transmit_dep(octets, pdu.bearer, pdu.bulk)

    def inject(self, octets: bytes, *, bearer: int = 1, bulk: bool = False) -> None:
        """Send any octets where a DEP PDU belongs."""
        self._tester.log.step("out", self.name, f"octets {octets[:64].hex()}{'…' if len(octets) > 64 else ''}")
        self._end.transmit_dep(octets, bearer, bulk)

    async def expect(self, kind: DepType, *, within: float = WITHIN, **fields: object) -> DepPdu:
        """Wait for a PDU of this type; fields are of header and body, `payload`, `bearer`, `bulk`. Raises `Fail`."""
        pdu: DepPdu = await self._expect(Pattern(kind, fields), within)
        return pdu

    async def never(self, kind: DepType, *, within: float = NEVER_WITHIN, **fields: object) -> None:
        """No such PDU may be there already or come. Raises `Fail`."""
        await self._never(Pattern(kind, fields), within)

    def receive(self, octets: bytes, bearer: int, bulk: bool, packet: Packet) -> bool:
        """False: it was lost on purpose."""
        try:
            return self.deliver(DepPdu.decode(octets, bearer, bulk), packet)
        except DecodeError as error:
            return self.deliver(Malformed(octets, error), packet)


class HopEnd:
    """This end of a hop to the target. Its bearers live once `bind` has told who is at the other end."""

    def __init__(self, tester: Tester, name: HopName, pdus: PduPort, bearer_type: BearerType, family: Family) -> None:
        self.tester = tester
        self.pdus = pdus
        signalling = "SRB1" if bearer_type is BearerType.SRB else f"{name.link} signalling"
        self.signalling = MessagePort(tester, signalling, family, lambda sdu, to: self._transmit(sdu))
        self.dep = DepPort(tester, "DEP", self)
        self.hop: Hop | None = None
        self.drops = DropCounter()
        """What the tester's own bearers and sessions have dropped."""
        self._unverified: bytes | None = None
        self._name = name
        self._bearer_type = bearer_type
        budget = CreditBudget(budget_of(pdus.credit))
        self.endpoint = DepEndpoint(budget, lambda: tester.random_number(32), self.drops, no_trace)

    def bind(self, identity: int, signalling: Address, bulk: Address) -> Hop:
        """The other end has this C-RNTI (or peer identity) and these addresses: a fresh acknowledged bearer."""
        self.hop = Hop(
            self._name, self._bearer_type, identity, signalling, bulk, self.pdus.sockets(), self.drops, no_trace
        )
        return self.hop

    @property
    def identity(self) -> int:
        """C-RNTI, or peer identity on T4; 0 while not bound."""
        return 0 if self.hop is None else self.hop.identity

    def bound(self) -> Hop:
        """The hop. Raises RuntimeError in a case that uses bearers before there are any."""
        if self.hop is None:
            raise RuntimeError("not bound yet: the connection or attachment comes first")
        return self.hop

    # Out

    def _transmit(self, sdu: bytes) -> None:
        try:
            self.bound().signalling.send(sdu, self.tester.clock.now())
        except BearerError:
            raise Fail(f"{self.signalling.name}: the target has not acknowledged what was sent before") from None
        self.tester.driver.wake()

    def transmit_dep(self, octets: bytes, bearer: int, bulk: bool) -> None:
        """Send octets over a bearer, which is made where it is not there: also on one the target does not know."""
        hop = self.bound()
        fixed = self._bearer_type is BearerType.FIXED_LINK and bearer == FIXED_LINK_DEP_BEARER
        if bearer not in hop.bearers and not fixed:
            hop.add_bearer(BearerConfiguration(bearer=bearer, mode=BearerMode.UNACKNOWLEDGED, qos=ANY_QOS))
        pdu = bytearray(L2_HEADER_SIZE) + octets
        now = self.tester.clock.now()
        if bulk:
            hop.send_burst(bearer, pdu, len(pdu), now)
        else:
            hop.send_dep(bearer, pdu, now)
        self.tester.driver.wake()

    # In

    def receive(self, pdu: L2Pdu, octets: bytes, packet: Packet) -> None:
        """A PDU of this hop has come."""
        if self.hop is None:
            return
        now = self.tester.clock.now()
        found = self.hop.receive(bytearray(octets), len(octets), pdu.bulk, now)
        while (sdu := self.hop.next_sdu()) is not None:
            self.on_message(self.signalling.receive(sdu, packet), packet)
        self._take_unverified(packet)
        for bearer, data, stride in found:
            # Without an open session nothing answers: what an unknown handle gets is for the case to say.
            if self.dep.receive(bytes(data[L2_HEADER_SIZE:]), bearer, pdu.bulk, packet) and self.endpoint.sessions:
                self.endpoint.receive(self.hop, bearer, data, stride, now)

    def _take_unverified(self, packet: Packet) -> None:
        """A message with a MAC-I that came before there were keys: the case sees it, and answers for the bearer."""
        sdu = self.bound().signalling.unverified_sdu()
        if sdu is not None and sdu != self._unverified:
            self.signalling.receive(sdu, packet)
        self._unverified = sdu

    def on_message(self, message: object, packet: Packet) -> None:
        """A signalling message has come (None: one that is none). For layers above."""

    # Time

    def pump(self, now: int) -> None:
        """Send what is ready."""
        self.endpoint.pump(now)
        if self.hop is not None:
            self.hop.advance(now)
            self.hop.pump(now)

    def next_deadline(self) -> int | None:
        deadlines = [self.endpoint.next_deadline(), self.hop.next_deadline() if self.hop is not None else None]
        return min((deadline for deadline in deadlines if deadline is not None), default=None)

    @property
    def settled(self) -> bool:
        """The target has acknowledged all signalling, or is lost."""
        return self.hop is None or self.hop.signalling.failed or self.hop.signalling.idle

    def reset(self) -> None:
        """Forget what came; end sessions. The hop stays."""
        self.signalling.reset()
        self.dep.reset()
        for end in list(self.endpoint.sessions.values()):
            self.endpoint.remove(end)


@dataclass(frozen=True, slots=True)
class Session:
    """A DEP session with the target, as both ends have agreed. PDUs are sent raw; `open` has a machine do it."""

    end: HopEnd
    number: int
    """Identity of the session at the UE, or seat."""
    flows: tuple[FlowMapping, ...]
    send_handle: int
    """The target's handle: PDUs towards it carry this one."""
    receive_handle: int
    limits: SessionLimits
    """What the target permits."""

    @property
    def bearer(self) -> int:
        """Bearer of the first QoS flow."""
        return self.flows[0].bearer

    @property
    def qfi(self) -> int:
        """The first QoS flow."""
        return self.flows[0].qfi

    def pdu(self, kind: DepType | int, body: Structure | None = None, payload: bytes = b"", **fields: Any) -> DepPdu:
        """A PDU of this session; `fields` are those of `dep_pdu`, also others than the session's own."""
        own = {"bearer": self.bearer, "qfi": self.qfi, "handle": self.send_handle}
        return dep_pdu(kind, body, payload, **own | fields)

    def send(self, kind: DepType | int, body: Structure | None = None, payload: bytes = b"", **fields: Any) -> DepPdu:
        """Send a PDU of this session."""
        pdu = self.pdu(kind, body, payload, **fields)
        self.end.dep.send(pdu)
        return pdu

    def data(
        self,
        payload: bytes,
        *,
        packet: int,
        message: int = FIRST_MESSAGE,
        offset: int = 0,
        length: int | None = None,
        **fields: Any,
    ) -> DepPdu:
        """Send one DATA segment of a message of `length` octets (else: it is the whole message)."""
        body = DataBody(message_length=len(payload) if length is None else length, packet_number=packet)
        return self.send(DepType.DATA, body, payload, message_id=message, offset=offset, **fields)

    async def expect(self, kind: DepType, *, within: float = WITHIN, **fields: object) -> DepPdu:
        """Wait for a PDU of this session (ERROR: also with handle 0). Raises `Fail`."""
        return await self.end.dep.expect(kind, within=within, **self._mine(kind) | fields)

    async def never(self, kind: DepType, *, within: float = NEVER_WITHIN, **fields: object) -> None:
        """No such PDU of this session may come. Raises `Fail`."""
        await self.end.dep.never(kind, within=within, **self._mine(kind) | fields)

    def _mine(self, kind: DepType) -> dict[str, object]:
        if kind is DepType.ERROR:
            return {"handle": lambda handle: handle in (0, self.receive_handle)}
        return {"handle": self.receive_handle}

    def open(self) -> SessionPort:
        """From now on a DEP machine of ours acknowledges, grants and repeats; messages go in and out whole."""
        return SessionPort(self)


class SessionPort(Port[Event]):
    """A DEP session run by a machine: whole messages, and what happens to them."""

    def __init__(self, session: Session) -> None:
        super().__init__(session.end.tester, f"DEP session {session.number}")
        self.session = session
        end = session.end
        self._end: SessionEnd = end.endpoint.add(
            end.bound(),
            session.receive_handle,
            session.send_handle,
            1,
            session.flows,
            session.limits,
            lambda _, event: self._on_event(event),
            {},
        )

    def _on_event(self, event: Event) -> None:
        if isinstance(event, MessageReceived):
            # A copy: the case may look at it whenever it likes.
            event = replace(event, body=memoryview(bytes(event.body)))
        self.deliver(event, None)

    def send(self, body: bytes, *, answers: int | None = None) -> int:
        """Send a message; its message id. `answers`: the id of the request it responds to."""
        tester = self.session.end.tester
        tester.log.step("out", self.name, f"message of {len(body)} octets")
        try:
            number = self.session.end.endpoint.send(self._end, [body], tester.clock.now(), answers=answers)
        except DepError as error:
            raise Fail(f"{self.name}: {error}") from None
        tester.driver.wake()
        return number

    def close(self, cause: Cause = Cause.NORMAL) -> None:
        """End the data phase: CLOSE goes out."""
        tester = self.session.end.tester
        self._end.session.close(cause, tester.clock.now())
        for bearer, pdu in self._end.session.control_to_send(tester.clock.now()):
            self.session.end.bound().send_dep(bearer, bytearray(L2_HEADER_SIZE) + pdu, tester.clock.now())

    async def expect(self, kind: Any, *, within: float = WITHIN, **fields: object) -> Any:
        """Wait for an event (`net4ai.stack.dep.events`), as MessageReceived with `body=...`. Raises `Fail`."""
        return await self._expect(Pattern(kind, fields), within)

    async def never(self, kind: Any, *, within: float = NEVER_WITHIN, **fields: object) -> None:
        """No such event may be there already or come. Raises `Fail`."""
        await self._never(Pattern(kind, fields), within)
