"""Line charts and stacked bars as SVG."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from net4ai.app.report.markup import Markup, element, join
from net4ai.app.report.style import CHART, SCHEMES
from net4ai.app.report.units import figure

LEFT, RIGHT, TOP, BOTTOM = 56, 122, 16, 44
"""Margins of a plot: room for axis labels, and on the right for names at the ends of lines."""
SMALLEST_STEP = 1e-12
"""Between ticks; below it there is nothing to see."""
NAME_LETTERS = 15
"""What fits the right margin."""
LABEL_GAP = 15
"""Least distance between two names at the right."""


@dataclass(frozen=True, slots=True)
class Line:
    """A named line; `colour` is a class of the style sheet."""

    name: str
    points: Sequence[tuple[float, float]]
    colour: str = "c0"


@dataclass(frozen=True, slots=True)
class Reference:
    """A level to compare with, drawn over the whole width."""

    name: str
    value: float
    colour: str = "c4"


@dataclass(frozen=True, slots=True)
class Stack:
    """One part of every bar: one value per bar."""

    name: str
    values: Sequence[float]
    colour: str = "c0"


def ticks(low: float, high: float, about: int = 5) -> list[float]:
    """Round numbers (1, 2 or 5 times a power of ten apart) that lie within low...high, about so many."""
    if not (math.isfinite(low) and math.isfinite(high)):
        return []
    raw = (high - low) / max(1, about)
    if raw < SMALLEST_STEP:
        return [low]
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= raw * 0.999)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [round(index * step, 12) for index in range(first, last + 1)]


def spread(positions: Sequence[float], gap: float) -> list[float]:
    """`positions` moved as little as a simple pass can so that none is nearer than `gap` to another; order is kept."""
    order = sorted(range(len(positions)), key=lambda index: positions[index])
    groups: list[tuple[list[int], float]] = []
    for index in order:
        members, centre = [index], positions[index]
        while groups:
            others, other_centre = groups[-1]
            if centre - other_centre >= gap * (len(members) + len(others)) / 2:
                break
            groups.pop()
            total = len(members) + len(others)
            centre = (other_centre * len(others) + centre * len(members)) / total
            members = others + members
        groups.append((members, centre))
    moved = [0.0] * len(positions)
    for members, centre in groups:
        for rank, index in enumerate(members):
            moved[index] = centre + (rank - (len(members) - 1) / 2) * gap
    return moved


def svg(width: float, height: float, title: str, *children: object) -> Markup:
    """The outer element of a chart, styled by the page."""
    return element(
        "svg",
        element("title", title),
        *children,
        xmlns="http://www.w3.org/2000/svg",
        viewBox=f"0 0 {width:.0f} {height:.0f}",
        class_="chart",
        role="img",
    )


def standalone(chart: Markup) -> Markup:
    """A chart with its style sheet inside: a file of its own."""
    head, tag, rest = chart.partition("<title>")
    return Markup(f"{head}<style>{SCHEMES}{CHART}</style>{tag}{rest}")


def line_chart(
    title: str,
    lines: Sequence[Line],
    references: Sequence[Reference] = (),
    *,
    x_label: str = "",
    y_label: str = "",
    width: float = 540,
    height: float = 300,
) -> Markup:
    """Lines over a numeric x axis of whole numbers, with levels to compare with, each named at its right end."""
    points = [point for line in lines for point in line.points]
    if not points:
        return _empty(title, width, height)
    values = [y for _, y in points] + [reference.value for reference in references]
    low, high = _padded(min(values), max(values))
    left, right = min(x for x, _ in points), max(x for x, _ in points)
    x = _scale(left, right, LEFT, width - RIGHT)
    y = _scale(low, high, height - BOTTOM, TOP)
    ends = [(line.name, y(line.points[-1][1]), line.colour) for line in lines if line.points]
    ends += [(reference.name, y(reference.value), reference.colour) for reference in references]
    names = spread([position for _, position, _ in ends], LABEL_GAP)
    return svg(
        width,
        height,
        title,
        _y_axis(ticks(low, high), y, width, y_label),
        _x_axis([tick for tick in ticks(left, right, 8) if tick == int(tick)], x, width, height, x_label),
        *(
            element("line", x1=LEFT, x2=width - RIGHT, y1=level, y2=level, class_=f"reference {colour}")
            for _, level, colour in ends[len(ends) - len(references) :]
        ),
        *(_line(line, x, y) for line in lines),
        *(
            element("text", _cut(name), x=width - RIGHT + 8, y=place + 4, class_=f"name {colour}")
            for (name, _, colour), place in zip(ends, names, strict=True)
        ),
    )  # fmt: skip


def stacked_bars(
    title: str,
    categories: Sequence[str],
    stacks: Sequence[Stack],
    *,
    x_label: str = "",
    y_label: str = "",
    width: float = 540,
    height: float = 300,
    amount: Callable[[float], str] = figure,
) -> Markup:
    """Bars of stacked parts, one per category, with a legend. `amount` writes a value for the tool tip."""
    totals = [sum(stack.values[index] for stack in stacks) for index in range(len(categories))]
    if not totals or max(totals) <= 0:
        return _empty(title, width, height)
    high = max(totals) * 1.05
    y = _scale(0, high, height - BOTTOM, TOP)
    room = (width - RIGHT - LEFT) / len(categories)
    thick = min(36.0, room * 0.72)
    every = math.ceil(len(categories) / 12)
    bars, labels = [], []
    for index, category in enumerate(categories):
        middle, base = LEFT + room * (index + 0.5), 0.0
        for stack in stacks:
            value = stack.values[index]
            if value <= 0:
                continue
            tip = element("title", f"{x_label} {category}, {stack.name}: {amount(value)}")
            bars.append(
                element("rect", tip, x=middle - thick / 2, width=thick, y=y(base + value),
                        height=max(0.5, y(base) - y(base + value)), class_=f"fill {stack.colour}")
            )  # fmt: skip
            base += value
        if index % every == 0:
            labels.append(
                element("text", category, x=middle, y=height - BOTTOM + 18, text_anchor="middle", class_="soft")
            )
    return svg(
        width,
        height,
        title,
        _y_axis(ticks(0, high), y, width, y_label),
        *bars,
        element("line", x1=LEFT, x2=width - RIGHT, y1=height - BOTTOM, y2=height - BOTTOM, class_="axis"),
        *labels,
        _x_title(x_label, width, height),
        *_legend(stacks, width),
    )


def _scale(low: float, high: float, start: float, end: float) -> Callable[[float], float]:
    """A straight map of low...high to start...end; to the middle where there is only one value."""
    if high == low:
        return lambda _: (start + end) / 2
    return lambda value: start + (value - low) / (high - low) * (end - start)


def _padded(low: float, high: float) -> tuple[float, float]:
    room = (high - low) * 0.08 or abs(high) * 0.05 or 1.0
    return low - room, high + room


def _y_axis(marks: Sequence[float], y: Callable[[float], float], width: float, label: str) -> Markup:
    return join(
        *(element("line", x1=LEFT, x2=width - RIGHT, y1=y(mark), y2=y(mark), class_="grid") for mark in marks),
        *(
            element("text", figure(mark), x=LEFT - 8, y=y(mark) + 4, text_anchor="end", class_="soft")
            for mark in marks
        ),
        element("text", label, transform=f"translate(13 {_middle(y, marks):.1f}) rotate(-90)", text_anchor="middle",
                class_="soft") if label and marks else "",
    )  # fmt: skip


def _middle(y: Callable[[float], float], marks: Sequence[float]) -> float:
    return (y(marks[0]) + y(marks[-1])) / 2


def _x_axis(marks: Sequence[float], x: Callable[[float], float], width: float, height: float, label: str) -> Markup:
    base = height - BOTTOM
    return join(
        element("line", x1=LEFT, x2=width - RIGHT, y1=base, y2=base, class_="axis"),
        *(element("text", figure(mark), x=x(mark), y=base + 18, text_anchor="middle", class_="soft") for mark in marks),
        _x_title(label, width, height),
    )


def _x_title(label: str, width: float, height: float) -> Markup:
    return element("text", label, x=(LEFT + width - RIGHT) / 2, y=height - 6, text_anchor="middle", class_="soft")


def _line(line: Line, x: Callable[[float], float], y: Callable[[float], float]) -> Markup:
    path = " ".join(f"{x(a):.1f},{y(b):.1f}" for a, b in line.points)
    dots = (
        element("circle", element("title", f"{figure(a)}: {figure(b)}"), cx=x(a), cy=y(b), r=3.5, class_="dot")
        for a, b in line.points
    )
    return element("g", element("polyline", points=path, class_="line"), *dots, class_=line.colour)


def _legend(stacks: Sequence[Stack], width: float) -> list[Markup]:
    """Names of the parts, in the order they are stacked: the top one first."""
    x = width - RIGHT + 12
    return [
        join(
            element("rect", x=x, y=TOP + 20 * row, width=12, height=12, rx=2, class_=f"fill {stack.colour}"),
            element("text", _cut(stack.name), x=x + 18, y=TOP + 20 * row + 10),
        )
        for row, stack in enumerate(reversed([stack for stack in stacks if any(stack.values)]))
    ]


def _cut(name: str) -> str:
    return name if len(name) <= NAME_LETTERS else name[: NAME_LETTERS - 1] + "…"


def _empty(title: str, width: float, height: float) -> Markup:
    note = element("text", "nothing to show", x=width / 2, y=height / 2, text_anchor="middle", class_="soft")
    return svg(width, height, title, note)
