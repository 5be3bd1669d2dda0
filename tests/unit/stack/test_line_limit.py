"""How many lines may be written, under an explicit clock."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from net4ai.stack.line_limit import LineLimit


@given(st.lists(st.floats(0, 10), max_size=200), st.integers(1, 20), st.integers(1, 5))
def test_so_many_at_once_and_so_many_each_second(gaps: list[float], at_once: int, per_second: int) -> None:
    now = 0.0
    limit = LineLimit(lambda: now, at_once, per_second)
    written = 0
    for gap in gaps:
        now += gap
        written += limit.allows()
        assert written <= at_once + now * per_second + 1e-6
    assert limit.take_dropped() == len(gaps) - written
    assert limit.take_dropped() == 0


def test_after_a_pause_there_is_room_again() -> None:
    now = 0.0
    limit = LineLimit(lambda: now, 3, 2)
    assert [limit.allows() for _ in range(5)] == [True, True, True, False, False]
    now = 1.0
    assert [limit.allows() for _ in range(3)] == [True, True, False]
    now = 1000.0
    assert [limit.allows() for _ in range(4)] == [True, True, True, False]
    assert limit.take_dropped() == 4
