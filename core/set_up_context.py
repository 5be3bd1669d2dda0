"""The core vouches for a terminal to its RAN node, which starts security on the radio (TS 23.502 4.2.2.2.2 step 21)."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from net4ai.codecs import n2, nas
from net4ai.stack.procedure import ProcedureCancelled

if TYPE_CHECKING:
    from net4ai.core.access_manager import AccessManager
    from net4ai.core.terminal import Terminal


async def set_up_context(manager: AccessManager, terminal: Terminal, message: nas.Nas) -> None:
    """Have the RAN node start security, then deliver `message`. Raises `ProcedureError`: it was not delivered."""
    association = terminal.association
    if association is None:
        raise ProcedureCancelled("terminal lost")
    request = n2.InitialContextSetupRequest(
        ran_ue=terminal.context,
        key=terminal.k_gnb,
        capabilities=terminal.request.capabilities,
        nas=b"",
        ue_maximum_bit_rate=manager.ue_kbps.get(terminal.subscriber, 0),
    )
    manager.send(terminal, message, lambda data: association.send(replace(request, nas=data)))
    key = n2.InitialContextSetupRequest, terminal.context
    await association.replies.expect(key, manager.entity.timers["initial-context-setup"])
