"""RRC connection establishment, the RAN node's side (TS 38.331 5.3.3)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from net4ai.codecs import n2, rrc
from net4ai.codecs.causes import Cause
from net4ai.codecs.l2 import BearerType
from net4ai.ran_node.release_inactive import watch_activity
from net4ai.ran_node.ue_context import State, UeContext
from net4ai.stack.hop import Address, Hop, HopName
from net4ai.stack.procedure import ProcedureTimeout, Replies

if TYPE_CHECKING:
    from net4ai.ran_node.node import RanNode

MAXIMUM_HALF_OPEN = 256
"""Connections that were answered and not completed yet."""
MAXIMUM_C_RNTI = 0xFFEF
"""TS 38.321 table 7.1-1; the first is 1."""
TRANSACTION = 0
"""Of RRC Setup: there is one in the life of a connection."""
WAIT_TIME = 500
"""Milliseconds a refused UE waits, at the least."""


@dataclass(slots=True)
class Overload:
    """The core wants `reduction` percent of the new connections rejected, told to wait `wait_time` milliseconds."""

    reduction: int
    wait_time: int
    _due: int = 0

    def rejects(self, cause: int) -> bool:
        """Whether to reject this one: evenly spread, and never high-priority access (TS 38.413 8.7.7)."""
        if cause == rrc.EstablishmentCause.HIGH_PRIORITY_ACCESS:
            return False
        self._due += self.reduction
        if self._due < 100:
            return False
        self._due -= 100
        return True


def setup_requested(node: RanNode, request: rrc.SetupRequest, source: Address) -> None:
    """Answer with a C-RNTI; a repeated request gets the same one."""
    context = node.half_open.get((source, request.ue_identity))
    if context is None:
        if node.overload is not None and node.overload.rejects(request.cause):
            wait_time = node.overload.wait_time
            node.send_srb0(
                rrc.Reject(ue_identity=request.ue_identity, wait_time=wait_time, cause=Cause.OVERLOAD), source
            )
            return
        room = min(node.config.maximum_ues, MAXIMUM_C_RNTI) - len(node.contexts)
        if room <= 0 or len(node.half_open) >= MAXIMUM_HALF_OPEN:
            reject = rrc.Reject(ue_identity=request.ue_identity, wait_time=WAIT_TIME, cause=Cause.NO_RESOURCES)
            node.send_srb0(reject, source)
            return
        context = _new_context(node, request, source)
        node.procedures.start("RRC connection", await_completion(node, context), c_rnti=context.c_rnti)
    setup = rrc.Setup(
        transaction=TRANSACTION,
        ue_identity=request.ue_identity,
        c_rnti=context.c_rnti,
        bulk_port=node.uu_sockets.bulk_port,
    )
    node.send_srb0(setup, source)


def _new_context(node: RanNode, request: rrc.SetupRequest, source: Address) -> UeContext:
    c_rnti = node.free_c_rnti()
    hop = Hop(
        HopName("Uu", node.config.name, f"C-RNTI {c_rnti}", {"c_rnti": c_rnti}),
        BearerType.SRB,
        c_rnti,
        source,
        (source[0], request.bulk_port),
        node.uu_sockets,
        node.drops,
        node.trace,
    )
    context = UeContext(node.next_number(), request.ue_identity, source, hop, Replies(node.procedures))
    hop.on_queued = lambda: node.touch(context)
    node.half_open[source, request.ue_identity] = context
    node.contexts[c_rnti] = context
    node.by_number[context.number] = context
    return context


async def await_completion(node: RanNode, context: UeContext) -> None:
    """Wait for Setup Complete, then open the context at the core; without it free everything."""
    try:
        complete: rrc.SetupComplete = await context.replies.expect(rrc.SetupComplete, node.timers["setup-complete"])
    except ProcedureTimeout:
        node.forget(context)
        raise
    finally:
        node.half_open.pop((context.source, context.ue_identity), None)
    context.state = State.CONNECTED
    context.last_active = node.procedures.now
    watch_activity(node, context)
    node.trace_state("UE context", c_rnti=context.c_rnti, ran_ue=context.number)
    node.n2.send(n2.InitialUeMessage(ran_ue=context.number, nas=complete.nas))
