"""Nodes without I/O, joined in memory under one explicit clock, over links with seeded faults."""

from __future__ import annotations

import heapq
import itertools
import random
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest

from net4ai.app.application_controller import ApplicationController, JobEvent
from net4ai.application_server.config import ApplicationServerConfig
from net4ai.application_server.server import ApplicationServer
from net4ai.codecs import compute, link
from net4ai.codecs.bus import (
    REPLIES,
    Done,
    ExecutionOutcome,
    FunctionProgress,
    InstantiateFunction,
    NodeAvailable,
    TurnsDone,
)
from net4ai.codecs.declaration import Buffer
from net4ai.codecs.envelope import Envelope
from net4ai.codecs.message import Message
from net4ai.edge.node import Edge
from net4ai.stack.attachment import Attachment
from net4ai.stack.control_entity import ControlEntity
from net4ai.stack.dep.credit import CreditBudget
from net4ai.stack.forwarding.function import ForwardingFunction
from net4ai.stack.forwarding.legs import FixedLink, UuSide
from net4ai.stack.hop import Address, Receive, Sockets
from net4ai.stack.procedure import Procedure, Procedures
from net4ai.stack.timers import Timers
from net4ai.stack.trace import TraceEvent

MILLISECOND = 1_000_000
SECOND = 1_000_000_000
SIGNALLING, BULK = 1, 2
"""Ports of every host."""
OUTSIDER = ("outsider", SIGNALLING)


class ComputeWorker:
    """Plays a compute worker: notes what it is told, answers in the next turn what `answers` says."""

    def __init__(self, network: Network) -> None:
        self.receive: Callable[[compute.FromWorker], None] | None = None
        self.told: list[Any] = []
        self.answers: Callable[[Any], compute.FromWorker | None] = well
        self._network = network

    def send(self, message: compute.ToWorker) -> None:
        compute.encode(message)
        self.told.append(message)
        if (answer := self.answers(message)) is not None:
            self._network.later(0, lambda: self.say(answer))

    def say(self, message: compute.FromWorker) -> None:
        assert self.receive is not None
        self.receive(message)

    def close(self) -> None:
        pass

    def of(self, kind: type[Any]) -> list[Any]:
        """What it was told of one type, so far."""
        return [message for message in self.told if isinstance(message, kind)]


def well(message: Any) -> compute.FromWorker | None:
    """All is well."""
    match message:
        case compute.Load(instance=instance):
            return compute.Loaded(instance=instance)
        case compute.Begin(instance=instance, execution=execution, as_server=as_server):
            return compute.Begun(instance=instance, execution=execution, as_server=as_server)
        case compute.RunTurn(instance=instance, execution=execution, as_server=as_server, seat=seat, turn=turn):
            return compute.TurnDone(instance=instance, execution=execution, as_server=as_server, seat=seat, turn=turn)
        case compute.End(instance=instance, execution=execution, repetition=repetition):
            return compute.Ended(instance=instance, execution=execution, repetition=repetition, outcome="complete")
    return None


class Server:
    """An application server with the worker and the budget behind it."""

    def __init__(self, network: Network, name: str, host: str, node: str) -> None:
        self.compute = ComputeWorker(network)
        self.budget = CreditBudget(1 << 20)
        self.procedures = network.procedures(name)
        self.machine = ApplicationServer(
            ApplicationServerConfig(name=name, node=node, address=(node, SIGNALLING)),
            network.sockets(host),
            self.procedures,
            Timers(),
            self.budget,
            self.compute,
            network.handle,
            network.trace,
            network.said.append,
        )
        self.compute.receive = lambda message: self.machine.receive_compute(message, network.now)
        network.join(host, self.machine, self.machine.receive)

    def assert_nothing_left(self) -> None:
        """No sessions, credit, channels, requests or procedures."""
        assert not self.machine.channels
        assert not self.machine.results
        assert not self.machine.endpoint.sessions
        assert not self.machine.endpoint._by_session
        assert not self.machine.endpoint._by_send_handle
        assert not self.machine._invitations
        assert self.budget.promised == self.budget.reserved == 0
        assert not [each.name for each in self.procedures.open if each.name != "attach watch"]

    def assert_nothing_left_but_attaching(self) -> None:
        """As `assert_nothing_left`, of a server that looks for its forwarding function."""
        (attaching,) = [each for each in self.procedures.open if each.name != "attach watch"]
        assert attaching.name == "T4 attach"
        del self.procedures.open[attaching]
        self.assert_nothing_left()
        self.procedures.open[attaching] = None


