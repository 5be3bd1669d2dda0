"""PDUs of the acknowledged bearer: those it refuses, the wire by hand."""

from __future__ import annotations

import random

import pytest
from bearer_bench import MS, bearer, fields_of, header

from net4ai.codecs.l2 import BearerType, Segmentation, SegmentOffset
from net4ai.stack.acknowledged_bearer import MAXIMUM_PDU, WINDOW
from net4ai.stack.drops import Drop

# ---------------------------------------------------------------------------------------------------------------------
# What the peer or a stranger gets wrong


@pytest.mark.parametrize(
    ("pdu", "reason"),
    [
        (b"", "truncated"),
        (header()[:7], "truncated"),
        (b"\xe0" + header()[1:] + b"x", "value out of range"),
        (header(), Drop.PDU_EMPTY),
        (header(bearer=2) + b"x", Drop.WRONG_BEARER),
        (header(bearer_type=BearerType.CRB) + b"x", Drop.WRONG_BEARER),
        (header(c_rnti=1) + b"x", Drop.WRONG_BEARER),
        (header(has_mac=1) + b"xxxxx", Drop.INTEGRITY_NOT_CONFIGURED),
        (header(is_data=0, has_mac=1) + bytes(8), Drop.INTEGRITY_NOT_CONFIGURED),
        (header(segmentation=Segmentation.LAST) + bytes(3), "truncated"),
        (header(segmentation=Segmentation.LAST) + bytes(4), Drop.PDU_EMPTY),
        (header() + bytes(MAXIMUM_PDU - 7), Drop.PDU_TOO_LONG),
        (header(is_data=0) + bytes(3), "truncated"),
        (header(is_data=0) + bytes(4 + 5), "truncated"),
        (header(is_data=0) + bytes(4 + 6), "value out of range"),
        (header(is_data=0) + bytes(4 + 6 * 65), "length out of range"),
        (header(is_data=0) + (1).to_bytes(4, "big"), Drop.STALE_STATUS),
        (header(is_data=0) + (2**31).to_bytes(4, "big"), Drop.STALE_STATUS),
        (header(is_data=0) + (2**32 - WINDOW - 1).to_bytes(4, "big"), Drop.STALE_STATUS),
    ],
)
def test_refused(pdu: bytes, reason: str) -> None:
    end = bearer()
    end.receive(pdu, 0)
    assert end.drops.counts == {str(reason): 1}
    assert end.idle
    assert end.datagrams_to_send(0) == []


def segment(count: int, segmentation: int, offset: int, payload: bytes) -> bytes:
    has_offset = segmentation in (Segmentation.MIDDLE, Segmentation.LAST)
    body = SegmentOffset(offset=offset).to_bytes() if has_offset else b""
    return header(count=count, segmentation=segmentation) + body + payload


FIRST, MIDDLE, LAST, COMPLETE = Segmentation.FIRST, Segmentation.MIDDLE, Segmentation.LAST, Segmentation.COMPLETE


@pytest.mark.parametrize(
    "segments",
    [
        [(MIDDLE, 0, b"a")],
        [(LAST, 0, b"a")],
        [(FIRST, 0, b"ab"), (LAST, 3, b"d")],
        [(FIRST, 0, b"ab"), (LAST, 1, b"d")],
        [(FIRST, 0, b"ab"), (MIDDLE, 2, b"c"), (LAST, 2, b"d")],
        [(FIRST, 0, b"ab")],
    ],
)
def test_wrong_segments_cost_one_service_data_unit(segments: list[tuple[int, int, bytes]]) -> None:
    far = bearer()
    for count, each in enumerate([*segments, (COMPLETE, 0, b"whole"), (FIRST, 0, b"to"), (LAST, 2, b"gether")]):
        far.receive(segment(count, *each), 0)
    assert list(iter(far.next_sdu, None)) == [b"whole", b"together"]
    assert far.drops.counts == {Drop.SEGMENT_OUT_OF_ORDER: 1}


