"""Paging: a terminal that is idle is asked to connect, for there is something to say (TS 23.502 4.2.3.3)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from net4ai.codecs import n2, nas
from net4ai.core.terminal import MAXIMUM_QUEUED, Terminal
from net4ai.stack.drops import Drop
from net4ai.stack.procedure import ProcedureTimeout

if TYPE_CHECKING:
    from net4ai.core.access_manager import AccessManager

CONNECTED = "connected again"
"""Key of what the pager waits for."""


def queue(manager: AccessManager, terminal: Terminal, message: nas.Nas) -> None:
    """Keep a message for an idle terminal and page it."""
    if keep(manager, terminal, message):
        page(manager, terminal)


def keep(manager: AccessManager, terminal: Terminal, message: nas.Nas) -> bool:
    """Keep a message for a terminal that cannot be reached now. False: there is no room."""
    if len(terminal.queued) >= MAXIMUM_QUEUED:
        manager.drop(terminal, Drop.IDLE_QUEUE_FULL)
        return False
    terminal.queued.append(message)
    return True


def page(manager: AccessManager, terminal: Terminal) -> None:
    """Have an idle terminal connect, unless it is being paged already."""
    if terminal.paging is None:
        procedure = manager.entity.procedures.start("paging", _page(manager, terminal), ue=terminal.subscriber)
        if not procedure.done:
            terminal.paging = procedure


async def _page(manager: AccessManager, terminal: Terminal) -> None:
    timers = manager.entity.timers
    try:
        for _ in range(timers.attempts("T3513")):
            association = manager.associations.get(terminal.node)
            if association is not None:
                association.send(n2.Paging(temporary_identity=terminal.temporary_identity))
            try:
                await terminal.replies.expect(CONNECTED, timers["T3513"])
                return
            except ProcedureTimeout:
                continue
        for _ in range(len(terminal.queued)):
            terminal.queued.popleft()
            manager.drop(terminal, Drop.TERMINAL_NOT_REACHED)
        raise ProcedureTimeout("T3513: no answer to paging")
    finally:
        terminal.paging = None
