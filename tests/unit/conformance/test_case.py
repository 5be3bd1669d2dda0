"""Cases and their selection."""

from __future__ import annotations

import re
import types
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from net4ai.conformance.case import GROUPS, ROLES, Case, case, cases_of, select
from net4ai.conformance.cases import all_cases
from net4ai.conformance.statement import Statement

ROOT = Path(__file__).resolve().parents[3]


async def nothing(tester: object) -> None:
    """A body."""


def made(identity: str = "A-B-01", **changes: Any) -> Case:
    fields: dict[str, Any] = {"group": "rrc", "role": "ue", "clause": "c", "purpose": "p"}
    return case(identity, **fields | changes)(nothing)


@pytest.mark.parametrize("identity", ["", "a-b-01", "A-B", "A-B-1", "A_B-01", "A-B-001", "-01", "A--01"])
def test_identities_have_a_form(identity: str) -> None:
    with pytest.raises(ValueError, match="capitals, hyphens, two digits"):
        made(identity)


@pytest.mark.parametrize(
    ("field", "value", "told"),
    [("group", "qos", "robustness"), ("role", "core", "ran-node"), ("options", ("telepathy",), "measurements")],
)
def test_what_does_not_exist_is_refused(field: str, value: object, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        made(**{field: value})


def test_two_of_one_name_are_refused() -> None:
    module = types.ModuleType("m")
    module.first, module.second = made(), made()  # type: ignore[attr-defined]
    with pytest.raises(ValueError, match="two cases are named A-B-01"):
        cases_of([module])


def test_selection_by_role_name_and_options() -> None:
    cases = [
        made("DEP-X-01", group="dep"),
        made("RRC-X-01"),
        made("RRC-Y-01", options=("measurements",)),
        made("RRC-Y-02", role="ran-node"),
    ]
    chosen = select(cases, "ue", Statement())
    assert [each.identity for each in chosen.cases] == ["RRC-X-01", "DEP-X-01"], "groups in the order of reports"
    assert [(each.identity, missing) for each, missing in chosen.not_applicable] == [("RRC-Y-01", ["measurements"])]
    claimed = select(cases, "ue", Statement(options=["measurements"]), ["RRC-Y"])
    assert [each.identity for each in claimed.cases] == ["RRC-Y-01"]
    with pytest.raises(ValueError, match="no case of role ue is named RRC-Z or begins so"):
        select(cases, "ue", Statement(), ["RRC-X-01", "RRC-Z"])


@cache
def sections(document: Path) -> set[str]:
    """Anchors of a document's headings, as GitHub makes them."""
    headings = (line.lstrip("#").strip() for line in document.read_text("utf-8").splitlines() if line.startswith("#"))
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_cases_that_ship() -> None:
    cases = all_cases()
    assert len(cases) >= 25
    assert {each.role for each in cases} == ROLES.keys()
    assert {each.group for each in cases} <= GROUPS.keys()
    for each in cases:
        document, _, section = each.clause.partition("#")
        assert section in sections(ROOT / document), f"{each.identity}: {each.clause}"
        assert each.purpose.endswith("."), each.identity
        assert all(row[0] == "R" and row[1:].isdecimal() for row in each.rows), each.identity
