"""Every requirement has tests, a reason, or a capability still to come; the document that says so is fresh."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def traceability() -> ModuleType:
    spec = importlib.util.spec_from_file_location("traceability", ROOT / "tests/traceability.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["traceability"] = module
    spec.loader.exec_module(module)
    return module


def test_all_rows_are_read(traceability: ModuleType) -> None:
    rows = [requirement.row for requirement in traceability.requirements()]
    assert rows == [f"R{number}" for number in range(1, 116)]


def test_ranges_and_single_rows_are_citations(traceability: ModuleType) -> None:
    text = "of " + "R" + "3-" + "R" + "5, " + "R" + "9 and AR" + "7"
    assert traceability.cited(text) == {"R3", "R4", "R5", "R9"}


def test_every_row_that_is_there_has_a_test(traceability: ModuleType) -> None:
    assert traceability.without_test() == []


def test_no_reason_for_a_row_that_has_tests(traceability: ModuleType) -> None:
    assert sorted(traceability.REASONS.keys() & traceability.citations().keys()) == []


def test_the_document_is_fresh(traceability: ModuleType) -> None:
    assert (ROOT / "docs/traceability.md").read_text(encoding="utf-8") == traceability.traceability()
