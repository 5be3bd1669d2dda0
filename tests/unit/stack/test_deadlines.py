"""Deadlines against a plain dictionary, and the size of the heap."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from net4ai.stack.deadlines import STALE_ENTRIES, Deadlines

KEYS = st.integers(0, 5)
TIMES = st.integers(0, 20)


@given(st.lists(st.tuples(st.just("set"), KEYS, TIMES | st.none()) | st.tuples(st.just("due"), TIMES, st.none())))
def test_like_a_dictionary(steps: list[tuple[str, int, int | None]]) -> None:
    deadlines: Deadlines[int] = Deadlines()
    model: dict[int, int] = {}
    for what, number, deadline in steps:
        if what == "due":
            due = deadlines.due(number)
            assert sorted(due) == sorted(key for key in model if model[key] <= number)
            assert [model[key] for key in due] == sorted(model[key] for key in due)
            model = {key: at for key, at in model.items() if at > number}
        else:
            deadlines.set(number, deadline)
            if deadline is None:
                model.pop(number, None)
            else:
                model[number] = deadline
        assert deadlines.next() == min(model.values(), default=None)
        assert len(deadlines) == len(model)


def test_equal_deadlines_are_due_in_the_order_they_were_set() -> None:
    deadlines: Deadlines[str] = Deadlines()
    for key in "dacb":
        deadlines.set(key, 7)
    assert deadlines.due(7) == list("dacb")


def test_a_key_set_anew_while_others_are_handled_waits_for_the_next_time() -> None:
    deadlines: Deadlines[str] = Deadlines()
    deadlines.set("a", 1)
    for key in deadlines.due(5):
        deadlines.set(key, 1)
    assert deadlines.due(5) == ["a"]


def test_stale_entries_do_not_pile_up() -> None:
    deadlines: Deadlines[int] = Deadlines()
    deadlines.set(-1, 10**9)
    for number in range(10_000):
        deadlines.set(number, number + 10**6)
        deadlines.set(number, None)
        assert len(deadlines._heap) <= 2 + STALE_ENTRIES + 1
    assert deadlines.next() == 10**9
