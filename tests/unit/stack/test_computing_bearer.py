"""The computing bearer: headers of whole bursts, and statistics of what arrives."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from net4ai.codecs.errors import EncodeError
from net4ai.codecs.l2 import BearerType, L2Header
from net4ai.stack.computing_bearer import DUPLICATE_WINDOW, BearerStatistics, ComputingBearer
from net4ai.stack.drops import Drop


def bearer(first_count: int = 0) -> ComputingBearer:
    return ComputingBearer(bearer_type=BearerType.CRB, bearer=3, c_rnti=0x4600, first_count=first_count)


def header(**fields: int) -> bytes:
    usual = {"is_data": 1, "segmentation": 0, "poll": 0, "has_mac": 0, "bearer": 3, "c_rnti": 0x4600, "count": 0}
    return L2Header(**{"bearer_type": BearerType.CRB, **usual, **fields}).to_bytes()


def test_header_on_the_wire() -> None:
    """On a computing radio bearer and on a fixed link."""
    pdu = bytearray(b"????????DEP")
    bearer(0x01020304).stamp_one(pdu)
    assert pdu == bytes.fromhex("20 83 4600 01020304") + b"DEP"
    fixed = ComputingBearer(bearer_type=BearerType.FIXED_LINK, bearer=1, c_rnti=5)
    fixed.stamp_one(pdu)
    assert pdu == bytes.fromhex("20 c1 0005 00000000") + b"DEP"


@given(
    segments=st.integers(1, 130),
    stride=st.integers(8, 100),
    last=st.integers(8, 100),
    first_count=st.one_of(st.integers(0, 2**32 - 1), st.integers(2**32 - 150, 2**32 - 1)),
)
def test_burst(segments: int, stride: int, last: int, first_count: int) -> None:
    """Every segment gets its header and keeps its payload; COUNT runs on over bursts and single PDUs, and wraps."""
    size = (segments - 1) * stride + min(last, stride)
    payload = random.Random(size).randbytes(size)
    end = bearer(first_count)
    for before in (0, segments):
        burst = bytearray(payload)
        end.stamp(memoryview(burst), stride)
        for number, start in enumerate(range(0, size, stride)):
            pdu = burst[start : start + stride]
            assert pdu[:8] == header(count=(first_count + before + number) % 2**32)
            assert pdu[8:] == payload[start + 8 : start + stride]
    pdu = bytearray(8)
    end.stamp_one(pdu)
    assert pdu == header(count=(first_count + 2 * segments) % 2**32)


@pytest.mark.parametrize(("size", "stride"), [(0, 100), (7, 100), (107, 100), (100, 7), (100, 0), (100, -1)])
def test_burst_without_room_for_headers(size: int, stride: int) -> None:
    burst = bytearray(size)
    with pytest.raises(EncodeError, match=f"{size} octets, stride {stride}"):
        bearer().stamp(burst, stride)
    assert burst == bytes(size)


def test_pdu_without_room_for_header() -> None:
    with pytest.raises(EncodeError, match=r"7.*at least 8"):
        bearer().stamp_one(bytearray(7))


@pytest.mark.parametrize(
    ("pdu", "reason"),
    [
        (b"", "truncated"),
        (header()[:7], "truncated"),
        (b"\xe0" + header()[1:], "value out of range"),
        (header(bearer=4), Drop.WRONG_BEARER),
        (header(bearer_type=BearerType.DRB), Drop.WRONG_BEARER),
        (header(c_rnti=0x4602), Drop.WRONG_BEARER),
        (header(has_mac=1), Drop.INTEGRITY_NOT_CONFIGURED),
        (header(is_data=0), Drop.STATUS_UNEXPECTED),
        (header(segmentation=1), Drop.SEGMENTED),
        (header(segmentation=2), Drop.SEGMENTED),
        (header(segmentation=3), Drop.SEGMENTED),
    ],
)
@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_refused(pdu: bytes, reason: str, kind: type) -> None:
    end = bearer()
    assert not end.accept(kind(pdu))
    assert end.drops.counts == {str(reason): 1}
    assert end.statistics == BearerStatistics()


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_accepted(kind: type) -> None:
    """Also with reserved bits set, and with a poll, which means nothing here."""
    end = bearer()
    reserved = bytes([header()[0] | 1]) + header(count=1)[1:]
    for pdu in (header() + b"payload", reserved, header(count=2, poll=1)):
        assert end.accept(kind(pdu))
    assert end.statistics == BearerStatistics(received=3, expected=3)
    assert not end.drops.total


def test_no_count_is_ever_dropped() -> None:
    """A forged COUNT cannot shut out the real ones."""
    end = bearer()
    for count in (0, 2**31 - 1, 1, 2, 2, 2**32 - 1, 3):
        assert end.accept(header(count=count))
    assert not end.drops.total


@pytest.mark.parametrize(
    ("counts", "expected"),
    [
        ([0, 1, 2], BearerStatistics(received=3, expected=3)),
        ([2], BearerStatistics(received=1, expected=3)),
        ([2, 0, 1], BearerStatistics(received=3, expected=3)),
        ([0, 0, 5, 0, 5, 4], BearerStatistics(received=3, expected=6, duplicates=3)),
        ([DUPLICATE_WINDOW, 0, 1, 1], BearerStatistics(2, DUPLICATE_WINDOW + 1, duplicates=1, late=1)),
        ([0, DUPLICATE_WINDOW - 1, 0], BearerStatistics(2, DUPLICATE_WINDOW, duplicates=1)),
        ([0, 5000, 4999], BearerStatistics(received=3, expected=5001)),
    ],
)
@pytest.mark.parametrize("first_count", [0, 2**32 - 2])
def test_statistics(counts: list[int], expected: BearerStatistics, first_count: int) -> None:
    end = bearer(first_count)
    for count in counts:
        end.accept(header(count=(first_count + count) % 2**32))
    assert end.statistics == expected
    assert end.statistics.lost == expected.expected - expected.received - expected.late


@pytest.mark.parametrize("seed", range(3))
def test_statistics_of_a_bad_link(seed: int) -> None:
    print(f"seed {seed}")
    rng = random.Random(seed)
    arrivals = [(count + rng.random() * 50, count) for count in range(5000) for _ in range(rng.choice([0, 1, 1, 1, 2]))]
    counts = [count for _, count in sorted(arrivals)]
    end = bearer()
    for count in counts:
        assert end.accept(header(count=count))
    assert end.statistics.received == len(set(counts))
    assert end.statistics.duplicates == len(counts) - len(set(counts))
    assert end.statistics.expected == max(counts) + 1


def test_random_input_never_raises() -> None:
    rng = random.Random(1)
    end = bearer()
    for _ in range(20_000):
        end.accept(rng.randbytes(rng.randrange(12)))
        end.accept(header(count=rng.getrandbits(32)))
    assert end.statistics.received + end.statistics.duplicates + end.statistics.late >= 20_000
