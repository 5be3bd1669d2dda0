"""RRC re-establishment, the UE's side: the radio link has failed, the context goes on (TS 38.331 5.3.7).

The connection begins anew with a fresh SRB1 and the next key; bearers and sessions stay. What the RAN node has perhaps
not got is sent again: NAS drops by COUNT what comes twice.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from net4ai.codecs import rrc
from net4ai.codecs.causes import Cause, cause_of
from net4ai.codecs.dep import PathReason
from net4ai.stack.hop import Hop
from net4ai.stack.procedure import ProcedureError, ProcedureRejected, ProcedureTimeout
from net4ai.stack.security.algorithms import Direction
from net4ai.stack.security.key_hierarchy import k_ng_ran_star, short_mac
from net4ai.stack.security.srb_security import SrbSecurity
from net4ai.stack.units import MILLISECOND
from net4ai.ue import channel_quality
from net4ai.ue.connect import ask
from net4ai.ue.start_security import NO_KEY
from net4ai.ue.states import RrcState

if TYPE_CHECKING:
    from net4ai.ue.terminal import Terminal


async def reestablish(terminal: Terminal) -> None:
    """Find a cell, ask there for the connection with its context. Without success the terminal is idle and begins anew,
    with the RRC Setup it was answered if there is one. Raises `ProcedureError`."""
    hop = terminal.hop
    assert hop is not None
    hop.signalling.give_up()
    try:
        await _reestablish(terminal, hop)
    except ProcedureError:
        if terminal.hop is hop:
            terminal.release(Cause.RADIO_LINK_FAILURE)
        raise


async def _reestablish(terminal: Terminal, hop: Hop) -> None:
    process = terminal.process
    assert terminal.security is not None
    await terminal.camped.select(terminal, process.timers["T311"])
    request = _request(terminal, hop, terminal.security)
    k_gnb = k_ng_ran_star(terminal.k_gnb or NO_KEY, terminal.camped.identity)
    security = SrbSecurity(k_gnb, terminal.security.integrity, terminal.security.ciphering, Direction.UPLINK)
    bearer = hop.fresh_signalling_bearer()
    bearer.start_security(security, required=True)
    waiting = hop.renew_signalling(bearer)
    attempts = process.timers.attempts("T301")
    answer = await ask(terminal, request, request.ue_identity, "T301", attempts=attempts)
    if isinstance(answer, rrc.Setup):
        terminal.given_setup = answer
        raise ProcedureRejected(Cause.UNKNOWN_CONTEXT, f"{terminal.camped} begins anew")
    if isinstance(answer, rrc.Reject):
        await process.procedures.sleep(answer.wait_time * MILLISECOND)  # T302
        raise ProcedureRejected(cause_of(answer.cause), f"by {terminal.camped}")
    if not isinstance(answer, rrc.Reestablishment):
        raise ProcedureTimeout(f"T301: no answer from {terminal.camped}")
    terminal.k_gnb, terminal.security, terminal.cell = k_gnb, security, terminal.camped.identity
    bearer.start_ciphering()
    _complete(terminal, hop, answer.transaction, waiting)


def _request(terminal: Terminal, hop: Hop, security: SrbSecurity) -> rrc.ReestablishmentRequest:
    """The request, with the proof that this terminal has the keys of the connection that has failed (5.3.7.4)."""
    identity = terminal.process.random_identity()
    return rrc.ReestablishmentRequest(
        ue_identity=identity,
        cell=terminal.cell,
        c_rnti=hop.identity,
        short_mac=short_mac(security.k_rrc_int, identity, terminal.cell, hop.identity, security.integrity),
        cause=rrc.ReestablishmentCause.OTHER_FAILURE,
        bulk_port=terminal.process.sockets.bulk_port,
    )


def _complete(terminal: Terminal, hop: Hop, transaction: int, waiting: list[bytes]) -> None:
    """All goes on: first what waited on the bearer that has failed, then what came up meanwhile."""
    now = terminal.process.procedures.now
    terminal.rrc_state = RrcState.SECURED
    terminal.send_rrc(rrc.ReestablishmentComplete(transaction=transaction))
    held, terminal.held = terminal.held, []
    for message in [*nas_transfers(waiting), *held]:
        terminal.send_rrc(message)
    terminal.trace_state("re-established", c_rnti=hop.identity)
    channel_quality.report(terminal, again=True)
    terminal.process.endpoint.hop_path_changed(hop, PathReason.REESTABLISHED, now)


def nas_transfers(sdus: list[bytes]) -> list[rrc.Rrc]:
    """Of what waited only NAS goes on its way again: an answer to the RAN node is asked for again."""
    messages = (rrc.Rrc.FAMILY.decode(sdu) for sdu in sdus)
    return [message for message in messages if isinstance(message, rrc.UplinkInformationTransfer)]
