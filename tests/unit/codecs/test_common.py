from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from net4ai.codecs.common import VersionRange

ranges = st.tuples(st.integers(1, 9), st.integers(1, 9)).map(
    lambda pair: VersionRange(lowest=min(pair), highest=max(pair))
)


@given(ranges, ranges)
def test_the_highest_version_of_both_ranges(one: VersionRange, other: VersionRange) -> None:
    both = set(range(one.lowest, one.highest + 1)) & set(range(other.lowest, other.highest + 1))
    assert one.common(other) == other.common(one) == max(both, default=None)


def test_a_range_turned_round_is_empty() -> None:
    assert VersionRange(lowest=3, highest=1).common(VersionRange(lowest=1, highest=3)) is None
