"""Routes of an execution: sessions at both ends, labels in between (R46, R47, R73, R81).

Towards its server a client is a seat. Each leg gets a fresh random handle from whoever receives on it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from net4ai.codecs import link
from net4ai.codecs.bus import (
    Done,
    InstallResults,
    InstallRoutes,
    InviteInstance,
    MoveRoute,
    RemoveRoutes,
    RouteClient,
    RoutesInstalled,
)
from net4ai.codecs.causes import Cause
from net4ai.codecs.common import FlowMapping, SessionLimits
from net4ai.codecs.dep import VERSION
from net4ai.stack.dep.errors import NotEnoughCredit
from net4ai.stack.dep_endpoint import limits_of
from net4ai.stack.forwarding.legs import InstalledRoute, OpenLeg, Routes
from net4ai.stack.hop import FIXED_LINK_DEP_BEARER, Hop
from net4ai.stack.label_switch import RouteEnd
from net4ai.stack.link_peer import LinkPeer
from net4ai.stack.procedure import ProcedureError, outcome_of
from net4ai.stack.trace import TraceEvent

if TYPE_CHECKING:
    from net4ai.stack.forwarding.function import ForwardingFunction

FLOWS = (FlowMapping(qfi=1, bearer=FIXED_LINK_DEP_BEARER),)
"""One reliable, ordered QoS flow: what every session without a radio has."""
RESULTS_SEAT = 0
"""Seat of the one session to the application controller."""


def serve(function: ForwardingFunction) -> None:
    """Take the requests of this module from the bus."""
    entity = function.entity
    entity.handle(InstallRoutes, lambda request: install_routes(function, request))
    entity.handle(RemoveRoutes, lambda request: remove_routes(function, request))
    entity.handle(InstallResults, lambda request: install_results(function, request))


async def install_routes(function: ForwardingFunction, request: InstallRoutes) -> RoutesInstalled:
    """Lay the routes of clients to their server, here or at another node (R47). What cannot be laid is missing."""
    check_wanted(function, request)
    elsewhere = request.node if request.node != function.name else ""
    server = function.towards(elsewhere) if elsewhere else function.peer_of(request.instance)
    inward = {client.seat: fresh_handle(function) for client in request.clients}
    limits = _own_limits(function, server)
    sessions = [
        link.LinkSession(seat=client.seat, handle=inward[client.seat], limits=limits, flows=_flows_of(function, client))
        for client in request.clients
    ]
    try:
        handles = await add_sessions(
            server, request.execution, request.instance, link.EndPoint.ROUTINE_SERVER, sessions, elsewhere
        )
        check_wanted(function, request)
    except ProcedureError as error:
        release_ends([(server, request.instance)], request.execution, list(inward), error.cause)
        raise
    opening = {
        client.seat: function.procedures.start(
            "route",
            _open_route(function, request, client, server, told, handles[client.seat]),
            execution=request.execution,
            seat=client.seat,
        )
        for client, told in zip(request.clients, sessions, strict=True)
        if client.seat in handles
    }
    installed = [
        seat for seat, procedure in opening.items() if not isinstance(await outcome_of(procedure), ProcedureError)
    ]
    return RoutesInstalled(seats=installed)


async def _open_route(
    function: ForwardingFunction,
    request: InstallRoutes,
    client: RouteClient,
    server: LinkPeer,
    told: link.LinkSession,
    at_server: link.LinkHandle,
) -> None:
    """`told`: what the server was asked to add for the client; `at_server`: its answer."""
    client_inward = fresh_handle(function)
    ends = [(server, request.instance)]
    try:
        if client.context:
            if function.uu is None:
                raise ProcedureError(Cause.FUNCTION_NOT_HERE, f"{function.name} has no radio")
            opened = await function.uu.open_leg(client, request.execution, client_inward, at_server.limits)
        else:
            here = function.peer_named(client.token) if client.token else function.instances.get(client.instance)
            peer = here or function.towards(client.node)
            ends.append((peer, client.instance))
            opened = await _add_leg(
                function,
                peer,
                request.execution,
                client.instance,
                link.EndPoint.ROUTINE_CLIENT,
                link.LinkSession(seat=client.seat, handle=client_inward, limits=at_server.limits, flows=told.flows),
                "" if here else client.node,
            )
        check_wanted(function, request)
        server_leg = fixed_leg(function, server, at_server, told.flows)
        label = join(function, opened, client_inward, server_leg, told.handle)
    except ProcedureError as error:
        release_ends(ends, request.execution, [client.seat], error.cause)
        raise
    route = InstalledRoute(label, tuple(ends), request.attempt)
    remember(function, request.execution, request.instance, client.seat, route)


def check_wanted(function: ForwardingFunction, request: InstallRoutes | InviteInstance | MoveRoute) -> None:
    """Raises `ProcedureError` where the attempt was ended before this of it was done."""
    if function.executions.is_over(request.execution, request.instance, request.attempt):
        raise ProcedureError(Cause.CANCELLED, f"attempt at execution {request.execution} is over")


async def session_added_over_t8(function: ForwardingFunction, sender: LinkPeer, request: link.SessionAdd) -> None:
    """Another forwarding function leads a route to an instance: here, or at a node that is joined to us (T8)."""
    try:
        peer, inward, handles = await _pass_on(function, request)
    except ProcedureError as error:
        sender.refuse(request.transaction, error.cause, error.detail)
        raise
    answer = []
    for session in request.sessions:
        if (at_server := handles.get(session.seat)) is None:
            continue
        outward = fresh_handle(function)
        try:
            t8 = fixed_leg(function, sender, session, session.flows)
            server_leg = fixed_leg(function, peer, at_server, session.flows)
            label = join(function, t8, outward, server_leg, inward[session.seat])
        except ProcedureError as error:
            release_ends([(peer, request.instance)], request.execution, [session.seat], error.cause)
            continue
        route = InstalledRoute(label, ((peer, request.instance), (sender, request.instance)))
        remember(function, request.execution, request.instance, session.seat, route)
        answer.append(link.LinkHandle(seat=session.seat, handle=outward, limits=at_server.limits))
    sender.send(link.SessionAddComplete(transaction=request.transaction, sessions=tuple(answer)))


async def _pass_on(
    function: ForwardingFunction, request: link.SessionAdd
) -> tuple[LinkPeer, dict[int, int], dict[int, link.LinkHandle]]:
    """Have the sessions added one hop on: at the instance's application server, or at the forwarding function where it
    is. That peer, our handles and its own, by seat."""
    if request.end_point not in link.EndPoint.__members__.values():
        raise ProcedureError(Cause.MALFORMED_MESSAGE, f"end point {request.end_point}")
    if request.dep_version != VERSION:
        raise ProcedureError(Cause.VERSION_NOT_SUPPORTED, f"DEP version {request.dep_version}; allowed: {VERSION}")
    inward = {session.seat: fresh_handle(function) for session in request.sessions}
    if len(inward) < len(request.sessions):
        raise ProcedureError(Cause.MALFORMED_MESSAGE, "a seat twice")
    if any(not session.flows or session.flows != on_fixed_link(session.flows) for session in request.sessions):
        raise ProcedureError(Cause.MALFORMED_MESSAGE, f"QoS flows on other than bearer {FIXED_LINK_DEP_BEARER}")
    here = request.node in ("", function.name)
    peer = function.peer_of(request.instance) if here else function.neighbour(request.node)
    sessions = [
        link.LinkSession(seat=session.seat, handle=inward[session.seat], limits=session.limits, flows=session.flows)
        for session in request.sessions
    ]
    handles = await add_sessions(
        peer, request.execution, request.instance, link.EndPoint(request.end_point), sessions, request.node
    )
    return peer, inward, handles


async def install_results(function: ForwardingFunction, request: InstallResults) -> Done:
    """A session between an instance, here or at another node, and an application controller here (R5, R111)."""
    elsewhere = request.node if request.node != function.name else ""
    server = function.towards(elsewhere) if elsewhere else function.peer_of(request.instance)
    peers = [server, function.peer_named(request.controller)]
    ends = [(peer, request.instance) for peer in peers]
    inward = [fresh_handle(function), fresh_handle(function)]
    try:
        legs = [
            await _add_leg(
                function,
                peer,
                link.RESULTS_EXECUTION,
                request.instance,
                link.EndPoint.RESULTS,
                link.LinkSession(seat=RESULTS_SEAT, handle=handle, limits=_own_limits(function, peer), flows=FLOWS),
                elsewhere if peer is server else "",
            )
            for peer, handle in zip(peers, inward, strict=True)
        ]
        label = join(function, legs[0], inward[0], legs[1], inward[1])
    except ProcedureError as error:
        release_ends(ends, link.RESULTS_EXECUTION, [RESULTS_SEAT], error.cause)
        raise
    route = InstalledRoute(label, tuple(ends))
    remember(function, link.RESULTS_EXECUTION, request.instance, RESULTS_SEAT, route)
    return Done()


def remove_routes(function: ForwardingFunction, request: RemoveRoutes) -> Done:
    """Take routes back: labels at once, sessions at the ends by signalling."""
    if not request.seats:
        function.executions.ended(request)
    routes = function.routes.get((request.execution, request.instance))
    seats = (
        [
            seat
            for seat in (request.seats or list(routes.seats))
            if seat in routes.seats and request.attempt in (0, routes.seats[seat].attempt)
        ]
        if routes is not None
        else []
    )
    release_routes(function, request.execution, request.instance, seats, Cause.NORMAL)
    return Done()


def release_routes(
    function: ForwardingFunction,
    execution: int,
    instance: int,
    seats: list[int],
    cause: Cause,
    told_by: LinkPeer | None = None,
) -> None:
    """Routes of an execution to an instance end. `told_by`: who has said so, and need not be told."""
    routes = function.routes.get((execution, instance))
    if routes is None:
        return
    released: dict[tuple[LinkPeer, int], list[int]] = {}
    for seat in seats:
        route = routes.seats.pop(seat, None)
        if route is None:
            continue
        function.switch.remove(*route.label)
        for end in route.peers:
            if end[0] is not told_by:
                released.setdefault(end, []).append(seat)
    for end, their_seats in released.items():
        release_ends([end], execution, their_seats, cause)
    if not routes.seats:
        del function.routes[execution, instance]
    function.trace_passed_on()


def release_route(function: ForwardingFunction, hop: Hop, handle: int, cause: Cause) -> None:
    """The client's session with our `handle` on a hop has ended: so does its route; its other ends are told."""
    for (execution, instance), routes in list(function.routes.items()):
        seats = [seat for seat, route in routes.seats.items() if route.label == (hop, handle)]
        if seats:
            release_routes(function, execution, instance, seats, cause)


