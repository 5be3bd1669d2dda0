"""Orchestrator: all instances or none; what runs is what shall run (R12, R13, R35, R44-R52, R69, R111)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from core_bench import Bench, Scripted, cause, description

from net4ai.codecs.bus import (
    Done,
    InstallResults,
    Instance,
    InstanceLost,
    InstanceMoved,
    InstanceRelocated,
    InstantiateFunction,
    InstantiateService,
    NodeAvailable,
    NodeLost,
    RegisterService,
    ReleaseResources,
    RelocateInstance,
    ReserveResources,
    ResourcesReserved,
    ServiceInstantiated,
    TerminateFunction,
    TerminateService,
)
from net4ai.codecs.causes import Cause
from net4ai.codecs.service import Function, Resources
from net4ai.core import names
from net4ai.core.orchestrator import TOLD_OF_MOVES, Orchestrator
from net4ai.core.store import MemoryStore, ReservationRow, ServiceRow
from net4ai.stack.procedure import ProcedureError

NODES = ("ran-1", "ran-2", "edge")
NUMBERS = {"ran-1": 1, "ran-2": 2, "edge": 3}
"""The instance at each node."""
GLOBAL = Function(kind="concrete", entry_point="global-training", place="any", instances=1)


def instances(first: int = 1) -> list[Instance]:
    functions = ("local", "local", "global")
    return [
        Instance(first + i, function, node, f"as-{i + 1}")
        for i, (function, node) in enumerate(zip(functions, NODES, strict=True))
    ]


class World(Bench):
    def __init__(self, store: MemoryStore | None = None, routine_managers: int = 1) -> None:
        super().__init__()
        self.store = MemoryStore() if store is None else store
        self.orchestrator = Orchestrator(self.entity(names.ORCHESTRATOR), routine_managers, self.store)
        self.resource_manager = self.scripted(names.RESOURCE_MANAGER)
        self.managers = {
            name: self.scripted(name) for name in (*names.routine_managers(routine_managers), *TOLD_OF_MOVES)
        }
        self.fpf = {node: self.scripted(names.forwarding_function(node)) for node in NODES}
        self.resource_manager.answers[ReserveResources] = ResourcesReserved(instances())

    def instantiate(self, service: int = 1, **functions: Function) -> Any:
        what = description()
        what = msgspec.structs.replace(what, functions=what.functions | functions)
        request = InstantiateService(service, what, {"local": {"a": 1}}, "controller")
        return self.start_call(names.ORCHESTRATOR, request)

    def terminate(self, service: int = 1) -> Any:
        return self.start_call(names.ORCHESTRATOR, TerminateService(service), timer="terminate-service")

    def announce(self, node: str, *running: int, server: bool = True, **values: Any) -> None:
        servers = [f"as-{NODES.index(node) + 1}"] if server else []
        self.call(names.ORCHESTRATOR, NodeAvailable(node, "", servers, list(running), **values))

    def lose(self, node: str) -> None:
        self.call(names.ORCHESTRATOR, NodeLost(node))

    def there(self) -> dict[str, set[int]]:
        """Instances that are there, by node."""
        found = {}
        for node, function in self.fpf.items():
            made = {request.instance for request in function.of(InstantiateFunction)}
            found[node] = made - {request.instance for request in function.of(TerminateFunction)}
        return found

    def made(self, node: str) -> list[int]:
        return [request.instance for request in self.fpf[node].of(InstantiateFunction)]

    def forget(self) -> None:
        """Entities have received nothing so far."""
        for entity in (self.resource_manager, *self.managers.values(), *self.fpf.values()):
            entity.received.clear()

    def silence(self, scripted: Scripted) -> None:
        """An entity answers nothing any more."""
        del self.entities[scripted.entity.name]


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def running(world: World) -> World:
    """A service runs, for longer than news may be late."""
    assert isinstance(world.instantiate().result(), ServiceInstantiated)
    world.advance(10)
    world.forget()
    return world


@pytest.fixture
def movable(world: World) -> World:
    """A service runs whose global function may be anywhere."""
    assert isinstance(world.instantiate(**{"global": GLOBAL}).result(), ServiceInstantiated)
    world.advance(10)
    world.forget()
    return world


# Registration


def test_every_concrete_function_is_instantiated(world: World) -> None:
    """R12, R44, R45, R49, R50, R51: abstract functions are not."""
    answer = world.instantiate().result()
    assert world.resource_manager.of(ReserveResources) == [ReserveResources(1, description())]
    assert answer == ServiceInstantiated(instances(), names.ROUTINE_MANAGER)
    assert world.fpf["ran-2"].received == [InstantiateFunction(2, "local-training", {"a": 1}, "as-2")]
    assert {node: world.made(node) for node in NODES} == {"ran-1": [1], "ran-2": [2], "edge": [3]}


def test_an_instance_is_told_its_limits(world: World) -> None:
    world.instantiate(**{"global": msgspec.structs.replace(GLOBAL, resources=Resources(memory_mib=77), busy_s=2.5)})
    request = world.fpf["edge"].of(InstantiateFunction)[0]
    assert (request.memory_mib, request.busy_s) == (77, 2.5)


def test_the_last_server_of_a_chain_gets_a_way_to_the_controller(world: World) -> None:
    """R111."""
    world.instantiate()
    assert world.fpf["edge"].received == [
        InstantiateFunction(3, "global-training", {}, "as-3"),
        InstallResults(3, "controller"),
    ]


def test_without_resources_nothing_is_instantiated(world: World) -> None:
    """R52."""
    world.resource_manager.answers[ReserveResources] = ProcedureError(Cause.NO_RESOURCES, "no application server at x")
    refusal = world.instantiate().result()
    assert cause(refusal) is Cause.NO_RESOURCES
    assert refusal.detail == "no application server at x"
    assert not any(world.there().values())
    assert not world.orchestrator.deployments


@pytest.mark.parametrize(
    ("failing", "request_type"), [*((node, InstantiateFunction) for node in NODES), ("edge", InstallResults)]
)
def test_one_failure_takes_everything_back(world: World, failing: str, request_type: Any) -> None:
    """R52."""
    world.fpf[failing].answers[request_type] = ProcedureError(Cause.FUNCTION_FAILED, "broken")
    assert cause(world.instantiate().result()) is Cause.FUNCTION_FAILED
    assert not any(world.there().values())
    assert world.resource_manager.of(ReleaseResources) == [ReleaseResources(1)]
    assert not world.orchestrator.deployments


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
    world.silence(world.fpf["ran-2"])
    call = world.instantiate()
    world.advance(60 + 30)
    assert cause(call.result()) is Cause.TIMEOUT
    assert not world.there()["ran-1"]
    assert world.resource_manager.of(ReleaseResources) == [ReleaseResources(1)]


def test_what_cannot_be_released_is_released_later(world: World) -> None:
    """R52: a store that is full or locked for a while keeps no reservation of a service that failed."""
    world.fpf["edge"].answers[InstantiateFunction] = ProcedureError(Cause.FUNCTION_FAILED)
    world.resource_manager.answers[ReleaseResources] = ProcedureError(Cause.NO_RESOURCES, "store: locked")
    assert cause(world.instantiate().result()) is Cause.FUNCTION_FAILED
    world.advance(5)
    world.resource_manager.answers[ReleaseResources] = Done()
    world.advance(2)
    tries = len(world.resource_manager.of(ReleaseResources))
    world.advance(60)
    assert len(world.resource_manager.of(ReleaseResources)) == tries


def test_a_service_is_instantiated_once(running: World) -> None:
    assert cause(running.instantiate().result()) is Cause.BUSY
    assert not any(running.there().values()) and not running.resource_manager.received


def test_routine_managers_share_the_services(world: World) -> None:
    """R48: client and server of a routine, as all of a service, have the same one: the one with the fewest services."""
    world = World(routine_managers=3)
    chosen = []
    for service in range(1, 6):
        world.resource_manager.answers[ReserveResources] = ResourcesReserved(instances(3 * service))
        chosen.append(world.instantiate(service).result().routine_manager)
    assert chosen == [
        *("routine-manager", "routine-manager-2", "routine-manager-3"),
        *("routine-manager", "routine-manager-2"),
    ]
    world.terminate(3)
    assert world.instantiate(9).result().routine_manager == "routine-manager-3"


# The application controller (R5, R111)


def test_a_service_is_registered_before_its_controller_attaches(world: World) -> None:
    world.fpf["edge"].answers[InstallResults] = ProcedureError(Cause.FUNCTION_NOT_HERE, "controller is not attached")
    assert isinstance(world.instantiate().result(), ServiceInstantiated)
    world.forget()
    world.fpf["edge"].answers[InstallResults] = Done()
    world.announce("edge", 3, controllers=["another"])
    assert not world.fpf["edge"].received
    world.announce("edge", 3, controllers=["another", "controller"])
    assert world.fpf["edge"].received == [InstallResults(3, "controller")]
    world.announce("edge", 3, controllers=["another", "controller"])
    assert len(world.fpf["edge"].received) == 1, "this announcement may be older than the session"


def test_a_controller_that_attaches_anew_gets_a_new_session(running: World) -> None:
    running.announce("edge", 3, controllers=["controller"], results=[3])
    assert not running.fpf["edge"].received
    running.announce("edge", 3, controllers=["controller"])
    assert running.fpf["edge"].received == [InstallResults(3, "controller")]


def test_a_controller_at_another_node_is_reached_over_it(running: World) -> None:
    """R35, R47: its node leads the session over T8. A word of either is enough."""
    running.announce("edge", 3)
    running.announce("ran-2", 2, controllers=["controller"])
    assert running.fpf["ran-2"].received == [InstallResults(3, "controller", "edge")]
    assert not running.fpf["edge"].received
    running.advance(10)
    running.announce("ran-2", 2)
    running.announce("edge", 3)
    assert len(running.fpf["ran-2"].received) == 1, "it is attached nowhere"
    running.announce("edge", 3, controllers=["controller"])
    assert running.fpf["edge"].received == [InstallResults(3, "controller")]


def test_only_last_servers_have_sessions(running: World) -> None:
    running.announce("ran-1", 1, controllers=["controller"])
    assert not running.fpf["ran-1"].received


def test_a_session_that_fails_is_tried_again(running: World) -> None:
    running.fpf["edge"].answers[InstallResults] = ProcedureError(Cause.NO_RESOURCES)
    for _ in range(3):
        running.announce("edge", 3, controllers=["controller"])
    assert len(running.fpf["edge"].of(InstallResults)) == 3


# Removal


def test_termination_ends_all_instances_and_frees_all(running: World) -> None:
    assert running.terminate().result() == Done()
    assert {node: function.received for node, function in running.fpf.items()} == {
        node: [TerminateFunction(NUMBERS[node], f"as-{NUMBERS[node]}")] for node in NODES
    }
    assert running.resource_manager.received == [ReleaseResources(1)]
    assert not running.orchestrator.deployments


def test_termination_once_more_is_no_fault(running: World) -> None:
    running.terminate()
    running.forget()
    assert running.terminate().result() == Done()
    assert not any(function.received for function in running.fpf.values())


def test_a_silent_node_does_not_keep_a_service_and_ends_its_instance_later(running: World) -> None:
    running.silence(running.fpf["ran-1"])
    call = running.terminate()
    running.advance(21)
    assert call.result() == Done()
    assert running.resource_manager.received == [ReleaseResources(1)]
    running.fpf["ran-1"] = running.scripted(names.forwarding_function("ran-1"))
    running.announce("ran-1", 1)
    assert running.fpf["ran-1"].of(TerminateFunction) == [TerminateFunction(1, "as-1")]


def test_removal_that_the_store_refuses_is_refused_and_may_be_tried_again(running: World) -> None:
    running.resource_manager.answers[ReleaseResources] = ProcedureError(Cause.NO_RESOURCES, "store: locked")
    assert running.terminate().result().detail == "store: locked"
    running.resource_manager.answers[ReleaseResources] = Done()
    assert running.terminate().result() == Done()


def test_a_service_that_is_removed_while_it_starts_leaves_nothing(world: World) -> None:
    slow: Any = world.procedures.promise("slow", timeout=10**12)
    world.fpf["edge"].answers[InstantiateFunction] = lambda request: slow
    call = world.instantiate()
    assert world.terminate().result() == Done()
    assert cause(call.result()) is Cause.CANCELLED
    assert not any(world.there().values())
    assert not world.orchestrator.deployments


def test_a_service_that_is_removed_while_it_waits_for_room_leaves_nothing(world: World) -> None:
    slow: Any = world.procedures.promise("slow", timeout=10**12)
    world.resource_manager.answers[ReserveResources] = lambda request: slow
    call = world.instantiate()
    world.terminate()
    slow.resolve(ResourcesReserved(instances()))
    world.run()
    assert cause(call.result()) is Cause.CANCELLED
    assert world.resource_manager.of(ReleaseResources)[-1] == ReleaseResources(1)
    assert not any(world.made(node) for node in NODES)


# Desired against actual (R51)


def test_what_runs_as_it_shall_is_left_alone(running: World) -> None:
    for node in NODES:
        running.announce(node, NUMBERS[node], results=[3])
    assert not any(function.received for function in running.fpf.values())
    assert not any(manager.received for manager in running.managers.values())


def test_an_instance_that_has_gone_is_made_anew_with_its_number_and_told(running: World) -> None:
    running.announce("ran-2")
    assert running.fpf["ran-2"].received == [InstantiateFunction(2, "local-training", {"a": 1}, "as-2")]
    for name in (names.ROUTINE_MANAGER, names.SERVICE_MANAGER):
        assert running.managers[name].received == [InstanceLost(2)]
    running.announce("ran-2")
    assert len(running.fpf["ran-2"].received) == 1, "this announcement may be older than the instance"
    running.advance(6)
    running.announce("ran-2")
    assert len(running.fpf["ran-2"].received) == 2


def test_a_last_server_that_is_made_anew_gets_its_results_session(running: World) -> None:
    running.announce("edge")
    assert [type(request) for request in running.fpf["edge"].received] == [InstantiateFunction, InstallResults]


def test_instances_of_a_node_without_application_server_wait_for_one(running: World) -> None:
    running.announce("ran-1", server=False)
    assert running.managers[names.ROUTINE_MANAGER].received == [InstanceLost(1)]
    assert not running.fpf["ran-1"].received
    running.announce("ran-1", server=False)
    assert len(running.managers[names.ROUTINE_MANAGER].received) == 1, "said once"
    running.announce("ran-1")
    assert running.made("ran-1") == [1]


def test_an_instance_goes_to_the_application_server_that_is_there(running: World) -> None:
    running.call(names.ORCHESTRATOR, NodeAvailable("edge", "edge", ["another"]))
    assert running.fpf["edge"].of(InstantiateFunction)[0].application_server == "another"


def test_what_cannot_be_made_anew_is_tried_at_each_announcement(running: World) -> None:
    running.fpf["ran-1"].answers[InstantiateFunction] = ProcedureError(Cause.FUNCTION_FAILED)
    for _ in range(3):
        running.announce("ran-1")
    assert running.made("ran-1") == [1, 1, 1]
    assert running.managers[names.ROUTINE_MANAGER].received == [InstanceLost(1)]


def test_an_instance_is_made_once_at_a_time(running: World) -> None:
    slow: Any = running.procedures.promise("slow", timeout=10**12)
    running.fpf["ran-1"].answers[InstantiateFunction] = lambda request: slow
    for _ in range(3):
        running.announce("ran-1")
    assert running.made("ran-1") == [1]


def test_what_nobody_wants_is_ended(running: World) -> None:
    """Of a service that was removed while the node was away; of another core; at the wrong node."""
    running.announce("ran-1", 1, 2, 99)
    assert running.fpf["ran-1"].received == [TerminateFunction(2, "as-1"), TerminateFunction(99, "as-1")]


def test_a_service_that_starts_is_not_cared_for_by_halves(world: World) -> None:
    slow: Any = world.procedures.promise("slow", timeout=10**12)
    world.fpf["edge"].answers[InstantiateFunction] = lambda request: slow
    world.instantiate()
    world.advance(10)
    world.forget()
    world.announce("ran-1")
    world.announce("edge", 3)
    assert not any(function.received for function in world.fpf.values())


# A node that stays away


def relocated_to(node: str) -> Callable[[RelocateInstance], InstanceRelocated]:
    number = NODES.index(node) + 1
    return lambda request: InstanceRelocated(Instance(request.instance, "global", node, f"as-{number}"))


def test_an_instance_of_a_lost_node_is_made_elsewhere(movable: World) -> None:
    movable.resource_manager.answers[RelocateInstance] = relocated_to("ran-2")
    movable.lose("edge")
    what = description()
    what = msgspec.structs.replace(what, functions=what.functions | {"global": GLOBAL})
    assert movable.resource_manager.received == [RelocateInstance(3, what)]
    assert [type(request) for request in movable.fpf["ran-2"].received] == [InstantiateFunction, InstallResults]
    moved = InstanceMoved(1, Instance(3, "global", "ran-2", "as-2"))
    assert movable.managers[names.ROUTINE_MANAGER].received == [InstanceLost(3)]
    assert movable.managers[names.SERVICE_MANAGER].received == [InstanceLost(3), moved]
    assert movable.managers[names.TASK_MANAGER].received == [moved]


def test_what_a_lost_node_still_runs_when_it_comes_back_is_ended(movable: World) -> None:
    movable.resource_manager.answers[RelocateInstance] = relocated_to("ran-2")
    movable.lose("edge")
    movable.announce("edge", 3)
    assert movable.fpf["edge"].received == [TerminateFunction(3, "as-3")]


def test_where_there_is_no_other_place_the_node_is_waited_for(movable: World) -> None:
    movable.resource_manager.answers[RelocateInstance] = ProcedureError(Cause.NO_RESOURCES)
    movable.lose("edge")
    movable.announce("ran-1", 1)
    assert len(movable.resource_manager.of(RelocateInstance)) == 2, "there may be room at each announcement"
    movable.announce("edge")
    assert movable.made("edge") == [3]
    assert len(movable.resource_manager.of(RelocateInstance)) == 2


def test_an_instance_wanted_at_each_node_waits_for_its_own(running: World) -> None:
    running.lose("ran-1")
    assert not running.resource_manager.received
    assert running.managers[names.ROUTINE_MANAGER].received == [InstanceLost(1)]
    running.announce("ran-1")
    assert running.made("ran-1") == [1]


def test_a_service_that_is_removed_while_an_instance_moves_leaves_nothing(movable: World) -> None:
    slow: Any = movable.procedures.promise("slow", timeout=10**12)
    movable.resource_manager.answers[RelocateInstance] = lambda request: slow
    movable.lose("edge")
    movable.terminate()
    slow.resolve(relocated_to("ran-2")(RelocateInstance(3, description())))
    movable.run()
    assert not movable.made("ran-2")
    assert movable.resource_manager.of(ReleaseResources) == [ReleaseResources(1)]


# The core comes back


def kept(store: MemoryStore, *, registered: bool = True) -> None:
    """What another core has written."""
    for instance in instances():
        store.put(
            ReservationRow(
                instance=instance.instance,
                service=1,
                function=instance.function,
                node=instance.node,
                application_server=instance.application_server,
            )
        )
    if registered:
        registration = RegisterService(description(), {"local": {"a": 1}}, "controller")
        instantiated = ServiceInstantiated(instances(), "routine-manager-2")
        row = ServiceRow(1, "someone", msgspec.json.encode(registration), msgspec.json.encode(instantiated))
        store.put(row)


def recovered(**values: Any) -> World:
    store = MemoryStore()
    kept(store, **values)
    world = World(store, routine_managers=2)
    world.orchestrator.recover()
    world.run()
    return world


def test_what_runs_is_left_alone_when_the_core_comes_back() -> None:
    world = recovered()
    world.announce("ran-1", 1)
    world.announce("edge", 3, results=[3], controllers=["controller"])
    assert not any(function.received for function in world.fpf.values())
    assert not any(manager.received for manager in world.managers.values())
    assert cause(world.instantiate().result()) is Cause.BUSY


def test_what_has_gone_meanwhile_is_made_anew() -> None:
    world = recovered()
    world.announce("ran-2")
    assert world.fpf["ran-2"].received == [InstantiateFunction(2, "local-training", {"a": 1}, "as-2")]


def test_routine_managers_keep_their_services() -> None:
    world = recovered()
    world.resource_manager.answers[ReserveResources] = ResourcesReserved(instances(10))
    assert world.instantiate(2).result().routine_manager == "routine-manager"
    world.announce("ran-1")
    world.lose("ran-1")
    assert world.orchestrator.deployments[1].routine_manager == "routine-manager-2"


def test_a_service_that_never_came_to_be_is_taken_back() -> None:
    """R52: the core ended between the reservation and the registration."""
    world = recovered(registered=False)
    assert set(map(tuple, ((r.service,) for r in world.resource_manager.of(ReleaseResources)))) == {(1,)}
    world.announce("ran-1", 1)
    assert world.fpf["ran-1"].received == [TerminateFunction(1, "as-1")]


def test_who_moved_before_the_core_ended_is_told_of_again() -> None:
    store = MemoryStore()
    kept(store)
    store.put(ReservationRow(instance=3, service=1, function="global", node="ran-2", application_server="as-2"))
    world = World(store, routine_managers=2)
    world.orchestrator.recover()
    world.run()
    moved = InstanceMoved(1, Instance(3, "global", "ran-2", "as-2"))
    assert all(world.managers[name].received == [moved] for name in TOLD_OF_MOVES)
