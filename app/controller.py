"""The application controller as a Python library: register services, start jobs, take their results (R2, R3, R5, R41).

    async with connect("runs/network", provider="health-research") as controller:
        service = await controller.register("blood-pressure.service.yaml", {"rounds": 3})
        job = await service.start("train")
        async for event in job.events():
            print(event)
        print(job.results)

`net4ai up SCENARIO --folder runs/network` has started that network and put the provider's key there. Settings, results
and job input pass through the provider's code, which the service description may name (`net4ai.functions.provider`).
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import random
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import TextIO

from net4ai.app.application_controller import ApplicationController, JobEvent
from net4ai.app.bus_client import BusClient, NetworkError, NoAnswer, Refused, join
from net4ai.app.network_file import (
    CONTROLLERS,
    ControllerFile,
    NetworkFile,
    NetworkFileError,
    client_config,
    edge_address,
    find_network,
    read_controller,
    read_network,
)
from net4ai.app.provider_code import make_provider
from net4ai.app.service_description import load_service_description
from net4ai.app.yaml_document import ConfigurationError
from net4ai.codecs.bus import JobBegun, JobEnded, JobProgress, JobStarted, JobStatus, ServiceRegistered, ServiceStatus
from net4ai.codecs.causes import Cause, cause_of
from net4ai.codecs.declaration import Buffer
from net4ai.codecs.envelope import controller_name
from net4ai.codecs.message import Message
from net4ai.codecs.service import ServiceDescription, SettingValue
from net4ai.codecs.service_check import allowed_values
from net4ai.functions.provider import Provider, ProviderContext, ProviderError
from net4ai.stack.hop import Address
from net4ai.stack.io.broker import Login

__all__ = [
    "ConfigurationError",
    "Controller",
    "Job",
    "JobFailed",
    "NetworkError",
    "NetworkFileError",
    "NoAnswer",
    "ProviderError",
    "Refused",
    "Result",
    "Service",
    "connect",
]

KEPT_EVENTS = 10_000
"""Events of a job that are kept for who looks later; older ones are forgotten."""
GUESTS = range(1, 1_000_000_000)
"""Numbers of controllers that are there beside the one that takes the results."""


class JobFailed(NetworkError):
    """The job has not ended well."""


@dataclass(frozen=True, slots=True)
class Result:
    """What a routine server has sent (R5, R111)."""

    function: str
    """The function it came from; empty where the network does not say so."""
    message: Message


class Job:
    """A job that was started, or has begun by its trigger."""

    def __init__(self, service: Service, number: int, name: str = "") -> None:
        self.service = service
        self.number = number
        self.name = name
        self.results: list[Result] = []
        self.ended: JobEnded | None = None
        """How it ended; None: it runs."""
        self.fault: Exception | None = None
        """Why the provider's code cannot go on with it."""
        self._events: deque[JobEvent] = deque(maxlen=KEPT_EVENTS)
        self._count = 0
        self._news = asyncio.Event()

    async def events(self) -> AsyncIterator[JobEvent]:
        """What happens, from the beginning on, until the job has ended."""
        position = 0
        while True:
            while position < self._count:
                first = self._count - len(self._events)
                position = max(position, first)
                yield self._events[position - first]
                position += 1
            if self.ended is not None:
                return
            self._news.clear()
            await self._news.wait()

    async def wait(self) -> None:
        """Wait for its end. Raises `JobFailed`; `ProviderError` where the provider's code has stopped it."""
        async for _ in self.events():
            pass
        assert self.ended is not None
        if self.fault is not None:
            raise self.fault
        if self.ended.cause != Cause.NORMAL:
            raise JobFailed(cause_of(self.ended.cause), self.ended.detail)

    async def stop(self) -> None:
        """Have it stopped; it has ended when `wait` returns. Raises `NetworkError`."""
        await self.service.controller.stop(self.number)

    def take(self, event: JobEvent) -> None:
        """Something has happened."""
        self._events.append(event)
        self._count += 1
        if isinstance(event, JobEnded):
            self.ended = event
        self._news.set()


