"""Steps of a sequence chart, and how repetition is folded away until a chart can be read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Literal

MAX_ROWS = 80
"""Rows of a sequence chart: arrows, states and folds."""
MAX_PERIOD = 40
"""Steps of the longest cycle looked for."""
MIN_HIDDEN = 3
"""A fold is a row too: it must hide at least so many."""
DROPS_SHOWN = 2
"""Drops of one kind in a row that are drawn one by one."""
KEPT_OF_KIND, KEPT_AT_END = 2, 15
"""Where cycles do not help: steps of one kind that stay, and steps at the end that stay."""


@dataclass(frozen=True, slots=True)
class Step:
    """One row: a message, a drop, or a state of a node (its `sender`)."""

    kind: Literal["message", "drop", "state"]
    time: int
    name: str
    sender: str
    receiver: str = ""
    link: str = ""
    size: int = 0
    reason: str = ""

    @property
    def key(self) -> Hashable:
        """Equal for steps that look the same."""
        return (self.kind, self.name, self.sender, self.receiver, self.link, self.reason)


@dataclass(frozen=True, slots=True)
class Fold:
    """One row that stands for hidden steps."""

    time: int
    end: int
    messages: int
    size: int
    name: str = ""
    """The message, where all hidden ones have the same name."""
    first: Step | Fold | None = None
    """Where a cycle was folded: the first row of the copy that stays."""
    rows: int = 0
    """Rows of that copy."""
    times: int = 0
    """How often the cycle came again."""

    @property
    def key(self) -> Hashable:
        """Equal whatever the number of hidden steps."""
        return ("fold", self.name, self.rows)


Row = Step | Fold


def fold(steps: Sequence[Step], limit: int = MAX_ROWS) -> list[Row]:
    """Rows for `steps` (in order of time), at most `limit` of them.

    Runs of one message are folded first, then cycles of whatever length. Drops do not keep them from it: they are put
    in afterwards. Only if still too long, steps of a kind seen before go, then the middle.
    """
    rows = fold_cycles(fold_runs([step for step in steps if step.kind != "drop"]))
    rows = _with_drops(rows, [step for step in steps if step.kind == "drop"])
    if len(rows) > limit:
        rows = _fold_familiar(rows)
    if len(rows) > limit:
        head = max(0, limit * 2 // 3)
        tail = max(0, limit - head - 1)
        rows = [*rows[:head], _hide(rows[head : len(rows) - tail]), *rows[len(rows) - tail :]]
    return rows


def fold_runs(rows: Sequence[Row]) -> list[Row]:
    """Fold stretches in which only one message goes to and fro: the first of each leg and way stays."""
    folded: list[Row] = []
    position = 0
    while position < len(rows):
        end = position + 1
        name = _run_name(rows[position])
        while name and end < len(rows) and _run_name(rows[end]) == name:
            end += 1
        folded += _fold_seen(rows[position:end]) if name else rows[position:end]
        position = end
    return folded


def fold_cycles(rows: Sequence[Row]) -> list[Row]:
    """Fold blocks of rows that come again and again, short blocks first: one copy stays."""
    folded = list(rows)
    period = 1
    while period <= min(MAX_PERIOD, len(folded) // 2):
        once = _fold_period(folded, period)
        period = period + 1 if len(once) == len(folded) else 1
        folded = once
    return folded


def _fold_period(rows: Sequence[Row], period: int) -> list[Row]:
    keys = [row.key for row in rows]
    folded: list[Row] = []
    position = 0
    while position < len(rows):
        end = position + period
        while keys[end : end + period] == keys[position : position + period] and end + period <= len(rows):
            end += period
        hidden = rows[position + period : end]
        if len(hidden) >= MIN_HIDDEN:
            block = rows[position : position + period]
            folded += [*block, _hide(hidden, block[0], period, len(hidden) // period)]
            position = end
        else:
            folded.append(rows[position])
            position += 1
    return folded


def _fold_seen(rows: Sequence[Row]) -> list[Row]:
    """Hide rows whose key came before."""
    seen: set[Hashable] = set()
    hide = []
    for row in rows:
        hide.append(row.key in seen)
        seen.add(row.key)
    return _fold_where(rows, hide)


def _fold_familiar(rows: Sequence[Row]) -> list[Row]:
    """Hide rows of a kind shown before, but for the end of the story."""
    seen: Counter[Hashable] = Counter()
    hide = []
    for position, row in enumerate(rows):
        seen[row.key] += 1
        hide.append(seen[row.key] > KEPT_OF_KIND and position < len(rows) - KEPT_AT_END)
    return _fold_where(rows, hide)


def _fold_where(rows: Sequence[Row], hide: Sequence[bool]) -> list[Row]:
    folded: list[Row] = []
    hidden: list[Row] = []
    for row, hides in zip(rows, hide, strict=True):
        if hides:
            hidden.append(row)
            continue
        folded += [_hide(hidden)] if len(hidden) >= MIN_HIDDEN else hidden
        hidden = []
        folded.append(row)
    return folded + ([_hide(hidden)] if len(hidden) >= MIN_HIDDEN else hidden)


def _with_drops(rows: Sequence[Row], drops: Sequence[Step]) -> list[Row]:
    """`rows` with `drops` among them. Of drops that happened within a fold only the first of its kind gets a row,
    after the fold (which tells how many there were); of drops in a row the first few of a kind."""
    ends = [row.end if isinstance(row, Fold) else row.time for row in rows]
    merged: list[Row] = []
    seen: set[Hashable] = set()
    position = 0
    for drop in drops:
        while position < len(rows) and rows[position].time <= drop.time:
            merged.append(rows[position])
            position += 1
        if position == 0 or drop.time > ends[position - 1] or drop.key not in seen:
            merged.append(drop)
        seen.add(drop.key)
    merged += rows[position:]
    in_a_row: Counter[Hashable] = Counter()
    hide = []
    for row in merged:
        if not _is_drop(row):
            in_a_row.clear()
        in_a_row[row.key] += 1
        hide.append(_is_drop(row) and in_a_row[row.key] > DROPS_SHOWN)
    return _fold_where(merged, hide)


def _hide(rows: Sequence[Row], first: Row | None = None, block: int = 0, times: int = 0) -> Fold:
    names = {_run_name(row) if isinstance(row, Step) else row.name for row in rows if not _is_drop(row)}
    return Fold(
        time=rows[0].time,
        end=max(row.end if isinstance(row, Fold) else row.time for row in rows),
        messages=sum(row.messages if isinstance(row, Fold) else row.kind == "message" for row in rows),
        size=sum(row.size for row in rows),
        name=names.pop() if len(names) == 1 else "",
        first=first,
        rows=block,
        times=times,
    )


def _run_name(row: Row) -> str:
    return row.name if isinstance(row, Step) and row.kind == "message" else ""


def _is_drop(row: Row) -> bool:
    return isinstance(row, Step) and row.kind == "drop"
