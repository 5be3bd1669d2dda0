"""Orchestrator: all instances or none (R44, R45, R50-R52, R111)."""

from __future__ import annotations

from typing import Any

import pytest
from core_bench import Bench, cause, description

from net4ai.codecs.bus import (
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
from net4ai.codecs.causes import Cause
from net4ai.core import names
from net4ai.core.orchestrator import Orchestrator
from net4ai.stack.procedure import ProcedureError

NODES = ("ran-1", "ran-2", "edge")


class World(Bench):
    def __init__(self) -> None:
        super().__init__()
        self.orchestrator = Orchestrator(self.entity(names.ORCHESTRATOR))
        self.resource_manager = self.scripted(names.RESOURCE_MANAGER)
        self.fpf = {node: self.scripted(names.forwarding_function(node)) for node in NODES}
        self.resource_manager.answers[ReserveResources] = ResourcesReserved(
            [
                Instance(1, "local", "ran-1", "as-1"),
                Instance(2, "local", "ran-2", "as-2"),
                Instance(3, "global", "edge", "as-3"),
            ]
        )

    def instantiate(self) -> Any:
        request = InstantiateService(1, description(), {"local": {"a": 1}}, "controller")
        return self.start_call(names.ORCHESTRATOR, request)

    def instances(self) -> dict[str, set[int]]:
        """Instances that are there, by node."""
        found = {}
        for node, function in self.fpf.items():
            there = {request.instance for request in function.of(InstantiateFunction)}
            found[node] = there - {request.instance for request in function.of(TerminateFunction)}
        return found


@pytest.fixture
def world() -> World:
    return World()


def test_every_concrete_function_is_instantiated(world: World) -> None:
    answer = world.instantiate().result()
    assert world.resource_manager.of(ReserveResources) == [ReserveResources(1, description())]
    instances = [
        Instance(1, "local", "ran-1", "as-1"),
        Instance(2, "local", "ran-2", "as-2"),
        Instance(3, "global", "edge", "as-3"),
    ]
    assert answer == ServiceInstantiated(instances, names.ROUTINE_MANAGER)
    assert world.fpf["ran-2"].received == [InstantiateFunction(2, "local-training", {"a": 1}, "as-2")]


def test_the_last_server_of_a_chain_gets_a_way_to_the_controller(world: World) -> None:
    world.instantiate()
    assert world.fpf["edge"].received == [
        InstantiateFunction(3, "global-training", {}, "as-3"),
        InstallResults(3, "controller"),
    ]


def test_without_resources_nothing_is_instantiated(world: World) -> None:
    world.resource_manager.answers[ReserveResources] = ProcedureError(Cause.NO_RESOURCES, "no application server at x")
    refusal = world.instantiate().result()
    assert cause(refusal) is Cause.NO_RESOURCES
    assert refusal.detail == "no application server at x"
    assert not any(world.instances().values())


@pytest.mark.parametrize(
    ("failing", "request_type"), [*((node, InstantiateFunction) for node in NODES), ("edge", InstallResults)]
)
def test_one_failure_takes_everything_back(world: World, failing: str, request_type: Any) -> None:
    world.fpf[failing].answers[request_type] = ProcedureError(Cause.FUNCTION_FAILED, "broken")
    assert cause(world.instantiate().result()) is Cause.FUNCTION_FAILED
    assert not any(world.instances().values())
    assert world.resource_manager.of(ReleaseResources) == [ReleaseResources(1)]


def test_what_is_still_under_way_is_waited_for_and_taken_back(world: World) -> None:
    """R52: an instance that appears behind the failure of another one must not stay."""
    slow: Any = world.procedures.promise("slow", timeout=10**12)
    world.fpf["ran-1"].answers[InstantiateFunction] = ProcedureError(Cause.FUNCTION_FAILED)
    world.fpf["edge"].answers[InstantiateFunction] = lambda request: slow
    call = world.instantiate()
    assert not world.fpf["edge"].of(TerminateFunction)
    slow.fail(ProcedureError(Cause.BUSY))
    world.run()
    assert cause(call.result()) is Cause.FUNCTION_FAILED
    assert world.fpf["edge"].of(TerminateFunction)


def test_a_node_that_is_silent_is_a_timeout(world: World) -> None:
    del world.entities[names.forwarding_function("ran-2")]
    call = world.instantiate()
    world.advance(60 + 30)
    assert cause(call.result()) is Cause.TIMEOUT
    assert not world.instances()["ran-1"]
