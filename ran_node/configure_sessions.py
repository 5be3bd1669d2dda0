"""DEP sessions of a UE: set up, renewed for each execution, modified, released (R97-R107).

Each is one RRC reconfiguration, planned for the configuration that the one before it has left: the bearers and sessions
go to the UE, its handles come back. What a UE refuses leaves nothing behind here. A UE that does not answer in time has
taken it or not; since nobody can know, the core is asked to release it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from net4ai.codecs import n2
from net4ai.codecs.bus import RouteClient
from net4ai.codecs.causes import Cause
from net4ai.codecs.common import (
    MAXIMUM_SESSIONS,
    BearerConfiguration,
    FlowMapping,
    QosProfile,
    SessionConfiguration,
    SessionLimits,
    SessionRelease,
)
from net4ai.codecs.dep import VERSION
from net4ai.ran_node.map_sessions import map_flows, orphans, replacements
from net4ai.ran_node.reconfigure import Change, in_turn, reconfigure
from net4ai.ran_node.ue_context import UeContext
from net4ai.stack.dep_endpoint import limits_of
from net4ai.stack.forwarding.legs import OpenLeg
from net4ai.stack.procedure import ProcedureError, ProcedureRejected

if TYPE_CHECKING:
    from net4ai.ran_node.node import RanNode


async def set_up_session(node: RanNode, request: n2.SessionSetupRequest) -> None:
    """Map a new session to bearers, tell the UE, answer the core. A job's session is set up once."""
    context = node.by_number.get(request.ran_ue)
    try:
        if context is None:
            raise ProcedureError(Cause.UNKNOWN_CONTEXT, f"no UE context {request.ran_ue}")
        if request.job in context.jobs_under_way:
            raise ProcedureError(Cause.BUSY, f"the session of job {request.job} is being set up")
        if request.job not in context.jobs:
            context.jobs[request.job] = await _add_session(node, context, request)
    except ProcedureError as error:
        node.n2.send(n2.SessionSetupFailure(ran_ue=request.ran_ue, transaction=request.transaction, cause=error.cause))
        raise
    node.n2.send(
        n2.SessionSetupResponse(
            ran_ue=request.ran_ue, transaction=request.transaction, session=context.jobs[request.job]
        )
    )


async def _add_session(node: RanNode, context: UeContext, request: n2.SessionSetupRequest) -> int:
    context.jobs_under_way.add(request.job)
    try:
        async with in_turn(node, context):
            session = context.free_session()
            if session is None:
                raise ProcedureError(Cause.NO_RESOURCES, f"{MAXIMUM_SESSIONS} sessions")
            flows, bearers = map_flows(context, request.qos, node.config.acknowledged)
            limits = limits_of(node.uu_budget)
            added = _configuration(session, node.new_handle(), limits, flows, request.maximum_bit_rate)
            await reconfigure(node, context, Change(bearers=bearers, sessions=(added,)))
    finally:
        context.jobs_under_way.discard(request.job)
    return session


async def open_leg(node: RanNode, client: RouteClient, execution: int, handle: int, limits: SessionLimits) -> OpenLeg:
    """Renew a session for an execution: PDUs of the UE carry `handle`; its own is in the result."""
    context = node.by_number.get(client.context)
    if context is None:
        raise ProcedureError(Cause.UNKNOWN_SESSION, f"no UE context {client.context}")
    async with in_turn(node, context):
        before = _session(context, client.session)
        renewed = _configuration(client.session, handle, limits, before.flows, before.maximum_bit_rate)
        try:
            (answer,) = await reconfigure(node, context, Change(sessions=(renewed,)))
        except ProcedureRejected as error:
            if error.cause is Cause.PEER_LOST:
                node.procedures.start(
                    "bearer replacement", replace_bearers(node, context, _bearers(before)), c_rnti=context.c_rnti
                )
            raise
    node.trace_state("leg opened", c_rnti=context.c_rnti, execution=execution, seat=client.seat)
    return OpenLeg(context.hop, before.flows, answer.handle, answer.limits, node.uu_budget)


def flows_of(node: RanNode, client: RouteClient) -> tuple[FlowMapping, ...]:
    """QoS flows of a UE's session and their bearers; none: there is no such session."""
    context = node.by_number.get(client.context)
    configuration = context.sessions.get(client.session) if context is not None else None
    return configuration.flows if configuration is not None else ()


def qos_of(context: UeContext, session: int) -> tuple[QosProfile, ...]:
    """Quality of service of a session, one profile for each QoS flow. Raises `ProcedureError`: UNKNOWN_SESSION."""
    return tuple(context.hop.bearers[flow.bearer].qos for flow in _session(context, session).flows)


