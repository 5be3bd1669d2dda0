"""RRC security mode, the UE's side (TS 38.331 5.3.4; TS 33.501 6.7.4).

The command comes protected with keys the UE makes only now: the bearer holds it until it is verified here. With the
null integrity algorithm it comes like any other message, and only a terminal whose NAS has no integrity protection
either takes that: else anybody on the radio could ask for it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from net4ai.codecs import rrc
from net4ai.codecs.causes import Cause
from net4ai.codecs.common import IntegrityAlgorithm
from net4ai.codecs.errors import DecodeError
from net4ai.stack.drops import Drop
from net4ai.stack.security.algorithms import Direction
from net4ai.stack.security.key_hierarchy import PARENT_KEY_SIZE
from net4ai.stack.security.srb_security import SrbSecurity
from net4ai.ue import channel_quality
from net4ai.ue.nas_security_mode import CAPABILITIES
from net4ai.ue.states import RrcState, is_legal_rrc

if TYPE_CHECKING:
    from net4ai.ue.terminal import Terminal

NO_KEY = bytes(PARENT_KEY_SIZE)
"""In the place of K_gNB while NAS has no keys: good for null algorithms only."""


def take_unverified(terminal: Terminal, sdu: bytes) -> None:
    """A message with a MAC-I has come before there were keys: only Security Mode Command may."""
    hop, process = terminal.hop, terminal.process
    assert hop is not None
    try:
        message = rrc.Rrc.FAMILY.decode(sdu)
    except DecodeError as error:
        process.drops.count(error.reason, len(sdu))
        hop.signalling.refuse_unverified()
        return
    hop.trace_message(message, "in", len(sdu), process.procedures.now)
    if not isinstance(message, rrc.SecurityModeCommand) or not is_legal_rrc(message, terminal.rrc_state, "SRB1"):
        process.drops.count(Drop.UNEXPECTED_MESSAGE, len(sdu))
        hop.signalling.refuse_unverified()
        return
    security = _security(terminal, message)
    if security is None or security.null:
        hop.signalling.refuse_unverified()
        _refuse(terminal, message, Cause.SECURITY_CAPABILITIES_MISMATCH)
    elif hop.signalling.accept_unverified(security):
        _complete(terminal, message, security)
    else:
        _refuse(terminal, message, Cause.INTEGRITY_FAILURE)


def start_security(terminal: Terminal, message: rrc.SecurityModeCommand) -> None:
    """The command has come without a MAC-I: it is taken where nothing is protected, else refused."""
    security = _security(terminal, message)
    if security is None:
        _refuse(terminal, message, Cause.SECURITY_CAPABILITIES_MISMATCH)
    elif not security.null:
        _refuse(terminal, message, Cause.INTEGRITY_FAILURE)
    elif terminal.nas_security is not None and terminal.nas_security.integrity != IntegrityAlgorithm.NIA0:
        _refuse(terminal, message, Cause.SECURITY_CAPABILITIES_MISMATCH)
    else:
        assert terminal.hop is not None
        terminal.hop.signalling.start_security(security)
        _complete(terminal, message, security)


def _security(terminal: Terminal, message: rrc.SecurityModeCommand) -> SrbSecurity | None:
    """Keys for the command's algorithms; None: the terminal has not got such algorithms."""
    if not CAPABILITIES.allow(message.integrity, message.ciphering):
        return None
    if terminal.k_gnb is None and message.integrity != IntegrityAlgorithm.NIA0:
        return None  # without a key anybody's MAC-I would do
    try:
        return SrbSecurity(terminal.k_gnb or NO_KEY, message.integrity, message.ciphering, Direction.UPLINK)
    except ValueError:  # ciphering without integrity protection
        return None


def _complete(terminal: Terminal, message: rrc.SecurityModeCommand, security: SrbSecurity) -> None:
    assert terminal.hop is not None
    terminal.send_rrc(rrc.SecurityModeComplete(transaction=message.transaction))
    terminal.hop.signalling.start_ciphering()
    terminal.security, terminal.rrc_state = security, RrcState.SECURED
    terminal.trace_state("security", integrity=security.integrity.name, ciphering=security.ciphering.name)
    channel_quality.report(terminal)


def _refuse(terminal: Terminal, message: rrc.SecurityModeCommand, cause: Cause) -> None:
    terminal.send_rrc(rrc.SecurityModeFailure(transaction=message.transaction, cause=cause))
