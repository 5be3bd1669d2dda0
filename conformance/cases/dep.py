"""The Deep Edge Protocol, receiving: segments, acknowledgements, credit, order. For UEs and application servers."""

from __future__ import annotations

from itertools import pairwise

from net4ai.codecs.causes import Cause
from net4ai.codecs.dep import AckBody, CongestionMark, DataBody, DepType, GrantBody, NackBody
from net4ai.codecs.message import Message, decode_message, encode_message
from net4ai.conformance.cases.sessions import (
    UNORDERED,
    UNRELIABLE,
    answers,
    function_message,
    octets,
    segments,
    session_case,
    silent,
)
from net4ai.conformance.hop_end import FIRST_MESSAGE, Session
from net4ai.conformance.pdus import with_bits
from net4ai.stack.dep.events import MessageAcknowledged, MessageReceived

MESSAGES = "docs/spec/dep.md#13-messages"
HEADER = "docs/spec/dep.md#21-header"
DATA = "docs/spec/dep.md#31-data"
ACK = "docs/spec/dep.md#33-ack"
CREDIT = "docs/spec/dep.md#4-credit"
ACKNOWLEDGING = "docs/spec/dep.md#51-acknowledging"
SILENCE = "docs/spec/dep.md#54-receivers-silence"
UNRELIABLE_FLOWS = "docs/spec/dep.md#55-flows-that-are-not-reliable"
STEPS = "docs/spec/dep.md#61-data-step-by-step"
CONGESTION = "docs/spec/dep.md#56-congestion"
DELIVERY = "docs/spec/dep.md#62-delivery"
FAILED = "docs/spec/dep.md#63-segments-under-way-when-a-message-fails"
RATE = "docs/spec/dep.md#92-rules"

SMALL = bytes(range(64))
REMEMBERED = 1024
"""Finished messages a receiver remembers."""
UPLOAD = 40
"""Segments of a message beyond what may be sent unasked."""


# ---------------------------------------------------------------------------------------------------------------------
# Segments


@session_case("DEP-DATA", 1, group="dep", clause=ACKNOWLEDGING, purpose="A message is acknowledged as a whole.")
async def acknowledged(session: Session) -> None:
    session.data(SMALL, packet=7, ack_requested=True)
    await session.expect(DepType.ACK, message_id=FIRST_MESSAGE, offset=len(SMALL), highest_packet=7, bulk=False)


@session_case("DEP-DATA", 2, group="dep", clause=ACKNOWLEDGING,
              purpose="A segment of a whole message is acknowledged again, and nothing ends.")  # fmt: skip
async def repeated_data(session: Session) -> None:
    for packet in (1, 2):
        session.data(SMALL, packet=packet)
        await session.expect(DepType.ACK, offset=len(SMALL), highest_packet=packet)
    await silent(session, DepType.ERROR)


@session_case("DEP-DATA", 3, group="dep", clause=DATA, purpose="Segments may come in any order.")
async def reordered_data(session: Session) -> None:
    body = octets(4 * session.limits.segment_size - 100)
    for packet, (offset, part) in enumerate(reversed(segments(session, body)), 1):
        session.data(part, packet=packet, offset=offset, length=len(body), ack_requested=True)
    await session.expect(DepType.ACK, offset=len(body), highest_packet=4)


@session_case("DEP-DATA", 4, group="dep", clause=ACK, purpose="The ACK's map names what is missing.")
async def missing_segment(session: Session) -> None:
    size = session.limits.segment_size
    body = octets(5 * size)
    parts = segments(session, body)
    for packet, at in enumerate((0, 2, 4), 1):
        session.data(parts[at][1], packet=packet, offset=parts[at][0], length=len(body))
    ack = await session.expect(DepType.ACK, offset=size, map_bits=lambda bits: bits >= 4, segment_size=size)
    assert isinstance(ack.body, AckBody)
    session.end.tester.check(ack.body.map[0] & 0xF0 == 0x50, "the map: third and fifth segment are there")
    for packet, at in enumerate((1, 3), 4):
        session.data(parts[at][1], packet=packet, offset=parts[at][0], length=len(body))
    await session.expect(DepType.ACK, offset=len(body))


