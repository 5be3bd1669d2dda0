"""RRC re-establishment, the UE's side: the radio link has failed, the context goes on (TS 38.331 5.3.7)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from net4ai.codecs.causes import Cause
from net4ai.stack.procedure import ProcedureError

if TYPE_CHECKING:
    from net4ai.ue.terminal import Terminal


async def reestablish(terminal: Terminal) -> None:
    """Find a cell, ask there for the connection with its context; without success the terminal is idle."""
    terminal.release(Cause.RADIO_LINK_FAILURE)
    raise ProcedureError(Cause.RADIO_LINK_FAILURE)
