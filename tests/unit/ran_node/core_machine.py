"""The access manager on the air of `radio_bench`, at the other end of N2."""

from __future__ import annotations

import itertools

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

    def __init__(self, air: Air, ues: int) -> None:
        self.air = air
        self.procedures = Procedures("core", air.trace.append)
        entity = ControlEntity("access-manager", self.procedures, Timers(), lambda envelope: None, lambda: "0" * 32)
        self.manager = AccessManager(
            entity,
            core_config([f"imsi-{n}" for n in range(1, ues + 1)], nodes={"ran": "ran-node"}),
            itertools.count(1).__next__,
            MemoryStore(),
        )
        self.association: RanAssociation | None = None
        air.machines["core"] = self

    def connect(self, ran: Ran) -> None:
        self.association = RanAssociation(self.manager, lambda data: ran.node.n2.receive(data, self.air.now))
        ran.on_n2 = self.receive
        ran.node.n2.connected(ran._receive, lambda: None, self.air.now)

    def receive(self, message: n2.N2) -> None:
        assert self.association is not None
        self.association.receive(message.encode(), self.air.now)

    def pump(self, now: int) -> None:
        self.procedures.advance(now)

    def next_deadline(self) -> int | None:
        return self.procedures.next_deadline()
