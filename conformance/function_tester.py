"""Role function: the tester plays the forwarding function to which an application server attaches over T4."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field

from net4ai.codecs import link
from net4ai.codecs.causes import Cause
from net4ai.codecs.common import FlowMapping, SessionLimits, VersionRange
from net4ai.codecs.dep import VERSION as DEP_VERSION
from net4ai.codecs.l2 import L2_HEADER_SIZE, BearerType
from net4ai.conformance.hop_end import HopEnd, Session
from net4ai.conformance.log import CaseLog, Packet
from net4ai.conformance.pdus import L2Pdu, l2_pdu
from net4ai.conformance.port import MessagePort
from net4ai.conformance.preambles import FUNCTION_LOADS
from net4ai.conformance.sockets import PduPort
from net4ai.conformance.statement import Statement
from net4ai.conformance.tester import Surroundings, Tester
from net4ai.conformance.verdict import Fail, Inconclusive
from net4ai.stack.hop import Address, HopName
from net4ai.stack.link_peer import read_unattached

FORWARDING_FUNCTION, SERVER = "ran-1", "ran-1-app-server"
"""Names in captures."""
ONE_FLOW = (FlowMapping(qfi=1, bearer=1),)
"""QoS flows of a session, unless told otherwise."""
VERSIONS = VersionRange(lowest=link.VERSION, highest=link.VERSION)
NO_INSTANCE = 0xFFFF_FFF0
"""A number no instance has."""


class AttachedServer(HopEnd):
    """The application server under test, once attached. Ports: `link` (signalling on T4), `dep`."""

    def __init__(self, tester: FunctionTester, request: link.AttachRequest, peer: int, source: Address) -> None:
        name = HopName("T4", FORWARDING_FUNCTION, SERVER, {})
        super().__init__(tester, name, tester.pdus, BearerType.FIXED_LINK, link.Link.FAMILY)
        self.name = request.name
        self.instances: list[int] = []
        """Instances that the case has made."""
        self.sessions: list[tuple[int, int]] = []
        """Execution and instance of sessions that the case has added."""
        self.bind(peer, source, (source[0], request.bulk_port))

    @property
    def link(self) -> MessagePort:
        """Signalling on T4."""
        return self.signalling


@dataclass(slots=True)
class Routine:
    """An execution at an instance of the function under test, with one session for each seat."""

    server: AttachedServer
    instance: int
    execution: int
    sessions: list[Session] = field(default_factory=list)
    """By seat."""


class FunctionTester(Tester):
    """Cases of this role get it. `attach` is the port of attach messages."""

    role = "function"

    def __init__(self, surroundings: Surroundings, statement: Statement, target: Address, bulk_port: int = 0) -> None:
        """`target`: where the tester's T4 listens, and the application server under test attaches."""
        super().__init__(surroundings, statement, target)
        self.pdus = PduPort(self, "T4", FORWARDING_FUNCTION, SERVER)
        self.pdus.on_pdu = self._on_pdu
        self.attach = MessagePort(self, "T4 attach", link.Link.FAMILY, self._send_unattached, _attach_message)
        self.server: AttachedServer | None = None
        self._bulk_port = bulk_port
        self._answer_count = 0
        self._peers = itertools.cycle(range(1, 0x10000))
        self._transactions = itertools.count(1)
        self._executions = itertools.count(1)
        self._instances = itertools.count(1)

    async def open(self) -> None:
        await self.pdus.open(self.target[0], (self.target[1], self._bulk_port))

    def close(self) -> None:
        super().close()
        self.pdus.close()

    def begin(self, log: CaseLog) -> None:
        super().begin(log)
        self.pdus.reset()
        self.attach.reset()
        if self.server is not None:
            self.server.reset()

    def ends(self) -> list[HopEnd]:
        return [] if self.server is None else [self.server]

    async def end(self) -> None:
        """Release sessions and end instances; the attachment stays."""
        server = self.server
        if server is None:
            return
        for execution, instance in server.sessions:
            release = link.SessionRelease(
                transaction=self.transaction(), execution=execution, instance=instance, cause=Cause.NORMAL, seats=()
            )
            server.link.send(release)
        for instance in server.instances:
            # After damaged messages an answer to one of them may be taken for this one's: the others still end.
            with contextlib.suppress(Fail):
                await self.request(server, link.Terminate(transaction=self.transaction(), instance=instance))
        with contextlib.suppress(Fail):
            await self.settled(server)
        server.sessions, server.instances = [], []

    # Layer 2

    def _on_pdu(self, pdu: L2Pdu, octets: bytes, packet: Packet, source: Address) -> None:
        header = pdu.header
        if header.c_rnti != 0:
            if self.server is not None and header.c_rnti == self.server.identity:
                self.server.receive(pdu, octets, packet)
            return
        self.pdus.peer_address = source, source
        if self.attach.receive(octets, packet, source) is not None:
            self._answer_count = header.count

    def _send_unattached(self, octets: bytes, to: Address | None) -> None:
        pdu = l2_pdu(BearerType.FIXED_LINK, 0, 0, self._answer_count, octets)
        self.pdus.put(pdu.encode(), to=to)

    # For cases

    def transaction(self) -> int:
        """A fresh transaction number."""
        return next(self._transactions)

    async def attach_request(self) -> link.AttachRequest:
        """Wait for an application server that is not attached. Raises `Inconclusive`."""
        times = self.statement.times
        await self._unattached()
        with self.waiting_for_target(times.give_up if self.heard else times.appear) as limit:
            try:
                return await self.attach.expect(link.AttachRequest, within=limit)
            except Fail as error:
                raise Inconclusive(
                    f"no application server attaches at {self.pdus.address}; one that was attached before this run "
                    f"has to be started anew: {error}"
                ) from None

    async def _unattached(self) -> None:
        """Make an attached server begin anew: by a restart, or by never acknowledging what it says."""
        server, self.server = self.server, None
        if server is None:
            return
        if self.restart is not None:
            await self.restart()
            return
        self.note("the tester falls silent: the application server must give up the link and attach anew")
        server.link.send(link.Terminate(transaction=self.transaction(), instance=NO_INSTANCE))
        server.pump(self.clock.now())

    def accept_attachment(self, request: link.AttachRequest) -> AttachedServer:
        """Accept the attach request that came last."""
        assert self.attach.last is not None and self.attach.last.source is not None
        source = self.attach.last.source
        server = AttachedServer(self, request, next(self._peers), source)
        self.server = server
        self.pdus.peer_address = source, (source[0], request.bulk_port)
        self.attach.send(
            link.AttachAccept(
                version=link.VERSION, peer=server.identity, bulk_port=self.pdus.bulk_port, name=FORWARDING_FUNCTION
            ),
            to=source,
        )
        return server

    async def attached(self) -> AttachedServer:
        """The application server, attached. Raises `Inconclusive`."""
        if self.server is not None and not self.server.bound().signalling.failed:
            return self.server
        return self.accept_attachment(await self.attach_request())

    async def request(
        self, server: AttachedServer, message: link.Link, reply: type[link.Link] = link.Acknowledge, within: float = 5.0
    ) -> link.Link:
        """Send a request, wait for its answer. Raises `Fail`, also where it is refused."""
        server.link.send(message)
        transaction = message.transaction  # type: ignore[attr-defined]
        answer = await server.link.expect((reply, link.Refuse), within=within, transaction=transaction)
        if isinstance(answer, link.Refuse) and reply is not link.Refuse:
            raise Fail(f"{message.NAME} is refused: {Cause(answer.cause).name}, {answer.detail}")
        return answer

    async def instance(self, server: AttachedServer | None = None, settings: bytes = b"{}") -> int:
        """An instance of the function under test. Raises `Inconclusive`."""
        server = server or await self.attached()
        instance = next(self._instances)
        with self.preamble("instantiation"):
            await self.request(
                server,
                link.Instantiate(
                    transaction=self.transaction(),
                    instance=instance,
                    function=self.statement.function,
                    settings=settings,
                ),
                within=FUNCTION_LOADS,
            )
        server.instances.append(instance)
        return instance

    async def add_sessions(
        self,
        server: AttachedServer,
        instance: int,
        execution: int,
        seats: Sequence[int],
        flows: tuple[FlowMapping, ...] = ONE_FLOW,
        limits: SessionLimits | None = None,
    ) -> list[Session]:
        """DEP sessions with an instance that is the routine server. `limits`: what the tester permits; None: as usual.

        Raises `Fail`.
        """
        ours = {seat: server.endpoint.new_handle() for seat in seats}
        add = link.SessionAdd(
            transaction=self.transaction(),
            execution=execution,
            instance=instance,
            end_point=link.EndPoint.ROUTINE_SERVER,
            dep_version=DEP_VERSION,
            sessions=tuple(
                link.LinkSession(seat=seat, handle=handle, limits=limits or server.endpoint.limits, flows=flows)
                for seat, handle in ours.items()
            ),
        )
        complete = await self.request(server, add, link.SessionAddComplete)
        assert isinstance(complete, link.SessionAddComplete)
        server.sessions.append((execution, instance))
        theirs = {each.seat: each for each in complete.sessions}
        if set(theirs) != set(seats):
            raise Fail(f"Session Add Complete names seats {sorted(theirs)}; expected {sorted(seats)}")
        return [Session(server, seat, flows, theirs[seat].handle, ours[seat], theirs[seat].limits) for seat in seats]

    async def session(
        self, *, flows: tuple[FlowMapping, ...] = ONE_FLOW, limits: SessionLimits | None = None
    ) -> Session:
        """A DEP session with an instance of the function; no routine runs. Raises `Inconclusive`."""
        server = await self.attached()
        instance = await self.instance(server)
        with self.preamble("session set-up"):
            [session] = await self.add_sessions(server, instance, next(self._executions), [0], flows, limits)
        return session

    async def routine(
        self,
        seats: Sequence[int] = (0,),
        *,
        flows: tuple[FlowMapping, ...] = ONE_FLOW,
        limits: SessionLimits | None = None,
    ) -> Routine:
        """An execution that has begun at an instance, no turn started. Raises `Inconclusive`."""
        server = await self.attached()
        instance = await self.instance(server)
        routine = Routine(server, instance, next(self._executions))
        numbers = tuple(link.SeatNumber(seat=seat) for seat in seats)
        with self.preamble("routine"):
            invite = link.Invite(
                transaction=self.transaction(),
                execution=routine.execution,
                instance=instance,
                end_point=link.EndPoint.ROUTINE_SERVER,
                routine="conformance",
                round=0,
                cut=1,
                sequential=False,
                seats=numbers,
                key=b"",
            )
            await self.request(server, invite, link.Accept)
            routine.sessions = await self.add_sessions(server, instance, routine.execution, seats, flows, limits)
            begin = link.Begin(
                transaction=self.transaction(), execution=routine.execution, instance=instance, seats=numbers
            )
            await self.request(server, begin, link.Begun, within=FUNCTION_LOADS)
        return routine

    def start_turn(self, routine: Routine, turn: int = 0, seat: int = 0, repetition: int = 0) -> None:
        """A turn begins."""
        routine.server.link.send(
            link.Start(
                execution=routine.execution,
                instance=routine.instance,
                end_point=link.EndPoint.ROUTINE_SERVER,
                turn=turn,
                seat=seat,
                repetition=repetition,
            )
        )

    async def echo(self, *, flows: tuple[FlowMapping, ...] = ONE_FLOW, limits: SessionLimits | None = None) -> Session:
        """A session in which the function runs and sends back what it gets. Raises `Inconclusive`."""
        routine = await self.routine(flows=flows, limits=limits)
        self.start_turn(routine)
        return routine.sessions[0]


def _attach_message(octets: bytes) -> bytes:
    """The attach message in a PDU. Raises `DecodeError`."""
    read_unattached(octets)
    return octets[L2_HEADER_SIZE:]
