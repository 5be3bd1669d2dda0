"""The Deep Edge Protocol, sending: credit, losses, numbers. The function sends back what it gets, and that is watched.

The tester permits little, so that a message of a few thousand octets shows all there is.
"""

from __future__ import annotations

from typing import Any

from net4ai.codecs.causes import Cause
from net4ai.codecs.common import SessionLimits
from net4ai.codecs.dep import (
    AckBody,
    BusyBody,
    CloseBody,
    CongestionMark,
    DataBody,
    DepHeader,
    DepType,
    ErrorBody,
    GrantBody,
    MissingOctets,
    NackBody,
    PathBody,
    PathReason,
)
from net4ai.codecs.message import PREFIX_SIZE
from net4ai.conformance.cases.sessions import UNORDERED, UNRELIABLE, answers, function_message, segments, session_case
from net4ai.conformance.hop_end import Session
from net4ai.conformance.pdus import DepPdu

DATA = "docs/spec/dep.md#31-data"
ACK = "docs/spec/dep.md#33-ack"
NACK = "docs/spec/dep.md#34-nack"
BUSY = "docs/spec/dep.md#35-busy"
CREDIT = "docs/spec/dep.md#4-credit"
LOSS = "docs/spec/dep.md#52-detecting-loss"
CONGESTION = "docs/spec/dep.md#56-congestion"
PROBING = "docs/spec/dep.md#53-probing"
UNRELIABLE_FLOWS = "docs/spec/dep.md#55-flows-that-are-not-reliable"
CLOSE = "docs/spec/dep.md#71-close"
PATH = "docs/spec/dep.md#8-path"
RULES = "docs/spec/dep.md#92-rules"

SEGMENT, UNSCHEDULED = 500, 1500
LENGTH = 4000
"""Octets of the message that comes back: 8 segments, 3 of them unscheduled."""
LITTLE = SessionLimits(segment_size=SEGMENT, unscheduled=UNSCHEDULED, maximum_message=1 << 20, maximum_open=8)
ONE = SessionLimits(segment_size=SEGMENT, unscheduled=4 * SEGMENT, maximum_message=1 << 20, maximum_open=1)
PATIENCE = 0.3
"""Seconds without what must not be sent: a few round trips, and a probe."""


async def come_back(session: Session, octets: int = LENGTH, message: int = 1) -> bytes:
    """A message goes to the function, which sends it back: that is under way then."""
    body = function_message(message, octets - PREFIX_SIZE)
    for packet, (offset, part) in enumerate(segments(session, body), 10 * message):
        session.data(part, packet=packet, message=message, offset=offset, length=len(body))
    await session.expect(DepType.ACK, message_id=message, offset=len(body))
    return body


async def data_of(session: Session, offset: int, message: int = 1, **fields: Any) -> DepPdu:
    """DATA with a payload, of a message that comes back."""
    return await session.expect(
        DepType.DATA, message_id=message, offset=offset, payload=lambda payload: len(payload) > 0, **fields
    )


def number_of(data: DepPdu) -> int:
    """Its packet number."""
    assert isinstance(data.body, DataBody)
    return data.body.packet_number


def grant(session: Session, limit: int, message: int = 1) -> None:
    session.send(DepType.GRANT, GrantBody(limit=limit, priority=0), message_id=message)


async def grant_announced(session: Session, limit: int, message: int = 1) -> None:
    """GRANT for a message once it is announced: one that comes before it counts for nothing."""
    await session.expect(DepType.DATA, message_id=message, payload=b"")
    grant(session, limit, message)


