"""Release for inactivity: who has been silent for long gives its connection back, and stays registered (TS 38.413
8.3.2, TS 23.502 4.2.6)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from net4ai.codecs import n2
from net4ai.codecs.causes import Cause
from net4ai.ran_node.ue_context import UeContext
from net4ai.stack.units import MILLISECOND

if TYPE_CHECKING:
    from net4ai.ran_node.node import RanNode


def watch_activity(node: RanNode, context: UeContext) -> None:
    """From now on; ends with the context."""
    if node.config.inactivity_ms:
        context.watch = node.procedures.start("watch activity", _watch(node, context), traced=False)


async def _watch(node: RanNode, context: UeContext) -> None:
    """Ask the core to release the UE each time it has neither said nor got anything for as long as is configured."""
    patience = node.config.inactivity_ms * MILLISECOND
    while True:
        await node.procedures.sleep(context.last_active + patience - node.procedures.now)
        if node.procedures.now >= context.last_active + patience:
            node.n2.send(n2.ContextReleaseRequest(ran_ue=context.number, cause=Cause.USER_INACTIVITY))
            context.last_active = node.procedures.now
