"""Registration, the UE's side (TS 24.501 5.5.1; R58). The request went with RRC Setup Complete."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from net4ai.codecs import nas
from net4ai.codecs.causes import Cause, cause_of
from net4ai.codecs.common import VersionRange
from net4ai.codecs.nas import RegistrationType
from net4ai.stack.procedure import ProcedureRejected, ProcedureTimeout
from net4ai.ue.nas_security_mode import CAPABILITIES
from net4ai.ue.states import NasState

if TYPE_CHECKING:
    from net4ai.ue.terminal import Terminal

VERSIONS = VersionRange(lowest=nas.VERSION, highest=nas.VERSION)

_ANSWER = "registration"


async def register(terminal: Terminal) -> None:
    """Wait for the answer; without one ask again. Raises `ProcedureRejected`, `ProcedureTimeout`."""
    process = terminal.process
    for attempt in range(process.timers.attempts("T3510")):
        if attempt:
            terminal.send_nas(request(terminal))
        try:
            await terminal.replies.expect(_ANSWER, process.timers["T3510"])
            return
        except ProcedureTimeout:
            continue
    raise ProcedureTimeout("T3510: no answer to the registration")


async def stay_registered(terminal: Terminal) -> None:
    """Register again from time to time (TS 24.501 5.3.7), until cancelled.

    A terminal that has nothing to say would never notice that its RAN node has lost it; this way its bearer fails.
    """
    process = terminal.process
    while True:
        await process.procedures.sleep(process.timers["T3512"])
        terminal.send_nas(request(terminal, RegistrationType.PERIODIC))
        with contextlib.suppress(ProcedureTimeout):
            await terminal.replies.expect(_ANSWER, process.timers["T3510"])


def request(terminal: Terminal, kind: RegistrationType = RegistrationType.INITIAL) -> nas.RegistrationRequest:
    """The terminal's registration."""
    return nas.RegistrationRequest(
        type=kind, versions=VERSIONS, capabilities=CAPABILITIES, identity=terminal.config.identity
    )


def accepted(terminal: Terminal, message: nas.RegistrationAccept) -> None:
    """The terminal takes its temporary identity, and says so each time it is told."""
    terminal.temporary_identity = message.temporary_identity
    terminal.send_nas(nas.RegistrationComplete(temporary_identity=message.temporary_identity))
    if terminal.nas_state is not NasState.REGISTERED:
        terminal.nas_state = NasState.REGISTERED
        terminal.trace_state("registered")
    terminal.replies.give(_ANSWER, message)


def rejected(terminal: Terminal, message: nas.RegistrationReject | nas.AuthenticationReject) -> None:
    """The network does not want the terminal. One that was registered is so no more."""
    cause = cause_of(message.cause) if isinstance(message, nas.RegistrationReject) else Cause.AUTHENTICATION_FAILED
    error = ProcedureRejected(cause, "registration")
    if not terminal.replies.fail(_ANSWER, error) or terminal.nas_state is NasState.REGISTERED:
        terminal.release(cause)
