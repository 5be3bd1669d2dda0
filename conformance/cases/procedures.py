"""Attachment, links, instances and sessions on T4, role function."""

from __future__ import annotations

from dataclasses import replace

from net4ai.codecs import link
from net4ai.codecs.causes import Cause
from net4ai.codecs.common import FlowMapping, VersionRange
from net4ai.codecs.dep import DepType, EchoBody
from net4ai.codecs.l2 import BearerType
from net4ai.conformance.case import case
from net4ai.conformance.cases.sessions import answers, function_message
from net4ai.conformance.function_tester import (
    FORWARDING_FUNCTION,
    NO_INSTANCE,
    ONE_FLOW,
    SERVER,
    AttachedServer,
    FunctionTester,
)
from net4ai.conformance.pdus import L2Pdu, dep_pdu, l2_pdu
from net4ai.conformance.sockets import PduPort
from net4ai.stack.dep.events import MessageReceived

REQUEST = "docs/spec/links.md#21-request"
ANSWER = "docs/spec/links.md#22-answer"
BINDING = "docs/spec/links.md#23-binding"
LOSS = "docs/spec/links.md#25-loss-of-a-peer"
TRANSPORT = "docs/spec/links.md#1-transport"
TRANSACTIONS = "docs/spec/links.md#31-transactions"
TAKES = "docs/spec/links.md#32-who-takes-what"
INSTANCES = "docs/spec/links.md#4-instances"
SESSION_ADD = "docs/spec/links.md#51-session-add"
RESULTS = "docs/spec/links.md#53-the-results-session"
SESSION_RELEASE = "docs/spec/links.md#54-session-release"
FAULTS = "docs/spec/errors.md#7-t4-and-t8"

ATTACH = 0.4
"""Seconds after which an attach request is repeated."""
FUNCTION_LOADS = 40.0
LOST = 60.0
"""Seconds after which a peer that acknowledges nothing is surely given up."""
LONG = b'{"text": "' + b"x" * 20_000 + b'"}'
"""Settings of many segments."""


def instantiate(
    function: FunctionTester, server: AttachedServer, instance: int, settings: bytes = b"{}"
) -> link.Instantiate:
    """A request for an instance, which the case's end terminates."""
    server.instances.append(instance)
    return link.Instantiate(
        transaction=function.transaction(), instance=instance, function=function.statement.function, settings=settings
    )


def session_add(function: FunctionTester, server: AttachedServer, instance: int, *seats: int) -> link.SessionAdd:
    """Sessions of execution 1 for seats of an instance."""
    server.sessions.append((1, instance))
    sessions = tuple(
        link.LinkSession(seat=seat, handle=server.endpoint.new_handle(), limits=server.endpoint.limits, flows=ONE_FLOW)
        for seat in seats
    )
    return link.SessionAdd(
        transaction=function.transaction(), execution=1, instance=instance, end_point=link.EndPoint.ROUTINE_SERVER,
        dep_version=1, sessions=sessions,
    )  # fmt: skip


def invite(function: FunctionTester, instance: int, execution: int = 1) -> link.Invite:
    """An invitation for seat 0."""
    return link.Invite(
        transaction=function.transaction(), execution=execution, instance=instance,
        end_point=link.EndPoint.ROUTINE_SERVER, routine="conformance", round=0, cut=1, sequential=False,
        seats=(link.SeatNumber(seat=0),), key=b"",
    )  # fmt: skip


def terminate(function: FunctionTester) -> link.Terminate:
    """A request that changes nothing, and is always answered."""
    return link.Terminate(transaction=function.transaction(), instance=NO_INSTANCE)


# ---------------------------------------------------------------------------------------------------------------------
# Attachment


@case("T4-ATTACH-01", group="procedures", role="function", clause=REQUEST, rows=("R47", "R51"),
      purpose="An attach request is repeated, with the same COUNT, until it is answered.")  # fmt: skip
async def attach_repeated(function: FunctionTester) -> None:
    first = await function.attach_request()
    again = await function.attach.expect(link.AttachRequest)
    function.check(again == first, "the same request")
    counts = {pdu.header.count for pdu in function.pdus.arrived(c_rnti=0)}
    function.check(len(counts) == 1, "the same COUNT")


