"""`net4ai run` with real processes, sockets and brokers: what is on the screen, in the report, in the model."""

from __future__ import annotations

import json
import re
import stat
from collections import Counter
from importlib.resources import files
from pathlib import Path
from typing import Any

import msgspec
import pytest
import torch
import yaml
from run_process import EndedRun, run_to_the_end
from safetensors.torch import load_file

from net4ai.app.fidelity import routine_record
from net4ai.app.plan import identity
from net4ai.app.scenario import Scenario, load_scenario, ue_subscribers
from net4ai.functions.learning import reference
from net4ai.functions.learning.provider import service_settings

DEMO_UES = {f"ue-{group}/{number}" for group in (1, 2) for number in (1, 2, 3)}
NODES = ["core", "edge", "ran-1", "ran-2", "ue-1", "ue-2"]
SERVERS = ["edge-app-server", "ran-1-app-server", "ran-2-app-server"]


def reference_model(ended: EndedRun, scenario: Scenario) -> dict[str, torch.Tensor]:
    """What plain torch makes of the turns in the trace, up to the round whose model the provider kept."""
    subscribers = ue_subscribers(scenario)
    record = routine_record(ended.trace, "bottom", {identity(each): each.number for each in subscribers})
    assert not record.undefined
    rounds = ended.report.rounds
    best = min(range(len(rounds)), key=lambda number: rounds[number].metrics["validation_mae"])
    chosen: dict[str, Any] = dict(scenario.settings)
    settings = service_settings(scenario.seed, subscribers=len(subscribers), **chosen)
    return reference.train(settings, record.schedule()[: best + 1], len(subscribers))


def assert_same_bits(found: dict[str, torch.Tensor], expected: dict[str, torch.Tensor]) -> None:
    assert found.keys() == expected.keys()
    for name, tensor in expected.items():
        assert tensor.dtype == found[name].dtype
        assert torch.equal(tensor.view(torch.int32), found[name].view(torch.int32)), name


# The demo


def test_the_demo_ends_well_and_leaves_no_process(demo: EndedRun) -> None:
    assert demo.code == 0, demo.output
    assert demo.left == {}


def test_what_is_on_the_screen(demo: EndedRun) -> None:
    lines = demo.output.splitlines()
    expected = [
        r"^net4ai \S+: scenario blood-pressure, seed 3$",
        r"^baselines on the test rows: mean predictor \d+\.\d\d mmHg, ridge \d+\.\d\d mmHg$",
        r"broker \w+ at 127\.0\.0\.1:\d+$",
        rf"started {', '.join(NODES)};",
        r"6 UEs attached and registered$",
        r"service registered",
        r"job started",
        r"round  1 of 2: test MAE \d+\.\d\d mmHg, validation \d+\.\d\d; \d+\.\d [kM]B$",
        r"round  2 of 2: test MAE \d+\.\d\d mmHg, validation \d+\.\d\d; \d+\.\d [kM]B$",
        r"capture: \d+ packets in ",
        r"^test MAE  \d+\.\d\d mmHg, the model of round [12], best by validation;",
        r"^fidelity  identical: ",
        r"^duration  \d+\.\d s$",
        rf"^report    {demo.folder}/report\.html$",
        rf"^model     {demo.folder}/model\.safetensors$",
        rf"^capture   {demo.folder}/demo\.pcapng$",
    ]
    missing = [pattern for pattern in expected if not any(re.search(pattern, line) for line in lines)]
    assert not missing, demo.output


def test_no_complaint_on_the_screen(demo: EndedRun) -> None:
    complaints = [line for line in demo.output.splitlines() if re.search("Traceback|ERROR|WARNING|has ended", line)]
    assert not complaints


def test_the_report_is_as_documented(demo: EndedRun) -> None:
    """The schema knows every field, and gives the same document back."""
    assert msgspec.to_builtins(demo.report) == json.loads((demo.folder / "report.json").read_bytes())


def test_the_report_is_complete(demo: EndedRun) -> None:
    report = demo.report
    assert (report.version, report.scenario, report.seed, report.insecure) == (2, "blood-pressure", 3, False)
    assert report.started_at.startswith("20") and report.duration_s > 0
    assert report.fidelity.verdict == "identical" and report.fidelity.max_abs_difference == 0
    assert set(report.baselines) == {"mean predictor", "ridge"}
    assert set(report.final_metrics) >= {"mae", "validation_mae"}
    assert report.headline == report.final_metrics["mae"]
    assert [each.round for each in report.rounds] == [0, 1]
    for each in report.rounds:
        assert 5 < each.metrics["mae"] < 30 and each.metrics["validation_mae"] > 0
        assert {"Uu", "T4", "T8"} <= {link for link, octets in each.bytes.items() if octets > 0}
        assert each.duration_s is not None and each.duration_s > 0
    assert set(report.versions) >= {"python", "net4ai", "torch"}
    assert report.machine.processors > 0
    assert not report.warnings


