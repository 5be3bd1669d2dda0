"""What a host of functions commits, what it undoes, and how an execution goes on (R74-R76, R79), in virtual time."""

from __future__ import annotations

import asyncio
import errno
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from function_host_bench import (
    CLIENT,
    EXECUTION,
    SERVER,
    Host,
    begin,
    begun,
    close,
    deliver,
    done,
    end,
    ended,
    for_ever,
    forget,
    run_turn,
    text,
    virtual,
    without_log,
    word,
)

from net4ai.application_server import instance as module
from net4ai.application_server.checkpoint import CheckpointFile
from net4ai.application_server.function_host import FunctionHost
from net4ai.codecs import compute as c
from net4ai.codecs.compute import FromWorker
from net4ai.codecs.message import encode_message
from net4ai.functions.api import Channel, Context, Execution, Outcome, ServiceFunction, Turn


class Diary(ServiceFunction):
    """Writes down what happens to it, carelessly: half turns too."""

    outcome = Outcome.COMPLETE
    fails: str = ""
    """The method that does."""
    made: Diary | None = None

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self.lines: list[str] = []
        type(self).made = self

    async def begin(self, execution: Execution) -> None:
        self.lines.append(f"begin {execution.number}")

    async def server_turn(self, execution: Execution, turn: Turn, client: Channel) -> None:
        await self._turn(turn, client)

    async def client_turn(self, execution: Execution, turn: Turn, server: Channel) -> None:
        await self._turn(turn, server)

    async def _turn(self, turn: Turn, other: Channel) -> None:
        self.lines.append(f"turn {turn.number}")
        while (heard := text(await other.receive())) != "bye":
            self.lines.append(heard)

    async def end(self, execution: Execution) -> Outcome:
        self.lines.append("end")
        if self.fails == "end":
            raise RuntimeError("no end")
        return self.outcome

    def checkpoint(self) -> bytes | None:
        if self.fails == "checkpoint":
            raise RuntimeError("no checkpoint")
        return "\n".join(self.lines).encode()

    def restore(self, checkpoint: bytes) -> None:
        if self.fails == "restore":
            raise RuntimeError("no restore")
        self.lines = checkpoint.decode().split("\n") if checkpoint else []


class Diaries(Host):
    """A host of one diary whose file is in a folder."""

    def __init__(self, folder: Path, instance: int = SERVER, **changes: Any) -> None:
        self.kind = type("Kind", (Diary,), changes)
        self.path = folder / f"instance-{instance}.checkpoint"
        self.instance = instance
        self.said: list[FromWorker] = []
        self.restart()

    def restart(self) -> None:
        """kill -9, and a new process."""
        self.said = []
        self.host = FunctionHost(self.said.append, lambda name: self.kind)

    async def load(self) -> list[FromWorker]:
        return await self.tell(
            c.Load(instance=self.instance, function="diary", settings={}, private={}, checkpoint=str(self.path))
        )

    async def begun(self, sequential: bool = True, as_server: bool = True) -> None:
        assert await self.load() == [c.Loaded(instance=self.instance)]
        assert await self.tell(begin(as_server, sequential=sequential)) == [begun(as_server)]

    @property
    def lines(self) -> list[str]:
        made = self.kind.made
        assert made is not None
        return made.lines


@virtual
async def test_an_execution_goes_on_where_memory_is_alive(tmp_path: Path) -> None:
    host = Diaries(tmp_path)
    await host.begun()
    assert await host.tell(run_turn(0, 0), deliver("a"), deliver("bye")) == [done(0, 0)]
    assert await host.tell(run_turn(1, 1), deliver("half", 1)) == []
    assert await host.tell(forget(), begin(sequential=True)) == [begun(next_turn=1)]
    assert host.lines == ["begin 7", "turn 0", "a"], "half a turn is undone, and it does not begin again"
    assert await host.tell(run_turn(0, 0), run_turn(1, 1), deliver("bye", 1)) == [done(0, 0), done(1, 1)]
    assert await host.tell(end()) == [ended()]
    assert host.lines == ["begin 7", "turn 0", "a", "turn 1", "end"]


