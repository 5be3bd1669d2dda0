"""Orchestrator: decides where concrete functions run, and makes them run (R44-R52)."""

from __future__ import annotations

from net4ai.codecs.bus import (
    Done,
    InstallResults,
    Instance,
    InstantiateFunction,
    InstantiateService,
    ReleaseResources,
    ReserveResources,
    ResourcesReserved,
    ServiceInstantiated,
    TerminateFunction,
)
from net4ai.codecs.service import ServiceDescription
from net4ai.core import names
from net4ai.core.names import forwarding_function
from net4ai.stack.control_entity import ControlEntity
from net4ai.stack.procedure import ProcedureError, outcome_of


class Orchestrator:
    """Places the concrete functions of a service, side by side; a failure takes back all of it (R52)."""

    def __init__(self, entity: ControlEntity) -> None:
        self.entity = entity
        entity.handle(InstantiateService, self.instantiate)

    async def instantiate(self, request: InstantiateService) -> ServiceInstantiated:
        """Reserve, then instantiate everywhere at once; the reply names all instances and the compute plane."""
        reserved = await self.entity.call(
            names.RESOURCE_MANAGER,
            ReserveResources(service=request.service, description=request.description, terminals=request.terminals),
            ResourcesReserved,
            timer="reserve",
        )
        instances = reserved.instances
        started = [
            self.entity.procedures.start(
                "instantiate function", self._instantiate(instance, request), instance=instance.instance
            )
            for instance in instances
        ]
        # All of them, also behind a failure: what is still under way could not be taken back.
        outcomes = [await outcome_of(procedure) for procedure in started]
        for outcome in outcomes:
            if isinstance(outcome, ProcedureError):
                await self._take_back(request.service, instances)
                raise outcome
        return ServiceInstantiated(instances=instances, routine_manager=names.ROUTINE_MANAGER)

    async def _instantiate(self, instance: Instance, request: InstantiateService) -> None:
        node = forwarding_function(instance.node)
        await self.entity.call(
            node,
            InstantiateFunction(
                instance=instance.instance,
                function=request.description.functions[instance.function].entry_point,
                settings=request.settings.get(instance.function, {}),
                application_server=instance.application_server,
            ),
            Done,
            timer="instantiate",
        )
        if instance.function in last_servers(request.description):
            await self.entity.call(
                node,
                InstallResults(instance=instance.instance, controller=request.controller),
                Done,
                timer="install-routes",
            )

    async def _take_back(self, service: int, instances: list[Instance]) -> None:
        for instance in instances:
            request = TerminateFunction(instance=instance.instance, application_server=instance.application_server)
            await outcome_of(self.entity.call(forwarding_function(instance.node), request, Done))
        await outcome_of(self.entity.call(names.RESOURCE_MANAGER, ReleaseResources(service=service), Done))


def last_servers(description: ServiceDescription) -> set[str]:
    """Functions that end a task's chain: their results go to the application controller (R111)."""
    return {description.routines[task.chain[-1]].server for task in description.tasks.values()}