@case("T4-ATTACH-02", group="procedures", role="function", clause=ANSWER, rows=("R47",),
      purpose="An attached application server carries out requests, and asks no more.")  # fmt: skip
async def attached(function: FunctionTester) -> None:
    server = await function.attached()
    function.check(server.name, "a name")
    await function.request(server, terminate(function))
    function.attach.clear()
    await function.attach.never(link.AttachRequest, within=2 * ATTACH)


@case("T4-ATTACH-03", group="procedures", role="function", clause=REQUEST, rows=("R47",),
      purpose="The request says who attaches, with version 1 among its versions.")  # fmt: skip
async def attach_fields(function: FunctionTester) -> None:
    request = await function.attach_request()
    function.check(request.kind == link.AttachKind.APPLICATION_SERVER, "an application server")
    function.check(request.versions.lowest <= 1 <= request.versions.highest, "version 1")
    assert function.attach.last is not None and function.attach.last.source is not None
    function.check(request.bulk_port != function.attach.last.source[1], "a bulk socket of its own")


@case("T4-ATTACH-04", group="procedures", role="function", clause=ANSWER, rows=("R47",),
      purpose="What is malformed, protected, cut, of another COUNT or a stranger's is no answer.")  # fmt: skip
async def wrong_answers(function: FunctionTester) -> None:
    await function.attach_request()
    count = function.pdus.arrived(c_rnti=0)[-1].header.count
    accept = link.AttachAccept(version=1, peer=9, bulk_port=9, name="nobody").encode()
    for octets in (accept[:-1], accept + b"\0", b"", b"\xee" + accept[1:], terminate(function).encode()):
        function.pdus.send(l2_pdu(BearerType.FIXED_LINK, 0, 0, count, octets))
    for fields in ({"has_mac": True}, {"segmentation": 1}, {"is_data": False}, {"bulk": True}):
        function.pdus.send(l2_pdu(BearerType.FIXED_LINK, 0, 0, count, accept, **fields))
    for bearer_type, bearer in ((BearerType.FIXED_LINK, 1), (BearerType.SRB, 0)):
        function.pdus.send(l2_pdu(bearer_type, bearer, 0, count, accept))
    function.pdus.send(l2_pdu(BearerType.FIXED_LINK, 0, 0, (count + 1) % 2**32, accept))
    await from_stranger(function, l2_pdu(BearerType.FIXED_LINK, 0, 0, count, accept))
    function.attach.clear()
    for _ in range(2):
        await function.attach.expect(link.AttachRequest)


@case("T4-ATTACH-05", group="procedures", role="function", clause=REQUEST, rows=("R47",),
      purpose="A new attachment has another COUNT, and the same name.")  # fmt: skip
async def new_attachment(function: FunctionTester) -> None:
    first = await function.attach_request()
    before = function.pdus.arrived(c_rnti=0)[-1].header.count
    function.accept_attachment(first)
    function.pdus.clear()
    second = await function.attach_request()
    after = function.pdus.arrived(c_rnti=0)[-1].header.count
    function.check(after != before and second.name == first.name, "another COUNT, the same name")


@case("T4-ATTACH-06", group="procedures", role="function", clause=ANSWER, rows=("R47",),
      purpose="After a reject the application server gives up.")  # fmt: skip
async def rejected(function: FunctionTester) -> None:
    if function.restart is None:
        function.inconclusive("the tester cannot start this target anew, and it would not come back by itself")
    await function.attach_request()
    none = VersionRange(lowest=2, highest=3)
    function.attach.send(link.AttachReject(cause=Cause.VERSION_NOT_SUPPORTED, versions=none))
    await function.sleep(0.1)
    function.attach.clear()
    try:
        await function.attach.never(link.AttachRequest, within=3 * ATTACH)
    finally:
        await function.restart()


@case("T4-ATTACH-07", group="procedures", role="function", clause=LOSS, rows=("R47", "R51"),
      purpose="The link is lost: attached anew, instances live on, sessions and invitations do not.")  # fmt: skip
