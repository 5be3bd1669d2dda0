"""A DEP session gets other quality of service (TS 38.413 8.2.3; R102)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from net4ai.codecs import n2
from net4ai.codecs.causes import Cause
from net4ai.codecs.common import QosProfile
from net4ai.core.hand_over import settled
from net4ai.stack.procedure import ProcedureError

if TYPE_CHECKING:
    from net4ai.core.access_manager import AccessManager
    from net4ai.core.terminal import Terminal


async def modify_session(manager: AccessManager, terminal: Terminal, job: int, qos: tuple[QosProfile, ...]) -> None:
    """Have the RAN node put the session of a job on bearers that fit. Raises `ProcedureError`: all is as before."""
    await settled(terminal)
    session = terminal.sessions.get(job)
    if session is None or terminal.association is None:
        raise ProcedureError(Cause.UNKNOWN_SESSION, f"job {job}")
    await terminal.association.request(
        lambda transaction: n2.SessionModifyRequest(
            ran_ue=terminal.context,
            transaction=transaction,
            session=session,
            qos=qos,
            maximum_bit_rate=manager.offers.session_kbps(job),
        ),
        "session-change",
    )
    if job in terminal.sessions:
        terminal.quality[job] = qos
