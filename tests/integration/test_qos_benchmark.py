"""The benchmark of quality of service works: a short run, no assertion on time."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

BENCHMARK = Path(__file__).resolve().parents[2] / "benchmarks" / "qos.py"


def test_a_short_run_gives_figures_and_a_picture(tmp_path: Path) -> None:
    output, picture = tmp_path / "qos.json", tmp_path / "qos.svg"
    command = [sys.executable, str(BENCHMARK), "--seconds", "1", "--output", str(output), "--picture", str(picture)]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    result = json.loads(output.read_text())
    for name in ("guaranteed", "best effort"):
        assert result[name]["tensors"]["tensors_sent_octets"] > 0 and result[name]["others"]["mbit_per_second"] >= 0
    assert picture.read_text().startswith("<svg ") and "delay budget" in picture.read_text()
