"""The Deep Edge Protocol: DATA, ACK, GRANT and NACK."""

from __future__ import annotations

from net4ai.codecs.causes import Cause
from net4ai.codecs.dep import AckBody, DataBody, DepType
from net4ai.codecs.message import Message, decode_message, encode_message
from net4ai.conformance.case import case
from net4ai.conformance.function_tester import FunctionTester
from net4ai.conformance.hop_end import FIRST_MESSAGE, Session
from net4ai.conformance.ue_tester import UeTester
from net4ai.stack.dep.events import MessageAcknowledged, MessageReceived

DATA = "docs/spec/dep.md#31-data"
ACK = "docs/spec/dep.md#51-acknowledging"
CREDIT = "docs/spec/dep.md#4-credit"

SMALL = bytes(range(64))


def message_of(octets: int) -> bytes:
    """Octets that tell where they stand."""
    return bytes((at * 7 + at // 251) % 256 for at in range(octets))


async def acknowledged(session: Session, packet: int = 0) -> None:
    """A message of one segment is acknowledged as a whole."""
    session.data(SMALL, packet=packet, ack_requested=True)
    await session.expect(DepType.ACK, message_id=FIRST_MESSAGE, offset=len(SMALL), highest_packet=packet)


async def repeated_data(session: Session) -> None:
    """The same segment, with another packet number, is acknowledged again; nothing ends."""
    await acknowledged(session)
    session.data(SMALL, packet=1, ack_requested=True)
    await session.expect(DepType.ACK, offset=len(SMALL))
    await session.never(DepType.ERROR)


async def reordered_data(session: Session) -> None:
    """Segments that come last first are put together."""
    size = session.limits.segment_size
    body = message_of(3 * size - 100)
    for packet, offset in enumerate((2 * size, size, 0)):
        part = body[offset : offset + size]
        session.data(part, packet=packet, offset=offset, length=len(body), ack_requested=True)
    await session.expect(DepType.ACK, offset=len(body), highest_packet=2)


async def missing_segment(session: Session) -> None:
    """A gap is asked for: the ACK's map or a NACK names it, and once filled all is acknowledged."""
    size = session.limits.segment_size
    body = message_of(3 * size)
    for packet, offset in enumerate((0, 2 * size)):
        part = body[offset : offset + size]
        session.data(part, packet=packet, offset=offset, length=len(body), ack_requested=True)
    ack = await session.expect(DepType.ACK, offset=size, map_bits=lambda bits: bits >= 2)
    assert isinstance(ack.body, AckBody)
    session.end.tester.check(ack.body.map[0] & 0xC0 == 0x40, "the map: second segment missing, third there")
    session.data(body[size : 2 * size], packet=2, offset=size, length=len(body), ack_requested=True)
    await session.expect(DepType.ACK, offset=len(body))


async def too_large(session: Session) -> None:
    """A message longer than the session permits is refused, without memory being taken for it."""
    body = DataBody(message_length=0xFFFF_FFFF, packet_number=0)
    session.send(DepType.DATA, body, SMALL, message_id=FIRST_MESSAGE, ack_requested=True)
    await session.expect(DepType.ERROR, cause=Cause.MESSAGE_TOO_LARGE, message_id=FIRST_MESSAGE)


async def unknown_flow(session: Session) -> None:
    """DATA of a QoS flow the session has not got is refused."""
    session.data(SMALL, packet=0, qfi=session.qfi + 1)
    await session.expect(DepType.ERROR, cause=Cause.QOS_FLOW_NOT_CONFIGURED)


async def other_bytes(session: Session) -> None:
    """The same offset with other bytes: the message is given up, the session goes on."""
    size = session.limits.segment_size
    body = message_of(3 * size)
    session.data(body[:size], packet=0, length=len(body))
    session.data(bytes(size), packet=1, length=len(body), ack_requested=True)
    await session.expect(DepType.ERROR, cause=Cause.OVERLAPPING_DATA, message_id=FIRST_MESSAGE)
    session.data(SMALL, packet=2, message=2, ack_requested=True)
    await session.expect(DepType.ACK, message_id=2, offset=len(SMALL))


async def grant_beyond_unscheduled(session: Session) -> None:
    """A message longer than its unscheduled octets is granted credit as it arrives."""
    size, unscheduled = session.limits.segment_size, session.limits.unscheduled
    length = unscheduled + 20 * size
    body = message_of(min(size, unscheduled))
    session.data(body, packet=0, length=length)
    await session.expect(DepType.GRANT, message_id=FIRST_MESSAGE, limit=lambda limit: unscheduled < limit <= length)


@case("DEP-DATA-01", group="dep", role="ue", clause=ACK, rows=("R94",), purpose="A message is acknowledged as a whole.")
async def ue_acknowledges(ran: UeTester) -> None:
    await acknowledged(await ran.session())


@case("DEP-DATA-02", group="dep", role="ue", clause=DATA, rows=("R94",), purpose="A repeated segment does no harm.")
async def ue_repeated(ran: UeTester) -> None:
    await repeated_data(await ran.session())


@case("DEP-DATA-03", group="dep", role="ue", clause=DATA, rows=("R94",), purpose="Segments may come in any order.")
async def ue_reordered(ran: UeTester) -> None:
    await reordered_data(await ran.session())


@case("DEP-DATA-04", group="dep", role="ue", clause=ACK, rows=("R94",), purpose="The ACK names what is missing.")
async def ue_missing(ran: UeTester) -> None:
    await missing_segment(await ran.session())


@case("DEP-DATA-05", group="dep", role="ue", clause=DATA, purpose="Announced 2^32 - 1 octets: ERROR, nothing else.")
async def ue_too_large(ran: UeTester) -> None:
    await too_large(await ran.session())


@case("DEP-DATA-06", group="dep", role="ue", clause=DATA, rows=("R104",), purpose="DATA of an unknown flow is refused.")
async def ue_unknown_flow(ran: UeTester) -> None:
    await unknown_flow(await ran.session())


@case("DEP-DATA-07", group="dep", role="ue", clause=DATA, purpose="Other bytes at the same offset end the message.")
async def ue_other_bytes(ran: UeTester) -> None:
    await other_bytes(await ran.session())


@case("DEP-CREDIT-01", group="dep", role="ue", clause=CREDIT, rows=("R94",), purpose="Beyond unscheduled: GRANT.")
async def ue_grants(ran: UeTester) -> None:
    await grant_beyond_unscheduled(await ran.session())


@case(
    "DEP-ECHO-01",
    group="dep",
    role="ue",
    clause=DATA,
    rows=("R43", "R94"),
    options=("echo",),
    purpose="A message of many segments reaches the function and comes back, the first ones lost once.",
)
async def ue_echo(ran: UeTester) -> None:
    await echoed(await ran.echo())


@case("DEP-DATA-21", group="dep", role="function", clause=ACK, rows=("R94",), purpose="A message is acknowledged.")
async def function_acknowledges(function: FunctionTester) -> None:
    await acknowledged(await function.session())


@case(
    "DEP-DATA-23", group="dep", role="function", clause=DATA, rows=("R94",), purpose="Segments may come in any order."
)
async def function_reordered(function: FunctionTester) -> None:
    await reordered_data(await function.session())


@case("DEP-DATA-25", group="dep", role="function", clause=DATA, purpose="Announced 2^32 - 1 octets: ERROR only.")
async def function_too_large(function: FunctionTester) -> None:
    await too_large(await function.session())


@case(
    "DEP-ECHO-21",
    group="dep",
    role="function",
    clause=DATA,
    rows=("R43", "R94"),
    options=("echo",),
    purpose="A message of many segments reaches the function and comes back, the first ones lost once.",
)
async def function_echo(function: FunctionTester) -> None:
    await echoed(await function.echo())


async def echoed(session: Session) -> None:
    """A message goes to the function and comes back, with segments lost both ways."""
    data = message_of(100_000)
    opened = session.open()
    session.end.pdus.drop(object, "out", bulk=True, times=2)
    session.end.pdus.drop(object, "in", bulk=True, times=2)
    number = opened.send(encode_message(Message(tag=7, data=data)))
    await opened.expect(MessageAcknowledged, within=10, message_id=number)
    came = await opened.expect(MessageReceived, within=10)
    back = decode_message(came.body)
    session.end.tester.check(back.tag == 7 and bytes(back.data) == data, "the message came back as it was sent")
