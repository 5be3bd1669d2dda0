"""Handover execution, the core's part: a terminal has come to the RAN node prepared for it (TS 38.413 8.4.3).

From Handover Command on nothing is said to the terminal, and nothing of it is changed at its RAN node, until it is
known where it is (TS 23.502 4.9.1.3): who wants to waits. When it has come, its routes are laid anew first; then its
context at the source is released.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from net4ai.codecs import n2
from net4ai.codecs.bus import Done, MoveClient
from net4ai.codecs.causes import Cause
from net4ai.core import page_terminal
from net4ai.core.together import outcomes

if TYPE_CHECKING:
    from net4ai.core.access_manager import AccessManager
    from net4ai.core.ran_association import RanAssociation
    from net4ai.core.terminal import Place, Terminal


def handover_notified(manager: AccessManager, target: RanAssociation, message: n2.HandoverNotify) -> None:
    """The terminal is at the target."""
    terminal = manager.prepared.pop((target, message.ran_ue))
    source, context = terminal.association, terminal.context
    terminal.handover, terminal.unused_keys = None, 0
    if source is not None:
        manager.terminals.pop((source, context), None)
        if manager.associations.get(source.node) is source:
            manager.left[source, context] = terminal
    manager.connect(terminal, target, message.ran_ue)
    manager.trace("terminal handed over", ue=terminal.subscriber, node=terminal.node)
    handover_over(manager, terminal)
    manager.entity.procedures.start("handover", _go_on(manager, terminal, source, context), ue=terminal.subscriber)


def handover_over(manager: AccessManager, terminal: Terminal) -> None:
    """Nothing is prepared for a terminal any more, or it has come: what has waited for that goes on."""
    moving, terminal.moving = terminal.moving, None
    if moving is not None:
        moving.resolve(None)
    manager.say_queued(terminal)
    if terminal.idle and terminal.queued:
        page_terminal.page(manager, terminal)


async def settled(terminal: Terminal) -> None:
    """Wait until a terminal is on its way to no other RAN node."""
    while terminal.moving is not None:
        await terminal.moving


async def _go_on(manager: AccessManager, terminal: Terminal, source: RanAssociation | None, context: int) -> None:
    """Its routes begin at the target now; what could not be moved ends with the context at the source."""
    moves = {
        execution: _move(manager, terminal, execution, place) for execution, place in list(terminal.places.items())
    }
    try:
        await outcomes(manager.entity.procedures, moves)
    finally:
        if source is not None:
            source.release(context, Cause.HANDED_OVER)


async def _move(manager: AccessManager, terminal: Terminal, execution: int, place: Place) -> None:
    seating = manager.seats.seatings.get((execution, place.instance))
    session = terminal.sessions.get(seating.job) if seating is not None else None
    if seating is None or session is None:
        return
    moved = MoveClient(
        execution=execution,
        instance=place.instance,
        seat=place.seat,
        context=terminal.context,
        session=session,
        node=terminal.node,
    )
    await manager.entity.call(seating.routine_manager, moved, Done, timer="move-client")
