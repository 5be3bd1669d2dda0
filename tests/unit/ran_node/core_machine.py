"""The access manager on the air of `radio_bench`, at the other end of N2."""

from __future__ import annotations

import itertools
from collections import deque

from core_bench import core_config
from radio_bench import Air, Ran

from net4ai.codecs import n2
from net4ai.core.access_manager import AccessManager
from net4ai.core.ran_association import RanAssociation
from net4ai.core.store import MemoryStore
from net4ai.stack.control_entity import ControlEntity
from net4ai.stack.procedure import Procedures
from net4ai.stack.timers import Timers


class CoreMachine:
    """The access manager alone: on the air only for its time."""

    def __init__(self, air: Air, ues: int, nodes: tuple[str, ...] = ("ran",)) -> None:
        self.air = air
        self.procedures = Procedures("core", air.trace.append)
        entity = ControlEntity("access-manager", self.procedures, Timers(), lambda envelope: None, lambda: "0" * 32)
        self.manager = AccessManager(
            entity,
            core_config([f"imsi-{n}" for n in range(1, ues + 1)], nodes=dict.fromkeys(nodes, "ran-node")),
            itertools.count(1).__next__,
            MemoryStore(),
        )
        self.associations: list[RanAssociation] = []
        """Of the RAN nodes, in the order they were connected."""
        self._waiting: deque[tuple[RanAssociation, n2.N2]] = deque()
        """From the RAN nodes: what comes in the midst of a request would find nobody waiting for it."""
        air.machines["core"] = self

    @property
    def association(self) -> RanAssociation:
        """The newest."""
        return self.associations[-1]

    def connect(self, ran: Ran) -> None:
        association = RanAssociation(self.manager, lambda data: ran.node.n2.receive(data, self.air.now))
        self.associations.append(association)
        ran.on_n2 = lambda message: self._waiting.append((association, message))
        ran.node.n2.connected(ran._receive, lambda: None, self.air.now)

    def pump(self, now: int) -> None:
        self.procedures.advance(now)
        while self._waiting:
            association, message = self._waiting.popleft()
            association.receive(message.encode(), now)

    def next_deadline(self) -> int | None:
        return 0 if self._waiting else self.procedures.next_deadline()
