"""The sequence chart of one UE's life, as SVG, drawn from the trace."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from statistics import median

from net4ai.app.report.charts import spread, svg
from net4ai.app.report.events import state_name
from net4ai.app.report.figure_6 import numbered, step_of
from net4ai.app.report.folding import Fold, Row, Step, fold
from net4ai.app.report.latency import DONE
from net4ai.app.report.markup import Markup, element, join
from net4ai.app.report.one_ue import lines_of_ue, with_peers
from net4ai.app.report.roles import ORDER, Roles, natural
from net4ai.app.report.style import LINKS, link_colour
from net4ai.app.report.trace_lines import TraceLine
from net4ai.app.report.traffic import count_once
from net4ai.app.report.units import many, quantity, span

TIME_COLUMN, HEAD, ROW, GAP_ROW, GUTTER = 108.0, 68.0, 29.0, 34.0, 262.0
"""Widths and heights, in SVG units."""
LANE_ROOM, LANE_MIN, LANE_MAX = 780.0, 124.0, 230.0
LETTER = 6.3
"""Width of a letter, roughly: labels are cut to what fits."""
MIN_GAP_NS, GAP_FACTOR, MAX_GAPS = 50_000_000, 8, 12
"""A pause is marked from 50 ms on, if it is many times the median; the longest few."""
MAX_BARS = 24
NS_PER_S = 1e9
BULK = 1000
"""From this size on, an arrow tells it."""


@dataclass(frozen=True, slots=True)
class Bar:
    """A procedure, over the time it took."""

    name: str
    begin: int
    end: int
    outcome: str


@dataclass(frozen=True, slots=True)
class Layout:
    """Where everything stands."""

    lanes: dict[str, float]
    tops: list[float]
    """y of each row."""
    gaps: dict[int, int]
    """Nanoseconds of the pause marked before a row, by row."""
    width: float
    height: float
    start: int
    decimals: int

    @property
    def left(self) -> float:
        return min(self.lanes.values())

    @property
    def right(self) -> float:
        return max(self.lanes.values())


def sequence_chart(lines: Sequence[TraceLine], ue: str, roles: Roles) -> Markup:
    """The life of `ue`: arrows for messages, red for drops, bars for procedures, repetition folded.

    `lines` is the whole trace, in order of time.
    """
    own = with_peers(lines_of_ue(lines, ue, roles))
    title = f"Sequence chart of {ue or 'one UE'}"
    return chart_of(steps_of(own, ue, roles), ue, roles, title, bars_of(own, ue))


def chart_of(steps: Sequence[Step], ue: str, roles: Roles, title: str, bars: Sequence[Bar] = ()) -> Markup:
    """The steps, which are in order of time, from top to bottom; the lane of `ue` is the first."""
    if not steps:
        note = element("text", "the trace tells nothing of a UE", x=400, y=40, text_anchor="middle", class_="soft")
        return svg(800, 80, title, note)
    rows = fold(steps)
    layout = lay_out(rows, ue, roles)
    drops = [step.time for step in steps if step.kind == "drop"]
    return svg(
        layout.width,
        layout.height,
        title,
        *_lanes(layout, roles),
        *_gaps(layout),
        *_brackets(rows, layout),
        *(
            _fold_row(row, top, layout, _between(drops, row)) if isinstance(row, Fold) else _step_row(row, top, layout)
            for row, top in zip(rows, layout.tops, strict=True)
        ),
        *_bars(bars, rows, layout),
        _link_legend(rows, layout),
    )


def steps_of(lines: Sequence[TraceLine], ue: str, roles: Roles) -> list[Step]:
    """Messages (each once, see `count_once`), drops, and the UE's own states, in order of time."""
    steps = [
        Step("message", each.time, each.message or "message", each.sender, each.receiver, each.link, each.size)
        for each in count_once(lines, roles)
    ]
    for line in lines:
        if line.kind == "drop":
            reason = line.drop or "dropped"
            steps.append(Step("drop", line.time, line.message, line.node, line.peer, line.link, line.size, reason))
        elif line.kind == "state" and line.node == ue:
            steps.append(Step("state", line.time, state_name(line), line.node))
    return sorted(steps, key=lambda step: step.time)


def bars_of(lines: Sequence[TraceLine], ue: str) -> list[Bar]:
    """The procedures of the UE."""
    return [
        Bar(line.procedure or "procedure", line.time - line.duration, line.time, line.outcome)
        for line in lines
        if line.kind == "procedure"
    ]