def test_the_report_counts_octets_of_every_link_and_ue(demo: EndedRun) -> None:
    report = demo.report
    assert set(report.links) >= {"Uu", "N2", "T4", "T8", "bus"}
    assert all(link.messages > 0 for link in report.links.values())
    assert set(report.ues) == DEMO_UES
    assert all(min(ue.messages, ue.up, ue.down) > 0 for ue in report.ues.values())
    assert sum(ue.up for ue in report.ues.values()) == report.links["Uu"].up
    assert sum(ue.down for ue in report.ues.values()) == report.links["Uu"].down


def test_the_report_has_latencies_and_drops(demo: EndedRun) -> None:
    report = demo.report
    counts = {name: report.procedures[name].count for name in ("registration", "computing request", "job")}
    assert counts["registration"] >= 6 and counts["computing request"] >= 6
    for latency in report.procedures.values():
        assert latency.failures == sum(latency.causes.values())
        if latency.count > latency.failures:
            assert latency.p50_ms is not None and latency.p99_ms is not None
            assert 0 <= latency.p50_ms <= latency.p99_ms
    lost = Counter({drop.node: drop.count for drop in report.drops if drop.reason == "lost on the link"})
    assert set(lost) == {"ran-1", "ran-2", "ue-1", "ue-2"}, "both directions of both cells lose datagrams"


def test_the_report_names_the_nodes(demo: EndedRun) -> None:
    topology = {node.name: node for node in demo.report.topology}
    assert set(topology) == {*NODES, *SERVERS, "controller-health-research"}
    assert topology["ran-1"].ues == topology["ue-2"].ues == 3


def test_the_page_shows_the_run(demo: EndedRun) -> None:
    page = (demo.folder / "report.html").read_text("utf-8")
    assert page.count("<svg") >= 3
    assert "http://" not in page.replace("http://www.w3.org/", "") and "https://" not in page, "it stands alone"


def test_every_node_left_a_trace(demo: EndedRun) -> None:
    names = {path.stem for path in (demo.folder / "trace").iterdir()}
    assert names == {*NODES, *SERVERS, "controller-health-research"}
    assert {f"trace/{name}.ndjson" for name in names} == set(demo.report.traces)
    kinds = Counter(event["kind"] for event in demo.trace)
    assert set(kinds) >= {"message", "drop", "procedure", "state"}


def test_only_the_owner_reads_keys_and_passwords(demo: EndedRun) -> None:
    secret = list((demo.folder / "nodes").iterdir())
    assert {f"{name}.json" for name in (*NODES, *SERVERS)} <= {path.name for path in secret}
    assert {stat.S_IMODE(path.stat().st_mode) for path in secret} == {0o600}


def test_the_demo_model_is_what_plain_torch_trains(demo: EndedRun) -> None:
    values = [f"ue_groups.ue-{group}.count=3" for group in (1, 2)]
    scenario = load_scenario(
        "blood-pressure", [*values, "privacy.k=2", "settings.rounds=2", "settings.batch_size=64", "seed=3"]
    )
    assert_same_bits(load_file(demo.folder / "model.safetensors"), reference_model(demo, scenario))


# One cell


@pytest.fixture(scope="session")
def one_cell(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, EndedRun]:
    """A scenario of a user's own, over the embedded broker, into a folder where another run has been."""
    folder = tmp_path_factory.mktemp("one cell")
    shipped = files("net4ai.scenarios")
    document = yaml.safe_load((shipped / "blood-pressure.yaml").read_text("utf-8"))
    document |= {
        "name": "one-cell",
        "ran_nodes": [{"name": "cell"}],
        "ue_groups": [{"name": "phones", "ran_node": "cell", "count": 4, "class": "phone"}],
        "links": {"radio": {"loss": 0.02, "reorder": 0.1, "duplicate": 0.02, "delay_ms": 2, "jitter_ms": 0.5}},
        "bus": {"backend": "iotcore"},
        "settings": {"rounds": 1, "batch_size": 64},
    }
    (folder / "blood-pressure.service.yaml").write_text((shipped / "blood-pressure.service.yaml").read_text("utf-8"))
    path = folder / "one cell.yaml"
    path.write_text(yaml.safe_dump(document))
    report = folder / "report"
    (report / "trace").mkdir(parents=True)
    (report / "trace" / "of-before.ndjson").write_text("not a trace\n")
    (report / "nodes.log").write_text("of before\n")
    return path, run_to_the_end(report, path, {})


def test_one_cell_over_a_bad_radio_and_the_embedded_broker_is_bit_identical(one_cell: tuple[Path, EndedRun]) -> None:
    path, ended = one_cell
    assert ended.code == 0, ended.output
    assert "broker iotcore at " in ended.output
    report = ended.report
    assert (report.fidelity.verdict, report.capture) == ("identical", None)
    reasons = Counter({(drop.reason, drop.link): drop.count for drop in report.drops})
    assert reasons["lost on the link", "Uu"] > 0
    assert_same_bits(load_file(ended.folder / "model.safetensors"), reference_model(ended, load_scenario(path)))


def test_nothing_of_an_earlier_run_stays(one_cell: tuple[Path, EndedRun]) -> None:
    _, ended = one_cell
    assert not (ended.folder / "trace" / "of-before.ndjson").exists()
    log = ended.folder / "nodes.log"
    assert not log.exists() or "of before" not in log.read_text()
