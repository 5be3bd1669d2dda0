"""Child processes: their lines, their end, and that they end with their parent."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Coroutine
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from net4ai.stack.io import child_process as module
from net4ai.stack.io.child_process import (
    RESTART_WINDOW,
    RESTARTS,
    ChildProcess,
    RestartLimit,
    is_child,
    python_module,
    read_first_line,
    watch_parent,
)

PATIENCE = 30
"""Seconds until a test that hangs fails; no test waits for it."""


def run(scenario: Coroutine[Any, Any, None]) -> None:
    async def bounded() -> None:
        async with asyncio.timeout(PATIENCE):
            await scenario

    asyncio.run(bounded())


async def started(code: str, lines: list[str], **arguments: Any) -> ChildProcess:
    return await ChildProcess.start("ran-1", [sys.executable, "-P", "-c", code], lines.append, **arguments)


class Lines(list[str]):
    """Lines that can be waited for."""

    def __init__(self) -> None:
        super().__init__()
        self._more = asyncio.Event()

    def append(self, line: str) -> None:
        super().append(line)
        self._more.set()

    async def until(self, line: str) -> None:
        while line not in self:
            self._more.clear()
            await self._more.wait()


def test_lines_of_both_streams_carry_the_name() -> None:
    async def scenario() -> None:
        lines: list[str] = []
        code = "import sys; print('one\\ntwo'); print('three', file=sys.stderr); sys.stdout.write('no end \\udcff')"
        child = await started("import sys; sys.stdout.reconfigure(errors='surrogateescape');" + code, lines)
        assert await child.wait() == 0
        assert sorted(lines) == ["ran-1 | no end \\xff", "ran-1 | one", "ran-1 | three", "ran-1 | two"]

    run(scenario())


def test_an_endless_line_comes_in_pieces() -> None:
    async def scenario() -> None:
        lines: list[str] = []
        size = 5 * module.LINE_LIMIT
        child = await started(f"print('x' * {size})", lines)
        await child.wait()
        assert all(len(line) <= 2 * module.LINE_LIMIT + len("ran-1 | ") for line in lines)
        assert sum(line.count("x") for line in lines) == size

    run(scenario())


def test_environment_and_first_line() -> None:
    async def scenario() -> None:
        lines: list[str] = []
        code = (
            "import os; from net4ai.stack.io.child_process import read_first_line, is_child;"
            "print(read_first_line(), is_child(), *(os.environ[name] for name in"
            "('OMP_NUM_THREADS', 'MKL_NUM_THREADS', 'PYTHONUNBUFFERED', 'OURS')))"
        )
        child = await started(code, lines, first_line=b'{"key": 1}', environment={"OURS": "yes"})
        assert await child.wait() == 0, lines
        assert lines == ["ran-1 | b'{\"key\": 1}\\n' True 1 1 1 yes"]

    run(scenario())


def test_a_program_that_ends_before_its_first_line() -> None:
    async def scenario() -> None:
        child = await started("raise SystemExit(3)", [], first_line=b"x" * 1_000_000)
        assert await child.wait() == 3

    run(scenario())


def test_missing_program() -> None:
    async def scenario() -> None:
        with pytest.raises(FileNotFoundError):
            await ChildProcess.start("ran-1", ["/no/such/program"], print)

    run(scenario())


STUBBORN = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('ready'); time.sleep(1000)"
POLITE = (
    "import signal, sys, time; signal.signal(signal.SIGTERM, lambda *_: sys.exit(7)); print('ready'); time.sleep(1000)"
)


@pytest.mark.parametrize(("code", "bound", "end"), [(POLITE, 20, 7), (STUBBORN, 0.05, -signal.SIGKILL)])
def test_terminate(code: str, bound: float, end: int) -> None:
    async def scenario() -> None:
        lines = Lines()
        child = await started(code, lines)
        await lines.until("ran-1 | ready")
        assert child.returncode is None
        assert await child.terminate(bound) == end == child.returncode
        assert await child.terminate() == end, "once more does no harm"

    run(scenario())


def test_own_session_so_that_ctrl_c_reaches_only_the_parent() -> None:
    async def scenario() -> None:
        child = await started("import time; time.sleep(1000)", [])
        assert os.getsid(child.pid) == os.getpgid(child.pid) == child.pid != os.getsid(0)
        await child.terminate()

    run(scenario())


FAMILY = """
import asyncio, sys
from net4ai.stack.io.child_process import ChildProcess

async def main():
    await ChildProcess.start("child", [sys.executable, "-P", "-c", sys.argv[1], sys.argv[2]], print)
    await asyncio.Event().wait()

asyncio.run(main())
"""
CHILD = """
import signal, socket, sys
from net4ai.stack.io.child_process import watch_parent
connection = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
{before}
watch_parent(bound=0.05)
connection.send(b"x")
while True:
    pass
"""


@pytest.mark.parametrize("before", ["", "signal.signal(signal.SIGTERM, signal.SIG_IGN)"])
def test_a_busy_child_ends_with_its_killed_parent(before: str) -> None:
    """The child computes all the time; its connection to us ends when it does."""

    async def scenario() -> None:
        arrived: asyncio.Queue[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = asyncio.Queue()
        server = await asyncio.start_server(lambda *streams: arrived.put_nowait(streams), "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        code = CHILD.format(before=before)
        parent = await ChildProcess.start("parent", [sys.executable, "-P", "-c", FAMILY, code, str(port)], print)
        reader, writer = await arrived.get()
        assert await reader.read(1) == b"x"
        parent.kill()
        assert await reader.read(1) == b""
        writer.close()
        server.close()
        await parent.wait()

    run(scenario())


def test_who_is_no_child_watches_nobody() -> None:
    assert not is_child()
    watch_parent()


def test_first_line_leaves_the_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    reading, writing = os.pipe()
    os.write(writing, b"one\ntwo")
    os.close(writing)
    monkeypatch.setattr(module.os, "read", lambda _, size, read=os.read: read(reading, size))
    assert [read_first_line() for _ in range(3)] == [b"one\n", b"two", b""]


def test_python_module() -> None:
    assert python_module("net4ai.core", "--x") == [sys.executable, "-P", "-m", "net4ai.core", "--x"]


@given(st.lists(st.floats(0, RESTART_WINDOW / 2), max_size=60))
def test_no_window_has_more_restarts_than_allowed(pauses: list[float]) -> None:
    limit, now, restarts = RestartLimit(), 0.0, list[float]()
    for pause in pauses:
        now += pause
        recent = [time for time in restarts if now - time < RESTART_WINDOW]
        allowed = limit.allows(now)
        assert allowed == (len(recent) < RESTARTS)
        if allowed:
            restarts.append(now)
