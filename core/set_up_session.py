"""A terminal's computing request: a DEP session, mapped to its bearers by the RAN node (R96-R99, R106)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from net4ai.codecs import n2, nas
from net4ai.codecs.causes import Cause
from net4ai.codecs.common import QosProfile
from net4ai.core.hand_over import settled
from net4ai.core.pdu_sessions import set_up_pdu_session
from net4ai.core.release_session import release_session
from net4ai.stack.drops import Drop
from net4ai.stack.procedure import ProcedureCancelled, ProcedureError, outcome_of

if TYPE_CHECKING:
    from net4ai.core.access_manager import AccessManager
    from net4ai.core.terminal import Terminal

COMPUTING_QOS = QosProfile(five_qi=128, priority=20)
"""Operator class for activations and gradients (docs/spec), where a job does not say what it needs."""


def computing_requested(manager: AccessManager, terminal: Terminal, request: nas.ComputingRequest) -> None:
    """A computing request of a terminal has come."""
    if request.transaction in terminal.requests:
        manager.drop(terminal, Drop.REQUEST_UNDER_WAY)
        return
    procedure = manager.entity.procedures.start(
        "session set-up", set_up_session(manager, terminal, request), ue=terminal.subscriber
    )
    if not procedure.done:
        terminal.requests[request.transaction] = procedure


async def set_up_session(manager: AccessManager, terminal: Terminal, request: nas.ComputingRequest) -> None:
    """Ask the RAN node for the session, tell the terminal. A refusal reaches the terminal as such."""
    try:
        _check(manager, terminal, request.job)
        if request.job not in terminal.sessions:
            await _ask_ran_node(manager, terminal, request.job)
    except ProcedureCancelled:
        raise
    except ProcedureError as error:
        manager.send(terminal, nas.ComputingReject(transaction=request.transaction, cause=error.cause))
        raise
    else:
        manager.send(terminal, _accept(terminal, request))
    finally:
        terminal.requests.pop(request.transaction, None)


def _accept(terminal: Terminal, request: nas.ComputingRequest) -> nas.Nas:
    session, pdu_session = terminal.sessions[request.job], terminal.pdu_sessions.get(request.job)
    if pdu_session is None:
        return nas.ComputingAccept(transaction=request.transaction, session=session)
    return nas.PduSessionAccept(
        transaction=request.transaction,
        session=session,
        address=pdu_session.established.address,
        function=pdu_session.established.function,
        port=pdu_session.established.port,
        token=bytes.fromhex(pdu_session.token),
    )


def _check(manager: AccessManager, terminal: Terminal, job: int) -> None:
    if job not in manager.offers:
        raise ProcedureError(Cause.UNKNOWN_JOB)
    if manager.consents.of(terminal.subscriber, job) is None:
        raise ProcedureError(Cause.NO_CONSENT)


async def _ask_ran_node(manager: AccessManager, terminal: Terminal, job: int) -> None:
    await settled(terminal)
    if (releasing := terminal.releasing.get(job)) is not None:
        await outcome_of(releasing)
        _check(manager, terminal, job)
    if terminal.association is None:
        raise ProcedureCancelled("terminal lost")
    qos = manager.offers.qos(job)
    edge = manager.offers.edge(job)
    if edge:
        terminal.sessions[job] = await set_up_pdu_session(manager, terminal, job, edge, qos)
    else:
        terminal.sessions[job] = await _set_up_dep_session(manager, terminal, job, qos)
    terminal.quality[job] = qos
    try:
        # Meanwhile the job may have ended, or the consent to it.
        _check(manager, terminal, job)
    except ProcedureError as error:
        await release_session(manager, terminal, job, error.cause)
        raise


async def _set_up_dep_session(manager: AccessManager, terminal: Terminal, job: int, qos: tuple[QosProfile, ...]) -> int:
    assert terminal.association is not None
    response: n2.SessionSetupResponse = await terminal.association.request(
        lambda transaction: n2.SessionSetupRequest(
            ran_ue=terminal.context,
            transaction=transaction,
            job=job,
            qos=qos,
            maximum_bit_rate=manager.offers.session_kbps(job),
        ),
        "session-setup",
    )
    return response.session
