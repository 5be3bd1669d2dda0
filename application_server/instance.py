"""An instance of a function, its executions, and what it has committed.

The unit of commit is a turn: of a client, or of a server whose turns come one after another. Of a server whose turns
run at once it is all of them up to `end`. What was not committed is rolled back before the next call that ends in a
commit: the function is given the checkpoint of the last one.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeVar

import msgspec

from net4ai.application_server.checkpoint import (
    MAXIMUM_CHECKPOINT,
    Checkpoint,
    CheckpointError,
    CheckpointFile,
    Committed,
)
from net4ai.application_server.function_context import HostContext
from net4ai.application_server.host_channel import HostChannel
from net4ai.codecs.compute import Ended, RunTurn
from net4ai.functions.api import Execution, Role, ServiceFunction

MAXIMUM_EXECUTIONS = 16
"""Executions one instance takes part in at a time, and that it remembers; a further one makes it forget the oldest."""
REMEMBERED_TURNS = 65536
"""Committed turns an execution remembers, to answer a repeated start."""
REMEMBERED_ENDS = 16
"""Ends an instance remembers, to answer a repeated one."""

K = TypeVar("K")
V = TypeVar("V")

Key = tuple[int, bool]
"""Number of an execution, and whether the instance is its server."""


@dataclass(eq=False, slots=True)
class RunningTurn:
    """A turn under way."""

    number: int
    channel: HostChannel
    task: asyncio.Task[None]


class Run:
    """An execution at an instance, from its begin until it is over here."""

    def __init__(self, execution: Execution) -> None:
        self.execution = execution
        self.seats = frozenset(execution.seats)
        self.as_server = execution.role is Role.SERVER
        self.begun = asyncio.Event()
        self.refusal = ""
        """Why it did not begin."""
        self.ending = False
        self.channels: dict[int, HostChannel] = {}
        self.turns: dict[int, RunningTurn] = {}
        """Under way, by seat."""
        self.done: OrderedDict[int, int] = OrderedDict()
        """Seat by turn, of those committed since the begin."""
        self.tasks: dict[asyncio.Task[None], None] = {}
        """Whatever runs for this execution, in order."""

    @property
    def key(self) -> Key:
        return self.execution.number, self.as_server

    @property
    def commits_turns(self) -> bool:
        """Whether each turn is committed by itself."""
        return self.execution.sequential or not self.as_server

    @property
    def under_way(self) -> bool:
        """Whether it has work that is not committed."""
        return bool(self.tasks) or (not self.commits_turns and self.begun.is_set() and not self.refusal)

    def cancel(self, reason: str) -> list[asyncio.Task[None]]:
        """Close and cancel everything; gives the tasks that have yet to end."""
        for channel in [*self.channels.values(), *(turn.channel for turn in self.turns.values())]:
            channel.close(reason)
        for task in self.tasks:
            task.cancel()
        return list(self.tasks)

    def remember(self, message: RunTurn) -> None:
        """A turn is done."""
        self.done[message.turn] = message.seat
        if len(self.done) > REMEMBERED_TURNS:
            self.done.popitem(last=False)


class Instance:
    """An instance of a function."""

    def __init__(
        self, number: int, name: str, function: ServiceFunction, context: HostContext, file: CheckpointFile | None
    ) -> None:
        """Where the file holds a checkpoint, the function begins with it.

        Raises `CheckpointError`, OSError, and whatever the function raises.
        """
        self.number = number
        self.name = name
        self.function = function
        self.context = context
        self.file = file
        self.runs: OrderedDict[Key, Run] = OrderedDict()
        self.leaving: dict[asyncio.Task[None], None] = {}
        """Tasks of executions that are over, which have yet to end."""
        self.executions: OrderedDict[Key, Committed] = OrderedDict()
        """What was committed, newest last."""
        self.ended: OrderedDict[tuple[int, int], Ended] = OrderedDict()
        """What was answered, by execution and repetition."""
        self.dirty = False
        """The function may have changed since the last commit."""
        saved = file.read() if file is not None else None
        if saved is None:
            self._state = self._checkpoint()
            return
        if saved.function != name:
            raise CheckpointError(f"the checkpoint is one of function {saved.function!r}, not of {name!r}")
        function.restore(saved.state)
        self._state = saved.state
        self.executions.update(((each.execution, each.as_server), each) for each in saved.executions)
        self.ended.update(((each.execution, each.repetition), each) for each in saved.ended)

    # Commit and roll back

    def roll_back(self, run: Run) -> None:
        """Before a call that ends in a commit: what was not committed is undone.

        Not where another execution is under way here: its work would be undone, too. Raises what `restore` raises.
        """
        if self.dirty and not any(other.under_way for other in self.runs.values() if other is not run):
            self._restore(self._state)

    def prepare_turn(self, run: Run, turn: int) -> None:
        """Before a turn of its own commit. A client does one again from where it did it the first time."""
        known = self._committed(run)
        if not run.as_server and turn < known.next_turn and known.before is not None:
            self._restore(known.before)
        else:
            self.roll_back(run)

    def _restore(self, state: bytes | None) -> None:
        if state is not None:
            self.function.restore(state)
            self._state = state
        self.dirty = False

    def commit_begin(self, run: Run) -> None:
        """An execution has begun. In memory only: a process that comes after this one begins it anew."""
        if run.commits_turns:
            self._commit(Committed(*run.key), None, keep=False)

    def commit_turn(self, run: Run, turn: int) -> None:
        """A turn is done. Raises OSError, `CheckpointError`, what `checkpoint` raises; it is not committed then."""
        known = self._committed(run)
        if run.as_server:
            committed = Committed(*run.key, max(known.next_turn, turn + 1))
        else:
            # Clients at once begin all over again, one after another only the newest turn.
            first = run.execution.sequential or known.before is None or turn < known.next_turn
            committed = Committed(*run.key, turn + 1, self._state if first else known.before)
        self._commit(committed, None)

    def commit_end(self, run: Run, ended: Ended) -> None:
        """All turns of a repetition are done, and the server has answered. Raises as `commit_turn`."""
        next_turn = max([self._committed(run).next_turn, *(turn + 1 for turn in run.done)])
        self._commit(Committed(*run.key, next_turn), ended)

    def _commit(self, committed: Committed, ended: Ended | None, *, keep: bool = True) -> None:
        """In the file first: whatever happens then, either all of it was or nothing."""
        state = self._checkpoint()
        key = committed.execution, committed.as_server
        # One state to go back to is enough: that of the newest execution.
        others = {
            other: msgspec.structs.replace(each, before=None) for other, each in self.executions.items() if other != key
        }
        executions = _bounded({**others, key: committed}, MAXIMUM_EXECUTIONS)
        answers = dict(self.ended)
        if ended is not None:
            answers[ended.execution, ended.repetition] = ended
        answered = _bounded(answers, REMEMBERED_ENDS)
        if keep and self.file is not None and state is not None:
            well = [each for each in answered.values() if not each.error]
            self.file.write(Checkpoint(self.name, state, list(executions.values()), well))
        self._state, self.executions, self.ended = state, executions, answered
        self.dirty = False

    def _committed(self, run: Run) -> Committed:
        return self.executions.get(run.key) or Committed(*run.key)

    def _checkpoint(self) -> bytes | None:
        state = self.function.checkpoint()
        if state is not None and not isinstance(state, bytes):
            raise TypeError(f"checkpoint returned {type(state).__name__}; allowed: bytes or None")
        if state is not None and len(state) > MAXIMUM_CHECKPOINT:
            raise CheckpointError(f"checkpoint of {len(state)} octets; allowed: up to {MAXIMUM_CHECKPOINT}")
        return state

    def remember_failed_end(self, ended: Ended) -> None:
        """The function has failed to answer: until the execution begins once more, that is the answer."""
        self.ended[ended.execution, ended.repetition] = ended
        self.ended = _bounded(self.ended, REMEMBERED_ENDS)

    def forget_failed_ends(self, execution: int) -> None:
        """The execution begins once more: its server may answer."""
        for key in [key for key, ended in self.ended.items() if key[0] == execution and ended.error]:
            del self.ended[key]

    # Executions

    def committed_fault(self, run: Run, message: RunTurn) -> str | None:
        """Of a turn the server has committed: what is wrong with its start, empty when it is repeated. Else None."""
        if not run.as_server:
            return None
        if (seat := run.done.get(message.turn)) is not None:
            return "" if seat == message.seat else f"turn {message.turn} was committed by seat {seat}"
        over = (message.execution, message.repetition) in self.ended
        return "" if over or message.turn < self._committed(run).next_turn else None

    def leave(self, key: Key, reason: str) -> None:
        """An execution is over here, or begins once more: cancel what runs."""
        run = self.runs.pop(key, None)
        for task in run.cancel(reason) if run is not None else ():
            self.leaving[task] = None
            task.add_done_callback(lambda task: self.leaving.pop(task, None))


def _bounded(entries: Mapping[K, V], most: int) -> OrderedDict[K, V]:
    """The newest of them."""
    return OrderedDict(list(entries.items())[-most:])
