"""A DEP session ends with its job, or with the consent to it (TS 38.413 8.2.2; R67, R107)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from net4ai.codecs import n2
from net4ai.codecs.causes import Cause
from net4ai.core.hand_over import settled
from net4ai.core.pdu_sessions import end_pdu_session
from net4ai.stack.procedure import ProcedureError

if TYPE_CHECKING:
    from net4ai.core.access_manager import AccessManager
    from net4ai.core.terminal import Terminal


def start_release(manager: AccessManager, terminal: Terminal, job: int, cause: Cause) -> None:
    """Have the session of a job released, if there is one. A new one for the job waits for that."""
    if job in terminal.sessions:
        procedure = manager.run_for(terminal, "session release", release_session(manager, terminal, job, cause))
        if not procedure.done:
            terminal.releasing[job] = procedure


async def release_session(manager: AccessManager, terminal: Terminal, job: int, cause: Cause) -> None:
    """Have the RAN node and the terminal forget the session of a job. Raises `ProcedureError`: they did not say so."""
    await settled(terminal)
    session = terminal.sessions.pop(job, None)
    terminal.quality.pop(job, None)
    if session is None or terminal.association is None:
        return
    try:
        await terminal.association.request(
            lambda transaction: n2.SessionReleaseCommand(
                ran_ue=terminal.context, transaction=transaction, session=session, cause=cause
            ),
            "session-change",
        )
    except ProcedureError:
        end_pdu_session(manager, terminal, job)
        raise
    finally:
        terminal.releasing.pop(job, None)
    end_pdu_session(manager, terminal, job)
