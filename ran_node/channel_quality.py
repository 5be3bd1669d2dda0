"""Channel quality, the RAN node's side: how fast each UE can be sent to, as it says itself (TS 38.214 5.2.2)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from net4ai.codecs import rrc
from net4ai.ran_node.ue_context import UeContext

if TYPE_CHECKING:
    from net4ai.ran_node.node import RanNode


def reported(node: RanNode, context: UeContext, message: rrc.ChannelQualityReport) -> None:
    """Keep the newest report of the UE."""
    context.channel_quality = message
    node.trace_state("channel quality", c_rnti=context.c_rnti, cqi=message.cqi, rate_kbps=message.rate)
