"""A route goes on over another path: its client was handed over to another RAN node (R107; TS 38.300 9.2.3.2).

The server's end of the route stays what it is, and so does its DEP session: with the first PATH both ends learn where
they stand, and what was under way goes on. From the client's new RAN node the path leads over T8 to the forwarding
function where the server is; there the route's leg towards the client is replaced by the new one. Until all of it is
laid, PDUs under its handles are dropped, and nobody is told that there is no such session.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from net4ai.codecs import link
from net4ai.codecs.bus import Done, MoveRoute
from net4ai.codecs.causes import Cause
from net4ai.codecs.common import FlowMapping, SessionLimits
from net4ai.codecs.dep import VERSION
from net4ai.stack.dep.errors import NotEnoughCredit
from net4ai.stack.forwarding.legs import InstalledRoute, OpenLeg
from net4ai.stack.forwarding.routes import (
    check_wanted,
    fixed_leg,
    fresh_handle,
    join,
    on_fixed_link,
    release_ends,
    remember,
)
from net4ai.stack.hop import FIXED_LINK_DEP_BEARER, Hop
from net4ai.stack.label_switch import RouteEnd
from net4ai.stack.link_peer import LinkPeer
from net4ai.stack.procedure import ProcedureError

if TYPE_CHECKING:
    from net4ai.stack.forwarding.function import ForwardingFunction


def serve(function: ForwardingFunction) -> None:
    """Take the requests of this module from the bus."""
    function.entity.handle(MoveRoute, lambda request: move_route(function, request))


async def move_route(function: ForwardingFunction, request: MoveRoute) -> Done:
    """A client has come to this RAN node: its route begins here now. Raises `ProcedureError`."""
    check_wanted(function, request)
    if function.uu is None:
        raise ProcedureError(Cause.FUNCTION_NOT_HERE, f"{function.name} has no radio")
    execution, instance, seat = request.execution, request.instance, request.client.seat
    if request.node in ("", function.name):
        handle, uu = function.uu.standing_leg(request.client)
        before = _route(function, execution, instance, seat)
        label = _replace(function, before, uu, handle)
        remember(function, execution, instance, seat, InstalledRoute(label, _server_end(before), request.attempt))
        return Done()
    server = function.towards(request.node)
    _, uu = function.uu.standing_leg(request.client)
    told = link.LinkSession(seat=seat, handle=fresh_handle(function), limits=uu.limits, flows=on_fixed_link(uu.flows))
    answer = await _lead_on(function, server, execution, instance, told, request.node)
    try:
        check_wanted(function, request)
        handle, uu = function.uu.standing_leg(request.client)
        label = join(function, uu, handle, fixed_leg(function, server, answer, told.flows), told.handle)
    except ProcedureError as error:
        release_ends([(server, instance)], execution, [seat], error.cause)
        raise
    remember(function, execution, instance, seat, InstalledRoute(label, ((server, instance),), request.attempt))
    return Done()


async def path_switch_requested(function: ForwardingFunction, sender: LinkPeer, request: link.PathSwitch) -> None:
    """Another forwarding function leads a client's route to an instance: here, or at a node that is joined to us."""
    try:
        handle, limits = await _switch_path(function, sender, request)
    except ProcedureError as error:
        sender.refuse(request.transaction, error.cause, error.detail)
        raise
    session = link.LinkHandle(seat=request.session.seat, handle=handle, limits=limits)
    sender.send(link.PathSwitchComplete(transaction=request.transaction, session=session))


async def _switch_path(
    function: ForwardingFunction, sender: LinkPeer, request: link.PathSwitch
) -> tuple[int, SessionLimits]:
    execution, instance, session = request.execution, request.instance, request.session
    if request.dep_version != VERSION:
        raise ProcedureError(Cause.VERSION_NOT_SUPPORTED, f"DEP version {request.dep_version}; allowed: {VERSION}")
    if not session.flows or session.flows != on_fixed_link(session.flows):
        raise ProcedureError(Cause.MALFORMED_MESSAGE, f"QoS flows on other than bearer {FIXED_LINK_DEP_BEARER}")
    outward = fresh_handle(function)
    if request.node in ("", function.name):
        before = _route(function, execution, instance, session.seat)
        leg = fixed_leg(function, sender, session, session.flows)
        limits = function.switch.end(*before.label).limits
        label = _replace(function, before, leg, outward)
        peers = (*_server_end(before), (sender, instance))
        remember(function, execution, instance, session.seat, InstalledRoute(label, peers))
        return outward, limits
    peer = function.neighbour(request.node)
    told = replace(session, handle=fresh_handle(function))
    answer = await _lead_on(function, peer, execution, instance, told, request.node)
    try:
        client = fixed_leg(function, sender, session, session.flows)
        label = join(function, client, outward, fixed_leg(function, peer, answer, session.flows), told.handle)
    except ProcedureError as error:
        release_ends([(peer, instance)], execution, [session.seat], error.cause)
        raise
    route = InstalledRoute(label, ((peer, instance), (sender, instance)))
    remember(function, execution, instance, session.seat, route)
    return outward, answer.limits


async def _lead_on(
    function: ForwardingFunction,
    peer: LinkPeer,
    execution: int,
    instance: int,
    session: link.LinkSession,
    node: str,
) -> link.LinkHandle:
    """Have the path switched one hop on, towards `node`. From there PDUs may come before we have the answer."""
    function.switch.expect(peer.hop, session.handle)
    try:
        answer: link.PathSwitchComplete = await peer.request(
            lambda transaction: link.PathSwitch(
                transaction=transaction,
                execution=execution,
                instance=instance,
                dep_version=VERSION,
                session=session,
                node=node,
            ),
            "relayed-request" if node != peer.name else "link-request",
        )
    except ProcedureError:
        function.switch.expect_no_more(peer.hop, session.handle)
        raise
    return answer.session


def _route(function: ForwardingFunction, execution: int, instance: int, seat: int) -> InstalledRoute:
    """The route of a seat to an instance that is here. Raises `ProcedureError`."""
    routes = function.routes.get((execution, instance))
    route = routes.seats.get(seat) if routes is not None else None
    if route is None or instance not in function.instances:
        raise ProcedureError(Cause.UNKNOWN_SESSION, f"no route of seat {seat} in execution {execution}")
    return route


def _server_end(route: InstalledRoute) -> tuple[tuple[LinkPeer, int], ...]:
    """Of those who have a session of the route, the server's: the first (see `InstalledRoute`)."""
    return route.peers[:1]


def _replace(function: ForwardingFunction, route: InstalledRoute, leg: OpenLeg, handle: int) -> tuple[Hop, int]:
    """Another leg towards the client takes the place of the one there is. Raises `ProcedureError`."""
    before = function.switch.end(*route.label)
    flows: dict[int, FlowMapping] = {flow.qfi: flow for flow in leg.flows}
    if set(flows) != set(before.flows):
        raise ProcedureError(Cause.QOS_FLOW_NOT_CONFIGURED, "the QoS flows of the session have changed meanwhile")
    after = RouteEnd(leg.hop, handle, leg.handle, before.limits, flows, leg.budget)
    try:
        function.switch.replace(*route.label, after)
    except (NotEnoughCredit, ValueError) as error:
        raise ProcedureError(Cause.NO_RESOURCES, str(error)) from None
    return leg.hop, handle
