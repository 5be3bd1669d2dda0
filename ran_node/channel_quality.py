"""Channel quality, the RAN node's side: how fast each UE can be sent to, as it says itself (TS 38.214 5.2.2)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from net4ai.codecs import rrc
from net4ai.ran_node.ue_context import UeContext
from net4ai.stack.radio.cqi import OUT_OF_RANGE

if TYPE_CHECKING:
    from net4ai.ran_node.node import RanNode

KILOBIT = 1000


def reported(node: RanNode, context: UeContext, message: rrc.ChannelQualityReport) -> None:
    """Send to the UE as fast as it says from now on."""
    context.channel_quality = message
    context.hop.set_rate(rate_of(message), node.procedures.now)
    node.trace_state("channel quality", c_rnti=context.c_rnti, cqi=message.cqi, rate_kbps=message.rate)


def rate_of(message: rrc.ChannelQualityReport) -> int | None:
    """Bits per second, 0 for nothing at all; None: not limited."""
    if message.cqi == OUT_OF_RANGE:
        return 0
    return message.rate * KILOBIT or None
