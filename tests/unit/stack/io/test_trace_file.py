"""Trace files: compact, crash-tolerant, never in the way."""

from __future__ import annotations

import asyncio
import errno
import json
import os
import signal
import sys
from pathlib import Path

import pytest

from net4ai.stack.io import trace_file as module
from net4ai.stack.io.child_process import ChildProcess
from net4ai.stack.io.clock import LoopClock
from net4ai.stack.io.trace_file import TraceFile, merge_traces, read_trace
from net4ai.stack.io.virtual_loop import run_virtual
from net4ai.stack.trace import TraceEvent


class HandClock:
    """A clock set by hand."""

    def __init__(self, utc_offset: int = 1_000) -> None:
        self.time = 0
        self.utc_offset = utc_offset

    def now(self) -> int:
        return self.time


def lines(path: Path) -> list[str]:
    return path.read_text().splitlines()


def test_only_what_says_something_is_written(tmp_path: Path) -> None:
    trace = TraceFile(tmp_path / "trace", HandClock())
    trace(TraceEvent(5, "core", "drop", link="bus", drop="bad signature", ids={"handle": 7}))
    trace.close()
    assert [json.loads(line) for line in lines(tmp_path / "trace")] == [
        {"utc": 1005, "time": 5, "node": "core", "kind": "drop", "link": "bus", "drop": "bad signature"}
        | {"ids": {"handle": 7}}
    ]


def test_flushed_by_size(tmp_path: Path) -> None:
    path = tmp_path / "trace"
    trace = TraceFile(path, HandClock())
    trace(TraceEvent(1, "core", "state"))
    assert lines(path) == []
    trace(TraceEvent(2, "core", "state", message="x" * module.FLUSH_SIZE))
    assert len(lines(path)) == 2


def test_flushed_by_time_with_the_next_event(tmp_path: Path) -> None:
    path, clock = tmp_path / "trace", HandClock()
    trace = TraceFile(path, clock)
    trace(TraceEvent(1, "core", "state"))
    clock.time = int(module.FLUSH_INTERVAL * 1e9) - 1
    trace(TraceEvent(2, "core", "state"))
    assert lines(path) == []
    clock.time += 1
    trace(TraceEvent(3, "core", "state"))
    assert len(lines(path)) == 3


def test_flushed_by_time_without_another_event(tmp_path: Path) -> None:
    path = tmp_path / "trace"

    async def main() -> None:
        loop = asyncio.get_running_loop()
        trace = TraceFile(path, LoopClock(loop), loop)
        for round_ in range(1, 3):
            trace(TraceEvent(1, "core", "state"))
            assert len(lines(path)) == round_ - 1
            await asyncio.sleep(module.FLUSH_INTERVAL)
            assert len(lines(path)) == round_

    run_virtual(main())


def test_full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    """It takes half a line, then nothing, then all again: no line is broken, what had no room is counted."""
    monkeypatch.setattr(module, "BUFFER_LIMIT", 300)
    path = tmp_path / "trace"
    trace = TraceFile(path, HandClock())
    real_write = os.write
    room = [20]

    def write(descriptor: int, data: bytes) -> int:
        if not room[0]:
            raise OSError(errno.ENOSPC, "No space left on device")
        written = real_write(descriptor, bytes(data[: room[0]]))
        room[0] -= written
        return written

    monkeypatch.setattr(module.os, "write", write)
    for number in range(20):
        trace(TraceEvent(number, "core", "state"))
        trace.flush()
    kept = 20 - trace.lost
    assert 0 < kept < 20
    assert len(caplog.records) == 1
    room[0] = 10_000
    trace.close()
    trace.close()
    assert [event["time"] for event in read_trace(path) if event["time"]] == list(range(1, kept)), path.read_text()
    trace(TraceEvent(99, "core", "state"))
    assert trace.lost == 20 - kept + 1


