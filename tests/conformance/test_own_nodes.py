"""Our own nodes conform: every case that ships, in memory and under virtual time."""

from __future__ import annotations

from pathlib import Path

import pytest

from net4ai.app.conformance import load_statement
from net4ai.app.conformance_target import run_in_memory
from net4ai.conformance.case import ROLES, select
from net4ai.conformance.cases import all_cases
from net4ai.conformance.log import ladder
from net4ai.conformance.verdict import Verdict


@pytest.mark.parametrize("role", ROLES)
def test_own_node_conforms(role: str, tmp_path: Path) -> None:
    statement = load_statement()
    selection = select(all_cases(), role, statement)
    results = run_in_memory(role, selection.cases, tmp_path, statement)
    wrong = [
        f"{result.case.identity} {result.verdict}: {result.why}\n{ladder(result.steps)}\n{result.detail}"
        for result in results
        if result.verdict is not Verdict.PASS
    ]
    assert not wrong, "\n\n".join(wrong)
    assert len(results) == len(selection.cases) > 0
    assert sorted(path.stem for path in tmp_path.glob("*.pcapng")) == sorted(r.case.identity for r in results)
