"""The core vouches for a UE: security starts on the radio, then its NAS message goes to the UE (TS 38.413 8.3.1)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from net4ai.codecs import n2
from net4ai.codecs.causes import Cause
from net4ai.ran_node.start_security import start_security
from net4ai.stack.procedure import ProcedureError

if TYPE_CHECKING:
    from net4ai.ran_node.node import RanNode


async def set_up_context(node: RanNode, request: n2.InitialContextSetupRequest) -> None:
    """Start security, deliver the NAS message, answer the core. Of a context it happens once."""
    context = node.by_number[request.ran_ue]
    under_way = node.n2.setting_up
    if context.number in under_way:
        node.n2.indicate(Cause.UNEXPECTED_MESSAGE, request.CODE, request.ran_ue)
        raise ProcedureError(Cause.UNEXPECTED_MESSAGE, f"the context of UE {request.ran_ue} is being set up")
    context.ue_maximum_bit_rate = request.ue_maximum_bit_rate
    waiting = under_way[context.number] = []
    try:
        await start_security(node, context, request.key, request.capabilities)
    except ProcedureError as error:
        node.n2.send(n2.InitialContextSetupFailure(ran_ue=request.ran_ue, cause=error.cause))
        raise
    else:
        node.n2.send(n2.InitialContextSetupResponse(ran_ue=request.ran_ue))
        waiting.insert(0, request.nas)
    finally:
        del under_way[context.number]
        if context.number in node.by_number:
            for message in waiting:
                node.n2.deliver_nas(context, message)