def release_hop(function: ForwardingFunction, hop: Hop, cause: Cause) -> None:
    """A neighbour is gone: all routes over its hop end, their other ends are told."""
    for (execution, instance), routes in list(function.routes.items()):
        seats = [seat for seat, route in routes.seats.items() if route.runs_over(hop)]
        if seats:
            release_routes(function, execution, instance, seats, cause)


def release_instance(function: ForwardingFunction, instance: int, cause: Cause) -> None:
    """An instance is gone, or goes: all routes to it end."""
    for (execution, number), routes in list(function.routes.items()):
        seats = [
            seat
            for seat, route in routes.seats.items()
            if number == instance or any(end == instance for _, end in route.peers)
        ]
        if seats:
            release_routes(function, execution, number, seats, cause)


def release_ends(ends: Iterable[tuple[LinkPeer, int]], execution: int, seats: list[int], cause: Cause) -> None:
    """Tell peers to release the sessions they were asked to add (or may have been: no matter)."""
    for peer, instance in ends:
        if not peer.gone:
            peer.send(
                link.SessionRelease(
                    transaction=0,
                    execution=execution,
                    instance=instance,
                    cause=cause,
                    seats=tuple(link.SeatNumber(seat=seat) for seat in seats),
                )
            )


async def add_sessions(
    peer: LinkPeer,
    execution: int,
    instance: int,
    end_point: link.EndPoint,
    sessions: list[link.LinkSession],
    node: str = "",
) -> dict[int, link.LinkHandle]:
    """Ask a peer to add sessions; its handles by seat. `node`: the instance's, where it is not an application server's.

    Raises `ProcedureError`.
    """
    handles: dict[int, link.LinkHandle] = {}
    if peer.kind is not link.AttachKind.FORWARDING_FUNCTION:
        timer, node = "link-request", ""
    else:
        timer = "relayed-request" if node in ("", peer.name) else "routed-request"
    for start in range(0, len(sessions), link.MAXIMUM_SESSIONS_PER_MESSAGE):
        part = sessions[start : start + link.MAXIMUM_SESSIONS_PER_MESSAGE]
        answer: link.SessionAddComplete = await peer.request(
            lambda transaction, part=part: link.SessionAdd(  # type: ignore[misc]
                transaction=transaction,
                execution=execution,
                instance=instance,
                end_point=end_point,
                dep_version=VERSION,
                sessions=tuple(part),
                node=node,
            ),
            timer,
        )
        handles.update({session.seat: session for session in answer.sessions})
    return handles


