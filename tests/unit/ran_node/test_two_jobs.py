"""A model of two jobs at the same terminals, all three ends real, over a radio that loses: in any order terminals
consent, withdraw (R67), go idle or are lost, executions begin, are broken off and resumed, jobs end. Nothing stays.
"""

from __future__ import annotations

import itertools

from core_machine import CoreMachine
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from radio_bench import Air, Faults, Ran, Ue

from net4ai.codecs import compute
from net4ai.codecs.bus import (
    CompleteClients,
    InviteClients,
    OfferJob,
    SelectClients,
    ServerWish,
    StartClients,
    WithdrawJob,
)
from net4ai.codecs.causes import Cause
from net4ai.core.store import ConsentRow, SeatingRow
from net4ai.stack.procedure import outcome_of
from net4ai.stack.units import MILLISECOND

UES = 3
SLOTS = (0, 1)
"""Jobs at a time."""

slots = st.sampled_from(SLOTS)
ues = st.integers(0, UES - 1)


class Worker:
    """A compute worker that does what it is asked, and checks that it makes sense to be asked that."""

    def __init__(self, ue: Ue) -> None:
        self.ue = ue
        self.loaded: set[int] = set()
        self.begun: set[tuple[int, int]] = set()
        """Instance and execution."""
        ue.air.machines["worker"] = self

    def receive(self, *datagram: object) -> None: ...

    def next_deadline(self) -> int | None:
        return self.ue.air.now if self.ue.compute.sent else None

    def pump(self, now: int) -> None:
        while self.ue.compute.sent:
            asked, self.ue.compute.sent = self.ue.compute.sent, []
            for message in asked:
                self.take(message, now)
        self.ue.process.pump(now)

    def take(self, message: compute.ToWorker, now: int) -> None:
        number = message.instance
        answer: compute.FromWorker | None = None
        if isinstance(message, compute.Load):
            assert number not in self.loaded
            self.loaded.add(number)
            answer = compute.Loaded(instance=number)
        else:
            assert number in self.loaded, f"{message} of an instance that is not there"
        if isinstance(message, compute.Unload):
            self.loaded.discard(number)
            self.begun = {(instance, execution) for instance, execution in self.begun if instance != number}
        elif isinstance(message, compute.Begin):
            self.begun.add((number, message.execution))
            answer = compute.Begun(instance=number, execution=message.execution, as_server=False)
        elif isinstance(message, compute.Forget):
            self.begun.discard((number, message.execution))
        elif isinstance(message, compute.RunTurn):
            assert (number, message.execution) in self.begun
            answer = compute.TurnDone(
                instance=number, execution=message.execution, as_server=False, seat=message.seat, turn=message.turn
            )
        if answer is not None:
            self.ue.process.receive_compute(answer, now)


