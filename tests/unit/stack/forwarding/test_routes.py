"""Routes: between two servers of one node, over T8, and to a UE; data passes, and nothing remains when they go."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from routes_bench import EXECUTION, LIMITS, UE, Radio, delivered, send

from net4ai.codecs import compute, link
from net4ai.codecs.bus import (
    InstallResults,
    InstallRoutes,
    RemoveRoutes,
    RouteClient,
    RoutesInstalled,
    TerminateFunction,
)
from net4ai.codecs.causes import Cause
from net4ai.codecs.common import SessionLimits
from net4ai.codecs.dep import VERSION, DepType
from net4ai.codecs.message import Message, encode_message
from net4ai.stack.dep import pdus
from net4ai.stack.dep.constants import SCHEDULED_MINIMUM
from net4ai.stack.dep.credit import CreditBudget
from net4ai.stack.drops import Drop
from net4ai.stack.forwarding.routes import release_route
from net4ai.stack.procedure import ProcedureError, outcome_of

SERVER, NEAR_CLIENT, FAR_CLIENT = 1, 2, 3
"""Instances: server and one client at the edge, another client at ran-1."""
NEAR = RouteClient(seat=10, instance=NEAR_CLIENT, node="edge")
FAR = RouteClient(seat=11, instance=FAR_CLIENT, node="ran-1")


class Plane:
    """Two forwarding functions, a server and clients at both, instantiated."""

    def __init__(self, network: Any, uu: Any = None) -> None:
        self.network = network
        self.core = network.core()
        self.edge = network.forwarding_function(uu=uu)
        self.ran = network.forwarding_function("ran-1", "ran-node")
        network.join_over_t8(self.edge, self.ran)
        self.server = network.application_server("server")
        self.near = network.application_server("near")
        self.far = network.application_server("far", node="ran-1")
        network.run(seconds=5)
        self.core.instantiate(SERVER, "server")
        self.core.instantiate(NEAR_CLIENT, "near")
        self.core.instantiate(FAR_CLIENT, "far", "ran-1")

    def install(self, *clients: RouteClient, execution: int = EXECUTION) -> Any:
        return self.core.call(InstallRoutes(execution=execution, instance=SERVER, clients=list(clients))).seats

    def remove(self, *seats: int, execution: int = EXECUTION) -> None:
        self.core.call(RemoveRoutes(execution=execution, instance=SERVER, seats=list(seats)))
        self.network.run(seconds=5)

    def assert_nothing_left(self) -> None:
        for fpf in (self.edge, self.ran):
            assert len(fpf.switch) == 0 and fpf.switch.messages == 0 and not fpf.switch._out
            assert not fpf.routes
            for fixed in fpf.links.values():
                assert fixed.budget.promised == fixed.budget.reserved == 0
            assert all(peer.waiting == 0 for peer in fpf.all_peers())
            assert not self.network.under_way(fpf)
        for server in (self.server, self.near, self.far):
            server.assert_nothing_left()


@pytest.fixture
def plane(network: Any) -> Plane:
    return Plane(network)


# Laying and taking back


@pytest.mark.parametrize("bad", [False, True])
def test_data_passes_both_ways_and_nothing_remains(make_network: Callable[..., Any], seed: int, bad: bool) -> None:
    network = make_network(seed, loss=0.15, duplicate=0.2, jitter=5_000_000) if bad else make_network(seed)
    plane = Plane(network)
    assert plane.install(NEAR, FAR) == [10, 11]
    assert len(plane.edge.switch) == 2 and len(plane.ran.switch) == 1
    upward, downward = bytes(range(256)) * 400, b"model" * 30_000
    send(plane.near, NEAR_CLIENT, 10, upward, as_server=False)
    send(plane.far, FAR_CLIENT, 11, upward[::-1], as_server=False)
    for seat in (10, 11):
        send(plane.server, SERVER, seat, downward, as_server=True)
    network.run(
        until=lambda: all(len(delivered(s)) == n for s, n in ((plane.server, 2), (plane.near, 1), (plane.far, 1)))
    )
    assert sorted(delivered(plane.server)) == [(SERVER, 10, upward), (SERVER, 11, upward[::-1])]
    assert delivered(plane.near) == [(NEAR_CLIENT, 10, downward)]
    assert delivered(plane.far) == [(FAR_CLIENT, 11, downward)]
    network.run(seconds=10)
    assert all(len(server.compute.of(compute.Sent)) for server in (plane.server, plane.near, plane.far))
    plane.remove()
    plane.assert_nothing_left()


def test_some_seats_go_and_the_others_stay(plane: Plane) -> None:
    plane.install(NEAR, FAR)
    plane.remove(11, 99)
    assert list(plane.edge.routes[EXECUTION, SERVER].seats) == [10]
    assert len(plane.edge.switch) == 1 and len(plane.ran.switch) == 0 and not plane.ran.routes
    assert not plane.far.machine.channels
    send(plane.near, NEAR_CLIENT, 10, b"still here", as_server=False)
    plane.network.run(until=lambda: delivered(plane.server))
    plane.remove(10)
    plane.assert_nothing_left()
    plane.remove()  # nothing to remove is no error
    plane.assert_nothing_left()


def test_each_execution_has_handles_of_its_own(plane: Plane) -> None:
    plane.install(NEAR)
    first = set(plane.server.machine.endpoint.sessions)
    plane.install(NEAR, execution=EXECUTION + 1)
    assert len(plane.server.machine.endpoint.sessions) == 2 and len(plane.edge.switch) == 2
    plane.remove()
    assert not first & set(plane.server.machine.endpoint.sessions)
    assert len(plane.edge.switch) == 1
    plane.remove(execution=EXECUTION + 1)
    plane.assert_nothing_left()


def test_installed_again_replaces(plane: Plane) -> None:
    plane.install(NEAR, FAR)
    assert plane.install(NEAR, FAR) == [10, 11]
    assert len(plane.edge.switch) == 2 and len(plane.ran.switch) == 1
    assert len(plane.server.machine.endpoint.sessions) == 2
    send(plane.far, FAR_CLIENT, 11, b"over the new one", as_server=False)
    plane.network.run(until=lambda: delivered(plane.server))
    plane.remove()
    plane.assert_nothing_left()


def test_a_request_repeated_on_the_bus_is_done_once(plane: Plane) -> None:
    plane.install(NEAR)
    handles = set(plane.server.machine.endpoint.sessions)
    request = next(e for e in plane.network.bus if e.type == "InstallRoutes" and e.kind == "request")
    plane.network.send_envelope(request)
    plane.network.run(seconds=5)
    assert set(plane.server.machine.endpoint.sessions) == handles
    assert len(plane.edge.switch) == 1


# What cannot be laid


@pytest.mark.parametrize(
    "client",
    [
        RouteClient(seat=12, instance=99, node="nowhere"),
        RouteClient(seat=12, instance=99, node="ran-1"),  # there is no such instance there
        RouteClient(seat=12, instance=99, node="near"),  # attached, but no place for routes
        RouteClient(seat=12, context=1, session=0),  # an edge has no radio
    ],
)
def test_a_client_that_cannot_be_reached_is_left_out(plane: Plane, client: RouteClient) -> None:
    assert plane.install(NEAR, client, FAR) == [10, 11]
    plane.network.run(seconds=5)
    assert len(plane.server.machine.endpoint.sessions) == 2  # the session for its seat was released
    plane.remove()
    plane.assert_nothing_left()


def test_unknown_server(plane: Plane) -> None:
    with pytest.raises(ProcedureError, match="FUNCTION_NOT_HERE: instance 7 is not at edge"):
        plane.core.call(InstallRoutes(execution=EXECUTION, instance=7, clients=[NEAR]))
    plane.assert_nothing_left()


def test_no_credit_at_the_server(plane: Plane) -> None:
    plane.server.budget.octets = SCHEDULED_MINIMUM + LIMITS.unscheduled
    assert plane.install(NEAR, FAR) == [10]
    assert any("unscheduled octets" in line for line in plane.network.said)
    plane.remove()
    plane.assert_nothing_left()


@pytest.mark.parametrize("where", ["client", "T4", "T8", "relay"])
def test_no_credit_on_the_way(plane: Plane, where: str) -> None:
    budget: CreditBudget = {
        "client": plane.far.budget,
        "T4": plane.ran.links["T4"].budget,
        "T8": plane.edge.links["T8"].budget,
        "relay": plane.edge.links["T4"].budget,
    }[where]
    budget.octets = SCHEDULED_MINIMUM
    assert plane.install(FAR) == []
    plane.network.run(seconds=5)
    plane.assert_nothing_left()


def test_server_silent_while_routes_are_laid(plane: Plane) -> None:
    """It answers too late: what it has added is taken back."""
    plane.network.cut.add("server")
    installing = plane.core.begin(InstallRoutes(execution=EXECUTION, instance=SERVER, clients=[NEAR, FAR]))
    plane.network.run(until=lambda: installing.done)
    with pytest.raises(ProcedureError):
        installing.result()
    assert not plane.edge.routes and len(plane.edge.switch) == 0
    plane.network.cut.clear()
    plane.network.run(seconds=10)
    plane.assert_nothing_left()


def test_a_handle_that_is_taken(plane: Plane) -> None:
    plane.edge.random_handle = lambda: 5
    assert plane.install(NEAR, FAR) == [10]
    plane.remove()
    plane.assert_nothing_left()


def test_lost_client(plane: Plane) -> None:
    """Its routes go; the execution goes on, the server is told that the channel is closed."""
    plane.install(NEAR, FAR)
    for fpf, name in ((plane.ran, "far"), (plane.edge, "near")):
        fpf.forget(fpf.peer_named(name))
    plane.network.run(seconds=5)
    assert plane.core.outcomes == []
    assert sorted(told.seat for told in plane.server.compute.of(compute.CloseChannel)) == [10, 11]
    assert len(plane.edge.switch) == len(plane.ran.switch) == 0


def test_server_lost_between_both_ends(plane: Plane) -> None:
    """The server has added its session; while the client is asked, the server is lost."""
    plane.network.cut.add("far")
    installing = plane.core.begin(InstallRoutes(execution=EXECUTION, instance=SERVER, clients=[FAR]))
    plane.network.run(seconds=1)
    plane.edge.forget(plane.edge.peer_named("server"))
    plane.network.cut.clear()
    plane.network.run(until=lambda: installing.done)
    assert installing.result().seats == []
    plane.network.run(seconds=5)
    assert not plane.edge.routes and len(plane.edge.switch) == len(plane.ran.switch) == 0
    assert not plane.far.machine.channels


# A UE's leg


def with_radio(network: Any) -> tuple[Plane, Radio]:
    radio = Radio(network)
    plane = Plane(network, radio)

    def receive(data: Any, stride: int, source: Any, bulk: bool, now: int) -> None:
        for dep in radio.hop.receive(data, stride, bulk, now):
            plane.edge.forward(radio.hop, *dep, bulk, now)

    network.join("radio", network.machines[0], receive)
    return plane, radio


def test_route_to_a_terminal(network: Any) -> None:
    plane, radio = with_radio(network)
    assert plane.install(UE) == [20]
    radio.endpoint.send(radio.end, [b"activations" * 2000], network.now)
    send(plane.server, SERVER, 20, b"gradients" * 2000, as_server=True)
    network.run(until=lambda: delivered(plane.server) and radio.received)
    assert delivered(plane.server) == [(SERVER, 20, b"activations" * 2000)]
    assert radio.received == [b"gradients" * 2000]
    network.run(seconds=5)
    plane.remove()
    assert radio.budget.promised == 0
    plane.assert_nothing_left()


def test_route_of_several_flows(network: Any) -> None:
    """R103: each flow on its own bearer of the terminal, all on the one bearer of T4."""
    plane, radio = with_radio(network)
    radio.flows = radio.told = (link.FlowMapping(qfi=1, bearer=4), link.FlowMapping(qfi=2, bearer=5, ordered=False))
    assert plane.install(UE) == [20]
    for qfi in (1, 2):
        radio.endpoint.send(radio.end, [b"%d" % qfi * 20_000], network.now, qfi=qfi)
    network.run(until=lambda: len(delivered(plane.server)) == 2)
    assert sorted(body for *_, body in delivered(plane.server)) == [b"1" * 20_000, b"2" * 20_000]
    received = [hop._bulk[bearer].statistics.received for hop in (radio.hop,) for bearer in (4, 5)]
    assert min(received) >= 20_000 // LIMITS.segment_size
    network.run(seconds=5)
    plane.remove()
    plane.assert_nothing_left()


def test_flows_that_changed_meanwhile(network: Any) -> None:
    plane, radio = with_radio(network)
    radio.told = (link.FlowMapping(qfi=1, bearer=4), link.FlowMapping(qfi=2, bearer=5))
    assert plane.install(UE, NEAR) == [10]
    plane.remove()
    plane.assert_nothing_left()


def test_a_terminal_cannot_speak_in_the_session_of_another(network: Any) -> None:
    """R105: handles are looked up by the hop they come over, whatever the bearer's identity."""
    plane, radio = with_radio(network)
    plane.install(UE)
    other = Radio(network)
    forged = bytes(8) + pdus.pack_header(VERSION, DepType.PING, handle=radio.end.session.send_handle, qfi=1) + bytes(4)
    before = plane.edge.drops[Drop.UNKNOWN_HANDLE]
    plane.edge.forward(other.hop, 4, bytearray(forged), len(forged), False, network.now)
    assert plane.edge.drops[Drop.UNKNOWN_HANDLE] == before + 1
    plane.edge.forward(radio.hop, 5, bytearray(forged), len(forged), False, network.now)
    assert plane.edge.drops[Drop.WRONG_BEARER] == 1


