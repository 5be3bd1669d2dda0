"""UEs, RAN nodes and scripted stand-ins on an emulated radio, with an explicit clock and seeded faults."""

from __future__ import annotations

import heapq
import itertools
import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from net4ai.codecs import n2, nas, rrc
from net4ai.codecs.common import (
    BearerConfiguration,
    BearerMode,
    FlowMapping,
    QosProfile,
    SecurityCapabilities,
    SessionConfiguration,
    VersionRange,
)
from net4ai.codecs.compute import FromWorker, ToWorker
from net4ai.codecs.dep import VERSION
from net4ai.codecs.l2 import BearerType, L2Header
from net4ai.codecs.nas import SecurityHeaderType
from net4ai.ran_node.config import RanNodeConfig
from net4ai.ran_node.node import RanNode
from net4ai.ran_node.start_security import start_security
from net4ai.stack.dep.credit import CreditBudget
from net4ai.stack.dep.events import Event
from net4ai.stack.dep_endpoint import DepEndpoint, SessionEnd, limits_of
from net4ai.stack.drops import DropCounter
from net4ai.stack.hop import Address, Hop, HopName, Sockets
from net4ai.stack.io.chance import chance_of
from net4ai.stack.procedure import Procedures
from net4ai.stack.security.algorithms import Direction
from net4ai.stack.security.nas_security import NasSecurity
from net4ai.stack.security.srb_security import SrbSecurity
from net4ai.stack.srb0 import srb0_pdu, srb0_sdu
from net4ai.stack.timers import Timers
from net4ai.stack.trace import TraceEvent
from net4ai.stack.units import MILLISECOND, SECOND
from net4ai.ue.config import TerminalConfig, UeConfig
from net4ai.ue.process import UeProcess
from net4ai.ue.states import NasState
from net4ai.ue.terminal import Terminal

CAPABILITIES = SecurityCapabilities(integrity=0xA0, ciphering=0xA0)

LIMITS = limits_of(CreditBudget(1 << 20))

UE_ADDRESS, RAN_ADDRESS = ("ue", 1), ("ran", 1)
BULK_PORT = 2
K_GNB = bytes(range(32))
STEPS_AT_A_TIME = 1000
CELL = 3
"""Physical cell identity of scripted RAN nodes."""
SYSTEM_INFORMATION_PERIOD = SECOND
QOS = QosProfile(five_qi=128, priority=20)


class Machine(Protocol):
    def receive(self, pdu: Any, stride: int, source: Address, bulk: bool, now: int) -> None: ...
    def pump(self, now: int) -> None: ...
    def next_deadline(self) -> int | None: ...


KEY = "4b" * 32
"""K_AMF of every terminal here."""


@dataclass
class Faults:
    loss: float = 0.0
    duplicate: float = 0.0
    jitter: int = 0
    """Additional random delay in nanoseconds: reordering."""


class Air:
    """Carries datagrams between machines, and time."""

    def __init__(self, seed: int = 0, faults: Faults | None = None) -> None:
        self.now = 0
        self.random = random.Random(seed)
        self.faults = faults or Faults()
        self.machines: dict[str, Machine] = {}
        """By host."""
        self.trace: list[TraceEvent] = []
        self.cut = False
        self.seen: list[bytes] = []
        """Every datagram sent."""
        self._queue: list[tuple[int, int, Address, Address, bytes]] = []
        self._order = itertools.count()

    def sockets(self, host: str) -> Sockets:
        def sender(port: int) -> Callable[[Any, int, Address], None]:
            return lambda data, stride, peer: self._send((host, port), peer, bytes(data), stride)

        return Sockets(sender(1), sender(BULK_PORT), BULK_PORT)

    def _send(self, source: Address, peer: Address, data: bytes, stride: int) -> None:
        for start in range(0, len(data), stride):
            self.seen.append(data[start : start + stride])
            if self.cut or self.random.random() < self.faults.loss:
                continue
            for _ in range(1 + (self.random.random() < self.faults.duplicate)):
                due = self.now + MILLISECOND + self.random.randrange(self.faults.jitter + 1)
                entry = (due, next(self._order), source, peer, data[start : start + stride])
                heapq.heappush(self._queue, entry)

    def run(self, seconds: float, until: Callable[[], bool] = lambda: False) -> None:
        """Let time pass, event by event."""
        end = self.now + round(seconds * SECOND)
        self._pump()
        standing = 0
        while not until():
            deadlines = [machine.next_deadline() for machine in self.machines.values()]
            if self._queue:
                deadlines.append(self._queue[0][0])
            now = min((deadline for deadline in deadlines if deadline is not None), default=end + 1)
            if now > end:
                self.now = end
                return
            standing = standing + 1 if now <= self.now else 0
            assert standing < STEPS_AT_A_TIME, "time stands still: a deadline is not served"
            self.now = max(self.now, now)
            self._deliver()
            self._pump()

    def _deliver(self) -> None:
        while self._queue and self._queue[0][0] <= self.now:
            _, _, source, peer, pdu = heapq.heappop(self._queue)
            if (machine := self.machines.get(peer[0])) is not None:
                machine.receive(pdu, len(pdu), source, peer[1] == BULK_PORT, self.now)

    def _pump(self) -> None:
        for machine in self.machines.values():
            machine.pump(self.now)

    def states(self, what: str) -> list[TraceEvent]:
        return [event for event in self.trace if event.kind == "state" and event.message == what]

    def outcomes(self, procedure: str) -> list[str]:
        return [event.outcome for event in self.trace if event.kind == "procedure" and event.procedure == procedure]


