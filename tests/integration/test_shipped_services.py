"""The three shipped services from the command line's side: what each gives, and that they share nothing (R15-R17)."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest
from run_process import RunProcess

from net4ai.app.progress import Display
from net4ai.app.runner import Options, RunFailed, run_scenario
from net4ai.app.scenario import load_scenario, shipped_scenarios
from net4ai.functions.inference.model import ModelFile
from net4ai.functions.radio_map.statistics import shift_bound
from net4ai.stack.io.trace_file import merge_traces

LIAR, HONEST = -31.0, -85.0
SPREAD = 20.0
"""dB that the honest terminals of cell 1 lie apart, at the most."""


def run(folder: Path, name: str, *overrides: str) -> tuple[dict[str, Any], list[str]]:
    """Report and lines of a run in one process."""
    out = io.StringIO()
    run_scenario(load_scenario(name, overrides), Options(folder, in_process=True), Display(out, lambda: 0.0))
    return json.loads((folder / "report.json").read_text()), out.getvalue().splitlines()


def test_there_are_three() -> None:
    assert shipped_scenarios() == ["blood-pressure", "inference", "path-comparison", "radio-map"]


@pytest.mark.parametrize("name", ["inference", "radio-map"])
def test_in_real_processes(name: str, tmp_path: Path) -> None:
    with RunProcess("run", name, "--report", tmp_path) as started:
        assert started.wait() == 0, "\n".join(started.lines)
    report = json.loads((tmp_path / "report.json").read_text())
    assert (report["metric"], report["fidelity"], report["rounds"] != []) == (None, None, True)
    assert report["findings"]
    page = (tmp_path / "report.html").read_text()
    assert report["findings"][0]["title"] in page and "Learning curve" not in page


# Training, and a validation task that depends on it (R15)


def test_the_validation_task_runs_behind_the_training(tmp_path: Path) -> None:
    report, lines = run(tmp_path, "blood-pressure", "settings.rounds=2")
    assert [(ran["routine"], ran["executions"]) for ran in report["routines"]] == [
        ("bottom", 2),
        ("top", 2),
        ("bottom-validation", 1),
        ("top-validation", 1),
    ]
    trace = merge_traces(sorted((tmp_path / "trace").glob("*.ndjson")))
    begins = [event["ids"]["routine"] for event in trace if event.get("message") == "execution begins"]
    assert begins == ["bottom", "top"] * 2 + ["bottom-validation", "top-validation"]
    assert report["fidelity"]["verdict"] == "identical"
    assert 10 < report["final_metrics"]["held_out_mae"] < 20
    assert any("over 384 rows that 24 terminals held out" in line for line in lines)
    assert report["findings"][0]["title"] == "Validation task"


# Split inference with the model that was trained (R5, R16)


def test_inference_with_a_model_just_trained(tmp_path: Path) -> None:
    training, _ = run(tmp_path / "training", "blood-pressure", "settings.rounds=1")
    model = tmp_path / "training" / "model.safetensors"
    assert ModelFile.read(str(model)).neurons == (42, 64, 32, 16, 1)
    report, lines = run(tmp_path, "inference", f"settings.model={model}", "settings.requests=5", "settings.cut=2")
    assert [(ran["routine"], ran["executions"]) for ran in report["routines"]] == [
        ("load", 1),
        ("infer", 1),
        ("collect", 1),
    ]
    values = dict(report["findings"][0]["rows"])
    assert (values["terminals"], values["requests"]) == (16, 80)
    assert 4 <= values["p50, ms"] <= values["p99, ms"] < 1000, "two ways of 2 ms each"
    assert "split     2 of 4 blocks at the terminal; rows and predictions stay there" in lines
    assert training["metric"]["name"] == "mae"


# A service without learning (R17)


def test_one_liar_moves_the_radio_map_less_than_the_bound(tmp_path: Path) -> None:
    """The scenario's liar says -31 dBm; the trimmed mean of its cell of 12 may move by 20 / 5.2 dB, the plain one
    moves further."""
    cells = [
        json.loads((tmp_path / str(rsrp) / "radio-map.json").read_text())["cells"]
        for rsrp in (LIAR, HONEST)
        if run(tmp_path / str(rsrp), "radio-map", f"ue_groups.liar.radio.rsrp_dbm={rsrp}", "settings.rounds=2")
    ]
    (lied, other), (honest, same) = cells
    assert other == same, "the other cell hears nothing of it"
    assert (lied["terminals"], lied["samples"]) == (12, 24)
    bound = shift_bound(SPREAD, 12, 0.2)
    assert bound < 4
    assert abs(lied["rsrp"]["mean"] - honest["rsrp"]["mean"]) < bound
    assert abs(lied["rsrp"]["plain_mean"] - honest["rsrp"]["plain_mean"]) > bound
    assert lied["rsrp"]["quantiles"][:2] == honest["rsrp"]["quantiles"][:2]


def test_what_is_trimmed_must_be_more_than_one_terminal_of_k(tmp_path: Path) -> None:
    """The provider refuses before anything is started."""
    with pytest.raises(RunFailed, match=r"service radio-map: settings: trim 0.1 of k = 5 terminals is less than one"):
        run(tmp_path, "radio-map", "settings.trim=0.1")
    assert not list((tmp_path / "trace").iterdir())
