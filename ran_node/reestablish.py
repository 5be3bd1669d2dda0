"""RRC re-establishment, the RAN node's side: a UE whose radio link has failed goes on with its context (5.3.7).

Whoever asks has to prove that it has the keys of the connection. Its SRB1 begins anew beside the one that is there,
and takes its place, the new addresses with it, only when the UE has completed the re-establishment: until then a
connection that lives goes on as if nobody had asked. Who is refused gets RRC Setup, whatever the reason.
"""

from __future__ import annotations

import hmac
from typing import TYPE_CHECKING

from net4ai.codecs import n2, rrc
from net4ai.codecs.causes import Cause
from net4ai.codecs.declaration import Message, UnknownMessage
from net4ai.codecs.errors import DecodeError
from net4ai.ran_node import hand_over
from net4ai.ran_node.reconfigure import repeat
from net4ai.ran_node.set_up_connection import setup_requested
from net4ai.ran_node.ue_context import Attempt, State, UeContext
from net4ai.stack.drops import Drop
from net4ai.stack.hop import Address
from net4ai.stack.procedure import ProcedureCancelled, ProcedureError, ProcedureTimeout
from net4ai.stack.security.algorithms import Direction
from net4ai.stack.security.key_hierarchy import k_ng_ran_star, short_mac
from net4ai.stack.security.srb_security import SrbSecurity

if TYPE_CHECKING:
    from net4ai.ran_node.node import RanNode

_BACK = "re-established"


def reestablishment_requested(node: RanNode, request: rrc.ReestablishmentRequest, source: Address) -> None:
    """Answer on a fresh SRB1; whoever has no context here, or cannot prove that it is its own, gets RRC Setup."""
    context = node.contexts.get(request.c_rnti)
    if context is not None:
        for before in (context.attempt, context.came_back):
            if before is not None and (before.ue_identity, before.source) == (request.ue_identity, source):
                return  # it has come twice; the answer is repeated by its bearer
        if context.attempt is not None and _proves(request, context.attempt.security):
            # The UE had got that answer before its link failed again; only the completion has not come here.
            context.replies.give(context.attempt, None)
            node.procedures.run()
    if context is not None and _is_its_own(node, context, request):
        _answer(node, context, request, source)
        return
    cause = rrc.EstablishmentCause.MO_SIGNALLING
    begin = rrc.SetupRequest(ue_identity=request.ue_identity, cause=cause, bulk_port=request.bulk_port)
    setup_requested(node, begin, source)


def _answer(node: RanNode, context: UeContext, request: rrc.ReestablishmentRequest, source: Address) -> None:
    """Begin an attempt; it takes the place of another that is under way."""
    if context.attempt is not None:
        context.replies.fail(context.attempt, ProcedureCancelled("asked anew"))
    assert context.k_gnb is not None and context.security is not None
    k_gnb = k_ng_ran_star(context.k_gnb, node.config.cell)
    security = SrbSecurity(k_gnb, context.security.integrity, context.security.ciphering, Direction.DOWNLINK)
    node.on_security(context.hop, security)
    bearer = context.hop.fresh_signalling_bearer()
    bearer.start_security(security, required=True)
    bulk_address = (source[0], request.bulk_port)
    answer = rrc.Reestablishment(transaction=context.next_transaction(), next_hop_chaining_count=0)
    attempt = Attempt(request.ue_identity, source, bulk_address, bearer, k_gnb, security, answer.transaction)
    context.attempt = attempt
    node.procedures.pass_on(
        "Uu", "out", f"C-RNTI {context.c_rnti}", answer, lambda going: _send_answer(node, context, attempt, going)
    )
    node.procedures.start("RRC re-establishment", _await_completion(node, context, attempt), c_rnti=context.c_rnti)


def _send_answer(node: RanNode, context: UeContext, attempt: Attempt, answer: Message | UnknownMessage) -> None:
    if context.attempt is not attempt:  # a hook has held the answer back
        return
    octets = answer.encode()
    attempt.bearer.send(octets, node.procedures.now)
    attempt.bearer.start_ciphering()
    context.hop.trace_message(answer, "out", len(octets), node.procedures.now)
    node.touch(context)


