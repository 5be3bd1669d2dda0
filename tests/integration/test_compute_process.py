"""Compute workers as processes: the learning functions in them, and what becomes of a node when its worker dies."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from net4ai.application_server import worker
from net4ai.application_server.inline_compute import InlineCompute
from net4ai.codecs import compute as c
from net4ai.codecs.compute import FromWorker, ToWorker
from net4ai.codecs.message import Message, decode_message, encode_message
from net4ai.functions.learning import provider, reference
from net4ai.functions.learning.tensors import State
from net4ai.stack.compute import Compute
from net4ai.stack.io import compute_process as module
from net4ai.stack.io.compute_process import ComputeProcess

PATIENCE = 120
"""Seconds until a test that hangs fails; no test waits for it."""
SUBSCRIBERS = 24
GLOBAL, LOCAL, SOURCE = 1, 2, 100
"""Instances; data sources count on from the last."""
BOTTOM, TOP = 10, 11
"""Executions."""


def run(scenario: Coroutine[Any, Any, Any]) -> Any:
    async def bounded() -> Any:
        async with asyncio.timeout(PATIENCE):
            return await scenario

    return asyncio.run(bounded())


class Inbox:
    """What a worker says, to be waited for."""

    def __init__(self, process: ComputeProcess) -> None:
        self.process = process
        self._queue: asyncio.Queue[FromWorker | str] = asyncio.Queue()
        process.receive = self._queue.put_nowait
        process.lost = self._queue.put_nowait

    async def next(self) -> FromWorker | str:
        """The next message but lines of log; a string is the reason the worker was lost for."""
        while isinstance(found := await self._queue.get(), c.Log | c.Ready):
            pass
        return found

    async def ask(self, *messages: ToWorker) -> FromWorker | str:
        for message in messages:
            self.process.send(message)
        return await self.next()


# --- The learning functions, in workers of any kind


@dataclass
class Node:
    """What a node does for its worker: sends go to the worker of the other end, acknowledgements come back."""

    compute: Compute
    network: Network

    def receive(self, message: FromWorker) -> None:
        if isinstance(message, c.Send):
            name = {"execution": message.execution, "seat": message.seat, "body": message.body}
            other, instance = self.network.other_end(message)
            other.send(c.Deliver(instance=instance, as_server=not message.as_server, **name))
            self.compute.send(
                c.Sent(
                    instance=message.instance,
                    execution=message.execution,
                    as_server=message.as_server,
                    seat=message.seat,
                )
            )
        elif isinstance(message, c.SendResult):
            self.compute.send(c.ResultSent(instance=message.instance))
            answer = self.network.control(decode_message(message.body))
            self.compute.send(c.DeliverResult(instance=message.instance, body=encode_message(answer)))
        elif not isinstance(message, c.Log | c.Ready | c.Progress):
            self.network.replies.put_nowait(message)


@dataclass
class Network:
    """One round of the case study: data sources, one local training, global training, each at its worker."""

    cut: int
    sources: Compute
    local: Compute
    top: Compute
    replies: asyncio.Queue[FromWorker] = field(default_factory=asyncio.Queue)

    def __post_init__(self) -> None:
        plain = provider.service_settings(5, 1, SUBSCRIBERS, self.cut)
        self.settings: dict[str, dict[str, Any]] = json.loads(json.dumps(plain))
        self.evaluator = provider.Evaluator(5)
        for compute in (self.sources, self.local, self.top):
            compute.receive = Node(compute, self).receive

    def control(self, model: Message) -> Message:
        return self.evaluator.evaluate(model).job_input()

    def other_end(self, sent: c.Send) -> tuple[Compute, int]:
        if sent.execution == TOP:
            return (self.local, LOCAL) if sent.as_server else (self.top, GLOBAL)
        return (self.sources, SOURCE + sent.seat) if sent.as_server else (self.local, LOCAL)

    async def expect(self, *messages: FromWorker) -> None:
        """These replies, in any order."""
        found = [await self.replies.get() for _ in messages]
        assert sorted(map(repr, found)) == sorted(map(repr, messages))

    async def load(self, compute: Compute, instance: int, function: str, **private: int) -> None:
        compute.send(c.Load(instance=instance, function=function, settings=self.settings[function], private=private))
        await self.expect(c.Loaded(instance=instance))

    async def begin(self, compute: Compute, instance: int, execution: int, as_server: bool, seats: list[int]) -> None:
        name = {"instance": instance, "execution": execution, "as_server": as_server}
        bottom = execution == BOTTOM
        cut = self.cut if bottom else 0
        compute.send(c.Begin(**name, routine="r", round=0, cut=cut, seats=seats, sequential=bottom))
        await self.expect(c.Begun(**name))

    async def turn(self, client: tuple[Compute, int], server: tuple[Compute, int], execution: int, seat: int) -> None:
        done = []
        for as_server, (compute, instance) in ((True, server), (False, client)):
            name = {"instance": instance, "execution": execution, "as_server": as_server, "seat": seat, "turn": seat}
            compute.send(c.RunTurn(**name, repetition=0))
            done.append(c.TurnDone(**name))
        await self.expect(*done)

    async def end(self, compute: Compute, instance: int, execution: int, outcome: Any) -> None:
        compute.send(c.End(instance=instance, execution=execution, repetition=0))
        await self.expect(c.Ended(instance=instance, execution=execution, repetition=0, outcome=outcome))

    async def run(self, subscribers: list[int]) -> State:
        """One round; the model that came out of the network."""
        local, top = (self.local, LOCAL), (self.top, GLOBAL)
        await self.load(*local, "local-training")
        await self.load(*top, "global-training")
        seats = list(range(len(subscribers)))
        await self.begin(*local, BOTTOM, True, seats)
        for seat, subscriber in enumerate(subscribers):
            source = self.sources, SOURCE + seat
            await self.load(*source, "data-source", subscriber=subscriber, subscribers=SUBSCRIBERS)
            await self.begin(*source, BOTTOM, False, [seat])
            await self.turn(source, local, BOTTOM, seat)
        await self.end(*local, BOTTOM, "complete")
        await self.begin(*top, TOP, True, [0])
        await self.begin(*local, TOP, False, [0])
        await self.turn(local, top, TOP, 0)
        await self.end(*top, TOP, "stop")
        assert self.evaluator.newest is not None
        return self.evaluator.newest.state

    def expected(self, subscribers: list[int]) -> State:
        top_split = self.cut == len(self.settings["local-training"]["model"]["links"])
        schedule = [[list(enumerate(subscribers))]]
        return reference.train(self.settings, schedule, SUBSCRIBERS, averaging=top_split)


async def inline(cut: int, subscribers: list[int]) -> tuple[State, State]:
    loop = asyncio.get_running_loop()
    network = Network(cut, InlineCompute(loop), InlineCompute(loop), InlineCompute(loop))
    return await network.run(subscribers), network.expected(subscribers)


@pytest.mark.parametrize("cut", [0, 2, 4])
def test_learning_in_the_loop_of_the_nodes_equals_plain_training(cut: int) -> None:
    found, expected = run(inline(cut, [3, 17]))
    assert reference.verdict(expected, found).identical


def test_learning_in_processes_equals_learning_inline() -> None:
    """Data sources in one process, trainings in another; to the last bit."""

    async def scenario() -> None:
        lines: list[str] = []
        sources = await ComputeProcess.start("ue-1/compute", lines.append, preload=["data-source"])
        trainings = await ComputeProcess.start("ran-1/compute", lines.append, preload=["local-training"])
        network = Network(2, sources, trainings, trainings)
        found = await network.run([3, 17])
        assert reference.verdict((await inline(2, [3, 17]))[0], found).identical
        for process in (sources, trainings):
            process.close()
            assert (await process.wait_closed()).startswith("closed by this side")
        assert lines == []

    run(scenario())


# --- The process


FUNCTIONS = """
import asyncio, os, signal, socket, subprocess, sys
from net4ai.functions.api import Message, Outcome, ServiceFunction

