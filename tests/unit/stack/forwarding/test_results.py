"""Results sessions over T8: the instance is at one node, the application controller at another (R5, R35, R47, R111)."""

from __future__ import annotations

from typing import Any

import pytest

from net4ai.codecs import compute
from net4ai.codecs.bus import InstallResults, TerminateFunction
from net4ai.codecs.causes import Cause
from net4ai.codecs.message import Message, encode_message
from net4ai.stack.procedure import ProcedureError

INSTANCE = 2


class Line:
    """A controller at the edge, an application server at ran-2; between them T8."""

    def __init__(self, network: Any) -> None:
        self.network = network
        self.core = network.core()
        self.edge = network.forwarding_function()
        self.ran = network.forwarding_function("ran-2", "ran-node")
        network.join_over_t8(self.ran, self.edge)
        self.server = network.application_server("at-ran-2", node="ran-2")
        self.controller = network.controller()
        self.controller.answer = lambda message: Message(tag=2, data=b"input")
        self.controller.machine.link.attach()
        network.run(seconds=5)
        self.core.instantiate(INSTANCE, "at-ran-2", "ran-2")

    def install(self, instance: int = INSTANCE, node: str = "ran-2") -> None:
        self.core.call(InstallResults(instance=instance, controller="application-controller", node=node))

    def assert_nothing_left(self) -> None:
        self.network.run(seconds=10)
        for function in (self.edge, self.ran):
            assert len(function.switch) == 0 and not function.routes, function.name
            assert all(fixed.budget.promised == 0 for fixed in function.links.values())
        assert not self.controller.machine.endpoint.sessions
        self.server.assert_nothing_left()


@pytest.fixture
def line(network: Any) -> Line:
    return Line(network)


def test_results_come_from_another_node_and_the_answer_goes_back(line: Line) -> None:
    for _ in range(2):  # the second replaces the first
        line.install()
    assert (len(line.edge.switch), len(line.ran.switch)) == (1, 1)
    result = encode_message(Message(tag=1, data=b"model" * 50_000))
    line.server.compute.say(compute.SendResult(instance=INSTANCE, body=result))
    line.network.run(until=lambda: line.server.compute.of(compute.DeliverResult))
    assert [bytes(message.data) for message in line.controller.results] == [b"model" * 50_000]
    line.network.run(seconds=10)
    line.core.call(TerminateFunction(instance=INSTANCE, application_server="at-ran-2"), "ran-2")
    line.assert_nothing_left()


def test_both_nodes_announce_the_session_while_it_lasts(line: Line) -> None:
    line.install()
    line.network.run(seconds=6)
    last = {event.node: event.results for event in line.core.available}
    assert last == {"edge": [INSTANCE], "ran-2": [INSTANCE]}
    line.edge.forget(line.edge.peer_named("application-controller"))
    line.network.run(seconds=6)
    last = {event.node: (event.results, event.controllers) for event in line.core.available}
    assert last == {"edge": ([], []), "ran-2": ([], [])}
    assert len(line.edge.switch) == len(line.ran.switch) == 0


@pytest.mark.parametrize(("instance", "node"), [(9, "ran-2"), (INSTANCE, "ran-7"), (INSTANCE, "edge")])
def test_an_instance_that_is_not_there_gets_none(line: Line, instance: int, node: str) -> None:
    with pytest.raises(ProcedureError) as raised:
        line.install(instance, node)
    assert raised.value.cause is Cause.FUNCTION_NOT_HERE
    line.assert_nothing_left()
