"""Task manager: runs the routines of a task along its chain, with clients for each server (R9, R30, R55, R62, R83)."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

from net4ai.codecs.bus import (
    ClientsSelected,
    Done,
    ExecuteRoutine,
    ExecuteTask,
    Instance,
    RoutineFinished,
    RoutineProgress,
    SelectClients,
    ServerAssignment,
    ServerSeats,
    ServerWish,
    StopJob,
    TaskFinished,
    TaskProgress,
)
from net4ai.codecs.causes import Cause, cause_of
from net4ai.codecs.service import Routine
from net4ai.core import names
from net4ai.stack.control_entity import ControlEntity
from net4ai.stack.procedure import Procedure, ProcedureCancelled, ProcedureError, Promise

MAXIMUM_ATTEMPTS = 10
"""Executions of one routine in one round that may end with too few clients before its task fails."""


@dataclass(slots=True)
class Gathering:
    """A task's terminals: who answers a little later takes part too."""

    deadline: int | None = None
    """Until then those who have not answered yet are waited for; None: there were never enough."""
    told: bool = False
    """How many take part was said."""


class TaskManager:
    """Tasks under way."""

    def __init__(self, entity: ControlEntity) -> None:
        self.entity = entity
        self.tasks: dict[tuple[int, str], Procedure[None]] = {}
        self._executions = itertools.count(1)
        self._finished: dict[int, Promise[RoutineFinished]] = {}
        entity.handle(ExecuteTask, self.execute)
        entity.handle(StopJob, self.stop)
        entity.handle(RoutineFinished, self.routine_finished)
        entity.handle(RoutineProgress, self.progress)

    def execute(self, request: ExecuteTask) -> Done:
        """Answered at once; the end is told by `TaskFinished`."""
        key = request.job, request.task
        self.tasks[key] = self.entity.procedures.start("task", self._run(request), job=request.job)
        return Done()

    def stop(self, request: StopJob) -> Done:
        """End the job's tasks."""
        for (job, _), procedure in list(self.tasks.items()):
            if job == request.job:
                procedure.cancel("stopped by the application controller")
        return Done()

    def routine_finished(self, event: RoutineFinished) -> Done:
        """The routine manager is done with an execution."""
        if (promise := self._finished.get(event.execution)) is not None:
            promise.resolve(event)
        return Done()

    def progress(self, event: RoutineProgress) -> Done:
        """Passed on to the job manager's side."""
        self._tell_progress(event.job, event.what, event.values)
        return Done()

    def _tell_progress(self, job: int, what: str, values: dict[str, int | float | str]) -> None:
        self.entity.tell(names.JOB_MANAGER, TaskProgress(job=job, what=what, values=values))

    async def _run(self, request: ExecuteTask) -> None:
        task = request.description.tasks[request.task]
        cause, detail = Cause.NORMAL, ""
        gathering = Gathering()
        try:
            for round in itertools.count():
                stop = False
                for routine in task.chain:
                    stop = await self._run_routine(request, routine, round, gathering) or stop
                if stop or task.repeat == "once":
                    break
        except ProcedureError as error:
            cause, detail = error.cause, error.detail
            if isinstance(error, ProcedureCancelled):
                self.entity.tell(request.routine_manager, StopJob(job=request.job))
        finally:
            del self.tasks[request.job, request.task]
        self.entity.tell(
            names.JOB_MANAGER, TaskFinished(job=request.job, task=request.task, cause=cause, detail=detail)
        )

    async def _run_routine(self, request: ExecuteTask, name: str, round: int, gathering: Gathering) -> bool:
        """Run one routine to its end; an execution that lost too many clients is repeated with those who are there."""
        routine = request.description.routines[name]
        terminals = request.description.functions[routine.client].kind == "abstract"
        attempt = 0
        while True:
            attempt += 1
            execution = next(self._executions)
            if terminals:
                servers = await self._seat_terminals(request, routine, execution, gathering)
            else:
                servers = assign_instances(request.instances, routine)
            event = await self._execute(
                request, name, routine, round, execution, servers, request.k if terminals else 1
            )
            if event.cause == Cause.NORMAL:
                return event.stop
            if event.cause != Cause.TOO_FEW_CLIENTS or attempt == MAXIMUM_ATTEMPTS:
                raise ProcedureError(cause_of(event.cause), f"routine {name}: {event.detail}")
            self._tell_progress(request.job, f"routine {name} again: {event.detail}", {"round": round})
            await self.entity.procedures.sleep(self.entity.timers["clients-wait"])

    async def _execute(
        self,
        request: ExecuteTask,
        name: str,
        routine: Routine,
        round: int,
        execution: int,
        servers: list[ServerAssignment],
        k: int,
    ) -> RoutineFinished:
        finished: Promise[RoutineFinished] = self.entity.procedures.promise(f"execution {execution}")
        self._finished[execution] = finished
        try:
            await self.entity.call(
                request.routine_manager,
                ExecuteRoutine(
                    execution=execution,
                    job=request.job,
                    requester=self.entity.name,
                    routine=name,
                    client_function=request.description.functions[routine.client].entry_point,
                    client_settings=request.settings.get(routine.client, {}),
                    round=round,
                    cut=cut_sent(request, routine),
                    sequential=routine.sequential,
                    k=k,
                    servers=servers,
                ),
                Done,
            )
            event = await finished
        finally:
            del self._finished[execution]
        return event

    async def _seat_terminals(
        self, request: ExecuteTask, routine: Routine, execution: int, gathering: Gathering
    ) -> list[ServerAssignment]:
        """Ask for terminals until every server can have k of them (R66, R85); say so while it cannot.

        Who takes part must not depend on who was quickest: once there are enough, those still pending get their time.
        """
        procedures, timers = self.entity.procedures, self.entity.timers
        servers = [instance for instance in request.instances if instance.function == routine.server]
        wish = SelectClients(
            job=request.job,
            execution=execution,
            k=request.k,
            raw_data=cut_sent(request, routine) == 0,
            servers=[ServerWish(instance=server.instance, node=server.node) for server in servers],
        )
        said: list[int] = []
        while True:
            wish.gather = gathering.deadline is None or procedures.now < gathering.deadline
            selected = await self.entity.call(names.ACCESS_MANAGER, wish, ClientsSelected)
            if all(seats.seats for seats in selected.servers):
                break
            available = [seats.available for seats in selected.servers]
            if min(available) >= request.k:
                gathering.deadline = gathering.deadline or procedures.now + timers["clients-gather"]
            elif available != said:
                self._tell_progress(request.job, waiting_text(servers, selected.servers, request.k), {})
                said = available
            await procedures.sleep(timers["clients-wait"])
        if not gathering.told:
            self._tell_progress(request.job, taking_part_text(servers, selected.servers), {})
            gathering.told = True
        by_instance = {seats.instance: seats.seats for seats in selected.servers}
        return [ServerAssignment(instance=server, seats=by_instance[server.instance]) for server in servers]


