"""Computing bearers: headers of whole bursts and statistics of what arrives; whole PDUs in acknowledged mode."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from net4ai.codecs.errors import EncodeError
from net4ai.codecs.l2 import BearerType, L2Header
from net4ai.stack.acknowledged_bearer import MAXIMUM_QUEUED_OCTETS, WINDOW_OCTETS
from net4ai.stack.computing_bearer import (
    DUPLICATE_WINDOW,
    MAXIMUM_PDU,
    MAXIMUM_QUEUED,
    WINDOW,
    AcknowledgedComputingBearer,
    BearerStatistics,
    ComputingBearer,
)
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


@given(
    forged=st.lists(st.integers(0, 2**32 - 1), max_size=20),
    first_count=st.integers(0, 2**32 - 1),
    seed=st.integers(0, 2**32),
)
def test_a_forged_count_shuts_nobody_out(forged: list[int], first_count: int, seed: int) -> None:
    """PDUs have no MAC-I, so no COUNT may move a window: whatever is forged, each real PDU is taken."""
    end = bearer(first_count)
    arriving = [(first_count + number) % 2**32 for number in range(50)] + forged
    random.Random(seed).shuffle(arriving)
    assert all(end.accept(header(count=count)) for count in arriving)
    assert not end.drops.total


class ReferenceStatistics:
    """What `BearerStatistics` shall say, with the numbers of PDUs before they wrap."""

    def __init__(self) -> None:
        self.arrived: set[int] = set()
        self.duplicates = self.late = 0
        self.highest = -1

    def arrive(self, number: int) -> None:
        if number <= self.highest - DUPLICATE_WINDOW:
            self.late += 1
        elif number in self.arrived:
            self.duplicates += 1
        else:
            self.arrived.add(number)
        self.highest = max(self.highest, number)


@given(
    first_count=st.integers(2**32 - 3000, 2**32 - 1) | st.integers(0, 2**32 - 1),
    steps=st.lists(st.integers(-1100, 1200) | st.integers(-3, 3), max_size=60),
)
def test_statistics_across_the_wrap(first_count: int, steps: list[int]) -> None:
    """COUNT goes from 2^32 - 1 to 0 as between any other two."""
    end, reference, number = bearer(first_count), ReferenceStatistics(), 0
    for step in steps:
        number = max(0, number + step)
        assert end.accept(header(count=(first_count + number) % 2**32))
        reference.arrive(number)
    assert end.statistics == BearerStatistics(
        len(reference.arrived), reference.highest + 1, reference.duplicates, reference.late
    )


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


# --- Acknowledged mode


def acknowledged(**options: int) -> AcknowledgedComputingBearer:
    return AcknowledgedComputingBearer(bearer_type=BearerType.CRB, bearer=3, c_rnti=0x4600, **options)


def deliver(sender: AcknowledgedComputingBearer, receiver: AcknowledgedComputingBearer, now: int = 0) -> list[bytes]:
    """Carry over all that is ready; what the receiver delivers."""
    for datagram in sender.datagrams_to_send(now):
        receiver.receive(datagram, now)
    return list(iter(receiver.next_sdu, None))


@given(
    sizes=st.lists(st.integers(1, 60_000), min_size=1, max_size=5),
    stride=st.integers(1, 60_000),
    first_count=st.integers(0, 2**32 - 1) | st.integers(2**32 - 5, 2**32 - 1),
)
@settings(max_examples=50)
def test_whole_pdus_of_any_size(sizes: list[int], stride: int, first_count: int) -> None:
    """Each segment of a burst is one PDU, in the order they were sent."""
    near, far = acknowledged(first_count=first_count), acknowledged(first_count=first_count)
    expected = []
    for size in sizes:
        payload = random.Random(size).randbytes(size)
        expected += [payload[at : at + stride] for at in range(0, size, stride)][:20]
        segments = [bytes(8) + payload[at : at + stride] for at in range(0, size, stride)][:20]
        near.send_burst(bytearray(b"".join(segments)), 8 + stride, 0)
    datagrams = near.datagrams_to_send(0)
    assert [datagram[8:] for datagram in datagrams] == expected
    assert {L2Header.read(datagram)[0].segmentation for datagram in datagrams} == {0}
    for datagram in datagrams:
        far.receive(datagram, 0)
    assert list(iter(far.next_sdu, None)) == expected


def test_the_longest_pdu() -> None:
    """The largest segment a session may have, and the longest extensions."""
    near, far = acknowledged(), acknowledged()
    near.send_burst(bytearray(MAXIMUM_PDU), MAXIMUM_PDU, 0)
    assert deliver(near, far) == [bytes(MAXIMUM_PDU - 8)]
    with pytest.raises(EncodeError):
        near.send_burst(bytearray(MAXIMUM_PDU + 1), MAXIMUM_PDU + 1, 0)
    assert MAXIMUM_PDU >= 32 + 60_000


def test_segments_are_not_for_computing_bearers() -> None:
    end = acknowledged()
    end.receive(header(segmentation=1) + b"DEP", 0)
    assert end.drops.counts == {Drop.SEGMENTED: 1}
    assert end.next_sdu() is None


def test_the_queue_is_bounded() -> None:
    end = acknowledged()
    for _ in range(MAXIMUM_QUEUED + 3):
        end.send_burst(bytearray(9), 9, 0)
    assert end.drops.counts == {Drop.SEND_QUEUE_FULL: 3}
    assert len(end.datagrams_to_send(0)) == WINDOW


def test_octets_under_way_are_bounded() -> None:
    """In both windows, whatever the size of the PDUs."""
    near, far = acknowledged(), acknowledged()
    datagrams: list[bytes] = []
    for _ in range(2):
        near.send_burst(bytearray(200 * MAXIMUM_PDU), MAXIMUM_PDU, 0)
        datagrams += near.datagrams_to_send(0)
    assert WINDOW_OCTETS <= sum(map(len, datagrams)) < WINDOW_OCTETS + 2 * MAXIMUM_PDU
    assert sum(map(len, near._waiting)) <= MAXIMUM_QUEUED_OCTETS
    for count in range(1, WINDOW):
        far.receive(header(count=count) + bytes(60_000), 0)
    assert far.drops[Drop.RECEIVE_QUEUE_FULL] == WINDOW - 1 - -(-WINDOW_OCTETS // 60_000)
    far.receive(header(count=0) + bytes(60_000), 0)  # the missing one finds room
    assert len(list(iter(far.next_sdu, None))) == 1 + -(-WINDOW_OCTETS // 60_000)


def test_what_comes_after_failure_is_dropped() -> None:
    end, now = acknowledged(), 0
    end.send_burst(bytearray(20), 20, now)
    while not end.failed:
        end.datagrams_to_send(now)
        now = end.next_deadline() or now
        end.advance(now)
    end.send_burst(bytearray(20), 20, now)
    end.receive(header() + b"DEP", now)
    assert end.drops.counts == {Drop.BEARER_FAILED: 2}
    assert (end.next_deadline(), end.idle) == (None, True)
