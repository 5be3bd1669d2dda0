"""Job manager: order of tasks, ends, stops, jobs that outlive the core (R2, R6, R15, R54, R66)."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from core_bench import Bench, cause, description
from hypothesis import given
from hypothesis import strategies as st

from net4ai.codecs.bus import (
    Done,
    ExecuteJob,
    ExecuteTask,
    Instance,
    InstanceMoved,
    JobFinished,
    RegisterService,
    ServiceInstantiated,
    StopJob,
    TaskFinished,
    TaskProgress,
)
from net4ai.codecs.causes import Cause
from net4ai.codecs.service import Job, ServiceDescription, Task
from net4ai.core import names
from net4ai.core.job_manager import JobManager, in_order
from net4ai.core.store import JobRow, MemoryStore, ProgressRow, ServiceRow
from net4ai.stack.procedure import ProcedureError

TASKS = {
    "a": Task(chain=("bottom",), depends_on=("b", "c")),
    "b": Task(chain=("bottom",), depends_on=("d",)),
    "c": Task(chain=("top",), depends_on=("d",)),
    "d": Task(chain=("top",)),
    "e": Task(chain=("top",)),
}


INSTANCES = [Instance(1, "local", "ran-1", "as-1"), Instance(2, "global", "edge", "as-2")]


def service(*tasks: str) -> ServiceDescription:
    return description(tasks=TASKS, jobs={"j": Job(tasks=tasks)})


class World(Bench):
    def __init__(self, store: MemoryStore | None = None) -> None:
        super().__init__()
        self.store = store or MemoryStore()
        self.manager = JobManager(self.entity(names.JOB_MANAGER), self.store)
        self.task_manager = self.scripted(names.TASK_MANAGER)
        self.service_manager = self.scripted(names.SERVICE_MANAGER)

    def execute(self, *tasks: str, job: int = 1) -> None:
        request = ExecuteJob(job, "j", 1, 1, service(*tasks), {}, INSTANCES, "r")
        self.call(names.JOB_MANAGER, request)

    def stop(self, job: int = 1) -> object:
        return self.call(names.JOB_MANAGER, StopJob(job=job))

    def begun(self) -> list[str]:
        return [request.task for request in self.task_manager.of(ExecuteTask)]

    def finish(self, task: str, cause: Cause = Cause.NORMAL, job: int = 1) -> None:
        self.task_manager.tell(names.JOB_MANAGER, TaskFinished(job=job, task=task, cause=cause, detail="why"))

    def ended(self) -> list[JobFinished]:
        return self.service_manager.of(JobFinished)


@pytest.fixture
def world() -> World:
    return World()


def test_a_task_begins_when_all_it_depends_on_is_done(world: World) -> None:
    world.execute("a")
    for number, task in enumerate(("d", "b", "c", "a"), 1):
        assert world.begun() == ["d", "b", "c", "a"][:number]
        assert not world.ended()
        world.finish(task)
    assert world.ended() == [JobFinished(job=1, cause=Cause.NORMAL)]
    assert not world.manager.jobs


def test_a_failed_task_ends_its_job(world: World) -> None:
    world.execute("a")
    world.finish("d", Cause.TOO_FEW_CLIENTS)
    assert world.begun() == ["d"]
    assert world.ended() == [JobFinished(job=1, cause=Cause.TOO_FEW_CLIENTS, detail="why")]


def test_ends_of_other_tasks_and_jobs_change_nothing(world: World) -> None:
    world.execute("a")
    world.finish("b")
    world.finish("d", job=2)
    assert world.begun() == ["d"]


def test_a_task_the_manager_refuses_ends_the_job(world: World) -> None:
    world.task_manager.answers[ExecuteTask] = ProcedureError(Cause.BUSY, "no")
    world.execute("e")
    assert world.ended() == [JobFinished(job=1, cause=Cause.BUSY, detail="no")]


def test_a_stopped_job_ends_when_its_task_has(world: World) -> None:
    """Then its seats are free."""
    world.execute("a")
    assert world.stop() == Done()
    assert world.task_manager.of(StopJob) == [StopJob(job=1)]
    assert not world.ended()
    world.finish("d", Cause.CANCELLED)
    assert world.ended() == [JobFinished(1, Cause.CANCELLED, "stopped by the application controller")]
    assert world.begun() == ["d"]
    assert not world.manager.jobs
    assert not world.procedures.open


def test_a_task_that_does_not_end_is_not_waited_for_without_end(world: World) -> None:
    world.execute("a")
    world.stop()
    world.advance(36)
    assert [end.cause for end in world.ended()] == [Cause.CANCELLED]


def test_a_job_that_is_stopped_while_its_task_is_asked_for(world: World) -> None:
    waiting: Any = world.procedures.promise("reply")
    world.task_manager.answers[ExecuteTask] = lambda request: waiting
    world.execute("a")
    world.stop()
    assert world.task_manager.of(StopJob) == [StopJob(job=1)]
    waiting.resolve(Done())
    world.finish("d", Cause.CANCELLED)
    assert [end.cause for end in world.ended()] == [Cause.CANCELLED]
    assert world.begun() == ["d"]


def test_what_is_not_running_is_not_stopped(world: World) -> None:
    assert cause(world.stop(7)) is Cause.UNKNOWN_JOB
    assert not world.task_manager.received


def test_jobs_run_side_by_side(world: World) -> None:
    """R2."""
    world.execute("a", job=1)
    world.execute("e", job=2)
    world.execute("b", job=3)
    assert [(request.job, request.task) for request in world.task_manager.of(ExecuteTask)] == [
        (1, "d"), (2, "e"), (3, "d"),
    ]  # fmt: skip
    world.finish("d", Cause.FUNCTION_FAILED, job=3)
    world.finish("e", job=2)
    assert [(end.job, end.cause) for end in world.ended()] == [(3, Cause.FUNCTION_FAILED), (2, Cause.NORMAL)]
    assert list(world.manager.jobs) == list(world.manager.requests) == [1]


def test_a_job_under_way_is_not_begun_twice(world: World) -> None:
    world.execute("a")
    world.execute("a")
    assert world.begun() == ["d"]


def test_tasks_to_come_find_an_instance_where_it_is_now(world: World) -> None:
    world.execute("b")
    there = Instance(1, "local", "ran-2", "as-9")
    world.service_manager.tell(names.JOB_MANAGER, InstanceMoved(1, there))
    world.finish("d")
    assert [request.instances for request in world.task_manager.of(ExecuteTask)] == [
        INSTANCES, [there, INSTANCES[1]],
    ]  # fmt: skip


# ---------------------------------------------------------------------------------------------------------------------
# After the core was started anew


def kept(*rows: JobRow | ProgressRow) -> MemoryStore:
    """A store with a service and these rows."""
    registration = RegisterService(service("a", "b", "c", "d"), {"local": {"x": 1}}, "controller")
    instantiated = ServiceInstantiated(INSTANCES, "r")
    store = MemoryStore()
    store.put(
        ServiceRow(5, "someone", msgspec.json.encode(registration), msgspec.json.encode(instantiated)),
        *rows,
    )
    return store


def recovered(*rows: JobRow | ProgressRow) -> World:
    world = World(kept(*rows))
    world.manager.recover()
    world.run()
    return world


def test_running_jobs_go_on_and_finished_tasks_are_not_run_again() -> None:
    world = recovered(
        JobRow(1, 5, "j", 7, 3, "running"),
        JobRow(2, 5, "j", 1, 1, "armed"),
        JobRow(3, 5, "j", 1, 1, "ended"),
        JobRow(4, 6, "j", 1, 1, "running"),
        ProgressRow(1, "d", finished=True),
        ProgressRow(1, "b", round=4, position=1, execution=9),
        ProgressRow(2, "b", finished=True),
    )
    assert world.task_manager.of(ExecuteTask) == [
        ExecuteTask(1, "b", 7, 3, service("a", "b", "c", "d"), {"local": {"x": 1}}, INSTANCES, "r")
    ]
    for task in ("b", "c", "a"):
        world.finish(task)
    assert world.begun() == ["b", "c", "a"]
    assert world.ended() == [JobFinished(1, Cause.NORMAL)]


def test_a_job_whose_end_was_not_told_any_more_ends_again() -> None:
    world = recovered(JobRow(1, 5, "j", 1, 1, "running"), *(ProgressRow(1, task, finished=True) for task in "abcd"))
    assert world.begun() == []
    assert world.ended() == [JobFinished(1, Cause.NORMAL)]


def test_a_job_is_stopped_while_it_recovers() -> None:
    """Its task manager has not answered yet."""
    world = World(kept(JobRow(1, 5, "j", 1, 1, "running"), ProgressRow(1, "d", finished=True)))
    waiting: Any = world.procedures.promise("reply")
    world.task_manager.answers[ExecuteTask] = lambda request: waiting
    world.manager.recover()
    assert world.stop() == Done()
    world.finish("b", Cause.CANCELLED)
    assert world.begun() == ["b"]
    assert [end.cause for end in world.ended()] == [Cause.CANCELLED]


def test_progress_is_passed_on(world: World) -> None:
    progress = TaskProgress(job=1, what="waiting for clients", values={"round": 1})
    world.task_manager.tell(names.JOB_MANAGER, progress)
    assert world.service_manager.of(TaskProgress) == [progress]


@given(st.permutations(list(TASKS)), st.integers(1, 5))
def test_order(names_: list[str], count: int) -> None:
    order = in_order(TASKS, tuple(names_[:count]))
    assert len(set(order)) == len(order)
    assert set(names_[:count]) <= set(order)
    for position, name in enumerate(order):
        assert set(TASKS[name].depends_on) <= set(order[:position])