def test_lost_at_close(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trace = TraceFile(tmp_path / "trace", HandClock())
    trace(TraceEvent(1, "core", "state"))

    def write(descriptor: int, data: bytes) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(module.os, "write", write)
    trace.close()
    assert trace.lost == 1


def test_odd_values_never_reach_the_caller(tmp_path: Path) -> None:
    path = tmp_path / "trace"
    trace = TraceFile(path, HandClock())
    trace(TraceEvent(1, "core", "progress", ids={"loss": float("nan"), "path": Path("a")}))  # type: ignore[dict-item]
    trace(TraceEvent(2, "core", "progress", message="\ud800"))
    trace(TraceEvent(3, "core", "progress"))
    trace.close()
    assert [event["time"] for event in read_trace(path)] == [1, 3]
    assert trace.lost == 1


def test_cut_and_damaged_files(tmp_path: Path) -> None:
    path = tmp_path / "trace"
    whole = b'{"utc":1}\n{"utc":2}\n{"utc":3}\n'
    for end in range(len(whole) + 1):
        path.write_bytes(whole[:end])
        assert [event["utc"] for event in read_trace(path)] == [1, 2, 3][: whole[:end].count(b"\n")]
    for bad in (b"{oops}", b"7", b'{"time":1}', b"\xff"):
        path.write_bytes(b'{"utc":1}\n' + bad + b"\n")
        with pytest.raises(ValueError, match="line 2"):
            list(read_trace(path))


def test_merge_by_utc(tmp_path: Path) -> None:
    for name, offset, times in (("core", 1_000, (1, 500)), ("ran-1", 0, (1_200, 1_500))):
        trace = TraceFile(tmp_path / name, HandClock(offset))
        for time in times:
            trace(TraceEvent(time, name, "state"))
        trace.close()
    merged = merge_traces([tmp_path / "core", tmp_path / "ran-1"])
    assert [(event["utc"], event["node"]) for event in merged] == [
        (1_001, "core"),
        (1_200, "ran-1"),
        (1_500, "core"),
        (1_500, "ran-1"),
    ]


KILLED = """
import sys, os, signal
from pathlib import Path
from net4ai.stack.io.clock import SystemClock
from net4ai.stack.io.trace_file import TraceFile
from net4ai.stack.trace import TraceEvent
trace = TraceFile(Path(sys.argv[1]), SystemClock())
for number in range(10_000):
    trace(TraceEvent(number, "core", "state", message="x" * 50))
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_killed_process_leaves_all_but_the_tail(tmp_path: Path) -> None:
    path = tmp_path / "trace"

    async def main() -> int:
        child = await ChildProcess.start("killed", [sys.executable, "-P", "-c", KILLED, str(path)], print)
        return await child.wait()

    assert asyncio.run(main()) == -signal.SIGKILL
    times = [event["time"] for event in read_trace(path) if event.get("time")]
    tail = module.FLUSH_SIZE // 50
    assert times == list(range(1, len(times) + 1))
    assert len(times) > 10_000 - tail


def test_what_is_to_be_kept_is_written_when_it_comes(tmp_path: Path) -> None:
    path = tmp_path / "trace"
    trace = TraceFile(path, HandClock(), at_once=["state"])
    trace(TraceEvent(1, "core", "message"))
    assert lines(path) == []
    trace(TraceEvent(2, "core", "state"))
    assert len(lines(path)) == 2


@pytest.mark.parametrize("rest", ["", '{"utc":1,"ti', "x" * (2 * module.FLUSH_SIZE)])
@pytest.mark.parametrize("before", [0, 1, 3])
def test_a_line_cut_by_a_process_before_does_not_spoil_the_next(tmp_path: Path, before: int, rest: str) -> None:
    """A node that was killed and is started again goes on in the same file."""
    path = tmp_path / "trace"
    path.write_text('{"utc":1}\n' * before + rest)
    trace = TraceFile(path, HandClock())
    trace(TraceEvent(1, "core", "state"))
    trace.close()
    assert [event["utc"] for event in read_trace(path)] == [1] * before + [1001]
