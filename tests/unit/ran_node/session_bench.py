"""UEs connected to a RAN node whose routes end in itself: what is sent in a session arrives there, and the other way.

Neither the core nor security takes part: connections are there at once, the core only releases whom it is asked to.
"""

from __future__ import annotations

import itertools
from collections import Counter
from typing import Any

from radio_bench import BULK_PORT, RAN_ADDRESS, UE_ADDRESS, Air, Faults, Ran, Ue

from net4ai.codecs import n2, rrc
from net4ai.codecs.bus import RouteClient
from net4ai.codecs.causes import Cause
from net4ai.codecs.common import FlowMapping, QosProfile
from net4ai.codecs.declaration import Buffer
from net4ai.codecs.dep import VERSION, PathReason
from net4ai.codecs.l2 import BearerType
from net4ai.ran_node.configure_sessions import open_leg
from net4ai.ran_node.set_up_connection import _new_context
from net4ai.ran_node.ue_context import State, UeContext
from net4ai.stack.dep.errors import DepError
from net4ai.stack.dep.events import Event, MessageReceived
from net4ai.stack.dep_endpoint import DepEndpoint, SessionEnd
from net4ai.stack.hop import Hop, HopName
from net4ai.stack.procedure import ProcedureError, outcome_of
from net4ai.ue import take_part
from net4ai.ue.states import RrcState
from net4ai.ue.terminal import Terminal

ACKNOWLEDGED = (130, 131)
QOS = [QosProfile(five_qi=five_qi, priority=20) for five_qi in (128, 129, *ACKNOWLEDGED)]
BUDGET = 1 << 20
CONNECTED = State.SECURED
OURS = {"N2 session set-up", "modify", "release", "route", "bearer replacement"}
"""Procedures of the RAN node that reconfigure UEs."""


class EndingRoutes:
    """In place of the RAN node's forwarding function: sessions end here."""

    def __init__(self, world: World) -> None:
        self.endpoint = DepEndpoint(world.ran.node.uu_budget, lambda: 0, world.ran.node.drops, world.air.trace.append)
        self.switch = self
        self.routes: dict[Any, Any] = {}
        self._now = 0

    def forward(self, hop: Hop, bearer: int, data: Buffer, stride: int, bulk: bool, now: int) -> None:
        self.endpoint.receive(hop, bearer, data, stride, now)

    def remap(self, hop: Hop, handle: int, flows: dict[int, FlowMapping]) -> None:
        if (end := self.endpoint.sessions.get(handle)) is not None:
            self.endpoint.path_changed(end, PathReason.BEARER_CHANGED, self._now, flows.values())

    def end_route(self, context: UeContext, handle: int, cause: Cause) -> None:
        if (end := self.endpoint.sessions.get(handle)) is not None and end.hop is context.hop:
            self.endpoint.remove(end)

    def release_hop(self, hop: Hop) -> None:
        self.endpoint.remove_all(hop)

    def pump(self, now: int) -> None:
        self._now = now
        self.endpoint.pump(now)

    def next_deadline(self) -> int | None:
        return self.endpoint.next_deadline()


