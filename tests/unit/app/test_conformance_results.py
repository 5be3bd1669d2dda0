"""The page of conformance runs: counts by group and role, every case; the repository's is of today's suite."""

from __future__ import annotations

import re
from pathlib import Path

from net4ai.app.conformance_results import page
from net4ai.conformance import cases
from net4ai.conformance.case import ROLES, cases_of
from net4ai.conformance.report import CaseReport, ConformanceReport

RESULTS = Path(__file__).resolve().parents[3] / "docs" / "guide" / "conformance-results.md"


def case(identity: str, group: str, verdict: str, why: str = "") -> CaseReport:
    return CaseReport(
        id=identity,
        group=group,
        clause="docs/spec/rrc.md#4-connection",
        rows=["R96", "R97"],
        purpose="One | two.",
        options=[],
        verdict=verdict,  # type: ignore[arg-type]
        why=why,
    )


def report(role: str, *found: CaseReport) -> ConformanceReport:
    return ConformanceReport(
        version=1,
        tool="net4ai 1",
        role=role,
        target="self",
        implementation="net4ai",
        claimed=[],
        started="2026-01-01T00:00:00+00:00",
        complete=True,
        verdicts={},
        cases=list(found),
    )


def test_counts_and_cases() -> None:
    text = page(
        [
            report("ue", case("DEP-01", "dep", "pass")),
            report("ran-node", case("RRC-01", "rrc", "pass"), case("RRC-02", "rrc", "fail", "it did not")),
        ]
    )
    lines = text.splitlines()
    assert "| group | ue | ran-node |" in lines
    assert "| rrc: Radio resource control | – | 1 fail, 1 pass |" in lines
    assert "| all | 1 pass | 1 fail, 1 pass |" in lines
    assert "| RRC-02 | fail: it did not | One \\| two. | [rrc.md](../spec/rrc.md#4-connection) | R96, R97 |" in lines


def test_the_page_of_the_repository_has_every_case_of_the_suite() -> None:
    sections = RESULTS.read_text("utf-8").split("\n## Role ")[1:]
    shown = {
        (section.split("\n")[0], found)
        for section in sections
        for found in re.findall(r"^\| ([A-Z0-9-]+) \| pass \|", section, re.MULTILINE)
    }
    assert {role for role, _ in shown} == set(ROLES)
    assert shown == {(each.role, each.identity) for each in cases_of(cases.MODULES)}