def lay_out(rows: Sequence[Row], ue: str, roles: Roles) -> Layout:
    """A lane per node that is drawn, a place per row."""
    steps = [row for row in rows if isinstance(row, Step)]
    names = {name for step in steps for name in (step.sender, step.receiver) if name} | {ue}
    order = sorted(names, key=lambda name: (name != ue, ORDER.index(roles.of(name)), natural(name)))
    distance = min(LANE_MAX, max(LANE_MIN, LANE_ROOM / len(order)))
    lanes = {name: TIME_COLUMN + distance * (index + 0.5) for index, name in enumerate(order)}
    gaps = _pauses(rows)
    tops, y = [], HEAD - 8
    for index in range(len(rows)):
        y += ROW + (GAP_ROW if index in gaps else 0)
        tops.append(y)
    lasted = (rows[-1].end if isinstance(rows[-1], Fold) else rows[-1].time) - rows[0].time
    return Layout(
        lanes=lanes,
        tops=tops,
        gaps=gaps,
        width=TIME_COLUMN + distance * len(order) + GUTTER,
        height=y + HEAD + 10,
        start=rows[0].time,
        decimals=4 if lasted < 100 * NS_PER_S else 3,
    )


def _pauses(rows: Sequence[Row]) -> dict[int, int]:
    waits = {index: rows[index].time - reached for index, reached in enumerate(_reached(rows)) if index > 0}
    usual = median(waits.values()) if waits else 0
    long = [index for index, wait in waits.items() if wait >= max(MIN_GAP_NS, GAP_FACTOR * usual)]
    return {index: waits[index] for index in sorted(long, key=lambda index: -waits[index])[:MAX_GAPS]}


def _reached(rows: Sequence[Row]) -> list[int]:
    """For each row, the time its predecessors reach; a drop drawn after the fold it happened in is before that."""
    ends = (row.end if isinstance(row, Fold) else row.time for row in rows)
    return [rows[0].time, *accumulate(ends, max)][: len(rows)]


def _between(times: Sequence[int], row: Fold) -> int:
    return sum(row.time <= time <= row.end for time in times)


def _lanes(layout: Layout, roles: Roles) -> list[Markup]:
    """The vertical lines, with a box for the name at both ends."""
    drawn = []
    top, bottom = HEAD - 18, layout.height - HEAD + 26
    room = min((b - a for a, b in pairwise(layout.lanes.values())), default=LANE_MAX) - 14
    for name, x in layout.lanes.items():
        drawn.append(element("line", x1=x, x2=x, y1=top, y2=bottom, class_="lane"))
        for y in (top - 42, bottom):
            drawn += [
                element("rect", x=x - room / 2, y=y, width=room, height=42, rx=7, class_="box"),
                element("text", _cut(name, room), x=x, y=y + 18, text_anchor="middle", font_weight=600),
                element("text", roles.of(name), x=x, y=y + 33, text_anchor="middle", font_size=11, class_="soft"),
            ]
    drawn.append(element("text", "time, s", x=TIME_COLUMN - 22, y=top - 17, text_anchor="end", class_="soft"))
    return drawn


def _gaps(layout: Layout) -> list[Markup]:
    """Pauses: the lanes are dotted, and the length is told."""
    drawn = []
    for row, wait in layout.gaps.items():
        bottom = layout.tops[row] - ROW + 10
        top = bottom - GAP_ROW + 4
        for x in layout.lanes.values():
            drawn += [
                element("line", x1=x, x2=x, y1=top, y2=bottom, stroke="var(--paper)", stroke_width=4),
                element("line", x1=x, x2=x, y1=top, y2=bottom, class_="gap"),
            ]
        text = f"{span(wait / NS_PER_S)} later"
        drawn.append(
            element("text", text, x=TIME_COLUMN - 22, y=(top + bottom) / 2 + 4, text_anchor="end", class_="soft",
                    font_style="italic")
        )  # fmt: skip
    return drawn


def _time(time: int, y: float, layout: Layout) -> Markup:
    text = f"{(time - layout.start) / NS_PER_S:.{layout.decimals}f}"
    return element("text", text, x=TIME_COLUMN - 22, y=y + 4, text_anchor="end", class_="soft", font_size=11)


def _step_row(step: Step, y: float, layout: Layout) -> Markup:
    if step.kind == "state":
        return _state(step, y, layout)
    return _arrow(step, y, layout)


