"""The examples of the guide run, and pass."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from net4ai.app.conformance import load_statement, own_cases
from net4ai.app.conformance_target import run_in_memory
from net4ai.conformance.case import ROLES

GUIDE = Path(__file__).resolve().parents[2] / "docs" / "guide" / "write-a-conformance-test.md"


@pytest.fixture
def my_cases(tmp_path: Path) -> Path:
    blocks = re.findall(r"```python\n(.*?)```", GUIDE.read_text("utf-8"), re.DOTALL)
    path = tmp_path / "my_cases.py"
    path.write_text("\n".join(blocks), "utf-8")
    return path


@pytest.mark.parametrize("role", ["ran-node", "ue"])
def test_examples_pass(role: str, my_cases: Path, tmp_path: Path) -> None:
    cases = [each for each in own_cases(my_cases) if each.role == role]
    assert cases
    results = run_in_memory(role, cases, tmp_path, load_statement())
    assert {result.case.identity: (result.verdict.value, result.why) for result in results} == {
        each.identity: ("pass", "") for each in cases
    }


def test_examples_are_of_known_roles(my_cases: Path) -> None:
    assert {each.role for each in own_cases(my_cases)} <= ROLES.keys()
