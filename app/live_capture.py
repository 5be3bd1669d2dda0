"""`net4ai capture --live`: what a run captures, while it runs, for Wireshark or whoever reads pcapng from a pipe."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import IO

from net4ai.app import wireshark
from net4ai.stack.io.live_capture import LiveMerge, PartFiles

PARTS = "capture-parts"
"""Folder of a run in which its processes capture; the runner removes it when the run has ended."""
TRACE = "trace"
"""Folder that every run makes first."""
LOOK_INTERVAL = 0.1
"""Seconds between looks at the files."""
GRACE = 20
"""Looks until a run that captures nothing is said to be such."""


class NoCapture(ValueError):
    """The folder holds no run that captures; the text says what to do."""


class LiveCapture:
    """Follows one run. `say` gets lines for the person; `clock` gives monotonic nanoseconds."""

    def __init__(
        self,
        folder: Path,
        say: Callable[[str], None],
        clock: Callable[[], int] = time.monotonic_ns,
        wait: Callable[[float], None] = time.sleep,
    ) -> None:
        self.merge = LiveMerge()
        self._folder = folder
        self._say = say
        self._clock = clock
        self._wait = wait

    def follow(self, write: Callable[[bytes], object]) -> None:
        """Give the stream to `write` until the run has ended. Raises `NoCapture`, and OSError, also that of `write`."""
        self._find()
        parts = PartFiles(self._folder / PARTS)
        write(self.merge.take(self._clock()))
        try:
            ended = False
            while not ended:
                # First: what came until the folder went is in the files.
                ended = not (self._folder / PARTS).is_dir()
                for name, data in parts.read():
                    self.merge.feed(name, data, self._clock())
                if octets := self.merge.take(self._clock()):
                    write(octets)
                if not ended:
                    self._wait(LOOK_INTERVAL)
            write(self.merge.finish())
        except KeyboardInterrupt:
            write(self.merge.finish())
            raise
        finally:
            parts.close()
            for name, why in self.merge.broken.items():
                self._say(f"{name}: {why}; what came later is left out")

    def _find(self) -> None:
        """Wait for the run to begin."""
        said, looks = False, 0
        while not (self._folder / PARTS).is_dir():
            if (self._folder / TRACE).is_dir():
                looks += 1
                if looks > GRACE:
                    raise NoCapture(
                        f"{self._folder}: no run captures here now. Start one with --capture, and this while it runs: "
                        f"net4ai run SCENARIO --report {self._folder} --capture FILE"
                    )
            elif not said:
                said = True
                self._say(
                    f"waiting for a run that captures: net4ai run SCENARIO --report {self._folder} --capture FILE"
                )
            self._wait(LOOK_INTERVAL)


def follow_run(folder: Path, out: Path | None, start_wireshark: bool) -> int:
    """Write the capture of the run in `folder` to `out` (a file or FIFO), to Wireshark or to standard output.

    Gives the exit code. It ends when the run does, on Ctrl-C, and when the reader goes away.
    """

    def say(line: str) -> None:
        print(line, file=sys.stderr, flush=True)

    live = LiveCapture(folder, say)
    try:
        with ExitStack() as opened:
            live.follow(_writer(opened, out, start_wireshark))
    except (NoCapture, wireshark.WiresharkError) as error:
        say(str(error))
        return 2
    except BrokenPipeError:
        say("the reader has gone")
    except KeyboardInterrupt:
        say("interrupted")
    except OSError as error:
        say(f"{error.filename or out}: {error.strerror}")
        return 1
    late = f", {live.merge.late} of them late" if live.merge.late else ""
    say(f"{live.merge.packets} packets{late}")
    return 0


def _writer(opened: ExitStack, out: Path | None, start_wireshark: bool) -> Callable[[bytes], object]:
    """Where octets go: they are there when the call returns."""
    if out is not None:
        return _whole(opened.enter_context(out.open("wb", buffering=0)))
    if start_wireshark:
        child = subprocess.Popen(wireshark_command(), stdin=subprocess.PIPE, bufsize=0, start_new_session=True)
        assert child.stdin is not None
        opened.callback(child.stdin.close)
        return _whole(child.stdin)
    if sys.stdout.isatty():
        raise NoCapture(
            "standard output is a terminal. Give it to a reader: net4ai capture --live FOLDER | wireshark -k -i - ; "
            "or use --wireshark or --out FILE"
        )
    return _whole(opened.enter_context(open(sys.stdout.fileno(), "wb", buffering=0, closefd=False)))


def _whole(file: IO[bytes]) -> Callable[[bytes], None]:
    def write(octets: bytes) -> None:
        left = memoryview(octets)
        while left:
            left = left[file.write(left) or 0 :]

    return write


def wireshark_command() -> list[str]:
    """Wireshark reading its standard input, with our profile where that is installed. Raises `WiresharkError`."""
    program = shutil.which("wireshark") or shutil.which("wireshark", path=wireshark.OTHER_PLACES)
    if program is None:
        raise wireshark.WiresharkError("wireshark is not installed; tshark -i - reads the stream too")
    profile = wireshark.find_folders().configuration / "profiles" / wireshark.PROFILE
    return [program, "-k", "-i", "-", *(["-C", wireshark.PROFILE] if profile.is_dir() else [])]
