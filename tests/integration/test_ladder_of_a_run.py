"""A run's capture in the terminal and live: nothing is left undecoded, and both show what the nodes said they sent."""

from __future__ import annotations

import io
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from run_process import net4ai
from test_run_in_process import SMALL, run

from net4ai.app.pcap_ladder import Filter, view_for, write_ladder
from net4ai.stack.io.capture_reader import read_capture


@pytest.fixture(scope="module")
def ended(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("run")
    run(folder / "report", capture=folder / "run.pcapng")
    return folder


def ladder(path: Path, width: int, wanted: Filter) -> tuple[list[str], int]:
    lines: list[str] = []
    done = write_ladder(io.BytesIO(path.read_bytes()), view_for(width), wanted, lines.append)
    assert (done.broken, done.left, done.unreadable) == ("", 0, 0)
    return lines, done.not_decoded


@pytest.mark.parametrize("width", [0, 200])
def test_every_packet_is_decoded(ended: Path, width: int) -> None:
    lines, not_decoded = ladder(ended / "run.pcapng", width, Filter())
    assert not_decoded == 0 and not [line for line in lines if "unknown" in line]
    assert len(lines) < len(read_capture(ended / "run.pcapng").packets), "runs of DATA are folded"


def test_n2_is_told_in_the_order_of_a_terminals_life(ended: Path) -> None:
    """Names of a terminal's messages on N2, as the procedure of the specification has them."""
    lines, _ = ladder(ended / "run.pcapng", 0, Filter(links=("N2",)))
    [context, *_] = [line.split("RAN UE ")[1].split(")")[0].split(",")[0] for line in lines if "Initial UE" in line]
    node = next(line.split()[2] for line in lines if "Initial UE" in line)
    life = [
        line.split(" N2 ", 2)[-1].split(" (")[0].strip()
        for line in lines
        if f" {node} " in line and (f"RAN UE {context}," in line or f"RAN UE {context})" in line)
    ]
    order = ["Initial UE Message", "Initial Context Setup Request", "Initial Context Setup Response"]
    order += ["Session Setup Request", "Session Setup Response"]
    assert [name for name in life if name in order][: len(order)] == order


def test_live_shows_what_the_merged_capture_holds(tmp_path: Path) -> None:
    """The follower waits for the run, and ends with it."""
    folder, live = tmp_path / "report", tmp_path / "live.pcapng"
    follower = subprocess.Popen(net4ai("capture", "--live", folder, "--out", live), stderr=subprocess.PIPE, text=True)
    try:
        assert follower.stderr is not None
        assert follower.stderr.readline().startswith("waiting for a run that captures")
        options = [part for value in SMALL for part in ("--set", value)]
        command = net4ai("run", "blood-pressure", "--in-process", *options, "--report", folder)
        subprocess.run(
            [*command, "--capture", str(tmp_path / "run.pcapng")], check=True, capture_output=True, timeout=120
        )
        _, said = follower.communicate(timeout=60)
    finally:
        follower.kill()
        follower.wait()
    assert follower.returncode == 0, said
    merged, followed = read_capture(tmp_path / "run.pcapng"), read_capture(live)
    assert Counter(packet.data for packet in followed.packets) == Counter(packet.data for packet in merged.packets)
    assert followed.names == merged.names
    assert sys.platform != "linux" or "late" not in said, said
