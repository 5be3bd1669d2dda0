"""Entities of the core on a bus in memory, with an explicit clock. What a test is not about is scripted."""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

import msgspec

from net4ai.codecs import n2, nas
from net4ai.codecs.bus import BODIES, REPLIES, Body, Done
from net4ai.codecs.causes import Cause
from net4ai.codecs.common import SecurityCapabilities, VersionRange
from net4ai.codecs.envelope import Envelope
from net4ai.codecs.nas import SecurityHeaderType
from net4ai.codecs.service import Function, Job, Privacy, Routine, ServiceDescription, Setting, Task
from net4ai.core.access_manager import AccessManager
from net4ai.core.config import CoreConfig
from net4ai.core.ran_association import RanAssociation
from net4ai.stack.control_entity import ControlEntity
from net4ai.stack.procedure import Procedure, ProcedureError, Procedures, outcome_of
from net4ai.stack.security.algorithms import Direction
from net4ai.stack.security.nas_security import NasSecurity
from net4ai.stack.timers import Timers
from net4ai.stack.trace import TraceEvent
from net4ai.stack.units import SECOND

CAPABILITIES = SecurityCapabilities(integrity=0xA0, ciphering=0xA0)

B = TypeVar("B", bound=Body)
M = TypeVar("M", bound=n2.N2)


class Bench:
    """A bus that loses nothing and keeps the order; time moves only when told to."""

    def __init__(self) -> None:
        self.trace: list[TraceEvent] = []
        self.procedures = Procedures("core", self.trace.append)
        self.timers = Timers()
        self.entities: dict[str, ControlEntity] = {}
        self.sent: list[Envelope] = []
        """Every envelope so far."""
        self._queue: deque[Envelope] = deque()
        self._numbers = itertools.count(1)

    def entity(self, name: str) -> ControlEntity:
        self.entities[name] = ControlEntity(
            name, self.procedures, self.timers, self._send, lambda: f"{next(self._numbers):032x}"
        )
        return self.entities[name]

    def scripted(self, name: str) -> Scripted:
        return Scripted(self, name)

    def _send(self, envelope: Envelope) -> None:
        envelope = msgspec.structs.replace(envelope, process=envelope.sender)  # each entity is a process of its own
        self.sent.append(envelope)
        self._queue.append(envelope)

    def run(self) -> None:
        """Deliver until nothing is under way."""
        self.procedures.run()
        while self._queue:
            envelope = self._queue.popleft()
            if envelope.to in self.entities:
                self.entities[envelope.to].receive(envelope, self.procedures.now)

    def advance(self, seconds: float) -> None:
        """Let time pass, timer by timer."""
        self.run()
        end = self.procedures.now + round(seconds * SECOND)
        while (deadline := self.procedures.next_deadline()) is not None and deadline <= end:
            self.procedures.advance(deadline)
            self.run()
        self.procedures.advance(end)
        self.run()

    def under_way(self) -> list[str]:
        """Procedures that are open, apart from what counts consents once in a while."""
        return [procedure.name for procedure in self.procedures.open if procedure.name != "count consents"]

    def start_call(self, to: str, request: Body, timer: str = "register-service") -> Procedure[Any]:
        """Call an entity as somebody else; the procedure's result is the reply, or the error as a value."""
        caller = self.entities.get("caller") or self.entity("caller")
        call = caller.call(to, request, REPLIES.get(type(request), Done), timer=timer)
        procedure = self.procedures.start("call", outcome_of(call))  # type: ignore[arg-type]
        self.run()
        return procedure

    def call(self, to: str, request: Body) -> Any:
        """As `start_call`, for what is answered without time passing."""
        procedure = self.start_call(to, request)
        assert procedure.done, f"{type(request).__name__} is not answered"
        return procedure.result()

    def drops(self) -> list[str]:
        return [event.drop for event in self.trace if event.kind == "drop"]

    def states(self, what: str) -> list[dict[str, int | str]]:
        return [event.ids for event in self.trace if event.kind == "state" and event.message == what]

    def on_the_bus(self) -> bytes:
        """All envelopes, as bytes."""
        return b"\n".join(msgspec.json.encode(envelope) for envelope in self.sent)