@session_case("DEP-DATA", 5, group="dep", clause=STEPS, purpose="A message of 2^32 - 1 octets is refused, no more.")
async def too_large(session: Session) -> None:
    for payload in (SMALL, b""):
        body = DataBody(message_length=0xFFFF_FFFF, packet_number=1)
        session.send(DepType.DATA, body, payload, message_id=FIRST_MESSAGE, ack_requested=True)
        await session.expect(DepType.ERROR, cause=Cause.MESSAGE_TOO_LARGE, message_id=FIRST_MESSAGE)
    await silent(session, DepType.GRANT, DepType.ACK)


@session_case("DEP-DATA", 6, group="dep", clause=STEPS, rows=("R94", "R104"),
              purpose="DATA of a QoS flow the session has not got is refused.")  # fmt: skip
async def unknown_flow(session: Session) -> None:
    session.data(SMALL, packet=1, qfi=session.qfi + 1, ack_requested=True)
    await session.expect(DepType.ERROR, cause=Cause.QOS_FLOW_NOT_CONFIGURED, qfi=session.qfi + 1)
    await silent(session, DepType.ACK)


@session_case("DEP-DATA", 7, group="dep", clause=STEPS,
              purpose="Other octets at the same offset: the message as a whole is given up, for good.")  # fmt: skip
async def other_octets(session: Session) -> None:
    size = session.limits.segment_size
    body = octets(3 * size)
    session.data(body[:size], packet=1, length=len(body))
    session.data(bytes(size), packet=2, length=len(body), ack_requested=True)
    await session.expect(DepType.ERROR, cause=Cause.OVERLAPPING_DATA, message_id=FIRST_MESSAGE)
    session.data(SMALL, packet=3, message=2)
    await session.expect(DepType.ACK, message_id=2, offset=len(SMALL))


@session_case("DEP-DATA", 8, group="dep", clause=DATA, purpose="A message of no octets is one DATA without payload.")
async def no_octets(session: Session) -> None:
    for packet in (1, 2):
        session.data(b"", packet=packet)
        await session.expect(DepType.ACK, message_id=FIRST_MESSAGE, offset=0, highest_packet=packet)
    await silent(session, DepType.GRANT, DepType.BUSY, DepType.ERROR)


@session_case("DEP-DATA", 9, group="dep", clause=DATA, purpose="Messages of one octet, and of one more than a segment.")
async def one_octet(session: Session) -> None:
    size = session.limits.segment_size
    session.data(b"1", packet=1)
    await session.expect(DepType.ACK, message_id=1, offset=1)
    session.data(bytes(size), packet=2, message=2, length=size + 1)
    session.data(b"1", packet=3, message=2, length=size + 1, offset=size)
    await session.expect(DepType.ACK, message_id=2, offset=size + 1)


@session_case("DEP-DATA", 10, group="dep", clause=STEPS, purpose="Segments that do not fit are dropped in silence.")
async def wrong_segments(session: Session) -> None:
    size = session.limits.segment_size
    length = 2 * size + 10
    wrong = [
        (0, bytes(size - 1)), (0, bytes(size + 1)), (1, bytes(size)), (size + 1, bytes(size)), (2 * size, bytes(11)),
        (2 * size, bytes(9)), (3 * size, b"x"), (3 * size, b""), (7, b""), (0xFFFF_FFFF, b"x"),
    ]  # fmt: skip
    for packet, (offset, part) in enumerate(wrong, 1):
        session.data(part, packet=packet, offset=offset, length=length, ack_requested=True)
    await silent(session, DepType.ACK, DepType.ERROR, DepType.GRANT)
    for offset, part in segments(session, octets(length)):
        session.data(part, packet=20, offset=offset, length=length)
    await session.expect(DepType.ACK, offset=length)


