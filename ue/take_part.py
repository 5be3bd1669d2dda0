"""Taking part in a routine: invited, started, done, complete (figure 6; R64, R65, R72-R79).

The function runs at the compute worker, never in this process. What it sends goes into the DEP session of the
execution; what comes from there goes to it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from net4ai.codecs import compute, nas
from net4ai.codecs.causes import Cause
from net4ai.stack.dep.errors import DepError, MessageTooLarge
from net4ai.stack.dep.events import Event, MessageAcknowledged, MessageFailed, MessageReceived, SessionClosed
from net4ai.stack.dep_endpoint import SessionEnd
from net4ai.stack.drops import Drop
from net4ai.stack.procedure import Procedure, ProcedureCancelled, ProcedureError

if TYPE_CHECKING:
    from net4ai.ue.terminal import Terminal


@dataclass(slots=True)
class Participation:
    """The execution a terminal takes part in."""

    execution: int
    session: int
    seat: int
    preparing: Procedure[None] | None = None
    accepted: bool = False
    turn: int | None = None
    """The turn under way."""


def invited(terminal: Terminal, message: nas.RoutineInvite) -> None:
    """First phase: make the function ready, then accept. A repeated invitation gets the same answer."""
    part = terminal.participation
    if part is not None and part.execution == message.execution:
        if part.accepted:
            terminal.send_nas(nas.RoutineAccept(execution=message.execution, key=b""))
        return
    abandon(terminal)
    if message.session not in terminal.sessions:
        terminal.send_nas(nas.RoutineReject(execution=message.execution, cause=Cause.UNKNOWN_SESSION))
        return
    if not allowed(terminal, message):
        terminal.send_nas(nas.RoutineReject(execution=message.execution, cause=Cause.NOT_ALLOWED))
        return
    terminal.participation = part = Participation(message.execution, message.session, message.seat)
    part.preparing = terminal.process.procedures.start(
        "accept invitation", _accept(terminal, part, message), ue=terminal.name, execution=message.execution
    )


def allowed(terminal: Terminal, message: nas.RoutineInvite) -> bool:
    """What the owner allows, whatever the core thinks: the function, and with cut 0 to give raw data (R61)."""
    config = terminal.process.config
    return message.function in config.functions and (message.cut > 0 or config.raw_data)


async def _accept(terminal: Terminal, part: Participation, message: nas.RoutineInvite) -> None:
    try:
        await terminal.process.load(terminal, message.function, message.settings)
        await terminal.process.begin(terminal, message)
    except ProcedureCancelled:
        raise
    except ProcedureError as error:
        terminal.participation = None
        terminal.send_nas(nas.RoutineReject(execution=message.execution, cause=error.cause))
        raise
    part.accepted = True
    terminal.send_nas(nas.RoutineAccept(execution=message.execution, key=b""))


def started(terminal: Terminal, message: nas.RoutineStart) -> None:
    """Second phase: the turn begins."""
    part = terminal.participation
    if part is None or part.execution != message.execution or not part.accepted:
        terminal.process.drops.count(Drop.UNKNOWN_EXECUTION)
        return
    part.turn = message.turn
    terminal.process.compute.send(
        compute.RunTurn(
            instance=terminal.number,
            execution=part.execution,
            as_server=False,
            seat=part.seat,
            turn=message.turn,
            repetition=message.repetition,
        )
    )


def turn_done(terminal: Terminal, done: compute.TurnDone) -> None:
    """The function has ended its turn."""
    part = terminal.participation
    if part is None or part.execution != done.execution:
        return
    if part.turn == done.turn:
        part.turn = None
    if done.error:
        terminal.process.on_trouble(f"{terminal.name}: function failed: {done.error}")
    cause = Cause.FUNCTION_FAILED if done.error else Cause.NORMAL
    terminal.send_nas(nas.RoutineDone(execution=done.execution, turn=done.turn, cause=cause))


def completed(terminal: Terminal, message: nas.RoutineComplete) -> None:
    """The execution is over."""
    if terminal.participation is not None and terminal.participation.execution == message.execution:
        abandon(terminal)


def abandon(terminal: Terminal) -> None:
    """Free what belongs to the execution, if there is one."""
    part, terminal.participation = terminal.participation, None
    if part is None:
        return
    if part.preparing is not None:
        part.preparing.cancel("execution over")
    terminal.process.compute.send(compute.Forget(instance=terminal.number, execution=part.execution, as_server=False))


def send(terminal: Terminal, message: compute.Send) -> None:
    """The function sends: into the session of its execution."""
    part = terminal.participation
    end = terminal.sessions.get(part.session) if part and part.execution == message.execution else None
    if end is None:
        terminal.process.drops.count(Drop.ENDED_EXECUTION, len(message.body))
        return
    try:
        terminal.process.endpoint.send(end, [message.body], terminal.process.procedures.now)
    except DepError as error:
        # The other side would wait for this message for ever: the terminal gives up its part.
        terminal.process.on_trouble(f"{terminal.name}: {error}")
        if part is not None and part.turn is not None:
            cause = Cause.MESSAGE_TOO_LARGE if isinstance(error, MessageTooLarge) else Cause.UNSPECIFIED
            terminal.send_nas(nas.RoutineDone(execution=part.execution, turn=part.turn, cause=cause))
        abandon(terminal)


def on_dep_event(terminal: Terminal, end: SessionEnd, event: Event) -> None:
    """A message for the function, or the fate of one of its own."""
    part = terminal.participation
    if part is None or terminal.sessions.get(part.session) is not end:
        return
    name: dict[str, Any] = {
        "instance": terminal.number,
        "execution": part.execution,
        "as_server": False,
        "seat": part.seat,
    }
    if isinstance(event, MessageReceived):
        terminal.process.compute.send(compute.Deliver(**name, body=event.body))
    elif isinstance(event, MessageAcknowledged):
        terminal.process.compute.send(compute.Sent(**name))
    elif isinstance(event, MessageFailed | SessionClosed):
        terminal.process.on_trouble(f"{terminal.name}: DEP session: {event.cause.name}")
        terminal.process.compute.send(compute.CloseChannel(**name))


def trace_ids(terminal: Terminal, session: int) -> dict[str, int | str]:
    """Ids for the trace of a session's messages."""
    part = terminal.participation
    if part is None or part.session != session:
        return {}
    return {"execution": part.execution, "seat": part.seat}