def _state(step: Step, y: float, layout: Layout) -> Markup:
    text = _cut(step.name, 190)
    width = len(text) * LETTER + 20
    x = max(TIME_COLUMN - 8, layout.lanes.get(step.sender, layout.left) - width / 2)
    return join(
        _time(step.time, y, layout),
        element("rect", element("title", step.name), x=x, y=y - 10, width=width, height=20, rx=10, class_="box"),
        element("text", text, x=x + width / 2, y=y + 4, text_anchor="middle", font_size=11),
    )


def _arrow(step: Step, y: float, layout: Layout) -> Markup:
    """A message from sender to receiver; a drop goes from the peer to the node that refused it and ends in a cross."""
    lost = step.kind == "drop"
    source, target = (step.receiver, step.sender) if lost else (step.sender, step.receiver)
    start, end = layout.lanes.get(source), layout.lanes.get(target)
    if lost and (start is None or start == end):
        return _cross_only(step, y, layout)
    if start is None or end is None or start == end:
        start, end = _stub(start, end, layout)
    way = 1 if end > start else -1
    tip = end - way * (9 if lost else 1)
    number = None if lost else step_of(step.link, step.name)
    label = f"{step.name}: {step.reason}" if lost and step.name else step.reason if lost else step.name
    label = numbered(number, label)
    size = f"  {quantity(step.size)}" if step.size >= BULK and not lost else ""
    figure = f"step {number} of figure 6" if number else ""
    facts = [step.name if number else label, figure, f"{source} → {target}", step.link]
    facts.append(quantity(step.size) if step.size else "")
    room = abs(end - start) - 16 - len(size) * LETTER
    shown = _cut(step.reason if lost and len(label) * LETTER > room else label, room)
    return element(
        "g",
        element("title", " · ".join(fact for fact in facts if fact)),
        _time(step.time, y, layout),
        element("path", d=f"M{start + way:.1f} {y:.1f}H{tip:.1f}", class_="arrow"),
        _cross(end - way * 6, y) if lost else element("path", d=f"M{tip:.1f} {y:.1f}l{-8 * way} -4v8z", class_="fill"),
        element("text", shown, element("tspan", size, class_="soft") if size else "", x=(start + end) / 2, y=y - 6,
                text_anchor="middle", class_="halo", style="white-space:pre"),
        class_="lost" if lost else link_colour(step.link),
    )  # fmt: skip


def _stub(start: float | None, end: float | None, layout: Layout) -> tuple[float, float]:
    """A short arrow beside the one lane that is known."""
    known = start if start is not None else end if end is not None else layout.left
    away = known + (60 if known < layout.right or known == layout.left else -60)
    return (known, away) if start is not None else (away, known)


def _cross(x: float, y: float) -> Markup:
    return element("path", d=f"M{x - 5:.1f} {y - 5:.1f}l10 10m0 -10l-10 10", stroke="var(--bad)", stroke_width=2)


def _cross_only(step: Step, y: float, layout: Layout) -> Markup:
    """A drop at a lane, where it came from not being known."""
    x = layout.lanes.get(step.sender, layout.left)
    label = f"{step.name}: {step.reason}" if step.name else step.reason
    return element(
        "g",
        element("title", label),
        _time(step.time, y, layout),
        _cross(x, y),
        element("text", _cut(label, 260), x=x + 12, y=y + 4, class_="halo"),
        class_="lost",
    )


def _fold_row(row: Fold, y: float, layout: Layout, drops: int) -> Markup:
    """A band over all lanes that tells what it hides."""
    again = f"these {many(row.rows, 'step')} {many(row.times, 'more time')}: " if row.times and row.rows > 1 else ""
    more = "" if again else "more "
    parts = [
        f"{again}{many(row.messages, more + (row.name or 'message'))}" if row.messages else "",
        quantity(row.size) if row.size and row.messages else "",
        span((row.end - row.time) / NS_PER_S),
    ]
    left, right = layout.left - 26, max(layout.right + 26, layout.left + 300)
    told = " · ".join(part for part in parts if part)
    red = element("tspan", f" · {many(drops, 'drop')}", style="fill:var(--bad)") if drops else ""
    return element(
        "g",
        element("rect", x=left, y=y - 12, width=right - left, height=21, rx=6, class_="fold"),
        element("text", f"… {told}", red, " …", x=(left + right) / 2, y=y + 3, text_anchor="middle", class_="soft",
                font_size=11),
        _time(row.time, y - 1, layout),
    )  # fmt: skip


