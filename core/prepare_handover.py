"""Preparation of a handover, the core's part: it carries request and answer between source and target (TS 38.413 8.4).

How it goes on when the terminal has come: `hand_over.py`. Otherwise the source cancels, or the target's timer ends.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from net4ai.codecs import n2
from net4ai.codecs.causes import Cause
from net4ai.core.hand_over import handover_over
from net4ai.stack.procedure import ProcedureCancelled, ProcedureError
from net4ai.stack.security.key_hierarchy import next_hop

if TYPE_CHECKING:
    from net4ai.core.access_manager import AccessManager
    from net4ai.core.ran_association import RanAssociation
    from net4ai.core.terminal import Terminal

NEXT_HOP_CHAIN = 8
"""The chaining count has 3 bits. A terminal counts on from the NH it has gone by last: of so many unused ones it could
not tell the first from the last."""


def handover_required(manager: AccessManager, association: RanAssociation, message: n2.HandoverRequired) -> None:
    """The source wants one of its terminals prepared at another RAN node."""
    terminal = manager.terminals.get((association, message.ran_ue))
    target = manager.associations.get(message.target)
    cause = Cause.NOT_ALLOWED if terminal is None else _fault(terminal, association, target)
    if terminal is None or target is None or cause is not None:
        cause = cause or Cause.UNKNOWN_TARGET
        association.send(n2.HandoverPreparationFailure(ran_ue=message.ran_ue, cause=cause))
        return
    terminal.moving = manager.entity.procedures.promise("handover")
    manager.run_for(terminal, "handover preparation", _prepare(manager, terminal, association, target, message))


def _fault(terminal: Terminal, source: RanAssociation, target: RanAssociation | None) -> Cause | None:
    """Why a terminal cannot be handed over; None: it can."""
    if not terminal.registered or terminal.pdu_sessions:
        return Cause.NOT_ALLOWED  # the tunnel of a PDU session cannot be led to another RAN node yet
    if terminal.moving is not None:
        return Cause.BUSY
    if target is None or target is source:
        return Cause.UNKNOWN_TARGET
    return Cause.NO_RESOURCES if terminal.unused_keys == NEXT_HOP_CHAIN - 1 else None


def handover_cancelled(manager: AccessManager, association: RanAssociation, message: n2.HandoverCancel) -> None:
    """The source has thought better of it: what the target holds, or is asked for, is free again."""
    terminal = manager.terminals.get((association, message.ran_ue))
    if terminal is not None:  # otherwise it is at the target already, and its context at the source will be released
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
        handover_over(manager, terminal)


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
    except ProcedureError as error:
        if not isinstance(error, ProcedureCancelled):  # by the source, which knows, or with the terminal
            source.send(n2.HandoverPreparationFailure(ran_ue=required.ran_ue, cause=error.cause))
        handover_over(manager, terminal)
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
    terminal.unused_keys += 1
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
