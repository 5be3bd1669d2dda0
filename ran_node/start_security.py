"""RRC security mode, the RAN node's side (TS 38.331 5.3.4; TS 33.501 6.7.4)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from net4ai.codecs import rrc
from net4ai.codecs.causes import Cause, cause_of
from net4ai.codecs.common import SecurityCapabilities
from net4ai.ran_node.measure import configure_measurement
from net4ai.ran_node.ue_context import State, UeContext
from net4ai.stack.drops import Drop
from net4ai.stack.procedure import ProcedureError, ProcedureRejected, ProcedureTimeout
from net4ai.stack.security.algorithms import Direction
from net4ai.stack.security.key_hierarchy import PARENT_KEY_SIZE
from net4ai.stack.security.srb_security import SrbSecurity

if TYPE_CHECKING:
    from net4ai.ran_node.node import RanNode


async def start_security(node: RanNode, context: UeContext, k_gnb: bytes, capabilities: SecurityCapabilities) -> None:
    """Start security on SRB1 with keys derived from K_gNB; returns when the UE has completed it.

    Called once in the life of a context, on N2 Initial Context Setup. Raises `ProcedureError`: no common algorithm
    (SECURITY_CAPABILITIES_MISMATCH), refused by the UE, no answer, UE lost. Nothing has changed then.
    """
    if len(k_gnb) != PARENT_KEY_SIZE:
        raise ProcedureError(Cause.MALFORMED_MESSAGE, f"K_gNB of {len(k_gnb)} octets; allowed: {PARENT_KEY_SIZE}")
    if context.state is not State.CONNECTED:
        raise ProcedureError(Cause.UNEXPECTED_MESSAGE, f"C-RNTI {context.c_rnti} is {context.state.value}")
    integrity, ciphering = node.config.integrity, node.config.ciphering
    if not capabilities.allow(integrity, ciphering):
        raise ProcedureError(Cause.SECURITY_CAPABILITIES_MISMATCH, f"the UE has not got NIA{integrity}, NEA{ciphering}")
    security = SrbSecurity(k_gnb, integrity, ciphering, Direction.DOWNLINK)
    node.on_security(context.hop, security)
    await node.procedures.start("RRC security mode", _command(node, context, security), c_rnti=context.c_rnti)
    context.k_gnb, context.security, context.state = k_gnb, security, State.SECURED
    node.trace_state(
        "security", c_rnti=context.c_rnti, integrity=security.integrity.name, ciphering=security.ciphering.name
    )
    configure_measurement(node, context)


async def _command(node: RanNode, context: UeContext, security: SrbSecurity) -> None:
    bearer = context.hop.signalling
    transaction = context.next_transaction()
    bearer.start_security(security)
    node.send_rrc(
        context,
        rrc.SecurityModeCommand(transaction=transaction, integrity=security.integrity, ciphering=security.ciphering),
    )
    try:
        answer = await context.replies.expect(("security mode", transaction), node.timers["security-mode"])
    except ProcedureTimeout:
        bearer.stop_security()
        raise
    if isinstance(answer, rrc.SecurityModeFailure):
        bearer.stop_security()
        raise ProcedureRejected(cause_of(answer.cause), "RRC security mode")


def answered(node: RanNode, context: UeContext, message: rrc.SecurityModeComplete | rrc.SecurityModeFailure) -> None:
    """The UE has answered. That it is complete counts only where it is authentic."""
    if isinstance(message, rrc.SecurityModeComplete) and not context.hop.signalling.verified:
        node.drops.count(Drop.NOT_PROTECTED)
    elif not context.replies.give(("security mode", message.transaction), message):
        node.drops.count(Drop.ANSWER_TO_NO_REQUEST)
