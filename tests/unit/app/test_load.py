"""Figures of a load: out of traces, per procedure, in words."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from net4ai.app.command_line import parser
from net4ai.app.load import (
    LoadFigures,
    LoadOptions,
    ProcessFigures,
    TraceTail,
    percentile,
    procedure_figures,
    scenario,
    service,
    table,
)
from net4ai.codecs.service_check import check_service_description


def line(procedure: str, end: int, duration: int, outcome: str = "done") -> str:
    event = {
        "utc": end,
        "time": end,
        "node": "ue-1",
        "kind": "procedure",
        "procedure": procedure,
        "outcome": outcome,
        "duration": duration,
    }
    return json.dumps(event, separators=(",", ":")) + "\n"


@given(st.lists(st.integers(0, 1000), min_size=1).map(sorted), st.sampled_from([1, 50, 95, 99, 100]))
def test_percentile(values: list[int], percent: int) -> None:
    found = percentile(values, percent)
    assert found in values
    assert sum(value <= found for value in values) * 100 >= percent * len(values)
    assert sum(value < found for value in values) * 100 < percent * len(values)


def test_a_trace_is_read_as_it_grows(tmp_path: Path) -> None:
    """Also half a line at a time, and before the file is there."""
    path = tmp_path / "ue-1.ndjson"
    tail = TraceTail(path, "ue")
    assert tail.look() == 0
    text = line("registration", 50, 20) + line("registration", 90, 30, "TIMEOUT") + '{"utc":1,"kind":"message"}\n'
    for end in range(0, len(text) + 1, 7):
        path.write_text(text[:end])
        tail.look()
    path.write_text(text)
    assert tail.look() == 2
    (figures,) = procedure_figures([tail])
    assert (figures.node, figures.procedure, figures.done, figures.failed) == ("ue", "registration", 1, {"TIMEOUT": 1})
    assert tail.begins["registration"] == [30]


def test_processes_of_a_kind_count_together(tmp_path: Path) -> None:
    tails = []
    for number in (1, 2):
        path = tmp_path / f"ue-{number}.ndjson"
        path.write_text(line("RRC set-up", 10, number * 1_000_000))
        tails.append(TraceTail(path, "ue"))
        tails[-1].look()
    (figures,) = procedure_figures(tails)
    assert (figures.done, figures.milliseconds) == (2, {"p50": 1.0, "p95": 2.0, "p99": 2.0})


@pytest.mark.parametrize(("ues", "ran_nodes"), [(1, 1), (7, 3), (2000, 4)])
def test_the_network_has_all_terminals(tmp_path: Path, ues: int, ran_nodes: int) -> None:
    made = scenario(LoadOptions(ues=ues, folder=tmp_path, ran_nodes=ran_nodes))
    assert made.ue_count == ues
    assert len(made.ran_nodes) == ran_nodes


def test_the_service_is_one() -> None:
    assert not list(check_service_description(service(), ["ran-1"]))


def test_table_and_json_have_the_same_figures() -> None:
    figures = LoadFigures(3, ("attach",), 3, 0.5, 6.0, [], [ProcessFigures("core", 1.5, 10.0)])
    text = table(figures)
    assert "3 of 3 terminals" in text
    assert "6 a second" in text
    assert json.loads(json.dumps(figures.as_json()))["memory_kb"] == 10.0


@pytest.mark.parametrize(
    ("arguments", "allowed"),
    [
        (["--ues", "0"], "1 to"),
        (["--mix", "session"], "attach, then session"),
        (["--mix", "attach,release,session"], "attach, then session"),
        (["--rate", "fast"], "0 to"),
        (["--parallel", "-1"], "1 to"),
    ],
)
def test_what_cannot_be_asked_for(arguments: list[str], allowed: str, capsys: pytest.CaptureFixture[Any]) -> None:
    with pytest.raises(SystemExit) as ended:
        parser().parse_args(["load", *arguments])
    assert ended.value.code == 2
    assert f"allowed: {allowed}" in capsys.readouterr().err
