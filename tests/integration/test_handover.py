"""Handover in a whole network, with a turn under way: the weights are the same bits (R107)."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from run_process import EndedRun

from net4ai.app.progress import Display
from net4ai.app.runner import Options, run_scenario
from net4ai.app.scenario import load_scenario

SMALL = (
    "ue_groups.ue-1.count=3",
    "ue_groups.ue-2.count=2",
    "privacy.k=2",
    "settings.rounds=1",
    "settings.batch_size=256",
    "links.radio.delay_ms=4",
    "links.radio.loss=0.01",
)


def run(folder: Path, *overrides: str) -> EndedRun:
    out = io.StringIO()
    run_scenario(load_scenario("blood-pressure", [*SMALL, *overrides]), Options(folder, None, True), Display(out))
    return EndedRun(0, out.getvalue(), folder, {})


def turn_of(ended: EndedRun, ue: str) -> tuple[float, float]:
    """Begin and end of a terminal's first turn, in seconds after the nodes were started."""
    told = [
        event["time"]
        for event in ended.trace
        if event.get("message") in ("Routine Start", "Routine Done") and event["node"] == ue
    ]
    begin = min(event["time"] for event in ended.trace)
    return (told[0] - begin) / 1e9, (told[1] - begin) / 1e9


@pytest.fixture(scope="module")
def stays(tmp_path_factory: pytest.TempPathFactory) -> EndedRun:
    """The same run without a handover."""
    return run(tmp_path_factory.mktemp("stays"))


@pytest.mark.parametrize("when", [0.05, 0.5, 0.9])
def test_handed_over_in_the_midst_of_its_turn(tmp_path: Path, stays: EndedRun, when: float) -> None:
    begin, end = turn_of(stays, "ue-1/1")
    at = begin + when * (end - begin)
    ended = run(tmp_path / "run", f"handovers=[{{ue: ue-1/1, at_s: {at:.4f}, to: ran-2}}]")
    assert "is handed over to ran-2" in ended.output
    states = [event["message"] for event in ended.trace if event["kind"] == "state"]
    assert {"terminal handed over", "route moved", "UE has come"} <= set(states)
    assert "client left out" not in states
    assert ended.report.fidelity.verdict == "identical"
    models = [(each.folder / "model.safetensors").read_bytes() for each in (ended, stays)]
    assert models[0] == models[1]


def test_to_a_node_and_back(tmp_path: Path, stays: EndedRun) -> None:
    begin, end = turn_of(stays, "ue-1/1")
    there, back = begin + 0.2 * (end - begin), begin + 0.8 * (end - begin)
    ended = run(
        tmp_path / "run",
        f"handovers=[{{ue: ue-1/1, at_s: {there:.4f}, to: ran-2}}, {{ue: ue-1/1, at_s: {back:.4f}, to: ran-1}}]",
    )
    handed_over = [event for event in ended.trace if event.get("message") == "terminal handed over"]
    assert [event["ids"]["node"] for event in handed_over] == ["ran-2", "ran-1"]
    models = [(each.folder / "model.safetensors").read_bytes() for each in (ended, stays)]
    assert models[0] == models[1] and ended.report.fidelity.verdict == "identical"
