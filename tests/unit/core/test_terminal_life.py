"""A model of terminals that do anything in any order, at a core that hears it all; in the end nothing is left.

The rules are what terminals, RAN nodes and the control plane can do; each may come at any moment, also in the middle of
a registration, a service request, a paging, a handover.
"""

from __future__ import annotations

import itertools

from core_bench import Bench, FakeRanNode, FakeUe, consent, core_config, registration
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from net4ai.codecs import n2, nas
from net4ai.codecs.bus import CompleteClients, OfferJob, SelectClients, ServerWish, StartClients, WithdrawJob
from net4ai.codecs.causes import Cause
from net4ai.core import names
from net4ai.core.access_manager import AccessManager
from net4ai.core.store import MemoryStore
from net4ai.stack.security.errors import ProtectionError

SUBSCRIBERS = [f"imsi-{number}" for number in range(1, 4)]
NODES = ["ran-1", "ran-2"]
JOBS = [1, 2]
EXECUTIONS = [1, 2, 3]

numbers = st.integers(0, 3)
"""One of the newest terminals."""


class LooseUe(FakeUe):
    """Hears what it can: what was lost on the way, or meant for another life of it, is not its fault."""

    def hear(self, data: bytes) -> object:
        try:
            return super().hear(data)
        except (ProtectionError, AssertionError):
            return None