class Scripted:
    """An entity that records what it is asked, and answers `Done`, or what `answers` says."""

    def __init__(self, bench: Bench, name: str) -> None:
        self.bench = bench
        self.received: list[Body] = []
        self.answers: dict[type[Body], Body | ProcedureError | Callable[[Any], Any]] = {}
        self.entity = bench.entity(name)
        for body in BODIES.values():
            self.entity.handle(body, self._handle)

    def _handle(self, body: Body) -> Any:
        self.received.append(body)
        answer = self.answers.get(type(body), Done())
        if isinstance(answer, ProcedureError):
            raise answer
        return answer if isinstance(answer, Body) else answer(body)

    def of(self, body: type[B]) -> list[B]:
        return [received for received in self.received if isinstance(received, body)]

    def tell(self, to: str, event: Body) -> None:
        self.entity.tell(to, event)
        self.bench.run()


KEY = "4b" * 32
"""K_AMF of every subscriber here."""


def core_config(subscribers: Iterable[str], seed: int = 1, **changes: Any) -> CoreConfig:
    """A core of two RAN nodes."""
    values: dict[str, Any] = {
        "n2": ("core", 1),
        "nodes": {"ran-1": "ran-node", "ran-2": "ran-node", "edge": "edge"},
        "subscribers": dict.fromkeys(subscribers, KEY),
        "seed": seed,
    }
    return CoreConfig(**values | changes)


class FakeUe:
    """NAS of one terminal: what it hears, in clear; what it says, protected once it has security."""

    def __init__(self, key: str = KEY) -> None:
        self.key = bytes.fromhex(key)
        self.security: NasSecurity | None = None
        self.secured = False
        self.heard: list[Any] = []
        self.headers: list[int | None] = []
        """Security header type of each message heard; None: it came unprotected."""

    def hear(self, data: bytes) -> Any:
        message = nas.Nas.FAMILY.decode(data)
        header = None
        if isinstance(message, nas.Protected):
            header = message.security_header
            if header == SecurityHeaderType.INTEGRITY_NEW_CONTEXT:
                command = nas.Nas.FAMILY.decode(message.message)
                assert isinstance(command, nas.SecurityModeCommand)
                if self.security is None:
                    self.security = NasSecurity(self.key, command.integrity, command.ciphering, Direction.UPLINK)
                    self.security.unprotect(message)
                message = command
            else:
                assert self.security is not None
                message = nas.Nas.FAMILY.decode(self.security.unprotect(message))
        self.heard.append(message)
        self.headers.append(header)
        return message

    def say(self, message: nas.Nas) -> bytes:
        if self.security is None or not (self.secured or isinstance(message, nas.SecurityModeComplete)):
            return message.encode()
        self.secured = True
        header = SecurityHeaderType.INTEGRITY_AND_CIPHERING
        if isinstance(message, nas.SecurityModeComplete):
            header = SecurityHeaderType.INTEGRITY_AND_CIPHERING_NEW_CONTEXT
        elif isinstance(message, nas.ServiceRequest):
            header = SecurityHeaderType.INTEGRITY
        return self.security.protect(message, header).encode()