@pytest.mark.parametrize("repetition", [0, 1])
@virtual
async def test_an_execution_goes_on_from_its_file(tmp_path: Path, repetition: int) -> None:
    host = Diaries(tmp_path, outcome=Outcome.RESTART)
    await host.begun()
    await host.tell(run_turn(0, 0), deliver("bye"))
    if repetition:
        assert await host.tell(end()) == [ended("restart")]
        await host.tell(run_turn(0, 2, 1), deliver("bye"))
        await host.tell(run_turn(1, 3, 1))
    before = [line for line in host.lines if line != "turn 3"]
    host.restart()
    assert await host.load() == [c.Loaded(instance=SERVER)]
    next_turn = 3 if repetition else 1
    assert await host.tell(begin(sequential=True)) == [begun(next_turn=next_turn)]
    assert host.lines == before
    assert await host.tell(run_turn(1, next_turn, repetition), deliver("bye", 1)) == [done(1, next_turn)]
    if repetition:
        assert await host.tell(run_turn(1, 1)) == [done(1, 1)], "of a repetition that is over"
        assert await host.tell(end()) == [ended("restart")], "the same answer"
        assert host.lines == [*before, "turn 3"]


@virtual
async def test_an_answer_outlives_the_process(tmp_path: Path) -> None:
    host = Diaries(tmp_path, outcome=Outcome.STOP)
    await host.begun(sequential=False)
    assert await host.tell(run_turn(1, 1), deliver("bye", 1), end()) == [done(1, 1), ended("stop")]
    host.restart()
    await host.load()
    assert await host.tell(end()) == [ended("stop")]
    assert await host.tell(begin()) == [begun(next_turn=2)], "also of turns at once: all of them were committed"
    assert await host.tell(run_turn(0, 0), run_turn(1, 1), end()) == [done(0, 0), done(1, 1), ended("stop")]
    assert host.lines == ["begin 7", "turn 1", "end"]


@pytest.mark.parametrize("killed", [True, False])
@virtual
async def test_turns_at_once_begin_all_over_again(tmp_path: Path, killed: bool) -> None:
    host = Diaries(tmp_path)
    await host.begun(sequential=False)
    assert await host.tell(run_turn(0, 0), run_turn(1, 1), deliver("bye")) == [done(0, 0)]
    assert host.lines == ["begin 7", "turn 0", "turn 1"]
    if killed:
        host.restart()
        await host.load()
    assert await host.tell(begin()) == [begun()]
    assert host.lines == ["begin 7"]
    assert await host.tell(run_turn(0, 0), deliver("bye")) == [done(0, 0)]
    assert await host.tell(end()) == [ended()]
    assert host.lines == ["begin 7", "turn 0", "end"]


@pytest.mark.parametrize("killed", [True, False])
@pytest.mark.parametrize("sequential", [True, False])
@virtual
async def test_a_client_does_a_turn_again_from_where_it_was(tmp_path: Path, sequential: bool, killed: bool) -> None:
    """Its server may have gone before it committed the turn."""
    host = Diaries(tmp_path, CLIENT)
    await host.begun(sequential, as_server=False)
    words = [deliver("a", as_server=False), deliver("bye", as_server=False)]
    assert await host.tell(run_turn(as_server=False), *words) == [done(as_server=False)]
    assert host.lines == ["begin 7", "turn 0", "a"]
    if killed:
        host.restart()
        await host.load()
    assert await host.tell(begin(False, sequential=sequential)) == [begun(False)]
    assert host.lines == ["begin 7", "turn 0", "a"], "perhaps it had"
    assert await host.tell(run_turn(as_server=False), words[1]) == [done(as_server=False)]
    assert host.lines == ["begin 7", "turn 0"]
    assert await host.tell(run_turn(turn=2, repetition=1, as_server=False), words[1]) == [done(0, 2, as_server=False)]
    assert host.lines == ["begin 7", "turn 0", "turn 2"]
    # Where clients are at once their server begins with the first repetition, else with the turn it has not committed.
    turn = 2 if sequential else 0
    assert await host.tell(run_turn(turn=turn, as_server=False), words[1]) == [done(0, turn, as_server=False)]
    assert host.lines == ["begin 7", *(["turn 0", "turn 2"] if sequential else ["turn 0"])]


