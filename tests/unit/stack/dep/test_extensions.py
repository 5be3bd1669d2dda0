"""Extensions: known ones are taken, unknown ones passed over unless critical, broken ones dropped."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from net4ai.codecs.causes import Cause
from net4ai.codecs.dep import CapsuleBody, DepType, EchoBody, ExtensionType, PathBody
from net4ai.codecs.errors import DecodeError
from net4ai.stack.dep import pdus
from net4ai.stack.dep.extensions import Extensions, Jitter, extension
from net4ai.stack.drops import Drop

MICROSECOND = 1000
UNKNOWN = 99

BODIES_OF = {
    DepType.DATA: bytes(11) + b"\x01",
    DepType.GRANT: pdus.grant(1000),
    DepType.ACK: pdus.ack(1, 0, 1000, b"\x01"),
    DepType.NACK: pdus.nack([(0, 10)]),
    DepType.BUSY: bytes(4),
    DepType.PING: bytes(4),
    DepType.PONG: bytes(4),
    DepType.CLOSE: pdus.close(Cause.NORMAL),
    DepType.CLOSE_ACK: pdus.close(Cause.NORMAL),
    DepType.PATH: PathBody(sequence=1, reason=0, answer=False).to_bytes(),
    DepType.ERROR: pdus.error(Cause.BUSY, 0),
    DepType.CAPSULE: CapsuleBody(epoch=1, capsule=b"key").to_bytes(),
}


def pdu(kind: DepType, extensions: bytes, body: bytes | None = None) -> bytes:
    fields = {"handle": 7, "qfi": 1, "message_id": 1}
    body = BODIES_OF[kind] if body is None else body
    return pdus.pack_header(1, kind, extension_words=len(extensions) // 4, **fields) + extensions + body


def timestamp(microseconds: int, critical: bool = False) -> bytes:
    return extension(ExtensionType.TIMESTAMP, (microseconds % (1 << 32)).to_bytes(4, "big"), critical)


def test_written_by_hand():
    assert extension(ExtensionType.PADDING) == bytes.fromhex("00010000")
    assert timestamp(0x01020304) == bytes.fromhex("01020000 01020304")
    assert extension(UNKNOWN, b"abcde", critical=True) == bytes.fromhex("e3030000 6162636465000000")


@pytest.mark.parametrize("kind", BODIES_OF)
@pytest.mark.parametrize(
    "extensions",
    [
        extension(ExtensionType.PADDING),
        extension(ExtensionType.PADDING, bytes(40), critical=True),
        timestamp(5),
        timestamp(5, critical=True),
        extension(UNKNOWN, b"whatever"),
        extension(UNKNOWN) + timestamp(5) + extension(ExtensionType.PADDING, b"\xff" * 980),
    ],
)
def test_the_pdu_means_the_same_with_extensions(lone, kind, extensions):
    plain, extended = lone(), lone()
    for one, pdu_in in ((plain, pdu(kind, b"")), (extended, pdu(kind, extensions))):
        one.session.send(1, [bytes(3000)], now=0)
        one.sent()
        one.session.receive(pdu_in, 0)
    assert extended.controls() == plain.controls()
    assert extended.events() == plain.events()
    assert extended.session.drops == plain.session.drops


@pytest.mark.parametrize("kind", BODIES_OF)
def test_critical_and_unknown(lone, kind):
    one = lone()
    one.session.receive(pdu(kind, timestamp(5) + extension(UNKNOWN, critical=True)), 0)
    assert one.session.drops == {Drop.UNKNOWN_EXTENSION: 1}
    assert [(header.message_id, body.cause) for header, body in one.controls()] == (
        [] if kind is DepType.ERROR else [(1, Cause.UNKNOWN_CRITICAL_EXTENSION)]
    )
    assert one.events() == []
    assert one.session.is_open


@pytest.mark.parametrize(
    "broken",
    [
        bytes.fromhex("01010000"),  # a timestamp of no octets
        bytes.fromhex("01030000 0102030405060708"),
        bytes.fromhex("00000000"),  # a length of 0 would never end
        bytes.fromhex("00020000"),  # beyond the extensions
        bytes.fromhex("00010001"),  # reserved bits
        bytes.fromhex("00010000 63030000 00000000"),
        bytes.fromhex("63010000 00000000 00010000"),  # no length behind the first
    ],
)
def test_broken_extensions(lone, broken):
    with pytest.raises(DecodeError):
        Extensions(broken)
    one = lone()
    one.session.receive(pdu(DepType.PING, broken), 0)
    assert one.session.drops == {Drop.MALFORMED: 1}
    assert one.controls() == []


def test_longer_than_the_pdu(lone):
    one = lone()
    one.session.receive(pdus.pack_header(1, DepType.PING, handle=7, qfi=1, extension_words=255) + bytes(4), 0)
    assert one.session.drops == {Drop.MALFORMED: 1}


@given(st.binary(max_size=64))
def test_any_octets_give_extensions_or_the_one_error(octets):
    try:
        found = Extensions(octets)
    except DecodeError:
        return
    assert found.timestamp is None or 0 <= found.timestamp < 1 << 32


def test_data_with_extensions_in_a_batch(lone):
    """It is legal for a receiver; those behind it are taken as they are."""
    one = lone()
    header = {"handle": 7, "qfi": 2, "extension_words": 1}
    segments = []
    for message_id in range(1, 5):
        start = pdus.pack_header(1, DepType.DATA, message_id=message_id, **header)
        segments.append(bytes(8) + start + extension(UNKNOWN) + bytes([0, 0, 0, 2, 0, 0, 0, message_id]) + b"ok")
    one.session.receive_run(b"".join(segments), len(segments[0]), 0)
    assert [bytes(event.body) for event in one.events()] == [b"ok"] * 4


def test_jitter_as_rfc_3550_computes_it():
    """Appendix A.8 in floating point is the oracle; integers may be off by one sixteenth a sample."""
    source = random.Random(1)
    jitter, expected, before = Jitter(), 0.0, None
    clock = (1 << 32) - 500_000  # wraps around
    for number in range(200):
        sent = number * 20_000
        arrived = sent + source.randrange(5000, 15_000)
        jitter.sample((clock + sent) % (1 << 32), arrived * MICROSECOND)
        if before is not None:
            expected += (abs(arrived - sent - before) - expected) / 16
        before = arrived - sent
        assert abs(jitter.microseconds - expected) <= 2
    assert expected > 2000


def test_the_session_keeps_jitter(lone):
    one = lone()
    assert one.session.jitter.microseconds == 0
    for number, late in enumerate([0, 0, 160, 0]):
        one.now = (number * 1000 + late) * MICROSECOND
        one.session.receive(pdu(DepType.PING, timestamp(number * 1000), EchoBody(echo=1).to_bytes()), one.now)
    assert one.session.jitter.microseconds == 19  # 160 / 16 = 10, then 10 + (160 - 10) / 16
    one.session.receive(pdu(DepType.PING, timestamp(0) + extension(UNKNOWN, critical=True)), one.now)
    assert one.session.jitter.microseconds == 19