def acknowledge(session: Session, offset: int, highest: int, arrived: str = "", message: int = 1, **more: int) -> None:
    """`arrived`: a 1 for each segment behind `offset` that is there."""
    octets = int(arrived.ljust(-(-len(arrived) // 8) * 8, "0") or "0", 2).to_bytes(-(-len(arrived) // 8), "big")
    fields = {"segment_size": SEGMENT, "delay": 0, "congestion": 0} | more
    body = AckBody(highest_packet=highest, map_bits=len(arrived), map=octets, **fields)
    session.send(DepType.ACK, body, message_id=message, offset=offset)


async def never_from(session: Session, offset: int, within: float = PATIENCE) -> None:
    """No octets from `offset` on may come."""
    await session.never(
        DepType.DATA, within=within, offset=lambda at: at >= offset, payload=lambda payload: len(payload) > 0
    )


async def all_of(session: Session, length: int = LENGTH, first: int = 0) -> list[DepPdu]:
    """DATA of all segments from `first` on, before `length`."""
    return [await data_of(session, offset) for offset in range(first, length, SEGMENT)]


@session_case("DEP-SEND", 1, group="dep", clause=CREDIT, echo=True, limits=LITTLE,
              purpose="Without GRANT not more than the unscheduled octets come.")  # fmt: skip
async def unscheduled_only(session: Session) -> None:
    await come_back(session)
    await all_of(session, UNSCHEDULED)
    await never_from(session, UNSCHEDULED)


@session_case("DEP-SEND", 2, group="dep", clause=CREDIT, echo=True, limits=LITTLE,
              purpose="The unscheduled octets belong to the session, not to each message.")  # fmt: skip
async def shared_unscheduled(session: Session) -> None:
    await come_back(session)
    await come_back(session, message=2)
    await all_of(session, UNSCHEDULED)
    await session.never(DepType.DATA, within=PATIENCE, message_id=2, payload=lambda payload: len(payload) > 0)


@session_case("DEP-SEND", 3, group="dep", clause=CREDIT, echo=True, limits=LITTLE,
              purpose="A sender without credit announces the message, with its length and no payload.")  # fmt: skip
async def announces(session: Session) -> None:
    await come_back(session)
    fields: dict[str, Any] = {"offset": lambda offset: offset % SEGMENT == 0, "message_length": LENGTH}
    await session.expect(DepType.DATA, payload=b"", message_id=1, **fields)


@session_case("DEP-SEND", 4, group="dep", clause=CREDIT, echo=True, limits=LITTLE,
              purpose="What is granted comes, and no octet more; a lower GRANT changes nothing.")  # fmt: skip
async def obeys_grants(session: Session) -> None:
    body = await come_back(session)
    await grant_announced(session, 5 * SEGMENT)
    await all_of(session, 5 * SEGMENT)
    grant(session, 2 * SEGMENT)
    await never_from(session, 5 * SEGMENT)
    grant(session, LENGTH)
    parts = await all_of(session, LENGTH, 5 * SEGMENT)
    session.end.tester.check(b"".join(part.payload for part in parts) == body[5 * SEGMENT :], "the same octets")


@session_case("DEP-SEND", 5, group="dep", clause=DATA, echo=True, limits=LITTLE,
              purpose="Segments are as long as the receiver says, the last one as long as what is left.")  # fmt: skip
async def segment_sizes(session: Session) -> None:
    body = await come_back(session, LENGTH + 7)
    await grant_announced(session, len(body))
    parts = await all_of(session, len(body))
    sizes = [len(part.payload) for part in parts]
    session.end.tester.check(sizes == [SEGMENT] * 8 + [7], "segments of 500 octets, and the rest")
    session.end.tester.check(b"".join(part.payload for part in parts) == body, "the same octets")


@session_case("DEP-SEND", 6, group="dep", clause=DATA, echo=True, limits=LITTLE,
              purpose="Packet numbers count from 1, each transmission has a fresh one, over all messages.")  # fmt: skip
async def packet_numbers(session: Session) -> None:
    await come_back(session, 2 * SEGMENT)
    first = await all_of(session, 2 * SEGMENT)
    acknowledge(session, 2 * SEGMENT, 2)
    await come_back(session, SEGMENT, message=2)
    last = await data_of(session, 0, message=2)
    numbers = [number_of(data) for data in (*first, last)]
    session.end.tester.check(min(numbers) == 1 and numbers == sorted(set(numbers)), "numbers from 1, growing")


@session_case("DEP-SEND", 7, group="dep", clause="docs/spec/dep.md#21-header", echo=True, limits=LITTLE,
              purpose="DATA has its receiver's handle, nothing reserved, and the bulk socket.")  # fmt: skip
async def header_fields(session: Session) -> None:
    await come_back(session, 2 * SEGMENT)
    for number, data in enumerate(await all_of(session, 2 * SEGMENT)):
        wanted = DepHeader(
            version=1, type=DepType.DATA, response=False, ack_requested=data.header.ack_requested, reencrypted=False,
            congestion=CongestionMark.CAPABLE_0, qfi=session.qfi, extension_words=0, handle=session.receive_handle,
            message_id=1, offset=number * SEGMENT,
        )  # fmt: skip
        session.end.tester.check(data.header == wanted and data.bulk, "the header, and the socket")


@session_case("DEP-SEND", 8, group="dep", clause=LOSS, echo=True, limits=LITTLE,
              purpose="A segment that an ACK shows missing comes again, freshly numbered; no other.")  # fmt: skip
async def repeats_lost(session: Session) -> None:
    await come_back(session)
    await grant_announced(session, LENGTH)
    parts = await all_of(session)
    highest = number_of(parts[-1])
    session.end.dep.clear()
    acknowledge(session, SEGMENT, highest, "0111111")
    again = await data_of(session, SEGMENT)
    session.end.tester.check(number_of(again) > highest, "a fresh packet number")
    others = [data.header.offset for data in session.end.dep.arrived(DepType.DATA)]
    session.end.tester.check(set(others) <= {SEGMENT}, "no other segment")
    acknowledge(session, LENGTH, number_of(again))


@session_case("DEP-SEND", 9, group="dep", clause=NACK, echo=True, limits=LITTLE,
              purpose="What a NACK asks for comes again, with a fresh packet number.")  # fmt: skip
async def obeys_nack(session: Session) -> None:
    await come_back(session)
    await grant_announced(session, LENGTH)
    highest = number_of((await all_of(session))[-1])
    acknowledge(session, 2 * SEGMENT, highest)
    missing = MissingOctets(start=3 * SEGMENT, end=4 * SEGMENT).to_bytes()
    await session.end.tester.sleep(0.1)
    session.send(DepType.NACK, NackBody(ranges=missing), message_id=1)
    await data_of(session, 3 * SEGMENT, packet_number=lambda number: number > highest)


@session_case("DEP-SEND", 19, group="dep", clause=NACK, echo=True, limits=LITTLE,
              purpose="A NACK that is cut, or has more than 64 ranges, asks for nothing; one of 64 does.")  # fmt: skip
async def malformed_nack(session: Session) -> None:
    await come_back(session)
    await grant_announced(session, LENGTH)
    highest = number_of((await all_of(session))[-1])
    missing = MissingOctets(start=3 * SEGMENT, end=4 * SEGMENT).to_bytes()
    whole = session.pdu(DepType.NACK, NackBody(ranges=64 * missing), message_id=1).encode()
    await session.end.tester.sleep(0.15)  # longer than a round trip
    for octets in (whole[: -len(missing) + 4], whole + missing):
        session.end.dep.inject(octets)
    await session.never(DepType.DATA, within=0.1, offset=3 * SEGMENT)
    session.end.dep.inject(whole)
    await data_of(session, 3 * SEGMENT, packet_number=lambda number: number > highest)


@session_case("DEP-SEND", 10, group="dep", clause=PROBING, echo=True, limits=LITTLE,
              purpose="Unanswered, the sender probes: it asks for an ACK, at growing distances.")  # fmt: skip
async def probes(session: Session) -> None:
    await come_back(session, 2 * SEGMENT)
    await all_of(session, 2 * SEGMENT)
    last, times = 0, []
    for _ in range(3):
        probe = await data_of(session, 0, ack_requested=True, packet_number=lambda number, last=last: number > last)
        last = number_of(probe)
        assert session.end.dep.last is not None
        times.append(session.end.dep.last.time)
    session.end.tester.check(times[2] - times[1] > 1.4 * (times[1] - times[0]), "at growing distances")


@session_case("DEP-SEND", 11, group="dep", clause=ACK, echo=True, limits=LITTLE,
              purpose="An ACK of what was never sent, or with another segment size, changes nothing.")  # fmt: skip
async def wrong_acks(session: Session) -> None:
    await come_back(session, 2 * SEGMENT)
    highest = number_of((await all_of(session, 2 * SEGMENT))[-1])
    acknowledge(session, 2 * SEGMENT, highest + 1000)
    acknowledge(session, 3 * SEGMENT, highest)
    acknowledge(session, 2 * SEGMENT, highest, segment_size=SEGMENT + 1)
    acknowledge(session, 2 * SEGMENT, highest, message=2)
    await data_of(session, 0, packet_number=lambda number: number > highest)


@session_case("DEP-SEND", 12, group="dep", clause=ACK, echo=True, limits=LITTLE,
              purpose="An acknowledged message is not sent again; the unscheduled octets are free.")  # fmt: skip
async def done(session: Session) -> None:
    await come_back(session, UNSCHEDULED)
    highest = number_of((await all_of(session, UNSCHEDULED))[-1])
    acknowledge(session, UNSCHEDULED, highest)
    await answers(session)
    session.end.dep.clear()
    await session.never(DepType.DATA, within=PATIENCE)
    await come_back(session, UNSCHEDULED, message=2)
    for offset in range(0, UNSCHEDULED, SEGMENT):
        await data_of(session, offset, message=2)


@session_case("DEP-SEND", 13, group="dep", clause=CLOSE, echo=True, limits=LITTLE,
              purpose="After CLOSE nothing is sent any more, whatever was granted.")  # fmt: skip
async def stops_on_close(session: Session) -> None:
    await come_back(session)
    await all_of(session, UNSCHEDULED)
    session.send(DepType.CLOSE, CloseBody(cause=Cause.NORMAL))
    await session.expect(DepType.CLOSE_ACK)
    session.end.dep.clear()
    grant(session, LENGTH)
    await session.never(DepType.DATA, within=2 * PATIENCE)


@session_case("DEP-SEND", 14, group="dep", clause=RULES, echo=True, limits=LITTLE,
              purpose="ERROR that ends a message ends it at its sender, and no other one.")  # fmt: skip
async def stops_on_error(session: Session) -> None:
    await come_back(session)
    await all_of(session, UNSCHEDULED)
    session.send(DepType.ERROR, ErrorBody(cause=Cause.MESSAGE_TOO_LARGE, handle=0), message_id=1)
    await answers(session)
    session.end.dep.clear()
    grant(session, LENGTH)
    await session.never(DepType.DATA, within=2 * PATIENCE, message_id=1)


@session_case("DEP-SEND", 15, group="dep", clause=RULES, echo=True, limits=LITTLE,
              purpose="ERROR with another cause, also an unknown one, leaves the message alone.")  # fmt: skip
async def goes_on_after_error(session: Session) -> None:
    await come_back(session)
    await all_of(session, UNSCHEDULED)
    for cause in (Cause.CREDIT_VIOLATION, Cause.UNSPECIFIED, 0xFFFF):
        session.send(DepType.ERROR, ErrorBody(cause=cause, handle=0), message_id=1)
    grant(session, LENGTH)
    await all_of(session, LENGTH, UNSCHEDULED)


@session_case("DEP-SEND", 16, group="dep", clause=CREDIT, echo=True, limits=ONE,
              purpose="Not more messages are under way than the receiver takes.")  # fmt: skip
async def one_at_a_time(session: Session) -> None:
    await come_back(session, SEGMENT)
    await come_back(session, SEGMENT, message=2)
    first = await data_of(session, 0)
    await session.never(DepType.DATA, within=PATIENCE, message_id=2)
    acknowledge(session, SEGMENT, number_of(first))
    await data_of(session, 0, message=2)


@session_case("DEP-SEND", 17, group="dep", clause=UNRELIABLE_FLOWS, flows=UNRELIABLE, echo=True, limits=LITTLE,
              rows=("R94", "R103"), purpose="On an unreliable flow nothing is sent again.")  # fmt: skip
async def never_again(session: Session) -> None:
    await come_back(session, 2 * SEGMENT)
    await all_of(session, 2 * SEGMENT)
    acknowledge(session, SEGMENT, 2)
    await session.never(DepType.DATA, within=2 * PATIENCE, payload=lambda payload: len(payload) > 0)


@session_case("DEP-SEND", 18, group="dep", clause=BUSY, flows=UNORDERED, echo=True, limits=LITTLE,
              purpose="BUSY is patience: the message waits, and goes on with its GRANT.")  # fmt: skip
async def busy(session: Session) -> None:
    await come_back(session)
    await all_of(session, UNSCHEDULED)
    for _ in range(3):
        session.send(DepType.BUSY, BusyBody(), message_id=1)
        await never_from(session, UNSCHEDULED, within=0.1)
    grant(session, LENGTH)
    await all_of(session, LENGTH, UNSCHEDULED)


@session_case("DEP-PATH", 5, group="liveness", clause=PATH, echo=True, limits=LITTLE, options=("path",),
              rows=("R94", "R107"),
              purpose="On a new path what is not acknowledged comes again, as far as permitted anew.")  # fmt: skip
async def sent_again(session: Session) -> None:
    await come_back(session)
    await grant_announced(session, LENGTH)
    highest = number_of((await all_of(session))[-1])
    # Packet 1 alone: nothing counts as lost for it.
    acknowledge(session, SEGMENT, 1)
    await answers(session)
    session.end.dep.clear()
    session.send(DepType.PATH, PathBody(sequence=1, reason=PathReason.REESTABLISHED, answer=False))
    await session.expect(DepType.PATH, sequence=1, answer=True)
    for offset in range(SEGMENT, UNSCHEDULED, SEGMENT):
        await data_of(session, offset, packet_number=lambda number: number > highest)
    await never_from(session, UNSCHEDULED, within=0.1)
    await grant_announced(session, LENGTH)
    await all_of(session, LENGTH, UNSCHEDULED)


@session_case("DEP-SEND", 20, group="dep", clause=CONGESTION, echo=True, limits=LITTLE,
              purpose="Where all was marked half of what was in flight may be, two segments at least.")  # fmt: skip
async def heeds_marks(session: Session) -> None:
    await come_back(session)
    data = await all_of(session, UNSCHEDULED)
    session.end.tester.check(
        all(each.header.congestion == CongestionMark.CAPABLE_0 for each in data), "DATA that can be marked"
    )
    acknowledge(session, SEGMENT, number_of(data[0]), congestion=255)
    await grant_announced(session, LENGTH)
    await never_from(session, UNSCHEDULED)
    acknowledge(session, 2 * SEGMENT, number_of(data[1]))
    await data_of(session, UNSCHEDULED)
    await never_from(session, UNSCHEDULED + SEGMENT)