class Busy(ServiceFunction):
    async def client_turn(self, execution, turn, server):
        await server.send(Message(1, data=b"computing"))
        await asyncio.sleep(0)
        while True:
            pass

class Large(ServiceFunction):
    async def client_turn(self, execution, turn, server):
        print("a line", file=sys.stderr)
        for step in range(40):
            await server.send(Message(step, data=bytes([step]) * 1_000_000))

    async def server_turn(self, execution, turn, client):
        for step in range(40):
            message = await client.receive()
            assert (message.tag, bytes(message.data)) == (step, bytes([step]) * 1_000_000)

class Garbage(ServiceFunction):
    async def client_turn(self, execution, turn, server):
        for fd in range(3, 64):
            try:
                sock = socket.socket(fileno=os.dup(fd))
                sock.getpeername()
                sock.send(bytes([0, 0, 0, 3]) + b"abc")
            except OSError:
                pass

class Forks(ServiceFunction):
    async def client_turn(self, execution, turn, server):
        if os.fork() == 0:
            signal.pause()
        os._exit(5)

class State(ServiceFunction):
    async def client_turn(self, execution, turn, server):
        self.context.progress(
            torch="torch" in sys.modules,
            threads=os.environ["OMP_NUM_THREADS"],
            ignores=signal.getsignal(signal.SIGINT) is signal.SIG_IGN,
            session=os.getsid(0),
        )
        code = "import os; os.fstat(%d)" % int(sys.argv[sys.argv.index("--fd") + 1])
        self.context.progress(inherits=subprocess.run([sys.executable, "-c", code], close_fds=False,
            stderr=subprocess.DEVNULL).returncode == 0)
