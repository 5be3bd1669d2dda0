"""Token buckets."""

from __future__ import annotations

from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from net4ai.stack.qos.token_bucket import TokenBucket
from net4ai.stack.units import MILLISECOND, SECOND


def test_a_pdu_passes_whole_while_anything_is_left() -> None:
    bucket = TokenBucket(8000, 1000, 0)  # 1 octet per millisecond
    assert bucket.pdus(600) == 2
    bucket.take(1200)
    assert bucket.octets == -200
    assert not bucket.open and bucket.pdus(1) == 0
    assert bucket.open_at() == 200 * MILLISECOND + 1
    bucket.fill(200 * MILLISECOND)
    assert not bucket.open
    bucket.fill(200 * MILLISECOND + 1)
    assert bucket.open and bucket.pdus(600) == 1


def test_nothing_is_saved_up_beyond_the_depth() -> None:
    bucket = TokenBucket(8000, 100, 0, full=False)
    assert not bucket.open
    bucket.fill(50 * MILLISECOND)
    assert bucket.octets == 50
    bucket.fill(3600 * SECOND)
    assert bucket.octets == 100
    bucket.fill(0)
    assert bucket.octets == 100, "time does not go back"


def test_without_a_rate_it_never_opens_again() -> None:
    bucket = TokenBucket(0, 10, 0)
    assert bucket.open_at() == 0
    bucket.take(11)
    bucket.fill(SECOND)
    assert bucket.open_at() is None


def test_another_rate_counts_from_now_on() -> None:
    bucket = TokenBucket(8000, 1000, 0, full=False)
    bucket.change(16_000, 150, 100 * MILLISECOND)
    assert bucket.octets == 100, "at the old rate"
    bucket.fill(110 * MILLISECOND)
    assert bucket.octets == 120
    bucket.change(8, 50, 110 * MILLISECOND)
    assert bucket.octets == 50


@given(
    rate=st.integers(1, 10**9),
    depth=st.integers(1, 100_000),
    steps=st.lists(st.tuples(st.integers(0, SECOND), st.integers(1, 9000)), min_size=1, max_size=30),
)
def test_no_window_exceeds_rate_depth_and_one_pdu(rate: int, depth: int, steps: list[tuple[int, int]]) -> None:
    """Greedy: at each step as many PDUs as may pass. Every window of the whole is looked at."""
    bucket, now = TokenBucket(rate, depth, 0), 0
    sent: list[tuple[int, int]] = []
    for pause, size in steps:
        now += pause
        bucket.fill(now)
        while bucket.pdus(size):
            bucket.take(size)
            sent.append((now, size))
            if len(sent) > 80:
                break
    for first, (start, _) in enumerate(sent):
        total = 0
        for time, size in sent[first:]:
            total += size
            assert total <= Fraction(rate * (time - start), 8 * SECOND) + depth + size


@given(st.integers(1, 10**9), st.integers(1, 100_000), st.integers(1, 200_000))
def test_it_opens_when_it_says(rate: int, depth: int, taken: int) -> None:
    bucket = TokenBucket(rate, depth, 5)
    bucket.take(taken)
    at = bucket.open_at()
    assert at is not None
    if at > 5:
        bucket.fill(at - 1)
        assert not bucket.open
    bucket.fill(at)
    assert bucket.open
