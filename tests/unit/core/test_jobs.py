"""Jobs: armed, running, ended; what starts them; what the store has before anything is done (R2-R4, R59, R66)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from core_bench import cause, description
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from managed_services import OTHER, World

from net4ai.codecs.bus import (
    ConsentCount,
    Done,
    ExecuteJob,
    JobBegun,
    JobEnded,
    JobFinished,
    OfferJob,
    RaiseEvent,
    StartJob,
    StopJob,
    WithdrawJob,
)
from net4ai.codecs.causes import Cause
from net4ai.codecs.service import EventTrigger, Job, JobTrigger, TerminalsTrigger, TimeTrigger, Trigger
from net4ai.core import names
from net4ai.core.store import JobRow
from net4ai.stack.procedure import ProcedureError

EVENT = EventTrigger(event="now")
TERMINALS = TerminalsTrigger(at_least=3)
ONCE = TimeTrigger(after_s=60)
EACH = TimeTrigger(after_s=60, every_s=100)


@pytest.fixture
def world() -> World:
    return World()


def raise_event(world: World) -> None:
    assert world.ask(RaiseEvent(1, "now")) == Done()


def end_other_job(world: World) -> None:
    started = world.start()
    world.finish(started.job)


def enough_consent(world: World) -> None:
    job = next(job for job, state in world.job_states().items() if state == "armed")
    world.access_manager.tell(names.SERVICE_MANAGER, ConsentCount(job, {"ran-1": 2, "ran-2": 3}))


def let_time_pass(world: World) -> None:
    world.advance(61)


FIRED: list[tuple[Trigger, Callable[[World], None]]] = [
    (EVENT, raise_event),
    (JobTrigger(job="train"), end_other_job),
    (TERMINALS, enough_consent),
    (ONCE, let_time_pass),
    (EACH, let_time_pass),
]
KINDS = pytest.mark.parametrize(("trigger", "fire"), FIRED, ids=["event", "job", "terminals", "once", "each"])


@KINDS
def test_a_trigger_starts_its_job(world: World, trigger: Trigger, fire: Callable[[World], None]) -> None:
    """R4: armed and on offer from the registration on, so that terminals have consented when it starts (R59, R66)."""
    job = world.register_triggered(trigger, k=4)
    assert world.job_states()[job] == "armed"
    assert [(offer.job, offer.k) for offer in world.access_manager.of(OfferJob)] == [(job, 4)]
    assert not world.job_manager.received
    fire(world)
    assert world.job_states()[job] == "running"
    assert world.controller.of(JobBegun) == [JobBegun(1, job, "later")]
    assert [(told.job, told.name, told.k, told.cut) for told in world.job_manager.of(ExecuteJob)][-1] == (
        job, "later", 4, 1,
    )  # fmt: skip
    assert [offer.job for offer in world.access_manager.of(OfferJob)].count(job) == 1


@KINDS
def test_armed_jobs_and_their_triggers_outlive_the_core(
    world: World, trigger: Trigger, fire: Callable[[World], None]
) -> None:
    job = world.register_triggered(trigger)
    after = World(after=world)
    assert [offer.job for offer in after.access_manager.of(OfferJob)] == [job]
    fire(after)
    assert after.job_states()[job] == "running"
    assert JobBegun(1, job, "later") in after.controller.received


@KINDS
def test_after_the_end_it_is_armed_again_where_it_repeats(
    world: World, trigger: Trigger, fire: Callable[[World], None]
) -> None:
    job = world.register_triggered(trigger)
    fire(world)
    world.finish(job, Cause.TOO_FEW_CLIENTS)
    states = world.job_states()
    assert states[job] == "ended"
    armed = [other for other, state in states.items() if state == "armed"]
    assert bool(armed) == (trigger not in (TERMINALS, ONCE))
    if armed:
        assert armed == [max(states)]
        assert world.access_manager.of(OfferJob)[-1].job == armed[0]
        fire(world)
        if trigger == EACH:
            world.advance(100)
        assert world.job_states()[armed[0]] == "running"


def test_what_fires_while_the_job_runs_is_remembered_once(world: World) -> None:
    job = world.register_triggered(EVENT)
    for _ in range(4):
        raise_event(world)
    assert world.job_states() == {job: "running"}
    world.finish(job)
    assert world.job_states() == {job: "ended", job + 1: "running"}
    assert [offer.job for offer in world.access_manager.of(OfferJob)] == [job, job + 1]
    world.finish(job + 1)
    assert world.job_states() == {job: "ended", job + 1: "ended", job + 2: "armed"}
    assert [begun.job for begun in world.controller.of(JobBegun)] == [job, job + 1]


def test_that_it_has_fired_again_outlives_the_core(world: World) -> None:
    job = world.register_triggered(EVENT)
    raise_event(world)
    raise_event(world)
    after = World(after=world)
    after.finish(job)
    assert after.job_states() == {job: "ended", job + 1: "running"}


def test_a_job_follows_a_job_that_ended_well_only(world: World) -> None:
    """R4, R15: validation behind training."""
    job = world.register_triggered(JobTrigger(job="train"))
    for ended in (Cause.TOO_FEW_CLIENTS, Cause.CANCELLED):
        world.finish(world.start().job, ended)
        assert world.job_states()[job] == "armed"
    world.finish(world.start().job)
    assert world.job_states()[job] == "running"


def test_jobs_follow_each_other_in_a_row(world: World) -> None:
    jobs = {
        "a": Job(tasks=("training",)),
        "b": Job(tasks=("training",), trigger=JobTrigger(job="a")),
        "c": Job(tasks=("training",), trigger=JobTrigger(job="b")),
    }
    world.register(description(jobs=jobs), cut=1)
    world.finish(world.start(job="a").job)
    assert [world.listed()[number].name for number in (0, 1)] == ["b", "c"]
    assert [begun.name for begun in world.controller.of(JobBegun)] == ["b"]
    world.finish(1)
    assert [begun.name for begun in world.controller.of(JobBegun)] == ["b", "c"]


def test_consent_to_another_job_starts_nothing(world: World) -> None:
    job = world.register_triggered(TERMINALS)
    for event in (ConsentCount(job, {"ran-1": 2}), ConsentCount(job + 1, {"ran-1": 9}), ConsentCount(99, {"a": 9})):
        world.access_manager.tell(names.SERVICE_MANAGER, event)
    assert world.job_states() == {job: "armed"}


def test_a_trigger_that_does_not_repeat_fires_once(world: World) -> None:
    job = world.register_triggered(TERMINALS)
    enough_consent(world)
    before = list(world.store.all(JobRow))
    world.access_manager.tell(names.SERVICE_MANAGER, ConsentCount(job, {"ran-1": 9}))
    assert list(world.store.all(JobRow)) == before
    assert not world.jobs.triggers.armed


def test_a_time_that_passes_while_the_core_is_down_counts_once(world: World) -> None:
    """It counts from the registration, at 0 s; every 100 s from 60 s on."""
    job = world.register_triggered(EACH)
    world.procedures.now = 375 * 10**9
    after = World(after=world)
    after.advance(0)
    assert after.job_states() == {job: "running"}
    after.finish(job)
    assert after.job_states()[job + 1] == "armed"
    after.advance(84)
    assert after.job_states()[job + 1] == "armed"
    after.advance(2)
    assert after.job_states()[job + 1] == "running"


def test_a_period_that_ends_while_the_job_runs(world: World) -> None:
    job = world.register_triggered(EACH)
    world.advance(500)
    assert world.job_states() == {job: "running"}
    world.finish(job)
    world.finish(job + 1)
    assert world.job_states() == {job: "ended", job + 1: "ended", job + 2: "armed"}
    world.advance(59)
    assert world.job_states()[job + 2] == "armed"
    world.advance(2)
    assert world.job_states()[job + 2] == "running"


def test_an_event_nobody_waits_for_is_refused(world: World) -> None:
    world.register_triggered(EVENT)
    refusal = world.ask(RaiseEvent(1, "never"))
    assert refusal.detail == "no job waits for event never; allowed: now"
    assert cause(world.ask(RaiseEvent(1, "now"), OTHER)) is Cause.NOT_ALLOWED
    assert cause(world.ask(RaiseEvent(2, "now"))) is Cause.UNKNOWN_JOB


def test_a_job_with_a_trigger_is_not_started_by_request(world: World) -> None:
    world.register_triggered(EVENT)
    refusal = world.ask(StartJob(1, "later", 1, 1))
    assert cause(refusal) is Cause.NOT_ALLOWED


def test_an_armed_job_that_is_stopped_is_disarmed(world: World) -> None:
    job = world.register_triggered(EVENT)
    assert world.ask(StopJob(job)) == Done()
    assert not world.job_manager.received
    assert world.access_manager.of(WithdrawJob) == [WithdrawJob(job)]
    assert world.controller.received == [JobEnded(job, Cause.CANCELLED, "stopped by the application controller")]
    raise_event(world)
    assert world.job_states() == {job: "ended"}
    after = World(after=world)
    raise_event(after)
    assert after.job_states() == {job: "ended"}


def test_a_running_job_that_is_stopped_ends_its_run_and_is_armed_again(world: World) -> None:
    job = world.register_triggered(EVENT)
    raise_event(world)
    raise_event(world)
    world.ask(StopJob(job))
    world.finish(job, Cause.CANCELLED)
    assert world.job_states() == {job: "ended", job + 1: "armed"}


def test_an_offer_waits_for_an_access_manager_that_is_away(world: World) -> None:
    away = world.entities.pop(names.ACCESS_MANAGER)
    first, second = world.register_triggered(EVENT), world.register_triggered(ONCE)
    world.advance(40)
    world.ask(StopJob(second))
    world.advance(40)
    world.entities[names.ACCESS_MANAGER] = away
    world.advance(10)
    assert {offer.job for offer in world.access_manager.of(OfferJob)} == {first}
    world.advance(60)
    assert world.job_states() == {first: "armed", second: "ended"}
    assert [procedure.name for procedure in world.procedures.open] == []


def test_a_triggered_job_that_nobody_executes_ends_with_the_cause(world: World) -> None:
    job = world.register_triggered(EVENT)
    world.job_manager.answers[ExecuteJob] = ProcedureError(Cause.BUSY, "no")
    raise_event(world)
    assert world.controller.of(JobEnded) == [JobEnded(job, Cause.BUSY, "no")]
    assert world.job_states() == {job: "ended", job + 1: "armed"}


# ---------------------------------------------------------------------------------------------------------------------
# A store that takes nothing


def test_what_is_asked_for_is_refused_and_changes_nothing(world: World) -> None:
    job = world.register_triggered(EVENT)
    before = list(world.store.all(JobRow))
    world.store.full = True
    for request in (RaiseEvent(1, "now"), StopJob(job), StartJob(1, "train", 1, 1)):
        refusal = world.ask(request)
        assert cause(refusal) is Cause.NO_RESOURCES
        assert refusal.detail == "store: disk full"
    assert world.job_states() == {job: "armed"}
    assert list(world.store.all(JobRow)) == before
    assert not world.job_manager.received
    assert len(world.access_manager.received) == 1
    world.store.full = False
    raise_event(world)
    assert world.job_states() == {job: "running"}


@pytest.mark.parametrize(
    "event", [ConsentCount(1, {"ran-1": 9}), JobFinished(2, Cause.TIMEOUT)], ids=lambda body: type(body).__name__
)
def test_what_happens_by_itself_waits_for_the_store(world: World, event: Any) -> None:
    world.register_triggered(TERMINALS)
    world.start()
    world.store.full = True
    world.job_manager.tell(names.SERVICE_MANAGER, event)
    world.advance(10)
    assert world.job_states() == {1: "armed", 2: "running"}
    world.store.full = False
    world.advance(1)
    assert world.job_states() == (
        {1: "running", 2: "running"} if isinstance(event, ConsentCount) else {1: "armed", 2: "ended"}
    )


def test_a_time_trigger_waits_for_the_store(world: World) -> None:
    job = world.register_triggered(ONCE)
    world.store.full = True
    world.advance(100)
    assert world.job_states() == {job: "armed"}
    world.store.full = False
    world.advance(1)
    assert world.job_states() == {job: "running"}


# ---------------------------------------------------------------------------------------------------------------------
# Any order of events, kills of the core among them, against a model


class AnyOrder(RuleBasedStateMachine):
    """A service with one job by event and one that follows it; the core may be killed between any two steps."""

    def __init__(self) -> None:
        super().__init__()
        self.world = World()
        jobs = {
            "first": Job(tasks=("training",), trigger=EVENT),
            "second": Job(tasks=("training",), trigger=JobTrigger(job="first")),
        }
        self.world.register(description(jobs=jobs), cut=1)
        self.model = {"first": "armed", "second": "armed"}
        self.again = {"first": False, "second": False}

    def open(self) -> dict[str, JobRow]:
        return {row.name: row for row in self.world.jobs.rows.values() if row.state != "ended"}

    def _fire(self, name: str) -> None:
        if self.model[name] == "armed":
            self.model[name] = "running"
        elif self.model[name] == "running":
            self.again[name] = True

    def _ended(self, name: str) -> None:
        self.model[name] = "running" if self.again[name] else "armed"
        self.again[name] = False

    @rule()
    def event(self) -> None:
        raise_event(self.world)
        self._fire("first")

    @rule(name=st.sampled_from(["first", "second"]), ended=st.sampled_from([Cause.NORMAL, Cause.TIMEOUT]))
    def finish(self, name: str, ended: Cause) -> None:
        if self.model[name] != "running":
            return
        self.world.finish(self.open()[name].job, ended)
        self._ended(name)
        if name == "first" and ended is Cause.NORMAL:
            self._fire("second")

    @rule(name=st.sampled_from(["first", "second"]))
    def stop(self, name: str) -> None:
        if self.model[name] == "gone":
            return
        job = self.open()[name].job
        self.world.ask(StopJob(job))
        self.again[name] = False
        if self.model[name] == "armed":
            self.model[name] = "gone"

    @rule()
    def kill_the_core(self) -> None:
        self.world = World(after=self.world)

    @precondition(lambda self: "running" in self.model.values())
    @rule()
    def store_is_full_for_a_while(self) -> None:
        self.world.store.full = True
        name = next(name for name, state in self.model.items() if state == "running")
        self.world.finish(self.open()[name].job, Cause.TIMEOUT)
        self.world.store.full = False
        self.world.advance(1)
        self._ended(name)

    @invariant()
    def as_the_model(self) -> None:
        rows = self.open()
        assert {name: row.state for name, row in rows.items()} == {
            name: state for name, state in self.model.items() if state != "gone"
        }
        assert {name: row.again for name, row in rows.items()} == {name: self.again[name] for name in rows}
        assert {row.job: row for row in self.world.store.all(JobRow)} == self.world.jobs.rows
        assert set(self.world.jobs.triggers.armed) == {row.job for row in rows.values()}


AnyOrder.TestCase.settings = settings(max_examples=40, stateful_step_count=25, deadline=None)
TestAnyOrder = AnyOrder.TestCase
