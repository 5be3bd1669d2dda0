"""Compute workers of a node: each ended alone for what it does, while others, and the node, go on (R40, R65)."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import psutil
import pytest

from net4ai.app.in_process import InProcessRun
from net4ai.codecs import compute as c
from net4ai.codecs.compute import FromWorker
from net4ai.codecs.message import Message, decode_message, encode_message
from net4ai.stack.io import compute_pool as module
from net4ai.stack.io import compute_process
from net4ai.stack.io.compute_pool import ComputePool
from net4ai.stack.io.memory_network import MemoryNetwork
from net4ai.stack.io.platform import RunConfig
from net4ai.stack.line_limit import LINES

PATIENCE = 120
"""Seconds until a test that hangs fails; no test waits for it."""
WITNESS, CULPRIT = 1, 2
"""Instances: one that does what it should all the time, and one that does not."""

FUNCTIONS = """
import asyncio, json, os, subprocess, sys, threading, time
from net4ai.functions.api import Message, ServiceFunction

class Witness(ServiceFunction):
    async def server_turn(self, execution, turn, client):
        while True:
            await client.send(await client.receive())

class Raises(ServiceFunction):
    async def server_turn(self, execution, turn, client):
        raise RuntimeError("out of luck")

class Hangs(ServiceFunction):
    async def server_turn(self, execution, turn, client):
        while True:
            pass

class Leaks(ServiceFunction):
    async def server_turn(self, execution, turn, client):
        self.kept = []
        while True:
            self.kept.append(b"x" * (8 << 20))
            await asyncio.sleep(0.01)

class LeaksInChild(ServiceFunction):
    async def server_turn(self, execution, turn, client):
        code = "import time; kept = b'x' * (400 << 20); time.sleep(600)"
        subprocess.Popen([sys.executable, "-c", code], start_new_session=True)
        await asyncio.Event().wait()

class Children(ServiceFunction):
    async def server_turn(self, execution, turn, client):
        for number in range(40):
            child = subprocess.Popen(["sleep", "600"], start_new_session=number % 2 == 0)
            self.context.progress(child=child.pid)
        threading.Thread(target=time.sleep, args=(600,)).start()
        await asyncio.Event().wait()

class Reserves(ServiceFunction):
    async def server_turn(self, execution, turn, client):
        import mmap
        self.mapped = mmap.mmap(-1, 4 << 30)
        self.context.progress(mapped=True)
        await asyncio.Event().wait()

class Floods(ServiceFunction):
    async def server_turn(self, execution, turn, client):
        for number in range(20000):
            self.context.progress(number=number)
            self.context.log(f"line {number}")
            print(f"printed {number}")
        while True:
            await client.send(Message(1, data=bytes(1000)))

class Dies(ServiceFunction):
    async def server_turn(self, execution, turn, client):
        os._exit(3)

class HangsInLoad(ServiceFunction):
    def __init__(self, context):
        while True:
            pass

class Counts(ServiceFunction):
    def __init__(self, context):
        super().__init__(context)
        self.turns = 0

    async def server_turn(self, execution, turn, client):
        self.turns += 1
        self.context.progress(turns=self.turns)

    def checkpoint(self):
        return json.dumps(self.turns).encode()

    def restore(self, checkpoint):
        self.turns = json.loads(checkpoint)