@virtual
async def test_only_the_newest_execution_has_a_state_to_go_back_to(tmp_path: Path) -> None:
    """The file does not grow with the executions an instance was client of."""
    host = Diaries(tmp_path, CLIENT)
    await host.load()
    for execution in range(5):
        name: dict[str, Any] = {"instance": CLIENT, "execution": execution, "as_server": False, "seat": 0}
        await host.tell(begin(False, execution=execution))
        await host.tell(c.RunTurn(**name, turn=0, repetition=0), c.Deliver(**name, body=encode_message(word("bye"))))
    saved = CheckpointFile(host.path).read()
    assert saved is not None
    assert [each.next_turn for each in saved.executions] == [1] * 5
    assert [each.before is None for each in saved.executions] == [True] * 4 + [False]


@virtual
async def test_a_failed_turn_is_undone(tmp_path: Path) -> None:
    host = Diaries(tmp_path)
    await host.begun()
    assert without_log(await host.tell(run_turn(), deliver("half"), close())) == [
        done(error="ChannelClosed: the session has ended")
    ]
    assert await host.tell(run_turn(), deliver("bye")) == [done()]
    assert host.lines == ["begin 7", "turn 0"]


@virtual
async def test_turns_one_after_another_are(tmp_path: Path) -> None:
    """A turn that is started passes over the one before, done or not (R79)."""
    host = Diaries(tmp_path)
    await host.begun()
    assert await host.tell(run_turn(0, 0), deliver("half")) == []
    assert await host.tell(run_turn(1, 1), deliver("whole", 1), run_turn(0, 0)) == [
        done(0, 0, "passed over: turn 1 has begun")
    ]
    assert await host.tell(deliver("bye", 1)) == [done(1, 1)]
    assert await host.tell(run_turn(0, 0)) == [done(0, 0)]
    assert host.lines == ["begin 7", "turn 1", "whole"]


@virtual
async def test_a_full_disk_fails_the_turn_and_loses_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    host = Diaries(tmp_path)
    await host.begun()
    await host.tell(run_turn(0, 0), deliver("bye"))
    kept = host.path.read_bytes()

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(CheckpointFile, "write", full)
    error = "OSError: [Errno 28] No space left on device"
    assert without_log(await host.tell(run_turn(1, 1), deliver("bye", 1))) == [done(1, 1, error)]
    assert without_log(await host.tell(end())) == [ended(error=error)]
    assert host.path.read_bytes() == kept
    monkeypatch.undo()
    assert await host.tell(begin(sequential=True)) == [begun(next_turn=1)]
    assert await host.tell(run_turn(1, 1), deliver("bye", 1)) == [done(1, 1)]
    assert await host.tell(end()) == [ended()]
    assert host.lines == ["begin 7", "turn 0", "turn 1", "end"]


@pytest.mark.parametrize(
    ("damage", "detail"),
    [
        (lambda octets: octets[:-1], "CheckpointError: checkpoint instance-1.checkpoint: "),
        (lambda octets: b"", "CheckpointError: checkpoint instance-1.checkpoint: 0 octets"),
        (lambda octets: octets[:-1] + b"x", "CheckpointError: checkpoint instance-1.checkpoint: damaged"),
        (None, "CheckpointError: the checkpoint is one of function 'diary', not of 'other'"),
    ],
)
@virtual
async def test_a_checkpoint_that_is_none(tmp_path: Path, damage: Callable[[bytes], bytes] | None, detail: str) -> None:
    host = Diaries(tmp_path)
    await host.begun()
    await host.tell(run_turn(0, 0), deliver("bye"))
    if damage is not None:
        host.path.write_bytes(damage(host.path.read_bytes()))
    host.restart()
    name = "diary" if damage is not None else "other"
    load = c.Load(instance=SERVER, function=name, settings={}, private={}, checkpoint=str(host.path))
    *log, failed = await host.tell(load)
    assert isinstance(failed, c.LoadFailed) and failed.detail.startswith(detail)
    assert any(isinstance(line, c.Log) and "checkpoint" in line.line for line in log)


