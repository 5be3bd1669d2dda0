"""Routine manager: the compute plane's control (R34, R48). Each execution is one procedure, in `execution.py`."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass

from net4ai.codecs.bus import (
    ClientDone,
    Done,
    ExecuteRoutine,
    ExecutionOutcome,
    FunctionProgress,
    RoutineFinished,
    RoutineProgress,
    StopJob,
    TurnDone,
)
from net4ai.codecs.causes import Cause, cause_of
from net4ai.core import names
from net4ai.core.execution import ServerExecution
from net4ai.core.together import together
from net4ai.stack.control_entity import ControlEntity
from net4ai.stack.procedure import Procedure, ProcedureError, Replies
from net4ai.stack.trace import TraceEvent


@dataclass(slots=True)
class Execution:
    """An execution under way."""

    request: ExecuteRoutine
    work: Procedure[None] | None = None
    """What may be cancelled of it; to clear up afterwards may not."""
    failure: Cause | None = None
    """Why it was cancelled, where not by the application controller."""


class RoutineManager:
    """Executions under way, and the events they wait for."""

    def __init__(self, entity: ControlEntity) -> None:
        self.entity = entity
        self.executions: dict[int, Execution] = {}
        self.replies = Replies(entity.procedures)
        """Ends of turns and outcomes, by (kind, execution, instance, turn)."""
        entity.handle(ExecuteRoutine, self.execute)
        entity.handle(StopJob, self.stop)
        entity.handle(TurnDone, self.turn_done)
        entity.handle(ClientDone, self.client_done)
        entity.handle(ExecutionOutcome, self.outcome)
        entity.handle(FunctionProgress, self.progress)

    def execute(self, request: ExecuteRoutine) -> Done:
        """Answered at once; the end is told by `RoutineFinished`."""
        self.executions[request.execution] = execution = Execution(request)
        self.entity.procedures.start(
            f"routine {request.routine}", self._run(execution), execution=request.execution, round=request.round
        )
        return Done()

    def stop(self, request: StopJob) -> Done:
        """Abort the job's executions."""
        for execution in self.executions.values():
            if execution.request.job == request.job and execution.work is not None:
                execution.work.cancel("stopped by the application controller")
        return Done()

    def turn_done(self, event: TurnDone) -> Done:
        """An instance has ended a turn (R74)."""
        side = "server turn" if event.as_server else "client turn"
        self._give((side, event.execution, event.instance, event.turn), event.cause)
        return Done()

    def client_done(self, event: ClientDone) -> Done:
        """A terminal has ended a turn. Only a failure matters: what is committed the server says."""
        if event.cause != Cause.NORMAL:
            self._give(("server turn", event.execution, event.instance, event.turn), event.cause)
        return Done()

    def outcome(self, event: ExecutionOutcome) -> Done:
        """A server said restart or complete (R75), or its forwarding function says that it is lost."""
        execution = self.executions.get(event.execution)
        if self.replies.give(("outcome", event.execution, event.instance), event):
            return Done()
        if event.cause != Cause.NORMAL and execution is not None and execution.work is not None:
            execution.failure = cause_of(event.cause)
            execution.work.cancel(f"instance {event.instance} failed")
        else:
            self._nobody_waits()
        return Done()

    def progress(self, event: FunctionProgress) -> Done:
        """A function reports; its task manager passes it on."""
        if (execution := self.executions.get(event.execution)) is not None:
            self.tell_progress(execution.request, "function", event.values)
        return Done()

    def tell_progress(self, request: ExecuteRoutine, what: str, values: dict[str, int | float | str]) -> None:
        self.entity.tell(
            request.requester,
            RoutineProgress(execution=request.execution, job=request.job, what=what, values=values),
        )

    def trace(self, what: str, **ids: int | str) -> None:
        """A line of trace about something that lasts."""
        procedures = self.entity.procedures
        procedures.trace(
            TraceEvent(time=procedures.now, node=names.ROUTINE_MANAGER, kind="state", message=what, ids=ids)
        )

    def _give(self, key: Hashable, value: object) -> None:
        if not self.replies.give(key, value):
            self._nobody_waits()

    def _nobody_waits(self) -> None:
        procedures = self.entity.procedures
        procedures.trace(
            TraceEvent(
                time=procedures.now, node=names.ROUTINE_MANAGER, kind="drop", link="bus", drop="nobody waits for it"
            )
        )

    async def _run(self, execution: Execution) -> None:
        """All servers of the execution side by side; done when all have completed (R77)."""
        request = execution.request
        ids: dict[str, int | str] = {"execution": request.execution, "round": request.round, "routine": request.routine}
        self.trace("execution begins", **ids)
        servers = [ServerExecution(self, request, assignment) for assignment in request.servers]
        cause, detail, stop = Cause.NORMAL, "", False
        execution.work = self.entity.procedures.start("execution", self._work(servers), traced=False)
        try:
            await execution.work
            stop = any(server.stop for server in servers)
        except ProcedureError as error:
            cause, detail = execution.failure or error.cause, error.detail
        except Exception as error:
            cause, detail = Cause.UNSPECIFIED, f"{type(error).__name__}: {error}"
        for server in servers:
            await server.clear(cause)
        del self.executions[request.execution]
        self.trace("execution ended", cause=cause.name, **ids)
        self.entity.tell(
            request.requester,
            RoutineFinished(execution=request.execution, cause=cause, stop=stop, detail=detail),
        )

    async def _work(self, servers: list[ServerExecution]) -> None:
        for step in (ServerExecution.prepare, ServerExecution.run):
            await together(self.entity.procedures, [step(server) for server in servers])