class TwoJobs(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.air = Air(1, Faults(loss=0.1, duplicate=0.1, jitter=5 * MILLISECOND))
        self.ran = Ran(self.air, connected=False)
        self.core = CoreMachine(self.air, UES)
        self.core.connect(self.ran)
        self.manager = self.core.manager
        self.ue = Ue(self.air, UES)
        self.worker = Worker(self.ue)
        self.numbers = itertools.count(1)
        self.jobs = {slot: self.new_job() for slot in SLOTS}
        self.executions: dict[int, int] = {}
        """Under way or broken off, by slot."""
        self.turns = itertools.count()
        self.ue.start()
        self.air.run(3)

    def new_job(self) -> int:
        job = next(self.numbers)
        self.manager.offers.offer(OfferJob(job=job, service="s", purpose="p", k=1, raw_data=False))
        return job

    # Owners

    @rule(ue=ues, slot=slots)
    def withdraw(self, ue: int, slot: int) -> None:
        terminal, job = self.ue.terminals[ue], self.jobs[slot]
        if terminal.withdraw(job):
            assert not [instance for instance in terminal.functions.values() if instance.user == f"job {job}"]
            assert not [p for p in terminal.participations.values() if terminal.jobs.get(p.session) == job]

    @rule(ue=ues, slot=slots)
    def consent(self, ue: int, slot: int) -> None:
        self.ue.terminals[ue].consent(self.jobs[slot])

    # The network

    @rule(slot=slots)
    def end_job(self, slot: int) -> None:
        self.manager.offers.withdraw(WithdrawJob(job=self.jobs[slot]))
        self.executions.pop(slot, None)
        self.jobs[slot] = self.new_job()

    @rule(slot=slots)
    def execute(self, slot: int) -> None:
        """Begin an execution, or resume the one that was broken off; all who are seated are invited."""
        resume = slot in self.executions
        execution = self.executions.get(slot) or next(self.numbers)
        wish = ServerWish(instance=100 + slot, node="ran")
        selected = self.manager.seats.select(
            SelectClients(job=self.jobs[slot], execution=execution, k=1, raw_data=False, servers=[wish], resume=resume)
        )
        if seats := selected.servers[0].seats:
            self.executions[slot] = execution
            invitation = InviteClients(
                execution=execution,
                instance=100 + slot,
                seats=seats,
                function="data-source",
                settings={},
                routine="r",
                round=0,
                cut=1,
                sequential=False,
            )
            self.core.procedures.start("invite", outcome_of(self.manager.seats.invite(invitation)))  # type: ignore[arg-type]

    @rule(slot=slots)
    def start(self, slot: int) -> None:
        if (execution := self.executions.get(slot)) is not None:
            places = self.manager.seats.seatings[execution, 100 + slot].places
            turns = [(seat, next(self.turns)) for seat in places]
            event = StartClients(execution=execution, instance=100 + slot, turns=turns, repetition=0)
            self.manager.seats.start(event)

    @rule(slot=slots, keep=st.booleans())
    def complete(self, slot: int, keep: bool) -> None:
        if (execution := self.executions.get(slot)) is not None:
            event = CompleteClients(execution=execution, instance=100 + slot, seats=[], cause=Cause.NORMAL, keep=keep)
            self.manager.seats.complete(event)
            if not keep:
                del self.executions[slot]

    @rule(ue=ues)
    def idle(self, ue: int) -> None:
        """A terminal is released for inactivity."""
        terminal = self.manager.registered.get(f"imsi-{ue + 1}")
        if terminal is not None:
            self.manager.deactivate(terminal)

    # The radio, and time

    @rule(ue=ues)
    def fail(self, ue: int) -> None:
        self.ue.terminals[ue].radio_link_failed()

    @rule(milliseconds=st.sampled_from([1, 20, 100, 1000, 5000]))
    def wait(self, milliseconds: int) -> None:
        self.air.run(milliseconds / 1000)

    @rule(seconds=st.integers(1, 12))
    def cut(self, seconds: int) -> None:
        self.air.cut = True
        self.air.run(seconds)
        self.air.cut = False

    # What always holds

    @invariant()
    def ues_agree_with_themselves(self) -> None:
        functions = self.ue.process.functions
        assert functions.instances == {i.number: i for t in self.ue.terminals for i in t.functions.values()}
        for terminal in self.ue.terminals:
            parts = terminal.participations.values()
            assert len({part.session for part in parts}) == len(parts)
            assert all(part.session in terminal.sessions for part in parts)
            assert all(part.instance in (None, *terminal.functions.values()) for part in parts)
            assert set(terminal.jobs) <= set(terminal.sessions)

    @invariant()
    def seats_agree_with_terminals(self) -> None:
        """R57: whoever sits is registered, connected and consents."""
        manager = self.manager
        sitting = 0
        for (execution, instance), seating in manager.seats.seatings.items():
            assert seating.job in manager.offers
            for place in seating.places.values():
                if place.terminal is None:
                    assert place.turn is None
                    continue
                sitting += 1
                assert place.instance == instance
                assert place.terminal.places[execution] is place
                assert manager.registered[place.subscriber] is place.terminal and not place.terminal.idle
                assert manager.consents.of(place.subscriber, seating.job) is not None
        assert sitting == sum(len(terminal.places) for terminal in manager.registered.values())

    def teardown(self) -> None:
        """Jobs end, and with them, after a while, all there was of them at any end."""
        for job in self.jobs.values():
            self.manager.offers.withdraw(WithdrawJob(job=job))
        self.air.faults = Faults()
        self.air.run(100)
        manager = self.manager
        assert not manager.offers.offers and not manager.seats.seatings and not manager.consents._answers
        assert not list(manager.consents._store.all(ConsentRow)) and not list(manager.consents._store.all(SeatingRow))
        assert len(manager.registered) == UES
        for known in manager.registered.values():
            assert not (known.sessions or known.places or known.releasing or known.quality)
        for context in self.ran.node.contexts.values():
            assert not context.sessions and not context.jobs
        for terminal in self.ue.terminals:
            assert not (terminal.sessions or terminal.participations or terminal.functions or terminal.jobs)
        assert not self.ue.process.functions.instances
        assert not self.worker.loaded and not self.worker.begun
        assert not self.ue.process.endpoint.sessions


TestTwoJobs = TwoJobs.TestCase
TestTwoJobs.settings = settings(max_examples=20, stateful_step_count=30, deadline=None)
