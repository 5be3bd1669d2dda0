"""A compute worker of a node as a child process, over a pair of sockets."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
from collections.abc import Callable, Sequence
from typing import Self

import psutil

from net4ai.codecs.compute import MAXIMUM_FRAME, FromWorker, Ready, ToWorker, decode_from_worker, encode
from net4ai.codecs.errors import DecodeError
from net4ai.stack.io.child_process import ChildProcess, OnLine, python_module
from net4ai.stack.io.stream import FrameConnection

WORKER = "net4ai.application_server.worker"
SEND_BUFFER = 8 * MAXIMUM_FRAME
"""Octets that may wait while the worker computes; beyond that it counts as dead."""
START_BOUND = 30.0
"""Seconds until a worker must have said it is ready."""
END_BOUND = 2.0
"""Seconds a worker has to end by itself, once its socket is closed."""


class ComputeProcess:
    """A `net4ai.stack.compute.Compute` whose functions run in a process of their own. Made by `start`."""

    def __init__(self, child: ChildProcess, connection: FrameConnection) -> None:
        self.receive: Callable[[FromWorker], None] | None = None
        self.lost: Callable[[str], None] | None = None
        """Called once with the reason when the worker is gone and `close` was not called."""
        self._child = child
        self._connection = connection
        self._connection.receive = self._receive
        self._closing = False
        self._ready = asyncio.Event()
        self._end = asyncio.ensure_future(self._watch())

    @classmethod
    async def start(
        cls,
        name: str,
        on_line: OnLine,
        preload: Sequence[str] = (),
        *,
        modules: Sequence[str] = (),
        path: str = "",
    ) -> Self:
        """Start a worker and wait until it takes messages.

        `name`: logical name, before each line of the worker for `on_line`. `preload`: functions whose modules are
        imported at once. `modules`: their functions may be named "module:Class". `path`: folder on the import path.
        Raises OSError (ConnectionError, TimeoutError among them) when there is no worker.
        """
        ours, theirs = socket.socketpair()
        options = ["--fd", str(theirs.fileno()), "--preload", ",".join(preload)]
        options += ["--modules", ",".join(modules), "--path", path]
        with theirs:
            try:
                child = await ChildProcess.start(
                    name, python_module(WORKER, *options), on_line, inherited=[theirs.fileno()]
                )
            except BaseException:
                ours.close()
                raise
        reader, writer = await asyncio.open_unix_connection(sock=ours)
        connection = FrameConnection(reader, writer, maximum_frame=MAXIMUM_FRAME, send_buffer=SEND_BUFFER)
        worker = cls(child, connection)
        try:
            await worker._wait_ready()
        except BaseException:
            child.kill()
            worker.close()
            await worker.wait_closed()
            raise
        return worker

    async def _wait_ready(self) -> None:
        ready = asyncio.ensure_future(self._ready.wait())
        await asyncio.wait([ready, self._end], timeout=START_BOUND, return_when=asyncio.FIRST_COMPLETED)
        ready.cancel()
        if self._end.done():
            raise ConnectionError(f"{self._child.name}: {self._end.result()}")
        if not self._ready.is_set():
            raise TimeoutError(f"{self._child.name}: not ready within {START_BOUND:g} s")

    @property
    def pid(self) -> int:
        return self._child.pid

    @property
    def is_gone(self) -> bool:
        """It has ended, or is about to: nothing reaches it any more."""
        return self._end.done() or not self._connection.is_open

    def send(self, message: ToWorker) -> None:
        """Send a message; never blocks. Raises `EncodeError` for one that has no frame."""
        self.send_frame(encode(message))

    def send_frame(self, frame: bytes) -> None:
        """Send a message that is encoded already; never blocks."""
        self._connection.send(frame)

    def kill(self) -> None:
        """End the worker and what it has started at once; `lost` will be told."""
        kill_family(self.pid)
        self._child.kill()

    def close(self) -> None:
        """End the worker: its socket closes, then come SIGTERM and SIGKILL. `wait_closed` waits for it."""
        self._closing = True
        self._connection.close()

    async def wait_closed(self) -> str:
        """Wait until the worker is gone; gives the reason."""
        return await asyncio.shield(self._end)

    def _receive(self, frame: bytes) -> None:
        try:
            message = decode_from_worker(frame)
        except DecodeError as error:
            self._connection.close(str(error))
            return
        if isinstance(message, Ready):
            self._ready.set()
        elif self.receive is not None and not self._closing:
            self.receive(message)

    async def _watch(self) -> str:
        """Wait for the end of connection or process, and see to the end of the other."""
        closed = asyncio.ensure_future(self._connection.wait_closed())
        ended = asyncio.ensure_future(self._child.wait())
        await asyncio.wait([closed, ended], return_when=asyncio.FIRST_COMPLETED)
        await asyncio.wait([closed, ended], timeout=END_BOUND)
        self._connection.close("the process ended")
        if self._child.returncode is not None:
            self._child.kill()  # what functions have started and left behind
        code = await self._child.terminate()
        reason = f"{await closed}, {_described(code)}"
        if self.lost is not None and not self._closing:
            self.lost(reason)
        return reason


def family(pid: int) -> list[psutil.Process]:
    """A process and all that it has started, as far as they are still there."""
    try:
        process = psutil.Process(pid)
        return [process, *process.children(recursive=True)]
    except psutil.Error:
        return []


def kill_family(pid: int) -> None:
    """SIGKILL to a process and all that it has started, also in process groups of their own."""
    with contextlib.suppress(psutil.Error):
        psutil.Process(pid).suspend()  # so that it starts no more while those there are looked for
    for process in family(pid):
        with contextlib.suppress(psutil.Error):
            process.kill()


def _described(code: int) -> str:
    return f"ended by {signal.Signals(-code).name}" if code < 0 else f"ended with code {code}"
