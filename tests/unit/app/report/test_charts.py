from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from net4ai.app.report.charts import Line, Reference, Stack, line_chart, spread, stacked_bars, standalone, ticks
from net4ai.app.report.report import Node
from net4ai.app.report.topology_chart import topology_chart

FINITE = st.floats(-1e9, 1e9)
SVG = "{http://www.w3.org/2000/svg}"


@given(FINITE, st.floats(1e-6, 1e9), st.integers(2, 10))
def test_ticks_are_few_round_and_within(low: float, width: float, about: int) -> None:
    high = low + width
    if high <= low:
        return
    marks = ticks(low, high, about)
    assert len(marks) <= 2 * about + 2
    slack = 1e-6 * max(1.0, width)
    assert all(low - slack <= mark <= high + slack for mark in marks)


@pytest.mark.parametrize(
    ("low", "high", "about", "expected"),
    [
        (0, 10, 5, [0, 2, 4, 6, 8, 10]),
        (11.9, 18.3, 5, [12, 14, 16, 18]),
        (0, 0.09, 3, [0, 0.05]),
        (3, 3, 5, [3]),
        (0, 5e-324, 5, [0]),
        (float("nan"), 1, 5, []),
    ],
)
def test_ticks_people_would_choose(low: float, high: float, about: int, expected: list[float]) -> None:
    assert ticks(low, high, about) == expected


@given(st.lists(st.floats(0, 300), max_size=12), st.floats(1, 30))
def test_spread_keeps_order_and_distance(positions: list[float], gap: float) -> None:
    moved = spread(positions, gap)
    order = sorted(range(len(positions)), key=lambda index: positions[index])
    assert all(moved[after] - moved[before] >= gap * 0.999 for before, after in pairwise(order))


def test_spread_leaves_alone_what_has_room() -> None:
    assert spread([50, 10, 90], 15) == [50, 10, 90]


@given(st.lists(st.tuples(st.integers(0, 99), FINITE), max_size=40), st.lists(FINITE, max_size=3), st.text())
def test_a_line_chart_is_xml_whatever_it_is_given(
    points: list[tuple[float, float]], levels: list[float], name: str
) -> None:
    references = [Reference(name, level) for level in levels]
    chart = line_chart(name, [Line(name, points)], references, x_label=name, y_label=name)
    ElementTree.fromstring(chart)
    assert "nan" not in chart.lower().replace(name.lower(), "")


@given(st.lists(st.floats(0, 1e12), max_size=30), st.text())
def test_stacked_bars_are_xml_whatever_they_are_given(values: list[float], name: str) -> None:
    ElementTree.fromstring(stacked_bars(name, [name] * len(values), [Stack(name, values), Stack(name, values)]))


def test_the_curve_has_a_dot_per_round_and_a_line_per_baseline() -> None:
    chart = ElementTree.fromstring(
        line_chart("MAE", [Line("MAE", [(0, 18.0), (1, 13.0), (2, 12.5)])], [Reference("ridge", 12.4)])
    )
    assert len(chart.findall(f".//{SVG}circle")) == 3
    assert [text.text for text in chart.iter(f"{SVG}text") if text.text in ("MAE", "ridge")] == ["MAE", "ridge"]
    assert len([line for line in chart.iter(f"{SVG}line") if "reference" in line.get("class", "")]) == 1


def test_a_chart_can_stand_alone() -> None:
    chart = ElementTree.fromstring(standalone(stacked_bars("bytes", ["0"], [Stack("Uu", [3.0])])))
    style = chart.find(f"{SVG}style")
    assert style is not None
    assert "--link-0:" in (style.text or "")


def test_topology_is_drawn_with_servers_inside_their_hosts() -> None:
    chart = topology_chart(
        [
            Node("core", "core"),
            Node("ran-1", "RAN node", "core"),
            Node("ran-1-app-server", "application server", "ran-1"),
            Node("ue-1", "UE", "ran-1", 12),
        ]
    )
    assert chart is not None
    texts = [text.text for text in ElementTree.fromstring(chart).iter(f"{SVG}text")]
    assert texts == ["core", "core", "ran-1", "RAN node", "ran-1-app-server", "ue-1", "12 UEs"]


def test_topology_is_not_drawn_where_there_is_too_much_or_nothing() -> None:
    assert topology_chart([]) is None
    assert topology_chart([Node(f"ran-{index}", "RAN node") for index in range(50)]) is None


@given(st.lists(st.builds(Node, st.text(max_size=9), st.sampled_from(["UE", "RAN node", "edge", "core"]),
                          st.text(max_size=9)), max_size=9))  # fmt: skip
def test_topology_takes_any_nodes(nodes: list[Node]) -> None:
    chart = topology_chart(nodes)
    if chart is not None:
        ElementTree.fromstring(chart)
