"""Following a run's folder: from before it begins until it has ended."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from net4ai.app import live_capture, runner, wireshark
from net4ai.app.live_capture import GRACE, PARTS, TRACE, LiveCapture, NoCapture, follow_run, wireshark_command
from net4ai.stack.io.capture import CaptureFile
from net4ai.stack.io.capture_reader import read_capture
from net4ai.stack.io.capture_stream import CaptureStream
from net4ai.stack.io.clock import SystemClock
from net4ai.stack.io.live_capture import DELAY


class Story:
    """A run that does one step whenever the follower waits; `now` grows by the delay each time."""

    def __init__(self, *steps: Callable[[], Any]) -> None:
        self.now = 0
        self.steps = list(steps)

    def clock(self) -> int:
        return self.now

    def wait(self, seconds: float) -> None:
        self.now += DELAY
        if not self.steps:
            raise AssertionError("the run has ended, and it waits on")
        self.steps.pop(0)()


class Parts:
    """The part files of a run."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / PARTS
        self.files: dict[str, CaptureFile] = {}

    def begin(self) -> None:
        self.folder.mkdir(parents=True)

    def packet(self, node: str, text: str) -> None:
        if node not in self.files:
            self.files[node] = CaptureFile(self.folder / f"{node}.pcapng", SystemClock(), buffer_size=1)
        self.files[node].link("bus").message(node, "core", text.encode())

    def end(self) -> None:
        for file in self.files.values():
            file.close()
            file.path.unlink()
        self.folder.rmdir()


def follow(folder: Path, *steps: Callable[[], Any]) -> tuple[list[str], list[str]]:
    """Texts of the packets that came out, and the lines said."""
    story, out, said = Story(*steps), bytearray(), []
    LiveCapture(folder, said.append, story.clock, story.wait).follow(out.extend)
    stream = CaptureStream()
    stream.feed(out)
    found = [packet.data.split(b"\0\0\0\0")[-1].decode() for packet in stream.packets()]
    assert stream.left == 0
    return found, said


def test_from_before_the_run_until_its_end(tmp_path: Path) -> None:
    parts = Parts(tmp_path / "run")
    found, said = follow(
        tmp_path / "run",
        lambda: None,
        parts.begin,
        lambda: parts.packet("ran-1", "one"),
        lambda: parts.packet("late starter", "two"),
        lambda: parts.packet("ran-1", "three"),
        lambda: (parts.packet("ran-1", "four"), parts.end()),
    )
    assert found == ["one", "two", "three", "four"]
    assert said == [f"waiting for a run that captures: net4ai run SCENARIO --report {tmp_path / 'run'} --capture FILE"]


def test_into_a_run_under_way(tmp_path: Path) -> None:
    parts = Parts(tmp_path)
    parts.begin()
    parts.packet("ran-1", "before")
    assert follow(tmp_path, lambda: parts.packet("ran-1", "after"), parts.end) == (["before", "after"], [])


def test_a_run_that_captures_nothing_is_told_what_to_do(tmp_path: Path) -> None:
    (tmp_path / TRACE).mkdir()
    with pytest.raises(NoCapture, match="Start one with --capture"):
        follow(tmp_path, *[lambda: None] * GRACE)


def test_a_run_makes_its_trace_folder_first(tmp_path: Path) -> None:
    """Between the two folders it is not yet one that captures nothing."""
    parts = Parts(tmp_path)
    (tmp_path / TRACE).mkdir()
    found, said = follow(tmp_path, parts.begin, lambda: parts.packet("ran-1", "one"), parts.end)
    assert (found, said) == (["one"], [])


def test_a_part_that_is_no_capture_is_said_and_left_out(tmp_path: Path) -> None:
    parts = Parts(tmp_path)
    parts.begin()
    (tmp_path / PARTS / "odd.pcapng").write_bytes(b"no capture at all")
    parts.packet("ran-1", "one")
    found, [line] = follow(tmp_path, lambda: (tmp_path / PARTS / "odd.pcapng").unlink(), parts.end)
    assert found == ["one"]
    assert line.startswith("odd ") and line.endswith("no pcapng file; what came later is left out")


def test_folders_are_those_of_the_runner(tmp_path: Path) -> None:
    run = runner.Run.__new__(runner.Run)
    run.options = runner.Options(tmp_path)
    assert run.folder.capture_parts == tmp_path / PARTS
    assert run.folder.trace == tmp_path / TRACE


# ---------------------------------------------------------------------------------------------------------------------
# The command


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(live_capture, "LOOK_INTERVAL", 0)
    yield


def test_out_is_a_capture(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    parts = Parts(tmp_path)
    parts.begin()
    for number in range(3):
        parts.packet("ran-1", str(number))
    monkeypatch.setattr(LiveCapture.__init__, "__defaults__", (live_capture.time.monotonic_ns, lambda _: parts.end()))
    assert follow_run(tmp_path, tmp_path / "out.pcapng", False) == 0
    assert len(read_capture(tmp_path / "out.pcapng").packets) == 3
    assert capsys.readouterr().err == "3 packets\n"


def test_a_reader_that_goes_away_is_no_error(tmp_path: Path, quick: None, capsys: pytest.CaptureFixture[str]) -> None:
    parts = Parts(tmp_path)
    parts.begin()
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    reader = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    codes: list[int] = []
    follower = threading.Thread(target=lambda: codes.append(follow_run(tmp_path, fifo, False)))
    follower.start()
    head = b""
    while len(head) < 12:
        try:
            head += os.read(reader, 1 << 16)
        except BlockingIOError:
            continue
    os.close(reader)
    while follower.is_alive():
        parts.packet("ran-1", "nobody reads it")
        follower.join(0.05)
    assert codes == [0]
    assert "the reader has gone" in capsys.readouterr().err


def test_what_cannot_be_written_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert follow_run(tmp_path, tmp_path / "none" / "out", False) == 1
    assert "No such file" in capsys.readouterr().err


def test_a_terminal_is_no_reader(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    assert follow_run(tmp_path, None, False) == 2
    assert "| wireshark -k -i -" in capsys.readouterr().err


def test_wireshark_gets_the_profile_where_it_is_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    programs = tmp_path / "bin"
    programs.mkdir()
    monkeypatch.setenv("PATH", str(programs))
    monkeypatch.setattr(wireshark, "OTHER_PLACES", str(programs))
    with pytest.raises(wireshark.WiresharkError, match="wireshark is not installed"):
        wireshark_command()
    program = programs / "wireshark"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    monkeypatch.setenv(wireshark.CONFIGURATION_VARIABLE, str(tmp_path / "configuration"))
    assert wireshark_command() == [str(program), "-k", "-i", "-"]
    wireshark.install()
    assert wireshark_command() == [str(program), "-k", "-i", "-", "-C", "net4ai"]


def test_wireshark_reads_the_stream(tmp_path: Path, quick: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """A program in its place that keeps what it is given."""
    parts = Parts(tmp_path)
    parts.begin()
    parts.packet("ran-1", "one")
    kept = tmp_path / "kept.pcapng"
    monkeypatch.setattr(
        live_capture, "wireshark_command", lambda: ["sh", "-c", f"cat > {kept}.part; mv {kept}.part {kept}"]
    )
    follower = threading.Thread(target=lambda: follow_run(tmp_path, None, True))
    follower.start()
    while not Path(f"{kept}.part").exists() or not Path(f"{kept}.part").stat().st_size:
        follower.join(0.01)
    parts.end()
    follower.join()
    while not kept.exists():
        pass
    assert len(read_capture(kept).packets) == 1
