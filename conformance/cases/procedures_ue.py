"""Routines as a UE sees them (figure 6): invite, accept, start, done, complete."""

from __future__ import annotations

from typing import Any

from net4ai.codecs import nas, rrc
from net4ai.codecs.causes import Cause
from net4ai.codecs.common import FlowMapping, SessionRelease
from net4ai.codecs.dep import CloseBody, DepType, EchoBody
from net4ai.codecs.message import decode_message
from net4ai.conformance import preambles
from net4ai.conformance.case import case
from net4ai.conformance.cases.sessions import STOP, answers, function_message
from net4ai.conformance.hop_end import Session, SessionPort
from net4ai.conformance.preambles import FUNCTION_LOADS
from net4ai.conformance.ue_tester import ServedUe, UeTester
from net4ai.stack.dep.events import MessageReceived

ROUTINES = "docs/spec/nas.md#12-routines"
FAULTS = "docs/spec/messages.md#4-faults"
SESSIONS = "docs/spec/rrc.md#63-sessions"


def invitation(ran: UeTester, execution: int = 1, session: int = 0, **more: Any) -> nas.RoutineInvite:
    """An invitation to an execution, over a session."""
    fields: dict[str, Any] = {
        "function": ran.statement.function, "routine": "conformance", "round": 0, "cut": 1, "seat": 0,
        "sequential": False, "settings": b"{}", "key": b"",
    }  # fmt: skip
    return nas.RoutineInvite(execution=execution, session=session, **fields | more)


async def accepted(ran: UeTester, ue: ServedUe, execution: int = 1, **more: Any) -> None:
    """The UE takes part; its turn has not begun."""
    ue.nas.send(invitation(ran, execution, **more))
    await ue.nas.expect(nas.RoutineAccept, within=FUNCTION_LOADS, execution=execution)


def start(ue: ServedUe, turn: int = 0, execution: int = 1, repetition: int = 0) -> None:
    ue.nas.send(nas.RoutineStart(execution=execution, turn=turn, repetition=repetition))


async def echo_of(opened: SessionPort, tag: int) -> None:
    """A short message comes back."""
    opened.send(function_message(tag, 10))
    came = await opened.expect(MessageReceived)
    opened.session.end.tester.check(decode_message(came.body).tag == tag, f"the message of tag {tag}")


async def run_turn(ue: ServedUe, opened: SessionPort, turn: int = 0, execution: int = 1, repetition: int = 0) -> None:
    """A turn with one message, to its end."""
    start(ue, turn, execution, repetition)
    await echo_of(opened, STOP)
    await ue.nas.expect(nas.RoutineDone, execution=execution, turn=turn, cause=Cause.NORMAL)


async def prepared(ran: UeTester) -> tuple[ServedUe, Session]:
    """A UE that has accepted execution 1, and the session of it."""
    session = await ran.session()
    ue = ran.ue_of(session)
    with ran.preamble("invitation"):
        await accepted(ran, ue)
    return ue, session


@case("RT-ORDER-01", group="procedures", role="ue", clause=ROUTINES, rows=("R72", "R74", "R76", "R77"),
      options=("echo",), purpose="Invite, Accept, Start, messages, Done, Complete; nothing earlier.")  # fmt: skip
async def whole_execution(ran: UeTester) -> None:
    ue, session = await prepared(ran)
    opened = session.open()
    await ue.nas.never(nas.RoutineDone, within=0.1)
    await run_turn(ue, opened)
    await ue.nas.never((nas.RoutineDone, nas.RoutineAccept), within=0.1)
    ue.nas.send(nas.RoutineComplete(execution=1, cause=Cause.NORMAL))
    start(ue, 1)
    opened.send(function_message(2))
    await opened.never(MessageReceived, within=0.2)
    await ue.nas.never(nas.RoutineDone, within=0.02)


@case("RT-START-01", group="procedures", role="ue", clause=ROUTINES, rows=("R72", "R76"), options=("echo",),
      purpose="Start before Accept, or of another execution, is dropped: nothing runs.")  # fmt: skip
async def start_too_early(ran: UeTester) -> None:
    session = await ran.session()
    ue = ran.ue_of(session)
    opened = session.open()
    start(ue)
    await accepted(ran, ue)
    start(ue, execution=2)
    opened.send(function_message(1))
    await opened.never(MessageReceived, within=0.2)
    await ue.nas.never(nas.RoutineDone, within=0.02)
    start(ue)
    await opened.expect(MessageReceived)


