from __future__ import annotations

import json
import math
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from net4ai.app.report import (
    Fidelity,
    NetworkEvent,
    Report,
    RunFacts,
    build_report,
    render_html,
    write_json,
    write_report,
)
from net4ai.app.report.report import write_atomically
from net4ai.app.report.trace_lines import understand

Line = dict[str, Any]
FACTS = RunFacts(scenario="blood-pressure", seed=3)

KINDS = st.sampled_from(["message", "drop", "procedure", "state", "progress", "other"])
NAMES = st.sampled_from(["ue-1/1", "ue-1/2", "ran-1", "core", "ran-1-app-server", "", "<b>&"]) | st.text(max_size=5)
IDS = st.dictionaries(
    st.sampled_from(["round", "ue", "handle", "mae", "c_rnti"]) | st.text(max_size=4),
    st.integers(-3, 40) | NAMES | st.floats(),
    max_size=4,
)
LINES = st.fixed_dictionaries(
    {"time": st.integers(0, 10**12), "node": NAMES, "kind": KINDS},
    optional={
        "link": st.sampled_from(["Uu", "N2", "T4", "bus", "<"]),
        "message": NAMES,
        "direction": st.sampled_from(["in", "out", ""]),
        "peer": NAMES,
        "procedure": NAMES,
        "outcome": st.sampled_from(["done", "timeout", ""]),
        "duration": st.integers(0, 10**10),
        "drop": NAMES,
        "size": st.integers(0, 10**7),
        "ids": IDS,
    },
)


def strict_json(content: bytes) -> Any:
    """JSON as the standard has it."""

    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is not JSON")

    return json.loads(content, parse_constant=refuse)


@given(st.lists(LINES | st.none() | st.integers(), max_size=60))
def test_any_trace_gives_a_report_that_can_be_read_back(trace: list[Any]) -> None:
    report = build_report(FACTS, trace)
    encoded = msgspec.json.encode(report)
    strict_json(encoded)
    assert msgspec.json.decode(encoded, type=Report) == report
    render_html(report, understand(trace)[0])


def test_the_order_of_lines_does_not_matter(trace: list[Line], facts: RunFacts) -> None:
    shuffled = list(trace)
    random.Random(5).shuffle(shuffled)
    assert build_report(facts, shuffled) == build_report(facts, trace)


def test_an_empty_trace_gives_what_the_runner_knows(facts: RunFacts) -> None:
    report = build_report(facts, [])
    assert (report.rounds, report.links, report.procedures, report.warnings) == ([], {}, {}, [])
    assert report.duration_s == 0
    assert report.headline is None
    assert report.baselines == {"mean predictor": 15.31, "ridge": 12.42}


def test_a_run(trace: list[Line], facts: RunFacts) -> None:
    report = build_report(facts, trace)
    assert [each.round for each in report.rounds] == [0, 1]
    assert report.headline == report.rounds[-1].metrics["mae"]
    assert report.rounds[0].metrics["clients"] == 6
    radio = report.links["Uu"]
    assert sum(each.up for each in report.ues.values()) == radio.up
    assert sum(each.down for each in report.ues.values()) == radio.down
    sent = [line for line in trace if line["kind"] == "message" and line["direction"] == "out"]
    assert sum(each.messages for each in report.links.values()) == len(sent)
    assert sum(each.up + each.down + each.across for each in report.links.values()) == sum(s["size"] for s in sent)
    assert report.procedures["registration"].failures == 1
    assert report.procedures["registration"].causes == {"timeout": 1}
    assert report.procedures["client turn"].count == 12
    assert sum(drop.count for drop in report.drops) == sum(line["kind"] == "drop" for line in trace)
    assert {drop.reason for drop in report.drops} == {"failed transport block"}
    assert "waiting for k" in [event.name for event in report.network_events]
    assert report.duration_s == (trace[-1]["time"] - trace[0]["time"]) / 1e9
    assert report.started_at == "2025-10-09T08:53:20+00:00"


def test_bytes_of_rounds_leave_out_what_came_before_and_after(trace: list[Line], facts: RunFacts) -> None:
    report = build_report(facts, trace)
    within = sum(sum(each.bytes.values()) for each in report.rounds)
    total = sum(each.up + each.down + each.across for each in report.links.values())
    assert 0 < within < total