@session_case("DEP-DATA", 11, group="dep", clause=STEPS, purpose="Segments with another message_length are dropped.")
async def length_changed(session: Session) -> None:
    size = session.limits.segment_size
    session.data(bytes(size), packet=1, length=3 * size)
    session.data(bytes(size), packet=2, offset=size, length=2 * size, ack_requested=True)
    session.data(bytes(size), packet=3, offset=size, length=4 * size, ack_requested=True)
    await silent(session, DepType.ERROR)
    ack = [each.header.offset for each in session.end.dep.arrived(DepType.ACK)]
    session.end.tester.check(set(ack) <= {size}, "nothing of the other lengths is acknowledged")
    for packet, offset in enumerate((size, 2 * size), 4):
        session.data(bytes(size), packet=packet, offset=offset, length=3 * size)
    await session.expect(DepType.ACK, offset=3 * size)


@session_case("DEP-DATA", 12, group="dep", clause=STEPS, flows=UNORDERED,
              purpose="A finished message is remembered; behind 1024 others it is stale, and not taken.")  # fmt: skip
async def stale(session: Session) -> None:
    first = REMEMBERED + 100
    packet = 0
    for message in range(first, first - 8, -1):
        packet += 1
        session.data(b"1", packet=packet, message=message)
        await session.expect(DepType.ACK, message_id=message)
    for message in range(first, first - 8, -1):
        session.data(b"1", packet=packet, message=message)
        await session.expect(DepType.ACK, message_id=message)
    for message in range(first + 1, first + 1 + REMEMBERED + 8):
        packet += 1
        session.data(b"1", packet=packet, message=message)
        await session.expect(DepType.ACK, message_id=message)
        if message == first + REMEMBERED - 100:
            session.data(b"1", packet=packet, message=first)
            await session.expect(DepType.ACK, message_id=first, offset=1)
    session.data(b"1", packet=packet, message=1)
    await session.expect(DepType.ERROR, message_id=1, cause=Cause.UNEXPECTED_MESSAGE)
    await silent(session, DepType.ACK)


@session_case("DEP-DATA", 13, group="dep", clause=STEPS,
              purpose="On an ordered flow a message too far ahead gets BUSY, and is taken later.")  # fmt: skip
async def beyond_the_window(session: Session) -> None:
    ahead = FIRST_MESSAGE + session.limits.maximum_open
    session.data(SMALL, packet=1, message=ahead, ack_requested=True)
    await session.expect(DepType.BUSY, message_id=ahead)
    await session.never(DepType.ACK, within=0.05)
    session.data(SMALL, packet=2, message=FIRST_MESSAGE)
    await session.expect(DepType.ACK, message_id=FIRST_MESSAGE)
    session.data(SMALL, packet=3, message=ahead)
    await session.expect(DepType.ACK, message_id=ahead)


@session_case("DEP-DATA", 14, group="dep", clause=CREDIT, flows=UNORDERED,
              purpose="One message more than may be open gets BUSY, until another one is whole.")  # fmt: skip
async def too_many_open(session: Session) -> None:
    size, most = session.limits.segment_size, session.limits.maximum_open
    for message in range(1, most + 1):
        session.data(bytes(size), packet=message, message=message, length=2 * size)
        await session.expect(DepType.ACK, message_id=message, offset=size)
    session.data(SMALL, packet=most + 1, message=most + 1)
    await session.expect(DepType.BUSY, message_id=most + 1)
    session.data(bytes(size), packet=most + 2, message=1, length=2 * size, offset=size)
    await session.expect(DepType.ACK, message_id=1, offset=2 * size)
    session.data(SMALL, packet=most + 3, message=most + 1)
    await session.expect(DepType.ACK, message_id=most + 1, offset=len(SMALL))


