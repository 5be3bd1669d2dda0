"""Routes whose ends are at different nodes, over one T8 link or two, and routes taken back while they are laid."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from routes_bench import EXECUTION, UE, Radio, delivered, send

from net4ai.codecs.bus import (
    InstallRoutes,
    RemoveRoutes,
    RouteClient,
    RoutesInstalled,
)
from net4ai.stack.procedure import ProcedureError

# Over two hops


class Star:
    """RAN nodes ran-1 and ran-2, each joined to the edge alone; a terminal in each cell, servers at ran-2 and edge."""

    def __init__(self, network: Any) -> None:
        self.network = network
        self.core = network.core()
        self.edge = network.forwarding_function()
        self.radio = Radio(network)
        self.ran_1 = network.forwarding_function("ran-1", "ran-node", self.radio)
        self.ran_2 = network.forwarding_function("ran-2", "ran-node")
        for ran in (self.ran_1, self.ran_2):
            network.join_over_t8(ran, self.edge)
        self.at_edge = network.application_server("at-edge")
        self.at_ran_2 = network.application_server("at-ran-2", node="ran-2")
        network.run(seconds=5)
        self.core.instantiate(1, "at-edge")
        self.core.instantiate(2, "at-ran-2", "ran-2")

        def receive(data: Any, stride: int, source: Any, bulk: bool, now: int) -> None:
            for dep in self.radio.hop.receive(data, stride, bulk, now):
                self.ran_1.forward(self.radio.hop, *dep, bulk, now)

        network.join("radio", network.machines[1], receive)

    def install(self, instance: int, node: str, attempt: int = 0) -> Any:
        """A route from the terminal in the cell of ran-1 to a server elsewhere."""
        request = InstallRoutes(execution=EXECUTION, instance=instance, clients=[UE], node=node, attempt=attempt)
        return self.core.begin(request, "ran-1")

    def assert_nothing_left(self) -> None:
        self.network.run(seconds=30)
        for fpf in (self.edge, self.ran_1, self.ran_2):
            assert len(fpf.switch) == 0 and not fpf.routes and not self.network.under_way(fpf), fpf.name
            assert all(fixed.budget.promised == 0 for fixed in fpf.links.values())
        for server in (self.at_edge, self.at_ran_2):
            server.assert_nothing_left()


@pytest.mark.parametrize(("instance", "node"), [(1, "edge"), (2, "ran-2")])
@pytest.mark.parametrize("bad", [False, True])
def test_a_terminal_whose_server_is_elsewhere(
    make_network: Callable[..., Any], seed: int, bad: bool, instance: int, node: str
) -> None:
    """R35, R46, R47, R73: from ran-1 over T8 to the edge, and over another T8 to ran-2, which RAN nodes reach no other
    way."""
    network = make_network(seed, loss=0.15, duplicate=0.2, jitter=5_000_000) if bad else make_network(seed)
    star = Star(network)
    installing = star.install(instance, node)
    network.run(until=lambda: installing.done, seconds=60)
    assert installing.result() == RoutesInstalled(seats=[20])
    server = star.at_edge if node == "edge" else star.at_ran_2
    assert (len(star.ran_1.switch), len(star.edge.switch), len(star.ran_2.switch)) == (1, 1, int(node == "ran-2"))
    upward, downward = bytes(range(256)) * 300, b"model" * 20_000
    star.radio.endpoint.send(star.radio.end, [upward], network.now)
    send(server, instance, 20, downward, as_server=True)
    network.run(until=lambda: delivered(server) and star.radio.received)
    assert delivered(server) == [(instance, 20, upward)] and star.radio.received == [downward]
    network.run(seconds=10)
    star.core.call(RemoveRoutes(execution=EXECUTION, instance=instance), "ran-1")
    star.assert_nothing_left()


def test_both_hops_stay_anonymous(network: Any) -> None:
    """R81: on T8 and T4 there is a seat and fresh handles; no C-RNTI, no context, no session of the terminal."""
    star = Star(network)
    network.sent.clear()
    client = RouteClient(seat=20, context=0x5EC0DE, session=0x5E5510)
    request = InstallRoutes(execution=EXECUTION, instance=2, clients=[client], node="ran-2")
    assert star.core.call(request, "ran-1").seats == [20]
    star.radio.endpoint.send(star.radio.end, [b"activations" * 500], network.now)
    network.run(until=lambda: delivered(star.at_ran_2))
    hops = {
        hop: [pdu for source, to, pdu in network.sent if {source[0], to[0]} == hop]
        for hop in map(frozenset, ({"ran-1-t8", "edge-t8"}, {"edge-t8", "ran-2-t8"}, {"ran-2", "at-ran-2"}))
    }
    for hop, pdus_there in hops.items():
        assert any(b"activations" in pdu for pdu in pdus_there), hop
        for pdu in pdus_there:
            assert b"\x5e\xc0\xde" not in pdu and b"\x5e\x55\x10" not in pdu
    added = network.messages("Session Add", direction="in")
    assert [event.node for event in added] == ["edge", "ran-2", "at-ran-2"]
    handles = {fpf.name: {handle for _, handle in fpf.switch._in} for fpf in (star.ran_1, star.edge, star.ran_2)}
    assert len(set.union(*handles.values())) == 6  # every leg and direction has its own


def test_a_concrete_client_over_two_hops(network: Any) -> None:
    """Its server at ran-1 leads the route, over the edge, to ran-2."""
    star = Star(network)
    server = network.application_server("at-ran-1", node="ran-1")
    network.run(seconds=5)
    star.core.instantiate(3, "at-ran-1", "ran-1")
    client = RouteClient(seat=0, instance=2, node="ran-2")
    request = InstallRoutes(execution=EXECUTION, instance=3, clients=[client])
    assert star.core.call(request, "ran-1").seats == [0]
    send(star.at_ran_2, 2, 0, b"parameters" * 5000, as_server=False)
    network.run(until=lambda: delivered(server))
    network.run(seconds=5)
    star.core.call(RemoveRoutes(execution=EXECUTION, instance=3), "ran-1")
    star.assert_nothing_left()
    server.assert_nothing_left()


@pytest.mark.parametrize(
    ("instance", "node", "cause"),
    [
        (9, "ran-2", "FUNCTION_NOT_HERE: edge: ran-2: instance 9 is not at ran-2"),
        (2, "ran-7", "FUNCTION_NOT_HERE: edge: ran-7 is not attached to edge"),
        (9, "ran-1", "FUNCTION_NOT_HERE: instance 9 is not at ran-1"),
    ],
)
def test_no_way_there(network: Any, instance: int, node: str, cause: str) -> None:
    """Refused with its cause, and never passed in a circle."""
    star = Star(network)
    installing = star.install(instance, node)
    network.run(until=lambda: installing.done)
    with pytest.raises(ProcedureError, match=cause):
        installing.result()
    star.assert_nothing_left()


@pytest.mark.parametrize("gone", ["ran-1", "ran-2", "at-ran-2"])
def test_a_node_on_the_way_is_lost(network: Any, gone: str) -> None:
    star = Star(network)
    installing = star.install(2, "ran-2")
    network.run(until=lambda: installing.done)
    peer = {
        "ran-1": lambda: star.edge.peer_named("ran-1"),
        "ran-2": lambda: star.edge.peer_named("ran-2"),
        "at-ran-2": lambda: star.ran_2.peer_named("at-ran-2"),
    }[gone]()
    (star.ran_2 if gone == "at-ran-2" else star.edge).forget(peer)
    network.run(seconds=5)
    assert len(star.edge.switch) == 0 and not star.edge.routes
    if gone != "ran-2":
        assert len(star.ran_2.switch) == 0
    if gone != "ran-1":
        assert len(star.ran_1.switch) == 0


# What is taken back while it is laid


@pytest.mark.parametrize("when", [0.0, 0.0005, 0.002, 0.0035, 0.005, 0.0075, 0.01, 0.02, 0.05])
def test_routes_taken_back_while_they_are_laid_do_not_stay(network: Any, when: float) -> None:
    """At any moment of the laying, on the bus before it or behind it."""
    star = Star(network)
    if when == 0.0:
        star.core.call(RemoveRoutes(execution=EXECUTION, instance=2, attempt=4), "ran-1")
    installing = star.install(2, "ran-2", attempt=4)
    network.run(seconds=when)
    star.core.call(RemoveRoutes(execution=EXECUTION, instance=2, attempt=4), "ran-1")
    network.run(until=lambda: installing.done)
    star.assert_nothing_left()
    again = star.install(2, "ran-2", attempt=5)
    network.run(until=lambda: again.done)
    assert again.result().seats == [20]
    star.core.call(RemoveRoutes(execution=EXECUTION, instance=2, attempt=4), "ran-1")  # late, of the one before
    assert len(star.ran_1.switch) == 1
    star.core.call(RemoveRoutes(execution=EXECUTION, instance=2, attempt=5), "ran-1")
    star.assert_nothing_left()