def test_the_route_of_one_session_ends(network: Any) -> None:
    plane, radio = with_radio(network)
    plane.install(UE, NEAR)
    release_route(plane.edge, radio.hop, radio.end.session.send_handle + 1, Cause.PEER_LOST)
    assert sorted(plane.edge.routes[EXECUTION, SERVER].seats) == [10, 20]
    release_route(plane.edge, radio.hop, radio.end.session.send_handle, Cause.PEER_LOST)
    network.run(seconds=5)
    assert list(plane.edge.routes[EXECUTION, SERVER].seats) == [10]
    assert [told.seat for told in plane.server.compute.of(compute.CloseChannel)] == [20]
    plane.remove()
    plane.assert_nothing_left()


def test_terminal_that_refuses(network: Any) -> None:
    plane, radio = with_radio(network)
    radio.refusal = ProcedureError(Cause.UNKNOWN_SESSION, "UE context 1")
    assert plane.install(UE, NEAR) == [10]
    plane.remove()
    plane.assert_nothing_left()


def test_lost_terminal(network: Any) -> None:
    plane, radio = with_radio(network)
    plane.install(UE, NEAR)
    plane.edge.release_hop(radio.hop)
    network.run(seconds=5)
    assert list(plane.edge.routes[EXECUTION, SERVER].seats) == [10]
    assert [name[3] for name in plane.server.machine.channels] == [10]
    assert [told.seat for told in plane.server.compute.of(compute.CloseChannel)] == [20]
    plane.remove()
    plane.assert_nothing_left()