@session_case("DEP-DATA", 15, group="dep", clause=HEADER, rows=("R87", "R94"),
              purpose="The reencrypted flag, ECN and reserved bits of DATA change nothing.")  # fmt: skip
async def marked(session: Session) -> None:
    for mark in range(4):
        body = DataBody(message_length=len(SMALL), packet_number=mark + 1)
        more = {"message_id": mark + 1, "reencrypted": True, "congestion": mark}
        whole = session.pdu(DepType.DATA, body, SMALL, **more).encode()
        session.end.dep.inject(with_bits(whole, 1, 0x1F), bearer=session.bearer, bulk=True)
        await session.expect(DepType.ACK, message_id=mark + 1, offset=len(SMALL), reencrypted=False)


@session_case("DEP-DATA", 16, group="dep", clause=STEPS, purpose="A response to what nobody asked is refused.")
async def answers_nothing(session: Session) -> None:
    session.data(SMALL, packet=1, response=True, ack_requested=True)
    await session.expect(DepType.ERROR, cause=Cause.UNEXPECTED_MESSAGE, response=True, message_id=FIRST_MESSAGE)
    session.data(SMALL, packet=2)
    await session.expect(DepType.ACK, response=False, offset=len(SMALL))


@session_case("DEP-DATA", 17, group="dep", clause=MESSAGES, echo=True,
              purpose="A response has the id of its request; both are messages of their own.")  # fmt: skip
async def response_taken(session: Session) -> None:
    session.data(function_message(1), packet=1)
    request = await session.expect(DepType.DATA, message_id=FIRST_MESSAGE, response=False)
    session.data(SMALL, packet=2, response=True, message=request.header.message_id)
    await session.expect(DepType.ACK, response=True, message_id=FIRST_MESSAGE, offset=len(SMALL))


@session_case("DEP-DATA", 18, group="dep", clause=FAILED,
              purpose="What comes of a message that was given up is answered by the ERROR that ended it.")  # fmt: skip
async def failed_message(session: Session) -> None:
    size = session.limits.segment_size
    session.data(bytes(size), packet=1, length=2 * size)
    session.data(octets(size), packet=2, length=2 * size)
    for packet in (3, 4):
        await session.expect(DepType.ERROR, cause=Cause.OVERLAPPING_DATA, message_id=FIRST_MESSAGE)
        session.end.dep.clear()
        session.data(bytes(size), packet=packet, offset=size, length=2 * size, ack_requested=True)
    await session.expect(DepType.ERROR, cause=Cause.OVERLAPPING_DATA, message_id=FIRST_MESSAGE)
    await silent(session, DepType.ACK)


@session_case("DEP-ACK", 1, group="dep", clause=ACK,
              purpose="ACK names the highest packet number of the flow, in whichever message it came.")  # fmt: skip
async def highest_packet(session: Session) -> None:
    for message, (packet, highest) in enumerate(((9, 9), (4, 9), (300, 300), (299, 300)), 1):
        session.data(SMALL, packet=packet, message=message)
        await session.expect(DepType.ACK, message_id=message, highest_packet=highest)


@session_case("DEP-ACK", 2, group="dep", clause=ACKNOWLEDGING, purpose="Who asks is answered before all is there.")
async def asked(session: Session) -> None:
    size = session.limits.segment_size
    session.data(bytes(size), packet=1, length=3 * size, ack_requested=True)
    await session.expect(DepType.ACK, within=0.5, offset=size, map_bits=0)
    session.data(bytes(size), packet=2, length=3 * size)
    await session.expect(DepType.ACK, within=0.5, offset=size, highest_packet=2)
    # An announcement alone is not acknowledged.
    session.data(b"", packet=3, message=2, length=3 * size, ack_requested=True)
    await session.expect(DepType.ACK, within=0.5, message_id=2, offset=0, map_bits=0)


@session_case("DEP-ACK", 3, group="dep", clause=CONGESTION,
              purpose="ACK tells what share of DATA was marked since the last one.")  # fmt: skip
