"""Service manager: registers services, starts jobs, tells the application controller what becomes of them (R41-R53)."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

from net4ai.codecs.bus import (
    Done,
    ExecuteJob,
    InstantiateService,
    JobEnded,
    JobFinished,
    JobProgress,
    JobStarted,
    OfferJob,
    RegisterService,
    ServiceInstantiated,
    ServiceRegistered,
    StartJob,
    StopJob,
    TaskProgress,
    WithdrawJob,
)
from net4ai.codecs.causes import Cause
from net4ai.core import names
from net4ai.core.check_description import check_description
from net4ai.stack.control_entity import ControlEntity
from net4ai.stack.procedure import ProcedureError, outcome_of


@dataclass(frozen=True, slots=True)
class RegisteredService:
    """A service and its instances."""

    registration: RegisterService
    instantiated: ServiceInstantiated


class ServiceManager:
    """The control plane's face towards application controllers."""

    def __init__(self, entity: ControlEntity, k: int) -> None:
        self.entity = entity
        self.k = k
        """The system's own smallest number of clients per server (R82)."""
        self.services: dict[int, RegisteredService] = {}
        self.jobs: dict[int, RegisteredService] = {}
        self._service_numbers = itertools.count(1)
        self._job_numbers = itertools.count(1)
        entity.handle(RegisterService, self.register)
        entity.handle(StartJob, self.start_job)
        entity.handle(StopJob, self.stop_job)
        entity.handle(JobFinished, self.job_finished)
        entity.handle(TaskProgress, self.progress)

    async def register(self, request: RegisterService) -> ServiceRegistered:
        """Registration is instantiation of the concrete functions (R50)."""
        check_description(request.description)
        service = next(self._service_numbers)
        instantiated = await self.entity.call(
            names.ORCHESTRATOR,
            InstantiateService(
                service=service,
                description=request.description,
                settings=request.settings,
                controller=request.controller,
            ),
            ServiceInstantiated,
            timer="instantiate-service",
        )
        self.services[service] = RegisteredService(request, instantiated)
        return ServiceRegistered(service=service)

    async def start_job(self, request: StartJob) -> JobStarted:
        """Announce the job to terminals (R59), then have it executed (R53)."""
        service = self.services.get(request.service)
        if service is None:
            raise ProcedureError(Cause.UNKNOWN_JOB, f"service {request.service}")
        description = service.registration.description
        if request.job not in description.jobs:
            raise ProcedureError(Cause.UNKNOWN_JOB, f"job {request.job}; allowed: {', '.join(description.jobs)}")
        job = next(self._job_numbers)
        k = max(self.k, request.k, description.privacy.k)
        offer = OfferJob(
            job=job,
            service=description.name,
            purpose=description.purpose,
            k=k,
            raw_data=description.privacy.raw_data_allowed,
        )
        execute = ExecuteJob(
            job=job,
            name=request.job,
            k=k,
            cut=request.cut,
            description=description,
            settings=service.registration.settings,
            instances=service.instantiated.instances,
            routine_manager=service.instantiated.routine_manager,
        )
        # What the job tells may overtake the reply that it is executed.
        self.jobs[job] = service
        try:
            await self.entity.call(names.ACCESS_MANAGER, offer, Done)
            await self.entity.call(names.JOB_MANAGER, execute, Done)
        except ProcedureError:
            self.jobs.pop(job, None)
            self.entity.tell(names.ACCESS_MANAGER, WithdrawJob(job=job))
            raise
        return JobStarted(job=job)

    async def stop_job(self, request: StopJob) -> Done:
        """The controller wants no more of it (R53)."""
        if request.job not in self.jobs:
            raise ProcedureError(Cause.UNKNOWN_JOB, f"job {request.job}")
        return await self.entity.call(names.JOB_MANAGER, request, Done)

    async def job_finished(self, event: JobFinished) -> Done:
        """The job manager is done with the job: withdraw the offer, tell the controller."""
        service = self.jobs.pop(event.job, None)
        if service is not None:
            await outcome_of(self.entity.call(names.ACCESS_MANAGER, WithdrawJob(job=event.job), Done))
            self.entity.tell(
                service.registration.controller, JobEnded(job=event.job, cause=event.cause, detail=event.detail)
            )
        return Done()

    def progress(self, event: TaskProgress) -> Done:
        """Passed on to the controller."""
        if (service := self.jobs.get(event.job)) is not None:
            self.entity.tell(
                service.registration.controller, JobProgress(job=event.job, what=event.what, values=event.values)
            )
        return Done()
