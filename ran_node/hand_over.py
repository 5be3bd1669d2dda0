"""Handover, at the source and at the target (TS 38.413 8.4; TS 38.300 9.2.3.2; R107).

The source asks, the target reserves all that the UE needs, and says so in an RRC Reconfiguration that the source gives
the UE. The UE answers it at the target, with the keys it has there: then the core is told that it has come, and has the
source free its context. Until then the source keeps everything, for the UE may come back.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from net4ai.codecs import n2, rrc
from net4ai.codecs.bus import RouteClient
from net4ai.codecs.causes import Cause, cause_of
from net4ai.codecs.common import (
    MAXIMUM_BEARERS,
    BearerConfiguration,
    FlowMapping,
    SessionConfiguration,
    SessionRelease,
)
from net4ai.codecs.dep import VERSION
from net4ai.codecs.errors import DecodeError
from net4ai.codecs.l2 import BearerType
from net4ai.ran_node.map_sessions import bearer_mode
from net4ai.ran_node.measure import configure_measurement
from net4ai.ran_node.reconfigure import in_turn
from net4ai.ran_node.release_inactive import watch_activity
from net4ai.ran_node.set_up_connection import MAXIMUM_C_RNTI
from net4ai.ran_node.ue_context import State, UeContext
from net4ai.stack.forwarding.legs import OpenLeg
from net4ai.stack.hop import Address, Hop, HopName
from net4ai.stack.procedure import ProcedureError, ProcedureRejected, ProcedureTimeout, Replies, outcome_of
from net4ai.stack.runs import segments
from net4ai.stack.security.algorithms import Direction
from net4ai.stack.security.key_hierarchy import PARENT_KEY_SIZE, k_ng_ran_star
from net4ai.stack.security.srb_security import SrbSecurity
from net4ai.stack.units import MILLISECOND

if TYPE_CHECKING:
    from net4ai.ran_node.node import RanNode

TRANSACTION = 0
"""Of the RRC Reconfiguration that sends a UE to the target."""
NOBODY = ""
"""Host of a UE that has not come yet: nothing arrives from there."""
_OUTCOME = "handover"
"""Key of how it ended at the source, a cause: HANDED_OVER, or why the UE is here (again)."""


# At the source


async def hand_over(node: RanNode, context: UeContext, target: str, cause: Cause) -> None:
    """Have a UE go on at another RAN node. Raises `ProcedureError`: it has stayed or come back, or is lost."""
    async with in_turn(node, context):
        message = await prepare_handover(node, context, target, cause)
        if context.state is not State.SECURED or context.hop.signalling.failed:
            await outcome_of(cancel_handover(node, context, Cause.RADIO_LINK_FAILURE))
            raise ProcedureError(Cause.RADIO_LINK_FAILURE, f"C-RNTI {context.c_rnti}")
        node.send_rrc(context, message)
        context.state = State.HANDING_OVER
        try:
            outcome: Cause = await context.replies.expect(_OUTCOME, node.timers["handover-execution"])
        except ProcedureTimeout:
            node.n2.send(n2.ContextReleaseRequest(ran_ue=context.number, cause=Cause.PEER_LOST))
            node.forget(context)
            raise
        if outcome is Cause.HANDED_OVER:
            node.trace_state("handed over", c_rnti=context.c_rnti, target=target)
            return
        if context.number in node.by_number:
            await outcome_of(cancel_handover(node, context, outcome))
        raise ProcedureRejected(outcome, f"handover of C-RNTI {context.c_rnti} to {target}")


def refused(node: RanNode, context: UeContext, cause: Cause) -> None:
    """A UE that was told to go has refused: all is as before."""
    context.state = State.SECURED
    ended(context, cause)
    held, context.held = context.held, []
    for message in held:
        node.send_rrc(context, message)


def ended(context: UeContext, cause: Cause) -> None:
    """What became of a UE that was told to go: its context is to be released, as HANDED_OVER or for another cause, or
    it has come back."""
    context.replies.give(_OUTCOME, cause)


async def prepare_handover(node: RanNode, context: UeContext, target: str, cause: Cause) -> rrc.Reconfiguration:
    """Have another RAN node prepared for a UE; gives what to tell the UE. Raises `ProcedureError`: it stays here.

    Without an answer in time the preparation is cancelled. Whoever does not use it calls `cancel_handover`.
    """
    if context.state is not State.SECURED:
        raise ProcedureError(Cause.NOT_ALLOWED, f"C-RNTI {context.c_rnti} is {context.state.value}")
    if context.pdu_sessions:  # their tunnels end here
        raise ProcedureError(Cause.NOT_ALLOWED, f"C-RNTI {context.c_rnti} has a PDU session")
    container = configuration_of(node, context).encode()
    required = n2.HandoverRequired(ran_ue=context.number, target=target, cause=cause, container=container)
    node.n2.send(required)
    try:
        command = await context.replies.expect(n2.HandoverRequired, node.timers["handover-preparation"])
    except ProcedureTimeout:
        await outcome_of(cancel_handover(node, context, Cause.TIMEOUT))
        raise
    try:
        message = rrc.Rrc.FAMILY.decode(command.container)
    except DecodeError as error:
        message = None
        node.drops.count(error.reason, len(command.container))
    if not isinstance(message, rrc.Reconfiguration) or len(message.synchronisation) != 1:
        await outcome_of(cancel_handover(node, context, Cause.MALFORMED_MESSAGE))
        raise ProcedureError(Cause.MALFORMED_MESSAGE, f"container of {target}")
    return message


async def cancel_handover(node: RanNode, context: UeContext, cause: Cause) -> None:
    """Have free again what a target has prepared. Raises `ProcedureTimeout`: the core did not say so."""
    node.n2.send(n2.HandoverCancel(ran_ue=context.number, cause=cause))
    await context.replies.expect(n2.HandoverCancel, node.timers["handover-cancel"])


def handover_answered(
    node: RanNode, message: n2.HandoverCommand | n2.HandoverPreparationFailure | n2.HandoverCancelAcknowledge
) -> bool:
    """What the core says of a handover. False: nobody waits for it."""
    replies = node.by_number[message.ran_ue].replies
    if isinstance(message, n2.HandoverPreparationFailure):
        return replies.fail(n2.HandoverRequired, ProcedureRejected(cause_of(message.cause), "handover preparation"))
    key = n2.HandoverRequired if isinstance(message, n2.HandoverCommand) else n2.HandoverCancel
    return replies.give(key, message)


def configuration_of(node: RanNode, context: UeContext) -> rrc.Reconfiguration:
    """Bearers and sessions of a UE as they are, where it is, and its bulk port: the source's container
    (HandoverPreparationInformation)."""
    here = rrc.Synchronisation(
        cell=node.cell.identity,
        c_rnti=context.c_rnti,
        bulk_port=context.hop.bulk_address[1],
        next_hop_chaining_count=0,
        t304=node.timers["T304"] // MILLISECOND,
    )
    return rrc.Reconfiguration(
        transaction=TRANSACTION,
        bearers=tuple(context.hop.bearers.values()),
        sessions=tuple(context.sessions.values()),
        released_sessions=(),
        measurements=(),
        synchronisation=(here,),
    )


# At the target


def handover_requested(node: RanNode, request: n2.HandoverRequest) -> None:
    """Reserve what the UE needs and wait for it, or refuse and reserve nothing."""
    try:
        source = _source_configuration(request)
        bearers, sessions = _plan(node, request, source)
        _check(node, request)
    except ProcedureError as error:
        node.n2.send(n2.HandoverFailure(transaction=request.transaction, cause=error.cause))
        return
    context = _reserve(node, bearers, sessions, source.synchronisation[0].bulk_port)
    context.ue_maximum_bit_rate = request.ue_maximum_bit_rate
    context.jobs.update({item.job: item.session for item in request.sessions})
    context.k_gnb = k_ng_ran_star(request.key, node.cell.identity)
    _start_security(node, context, context.k_gnb)
    message = rrc.Reconfiguration(
        transaction=TRANSACTION,
        bearers=tuple(bearers.values()),
        released_bearers=bytes(each.bearer for each in source.bearers if each.bearer not in bearers),
        sessions=tuple(sessions.values()),
        released_sessions=tuple(
            SessionRelease(session=each.session, cause=Cause.NORMAL)
            for each in source.sessions
            if each.session not in sessions
        ),
        measurements=(),
        synchronisation=(
            rrc.Synchronisation(
                cell=node.cell.identity,
                c_rnti=context.c_rnti,
                bulk_port=node.uu_sockets.bulk_port,
                next_hop_chaining_count=request.next_hop_chaining_count,
                t304=node.timers["T304"] // MILLISECOND,
            ),
        ),
        ue_maximum_bit_rate=request.ue_maximum_bit_rate,
    )
    node.procedures.start("handover prepared", _await_ue(node, context), c_rnti=context.c_rnti)
    node.n2.send(
        n2.HandoverRequestAcknowledge(
            transaction=request.transaction, ran_ue=context.number, container=message.encode()
        )
    )


def _check(node: RanNode, request: n2.HandoverRequest) -> None:
    if not request.capabilities.allow(node.config.integrity, node.config.ciphering):
        raise ProcedureError(Cause.SECURITY_CAPABILITIES_MISMATCH)
    if len(request.key) != PARENT_KEY_SIZE:
        raise ProcedureError(Cause.MALFORMED_MESSAGE, f"K_gNB of {len(request.key)} octets")
    if len(node.contexts) >= min(node.config.maximum_ues, MAXIMUM_C_RNTI):
        raise ProcedureError(Cause.NO_RESOURCES)


def _source_configuration(request: n2.HandoverRequest) -> rrc.Reconfiguration:
    try:
        message = rrc.Rrc.FAMILY.decode(request.container)
    except DecodeError as error:
        raise ProcedureError(Cause.MALFORMED_MESSAGE, error.reason) from None
    if not isinstance(message, rrc.Reconfiguration) or len(message.synchronisation) != 1:
        raise ProcedureError(Cause.MALFORMED_MESSAGE, "the source's container")
    return message


def _plan(
    node: RanNode, request: n2.HandoverRequest, source: rrc.Reconfiguration
) -> tuple[dict[int, BearerConfiguration], dict[int, SessionConfiguration]]:
    """The UE's bearers stay what they are at the source; the core says which sessions, and their quality of service.
    What the other end of a session permits stays, too: a session with a route goes on."""
    before = {configuration.session: configuration for configuration in source.sessions}
    bearers: dict[int, BearerConfiguration] = {}
    sessions: dict[int, SessionConfiguration] = {}
    for item in request.sessions:
        known = before.get(item.session)
        if known is None or item.session in sessions or len(known.flows) != len(item.qos) or not _possible(known.flows):
            raise ProcedureError(Cause.INVALID_CONFIGURATION, f"session {item.session}")
        for flow, qos in zip(known.flows, item.qos, strict=True):
            mode = bearer_mode(qos, node.config.acknowledged)
            wanted = BearerConfiguration(bearer=flow.bearer, mode=mode, qos=qos)
            if bearers.setdefault(flow.bearer, wanted) != wanted:
                raise ProcedureError(Cause.INVALID_CONFIGURATION, f"bearer {flow.bearer}")
        sessions[item.session] = SessionConfiguration(
            session=item.session,
            dep_version=VERSION,
            handle=node.new_handle(),
            limits=known.limits,
            flows=known.flows,
            maximum_bit_rate=item.maximum_bit_rate,
        )
    return bearers, sessions


def _possible(flows: tuple[FlowMapping, ...]) -> bool:
    """Whether a UE could have these: some, each one once and on a computing radio bearer of its own (R103, R104)."""
    numbers, bearers = {flow.qfi for flow in flows}, {flow.bearer for flow in flows}
    return len(numbers) == len(bearers) == len(flows) > 0 and max(bearers) <= MAXIMUM_BEARERS


def _reserve(
    node: RanNode,
    bearers: dict[int, BearerConfiguration],
    sessions: dict[int, SessionConfiguration],
    bulk_port: int,
) -> UeContext:
    c_rnti = node.free_c_rnti()
    hop = Hop(
        HopName("Uu", node.config.name, f"C-RNTI {c_rnti}", {"c_rnti": c_rnti}),
        BearerType.SRB,
        c_rnti,
        (NOBODY, 0),
        (NOBODY, bulk_port),
        node.uu_sockets,
        node.drops,
        node.trace,
    )
    context = UeContext(node.next_number(), 0, (NOBODY, 0), hop, Replies(node.procedures), State.PREPARED)
    hop.on_queued = lambda: node.touch(context)
    for configuration in bearers.values():
        hop.add_bearer(configuration)
    context.sessions.update(sessions)
    if node.cpf is not None:
        for session in sessions.values():
            node.cpf.switch.expect(hop, session.handle)
    node.contexts[c_rnti] = context
    node.by_number[context.number] = context
    return context


def _start_security(node: RanNode, context: UeContext, k_gnb: bytes) -> None:
    """SRB1 is protected and enciphered from its first message on, both ways."""
    security = SrbSecurity(k_gnb, node.config.integrity, node.config.ciphering, Direction.DOWNLINK)
    node.on_security(context.hop, security)
    context.security = security
    context.hop.signalling.start_security(security, required=True)
    context.hop.signalling.start_ciphering()


async def _await_ue(node: RanNode, context: UeContext) -> None:
    """Until the UE comes, the core wants it released, or the time is up."""
    try:
        complete: rrc.ReconfigurationComplete = await context.replies.expect(
            ("reconfiguration", TRANSACTION), node.timers["handover-prepared"]
        )
    except ProcedureTimeout:
        node.n2.send(n2.ContextReleaseRequest(ran_ue=context.number, cause=Cause.TIMEOUT))
        node.release(context, Cause.TIMEOUT)
        raise
    _go_on(node, context, complete)


def ue_speaks(node: RanNode, context: UeContext, run: memoryview, stride: int, source: Address, now: int) -> None:
    """PDUs on SRB1 of a UE that is waited for, from whoever sends them: only what its keys verify is taken, and binds
    where it has come from."""
    for pdu in segments(run, stride):
        context.hop.signalling.receive(pdu, now)
        context.source = source
        node.take_messages(context, now)
        if context.state is not State.PREPARED:
            node.touch(context)
            return


def _go_on(node: RanNode, context: UeContext, complete: rrc.ReconfigurationComplete) -> None:
    """The UE has come."""
    context.hop.rebind(context.source, (context.source[0], context.hop.bulk_address[1]))
    context.state, context.last_active = State.SECURED, node.procedures.now
    handles = {handle.session: handle for handle in complete.sessions}
    if set(handles) != set(context.sessions) or len(handles) < len(complete.sessions):
        node.n2.send(n2.ContextReleaseRequest(ran_ue=context.number, cause=Cause.RECONFIGURATION_FAILURE))
        raise ProcedureError(Cause.MALFORMED_MESSAGE, "handles in RRC Reconfiguration Complete")
    context.handles.update(handles)
    context.apply_ceilings(node.procedures.now)
    node.trace_state("UE has come", c_rnti=context.c_rnti, ran_ue=context.number)
    node.n2.send(n2.HandoverNotify(ran_ue=context.number))
    watch_activity(node, context)
    configure_measurement(node, context)


def standing_leg(node: RanNode, client: RouteClient) -> tuple[int, OpenLeg]:
    """Our handle, and the leg, of a session as the UE has it: a route goes on over it. Raises `ProcedureError`."""
    context = node.by_number.get(client.context)
    configuration = context.sessions.get(client.session) if context is not None else None
    handle = context.handles.get(client.session) if context is not None else None
    if context is None or configuration is None or handle is None:
        raise ProcedureError(Cause.UNKNOWN_SESSION, f"UE context {client.context}, session {client.session}")
    return configuration.handle, OpenLeg(context.hop, configuration.flows, handle.handle, handle.limits, node.uu_budget)