def test_released_while_data_is_under_way_the_terminal_is_told(network: Any) -> None:
    plane, radio = with_radio(network)
    plane.install(UE)
    send(plane.server, SERVER, 20, b"sign of life", as_server=True)
    network.run(until=lambda: radio.received)
    plane.remove()
    radio.endpoint.send(radio.end, [b"too late"], network.now)
    network.run(seconds=1)
    assert not radio.end.session.is_open


# Results


def test_results_and_job_input(network: Any) -> None:
    plane = Plane(network)
    controller = network.controller()
    answer = Message(tag=2, data=b"input")
    controller.answer = lambda message: answer
    controller.machine.link.attach()
    network.run(seconds=1)
    for _ in range(2):  # the second replaces the first
        plane.core.call(InstallResults(instance=SERVER, controller="application-controller"))
    assert len(plane.edge.switch) == 1
    result = encode_message(Message(tag=1, data=b"model" * 50_000))
    plane.server.compute.say(compute.SendResult(instance=SERVER, body=result))
    network.run(until=lambda: plane.server.compute.of(compute.DeliverResult))
    assert [bytes(message.data) for message in controller.results] == [b"model" * 50_000]
    (told,) = plane.server.compute.of(compute.DeliverResult)
    assert bytes(told.body) == bytes(encode_message(answer))
    network.run(seconds=5)
    plane.core.call(TerminateFunction(instance=SERVER, application_server="server"))
    network.run(seconds=5)
    assert not controller.machine.endpoint.sessions and controller.budget.promised == 0
    plane.assert_nothing_left()


