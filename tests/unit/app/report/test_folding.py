from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from net4ai.app.report.folding import MAX_ROWS, Fold, Row, Step, fold, fold_cycles

STEPS = st.lists(
    st.tuples(st.sampled_from(["message", "message", "drop", "state"]), st.integers(0, 5), st.integers(0, 1)),
    max_size=200,
).map(
    lambda drawn: [
        Step(kind, time, f"m{name}", "ab"[way], "ba"[way], "Uu", size=name)  # type: ignore[arg-type]
        for time, (kind, name, way) in enumerate(drawn)
    ]
)


def messages(names: str) -> list[Step]:
    return [Step("message", time, name, "a", "b", size=1) for time, name in enumerate(names)]


def told(rows: list[Row]) -> str:
    """Names of the steps; a fold as its number of hidden messages."""
    return " ".join(f"({row.messages})" if isinstance(row, Fold) else row.name for row in rows)


@given(STEPS, st.integers(20, MAX_ROWS))
def test_no_message_is_lost_and_no_chart_is_too_long(steps: list[Step], limit: int) -> None:
    rows = fold(steps, limit)
    assert len(rows) <= limit
    shown = [row for row in rows if isinstance(row, Step) and row.kind == "message"]
    hidden = [row for row in rows if isinstance(row, Fold)]
    sent = [step for step in steps if step.kind == "message"]
    assert len(shown) + sum(row.messages for row in hidden) == len(sent)
    times = [row.time for row in rows]
    assert times == sorted(times)


@given(STEPS)
def test_every_kind_of_drop_is_drawn_or_within_a_fold(steps: list[Step]) -> None:
    rows = fold(steps, 10_000)
    drawn = {row.key for row in rows if isinstance(row, Step)}
    assert {step.key for step in steps if step.kind == "drop"} <= drawn


def test_a_run_of_one_message_keeps_the_first() -> None:
    assert told(fold(messages("abbbbbbc"))) == "a b (5) c"


def test_a_short_run_is_left_alone() -> None:
    assert told(fold(messages("abbbc"))) == "a b b b c"


def test_the_first_of_each_way_stays() -> None:
    to_and_fro = [
        Step("message", time, "DEP message", *(("ue", "ran") if time % 2 else ("ran", "ue"))) for time in range(8)
    ]
    assert told(fold(to_and_fro)) == "DEP message DEP message (6)"


def test_rounds_are_folded_into_one_with_runs_inside() -> None:
    rows = fold(messages("x" + "isdddddddde" * 14 + "isddddddde" + "y"))
    assert told(rows) == f"x i s d (7) e ({14 * 11 - 1}) y"
    outer = rows[-2]
    assert isinstance(outer, Fold)
    assert (outer.first, outer.rows, outer.times) == (rows[1], 5, 14)


def test_a_drop_does_not_keep_rounds_from_folding_and_is_drawn_after_the_fold_that_hides_it() -> None:
    steps = messages("isde" * 4 + "z")
    lost = Step("drop", 9, "d", "b", "a", reason="window")
    rows = fold(sorted([*steps, lost], key=lambda step: step.time))
    assert told(rows) == "i s d e (12) d z"
    assert rows[5] == lost


def test_drops_in_a_row_are_folded() -> None:
    drops = [Step("drop", time, "", "b", reason="window") for time in range(9)]
    rows = fold(drops)
    assert rows[:2] == drops[:2]
    assert rows[2:] == [Fold(time=2, end=8, messages=0, size=0)]


def test_nothing_is_nothing() -> None:
    assert fold([]) == []
    assert fold_cycles([]) == []