async def marks_are_told(session: Session) -> None:
    for packet, (mark, share) in enumerate(
        ((CongestionMark.EXPERIENCED, 255), (CongestionMark.CAPABLE_0, 0), (CongestionMark.NOT_CAPABLE, 0)), 1
    ):
        session.data(SMALL, packet=packet, message=packet, congestion=mark)
        ack = await session.expect(DepType.ACK, message_id=packet, offset=len(SMALL))
        assert isinstance(ack.body, AckBody)
        session.end.tester.check(ack.body.congestion == share, f"{share} of 255 marked")


@session_case("DEP-NACK", 1, group="dep", clause=SILENCE,
              purpose="While a gap stays and nothing comes, NACK asks for it, again and again.")  # fmt: skip
async def asks_for_gap(session: Session) -> None:
    size = session.limits.segment_size
    for packet, at in enumerate((0, 2), 1):
        session.data(bytes(size), packet=packet, offset=at * size, length=4 * size)
    wanted = size.to_bytes(4, "big") + (2 * size).to_bytes(4, "big")
    for _ in range(3):
        nack = await session.expect(DepType.NACK, message_id=FIRST_MESSAGE)
        assert isinstance(nack.body, NackBody)
        session.end.tester.check(nack.body.ranges == wanted, "the missing range, and no other")
    for packet, at in enumerate((1, 3), 3):
        session.data(bytes(size), packet=packet, offset=at * size, length=4 * size)
    await session.expect(DepType.ACK, offset=4 * size)
    session.end.dep.clear()
    await session.never(DepType.NACK, within=0.3)


@session_case("DEP-UNREL", 1, group="dep", clause=UNRELIABLE_FLOWS, flows=UNRELIABLE, rows=("R94", "R103"),
              purpose="On an unreliable flow nothing is asked for; a message that stands still ends.")  # fmt: skip
async def unreliable(session: Session) -> None:
    size = session.limits.segment_size
    for packet, at in enumerate((0, 2), 1):
        session.data(bytes(size), packet=packet, offset=at * size, length=3 * size)
    await session.expect(DepType.ERROR, within=3, cause=Cause.REASSEMBLY_TIMEOUT, message_id=FIRST_MESSAGE)
    await session.never(DepType.NACK, within=0.02)
    session.data(bytes(size), packet=3, offset=size, length=3 * size, ack_requested=True)
    await session.expect(DepType.ERROR, cause=Cause.REASSEMBLY_TIMEOUT, message_id=FIRST_MESSAGE)
    session.data(SMALL, packet=4, message=2)
    await session.expect(DepType.ACK, message_id=2, offset=len(SMALL))


# ---------------------------------------------------------------------------------------------------------------------
# Credit


@session_case("DEP-CREDIT", 1, group="dep", clause=CREDIT, purpose="A message beyond unscheduled is granted credit.")
async def grant_beyond_unscheduled(session: Session) -> None:
    size, unscheduled = session.limits.segment_size, session.limits.unscheduled
    length = unscheduled + 20 * size
    body = octets(min(size, unscheduled))
    session.data(body, packet=1, length=length)
    await session.expect(DepType.GRANT, message_id=FIRST_MESSAGE, limit=lambda limit: unscheduled < limit <= length)


@session_case("DEP-CREDIT", 2, group="dep", clause=CREDIT,
              purpose="An announcement gets GRANT, never beyond the length, or BUSY; each time.")  # fmt: skip
async def announced(session: Session) -> None:
    length = session.limits.unscheduled + 3 * session.limits.segment_size + 1
    for packet in (1, 2):
        session.data(b"", packet=packet, length=length)
        answer = await _granted_or_busy(session, FIRST_MESSAGE)
        session.end.tester.check(answer <= length, "not more than the message has")


@session_case("DEP-CREDIT", 3, group="dep", clause=CREDIT, flows=UNORDERED,
              purpose="Of many large messages at once each is granted at most its length.")  # fmt: skip
