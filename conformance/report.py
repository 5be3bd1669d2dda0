"""The report of a run, as JSON and as JUnit XML. The page for people is made of it by `net4ai.app.conformance_page`."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from typing import Annotated, Literal
from xml.etree import ElementTree

import msgspec

from net4ai.conformance.case import GROUPS, Case, Selection
from net4ai.conformance.log import Step, ladder
from net4ai.conformance.run import CaseResult
from net4ai.conformance.statement import Statement

VERSION = 1
"""Of the schema of report.json; another major change, another number."""

_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def _meaning(text: str) -> msgspec.Meta:
    return msgspec.Meta(description=text)


class StepReport(msgspec.Struct, frozen=True):
    """One line of a case's ladder."""

    seconds: Annotated[float, _meaning("Since the case began.")]
    direction: Annotated[Literal["out", "in", "note"], _meaning("To the target, from it, or a remark.")]
    port: Annotated[str, _meaning("Where: SRB0, SRB1, NAS, N2, DEP and so on.")]
    text: Annotated[str, _meaning("The message, or what was waited for.")]
    outcome: Annotated[Literal["", "expected", "failed"], _meaning("Whether the case has expected it.")] = ""


class CaseReport(msgspec.Struct, frozen=True):
    """What came of a case."""

    id: Annotated[str, _meaning("Identity of the case.")]
    group: Annotated[str, _meaning("Its group.")]
    clause: Annotated[str, _meaning("Where the specification demands it.")]
    rows: Annotated[list[str], _meaning("Requirement rows.")]
    purpose: Annotated[str, _meaning("What it tests.")]
    options: Annotated[list[str], _meaning("Options it needs.")]
    verdict: Annotated[
        Literal["pass", "fail", "inconclusive", "not applicable"],
        _meaning("As in TTCN-3; not applicable: an option it needs is not claimed, so it was not run."),
    ]
    why: Annotated[str, _meaning("Why it is no pass.")] = ""
    seconds: Annotated[float, _meaning("How long it took.")] = 0.0
    capture: Annotated[str, _meaning("File of its packets, beside the report; empty: none.")] = ""
    steps: Annotated[list[StepReport], _meaning("What happened.")] = []
    detail: Annotated[str, _meaning("Traceback, where the case itself is wrong.")] = ""


class ConformanceReport(msgspec.Struct, frozen=True):
    """A run of the suite against one target."""

    version: Annotated[int, _meaning("Of this schema.")]
    tool: Annotated[str, _meaning("Name and version of the tester.")]
    role: Annotated[str, _meaning("What the target is: ue, ran-node, function.")]
    target: Annotated[str, _meaning("Its address, or where the tester listened for it; self: our own node.")]
    implementation: Annotated[str, _meaning("Name and version that its statement gives.")]
    claimed: Annotated[list[str], _meaning("Options that its statement claims.")]
    started: Annotated[str, _meaning("When, in UTC.")]
    complete: Annotated[bool, _meaning("False: interrupted; what is missing was not run.")]
    verdicts: Annotated[dict[str, int], _meaning("Cases by verdict.")]
    cases: Annotated[list[CaseReport], _meaning("All cases that were selected, group by group.")]


def make_report(
    results: Sequence[CaseResult],
    selection: Selection,
    statement: Statement,
    *,
    tool: str,
    role: str,
    target: str,
    started: str,
    complete: bool,
) -> ConformanceReport:
    """The report of a run."""
    cases = [_case_report(result) for result in results]
    cases += [_not_applicable(case, missing) for case, missing in selection.not_applicable]
    cases.sort(key=lambda each: list(GROUPS).index(each.group))
    return ConformanceReport(
        version=VERSION,
        tool=tool,
        role=role,
        target=target,
        implementation=statement.implementation,
        claimed=list(statement.options),
        started=started,
        complete=complete,
        verdicts=dict(Counter(each.verdict for each in cases)),
        cases=cases,
    )


def _case_report(result: CaseResult) -> CaseReport:
    case = result.case
    return CaseReport(
        id=case.identity,
        group=case.group,
        clause=case.clause,
        rows=list(case.rows),
        purpose=_text(case.purpose),
        options=list(case.options),
        verdict=result.verdict.value,
        why=_text(result.why),
        seconds=result.seconds,
        capture=result.capture,
        steps=[StepReport(s.seconds, s.direction, s.port, _text(s.text), s.outcome) for s in result.steps],
        detail=_text(result.detail),
    )


def _not_applicable(case: Case, missing: list[str]) -> CaseReport:
    return CaseReport(
        id=case.identity,
        group=case.group,
        clause=case.clause,
        rows=list(case.rows),
        purpose=_text(case.purpose),
        options=list(case.options),
        verdict="not applicable",
        why=f"not claimed: {', '.join(missing)}",
    )


def _text(text: str) -> str:
    """Text as UTF-8 can hold it: a target, or a case, may have made it of anything."""
    return text.encode(errors="replace").decode()


def to_json(report: ConformanceReport) -> bytes:
    """report.json."""
    return msgspec.json.format(msgspec.json.encode(report), indent=2) + b"\n"


def to_junit(report: ConformanceReport) -> bytes:
    """JUnit XML: a test suite for each group. Inconclusive cases are errors, those not applicable are skipped."""
    root = ElementTree.Element("testsuites", name=_xml(f"net4ai conformance, {report.role} {report.target}"))
    for group in dict.fromkeys(case.group for case in report.cases):
        of_group = [case for case in report.cases if case.group == group]
        count = Counter(case.verdict for case in of_group)
        suite = ElementTree.SubElement(
            root,
            "testsuite",
            name=group,
            tests=str(len(of_group)),
            failures=str(count["fail"]),
            errors=str(count["inconclusive"]),
            skipped=str(count["not applicable"]),
            time=f"{sum(case.seconds for case in of_group):.3f}",
            timestamp=_xml(report.started),
        )
        for case in of_group:
            _junit_case(suite, case)
    ElementTree.indent(root)
    return bytes(ElementTree.tostring(root, "utf-8", xml_declaration=True)) + b"\n"


_JUNIT = {"fail": "failure", "inconclusive": "error", "not applicable": "skipped"}


def _junit_case(suite: ElementTree.Element, case: CaseReport) -> None:
    test = ElementTree.SubElement(
        suite, "testcase", name=_xml(f"{case.id}: {case.purpose}"), classname=case.group, time=f"{case.seconds:.3f}"
    )
    if (element := _JUNIT.get(case.verdict)) is not None:
        told = ElementTree.SubElement(test, element, message=_xml(case.why))
        if case.detail:
            told.text = _xml(case.detail)
    if case.steps:
        steps = [Step(s.seconds, s.direction, s.port, s.text, s.outcome) for s in case.steps]
        ElementTree.SubElement(test, "system-out").text = _xml(ladder(steps))


def _xml(text: str) -> str:
    """Text without the characters that no XML document may contain; ElementTree escapes the rest."""
    return _NOT_XML.sub("\ufffd", text)
