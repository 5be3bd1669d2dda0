"""The core: all control-plane entities and the routine manager in one process, each speaking over the bus (R31-R34)."""

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

ENTITIES = (
    names.SERVICE_MANAGER,
    names.ORCHESTRATOR,
    names.RESOURCE_MANAGER,
    names.ACCESS_MANAGER,
    names.JOB_MANAGER,
    names.TASK_MANAGER,
)
"""There is one of each; of routine managers as many as configured."""

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
        self.entities = {name: entity(name) for name in (*ENTITIES, *routine_managers)}
        self.service_manager = ServiceManager(self.entities[names.SERVICE_MANAGER], config, self.store)
        self.resource_manager = ResourceManager(
            self.entities[names.RESOURCE_MANAGER], config.nodes, self.store, PLACERS[config.placer]()
        )
        self.orchestrator = Orchestrator(self.entities[names.ORCHESTRATOR], config.routine_managers, self.store)
        self.access_manager = AccessManager(self.entities[names.ACCESS_MANAGER], config, random_identity, self.store)
        self.job_manager = JobManager(self.entities[names.JOB_MANAGER], self.store)
        ran_nodes = [node for node, kind in config.nodes.items() if kind == "ran-node"]
        self.task_manager = TaskManager(self.entities[names.TASK_MANAGER], self.store, ran_nodes)
        self.routine_managers = [RoutineManager(self.entities[name]) for name in routine_managers]

    def recover(self, now: int) -> None:
        """Take what the store has kept, before anything comes in: jobs that were running go on. Raises `StoreError`."""
        self.procedures.advance(now)
        self.resource_manager.recover()
        self.orchestrator.recover()
        self.access_manager.recover()
        self.service_manager.recover()
        self.job_manager.recover()
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
