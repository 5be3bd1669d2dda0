"""The compute workers of a node: as many processes as its instances need, watched, each ended alone (R40, R65).

Behind one `net4ai.stack.compute.Compute` there is a worker process for each name in `Load.worker`; who sends `Load`
says by that name which instances share one. A worker is started when the first of its instances is loaded, and ended
when the last one is unloaded. It is ended early, with all it has started, when it

- computes for longer than its instances may, without a pause in which it could answer a ping;
- takes more memory than they may, with its children: what it has touched, not what it has only mapped;
- has started too many processes.

Then, and when it dies by itself, `InstanceLost` is said for its instances; only `Load` makes them anew. The node lives
on in every case.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from typing import Any

import psutil

from net4ai.codecs.compute import (
    MAXIMUM_TEXT,
    FromWorker,
    InstanceLost,
    Load,
    Loaded,
    LoadFailed,
    Ping,
    Pong,
    ToWorker,
    Unload,
    encode,
)
from net4ai.stack.io.child_process import OnLine
from net4ai.stack.io.compute_process import SEND_BUFFER, ComputeProcess, family
from net4ai.stack.line_limit import LineLimit

MAXIMUM_WORKERS = 64
"""Worker processes of a node."""
MAXIMUM_CHILDREN = 32
"""Processes a worker may have started that still run."""
WATCH_INTERVAL = 1.0
"""Seconds between two looks at a worker."""
LOOKS = 4
"""Looks at a worker within the time it may compute: so late, at most, is it found out."""
LOAD_BOUND = 60.0
"""Seconds a function may take to be loaded, for it may import libraries; more where it may compute longer."""
MEBIBYTE = 1 << 20


@dataclass(eq=False, slots=True)
class _Worker:
    """A worker process, or one that is being started."""

    name: str
    instances: dict[int, Load] = field(default_factory=dict)
    loading: dict[int, None] = field(default_factory=dict)
    """Instances `Load` is not answered for."""
    process: ComputeProcess | None = None
    waiting: list[bytes] = field(default_factory=list)
    """Frames for a process that is being started."""
    octets: int = 0
    task: asyncio.Task[None] | None = None
    pinged: bool = False
    """A ping is not answered."""
    missed: float = 0.0
    """Seconds for which it is not."""
    verdict: str = ""
    """What it is ended for."""

    @property
    def busy_s(self) -> float:
        """Seconds it may compute without a pause; 0: no limit."""
        limit = min((load.busy_s for load in self.instances.values() if load.busy_s), default=0.0)
        return max(limit, LOAD_BOUND) if limit and self.loading else limit

    @property
    def memory_mib(self) -> int:
        """What it may take; 0: no limit."""
        return min((load.memory_mib for load in self.instances.values() if load.memory_mib), default=0)


class ComputePool:
    """A `net4ai.stack.compute.Compute` over worker processes. Needs a running loop."""

    def __init__(
        self,
        name: str,
        on_line: OnLine,
        *,
        modules: Sequence[str] = (),
        path: str = "",
    ) -> None:
        """`name`: of the node. `modules`, `path`: see `ComputeProcess.start`."""
        self.receive: Callable[[FromWorker], None] | None = None
        self._name = name
        self._on_line = on_line
        self._modules = modules
        self._path = path
        self._loop = asyncio.get_running_loop()
        self._workers: dict[str, _Worker] = {}
        self._worker_of: dict[int, _Worker] = {}
        self._checkpoints: dict[int, str] = {}
        """Files of instances that were lost."""
        self._spare: ComputeProcess | None = None
        """Started early: the next worker."""
        self._ending: dict[str, asyncio.Task[None]] = {}
        """Waits for the end of a process, by the name of its worker."""
        self._tasks: set[asyncio.Task[None]] = set()
        self._open = True

    async def prepare(self, functions: Sequence[str]) -> None:
        """Start a worker before one is needed, which imports these functions at once. Raises OSError."""
        self._spare = await self._start_process("spare", functions)

    @property
    def pids(self) -> dict[str, int]:
        """Process of each worker that is up."""
        return {worker.name: worker.process.pid for worker in self._workers.values() if worker.process is not None}

    # For the node

    def send(self, message: ToWorker) -> None:
        """Send a message to the worker of its instance; never blocks. Where there is none it goes nowhere.

        Raises `EncodeError` for one that has no frame.
        """
        frame = encode(message)
        if not self._open or isinstance(message, Ping):
            return
        if isinstance(message, Load):
            self._assign(message)
        worker = self._worker_of.get(message.instance)
        if worker is not None:
            self._send(worker, frame)
        if isinstance(message, Unload):
            self._unload(message)

    def close(self) -> None:
        """End all workers. `wait_closed` waits for it."""
        self._open = False
        for worker in list(self._workers.values()):
            self._end(worker)
        if self._spare is not None:
            self._close_process(self._spare, "spare")

    async def wait_closed(self) -> None:
        """Wait until all workers are gone."""
        while self._tasks:
            await asyncio.wait(list(self._tasks))

    # Instances and workers

    def _assign(self, load: Load) -> None:
        """The worker of an instance that is to be loaded."""
        before = self._worker_of.get(load.instance)
        if before is not None and before.name != load.worker:
            self._send(before, encode(Unload(instance=load.instance)))
            self._leave(before, load.instance)
        self._checkpoints.pop(load.instance, None)
        worker = self._workers.get(load.worker)
        if worker is None:
            if len(self._workers) >= MAXIMUM_WORKERS:
                detail = f"{self._name} has {MAXIMUM_WORKERS} compute workers already"
                self._later(LoadFailed(instance=load.instance, detail=detail))
                return
            worker = self._workers[load.worker] = _Worker(load.worker)
            worker.task = self._keep(self._live(worker))
        worker.instances[load.instance] = load
        worker.loading[load.instance] = None
        self._worker_of[load.instance] = worker

    def _unload(self, message: Unload) -> None:
        checkpoint = self._checkpoints.pop(message.instance, "")
        ending = None
        if (worker := self._worker_of.get(message.instance)) is not None:
            checkpoint = worker.instances[message.instance].checkpoint
            self._leave(worker, message.instance)
            ending = self._ending.get(worker.name)
        if checkpoint and message.remove_checkpoint:
            # The host removes it, too, where it still comes to it.
            self._keep(_remove(checkpoint, ending))

    def _leave(self, worker: _Worker, instance: int) -> None:
        """An instance is no more; with the last one goes the worker."""
        self._worker_of.pop(instance, None)
        worker.instances.pop(instance, None)
        worker.loading.pop(instance, None)
        if not worker.instances:
            self._end(worker)

    def _end(self, worker: _Worker) -> None:
        """Nobody needs the worker any more."""
        self._workers.pop(worker.name, None)
        for instance in worker.instances:
            self._worker_of.pop(instance, None)
        worker.instances.clear()
        if worker.process is not None:
            self._close_process(worker.process, worker.name)
        if worker.task is not None:
            worker.task.cancel()

    def _close_process(self, process: ComputeProcess, name: str) -> None:
        process.receive = None
        process.close()
        ending = self._ending[name] = self._keep(_gone(process))
        ending.add_done_callback(lambda task: self._ending.pop(name) if self._ending.get(name) is task else None)

    def _send(self, worker: _Worker, frame: bytes) -> None:
        if worker.process is not None:
            worker.process.send_frame(frame)
            return
        worker.octets += len(frame)
        if worker.octets > SEND_BUFFER:
            self._lose(worker, f"{worker.octets} octets wait for its start", failed=False)
            return
        worker.waiting.append(frame)

    # The life of a worker

    async def _live(self, worker: _Worker) -> None:
        """Start the worker's process, hand over what waits, watch."""
        if (before := self._ending.get(worker.name)) is not None:
            await asyncio.wait([before])  # it may still write what this one reads
        try:
            process, self._spare = self._spare, None
            if process is None or process.is_gone:
                process = await self._start_process(worker.name, ())
        except OSError as error:
            self._lose(worker, f"does not start: {error}", failed=False)
            return
        worker.process = process
        process.receive = lambda message: self._receive(worker, message)
        process.lost = lambda reason: self._lose(worker, worker.verdict or reason, failed=bool(worker.verdict))
        for frame in worker.waiting:
            process.send_frame(frame)
        worker.waiting.clear()
        looks = 0
        while True:
            interval = min(WATCH_INTERVAL, worker.busy_s / LOOKS) if worker.busy_s else WATCH_INTERVAL
            await asyncio.sleep(interval)
            looks += 1
            verdict = self._ping(worker, process, interval)
            if not verdict and looks * interval >= WATCH_INTERVAL:
                looks, verdict = 0, _weigh(process.pid, worker.memory_mib)
            if verdict:
                worker.verdict = verdict
                process.kill()
                return

    def _ping(self, worker: _Worker, process: ComputeProcess, interval: float) -> str:
        """Look whether the worker still answers. Gives what is wrong.

        Time counts by looks, so that a node which was busy itself takes nothing for silence.
        """
        limit = worker.busy_s
        if not limit:
            return ""
        if not worker.pinged:
            worker.pinged, worker.missed = True, 0.0
            process.send(Ping())
            return ""
        worker.missed += interval
        return f"has computed for {limit:g} s without a pause" if worker.missed >= limit else ""

    async def _start_process(self, name: str, preload: Sequence[str]) -> ComputeProcess:
        lines = LineLimit(self._loop.time)

        def on_line(line: str) -> None:
            if lines.allows():
                if dropped := lines.take_dropped():
                    self._on_line(f"{self._name} compute {name} | {dropped} lines were dropped")
                self._on_line(line)

        title = f"{self._name} compute {name}".rstrip()
        return await ComputeProcess.start(title, on_line, preload, modules=self._modules, path=self._path)

    def _receive(self, worker: _Worker, message: FromWorker) -> None:
        if isinstance(message, Pong):
            worker.pinged = False
            return
        instance = getattr(message, "instance", None)
        if instance is None or self._worker_of.get(instance) is not worker:
            return  # a function speaks for its own instances only
        if isinstance(message, Loaded | LoadFailed):
            worker.loading.pop(instance, None)
        if isinstance(message, LoadFailed):
            self._leave(worker, instance)
        if self.receive is not None:
            self.receive(message)

    def _lose(self, worker: _Worker, reason: str, *, failed: bool) -> None:
        """The worker is gone, or has to go: its instances are lost."""
        if self._workers.get(worker.name) is not worker:
            return
        lost = dict(worker.instances)
        detail = f"compute worker {worker.name}: {reason}"[:MAXIMUM_TEXT]
        self._on_line(f"{self._name}: {detail}; lost: {len(lost)} instances")
        self._checkpoints.update({number: load.checkpoint for number, load in lost.items() if load.checkpoint})
        self._end(worker)
        for instance in lost:
            self._later(InstanceLost(instance=instance, failed=failed, detail=detail))

    def _later(self, message: FromWorker) -> None:
        """Never from within `send`."""

        def say() -> None:
            if self._open and self.receive is not None:
                self.receive(message)

        self._loop.call_soon(say)

    def _keep(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = self._loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task


async def _gone(process: ComputeProcess) -> None:
    await process.wait_closed()


async def _remove(checkpoint: str, after: asyncio.Task[None] | None) -> None:
    if after is not None:
        await asyncio.wait([after])
    with contextlib.suppress(OSError):
        os.unlink(checkpoint)


def _weigh(pid: int, memory_mib: int) -> str:
    """What is wrong with what a worker and its children take; empty: nothing."""
    processes = family(pid)
    if len(processes) > 1 + MAXIMUM_CHILDREN:
        return f"has started {len(processes) - 1} processes; allowed: {MAXIMUM_CHILDREN}"
    taken = 0
    if memory_mib:
        for process in processes:
            with contextlib.suppress(psutil.Error):
                taken += process.memory_info().rss
    return f"takes {taken // MEBIBYTE} MiB; allowed: {memory_mib}" if taken > memory_mib * MEBIBYTE else ""
