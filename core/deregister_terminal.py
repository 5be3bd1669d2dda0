"""Deregistration, by the terminal and by the network (TS 23.502 4.2.2.3; TS 24.501 5.5.2; R57, R58)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from net4ai.codecs import nas
from net4ai.codecs.causes import Cause
from net4ai.stack.drops import Drop
from net4ai.stack.procedure import ProcedureTimeout

if TYPE_CHECKING:
    from net4ai.core.access_manager import AccessManager
    from net4ai.core.terminal import Terminal


def deregistration_requested(manager: AccessManager, terminal: Terminal, request: nas.DeregistrationRequest) -> None:
    """The terminal leaves; one that is switched off does not hear an answer."""
    if not request.switch_off:
        manager.send(terminal, nas.DeregistrationAccept())
    manager.release(terminal, Cause.DEREGISTERED)
    manager.consents.end_subscriber(terminal.subscriber)


def deregistration_accepted(
    manager: AccessManager, terminal: Terminal, message: nas.NetworkDeregistrationAccept
) -> None:
    """To the deregistration under way."""
    if not terminal.replies.give(nas.NetworkDeregistrationAccept, message):
        manager.drop(terminal, Drop.ANSWER_TO_NO_REQUEST)


def deregister_terminal(manager: AccessManager, terminal: Terminal, cause: Cause, register_again: bool) -> None:
    """The terminal must leave. An idle one is paged; one that does not answer has left all the same."""
    if terminal.leaving is None:
        procedure = manager.entity.procedures.start(
            "deregistration", _deregister(manager, terminal, cause, register_again), ue=terminal.subscriber
        )
        if not procedure.done:
            terminal.leaving = procedure


async def _deregister(manager: AccessManager, terminal: Terminal, cause: Cause, register_again: bool) -> None:
    timers = manager.entity.timers
    request = nas.NetworkDeregistrationRequest(register_again=register_again, cause=cause)
    try:
        for _ in range(timers.attempts("T3522")):
            if not any(isinstance(waiting, nas.NetworkDeregistrationRequest) for waiting in terminal.queued):
                manager.send(terminal, request)
            try:
                await terminal.replies.expect(nas.NetworkDeregistrationAccept, timers["T3522"])
                break
            except ProcedureTimeout:
                continue
    finally:
        terminal.leaving = None
        if not terminal.lost:
            manager.release(terminal, Cause.DEREGISTERED)
            manager.consents.end_subscriber(terminal.subscriber)
