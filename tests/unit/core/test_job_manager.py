"""Job manager: order of tasks, ends, stops (R6, R7, R54)."""

from __future__ import annotations

import pytest
from core_bench import Bench, description
from hypothesis import given
from hypothesis import strategies as st

from net4ai.codecs.bus import ExecuteJob, ExecuteTask, JobFinished, StopJob, TaskFinished, TaskProgress
from net4ai.codecs.causes import Cause
from net4ai.codecs.service import Job, Task
from net4ai.core import names
from net4ai.core.job_manager import JobManager, in_order
from net4ai.stack.procedure import ProcedureError

TASKS = {
    "a": Task(chain=("bottom",), depends_on=("b", "c")),
    "b": Task(chain=("bottom",), depends_on=("d",)),
    "c": Task(chain=("top",), depends_on=("d",)),
    "d": Task(chain=("top",)),
    "e": Task(chain=("top",)),
}


class World(Bench):
    def __init__(self) -> None:
        super().__init__()
        self.manager = JobManager(self.entity(names.JOB_MANAGER))
        self.task_manager = self.scripted(names.TASK_MANAGER)
        self.service_manager = self.scripted(names.SERVICE_MANAGER)

    def execute(self, *tasks: str, job: int = 1) -> None:
        service = description(tasks=TASKS, jobs={"j": Job(tasks=tasks)})
        request = ExecuteJob(
            job=job, name="j", k=1, cut=1, description=service, settings={}, instances=[], routine_manager="r"
        )
        self.call(names.JOB_MANAGER, request)

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


def test_a_stopped_job_stops_its_task(world: World) -> None:
    world.execute("a")
    world.call(names.JOB_MANAGER, StopJob(job=1))
    assert world.task_manager.of(StopJob) == [StopJob(job=1)]
    assert [end.cause for end in world.ended()] == [Cause.CANCELLED]
    world.finish("d")
    assert world.begun() == ["d"]
    world.call(names.JOB_MANAGER, StopJob(job=7))
    assert not world.manager.jobs


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


@pytest.mark.parametrize(
    ("tasks", "complaint"),
    [
        ({"a": Task(chain=(), depends_on=("a",))}, "task a depends on itself"),
        ({"a": Task(chain=(), depends_on=("b",)), "b": Task(chain=(), depends_on=("a",))}, "task a depends on itself"),
        ({"a": Task(chain=(), depends_on=("x",))}, "no task x; there are: a"),
    ],
)
def test_circles_and_missing_tasks_are_named(tasks: dict[str, Task], complaint: str) -> None:
    with pytest.raises(ProcedureError, match=complaint):
        in_order(tasks, ("a",))
