"""`net4ai load` with real processes: all terminals get through, nothing fails, everything is counted."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from net4ai.app.load import LoadOptions, run_load

UES = 40


@pytest.mark.parametrize("steps", [("attach",), ("attach", "session"), ("attach", "session", "release")])
def test_all_terminals_get_through(tmp_path: Path, steps: tuple[str, ...]) -> None:
    """R57, R58, R96-R99: registered, consenting, with a session; and gone again where that was asked."""
    options = LoadOptions(ues=UES, folder=tmp_path, steps=steps, parallel=10, ran_nodes=2)
    said: list[str] = []
    figures = asyncio.run(run_load(options, said.append))
    assert figures.through == UES, "\n".join(said)
    assert figures.failures == {}
    done = {(each.node, each.procedure): each.done for each in figures.procedures}
    assert done["ue", "registration"] == done["core", "registration"] == UES
    assert done.get(("core", "session set-up"), 0) == (UES if "session" in steps else 0)
    assert done.get(("ue", "deregistration"), 0) == (UES if "release" in steps else 0)
    assert {process.process for process in figures.processes} >= {"core", "ran-1", "ran-2", "ue-1", "ue-2", "edge"}