def _is_its_own(node: RanNode, context: UeContext, request: rrc.ReestablishmentRequest) -> bool:
    if context.state not in (State.SECURED, State.LOST, State.HANDING_OVER) or request.cell != node.config.cell:
        return False
    return context.security is not None and _proves(request, context.security)


def _proves(request: rrc.ReestablishmentRequest, security: SrbSecurity) -> bool:
    expected = short_mac(security.k_rrc_int, request.ue_identity, request.cell, request.c_rnti, security.integrity)
    return hmac.compare_digest(expected.to_bytes(2, "big"), request.short_mac.to_bytes(2, "big"))


async def _await_completion(node: RanNode, context: UeContext, attempt: Attempt) -> None:
    try:
        await context.replies.expect(attempt, node.timers["reestablishment-complete"])
    finally:
        if context.attempt is attempt:
            context.attempt = None
    _go_on(node, context, attempt)


def take_messages(node: RanNode, context: UeContext, attempt: Attempt, now: int) -> None:
    """What has come on the fresh bearer: the completion, and nothing before it."""
    while context.attempt is attempt and (sdu := attempt.bearer.next_sdu()) is not None:
        try:
            message = rrc.Rrc.FAMILY.decode(sdu)
        except DecodeError as error:
            node.drops.count(error.reason, len(sdu))
            continue
        context.hop.trace_message(message, "in", len(sdu), now)
        peer = f"C-RNTI {context.c_rnti}"
        node.procedures.pass_on("Uu", "in", peer, message, lambda going: _take(node, context, attempt, going))
        node.procedures.run()
    if attempt.bearer.failed:
        context.replies.fail(attempt, ProcedureError(Cause.PEER_LOST, f"C-RNTI {context.c_rnti}"))


def _take(node: RanNode, context: UeContext, attempt: Attempt, message: Message | UnknownMessage) -> None:
    if not isinstance(message, rrc.ReestablishmentComplete):
        node.drops.count(Drop.UNEXPECTED_MESSAGE)
    elif message.transaction != attempt.transaction or not context.replies.give(attempt, None):
        node.drops.count(Drop.ANSWER_TO_NO_REQUEST)


def _go_on(node: RanNode, context: UeContext, attempt: Attempt) -> None:
    """The UE is back: the new bearer, keys and addresses count, and what it has perhaps not got is sent again."""
    waiting = context.hop.renew_signalling(attempt.bearer)
    context.hop.rebind(attempt.source, attempt.bulk_address)
    context.k_gnb, context.security, context.came_back = attempt.k_gnb, attempt.security, attempt
    if context.state is State.HANDING_OVER:
        hand_over.ended(context, Cause.RADIO_LINK_FAILURE)
    context.state = State.SECURED
    context.replies.give(_BACK, None)
    held, context.held = context.held, []
    messages = (rrc.Rrc.FAMILY.decode(sdu) for sdu in waiting)
    for message in [*(m for m in messages if isinstance(m, rrc.DownlinkInformationTransfer)), *held]:
        node.send_rrc(context, message)
    repeat(node, context)
    node.touch(context)  # there may be more on the new bearer
    node.trace_state("re-established", c_rnti=context.c_rnti)


def radio_link_failed(node: RanNode, context: UeContext) -> None:
    """SRB1 has failed: with security on the context waits for the UE to come back."""
    context.state = State.LOST
    node.trace_state("radio link failed", c_rnti=context.c_rnti)
    node.procedures.start("keep context", _keep(node, context), c_rnti=context.c_rnti)


async def _keep(node: RanNode, context: UeContext) -> None:
    try:
        await context.replies.expect(_BACK, node.timers["context-kept"])
    except ProcedureTimeout:
        node.n2.send(n2.ContextReleaseRequest(ran_ue=context.number, cause=Cause.PEER_LOST))
        node.forget(context)
        raise
