"""A DEP session ends with its job (TS 38.413 8.2.2; R107)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from net4ai.codecs import n2
from net4ai.codecs.causes import Cause

if TYPE_CHECKING:
    from net4ai.core.access_manager import AccessManager
    from net4ai.core.terminal import Terminal


async def release_session(manager: AccessManager, terminal: Terminal, job: int, cause: Cause) -> None:
    """Have the RAN node and the terminal forget the session of a job. Raises `ProcedureError`: they did not say so."""
    session = terminal.sessions.pop(job, None)
    terminal.quality.pop(job, None)
    if session is None or terminal.association is None:
        return
    await terminal.association.request(
        lambda transaction: n2.SessionReleaseCommand(
            ran_ue=terminal.context, transaction=transaction, session=session, cause=cause
        ),
        "session-change",
    )
