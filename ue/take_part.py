"""Taking part in routines: invited, started, done, complete (figure 6; R64, R65, R72-R79).

A terminal takes part in several executions at a time, one in each DEP session, and has a session for each job. The
function runs at the compute worker, never in this process. What it sends goes into the session of the execution; what
comes from there goes to it.
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
from net4ai.ue.measure import heard

if TYPE_CHECKING:
    from net4ai.ue.functions import FunctionInstance
    from net4ai.ue.terminal import Terminal


@dataclass(slots=True)
class Participation:
    """An execution a terminal takes part in."""

    execution: int
    session: int
    seat: int
    qfi: int
    """QoS flow the function sends on."""
    preparing: Procedure[None] | None = None
    accepted: bool = False
    instance: FunctionInstance | None = None
    """Where the function runs; None: it is not loaded yet, or lost."""
    turn: int | None = None
    """The turn under way."""


def invited(terminal: Terminal, message: nas.RoutineInvite) -> None:
    """First phase: make the function ready, then accept. A repeated invitation gets the same answer."""
    part = terminal.participations.get(message.execution)
    if part is not None:
        if part.accepted:
            terminal.send_nas(nas.RoutineAccept(execution=message.execution, key=b""))
        return
    leave_session(terminal, message.session)
    cause = fault(terminal, message)
    if cause is not None:
        terminal.send_nas(nas.RoutineReject(execution=message.execution, cause=cause))
        return
    part = Participation(message.execution, message.session, message.seat, message.qfi)
    terminal.participations[message.execution] = part
    part.preparing = terminal.process.procedures.start(
        "accept invitation", _accept(terminal, part, message), ue=terminal.name, execution=message.execution
    )


def fault(terminal: Terminal, message: nas.RoutineInvite) -> Cause | None:
    """Why the terminal cannot follow, or its owner does not allow it, whatever the core thinks: the function must be
    allowed, and with cut 0 to give raw data (R61). None: it can."""
    config = terminal.process.config
    end, pdu_session = terminal.sessions.get(message.session), terminal.pdu_sessions.get(message.session)
    if end is None and pdu_session is None:
        return Cause.UNKNOWN_SESSION
    if config.functions and message.function not in config.functions:
        return Cause.NOT_ALLOWED
    if message.cut == 0 and not config.raw_data:
        return Cause.NOT_ALLOWED
    if message.qfi not in (pdu_session.flows if pdu_session is not None else end.session.flows if end else ()):
        return Cause.QOS_FLOW_NOT_CONFIGURED
    return None


async def _accept(terminal: Terminal, part: Participation, message: nas.RoutineInvite) -> None:
    functions = terminal.process.functions
    try:
        user = terminal.user_of(message.session)
        if (pdu_session := terminal.pdu_sessions.get(message.session)) is not None:
            await pdu_session.attached()
        part.instance = await functions.load(terminal, user, message.function, message.settings)
        await functions.begin(part.instance, message)
    except ProcedureCancelled:
        raise
    except ProcedureError as error:
        terminal.participations.pop(part.execution, None)
        terminal.send_nas(nas.RoutineReject(execution=message.execution, cause=error.cause))
        raise
    part.accepted = True
    terminal.send_nas(nas.RoutineAccept(execution=message.execution, key=b""))


def started(terminal: Terminal, message: nas.RoutineStart) -> None:
    """Second phase: the turn begins."""
    part = terminal.participations.get(message.execution)
    if part is None or not part.accepted:
        terminal.process.drops.count(Drop.UNKNOWN_EXECUTION)
        return
    part.turn = message.turn
    if part.instance is None:
        _end_turn(terminal, part, Cause.FUNCTION_FAILED)
        return
    terminal.process.compute.send(
        compute.RunTurn(
            instance=part.instance.number,
            execution=part.execution,
            as_server=False,
            seat=part.seat,
            turn=message.turn,
            repetition=message.repetition,
            radio=heard(terminal),
        )
    )


def turn_done(instance: FunctionInstance, done: compute.TurnDone) -> None:
    """The function has ended its turn."""
    part = _part_at(instance, done.execution)
    if part is None:
        return
    terminal = instance.terminal
    if part.turn == done.turn:
        part.turn = None
    if done.error:
        terminal.process.on_trouble(f"{terminal.name}: function failed: {done.error}")
    cause = Cause.FUNCTION_FAILED if done.error else Cause.NORMAL
    terminal.send_nas(nas.RoutineDone(execution=done.execution, turn=done.turn, cause=cause))


def completed(terminal: Terminal, message: nas.RoutineComplete) -> None:
    """The execution is over."""
    if (part := terminal.participations.get(message.execution)) is not None:
        abandon(terminal, part)


def abandon(terminal: Terminal, part: Participation) -> None:
    """Free what belongs to an execution."""
    del terminal.participations[part.execution]
    if part.preparing is not None:
        part.preparing.cancel("execution over")
    if part.instance is not None:
        terminal.process.compute.send(
            compute.Forget(instance=part.instance.number, execution=part.execution, as_server=False)
        )


def abandon_all(terminal: Terminal) -> None:
    """The connection ends, and with it every part."""
    for part in list(terminal.participations.values()):
        abandon(terminal, part)


def leave_session(terminal: Terminal, session: int) -> bool:
    """Give up the part in a session, if there is one."""
    part = _part_in(terminal, session)
    if part is not None:
        abandon(terminal, part)
    return part is not None


def instance_lost(instance: FunctionInstance) -> list[int]:
    """The function runs no more: turns under way end, those to come fail at once. Gives the executions that ran."""
    terminal = instance.terminal
    parts = [part for part in terminal.participations.values() if part.instance is instance]
    for part in parts:
        part.instance = None
        _end_turn(terminal, part, Cause.FUNCTION_FAILED)
    return [part.execution for part in parts]


def _end_turn(terminal: Terminal, part: Participation, cause: Cause) -> None:
    """The turn under way ends, if there is one."""
    turn, part.turn = part.turn, None
    if turn is not None:
        terminal.send_nas(nas.RoutineDone(execution=part.execution, turn=turn, cause=cause))


def send(instance: FunctionInstance, message: compute.Send) -> None:
    """The function sends: into the session of its execution, on the QoS flow of its routine."""
    terminal, part = instance.terminal, _part_at(instance, message.execution)
    process = terminal.process
    end = terminal.sessions.get(part.session) if part is not None else None
    if part is None or end is None:
        process.drops.count(Drop.ENDED_EXECUTION, len(message.body))
        return
    try:
        process.endpoint.send(end, [message.body], process.procedures.now, qfi=part.qfi)
    except DepError as error:
        # The other side would wait for this message for ever: the terminal gives up its part.
        process.on_trouble(f"{terminal.name}: {error}")
        _end_turn(terminal, part, Cause.MESSAGE_TOO_LARGE if isinstance(error, MessageTooLarge) else Cause.UNSPECIFIED)
        abandon(terminal, part)


def on_dep_event(terminal: Terminal, end: SessionEnd, event: Event) -> None:
    """A message for the function, or the fate of one of its own."""
    part = next((p for p in terminal.participations.values() if terminal.sessions.get(p.session) is end), None)
    if part is None or part.instance is None:
        return
    name: dict[str, Any] = {
        "instance": part.instance.number,
        "execution": part.execution,
        "as_server": False,
        "seat": part.seat,
    }
    if isinstance(event, MessageReceived):
        terminal.process.compute.send(compute.Deliver(**name, body=event.body))
    elif isinstance(event, MessageAcknowledged):
        terminal.process.compute.send(compute.Sent(**name))
    elif isinstance(event, MessageFailed | SessionClosed):
        if part.turn is not None:  # after its turn, the end of a session that is not needed any more is no trouble
            terminal.process.on_trouble(f"{terminal.name}: DEP session: {event.cause.name}")
        terminal.process.compute.send(compute.CloseChannel(**name))


def trace_ids(terminal: Terminal, session: int) -> dict[str, int | str]:
    """Ids for the trace of a session's messages."""
    part = _part_in(terminal, session)
    return {} if part is None else {"execution": part.execution, "seat": part.seat}


def _part_in(terminal: Terminal, session: int) -> Participation | None:
    """The part in a session: there is at most one."""
    return next((part for part in terminal.participations.values() if part.session == session), None)


def _part_at(instance: FunctionInstance, execution: int) -> Participation | None:
    part = instance.terminal.participations.get(execution)
    return part if part is not None and part.instance is instance else None
