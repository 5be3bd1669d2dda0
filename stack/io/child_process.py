"""Child processes: their lines come to the parent, they end when it says so, and they never outlive it.

Each child runs in a session of its own, so Ctrl-C reaches only the parent, which then decides. The parent holds the
child's stdin; when the parent is gone, whatever killed it, that pipe ends, and `watch_parent` in the child turns this
into an ordinary SIGTERM. A program that is not ours is tied to its parent by `tied`.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Self

OnLine = Callable[[str], None]

LINE_LIMIT = 16 * 1024
"""Bytes of one forwarded line; a longer one comes in pieces."""
TERMINATE_BOUND = 5.0
"""Seconds between SIGTERM and SIGKILL."""
ORPHAN_BOUND = 5.0
"""Seconds a child may take to end after its parent has gone."""
RESTARTS = 5
RESTART_WINDOW = 60.0
"""So often within so many seconds a child that has ended is started again; the next time it is given up."""
_DRAIN_BOUND = 1.0

_CHILD_MARK = "NET4AI_CHILD"
_ENVIRONMENT = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "PYTHONUNBUFFERED": "1", _CHILD_MARK: "1"}

_TIE = """
import ctypes, os, signal, sys
PR_SET_PDEATHSIG = 1
ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
if os.getppid() == int(sys.argv[1]):
    os.execv(sys.argv[2], sys.argv[2:])
"""


def python_module(module: str, *arguments: str) -> list[str]:
    """The command that runs `python -m module` with this interpreter, without the working folder on its path."""
    return [sys.executable, "-P", "-m", module, *arguments]


def tied(command: Sequence[str]) -> list[str]:
    """`command` (an absolute path first), made to die with its parent. Linux only: elsewhere the command unchanged.

    A few lines of Python ask the kernel for SIGTERM at the parent's death and then become the program.
    """
    if not sys.platform.startswith("linux"):
        return list(command)
    return [sys.executable, "-I", "-S", "-c", _TIE, str(os.getpid()), *command]


def is_child() -> bool:
    """This process was started by `ChildProcess`."""
    return _CHILD_MARK in os.environ


def read_first_line() -> bytes:
    """In a child: the line its parent gave it on stdin (configuration, keys), b"" when there is none."""
    line = bytearray()
    while not line.endswith(b"\n") and (byte := os.read(0, 1)):
        line += byte
    return bytes(line)


def watch_parent(bound: float = ORPHAN_BOUND) -> None:
    """In a child's main: when the parent has gone, SIGTERM to ourselves, and a hard end `bound` seconds later.

    A thread does it, so that a loop busy computing cannot miss it. Nothing happens in a process that is no child.
    """
    if is_child():
        threading.Thread(target=_end_with_parent, args=(bound,), name="watch-parent", daemon=True).start()


def _end_with_parent(bound: float) -> None:
    with contextlib.suppress(OSError):
        while os.read(0, 4096):
            pass
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(bound)
    os._exit(1)


class RestartLimit:
    """Whether what has ended is started again: `RESTARTS` times in any `RESTART_WINDOW`."""

    def __init__(self) -> None:
        self._times: deque[float] = deque(maxlen=RESTARTS)

    def allows(self, now: float) -> bool:
        """It has ended at `now` (seconds). Counts a restart where one is allowed."""
        if len(self._times) == RESTARTS and now - self._times[0] < RESTART_WINDOW:
            return False
        self._times.append(now)
        return True


class ChildProcess:
    """A running child. Made by `start`."""

    def __init__(self, name: str, process: asyncio.subprocess.Process, on_line: OnLine) -> None:
        self.name = name
        self._process = process
        self._on_line = on_line
        streams = (process.stdout, process.stderr)
        self._readers = [asyncio.ensure_future(self._forward(stream)) for stream in streams if stream is not None]

    @classmethod
    async def start(
        cls,
        name: str,
        command: Sequence[str],
        on_line: OnLine,
        *,
        first_line: bytes = b"",
        environment: Mapping[str, str] | None = None,
        inherited: Sequence[int] = (),
    ) -> Self:
        """Starts `command` under the logical name `name`.

        Every line it writes to stdout or stderr comes to `on_line` as "name | line". `first_line` is what
        `read_first_line` gives the child. File descriptors in `inherited` stay open in it.

        Raises OSError when the program cannot be started.
        """
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            start_new_session=True,
            pass_fds=inherited,
            env={**os.environ, **_ENVIRONMENT, **(environment or {})},
        )
        child = cls(name, process, on_line)
        if first_line and process.stdin is not None:
            with contextlib.suppress(ConnectionError):
                process.stdin.write(first_line.rstrip(b"\n") + b"\n")
                await process.stdin.drain()
        return child

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def returncode(self) -> int | None:
        """None while it runs; negative: the signal that ended it."""
        return self._process.returncode

    async def wait(self) -> int:
        """Waits for its end and for its last lines."""
        returncode = await self._process.wait()
        # A grandchild may still hold the pipes: its lines are not worth waiting for.
        await asyncio.wait(self._readers, timeout=_DRAIN_BOUND)
        for reader in self._readers:
            reader.cancel()
        return returncode

    async def terminate(self, bound: float = TERMINATE_BOUND) -> int:
        """Asks it to end (SIGTERM), and ends it and its group (SIGKILL) after `bound` seconds. Returns its code."""
        if self.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self._process.terminate()
            try:
                async with asyncio.timeout(bound):
                    await self._process.wait()
            except TimeoutError:
                self.kill()
        return await self.wait()

    def kill(self) -> None:
        """SIGKILL to it and its process group."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)

    async def _forward(self, stream: asyncio.StreamReader) -> None:
        rest = b""
        while chunk := await stream.read(LINE_LIMIT):
            *lines, rest = (rest + chunk).split(b"\n")
            for line in lines:
                self._emit(line)
            if len(rest) >= LINE_LIMIT:
                self._emit(rest)
                rest = b""
        if rest:
            self._emit(rest)

    def _emit(self, line: bytes) -> None:
        self._on_line(f"{self.name} | {line.decode(errors='backslashreplace').rstrip()}")
