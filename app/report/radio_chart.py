"""A UE's radio over time: the rate it has reported, what has come over it, and its CQI.

    python -m net4ai.app.report.radio_chart RUN UE NAME

draws the UE, such as ue-1/3, of the run whose folder is RUN into NAME-rate.svg and NAME-cqi.svg.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

from net4ai.app.report.charts import Line, line_chart, standalone
from net4ai.app.report.markup import Markup
from net4ai.app.report.trace_lines import TraceLine, understand
from net4ai.stack.io.trace_file import merge_traces

NS_PER_S = 1_000_000_000

Points = list[tuple[float, float]]
"""Seconds, value."""


@dataclass(slots=True)
class RadioOverTime:
    """What the trace tells of a UE's downlink. Seconds count from the first line of the trace."""

    cqi: Points = field(default_factory=list)
    rate: Points = field(default_factory=list)
    """Mbit/s it could be sent."""
    received: Points = field(default_factory=list)
    """Mbit/s of whole DEP messages that have come, second by second, in the middle of each."""


def radio_over_time(lines: Sequence[TraceLine], ue: str) -> RadioOverTime:
    """The downlink of `ue`; empty where it has reported nothing."""
    found = RadioOverTime()
    if not lines:
        return found
    begin = lines[0].time
    octets: Counter[int] = Counter()
    identity: object = None
    for line in lines:
        seconds = (line.time - begin) / NS_PER_S
        if line.node == ue and line.kind == "state" and "c_rnti" in line.ids:
            identity = line.ids["c_rnti"]
        elif line.message == "channel quality" and identity is not None and line.ids.get("c_rnti") == identity:
            found.cqi.append((seconds, line.ids["cqi"]))
            found.rate.append((seconds, line.ids["rate_kbps"] / 1000))
        elif line.node == ue and (line.message, line.direction) == ("DEP message", "in"):
            octets[int(seconds)] += line.size
    if octets:
        found.received = [(second + 0.5, octets[second] * 8 / 1e6) for second in range(min(octets), max(octets) + 1)]
    return found


def steps(points: Points, end: float) -> Iterator[tuple[float, float]]:
    """Corners of a line that keeps each value until the next, and the last until `end`."""
    for (time, value), (later, _) in pairwise([*points, (end, 0.0)]):
        yield time, value
        yield later, value


def radio_charts(lines: Sequence[TraceLine], ue: str) -> tuple[Markup, Markup]:
    """Rate and CQI, until the UE received its last message."""
    found = radio_over_time(lines, ue)
    end = max((time for time, _ in [*found.received, *found.cqi]), default=0.0)
    rate = line_chart(
        f"Downlink of {ue}",
        [Line("reported rate", list(steps(found.rate, end)), "c1"), Line("received", found.received)],
        x_label="seconds",
        y_label="Mbit/s",
    )
    cqi = line_chart(f"CQI of {ue}", [Line("CQI", list(steps(found.cqi, end)), "c2")], x_label="seconds", y_label="CQI")
    return rate, cqi


def main(run: str, ue: str, name: str) -> None:
    """Draw a UE of a run."""
    lines, _ = understand(merge_traces(sorted(Path(run, "trace").glob("*.ndjson"))))
    for what, chart in zip(("rate", "cqi"), radio_charts(lines, ue), strict=True):
        Path(f"{name}-{what}.svg").write_text(standalone(chart), encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
