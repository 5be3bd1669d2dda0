"""Reports: JSON as its types say, JUnit that parses whatever targets say."""

from __future__ import annotations

from xml.etree import ElementTree

import msgspec

from net4ai.conformance.case import Case, Selection, case
from net4ai.conformance.log import Step
from net4ai.conformance.report import ConformanceReport, make_report, to_json, to_junit
from net4ai.conformance.run import CaseResult
from net4ai.conformance.statement import Statement
from net4ai.conformance.verdict import Verdict

NASTY = 'a]]> <b> & "c" \x00\x1b[31m \ud800 \uffff é'


async def nothing(tester: object) -> None:
    """A body."""


def made(identity: str, group: str = "rrc") -> Case:
    return case(identity, group=group, role="ue", clause="docs/spec/rrc.md#x", rows=("R99",), purpose=NASTY)(nothing)


def report(complete: bool = True) -> ConformanceReport:
    steps = [Step(0.25, "in", "SRB0", NASTY, "failed")]
    results = [
        CaseResult(made("DEP-A-01", "dep"), Verdict.PASS, "", 0.5, [], "DEP-A-01.pcapng"),
        CaseResult(made("RRC-A-01"), Verdict.FAIL, NASTY, 1.0, steps, "RRC-A-01.pcapng"),
        CaseResult(made("RRC-A-02"), Verdict.INCONCLUSIVE, "not there", 2.0, steps, "", detail=NASTY),
    ]
    selection = Selection([], [(made("RRC-A-03"), ["measurements"])])
    return make_report(
        results,
        selection,
        Statement(implementation="ours", options=["path"]),
        tool="net4ai 0",
        role="ue",
        target="self",
        started="2026-01-02T03:04:05+00:00",
        complete=complete,
    )


def test_json_is_what_its_types_say() -> None:
    made_report = report()
    assert msgspec.json.decode(to_json(made_report), type=ConformanceReport) == made_report
    assert made_report.verdicts == {"pass": 1, "fail": 1, "inconclusive": 1, "not applicable": 1}
    assert [each.id for each in made_report.cases] == ["RRC-A-01", "RRC-A-02", "RRC-A-03", "DEP-A-01"]
    assert not report(complete=False).complete


def test_junit_parses_and_counts() -> None:
    root = ElementTree.fromstring(to_junit(report()))
    suites = {suite.get("name"): suite for suite in root}
    counted = ("tests", "failures", "errors", "skipped")
    assert [suites["rrc"].get(key) for key in counted] == ["3", "1", "1", "1"]
    assert [suites["dep"].get(key) for key in counted] == ["1", "0", "0", "0"]
    cases = {test.get("name", "")[:8]: test for test in root.iter("testcase")}
    assert [child.tag for child in cases["RRC-A-01"]] == ["failure", "system-out"]
    assert [child.tag for child in cases["RRC-A-02"]] == ["error", "system-out"]
    assert [child.tag for child in cases["RRC-A-03"]] == ["skipped"]
    assert [child.tag for child in cases["DEP-A-01"]] == []
    message = cases["RRC-A-01"][0].get("message")
    assert message is not None and message.startswith('a]]> <b> & "c" �')
    assert "<-- SRB0: a]]> <b>" in (cases["RRC-A-01"][1].text or "")
