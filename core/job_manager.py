"""Job manager: runs the tasks of a job in the order of their dependencies, several jobs side by side (R6, R54)."""

from __future__ import annotations

from collections.abc import Mapping
from graphlib import TopologicalSorter

import msgspec

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
from net4ai.codecs.causes import Cause, cause_of
from net4ai.codecs.service import Task
from net4ai.core import names
from net4ai.core.store import RUNNING, JobRow, ProgressRow, ServiceRow, Store
from net4ai.stack.control_entity import ControlEntity
from net4ai.stack.procedure import Procedure, ProcedureCancelled, ProcedureError, Promise, outcome_of


class JobManager:
    """Jobs under way. A task that fails ends its job."""

    def __init__(self, entity: ControlEntity, store: Store) -> None:
        self.entity = entity
        self.store = store
        self.jobs: dict[int, Procedure[None]] = {}
        self.requests: dict[int, ExecuteJob] = {}
        """What each of them was begun with; instances are where they are now."""
        self._finished: dict[tuple[int, str], Promise[TaskFinished]] = {}
        entity.handle(ExecuteJob, self.execute)
        entity.handle(StopJob, self.stop)
        entity.handle(TaskFinished, self.task_finished)
        entity.handle(TaskProgress, self.progress)
        entity.handle(InstanceMoved, self.instance_moved)

    def recover(self) -> None:
        """The core has been started anew: jobs that were running go on. Raises `StoreError`."""
        services = {row.service: row for row in self.store.all(ServiceRow)}
        for row in self.store.all(JobRow):
            if row.state == RUNNING and row.service in services:
                service = services[row.service]
                registration = msgspec.json.decode(service.registration, type=RegisterService)
                instantiated = msgspec.json.decode(service.instantiated, type=ServiceInstantiated)
                self.execute(job_request(row, registration, instantiated))

    def execute(self, request: ExecuteJob) -> Done:
        """Answered at once; the end is told by `JobFinished`. A job that is under way already goes on."""
        if request.job not in self.jobs:
            self.requests[request.job] = request
            procedure = self.entity.procedures.start("job", self._run(request), job=request.job)
            if not procedure.done:
                self.jobs[request.job] = procedure
        return Done()

    def stop(self, request: StopJob) -> Done:
        """End the job before its time."""
        if (procedure := self.jobs.get(request.job)) is None:
            raise ProcedureError(Cause.UNKNOWN_JOB, f"job {request.job} is not running")
        procedure.cancel("stopped by the application controller")
        return Done()

    def task_finished(self, event: TaskFinished) -> Done:
        """The task manager is done with a task."""
        if (promise := self._finished.get((event.job, event.task))) is not None:
            promise.resolve(event)
        return Done()

    def progress(self, event: TaskProgress) -> Done:
        """Passed on to the service manager."""
        self.entity.tell(names.SERVICE_MANAGER, event)
        return Done()

    def instance_moved(self, event: InstanceMoved) -> Done:
        """Tasks that are still to begin find the instance where it is now."""
        for request in self.requests.values():
            request.instances = moved(request.instances, event.instance)
        return Done()

    async def _run(self, request: ExecuteJob) -> None:
        cause, detail = Cause.NORMAL, ""
        try:
            finished = {row.task for row in self.store.all(ProgressRow) if row.job == request.job and row.finished}
            for task in in_order(request.description.tasks, request.description.jobs[request.name].tasks):
                if task not in finished:
                    await self._run_task(request, task)
        except ProcedureError as error:
            cause, detail = error.cause, error.detail
        finally:
            self.jobs.pop(request.job, None)
            del self.requests[request.job]
        self.entity.tell(names.SERVICE_MANAGER, JobFinished(job=request.job, cause=cause, detail=detail))

    async def _run_task(self, request: ExecuteJob, task: str) -> None:
        key = request.job, task
        finished = self._finished[key] = self.entity.procedures.promise(f"task {task}")
        try:
            await self.entity.call(
                names.TASK_MANAGER,
                ExecuteTask(
                    job=request.job,
                    task=task,
                    k=request.k,
                    cut=request.cut,
                    description=request.description,
                    settings=request.settings,
                    instances=request.instances,
                    routine_manager=request.routine_manager,
                ),
                Done,
            )
            event = await finished
        except ProcedureCancelled:
            await self._stop_task(key)
            raise
        finally:
            del self._finished[key]
        if event.cause != Cause.NORMAL:
            raise ProcedureError(cause_of(event.cause), event.detail)

    async def _stop_task(self, key: tuple[int, str]) -> None:
        """The job has ended when its task has: then its seats are free."""
        timer = self.entity.timers["end-task"]
        finished = self._finished[key] = self.entity.procedures.promise("end of the task", timeout=timer)
        self.entity.tell(names.TASK_MANAGER, StopJob(job=key[0]))
        await outcome_of(finished)


def job_request(row: JobRow, registration: RegisterService, instantiated: ServiceInstantiated) -> ExecuteJob:
    """What the job manager is told to execute a job of a registered service."""
    return ExecuteJob(
        job=row.job,
        name=row.name,
        k=row.k,
        cut=row.cut,
        description=registration.description,
        settings=registration.settings,
        instances=instantiated.instances,
        routine_manager=instantiated.routine_manager,
    )


def moved(instances: list[Instance], instance: Instance) -> list[Instance]:
    """The instances, one of them at its new place."""
    return [instance if other.instance == instance.instance else other for other in instances]


def in_order(tasks: Mapping[str, Task], wanted: tuple[str, ...]) -> list[str]:
    """`wanted` and what it depends on, each task behind all it depends on (R6)."""
    graph: dict[str, tuple[str, ...]] = {}
    waiting = list(wanted)
    while waiting:
        name = waiting.pop(0)
        if name not in graph:
            graph[name] = tasks[name].depends_on
            waiting += tasks[name].depends_on
    return list(TopologicalSorter(graph).static_order())
