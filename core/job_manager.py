"""Job manager: runs the tasks of a job in the order of their dependencies (R6, R54)."""

from __future__ import annotations

from collections.abc import Mapping

from net4ai.codecs.bus import Done, ExecuteJob, ExecuteTask, JobFinished, StopJob, TaskFinished, TaskProgress
from net4ai.codecs.causes import Cause, cause_of
from net4ai.codecs.service import Task
from net4ai.core import names
from net4ai.stack.control_entity import ControlEntity
from net4ai.stack.procedure import Procedure, ProcedureCancelled, ProcedureError, Promise


class JobManager:
    """Jobs under way. A task that fails ends its job."""

    def __init__(self, entity: ControlEntity) -> None:
        self.entity = entity
        self.jobs: dict[int, Procedure[None]] = {}
        self._finished: dict[tuple[int, str], Promise[TaskFinished]] = {}
        entity.handle(ExecuteJob, self.execute)
        entity.handle(StopJob, self.stop)
        entity.handle(TaskFinished, self.task_finished)
        entity.handle(TaskProgress, self.progress)

    def execute(self, request: ExecuteJob) -> Done:
        """Answered at once; the end is told by `JobFinished`."""
        self.jobs[request.job] = self.entity.procedures.start("job", self._run(request), job=request.job)
        return Done()

    def stop(self, request: StopJob) -> Done:
        """End the job before its time."""
        if (procedure := self.jobs.get(request.job)) is not None:
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

    async def _run(self, request: ExecuteJob) -> None:
        cause, detail = Cause.NORMAL, ""
        try:
            for task in in_order(request.description.tasks, request.description.jobs[request.name].tasks):
                await self._run_task(request, task)
        except ProcedureError as error:
            cause, detail = error.cause, error.detail
            if isinstance(error, ProcedureCancelled):
                self.entity.tell(names.TASK_MANAGER, StopJob(job=request.job))
        finally:
            del self.jobs[request.job]
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
        finally:
            del self._finished[key]
        if event.cause != Cause.NORMAL:
            raise ProcedureError(cause_of(event.cause), event.detail)


def in_order(tasks: Mapping[str, Task], wanted: tuple[str, ...]) -> list[str]:
    """`wanted` and what it depends on, each task behind all it depends on (R6).

    Raises `ProcedureError` for a circle and for a task that does not exist (R7).
    """
    order: list[str] = []
    entered: list[str] = []

    def place(name: str) -> None:
        if name in order:
            return
        if name not in tasks:
            raise ProcedureError(Cause.INVALID_CONFIGURATION, f"no task {name}; there are: {', '.join(tasks)}")
        if name in entered:
            raise ProcedureError(Cause.INVALID_CONFIGURATION, f"task {name} depends on itself")
        entered.append(name)
        for before in tasks[name].depends_on:
            place(before)
        order.append(name)

    for name in wanted:
        place(name)
    return order
