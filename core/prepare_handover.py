"""Preparation of a handover, the core's part: it carries request and answer between source and target (TS 38.413 8.4).

The UE's way to the target (execution) comes with mobility. Until then the source cancels, or the target's timer ends.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from net4ai.codecs import n2
from net4ai.codecs.causes import Cause
from net4ai.stack.procedure import ProcedureCancelled, ProcedureError
from net4ai.stack.security.key_hierarchy import next_hop

if TYPE_CHECKING:
    from net4ai.core.access_manager import AccessManager
    from net4ai.core.ran_association import RanAssociation
    from net4ai.core.terminal import Terminal

NEXT_HOP_CHAIN = 8
"""The chaining count has 3 bits."""


def handover_required(manager: AccessManager, association: RanAssociation, message: n2.HandoverRequired) -> None:
    """The source wants one of its terminals prepared at another RAN node."""
    terminal = manager.terminals[association, message.ran_ue]
    target = manager.associations.get(message.target)
    if not terminal.registered or terminal.handover is not None or terminal.preparing is not None:
        cause = Cause.BUSY if terminal.registered else Cause.NOT_ALLOWED
        association.send(n2.HandoverPreparationFailure(ran_ue=message.ran_ue, cause=cause))
    elif target is None or target is association:
        association.send(n2.HandoverPreparationFailure(ran_ue=message.ran_ue, cause=Cause.UNKNOWN_TARGET))
    else:
        manager.run_for(terminal, "handover preparation", _prepare(manager, terminal, association, target, message))


def handover_cancelled(manager: AccessManager, association: RanAssociation, message: n2.HandoverCancel) -> None:
    """The source has thought better of it: what the target holds, or is asked for, is free again."""
    terminal = manager.terminals[association, message.ran_ue]
    if terminal.preparing is not None:
        terminal.preparing.cancel("cancelled by the source")
    free_prepared(manager, terminal, Cause.CANCELLED)
    association.send(n2.HandoverCancelAcknowledge(ran_ue=message.ran_ue))


def free_prepared(manager: AccessManager, terminal: Terminal, cause: Cause) -> None:
    """Release what another RAN node has prepared for a terminal, if there is something."""
    prepared, terminal.handover = terminal.handover, None
    if prepared is not None:
        target, context = prepared
        del manager.prepared[prepared]
        target.release(context, cause)


async def _prepare(
    manager: AccessManager,
    terminal: Terminal,
    source: RanAssociation,
    target: RanAssociation,
    required: n2.HandoverRequired,
) -> None:
    terminal.preparing = manager.entity.procedures.start(
        "handover request", _ask_target(manager, terminal, target, required), traced=False
    )
    try:
        answer = await terminal.preparing
    except ProcedureCancelled:
        raise  # by the source, which knows, or with the terminal
    except ProcedureError as error:
        source.send(n2.HandoverPreparationFailure(ran_ue=required.ran_ue, cause=error.cause))
        raise
    finally:
        terminal.preparing.cancel("terminal lost")
        terminal.preparing = None
    terminal.handover = target, answer.ran_ue
    manager.prepared[target, answer.ran_ue] = terminal
    source.send(n2.HandoverCommand(ran_ue=required.ran_ue, container=answer.container))


async def _ask_target(
    manager: AccessManager, terminal: Terminal, target: RanAssociation, required: n2.HandoverRequired
) -> n2.HandoverRequestAcknowledge:
    k_amf = manager.subscribers.get(terminal.subscriber)
    if k_amf is None:
        raise ProcedureError(Cause.NOT_ALLOWED, "no such subscription")
    terminal.next_hop = next_hop(k_amf, terminal.next_hop or terminal.k_gnb)
    terminal.next_hop_chaining_count = (terminal.next_hop_chaining_count + 1) % NEXT_HOP_CHAIN
    sessions = tuple(
        n2.SessionItem(
            session=session, job=job, qos=terminal.quality[job], maximum_bit_rate=manager.offers.session_kbps(job)
        )
        for job, session in terminal.sessions.items()
    )
    answer: n2.HandoverRequestAcknowledge = await target.request(
        lambda transaction: n2.HandoverRequest(
            transaction=transaction,
            key=terminal.next_hop,
            next_hop_chaining_count=terminal.next_hop_chaining_count,
            capabilities=terminal.request.capabilities,
            sessions=sessions,
            container=required.container,
            ue_maximum_bit_rate=manager.ue_kbps.get(terminal.subscriber, 0),
        ),
        "handover-request",
    )
    return answer