@case("RT-START-02", group="procedures", role="ue", clause=ROUTINES, rows=("R76",), options=("echo",),
      purpose="Start of the turn under way, again, changes nothing: one Done.")  # fmt: skip
async def repeated_start(ran: UeTester) -> None:
    ue, session = await prepared(ran)
    opened = session.open()
    for _ in range(3):
        start(ue)
        await echo_of(opened, 1)
    await echo_of(opened, STOP)
    await ue.nas.expect(nas.RoutineDone, execution=1, turn=0, cause=Cause.NORMAL)
    await ue.nas.never(nas.RoutineDone, within=0.2)


@case("RT-INVITE-01", group="procedures", role="ue", clause=ROUTINES, rows=("R72",), options=("echo",),
      purpose="The invitation again, also in a turn, gets the same answer, and the turn goes on.")  # fmt: skip
async def invited_again(ran: UeTester) -> None:
    ue, session = await prepared(ran)
    opened = session.open()
    await accepted(ran, ue)
    start(ue)
    await echo_of(opened, 1)
    await accepted(ran, ue)
    await echo_of(opened, STOP)
    await ue.nas.expect(nas.RoutineDone, turn=0, cause=Cause.NORMAL)


@case("RT-INVITE-02", group="procedures", role="ue", clause=ROUTINES, rows=("R59", "R80"),
      purpose="Settings that are no JSON object are declined, and the next invitation is accepted.")  # fmt: skip
async def wrong_settings(ran: UeTester) -> None:
    ue = ran.ue_of(await ran.session())
    for execution, settings in enumerate((b"", b"[]", b"{", b"\xff"), 1):
        ue.nas.send(invitation(ran, execution, settings=settings))
        await ue.nas.expect(nas.RoutineReject, within=FUNCTION_LOADS, execution=execution)
    await accepted(ran, ue, 9)


@case("RT-TURN-01", group="procedures", role="ue", clause=ROUTINES, rows=("R76", "R79"), options=("echo",),
      purpose="Turns one after another, whatever their numbers: each has its Done; the session stays.")  # fmt: skip
async def sequential_turns(ran: UeTester) -> None:
    ue, session = await prepared(ran)
    opened = session.open()
    for turn in (0, 1, 7, 0xFFFF_FFFF):
        await run_turn(ue, opened, turn)


@case("RT-TURN-02", group="procedures", role="ue", clause=ROUTINES, rows=("R75", "R76"), options=("echo",),
      purpose="After a restart of the execution the same turn comes again, one repetition higher.")  # fmt: skip
async def repetitions(ran: UeTester) -> None:
    ue, session = await prepared(ran)
    opened = session.open()
    for repetition in (0, 1, 2):
        await run_turn(ue, opened, repetition=repetition)


@case("RT-REPLACE-01", group="procedures", role="ue", clause=ROUTINES, rows=("R72", "R77"), options=("echo",),
      purpose="An invitation to another execution in the same session ends the one before.")  # fmt: skip
async def replaced(ran: UeTester) -> None:
    ue, session = await prepared(ran)
    opened = session.open()
    start(ue)
    await echo_of(opened, 1)
    await accepted(ran, ue, 2)
    ue.nas.clear()
    start(ue, 1)
    await ue.nas.never(nas.RoutineDone, within=0.1, execution=1, cause=Cause.NORMAL)
    await run_turn(ue, opened, execution=2)


@case("RT-SEVERAL-01", group="procedures", role="ue", clause=ROUTINES, rows=("R72", "R74", "R77"), options=("echo",),
      purpose="Executions in two sessions run side by side: each has its messages, Done and Complete.")  # fmt: skip
async def two_executions(ran: UeTester) -> None:
    ue, first = await prepared(ran)
    second = await ran.session(ue, 1)
    await accepted(ran, ue, 2, session=1)
    opened = {1: first.open(), 2: second.open()}
    for execution in (1, 2):
        start(ue, 10 + execution, execution)
    for execution in (2, 1):
        await echo_of(opened[execution], execution)
    await echo_of(opened[2], STOP)
    await ue.nas.expect(nas.RoutineDone, execution=2, turn=12, cause=Cause.NORMAL)
    ue.nas.send(nas.RoutineComplete(execution=2, cause=Cause.NORMAL))
    await ran.settled(ue)
    await echo_of(opened[1], 3)
    await echo_of(opened[1], STOP)
    await ue.nas.expect(nas.RoutineDone, execution=1, turn=11, cause=Cause.NORMAL)


@case("RT-SEVERAL-02", group="procedures", role="ue", clause=ROUTINES, rows=("R67", "R107"), options=("echo",),
      purpose="With a session that is released its execution ends; the one in another goes on.")  # fmt: skip