class Controller:
    """An application controller; `results` are the messages it got, `answer` makes its input of one."""

    def __init__(self, network: Network, node: str) -> None:
        self.results: list[Message] = []
        self.sources: list[tuple[int, str]] = []
        """Service and function of each result."""
        self.events: list[JobEvent] = []
        self.answer: Callable[[Message], Message | None] = lambda message: None
        self.budget = CreditBudget(1 << 20)
        self.procedures = network.procedures("application-controller")
        self.machine = ApplicationController(
            network.entity("application-controller", self.procedures),
            (node, SIGNALLING),
            network.sockets("controller"),
            self.procedures,
            Timers(),
            self.budget,
            network.handle,
            network.trace,
            self._on_result,
            self.events.append,
            network.said.append,
        )
        network.join("controller", self.machine, self.machine.receive)

    def _on_result(self, service: int, function: str, message: Message) -> Message | None:
        self.sources.append((service, function))
        self.results.append(message)
        return self.answer(message)


class Core:
    """Plays the core on the bus: calls forwarding functions, and notes what it is told."""

    def __init__(self, network: Network) -> None:
        self.network = network
        self.caller = network.callee("orchestrator")
        self.available: list[NodeAvailable] = []
        self.turns: list[TurnsDone] = []
        self.outcomes: list[ExecutionOutcome] = []
        self.progress: list[FunctionProgress] = []
        resource_manager = network.callee("resource-manager")
        routine_manager = network.callee("routine-manager")
        resource_manager.handle(NodeAvailable, noting(self.available))
        routine_manager.handle(TurnsDone, noting(self.turns))
        routine_manager.handle(ExecutionOutcome, noting(self.outcomes))
        routine_manager.handle(FunctionProgress, noting(self.progress))

    def begin(self, request: Any, node: str = "edge") -> Procedure[Any]:
        """A call under way."""
        self.caller.procedures.advance(self.network.now)
        reply = REPLIES.get(type(request), Done)
        return self.caller.procedures.start(
            "call", self.caller.call(f"fpf/{node}", request, reply, timer="register-service")
        )

    def call(self, request: Any, node: str = "edge") -> Any:
        """A call and its reply. Raises `ProcedureError`."""
        call = self.begin(request, node)
        self.network.run(until=lambda: call.done, seconds=200)
        return call.result()

    def instantiate(self, instance: int, server: str = "server", node: str = "edge") -> None:
        self.call(InstantiateFunction(instance=instance, function="f", settings={}, application_server=server), node)


def noting(events: list[Any]) -> Callable[[Any], Done]:
    def note(event: Any) -> Done:
        events.append(event)
        return Done()

    return note


