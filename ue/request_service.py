"""Service request, the UE's side: registered and idle, the terminal wants its connection back (TS 24.501 5.6.1)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from net4ai.codecs import nas
from net4ai.codecs.causes import cause_of
from net4ai.codecs.rrc import EstablishmentCause
from net4ai.stack.procedure import ProcedureRejected
from net4ai.ue.connect import connect

if TYPE_CHECKING:
    from net4ai.ue.terminal import Terminal

ESTABLISHMENT_CAUSES = {
    nas.ServiceType.SIGNALLING: EstablishmentCause.MO_SIGNALLING,
    nas.ServiceType.DATA: EstablishmentCause.MO_DATA,
    nas.ServiceType.MOBILE_TERMINATED: EstablishmentCause.MT_ACCESS,
}
"""TS 24.501 table 4.5.6.1."""


async def request_service(terminal: Terminal, service: nas.ServiceType) -> None:
    """Connect with a Service Request on board, and wait for the answer. Raises `ProcedureError`."""
    assert terminal.temporary_identity is not None
    request = nas.ServiceRequest(type=service, temporary_identity=terminal.temporary_identity)
    await connect(terminal, request, ESTABLISHMENT_CAUSES[service])
    answer = await terminal.replies.expect("service", terminal.process.timers["T3517"])
    if isinstance(answer, nas.ServiceReject):
        raise ProcedureRejected(cause_of(answer.cause), "service request")
