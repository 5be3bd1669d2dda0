"""The invitation of one terminal to an execution, first of two phases (R64, R72, R79)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from net4ai.codecs import nas
from net4ai.codecs.bus import ClientAccepted, InviteClients
from net4ai.stack.procedure import ProcedureError

if TYPE_CHECKING:
    from net4ai.core.access_manager import AccessManager
    from net4ai.core.terminal import Terminal


async def invite_terminal(
    manager: AccessManager, terminal: Terminal, job: int, seat: int, request: InviteClients
) -> ClientAccepted | None:
    """The terminal's acceptance, or None: it declined, stayed silent or has gone."""
    session = terminal.sessions.get(job)
    if session is None or terminal.lost:
        return None
    manager.send(
        terminal,
        nas.RoutineInvite(
            execution=request.execution,
            session=session,
            function=request.function,
            routine=request.routine,
            round=request.round,
            cut=request.cut,
            seat=seat,
            sequential=request.sequential,
            settings=msgspec.json.encode(request.settings),
            key=request.key,
            qfi=request.qfi,
        ),
    )
    try:
        answer = await terminal.replies.expect(("invite", request.execution), manager.entity.timers["invite"])
    except ProcedureError:
        return None
    if not isinstance(answer, nas.RoutineAccept):
        return None
    accepted = ClientAccepted(seat=seat, context=terminal.context, session=session, key=answer.key, node=terminal.node)
    if (pdu_session := terminal.pdu_sessions.get(job)) is not None:
        accepted.node, accepted.token = pdu_session.edge, pdu_session.token
    return accepted