class FakeRanNode:
    """The other end of an association: N2 and NAS messages in, decoded ones out."""

    def __init__(self, bench: Bench, manager: AccessManager, name: str = "ran-1") -> None:
        self.bench = bench
        self.sent: list[n2.N2] = []
        """What the core sent, newest last."""
        self.ues: dict[int, FakeUe] = {}
        """By context."""
        self.association = RanAssociation(manager, self._receive)
        if name:
            self.set_up(name)

    def _receive(self, data: bytes) -> None:
        message = n2.N2.FAMILY.decode(data)
        assert isinstance(message, n2.N2)
        self.sent.append(message)
        if isinstance(message, n2.DownlinkNasTransport | n2.InitialContextSetupRequest):
            self.ue(message.ran_ue).hear(message.nas)

    def ue(self, context: int) -> FakeUe:
        return self.ues.setdefault(context, FakeUe())

    def set_up(self, name: str, lowest: int = 1, highest: int = 1) -> None:
        self.say(n2.SetupRequest(versions=VersionRange(lowest=lowest, highest=highest), node=name))

    def say(self, message: n2.N2) -> None:
        self.association.receive(message.encode(), self.bench.procedures.now)
        self.bench.run()

    def say_nas(self, context: int, message: nas.Nas) -> None:
        self.say(n2.UplinkNasTransport(ran_ue=context, nas=self.ue(context).say(message)))

    def begin(self, context: int, identity: str, lowest: int = 1, highest: int = 1, **values: Any) -> None:
        """A newcomer's registration request."""
        if self.ue(context).heard:
            self.ues[context] = FakeUe()
        request = registration(identity, lowest, highest, **values)
        self.say(n2.InitialUeMessage(ran_ue=context, nas=request.encode()))

    def register(self, context: int, identity: str, lowest: int = 1, highest: int = 1) -> None:
        """All of a registration, unless the core refuses it."""
        self.begin(context, identity, lowest, highest)
        if isinstance(self.last(context), nas.SecurityModeCommand):
            self.say_nas(context, nas.SecurityModeComplete())
            self.complete(context)

    def complete(self, context: int) -> None:
        """Security on the radio, and what the terminal says to the accept."""
        self.say(n2.InitialContextSetupResponse(ran_ue=context))
        accept = self.last(context)
        if isinstance(accept, nas.RegistrationAccept):
            self.say_nas(context, nas.RegistrationComplete(temporary_identity=accept.temporary_identity))

    def idle(self, context: int) -> FakeUe:
        """The terminal of a context is released for inactivity."""
        self.say(n2.ContextReleaseRequest(ran_ue=context, cause=Cause.USER_INACTIVITY))
        self.say(n2.ContextReleaseComplete(ran_ue=context))
        return self.ues[context]

    def come_back(self, context: int, ue: FakeUe, temporary_identity: int) -> None:
        """A service request, by a new context, up to the accept."""
        self.ues[context] = ue
        request = nas.ServiceRequest(type=nas.ServiceType.SIGNALLING, temporary_identity=temporary_identity)
        self.say(n2.InitialUeMessage(ran_ue=context, nas=ue.say(request)))
        if self.of(n2.InitialContextSetupRequest)[-1:] and self.sent[-1] == self.of(n2.InitialContextSetupRequest)[-1]:
            self.say(n2.InitialContextSetupResponse(ran_ue=context))

    def of(self, kind: type[M]) -> list[M]:
        """N2 messages of a kind that the core sent."""
        return [message for message in self.sent if isinstance(message, kind)]

    def last(self, context: int) -> Any:
        """The newest NAS message to a terminal."""
        heard = self.ue(context).heard
        return heard[-1] if heard else None

    def to(self, context: int) -> list[Any]:
        """NAS messages the core sent to a terminal, those of its registration apart."""
        return [message for message in self.ue(context).heard if not isinstance(message, OF_REGISTRATION)]

    def released(self) -> list[int]:
        return [message.ran_ue for message in self.of(n2.ContextReleaseCommand)]

    def accept_sessions(self, session: int = 0) -> None:
        """Answer all session set-up requests so far."""
        for message in self.of(n2.SessionSetupRequest):
            self.sent.remove(message)
            self.say(n2.SessionSetupResponse(ran_ue=message.ran_ue, transaction=message.transaction, session=session))

    def accept_releases(self) -> None:
        """Answer all session releases so far."""
        for message in self.of(n2.SessionReleaseCommand):
            self.sent.remove(message)
            self.say(n2.SessionReleaseResponse(ran_ue=message.ran_ue, transaction=message.transaction))


OF_REGISTRATION = nas.SecurityModeCommand, nas.RegistrationAccept


def registration(identity: str, lowest: int = 1, highest: int = 1, **values: Any) -> nas.RegistrationRequest:
    chosen: dict[str, Any] = {"capabilities": CAPABILITIES, "identity": identity}
    return nas.RegistrationRequest(versions=VersionRange(lowest=lowest, highest=highest), **chosen | values)


def consent(job: int = 1, given: bool = True, raw_data: bool = False, k: int = 0) -> nas.Consent:
    return nas.Consent(
        job=job,
        given=given,
        status=nas.UeStatus(compute=1, memory=1, battery=1),
        privacy=nas.PrivacyRequirement(raw_data=raw_data, k=k),
    )


def description(**changes: Any) -> ServiceDescription:
    """A service like the shipped one."""
    values: dict[str, Any] = {
        "name": "blood-pressure",
        "provider": "someone",
        "purpose": "to know",
        "functions": {
            "source": Function(kind="abstract", entry_point="data-source"),
            "local": Function(kind="concrete", entry_point="local-training", place="ran-node"),
            "global": Function(kind="concrete", entry_point="global-training", place="edge"),
        },
        "routines": {
            "bottom": Routine(client="source", server="local", sequential=True, split=True),
            "top": Routine(client="local", server="global"),
        },
        "tasks": {"training": Task(chain=("bottom", "top"), repeat="until-stop")},
        "jobs": {"train": Job(tasks=("training",))},
        "privacy": Privacy(k=2),
        "settings": {"cut": Setting(default=1, at_least=1, at_most=4)},
    }
    return ServiceDescription(**values | changes)


def cause(result: object) -> Cause:
    """Of a refused call."""
    assert isinstance(result, ProcedureError), result
    return result.cause
