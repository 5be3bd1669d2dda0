"""Anonymity, role function: nothing an application server says tells its clients apart or names them."""

from __future__ import annotations

from net4ai.codecs import link
from net4ai.codecs.dep import DepType
from net4ai.codecs.message import decode_message
from net4ai.conformance.case import case
from net4ai.conformance.cases.procedures_function import done_of
from net4ai.conformance.cases.sessions import STOP, function_message
from net4ai.conformance.function_tester import FunctionTester
from net4ai.stack.dep.events import MessageReceived

HANDLES = "docs/spec/dep.md#11-handles"
HEADER = "docs/spec/dep.md#21-header"

ROUNDS = 8


@case("PRIV-HANDLE-22", group="privacy", role="function", clause=HANDLES, rows=("R81",),
      purpose="The same seat of the same instance has a fresh handle in each execution.")  # fmt: skip
async def fresh_handles(function: FunctionTester) -> None:
    server = await function.attached()
    instance = await function.instance(server)
    handles: list[int] = []
    for execution in range(1, ROUNDS + 1):
        [session] = await function.add_sessions(server, instance, execution, [3])
        handles.append(session.send_handle)
    function.check(len(set(handles)) == ROUNDS, "a fresh handle each time")
    function.check(max(handles) - min(handles) > 1 << 24, "handles that do not count")


@case("PRIV-HANDLE-23", group="privacy", role="function", clause=HANDLES, rows=("R81", "R84"),
      purpose="Handles are made of no instance, execution, seat or peer identity.")  # fmt: skip
async def unrelated_handles(function: FunctionTester) -> None:
    server = await function.attached()
    instance = await function.instance(server)
    sessions = await function.add_sessions(server, instance, 77, range(ROUNDS))
    for session in sessions:
        known = {session.number, instance, 77, server.identity}
        parts = {session.send_handle, session.send_handle >> 16, session.send_handle & 0xFFFF}
        function.check(session.send_handle not in known, "a handle that is no number of something else")
        function.check(len(parts & known) < 2, "a handle that is not made of two numbers")


@case("PRIV-PDU-21", group="privacy", role="function", clause=HEADER, rows=("R61", "R84"), options=("echo",),
      purpose="PDUs of two clients that say the same differ in handle and numbers alone.")  # fmt: skip
async def same_pdus(function: FunctionTester) -> None:
    routine = await function.routine((0, 1))
    came = []
    for seat, session in enumerate(routine.sessions):
        function.start_turn(routine, turn=seat, seat=seat)
        session.data(function_message(1, 100), packet=1)
        data = await session.expect(DepType.DATA, message_id=1)
        came.append(data.header.to_bytes()[:4] + data.header.to_bytes()[8:] + data.payload)
    function.check(came[0] == came[1], "the same but for the handle")


@case("PRIV-IDENTITY-21", group="privacy", role="function", clause=HANDLES, rows=("R61", "R81", "R84"),
      options=("echo",), purpose="No subscriber's identity and no other seat's handle is in its PDUs.")  # fmt: skip
async def no_identities(function: FunctionTester) -> None:
    routine = await function.routine((0, 1))
    opened = [session.open() for session in routine.sessions]
    for seat, port in enumerate(opened):
        function.start_turn(routine, turn=seat, seat=seat)
        port.send(function_message(STOP, 3000))
        came = await port.expect(MessageReceived)
        function.check(decode_message(came.body).tag == STOP, "what was sent")
        await routine.server.link.expect(link.Done, **done_of(routine, seat, seat))
    identities = [subscriber.identity.encode() for subscriber in function.statement.subscribers]
    mine, others = routine.sessions
    for session, other in ((mine, others), (others, mine)):
        handles = [each.to_bytes(4, "big") for each in (other.receive_handle, other.send_handle)]
        own = session.receive_handle.to_bytes(4, "big")
        sent = [packet.data for packet in function.log.packets if packet.direction == "in" and own in packet.data]
        function.check(sent, "PDUs of the session")
        for name in (*identities, *handles):
            function.check(not any(name in octets for octets in sent), "none of them in any PDU")