async def link_lost(function: FunctionTester) -> None:
    server = await function.attached()
    instance = await function.instance(server)
    with function.preamble("invitation and session"):
        await function.request(server, invite(function, instance), link.Accept)
        complete = await function.request(server, session_add(function, server, instance, 0), link.SessionAddComplete)
    assert isinstance(complete, link.SessionAddComplete)
    function.note("the tester hears nothing any more, and acknowledges nothing")
    server.pdus.drop(L2Pdu, "in", times=10_000, c_rnti=server.identity)
    server.link.send(terminate(function))
    function.attach.clear()
    anew = function.accept_attachment(await function.attach.expect(link.AttachRequest, within=LOST))
    anew.instances.append(instance)
    begin = link.Begin(transaction=function.transaction(), execution=1, instance=instance, seats=())
    await function.request(anew, begin, link.Refuse)
    anew.dep.send(dep_pdu(DepType.PING, EchoBody(echo=1), qfi=1, handle=complete.sessions[0].handle))
    await anew.dep.expect(DepType.ERROR, cause=Cause.UNKNOWN_SESSION)
    await function.request(anew, session_add(function, anew, instance, 0), link.SessionAddComplete)


async def from_stranger(function: FunctionTester, *pdus: L2Pdu) -> None:
    """PDUs that come from another address than the forwarding function's."""
    assert function.pdus.peer_address is not None
    stranger = PduPort(function, "T4", FORWARDING_FUNCTION, SERVER)
    await stranger.open(function.pdus.address[0])
    try:
        for pdu in pdus:
            stranger.put(pdu.encode(), to=function.pdus.peer_address[pdu.bulk])
        await function.sleep(0.1)
    finally:
        stranger.close()


# ---------------------------------------------------------------------------------------------------------------------
# The link


@case("T4-LINK-01", group="procedures", role="function", clause=TRANSPORT, rows=("R47",),
      purpose="A message of many PDUs arrives, and lost ones are sent again, both ways.")  # fmt: skip
async def lost_pdus(function: FunctionTester) -> None:
    server = await function.attached()
    server.pdus.drop(L2Pdu, "out", times=3, bearer_type=BearerType.FIXED_LINK, bearer=0, is_data=True)
    server.pdus.drop(L2Pdu, "in", times=2, bearer_type=BearerType.FIXED_LINK, bearer=0)
    await function.request(server, instantiate(function, server, NO_INSTANCE + 1, LONG), within=FUNCTION_LOADS)


@case("T4-LINK-02", group="procedures", role="function", clause=TRANSPORT, rows=("R47",),
      purpose="A PDU that comes again is acknowledged again, and its message is delivered once.")  # fmt: skip
async def delivered_once(function: FunctionTester) -> None:
    server = await function.attached()
    sent: list[L2Pdu] = []

    def keep(pdu: L2Pdu) -> L2Pdu:
        sent.append(pdu)
        return pdu

    server.pdus.edit(L2Pdu, keep, bearer_type=BearerType.FIXED_LINK, bearer=0, is_data=True)
    await function.request(server, terminate(function))
    function.pdus.clear()
    for pdu in sent * 3:
        function.pdus.send(pdu)
    await function.pdus.expect(bearer=0, is_data=False)
    await server.link.never(link.Acknowledge, within=0.2)


@case("T4-LINK-03", group="procedures", role="function", clause=BINDING, rows=("R47",),
      purpose="PDUs from another address, or with another peer identity, are dropped and never answered.")  # fmt: skip
async def not_bound(function: FunctionTester) -> None:
    session = await function.session()
    server = function.server
    assert server is not None
    ping = session.pdu(DepType.PING, EchoBody(echo=1)).encode()
    forged = l2_pdu(BearerType.FIXED_LINK, 1, server.identity, 5, ping)
    await from_stranger(function, forged)
    other = server.identity % 0xFFFF + 1
    function.pdus.send(l2_pdu(BearerType.FIXED_LINK, 1, other, 5, ping))
    function.pdus.send(l2_pdu(BearerType.FIXED_LINK, 0, other, 0, terminate(function).encode(), poll=True))
    await answers(session)
    await session.never(DepType.PONG, within=0.1)
    function.pdus.clear()
    await function.pdus.never(within=0.1, c_rnti=other)


@case("T4-LINK-04", group="procedures", role="function", clause=TAKES, rows=("R47",),
      purpose="Messages that an application server does not take, and answers to nothing, are dropped.")  # fmt: skip
