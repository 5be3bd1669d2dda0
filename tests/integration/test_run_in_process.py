"""`net4ai run --in-process`: the same nodes in one loop under virtual time, through the runner and with a report."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from run_process import EndedRun

from net4ai.app.progress import Display
from net4ai.app.runner import Options, RunFailed, run_scenario
from net4ai.app.scenario import load_scenario

SMALL = (
    "ue_groups.ue-1.count=2",
    "ue_groups.ue-2.count=3",
    "privacy.k=2",
    "settings.rounds=1",
    "settings.batch_size=256",
    "links.radio.loss=0.02",
)


def run(folder: Path, *overrides: str, capture: Path | None = None) -> EndedRun:
    out = io.StringIO()
    run_scenario(load_scenario("blood-pressure", [*SMALL, *overrides]), Options(folder, capture, True), Display(out))
    return EndedRun(0, out.getvalue(), folder, {})


def seats(ended: EndedRun) -> list[tuple[object, ...]]:
    given = [event["ids"] for event in ended.trace if event.get("message") == "seat given"]
    return sorted((ids["execution"], ids["server"], ids["seat"], ids["ue"]) for ids in given)


def test_the_seed_decides_everything(tmp_path: Path) -> None:
    first, again, other = (run(tmp_path / name, f"seed={seed}") for name, seed in (("a", 1), ("b", 1), ("c", 2)))
    models = [(ended.folder / "model.safetensors").read_bytes() for ended in (first, again, other)]
    assert seats(first) == seats(again) != seats(other)
    assert models[0] == models[1] != models[2]
    assert {ended.report.fidelity.verdict for ended in (first, again, other)} == {"identical"}
    assert first.report.final_metrics == again.report.final_metrics != other.report.final_metrics


def test_report_and_capture_are_as_of_processes(tmp_path: Path) -> None:
    ended = run(tmp_path / "report", capture=tmp_path / "run.pcapng")
    assert (ended.report.capture, ended.report.seed) == ("../run.pcapng", 0)
    assert set(ended.report.links) >= {"Uu", "N2", "T4", "T8", "bus"}
    assert len(ended.report.ues) == 5
    assert (tmp_path / "run.pcapng").stat().st_size > 100_000
    assert not (tmp_path / "report" / "capture-parts").exists()


def test_who_waits_for_ever_under_virtual_time_is_told(tmp_path: Path) -> None:
    """In real time somebody may come; here nobody can."""
    out = io.StringIO()
    scenario = load_scenario("blood-pressure", [*SMALL, "ue_groups.ue-2.consent=false"])
    with pytest.raises(RunFailed, match="nothing has happened for 3600 s of virtual time"):
        run_scenario(scenario, Options(tmp_path, tmp_path / "run.pcapng", True), Display(out))
    assert "waiting for clients: 2 at ran-1, 0 of 2 at ran-2" in out.getvalue()
    assert (tmp_path / "run.pcapng").stat().st_size > 1000, "what happened until then is kept"
    assert not (tmp_path / "report.json").exists()


def test_a_radio_with_a_rate_and_promises_it_cannot_keep(tmp_path: Path) -> None:
    """The model learnt is the same; what was promised and not kept is in the trace."""
    radio = "ue_groups.ue-1.radio.uplink.rate_kbps=400"
    promised = "service.routines.bottom.quality={guaranteed_kbps: 1000, maximum_kbps: 2000}"
    limited = run(tmp_path / "limited", radio, promised, "ue_groups.ue-2.maximum_kbps=2000")
    assert limited.report.fidelity.verdict == "identical"
    violated = [event for event in limited.trace if event.get("message") == "QoS violated"]
    rates = [event for event in violated if event["ids"]["what"] == "rate"]
    assert {event["node"] for event in rates} == {"ue-1/1", "ue-1/2"}
    assert all(event["ids"]["promised"] == 1_000_000 > 600_000 > event["ids"]["measured"] for event in rates)