def _brackets(rows: Sequence[Row], layout: Layout) -> list[Markup]:
    """At the left of a cycle that was folded: which rows came again."""
    drawn = []
    places = {id(row): top for row, top in zip(rows, layout.tops, strict=True)}
    for row, bottom in zip(rows, layout.tops, strict=True):
        top = places.get(id(row.first)) if isinstance(row, Fold) and row.rows > 1 else None
        if top is not None:
            x = TIME_COLUMN - 8
            drawn.append(element("path", d=f"M{x + 6:.1f} {top - 8:.1f}h-6V{bottom + 6:.1f}h6", class_="again"))
    return drawn


def _bars(bars: Sequence[Bar], rows: Sequence[Row], layout: Layout) -> list[Markup]:
    """Procedures, at the right: a bar over the rows each took, its name beside it. A procedure of which no step is
    drawn is left out with them."""
    drawn_times = [
        row.time
        for row, reached in zip(rows, _reached(rows), strict=True)
        if isinstance(row, Step) and row.time >= reached
    ]
    visible = [bar for bar in bars if any(bar.begin <= time <= bar.end for time in drawn_times)]
    visible = sorted(visible, key=lambda bar: (bar.begin, -bar.end))[:MAX_BARS]
    if not visible:
        return []
    place = _Clock(rows, layout)
    extents = [(place(bar.begin), place(bar.end)) for bar in visible]
    extents = [(top, max(bottom, top + 8)) for top, bottom in extents]
    columns = _columns(extents)
    edge = layout.width - GUTTER + 4
    names = spread([(top + bottom) / 2 for top, bottom in extents], 15)
    text_x = edge + 13 * (max(columns) + 1) + 12
    drawn = []
    for bar, (top, bottom), column, name_y in zip(visible, extents, columns, names, strict=True):
        failed = bar.outcome not in DONE
        lasted = span((bar.end - bar.begin) / NS_PER_S)
        label = f"{bar.name} · {bar.outcome + ' after ' if failed else ''}{lasted}"
        x = edge + 13 * column
        drawn += [
            element("path", d=f"M{x + 8:.1f} {(top + bottom) / 2:.1f}L{text_x - 4:.1f} {name_y:.1f}", class_="leader"),
            element("rect", element("title", label), x=x, y=top, width=8, height=bottom - top, rx=4,
                    class_="bar failed" if failed else "bar"),
            element("text", _cut(label, layout.width - text_x), x=text_x, y=name_y + 4, font_size=11,
                    style="fill:var(--bad)" if failed else None),
        ]  # fmt: skip
    return drawn


def _columns(extents: Sequence[tuple[float, float]]) -> list[int]:
    """A column for each extent, so that none lies over another."""
    ends: list[float] = []
    columns = []
    for top, bottom in extents:
        column = next((index for index, end in enumerate(ends) if end <= top), len(ends))
        ends[column : column + 1] = [bottom]
        columns.append(column)
    return columns


class _Clock:
    """y of a time: straight between the rows before and after it."""

    def __init__(self, rows: Sequence[Row], layout: Layout) -> None:
        self._points: list[tuple[int, float]] = []
        for row, top, reached in zip(rows, layout.tops, _reached(rows), strict=True):
            if row.time < reached:
                continue
            self._points.append((row.time, top))
            if isinstance(row, Fold):
                self._points.append((row.end, top + 9))

    def __call__(self, time: int) -> float:
        points = self._points
        after = bisect_right(points, time, key=lambda point: point[0])
        if after == 0:
            return points[0][1] - 8
        if after == len(points):
            return points[-1][1] + 8
        (begin, top), (end, bottom) = points[after - 1], points[after]
        return top + (bottom - top) * (time - begin) / (end - begin)


def _link_legend(rows: Sequence[Row], layout: Layout) -> Markup:
    """The colour of each link that is drawn."""
    used = {row.link for row in rows if isinstance(row, Step) and row.link}
    order = sorted(used, key=lambda link: (LINKS.index(link) if link in LINKS else len(LINKS), link))
    x, y = layout.width - GUTTER + 12, HEAD - 42.0
    drawn = []
    for index, link in enumerate(order):
        left, top = x + 72 * (index % 3), y + 18 * (index // 3)
        drawn.append(
            element("g", element("path", d=f"M{left:.1f} {top:.1f}h20", class_="arrow"),
                    element("text", _cut(link, 46), x=left + 25, y=top + 4), class_=link_colour(link))
        )  # fmt: skip
    return join(*drawn)


def _cut(text: str, room: float) -> str:
    letters = max(3, int(room / LETTER))
    return text if len(text) <= letters else text[: letters - 1] + "…"