class World:
    """A RAN node and some terminals."""

    def __init__(self, seed: int = 0, terminals: int = 2) -> None:
        self.air = Air(seed)
        self.ran = Ran(self.air, acknowledged=list(ACKNOWLEDGED))
        self.ran.on_n2 = self._core
        self.node = self.ran.node
        self.routes = EndingRoutes(self)
        self.node.cpf = self.routes  # type: ignore[assignment]
        self.node.end_route = self.routes.end_route  # type: ignore[method-assign]
        self.ue = Ue(self.air, terminals, BUDGET)
        self.contexts: dict[Terminal, UeContext] = {}
        self.sent: dict[bytes, Terminal] = {}
        self.received: Counter[bytes] = Counter()
        self.misled: list[bytes] = []
        """Received by another terminal, or of another terminal, than it should have been."""
        self.outcomes: list[Any] = []
        self._numbers = itertools.count(1)
        self._commands: list[n2.N2] = []
        self._on_dep_event, take_part.on_dep_event = take_part.on_dep_event, self._at_terminal
        for terminal in self.ue.terminals:
            self.connect(terminal)

    def close(self) -> None:
        take_part.on_dep_event = self._on_dep_event

    def connect(self, terminal: Terminal) -> None:
        request = rrc.SetupRequest(
            ue_identity=next(self._numbers), cause=rrc.EstablishmentCause.MO_DATA, bulk_port=BULK_PORT
        )
        context = _new_context(self.node, request, UE_ADDRESS)
        self.node.half_open.clear()
        context.state = CONNECTED
        process = self.ue.process
        hop = Hop(
            HopName("Uu", terminal.name, "ran", {}),
            BearerType.SRB,
            context.c_rnti,
            RAN_ADDRESS,
            (RAN_ADDRESS[0], BULK_PORT),
            process.sockets,
            process.drops,
            process.trace,
        )
        terminal.connected(hop, RrcState.SECURED)
        self.contexts[terminal] = context

    def connected(self, terminal: Terminal) -> bool:
        context = self.contexts[terminal]
        return terminal.hop is not None and self.node.contexts.get(context.c_rnti) is context

    def _core(self, message: n2.N2) -> None:
        self.outcomes.append(message)
        if isinstance(message, n2.ContextReleaseRequest):
            self._commands.append(n2.ContextReleaseCommand(ran_ue=message.ran_ue, cause=message.cause))

    # What is done

    def set_up(self, terminal: Terminal, job: int, *qos: QosProfile) -> None:
        self._say(
            n2.SessionSetupRequest(
                ran_ue=self.contexts[terminal].number, transaction=next(self._numbers), job=job, qos=qos
            )
        )

    def start(self, name: str, coroutine: Any) -> Any:
        """A procedure of the RAN node, its error as a value."""
        self.node.procedures.advance(self.air.now)
        procedure = self.node.procedures.start(name, outcome_of(coroutine))  # type: ignore[arg-type]
        self.node.pump(self.air.now)
        return procedure

    def open_leg(self, terminal: Terminal, session: int) -> None:
        self.start("route", self._open_leg(self.contexts[terminal], session))

    async def _open_leg(self, context: UeContext, session: int) -> None:
        handle = next(self._numbers)
        before = context.sessions.get(session)
        client = RouteClient(seat=1, context=context.number, session=session)
        leg = await open_leg(self.node, client, 1, handle, self.routes.endpoint.limits)
        if before is not None:
            self.routes.end_route(context, before.handle, Cause.NORMAL)
        try:
            self.routes.endpoint.add(
                leg.hop, handle, leg.handle, VERSION, leg.flows, leg.limits, self._at_ran_node, {"session": session}
            )
        except DepError as error:
            raise ProcedureError(Cause.NO_RESOURCES, str(error)) from None

    def send_up(self, terminal: Terminal, session: int, flow: int, size: int) -> None:
        end = terminal.sessions.get(session)
        if end is not None:
            self._send(self.ue.process.endpoint, terminal, end, flow, size)
            self.ue.process.pump(self.air.now)

    def send_down(self, terminal: Terminal, session: int, flow: int, size: int) -> None:
        configuration = self.contexts[terminal].sessions.get(session)
        end = self.routes.endpoint.sessions.get(configuration.handle) if configuration else None
        if end is not None:
            self._send(self.routes.endpoint, terminal, end, flow, size)
            self.node.pump(self.air.now)

    def _send(self, endpoint: DepEndpoint, terminal: Terminal, end: SessionEnd, flow: int, size: int) -> None:
        body = b"%12d" % next(self._numbers) + self.air.random.randbytes(size)
        qfis = list(end.session.flows)
        try:
            endpoint.send(end, [body], self.air.now, qfi=qfis[flow % len(qfis)])
        except DepError:
            return
        self.sent[body] = terminal

    def _at_ran_node(self, end: SessionEnd, event: Event) -> None:
        if isinstance(event, MessageReceived):
            self._take(bytes(event.body), end.hop, [(self.contexts[t].hop, t) for t in self.ue.terminals])

    def _at_terminal(self, terminal: Terminal, end: SessionEnd, event: Event) -> None:
        if isinstance(event, MessageReceived):
            self._take(bytes(event.body), end.hop, [(terminal.hop, terminal)])

    def _take(self, body: bytes, hop: Hop, known: list[tuple[Hop | None, Terminal]]) -> None:
        self.received[body] += 1
        if (hop, self.sent.get(body)) not in known:
            self.misled.append(body)

    def _say(self, message: n2.N2) -> None:
        self.node.n2.receive(message.encode(), self.air.now)
        self.node.pump(self.air.now)

    def run(self, seconds: float) -> None:
        end = self.air.now + round(seconds * 1e9)
        while self.air.now < end:
            self.air.run((end - self.air.now) / 1e9, until=lambda: bool(self._commands))
            while self._commands:
                self._say(self._commands.pop())

    def settle(self) -> None:
        """A good radio, and time enough for everything."""
        self.air.faults = Faults()
        self.run(60)

    # What must hold

    def assert_agreement(self) -> None:
        """Nothing is under way: both ends have the same bearers and sessions, and nothing else."""
        assert [procedure.name for procedure in self.node.procedures.open if procedure.name in OURS] == []
        ends, bound = 0, 0
        for terminal, context in self.contexts.items():
            assert not context.turns and context.reconfiguration is None and not context.jobs_under_way
            assert (terminal.hop is not None) == self.connected(terminal)
            if terminal.hop is None:
                assert not terminal.sessions
                continue
            assert dict(terminal.hop.bearers) == dict(context.hop.bearers)
            assert set(terminal.sessions) == set(context.sessions)
            assert set(context.jobs.values()) == set(context.sessions)
            for session, end in terminal.sessions.items():
                configuration = context.sessions[session]
                assert end.session.send_handle == configuration.handle
                assert set(end.session.flows.values()) == set(configuration.flows)
            used = [flow.bearer for configuration in context.sessions.values() for flow in configuration.flows]
            assert set(used) == set(context.hop.bearers)  # R107
            for configuration in context.sessions.values():
                bearers = [flow.bearer for flow in configuration.flows]
                assert len(set(bearers)) == len(bearers)  # R103, R104
            qualities = [str(bearer.qos) for bearer in context.hop.bearers.values()]
            assert len(set(qualities)) == len(qualities)  # R98: one bearer of a quality serves all
            ends, bound = ends + len(terminal.sessions), bound + 1
        assert len(self.ue.process.endpoint.sessions) == ends
        assert len(self.ue.process.bound) // 2 == len(self.node.contexts) == bound
        endpoint = self.ue.process.endpoint
        open_ends = sum(end.session.is_open for end in endpoint.sessions.values())
        assert endpoint._budget.promised == open_ends * endpoint.limits.unscheduled

    def assert_delivery(self) -> None:
        """What arrived was sent, arrived once, and where it belongs."""
        assert set(self.received) <= set(self.sent)
        assert max(self.received.values(), default=0) <= 1
        assert not self.misled

    def assert_nothing_left(self) -> None:
        """After all connections have ended."""
        assert not self.node.contexts and not self.node.by_number and not self.node._touched
        assert not self.ue.process.bound
        for endpoint, budget in (
            (self.ue.process.endpoint, self.ue.process.endpoint._budget),
            (self.routes.endpoint, self.node.uu_budget),
        ):
            assert not endpoint.sessions and not endpoint._by_session and not endpoint._by_send_handle
            assert endpoint.next_deadline() is None
            assert budget.promised == budget.reserved == 0
        assert [procedure.name for procedure in self.node.procedures.open if procedure.name in OURS] == []
