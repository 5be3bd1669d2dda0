"""Task manager: runs the routines of a task along its chain, with clients for each server (R9, R30, R55, R62, R83).

How far a task has come is kept before it goes on. An execution that is broken off, here or with the core, is resumed
under its number and with its seats.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from net4ai.codecs.bus import (
    ClientsSelected,
    CompleteClients,
    Done,
    ExecuteRoutine,
    ExecuteTask,
    Instance,
    InstanceMoved,
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
from net4ai.codecs.service import Routine, qos_flow
from net4ai.core import names
from net4ai.core.execution import RESUMABLE
from net4ai.core.job_manager import moved
from net4ai.core.store import Numbers, ProgressRow, Store, StoreError
from net4ai.stack.control_entity import ControlEntity
from net4ai.stack.procedure import Procedure, ProcedureCancelled, ProcedureError, Promise, outcome_of

T = TypeVar("T")


@dataclass(slots=True)
class Gathering:
    """A task's terminals: who answers a little later takes part too."""

    deadline: int | None = None
    """Until then those who have not answered yet are waited for; None: there were never enough."""
    told: bool = False
    """How many take part was said."""


@dataclass(slots=True)
class RunningTask:
    """A task under way."""

    request: ExecuteTask
    row: ProgressRow
    gathering: Gathering
    seated: list[CompleteClients] = field(default_factory=list)
    """What frees the seats of the last execution."""
    procedure: Procedure[None] | None = None

    @property
    def routine_name(self) -> str:
        """The routine at its position."""
        return self.request.description.tasks[self.request.task].chain[self.row.position]

    @property
    def routine(self) -> Routine:
        """The routine at its position."""
        return self.request.description.routines[self.routine_name]

    @property
    def with_terminals(self) -> bool:
        """The routine's clients are terminals."""
        return self.request.description.functions[self.routine.client].kind == "abstract"

    def routine_done(self, stop: bool) -> None:
        """On to the next routine: in the chain, in the next round, or none (R9, R110)."""
        row, task = self.row, self.request.description.tasks[self.request.task]
        row.stop = row.stop or stop
        row.execution = 0
        row.position += 1
        if row.position == len(task.chain):
            row.finished = row.stop or task.repeat == "once"
            row.position, row.round = 0, row.round + 1


