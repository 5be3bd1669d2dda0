"""Resource manager: nodes in any order, leases, all or nothing, nobody gets what another has (R38, R45, R52, R114)."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from core_bench import Bench, cause, description

from net4ai.codecs.bus import (
    Capacity,
    Instance,
    NodeAvailable,
    NodeLost,
    ReleaseResources,
    RelocateInstance,
    ReserveResources,
    ResourcesReserved,
)
from net4ai.codecs.causes import Cause
from net4ai.codecs.service import Function, Resources, Routine, ServiceDescription
from net4ai.core import names
from net4ai.core.placement import RESOURCES, GreedyPlacer, NoPlace, Placement, Problem
from net4ai.core.resource_manager import ResourceManager
from net4ai.core.store import MemoryStore, ReservationRow, Row, StoreError

NODES = {"ran-1": "ran-node", "ran-2": "ran-node", "edge": "edge"}


class World(Bench):
    def __init__(self, store: MemoryStore | None = None, nodes: dict[str, str] = NODES) -> None:
        super().__init__()
        self.store = MemoryStore() if store is None else store
        self.manager = ResourceManager(self.entity(names.RESOURCE_MANAGER), nodes, self.store, GreedyPlacer())
        self.orchestrator = self.scripted(names.ORCHESTRATOR)
        self.there: dict[str, NodeAvailable] = {}

    def available(self, node: str, *servers: str, **values: Any) -> Any:
        self.there[node] = NodeAvailable(node, NODES.get(node, ""), list(servers), **values)
        return self.call(names.RESOURCE_MANAGER, self.there[node])

    def all_there(self, **values: Any) -> None:
        for node in NODES:
            self.available(node, f"as-{node}", **values)

    def advance(self, seconds: float) -> None:
        """Nodes say regularly what they have."""
        while seconds > 0:
            super().advance(min(seconds, 5))
            seconds -= 5
            for event in self.there.values():
                self.start_call(names.RESOURCE_MANAGER, event)

    def reserve(self, *functions: str, service: int = 1) -> Any:
        """For some functions of a service that has no terminals."""
        everything = description()
        wanted = {name: everything.functions[name] for name in functions or ("local", "global")}
        routines = {"r": Routine(client=next(iter(wanted)), server=next(reversed(wanted)))}
        what = description(functions=wanted, routines=routines)
        return self.start_call(names.RESOURCE_MANAGER, ReserveResources(service, what))

    def reserve_for(self, service: int, what: ServiceDescription, **terminals: int) -> Any:
        return self.call(names.RESOURCE_MANAGER, ReserveResources(service, what, terminals))


@pytest.fixture
def world() -> World:
    return World()


def one_function(place: Any = "any", instances: int = 1, **resources: Any) -> ServiceDescription:
    """Terminals and their server."""
    server = Function(
        kind="concrete", entry_point="e", place=place, instances=instances, resources=Resources(**resources)
    )
    source = Function(kind="abstract", entry_point="s")
    return description(functions={"source": source, "f": server}, routines={"r": Routine(client="source", server="f")})


# Nodes


@pytest.mark.parametrize("order", list(itertools.permutations([*NODES, "reserve"])))
def test_any_order_of_nodes_and_request_works(order: tuple[str, ...]) -> None:
    """R45, R50: nodes may still start."""
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
            Instance(1, "local", "ran-1", "as-ran-1", {"r": 3}),
            Instance(2, "local", "ran-2", "as-ran-2", {"r": 3}),
            Instance(3, "global", "edge", "as-edge"),
        ]
    )
    assert list(world.manager.reservations) == [1, 2, 3]


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
    assert world.reserve("global").result() == ResourcesReserved([Instance(1, "global", "edge", "as", {"r": 1})])


@pytest.mark.parametrize("place", ["edge", "any"])
def test_a_kind_of_node_the_network_lacks_is_refused_at_once(world: World, place: str) -> None:
    world.manager.nodes = {} if place == "any" else {"ran-1": "ran-node"}
    refusal = world.reserve_for(1, one_function(place))
    assert cause(refusal) is Cause.NO_RESOURCES
    assert refusal.detail == f"this network has no {place}"


def test_who_wants_some_nodes_of_many_takes_those_that_came(world: World) -> None:
    """It waits for the others as long as they may still start, not for ever."""
    world.available("ran-2", "as")
    call = world.start_call(names.RESOURCE_MANAGER, ReserveResources(1, one_function("any", 2)))
    world.advance(119)
    assert not call.done
    world.advance(1)
    assert [instance.node for instance in call.result().instances] == ["ran-2", "ran-2"]


def test_ran_nodes_are_waited_for_where_terminals_are_clients_once(world: World) -> None:
    """R46: their radio belongs to it. Who stays away all that time has none, and is not waited for again."""
    world.available("edge", "as")
    world.available("ran-2", "as")
    call = world.start_call(names.RESOURCE_MANAGER, ReserveResources(1, one_function("edge")))
    world.advance(119)
    assert not call.done
    world.advance(1)
    assert call.result().instances
    assert world.manager.free("ran-2")["radio_kbps"] == 1_000_000 - 100
    assert world.reserve_for(2, one_function("edge")).instances
    world.available("ran-1", "as")
    world.reserve_for(3, one_function("edge"))
    assert world.manager.free("ran-1")["radio_kbps"] == 1_000_000 - 100


def test_a_node_that_loses_its_application_server_is_missing_again(world: World) -> None:
    world.available("edge", "as")
    world.available("edge")
    assert "edge" in world.manager.missing(one_function("edge"))


def test_a_foreign_node_is_refused_by_name(world: World) -> None:
    refusal = world.available("ran-9", "as")
    assert cause(refusal) is Cause.NOT_ALLOWED
    assert refusal.detail == "node ran-9; allowed: ran-1, ran-2, edge"


def test_the_orchestrator_hears_what_nodes_say(world: World) -> None:
    world.available("edge", "as", instances=[7], controllers=["c"], results=[7])
    assert world.orchestrator.received == [
        NodeAvailable("edge", "edge", ["as"], [7], Capacity(), controllers=["c"], results=[7])
    ]


# Leases (R51)


@pytest.mark.parametrize("last_word", ["silence", "no application server"])
def test_a_node_without_application_server_is_lost_when_its_lease_ends(world: World, last_word: str) -> None:
    world.available("edge", "as")
    if last_word == "silence":
        del world.there["edge"]
    else:
        world.available("edge")
    world.advance(29)
    assert not world.orchestrator.of(NodeLost)
    world.advance(2)
    assert world.orchestrator.of(NodeLost) == [NodeLost("edge")]
    world.advance(100)
    assert world.orchestrator.of(NodeLost) == [NodeLost("edge")]
    assert "edge" in world.manager.missing(one_function("edge"))


def test_a_node_that_speaks_keeps_its_lease(world: World) -> None:
    world.available("edge", "as")
    world.advance(300)
    assert not world.orchestrator.of(NodeLost)


def test_a_lost_node_that_comes_back_is_there_again(world: World) -> None:
    world.available("edge", "as")
    silent = world.there.pop("edge")
    world.advance(40)
    assert world.manager.lost == {"edge"}
    world.available("edge", *silent.application_servers)
    assert not world.manager.lost
    assert "edge" not in world.manager.missing(one_function("edge"))


def test_who_wants_nodes_anywhere_does_not_wait_for_a_lost_one(world: World) -> None:
    world.all_there()
    del world.there["ran-1"]
    world.advance(40)
    assert world.manager.missing(one_function("any")) == []
    assert world.manager.missing(one_function("ran-node", 0)) == ["ran-1"]
    assert {instance.node for instance in world.reserve_for(1, one_function("any", 8)).instances} <= {"ran-2", "edge"}


def test_where_all_are_lost_all_are_waited_for(world: World) -> None:
    world.available("edge", "as")
    world.there.clear()
    world.advance(40)
    assert "edge" in world.manager.missing(one_function("edge"))


# Reservations


def test_release_frees_the_reservation_and_once_more_is_no_fault(world: World) -> None:
    world.available("edge", "as")
    before = world.manager.free("edge")
    world.reserve("global")
    assert world.manager.free("edge")["memory_mib"] == before["memory_mib"] - 1024
    for _ in range(2):
        world.call(names.RESOURCE_MANAGER, ReleaseResources(1))
    assert not world.manager.reservations and not world.store.all(ReservationRow)
    assert world.manager.free("edge") == before


def test_what_is_free_is_capacity_minus_reservations(world: World) -> None:
    """R38: all resources in one."""
    capacity = Capacity(cpu=2, memory_mib=4000, storage_mib=100, accelerators=1, radio_kbps=1000, transport_kbps=500)
    world.all_there(capacity=capacity)
    world.reserve_for(1, one_function("edge", cpu=0.5, memory_mib=1000, storage_mib=10, accelerators=1))
    assert world.manager.free("edge") == {
        "cpu": 1500,
        "memory_mib": 3000,
        "storage_mib": 90,
        "accelerators": 0,
        "radio_kbps": 1000,
        "transport_kbps": 300,
    }


def test_ways_of_terminals_are_reserved_too(world: World) -> None:
    """R38, R46: radio where the terminals are, transport at both ends of the way."""
    world.all_there(capacity=Capacity(radio_kbps=1000, transport_kbps=1000))
    world.reserve_for(1, one_function("edge"))
    assert {node: world.manager.free(node)["radio_kbps"] for node in NODES} == {
        "ran-1": 900,
        "ran-2": 900,
        "edge": 1000,
    }
    assert {node: world.manager.free(node)["transport_kbps"] for node in NODES} == {
        "ran-1": 900,
        "ran-2": 900,
        "edge": 800,
    }


def test_more_terminals_take_more_and_draw_their_server(world: World) -> None:
    world.all_there()
    answer = world.reserve_for(1, one_function("any"), **{"ran-1": 1, "ran-2": 9})
    assert [instance.node for instance in answer.instances] == ["ran-2"]
    assert world.manager.free("ran-2")["radio_kbps"] == 1_000_000 - 900


def test_what_does_not_fit_is_refused_as_a_whole_with_the_reason(world: World) -> None:
    """R52."""
    world.all_there(capacity=Capacity(memory_mib=2048))
    world.reserve_for(1, one_function("edge", memory_mib=1000))
    refusal = world.reserve_for(2, one_function("any", 9, memory_mib=1500))
    assert cause(refusal) is Cause.NO_RESOURCES
    assert refusal.detail == (
        "memory_mib: 9 x 1500 wanted for f, ran-1 has 2048 free, ran-2 has 2048 free, edge has 1048 free"
    )
    assert {reservation.service for reservation in world.manager.reservations.values()} == {1}


def test_two_who_wait_for_the_same_node_are_not_promised_the_same_room(world: World) -> None:
    """R52: whoever is second is refused."""
    what = one_function("edge", memory_mib=1500)
    for node in ("ran-1", "ran-2"):
        world.available(node, "as")
    calls = [world.start_call(names.RESOURCE_MANAGER, ReserveResources(service, what)) for service in (1, 2)]
    world.available("edge", "as", capacity=Capacity(memory_mib=2000))
    assert calls[0].result().instances
    assert cause(calls[1].result()) is Cause.NO_RESOURCES
    assert world.manager.free("edge")["memory_mib"] == 500


def test_a_service_that_asks_again_gets_what_it_has(world: World) -> None:
    world.all_there()
    first = world.reserve().result()
    assert world.reserve().result() == first
    assert len(world.manager.reservations) == 3


def test_concrete_clients_know_their_servers(world: World) -> None:
    """R69: fixed here, routine by routine, shared out evenly."""
    world.all_there()
    functions = {
        "client": Function(kind="concrete", entry_point="c", place="ran-node", instances=4),
        "server": Function(kind="concrete", entry_point="s", place="edge", instances=2),
    }
    routines = {name: Routine(client="client", server="server") for name in ("one", "two")}
    answer = world.reserve_for(1, description(functions=functions, routines=routines))
    servers = [i.instance for i in answer.instances if i.function == "server"]
    chosen = [i.servers for i in answer.instances if i.function == "client"]
    assert sorted(c["one"] for c in chosen) == sorted(servers * 2)
    assert all(c["one"] == c["two"] for c in chosen)
    assert all(not i.servers for i in answer.instances if i.function == "server")


def test_the_placer_is_pluggable(world: World) -> None:
    """R114."""

    class Elsewhere:
        problems: list[Problem]

        def place(self, problem: Problem) -> Placement:
            self.problems = [problem]
            raise NoPlace("not today")

    world.all_there()
    world.manager.placer = placer = Elsewhere()
    assert world.reserve().result().detail == "not today"
    assert set(placer.problems[0].nodes[0].free) == set(RESOURCES)


# Another place (R51)


def test_an_instance_of_a_lost_node_gets_another_place(world: World) -> None:
    what = one_function("any", 2, memory_mib=9000)
    world.all_there()
    before = world.reserve_for(1, what).instances
    gone = before[0]
    del world.there[gone.node]
    world.advance(40)
    answer = world.call(names.RESOURCE_MANAGER, RelocateInstance(gone.instance, what))
    assert answer.instance.instance == gone.instance
    assert answer.instance.node not in {gone.node, before[1].node}  # each holds one
    assert world.manager.free(gone.node)["memory_mib"] == 16384
    rows = {row.instance: row.node for row in world.store.all(ReservationRow)}
    assert rows == {gone.instance: answer.instance.node, before[1].instance: before[1].node}


@pytest.mark.parametrize(
    ("what", "capacity", "detail"),
    [
        (one_function("ran-node", 0), 16384, "f is wanted at ran-1"),
        (one_function("edge", 1), 16384, "no other node for f"),
        (one_function("ran-node", 2, memory_mib=2000), 2048, "memory_mib: 2 x 2000 wanted for f, ran-2 has 2048 free"),
    ],
)
def test_where_there_is_no_other_place_nothing_changes(
    world: World, what: ServiceDescription, capacity: int, detail: str
) -> None:
    world.all_there(capacity=Capacity(memory_mib=capacity))
    gone = world.reserve_for(1, what).instances[0]
    held = dict(world.manager.reservations)
    del world.there[gone.node]
    world.advance(40)
    refusal = world.call(names.RESOURCE_MANAGER, RelocateInstance(gone.instance, what))
    assert cause(refusal) is Cause.NO_RESOURCES
    assert refusal.detail == detail
    assert world.manager.reservations == held


def test_a_node_that_is_back_keeps_its_instance(world: World) -> None:
    world.all_there()
    what = one_function("any")
    instance = world.reserve_for(1, what).instances[0]
    answer = world.call(names.RESOURCE_MANAGER, RelocateInstance(instance.instance, what))
    assert answer.instance == instance


def test_who_has_nothing_is_not_moved(world: World) -> None:
    refusal = world.call(names.RESOURCE_MANAGER, RelocateInstance(9, one_function()))
    assert cause(refusal) is Cause.FUNCTION_NOT_HERE
    assert refusal.detail == "instance 9 has reserved nothing"


def test_a_server_that_moves_keeps_its_clients(world: World) -> None:
    """R69: who is whose client stays."""
    functions = {
        "client": Function(kind="concrete", entry_point="c", place="ran-node"),
        "server": Function(kind="concrete", entry_point="s", place="any", instances=1),
    }
    what = description(functions=functions, routines={"r": Routine(client="client", server="server")})
    world.all_there()
    server = next(i for i in world.reserve_for(1, what).instances if i.function == "server")
    del world.there[server.node]
    world.advance(40)
    clients = [r.instance for r in world.manager.reservations.values() if r.instance.function == "client"]
    answer = world.call(names.RESOURCE_MANAGER, RelocateInstance(server.instance, what))
    assert answer.instance.node != server.node
    after = [r.instance for r in world.manager.reservations.values() if r.instance.function == "client"]
    assert after == clients and {client.servers["r"] for client in after} == {server.instance}


# The store


class FullStore(MemoryStore):
    """Takes nothing while it is full."""

    full = False

    def put(self, *rows: Row) -> None:
        if self.full:
            raise StoreError("disk full")
        super().put(*rows)

    def delete(self, *rows: Row) -> None:
        if self.full:
            raise StoreError("disk full")
        super().delete(*rows)


def test_what_cannot_be_kept_is_not_reone_function() -> None:
    store = FullStore()
    world = World(store)
    world.all_there()
    store.full = True
    assert world.reserve().result().detail == "store: disk full"
    assert not world.manager.reservations
    store.full = False
    assert world.reserve().result().instances


def test_what_cannot_be_deleted_stays_reone_function() -> None:
    store = FullStore()
    world = World(store)
    world.all_there()
    world.reserve()
    store.full = True
    assert world.call(names.RESOURCE_MANAGER, ReleaseResources(1)).detail == "store: disk full"
    assert len(world.manager.reservations) == 3 == len(list(store.all(ReservationRow)))


def test_reservations_and_numbers_outlive_the_core() -> None:
    store = MemoryStore()
    world = World(store)
    world.all_there()
    world.reserve_for(1, one_function("any", 2))
    held, free = world.manager.reservations, {node: world.manager.free(node) for node in NODES}
    after = World(store)
    after.manager.recover()
    assert after.manager.reservations == held
    after.all_there()
    assert {node: after.manager.free(node) for node in NODES} == free
    assert after.reserve_for(2, one_function()).instances[0].instance == len(held) + 1


def test_a_node_that_does_not_come_back_with_the_core_is_lost() -> None:
    store = MemoryStore()
    world = World(store)
    world.all_there()
    world.reserve("global")
    after = World(store)
    after.manager.recover()
    after.available("ran-1", "as")
    after.advance(31)
    assert after.orchestrator.of(NodeLost) == [NodeLost("edge")]