"""


@pytest.fixture
def functions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Name of a module of functions on the workers' path."""
    (tmp_path / "test_functions_of_workers.py").write_text(FUNCTIONS)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=os.pathsep)
    return "test_functions_of_workers"


@asynccontextmanager
async def started(lines: list[str] | None = None, **options: Any) -> AsyncIterator[Inbox]:
    """A worker, and its end."""
    process = await ComputeProcess.start("ue-1/compute", print if lines is None else lines.append, **options)
    try:
        yield Inbox(process)
    finally:
        process.close()
        await process.wait_closed()


def turn_of(function: str, as_server: bool = False) -> list[ToWorker]:
    """All it takes to have a turn of a function run."""
    name = {"instance": 1, "execution": 1, "as_server": as_server}
    return [
        c.Load(instance=1, function=function, settings={}, private={}),
        c.Begin(**name, routine="r", round=0, cut=0, seats=[0], sequential=True),
        c.RunTurn(**name, seat=0, turn=0, repetition=0),
    ]


CHANNEL: dict[str, Any] = {"instance": 1, "execution": 1, "as_server": False, "seat": 0}


async def run_function(inbox: Inbox, function: str) -> None:
    assert await inbox.ask(*turn_of(function)) == c.Loaded(instance=1)
    assert await inbox.next() == c.Begun(instance=1, execution=1, as_server=False)


def test_a_killed_worker_is_lost_even_while_it_computes(functions: str) -> None:
    async def scenario() -> None:
        async with started(modules=[functions]) as inbox:
            await run_function(inbox, f"{functions}:Busy")
            assert isinstance(await inbox.next(), c.Send)
            os.kill(inbox.process.pid, signal.SIGKILL)
            assert await inbox.next() == "closed by the peer, ended by SIGKILL"
            assert await inbox.process.wait_closed() == "closed by the peer, ended by SIGKILL"
            inbox.process.send(c.Unload(instance=1))

    run(scenario())


def test_closing_ends_a_worker_that_computes(functions: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "END_BOUND", 0.05)

    async def scenario() -> None:
        async with started(modules=[functions]) as inbox:
            await run_function(inbox, f"{functions}:Busy")
            assert isinstance(await inbox.next(), c.Send)
            for _ in range(2):
                inbox.process.close()
            assert await inbox.process.wait_closed() == "closed by this side, ended by SIGTERM"
            assert inbox._queue.empty(), "who closes is not told that it is lost"

    run(scenario())


def test_a_worker_ends_with_its_socket_and_says_why() -> None:
    """Garbage from the node: the worker ends, the node is told, with the worker's last words in its log."""

    async def scenario() -> None:
        lines: list[str] = []
        async with started(lines) as inbox:
            inbox.process._connection.send(b"\xc1")
            assert await inbox.next() == "closed by the peer, ended with code 1"
            (line,) = lines
            assert line.startswith("ue-1/compute | the compute worker ends: compute: not MessagePack (")

    run(scenario())


