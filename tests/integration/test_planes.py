"""Who is where in a running network: planes, links, ends of bearers, as the paper has them."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import pytest
from network_run import Network, play


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Network:
    """The shipped scenario, one round, over."""
    return play(tmp_path_factory.mktemp("planes"), None, "settings.rounds=1", toys=True)


def messages(network: Network, link: str) -> list[dict[str, Any]]:
    return [event for event in network.trace() if event["kind"] == "message" and event.get("link") == link]


def test_a_ran_node_has_a_compute_plane_function_and_t4_within(network: Network) -> None:
    """R37, R39: forwarding function and application server of a RAN node are its own, and speak over T4."""
    ends = {(event["node"], event["peer"]) for event in messages(network, "T4") if "peer" in event}
    for name in ("ran-1", "ran-2"):
        server = f"{name}-app-server"
        assert {(name, server), (server, name)} <= ends
        assert not [end for end in ends if server in end and name not in end]


def test_a_computing_bearer_ends_at_the_ue_and_at_functions_of_its_node(network: Network) -> None:
    """R93: what a UE sends over its computing bearer ends at an application server of its RAN node, and back."""
    ends: dict[tuple[int, int], set[str]] = defaultdict(set)
    for event in network.trace():
        ids = event.get("ids", {})
        if event["kind"] == "message" and event["message"] == "DEP message" and "seat" in ids:
            ends[ids["execution"], ids["seat"]].add(event["node"].split("/")[0])
    bottom = [nodes for nodes in ends.values() if any(node.startswith("ue-") for node in nodes)]
    assert bottom
    for nodes in bottom:
        for node in nodes:
            assert node in {"ue-1", "ue-2", "ran-1-app-server", "ran-2-app-server"}


def test_every_server_has_its_clients(network: Network) -> None:
    """R68, R84: each routine server of the bottom routine has clients of its own cell, all of them."""
    by_server: dict[tuple[int, int], set[int]] = defaultdict(set)
    for execution, server, seat, _ in network.seats():
        by_server[execution, server].add(seat)
    assert len({server for _, server in by_server}) == 2
    assert all(seats == set(range(12)) for seats in by_server.values())
