"""Terminals that are switched on one after another: what a load on the network's control is made of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from net4ai.stack.units import MILLISECOND, SECOND
from net4ai.ue.states import NasState

if TYPE_CHECKING:
    from net4ai.ue.process import UeProcess
    from net4ai.ue.terminal import Terminal

LOOK_INTERVAL = 5 * MILLISECOND
"""How often it is looked who has come to rest."""


@dataclass(frozen=True, slots=True)
class Arrivals:
    """How the terminals of a process come."""

    rate: float = 0.0
    """Terminals each second; 0: as fast as `parallel` lets them."""
    parallel: int = 100
    """Terminals at most that are on and not at rest yet."""
    sessions: int = 0
    """DEP sessions that a terminal at rest has, beside its registration."""
    leave: bool = False
    """Who has come to rest deregisters at once, for good."""


async def arrive(process: UeProcess, arrivals: Arrivals) -> None:
    """Switch all terminals on; returns when all are at rest, or have left."""
    procedures = process.procedures
    began = procedures.now
    coming: list[Terminal] = []
    for number, terminal in enumerate(process.terminals):
        due = began + round(number * SECOND / arrivals.rate) if arrivals.rate else began
        if due > procedures.now:
            await procedures.sleep(due - procedures.now)
        while len(coming) >= arrivals.parallel:
            await procedures.sleep(LOOK_INTERVAL)
            coming = _not_at_rest(coming, arrivals)
        procedures.start("life", terminal.live(), traced=False)
        coming.append(terminal)
    while coming:
        await procedures.sleep(LOOK_INTERVAL)
        coming = _not_at_rest(coming, arrivals)


def _not_at_rest(terminals: list[Terminal], arrivals: Arrivals) -> list[Terminal]:
    """Those who are still coming, or going."""
    left = []
    for terminal in terminals:
        if terminal.leaving:
            if terminal.nas_state is not NasState.DEREGISTERED:
                left.append(terminal)
        elif not _at_rest(terminal, arrivals):
            left.append(terminal)
        elif arrivals.leave:
            terminal.leave()
            left.append(terminal)
    return left


def _at_rest(terminal: Terminal, arrivals: Arrivals) -> bool:
    """Registered, with its sessions, and it waits for no answer."""
    registered = terminal.nas_state is NasState.REGISTERED
    return registered and len(terminal.sessions) >= arrivals.sessions and not len(terminal.replies)
