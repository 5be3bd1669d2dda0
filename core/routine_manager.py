"""Routine manager: the compute plane's control (R34, R48). Each execution is one procedure, in `execution.py`."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field

from net4ai.codecs.bus import (
    ClientsDone,
    Done,
    ExecuteRoutine,
    ExecutionOutcome,
    FunctionProgress,
    InstanceLost,
    MoveClient,
    RoutineFinished,
    RoutineProgress,
    StopJob,
    TurnsDone,
)
from net4ai.codecs.causes import Cause, cause_of
from net4ai.core.execution import ServerExecution
from net4ai.core.together import all_ended, together
from net4ai.stack.control_entity import ControlEntity
from net4ai.stack.procedure import Procedure, ProcedureError, Replies
from net4ai.stack.trace import TraceEvent


@dataclass(slots=True)
class Execution:
    """An execution under way."""

    request: ExecuteRoutine
    attempt: int
    """Tells what is said of this attempt from what is late of one before."""
    servers: list[ServerExecution]
    work: Procedure[None] | None = None
    """What may be cancelled of it; to clear up afterwards may not."""
    failure: Cause | None = None
    """Why it was cancelled, where not by the application controller."""
    gone: set[str] = field(default_factory=set)
    """Nodes whose answers are not waited for: an instance has gone with them, or from them."""

    def node_of(self, instance: int) -> str | None:
        """Where an instance of it is; None: it takes no part."""
        every = (each for server in self.servers for each in server.instances)
        return next((each.node for each in every if each.instance == instance), None)

    def cancel(self, cause: Cause | None, detail: str) -> None:
        """End it now."""
        if self.work is not None and not self.work.done:
            self.failure = cause
            self.work.cancel(detail)


class RoutineManager:
    """Executions under way, and the events they wait for."""

    def __init__(self, entity: ControlEntity) -> None:
        self.entity = entity
        self.executions: dict[int, Execution] = {}
        self.replies = Replies(entity.procedures)
        """Ends of turns and outcomes, by (kind, execution, instance, turn)."""
        entity.handle(ExecuteRoutine, self.execute)
        entity.handle(StopJob, self.stop)
        entity.handle(TurnsDone, self.turns_done)
        entity.handle(ClientsDone, self.clients_done)
        entity.handle(MoveClient, self.client_moved)
        entity.handle(ExecutionOutcome, self.outcome)
        entity.handle(InstanceLost, self.instance_lost)
        entity.handle(FunctionProgress, self.progress)

    def execute(self, request: ExecuteRoutine) -> Done:
        """Answered at once; the end is told by `RoutineFinished`. One that is under way goes on."""
        if request.execution in self.executions:
            return Done()
        attempt = max(1, self.entity.procedures.now)
        servers = [ServerExecution(self, request, assignment, attempt) for assignment in request.servers]
        self.executions[request.execution] = execution = Execution(request, attempt, servers)
        self.entity.procedures.start(
            f"routine {request.routine}", self._run(execution), execution=request.execution, round=request.round
        )
        return Done()

    def stop(self, request: StopJob) -> Done:
        """Abort the job's executions."""
        for execution in self.executions.values():
            if execution.request.job == request.job:
                execution.cancel(None, "stopped by the application controller")
        return Done()

    def turns_done(self, event: TurnsDone) -> Done:
        """An instance has ended turns (R74)."""
        side = "server turn" if event.as_server else "client turn"
        for _, turn, cause in event.turns:
            if self._is_late(event):
                self._nobody_waits()
            else:
                self._give((side, event.execution, event.instance, turn), cause)
        return Done()

    async def client_moved(self, event: MoveClient) -> Done:
        """A terminal is at another RAN node now: where its route is laid, it is laid anew from there (R107)."""
        execution = self.executions.get(event.execution)
        for server in execution.servers if execution is not None else ():
            if server.server.instance == event.instance:
                await server.move(event)
        return Done()

    def clients_done(self, event: ClientsDone) -> Done:
        """Turns of terminals have ended. Only a failure matters: what is committed the server says."""
        for _, turn, cause in event.turns:
            if cause != Cause.NORMAL:
                self._give(("server turn", event.execution, event.instance, turn), cause)
        return Done()

    def outcome(self, event: ExecutionOutcome) -> Done:
        """A server said restart or complete (R75), or the forwarding function of an instance says that it is lost."""
        execution = self.executions.get(event.execution)
        if self._is_late(event):
            self._nobody_waits()
            return Done()
        if self.replies.give(("outcome", event.execution, event.instance), event):
            return Done()
        if event.cause != Cause.NORMAL and execution is not None and execution.node_of(event.instance) is not None:
            execution.cancel(cause_of(event.cause), f"instance {event.instance} failed")
        else:
            self._nobody_waits()
        return Done()

    def instance_lost(self, event: InstanceLost) -> Done:
        """The orchestrator says that an instance has gone, maybe with its node: its executions cannot go on now."""
        for execution in self.executions.values():
            if (node := execution.node_of(event.instance)) is not None:
                execution.gone.add(node)
                execution.cancel(Cause.PEER_LOST, f"instance {event.instance} at {node} is lost")
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
        procedures.trace(TraceEvent(time=procedures.now, node=self.entity.name, kind="state", message=what, ids=ids))

    def _is_late(self, event: TurnsDone | ExecutionOutcome) -> bool:
        """It is of an attempt before the one under way."""
        execution = self.executions.get(event.execution)
        return execution is not None and event.attempt not in (0, execution.attempt)

    def _give(self, key: Hashable, value: object) -> None:
        if not self.replies.give(key, value):
            self._nobody_waits()

    def _nobody_waits(self) -> None:
        procedures = self.entity.procedures
        procedures.trace(
            TraceEvent(time=procedures.now, node=self.entity.name, kind="drop", link="bus", drop="nobody waits for it")
        )

    async def _run(self, execution: Execution) -> None:
        """All servers of the execution side by side; done when all have completed (R77)."""
        request, procedures = execution.request, self.entity.procedures
        ids: dict[str, int | str] = {"execution": request.execution, "round": request.round, "routine": request.routine}
        self.trace("execution resumed" if request.resume else "execution begins", **ids)
        cause, detail, stop = Cause.NORMAL, "", False
        execution.work = procedures.start("execution", self._work(execution.servers), traced=False)
        try:
            await execution.work
            stop = any(server.stop for server in execution.servers)
        except ProcedureError as error:
            cause, detail = execution.failure or error.cause, error.detail
        except Exception as error:
            cause, detail = Cause.UNSPECIFIED, f"{type(error).__name__}: {error}"
        await self._clear(execution, cause)
        del self.executions[request.execution]
        self.trace("execution ended", cause=cause.name, **ids)
        # Concurrent turns are committed together, at the end.
        committed = sum(server.committed for server in execution.servers) if request.sequential else 0
        self.entity.tell(
            request.requester,
            RoutineFinished(execution=request.execution, cause=cause, stop=stop, detail=detail, committed=committed),
        )

    async def _clear(self, execution: Execution, cause: Cause) -> None:
        """Take everything back, everywhere at once. A node that is gone or silent is not waited for."""
        waited_for = [
            removal
            for server in execution.servers
            for node, removals in server.clear(cause).items()
            if node not in execution.gone
            for removal in removals
        ]
        await all_ended(self.entity.procedures, waited_for, self.entity.timers["clear"])

    async def _work(self, servers: list[ServerExecution]) -> None:
        for step in (ServerExecution.prepare, ServerExecution.run):
            await together(self.entity.procedures, [step(server) for server in servers])
