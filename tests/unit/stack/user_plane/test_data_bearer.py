"""The data radio bearer: what one end makes the other takes, and the rest has a name."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from net4ai.codecs.l2 import BearerType, L2Header
from net4ai.codecs.sdap import DownlinkHeader, UplinkHeader
from net4ai.stack.drops import Drop, DropCounter
from net4ai.stack.runs import HOP, runs, segments
from net4ai.stack.user_plane.data_bearer import HEADERS_SIZE, DataBearer
from net4ai.stack.user_plane.reframe import reframe

FLOWS = frozenset({1, 9})


def ends(flows: frozenset[int] = FLOWS) -> tuple[DataBearer, DataBearer, DropCounter]:
    drops = DropCounter()
    ue = DataBearer(2, 0x1001, flows, DropCounter(), at_ue=True, mirror=None)
    return ue, DataBearer(2, 0x1001, FLOWS, drops, at_ue=False, mirror=None), drops


def pdus(
    end: DataBearer, packets: bytes, stride: int, cut: int, header: UplinkHeader | DownlinkHeader, bulk: bool
) -> tuple[bytearray, int]:
    out, wide = reframe(packets, stride, cut, bytes(HEADERS_SIZE))
    end.stamp(out, wide, header, bulk)
    return out, wide


@given(st.binary(min_size=30, max_size=400), st.integers(30, 90), st.sampled_from([1, 9]), st.booleans())
def test_packets_come_through_uplink_and_downlink(data: bytes, stride: int, qfi: int, bulk: bool) -> None:
    ue, ran, drops = ends()
    for sender, receiver, header in ((ue, ran, UplinkHeader(qfi=qfi)), (ran, ue, DownlinkHeader(qfi=qfi))):
        out, wide = pdus(sender, data, stride, 0, header, bulk)
        for number, (pdu, packet) in enumerate(zip(segments(out, wide), segments(data, stride), strict=True)):
            l2, at = L2Header.read(pdu)
            assert (l2.bearer_type, l2.bearer, l2.c_rnti, l2.count) == (BearerType.DRB, 2, 0x1001, number)
            assert bytes(pdu[at:]) == header.to_bytes() + bytes(packet)
        taken = [found for run in runs(out, wide, HOP) for found in receiver.receive(run, wide, bulk)]
        assert all(found.header == header for found in taken)
        packets = [bytes(part[HEADERS_SIZE:]) for found in taken for part in segments(found.data, found.stride)]
        assert packets == [bytes(part) for part in segments(data, stride)]
    assert drops.total == 0


def test_count_runs_for_each_socket() -> None:
    ue, _, _ = ends()
    first = [pdus(ue, bytes(30), 30, 0, UplinkHeader(qfi=1), bulk)[0] for bulk in (False, True, True)]
    assert [L2Header.read(pdu)[0].count for pdu in first] == [0, 0, 1]


def test_flows_of_one_batch_are_told_apart_and_unknown_ones_dropped() -> None:
    _, ran, drops = ends()
    ue, _, _ = ends(frozenset({1, 2, 9}))
    batch = bytearray()
    for qfi in (1, 1, 2, 9):
        batch += pdus(ue, bytes(31), 31, 0, UplinkHeader(qfi=qfi), True)[0]
    found = list(ran.receive(batch, 40, True))
    assert [(packets.header.qfi, len(packets.data)) for packets in found] == [(1, 80), (9, 40)]
    assert drops.counts == {str(Drop.FLOW_NOT_CONFIGURED): 1}


def test_an_end_marker_carries_nothing() -> None:
    ue, ran, drops = ends()
    pdu, wide = pdus(ue, b"x", 1, 1, UplinkHeader(is_data=False, qfi=1), False)
    assert (len(pdu), wide) == (HEADERS_SIZE, HEADERS_SIZE)
    assert list(ran.receive(pdu, wide, False)) == []
    assert drops.total == 0


def test_another_bearer_is_none_of_this() -> None:
    ue, _, _ = ends()
    drops = DropCounter()
    other = DataBearer(3, 0x1001, FLOWS, drops, at_ue=False, mirror=None)
    pdu, wide = pdus(ue, bytes(30), 30, 0, UplinkHeader(qfi=1), False)
    assert list(other.receive(pdu, wide, False)) == []
    assert drops.counts == {str(Drop.WRONG_BEARER): 1}


def test_a_mirror_sees_both_directions() -> None:
    seen: list[tuple[int, str]] = []
    ran = DataBearer(
        2, 1, FLOWS, DropCounter(), at_ue=False, mirror=lambda data, stride, way: seen.append((len(data), way))
    )
    ue = DataBearer(2, 1, FLOWS, DropCounter(), at_ue=True, mirror=None)
    pdus(ran, bytes(30), 30, 0, DownlinkHeader(qfi=1), False)
    pdu, wide = pdus(ue, bytes(50), 50, 0, UplinkHeader(qfi=1), False)
    list(ran.receive(pdu, wide, False))
    assert seen == [(39, "out"), (59, "in")]
