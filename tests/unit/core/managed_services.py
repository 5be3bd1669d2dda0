"""A service manager on the bench: the other entities are scripted, two providers have a controller each."""

from __future__ import annotations

from typing import Any

from core_bench import Bench, core_config, description

from net4ai.codecs.bus import (
    REPLIES,
    Body,
    Done,
    Instance,
    InstantiateService,
    JobFinished,
    JobStatus,
    ListJobs,
    RegisterService,
    ServiceInstantiated,
    ServiceRegistered,
    StartJob,
)
from net4ai.codecs.causes import Cause
from net4ai.codecs.service import Job, ServiceDescription, Trigger
from net4ai.core import names
from net4ai.core.service_manager import ServiceManager
from net4ai.core.store import MemoryStore, Row, StoreError
from net4ai.stack.procedure import Procedure, outcome_of

INSTANCES = [Instance(1, "local", "ran-1", "as-1"), Instance(2, "global", "edge", "as-2")]
SOMEONE = "controller-someone"
OTHER = "controller-other"


class FragileStore(MemoryStore):
    """Takes nothing while it is full."""

    full = False

    def put(self, *rows: Row) -> None:
        if self.full:
            raise StoreError("disk full")
        super().put(*rows)

    def delete(self, *rows: Row) -> None:
        if self.full:
            raise StoreError("disk full")
        super().delete(*rows)


class World(Bench):
    """With the store of another world: the core after it, `recover` has run."""

    def __init__(self, k: int = 1, after: World | None = None) -> None:
        super().__init__()
        self.store = FragileStore() if after is None else after.store
        config = core_config([], k=k)
        self.manager = ServiceManager(self.entity(names.SERVICE_MANAGER), config, self.store)
        self.jobs = self.manager.jobs
        self.orchestrator = self.scripted(names.ORCHESTRATOR)
        self.access_manager = self.scripted(names.ACCESS_MANAGER)
        self.job_manager = self.scripted(names.JOB_MANAGER)
        self.controllers = {name: self.scripted(name) for name in (SOMEONE, OTHER, "application-controller", "core")}
        self.controller = self.controllers[SOMEONE]
        self.orchestrator.answers[InstantiateService] = ServiceInstantiated(INSTANCES, names.ROUTINE_MANAGER)
        if after is not None:
            self.procedures.advance(after.procedures.now)
            self.manager.recover()
            self.run()

    def start_ask(self, request: Body, by: str = SOMEONE) -> Procedure[Any]:
        entity = self.controllers[by].entity
        reply = REPLIES.get(type(request), Done)
        call = entity.call(names.SERVICE_MANAGER, request, reply, timer="register-service")
        procedure = self.procedures.start("ask", outcome_of(call))  # type: ignore[arg-type]
        self.run()
        return procedure

    def ask(self, request: Body, by: str = SOMEONE) -> Any:
        """The reply to what a controller asks, or the error as a value."""
        procedure = self.start_ask(request, by)
        assert procedure.done, f"{type(request).__name__} is not answered"
        return procedure.result()

    def register(self, service: ServiceDescription | None = None, by: str = SOMEONE, **values: Any) -> Any:
        provider = by.removeprefix("controller-")
        request = RegisterService(service or description(provider=provider), {"local": {"a": 1}}, by, **values)
        return self.ask(request, by)

    def register_triggered(self, trigger: Trigger, **values: Any) -> int:
        """A service with the jobs "train", at request, and "later", by the trigger; gives the latter's number."""
        jobs = {"train": Job(tasks=("training",)), "later": Job(tasks=("training",), trigger=trigger)}
        registered = self.register(description(jobs=jobs), cut=1, **values)
        assert isinstance(registered, ServiceRegistered), registered
        return max(self.jobs.rows)

    def start(self, service: int = 1, job: str = "train", k: int = 1, by: str = SOMEONE) -> Any:
        return self.ask(StartJob(service, job, k, 1), by)

    def finish(self, job: int, cause: Cause = Cause.NORMAL, detail: str = "") -> None:
        """The job manager is done with it."""
        self.job_manager.tell(names.SERVICE_MANAGER, JobFinished(job, cause, detail))

    def listed(self, by: str = SOMEONE) -> list[JobStatus]:
        jobs: list[JobStatus] = self.ask(ListJobs(), by).jobs
        return jobs

    def job_states(self, by: str = SOMEONE) -> dict[int, str]:
        """Of all jobs listed."""
        return {status.job: status.state for status in self.listed(by)}