@pytest.mark.parametrize("controller", ["application-controller", "near"])
def test_no_controller(plane: Plane, controller: str) -> None:
    with pytest.raises(ProcedureError) as raised:
        plane.core.call(InstallResults(instance=SERVER, controller=controller))
    assert raised.value.cause is Cause.FUNCTION_NOT_HERE
    plane.network.run(seconds=5)
    plane.assert_nothing_left()


# Asked over T8


FLOWS = (link.FlowMapping(qfi=1, bearer=1),)


def session(
    seat: int, handle: int = 0x77, flows: tuple[link.FlowMapping, ...] = FLOWS, **change: Any
) -> link.LinkSession:
    limits = SessionLimits(
        **({"segment_size": 1400, "unscheduled": 8400, "maximum_message": 1 << 20, "maximum_open": 8} | change)
    )
    return link.LinkSession(seat=seat, handle=handle, limits=limits, flows=flows)


def ask_over_t8(plane: Plane, *sessions: link.LinkSession, **change: Any) -> Any:
    """The edge asks ran-1 for sessions to the client there."""
    usual: dict[str, Any] = {
        "execution": EXECUTION,
        "instance": FAR_CLIENT,
        "end_point": link.EndPoint.ROUTINE_CLIENT,
        "dep_version": VERSION,
        "sessions": sessions or (session(1),),
    }
    peer = plane.edge.peer_named("ran-1")
    asked = plane.edge.procedures.start(
        "ask", outcome_of(peer.request(lambda n: link.SessionAdd(transaction=n, **(usual | change))))
    )
    plane.network.run(until=lambda: asked.done)
    plane.network.run(seconds=5)
    return asked.result()


