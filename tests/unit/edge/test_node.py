"""The edge machine: its forwarding function and its time."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from net4ai.edge.node import Edge
from net4ai.stack.control_entity import ControlEntity
from net4ai.stack.dep.credit import CreditBudget
from net4ai.stack.forwarding.function import ForwardingFunction
from net4ai.stack.forwarding.legs import FixedLink
from net4ai.stack.hop import Sockets
from net4ai.stack.procedure import Procedures
from net4ai.stack.timers import Timers
from net4ai.stack.trace import TraceEvent


class World:
    def __init__(self) -> None:
        self.trace: list[TraceEvent] = []
        self.procedures = Procedures("edge", self.trace.append)
        self.edge = Edge(self.procedures, "edge", self.trace.append)
        timers = Timers()
        entity = ControlEntity("fpf/edge", self.procedures, timers, lambda envelope: None, lambda: "0" * 32)
        sockets = Sockets(lambda *arguments: None, lambda *arguments: None, 2)
        links = {name: FixedLink(sockets, CreditBudget(1 << 20)) for name in ("T4", "T8")}
        self.edge.fpf = ForwardingFunction(
            "edge", "edge", entity, links, self.procedures, timers, lambda: 1, self.edge.drops, self.trace.append
        )


@pytest.fixture
def world() -> Iterator[World]:
    yield World()


def test_nothing_to_do_needs_no_time(world: World) -> None:
    world.edge.pump(5)
    assert world.edge.next_deadline() is None


def test_time_reaches_its_procedures(world: World) -> None:
    async def sleep() -> None:
        await world.procedures.sleep(10)

    procedure = world.procedures.start("sleep", sleep())
    assert world.edge.next_deadline() == 10
    world.edge.pump(9)
    assert not procedure.done
    world.edge.pump(10)
    assert procedure.done


@pytest.mark.parametrize("pdu", [bytes(8), bytes(20), b"\x00\xc0\x00\x07" + bytes(30)])
@pytest.mark.parametrize("bulk", [False, True])
def test_nonsense_is_dropped_and_traced_with_its_reason(world: World, pdu: bytes, bulk: bool) -> None:
    world.edge.fpf.receive("T4", pdu, 64, ("somebody", 1), bulk, 3)
    world.edge.pump(3)
    (event,) = world.trace
    assert (event.node, event.kind, event.size) == ("edge", "drop", len(pdu))
    assert event.drop
    assert world.edge.drops[event.drop] == 1