def cut_sent(request: ExecuteTask, routine: Routine) -> int:
    """The cut clients are told. 0: they send raw data (R61), as in a routine that splits no model."""
    return request.cut if routine.split else 0


def waiting_text(servers: list[Instance], seats: list[ServerSeats], k: int) -> str:
    """ "waiting for clients: 3 of 4 at ran-1, 12 at ran-2"."""
    nodes = {server.instance: server.node for server in servers}
    counts = (
        f"{seat.available} of {k} at {nodes[seat.instance]}"
        if seat.available < k
        else f"{seat.available} at {nodes[seat.instance]}"
        for seat in seats
    )
    return f"waiting for clients: {', '.join(counts)}"


def taking_part_text(servers: list[Instance], seats: list[ServerSeats]) -> str:
    """ "24 terminals take part: 12 at ran-1, 12 at ran-2"."""
    nodes = {server.instance: server.node for server in servers}
    counts = (f"{len(seat.seats)} at {nodes[seat.instance]}" for seat in seats)
    return f"{sum(len(seat.seats) for seat in seats)} terminals take part: {', '.join(counts)}"


def assign_instances(instances: list[Instance], routine: Routine) -> list[ServerAssignment]:
    """Concrete clients keep the server the orchestrator gave them (R69): one of their own node, else the first."""
    servers = [instance for instance in instances if instance.function == routine.server]
    clients = [instance for instance in instances if instance.function == routine.client]
    if not servers or not clients:
        raise ProcedureError(Cause.INVALID_CONFIGURATION, f"no instance of {routine.server} or {routine.client}")
    assigned: dict[int, list[Instance]] = {server.instance: [] for server in servers}
    for client in clients:
        home = next((server for server in servers if server.node == client.node), servers[0])
        assigned[home.instance].append(client)
    return [
        ServerAssignment(instance=server, seats=list(range(len(own))), clients=own)
        for server in servers
        if (own := assigned[server.instance])
    ]