@pytest.mark.parametrize(
    ("sessions", "change", "cause"),
    [
        ((), {"instance": 99}, Cause.FUNCTION_NOT_HERE),
        ((), {"end_point": 77}, Cause.MALFORMED_MESSAGE),
        ((), {"end_point": 0}, Cause.MALFORMED_MESSAGE),
        ((), {"dep_version": VERSION + 1}, Cause.VERSION_NOT_SUPPORTED),
        ((session(1), session(1, 0x78)), {}, Cause.MALFORMED_MESSAGE),
        ((session(1), session(2, flows=())), {}, Cause.MALFORMED_MESSAGE),
        ((session(1), session(2, flows=(link.FlowMapping(qfi=1, bearer=2),))), {}, Cause.MALFORMED_MESSAGE),
    ],
)
def test_refused_over_t8(plane: Plane, sessions: Any, change: dict[str, Any], cause: Cause) -> None:
    answer = ask_over_t8(plane, *sessions, **change)
    assert isinstance(answer, ProcedureError) and answer.cause is cause
    plane.assert_nothing_left()


def test_a_session_there_is_no_credit_for_is_left_out(plane: Plane) -> None:
    answer = ask_over_t8(plane, session(1), session(2, unscheduled=1 << 30), session(3))
    assert [handle.seat for handle in answer.sessions] == [1, 3]
    assert len(plane.ran.switch) == 2 and len(plane.far.machine.channels) == 2


def test_only_who_laid_a_route_can_take_it_back(plane: Plane) -> None:
    ask_over_t8(plane, session(1), session(2))
    third = plane.network.forwarding_function("ran-2", "ran-node")
    plane.network.join_over_t8(third, plane.ran)
    plane.network.run(seconds=5)

    def release(fpf: Any, *seats: int) -> None:
        numbers = tuple(link.SeatNumber(seat=seat) for seat in seats)
        fpf.peer_named("ran-1").send(
            link.SessionRelease(
                transaction=0, execution=EXECUTION, instance=FAR_CLIENT, cause=Cause.NORMAL, seats=numbers
            )
        )
        plane.network.run(seconds=5)

    release(third)
    release(third, 1)
    assert plane.ran.drops["release of no route"] == 2
    assert len(plane.ran.switch) == 2
    release(plane.edge, 2)
    assert list(plane.ran.routes[EXECUTION, FAR_CLIENT].seats) == [1]
    release(plane.edge)
    plane.assert_nothing_left()


def test_reply_is_given_as_promised(plane: Plane) -> None:
    assert plane.core.call(InstallRoutes(execution=EXECUTION, instance=SERVER, clients=[])) == RoutesInstalled(seats=[])
    plane.assert_nothing_left()


def test_more_sessions_than_one_message_holds(plane: Plane) -> None:
    count = link.MAXIMUM_SESSIONS_PER_MESSAGE + 20
    for budget in (plane.server.budget, plane.near.budget, plane.edge.links["T4"].budget):
        budget.octets = 64 << 20
    clients = [RouteClient(seat=seat, instance=NEAR_CLIENT, node="edge") for seat in range(count)]
    assert plane.install(*clients) == list(range(count))
    assert len(plane.edge.switch) == count
    plane.remove()
    plane.assert_nothing_left()
