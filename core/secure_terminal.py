"""NAS security mode control, the core's side (TS 24.501 5.4.2; TS 33.501 6.7.2)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from net4ai.codecs import nas
from net4ai.codecs.causes import Cause, cause_of
from net4ai.codecs.nas import SecurityHeaderType
from net4ai.stack.drops import Drop
from net4ai.stack.procedure import ProcedureError, ProcedureRejected, ProcedureTimeout
from net4ai.stack.security.algorithms import Direction
from net4ai.stack.security.nas_security import NasSecurity

if TYPE_CHECKING:
    from net4ai.core.access_manager import AccessManager
    from net4ai.core.terminal import Terminal

KEY_SET = 0
"""ngKSI: there is one key set, the pre-shared one."""

_ANSWER = "NAS security mode"


async def secure_terminal(manager: AccessManager, terminal: Terminal, k_amf: bytes) -> None:
    """Start NAS security with fresh COUNTs; afterwards everything is protected.

    Raises `ProcedureError`: no common algorithm (SECURITY_CAPABILITIES_MISMATCH), refused by the terminal, no answer.
    """
    capabilities = terminal.request.capabilities
    if not capabilities.allow(manager.integrity, manager.ciphering):
        raise ProcedureError(Cause.SECURITY_CAPABILITIES_MISMATCH, f"{manager.integrity.name} {manager.ciphering.name}")
    security = NasSecurity(k_amf, manager.integrity, manager.ciphering, Direction.DOWNLINK)
    terminal.security = security
    manager.on_security(terminal, security)
    command = nas.SecurityModeCommand(
        integrity=manager.integrity, ciphering=manager.ciphering, key_set=KEY_SET, capabilities=capabilities
    )
    # A repetition is the same octets: a terminal that has taken the first one knows it, and COUNT 0 stays the only one.
    first = security.protect(command, SecurityHeaderType.INTEGRITY_NEW_CONTEXT)

    def protect(message: nas.Nas) -> nas.Nas:
        return first if message is command else security.protect(message, SecurityHeaderType.INTEGRITY_NEW_CONTEXT)

    timers = manager.entity.timers
    for _ in range(timers.attempts("T3560")):
        manager.send(terminal, command, protect=protect)
        try:
            answer = await terminal.replies.expect(_ANSWER, timers["T3560"])
        except ProcedureTimeout:
            continue
        if isinstance(answer, nas.SecurityModeReject):
            raise ProcedureRejected(cause_of(answer.cause), "NAS security mode")
        return
    raise ProcedureTimeout("T3560: no answer to the NAS Security Mode Command")


def secured(terminal: Terminal, uplink_count: int) -> None:
    """A message of the terminal was verified that begins secure exchange, and with it the key of its connection."""
    assert terminal.security is not None
    terminal.secured = True
    terminal.k_gnb = terminal.security.k_gnb(uplink_count)
    terminal.next_hop, terminal.next_hop_chaining_count, terminal.unused_keys = b"", 0, 0


def security_mode_answered(
    manager: AccessManager, terminal: Terminal, message: nas.SecurityModeComplete | nas.SecurityModeReject
) -> None:
    """To whoever started security."""
    if not terminal.replies.give(_ANSWER, message):
        manager.drop(terminal, Drop.ANSWER_TO_NO_REQUEST)