@pytest.mark.parametrize("method", ["checkpoint", "restore", "end"])
@virtual
async def test_functions_that_fail_to_commit(tmp_path: Path, method: str) -> None:
    host = Diaries(tmp_path)
    await host.begun()
    host.kind.fails = method
    error = f"RuntimeError: no {method}"
    said = without_log(await host.tell(run_turn(0, 0), deliver("bye")))
    assert said == [done(0, 0, error if method == "checkpoint" else "")]
    await host.tell(run_turn(1, 1), deliver("half", 1))
    assert without_log(await host.tell(end())) == [ended(error=error)]
    host.kind.fails = ""
    next_turn = 0 if method == "checkpoint" else 1
    assert await host.tell(begin(sequential=True)) == [begun(next_turn=next_turn)]
    assert host.lines == ["begin 7", "turn 0"][: 1 + next_turn]


@virtual
async def test_a_checkpoint_of_the_wrong_kind_or_size(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    host = Diaries(tmp_path, checkpoint=lambda self: "text")
    assert without_log(await host.load()) == [
        c.LoadFailed(instance=SERVER, detail="TypeError: checkpoint returned str; allowed: bytes or None")
    ]
    monkeypatch.setattr(module, "MAXIMUM_CHECKPOINT", 10)
    host = Diaries(tmp_path)
    await host.begun()
    error = "CheckpointError: checkpoint of 14 octets; allowed: up to 10"
    assert without_log(await host.tell(run_turn(), deliver("bye"))) == [done(error=error)]


@virtual
async def test_without_a_checkpoint_all_is_as_it_was(tmp_path: Path) -> None:
    host = Diaries(tmp_path, checkpoint=lambda self: None)
    await host.begun()
    assert await host.tell(run_turn(0, 0), deliver("bye")) == [done(0, 0)]
    await host.tell(run_turn(1, 1), deliver("half", 1))
    assert await host.tell(begin(sequential=True)) == [begun(next_turn=1)]
    assert host.lines == ["begin 7", "turn 0", "turn 1", "half"]
    assert not host.path.exists()
    host.restart()
    await host.load()
    assert await host.tell(begin(sequential=True)) == [begun()]


@virtual
async def test_another_execution_under_way_is_not_undone(tmp_path: Path) -> None:
    """One checkpoint for the whole instance: what fails beside another execution is not rolled back under its feet."""
    host = Diaries(tmp_path)
    await host.begun()
    await host.tell(run_turn(0, 0), deliver("half"))
    assert await host.tell(begin(execution=8, sequential=True)) == [begun(execution=8)]
    assert host.lines == ["begin 7", "turn 0", "half", "begin 8"]


@virtual
async def test_unload_keeps_the_checkpoint_unless_told(tmp_path: Path) -> None:
    host = Diaries(tmp_path)
    await host.begun()
    await host.tell(run_turn(), deliver("bye"))
    await host.tell(c.Unload(instance=SERVER))
    assert host.path.exists()
    await host.load()
    await host.tell(c.Unload(instance=SERVER, remove_checkpoint=True))
    assert not host.path.exists()


@virtual
async def test_committed_executions_are_remembered_within_bounds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAXIMUM_EXECUTIONS", 2)
    host = Diaries(tmp_path)
    await host.begun()
    await host.tell(run_turn(), deliver("bye"))
    for execution in (8, 9):
        await host.tell(begin(execution=execution, sequential=True))
        await host.tell(c.End(instance=SERVER, execution=execution, repetition=0))
    assert len(host.host._instances[SERVER].executions) == 2
    assert await host.tell(begin(sequential=True)) == [begun()], "forgotten: it begins anew"


@virtual
async def test_a_turn_that_does_not_end_holds_up_nothing_but_itself(tmp_path: Path) -> None:
    class Stubborn(Diary):
        async def server_turn(self, execution: Execution, turn: Turn, client: Channel) -> None:
            while turn.number == 0:
                try:
                    await for_ever()
                except asyncio.CancelledError:
                    self.lines.append("no")
                    await asyncio.sleep(5)
                    return

    host = Diaries(tmp_path)
    host.kind = Stubborn
    await host.begun()
    assert await host.tell(run_turn(0, 0), run_turn(1, 1)) == [done(1, 1)]
    assert host.lines == ["begin 7"]
    assert EXECUTION == 7