class TaskManager:
    """Tasks under way."""

    def __init__(self, entity: ControlEntity, store: Store, ran_nodes: Sequence[str] = ()) -> None:
        """`ran_nodes`: those of the network. Raises `StoreError`."""
        self.entity = entity
        self.store = store
        self.ran_nodes = tuple(ran_nodes)
        self.tasks: dict[tuple[int, str], RunningTask] = {}
        self._executions = Numbers(store, "execution")
        self._finished: dict[int, Promise[RoutineFinished]] = {}
        entity.handle(ExecuteTask, self.execute)
        entity.handle(StopJob, self.stop)
        entity.handle(RoutineFinished, self.routine_finished)
        entity.handle(RoutineProgress, self.progress)
        entity.handle(InstanceMoved, self.instance_moved)

    def execute(self, request: ExecuteTask) -> Done:
        """Answered at once; the end is told by `TaskFinished`. A task that was begun goes on where it was."""
        key = request.job, request.task
        if key not in self.tasks:
            begun = next((row for row in self.store.all(ProgressRow) if row.key == key), None)
            row = begun or ProgressRow(job=request.job, task=request.task)
            task = self.tasks[key] = RunningTask(request, row, Gathering(told=begun is not None))
            task.procedure = self.entity.procedures.start("task", self._run(task), job=request.job)
        return Done()

    def stop(self, request: StopJob) -> Done:
        """End the job's tasks."""
        for task in list(self.tasks.values()):
            if task.request.job == request.job and task.procedure is not None:
                task.procedure.cancel("stopped by the application controller")
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

    def instance_moved(self, event: InstanceMoved) -> Done:
        """The next attempt finds the instance where it is now."""
        for task in self.tasks.values():
            task.request.instances = moved(task.request.instances, event.instance)
        return Done()

    def _free_seats(self, task: RunningTask) -> None:
        """The execution is done, and that is kept: nobody will ask for its seats again."""
        for complete in task.seated:
            self.entity.tell(names.ACCESS_MANAGER, complete)
        task.seated = []

    def _tell_progress(self, job: int, what: str, values: dict[str, int | float | str]) -> None:
        self.entity.tell(names.JOB_MANAGER, TaskProgress(job=job, what=what, values=values))

    async def _run(self, task: RunningTask) -> None:
        request = task.request
        cause, detail = Cause.NORMAL, ""
        try:
            while not task.row.finished:
                task.routine_done(await self._run_routine(task))
                await self._kept(request.job, lambda: self.store.put(task.row))
                self._free_seats(task)
        except ProcedureError as error:
            cause, detail = error.cause, error.detail
        finally:
            del self.tasks[request.job, request.task]
        self.entity.tell(
            names.JOB_MANAGER, TaskFinished(job=request.job, task=request.task, cause=cause, detail=detail)
        )

    async def _kept(self, job: int, write: Callable[[], T]) -> T:
        """Write to the store; while it is locked or full, the task waits. Raises `StoreError`."""
        procedures, timers = self.entity.procedures, self.entity.timers
        deadline = procedures.now + timers["resume"]
        while True:
            try:
                return write()
            except StoreError as error:
                if procedures.now >= deadline:
                    raise
                self._tell_progress(job, f"waiting: {error.detail}", {})
            await procedures.sleep(timers["clients-wait"])

    # One routine

    async def _run_routine(self, task: RunningTask) -> bool:
        """Run the routine at the task's position to its end; whether a server says stop. Raises `ProcedureError`.

        An execution that is broken off is resumed as long as, within the timer "resume", anything is committed.
        """
        procedures, timers = self.entity.procedures, self.entity.timers
        resume = task.row.execution != 0
        deadline = procedures.now + timers["resume"] if resume else None
        if not resume:
            execution = await self._kept(task.request.job, self._executions.next)
        else:
            execution = task.row.execution
            self._tell_progress(task.request.job, f"routine {task.routine_name} goes on", {"round": task.row.round})
        said = ""
        while True:
            event = await self._attempt(task, execution, resume, deadline)
            if event.cause == Cause.NORMAL:
                return event.stop
            if deadline is None or event.committed:
                deadline = procedures.now + timers["resume"]
            if event.cause not in RESUMABLE or procedures.now >= deadline:
                raise ProcedureError(cause_of(event.cause), f"routine {task.routine_name}: {event.detail}")
            if event.detail != said:  # it is tried every second; the same again is no news
                said = event.detail
                what = f"routine {task.routine_name} goes on: {said}"
                self._tell_progress(task.request.job, what, {"round": task.row.round})
            resume = True
            await procedures.sleep(timers["clients-wait"])

    async def _attempt(self, task: RunningTask, execution: int, resume: bool, deadline: int | None) -> RoutineFinished:
        """Carry an execution out, or on. Whatever breaks it off is the event's cause."""
        try:
            if task.with_terminals:
                servers = await self._seat_terminals(task, execution, resume, deadline)
            else:
                servers = assign_instances(task.request.instances, task.routine_name, task.routine)
            if not resume:
                task.row.execution = execution
                await self._kept(task.request.job, lambda: self.store.put(task.row))
            return await self._execute(task, execution, resume, servers)
        except ProcedureCancelled:
            raise
        except ProcedureError as error:
            if error.cause not in RESUMABLE:
                raise
            return RoutineFinished(execution=execution, cause=error.cause, detail=error.detail)

    async def _execute(
        self, task: RunningTask, execution: int, resume: bool, servers: list[ServerAssignment]
    ) -> RoutineFinished:
        request, routine = task.request, task.routine
        finished: Promise[RoutineFinished] = self.entity.procedures.promise(f"execution {execution}")
        self._finished[execution] = finished
        try:
            await self.entity.call(
                request.routine_manager,
                ExecuteRoutine(
                    execution=execution,
                    job=request.job,
                    requester=self.entity.name,
                    routine=task.routine_name,
                    client_function=request.description.functions[routine.client].entry_point,
                    client_settings=request.settings.get(routine.client, {}),
                    round=task.row.round,
                    cut=cut_sent(request, routine),
                    sequential=routine.sequential,
                    k=request.k if task.with_terminals else 1,
                    servers=servers,
                    qfi=qos_flow(request.description, task.routine_name),
                    resume=resume,
                ),
                Done,
            )
            event = await finished
        except ProcedureCancelled:
            await self._stop_execution(request, execution)
            raise
        finally:
            del self._finished[execution]
        return event

    async def _stop_execution(self, request: ExecuteTask, execution: int) -> None:
        """The task has ended when its execution has: then its routes and seats are free."""
        timer = self.entity.timers["bus-call"]
        self._finished[execution] = finished = self.entity.procedures.promise("end of the execution", timeout=timer)
        self.entity.tell(request.routine_manager, StopJob(job=request.job))
        await outcome_of(finished)

    # Its terminals

    async def _seat_terminals(
        self, task: RunningTask, execution: int, resume: bool, deadline: int | None
    ) -> list[ServerAssignment]:
        """Ask for terminals until every server can have k of them (R66, R85); say so while it cannot.

        Who takes part must not depend on who was quickest: once there are enough, those still pending get their time.
        One that is resumed waits until `deadline`, and takes those who have its seats. Raises `ProcedureError`.
        """
        procedures, timers, request = self.entity.procedures, self.entity.timers, task.request
        gathering = Gathering(told=task.gathering.told) if resume else task.gathering
        servers = [instance for instance in request.instances if instance.function == task.routine.server]
        wish = SelectClients(
            job=request.job,
            execution=execution,
            k=request.k,
            raw_data=cut_sent(request, task.routine) == 0,
            servers=wishes(servers, self.ran_nodes),
            resume=resume,
        )
        said: list[int] = []
        while True:
            wish.gather = gathering.deadline is None or procedures.now < gathering.deadline
            selected = await self.entity.call(names.ACCESS_MANAGER, wish, ClientsSelected)
            if all(seats.seats for seats in selected.servers):
                break
            available = [seats.available for seats in selected.servers]
            waiting = waiting_text(servers, selected.servers, request.k)
            if resume and deadline is not None and procedures.now >= deadline:
                raise ProcedureError(Cause.TOO_FEW_CLIENTS, waiting)
            if min(available) >= request.k:
                wait = timers["seats-return" if resume else "clients-gather"]
                gathering.deadline = gathering.deadline or procedures.now + wait
            elif available != said:
                self._tell_progress(request.job, waiting, {})
                said = available
            await procedures.sleep(timers["clients-wait"])
        if not gathering.told:
            self._tell_progress(request.job, taking_part_text(servers, selected.servers), {})
            task.gathering.told = True
        by_instance = {seats.instance: seats for seats in selected.servers}
        task.seated = [
            CompleteClients(execution=execution, instance=instance, seats=[], cause=Cause.NORMAL)
            for instance in by_instance
        ]
        return [
            ServerAssignment(
                instance=server, seats=by_instance[server.instance].seats, given=by_instance[server.instance].given
            )
            for server in servers
        ]


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