class Service:
    """A registered service of our provider."""

    def __init__(self, controller: Controller, number: int, name: str, provider: Provider | None) -> None:
        self.controller = controller
        self.number = number
        self.name = name
        self.provider = provider
        """The provider's code: what it makes of results."""
        self.jobs: dict[int, Job] = {}
        """Those that were started or have begun since we are here."""
        self.results: list[Result] = []
        """Of all its jobs."""

    async def start(self, job: str, *, k: int = 0, cut: int | None = None) -> Job:
        """Start a job. `k`: at least so many clients per server; `cut`: where the model is split, default: the
        service's setting. Raises `NetworkError`."""
        if cut is None:
            cut = int(self.provider.context.values.get("cut", 0)) if self.provider is not None else 0
        return await self.controller.start(self, job, k=k, cut=cut)

    async def raise_event(self, event: str) -> None:
        """Jobs that wait for the event start. Raises `NetworkError`."""
        await self.controller.raise_event(self, event)

    async def remove(self) -> None:
        """Its jobs end, then its instances. Raises `NetworkError`."""
        await self.controller.remove(self)

    def save(self, folder: Path) -> list[Path]:
        """Keep the results in files of `folder`, as the provider's code does; gives them. Raises OSError."""
        if self.provider is not None:
            return self.provider.save(folder)
        written = []
        for number, result in enumerate(self.results, 1):
            path = folder / f"result-{number:04}{result.function and '-' + result.function}.bin"
            path.write_bytes(bytes(result.message.data))
            written.append(path)
        return written

    def job(self, number: int, name: str = "") -> Job:
        """The job of this number."""
        if number not in self.jobs:
            self.jobs[number] = Job(self, number, name)
        return self.jobs[number]

    def take(self, function: str, message: Message) -> Message | None:
        """A result has come: to the job that runs, or else to the one that has ended last."""
        result = Result(function, message)
        self.results.append(result)
        running = [job for job in self.jobs.values() if job.ended is None]
        of = running[0] if len(running) == 1 else None if running else next(reversed(self.jobs.values()), None)
        if of is not None:
            of.results.append(result)
        if self.provider is None:
            return None
        try:
            return self.provider.take(function, message)
        except ProviderError as error:
            for job in running:
                job.fault = error
                self.controller.give_up(job)
            return None