async def _add_leg(
    function: ForwardingFunction,
    peer: LinkPeer,
    execution: int,
    instance: int,
    end_point: link.EndPoint,
    session: link.LinkSession,
    node: str = "",
) -> OpenLeg:
    """One session at a peer, as a leg. Raises `ProcedureError`."""
    answer = await add_sessions(peer, execution, instance, end_point, [session], node)
    if session.seat not in answer:
        raise ProcedureError(Cause.NO_RESOURCES, f"{peer.name} adds no session")
    return fixed_leg(function, peer, answer[session.seat], session.flows)


def join(function: ForwardingFunction, one: OpenLeg, one_in: int, other: OpenLeg, other_in: int) -> tuple[Hop, int]:
    """A label switch for both directions; each leg permits what the other end of the route permits.

    Raises `ProcedureError` where the credit of a socket does not suffice, or two handles happen to be the same.
    """
    if {flow.qfi for flow in one.flows} != {flow.qfi for flow in other.flows}:
        raise ProcedureError(Cause.QOS_FLOW_NOT_CONFIGURED, "the QoS flows of the session have changed meanwhile")
    ends = [
        RouteEnd(
            leg=leg.hop,
            handle_in=handle_in,
            handle_out=leg.handle,
            limits=beyond.limits,
            flows={flow.qfi: flow for flow in leg.flows},
            budget=leg.budget,
        )
        for leg, handle_in, beyond in ((one, one_in, other), (other, other_in, one))
    ]
    try:
        function.switch.add(ends[0], ends[1], VERSION)
    except (NotEnoughCredit, ValueError) as error:
        raise ProcedureError(Cause.NO_RESOURCES, str(error)) from None
    return one.hop, one_in


