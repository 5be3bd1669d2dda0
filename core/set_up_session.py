"""A terminal's computing request: a DEP session, mapped to its bearers by the RAN node (R96-R99, R106)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from net4ai.codecs import n2, nas
from net4ai.codecs.causes import Cause
from net4ai.codecs.common import QosProfile
from net4ai.stack.procedure import ProcedureError

if TYPE_CHECKING:
    from net4ai.core.access_manager import AccessManager, Terminal

COMPUTING_QOS = QosProfile(five_qi=128, priority=20)
"""Operator class for activations and gradients (docs/spec); shaping comes with the data plane."""


async def set_up_session(manager: AccessManager, terminal: Terminal, request: nas.ComputingRequest) -> None:
    """Ask the RAN node for the session, tell the terminal. A refusal reaches the terminal as such."""
    try:
        if request.job not in manager.offers:
            raise ProcedureError(Cause.UNKNOWN_JOB)
        if request.job not in terminal.consents:
            raise ProcedureError(Cause.NO_CONSENT)
        if request.job not in terminal.sessions:
            response = await terminal.association.request(
                terminal.context,
                lambda transaction: n2.SessionSetupRequest(
                    ran_ue=terminal.context, transaction=transaction, job=request.job, qos=(COMPUTING_QOS,)
                ),
                "session-setup",
            )
            terminal.sessions[request.job] = response.session
    except ProcedureError as error:
        terminal.send(nas.ComputingReject(transaction=request.transaction, cause=error.cause))
        raise
    else:
        accept = nas.ComputingAccept(transaction=request.transaction, session=terminal.sessions[request.job])
        terminal.send(accept)
    finally:
        terminal.requests.pop(request.transaction, None)