async def many_announced(session: Session) -> None:
    length = min(session.limits.maximum_message, 1 << 26)
    for message in range(1, session.limits.maximum_open + 1):
        session.data(b"", packet=message, message=message, length=length)
        limit = await _granted_or_busy(session, message)
        session.end.tester.check(limit <= length, "not more than the message has")
    await answers(session)


@session_case("DEP-CREDIT", 4, group="dep", clause=CREDIT,
              purpose="DATA beyond the permission is refused with CREDIT_VIOLATION; the message goes on.")  # fmt: skip
async def beyond_permission(session: Session) -> None:
    size, unscheduled = session.limits.segment_size, session.limits.unscheduled
    length = unscheduled + 4 * size
    beyond = -(-unscheduled // size) * size
    session.data(bytes(size), packet=1, offset=beyond, length=length)
    await session.expect(DepType.ERROR, cause=Cause.CREDIT_VIOLATION, message_id=FIRST_MESSAGE)
    session.data(bytes(size), packet=2, length=length, ack_requested=True)
    await session.expect(DepType.ACK, offset=size, message_id=FIRST_MESSAGE)


@session_case("DEP-CREDIT", 5, group="dep", clause=CREDIT,
              purpose="DATA beyond what was granted is refused, DATA just before it is taken.")  # fmt: skip
async def beyond_grant(session: Session) -> None:
    size, length = session.limits.segment_size, session.limits.maximum_message
    session.data(b"", packet=1, length=length)
    granted = await session.expect(DepType.GRANT)
    assert isinstance(granted.body, GrantBody)
    limit = granted.body.limit
    if limit >= length - size:
        session.end.tester.inconclusive("the largest message is granted at once")
    session.data(bytes(size), packet=2, offset=-(-limit // size) * size, length=length)
    await session.expect(DepType.ERROR, cause=Cause.CREDIT_VIOLATION, message_id=FIRST_MESSAGE)
    last = limit // size * size - size
    session.data(bytes(size), packet=3, offset=last, length=length, ack_requested=True)
    await session.expect(DepType.ACK, offset=0, highest_packet=3)


@session_case("DEP-CREDIT", 6, group="dep", clause=CREDIT,
              purpose="A GRANT that nothing answers is repeated, at growing distances.")  # fmt: skip
async def grant_repeated(session: Session) -> None:
    session.data(b"", packet=1, length=session.limits.unscheduled + 4 * session.limits.segment_size)
    times = []
    for _ in range(4):
        await session.expect(DepType.GRANT, message_id=FIRST_MESSAGE)
        assert session.end.dep.last is not None
        times.append(session.end.dep.last.time)
    first, *_, last = (after - before for before, after in pairwise(times))
    session.end.tester.check(last > 2 * first, "at growing distances")


@session_case("DEP-CREDIT", 7, group="dep", clause=CREDIT, purpose="Who keeps to the grants gets a message across.")
async def upload(session: Session) -> None:
    size = session.limits.segment_size
    body = octets(session.limits.unscheduled + UPLOAD * size + 1)
    permitted, packet = session.limits.unscheduled, 0
    for offset, part in segments(session, body):
        while offset + len(part) > permitted:
            grant = await session.expect(DepType.GRANT, limit=lambda limit: limit <= len(body))
            assert isinstance(grant.body, GrantBody)
            permitted = max(permitted, grant.body.limit)
        packet += 1
        session.data(part, packet=packet, offset=offset, length=len(body))
    await session.expect(DepType.ACK, offset=len(body), highest_packet=packet)


async def _granted_or_busy(session: Session, message: int) -> int:
    """The limit of the GRANT for an announcement; 0: it was BUSY."""
    tester, dep = session.end.tester, session.end.dep
    kinds = (DepType.GRANT, DepType.BUSY)
    await tester.until(lambda: any(dep.arrived(kind, message_id=message) for kind in kinds), 2)
    if dep.arrived(DepType.BUSY, message_id=message):
        await session.expect(DepType.BUSY, message_id=message)
        return 0
    grant = await session.expect(DepType.GRANT, message_id=message)
    assert isinstance(grant.body, GrantBody)
    return grant.body.limit


# ---------------------------------------------------------------------------------------------------------------------
# Delivery: what the function gets, it sends back


@session_case("DEP-ORDER", 1, group="dep", clause=DELIVERY, echo=True,
              purpose="Requests of an ordered flow are delivered in the order of their ids.")  # fmt: skip
async def ordered(session: Session) -> None:
    for packet, message in enumerate((3, 2), 1):
        session.data(function_message(message), packet=packet, message=message)
        await session.expect(DepType.ACK, message_id=message)
    await session.never(DepType.DATA, within=0.1)
    session.data(function_message(1), packet=3, message=1)
    session.end.tester.check(await _tags(session, 1, 2, 3) == [1, 2, 3], "in the order of the ids")


@session_case("DEP-ORDER", 2, group="dep", clause=DELIVERY, flows=UNORDERED, echo=True,
              purpose="On a flow that is not ordered a message waits for no other.")  # fmt: skip
async def unordered(session: Session) -> None:
    for packet, message in enumerate((3, 1, 2), 1):
        session.data(function_message(message), packet=packet, message=message)
        session.end.tester.check(await _tags(session, packet) == [message], "it is delivered at once")


@session_case("DEP-ORDER", 3, group="dep", clause=DELIVERY, echo=True,
              purpose="On an ordered flow a message that failed at the receiver is not waited for.")  # fmt: skip
async def failed_not_waited_for(session: Session) -> None:
    size = session.limits.segment_size
    session.data(function_message(2), packet=1, message=2)
    await session.expect(DepType.ACK, message_id=2)
    session.data(bytes(size), packet=2, length=2 * size)
    session.data(octets(size), packet=3, length=2 * size)
    session.end.tester.check(await _tags(session, 1) == [2], "the second message is delivered")


@session_case("DEP-ORDER", 4, group="dep", clause=DELIVERY, echo=True,
              purpose="A message is delivered once, however often it comes.")  # fmt: skip
async def once(session: Session) -> None:
    for packet in (1, 2, 3):
        session.data(function_message(1), packet=packet)
        await session.expect(DepType.ACK, message_id=1)
    session.data(function_message(2), packet=4, message=2)
    session.end.tester.check(await _tags(session, 1, 2) == [1, 2], "each once")


async def _tags(session: Session, *messages: int) -> list[int]:
    """Tags of the short messages of these ids that come back; each is acknowledged."""
    tags = []
    for message in messages:
        data = await session.expect(DepType.DATA, message_id=message)
        assert isinstance(data.body, DataBody)
        body = AckBody(
            highest_packet=data.body.packet_number, delay=0, segment_size=session.end.endpoint.limits.segment_size,
            map_bits=0, congestion=0, map=b"",
        )  # fmt: skip
        session.send(DepType.ACK, body, message_id=message, offset=data.body.message_length)
        tags.append(decode_message(data.payload).tag)
    return tags


@session_case("DEP-ECHO", 1, group="dep", clause=DATA, rows=("R43", "R94"), echo=True,
              purpose="A long message reaches the function and comes back, though segments get lost.")  # fmt: skip
async def echoed(session: Session) -> None:
    data = octets(100_000)
    opened = session.open()
    session.end.pdus.drop(object, "out", bulk=True, times=2)
    session.end.pdus.drop(object, "in", bulk=True, times=2)
    number = opened.send(encode_message(Message(tag=7, data=data)))
    await opened.expect(MessageAcknowledged, within=10, message_id=number)
    came = await opened.expect(MessageReceived, within=10)
    back = decode_message(came.body)
    session.end.tester.check(back.tag == 7 and bytes(back.data) == data, "the message came back as it was sent")