async def one_session_released(ran: UeTester) -> None:
    ue, _ = await prepared(ran)
    second = await ran.session(ue, 1)
    await accepted(ran, ue, 2, session=1)
    start(ue, 1, 1)
    released = (SessionRelease(session=0, cause=Cause.NO_CONSENT),)
    ue.srb1.send(preambles.reconfiguration(1, released_sessions=released))
    await ue.srb1.expect(rrc.ReconfigurationComplete, transaction=1)
    ue.nas.clear()
    start(ue, 2, 1)
    await ue.nas.never(nas.RoutineDone, within=0.1, execution=1)
    await run_turn(ue, second.open(), 3, 2)


@case("RT-FLOW-01", group="procedures", role="ue", clause=ROUTINES, rows=("R102", "R103"), options=("echo",),
      purpose="The function sends on the invitation's QoS flow; one that is not there is declined.")  # fmt: skip
async def flow_of_the_routine(ran: UeTester) -> None:
    session = await ran.session(flows=(FlowMapping(qfi=1, bearer=1), FlowMapping(qfi=2, bearer=2)))
    ue = ran.ue_of(session)
    ue.nas.send(invitation(ran, 1, qfi=3))
    await ue.nas.expect(nas.RoutineReject, execution=1, cause=Cause.QOS_FLOW_NOT_CONFIGURED)
    opened = session.open()
    for execution, qfi in ((2, 2), (3, 1)):
        await accepted(ran, ue, execution, qfi=qfi)
        start(ue, execution=execution)
        opened.send(function_message(STOP))
        await opened.expect(MessageReceived, qfi=qfi)
        await ue.nas.expect(nas.RoutineDone, execution=execution, cause=Cause.NORMAL)


@case("RT-COMPLETE-01", group="procedures", role="ue", clause=ROUTINES, rows=("R77",), options=("echo",),
      purpose="Complete in a turn ends it; of another execution it ends nothing.")  # fmt: skip
async def completed_early(ran: UeTester) -> None:
    ue, session = await prepared(ran)
    opened = session.open()
    start(ue)
    ue.nas.send(nas.RoutineComplete(execution=2, cause=Cause.NORMAL))
    await echo_of(opened, 1)
    ue.nas.send(nas.RoutineComplete(execution=1, cause=Cause.CANCELLED))
    await ran.settled(ue)
    opened.send(function_message(2))
    await opened.never(MessageReceived, within=0.2)
    await answers(session)
    await accepted(ran, ue, 2)


@case("RT-SESSION-01", group="procedures", role="ue", clause=SESSIONS, rows=("R47", "R81"), options=("echo",),
      purpose="A session renewed between Invite and Start carries the turn; the old handle is unknown.")  # fmt: skip
async def renewed_session(ran: UeTester) -> None:
    ue, old = await prepared(ran)
    renewed = await preambles.configure_session(ue, 0, (FlowMapping(qfi=1, bearer=1),))
    ran.check(renewed.send_handle != old.send_handle, "a fresh handle")
    old.send(DepType.PING, EchoBody(echo=1))
    await ue.dep.expect(DepType.ERROR, cause=Cause.UNKNOWN_SESSION)
    await run_turn(ue, renewed.open())


@case("RT-FAIL-01", group="procedures", role="ue", clause=FAULTS, rows=("R74", "R80"), options=("echo",),
      purpose="A function that fails: Done with FUNCTION_FAILED; session and UE live.")  # fmt: skip
async def function_fails(ran: UeTester) -> None:
    ue, session = await prepared(ran)
    start(ue)
    session.data(bytes(64), packet=1)
    await ue.nas.expect(nas.RoutineDone, execution=1, turn=0, cause=Cause.FUNCTION_FAILED)
    await answers(session)
    renewed = await preambles.configure_session(ue, 0, (FlowMapping(qfi=1, bearer=1),))
    await accepted(ran, ue, 2)
    await run_turn(ue, renewed.open(), execution=2)


@case("RT-END-01", group="procedures", role="ue", clause=ROUTINES, rows=("R74",), options=("echo",),
      purpose="A turn whose session is closed ends, with Done.")  # fmt: skip
async def closed_session(ran: UeTester) -> None:
    ue, session = await prepared(ran)
    start(ue)
    await echo_of(session.open(), 1)
    session.send(DepType.CLOSE, CloseBody(cause=Cause.NORMAL))
    await ue.nas.expect(nas.RoutineDone, execution=1, turn=0)
