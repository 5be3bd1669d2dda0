"""RRC security mode, the RAN node's side (TS 38.331 5.3.4; TS 33.501 6.7.4)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from net4ai.codecs.causes import Cause
from net4ai.codecs.common import SecurityCapabilities
from net4ai.ran_node.ue_context import UeContext
from net4ai.stack.procedure import ProcedureError

if TYPE_CHECKING:
    from net4ai.ran_node.node import RanNode

K_GNB_OCTETS = 32


async def start_security(node: RanNode, context: UeContext, k_gnb: bytes, capabilities: SecurityCapabilities) -> None:
    """Start security on SRB1 with keys derived from K_gNB; returns when the UE has completed it.

    Called once in the life of a context, on N2 Initial Context Setup. Raises `ProcedureError`: no common algorithm
    (SECURITY_CAPABILITIES_MISMATCH), refused by the UE, no answer, UE lost. Nothing has changed then.
    """
    if len(k_gnb) != K_GNB_OCTETS:
        raise ProcedureError(Cause.MALFORMED_MESSAGE, f"K_gNB of {len(k_gnb)} octets; allowed: {K_GNB_OCTETS}")
