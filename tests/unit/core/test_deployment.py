"""From a description to what is placed, and from a placement to who has reserved what (R45, R46, R52, R69)."""

from __future__ import annotations

import itertools
from collections import Counter, defaultdict

from core_bench import description
from hypothesis import given, settings
from hypothesis import strategies as st
from placement_oracle import node

from net4ai.codecs.service import Function, Quality, Routine, ServiceDescription, Task
from net4ai.core.deployment import DEFAULT_KBPS, KILOBIT, deploy, links_of, nodes_for, problem_of
from net4ai.core.placement import TERMINALS, GreedyPlacer, LinkWish, usage

NODES = (node("ran-1", terminals=3), node("ran-2", terminals=2), node("edge"))
KINDS = {"ran-1": "ran-node", "ran-2": "ran-node", "edge": "edge"}
SERVERS = {name: f"as-{name}" for name in KINDS}


def service(local: int, globally: int, place: str) -> ServiceDescription:
    """Two routines join the same two functions; the third is of terminals."""
    return description(
        functions={
            "source": Function(kind="abstract", entry_point="s"),
            "local": Function(kind="concrete", entry_point="l", place="any", instances=local),
            "global": Function(kind="concrete", entry_point="g", place=place, instances=globally),  # type: ignore[arg-type]
        },
        routines={
            "bottom": Routine(client="source", server="local"),
            "top": Routine(client="local", server="global"),
            "again": Routine(client="local", server="global"),
        },
        tasks={"t": Task(chain=("bottom", "top", "again"))},
    )


def test_a_place_is_a_kind_of_node_or_any() -> None:
    assert nodes_for("ran-node", KINDS) == ["ran-1", "ran-2"]
    assert nodes_for("any", KINDS) == ["ran-1", "ran-2", "edge"]
    assert nodes_for(None, KINDS) == []


def test_only_nodes_with_an_application_server_take_functions() -> None:
    """R12, R45: abstract functions are not placed."""
    wishes = problem_of(service(0, 2, "ran-node"), NODES, ["ran-2", "edge"]).functions
    assert [(w.function, w.nodes, w.instances, w.everywhere) for w in wishes] == [
        ("local", ("ran-2", "edge"), 2, True),
        ("global", ("ran-2",), 2, False),
    ]


def test_routines_that_join_the_same_functions_share_a_link() -> None:
    """R46: with the rates of all; kilobyte become kilobit, a routine without a rate counts as some."""
    what = service(1, 1, "edge")
    fast = Routine(client="source", server="local", quality=Quality(bit_rate=50))
    links = links_of(description(functions=what.functions, routines={**what.routines, "fast": fast}))
    assert set(links) == {
        LinkWish(TERMINALS, "local", DEFAULT_KBPS + 50 * KILOBIT),
        LinkWish("local", "global", 2 * DEFAULT_KBPS),
    }


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 5), st.integers(0, 4), st.sampled_from(["ran-node", "edge", "any"]))
def test_reservations_add_up_to_what_the_placement_takes(local: int, globally: int, place: str) -> None:
    """R52, R69: nothing is reserved twice or forgotten; every concrete client has one server on both its routines."""
    what = service(local, globally, place)
    problem = problem_of(what, NODES, list(KINDS))
    placement = GreedyPlacer().place(problem)
    reservations = deploy(7, what, problem, placement, itertools.count(1).__next__, SERVERS)
    total: Counter[tuple[str, str]] = Counter()
    for reservation in reservations:
        for name, amounts in reservation.amounts.items():
            total.update({(name, resource): amount for resource, amount in amounts.items()})
    assert +total == {(n, r): a for n, taken in usage(problem, placement).items() for r, a in taken.items() if a}
    instances = [reservation.instance for reservation in reservations]
    assert Counter((i.function, i.node) for i in instances) == placement.counts
    assert [i.instance for i in instances] == list(range(1, len(instances) + 1))
    assert all(i.application_server == SERVERS[i.node] for i in instances)
    servers = {i.instance for i in instances if i.function == "global"}
    for instance in instances:
        assert len({*instance.servers.values()} & servers) == (instance.function == "local")
        assert instance.servers.keys() == ({"top", "again"} if instance.function == "local" else set())
    clients = Counter(i.servers["top"] for i in instances if i.function == "local")
    at_node: dict[str, list[int]] = defaultdict(list)
    for instance in instances:
        if instance.function == "global":
            at_node[instance.node].append(clients[instance.instance])
    assert all(max(counts) - min(counts) <= 1 for counts in at_node.values()), "no server is idle beside a busy one"