def _own_limits(function: ForwardingFunction, peer: LinkPeer) -> SessionLimits:
    """What this relay permits a neighbour before it knows the other end of the route."""
    return limits_of(function.links[peer.hop.name.link].budget)


def _flows_of(function: ForwardingFunction, client: RouteClient) -> tuple[FlowMapping, ...]:
    """QoS flows of a client's session, as its server shall have them."""
    flows: tuple[FlowMapping, ...] = ()
    if client.context and function.uu is not None:
        flows = function.uu.flows_of(client)
    elif client.token and function.pdu_sessions is not None:
        flows = function.pdu_sessions.flows_of(client.token)
    return on_fixed_link(flows) or FLOWS


def on_fixed_link(flows: tuple[FlowMapping, ...]) -> tuple[FlowMapping, ...]:
    """The same QoS flows on T4 or T8, which has one bearer for all."""
    return tuple(
        FlowMapping(qfi=flow.qfi, bearer=FIXED_LINK_DEP_BEARER, reliable=flow.reliable, ordered=flow.ordered)
        for flow in flows
    )


def fixed_leg(
    function: ForwardingFunction,
    peer: LinkPeer,
    session: link.LinkHandle | link.LinkSession,
    flows: tuple[FlowMapping, ...],
) -> OpenLeg:
    """Raises `ProcedureError` where the peer was lost meanwhile."""
    if peer.gone:
        raise ProcedureError(Cause.PEER_LOST, peer.name)
    budget = function.links[peer.hop.name.link].budget
    return OpenLeg(peer.hop, flows, session.handle, session.limits, budget)


def remember(function: ForwardingFunction, execution: int, instance: int, seat: int, route: InstalledRoute) -> None:
    """Keep a route to take it back. One that this one replaces goes; its ends have replaced their sessions."""
    seats = function.routes.setdefault((execution, instance), Routes()).seats
    if (before := seats.get(seat)) is not None:
        function.switch.remove(*before.label)
    seats[seat] = route
    function.trace(
        TraceEvent(
            time=function.procedures.now,
            node=function.name,
            kind="state",
            message="route installed",
            ids={"execution": execution, "instance": instance, "seat": seat},
        )
    )


def fresh_handle(function: ForwardingFunction) -> int:
    """A random handle."""
    while (handle := function.random_handle()) == 0:
        pass
    return handle
