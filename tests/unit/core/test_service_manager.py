"""Service manager: registration, jobs, what the application controller is told (R7, R41-R53, R59, R82)."""

from __future__ import annotations

from typing import Any

import pytest
from core_bench import Bench, cause, description

from net4ai.codecs.bus import (
    ExecuteJob,
    Instance,
    InstantiateService,
    JobEnded,
    JobFinished,
    JobProgress,
    JobStarted,
    OfferJob,
    RegisterService,
    ServiceInstantiated,
    ServiceRegistered,
    StartJob,
    StopJob,
    TaskProgress,
    WithdrawJob,
)
from net4ai.codecs.causes import Cause
from net4ai.codecs.service import Function, Job, Privacy, Routine, ServiceDescription, Task
from net4ai.core import names
from net4ai.core.check_description import check_description
from net4ai.core.service_manager import ServiceManager
from net4ai.stack.procedure import ProcedureError

INSTANCES = [Instance(1, "local", "ran-1", "as-1")]


class World(Bench):
    def __init__(self, k: int = 1) -> None:
        super().__init__()
        self.manager = ServiceManager(self.entity(names.SERVICE_MANAGER), k)
        self.orchestrator = self.scripted(names.ORCHESTRATOR)
        self.access_manager = self.scripted(names.ACCESS_MANAGER)
        self.job_manager = self.scripted(names.JOB_MANAGER)
        self.controller = self.scripted("controller")
        self.orchestrator.answers[InstantiateService] = ServiceInstantiated(INSTANCES, names.ROUTINE_MANAGER)

    def register(self, service: ServiceDescription | None = None) -> Any:
        request = RegisterService(service or description(), {"local": {"a": 1}}, "controller")
        return self.call(names.SERVICE_MANAGER, request)

    def start(self, service: int = 1, job: str = "train", k: int = 1) -> Any:
        return self.call(names.SERVICE_MANAGER, StartJob(service, job, k, 1))


@pytest.fixture
def world() -> World:
    return World()


def test_registration_is_instantiation(world: World) -> None:
    assert [world.register(), world.register()] == [ServiceRegistered(1), ServiceRegistered(2)]
    assert world.orchestrator.of(InstantiateService)[1] == InstantiateService(
        2, description(), {"local": {"a": 1}}, "controller"
    )


def test_registration_fails_as_a_whole(world: World) -> None:
    world.orchestrator.answers[InstantiateService] = ProcedureError(Cause.NO_RESOURCES, "no application server at x")
    assert cause(world.register()) is Cause.NO_RESOURCES
    assert cause(world.start()) is Cause.UNKNOWN_JOB


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"tasks": {"training": Task(chain=("bottom",), depends_on=("training",))}}, "depends on itself"),
        ({"tasks": {"training": Task(chain=("bottom",), depends_on=("x",))}}, "no task x; there are: training"),
        ({"tasks": {"training": Task(chain=("x",))}}, "task training: no routine x"),
        ({"jobs": {"train": Job(tasks=("x",))}}, "job train: no task x"),
        ({"routines": {"bottom": Routine(client="x", server="local")}}, "routine bottom: no function x"),
        ({"routines": {"bottom": Routine(client="local", server="source")}}, "server source is abstract"),
        ({"functions": {"f": Function(kind="concrete", entry_point="x")}}, "a concrete function has"),
        ({"functions": {"f": Function(kind="abstract", entry_point="x", place="edge")}}, "has none"),
    ],
)
def test_what_leads_nowhere_is_refused_before_anything_is_reserved(
    world: World, changes: dict[str, Any], complaint: str
) -> None:
    refusal = world.register(description(**changes))
    assert cause(refusal) is Cause.INVALID_CONFIGURATION
    assert complaint in refusal.detail
    assert not world.orchestrator.received


def test_a_good_description_passes() -> None:
    check_description(description())


def test_a_job_is_offered_then_executed(world: World) -> None:
    world.register()
    assert world.start(k=3) == JobStarted(1)
    assert world.access_manager.received == [OfferJob(1, "blood-pressure", "to know", 3, False)]
    assert world.job_manager.received == [
        ExecuteJob(1, "train", 3, 1, description(), {"local": {"a": 1}}, INSTANCES, names.ROUTINE_MANAGER)
    ]
    requests = [envelope.type for envelope in world.sent if envelope.kind == "request"]
    assert requests.index("OfferJob") < requests.index("ExecuteJob")


@pytest.mark.parametrize(("system", "asked", "service"), [(9, 1, 1), (1, 9, 1), (1, 1, 9)])
def test_the_strictest_k_counts(system: int, asked: int, service: int) -> None:
    world = World(k=system)
    world.register(description(privacy=Privacy(k=service)))
    world.start(k=asked)
    assert world.access_manager.of(OfferJob)[0].k == world.job_manager.of(ExecuteJob)[0].k == 9


def test_unknown_services_and_jobs_are_refused_by_name(world: World) -> None:
    assert cause(world.start()) is Cause.UNKNOWN_JOB
    world.register()
    refusal = world.start(job="tain")
    assert refusal.detail == "job tain; allowed: train"
    assert cause(world.call(names.SERVICE_MANAGER, StopJob(1))) is Cause.UNKNOWN_JOB
    assert not world.access_manager.received


@pytest.mark.parametrize("refusing", ["access_manager", "job_manager"])
def test_a_job_that_cannot_start_is_not_offered_any_longer(world: World, refusing: str) -> None:
    world.register()
    request = OfferJob if refusing == "access_manager" else ExecuteJob
    getattr(world, refusing).answers[request] = ProcedureError(Cause.BUSY)
    assert cause(world.start()) is Cause.BUSY
    assert world.access_manager.of(WithdrawJob) == [WithdrawJob(1)]
    assert not world.manager.jobs


def test_the_end_withdraws_the_offer_and_is_told(world: World) -> None:
    world.register()
    world.start()
    world.job_manager.tell(names.SERVICE_MANAGER, JobFinished(1, Cause.TOO_FEW_CLIENTS, "why"))
    assert world.access_manager.of(WithdrawJob) == [WithdrawJob(1)]
    assert world.controller.received == [JobEnded(1, Cause.TOO_FEW_CLIENTS, "why")]
    world.job_manager.tell(names.SERVICE_MANAGER, JobFinished(1, Cause.NORMAL))
    assert len(world.controller.received) == 1


def test_an_end_before_the_reply_is_not_lost(world: World) -> None:
    world.register()
    waiting: Any = world.procedures.promise("reply", timeout=10**12)
    world.job_manager.answers[ExecuteJob] = lambda request: waiting
    world.start_call(names.SERVICE_MANAGER, StartJob(1, "train", 1, 1))
    world.job_manager.tell(names.SERVICE_MANAGER, JobFinished(1, Cause.NORMAL))
    assert world.controller.received == [JobEnded(1, Cause.NORMAL)]


def test_stop_and_progress_are_passed_on(world: World) -> None:
    world.register()
    world.start()
    world.call(names.SERVICE_MANAGER, StopJob(1))
    assert world.job_manager.of(StopJob) == [StopJob(1)]
    world.job_manager.tell(names.SERVICE_MANAGER, TaskProgress(1, "waiting", {"round": 2}))
    world.job_manager.tell(names.SERVICE_MANAGER, TaskProgress(2, "of nobody's job"))
    assert world.controller.received == [JobProgress(1, "waiting", {"round": 2})]
