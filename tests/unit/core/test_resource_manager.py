"""Resource manager: waits for nodes in any order, names the missing ones, reserves all or nothing (R38, R45, R52)."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from core_bench import Bench, cause, description

from net4ai.codecs.bus import (
    Instance,
    NodeAvailable,
    ReleaseResources,
    ReserveResources,
    ResourcesReserved,
)
from net4ai.codecs.causes import Cause
from net4ai.core import names
from net4ai.core.resource_manager import ResourceManager

NODES = {"ran-1": "ran-node", "ran-2": "ran-node", "edge": "edge"}


class World(Bench):
    def __init__(self) -> None:
        super().__init__()
        self.manager = ResourceManager(self.entity(names.RESOURCE_MANAGER), NODES)

    def available(self, node: str, *servers: str) -> Any:
        return self.call(names.RESOURCE_MANAGER, NodeAvailable(node, NODES.get(node, ""), list(servers)))

    def reserve(self, *functions: str) -> Any:
        service = description()
        wanted = {name: service.functions[name] for name in functions or service.functions}
        return self.start_call(names.RESOURCE_MANAGER, ReserveResources(1, description(functions=wanted)))


@pytest.fixture
def world() -> World:
    return World()


@pytest.mark.parametrize("order", list(itertools.permutations([*NODES, "reserve"])))
def test_any_order_of_nodes_and_request_works(order: tuple[str, ...]) -> None:
    world = World()
    call = None
    for step in order:
        if step == "reserve":
            call = world.reserve()
        else:
            world.available(step, f"as-{step}")
        world.advance(1)
    assert call is not None
    assert call.result() == ResourcesReserved(
        [
            Instance(1, "local", "ran-1", "as-ran-1"),
            Instance(2, "local", "ran-2", "as-ran-2"),
            Instance(3, "global", "edge", "as-edge"),
        ]
    )
    assert list(world.manager.reservations) == [1]


def test_the_missing_ones_are_named_at_the_end(world: World) -> None:
    call = world.reserve()
    world.available("ran-2", "as")
    world.available("edge")
    world.advance(119)
    assert not call.done
    world.advance(1)
    assert cause(call.result()) is Cause.NO_RESOURCES
    assert call.result().detail == "no application server at ran-1, edge"
    assert not world.manager.reservations


def test_only_nodes_that_are_wanted_are_waited_for(world: World) -> None:
    world.available("edge", "as")
    assert world.reserve("global").result() == ResourcesReserved([Instance(1, "global", "edge", "as")])


def test_a_kind_of_node_the_network_lacks_is_refused_at_once(world: World) -> None:
    del world.manager.nodes["edge"]
    refusal = world.reserve().result()
    assert cause(refusal) is Cause.NO_RESOURCES
    assert refusal.detail == "this network has no edge"


def test_a_node_that_loses_its_application_server_is_missing_again(world: World) -> None:
    world.available("edge", "as")
    world.available("edge")
    assert world.manager.missing(["edge"]) == ["edge"]


def test_a_foreign_node_is_refused_by_name(world: World) -> None:
    refusal = world.available("ran-9", "as")
    assert cause(refusal) is Cause.NOT_ALLOWED
    assert refusal.detail == "node ran-9; allowed: ran-1, ran-2, edge"


def test_release_frees_the_reservation(world: World) -> None:
    world.available("edge", "as")
    world.reserve("global")
    world.call(names.RESOURCE_MANAGER, ReleaseResources(1))
    assert not world.manager.reservations