def test_what_the_runner_knows_goes_before_the_trace(trace: list[Line], make_facts: Callable[..., RunFacts]) -> None:
    facts = make_facts(
        metrics_by_round={1: {"mae": 1.5}, 7: {"mae": 0.5}},
        final_metrics={"mae": 0.25},
        duration_s=60.0,
        started_at="2026-01-01T00:00:00+00:00",
        events=[NetworkEvent("UE left", first_s=2.0, last_s=2.0)],
    )
    report = build_report(facts, trace)
    assert [each.metrics["mae"] for each in report.rounds][1:] == [1.5, 0.5]
    assert report.rounds[1].metrics["clients"] == 6
    assert (report.headline, report.duration_s, report.started_at) == (0.25, 60.0, "2026-01-01T00:00:00+00:00")
    assert "UE left" in [event.name for event in report.network_events]


def test_values_that_are_not_finite_are_left_out_with_a_warning() -> None:
    facts = RunFacts(
        scenario="x",
        seed=1,
        baselines={"ridge": math.nan, "mean": 3.0},
        final_metrics={"mae": math.inf},
        metrics_by_round={0: {"mae": -math.inf, "loss": 2.0}},
        fidelity=Fidelity(verdict="different", max_abs_difference=math.nan),
    )
    report = build_report(facts, [{"time": 1, "node": "a", "kind": "progress", "ids": {"round": 1, "mae": "nan"}}])
    assert report.baselines == {"mean": 3.0}
    assert report.final_metrics == {}
    assert [each.metrics for each in report.rounds] == [{"loss": 2.0}, {}]
    assert report.fidelity.max_abs_difference is None
    assert len(report.warnings) == 5
    strict_json(msgspec.json.encode(report))


def test_metrics_of_several_nodes_are_averaged_and_the_last_of_each_counts() -> None:
    def progress(time: int, node: str, loss: str) -> Line:
        ids = {"round": 0, "loss": loss, "seat": 3, "note": "x"}
        return {"time": time, "node": node, "kind": "progress", "ids": ids}

    report = build_report(FACTS, [progress(1, "a", "9"), progress(2, "a", "1"), progress(3, "b", "2")])
    assert report.rounds[0].metrics == {"loss": 1.5}


def test_damaged_lines_are_told() -> None:
    assert build_report(FACTS, [None]).warnings == ["1 trace line was damaged and left out"]
    assert build_report(FACTS, [None, None]).warnings == ["2 trace lines were damaged and left out"]


def test_without_topology_the_processes_of_the_trace_are_listed(trace: list[Line]) -> None:
    nodes = {node.name: (node.role, node.ues) for node in build_report(FACTS, trace).topology}
    assert nodes["ue-1"] == ("UE", 3)
    assert nodes["ran-2-app-server"] == ("application server", 0)


def test_the_machine_facts_name_no_host_and_no_folder(trace: list[Line], facts: RunFacts) -> None:
    import platform

    encoded = msgspec.json.encode(build_report(facts, trace)).decode()
    assert str(Path.cwd()) not in encoded
    assert str(Path.home()) + "/" not in encoded
    assert set(msgspec.json.decode(encoded)["machine"]) == {"system", "architecture", "processors", "memory_bytes"}
    assert platform.python_version() in encoded


def test_both_files_are_written_with_paths_beside_them(
    tmp_path: Path, trace: list[Line], make_facts: Callable[..., RunFacts]
) -> None:
    folder = tmp_path / "runs" / "report"
    facts = make_facts(capture=str(tmp_path / "runs" / "a.pcapng"), traces=[str(folder / "core.ndjson")])
    report = write_report(folder, facts, iter(trace))
    assert (report.capture, report.traces) == ("../a.pcapng", ["core.ndjson"])
    assert sorted(path.name for path in folder.iterdir()) == ["report.html", "report.json"]
    assert msgspec.json.decode((folder / "report.json").read_bytes(), type=Report) == report
    assert "../a.pcapng" in (folder / "report.html").read_text("utf-8")


def test_a_write_that_fails_leaves_the_old_file_and_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "report.json"
    write_json(build_report(FACTS, []), path)
    before = path.read_bytes()

    def fail(self: Path, target: Path) -> None:
        raise OSError("no space left")

    monkeypatch.setattr(Path, "replace", fail)
    with pytest.raises(OSError, match="no space left"):
        write_atomically(path, b"half")
    assert path.read_bytes() == before
    assert [each.name for each in tmp_path.iterdir()] == ["report.json"]
