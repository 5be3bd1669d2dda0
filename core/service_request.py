"""Service request, the core's side: a registered terminal is connected again (TS 23.502 4.2.3.2; TS 24.501 5.6.1)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from net4ai.codecs import nas
from net4ai.codecs.causes import Cause
from net4ai.core.secure_terminal import secured
from net4ai.core.set_up_context import set_up_context
from net4ai.stack.drops import Drop
from net4ai.stack.procedure import ProcedureCancelled, ProcedureError
from net4ai.stack.security.errors import ProtectionError

if TYPE_CHECKING:
    from net4ai.core.access_manager import AccessManager
    from net4ai.core.ran_association import RanAssociation
    from net4ai.core.terminal import Terminal


def service_requested(
    manager: AccessManager,
    association: RanAssociation,
    context: int,
    request: nas.ServiceRequest,
    outer: nas.Protected,
) -> None:
    """The first message of a new context. Who is not known, or has not the key, has to register: never said which."""
    terminal = manager.by_temporary_identity.get(request.temporary_identity)
    try:
        if terminal is None or terminal.security is None:
            raise ProcedureError(Cause.UNKNOWN_CONTEXT)
        terminal.security.unprotect(outer)
    except (ProcedureError, ProtectionError) as error:
        association.drop(error.reason if isinstance(error, ProtectionError) else Drop.UNKNOWN_TEMPORARY_IDENTITY)
        association.send_nas(context, nas.ServiceReject(cause=Cause.UNKNOWN_CONTEXT).encode())
        association.release(context, Cause.UNKNOWN_CONTEXT)
        return
    manager.disconnect(terminal, Cause.PEER_LOST)
    manager.connect(terminal, association, context)
    secured(terminal, outer.count)
    manager.run_for(terminal, "service request", _serve(manager, terminal))


def service_requested_again(manager: AccessManager, terminal: Terminal, request: nas.ServiceRequest) -> None:
    """A terminal that is connected asks for a connection: it has one."""
    manager.send(terminal, nas.ServiceAccept())


async def _serve(manager: AccessManager, terminal: Terminal) -> None:
    try:
        await set_up_context(manager, terminal, nas.ServiceAccept())
    except ProcedureCancelled:
        raise
    except ProcedureError as error:
        # The terminal was told nothing; by the release it learns that it has to register anew.
        manager.release(terminal, error.cause)
        raise
    manager.terminal_reachable(terminal)
