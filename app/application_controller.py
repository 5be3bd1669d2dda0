"""The application controller of a provider: services, jobs, their results and input (R2, R3, R5, R41, R53, R111).

It speaks to the service manager over the control bus, under its provider's key, and attaches to a forwarding function
over T4, where each result of a routine server arrives as a DEP message; its answer to one is the job's input. Several
services and jobs may be under way at once. Sans-I/O; the Python interface to it is `net4ai.app.controller`.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable, Iterable
from typing import Any, TypeAlias

from net4ai.codecs import link
from net4ai.codecs.bus import (
    Body,
    Done,
    Instance,
    JobBegun,
    JobEnded,
    JobProgress,
    JobsListed,
    JobStarted,
    JobStatus,
    ListJobs,
    ListServices,
    RaiseEvent,
    RegisterService,
    RemoveService,
    ServiceRegistered,
    ServicesListed,
    ServiceStatus,
    StartJob,
    StopJob,
)
from net4ai.codecs.causes import Cause, cause_of
from net4ai.codecs.declaration import Buffer
from net4ai.codecs.dep import VERSION
from net4ai.codecs.errors import DecodeError
from net4ai.codecs.message import Message, decode_message, encode_message
from net4ai.codecs.service import EventTrigger, JobTrigger, ServiceDescription
from net4ai.stack.attached_link import AttachedLink
from net4ai.stack.control_entity import B, ControlEntity
from net4ai.stack.dep.credit import CreditBudget
from net4ai.stack.dep.errors import DepError
from net4ai.stack.dep.events import Event, MessageReceived, SessionClosed
from net4ai.stack.dep_endpoint import DepEndpoint, SessionEnd
from net4ai.stack.drops import Drop, DropCounter
from net4ai.stack.hop import Address, Sockets
from net4ai.stack.link_peer import LinkPeer
from net4ai.stack.procedure import Procedure, ProcedureError, Procedures, Promise, outcome_of
from net4ai.stack.timers import Timers
from net4ai.stack.trace import Trace

SERVICE_MANAGER = "service-manager"
ENDED_JOBS = 1024
"""Ends of jobs that are remembered, for those who ask later."""
HELD_RESULTS = 64
"""Results that wait until it is known what they came from."""

JobEvent: TypeAlias = ServiceRegistered | JobStarted | JobProgress | JobBegun | JobEnded
OnEvent: TypeAlias = Callable[[JobEvent], None]
OnResult: TypeAlias = Callable[[int, str, Message], Message | None]
"""Takes a result: number of the service, name of the function it came from (0 and empty where the network does not say
so), the message. What it gives back is the job's input."""


def words_of(event: JobEvent) -> tuple[str, dict[str, int | float | str]]:
    """What has happened, for people: in words, and the values to it."""
    match event:
        case ServiceRegistered():
            return "service registered", {"service": event.service}
        case JobStarted():
            return "job started", {"job": event.job}
        case JobProgress():
            return event.what, dict(event.values)
        case JobBegun():
            return "job begun", {"job": event.job, "service": event.service, "name": event.name}
        case JobEnded():
            cause = cause_of(event.cause)
            detail: dict[str, int | float | str] = {"detail": event.detail} if event.detail else {}
            return "job ended", {"job": event.job, "cause": cause.name, **detail}


