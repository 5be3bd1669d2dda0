"""The core: control-plane entities and routine managers, each speaking over the bus, also where they share a process.

So one process may serve all of them, or several some each, at the core's site or at the RAN's (R31-R34): nothing on the
bus is different.
"""

from __future__ import annotations

from collections.abc import Callable

from net4ai.codecs.envelope import Envelope
from net4ai.core import names
from net4ai.core.access_manager import AccessManager
from net4ai.core.config import CoreConfig
from net4ai.core.job_manager import JobManager
from net4ai.core.orchestrator import Orchestrator
from net4ai.core.placement import GreedyPlacer, Placer
from net4ai.core.placement_exact import ExactPlacer
from net4ai.core.ran_association import RanAssociation
from net4ai.core.resource_manager import ResourceManager
from net4ai.core.routine_manager import RoutineManager
from net4ai.core.service_manager import ServiceManager
from net4ai.core.store import MemoryStore, Store
from net4ai.core.task_manager import TaskManager
from net4ai.stack.control_entity import ControlEntity
from net4ai.stack.procedure import Procedures
from net4ai.stack.timers import Timers

PLACERS: dict[str, Callable[[], Placer]] = {"exact": ExactPlacer, "greedy": GreedyPlacer}
"""Ways to place the functions of services (R114), by the name in the configuration."""


class Core:
    """The core's entities. The owner feeds envelopes, N2 messages and time."""

    def __init__(
        self,
        config: CoreConfig,
        procedures: Procedures,
        entity: Callable[[str], ControlEntity],
        random_identity: Callable[[], int],
        store: Store | None = None,
    ) -> None:
        """`entity(name)` makes the bus end of an entity; without a `store` nothing outlives it. Raises `StoreError`."""
        self.procedures = procedures
        self.store = MemoryStore() if store is None else store
        routine_managers = names.routine_managers(config.routine_managers)
        here = config.entities or (*names.ENTITIES, *routine_managers)
        self.entities = {name: entity(name) for name in here}

        def end(name: str) -> ControlEntity:
            """Who is served elsewhere has its manager here too: one that hears nothing and does nothing."""
            return self.entities.get(name) or _silent(name, procedures, config)

        self.service_manager = ServiceManager(end(names.SERVICE_MANAGER), config, self.store)
        self.resource_manager = ResourceManager(
            end(names.RESOURCE_MANAGER), config.nodes, self.store, PLACERS[config.placer]()
        )
        self.orchestrator = Orchestrator(end(names.ORCHESTRATOR), config.routine_managers, self.store)
        self.access_manager = AccessManager(end(names.ACCESS_MANAGER), config, random_identity, self.store)
        self.job_manager = JobManager(end(names.JOB_MANAGER), self.store)
        ran_nodes = [node for node, kind in config.nodes.items() if kind == "ran-node"]
        self.task_manager = TaskManager(end(names.TASK_MANAGER), self.store, ran_nodes)
        self.routine_managers = [RoutineManager(end(name)) for name in routine_managers]

    def recover(self, now: int) -> None:
        """Take what the store has kept, before anything comes in: jobs that were running go on. Raises `StoreError`."""
        self.procedures.advance(now)
        for name, manager in (
            (names.RESOURCE_MANAGER, self.resource_manager),
            (names.ORCHESTRATOR, self.orchestrator),
            (names.ACCESS_MANAGER, self.access_manager),
            (names.SERVICE_MANAGER, self.service_manager),
            (names.JOB_MANAGER, self.job_manager),
        ):
            if name in self.entities:
                manager.recover()
        self.procedures.run()

    def receive_envelope(self, envelope: Envelope, now: int) -> None:
        """An envelope for one of the entities."""
        self.entities[envelope.to].receive(envelope, now)

    def ran_node_connected(self, send: Callable[[bytes], None]) -> RanAssociation:
        """A RAN node has connected: its end of N2."""
        return RanAssociation(self.access_manager, send)

    def pump(self, now: int) -> None:
        """End what is due."""
        self.procedures.advance(now)

    def next_deadline(self) -> int | None:
        return self.procedures.next_deadline()


def _silent(name: str, procedures: Procedures, config: CoreConfig) -> ControlEntity:
    """An entity that is not on the bus."""
    return ControlEntity(name, procedures, Timers(config.timers), lambda envelope: None, lambda: "")