class FakeCompute:
    """A compute worker that does nothing by itself."""

    def __init__(self) -> None:
        self.receive: Callable[[FromWorker], None] | None = None
        self.sent: list[ToWorker] = []

    def send(self, message: ToWorker) -> None:
        self.sent.append(message)

    def close(self) -> None:
        pass


class Ue:
    """A UE process on the air."""

    def __init__(
        self, air: Air, count: int = 1, budget: int = 1 << 20, radio: dict[str, float] | None = None, **config: Any
    ) -> None:
        """`radio`: what its terminals hear of their cell."""
        self.air = air
        self.compute = FakeCompute()
        self.troubles: list[str] = []
        numbers = random.Random(air.random.random())
        values: dict[str, Any] = {
            "name": "ue",
            "ran_node": "ran",
            "address": RAN_ADDRESS,
            "terminals": [
                TerminalConfig(name=f"ue/{n}", identity=f"imsi-{n}", key=KEY, **radio or {})  # type: ignore[arg-type]
                for n in range(1, count + 1)
            ],
            "functions": ["data-source", "other"],
        }
        self.process = UeProcess(
            UeConfig(**values | config),
            air.sockets("ue"),
            Procedures("ue", air.trace.append),
            Timers(),
            CreditBudget(budget),
            self.compute,
            numbers.getrandbits,
            air.trace.append,
            self.troubles.append,
            chance_of(1),
        )
        air.machines["ue"] = self.process

    def start(self) -> None:
        self.process.start(self.air.now)
        self.process.pump(self.air.now)

    @property
    def terminals(self) -> list[Terminal]:
        return self.process.terminals

    @property
    def terminal(self) -> Terminal:
        return self.terminals[0]

    @property
    def drops(self) -> dict[str, int]:
        return dict(self.process.drops.counts)

    def worker(self, message: FromWorker) -> None:
        """The compute worker speaks."""
        self.process.receive_compute(message, self.air.now)
        self.air.run(0.05)

    def all_in(self, state: NasState) -> bool:
        return all(terminal.nas_state is state for terminal in self.terminals)