async def not_taken(function: FunctionTester) -> None:
    server = await function.attached()
    common = {"execution": 1, "instance": NO_INSTANCE}
    for message in (
        link.Done(**common, end_point=link.EndPoint.ROUTINE_SERVER, turn=0, seat=0, cause=Cause.NORMAL),
        link.Restart(**common), link.Complete(**common, stop=False, cause=Cause.NORMAL),
        link.Progress(**common, values=b"{}"),
        link.Acknowledge(transaction=7), link.Refuse(transaction=7, cause=Cause.NORMAL, detail=""),
        link.SessionAddComplete(transaction=7, sessions=()), link.Accept(transaction=7, **common, key=b""),
        link.AttachAccept(version=1, peer=1, bulk_port=1, name="x"),
        link.AttachReject(cause=Cause.NORMAL, versions=VersionRange(lowest=1, highest=1)),
    ):  # fmt: skip
        server.link.send(message)
    await _only_answer(function, server)


async def _only_answer(function: FunctionTester, server: AttachedServer) -> None:
    """What was sent before is answered by nothing, and the server lives."""
    await function.request(server, terminate(function))
    await server.link.never(link.Link, within=0.05)


# ---------------------------------------------------------------------------------------------------------------------
# Instances


@case("T4-INST-01", group="procedures", role="function", clause=INSTANCES, rows=("R50",),
      purpose="A function that is not there is refused, by the transaction of the request.")  # fmt: skip
async def unknown_function(function: FunctionTester) -> None:
    server = await function.attached()
    request = replace(instantiate(function, server, NO_INSTANCE), function="no-such-function")
    answer = await function.request(server, request, link.Refuse, within=FUNCTION_LOADS)
    assert isinstance(answer, link.Refuse)
    function.check(answer.cause == Cause.FUNCTION_FAILED, "cause FUNCTION_FAILED")
    await _refused(function, server, session_add(function, server, NO_INSTANCE, 0), Cause.FUNCTION_NOT_HERE)


@case("T4-INST-02", group="procedures", role="function", clause=SESSION_ADD, rows=("R47",),
      purpose="Sessions with an instance that is not there are refused.")  # fmt: skip
async def session_without_instance(function: FunctionTester) -> None:
    server = await function.attached()
    await _refused(function, server, session_add(function, server, NO_INSTANCE, 0), Cause.FUNCTION_NOT_HERE)


async def _refused(function: FunctionTester, server: AttachedServer, message: link.Link, cause: Cause) -> None:
    refusal = await function.request(server, message, link.Refuse, within=FUNCTION_LOADS)
    assert isinstance(refusal, link.Refuse)
    function.check(refusal.cause == cause, f"cause {cause.name}")


@case("T4-INST-03", group="procedures", role="function", clause=INSTANCES, rows=("R50",),
      purpose="Settings that are no JSON object are refused, and the instance is not there.")  # fmt: skip
async def wrong_settings(function: FunctionTester) -> None:
    server = await function.attached()
    for settings in (b"", b"[]", b"{", b"\xff", b'{"a": 1} x', b"[" * 20_000):
        request = instantiate(function, server, NO_INSTANCE, settings)
        await _refused(function, server, request, Cause.MALFORMED_MESSAGE)
    await _refused(function, server, session_add(function, server, NO_INSTANCE, 0), Cause.FUNCTION_NOT_HERE)


@case("T4-INST-04", group="procedures", role="function", clause=INSTANCES, rows=("R52",),
      purpose="Terminate is acknowledged, each time, and ends the sessions of the instance.")  # fmt: skip
async def terminated(function: FunctionTester) -> None:
    session = await function.session()
    server = function.server
    assert server is not None
    await answers(session)
    for _ in range(2):
        request = link.Terminate(transaction=function.transaction(), instance=server.instances[0])
        await function.request(server, request)
    session.send(DepType.PING, EchoBody(echo=1))
    await session.expect(DepType.ERROR, cause=Cause.UNKNOWN_SESSION)
    await _refused(function, server, session_add(function, server, server.instances[0], 0), Cause.FUNCTION_NOT_HERE)


