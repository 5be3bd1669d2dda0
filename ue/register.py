"""Registration, the UE's side (TS 24.501 5.5.1; R58). The request went with RRC Setup Complete."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from net4ai.codecs import nas
from net4ai.codecs.causes import cause_of
from net4ai.codecs.common import SecurityCapabilities, VersionRange
from net4ai.stack.procedure import ProcedureRejected, ProcedureTimeout
from net4ai.ue.states import NasState

if TYPE_CHECKING:
    from net4ai.ue.terminal import Terminal

VERSIONS = VersionRange(lowest=nas.VERSION, highest=nas.VERSION)
CAPABILITIES = SecurityCapabilities(integrity=0xA0, ciphering=0xA0)
"""NIA0 and NIA2, NEA0 and NEA2."""


async def register(terminal: Terminal) -> None:
    """Wait for the answer; without one ask again. Raises `ProcedureRejected`, `ProcedureTimeout`."""
    process = terminal.process
    for attempt in range(process.timers.attempts("T3510")):
        if attempt:
            terminal.send_nas(request(terminal))
        try:
            answer = await terminal.replies.expect("registration", process.timers["T3510"])
        except ProcedureTimeout:
            continue
        if isinstance(answer, nas.RegistrationReject):
            raise ProcedureRejected(cause_of(answer.cause), "registration")
        terminal.nas_state = NasState.REGISTERED
        terminal.trace_state("registered")
        return
    raise ProcedureTimeout("T3510: no answer to the registration")


async def stay_registered(terminal: Terminal) -> None:
    """Register again from time to time (TS 24.501 5.3.7), until cancelled.

    A terminal that has nothing to say would never notice that its RAN node has lost it; this way its bearer fails.
    """
    process = terminal.process
    while True:
        await process.procedures.sleep(process.timers["T3512"])
        terminal.send_nas(request(terminal))
        with contextlib.suppress(ProcedureTimeout):
            await terminal.replies.expect("registration", process.timers["T3510"])


def request(terminal: Terminal) -> nas.RegistrationRequest:
    """The terminal's registration."""
    return nas.RegistrationRequest(versions=VERSIONS, capabilities=CAPABILITIES, identity=terminal.config.identity)
