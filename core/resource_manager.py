"""Resource manager: which nodes are there, what they have, and who has reserved it (R38, R45, R52, R114)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from net4ai.codecs.bus import (
    Capacity,
    Done,
    Instance,
    InstanceRelocated,
    NodeAvailable,
    NodeLost,
    ReleaseResources,
    RelocateInstance,
    ReserveResources,
    ResourcesReserved,
)
from net4ai.codecs.causes import Cause
from net4ai.codecs.service import Function, ServiceDescription
from net4ai.core import names
from net4ai.core.deployment import Reservation, deploy, nodes_for, problem_of, relocate
from net4ai.core.placement import RESOURCES, Node, Placer, Problem, amounts_of
from net4ai.core.placement_exact import ExactPlacer
from net4ai.core.store import MemoryStore, Numbers, ReservationRow, Store
from net4ai.stack.control_entity import ControlEntity
from net4ai.stack.procedure import Procedure, ProcedureError, ProcedureTimeout, Promise


class ResourceManager:
    """Knows the nodes that are to come (from the core's configuration), those that are there, and all reservations.

    What is free is capacity minus reservations, summed up anew each time. To place and to reserve is one step, between
    two messages: nobody is promised what another one gets.
    """

    def __init__(
        self,
        entity: ControlEntity,
        nodes: Mapping[str, str],
        store: Store | None = None,
        placer: Placer | None = None,
    ) -> None:
        self.entity = entity
        self.nodes = dict(nodes)
        """Forwarding functions of this network: name to kind, "ran-node" or "edge"."""
        self.store = MemoryStore() if store is None else store
        self.placer = ExactPlacer() if placer is None else placer
        self.application_servers: dict[str, list[str]] = {}
        self.capacities: dict[str, Capacity] = {}
        """Of nodes that have said so, be they lost or not."""
        self.reservations: dict[int, Reservation] = {}
        """By instance."""
        self.lost: set[str] = set()
        """Nodes whose lease has ended."""
        self._numbers = Numbers(self.store, "instance")
        self._leases: dict[str, Procedure[None]] = {}
        self._waiting: list[Promise[None]] = []
        entity.handle(NodeAvailable, self.node_available)
        entity.handle(ReserveResources, self.reserve)
        entity.handle(RelocateInstance, self.relocate)
        entity.handle(ReleaseResources, self.release)

    def recover(self) -> None:
        """Take up the reservations that were kept; their nodes have a lease to come back. Raises `StoreError`."""
        for row in self.store.all(ReservationRow):
            self.reservations[row.instance] = _reservation(row)
            if row.node not in self._leases:
                self._renew_lease(row.node)

    # Nodes

    def node_available(self, event: NodeAvailable) -> Done:
        """A forwarding function says what is attached to it; the orchestrator is told."""
        if event.node not in self.nodes:
            raise ProcedureError(Cause.NOT_ALLOWED, f"node {event.node}; allowed: {', '.join(self.nodes)}")
        self.application_servers[event.node] = event.application_servers
        self.capacities[event.node] = event.capacity
        if event.application_servers:
            self.lost.discard(event.node)
            self._renew_lease(event.node)
            waiting, self._waiting = self._waiting, []
            for promise in waiting:
                promise.resolve(None)
        self.entity.tell(names.ORCHESTRATOR, event)
        return Done()

    def _renew_lease(self, node: str) -> None:
        """The node counts as there for a while. Without an application server it is of no use: none, no lease."""
        if (lease := self._leases.pop(node, None)) is not None:
            lease.cancel("renewed")
        self._leases[node] = self.entity.procedures.start("node lease", self._lease(node), traced=False)

    async def _lease(self, node: str) -> None:
        await self.entity.procedures.sleep(self.entity.timers["node-lease"])
        del self._leases[node]
        self.application_servers[node] = []
        self.lost.add(node)
        self.entity.tell(names.ORCHESTRATOR, NodeLost(node=node))

    def missing(self, description: ServiceDescription) -> list[str]:
        """Nodes that a service waits for: those it cannot do without, and those that may come yet."""
        waited: set[str] = set()
        for function in description.functions.values():
            if function.kind == "concrete":
                waited |= self._absent(function)
            else:  # where terminals may be
                waited |= self._not_there(nodes_for("ran-node", self.nodes)) - self.lost
        return [node for node in self.nodes if node in waited]

    def _needed(self, description: ServiceDescription) -> list[str]:
        """Nodes without which there is no placement, of those that are not there."""
        needed: set[str] = set()
        for function in description.functions.values():
            if function.kind == "concrete":
                absent = self._absent(function)
                if function.instances == 0 or len(absent) == len(nodes_for(function.place, self.nodes)):
                    needed |= absent
        return [node for node in self.nodes if node in needed]

    def _absent(self, function: Function) -> set[str]:
        """Who wants a number of instances anywhere does not wait for a node that is lost, while there is another."""
        allowed = nodes_for(function.place, self.nodes)
        absent = self._not_there(allowed)
        return absent if function.instances == 0 or len(absent) == len(allowed) else absent - self.lost

    def _not_there(self, nodes: Iterable[str]) -> set[str]:
        return {node for node in nodes if not self.application_servers.get(node)}

    # Reservations

    async def reserve(self, request: ReserveResources) -> ResourcesReserved:
        """A place for each wanted instance, or a refusal and nothing (R52). Waits for nodes that still start."""
        await self._wait_for_nodes(request.description)
        held = self._held_by(request.service)
        if not held:
            problem = self._problem(request.description, request.terminals)
            placement = self.placer.place(problem)
            held = deploy(
                request.service, request.description, problem, placement, self._numbers.next, self._first_servers()
            )
            self._keep(held)
        return ResourcesReserved(instances=[reservation.instance for reservation in held])

    def relocate(self, request: RelocateInstance) -> InstanceRelocated:
        """Another place for an instance whose node is lost; where that has come back, its own."""
        reservation = self.reservations.get(request.instance)
        if reservation is None:
            raise ProcedureError(Cause.FUNCTION_NOT_HERE, f"instance {request.instance} has reserved nothing")
        if not self.application_servers.get(reservation.instance.node):
            held = self._held_by(reservation.service)
            problem = self._problem(request.description, request.terminals, without=reservation.service)
            self._keep(relocate(request.description, problem, held, reservation.instance, self._first_servers()))
        return InstanceRelocated(instance=self.reservations[request.instance].instance)

    def release(self, request: ReleaseResources) -> Done:
        """Free what the service had reserved, if anything."""
        held = self._held_by(request.service)
        self.store.delete(*(_row(reservation) for reservation in held))
        for reservation in held:
            del self.reservations[reservation.instance.instance]
        return Done()

    def free(self, node: str, without: int | None = None) -> dict[str, int]:
        """What can still be reserved at a node; `without`: as if this service had nothing."""
        free = self._capacity(node)
        for reservation in self.reservations.values():
            if reservation.service != without:
                for resource, amount in reservation.amounts.get(node, {}).items():
                    free[resource] -= amount
        return free

    def _capacity(self, node: str) -> dict[str, int]:
        """Of a node that has said nothing yet: nothing."""
        capacity = self.capacities.get(node)
        return dict.fromkeys(RESOURCES, 0) if capacity is None else amounts_of(capacity)

    def _problem(
        self, description: ServiceDescription, terminals: Mapping[str, int], without: int | None = None
    ) -> Problem:
        there = set(nodes_for("ran-node", self.nodes)) - self._not_there(self.nodes)
        known = {node: terminals.get(node, 0) for node in there}
        weights = known if any(known.values()) else dict.fromkeys(there, 1)
        nodes = [
            Node(
                name=name,
                kind=kind,
                capacity=self._capacity(name),
                free=self.free(name, without),
                terminals=weights.get(name, 0),
            )
            for name, kind in self.nodes.items()
        ]
        return problem_of(description, nodes, self._first_servers())

    def _first_servers(self) -> dict[str, str]:
        """The application server that takes instances, of each node that has one."""
        return {node: servers[0] for node, servers in self.application_servers.items() if servers}

    def _held_by(self, service: int) -> list[Reservation]:
        return [reservation for reservation in self.reservations.values() if reservation.service == service]

    def _keep(self, reservations: list[Reservation]) -> None:
        """In the store first: what cannot be kept is not reserved."""
        self.store.put(*(_row(reservation) for reservation in reservations))
        self.reservations |= {reservation.instance.instance: reservation for reservation in reservations}

    async def _wait_for_nodes(self, description: ServiceDescription) -> None:
        """Raises `ProcedureError` where nodes are missing without which there is no placement."""
        procedures, timers = self.entity.procedures, self.entity.timers
        places = {function.place for function in description.functions.values() if function.place}
        if nowhere := sorted(place for place in places if not nodes_for(place, self.nodes)):
            raise ProcedureError(Cause.NO_RESOURCES, f"this network has no {', '.join(nowhere)}")
        deadline = procedures.now + timers["nodes-wait"]
        while self.missing(description):
            promise: Promise[None] = procedures.promise("nodes", timeout=max(0, deadline - procedures.now))
            self._waiting.append(promise)
            try:
                await promise
            except ProcedureTimeout:
                break
        if needed := self._needed(description):
            raise ProcedureError(Cause.NO_RESOURCES, f"no application server at {', '.join(needed)}")
        self.lost |= set(self.missing(description))  # nobody waits for them again


def _row(reservation: Reservation) -> ReservationRow:
    instance = reservation.instance
    return ReservationRow(
        instance=instance.instance,
        service=reservation.service,
        function=instance.function,
        node=instance.node,
        application_server=instance.application_server,
        servers=msgspec.json.encode(instance.servers),
        amounts=msgspec.json.encode(reservation.amounts),
    )


def instance_of(row: ReservationRow) -> Instance:
    """The instance that a row is about."""
    return Instance(
        instance=row.instance,
        function=row.function,
        node=row.node,
        application_server=row.application_server,
        servers=msgspec.json.decode(row.servers, type=dict[str, int]),
    )


def _reservation(row: ReservationRow) -> Reservation:
    amounts: dict[str, dict[str, Any]] = msgspec.json.decode(row.amounts, type=dict[str, dict[str, int]])
    return Reservation(row.service, instance_of(row), amounts)
