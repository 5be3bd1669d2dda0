"""What ran, in which order, as the trace tells it (R6, R15)."""

from __future__ import annotations

from typing import Any

from net4ai.app.report import Finding, RunFacts, build_report, render_html
from net4ai.app.report.routines import routines_run
from net4ai.app.report.trace_lines import understand

SECOND = 1_000_000_000


def line(second: int, message: str, **ids: Any) -> dict[str, Any]:
    return {"time": second * SECOND, "node": "routine-manager", "kind": "state", "message": message, "ids": ids}


def execution(number: int, routine: str, begin: int, end: int, cause: str = "NORMAL") -> list[dict[str, Any]]:
    return [
        line(begin, "execution begins", execution=number, routine=routine, round=0),
        line(end, "execution ended", execution=number, routine=routine, cause=cause),
    ]


TRACE = [
    *execution(3, "bottom-validation", 20, 21),
    *execution(1, "bottom", 10, 12),
    *execution(2, "bottom", 13, 15, "TOO_FEW_CLIENTS"),
    *execution(2, "bottom", 16, 18),
    line(30, "consent given", ue="x"),
]


def test_routines_in_order_of_their_first_execution() -> None:
    first, second = routines_run(understand(TRACE)[0])
    assert (first.routine, first.executions, first.begin, first.end) == ("bottom", 2, 10 * SECOND, 18 * SECOND)
    assert first.causes == {"TOO_FEW_CLIENTS": 1}, "the second was resumed: it counts once"
    assert (second.routine, second.executions, second.causes) == ("bottom-validation", 1, {})


def test_the_report_has_them_and_the_providers_tables() -> None:
    tables = [Finding("Map", ["cell", "mean"], [["1", -80.5], ["2", 3]], "Of two cells.")]
    report = build_report(RunFacts(scenario="s", seed=1, metric=None, fidelity=None, findings=tables), TRACE)
    assert [(ran.routine, ran.begin_s, ran.end_s) for ran in report.routines] == [
        ("bottom", 0.0, 8.0),
        ("bottom-validation", 10.0, 11.0),
    ]
    assert report.headline is None
    page = render_html(report)
    assert "Learning curve" not in page and "Fidelity" not in page and "Baselines" not in page
    for text in ("<h2>Map</h2>", "Of two cells.", "-80.5", "What ran", "bottom-validation", "TOO_FEW_CLIENTS"):
        assert text in page
