"""PDU sessions of terminals whose functions are outside their RAN node (TS 23.502 4.3.2; R47, R95).

The user plane function at an edge gives the terminal an address and receives the tunnel from the RAN node, which is
told where by N2, and tells where it receives itself. All the edge hears of the terminal is a random token.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from net4ai.codecs import n2
from net4ai.codecs.bus import (
    Done,
    EstablishPduSession,
    ModifyPduSession,
    N3End,
    PduSessionEstablished,
    ReleasePduSession,
)
from net4ai.codecs.common import QosProfile, TunnelEnd
from net4ai.core.names import user_plane_function
from net4ai.stack.procedure import ProcedureError, ProcedureTimeout, outcome_of

if TYPE_CHECKING:
    from net4ai.core.access_manager import AccessManager
    from net4ai.core.terminal import Terminal

TOKEN_WORDS = 4
"""Random numbers of 32 bits in a token."""
FIRST_QFI = 1
RELEASE_ATTEMPTS = 3
"""How often a user plane function is told that a session is over; one that was started anew knows of none."""


@dataclass(frozen=True, slots=True)
class PduSession:
    """A PDU session, as the core knows it."""

    edge: str
    token: str
    established: PduSessionEstablished


async def set_up_pdu_session(
    manager: AccessManager, terminal: Terminal, job: int, edge: str, qos: tuple[QosProfile, ...]
) -> int:
    """User plane function, RAN node, user plane function again; gives the session's identity at the terminal.

    Raises `ProcedureError`: nothing is left of it.
    """
    token = b"".join(manager.random_identity().to_bytes(4, "big") for _ in range(TOKEN_WORDS)).hex()
    session, response = None, None
    try:
        flows = list(range(FIRST_QFI, FIRST_QFI + len(qos)))
        established = await manager.entity.call(
            user_plane_function(edge), EstablishPduSession(token=token, flows=flows), PduSessionEstablished
        )
        session = terminal.pdu_sessions[job] = PduSession(edge, token, established)
        response = await _at_ran_node(terminal, job, qos, established.uplink)
        end = response.downlink
        downlink = N3End(teid=end.teid, address=end.address, port=end.port, bulk_port=end.bulk_port)
        await manager.entity.call(
            user_plane_function(edge), ModifyPduSession(token=token, downlink=downlink, node=terminal.node), Done
        )
    except ProcedureError:
        if terminal.pdu_sessions.get(job) is session:
            terminal.pdu_sessions.pop(job, None)
        release_at_edge(manager, edge, token)
        raise
    return response.session


async def _at_ran_node(
    terminal: Terminal, job: int, qos: tuple[QosProfile, ...], uplink: N3End
) -> n2.PduSessionSetupResponse:
    assert terminal.association is not None
    end = TunnelEnd(teid=uplink.teid, address=uplink.address, port=uplink.port, bulk_port=uplink.bulk_port)
    response: n2.PduSessionSetupResponse = await terminal.association.request(
        lambda transaction: n2.PduSessionSetupRequest(
            ran_ue=terminal.context, transaction=transaction, job=job, qos=qos, uplink=end
        ),
        "session-setup",
    )
    return response


def end_pdu_session(manager: AccessManager, terminal: Terminal, job: int) -> None:
    """The session of a job is over, if it was a PDU session: the edge need not keep it."""
    session = terminal.pdu_sessions.pop(job, None)
    if session is not None:
        release_at_edge(manager, session.edge, session.token)


def release_at_edge(manager: AccessManager, edge: str, token: str) -> None:
    """Have a user plane function forget a session, whatever becomes of the terminal meanwhile."""
    manager.entity.procedures.start("PDU session release", _release(manager, edge, token), traced=False)


async def _release(manager: AccessManager, edge: str, token: str) -> None:
    for _ in range(RELEASE_ATTEMPTS):
        call = manager.entity.call(user_plane_function(edge), ReleasePduSession(token=token), Done)
        outcome = await outcome_of(manager.entity.procedures.start("release at edge", call, traced=False))
        if not isinstance(outcome, ProcedureTimeout):
            return
    raise ProcedureTimeout(f"{edge} does not answer")