class ApplicationController:
    """One application controller. The owner feeds envelopes, datagrams and time.

    Requests are coroutines for the owner's procedures; each raises `ProcedureError`: refused, or no answer.
    """

    def __init__(
        self,
        entity: ControlEntity,
        forwarding_function: Address,
        sockets: Sockets,
        procedures: Procedures,
        timers: Timers,
        budget: CreditBudget,
        random_handle: Callable[[], int],
        trace: Trace,
        on_result: OnResult,
        on_event: OnEvent,
        on_trouble: Callable[[str], None],
    ) -> None:
        """Its name is that of `entity`; `forwarding_function` is where it attaches."""
        self.entity = entity
        self.procedures = procedures
        self.timers = timers
        self.drops = DropCounter()
        self.endpoint = DepEndpoint(budget, random_handle, self.drops, trace, procedures)
        self.link = AttachedLink(
            entity.name,
            link.AttachKind.APPLICATION_CONTROLLER,
            "T4",
            forwarding_function,
            sockets,
            procedures,
            timers,
            self.endpoint,
            trace,
            self._on_message,
            self._sessions_lost,
            on_trouble,
        )
        self.ended: OrderedDict[int, JobEnded] = OrderedDict()
        """Jobs that have ended lately."""
        self._on_result = on_result
        self._on_event = on_event
        self._on_trouble = on_trouble
        self._sessions: dict[int, SessionEnd] = {}
        self._sources: dict[int, tuple[int, str]] = {}
        """Service and function of each instance."""
        self._held: deque[tuple[int, SessionEnd, MessageReceived]] = deque()
        self._looking_up: Procedure[None] | None = None
        self._awaited: dict[int, Promise[None]] = {}
        """Services whose results are to come: kept once there is a session for them."""
        self._watched: dict[int, Promise[JobEnded]] = {}
        self._polling: Procedure[None] | None = None
        entity.handle(JobProgress, self._job_progress)
        entity.handle(JobBegun, self._job_begun)
        entity.handle(JobEnded, self._job_ended)

    @property
    def name(self) -> str:
        """On the bus and at its T4 attachment."""
        return self.entity.name

    # Services (R41, R42)

    def attach(self) -> Procedure[LinkPeer]:
        """Attach for results; ends when that is done. After a failure of the link it attaches anew by itself."""
        return self.link.attach()

    async def register(
        self,
        description: ServiceDescription,
        settings: dict[str, dict[str, Any]],
        *,
        k: int = 0,
        cut: int = 0,
        controller: str = "",
    ) -> ServiceRegistered:
        """Register a service; all its concrete functions run then (R50). `settings` of each function, by its name.

        `k` and `cut` are for jobs that no request starts. `controller`: who takes the results; default: this one.
        """
        controller = controller or self.name
        request = RegisterService(description=description, settings=settings, controller=controller, k=k, cut=cut)
        registered = await self._ask(request, ServiceRegistered, "register-service")
        self._learn(registered.service, registered.instances)
        self._on_event(registered)
        return registered

    async def remove(self, service: int) -> None:
        """Remove a service: its jobs end, then its instances."""
        await self._ask(RemoveService(service=service), Done, "remove-service")
        self._sources = {instance: source for instance, source in self._sources.items() if source[0] != service}

    async def list_services(self) -> list[ServiceStatus]:
        """The provider's services."""
        services = (await self._ask(ListServices(), ServicesListed)).services
        for service in services:
            self._learn(service.service, service.instances)
        return services

    # Jobs (R3, R4, R53)

    async def start(self, service: int, job: str, *, k: int = 0, cut: int = 0) -> int:
        """Start a job: its number. From now on its end is looked for (`watch`)."""
        started = await self._ask(StartJob(service=service, job=job, k=k, cut=cut), JobStarted, "start-job")
        self.watch(started.job)
        self._on_event(started)
        return started.job

    async def stop(self, job: int) -> None:
        """Stop a job; it ends when what is under way has been taken back."""
        await self._ask(StopJob(job=job), Done)

    async def raise_event(self, service: int, event: str) -> None:
        """Jobs of the service that wait for the event start."""
        await self._ask(RaiseEvent(service=service, event=event), Done)

    async def list_jobs(self) -> list[JobStatus]:
        """The provider's jobs: armed, running, or ended lately."""
        return (await self._ask(ListJobs(), JobsListed)).jobs

    def watch(self, job: int) -> Promise[JobEnded]:
        """The end of a job. A lost message of it is no loss: the network is asked from time to time."""
        promise = self._watched.get(job)
        if promise is None:
            promise = self.procedures.promise(f"end of job {job}")
            if (ended := self.ended.get(job)) is not None:
                promise.resolve(ended)
                return promise
            self._watched[job] = promise
            if self._polling is None:
                self._polling = self.procedures.start("watch jobs", self._poll(), traced=False)
        return promise

    async def run_job(
        self, description: ServiceDescription, settings: dict[str, dict[str, Any]], job: str, *, k: int, cut: int
    ) -> None:
        """Attach, register a service, run one of its jobs to the end; it must end well."""
        await self.attach()
        registered = await self.register(description, settings, k=k, cut=cut)
        await self.run_registered(registered.service, description, job, k=k, cut=cut)

    async def run_registered(
        self, service: int, description: ServiceDescription, job: str, *, k: int, cut: int
    ) -> None:
        """Run a job of a service that is registered; it must end well.

        One with a trigger begins by that (R4): its event is raised, the job before it is run, the rest is waited for.
        """
        trigger = description.jobs[job].trigger
        number = await (self.start(service, job, k=k, cut=cut) if trigger == "request" else self._armed(service, job))
        if isinstance(trigger, EventTrigger):
            await self.raise_event(service, trigger.event)
        elif isinstance(trigger, JobTrigger):
            await self.run_registered(service, description, trigger.job, k=k, cut=cut)
        ended = await self.watch(number)
        if ended.cause != Cause.NORMAL:
            raise ProcedureError(cause_of(ended.cause), ended.detail)

    async def _armed(self, service: int, job: str) -> int:
        """Number of a job with a trigger: it has one from its service's registration on, and a new one each time it is
        armed anew."""
        numbers = [each.job for each in await self.list_jobs() if (each.service, each.name) == (service, job)]
        if not numbers:
            raise ProcedureError(Cause.UNKNOWN_JOB, f"job {job} of service {service} is not armed")
        return max(numbers)

    async def _ask(self, request: Body, reply: type[B], timer: str = "bus-call") -> B:
        return await self.entity.call(SERVICE_MANAGER, request, reply, timer=timer)

    async def _poll(self) -> None:
        """What became of the jobs that are watched: the core may have ended between a job's end and its message."""
        while True:
            await self.procedures.sleep(self.timers["job-poll"])
            self.link.attachment.ask_again()
            asked = list(self._watched)
            listed = await outcome_of(self.list_jobs())
            if isinstance(listed, ProcedureError):
                continue  # the core is away; it will come back
            states = {status.job: status for status in listed}
            for job in asked:
                if (status := states.get(job)) is None:
                    self._end(
                        JobEnded(job=job, cause=Cause.UNKNOWN_JOB, detail="the network does not know it any more")
                    )
                elif status.state == "ended":
                    self._end(JobEnded(job=job, cause=status.cause, detail=status.detail))

    def _job_progress(self, event: JobProgress) -> Done:
        self._on_event(event)
        return Done()

    def _job_begun(self, event: JobBegun) -> Done:
        self.watch(event.job)
        self._on_event(event)
        return Done()

    def _job_ended(self, event: JobEnded) -> Done:
        self._end(event)
        return Done()

    def _end(self, event: JobEnded) -> None:
        """A job has ended; told once, however often that is heard."""
        if event.job in self.ended:
            return
        self.ended[event.job] = event
        if len(self.ended) > ENDED_JOBS:
            self.ended.popitem(last=False)
        self._on_event(event)
        if (promise := self._watched.pop(event.job, None)) is not None:
            promise.resolve(event)
        if not self._watched and self._polling is not None:
            self._polling.cancel("no job is watched")
            self._polling = None

    # T4

    def receive(self, data: Buffer, stride: int, source: Address, bulk: bool, now: int) -> None:
        """One layer-2 PDU from T4. Never raises for what is in it."""
        self.link.receive(data, stride, source, bulk, now)

    def _on_message(self, peer: LinkPeer, message: link.Link) -> None:
        handler = _HANDLERS.get(type(message))
        if handler is None:
            self.drops.count(Drop.UNEXPECTED_MESSAGE)
        else:
            handler(self, peer, message)

    def _session_release(self, peer: LinkPeer, message: link.SessionRelease) -> None:
        self._remove(message.instance)

    def _remove(self, instance: int) -> None:
        if (end := self._sessions.pop(instance, None)) is not None:
            self.endpoint.remove(end)

    def _sessions_lost(self) -> None:
        self._sessions.clear()

    def _session_add(self, peer: LinkPeer, message: link.SessionAdd) -> None:
        """A session for the results of an instance, in place of the one before."""
        if message.end_point != link.EndPoint.RESULTS or len(message.sessions) != 1:
            peer.refuse(message.transaction, Cause.UNEXPECTED_MESSAGE, "one session for results is taken here")
            return
        if message.dep_version != VERSION:
            peer.refuse(message.transaction, Cause.VERSION_NOT_SUPPORTED, f"DEP version {message.dep_version}")
            return
        self._remove(message.instance)
        (session,) = message.sessions
        try:
            end = self.endpoint.add(
                peer.hop,
                self.endpoint.new_handle(),
                session.handle,
                message.dep_version,
                session.flows,
                session.limits,
                lambda end, event: self._on_session(message.instance, end, event),
                {"instance": message.instance},
            )
        except DepError as error:
            peer.refuse(message.transaction, Cause.NO_RESOURCES, str(error))
            return
        self._sessions[message.instance] = end
        handle = link.LinkHandle(seat=session.seat, handle=end.handle, limits=end.session.receive_limits)
        peer.send(link.SessionAddComplete(transaction=message.transaction, sessions=(handle,)))
        for service, promise in self._awaited.items():
            if self._has_session(service):
                promise.resolve(None)

    # Results (R5, R111)

    def _learn(self, service: int, instances: Iterable[Instance]) -> None:
        for instance in instances:
            self._sources[instance.instance] = service, instance.function

    async def results_ready(self, service: int) -> None:
        """Wait until the results of a service can come here; only so long, for it may have none."""
        if self._has_session(service):
            return
        if service not in self._awaited:
            timeout = self.timers["results-ready"]
            self._awaited[service] = self.procedures.promise(f"results of service {service}", timeout=timeout)
        await outcome_of(self._awaited[service])
        self._awaited.pop(service, None)

    def _has_session(self, service: int) -> bool:
        return any(self._sources.get(instance, (0, ""))[0] == service for instance in self._sessions)

    def _on_session(self, instance: int, end: SessionEnd, event: Event) -> None:
        if isinstance(event, MessageReceived):
            if len(self._held) >= HELD_RESULTS:
                self.drops.count(Drop.RECEIVE_QUEUE_FULL, len(event.body))
                return
            self._held.append((instance, end, event))
            self._take_results()
        elif isinstance(event, SessionClosed):
            self._on_trouble(f"{self.name}: results: {event.cause.name}")

    def _take_results(self) -> None:
        """In the order in which they came. Of an instance not heard of yet the service manager knows the function."""
        while self._held:
            instance, end, event = self._held[0]
            source = self._sources.get(instance)
            if source is None:
                if self._looking_up is None:
                    self._looking_up = self.procedures.start("look up instance", self._look_up(instance), traced=False)
                return
            self._held.popleft()
            self._take_result(source, end, event)

    async def _look_up(self, instance: int) -> None:
        await outcome_of(self.list_services())
        self._sources.setdefault(instance, (0, ""))
        self._looking_up = None
        self._take_results()

    def _take_result(self, source: tuple[int, str], end: SessionEnd, event: MessageReceived) -> None:
        try:
            answer = self._on_result(*source, decode_message(event.body))
            if answer is not None:
                self.endpoint.send(end, [encode_message(answer)], self.procedures.now, answers=event.message_id)
        except DecodeError as error:
            self.drops.count(error.reason, len(event.body))
        except DepError as error:
            self._on_trouble(f"{self.name}: job input: {error}")

    # Time

    def pump(self, now: int) -> None:
        """Handle what has come, send what is ready."""
        self.link.pump(now)

    def next_deadline(self) -> int | None:
        return self.link.next_deadline()


_HANDLERS: dict[type, Callable[..., None]] = {
    link.SessionAdd: ApplicationController._session_add,
    link.SessionRelease: ApplicationController._session_release,
}
"""Signalling legal towards an application controller."""