def test_garbage_from_a_worker(functions: str) -> None:
    async def scenario() -> None:
        async with started(modules=[functions]) as inbox:
            await run_function(inbox, f"{functions}:Garbage")
            reason = await inbox.next()
            assert isinstance(reason, str)
            assert reason.startswith("compute: ")

    run(scenario())


def test_children_of_a_worker_do_not_hide_its_end_and_end_with_it(
    functions: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The child holds the worker's pipes for ever: `lost` can only come once it has been ended."""
    monkeypatch.setattr(module, "END_BOUND", 0.05)

    async def scenario() -> None:
        async with started(modules=[functions]) as inbox:
            await run_function(inbox, f"{functions}:Forks")
            assert await inbox.next() == "closed by the peer, ended with code 5"

    run(scenario())


def test_more_than_the_sockets_hold_in_both_directions(functions: str) -> None:
    """40 MB out of one worker and into another."""

    async def scenario() -> None:
        lines: list[str] = []
        async with started(lines, modules=[functions]) as client, started(modules=[functions]) as server:
            await run_function(client, f"{functions}:Large")
            for message in turn_of(f"{functions}:Large", as_server=True):
                server.process.send(message)
            while isinstance(message := await client.next(), c.Send):
                server.process.send(c.Deliver(**{**CHANNEL, "as_server": True}, body=message.body))
                client.process.send(c.Sent(**CHANNEL))
            assert message == c.TurnDone(**CHANNEL, turn=0)
            found = [await server.next() for _ in range(3)]
            assert found[-1] == c.TurnDone(**{**CHANNEL, "as_server": True}, turn=0)
        assert lines == ["ue-1/compute | a line"]

    run(scenario())


def test_surroundings_of_a_function(functions: str) -> None:
    """No torch unless a function wants it, one thread, no Ctrl-C, a socket that grandchildren do not get."""

    async def scenario() -> None:
        async with started(modules=[functions]) as inbox:
            await run_function(inbox, f"{functions}:State")
            progress = await inbox.next()
            session = inbox.process.pid
            assert isinstance(progress, c.Progress)
            assert progress.values == {"torch": 0, "threads": "1", "ignores": 1, "session": session}
            last = await inbox.next()
            assert isinstance(last, c.Progress)
            assert last.values == {"inherits": 0}

    run(scenario())


def test_functions_outside_the_entry_points_need_permission(functions: str) -> None:
    async def scenario() -> None:
        async with started() as inbox:
            answer = await inbox.ask(c.Load(instance=1, function=f"{functions}:State", settings={}, private={}))
            assert isinstance(answer, c.LoadFailed)
            assert "its module may not be used; allowed (function_modules): none" in answer.detail

    run(scenario())


def test_what_cannot_be_preloaded_is_told_and_does_no_harm() -> None:
    async def scenario() -> None:
        lines: list[str] = []
        async with started(lines, preload=["no-such"]) as inbox:
            assert isinstance(await inbox.ask(c.Load(instance=1, function="x", settings={}, private={})), c.LoadFailed)
        assert lines[0] == "ue-1/compute | ERROR function no-such cannot be imported"

    run(scenario())


def test_a_worker_that_does_not_start(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario(error: type[Exception], text: str) -> None:
        with pytest.raises(error, match=text):
            await ComputeProcess.start("ue-1/compute", print)

    monkeypatch.setattr(module, "WORKER", "net4ai.no_such_module")
    run(scenario(ConnectionError, "ue-1/compute: closed by the peer, ended with code 1"))
    monkeypatch.setattr(module, "WORKER", "net4ai.application_server.worker")
    monkeypatch.setattr(module, "START_BOUND", 0)
    run(scenario(TimeoutError, "ue-1/compute: not ready within 0 s"))
    monkeypatch.setattr(sys, "executable", "/no/such/python")
    run(scenario(FileNotFoundError, "/no/such/python"))


def test_nodes_do_not_load_torch() -> None:
    """What a node imports to have functions run."""

    async def scenario() -> None:
        modules = "net4ai.stack.io.compute_process, net4ai.stack.compute, net4ai.application_server.worker"
        code = f"import sys, {modules}; sys.exit('torch' in sys.modules)"
        process = await asyncio.create_subprocess_exec(sys.executable, "-P", "-c", code)
        assert await process.wait() == 0

    run(scenario())
    assert worker.SEND_BUFFER > c.MAXIMUM_FRAME < module.SEND_BUFFER
