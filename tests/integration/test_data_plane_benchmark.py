"""The benchmark of the data plane works, with few messages and no assertion on speed; memory is as it should be."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

BENCHMARK = Path(__file__).resolve().parents[2] / "benchmarks" / "data_plane.py"
IDLE_SESSION = 30_000
"""Octets of a UE's hop and idle session, at each side."""
REQUESTS = {"64 B", "64 B beside bulk"}
"""Rows of requests, whose figures are latencies."""
LITTLE = 64 << 10
"""Octets beside what was granted, or left behind by all sessions together."""


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Every row, with blocking TCP and our own stack only: other packages need not be there."""
    output = tmp_path_factory.mktemp("benchmark") / "data-plane.json"
    methods = ["tcp", "dep", "dep-direct", "echo"]
    command = [sys.executable, str(BENCHMARK), "--quick", "--method", *methods, "--output", str(output)]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return json.loads(output.read_text())


def test_every_row_carries_its_messages(result: Any) -> None:
    rows = {row["row"]: row["methods"] for row in result["rows"]}
    assert rows.keys() >= {"4 MB", "1 % loss", "sealed", "one FPF", "8.9 KB segments", "64 KB", "10 KB"}
    for name in rows.keys() - REQUESTS:
        for method, figures in rows[name].items():
            assert all(speed > 0 for speed in figures["megabytes_per_second"]), (name, method)
    assert {"dep", "dep-direct", "tcp"} == rows["one FPF"].keys()


def test_every_request_is_answered(result: Any) -> None:
    rows = {row["row"]: row["methods"]["echo"] for row in result["rows"] if row["row"] in REQUESTS}
    assert rows.keys() == REQUESTS
    assert all(extra[way]["p50"] > 0 for row in rows.values() for extra in row["extra"] for way in ("dep", "asyncio"))


def test_an_idle_session_is_small(result: Any) -> None:
    assert all(octets <= IDLE_SESSION for octets in result["memory"]["idle session"].values())


def test_a_stalled_receiver_holds_what_it_has_granted(result: Any) -> None:
    stalled = result["memory"]["stalled receiver"]
    assert 0 < stalled["held"] <= stalled["granted"] + LITTLE


def test_sessions_that_come_and_go_leave_nothing_behind(result: Any) -> None:
    assert result["memory"]["open and close"]["growth"] <= LITTLE
