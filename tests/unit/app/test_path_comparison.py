"""What path-comparison makes of traces, captures and figures."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

from net4ai.app.path_comparison import PATHS, PathFigures, as_json, chart, link_octets, step_times, table
from net4ai.app.scenario import load_scenario
from net4ai.stack.io.capture import CaptureFile
from net4ai.stack.io.clock import SystemClock

FIGURES = PathFigures(
    path="crb",
    steps=2,
    step_median_ms=10.0,
    step_p95_ms=12.0,
    messages_octets=1000,
    octets={"Uu": 1100, "T8": 0, "N3": 0, "T4": 1200},
    packets={"Uu": 3, "T8": 0, "N3": 0, "T4": 3},
    cpu_s=1.5,
    model="ab" * 32,
)


def message(utc: int, ue: str, direction: str) -> dict[str, Any]:
    return {
        "kind": "message",
        "message": "DEP message",
        "utc": utc,
        "direction": direction,
        "ids": {"ue": ue},
        "size": 5,
    }


def test_a_step_is_a_message_and_the_answer_to_it() -> None:
    trace = [
        message(10, "a", "out"),
        message(11, "b", "out"),
        message(15, "a", "in"),
        message(31, "b", "in"),
        message(40, "b", "in"),  # the answer to nothing
        {"kind": "message", "message": "DEP message", "utc": 50, "direction": "out", "ids": {}, "size": 5},
    ]
    assert step_times(trace) == [5, 20]


def test_octets_are_those_of_the_links_and_of_user_data_only(tmp_path: Path) -> None:
    path = tmp_path / "run.pcapng"
    with CaptureFile(path, SystemClock()) as file:
        file.link("Uu").datagram("ue-1", "ran-1", 1, 1, bytes([0x20, 0x01]) + bytes(98))  # SRB1
        file.link("Uu").datagram("ue-1", "ran-1", 1, 1, bytes([0x20, 0x81]) + bytes(98))
        file.link("Uu").datagram("ue-1", "ran-1", 1, 1, bytes([0x20, 0x41]) + bytes(48))
        file.link("N3").datagram("ran-1", "edge", 2152, 2152, bytes(72))
        file.link("DRB").datagram("ran-1", "edge", 1, 1, bytes(72))
    octets, packets = link_octets(path)
    assert octets == {"Uu": 150, "T8": 0, "N3": 100, "T4": 0}
    assert packets == {"Uu": 2, "T8": 0, "N3": 1, "T4": 0}


def test_what_is_shown() -> None:
    other = dataclasses.replace(FIGURES, path="classic", model="cd" * 32)
    head, first, second = table([FIGURES, other])
    assert head.split()[:3] == ["path", "step", "p50"]
    assert "10.0 %" in first
    assert "cdcdcdcdcdcd" in second
    assert chart([FIGURES, other]).startswith("<svg")
    assert json.loads(as_json([FIGURES, FIGURES]))["identical"] is True
    assert json.loads(as_json([FIGURES, other]))["identical"] is False


def test_every_path_is_a_good_scenario() -> None:
    scenario = load_scenario("path-comparison")
    for _, overrides in PATHS.values():
        changed = load_scenario("path-comparison", [each.format(scenario.compare_paths) for each in overrides])
        assert changed.service.functions[scenario.compare_paths].place in ("ran-node", "edge")