def wishes(servers: Sequence[Instance], ran_nodes: Sequence[str]) -> list[ServerWish]:
    """Whose terminals each server can have (R46, R62): a server at a RAN node those of its own.

    Terminals of RAN nodes without a server go to servers elsewhere: at an edge, or if there is none, at any RAN node.
    A server at an edge with nothing left to it can have all.
    """
    here = {server.node for server in servers}
    without = [node for node in ran_nodes if node not in here]
    at_edges = any(server.node not in ran_nodes for server in servers)
    wanted = []
    for server in servers:
        if server.node not in ran_nodes:
            nodes = without or list(ran_nodes)
        else:
            nodes = [server.node, *(() if at_edges else without)]
        wanted.append(
            ServerWish(instance=server.instance, node=server.node, nodes=[] if nodes == [server.node] else nodes)
        )
    return wanted


def assign_instances(instances: list[Instance], name: str, routine: Routine) -> list[ServerAssignment]:
    """Concrete clients keep the server the orchestrator gave them (R69); without one, of their own node, or the first.

    `name`: of the routine. Raises `ProcedureError`.
    """
    servers = {instance.instance: instance for instance in instances if instance.function == routine.server}
    clients = [instance for instance in instances if instance.function == routine.client]
    if not servers or not clients:
        raise ProcedureError(Cause.INVALID_CONFIGURATION, f"no instance of {routine.server} or {routine.client}")
    assigned: dict[int, list[Instance]] = {server: [] for server in servers}
    for client in clients:
        near = (number for number, server in servers.items() if server.node == client.node)
        own = client.servers.get(name, next(near, next(iter(servers))))
        if own not in servers:
            raise ProcedureError(
                Cause.INVALID_CONFIGURATION, f"instance {client.instance}: {own} is no server of {name}"
            )
        assigned[own].append(client)
    return [
        ServerAssignment(instance=servers[server], seats=list(range(len(own))), clients=own)
        for server, own in assigned.items()
        if own
    ]
