"""Channel quality, the UE's side: it says how fast it can be sent to (TS 38.214 5.2.2).

In NR these are bits on the PUCCH; here they are an RRC message, which nobody answers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from net4ai.codecs import rrc
from net4ai.ue.states import RrcState

if TYPE_CHECKING:
    from net4ai.ue.terminal import Terminal

KILOBIT = 1000


def report(terminal: Terminal, *, again: bool = False) -> None:
    """Tell the RAN node what it does not know yet; with `again` also what it was told.

    Nothing is said without a limit, or before security is on.
    """
    quality = terminal.radio.quality
    if quality is None or terminal.rrc_state is not RrcState.SECURED:
        return
    if again or terminal.reported != quality:
        terminal.reported = quality
        terminal.send_rrc(rrc.ChannelQualityReport(cqi=quality.cqi, rate=(quality.rate or 0) // KILOBIT))