class Network:
    """Hosts by name, each with a signalling and a bulk port, and a bus; all under `now`.

    loss, duplicate: probabilities; delay, jitter: nanoseconds (jitter reorders). Hosts in `cut` hear nothing and are
    not heard.
    """

    def __init__(
        self,
        seed: int = 0,
        *,
        loss: float = 0.0,
        duplicate: float = 0.0,
        delay: int = MILLISECOND,
        jitter: int = 0,
    ) -> None:
        self.now = SECOND
        self.loss, self.duplicate, self.delay, self.jitter = loss, duplicate, delay, jitter
        self.cut: set[str] = set()
        self.said: list[str] = []
        self.traced: list[TraceEvent] = []
        self.sent: list[tuple[Address, Address, bytes]] = []
        """Every datagram, lost or not."""
        self.errors: list[tuple[str, Exception]] = []
        """Procedures that ended with anything but a `ProcedureError`."""
        self.machines: list[Any] = []
        self.bus: list[Envelope] = []
        self._random = random.Random(seed)
        self._queue: list[tuple[int, int, Callable[[], object]]] = []
        self._order = itertools.count()
        self._receivers: dict[Address, Callable[[Buffer, Address, int], None]] = {}
        self._entities: dict[str, ControlEntity] = {}
        self._identifiers = itertools.count(1)

    # What nodes are given

    def handle(self) -> int:
        return self._random.getrandbits(32)

    def trace(self, event: TraceEvent) -> None:
        self.traced.append(event)

    def procedures(self, node: str) -> Procedures:
        procedures = Procedures(node, self.trace, lambda name, error: self.errors.append((name, error)))
        procedures.advance(self.now)
        return procedures

    def sockets(self, host: str) -> Sockets:
        return Sockets(partial(self._send, (host, SIGNALLING)), partial(self._send, (host, BULK)), BULK)

    def entity(self, name: str, procedures: Procedures) -> ControlEntity:
        entity = ControlEntity(
            name, procedures, Timers(), self.send_envelope, lambda: f"{next(self._identifiers):032x}"
        )
        self._entities[name] = entity
        return entity

    def join(self, host: str, machine: Any, receive: Receive) -> None:
        """A machine is pumped with all others, and receives at `host`."""
        if machine not in self.machines:
            self.machines.append(machine)
        for port, bulk in ((SIGNALLING, False), (BULK, True)):
            self._receivers[host, port] = partial(_receive, receive, bulk)

    # Nodes

    def forwarding_function(
        self, name: str = "edge", kind: str = "edge", uu: UuSide | None = None
    ) -> ForwardingFunction:
        """A forwarding function in a node; T4 at host `name`, T8 at host `name`-t8."""
        procedures = self.procedures(name)
        node = Edge(procedures, name, self.trace)
        node.fpf = ForwardingFunction(
            name,
            kind,
            self.entity(f"fpf/{name}", procedures),
            {
                "T4": FixedLink(self.sockets(name), CreditBudget(1 << 20)),
                "T8": FixedLink(self.sockets(f"{name}-t8"), CreditBudget(1 << 20)),
            },
            procedures,
            Timers(),
            self.handle,
            node.drops,
            self.trace,
            uu,
        )
        self.join(name, node, partial(node.fpf.receive, "T4"))
        self.join(f"{name}-t8", node, partial(node.fpf.receive, "T8"))
        return node.fpf

    def join_over_t8(self, one: ForwardingFunction, other: ForwardingFunction) -> Attachment:
        """`one` attaches to `other`."""
        attachment = Attachment(
            one.name,
            link.AttachKind.FORWARDING_FUNCTION,
            "T8",
            (f"{other.name}-t8", SIGNALLING),
            one.links["T8"].sockets,
            one.procedures,
            one.timers,
            one.drops,
            self.trace,
            one.on_message,
            self.said.append,
        )
        one.attach_to(attachment)
        return attachment

    def application_server(self, name: str = "server", *, node: str = "edge", host: str = "") -> Server:
        """An application server that begins to attach."""
        server = Server(self, name, host or name, node)
        server.machine.start(self.now)
        return server

    def core(self) -> Core:
        return Core(self)

    def controller(self, *, node: str = "edge") -> Controller:
        return Controller(self, node)

    def callee(self, name: str) -> ControlEntity:
        """A control entity by itself, for the test to play."""
        procedures = self.procedures(name)
        entity = self.entity(name, procedures)
        self.machines.append(_Alone(procedures))
        return entity

    def under_way(self, fpf: ForwardingFunction) -> list[str]:
        """Procedures of a forwarding function, but for its regular announcement."""
        return [each.name for each in fpf.procedures.open if each.name not in ("announce", "repeat bus call")]

    # Faults and time

    def inject(self, destination: Address, pdu: bytes, source: Address = OUTSIDER) -> None:
        """A PDU comes in, whoever sent it."""
        self._receivers[destination](pdu, source, self.now)
        self.pump()

    def later(self, delay: int, call: Callable[[], object]) -> None:
        heapq.heappush(self._queue, (self.now + delay, next(self._order), call))

    def _send(self, source: Address, data: Buffer, stride: int, destination: Address) -> None:
        for at in range(0, len(data), stride):
            pdu = bytes(data[at : at + stride])
            self.sent.append((source, destination, pdu))
            if not self.cut & {source[0], destination[0]}:
                self._transmit(partial(self._deliver, destination, pdu, source))

    def _deliver(self, destination: Address, pdu: bytes, source: Address) -> None:
        receive = self._receivers.get(destination)
        if receive is not None and not self.cut & {source[0], destination[0]}:
            receive(pdu, source, self.now)

    def send_envelope(self, envelope: Envelope) -> None:
        self.bus.append(envelope)
        if (entity := self._entities.get(envelope.to)) is not None:
            self._transmit(lambda: entity.receive(envelope, self.now))

    def _transmit(self, call: Callable[[], object]) -> None:
        if self._random.random() < self.loss:
            return
        for _ in range(1 + (self._random.random() < self.duplicate)):
            self.later(self.delay + self._random.randrange(self.jitter + 1), call)

    def pump(self) -> None:
        for machine in self.machines:
            machine.pump(self.now)

    def run(self, until: Callable[[], object] | None = None, seconds: float = 100) -> None:
        """Let time pass until a condition holds (an error if it never does), else for `seconds`."""
        end = self.now + int(seconds * SECOND)
        self.pump()
        while until is None or not until():
            times = [self._queue[0][0]] if self._queue else []
            times += [at for machine in self.machines if (at := machine.next_deadline()) is not None]
            if not times or min(times) > end:
                assert until is None, f"it did not happen within {seconds} s"
                self.now = end
                return
            self.now = max(self.now, min(times))
            while self._queue and self._queue[0][0] <= self.now:
                heapq.heappop(self._queue)[2]()
            self.pump()

    def messages(self, name: str = "", node: str = "", direction: str = "") -> list[TraceEvent]:
        """Messages in the trace."""
        return [
            event
            for event in self.traced
            if event.kind == "message"
            and name in ("", event.message)
            and node in ("", event.node)
            and direction in ("", event.direction)
        ]


class _Alone:
    """Procedures as a machine."""

    def __init__(self, procedures: Procedures) -> None:
        self.pump = procedures.advance
        self.next_deadline = procedures.next_deadline


def _receive(receive: Receive, bulk: bool, pdu: Buffer, source: Address, now: int) -> None:
    receive(bytearray(pdu), len(pdu), source, bulk, now)


@pytest.fixture
def make_network() -> Iterator[Callable[..., Network]]:
    """Makes networks; at the end no procedure in any of them has failed for a reason of its own."""
    made: list[Network] = []

    def make(*arguments: Any, **settings: Any) -> Network:
        made.append(Network(*arguments, **settings))
        return made[-1]

    yield make
    for network in made:
        assert network.errors == []


@pytest.fixture
def network(make_network: Callable[..., Network]) -> Network:
    """A network without faults."""
    return make_network()


@pytest.fixture
def bad_network(make_network: Callable[..., Network], seed: int) -> Network:
    """Every fifth datagram is lost, every fifth comes twice, and their order changes."""
    return make_network(seed, loss=0.2, duplicate=0.2, jitter=20 * MILLISECOND)
