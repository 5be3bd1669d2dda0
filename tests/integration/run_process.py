"""`net4ai ...` as a user starts it, for tests: what it prints, what it starts, how it ends."""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import signal
import subprocess
import sys
import threading
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from types import TracebackType
from typing import Any, Self

import msgspec

from net4ai.app.report.report import Report
from net4ai.stack.io.child_process import tied
from net4ai.stack.io.trace_file import merge_traces

PATIENCE = 120
"""Seconds until a test that hangs fails; no test waits for it."""
MARK = "NET4AI_TEST_PROCESS"
"""Environment variable that a process hands on to all it starts, so that they are found."""


def net4ai(*arguments: str | Path) -> list[str]:
    """The command line of `net4ai` with this interpreter."""
    return [sys.executable, "-P", "-m", "net4ai.app", *map(str, arguments)]


def settings(values: dict[str, object]) -> list[str]:
    """As `--set` options."""
    return [part for key, value in values.items() for part in ("--set", f"{key}={value}")]


class RunProcess:
    """A command under way. As a context manager it leaves nothing behind."""

    def __init__(self, *arguments: str | Path) -> None:
        self.lines: list[str] = []
        self._mark = secrets.token_hex(16)
        self._changed = threading.Condition()
        self._process = subprocess.Popen(
            tied(net4ai(*arguments)),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
            env={**os.environ, MARK: self._mark},
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is not None:
            print(self.output)
        while left := self.processes():
            for pid in left:
                kill(pid)
            self.wait_gone(left)
        self._process.wait(PATIENCE)

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def running(self) -> bool:
        """It has not ended."""
        return self._process.poll() is None

    @property
    def output(self) -> str:
        """All it has printed, stdout and stderr."""
        return "\n".join(self.lines)

    def wait_for(self, pattern: str, *, after: int = 0) -> re.Match[str]:
        """Wait for a line in which `pattern` is found, the first `after` lines left out."""
        deadline = monotonic() + PATIENCE
        with self._changed:
            while True:
                for line in self.lines[after:]:
                    if found := re.search(pattern, line):
                        return found
                assert self._reader.is_alive(), f"it ended without {pattern!r}:\n{self.output}"
                self._changed.wait(1)
                assert monotonic() < deadline, f"no {pattern!r} within {PATIENCE} s:\n{self.output}"

    def wait(self) -> int:
        """Wait for its end; gives the exit code."""
        try:
            code = self._process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"it does not end within {PATIENCE} s:\n{self.output}") from None
        self._reader.join(PATIENCE)
        return code

    def interrupt(self) -> int:
        """Ctrl-C: SIGINT to the command alone, as its children are in sessions of their own. Gives the exit code."""
        self._process.send_signal(signal.SIGINT)
        return self.wait()

    def processes(self) -> dict[int, str]:
        """Command lines of all processes it has started, and its own, that still run, by pid."""
        marked = {pid for pid, line in _listing("axeww") if self._mark in line}
        return {pid: command for pid, command in _listing("axww") if pid in marked}

    def find(self, *words: str) -> int:
        """The one process whose command line holds these words."""
        found = [pid for pid, command in self.processes().items() if all(word in command for word in words)]
        assert len(found) == 1, (words, self.processes())
        return found[0]

    def wait_gone(self, pids: Iterable[int]) -> None:
        """Wait until none of these processes runs any more."""
        deadline = monotonic() + PATIENCE
        while left := self.processes().keys() & set(pids):
            assert monotonic() < deadline, f"{left} still run within {PATIENCE} s"

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            with self._changed:
                self.lines.append(line.rstrip("\n"))
                self._changed.notify_all()


def _listing(options: str) -> list[tuple[int, str]]:
    """Pids and command lines as `ps` gives them; with the option `e`, environments too."""
    done = subprocess.run(["ps", options, "-o", "pid=,command="], capture_output=True, text=True, check=True)
    found = (line.strip().partition(" ") for line in done.stdout.splitlines())
    return [(int(pid), command) for pid, _, command in found]


def kill(pid: int) -> None:
    """SIGKILL; a process that has gone is gone."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


@dataclass(frozen=True)
class EndedRun:
    """A run that has ended, and what it left behind."""

    code: int
    output: str
    folder: Path
    left: dict[int, str]
    """Processes that still ran when it had ended."""

    @property
    def report(self) -> Report:
        return msgspec.json.decode((self.folder / "report.json").read_bytes(), type=Report)

    @property
    def trace(self) -> list[dict[str, Any]]:
        return merge_traces(sorted((self.folder / "trace").glob("*.ndjson")))


def run_to_the_end(folder: Path, scenario: str | Path, values: dict[str, object], *options: str | Path) -> EndedRun:
    """`net4ai run` with a report in `folder`."""
    with RunProcess("run", scenario, *settings(values), "--report", folder, *options) as run:
        code = run.wait()
        return EndedRun(code, run.output, folder, run.processes())