async def modify_session(
    node: RanNode, context: UeContext, session: int, qos: tuple[QosProfile, ...], maximum_bit_rate: int = 0
) -> None:
    """Give a session other quality of service, one profile for each QoS flow, and another AMBR. Raises
    `ProcedureError`.

    With as many flows as before, what is under way goes on. Otherwise the session is renewed, and its routes end.
    Causes: UNKNOWN_SESSION, QOS_FLOW_NOT_CONFIGURED (no flow, or two that need the same bearer), INVALID_CONFIGURATION
    (bit rates that cannot be), NO_RESOURCES, BUSY, TIMEOUT, PEER_LOST, and whatever the UE refuses with; then all is as
    before.
    """
    async with in_turn(node, context):
        before = _session(context, session)
        flows, bearers = map_flows(context, qos, node.config.acknowledged, before)
        goes_on = len(flows) == len(before.flows)
        handle, limits = (before.handle, before.limits) if goes_on else (node.new_handle(), limits_of(node.uu_budget))
        after = _configuration(session, handle, limits, flows, maximum_bit_rate)
        if after == before and not bearers:
            return
        released = orphans(context, sessions=(after,))
        sessions = () if after == before else (after,)
        await reconfigure(node, context, Change(bearers=bearers, released_bearers=released, sessions=sessions))
        if not goes_on:
            node.end_route(context, before.handle, Cause.CANCELLED)


async def release_session(node: RanNode, context: UeContext, session: int, cause: Cause) -> None:
    """End a session, and the bearers it was the last on (R107); its routes end at once. An unknown one is gone already.

    Raises `ProcedureError`: BUSY, TIMEOUT, PEER_LOST, and whatever the UE refuses with.
    """
    async with in_turn(node, context):
        if (pdu_session := context.pdu_sessions.get(session)) is not None:
            released = (SessionRelease(session=session, cause=cause),)
            bearers = (pdu_session.bearer.bearer,)
            await reconfigure(node, context, Change(released_sessions=released, released_data_bearers=bearers))
            node.end_pdu_session(context, session)
            return
        configuration = context.sessions.get(session)
        if configuration is None:
            return
        node.end_route(context, configuration.handle, cause)
        await reconfigure(
            node,
            context,
            Change(
                released_bearers=orphans(context, released=(session,)),
                released_sessions=(SessionRelease(session=session, cause=cause),),
            ),
        )


def bearers_failed(node: RanNode, context: UeContext, failed: list[int]) -> None:
    """The UE did not answer on these bearers after all repetitions: routes over them end, new bearers take over."""
    for configuration in context.sessions.values():
        if _bearers(configuration) & set(failed):
            node.end_route(context, configuration.handle, Cause.PEER_LOST)
    node.procedures.start(
        "bearer replacement", replace_bearers(node, context, frozenset(failed)), c_rnti=context.c_rnti
    )


async def replace_bearers(node: RanNode, context: UeContext, failed: frozenset[int]) -> None:
    """Have the sessions of failed bearers on new ones of the same kind, under identities of their own."""
    async with in_turn(node, context):
        bearers = replacements(context, failed & set(context.hop.bearers))
        sessions = tuple(
            _configuration(
                configuration.session,
                configuration.handle,
                configuration.limits,
                tuple(_on(flow, bearers.get(flow.bearer)) for flow in configuration.flows),
                configuration.maximum_bit_rate,
            )
            for configuration in context.sessions.values()
            if _bearers(configuration) & set(bearers)
        )
        await reconfigure(
            node,
            context,
            Change(bearers=tuple(bearers.values()), released_bearers=tuple(bearers), sessions=sessions),
        )


def _session(context: UeContext, session: int) -> SessionConfiguration:
    configuration = context.sessions.get(session)
    if configuration is None:
        raise ProcedureError(Cause.UNKNOWN_SESSION, f"C-RNTI {context.c_rnti}, session {session}")
    return configuration


def _configuration(
    session: int, handle: int, limits: SessionLimits, flows: tuple[FlowMapping, ...], maximum_bit_rate: int
) -> SessionConfiguration:
    return SessionConfiguration(
        session=session,
        dep_version=VERSION,
        handle=handle,
        limits=limits,
        flows=flows,
        maximum_bit_rate=maximum_bit_rate,
    )


def _bearers(configuration: SessionConfiguration) -> frozenset[int]:
    return frozenset(flow.bearer for flow in configuration.flows)


def _on(flow: FlowMapping, bearer: BearerConfiguration | None) -> FlowMapping:
    """The flow on another bearer, where there is one."""
    if bearer is None:
        return flow
    return FlowMapping(qfi=flow.qfi, bearer=bearer.bearer, reliable=flow.reliable, ordered=flow.ordered)