@case("T4-INST-05", group="procedures", role="function", clause=TRANSACTIONS, rows=("R50",),
      purpose="Answers have the transaction of their request, also when several are under way.")  # fmt: skip
async def transactions(function: FunctionTester) -> None:
    server = await function.attached()
    numbers = (0, 0xFFFF_FFFF, 7, 7_000_000)
    for place, number in enumerate(numbers):
        server.link.send(replace(instantiate(function, server, NO_INSTANCE + place), transaction=number))
        server.link.send(link.Terminate(transaction=number ^ 1, instance=NO_INSTANCE - 1))
    for number in numbers:
        for transaction in (number, number ^ 1):
            await server.link.expect(link.Acknowledge, within=FUNCTION_LOADS, transaction=transaction)
    await _only_answer(function, server)


@case("T4-INST-06", group="procedures", role="function", clause=INSTANCES, rows=("R50",),
      purpose="Instantiate again is acknowledged again, and several instances live side by side.")  # fmt: skip
async def instantiated_again(function: FunctionTester) -> None:
    server = await function.attached()
    for instance in (NO_INSTANCE, NO_INSTANCE, NO_INSTANCE + 1):
        await function.request(server, instantiate(function, server, instance), within=FUNCTION_LOADS)
    for instance in (NO_INSTANCE, NO_INSTANCE + 1):
        await function.request(server, session_add(function, server, instance, 0), link.SessionAddComplete)


# ---------------------------------------------------------------------------------------------------------------------
# Sessions


@case("T4-SESSION-01", group="procedures", role="function", clause=SESSION_ADD, rows=("R47", "R81"),
      purpose="A seat that is there already is replaced: a new handle, the old one is unknown.")  # fmt: skip
async def replaced(function: FunctionTester) -> None:
    server = await function.attached()
    instance = await function.instance(server)
    before, other = await function.add_sessions(server, instance, 1, [4, 5])
    [after] = await function.add_sessions(server, instance, 1, [4])
    function.check(after.send_handle != before.send_handle, "a new handle")
    await answers(after)
    await answers(other)
    before.send(DepType.PING, EchoBody(echo=1))
    await before.end.dep.expect(DepType.ERROR, cause=Cause.UNKNOWN_SESSION)


@case("T4-SESSION-02", group="procedures", role="function", clause=SESSION_ADD, rows=("R47",),
      purpose="A seat twice, an end point that does not exist, another version: refused as a whole.")  # fmt: skip
async def sessions_refused(function: FunctionTester) -> None:
    server = await function.attached()
    instance = await function.instance(server)
    [session] = await function.add_sessions(server, instance, 1, [0])
    twice = session_add(function, server, instance, 0, 1, 0)
    await _refused(function, server, twice, Cause.MALFORMED_MESSAGE)
    unknown = replace(session_add(function, server, instance, 0), end_point=9)
    await _refused(function, server, unknown, Cause.MALFORMED_MESSAGE)
    version = replace(session_add(function, server, instance, 0), dep_version=2)
    await _refused(function, server, version, Cause.VERSION_NOT_SUPPORTED)
    await answers(session)


@case("T4-SESSION-03", group="procedures", role="function", clause=SESSION_RELEASE, rows=("R107",),
      purpose="Session Release ends the seats it names; without seats, all of the execution.")  # fmt: skip
async def released(function: FunctionTester) -> None:
    server = await function.attached()
    instance = await function.instance(server)
    first, second, third = await function.add_sessions(server, instance, 1, [0, 1, 2])
    [stays] = await function.add_sessions(server, instance, 2, [0])
    for seats, gone in (((1,), [second]), ((), [first, second, third])):
        release = link.SessionRelease(
            transaction=0, execution=1, instance=instance, cause=Cause.NORMAL,
            seats=tuple(link.SeatNumber(seat=seat) for seat in seats),
        )  # fmt: skip
        server.link.send(release)
        await function.request(server, terminate(function))
        for session in (first, second, third, stays):
            if session in gone:
                session.send(DepType.PING, EchoBody(echo=1))
                await session.expect(DepType.ERROR, cause=Cause.UNKNOWN_SESSION)
            else:
                await answers(session)


