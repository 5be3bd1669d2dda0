"""The jobs of registered services: armed, where a trigger starts them, then running, then ended (R3, R4, R53).

Each step is in the store before it is acted upon. What a person asks for is refused where the store takes nothing; what
happens by itself is tried again until it does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import TypeVar
from weakref import WeakSet

from msgspec.structs import replace

from net4ai.codecs.bus import (
    Body,
    Done,
    JobBegun,
    JobEnded,
    JobProgress,
    JobStatus,
    OfferJob,
    RegisterService,
    ServiceInstantiated,
    StopJob,
    WithdrawJob,
)
from net4ai.codecs.causes import Cause
from net4ai.codecs.envelope import MAXIMUM_DETAIL
from net4ai.codecs.service import ServiceDescription, Trigger, qualities, servers_of_terminals
from net4ai.codecs.service_check import terminals_take_part
from net4ai.core import names
from net4ai.core.job_manager import job_request
from net4ai.core.store import (
    ARMED,
    ENDED,
    RUNNING,
    JobRow,
    Numbers,
    ProgressRow,
    Row,
    ServiceRow,
    Store,
    StoreError,
)
from net4ai.core.triggers import Happening, JobDone, TimeReached, Triggers, first_due, next_due, repeats
from net4ai.stack.control_entity import ControlEntity
from net4ai.stack.drops import Drop
from net4ai.stack.procedure import Procedure, ProcedureError, ProcedureTimeout, Promise, outcome_of

MAXIMUM_JOBS = 256
"""Jobs of one provider that are armed or run."""
REMEMBERED_JOBS = 100
"""Ended jobs of one provider that are still listed."""
MAXIMUM_UNHEARD = 16
"""Events about a job that controllers may leave unanswered before they miss progress."""

T = TypeVar("T")


@dataclass(slots=True)
class RegisteredService:
    """A service and its instances."""

    row: ServiceRow
    registration: RegisterService
    instantiated: ServiceInstantiated
    leaving: bool = False
    """It is being removed: nothing of it starts any more."""

    @property
    def description(self) -> ServiceDescription:
        return self.registration.description

    def trigger(self, job: str) -> Trigger | None:
        """What starts the job; None: a request."""
        trigger = self.description.jobs[job].trigger
        return None if isinstance(trigger, str) else trigger


@dataclass(slots=True)
class Telling:
    """What is told about a job."""

    progress: str = ""
    """What was said of it last."""
    unheard: WeakSet[Procedure[None]] = field(default_factory=WeakSet)
    """Events that controllers have not taken yet; those they have are forgotten by themselves."""


class Jobs:
    """All jobs of the services, by number."""

    def __init__(self, entity: ControlEntity, store: Store, services: dict[int, RegisteredService], k: int) -> None:
        self.entity = entity
        self.store = store
        self.services = services
        self.k = k
        """The system's own smallest number of clients per server (R82)."""
        self.rows: dict[int, JobRow] = {}
        """Armed, running, and lately ended."""
        self.triggers = Triggers(entity, self._time_reached)
        self._numbers = Numbers(store, "job")
        self._telling: dict[int, Telling] = {}
        self._ends: dict[int, Promise[None]] = {}

    def recover(self) -> None:
        """The core has been started anew, the services are there: jobs are on offer and armed again.

        A time trigger whose time has passed meanwhile fires now, once. Raises `StoreError`.
        """
        self.rows = {row.job: row for row in self.store.all(JobRow) if row.service in self.services}
        running = {row.job for row in self.rows.values() if row.state == RUNNING}
        self.store.delete(*(row for row in self.store.all(ProgressRow) if row.job not in running))
        for row in self.rows.values():
            if row.state != ENDED:
                self.announce(row)

    # Looking at them

    def of_service(self, service: int) -> list[JobRow]:
        """The service's jobs."""
        return [row for row in self.rows.values() if row.service == service]

    def of_provider(self, provider: str | None) -> list[JobRow]:
        """The provider's jobs, or all, by number."""
        own = (row for row in self.rows.values() if provider in (None, self.services[row.service].row.provider))
        return sorted(own, key=lambda row: row.job)

    def check_room(self, provider: str, more: int) -> None:
        """Raises `ProcedureError` where the provider would have too many."""
        if sum(row.state != ENDED for row in self.of_provider(provider)) + more > MAXIMUM_JOBS:
            raise ProcedureError(Cause.NO_RESOURCES, f"{MAXIMUM_JOBS} jobs of {provider} are armed or run")

    def status(self, provider: str | None) -> list[JobStatus]:
        """The provider's jobs, or all, for a person."""
        return [
            JobStatus(
                job=row.job,
                service=row.service,
                name=row.name,
                state=row.state,
                cause=row.cause,
                detail=row.detail,
                progress=self._telling[row.job].progress if row.job in self._telling else "",
            )
            for row in self.of_provider(provider)
        ]

    # Beginning

    def new_row(self, service: RegisteredService, name: str, state: str, k: int, cut: int) -> JobRow:
        """A row, not kept yet, for a job with the strictest k (R82). Raises `StoreError`."""
        trigger = service.trigger(name)
        return JobRow(
            job=self._numbers.next(),
            service=service.row.service,
            name=name,
            k=max(self.k, k, service.description.privacy.k),
            cut=cut,
            state=state,
            due=first_due(trigger, self.entity.utc) if trigger else 0,
        )

    def armed_rows(self, service: RegisteredService) -> list[JobRow]:
        """Rows, not kept yet, of the service's jobs that have a trigger (R4). Raises `StoreError`."""
        given = service.registration
        return [
            self.new_row(service, name, ARMED, given.k, given.cut)
            for name in service.description.jobs
            if service.trigger(name) is not None
        ]

    def announce(self, row: JobRow) -> None:
        """Terminals hear of a job that is kept (R59), and its trigger counts."""
        self.rows[row.job] = row
        self._arm(row)
        self.entity.procedures.start("offer job", self._announce(row), traced=False)

    async def _announce(self, row: JobRow) -> None:
        """Until it is taken or refused; an access manager that is away comes back."""
        while isinstance(await outcome_of(self.offer(row)), ProcedureTimeout):
            if row.job not in self.rows or self.rows[row.job].state == ENDED:
                return

    async def start(self, row: JobRow) -> None:
        """Run a job at a request: what fails leaves nothing. Raises `ProcedureError`."""
        self.store.put(row)
        # What the job tells may overtake the reply that it is executed.
        self.rows[row.job] = row
        try:
            await self.offer(row)
            await self._execute(row)
        except ProcedureError:
            self.forget([row])
            self.entity.tell(names.ACCESS_MANAGER, WithdrawJob(job=row.job))
            self.entity.tell(names.JOB_MANAGER, StopJob(job=row.job))  # its answer may have been lost
            await self.keep(lambda: self.store.delete(row))
            raise

    async def offer(self, row: JobRow) -> None:
        """Put the job on offer where terminals take part in it (R59). Raises `ProcedureError`."""
        description = self.services[row.service].description
        if terminals_take_part(description, row.name):
            offer = OfferJob(
                job=row.job,
                service=description.name,
                purpose=description.purpose,
                k=row.k,
                raw_data=description.privacy.raw_data_allowed,
                qualities=qualities(description),
                session_kbps=description.jobs[row.name].session_kbps,
                edge=self._edge(row) if description.path == "pdu-session" else "",
            )
            await self.entity.call(names.ACCESS_MANAGER, offer, Done)

    def _edge(self, row: JobRow) -> str:
        """Where PDU sessions of terminals lead: to the node of a server of theirs."""
        service = self.services[row.service]
        servers = servers_of_terminals(service.description)
        nodes = (instance.node for instance in service.instantiated.instances if instance.function in servers)
        return next(nodes, "")

    async def _execute(self, row: JobRow) -> None:
        service = self.services[row.service]
        request = job_request(row, service.registration, service.instantiated)
        await self.entity.call(names.JOB_MANAGER, request, Done)

    # Triggers (R4)

    def _arm(self, row: JobRow) -> None:
        """The job's trigger counts as long as it may fire again."""
        trigger = self.services[row.service].trigger(row.name)
        if trigger is not None and (row.state == ARMED or repeats(trigger)):
            self.triggers.arm(row.job, trigger, row.due)
        else:
            self.triggers.disarm(row.job)

    async def _time_reached(self, job: int) -> None:
        await self.keep(lambda: self.happened([job], TimeReached()))

    def happened(self, jobs: Iterable[int], happening: Happening) -> None:
        """Those of the jobs whose trigger fires begin, or begin again when they have ended. Raises `StoreError`: then
        nothing has changed."""
        if rows := [self._fired(self.rows[job]) for job in self.triggers.fired(jobs, happening)]:
            self.store.put(*rows)
            self._go_on(rows)

    def _fired(self, row: JobRow) -> JobRow:
        """An armed job runs; of a running one it is remembered, once."""
        trigger = self.services[row.service].trigger(row.name)
        due = next_due(trigger, row.due, self.entity.utc) if trigger else 0
        return replace(row, state=RUNNING, due=due) if row.state == ARMED else replace(row, again=True, due=due)

    def _go_on(self, rows: list[JobRow]) -> None:
        """These rows are kept: what they say is done."""
        for row in rows:
            before = self.rows.get(row.job)
            if row.state == ARMED:
                self.announce(row)
                continue
            self.rows[row.job] = row
            self._arm(row)
            if before is None or before.state == ARMED:
                self._tell(row, JobBegun(service=row.service, job=row.job, name=row.name))
                run = self._run_triggered(row, on_offer=before is not None)
                self.entity.procedures.start("triggered job", run, traced=False)

    async def _run_triggered(self, row: JobRow, *, on_offer: bool) -> None:
        try:
            if not on_offer:
                await self.offer(row)
            await self._execute(row)
        except ProcedureError as error:
            cause, detail = error.cause, error.detail
            await self.keep(lambda: self.end(row.job, cause, detail))

    # Ending

    async def stop(self, job: int) -> None:
        """End a running job before its time; that its trigger has fired meanwhile is forgotten. Its end is told by the
        job manager. Raises `ProcedureError`."""
        row = self.rows[job]
        if row.again:
            stopped = replace(row, again=False)
            self.store.put(stopped)
            self.rows[job] = stopped
        try:
            await self.entity.call(names.JOB_MANAGER, StopJob(job=job), Done)
        except ProcedureError as error:
            if error.cause != Cause.UNKNOWN_JOB:
                raise
            await self.keep(lambda: self.end(job, Cause.CANCELLED, "it was not running any more"))

    async def stop_and_wait(self, job: int) -> None:
        """As `stop`; returns when the job has ended. Raises `ProcedureError`."""
        ended = self._ends[job] = self.entity.procedures.promise("end", timeout=self.entity.timers["end-job"])
        try:
            await self.stop(job)
            await ended
        finally:
            del self._ends[job]

    def end(self, job: int, cause: int, detail: str, *, for_good: bool = False) -> None:
        """The job has ended: jobs that wait for that begin; unless `for_good`, its trigger is armed under a new number.

        Raises `StoreError`: then nothing has changed.
        """
        row = self.rows.get(job)
        if row is None or row.state == ENDED:
            return
        ended = replace(row, state=ENDED, cause=cause, detail=detail[:MAXIMUM_DETAIL], due=0, again=False)
        following = [] if self.services[row.service].leaving else self._following(row, cause, for_good)
        self.store.put(ended, *following)
        self.rows[job] = ended
        self.triggers.disarm(job)
        close = self._close(self._controllers(row), JobEnded(job=job, cause=cause, detail=ended.detail))
        self.entity.procedures.start("end job", close, traced=False)
        self._forget_old(ended)
        self._go_on(following)

    async def _close(self, controllers: list[str], event: JobEnded) -> None:
        """Who hears of the end may rely on it that nobody is asked for the job any more."""
        await outcome_of(self.entity.call(names.ACCESS_MANAGER, WithdrawJob(job=event.job), Done))
        for controller in controllers:
            self.entity.tell(controller, event)
        if (promise := self._ends.get(event.job)) is not None:
            promise.resolve(None)

    def _following(self, row: JobRow, cause: int, for_good: bool) -> list[JobRow]:
        """What follows the end of a job: it is armed anew, or begins anew, and others begin."""
        trigger = self.services[row.service].trigger(row.name)
        rows = []
        if trigger is not None and repeats(trigger) and not for_good:
            state = RUNNING if row.again else ARMED
            rows.append(replace(row, job=self._numbers.next(), state=state, again=False))
        if cause == Cause.NORMAL:
            others = (other.job for other in self.of_service(row.service))
            rows += [self._fired(self.rows[other]) for other in self.triggers.fired(others, JobDone(row.name))]
        return rows

    def _forget_old(self, ended: JobRow) -> None:
        """How far the ended job has come is not needed any more, nor are jobs that ended long ago."""
        provider = self.services[ended.service].row.provider
        old = [row for row in self.of_provider(provider) if row.state == ENDED][:-REMEMBERED_JOBS]
        try:
            self.store.delete(*self.progress_rows(ended), *old)
        except StoreError:
            return  # they go with the next one
        self.forget(old)

    def progress_rows(self, row: JobRow) -> list[Row]:
        """Keys of what task managers keep of a job."""
        tasks = self.services[row.service].description.jobs[row.name].tasks
        return [ProgressRow(job=row.job, task=task) for task in tasks]

    def forget(self, rows: Iterable[JobRow]) -> None:
        """These are not kept any more."""
        for row in rows:
            self.rows.pop(row.job, None)
            self._telling.pop(row.job, None)

    # Telling

    def progress(self, job: int, what: str, values: dict[str, int | float | str]) -> None:
        """Something is said of a running job."""
        if (row := self.rows.get(job)) is not None and row.state == RUNNING:
            said = ", ".join([what, *(f"{name} {value}" for name, value in values.items())])
            self._telling.setdefault(job, Telling()).progress = said[:MAXIMUM_DETAIL]
            self._tell(row, JobProgress(job=job, what=what, values=values))

    def _tell(self, row: JobRow, event: Body) -> None:
        """Tell whoever watches the job; what they are slow to take is not queued without end."""
        telling = self._telling.setdefault(row.job, Telling())
        if isinstance(event, JobProgress) and len(telling.unheard) >= MAXIMUM_UNHEARD:
            self.entity.drops.count(Drop.CONTROLLER_SILENT)
            return
        telling.unheard.update(self.entity.tell(controller, event) for controller in self._controllers(row))

    def _controllers(self, row: JobRow) -> list[str]:
        """The controller of the service, and the one that started the job where it is another."""
        controllers = (self.services[row.service].registration.controller, row.controller)
        return [controller for controller in dict.fromkeys(controllers) if controller]

    async def keep(self, change: Callable[[], T]) -> T:
        """Carry out a change that nobody asked for and so nobody can be refused."""
        while True:
            try:
                return change()
            except StoreError:
                await self.entity.procedures.sleep(self.entity.timers["store-again"])