class Controller:
    """An application controller of one provider. Made by `connect`."""

    def __init__(
        self,
        client: BusClient,
        provider: str,
        machine: Callable[[Controller], ApplicationController],
        seed: int,
        subscribers: int,
    ) -> None:
        self.provider = provider
        self.services: dict[int, Service] = {}
        """Those it has registered, or asked for."""
        self.on_event: Callable[[JobEvent], None] = lambda event: None
        """Called with everything that happens."""
        self._client = client
        self._seed, self._subscribers = seed, subscribers
        self._machine = machine(self)
        self._attaching: asyncio.Future[None] | None = None
        self._jobs: dict[int, Job] = {}
        self._early: dict[int, list[JobEvent]] = {}

    def attach(self) -> None:
        """Begin to attach to the forwarding plane, so that results come."""
        if self._attaching is None:
            self._attaching = asyncio.ensure_future(self._attach())

    async def _attach(self) -> None:
        await self._client.do(_attached(self._machine))

    def leave(self) -> None:
        """Take no results any more."""
        if self._attaching is not None:
            self._attaching.cancel()

    async def attached(self) -> None:
        """Wait until that is done; who takes no results does not wait."""
        if self._attaching is not None:
            await asyncio.shield(self._attaching)

    # Services

    async def register(
        self,
        description: ServiceDescription | Path | str,
        settings: Mapping[str, SettingValue] = MappingProxyType({}),
        *,
        k: int = 0,
        cut: int | None = None,
        modules: Sequence[str] = (),
        path: str = "",
    ) -> Service:
        """Register a service; returns when all its concrete functions run. `settings`: other values than its defaults.

        `modules` and `path`: where the provider's own code may come from. Raises `ConfigurationError` for a description
        or settings that are wrong, `ProviderError`, `NetworkError`.
        """
        if not isinstance(description, ServiceDescription):
            description = load_service_description(description, modules)
        code = self.provider_of(description, settings, modules, path)
        await self.attached()
        split = code.context.values.get("cut", 0)
        registered = await self._client.do(
            self._machine.register(
                description,
                code.settings(),
                k=k or description.privacy.k,
                cut=int(split) if cut is None else cut,
                controller=controller_name(self.provider),
            )
        )
        service = self.services[registered.service] = Service(self, registered.service, description.name, code)
        return service

    def provider_of(
        self,
        description: ServiceDescription,
        settings: Mapping[str, SettingValue],
        modules: Sequence[str] = (),
        path: str = "",
    ) -> Provider:
        """The provider's code for a service with these settings. Raises `ProviderError`."""
        context = ProviderContext(
            description, checked_settings(description, settings), self._seed, self._subscribers, description.privacy.k
        )
        return make_provider(context, modules, path)

    async def list_services(self) -> list[ServiceStatus]:
        """All services of the provider. Raises `NetworkError`."""
        return await self._client.do(self._machine.list_services())

    async def service(
        self, wanted: int | str, code: Callable[[ServiceStatus], Provider | None] | None = None
    ) -> Service:
        """A registered service of ours, by its number or name. Raises `NetworkError`: there is none, or several.

        `code` makes the provider's code for it; without it results are just kept.
        """
        there = await self.list_services()
        found = [s for s in there if wanted in (s.service, s.name) or str(s.service) == wanted]
        if len(found) != 1:
            known = ", ".join(f"{s.service} {s.name}" for s in there) or "none"
            several = f"{len(found)} services are called" if found else "no service"
            raise Refused(Cause.UNKNOWN_JOB, f"{several} {wanted}; allowed: {known}")
        (status,) = found
        if status.service not in self.services:
            provider = code(status) if code is not None else None
            self.services[status.service] = Service(self, status.service, status.name, provider)
        return self.services[status.service]

    async def remove(self, service: Service) -> None:
        """Remove a service. Raises `NetworkError`."""
        await self._client.do(self._machine.remove(service.number))
        self.services.pop(service.number, None)

    # Jobs

    async def start(self, service: Service, job: str, *, k: int = 0, cut: int = 0) -> Job:
        """Start a job of a service. Raises `NetworkError`."""
        if self._attaching is not None:
            await self.attached()
            await self._client.do(self._machine.results_ready(service.number))
        number = await self._client.do(self._machine.start(service.number, job, k=k, cut=cut))
        return self._known(service, number, job)

    async def watch(self, number: int, code: Callable[[ServiceStatus], Provider | None] | None = None) -> Job:
        """A job that was started before, is armed or has ended, by its number; `code` as in `service`. Raises
        `NetworkError`."""
        await self.attached()
        status = next((job for job in await self.list_jobs() if job.job == number), None)
        if status is None:
            raise Refused(Cause.UNKNOWN_JOB, f"job {number}")
        service = await self.service(status.service, code)
        job = self._known(service, number, status.name)
        if status.state == "ended":
            self._take_event(JobEnded(job=number, cause=status.cause, detail=status.detail))
        else:
            self._client.driver.feed(lambda now: self._machine.watch(number))
        return job

    async def list_jobs(self) -> list[JobStatus]:
        """All jobs of the provider: armed, running, ended lately. Raises `NetworkError`."""
        return await self._client.do(self._machine.list_jobs())

    async def stop(self, job: int) -> None:
        """Have a job stopped. Raises `NetworkError`."""
        await self._client.do(self._machine.stop(job))

    async def raise_event(self, service: Service, event: str) -> None:
        """Jobs of the service that wait for the event start. Raises `NetworkError`."""
        await self._client.do(self._machine.raise_event(service.number, event))

    def give_up(self, job: Job) -> None:
        """The provider's code cannot go on with a job: it is stopped."""
        self._client.driver.feed(
            lambda now: self._client.procedures.start("stop job", self._machine.stop(job.number), traced=False)
        )

    # What the machine says

    def _known(self, service: Service, number: int, name: str) -> Job:
        job = self._jobs[number] = service.job(number, name)
        for event in self._early.pop(number, []):
            job.take(event)
        return job

    def take_event(self, event: JobEvent) -> None:
        """Something has happened to a service or job."""
        self.on_event(event)
        self._take_event(event)

    def _take_event(self, event: JobEvent) -> None:
        if isinstance(event, ServiceRegistered | JobStarted):
            return
        if isinstance(event, JobBegun) and (service := self.services.get(event.service)) is not None:
            self._known(service, event.job, event.name)
        job = self._jobs.get(event.job)
        if job is None:
            # Told before our request was answered; bounded by what the network says of its own jobs.
            if len(self._early) < KEPT_EVENTS:
                self._early.setdefault(event.job, []).append(event)
            return
        if job.ended is not None and isinstance(event, JobEnded):
            return
        if isinstance(event, JobProgress) and job.service.provider is not None:
            job.service.provider.progress(event.what, event.values)
        job.take(event)

    def take_result(self, service: int, function: str, message: Message) -> Message | None:
        """A result has come; what is given back is the job's input."""
        found = self.services.get(service)
        return None if found is None else found.take(function, message)


