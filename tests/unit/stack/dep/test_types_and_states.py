"""Every type of PDU in every state of a session, for a QoS flow it has and one it has not: the whole table."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Any, NamedTuple

import pytest

from net4ai.codecs.causes import Cause
from net4ai.codecs.dep import CapsuleBody, DepType, PathBody, PathReason
from net4ai.stack.dep import pdus
from net4ai.stack.dep.events import CapsuleReceived, MessageAcknowledged, MessageFailed, MessageReceived, SessionClosed
from net4ai.stack.drops import Drop

KNOWN, UNKNOWN = 1, 9
STATES = ("open", "closing", "closed")
CLOSE_ACK, CLOSED = [DepType.CLOSE_ACK], [SessionClosed]


class Outcome(NamedTuple):
    """What comes of a PDU."""

    drop: Drop | None = None
    answers: Sequence[DepType] = ()
    events: Sequence[type[Any]] = ()
    data: int = 0
    """DATA segments that go out."""


class Row(NamedTuple):
    """One PDU, and what comes of it in an open session, which has sent the first part of a message."""

    kind: int
    body: bytes
    known: Outcome
    unknown: Outcome
    cause: Cause | None = None
    """In the ERROR that answers it."""
    after: str = "open"


def data(length: int, payload: bytes) -> bytes:
    return struct.pack(">II", length, 1) + payload


def path(answer: bool) -> bytes:
    return PathBody(sequence=1, reason=PathReason.HANDED_OVER, answer=answer).to_bytes()


NO_FLOW = Outcome(Drop.FLOW_NOT_CONFIGURED)
RESERVED = Outcome(Drop.RESERVED_TYPE)
ANSWERS_NOTHING = Outcome(Drop.ANSWERS_NOTHING)
PONG, PATH, CAPSULE = (Outcome(answers=[kind]) for kind in (DepType.PONG, DepType.PATH, DepType.CAPSULE))
KEY = Outcome(answers=[DepType.CAPSULE], events=[CapsuleReceived])
ENDS = Outcome(answers=CLOSE_ACK, events=[MessageFailed, SessionClosed])

ROWS = {
    "DATA": Row(
        DepType.DATA,
        data(3, b"abc"),
        Outcome(answers=[DepType.ACK], events=[MessageReceived]),
        Outcome(Drop.FLOW_NOT_CONFIGURED, [DepType.ERROR]),
        Cause.QOS_FLOW_NOT_CONFIGURED,
    ),
    "GRANT": Row(DepType.GRANT, pdus.grant(10_000), Outcome(data=2), NO_FLOW),
    "ACK": Row(DepType.ACK, pdus.ack(4, 0, 1000, b""), Outcome(), NO_FLOW),
    "NACK": Row(DepType.NACK, pdus.nack([(0, 1000)]), Outcome(), NO_FLOW),
    "BUSY": Row(DepType.BUSY, bytes(4), Outcome(), NO_FLOW),
    "PING": Row(DepType.PING, bytes(4), PONG, PONG),
    "PONG": Row(DepType.PONG, bytes(4), ANSWERS_NOTHING, ANSWERS_NOTHING),
    "CLOSE": Row(DepType.CLOSE, pdus.close(Cause.NORMAL), ENDS, ENDS, after="closed"),
    "CLOSE_ACK": Row(DepType.CLOSE_ACK, pdus.close(Cause.NORMAL), ANSWERS_NOTHING, ANSWERS_NOTHING),
    "PATH": Row(DepType.PATH, path(False), PATH._replace(data=5), PATH._replace(data=5)),
    "PATH, an answer": Row(DepType.PATH, path(True), ANSWERS_NOTHING, ANSWERS_NOTHING),
    "ERROR": Row(
        DepType.ERROR,
        pdus.error(Cause.MESSAGE_TOO_LARGE, 0),
        Outcome(events=[MessageFailed]),
        Outcome(Drop.ERROR_WITHOUT_CONSEQUENCE),
    ),
    "ERROR, a cause that ends nothing": Row(
        DepType.ERROR,
        pdus.error(Cause.BUSY, 0),
        Outcome(Drop.ERROR_WITHOUT_CONSEQUENCE),
        Outcome(Drop.ERROR_WITHOUT_CONSEQUENCE),
    ),
    "CAPSULE": Row(DepType.CAPSULE, CapsuleBody(epoch=1, capsule=b"key").to_bytes(), KEY, KEY),
    "CAPSULE, an answer": Row(
        DepType.CAPSULE, CapsuleBody(epoch=1, capsule=b"").to_bytes(), ANSWERS_NOTHING, ANSWERS_NOTHING
    ),
    "EXT": Row(DepType.EXT, bytes(8), RESERVED, RESERVED),
    **{f"type {kind}": Row(kind, bytes(8), RESERVED, RESERVED) for kind in (0, 13, 14)},
}


def test_every_type_has_a_row():
    assert {row.kind for row in ROWS.values()} == set(range(16))


@pytest.mark.parametrize("qfi", [KNOWN, UNKNOWN])
@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("name", ROWS)
def test_the_table(lone, name: str, state: str, qfi: int):
    row = ROWS[name]
    one = lone()
    one.session.send(1, [bytes(6000)], now=0)
    assert len(one.sent()) == 5  # what may go without GRANT, and the question for credit
    if state != "open":
        one.session.close(Cause.CANCELLED, 0)
    if state == "closed":
        one.receive(DepType.CLOSE_ACK, pdus.close(Cause.NORMAL))
    one.controls()
    one.events()

    header = pdus.pack_header(1, DepType.DATA, handle=7, qfi=qfi, message_id=1)
    one.session.receive(bytes([0x10 | row.kind]) + header[1:] + row.body, 0)

    expected, after = (row.known if qfi == KNOWN else row.unknown), row.after
    if state != "open":
        expected, after = Outcome(Drop.SESSION_CLOSED), state
        if row.kind in (0, 13, 14, DepType.EXT):
            expected = RESERVED
        elif row.kind == DepType.CLOSE:
            expected, after = Outcome(answers=CLOSE_ACK, events=CLOSED if state == "closing" else ()), "closed"
        elif row.kind == DepType.CLOSE_ACK:
            expected, after = (Outcome(events=CLOSED) if state == "closing" else ANSWERS_NOTHING), "closed"
    assert list(one.session.drops.elements()) == ([expected.drop] if expected.drop else [])
    answers = one.controls()
    assert [DepType(header.type) for header, _ in answers] == list(expected.answers)
    if DepType.ERROR in expected.answers:
        ((header, error),) = answers
        assert (header.handle, header.qfi, header.message_id) == (0xABCD, qfi, 1)
        assert (error.cause, error.handle) == (row.cause, 0)
    assert [type(event) for event in one.events()] == list(expected.events)
    assert len(one.sent()) == expected.data
    assert one.session._state == after


def test_acknowledged_messages_are_told(lone):
    """The row of ACK has one that says nothing new."""
    one = lone()
    one.session.send(1, [b"x"], now=0)
    one.sent()
    one.ack(1, 1, 1)
    assert one.events() == [MessageAcknowledged(1, 1, False)]