"""


def run(scenario: Coroutine[Any, Any, Any]) -> Any:
    async def bounded() -> Any:
        async with asyncio.timeout(PATIENCE):
            return await scenario

    return asyncio.run(bounded())


class Node:
    """What a node does with its pool: it takes every message of a function as sent."""

    def __init__(self, pool: ComputePool, lines: list[str]) -> None:
        self.pool = pool
        self.lines = lines
        self.said: list[FromWorker] = []
        self._came = asyncio.Event()
        pool.receive = self._receive

    def _receive(self, message: FromWorker) -> None:
        self.said.append(message)
        self._came.set()
        if isinstance(message, c.Send):
            name = {name: getattr(message, name) for name in ("instance", "execution", "as_server", "seat")}
            self.pool.send(c.Sent(**name))

    async def expect(self, kind: type[Any], instance: int) -> Any:
        """The next message of that kind of an instance."""
        while True:
            for message in self.said:
                if isinstance(message, kind) and message.instance == instance:
                    self.said.remove(message)
                    return message
            self._came.clear()
            await self._came.wait()

    async def load(self, instance: int, function: str, **limits: Any) -> Any:
        worker = limits.pop("worker", f"instance-{instance}")
        load = c.Load(instance=instance, function=function, settings={}, private={}, worker=worker, **limits)
        self.pool.send(load)
        return await self.expect(c.Loaded, instance)

    async def start_turn(self, instance: int, turn: int = 0, execution: int = 1) -> None:
        name: dict[str, Any] = {"instance": instance, "execution": execution, "as_server": True}
        if turn == 0:
            self.pool.send(c.Begin(**name, routine="r", round=0, cut=0, seats=[0], sequential=True))
            await self.expect(c.Begun, instance)
        self.pool.send(c.RunTurn(**name, seat=0, turn=turn, repetition=0))

    async def echo(self, word: bytes) -> None:
        """The witness answers."""
        name: dict[str, Any] = {"instance": WITNESS, "execution": 1, "as_server": True, "seat": 0}
        self.pool.send(c.Deliver(**name, body=encode_message(Message(1, data=word))))
        sent = await self.expect(c.Send, WITNESS)
        assert bytes(decode_message(sent.body).data) == word


@pytest.fixture
def functions(tmp_path: Path) -> str:
    """Folder of a module of functions."""
    (tmp_path / "test_functions_of_a_pool.py").write_text(FUNCTIONS)
    return str(tmp_path)


MODULE = "test_functions_of_a_pool"


@asynccontextmanager
async def node_with(functions: str) -> AsyncIterator[Node]:
    """A node with a pool, and its end: nothing of the workers is left."""
    lines: list[str] = []
    pool = ComputePool("node", lines.append, modules=[MODULE], path=functions)
    try:
        yield Node(pool, lines)
    finally:
        processes = [process for pid in pool.pids.values() for process in compute_process.family(pid)]
        pool.close()
        await pool.wait_closed()
        assert not [process for process in processes if process.is_running() and process.status() != "zombie"]
        assert not pool._workers and not pool._worker_of and not pool._tasks


async def with_witness(node: Node, function: str, **limits: Any) -> None:
    """Both are loaded and in a turn, in a worker each."""
    await node.load(WITNESS, f"{MODULE}:Witness")
    await node.load(CULPRIT, f"{MODULE}:{function}", **limits)
    await node.start_turn(WITNESS)
    await node.start_turn(CULPRIT)


def test_one_that_raises_is_told_and_lives_on(functions: str) -> None:
    async def scenario() -> None:
        async with node_with(functions) as node:
            await with_witness(node, "Raises")
            assert (await node.expect(c.TurnDone, CULPRIT)).error == "RuntimeError: out of luck"
            await node.start_turn(CULPRIT, execution=2)
            assert (await node.expect(c.TurnDone, CULPRIT)).error == "RuntimeError: out of luck"
            await node.echo(b"still here")

    run(scenario())


@pytest.mark.parametrize(
    ("function", "limits", "text"),
    [
        ("Hangs", {"busy_s": 0.4}, "has computed for 0.4 s without a pause"),
        ("Leaks", {"memory_mib": 200}, "MiB; allowed: 200"),
        ("LeaksInChild", {"memory_mib": 200}, "MiB; allowed: 200"),
        ("Children", {}, "processes; allowed: 32"),
    ],
)
def test_one_that_hangs_leaks_or_has_too_many_children_is_ended_alone(
    functions: str, monkeypatch: pytest.MonkeyPatch, function: str, limits: dict[str, Any], text: str
) -> None:
    monkeypatch.setattr(module, "WATCH_INTERVAL", 0.2)

    async def scenario() -> None:
        async with node_with(functions) as node:
            await with_witness(node, function, **limits)
            culprit = node.pool.pids[f"instance-{CULPRIT}"]
            lost = await node.expect(c.InstanceLost, CULPRIT)
            assert lost.failed
            assert lost.detail.startswith(f"compute worker instance-{CULPRIT}: ") and lost.detail.endswith(text)
            assert [line for line in node.lines if line.endswith("lost: 1 instances")] == [
                f"node: {lost.detail}; lost: 1 instances"
            ]
            children = [said.values["child"] for said in node.said if isinstance(said, c.Progress)]
            assert (len(children) > module.MAXIMUM_CHILDREN) == (function == "Children")
            for pid in [culprit, *children]:
                with suppress(psutil.NoSuchProcess):
                    psutil.Process(int(pid)).wait(PATIENCE)
            await node.echo(b"still here")
            node.pool.send(c.Begin(**NAME, routine="r", round=0, cut=0, seats=[0], sequential=True))
            await node.load(CULPRIT, f"{MODULE}:Witness")
            assert not [said for said in node.said if isinstance(said, c.Begun)], "until it was loaded it was not there"
            await node.start_turn(CULPRIT)

    run(scenario())


NAME: dict[str, Any] = {"instance": CULPRIT, "execution": 1, "as_server": True}


def test_memory_that_is_mapped_and_not_touched_does_not_count(functions: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "WATCH_INTERVAL", 0.05)
    looks: list[str] = []
    weigh = module._weigh

    async def scenario() -> None:
        async with node_with(functions) as node:
            await with_witness(node, "Reserves", memory_mib=500)
            await node.expect(c.Progress, CULPRIT)
            looked = asyncio.Event()

            def note(pid: int, memory_mib: int) -> str:
                if memory_mib:
                    looks.append(weigh(pid, memory_mib))
                    looked.set()
                return weigh(pid, memory_mib)

            monkeypatch.setattr(module, "_weigh", note)
            await looked.wait()
            assert set(looks) == {""}

    run(scenario())


def test_one_that_floods_is_bounded_and_others_are_heard(functions: str) -> None:
    """Progress, log and prints are cut off; what it sends waits its turn."""

    async def scenario() -> None:
        async with node_with(functions) as node:
            await with_witness(node, "Floods", busy_s=30)
            for _ in range(50):
                await node.expect(c.Send, CULPRIT)
            await node.echo(b"still here")
            said = [message for message in node.said if getattr(message, "instance", 0) == CULPRIT]
            assert len([message for message in said if isinstance(message, c.Progress)]) == 1000
            lines = [message for message in said if isinstance(message, c.Log)]
            assert LINES <= len(lines) < LINES + 1000
            reasons = {message.reason for message in said if isinstance(message, c.Dropped)}
            assert reasons == {"too much progress", "too much log"}
            assert len([line for line in node.lines if "printed" in line]) < LINES + 1000

    run(scenario())


@pytest.mark.parametrize("end", ["by itself", "by somebody"])
def test_a_worker_that_dies_takes_only_its_instances_with_it(functions: str, end: str) -> None:
    async def scenario() -> None:
        async with node_with(functions) as node:
            await with_witness(node, "Dies" if end == "by itself" else "Witness")
            if end == "by somebody":
                os.kill(node.pool.pids[f"instance-{CULPRIT}"], signal.SIGKILL)
            lost = await node.expect(c.InstanceLost, CULPRIT)
            assert not lost.failed, "it may be made anew"
            await node.echo(b"still here")
            assert list(node.pool.pids) == [f"instance-{WITNESS}"]

    run(scenario())


def test_instances_that_share_a_worker_share_its_fate(functions: str) -> None:
    """As terminals at a UE process do, which have one for each function."""

    async def scenario() -> None:
        async with node_with(functions) as node:
            for instance in (3, 4, 5):
                await node.load(instance, f"{MODULE}:Witness", worker="witness")
            assert list(node.pool.pids) == ["witness"]
            await with_witness(node, "Witness")
            os.kill(node.pool.pids["witness"], signal.SIGKILL)
            for instance in (3, 4, 5):
                await node.expect(c.InstanceLost, instance)
            await node.echo(b"still here")

    run(scenario())


def test_workers_start_on_demand_and_end_with_their_last_instance(functions: str) -> None:
    async def scenario() -> None:
        async with node_with(functions) as node:
            assert node.pool.pids == {}
            await node.load(3, f"{MODULE}:Witness", worker="w")
            await node.load(4, f"{MODULE}:Witness", worker="w")
            process = psutil.Process(node.pool.pids["w"])
            node.pool.send(c.Unload(instance=3))
            assert list(node.pool.pids) == ["w"]
            node.pool.send(c.Unload(instance=4))
            assert node.pool.pids == {}
            await node.pool.wait_closed()
            assert not process.is_running()
            node.pool.send(c.Unload(instance=4))
            load = c.Load(instance=5, function="no-such", settings={}, private={}, worker="w")
            node.pool.send(load)
            assert "is not installed" in (await node.expect(c.LoadFailed, 5)).detail
            assert node.pool.pids == {}

    run(scenario())


def test_a_worker_started_early_is_the_next_one(functions: str) -> None:
    async def scenario() -> None:
        async with node_with(functions) as node:
            await node.pool.prepare([f"{MODULE}:Witness"])
            spare = node.pool._spare
            assert spare is not None
            await node.load(3, f"{MODULE}:Witness")
            assert node.pool.pids == {"instance-3": spare.pid}
            await node.load(4, f"{MODULE}:Witness")
            await node.pool.prepare([])
        assert node.lines == []

    run(scenario())


def test_workers_are_bounded(functions: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAXIMUM_WORKERS", 1)

    async def scenario() -> None:
        async with node_with(functions) as node:
            await node.load(1, f"{MODULE}:Witness")
            node.pool.send(c.Load(instance=2, function="x", settings={}, private={}, worker="other"))
            failed = await node.expect(c.LoadFailed, 2)
            assert failed.detail == "node has 1 compute workers already"
            node.pool.send(c.Unload(instance=1))
            await node.load(2, f"{MODULE}:Witness")

    run(scenario())


def test_a_function_that_is_never_loaded_is_ended(functions: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """It may take longer than its turns may: it imports libraries. But not for ever."""
    monkeypatch.setattr(module, "LOAD_BOUND", 1.0)

    async def scenario() -> None:
        async with node_with(functions) as node:
            function = f"{MODULE}:HangsInLoad"
            node.pool.send(c.Load(instance=2, function=function, settings={}, private={}, worker="w", busy_s=0.1))
            lost = await node.expect(c.InstanceLost, 2)
            assert lost.failed and lost.detail.endswith("has computed for 1 s without a pause")

    run(scenario())


def test_a_worker_that_does_not_start_loses_its_instances(functions: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compute_process, "WORKER", "net4ai.no_such_module")

    async def scenario() -> None:
        async with node_with(functions) as node:
            node.pool.send(c.Load(instance=2, function="x", settings={}, private={}, worker="w"))
            lost = await node.expect(c.InstanceLost, 2)
            assert not lost.failed and "does not start: " in lost.detail

    run(scenario())


def test_what_waits_for_a_start_is_bounded(functions: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SEND_BUFFER", 1000)

    async def scenario() -> None:
        async with node_with(functions) as node:
            node.pool.send(c.Load(instance=2, function="x", settings={"x": "y" * 2000}, private={}, worker="w"))
            lost = await node.expect(c.InstanceLost, 2)
            assert "octets wait for its start" in lost.detail

    run(scenario())


def test_a_killed_instance_goes_on_from_its_checkpoint(functions: str, tmp_path: Path) -> None:
    """kill -9 between two turns: the third turn is the third."""
    path = tmp_path / "state" / "instance-2.checkpoint"

    async def scenario() -> None:
        async with node_with(functions) as node:
            await node.load(CULPRIT, f"{MODULE}:Counts", checkpoint=str(path))
            await node.start_turn(CULPRIT)
            await node.expect(c.TurnDone, CULPRIT)
            await node.start_turn(CULPRIT, 1)
            await node.expect(c.TurnDone, CULPRIT)
            os.kill(node.pool.pids[f"instance-{CULPRIT}"], signal.SIGKILL)
            await node.expect(c.InstanceLost, CULPRIT)
            await node.load(CULPRIT, f"{MODULE}:Counts", checkpoint=str(path))
            node.pool.send(c.Begin(**NAME, routine="r", round=0, cut=0, seats=[0], sequential=True))
            assert (await node.expect(c.Begun, CULPRIT)).next_turn == 2
            node.said.clear()
            await node.start_turn(CULPRIT, 1)
            await node.start_turn(CULPRIT, 2)
            assert [(await node.expect(c.TurnDone, CULPRIT)).turn for _ in range(2)] == [1, 2]
            assert (await node.expect(c.Progress, CULPRIT)).values == {"turns": 3}
            assert path.exists()
            node.pool.send(c.Unload(instance=CULPRIT, remove_checkpoint=True))
            await node.pool.wait_closed()
            assert not path.exists()

    run(scenario())


def test_the_checkpoint_of_a_lost_instance_is_removed_with_it(functions: str, tmp_path: Path) -> None:
    path = tmp_path / "instance-2.checkpoint"

    async def scenario() -> None:
        async with node_with(functions) as node:
            await node.load(CULPRIT, f"{MODULE}:Counts", checkpoint=str(path))
            await node.start_turn(CULPRIT)
            await node.expect(c.TurnDone, CULPRIT)
            os.kill(node.pool.pids[f"instance-{CULPRIT}"], signal.SIGKILL)
            await node.expect(c.InstanceLost, CULPRIT)
            assert path.exists()
            node.pool.send(c.Unload(instance=CULPRIT, remove_checkpoint=True))
            await node.pool.wait_closed()
            assert not path.exists()

    run(scenario())


def test_functions_of_the_run_are_found_in_one_process_too(functions: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", sys.path.copy())

    async def scenario() -> None:
        run = RunConfig(
            run_key="00" * 32, seed=1, utc_offset=0, started=0, function_modules=[MODULE], function_path=functions
        )
        node = InProcessRun(run, MemoryNetwork(asyncio.get_running_loop()), print)
        compute = await node._start_compute("node", ())
        said: asyncio.Queue[FromWorker] = asyncio.Queue()
        compute.receive = said.put_nowait
        for module_name in (MODULE, "json"):
            function = f"{module_name}:Counts"
            compute.send(c.Load(instance=1, function=function, settings={}, private={}))
        assert isinstance(await said.get(), c.Ready)
        assert await said.get() == c.Loaded(instance=1)
        while not isinstance(answer := await said.get(), c.LoadFailed):
            pass
        assert "its module may not be used" in answer.detail
        compute.close()

    run(scenario())


def test_closing_ends_workers_that_compute_and_those_being_started(
    functions: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compute_process, "END_BOUND", 0.05)

    async def scenario() -> None:
        async with node_with(functions) as node:
            await with_witness(node, "Hangs")
            node.pool.send(c.Load(instance=9, function="x", settings={}, private={}, worker="w"))
            await asyncio.sleep(0)
            node.pool.close()
            with suppress(Exception):
                node.pool.send(c.Unload(instance=9))

    run(scenario())