class FakeRanNode:
    """A RAN node and core in one, that say what a test wants them to."""

    def __init__(self, air: Air) -> None:
        self.air = air
        self.srb0: list[rrc.Rrc] = []
        self.rrc: list[rrc.Rrc] = []
        """What came on SRB1, NAS transfers apart."""
        self.nas: list[nas.Nas] = []
        self.events: list[Event] = []
        self.hop: Hop | None = None
        self.silent = False
        """Its cell is not heard any more."""
        self.barred = False
        self.secured = False
        self.nas_security: NasSecurity | None = None
        self.camped: dict[Address, None] = {}
        self._next_system_information = air.now + SYSTEM_INFORMATION_PERIOD
        self.drops = DropCounter()
        handles = itertools.count(1000)
        self.endpoint = DepEndpoint(CreditBudget(1 << 20), lambda: next(handles), self.drops, air.trace.append)
        self._sockets = air.sockets("ran")
        air.machines["ran"] = self

    # As a machine

    def receive(self, pdu: Any, stride: int, source: Address, bulk: bool, now: int) -> None:
        if L2Header.read(pdu)[0].c_rnti == 0:
            message = rrc.Rrc.FAMILY.decode(srb0_sdu(pdu))
            if isinstance(message, rrc.SystemInformationRequest):
                self.camped[source] = None
                self._say_system_information(source)
            else:
                self._take(self.srb0, message)
        elif self.hop is not None:
            for dep in self.hop.receive(pdu, stride, bulk, now):
                self.endpoint.receive(self.hop, *dep, now)

    def _say_system_information(self, to: Address) -> None:
        message = rrc.SystemInformation(cell=CELL, period=SYSTEM_INFORMATION_PERIOD // MILLISECOND, barred=self.barred)
        pdu = srb0_pdu(message.encode())
        if not self.silent:
            self._sockets.send_signalling(pdu, len(pdu), to)

    def pump(self, now: int) -> None:
        self.endpoint.pump(now)
        if now >= self._next_system_information:
            self._next_system_information = now + SYSTEM_INFORMATION_PERIOD
            for address in self.camped:
                self._say_system_information(address)
        if self.hop is None:
            return
        self.hop.advance(now)
        while (sdu := self.hop.next_sdu()) is not None:
            message = rrc.Rrc.FAMILY.decode(sdu)
            if isinstance(message, rrc.UplinkInformationTransfer | rrc.SetupComplete):
                self._take(self.nas, self._clear_nas(message.nas))
            if not isinstance(message, rrc.UplinkInformationTransfer):
                self._take(self.rrc, message)
        self.hop.pump(now)

    def next_deadline(self) -> int | None:
        deadlines = [
            self._next_system_information,
            self.endpoint.next_deadline(),
            self.hop.next_deadline() if self.hop else None,
        ]
        return min((deadline for deadline in deadlines if deadline is not None), default=None)

    @staticmethod
    def _take(into: list[Any], message: object) -> None:
        into.append(message)

    def _clear_nas(self, data: bytes) -> Any:
        message = nas.Nas.FAMILY.decode(data)
        if isinstance(message, nas.Protected) and self.nas_security is not None:
            return nas.Nas.FAMILY.decode(self.nas_security.unprotect(message))
        return message

    # What a test says

    def say_srb0(self, message: rrc.Rrc, to: Address = UE_ADDRESS) -> None:
        pdu = srb0_pdu(message.encode())
        self._sockets.send_signalling(pdu, len(pdu), to)
        self.air.run(0.05)

    def set_up(self, c_rnti: int = 7, back: bool = False) -> None:
        """Answer the newest setup request. `back`: the terminal is registered."""
        self.secured = False
        if not back:
            self.nas_security = None
        request = self.srb0[-1]
        assert isinstance(request, rrc.SetupRequest)
        name = HopName("Uu", "ran", "ue", {})
        self.hop = Hop(
            name,
            BearerType.SRB,
            c_rnti,
            UE_ADDRESS,
            (UE_ADDRESS[0], request.bulk_port),
            self._sockets,
            self.drops,
            self.air.trace.append,
        )
        self.say_srb0(rrc.Setup(transaction=2, ue_identity=request.ue_identity, c_rnti=c_rnti, bulk_port=BULK_PORT))

    def say(self, message: rrc.Rrc | nas.Nas) -> None:
        assert self.hop is not None
        if isinstance(message, nas.Nas):
            if self.nas_security is not None and not isinstance(message, nas.Protected):
                message = self.nas_security.protect(message, SecurityHeaderType.INTEGRITY_AND_CIPHERING)
            message = rrc.DownlinkInformationTransfer(nas=message.encode())
        self.hop.send(message, self.air.now)
        self.hop.pump(self.air.now)
        self.air.run(0.05)

    def secure_nas(self, integrity: int = 2, ciphering: int = 2) -> None:
        """NAS security mode, as the core has it."""
        self.nas_security = NasSecurity(bytes.fromhex(KEY), integrity, ciphering, Direction.DOWNLINK)
        command = nas.SecurityModeCommand(
            integrity=integrity, ciphering=ciphering, key_set=0, capabilities=CAPABILITIES
        )
        self.say(self.nas_security.protect(command, SecurityHeaderType.INTEGRITY_NEW_CONTEXT))
        assert self.nas.pop() == nas.SecurityModeComplete()

    def start_security(self, integrity: int = 2, ciphering: int = 2) -> None:
        """RRC security mode, with the key that NAS has led to."""
        assert self.hop is not None and self.nas_security is not None
        k_gnb = self.nas_security.k_gnb(max(0, self.nas_security.last_accepted))
        security = SrbSecurity(k_gnb, integrity, ciphering, Direction.DOWNLINK)
        self.hop.signalling.start_security(security)
        self.hop.send(rrc.SecurityModeCommand(transaction=0, integrity=integrity, ciphering=ciphering), self.air.now)
        self.hop.signalling.start_ciphering()
        self.hop.pump(self.air.now)
        self.air.run(0.05)
        assert self.rrc.pop() == rrc.SecurityModeComplete(transaction=0)
        self.secured = True

    def register(self) -> None:
        """Accept the registration, with security on."""
        if self.nas_security is None:
            self.secure_nas()
        if not self.secured:
            self.start_security()
        self.say(nas.RegistrationAccept(version=1, temporary_identity=1))
        assert self.nas.pop() == nas.RegistrationComplete(temporary_identity=1)

    def reconfigure(
        self, session: int = 0, bearer: int = 1, transaction: int = 0
    ) -> tuple[SessionEnd, rrc.ReconfigurationComplete]:
        """Set up or renew a session on a bearer; both ends are there then."""
        assert self.hop is not None
        new = () if bearer in self.hop.bearers else (bearer_configuration(bearer),)
        handle = self.endpoint.new_handle()
        self.hop.add_bearer(bearer_configuration(bearer))
        self.say(reconfiguration(new, (session_configuration(session, handle, bearer),), transaction=transaction))
        complete = self.rrc[-1]
        assert isinstance(complete, rrc.ReconfigurationComplete)
        end = self.endpoint.add(
            self.hop,
            handle,
            complete.sessions[0].handle,
            VERSION,
            (FlowMapping(qfi=1, bearer=bearer),),
            complete.sessions[0].limits,
            lambda end, event: self.events.append(event),
            {},
        )
        return end, complete


def bearer_configuration(bearer: int, mode: BearerMode = BearerMode.UNACKNOWLEDGED) -> BearerConfiguration:
    return BearerConfiguration(bearer=bearer, mode=mode, qos=QOS)


def session_configuration(
    session: int, handle: int, *bearers: int, version: int = VERSION, flows: tuple[FlowMapping, ...] = ()
) -> SessionConfiguration:
    """One flow for each bearer, or `flows`."""
    flows = flows or tuple(FlowMapping(qfi=qfi, bearer=bearer) for qfi, bearer in enumerate(bearers, 1))
    return SessionConfiguration(session=session, dep_version=version, handle=handle, limits=LIMITS, flows=flows)


def reconfiguration(
    bearers: tuple[BearerConfiguration, ...] = (),
    sessions: tuple[SessionConfiguration, ...] = (),
    released_bearers: bytes = b"",
    released_sessions: tuple[Any, ...] = (),
    transaction: int = 0,
) -> rrc.Reconfiguration:
    return rrc.Reconfiguration(
        transaction=transaction,
        bearers=bearers,
        released_bearers=released_bearers,
        sessions=sessions,
        released_sessions=released_sessions,
    )


class Ran:
    """A RAN node on the air; a test speaks for its core."""

    def __init__(self, air: Air, connected: bool = True, host: str = "ran", **config: Any) -> None:
        self.air = air
        self.troubles: list[str] = []
        self.to_core: list[n2.N2] = []
        """N2 messages it sent."""
        self.on_n2: Callable[[n2.N2], None] = lambda message: None
        numbers = random.Random(air.random.random())
        values: dict[str, Any] = {"name": "ran", "core": ("core", 1), "edge": "edge", "edge_address": ("edge", 1)}
        self.node = RanNode(
            RanNodeConfig(**values | config),
            air.sockets(host),
            CreditBudget(1 << 20),
            Procedures(host, air.trace.append),
            Timers(),
            lambda: numbers.getrandbits(32),
            air.trace.append,
            self.troubles.append,
        )
        air.machines[host] = self.node
        if connected:
            self.connect()

    def connect(self) -> None:
        self.node.n2.connected(self._receive, lambda: None, self.air.now)
        self.core(n2.SetupResponse(version=1))

    def _receive(self, data: bytes) -> None:
        message = n2.N2.FAMILY.decode(data)
        assert isinstance(message, n2.N2)
        self.to_core.append(message)
        self.on_n2(message)

    def core(self, message: n2.N2, run: float = 0.05) -> None:
        """The core speaks."""
        self.node.n2.receive(message.encode(), self.air.now)
        self.node.pump(self.air.now)
        self.air.run(run)

    @property
    def drops(self) -> dict[str, int]:
        return dict(self.node.drops.counts)

    def of(self, kind: type[n2.N2]) -> list[Any]:
        return [message for message in self.to_core if isinstance(message, kind)]


class FakeUe:
    """A UE that says what a test wants it to; `c_rnti` as it was given."""

    def __init__(self, air: Air, host: str = "ue") -> None:
        self.air = air
        self.host = host
        self.srb0: list[rrc.Rrc] = []
        self.srb1: list[rrc.Rrc] = []
        self.hop: Hop | None = None
        self.security: SrbSecurity | None = None
        self.sockets = air.sockets(host)
        air.machines[host] = self

    def receive(self, pdu: Any, stride: int, source: Address, bulk: bool, now: int) -> None:
        if L2Header.read(pdu)[0].c_rnti == 0:
            FakeRanNode._take(self.srb0, rrc.Rrc.FAMILY.decode(srb0_sdu(pdu)))
        elif self.hop is not None:
            self.hop.receive(pdu, stride, bulk, now)

    def pump(self, now: int) -> None:
        if self.hop is None:
            return
        self.hop.advance(now)
        while (sdu := self.hop.next_sdu()) is not None:
            FakeRanNode._take(self.srb1, rrc.Rrc.FAMILY.decode(sdu))
        self.hop.pump(now)

    def next_deadline(self) -> int | None:
        return self.hop.next_deadline() if self.hop else None

    def ask(self, identity: int = 5) -> None:
        request = rrc.SetupRequest(
            ue_identity=identity, cause=rrc.EstablishmentCause.MO_SIGNALLING, bulk_port=BULK_PORT
        )
        self.say_srb0(request)

    def say_srb0(self, message: rrc.Rrc) -> None:
        pdu = srb0_pdu(message.encode())
        self.sockets.send_signalling(pdu, len(pdu), RAN_ADDRESS)
        self.air.run(0.05)

    def accept(self) -> int:
        """Take the newest RRC Setup; gives the C-RNTI."""
        setup = self.srb0[-1]
        assert isinstance(setup, rrc.Setup)
        self.hop = Hop(
            HopName("Uu", self.host, "ran", {}),
            BearerType.SRB,
            setup.c_rnti,
            RAN_ADDRESS,
            (RAN_ADDRESS[0], setup.bulk_port),
            self.sockets,
            DropCounter(),
            self.air.trace.append,
        )
        return setup.c_rnti

    def say(self, message: rrc.Rrc | nas.Nas) -> None:
        assert self.hop is not None
        if isinstance(message, nas.Nas):
            message = rrc.UplinkInformationTransfer(nas=message.encode())
        self.hop.send(message, self.air.now)
        self.hop.pump(self.air.now)
        self.air.run(0.05)

    def start_security(self, ran: Ran, k_gnb: bytes = K_GNB, begin: Callable[[], None] | None = None) -> None:
        """Have the RAN node start it, `begin` or by itself, with the algorithms of its configuration; complete it."""
        assert self.hop is not None
        context = ran.node.contexts[self.hop.identity]
        self.hop.signalling.takes_unverified = True
        if begin is None:
            ran.node.procedures.start("test", start_security(ran.node, context, k_gnb, CAPABILITIES))
        else:
            begin()
        ran.node.pump(self.air.now)
        self.air.run(0.05)
        config = ran.node.config
        self.security = SrbSecurity(k_gnb, config.integrity, config.ciphering, Direction.UPLINK)
        if self.security.null:
            self.hop.signalling.start_security(self.security)
            command = self.srb1.pop()
        else:
            command = rrc.Rrc.FAMILY.decode(self.hop.signalling.unverified_sdu() or b"")  # type: ignore[assignment]
            assert self.hop.signalling.accept_unverified(self.security)
        assert isinstance(command, rrc.SecurityModeCommand)
        self.hop.send(rrc.SecurityModeComplete(transaction=command.transaction), self.air.now)
        self.hop.signalling.start_ciphering()
        self.air.run(0.05)

    def connect(self) -> int:
        """Set up and complete; gives the C-RNTI."""
        self.ask()
        c_rnti = self.accept()
        self.say(rrc.SetupComplete(transaction=0, nas=registration().encode()))
        return c_rnti


def registration(identity: str = "imsi-1") -> nas.RegistrationRequest:
    return nas.RegistrationRequest(
        versions=VersionRange(lowest=1, highest=1), capabilities=CAPABILITIES, identity=identity
    )


def offers(*jobs: int, k: int = 2) -> nas.JobList:
    return nas.JobList(jobs=tuple(nas.JobOffer(job=job, service="s", purpose="p", k=k, raw_data=False) for job in jobs))
