"""Ranges in a status report that lie outside what is under way."""

from __future__ import annotations

import tracemalloc

from net4ai.codecs.l2 import BearerType, L2Header, MissingRange, Segmentation, StatusReport
from net4ai.stack.acknowledged_bearer import MAXIMUM_MISSING_RANGES, AcknowledgedBearer
from net4ai.stack.drops import Drop

FIRST = 1 << 24


def sender() -> AcknowledgedBearer:
    """Three PDUs are under way."""
    bearer = AcknowledgedBearer(bearer_type=BearerType.FIXED_LINK, bearer=0, c_rnti=7, first_count=FIRST)
    for _ in range(3):
        bearer.send(b"x", 0)
    assert len(bearer.datagrams_to_send(0)) == 3
    return bearer


def report(next_count: int, *missing: tuple[int, int]) -> bytes:
    header = L2Header(
        is_data=False,
        segmentation=Segmentation.COMPLETE,
        poll=False,
        has_mac=False,
        bearer_type=BearerType.FIXED_LINK,
        bearer=0,
        c_rnti=7,
        count=0,
    )
    ranges = b"".join(MissingRange(first=first, length=length).to_bytes() for first, length in missing)
    return header.to_bytes() + StatusReport(next_count=next_count, missing=ranges).to_bytes()


def test_many_long_ranges_far_behind_cost_nothing() -> None:
    bearer = sender()
    ranges = [(FIRST - (n + 1) * 0xFFFF, 0xFFFF) for n in range(MAXIMUM_MISSING_RANGES)]
    pdu = report(FIRST + 3, *ranges)
    tracemalloc.start()
    try:
        bearer.receive(pdu, 1)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 1 << 20
    assert bearer.drops.counts == {Drop.STALE_STATUS: 1}
    assert not bearer.idle


def test_a_range_that_reaches_into_the_window_is_clipped() -> None:
    bearer = sender()
    bearer.receive(report(FIRST + 3, (FIRST - 1000, 1002)), 1)
    assert [L2Header.read(pdu)[0].count for pdu in bearer.datagrams_to_send(1)] == [FIRST, FIRST + 1]
    assert not bearer.drops.counts


def test_a_range_beyond_what_is_reported_is_stale() -> None:
    bearer = sender()
    bearer.receive(report(FIRST + 1, (FIRST + 1, 2)), 1)
    assert bearer.drops.counts == {Drop.STALE_STATUS: 1}