def test_segments_without_end_are_bounded() -> None:
    far = bearer()
    payload = bytes(1024)
    far.receive(segment(0, FIRST, 0, payload), 0)
    for count in range(1, 100):
        far.receive(segment(count, MIDDLE, count * 1024, payload), 0)
    assert far.drops[Drop.SDU_TOO_LONG] == 1
    far.receive(segment(100, COMPLETE, 0, b"x"), 0)
    assert far.next_sdu() == b"x"


def test_report_may_not_acknowledge_what_was_never_sent() -> None:
    near = bearer()
    near.send(b"x", 0)
    near.datagrams_to_send(0)
    near.receive(header(is_data=0) + (2).to_bytes(4, "big"), 0)
    assert near.drops.counts == {Drop.STALE_STATUS: 1}
    assert not near.idle


def test_old_report_does_no_harm() -> None:
    """Overtaken by a newer one, it names as missing what has arrived since."""
    near, far = bearer(), bearer()
    for number in range(4):
        near.send(b"%d" % number, 0)
    pdus = near.datagrams_to_send(0)
    far.receive(pdus[2], 0)
    (old,) = far.datagrams_to_send(0)
    for pdu in pdus:
        far.receive(pdu, 0)
    (new,) = far.datagrams_to_send(0)
    near.receive(new, 0)
    near.receive(old, 0)
    assert near.idle
    assert near.datagrams_to_send(0) == []


@pytest.mark.parametrize("seed", range(2))
def test_random_input_never_raises(seed: int) -> None:
    """10,000 each: random octets, and octets that begin like a PDU of this bearer, while it is in use."""
    print(f"seed {seed}")
    rng = random.Random(seed)
    end = bearer()
    for now in range(10_000):
        data = rng.randbytes(rng.randrange(40))
        if rng.random() < 0.8:
            fields = {
                "is_data": rng.random() < 0.5,
                "segmentation": rng.randrange(4),
                "poll": rng.random() < 0.5,
                "count": rng.randrange(200) if rng.random() < 0.9 else rng.getrandbits(32),
            }
            small = rng.randrange(200).to_bytes(4, "big")
            data = header(**fields) + (small if rng.random() < 0.5 else b"") + data[: 6 * rng.randrange(4)]
        if rng.random() < 0.1 and len(end._waiting) < 100 and not end.failed:
            end.send(data or b"x", now)
        end.receive(data, now * MS)
        for pdu in end.datagrams_to_send(now * MS):
            assert fields_of(pdu).c_rnti == 0x4601
        deadline = end.next_deadline()
        if deadline is not None and rng.random() < 0.01:
            end.advance(deadline)
        assert len(end._sent) <= WINDOW
        assert len(end._held) < WINDOW
        if rng.random() < 0.1:
            end.next_sdu()


# ---------------------------------------------------------------------------------------------------------------------
# The wire, by hand


def test_pdus_on_the_wire() -> None:
    near, far = bearer(0xFF), bearer(0xFF)
    near.send(b"hi", 0)
    (pdu,) = near.datagrams_to_send(0)
    assert pdu == bytes.fromhex("24 01 4601 000000ff 6869")
    far.receive(pdu, 0)
    (report,) = far.datagrams_to_send(0)
    assert report == bytes.fromhex("00 01 4601 00000000 00000100")


def test_segments_on_the_wire() -> None:
    near = bearer(maximum_pdu=64)
    near.send(bytes(56 + 52 + 1), 0)
    pdus = near.datagrams_to_send(0)
    assert [pdu[:12].hex(" ", 4) for pdu in pdus] == [
        "28014601 00000000 00000000",
        "38014601 00000001 00000038",
        "34014601 00000002 0000006c",
    ]
    assert [len(pdu) for pdu in pdus] == [64, 64, 13]


def test_reports_are_numbered() -> None:
    far = bearer()
    counts = []
    for count in range(3):
        far.receive(header(count=count, poll=1) + b"x", 0)
        counts += [fields_of(pdu).count for pdu in far.datagrams_to_send(0)]
    assert counts == [0, 1, 2]
