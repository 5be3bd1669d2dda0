"""Deregistration, by the terminal and by the network (TS 24.501 5.5.2)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from net4ai.codecs import nas
from net4ai.codecs.causes import Cause
from net4ai.stack.procedure import ProcedureTimeout
from net4ai.ue.states import NasState

if TYPE_CHECKING:
    from net4ai.ue.terminal import Terminal


def switch_off(terminal: Terminal) -> None:
    """The terminal is gone at once: the network is told if it can hear it, and no answer is waited for."""
    terminal.leaving = True
    if terminal.nas_state is NasState.REGISTERED and terminal.nas_secured and terminal.hop is not None:
        terminal.send_nas(nas.DeregistrationRequest(switch_off=True))
        terminal.hop.pump(terminal.process.procedures.now)
    terminal.release(Cause.DEREGISTERED)


async def deregister(terminal: Terminal) -> None:
    """Leave the network and wait for its answer; without one the terminal leaves all the same."""
    terminal.nas_state = NasState.DEREGISTERING
    timers = terminal.process.timers
    try:
        for _ in range(timers.attempts("T3521")):
            terminal.send_nas(nas.DeregistrationRequest(switch_off=False))
            try:
                await terminal.replies.expect("deregistration", timers["T3521"])
                break
            except ProcedureTimeout:
                continue
    finally:
        terminal.release(Cause.DEREGISTERED)


def accepted(terminal: Terminal, message: nas.DeregistrationAccept) -> None:
    """To the deregistration under way."""
    terminal.reply("deregistration", message)


def requested_by_network(terminal: Terminal, message: nas.NetworkDeregistrationRequest) -> None:
    """The terminal must leave; whether it may come back, the network says. Its connection is released next."""
    terminal.leaving = terminal.leaving or not message.register_again
    terminal.send_nas(nas.NetworkDeregistrationAccept())
    terminal.nas_state = NasState.DEREGISTERED
    terminal.trace_state("deregistered", cause=message.cause)
