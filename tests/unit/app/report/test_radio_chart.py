"""A UE's radio over time, from the trace."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Any

from net4ai.app.report.radio_chart import main, radio_charts, radio_over_time, steps
from net4ai.app.report.trace_lines import TraceLine

SECOND = 1_000_000_000
BEGIN = 7 * SECOND


def line(seconds: float, node: str, message: str, kind: str = "state", **more: Any) -> TraceLine:
    return TraceLine(time=BEGIN + round(seconds * SECOND), node=node, kind=kind, message=message, **more)


def report(seconds: float, c_rnti: int, cqi: int, kbps: int) -> TraceLine:
    ids = {"c_rnti": c_rnti, "cqi": cqi, "rate_kbps": kbps}
    return line(seconds, "ran-1", "channel quality", ids=ids)


def received(seconds: float, ue: str, size: int, direction: str = "in") -> TraceLine:
    return line(seconds, ue, "DEP message", "message", direction=direction, size=size)


LINES = [
    line(0, "ran-1", "up"),
    line(0.5, "ue-1/2", "connected", ids={"c_rnti": 4}),
    line(0.5, "ue-1/1", "connected", ids={"c_rnti": 3}),
    report(1, 3, 9, 2000),
    report(1, 4, 1, 99),
    received(1.2, "ue-1/1", 100_000),
    received(1.7, "ue-1/1", 25_000),
    received(1.8, "ue-1/1", 77_777, "out"),
    received(1.9, "ue-1/2", 55_555),
    report(3, 3, 0, 0),
    line(3.5, "ue-1/1", "handed over", ids={"c_rnti": 12, "cell": 2}),
    report(4, 12, 4, 601),
    report(4.5, 3, 15, 7),
    received(4.2, "ue-1/1", 50_000),
]


def test_what_the_trace_says_of_one_ue() -> None:
    found = radio_over_time(LINES, "ue-1/1")
    assert found.cqi == [(1, 9), (3, 0), (4, 4)]
    assert found.rate == [(1, 2.0), (3, 0.0), (4, 0.601)]
    assert found.received == [(1.5, 1.0), (2.5, 0.0), (3.5, 0.0), (4.5, 0.4)]


def test_of_a_ue_that_says_nothing_there_is_nothing() -> None:
    for lines in ([], LINES):
        found = radio_over_time(lines, "ue-9/1")
        assert not (found.cqi or found.rate or found.received)
        assert all("nothing to show" in chart for chart in radio_charts(lines, "ue-9/1"))


def test_a_value_holds_until_the_next() -> None:
    assert list(steps([(1, 9), (3, 0)], 5)) == [(1, 9), (3, 9), (3, 0), (5, 0)]
    assert list(steps([], 5)) == []


def test_two_files_are_drawn(tmp_path: Path) -> None:
    (tmp_path / "trace").mkdir()
    events = [
        {name: getattr(each, name) for name in TraceLine.__struct_fields__} | {"utc": each.time} for each in LINES
    ]
    (tmp_path / "trace" / "all.ndjson").write_text("".join(json.dumps(event) + "\n" for event in events))
    main(str(tmp_path), "ue-1/1", str(tmp_path / "radio"))
    for what, words in (("rate", ["reported rate", "received"]), ("cqi", ["CQI"])):
        drawn = ElementTree.parse(tmp_path / f"radio-{what}.svg").getroot()
        names = [element.text for element in drawn.iter("{http://www.w3.org/2000/svg}text")]
        assert set(words) <= set(names)
