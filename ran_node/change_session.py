"""DEP sessions that the core wants changed or released, the RAN node's side (TS 38.413 8.2.2, 8.2.3; R102, R107)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from net4ai.codecs import n2
from net4ai.codecs.causes import Cause, cause_of
from net4ai.ran_node.configure_sessions import modify_session, release_session
from net4ai.stack.procedure import ProcedureError

if TYPE_CHECKING:
    from net4ai.ran_node.node import RanNode

RELEASE_ATTEMPTS = 3
"""A release waits for its turn so often; whoever needs longer to reconfigure one UE has lost it."""


async def modify(node: RanNode, request: n2.SessionModifyRequest) -> None:
    """Give a session other quality of service and answer the core."""
    answer = {"ran_ue": request.ran_ue, "transaction": request.transaction}
    try:
        context = node.by_number[request.ran_ue]
        await modify_session(node, context, request.session, request.qos, request.maximum_bit_rate)
    except ProcedureError as error:
        node.n2.send(n2.SessionModifyFailure(cause=error.cause, **answer))
        raise
    node.n2.send(n2.SessionModifyResponse(**answer))


async def release(node: RanNode, command: n2.SessionReleaseCommand) -> None:
    """End a session and answer the core. A UE that does not take that is released itself, and says no more."""
    context = node.by_number[command.ran_ue]
    for attempt in range(1, RELEASE_ATTEMPTS + 1):
        try:
            await release_session(node, context, command.session, cause_of(command.cause))
            break
        except ProcedureError as error:
            if error.cause is Cause.BUSY and attempt < RELEASE_ATTEMPTS:
                continue
            if error.cause is not Cause.PEER_LOST:
                node.n2.send(n2.ContextReleaseRequest(ran_ue=command.ran_ue, cause=Cause.RECONFIGURATION_FAILURE))
            raise
    node.n2.send(n2.SessionReleaseResponse(ran_ue=command.ran_ue, transaction=command.transaction))
