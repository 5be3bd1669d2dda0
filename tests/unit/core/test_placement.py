"""Placement: greedy and exact beside an independent checker, brute force and each other (R38, R45, R46, R52, R114)."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from placement_oracle import benchmark, brute_force, faults, node, price

from net4ai.codecs.bus import Capacity
from net4ai.codecs.causes import Cause
from net4ai.codecs.service import Resources
from net4ai.core import placement_exact
from net4ai.core.placement import (
    NODE_COST,
    RESOURCES,
    TERMINALS,
    FunctionWish,
    GreedyPlacer,
    LinkWish,
    NoPlace,
    Placement,
    Placer,
    Problem,
    amounts_of,
    cost,
    fits,
    lead,
    shortage,
    usage,
)
from net4ai.core.placement_exact import ExactPlacer

exact_only = pytest.mark.skipif(not placement_exact.AVAILABLE, reason="needs the extra placement")
PLACERS = [GreedyPlacer(), pytest.param(ExactPlacer(time_limit=60), marks=exact_only)]


def cost_or_none(placer: Placer, problem: Problem) -> float | None:
    """Of what a placer finds, checked by the oracle."""
    try:
        found = placer.place(problem)
    except NoPlace:
        return None
    assert faults(problem, found) == []
    assert cost(problem, found) == pytest.approx(price(problem, found))
    return cost(problem, found)


@exact_only
def test_exact_is_never_worse_than_greedy_and_both_respect_every_capacity() -> None:
    """R45, R52, R114: the fifty instances of the benchmark."""
    feasible = []
    for seed in range(50):
        problem = benchmark.random_problem(seed)
        greedy, exact = cost_or_none(GreedyPlacer(), problem), cost_or_none(ExactPlacer(time_limit=60), problem)
        if greedy is not None:
            assert exact is not None and exact <= greedy + 1e-6, f"seed {seed}: greedy {greedy}, exact {exact}"
        feasible.append((greedy is not None, exact is not None))
    assert sum(exact for _, exact in feasible) == 38, "most instances can be solved, or this test says little"
    assert sum(greedy for greedy, _ in feasible) >= 33, "greedy sees room where there is some"


@exact_only
@pytest.mark.parametrize("seed", range(100, 125))
def test_exact_is_the_best_of_all_placements(seed: int) -> None:
    """The oracle tries everything."""
    problem = benchmark.random_problem(seed, ran_nodes=2, most=2)
    best, found = brute_force(problem), cost_or_none(ExactPlacer(time_limit=60), problem)
    assert found == (None if best is None else pytest.approx(best, abs=1e-6)), f"seed {seed}"


@settings(max_examples=60, deadline=None)
@given(st.integers(1000, 10**6))
def test_greedy_finds_placements_or_says_what_lacks(seed: int) -> None:
    problem = benchmark.random_problem(seed)
    try:
        assert faults(problem, GreedyPlacer().place(problem)) == []
    except NoPlace as refusal:
        assert refusal.cause is Cause.NO_RESOURCES
        assert refusal.detail.split(":")[0] in RESOURCES
        assert "wanted" in refusal.detail and "free" in refusal.detail


# What is decided

RANS = node("ran-1", terminals=1), node("ran-2", terminals=1)
EDGE = node("edge")
LOCAL = FunctionWish("local", ("ran-1", "ran-2"), 2, {"memory_mib": 1024}, everywhere=True)
GLOBAL = FunctionWish("global", ("edge",), 1, {"memory_mib": 1024})
BOTTOM, TOP = LinkWish(TERMINALS, "local", 100), LinkWish("local", "global", 100)
SHIPPED = Problem((*RANS, EDGE), (LOCAL, GLOBAL), (BOTTOM, TOP))


@pytest.mark.parametrize("placer", PLACERS)
def test_one_at_each_node_and_one_at_the_edge(placer: Placer) -> None:
    """R45, R46, R47: the shape of the shipped service."""
    assert placer.place(SHIPPED) == Placement(
        {("local", "ran-1"): 1, ("local", "ran-2"): 1, ("global", "edge"): 1},
        {
            (BOTTOM, "ran-1", "ran-1"): 1,
            (BOTTOM, "ran-2", "ran-2"): 1,
            (TOP, "ran-1", "edge"): 1,
            (TOP, "ran-2", "edge"): 1,
        },
    )


@pytest.mark.parametrize("placer", PLACERS)
def test_a_server_is_placed_where_most_of_its_clients_are(placer: Placer) -> None:
    nodes = (node("ran-1", terminals=1), node("ran-2", terminals=9), EDGE)
    server = FunctionWish("server", ("ran-1", "ran-2", "edge"), 1, {"cpu": 1})
    problem = Problem(nodes, (server,), (LinkWish(TERMINALS, "server", 10),))
    assert set(placer.place(problem).counts) == {("server", "ran-2")}


@pytest.mark.parametrize("placer", PLACERS)
def test_terminals_that_are_spread_evenly_meet_at_the_edge(placer: Placer) -> None:
    """One hop for all is less than none for a third and two for the rest."""
    nodes = (*RANS, node("ran-3", terminals=1), EDGE)
    server = FunctionWish("server", ("ran-1", "ran-2", "ran-3", "edge"), 1, {"cpu": 1})
    problem = Problem(nodes, (server,), (LinkWish(TERMINALS, "server", 10),))
    assert set(placer.place(problem).counts) == {("server", "edge")}


@pytest.mark.parametrize("placer", PLACERS)
def test_without_links_instances_share_the_load_or_the_node(placer: Placer) -> None:
    """Balance against the number of nodes: half a node is worth a second one, a twentieth is not."""
    nodes = (node("ran-1", memory_mib=1000), node("ran-2", memory_mib=1000))
    for memory, used in ((500, 2), (50, 1)):
        twice = FunctionWish("f", ("ran-1", "ran-2"), 2, {"memory_mib": memory})
        assert len(placer.place(Problem(nodes, (twice,), ())).counts) == used


@pytest.mark.parametrize("placer", PLACERS)
def test_full_transport_moves_the_server(placer: Placer) -> None:
    """R38: compute and communication are one model. The edge has room for the function, not for its data."""
    server = FunctionWish("server", ("ran-1", "edge"), 1, {"cpu": 1})
    link = LinkWish(TERMINALS, "server", 10)
    for transport, place in ((20, "edge"), (19, None)):
        edge = node("edge", transport_kbps=transport)
        problem = Problem((*RANS, edge), (replace(server, nodes=("edge",)),), (link,))
        assert (cost_or_none(placer, problem) is not None) is (place is not None)
    small = node("ran-1", terminals=1, transport_kbps=5), node("ran-2", terminals=1, transport_kbps=5)
    with pytest.raises(NoPlace) as refusal:
        placer.place(Problem((*small, EDGE), (server,), (link,)))
    assert refusal.value.detail.startswith("transport_kbps: 20 wanted for all links, ran-1 has 5 free")


@pytest.mark.parametrize("placer", PLACERS)
def test_radio_is_taken_where_terminals_are_wherever_the_server_is(placer: Placer) -> None:
    nodes = (node("ran-1", terminals=3, radio_kbps=30), EDGE)
    link = LinkWish(TERMINALS, "global", 10)
    found = placer.place(Problem(nodes, (GLOBAL,), (link,)))
    assert usage(Problem(nodes, (GLOBAL,), (link,)), found)["ran-1"]["radio_kbps"] == 30
    with pytest.raises(NoPlace) as refusal:
        placer.place(Problem((replace(nodes[0], terminals=4), EDGE), (GLOBAL,), (link,)))
    assert refusal.value.detail == "radio_kbps: 40 wanted for terminals, ran-1 has 30 free"


@pytest.mark.parametrize("placer", PLACERS)
def test_a_node_that_holds_more_than_it_has_takes_nothing_and_hinders_nobody(placer: Placer) -> None:
    """A node that came back with less than is reserved there."""
    over = replace(node("ran-1", memory_mib=1000), free=dict.fromkeys(RESOURCES, -1))
    function = FunctionWish("f", ("ran-1", "ran-2"), 1, {"memory_mib": 10})
    assert placer.place(Problem((over, RANS[1]), (function,), ())).counts == {("f", "ran-2"): 1}


@pytest.mark.parametrize("placer", PLACERS)
def test_concrete_clients_may_go_to_several_servers(placer: Placer) -> None:
    """R69: two clients of one node, and no way that has room for both."""
    nodes = (node("ran-1"), node("edge", transport_kbps=10), node("edge-2", transport_kbps=10))
    clients = FunctionWish("client", ("ran-1",), 2, {"cpu": 1})
    servers = FunctionWish("server", ("edge", "edge-2"), 2, {"cpu": 1}, everywhere=True)
    link = LinkWish("client", "server", 10)
    assert placer.place(Problem(nodes, (clients, servers), (link,))).paths == {
        (link, "ran-1", "edge"): 1,
        (link, "ran-1", "edge-2"): 1,
    }


# Paths and sums


@pytest.mark.parametrize(
    ("one", "other", "path"),
    [
        ("ran-1", "ran-1", ("ran-1",)),
        ("ran-1", "edge", ("ran-1", "edge")),
        ("edge", "ran-2", ("edge", "ran-2")),
        ("ran-1", "ran-2", ("ran-1", "edge", "ran-2")),
    ],
)
def test_data_goes_over_t8(one: str, other: str, path: tuple[str, ...]) -> None:
    """R47: the same forwarding function, or two joined by T8, at most over the edge."""
    assert SHIPPED.path(one, other) == path
    assert SHIPPED.hops(one, other) == len(path) - 1


def test_a_network_without_an_edge_has_one_hop_everywhere() -> None:
    assert Problem(RANS, (), ()).path("ran-1", "ran-2") == ("ran-1", "ran-2")


def test_data_between_ran_nodes_takes_transport_of_the_edge_twice() -> None:
    placed = Placement({}, {(TOP, "ran-1", "ran-2"): 3})
    taken = usage(SHIPPED, placed)
    assert {name: amounts["transport_kbps"] for name, amounts in taken.items()} == {
        "ran-1": 300,
        "ran-2": 300,
        "edge": 600,
    }


def test_cost_is_hops_and_the_fullest_node_and_the_nodes() -> None:
    nodes = (node("ran-1", terminals=2, memory_mib=1000, free=0.5), EDGE)
    problem = Problem(nodes, (GLOBAL,), (LinkWish(TERMINALS, "global", 1),))
    found = GreedyPlacer().place(problem)
    assert cost(problem, found) == pytest.approx(1.0 + 0.5 + NODE_COST, abs=1e-4)


def test_amounts_are_whole_numbers_under_the_names_of_the_bus() -> None:
    """R38, R114: one model for all."""
    assert amounts_of(Capacity(cpu=1.5)) == {
        "cpu": 1500,
        "memory_mib": 16384,
        "storage_mib": 65536,
        "accelerators": 0,
        "radio_kbps": 1_000_000,
        "transport_kbps": 10_000_000,
    }
    assert amounts_of(Resources()) == {
        "cpu": 100,
        "memory_mib": 1024,
        "storage_mib": 0,
        "accelerators": 0,
        "radio_kbps": 0,
        "transport_kbps": 0,
    }


def test_what_does_not_fit_is_not_led() -> None:
    with pytest.raises(NoPlace):
        lead(SHIPPED, {("local", "ran-1"): 10**6})
    assert not fits(SHIPPED, {"ran-1": {"cpu": 10**9}})
    assert fits(SHIPPED, {"ran-1": {"cpu": 100_000}})


# Refusals


@pytest.mark.parametrize(
    ("functions", "detail"),
    [
        (
            (FunctionWish("f", ("ran-1", "edge"), 3, {"memory_mib": 4096}),),
            "memory_mib: 3 x 4096 wanted for f, ran-1 has 2048 free, edge has 9000 free",
        ),
        (
            (FunctionWish("f", ("ran-1", "ran-2"), 2, {"memory_mib": 2500}, everywhere=True),),
            "memory_mib: 2500 wanted for f at each node, ran-1 has 2048 free",
        ),
        (
            (FunctionWish("f", ("edge",), 1, {"cpu": 1500}),),
            "cpu: 1 x 1.5 wanted for f, edge has 0.5 free",
        ),
        (
            (
                FunctionWish("f", ("edge",), 1, {"memory_mib": 5000}),
                FunctionWish("g", ("edge",), 2, {"memory_mib": 3000}),
            ),
            "memory_mib: 1 x 5000 (f) and 2 x 3000 (g) wanted together, edge has 9000 free",
        ),
        ((FunctionWish("f", (), 1, {"cpu": 1}),), "cpu: 1 x 0.001 wanted for f, no node is there"),
    ],
)
@pytest.mark.parametrize("placer", PLACERS)
def test_a_refusal_names_the_resource_that_lacks_and_where(
    placer: Placer, functions: tuple[FunctionWish, ...], detail: str
) -> None:
    """R52."""
    nodes = (node("ran-1", memory_mib=2048), node("ran-2", memory_mib=4096), node("edge", memory_mib=9000, cpu=500))
    with pytest.raises(NoPlace) as refusal:
        placer.place(Problem(nodes, functions, ()))
    assert refusal.value.detail == detail


def test_a_refusal_names_a_few_nodes_of_many() -> None:
    nodes = tuple(node(f"ran-{number}", cpu=0) for number in range(20))
    wish = FunctionWish("f", tuple(one.name for one in nodes), 1, {"cpu": 1000})
    assert shortage(Problem(nodes, (wish,), ())).endswith("ran-7 has 0 free, and 12 more")


# When greedy answers for exact


class Noting:
    """A fallback that counts."""

    asked = 0

    def place(self, problem: Problem) -> Placement:
        self.asked += 1
        return GreedyPlacer().place(problem)


@pytest.mark.parametrize(
    ("available", "maximum", "seconds", "asked"),
    [
        (False, 10_000, 60.0, 1),
        pytest.param(True, 10, 60.0, 1, marks=exact_only),
        pytest.param(True, 10_000, 0.0, 1, marks=exact_only),
        pytest.param(True, 10_000, 60.0, 0, marks=exact_only),
    ],
    ids=["no HiGHS", "too large", "no time", "solved"],
)
def test_greedy_answers_where_exact_cannot(
    monkeypatch: pytest.MonkeyPatch, available: bool, maximum: int, seconds: float, asked: int
) -> None:
    monkeypatch.setattr(placement_exact, "AVAILABLE", available)
    monkeypatch.setattr(placement_exact, "MAXIMUM_VARIABLES", maximum)
    problem, noting = benchmark.random_problem(13), Noting()
    assert faults(problem, ExactPlacer(seconds, noting).place(problem)) == []
    assert noting.asked == asked


@exact_only
def test_the_largest_problem_that_is_solved_exactly_is_within_the_bound() -> None:
    assert placement_exact.size(SHIPPED) < placement_exact.MAXIMUM_VARIABLES
    many = tuple(node(f"ran-{number}", terminals=1) for number in range(100))
    assert placement_exact.size(Problem(many, (), (BOTTOM,))) > placement_exact.MAXIMUM_VARIABLES
