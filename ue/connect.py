"""RRC connection establishment, the UE's side (TS 38.331 5.3.3)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from net4ai.codecs import nas, rrc
from net4ai.codecs.causes import cause_of
from net4ai.codecs.l2 import BearerType
from net4ai.codecs.rrc import EstablishmentCause
from net4ai.stack.hop import Hop, HopName
from net4ai.stack.procedure import ProcedureError, ProcedureRejected, ProcedureTimeout
from net4ai.ue.states import RrcState

if TYPE_CHECKING:
    from net4ai.ue.cell import Cell
    from net4ai.ue.terminal import Terminal

RRC_ANSWER = "RRC answer"
"""Key of the answer to a request on SRB0."""


async def connect(
    terminal: Terminal, message: nas.Nas, cause: EstablishmentCause = EstablishmentCause.MO_SIGNALLING
) -> None:
    """Ask for a connection until the RAN node gives one; complete it with a NAS message. Raises `ProcedureError`."""
    process = terminal.process
    setup, terminal.given_setup = terminal.given_setup, None
    if setup is None:
        if not terminal.camped.suitable and process.cell.suitable:
            terminal.camp_in(process.cell)
        await terminal.camped.select(terminal, process.timers["cell-selection"])
        setup = await _ask_for_setup(terminal, cause)
    hop = new_hop(terminal, terminal.camped, setup.c_rnti, setup.bulk_port)
    hop.signalling.takes_unverified = True
    terminal.connected(hop, RrcState.CONNECTED)
    terminal.send_rrc(rrc.SetupComplete(transaction=setup.transaction, nas=terminal.encode_nas(message)))


def new_hop(terminal: Terminal, cell: Cell, c_rnti: int, bulk_port: int) -> Hop:
    """The terminal's end of its connection in a cell."""
    process = terminal.process
    return Hop(
        HopName("Uu", terminal.name, cell.ran_node, {"ue": terminal.name}),
        BearerType.SRB,
        c_rnti,
        cell.address,
        (cell.address[0], bulk_port),
        terminal.radio.sockets,
        process.drops,
        process.trace,
    )


async def _ask_for_setup(terminal: Terminal, cause: EstablishmentCause) -> rrc.Setup:
    process = terminal.process
    identity = process.random_identity()
    request = rrc.SetupRequest(ue_identity=identity, cause=cause, bulk_port=process.sockets.bulk_port)
    error: ProcedureError = ProcedureTimeout(f"T300: no answer from {terminal.camped}")
    for _ in range(process.timers.attempts("T300")):
        answer = await ask(terminal, request, identity, "T300", attempts=1)
        if isinstance(answer, rrc.Setup):
            return answer
        if isinstance(answer, rrc.Reject):
            error = ProcedureRejected(cause_of(answer.cause), f"by {terminal.camped}")
            # T302 runs as long as the RAN node says (5.3.15).
            await process.procedures.sleep(answer.wait_time * 1_000_000)
    raise error


async def ask(terminal: Terminal, request: rrc.Rrc, identity: int, timer: str, *, attempts: int) -> rrc.Rrc | None:
    """Send a request on SRB0, again each time `timer` ends; the answer, or None after all attempts."""
    process = terminal.process
    process.asking[identity] = terminal
    try:
        for _ in range(attempts):
            process.send_srb0(terminal, request, terminal.camped)
            try:
                answer: rrc.Rrc = await terminal.replies.expect(RRC_ANSWER, process.timers[timer])
            except ProcedureTimeout:
                continue
            return answer
    finally:
        del process.asking[identity]
    return None
