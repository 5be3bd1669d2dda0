"""NAS security mode and the place of authentication, the UE's side (TS 24.501 5.4.1, 5.4.2; TS 33.501 6.7.2)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from net4ai.codecs import nas
from net4ai.codecs.causes import Cause
from net4ai.codecs.common import SecurityCapabilities
from net4ai.codecs.errors import DecodeError
from net4ai.stack.drops import Drop
from net4ai.stack.security.algorithms import Direction
from net4ai.stack.security.errors import ProtectionError
from net4ai.stack.security.nas_security import NasSecurity
from net4ai.ue.states import is_legal_nas

if TYPE_CHECKING:
    from net4ai.ue.terminal import Terminal

CAPABILITIES = SecurityCapabilities(integrity=0xA0, ciphering=0xA0)
"""NIA0 and NIA2, NEA0 and NEA2."""


def receive_command(terminal: Terminal, outer: nas.Protected) -> None:
    """A Security Mode Command: verified with the keys it leads to, then they are used, else it is rejected.

    The same command again gets the same answer: its COUNT stays the one that the keys of the connection come from.
    """
    drops = terminal.process.drops
    try:
        command = nas.Nas.FAMILY.decode(outer.message)
    except DecodeError as error:
        drops.count(error.reason, len(outer.message))
        return
    if not isinstance(command, nas.SecurityModeCommand) or not is_legal_nas(command, terminal.nas_state):
        drops.count(Drop.UNEXPECTED_MESSAGE, len(outer.message))
        return
    terminal.trace_nas(command, "in", len(outer.message))
    if terminal.nas_secured:
        taken, answer = terminal.security_answer
        if outer == taken:
            terminal.send_encoded_nas(answer)
        else:
            drops.count(Drop.UNEXPECTED_MESSAGE, len(outer.message))
        return
    cause = _fault(terminal, command, outer)
    if cause is not None:
        drops.count(Drop.NOT_CARRIED_OUT)
        terminal.nas_security = None
        terminal.send_nas(nas.SecurityModeReject(cause=cause))
        return
    terminal.nas_secured = True
    answer = terminal.encode_nas(nas.SecurityModeComplete())
    terminal.security_answer = outer, answer
    terminal.send_encoded_nas(answer)


def _fault(terminal: Terminal, command: nas.SecurityModeCommand, outer: nas.Protected) -> Cause | None:
    """Why the command cannot be taken; None: it can, and the terminal has its keys."""
    if not CAPABILITIES.allow(command.integrity, command.ciphering):
        return Cause.SECURITY_CAPABILITIES_MISMATCH
    key = bytes.fromhex(terminal.config.key)
    try:
        terminal.nas_security = NasSecurity(key, command.integrity, command.ciphering, Direction.UPLINK)
        terminal.nas_security.unprotect(outer)
    except ProtectionError:
        return Cause.INTEGRITY_FAILURE
    except ValueError:  # null integrity beside ciphering
        return Cause.SECURITY_CAPABILITIES_MISMATCH
    # Somebody between us may have made the core believe that we can less.
    return None if command.capabilities == CAPABILITIES else Cause.SECURITY_CAPABILITIES_MISMATCH


def authentication_requested(terminal: Terminal, message: nas.AuthenticationRequest) -> None:
    """A challenge: this terminal has a key and no credentials."""
    terminal.send_nas(nas.AuthenticationFailure(cause=Cause.AUTHENTICATION_NOT_AVAILABLE, auts=b""))
