from __future__ import annotations

import pytest

from net4ai.codecs import l2
from net4ai.codecs.errors import DecodeError


def test_declared_widths() -> None:
    assert l2.L2_HEADER_SIZE == 8
    assert [spec.bits for spec in l2.L2Header.DECLARATION.values()] == [2, 1, 2, 1, 1, 1, 2, 6, 16, 32]  # type: ignore[union-attr]
    assert l2.SegmentOffset.fixed_run().size == 4
    assert l2.MissingRange.fixed_run().size == 6


def test_another_version_is_refused() -> None:
    with pytest.raises(DecodeError, match="L2Header: value out of range \\(version 1, allowed 0\\)"):
        l2.L2Header.from_bytes(bytes.fromhex("6081100100000007"))


def test_missing_ranges() -> None:
    report = l2.StatusReport.from_bytes(bytes.fromhex("00000014 0000000a0003 0000000f0001"))
    assert report.missing_ranges() == [l2.MissingRange(first=10, length=3), l2.MissingRange(first=15, length=1)]
    assert l2.StatusReport(next_count=0, missing=b"").missing_ranges() == []


@pytest.mark.parametrize(
    ("missing", "reason"), [("0000000a00", "truncated"), ("0000000a0000", "value out of range"), ("00", "truncated")]
)
def test_broken_missing_ranges(missing: str, reason: str) -> None:
    with pytest.raises(DecodeError) as caught:
        l2.StatusReport(next_count=0, missing=bytes.fromhex(missing)).missing_ranges()
    assert caught.value.reason == reason


def test_a_status_report_names_at_most_64_ranges() -> None:
    whole = bytes(4) + bytes.fromhex("0000000a0003") * 64
    assert len(l2.StatusReport.from_bytes(whole).missing_ranges()) == 64
    with pytest.raises(DecodeError, match="length out of range"):
        l2.StatusReport.from_bytes(whole + bytes.fromhex("0000000a0003"))