class TerminalLife(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.bench = Bench()
        self.manager = AccessManager(
            self.bench.entity(names.ACCESS_MANAGER),
            core_config(SUBSCRIBERS, overload=3),
            itertools.count(100).__next__,
            MemoryStore(),
        )
        self.bench.scripted(names.ROUTINE_MANAGER)
        self.bench.scripted(names.SERVICE_MANAGER)
        self.nodes = [FakeRanNode(self.bench, self.manager, name) for name in NODES]
        self.contexts = itertools.count(1)
        self.known: list[tuple[int, int]] = []
        """RAN node and context of every terminal that ever came."""
        self.begun: list[set[int]] = [set(), set()]
        """Contexts of each RAN node, those it has prepared included."""
        self.idle: dict[int, tuple[FakeUe, int]] = {}
        """Terminals released for inactivity: node, UE, temporary identity, by number."""

    def alive(self) -> set[tuple[int, int]]:
        """Contexts that the RAN nodes have: begun, prepared, not released."""
        return {
            (number, context)
            for number, ran in enumerate(self.nodes)
            for context in self.begun[number] - set(ran.released())
        }

    # What terminals do

    @rule(who=st.sampled_from(SUBSCRIBERS), node=st.integers(0, 1), steps=st.integers(0, 3))
    def come(self, who: str, node: int, steps: int) -> None:
        """A registration, up to some step."""
        context, ran = next(self.contexts), self.nodes[node]
        self.known.append((node, context))
        ran.ues[context] = LooseUe()
        self.begun[node].add(context)
        ran.say(n2.InitialUeMessage(ran_ue=context, nas=registration(who).encode()))
        if steps >= 1:
            ran.say_nas(context, nas.SecurityModeComplete())
        if steps >= 2:
            ran.say(n2.InitialContextSetupResponse(ran_ue=context))
        accept = next((m for m in ran.ue(context).heard if isinstance(m, nas.RegistrationAccept)), None)
        if steps >= 3 and accept is not None:
            ran.say_nas(context, nas.RegistrationComplete(temporary_identity=accept.temporary_identity))

    @rule(who=st.sampled_from(SUBSCRIBERS), job=st.sampled_from(JOBS), answered=st.booleans())
    def settle(self, who: str, job: int, answered: bool) -> None:
        """All of it: registered, consented, with a session or one that is being set up."""
        self.offer(job)
        self.come(who, 0, 3)
        _, context = self.known[-1]
        self.nodes[0].say_nas(context, consent(job))
        self.nodes[0].say_nas(context, nas.ComputingRequest(transaction=job, job=job))
        if answered:
            self.nodes[0].accept_sessions()

    @precondition(lambda self: self.known)
    @rule(
        number=numbers,
        message=st.sampled_from(
            [
                consent(1),
                consent(2),
                consent(1, given=False),
                nas.ComputingRequest(transaction=1, job=1),
                nas.ComputingRequest(transaction=2, job=2),
                nas.RoutineAccept(execution=1, key=b""),
                nas.RoutineDone(execution=1, turn=1, cause=1),
                nas.DeregistrationRequest(switch_off=False),
                nas.DeregistrationRequest(switch_off=True),
                nas.NetworkDeregistrationAccept(),
                nas.SecurityModeComplete(),
                nas.Status(cause=1, message_type=1),
            ]
        ),
    )
    def say(self, number: int, message: nas.Nas) -> None:
        node, context = self._one(number)
        self.nodes[node].say_nas(context, message)

    @precondition(lambda self: self.known)
    @rule(number=numbers)
    def go_idle(self, number: int) -> None:
        node, context = self._one(number)
        terminal = self.manager.terminals.get((self.nodes[node].association, context))
        identity = terminal.temporary_identity if terminal is not None else 0
        self.nodes[node].say(n2.ContextReleaseRequest(ran_ue=context, cause=Cause.USER_INACTIVITY))
        if identity:
            self.idle[identity] = (self.nodes[node].ue(context), node)

    @precondition(lambda self: self.idle)
    @rule(number=numbers, node=st.integers(0, 1), completed=st.booleans())
    def come_back(self, number: int, node: int, completed: bool) -> None:
        identity = list(self.idle)[number % len(self.idle)]
        ue, _ = self.idle[identity]
        context = next(self.contexts)
        self.known.append((node, context))
        ran = self.nodes[node]
        ran.ues[context] = ue
        self.begun[node].add(context)
        request = nas.ServiceRequest(type=nas.ServiceType.SIGNALLING, temporary_identity=identity)
        ran.say(n2.InitialUeMessage(ran_ue=context, nas=ue.say(request)))
        if completed:
            ran.say(n2.InitialContextSetupResponse(ran_ue=context))

    # What RAN nodes do

    @precondition(lambda self: self.known)
    @rule(number=numbers, cause=st.sampled_from([Cause.PEER_LOST, Cause.RADIO_LINK_FAILURE, Cause.TIMEOUT]))
    def lose(self, number: int, cause: Cause) -> None:
        node, context = self._one(number)
        self.nodes[node].say(n2.ContextReleaseRequest(ran_ue=context, cause=cause))

    @rule(node=st.integers(0, 1), session=st.integers(0, 31))
    def answer_sessions(self, node: int, session: int) -> None:
        self.nodes[node].accept_sessions(session)
        self.nodes[node].accept_releases()

    @precondition(lambda self: self.known)
    @rule(number=numbers, answer=st.sampled_from(["acknowledge", "fail", "nothing"]), cancel=st.booleans())
    def hand_over(self, number: int, answer: str, cancel: bool) -> None:
        node, context = self._one(number)
        target = self.nodes[1 - node]
        self.nodes[node].say(n2.HandoverRequired(ran_ue=context, target=NODES[1 - node], cause=0, container=b""))
        requests = target.of(n2.HandoverRequest)
        if requests and answer == "acknowledge":
            prepared = next(self.contexts)
            self.begun[1 - node].add(prepared)
            acknowledge = n2.HandoverRequestAcknowledge(
                transaction=requests[-1].transaction, ran_ue=prepared, container=b""
            )
            target.say(acknowledge)
        elif requests and answer == "fail":
            target.say(n2.HandoverFailure(transaction=requests[-1].transaction, cause=1))
        if cancel:
            self.nodes[node].say(n2.HandoverCancel(ran_ue=context, cause=0))

    @rule(node=st.integers(0, 1))
    def restart_ran_node(self, node: int) -> None:
        association = self.nodes[node].association
        association.closed(self.bench.procedures.now)
        self.bench.run()
        for (_, context), terminal in list(self.manager.prepared.items()):
            if terminal.association is association:  # it may be on its way, until the target gives it up
                self.nodes[1 - node].say(n2.ContextReleaseRequest(ran_ue=context, cause=Cause.TIMEOUT))
        self.begun[node].clear()
        self.nodes[node] = FakeRanNode(self.bench, self.manager, NODES[node])

    # What the control plane does

    @rule(job=st.sampled_from(JOBS))
    def offer(self, job: int) -> None:
        self.bench.call(names.ACCESS_MANAGER, OfferJob(job=job, service="s", purpose="p", k=1, raw_data=False))

    @rule(job=st.sampled_from(JOBS))
    def withdraw(self, job: int) -> None:
        self.bench.call(names.ACCESS_MANAGER, WithdrawJob(job=job))

    @rule(job=st.sampled_from(JOBS), execution=st.sampled_from(EXECUTIONS), started=st.booleans())
    def seat(self, job: int, execution: int, started: bool) -> None:
        self.complete(execution)
        wish = ServerWish(instance=9, node="ran-1")
        select = SelectClients(job=job, execution=execution, k=1, raw_data=False, servers=[wish])
        self.bench.call(names.ACCESS_MANAGER, select)
        if started:
            start = StartClients(execution=execution, instance=9, turns=[(0, 1), (1, 1)], repetition=0)
            self.bench.call(names.ACCESS_MANAGER, start)

    @rule(execution=st.sampled_from(EXECUTIONS))
    def complete(self, execution: int) -> None:
        event = CompleteClients(execution=execution, instance=9, seats=[], cause=Cause.NORMAL)
        self.bench.call(names.ACCESS_MANAGER, event)

    @rule(who=st.sampled_from(SUBSCRIBERS), again=st.booleans())
    def deregister(self, who: str, again: bool) -> None:
        self.manager.deregister(who, register_again=again)
        self.bench.run()

    @rule(seconds=st.sampled_from([0.1, 3, 7, 20, 95]))
    def wait(self, seconds: float) -> None:
        self.bench.advance(seconds)

    def _one(self, number: int) -> tuple[int, int]:
        """Mostly of those that are there."""
        there = sorted(self.alive() & set(self.known), key=lambda one: one[1]) if number else []
        some = there or self.known
        return some[-1 - number % len(some)]

    # What always holds

    @invariant()
    def tables_agree(self) -> None:
        manager = self.manager
        for (association, context), terminal in manager.terminals.items():
            assert (terminal.association, terminal.context) == (association, context)
            assert not terminal.lost
            assert terminal.registered or terminal.registration is not None
            assert not terminal.registered or manager.registered[terminal.subscriber] is terminal
        keys = {*manager.terminals, *manager.prepared}
        numbers = {ran.association: number for number, ran in enumerate(self.nodes)}
        assert {(numbers[association], context) for association, context in keys} == self.alive()
        for seating in manager.seats.seatings.values():
            for place in seating.places.values():
                if place.turn is not None:
                    assert place.terminal is not None and not (place.terminal.idle or place.terminal.lost)
        for subscriber, terminal in manager.registered.items():
            assert terminal.subscriber == subscriber and terminal.registered and not terminal.lost
            assert manager.by_temporary_identity[terminal.temporary_identity] is terminal
            if terminal.idle:
                assert not (terminal.sessions or terminal.places or terminal.handover or terminal.secured)
                assert terminal.reachable is not None
            else:
                assert manager.terminals[terminal.association, terminal.context] is terminal  # type: ignore[index]
                assert terminal.secured and terminal.reachable is None
        for identity, terminal in manager.by_temporary_identity.items():
            assert terminal.temporary_identity == identity and not terminal.lost
        for key, terminal in manager.prepared.items():
            assert terminal.handover == key and not terminal.lost
        watched = [procedure for procedure in self.bench.procedures.open if procedure.name == "mobile reachable"]
        assert len(watched) == sum(terminal.idle for terminal in manager.registered.values())
        under_way = [procedure for procedure in self.bench.procedures.open if procedure.name == "registration"]
        assert manager.overload.under_way == len(under_way)

    def teardown(self) -> None:
        """Everyone goes, by whatever way; then nothing is left: no context, timer, seat, queue."""
        for job in JOBS:
            self.withdraw(job)
        for who in SUBSCRIBERS:
            self.manager.deregister(who)
        for ran in self.nodes:
            ran.association.closed(self.bench.procedures.now)
        self.bench.run()
        self.bench.advance(200)
        manager = self.manager
        assert not manager.terminals and not manager.registered and not manager.by_temporary_identity
        assert not manager.seats.seatings and not manager.offers.offers
        assert not manager.prepared and not manager.associations
        assert not manager.overload.on and not manager.overload.under_way
        assert not self.bench.procedures.open, [procedure.name for procedure in self.bench.procedures.open]
        assert self.bench.procedures.next_deadline() is None


TestTerminalLife = TerminalLife.TestCase
TestTerminalLife.settings = settings(max_examples=100, stateful_step_count=60, deadline=None)
