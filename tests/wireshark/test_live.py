"""tshark reads `net4ai capture --live` from a pipe while the run goes on."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from wireshark_captures import PLUGIN

from net4ai.app.live_capture import PARTS
from net4ai.codecs import n2
from net4ai.stack.io.capture import CaptureFile
from net4ai.stack.io.clock import SystemClock

pytestmark = pytest.mark.tshark


@contextlib.contextmanager
def live(folder: Path) -> Iterator[subprocess.Popen[str]]:
    """tshark behind a pipe; its lines come as packets do."""
    command = [sys.executable, "-m", "net4ai.app", "capture", "--live", str(folder)]
    follower = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    fields = ["-T", "fields", "-e", "frame.interface_name", "-e", "_ws.col.Info"]
    tshark = subprocess.Popen(
        ["tshark", "-l", "-n", "-i", "-", "-X", f"lua_script:{PLUGIN}", *fields],
        stdin=follower.stdout,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert follower.stdout is not None
    follower.stdout.close()
    try:
        yield tshark
        assert follower.wait(30) == 0
    finally:
        for process in (follower, tshark):
            process.kill()
            process.wait()


def test_packets_are_shown_while_the_run_goes_on(tmp_path: Path) -> None:
    (tmp_path / PARTS).mkdir()
    clock = SystemClock()
    first = CaptureFile(tmp_path / PARTS / "core.pcapng", clock, buffer_size=1)
    with live(tmp_path) as tshark:
        assert tshark.stdout is not None
        first.link("N2").message("core", "ran-1", n2.OverloadStart(reduction=50, wait_time=100).encode())
        assert tshark.stdout.readline().startswith("N2\tOverload Start"), "it is there before anything else happens"
        late = CaptureFile(tmp_path / PARTS / "ran-1.pcapng", clock, buffer_size=1)
        late.link("bus").message("job-manager", "core", b'{"kind": "event"}')
        assert tshark.stdout.readline().startswith("bus\t")
        first.link("N2").message("core", "ran-1", n2.OverloadStop().encode())
        for file in (first, late):
            file.close()
            file.path.unlink()
        (tmp_path / PARTS).rmdir()
        assert tshark.stdout.read().splitlines() == ["N2\tOverload Stop"]


def test_tshark_may_go_away(tmp_path: Path) -> None:
    (tmp_path / PARTS).mkdir()
    part = CaptureFile(tmp_path / PARTS / "core.pcapng", SystemClock(), buffer_size=1)
    with live(tmp_path) as tshark:
        assert tshark.stdout is not None
        part.link("N2").message("core", "ran-1", n2.OverloadStop().encode())
        assert tshark.stdout.readline()
        tshark.terminate()
        tshark.wait()
        part.link("N2").message("core", "ran-1", n2.OverloadStop().encode())
