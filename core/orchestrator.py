"""Orchestrator: decides where concrete functions run, makes them run, and keeps them running (R44-R52).

What shall run (instances, each at its node) stands in deployments, and in the store as reservations. What does run,
nodes announce. Where they differ, instances are made anew or ended; where a node stays away, they are made elsewhere.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

import msgspec

from net4ai.codecs.bus import (
    Done,
    InstallResults,
    Instance,
    InstanceLost,
    InstanceMoved,
    InstanceRelocated,
    InstantiateFunction,
    InstantiateService,
    NodeAvailable,
    NodeLost,
    RegisterService,
    ReleaseResources,
    RelocateInstance,
    ReserveResources,
    ResourcesReserved,
    ServiceInstantiated,
    TerminateFunction,
    TerminateService,
    decode_body,
)
from net4ai.codecs.causes import Cause
from net4ai.codecs.service import ServiceDescription
from net4ai.core import names
from net4ai.core.names import forwarding_function
from net4ai.core.resource_manager import instance_of
from net4ai.core.store import MemoryStore, ReservationRow, ServiceRow, Store
from net4ai.stack.control_entity import ControlEntity
from net4ai.stack.procedure import Procedure, ProcedureCancelled, ProcedureError, outcome_of
from net4ai.stack.units import SECOND

SETTLED_AFTER = 5 * SECOND
"""What a node announces may be older than what was made there in this time."""
TOLD_OF_MOVES = names.SERVICE_MANAGER, names.TASK_MANAGER
"""Who keeps instances with their nodes."""


@dataclass(slots=True)
class DesiredInstance:
    """An instance that shall run."""

    instance: Instance
    made: int | None = None
    """When its node said that it runs; None: it does not, as far as is known."""
    results_made: int | None = None
    """When its session with the application controller was made; None: it has none, as far as is known."""
    work: Procedure[None] | None = None
    """Its making or moving, under way or over."""

    @property
    def busy(self) -> bool:
        """Something is done about it."""
        return self.work is not None and not self.work.done


@dataclass(slots=True)
class Deployment:
    """A service and its instances."""

    request: InstantiateService
    routine_manager: str
    """The compute plane selected for it (R44, R48)."""
    instances: dict[int, DesiredInstance] = field(default_factory=dict)
    complete: bool = False
    """It was instantiated as a whole: from now on each instance is cared for by itself."""


class Orchestrator:
    """Places the concrete functions of a service, side by side; a failure takes back all of it (R52)."""

    def __init__(self, entity: ControlEntity, routine_managers: int = 1, store: Store | None = None) -> None:
        self.entity = entity
        self.routine_managers = names.routine_managers(routine_managers)
        self.store = MemoryStore() if store is None else store
        self.deployments: dict[int, Deployment] = {}
        """By service."""
        self.lost: set[str] = set()
        """Nodes whose lease has ended."""
        self.controllers: dict[str, list[str]] = {}
        """Application controllers that are attached, by node."""
        entity.handle(InstantiateService, self.instantiate)
        entity.handle(TerminateService, self.terminate)
        entity.handle(NodeAvailable, self.node_available)
        entity.handle(NodeLost, self.node_lost)

    def recover(self) -> None:
        """Take up what shall run. What was reserved for services that never came to be is free. Raises `StoreError`."""
        services = {row.service: row for row in self.store.all(ServiceRow)}
        for row in self.store.all(ReservationRow):
            if row.service not in services:
                self._release_later(row.service)
                continue
            if row.service not in self.deployments:
                self.deployments[row.service] = _recovered(services[row.service])
            self.deployments[row.service].instances[row.instance] = DesiredInstance(instance_of(row))
        for service, deployment in self.deployments.items():
            before = decode_body(services[service].instantiated, ServiceInstantiated)
            moved = {instance.instance: instance.node for instance in before.instances}
            for desired in deployment.instances.values():
                if moved.get(desired.instance.instance) != desired.instance.node:
                    self._tell_moved(service, desired.instance)

    # From registration to removal

    async def instantiate(self, request: InstantiateService) -> ServiceInstantiated:
        """Reserve, then instantiate everywhere at once; the reply names all instances and the compute plane (R49)."""
        if request.service in self.deployments:
            raise ProcedureError(Cause.BUSY, f"service {request.service} is instantiated already")
        deployment = Deployment(request, self._least_loaded())
        self.deployments[request.service] = deployment
        try:
            reserved = await self.entity.call(
                names.RESOURCE_MANAGER,
                ReserveResources(service=request.service, description=request.description, terminals=request.terminals),
                ResourcesReserved,
                timer="reserve",
            )
            self._check_wanted(deployment)
            for instance in reserved.instances:
                deployment.instances[instance.instance] = desired = DesiredInstance(instance)
                self._start(deployment, desired)
            # All of them, also behind a failure: what is still under way could not be taken back.
            works = [desired.work for desired in deployment.instances.values() if desired.work is not None]
            outcomes = [await outcome_of(work) for work in works]
            for outcome in outcomes:
                if isinstance(outcome, ProcedureError):
                    raise outcome
        except ProcedureError:
            if isinstance(await outcome_of(self._take_back(deployment)), ProcedureError):
                self._release_later(request.service)
            raise
        deployment.complete = True
        return ServiceInstantiated(instances=reserved.instances, routine_manager=deployment.routine_manager)

    def _least_loaded(self) -> str:
        """The routine manager with the fewest services; the first of equals."""
        load = Counter(deployment.routine_manager for deployment in self.deployments.values())
        return min(self.routine_managers, key=lambda name: load[name])

    def _check_wanted(self, deployment: Deployment) -> None:
        """Raises `ProcedureError` where the service was removed meanwhile."""
        if self.deployments.get(deployment.request.service) is not deployment:
            raise ProcedureCancelled(f"service {deployment.request.service} was removed")

    async def terminate(self, request: TerminateService) -> Done:
        """All instances end, what was reserved is free; nothing where there is no such service (any more)."""
        deployment = self.deployments.get(request.service)
        if deployment is None:
            return await self._release(request.service)
        await self._take_back(deployment)
        return Done()

    async def _take_back(self, deployment: Deployment) -> None:
        """End all instances side by side. A node that does not answer ends its own when it announces them."""
        service = deployment.request.service
        if self.deployments.get(service) is deployment:
            del self.deployments[service]
        for desired in deployment.instances.values():
            if desired.busy and desired.work is not None:
                desired.work.cancel("the service ends")
        ends = [self._end(desired.instance) for desired in deployment.instances.values()]
        for end in ends:
            await outcome_of(end)
        await self._release(service)

    def _end(self, instance: Instance) -> Procedure[Done]:
        request = TerminateFunction(instance=instance.instance, application_server=instance.application_server)
        call = self.entity.call(forwarding_function(instance.node), request, Done, timer="terminate")
        return self.entity.procedures.start("terminate function", call, instance=instance.instance)

    async def _release(self, service: int) -> Done:
        return await self.entity.call(names.RESOURCE_MANAGER, ReleaseResources(service=service), Done)

    def _release_later(self, service: int) -> None:
        """For nobody who waits; until it is done."""

        async def release() -> None:
            while isinstance(await outcome_of(self._release(service)), ProcedureError):
                await self.entity.procedures.sleep(self.entity.timers["store-again"])

        self.entity.procedures.start("release", release(), traced=False)

    # One instance

    def _start(self, deployment: Deployment, desired: DesiredInstance) -> None:
        desired.work = self.entity.procedures.start(
            "instantiate function", self._make(deployment, desired), instance=desired.instance.instance
        )

    async def _make(self, deployment: Deployment, desired: DesiredInstance) -> None:
        instance, request = desired.instance, deployment.request
        function = request.description.functions[instance.function]
        await self.entity.call(
            forwarding_function(instance.node),
            InstantiateFunction(
                instance=instance.instance,
                function=function.entry_point,
                settings=request.settings.get(instance.function, {}),
                application_server=instance.application_server,
                memory_mib=function.resources.memory_mib,
                busy_s=function.busy_s,
            ),
            Done,
            timer="instantiate",
        )
        desired.made = self.entity.procedures.now
        if gives_results(deployment, instance):
            await self._install_results(deployment, desired)

    async def _install_results(self, deployment: Deployment, desired: DesiredInstance) -> None:
        """A session with the application controller (R5, R111); later, where the controller is not attached yet.

        Where it is attached at another node, that leads the session to the instance's (T8).
        """
        instance, controller = desired.instance, deployment.request.controller
        node = self._node_of(controller) or instance.node
        request = InstallResults(
            instance=instance.instance, controller=controller, node=instance.node if node != instance.node else ""
        )
        call = self.entity.call(forwarding_function(node), request, Done, timer="install-routes")
        outcome = await outcome_of(call)
        if not isinstance(outcome, ProcedureError):
            desired.results_made = self.entity.procedures.now
        elif outcome.cause is not Cause.FUNCTION_NOT_HERE:
            raise outcome

    def _node_of(self, controller: str) -> str | None:
        """Where an application controller is attached, if it is."""
        return next((node for node, attached in self.controllers.items() if controller in attached), None)

    # Desired against actual

    def node_available(self, event: NodeAvailable) -> Done:
        """What runs at a node: what is missing is made, what nobody wants is ended."""
        self.lost -= {event.node} if event.application_servers else set()
        self.controllers[event.node] = event.controllers
        wanted = set()
        for deployment, desired in self._everything():
            here = desired.instance.node == event.node
            if here:
                wanted.add(desired.instance.instance)
            if not deployment.complete or desired.busy:
                continue
            if here:
                self._reconcile(deployment, desired, event)
            elif desired.instance.node in self.lost:
                self._relocate(deployment, desired)  # there may be room now
            self._reconcile_results(deployment, desired)
        for number in event.instances:
            if number not in wanted and event.application_servers:
                server = event.application_servers[0]
                self._end(Instance(instance=number, function="", node=event.node, application_server=server))
        return Done()

    def _reconcile(self, deployment: Deployment, desired: DesiredInstance, event: NodeAvailable) -> None:
        number = desired.instance.instance
        if number in event.instances:
            if desired.made is None:
                desired.made = self.entity.procedures.now
            if number not in event.results:
                desired.results_made = None if self._is_old(desired.results_made) else desired.results_made
            elif desired.results_made is None:
                desired.results_made = self.entity.procedures.now
            return
        if not self._is_old(desired.made):
            return
        self._gone(deployment, desired)
        if event.application_servers:
            if desired.instance.application_server not in event.application_servers:
                desired.instance.application_server = event.application_servers[0]
            self._start(deployment, desired)

    def _reconcile_results(self, deployment: Deployment, desired: DesiredInstance) -> None:
        """An instance that shall have a session with the application controller, and can, gets it."""
        missing = desired.made is not None and desired.results_made is None and not desired.busy
        if missing and gives_results(deployment, desired.instance) and self._node_of(deployment.request.controller):
            desired.work = self.entity.procedures.start(
                "install results",
                self._install_results(deployment, desired),
                instance=desired.instance.instance,
            )

    def _is_old(self, made: int | None) -> bool:
        """Whether an announcement that does not know of it may be believed."""
        return made is None or self.entity.procedures.now - made >= SETTLED_AFTER

    def _gone(self, deployment: Deployment, desired: DesiredInstance) -> None:
        """An instance runs no more: who runs executions on it is told."""
        if desired.made is not None:
            lost = InstanceLost(instance=desired.instance.instance)
            for name in (deployment.routine_manager, names.SERVICE_MANAGER):
                self.entity.tell(name, lost)
        desired.made = desired.results_made = None

    def node_lost(self, event: NodeLost) -> Done:
        """A node has stayed away: its instances are placed elsewhere, where the service's description allows it."""
        self.lost.add(event.node)
        for deployment, desired in self._everything():
            if desired.instance.node == event.node and deployment.complete:
                self._gone(deployment, desired)
                self._relocate(deployment, desired)
        return Done()

    def _relocate(self, deployment: Deployment, desired: DesiredInstance) -> None:
        """Where a function is wanted at each node, another one is no place for it."""
        anywhere = deployment.request.description.functions[desired.instance.function].instances > 0
        if not (anywhere and deployment.complete) or desired.busy:
            return
        desired.work = self.entity.procedures.start(
            "relocate", self._move(deployment, desired), instance=desired.instance.instance
        )

    async def _move(self, deployment: Deployment, desired: DesiredInstance) -> None:
        """Raises `ProcedureError` where there is no other place: then it waits for its node."""
        request = deployment.request
        relocated = await self.entity.call(
            names.RESOURCE_MANAGER,
            RelocateInstance(
                instance=desired.instance.instance, description=request.description, terminals=request.terminals
            ),
            InstanceRelocated,
        )
        if relocated.instance.node != desired.instance.node:
            desired.instance = relocated.instance
            self._tell_moved(request.service, desired.instance)
        await self._make(deployment, desired)

    def _tell_moved(self, service: int, instance: Instance) -> None:
        for name in TOLD_OF_MOVES:
            self.entity.tell(name, InstanceMoved(service=service, instance=instance))

    def _everything(self) -> Iterator[tuple[Deployment, DesiredInstance]]:
        for deployment in list(self.deployments.values()):
            for desired in list(deployment.instances.values()):
                yield deployment, desired


def _recovered(row: ServiceRow) -> Deployment:
    """A deployment as it was instantiated, without its instances."""
    registration = msgspec.json.decode(row.registration, type=RegisterService)
    request = InstantiateService(
        service=row.service,
        description=registration.description,
        settings=registration.settings,
        controller=registration.controller,
    )
    instantiated = decode_body(row.instantiated, ServiceInstantiated)
    return Deployment(request, instantiated.routine_manager, complete=True)


def gives_results(deployment: Deployment, instance: Instance) -> bool:
    """Whether what an instance makes goes to the application controller (R111)."""
    return instance.function in last_servers(deployment.request.description)


def last_servers(description: ServiceDescription) -> set[str]:
    """Functions that end a task's chain: their results go to the application controller (R111)."""
    return {description.routines[task.chain[-1]].server for task in description.tasks.values()}