async def _attached(machine: ApplicationController) -> None:
    await machine.attach()


def checked_settings(description: ServiceDescription, settings: Mapping[str, SettingValue]) -> dict[str, SettingValue]:
    """The service's settings with these values in place of its defaults. Raises `ProviderError`, which names all that
    is wrong."""
    declared = description.settings
    values = {name: setting.default for name, setting in declared.items()}
    wrong = []
    for name, value in settings.items():
        if name not in declared:
            wrong.append(f"setting {name}: unknown; allowed: {', '.join(declared) or 'none'}")
        elif not declared[name].accepts(value):
            wrong.append(f"setting {name}: {value!r} is not allowed; allowed: {allowed_values(declared[name])}")
        else:
            values[name] = float(value) if isinstance(values[name], float) else value
    if wrong:
        raise ProviderError("; ".join(wrong))
    return values


@contextlib.asynccontextmanager
async def connect(
    folder: Path | str | None = None,
    provider: str = "",
    *,
    results: bool = True,
    host: str = "",
    say: Callable[[str], None] = print,
) -> AsyncIterator[Controller]:
    """The application controller of `provider` at the network of `folder`; default: the only provider, the newest run.

    With `results` it attaches to the forwarding plane, and waits for that before it registers or starts anything; a
    provider has one such controller at a time. Without, it comes as a guest that may ask for everything else. `host`:
    address of this machine, where it is not the network's own. `say` gets lines for the person. Raises
    `NetworkFileError`, `NetworkError`.
    """
    where = find_network(Path(folder) if folder is not None else None)
    network, own = read_network(where), read_controller(where, provider)
    with contextlib.ExitStack() as stack:
        if results:
            stack.enter_context(_alone(where, own))
        name = controller_name(own.provider, 0 if results else random.choice(GUESTS))
        config = client_config(network, own.key, Login(own.username, own.password), host=host)
        async with join(config, name, say) as client:
            controller = await _controller(client, own.provider, network, edge_address(network), say)
            if results:
                controller.attach()
            try:
                yield controller
            finally:
                controller.leave()


async def _controller(
    client: BusClient, provider: str, network: NetworkFile, address: Address, say: Callable[[str], None]
) -> Controller:
    platform = client.platform

    def receive(data: Buffer, stride: int, source: Address, bulk: bool, now: int) -> None:
        machines[0].receive(data, stride, source, bulk, now)

    t4 = await platform.open_link("T4", (0, 0), client.driver, receive)
    entity = platform.control_entity(platform.name, client.procedures, client.timers, client.driver)
    forwarding_function = await platform.network.resolve(*address)
    machines: list[ApplicationController] = []

    def machine(controller: Controller) -> ApplicationController:
        machines.append(
            ApplicationController(
                entity,
                forwarding_function,
                t4.sockets,
                client.procedures,
                client.timers,
                t4.budget,
                lambda: platform.random_number(32),
                platform.trace,
                controller.take_result,
                controller.take_event,
                say,
            )
        )
        return machines[0]

    controller = Controller(client, provider, machine, network.seed, network.subscribers)
    client.use(machines[0])
    return controller


@contextlib.contextmanager
def _alone(folder: Path, own: ControllerFile) -> Iterator[TextIO]:
    """Of the controllers of a provider that take results there is one: two would take each other's place."""
    path = folder / CONTROLLERS / f"{own.provider}.lock"
    with path.open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            raise Refused(
                Cause.BUSY, f"process {file.read().strip()} is the controller of {own.provider} that takes the results"
            ) from None
        file.truncate(0)
        file.write(f"{os.getpid()}\n")
        file.flush()
        yield file
