"""Registration, the UE's side (TS 24.501 5.5.1; R58). The request went with RRC Setup Complete."""

from __future__ import annotations

from typing import TYPE_CHECKING

from net4ai.codecs import nas
from net4ai.codecs.causes import cause_of
from net4ai.stack.procedure import ProcedureRejected, ProcedureTimeout
from net4ai.ue.connect import VERSIONS
from net4ai.ue.states import State

if TYPE_CHECKING:
    from net4ai.ue.terminal import Terminal


async def register(terminal: Terminal) -> None:
    """Wait for the answer; without one ask again. Raises `ProcedureRejected`, `ProcedureTimeout`."""
    process = terminal.process
    for attempt in range(process.timers.attempts("T3510")):
        if attempt:
            terminal.send_nas(nas.RegistrationRequest(versions=VERSIONS, identity=terminal.config.identity))
        try:
            answer = await terminal.replies.expect("registration", process.timers["T3510"])
        except ProcedureTimeout:
            continue
        if isinstance(answer, nas.RegistrationReject):
            raise ProcedureRejected(cause_of(answer.cause), "registration")
        terminal.state = State.REGISTERED
        terminal.trace_state("registered")
        return
    raise ProcedureTimeout("T3510: no answer to the registration")