@case("T4-SESSION-08", group="procedures", role="function", clause=SESSION_RELEASE, options=("echo",), rows=("R107",),
      purpose="Of an execution that loses one seat the turns of the others go on.")  # fmt: skip
async def others_go_on(function: FunctionTester) -> None:
    routine = await function.routine((0, 1))
    function.start_turn(routine)
    stays = routine.sessions[0].open()
    release = link.SessionRelease(
        transaction=0, execution=routine.execution, instance=routine.instance, cause=Cause.NORMAL,
        seats=(link.SeatNumber(seat=1),),
    )  # fmt: skip
    routine.server.link.send(release)
    await _only_answer(function, routine.server)
    stays.send(function_message(1, 100))
    await stays.expect(MessageReceived, within=5)


@case("T4-SESSION-04", group="procedures", role="function", clause=SESSION_RELEASE, rows=("R107",),
      purpose="Release of what is not there is passed over; Session Release has no answer.")  # fmt: skip
async def released_nothing(function: FunctionTester) -> None:
    session = await function.session()
    server = function.server
    assert server is not None
    for execution, instance in ((99, server.instances[0]), (1, NO_INSTANCE), (0, NO_INSTANCE)):
        server.link.send(
            link.SessionRelease(
                transaction=0, execution=execution, instance=instance, cause=Cause.NORMAL,
                seats=(link.SeatNumber(seat=65535),),
            )
        )  # fmt: skip
    await _only_answer(function, server)
    await answers(session)


@case("T4-SESSION-05", group="procedures", role="function", clause=RESULTS, rows=("R5", "R111"),
      purpose="An instance has one results session, beside those of its executions, until it ends.")  # fmt: skip
async def results_session(function: FunctionTester) -> None:
    server = await function.attached()
    instance = await function.instance(server)
    [session] = await function.add_sessions(server, instance, 1, [0])
    handles = []
    for _ in range(2):
        add = replace(
            session_add(function, server, instance, 0),
            execution=link.RESULTS_EXECUTION, end_point=link.EndPoint.RESULTS,
        )  # fmt: skip
        complete = await function.request(server, add, link.SessionAddComplete)
        assert isinstance(complete, link.SessionAddComplete)
        handles.append(complete.sessions[0].handle)
        results = replace(session, send_handle=handles[-1], receive_handle=add.sessions[0].handle)
        await answers(results)
    await answers(session)
    old = replace(session, send_handle=handles[0])
    old.send(DepType.PING, EchoBody(echo=1))
    await old.end.dep.expect(DepType.ERROR, cause=Cause.UNKNOWN_SESSION)


@case("T4-SESSION-06", group="procedures", role="function", clause=SESSION_ADD, rows=("R47", "R100"),
      options=("several-flows",), purpose="A session has the QoS flows it was added with.")  # fmt: skip
async def several_flows(function: FunctionTester) -> None:
    flows = tuple(FlowMapping(qfi=qfi, bearer=1) for qfi in (3, 63))
    session = await function.session(flows=flows)
    for qfi in (3, 63):
        session.send(DepType.PING, EchoBody(echo=qfi), qfi=qfi)
        await session.expect(DepType.PONG, echo=qfi, qfi=qfi)
        session.data(b"to each flow its numbers", packet=1, qfi=qfi)
        await session.expect(DepType.ACK, qfi=qfi, highest_packet=1)
    session.data(b"not to others", packet=1, qfi=1)
    await session.expect(DepType.ERROR, cause=Cause.QOS_FLOW_NOT_CONFIGURED)


@case("T4-FAULT-01", group="procedures", role="function", clause=FAULTS, rows=("R47",),
      purpose="Signalling that is cut, too long or of unknown type is dropped; the link lives.")  # fmt: skip
async def malformed_signalling(function: FunctionTester) -> None:
    server = await function.attached()
    wholes = [
        terminate(function).encode(),
        instantiate(function, server, NO_INSTANCE).encode(),
        session_add(function, server, NO_INSTANCE, 0).encode(),
    ]
    for whole in wholes:
        for octets in (whole[:-1], whole[:3], whole[:1], whole + b"\0", b"\xee" + whole[1:], b"\0" + whole[1:]):
            server.link.inject(octets)
    await _only_answer(function, server)
