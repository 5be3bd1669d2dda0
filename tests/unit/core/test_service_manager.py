"""Service manager: registration, who may what, requested jobs, removal (R7, R41-R43, R50-R53, R59, R82)."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from core_bench import cause, description
from managed_services import INSTANCES, OTHER, SOMEONE, World

from net4ai.codecs.bus import (
    ConsentCount,
    Done,
    ExecuteJob,
    Instance,
    InstanceLost,
    InstanceMoved,
    InstantiateService,
    JobEnded,
    JobFinished,
    JobProgress,
    JobStarted,
    ListServices,
    OfferJob,
    RaiseEvent,
    RegisterService,
    RemoveService,
    ServiceRegistered,
    ServicesListed,
    ServiceStatus,
    StartJob,
    StopJob,
    TaskProgress,
    TerminateService,
    WithdrawJob,
)
from net4ai.codecs.causes import Cause
from net4ai.codecs.service import (
    EventTrigger,
    Function,
    Job,
    Model,
    Privacy,
    Quality,
    Routine,
    Task,
    TerminalsTrigger,
)
from net4ai.core import jobs, names, service_manager
from net4ai.core.store import TABLES, JobRow, NumberRow, ProgressRow, ReservationRow, ServiceRow
from net4ai.stack.procedure import ProcedureError

CUTS = description().settings


@pytest.fixture
def world() -> World:
    return World()


def kept(world: World) -> list[Any]:
    """All that the store holds, numbers given out apart."""
    return [row for table in TABLES if table is not NumberRow for row in world.store.all(table)]


# ---------------------------------------------------------------------------------------------------------------------
# Registration


def test_registration_is_instantiation(world: World) -> None:
    """R42, R50: the reply comes with the instances; two services of one provider stand side by side."""
    assert [world.register(), world.register()] == [ServiceRegistered(1, INSTANCES), ServiceRegistered(2, INSTANCES)]
    assert world.orchestrator.of(InstantiateService)[1] == InstantiateService(
        2, description(), {"local": {"a": 1}}, SOMEONE
    )
    assert [row.service for row in world.store.all(ServiceRow)] == [1, 2]


def test_registration_fails_as_a_whole(world: World) -> None:
    """R52: nothing is left of a service whose instantiation fails, at the orchestrator neither."""
    world.orchestrator.answers[InstantiateService] = ProcedureError(Cause.NO_RESOURCES, "no application server at x")
    assert cause(world.register(description(jobs={"j": Job(tasks=("training",), trigger=EventTrigger(event="e"))}),
                                cut=1)) is Cause.NO_RESOURCES  # fmt: skip
    assert world.orchestrator.of(TerminateService) == [TerminateService(1)]
    assert not kept(world)
    assert not world.access_manager.received
    assert cause(world.start()) is Cause.UNKNOWN_JOB
    assert world.ask(ListServices()) == ServicesListed([])


def test_a_store_that_takes_nothing_refuses_the_registration(world: World) -> None:
    waiting: Any = world.procedures.promise("instances")
    world.orchestrator.answers[InstantiateService] = lambda request: waiting
    asked = world.start_ask(RegisterService(description(), {}, SOMEONE))
    world.store.full = True
    waiting.resolve(service_manager.ServiceInstantiated(INSTANCES, names.ROUTINE_MANAGER))
    world.run()
    assert cause(asked.result()) is Cause.NO_RESOURCES
    assert "disk full" in asked.result().detail
    assert world.orchestrator.of(TerminateService) == [TerminateService(1)]
    assert not world.manager.services
    assert cause(world.register()) is Cause.NO_RESOURCES  # not even a number


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"tasks": {"training": Task(chain=("bottom",), depends_on=("training",))}},
         "tasks.training.depends_on: tasks depend on each other in a circle (R7): training -> training"),
        ({"tasks": {"training": Task(chain=("bottom",), depends_on=("trainin",))}},
         'tasks.training.depends_on[0]: no task "trainin"; did you mean training? allowed: training'),
        ({"tasks": {"training": Task(chain=("x",))}}, 'tasks.training.chain[0]: no routine "x"; allowed: bottom, top'),
        ({"tasks": {"training": Task(chain=("top", "bottom"))}}, "tasks.training.chain[1]: bottom does not join top"),
        ({"jobs": {"train": Job(tasks=("x",))}}, 'jobs.train.tasks[0]: no task "x"; allowed: training'),
        ({"routines": {"bottom": Routine(client="x", server="local"), "top": Routine(client="local", server="global")}},
         'routines.bottom.client: no function "x"; allowed: source, local, global'),
        ({"routines": {"bottom": Routine(client="local", server="source"),
                       "top": Routine(client="local", server="global")}},
         "routines.bottom.server: source is abstract: a terminal cannot be a routine server (R10)"),
        ({"functions": {**description().functions, "f": Function(kind="concrete", entry_point="x")}},
         "functions.f.place: missing; allowed: ran-node, edge, any"),
        ({"privacy": Privacy(k=4097)}, "privacy.k: 4097 is not allowed; allowed: an integer from 1 to 4096"),
        ({"model": Model(neurons=(3, 1))}, "settings.cut.at_most: 4.0 is not allowed; allowed: at most 1"),
        ({"jobs": {"train": Job(tasks=("training",), trigger=TerminalsTrigger(at_least=1, node="ran-3"))}},
         'jobs.train.trigger.node: no RAN node "ran-3"; did you mean ran-2? allowed: ran-1, ran-2'),
    ],
)  # fmt: skip
def test_what_leads_nowhere_is_refused_with_its_path_before_anything_is_reserved(
    world: World, changes: dict[str, Any], complaint: str
) -> None:
    """R6-R8, R10-R12, R43."""
    refusal = world.register(description(**changes))
    assert cause(refusal) is Cause.INVALID_CONFIGURATION
    assert refusal.detail.startswith(complaint)
    assert not world.orchestrator.received
    assert not kept(world)


def test_a_refusal_tells_the_first_faults_only(world: World) -> None:
    functions = {f"f{number}": Function(kind="concrete", entry_point="x") for number in range(9)}
    refusal = world.register(description(functions={**description().functions, **functions}))
    assert len(refusal.detail.splitlines()) == service_manager.MAXIMUM_FAULTS


@pytest.mark.parametrize(("k", "cut", "complaint"), [(4097, 1, "k: 4097"), (-1, 1, "k: -1"), (1, 5, "cut: 5"),
                                                     (1, 0, "cut: 0")])  # fmt: skip
def test_k_and_cut_of_triggered_jobs_come_with_the_registration(world: World, k: int, cut: int, complaint: str) -> None:
    service = description(jobs={"train": Job(tasks=("training",), trigger=EventTrigger(event="e"))})
    refusal = world.register(service, k=k, cut=cut)
    assert cause(refusal) is Cause.INVALID_CONFIGURATION
    assert refusal.detail.startswith(f"{complaint} is not allowed")


def test_services_of_a_provider_are_bounded(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service_manager, "MAXIMUM_SERVICES", 2)
    waiting: Any = world.procedures.promise("instances")
    world.orchestrator.answers[InstantiateService] = lambda request: waiting
    for _ in range(2):
        world.start_ask(RegisterService(description(), {}, SOMEONE))
    assert cause(world.register()) is Cause.NO_RESOURCES
    world.start_ask(RegisterService(description(provider="other"), {}, OTHER), OTHER)
    assert len(world.orchestrator.of(InstantiateService)) == 3


# ---------------------------------------------------------------------------------------------------------------------
# Who may what


def test_a_service_belongs_to_the_provider_that_signs(world: World) -> None:
    """R41."""
    refusal = world.register(description(provider="other"))
    assert cause(refusal) is Cause.NOT_ALLOWED
    assert refusal.detail == "provider other; allowed: someone"
    request = RegisterService(description(), {}, OTHER)
    assert world.ask(request).detail == "controller controller-other is not someone's"
    assert not world.orchestrator.received


def test_who_is_no_controller_registers_nothing(world: World) -> None:
    """R41."""
    request = RegisterService(description(), {}, SOMEONE)
    assert cause(world.call(names.SERVICE_MANAGER, request)) is Cause.NOT_ALLOWED
    assert cause(world.ask(request, "core")) is Cause.NOT_ALLOWED


def test_the_network_itself_acts_for_any_provider(world: World) -> None:
    request = RegisterService(description(), {}, "application-controller")
    assert world.ask(request, "application-controller") == ServiceRegistered(1, INSTANCES)
    assert world.manager.services[1].row.provider == "someone"
    assert world.start(by="application-controller") == JobStarted(1)
    assert list(world.job_states("application-controller")) == list(world.job_states(SOMEONE)) == [1]


@pytest.mark.parametrize(
    "request_",
    [StartJob(1, "train", 1, 1), StopJob(1), RemoveService(1), RaiseEvent(1, "e")],
    ids=lambda body: type(body).__name__,
)
def test_what_is_anothers_is_not_touched(world: World, request_: Any) -> None:
    """R41: services of several providers are isolated from each other."""
    world.register()
    world.start()
    before = len(world.sent), kept(world)
    assert cause(world.ask(request_, OTHER)) is Cause.NOT_ALLOWED
    assert (len(world.sent) - 2, kept(world)) == before


def test_a_provider_sees_its_own(world: World) -> None:
    world.register()
    world.register(by=OTHER)
    world.start()
    world.start(service=2, by=OTHER)
    status = ServiceStatus(1, "blood-pressure", "someone", ["train"], INSTANCES)
    assert world.ask(ListServices()) == ServicesListed([status])
    assert [service.provider for service in world.ask(ListServices(), OTHER).services] == ["other"]
    assert (world.job_states(SOMEONE), world.job_states(OTHER)) == ({1: "running"}, {2: "running"})


@pytest.mark.parametrize(
    "event",
    [JobFinished(1, Cause.NORMAL), TaskProgress(1, "x"), ConsentCount(1, {"ran-1": 9}), InstanceLost(1),
     InstanceMoved(1, INSTANCES[0])],
    ids=lambda body: type(body).__name__,
)  # fmt: skip
def test_controllers_do_not_speak_for_the_network(world: World, event: Any) -> None:
    world.register()
    world.start()
    assert cause(world.ask(event)) is Cause.NOT_ALLOWED
    assert world.job_states() == {1: "running"}
    assert not world.controller.received


# ---------------------------------------------------------------------------------------------------------------------
# Requested jobs


def test_a_job_is_offered_then_executed(world: World) -> None:
    """R53, R59: with the QoS flows its sessions have."""
    world.register()
    assert world.start(k=3) == JobStarted(1)
    assert world.access_manager.received == [OfferJob(1, "blood-pressure", "to know", 3, False, [Quality().of_class])]
    assert world.job_manager.received == [
        ExecuteJob(1, "train", 3, 1, description(), {"local": {"a": 1}}, INSTANCES, names.ROUTINE_MANAGER)
    ]
    requests = [envelope.type for envelope in world.sent if envelope.kind == "request"]
    assert requests.index("OfferJob") < requests.index("ExecuteJob")


def test_a_job_without_terminals_asks_nobody_for_consent(world: World) -> None:
    """R15: as a validation task that looks at what the training has left. R17: nothing here knows of training."""
    tasks = {"training": Task(chain=("bottom", "top")), "sum": Task(chain=("top",))}
    world.register(description(tasks=tasks, jobs={"train": Job(tasks=("training",)), "sum": Job(tasks=("sum",))}))
    assert world.start(job="sum") == JobStarted(1)
    assert not world.access_manager.received
    assert len(world.job_manager.of(ExecuteJob)) == 1


@pytest.mark.parametrize(("system", "asked", "service"), [(9, 1, 1), (1, 9, 1), (1, 1, 9)])
def test_the_strictest_k_counts(system: int, asked: int, service: int) -> None:
    """R82."""
    world = World(k=system)
    world.register(description(privacy=Privacy(k=service)))
    world.start(k=asked)
    assert world.access_manager.of(OfferJob)[0].k == world.job_manager.of(ExecuteJob)[0].k == 9


def test_unknown_services_and_jobs_are_refused_by_name(world: World) -> None:
    assert cause(world.start()) is Cause.UNKNOWN_JOB
    world.register()
    refusal = world.start(job="tain")
    assert refusal.detail == "job tain; allowed: train"
    assert cause(world.ask(StopJob(1))) is Cause.UNKNOWN_JOB
    assert not world.access_manager.received


def test_impossible_k_and_cut_are_refused(world: World) -> None:
    world.register()
    assert (
        world.start(k=4097).detail == "k: 4097 is not allowed; allowed: 0 to 4096, the clients that one server can have"
    )
    assert world.ask(StartJob(1, "train", 1, 5)).detail == "cut: 5 is not allowed; allowed: 1 to 4"
    assert cause(world.ask(StartJob(1, "train", 1, 0))) is Cause.INVALID_CONFIGURATION
    assert not kept(world)[1:]


@pytest.mark.parametrize("refusing", ["access_manager", "job_manager"])
def test_a_job_that_cannot_start_leaves_nothing(world: World, refusing: str) -> None:
    world.register()
    request = OfferJob if refusing == "access_manager" else ExecuteJob
    getattr(world, refusing).answers[request] = ProcedureError(Cause.BUSY)
    assert cause(world.start()) is Cause.BUSY
    assert world.access_manager.of(WithdrawJob) == [WithdrawJob(1)]
    assert world.job_manager.of(StopJob) == [StopJob(1)]
    assert not list(world.store.all(JobRow))
    assert not world.job_states()


def test_the_end_withdraws_the_offer_and_is_told(world: World) -> None:
    world.register()
    world.start()
    world.finish(1, Cause.TOO_FEW_CLIENTS, "why")
    assert world.access_manager.of(WithdrawJob) == [WithdrawJob(1)]
    assert world.controller.received == [JobEnded(1, Cause.TOO_FEW_CLIENTS, "why")]
    world.finish(1)
    assert len(world.controller.received) == 1
    (status,) = world.listed()
    assert (status.state, status.cause, status.detail) == ("ended", Cause.TOO_FEW_CLIENTS, "why")


def test_an_end_before_the_reply_is_not_lost(world: World) -> None:
    world.register()
    waiting: Any = world.procedures.promise("reply", timeout=10**12)
    world.job_manager.answers[ExecuteJob] = lambda request: waiting
    world.start_ask(StartJob(1, "train", 1, 1))
    world.finish(1)
    assert world.controller.received == [JobEnded(1, Cause.NORMAL)]


def test_stop_and_progress_are_passed_on(world: World) -> None:
    world.register()
    world.start()
    assert world.ask(StopJob(1)) == Done()
    assert world.job_manager.of(StopJob) == [StopJob(1)]
    world.job_manager.tell(names.SERVICE_MANAGER, TaskProgress(1, "waiting", {"round": 2}))
    world.job_manager.tell(names.SERVICE_MANAGER, TaskProgress(2, "of nobody's job"))
    assert world.controller.received == [JobProgress(1, "waiting", {"round": 2})]
    assert world.listed()[0].progress == "waiting, round 2"


def test_a_job_that_was_not_running_any_more_ends_when_it_is_stopped(world: World) -> None:
    world.register()
    world.start()
    world.job_manager.answers[StopJob] = ProcedureError(Cause.UNKNOWN_JOB)
    assert world.ask(StopJob(1)) == Done()
    assert world.job_states() == {1: "ended"}
    assert world.ask(StopJob(1)) == Done()


def test_events_go_to_the_controller_of_the_service_and_to_who_started_the_job(world: World) -> None:
    second = world.controllers["controller-someone.2"] = world.scripted("controller-someone.2")
    world.register()
    assert world.start(by="controller-someone.2") == JobStarted(1)
    world.finish(1)
    assert world.controller.received == second.received == [JobEnded(1, Cause.NORMAL)]
    assert not world.controllers[OTHER].received


def test_a_controller_that_takes_nothing_misses_progress_but_no_end(world: World) -> None:
    world.register()
    world.start()
    waiting: Any = world.procedures.promise("never")
    world.controller.answers[JobProgress] = lambda event: waiting
    for number in range(jobs.MAXIMUM_UNHEARD + 3):
        world.job_manager.tell(names.SERVICE_MANAGER, TaskProgress(1, str(number)))
    assert len(world.controller.of(JobProgress)) == jobs.MAXIMUM_UNHEARD
    assert world.manager.entity.drops.counts == {"controller silent": 3}
    world.finish(1)
    assert world.controller.of(JobEnded)


def test_jobs_of_a_provider_are_bounded(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs, "MAXIMUM_JOBS", 2)
    world.register()
    world.register(by=OTHER)
    assert [world.start(), world.start()] == [JobStarted(1), JobStarted(2)]
    assert cause(world.start()) is Cause.NO_RESOURCES
    assert isinstance(world.start(service=2, by=OTHER), JobStarted)
    world.finish(1)
    assert isinstance(world.start(), JobStarted)


def test_jobs_that_ended_long_ago_are_forgotten(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs, "REMEMBERED_JOBS", 3)
    world.register()
    world.register(by=OTHER)
    world.start(service=2, by=OTHER)
    world.finish(1)
    for number in range(2, 8):
        world.start()
        world.finish(number)
    assert list(world.job_states()) == [5, 6, 7]
    assert list(world.job_states(OTHER)) == [1]
    assert [row.job for row in world.store.all(JobRow)] == [1, 5, 6, 7]


# ---------------------------------------------------------------------------------------------------------------------
# Instances


def test_jobs_are_told_of_an_instance_that_goes(world: World) -> None:
    world.register()
    world.start()
    world.orchestrator.tell(names.SERVICE_MANAGER, InstanceLost(1))
    assert world.controller.received == [JobProgress(1, "local at ran-1 was lost")]


def test_an_instance_that_moves_is_found_where_it_is(world: World) -> None:
    world.register()
    there = Instance(1, "local", "ran-2", "as-9")
    world.orchestrator.tell(names.SERVICE_MANAGER, InstanceMoved(1, there))
    world.orchestrator.tell(names.SERVICE_MANAGER, InstanceMoved(7, there))
    world.start()
    assert world.job_manager.of(InstanceMoved) == [InstanceMoved(1, there)]
    assert world.job_manager.of(ExecuteJob)[0].instances == [there, INSTANCES[1]]
    assert World(after=world).manager.services[1].instantiated.instances == [there, INSTANCES[1]]


# ---------------------------------------------------------------------------------------------------------------------
# Removal


def test_removal_ends_jobs_then_instances_and_keeps_nothing(world: World) -> None:
    """R52, R53."""
    triggered = world.register_triggered(EventTrigger(event="e"))
    world.register(by=OTHER)
    world.start(service=2, by=OTHER)
    running = world.start().job
    asked = world.start_ask(RemoveService(1))
    assert not asked.done
    assert world.job_manager.of(StopJob) == [StopJob(running)]
    assert not world.orchestrator.of(TerminateService)
    for request in (StartJob(1, "train", 1, 1), RaiseEvent(1, "e"), RemoveService(1)):
        assert cause(world.ask(request)) is Cause.BUSY
    world.finish(running, Cause.CANCELLED)
    assert asked.result() == Done()
    assert world.orchestrator.of(TerminateService) == [TerminateService(1)]
    ends = [JobEnded(triggered, Cause.CANCELLED, "its service is removed"), JobEnded(running, Cause.CANCELLED)]
    assert world.controller.of(JobEnded) == ends
    assert [(type(row), row.service) for row in kept(world)] == [(ServiceRow, 2), (JobRow, 2)]
    assert world.job_states() == {}
    assert cause(world.start()) is Cause.UNKNOWN_JOB
    assert world.job_states(OTHER) != {}


def test_a_job_that_does_not_end_in_time_does_not_hold_the_removal_up(world: World) -> None:
    world.register()
    world.start()
    asked = world.start_ask(RemoveService(1))
    world.advance(41)
    assert asked.result() == Done()
    assert world.controller.of(JobEnded) == [JobEnded(1, Cause.CANCELLED, "its service is removed")]


def test_a_removal_that_fails_may_be_asked_for_again(world: World) -> None:
    world.register()
    world.orchestrator.answers[TerminateService] = ProcedureError(Cause.TIMEOUT)
    assert cause(world.ask(RemoveService(1))) is Cause.TIMEOUT
    assert [row.service for row in world.store.all(ServiceRow)] == [1]
    del world.orchestrator.answers[TerminateService]
    assert world.ask(RemoveService(1)) == Done()
    assert not kept(world)


# ---------------------------------------------------------------------------------------------------------------------
# After the core was started anew


def test_services_and_jobs_outlive_the_core(world: World) -> None:
    world.register()
    world.register(by=OTHER)
    world.start(k=5)
    world.start()
    world.finish(2, Cause.TIMEOUT, "why")
    before = world.listed(), world.ask(ListServices())
    after = World(after=world)
    assert (after.listed(), after.ask(ListServices())) == before
    assert after.access_manager.received == [OfferJob(1, "blood-pressure", "to know", 5, False, [Quality().of_class])]
    after.finish(1)
    assert after.controller.received == [JobEnded(1, Cause.NORMAL)]
    assert after.register() == ServiceRegistered(3, INSTANCES)
    assert after.start() == JobStarted(3)


def test_requests_that_come_again_after_the_core_was_started_anew_are_answered_as_before(world: World) -> None:
    """The core was killed before its reply was out."""
    world.register()
    world.start()
    requests = [envelope for envelope in world.sent if envelope.type in ("RegisterService", "StartJob")]
    after = World(after=world)
    for envelope in requests:
        after.entities[names.SERVICE_MANAGER].receive(envelope, after.procedures.now)
    replies = [envelope for envelope in after.sent if envelope.kind == "reply" and envelope.to == SOMEONE]
    assert [reply.type for reply in replies] == ["ServiceRegistered", "JobStarted"]
    assert all(reply.error is None for reply in replies)
    assert len(after.manager.services) == len(after.jobs.rows) == 1


def test_a_request_that_came_again_is_its_own_callers(world: World) -> None:
    world.register()
    world.start()
    requests = [envelope for envelope in world.sent if envelope.type in ("RegisterService", "StartJob")]
    after = World(after=world)
    for envelope in requests:
        stolen = msgspec.structs.replace(envelope, sender=OTHER, process=OTHER)
        after.entities[names.SERVICE_MANAGER].receive(stolen, after.procedures.now)
    replies = [envelope for envelope in after.sent if envelope.kind == "reply" and envelope.to == OTHER]
    assert [reply.error and reply.error.cause for reply in replies] == ["NOT_ALLOWED", "NOT_ALLOWED"]


def test_the_end_is_told_when_the_offer_is_withdrawn(world: World) -> None:
    world.register()
    world.start()
    waiting: Any = world.procedures.promise("withdrawn")
    world.access_manager.answers[WithdrawJob] = lambda request: waiting
    world.finish(1)
    assert world.job_states() == {1: "ended"}
    assert not world.controller.received
    waiting.resolve(Done())
    world.run()
    assert world.controller.received == [JobEnded(1, Cause.NORMAL)]


def test_jobs_of_no_service_are_passed_over(world: World) -> None:
    world.store.put(JobRow(1, 7, "train", 1, 1, "running"))
    after = World(after=world)
    assert not after.jobs.rows
    assert not after.access_manager.received


def test_what_a_broken_registration_left_is_taken_back(world: World) -> None:
    """R52."""
    world.register()
    world.store.put(ReservationRow(1, 1, "local", "ran-1", "as-1"), ReservationRow(9, 7, "local", "ran-1", "as-1"))
    after = World(after=world)
    assert after.orchestrator.received == [TerminateService(7)]


def test_progress_is_kept_until_the_end_is(world: World) -> None:
    world.register()
    world.start()
    world.store.put(ProgressRow(1, "training", round=3), ProgressRow(9, "training"))
    after = World(after=world)
    assert [row.job for row in after.store.all(ProgressRow)] == [1]
    after.finish(1)
    assert not list(after.store.all(ProgressRow))
