"""Executions as an application server sees them (figure 6): invite, begin, start, done, finish, complete."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from net4ai.codecs import link
from net4ai.codecs.causes import Cause
from net4ai.codecs.dep import CloseBody, DepType
from net4ai.codecs.message import decode_message
from net4ai.conformance.case import case
from net4ai.conformance.cases.procedures import invite, terminate
from net4ai.conformance.cases.sessions import STOP, answers, function_message
from net4ai.conformance.function_tester import NO_INSTANCE, FunctionTester, Routine
from net4ai.conformance.hop_end import Session, SessionPort
from net4ai.stack.dep.events import MessageReceived

EXECUTION = "docs/spec/links.md#6-an-execution"
FAULTS = "docs/spec/messages.md#4-faults"

LOADED = 10.0
"""Seconds a loaded function takes for what is asked of it, generously."""


def done_of(routine: Routine, turn: int, seat: int = 0) -> dict[str, Any]:
    """What identifies the end of a turn."""
    return {
        "execution": routine.execution, "instance": routine.instance, "turn": turn, "seat": seat,
        "end_point": link.EndPoint.ROUTINE_SERVER,
    }  # fmt: skip


async def echo_of(opened: SessionPort, tag: int) -> None:
    """A short message comes back."""
    opened.send(function_message(tag, 10))
    came = await opened.expect(MessageReceived)
    opened.session.end.tester.check(decode_message(came.body).tag == tag, f"the message of tag {tag}")


async def run_turn(function: FunctionTester, routine: Routine, turn: int, repetition: int = 0) -> None:
    """A turn of seat 0 with one message, to its end."""
    session = routine.sessions[0]
    opened = session.open()
    function.start_turn(routine, turn, repetition=repetition)
    await echo_of(opened, STOP)
    fields = {**done_of(routine, turn), "cause": Cause.NORMAL}
    await routine.server.link.expect(link.Done, **fields)


def finish(routine: Routine, repetition: int = 0) -> None:
    routine.server.link.send(link.Finish(execution=routine.execution, instance=routine.instance, repetition=repetition))


async def completed(routine: Routine) -> link.Complete:
    return await routine.server.link.expect(
        link.Complete, within=LOADED, execution=routine.execution, instance=routine.instance
    )


@case("EXEC-ORDER-01", group="procedures", role="function", clause=EXECUTION, rows=("R71", "R74", "R75"),
      options=("echo",), purpose="Invite, sessions, Begin, Start, Done, Finish, Complete; in order.")  # fmt: skip
async def whole_execution(function: FunctionTester) -> None:
    routine = await function.routine()
    server = routine.server
    await server.link.never((link.Done, link.Complete, link.Restart), within=0.1)
    await run_turn(function, routine, 0)
    await server.link.never((link.Complete, link.Restart), within=0.1)
    finish(routine)
    complete = await completed(routine)
    function.check(complete.cause == Cause.NORMAL, "cause NORMAL")
    await server.link.never((link.Done, link.Complete, link.Restart), within=0.1)


@case("EXEC-INVITE-01", group="procedures", role="function", clause=EXECUTION, rows=("R71", "R72"),
      purpose="Accept names transaction, execution and instance; the same invitation is accepted again.")  # fmt: skip
async def invited(function: FunctionTester) -> None:
    instance = await function.instance()
    server = function.server
    assert server is not None
    for execution in (5, 5, 0xFFFF_FFFF):
        answer = await function.request(server, invite(function, instance, execution), link.Accept)
        assert isinstance(answer, link.Accept)
        function.check((answer.execution, answer.instance) == (execution, instance), "execution and instance")
    await server.link.never(link.Link, within=0.1)


@case("EXEC-INVITE-02", group="procedures", role="function", clause=EXECUTION, rows=("R71",),
      purpose="An invitation of an instance that is not there is refused.")  # fmt: skip
async def not_here(function: FunctionTester) -> None:
    server = await function.attached()
    await function.request(server, invite(function, NO_INSTANCE), link.Refuse)


@case("EXEC-BEGIN-01", group="procedures", role="function", clause=EXECUTION, rows=("R84", "R85"),
      purpose="Begin without invitation is refused with UNEXPECTED_MESSAGE, also the second one.")  # fmt: skip
async def not_invited(function: FunctionTester) -> None:
    routine = await function.routine()
    seats = (link.SeatNumber(seat=0),)
    for execution, instance in (
        (routine.execution, routine.instance), (routine.execution + 1, routine.instance), (1, NO_INSTANCE),
    ):  # fmt: skip
        begin = link.Begin(transaction=function.transaction(), execution=execution, instance=instance, seats=seats)
        refusal = await function.request(routine.server, begin, link.Refuse)
        assert isinstance(refusal, link.Refuse)
        function.check(refusal.cause == Cause.UNEXPECTED_MESSAGE, "cause UNEXPECTED_MESSAGE")
    function.start_turn(routine)
    await _answers_turn(routine.sessions[0])


async def _answers_turn(session: Session) -> None:
    """The function runs in the session."""
    await echo_of(session.open(), 1)


@case("EXEC-START-01", group="procedures", role="function", clause=EXECUTION, rows=("R76",), options=("echo",),
      purpose="Before Start nothing runs: what came before waits for the turn.")  # fmt: skip
async def not_before_start(function: FunctionTester) -> None:
    routine = await function.routine()
    [session] = routine.sessions
    opened = session.open()
    opened.send(function_message(1))
    await opened.never(MessageReceived, within=0.2)
    function.start_turn(routine)
    came = await opened.expect(MessageReceived)
    function.check(decode_message(came.body).tag == 1, "what has waited")


@case("EXEC-START-02", group="procedures", role="function", clause=EXECUTION, rows=("R76",), options=("echo",),
      purpose="Start of what has not begun does no turn; the node lives.")  # fmt: skip
async def start_of_nothing(function: FunctionTester) -> None:
    routine = await function.routine()
    for wrong in (
        replace(routine, execution=routine.execution + 1), replace(routine, instance=NO_INSTANCE),
    ):  # fmt: skip
        function.start_turn(wrong)
    function.start_turn(routine, seat=9)
    await function.request(routine.server, terminate(function))
    await routine.server.link.never(link.Done, within=0.1, cause=Cause.NORMAL)
    await run_turn(function, routine, 0)


@case("EXEC-START-03", group="procedures", role="function", clause=EXECUTION, rows=("R74", "R76"), options=("echo",),
      purpose="Start of a committed turn is answered by Done, and the function does not run again.")  # fmt: skip
async def committed_turn(function: FunctionTester) -> None:
    routine = await function.routine()
    await run_turn(function, routine, 0)
    function.start_turn(routine, 0)
    fields = {**done_of(routine, 0), "cause": Cause.NORMAL}
    await routine.server.link.expect(link.Done, **fields)
    await routine.server.link.never(link.Done, within=0.1)


@case("EXEC-START-04", group="procedures", role="function", clause=EXECUTION, rows=("R76",), options=("echo",),
      purpose="Start of the turn under way, again, changes nothing: one Done.")  # fmt: skip
async def repeated_start(function: FunctionTester) -> None:
    routine = await function.routine()
    opened = routine.sessions[0].open()
    for _ in range(3):
        function.start_turn(routine)
        await echo_of(opened, 1)
    opened.send(function_message(STOP))
    fields = {**done_of(routine, 0), "cause": Cause.NORMAL}
    await routine.server.link.expect(link.Done, **fields)
    await routine.server.link.never(link.Done, within=0.1)


@case("EXEC-TURN-01", group="procedures", role="function", clause=EXECUTION, rows=("R76", "R79"), options=("echo",),
      purpose="Turns one after another: each has its Done; the session stays.")  # fmt: skip
async def sequential_turns(function: FunctionTester) -> None:
    routine = await function.routine()
    opened = routine.sessions[0].open()
    for turn in (0, 1, 2, 0xFFFF_FFFF):
        function.start_turn(routine, turn)
        await echo_of(opened, 1)
        await echo_of(opened, STOP)
        fields = {**done_of(routine, turn), "cause": Cause.NORMAL}
        await routine.server.link.expect(link.Done, **fields)


@case("EXEC-TURN-02", group="procedures", role="function", clause=EXECUTION, rows=("R76", "R79"), options=("echo",),
      purpose="Turns of several seats run side by side; each seat gets its own messages.")  # fmt: skip
async def several_seats(function: FunctionTester) -> None:
    seats = (0, 7, 65535)
    routine = await function.routine(seats)
    opened = [session.open() for session in routine.sessions]
    for turn, seat in enumerate(seats):
        function.start_turn(routine, turn, seat)
    for tag, port in enumerate(opened):
        port.send(function_message(tag))
    for tag, port in enumerate(opened):
        came = await port.expect(MessageReceived)
        function.check(decode_message(came.body).tag == tag, "the seat's own message")
        await port.never(MessageReceived, within=0.02)
    for turn, seat in reversed([*enumerate(seats)]):
        opened[turn].send(function_message(STOP))
        fields = {**done_of(routine, turn, seat), "cause": Cause.NORMAL}
        await routine.server.link.expect(link.Done, **fields)


@case("EXEC-FINISH-01", group="procedures", role="function", clause=EXECUTION, rows=("R75", "R77"), options=("echo",),
      purpose="Finish, repeated, gets the same answer.")  # fmt: skip
async def finish_repeated(function: FunctionTester) -> None:
    routine = await function.routine()
    await run_turn(function, routine, 0)
    finish(routine)
    first = await completed(routine)
    finish(routine)
    function.check(await completed(routine) == first, "the same answer")


@case("EXEC-FINISH-02", group="procedures", role="function", clause=EXECUTION, rows=("R75",), options=("echo",),
      purpose="Finish of what has not begun is answered, and is no success; the node lives.")  # fmt: skip
async def finish_of_nothing(function: FunctionTester) -> None:
    routine = await function.routine()
    for wrong in (
        replace(routine, execution=routine.execution + 1), replace(routine, instance=NO_INSTANCE),
    ):  # fmt: skip
        finish(wrong)
        complete = await completed(wrong)
        function.check(complete.cause != Cause.NORMAL, "another cause than NORMAL")
    await run_turn(function, routine, 0)


@case("EXEC-AGAIN-01", group="procedures", role="function", clause=EXECUTION, rows=("R75", "R77"), options=("echo",),
      purpose="After Complete the same instance takes part in another execution.")  # fmt: skip
async def another_execution(function: FunctionTester) -> None:
    routine = await function.routine()
    for execution in (routine.execution, routine.execution + 1000):
        if execution != routine.execution:
            routine = replace(routine, execution=execution)
            await function.request(routine.server, invite(function, routine.instance, execution), link.Accept)
            routine.sessions = await function.add_sessions(routine.server, routine.instance, execution, [0])
            seats = (link.SeatNumber(seat=0),)
            begin = link.Begin(
                transaction=function.transaction(), execution=execution, instance=routine.instance, seats=seats
            )
            await function.request(routine.server, begin, link.Begun)
        await run_turn(function, routine, 0)
        finish(routine)
        function.check((await completed(routine)).cause == Cause.NORMAL, "cause NORMAL")


@case("EXEC-FAIL-01", group="procedures", role="function", clause=FAULTS, rows=("R74",), options=("echo",),
      purpose="A function that fails: Done with FUNCTION_FAILED; session, node and other executions live.")  # fmt: skip
async def function_fails(function: FunctionTester) -> None:
    routine = await function.routine()
    [session] = routine.sessions
    function.start_turn(routine)
    session.data(bytes(64), packet=1)
    fields = {**done_of(routine, 0), "cause": Cause.FUNCTION_FAILED}
    await routine.server.link.expect(link.Done, **fields)
    await answers(session)
    other = await function.routine()
    await run_turn(function, other, 0)


@case("EXEC-END-01", group="procedures", role="function", clause=EXECUTION, rows=("R74", "R107"), options=("echo",),
      purpose="A turn whose session is closed ends, with Done.")  # fmt: skip
async def closed_session(function: FunctionTester) -> None:
    routine = await function.routine()
    [session] = routine.sessions
    function.start_turn(routine)
    await _answers_turn(session)
    session.send(DepType.CLOSE, CloseBody(cause=Cause.NORMAL))
    await routine.server.link.expect(link.Done, **done_of(routine, 0))


@case("EXEC-END-02", group="procedures", role="function", clause="docs/spec/links.md#54-session-release",
      rows=("R107",), options=("echo",), purpose="After Session Release the execution is forgotten.")  # fmt: skip
async def released(function: FunctionTester) -> None:
    routine = await function.routine()
    release = link.SessionRelease(
        transaction=0, execution=routine.execution, instance=routine.instance, cause=Cause.NORMAL, seats=()
    )
    routine.server.link.send(release)
    function.start_turn(routine)
    await function.request(routine.server, terminate(function))
    await routine.server.link.never(link.Done, within=0.1, cause=Cause.NORMAL)
    begin = link.Begin(
        transaction=function.transaction(), execution=routine.execution, instance=routine.instance, seats=()
    )
    await function.request(routine.server, begin, link.Refuse)
