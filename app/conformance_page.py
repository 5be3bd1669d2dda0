"""The page of a conformance run, for people: one file, nothing loaded from elsewhere."""

from __future__ import annotations

from collections import Counter
from urllib.parse import quote

from net4ai.app.report.markup import Markup, element, join
from net4ai.app.report.style import PAGE, SCHEMES
from net4ai.conformance.case import GROUPS, ROLES
from net4ai.conformance.report import CaseReport, ConformanceReport, StepReport

COLOURS = {"pass": "good", "fail": "bad", "inconclusive": "doubt", "not applicable": "soft"}
"""Class of each verdict."""
HEAD = ("case", "verdict", "purpose", "seconds", "capture")

_STYLE = """
.doubt{color:var(--link-1)}
th,td code,td.verdict,td.capture,table.ladder .arrow,table.ladder .port{white-space:nowrap}
td.verdict{font-weight:600}
td{vertical-align:top}
summary{cursor:pointer}
table.ladder{font-size:13px;margin:.4em 0 .8em;width:auto}
table.ladder td{padding:.1em .7em;border:0}
table.ladder .arrow{font-family:ui-monospace,monospace;color:var(--soft)}
table.ladder .expected{color:var(--good)}
table.ladder .failed{color:var(--bad);font-weight:600}
pre{overflow-x:auto}
"""


def to_html(report: ConformanceReport) -> str:
    """The whole page."""
    groups = [_group(report, group) for group in GROUPS if any(case.group == group for case in report.cases)]
    title = f"net4ai conformance: {report.role} {report.target}"
    page = element(
        "html",
        element(
            "head",
            element("meta", charset="utf-8"),
            element("meta", name="viewport", content="width=device-width, initial-scale=1"),
            element("title", title),
            element("style", Markup(SCHEMES + PAGE + _STYLE)),
        ),
        element("body", element("main", _header(report), _summary(report), *groups)),
        lang="en",
    )
    return f"<!DOCTYPE html>\n{page}\n"


def _header(report: ConformanceReport) -> Markup:
    facts = [report.tool, report.started.replace("T", " ").replace("+00:00", " UTC"), ROLES[report.role]]
    claims = ", ".join(report.claimed) or "none"
    files = join(element("a", "report.json", href="report.json"), " · ", element("a", "junit.xml", href="junit.xml"))
    parts = [
        element("h1", f"Conformance of {report.implementation}"),
        element("p", f"{report.role} at {report.target} · ", " · ".join(facts), class_="soft"),
        element("p", f"options claimed: {claims} · ", files, class_="soft"),
    ]
    if not report.complete:
        parts.append(element("section", "The run was interrupted: cases that are missing were not run.", class_="note"))
    return element("header", *parts)


def _summary(report: ConformanceReport) -> Markup:
    rows = []
    for group in GROUPS:
        counts = Counter[str](case.verdict for case in report.cases if case.group == group)
        if counts:
            link = element("a", group, href=f"#{group}")
            rows.append([link, *(_count(counts[verdict], verdict) for verdict in COLOURS)])
    totals = [_count(report.verdicts.get(verdict, 0), verdict) for verdict in COLOURS]
    head = element("tr", element("th", "group"), *(element("th", verdict, class_="number") for verdict in COLOURS))
    body = [
        element("tr", element("td", row[0]), *(element("td", cell, class_="number") for cell in row[1:]))
        for row in [*rows, [element("b", "all"), *totals]]
    ]
    return element("section", element("h2", "Verdicts"), element("table", element("thead", head), *body))


def _count(count: int, verdict: str) -> Markup:
    return element("span", count or "–", class_=COLOURS[verdict] if count else "soft")


def _group(report: ConformanceReport, group: str) -> Markup:
    head = element("tr", *(element("th", name, class_="number" if name == "seconds" else None) for name in HEAD))
    rows = [_row(case) for case in report.cases if case.group == group]
    table = element("table", element("thead", head), element("tbody", *rows))
    return element("section", element("h2", GROUPS[group]), table, id=group)


def _row(case: CaseReport) -> Markup:
    rows = f" ({', '.join(case.rows)})" if case.rows else ""
    capture = element("a", "pcapng", href="./" + quote(case.capture)) if case.capture else "–"
    what = [element("div", case.purpose), element("div", f"{case.clause}{rows}", class_="soft small")]
    if case.why:
        what.append(element("div", case.why, class_=f"small {COLOURS[case.verdict]}"))
    if case.steps or case.detail:
        what.append(_steps(case))
    return element(
        "tr",
        element("td", element("code", case.id)),
        element("td", case.verdict, class_=f"verdict {COLOURS[case.verdict]}"),
        element("td", *what),
        element("td", f"{case.seconds:.2f}" if case.verdict != "not applicable" else "–", class_="number"),
        element("td", capture, class_="capture"),
        id=case.id,
    )


def _steps(case: CaseReport) -> Markup:
    ladder = element("table", *(_step(step) for step in case.steps), class_="ladder")
    traceback = element("pre", case.detail, class_="small") if case.detail else ""
    told = element("summary", f"{len(case.steps)} steps", class_="small soft")
    return element("details", told, ladder, traceback, open="" if case.verdict == "fail" else None)


_ARROWS = {"out": "tester ──▶ target", "in": "tester ◀── target", "note": ""}


def _step(step: StepReport) -> Markup:
    mark = {"expected": "✓", "failed": "✗", "": ""}[step.outcome]
    return element(
        "tr",
        element("td", f"{step.seconds:.3f}", class_="number soft"),
        element("td", _ARROWS[step.direction], class_="arrow"),
        element("td", step.port, class_="soft port"),
        element("td", step.text, class_=step.outcome or None),
        element("td", mark, class_=step.outcome or None),
    )
