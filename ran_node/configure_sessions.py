"""DEP sessions of a UE: set up on the core's request, renewed for each execution (R97-R104).

Both are one RRC reconfiguration: the bearers and the session go to the UE, its handle comes back.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from net4ai.codecs import n2, rrc
from net4ai.codecs.bus import RouteClient
from net4ai.codecs.causes import Cause, cause_of
from net4ai.codecs.common import (
    MAXIMUM_BEARERS,
    MAXIMUM_SESSIONS,
    BearerConfiguration,
    BearerMode,
    FlowMapping,
    QosProfile,
    SessionConfiguration,
    SessionHandle,
    SessionLimits,
)
from net4ai.codecs.dep import VERSION
from net4ai.ran_node.ue_context import UeContext
from net4ai.stack.dep_endpoint import limits_of
from net4ai.stack.forwarding.legs import OpenLeg
from net4ai.stack.procedure import Procedure, ProcedureError, ProcedureRejected

if TYPE_CHECKING:
    from net4ai.ran_node.node import RanNode

QFI = 1
"""QoS flow of a session that has one (R104)."""


async def set_up_session(node: RanNode, request: n2.SessionSetupRequest) -> None:
    """Map a new session to a bearer, tell the UE, answer the core. A job's session is set up once."""
    context = node.by_number.get(request.ran_ue)
    try:
        if context is None:
            raise ProcedureError(Cause.UNSPECIFIED, f"no UE context {request.ran_ue}")
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
    if len(request.qos) != 1:
        raise ProcedureError(Cause.QOS_FLOW_NOT_CONFIGURED, f"{len(request.qos)} QoS flows on one bearer")
    session = next((n for n in range(MAXIMUM_SESSIONS) if n not in context.sessions), None)
    bearer = bearer_for(context, request.qos[0])
    if session is None or bearer is None:
        raise ProcedureError(Cause.NO_RESOURCES)
    new = () if bearer in context.bearers else (bearer_configuration(bearer, request.qos[0]),)
    # Taken at once: another request must not choose the same, and the UE's first PDU may overtake its answer.
    context.jobs_under_way.add(request.job)
    context.sessions[session] = bearer
    context.bearers[bearer] = request.qos[0]
    context.hop.add_bearer(bearer_configuration(bearer, request.qos[0]))
    try:
        await reconfigure(node, context, new, session, bearer, node.new_handle(), limits_of(node.uu_budget))
    except ProcedureError:
        del context.sessions[session]
        if new and bearer not in context.sessions.values():
            del context.bearers[bearer]
            context.hop.remove_bearer(bearer)
        raise
    finally:
        context.jobs_under_way.discard(request.job)
    return session


async def modify_session(node: RanNode, context: UeContext, session: int, qos: tuple[QosProfile, ...]) -> None:
    """Give a session other quality of service, one profile for each QoS flow. Raises `ProcedureError`.

    Causes: UNKNOWN_SESSION, QOS_FLOW_NOT_CONFIGURED (no flow, or two that need the same bearer), NO_RESOURCES, BUSY,
    TIMEOUT, PEER_LOST, and whatever the UE refuses with.
    """
    raise ProcedureError(Cause.NOT_ALLOWED, "not built yet")


async def release_session(node: RanNode, context: UeContext, session: int, cause: Cause) -> None:
    """End a session, and the bearers it was the last on (R107); its routes end at once. An unknown one is gone already.

    Raises `ProcedureError`: BUSY, TIMEOUT, PEER_LOST, and whatever the UE refuses with.
    """
    raise ProcedureError(Cause.NOT_ALLOWED, "not built yet")


def bearer_for(context: UeContext, qos: QosProfile) -> int | None:
    """A bearer that is there and has this quality of service, else a free identity (R98, R101)."""
    for bearer, existing in context.bearers.items():
        if existing == qos:
            return bearer
    return next((n for n in range(1, MAXIMUM_BEARERS + 1) if n not in context.bearers), None)


def bearer_configuration(bearer: int, qos: QosProfile) -> BearerConfiguration:
    """A computing radio bearer in the default mode."""
    return BearerConfiguration(bearer=bearer, mode=BearerMode.UNACKNOWLEDGED, qos=qos)


async def open_leg(node: RanNode, client: RouteClient, execution: int, handle: int, limits: SessionLimits) -> OpenLeg:
    """Renew a session for an execution: PDUs of the UE carry `handle`; its own is in the result."""
    context = node.by_number.get(client.context)
    if context is None or client.session not in context.sessions:
        raise ProcedureError(Cause.UNKNOWN_SESSION, f"UE context {client.context}, session {client.session}")
    bearer = context.sessions[client.session]
    answer = await reconfigure(node, context, (), client.session, bearer, handle, limits)
    node.trace_state("leg opened", c_rnti=context.c_rnti, execution=execution, seat=client.seat)
    return OpenLeg((context.hop, bearer), answer.handle, answer.limits, node.uu_budget)


def reconfigure(
    node: RanNode,
    context: UeContext,
    bearers: tuple[BearerConfiguration, ...],
    session: int,
    bearer: int,
    handle: int,
    limits: SessionLimits,
) -> Procedure[SessionHandle]:
    """One RRC reconfiguration (TS 38.331 5.3.5), as a procedure. Raises `ProcedureError`."""
    return node.procedures.start(
        "RRC reconfiguration",
        _reconfigure(node, context, bearers, session, bearer, handle, limits),
        c_rnti=context.c_rnti,
    )


async def _reconfigure(
    node: RanNode,
    context: UeContext,
    bearers: tuple[BearerConfiguration, ...],
    session: int,
    bearer: int,
    handle: int,
    limits: SessionLimits,
) -> SessionHandle:
    transaction = _free_transaction(context)
    context.transactions.add(transaction)
    try:
        node.send_rrc(
            context,
            rrc.Reconfiguration(
                transaction=transaction,
                bearers=bearers,
                released_bearers=b"",
                sessions=(
                    SessionConfiguration(
                        session=session,
                        dep_version=VERSION,
                        handle=handle,
                        limits=limits,
                        flows=(FlowMapping(qfi=QFI, bearer=bearer),),
                    ),
                ),
                released_sessions=(),
                measurements=(),
                synchronisation=(),
            ),
        )
        answer: rrc.Rrc = await context.replies.expect(("reconfiguration", transaction), node.timers["reconfiguration"])
        if isinstance(answer, rrc.ReconfigurationFailure):
            raise ProcedureRejected(cause_of(answer.cause), "RRC reconfiguration")
        assert isinstance(answer, rrc.ReconfigurationComplete)
        found = next((s for s in answer.sessions if s.session == session), None)
        if found is None:
            raise ProcedureError(Cause.MALFORMED_MESSAGE, "no handle in RRC Reconfiguration Complete")
    finally:
        context.transactions.discard(transaction)
    return found


def _free_transaction(context: UeContext) -> int:
    """The next identifier in turn: a late answer to one that timed out must not be taken for that to a newer one."""
    count = rrc.TRANSACTION_MAXIMUM + 1
    for offset in range(1, count + 1):
        transaction = (context.last_transaction + offset) % count
        if transaction not in context.transactions:
            context.last_transaction = transaction
            return transaction
    raise ProcedureError(Cause.BUSY, f"C-RNTI {context.c_rnti}: {count} transactions under way")
