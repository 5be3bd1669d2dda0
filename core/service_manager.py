"""Service manager: registers services, starts jobs, tells application controllers what becomes of them (R41-R53).

Services of several providers stand side by side. Who calls is known by who has signed: a provider sees, starts and
removes what is its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import islice
from typing import Any

import msgspec

from net4ai.codecs.bus import (
    Body,
    ConsentCount,
    Done,
    InstanceLost,
    InstanceMoved,
    InstantiateService,
    JobFinished,
    JobsListed,
    JobStarted,
    ListJobs,
    ListServices,
    RaiseEvent,
    RegisterService,
    RemoveService,
    ServiceInstantiated,
    ServiceRegistered,
    ServicesListed,
    ServiceStatus,
    StartJob,
    StopJob,
    TaskProgress,
    TerminateService,
)
from net4ai.codecs.causes import Cause
from net4ai.codecs.compute import MAXIMUM_SEATS
from net4ai.codecs.envelope import MAXIMUM_DETAIL, provider_of
from net4ai.codecs.service import EventTrigger, ServiceDescription
from net4ai.codecs.service_check import CUT, Fault, allowed_cuts, check_service_description
from net4ai.core import names
from net4ai.core.config import CoreConfig
from net4ai.core.job_manager import moved
from net4ai.core.jobs import Jobs, RegisteredService
from net4ai.core.store import ARMED, RUNNING, Numbers, ReservationRow, Row, ServiceRow, Store
from net4ai.core.triggers import Consents, EventRaised
from net4ai.stack.control_entity import ControlEntity
from net4ai.stack.procedure import ProcedureError, outcome_of

NETWORK = "application-controller"
"""The process of the network itself that acts for whatever provider a description names."""
MAXIMUM_SERVICES = 64
"""Services of one provider."""
MAXIMUM_FAULTS = 5
"""Faults of a description that its refusal tells."""

STOPPED = "stopped by the application controller"
REMOVED = "its service is removed"


class ServiceManager:
    """The control plane's face towards application controllers."""

    def __init__(self, entity: ControlEntity, config: CoreConfig, store: Store) -> None:
        self.entity = entity
        self.store = store
        self.ran_nodes = [name for name, kind in config.nodes.items() if kind == "ran-node"]
        self.services: dict[int, RegisteredService] = {}
        self.jobs = Jobs(entity, store, self.services, config.k)
        self._numbers = Numbers(store, "service")
        self._registering: list[str] = []
        """Providers of the services that are being instantiated."""
        for body, of_controller in (
            (RegisterService, self.register),
            (RemoveService, self.remove),
            (ListServices, self.list_services),
            (ListJobs, self.list_jobs),
            (StartJob, self.start_job),
            (StopJob, self.stop_job),
            (RaiseEvent, self.raise_event),
        ):
            entity.handle(body, self._of_controller(of_controller))
        # What only the network may say; entities take from controllers what is meant for them alone.
        entity.handle(JobFinished, self.job_finished)
        entity.handle(TaskProgress, self.progress)
        entity.handle(ConsentCount, self.consent_count)
        entity.handle(InstanceLost, self.instance_lost)
        entity.handle(InstanceMoved, self.instance_moved)

    def recover(self) -> None:
        """The core has been started anew: services and jobs are here again. Raises `StoreError`.

        What registrations that were under way have left behind is taken back (R52).
        """
        for row in self.store.all(ServiceRow):
            registration = msgspec.json.decode(row.registration, type=RegisterService)
            instantiated = msgspec.json.decode(row.instantiated, type=ServiceInstantiated)
            self.services[row.service] = RegisteredService(row, registration, instantiated)
        for service in sorted({row.service for row in self.store.all(ReservationRow)} - self.services.keys()):
            self.entity.tell(names.ORCHESTRATOR, TerminateService(service=service))
        self.jobs.recover()

    # Who may what (R41)

    def _of_controller(self, handler: Callable[[Any, str | None], Any]) -> Callable[[Any], Any]:
        """A handler that is told the provider it acts for; None: any."""

        def handle(request: Body) -> Any:
            provider = provider_of(self.entity.caller)
            if provider is None and self.entity.caller != NETWORK:
                raise ProcedureError(Cause.NOT_ALLOWED, f"{self.entity.caller} is no application controller")
            return handler(request, provider)

        return handle

    def _service(self, number: int, provider: str | None) -> RegisteredService:
        """A service that the provider may speak of."""
        service = self.services.get(number)
        if service is None:
            raise ProcedureError(Cause.UNKNOWN_JOB, f"service {number}")
        if provider not in (None, service.row.provider):
            raise ProcedureError(Cause.NOT_ALLOWED, f"service {number} is another provider's")
        if service.leaving:
            raise ProcedureError(Cause.BUSY, f"service {number} is being removed")
        return service

    # Services

    async def register(self, request: RegisterService, provider: str | None) -> ServiceRegistered:
        """Registration is instantiation of the concrete functions (R50). Jobs with a trigger are armed and offered."""
        identity = self.entity.request
        for known in self.services.values():
            if identity and known.row.request == identity and provider in (None, known.row.provider):
                return ServiceRegistered(service=known.row.service, instances=known.instantiated.instances)
        self._check_registration(request, provider)
        owner = request.description.provider
        number = self._numbers.next()
        self._registering.append(owner)
        try:
            instantiated = await self._instantiate(number, request)
            row = ServiceRow(
                service=number,
                provider=owner,
                registration=msgspec.json.encode(request),
                instantiated=msgspec.json.encode(instantiated),
                request=identity,
            )
            service = RegisteredService(row, request, instantiated)
            armed = self.jobs.armed_rows(service)
            self.store.put(row, *armed)
        except ProcedureError:
            self.entity.tell(names.ORCHESTRATOR, TerminateService(service=number))  # it leaves nothing (R52)
            raise
        finally:
            self._registering.remove(owner)
        self.services[number] = service
        for job in armed:
            self.jobs.announce(job)
        return ServiceRegistered(service=number, instances=instantiated.instances)

    def _check_registration(self, request: RegisterService, provider: str | None) -> None:
        """Before anything is reserved for it."""
        description = request.description
        if provider not in (None, description.provider):
            raise ProcedureError(Cause.NOT_ALLOWED, f"provider {description.provider}; allowed: {provider}")
        if provider not in (None, provider_of(request.controller)):
            raise ProcedureError(Cause.NOT_ALLOWED, f"controller {request.controller} is not {provider}'s")
        _refuse(check_service_description(description, self.ran_nodes))
        triggered = [name for name, job in description.jobs.items() if job.trigger != "request"]
        _refuse(check_start(description, triggered, request.k, request.cut))
        owners = [*self._registering, *(known.row.provider for known in self.services.values())]
        if owners.count(description.provider) >= MAXIMUM_SERVICES:
            raise ProcedureError(Cause.NO_RESOURCES, f"{description.provider} has {MAXIMUM_SERVICES} services")
        self.jobs.check_room(description.provider, len(triggered))

    async def _instantiate(self, number: int, request: RegisterService) -> ServiceInstantiated:
        return await self.entity.call(
            names.ORCHESTRATOR,
            InstantiateService(
                service=number,
                description=request.description,
                settings=request.settings,
                controller=request.controller,
            ),
            ServiceInstantiated,
            timer="instantiate-service",
        )

    async def remove(self, request: RemoveService, provider: str | None) -> Done:
        """The service's jobs end, then its instances; then nothing is kept of it (R52)."""
        service = self._service(request.service, provider)
        service.leaving = True
        try:
            await self._end_jobs(request.service)
            terminate = TerminateService(service=request.service)
            await self.entity.call(names.ORCHESTRATOR, terminate, Done, timer="terminate-service")
            rows = self.jobs.of_service(request.service)
            progress: list[Row] = [row for job in rows for row in self.jobs.progress_rows(job)]
            self.store.delete(service.row, *rows, *progress)
        except ProcedureError:
            service.leaving = False
            raise
        self.jobs.forget(rows)
        del self.services[request.service]
        return Done()

    async def _end_jobs(self, service: int) -> None:
        """All at once; those that do not end in time are given up."""
        rows = self.jobs.of_service(service)
        for row in rows:
            if row.state == ARMED:
                self.jobs.end(row.job, Cause.CANCELLED, REMOVED)
        stopping = [
            self.entity.procedures.start("stop job", self.jobs.stop_and_wait(row.job), traced=False)
            for row in rows
            if row.state == RUNNING
        ]
        for procedure in stopping:
            await outcome_of(procedure)
        for row in self.jobs.of_service(service):
            if row.state == RUNNING:
                self.jobs.end(row.job, Cause.CANCELLED, REMOVED)

    def list_services(self, request: ListServices, provider: str | None) -> ServicesListed:
        """The provider's own."""
        return ServicesListed(services=self.status(provider))

    def status(self, provider: str | None) -> list[ServiceStatus]:
        """The provider's services, or all, for a person."""
        return [
            ServiceStatus(
                service=number,
                name=service.description.name,
                provider=service.row.provider,
                jobs=list(service.description.jobs),
                instances=service.instantiated.instances,
            )
            for number, service in sorted(self.services.items())
            if provider in (None, service.row.provider)
        ]

    # Jobs

    async def start_job(self, request: StartJob, provider: str | None) -> JobStarted:
        """Announce the job to terminals (R59), then have it executed (R53)."""
        caller, identity = self.entity.caller, self.entity.request
        for known in self.jobs.rows.values():
            if identity and (known.request, known.controller) == (identity, caller):
                return JobStarted(job=known.job)
        service = self._service(request.service, provider)
        description = service.description
        if request.job not in description.jobs:
            raise ProcedureError(Cause.UNKNOWN_JOB, f"job {request.job}; allowed: {', '.join(description.jobs)}")
        if service.trigger(request.job) is not None:
            raise ProcedureError(Cause.NOT_ALLOWED, f"job {request.job} is started by its trigger, not by request")
        _refuse(check_start(description, [request.job], request.k, request.cut))
        self.jobs.check_room(service.row.provider, 1)
        row = self.jobs.new_row(service, request.job, RUNNING, request.k, request.cut)
        row.request, row.controller = identity, caller
        await self.jobs.start(row)
        return JobStarted(job=row.job)

    async def stop_job(self, request: StopJob, provider: str | None) -> Done:
        """The controller wants no more of it (R53): an armed job is not started any more, a running one ends."""
        row = self.jobs.rows.get(request.job)
        if row is None:
            raise ProcedureError(Cause.UNKNOWN_JOB, f"job {request.job}")
        self._service(row.service, provider)
        if row.state == ARMED:
            self.jobs.end(row.job, Cause.CANCELLED, STOPPED, for_good=True)
        elif row.state == RUNNING:
            await self.jobs.stop(row.job)
        return Done()

    def raise_event(self, request: RaiseEvent, provider: str | None) -> Done:
        """Jobs that wait for the event start (R4)."""
        service = self._service(request.service, provider)
        triggers = [service.trigger(job) for job in service.description.jobs]
        events = [trigger.event for trigger in triggers if isinstance(trigger, EventTrigger)]
        if request.event not in events:
            allowed = ", ".join(dict.fromkeys(events)) or "none"
            raise ProcedureError(Cause.UNKNOWN_JOB, f"no job waits for event {request.event}; allowed: {allowed}")
        jobs = [row.job for row in self.jobs.of_service(request.service)]
        self.jobs.happened(jobs, EventRaised(request.event))
        return Done()

    def list_jobs(self, request: ListJobs, provider: str | None) -> JobsListed:
        """The provider's own, those that have ended lately too."""
        return JobsListed(jobs=self.jobs.status(provider))

    # What the network tells

    async def job_finished(self, event: JobFinished) -> Done:
        """The job manager is done with the job."""
        await self.jobs.keep(lambda: self.jobs.end(event.job, event.cause, event.detail))
        return Done()

    def progress(self, event: TaskProgress) -> Done:
        """Passed on to who watches the job."""
        self.jobs.progress(event.job, event.what, event.values)
        return Done()

    async def consent_count(self, event: ConsentCount) -> Done:
        """So many terminals consent to a job now (R4)."""
        await self.jobs.keep(lambda: self.jobs.happened([event.job], Consents(event.nodes)))
        return Done()

    def instance_lost(self, event: InstanceLost) -> Done:
        """Who watches the service's jobs hears of it; the orchestrator makes the instance anew."""
        for number, service in self.services.items():
            for instance in service.instantiated.instances:
                if instance.instance == event.instance:
                    self._tell_of_instance(number, f"{instance.function} at {instance.node} was lost")
        return Done()

    async def instance_moved(self, event: InstanceMoved) -> Done:
        """The instance runs elsewhere from now on, also for jobs to come."""
        service = self.services.get(event.service)
        if service is None:
            return Done()
        now = msgspec.structs.replace(
            service.instantiated, instances=moved(service.instantiated.instances, event.instance)
        )
        row = msgspec.structs.replace(service.row, instantiated=msgspec.json.encode(now))
        await self.jobs.keep(lambda: self.store.put(row))
        service.row, service.instantiated = row, now
        self.entity.tell(names.JOB_MANAGER, event)
        self._tell_of_instance(event.service, f"{event.instance.function} runs at {event.instance.node} now")
        return Done()

    def _tell_of_instance(self, service: int, what: str) -> None:
        for row in self.jobs.of_service(service):
            self.jobs.progress(row.job, what, {})


def check_start(description: ServiceDescription, jobs: list[str], k: int, cut: int) -> Iterable[Fault]:
    """What is wrong with the k and the cut that these jobs shall have (R82, R30)."""
    if not 0 <= k <= MAXIMUM_SEATS:
        yield Fault(("k",), f"{k} is not allowed", f"0 to {MAXIMUM_SEATS}, the clients that one server can have")
    tasks = {task for job in jobs for task in description.jobs[job].tasks}
    split = any(description.routines[routine].split for task in tasks for routine in description.tasks[task].chain)
    cuts = allowed_cuts(description)
    if split and cut not in cuts:
        yield Fault((CUT,), f"{cut} is not allowed", f"{cuts.start} to {cuts.stop - 1}")


def _refuse(faults: Iterable[Fault]) -> None:
    """Raises `ProcedureError` with the first faults, if there are any."""
    if lines := [str(fault) for fault in islice(faults, MAXIMUM_FAULTS)]:
        raise ProcedureError(Cause.INVALID_CONFIGURATION, "\n".join(lines)[:MAXIMUM_DETAIL])
