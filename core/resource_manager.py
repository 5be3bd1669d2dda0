"""Resource manager: which application servers there are, and who has reserved them (R38, R45, R52)."""

from __future__ import annotations

import itertools
from collections.abc import Collection, Mapping

from net4ai.codecs.bus import (
    Done,
    Instance,
    NodeAvailable,
    ReleaseResources,
    ReserveResources,
    ResourcesReserved,
)
from net4ai.codecs.causes import Cause
from net4ai.stack.control_entity import ControlEntity
from net4ai.stack.procedure import ProcedureError, ProcedureTimeout, Promise


class ResourceManager:
    """Knows the nodes that are to come (from the core's configuration) and the application servers that are there."""

    def __init__(self, entity: ControlEntity, nodes: Mapping[str, str]) -> None:
        self.entity = entity
        self.nodes = dict(nodes)
        """Forwarding functions of this network: name to kind, "ran-node" or "edge"."""
        self.application_servers: dict[str, list[str]] = {}
        self.reservations: dict[int, list[Instance]] = {}
        self._numbers = itertools.count(1)
        self._waiting: list[Promise[None]] = []
        entity.handle(NodeAvailable, self.node_available)
        entity.handle(ReserveResources, self.reserve)
        entity.handle(ReleaseResources, self.release)

    def node_available(self, event: NodeAvailable) -> Done:
        """A forwarding function says which application servers are attached to it."""
        if event.node not in self.nodes:
            raise ProcedureError(Cause.NOT_ALLOWED, f"node {event.node}; allowed: {', '.join(self.nodes)}")
        self.application_servers[event.node] = event.application_servers
        waiting, self._waiting = self._waiting, []
        for promise in waiting:
            promise.resolve(None)
        return Done()

    def missing(self, kinds: Collection[str]) -> list[str]:
        """Nodes of these kinds that have no application server yet."""
        return [node for node, kind in self.nodes.items() if kind in kinds and not self.application_servers.get(node)]

    async def reserve(self, request: ReserveResources) -> ResourcesReserved:
        """One place for each wanted instance, or a refusal and nothing (R52). Waits for nodes that still start."""
        procedures, timers = self.entity.procedures, self.entity.timers
        places = {name: function.place for name, function in request.description.functions.items() if function.place}
        wanted = set(places.values())
        if nowhere := sorted(wanted - set(self.nodes.values())):
            raise ProcedureError(Cause.NO_RESOURCES, f"this network has no {', '.join(nowhere)}")
        deadline = procedures.now + timers["nodes-wait"]
        while self.missing(wanted):
            promise: Promise[None] = procedures.promise("nodes", timeout=max(0, deadline - procedures.now))
            self._waiting.append(promise)
            try:
                await promise
            except ProcedureTimeout:
                names = ", ".join(self.missing(wanted))
                raise ProcedureError(Cause.NO_RESOURCES, f"no application server at {names}") from None
        instances = [
            Instance(
                instance=next(self._numbers),
                function=function,
                node=node,
                application_server=self.application_servers[node][0],
            )
            for function, wanted_kind in places.items()
            for node, kind in self.nodes.items()
            if kind == wanted_kind
        ]
        self.reservations[request.service] = instances
        return ResourcesReserved(instances=instances)

    def release(self, request: ReleaseResources) -> Done:
        """Free what the service had reserved."""
        self.reservations.pop(request.service, None)
        return Done()
