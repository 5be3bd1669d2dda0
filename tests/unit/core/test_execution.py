"""Whole tasks between the task manager, the routine manager and a network that loses things, with an explicit clock.

Task and routine manager are real; access manager and nodes are models with what survives in them: seats, checkpoints.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from core_bench import Bench, description
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from net4ai.codecs.bus import (
    BeginExecution,
    Body,
    ClientAccepted,
    ClientsDone,
    ClientsInvited,
    ClientsSelected,
    CompleteClients,
    Done,
    ExecuteTask,
    ExecutionBegun,
    ExecutionOutcome,
    FinishExecution,
    InstallRoutes,
    Instance,
    InstanceAccepted,
    InstanceLost,
    InviteClients,
    InviteInstance,
    RemoveRoutes,
    RoutesInstalled,
    SelectClients,
    ServerSeats,
    StartClients,
    StartTurns,
    TaskFinished,
    TurnsDone,
)
from net4ai.codecs.causes import Cause
from net4ai.codecs.service import Routine, Task
from net4ai.core import names
from net4ai.core.execution import RESUMABLE
from net4ai.core.routine_manager import RoutineManager
from net4ai.core.store import MemoryStore
from net4ai.core.task_manager import TaskManager
from net4ai.stack.control_entity import ControlEntity
from net4ai.stack.procedure import ProcedureError, Procedures
from net4ai.stack.units import MILLISECOND, SECOND

LOCAL_1, LOCAL_2 = Instance(1, "local", "ran-1", "as-1"), Instance(2, "local", "ran-2", "as-2")
GLOBAL = Instance(3, "global", "edge", "as-3")
TERMINALS = 3
"""In each cell."""
ROUNDS = 2
TURN = 400 * MILLISECOND


@dataclass
class Node:
    """A forwarding function with one instance. What is committed survives; all else goes with the node."""

    world: World
    instance: Instance
    sequential: bool
    up: bool = True
    life: int = 0
    """Changes when it is lost, or invited to an execution anew: turns under way from before come to nothing."""
    committed: dict[int, list[int]] = field(default_factory=dict)
    """Turns by execution, in the order they were committed: the checkpoint."""
    completed: set[int] = field(default_factory=set)
    """Executions that have come to their end."""
    attempts: dict[int, int] = field(default_factory=dict)
    """Attempt it was invited in last, by execution."""
    open_turns: dict[int, set[int]] = field(default_factory=dict)
    """Concurrent turns that are done, but not committed before the end."""
    again: list[tuple[int, int]] = field(default_factory=list)
    """Executions and turns that were to be started although they were committed."""

    def __post_init__(self) -> None:
        self.entity = self.world.entity(names.forwarding_function(self.instance.node))
        for body, handler in {
            InviteInstance: self.invite,
            InstallRoutes: lambda request: RoutesInstalled([client.seat for client in request.clients]),
            RemoveRoutes: lambda request: Done(),
            BeginExecution: self.begin,
            StartTurns: self.start,
            FinishExecution: self.finish,
        }.items():
            self.entity.handle(body, self._if_up(handler))

    def _if_up(self, handler: Any) -> Any:
        async def handle(request: Body) -> Body:
            if not self.up:
                await self.world.procedures.sleep(10**6 * SECOND)
            answer: Body = handler(request)
            return answer

        return handle

    def invite(self, request: InviteInstance) -> InstanceAccepted:
        self.life += 1
        self.attempts[request.execution] = request.attempt
        if request.as_server:
            self.open_turns[request.execution] = set()
        return InstanceAccepted()

    def begin(self, request: BeginExecution) -> ExecutionBegun:
        turns = self.committed.get(request.execution, [])
        return ExecutionBegun(turns[-1] + 1 if turns else 0)

    def start(self, request: StartTurns) -> Done:
        for seat, turn in request.turns:
            if request.as_server and turn in self.committed.get(request.execution, []):
                self.again.append((request.execution, turn))
            self.world.procedures.start("turn", self._turn(request, seat, turn, self.life), traced=False)
        return Done()

    async def _turn(self, request: StartTurns, seat: int, turn: int, life: int) -> None:
        await self.world.procedures.sleep(TURN + seat * TURN // 8)
        with_terminals = request.as_server and self.instance is not GLOBAL
        while with_terminals and not self.world.cells[self.instance.node].takes_part(request.execution, seat, turn):
            await self.world.procedures.sleep(TURN)
            if life != self.life:
                return
        if life != self.life or not self.up:
            return
        if request.as_server:
            if self.sequential and self.instance is not GLOBAL:
                self.committed.setdefault(request.execution, []).append(turn)
            else:
                self.open_turns[request.execution].add(turn)
        turns = [(seat, turn, int(Cause.NORMAL))]
        attempt = self.attempts[request.execution]
        ended = TurnsDone(request.execution, self.instance.instance, request.as_server, turns, attempt)
        self.entity.tell(names.ROUTINE_MANAGER, ended)

    def finish(self, request: FinishExecution) -> Done:
        if request.execution not in self.completed:
            self.completed.add(request.execution)
            self.committed.setdefault(request.execution, []).extend(sorted(self.open_turns[request.execution]))
        stop = self.instance is GLOBAL and len(self.completed) == ROUNDS
        attempt = self.attempts[request.execution]
        outcome = ExecutionOutcome(request.execution, self.instance.instance, False, stop, Cause.NORMAL, attempt)
        self.entity.tell(names.ROUTINE_MANAGER, outcome)
        return Done()

    def lose(self) -> None:
        self.up, self.life = False, self.life + 1
        self.open_turns.clear()

    def come_back(self) -> None:
        """What the orchestrator says when it has made the instance anew."""
        self.up = True
        self.entity.tell(names.ROUTINE_MANAGER, InstanceLost(self.instance.instance))


class Cell:
    """The terminals of a RAN node, and what the access manager knows of them."""

    def __init__(self) -> None:
        self.up = [True] * TERMINALS
        self.seats: dict[int, list[int]] = {}
        """Terminals by seat, by execution; kept in the store."""
        self.started: dict[tuple[int, int], int] = {}
        """Turns under way, by execution and seat."""

    def here(self, execution: int) -> list[int]:
        return [seat for seat, terminal in enumerate(self.seats[execution]) if self.up[terminal]]

    def takes_part(self, execution: int, seat: int, turn: int) -> bool:
        terminals = self.seats.get(execution, [])
        return self.started.get((execution, seat)) == turn and self.up[terminals[seat]]


class World(Bench):
    """The network of two cells and an edge."""

    def __init__(self, sequential: bool, k: int) -> None:
        super().__init__()
        self.store = MemoryStore()
        self.ended: list[TaskFinished] = []
        self.cells = {"ran-1": Cell(), "ran-2": Cell()}
        self.nodes = [Node(self, instance, sequential) for instance in (LOCAL_1, LOCAL_2, GLOBAL)]
        self.request = ExecuteTask(
            job=1,
            task="t",
            k=k,
            cut=1,
            description=description(
                tasks={"t": Task(chain=("bottom", "top"), repeat="until-stop")},
                routines={
                    "bottom": Routine(client="source", server="local", sequential=sequential, split=True),
                    "top": Routine(client="local", server="global"),
                },
            ),
            settings={"source": {}},
            instances=[LOCAL_1, LOCAL_2, GLOBAL],
            routine_manager=names.ROUTINE_MANAGER,
        )
        job_manager = self.scripted(names.JOB_MANAGER)
        job_manager.answers[TaskFinished] = lambda event: self.ended.append(event) or Done()
        access_manager = self.scripted(names.ACCESS_MANAGER)
        access_manager.answers |= {
            SelectClients: self.select,
            InviteClients: self.invite,
            StartClients: self.start,
            CompleteClients: self.complete,
        }
        self.access_manager = access_manager
        self.start_core()

    # The core

    def start_core(self) -> None:
        """Begin, or begin again with what the store has kept, after the core was killed wherever it was."""
        self.core = Procedures("core")
        self.core.advance(self.procedures.now)
        entities = {name: self._core_entity(name) for name in (names.TASK_MANAGER, names.ROUTINE_MANAGER)}
        self.task_manager = TaskManager(entities[names.TASK_MANAGER], self.store)
        self.routine_manager = RoutineManager(entities[names.ROUTINE_MANAGER])
        if not self.ended:
            self.start_call(names.TASK_MANAGER, self.request)

    def _core_entity(self, name: str) -> ControlEntity:
        self.entities[name] = ControlEntity(
            name, self.core, self.timers, self._send, lambda: f"{next(self._numbers):032x}"
        )
        return self.entities[name]

    def run(self) -> None:
        self.core.advance(self.procedures.now)
        super().run()

    def advance(self, seconds: float) -> None:
        self.run()
        end = self.procedures.now + round(seconds * SECOND)
        while True:
            deadlines = [each.next_deadline() for each in (self.procedures, self.core)]
            due = min((at for at in deadlines if at is not None), default=end + 1)
            if due > end:
                break
            self.procedures.advance(max(due, self.procedures.now))
            self.run()
        self.procedures.advance(end)
        self.run()

    # The access manager

    def select(self, request: SelectClients) -> ClientsSelected:
        if request.resume:
            if any(request.execution not in cell.seats for cell in self.cells.values()):
                raise ProcedureError(Cause.INVALID_CONFIGURATION, "no seats")
            here = {node: cell.here(request.execution) for node, cell in self.cells.items()}
            given = {node: len(cell.seats[request.execution]) for node, cell in self.cells.items()}
            pending = sum(given[node] - len(here[node]) for node in here)
        else:
            there = {node: [n for n, up in enumerate(cell.up) if up] for node, cell in self.cells.items()}
            here = {node: list(range(len(terminals))) for node, terminals in there.items()}
            given = {node: len(seats) for node, seats in here.items()}
            pending = sum(cell.up.count(False) for cell in self.cells.values())
        seated = all(len(seats) >= request.k for seats in here.values()) and not (request.gather and pending)
        if seated and not request.resume:
            for node, cell in self.cells.items():
                cell.seats[request.execution] = there[node]
        return ClientsSelected(
            [
                ServerSeats(wish.instance, len(here[wish.node]), here[wish.node] if seated else [], given[wish.node])
                for wish in request.servers
            ],
            pending,
        )

    def _cell(self, instance: int) -> Cell:
        return self.cells["ran-1" if instance == 1 else "ran-2"]

    def invite(self, request: InviteClients) -> ClientsInvited:
        here = self._cell(request.instance).here(request.execution)
        return ClientsInvited([ClientAccepted(seat, 1, 1) for seat in request.seats if seat in here])

    def start(self, request: StartClients) -> Done:
        cell = self._cell(request.instance)
        for seat, turn in request.turns:
            cell.started[request.execution, seat] = turn
            if seat not in cell.here(request.execution):
                self._turn_failed(request.execution, request.instance, seat)
        return Done()

    def _turn_failed(self, execution: int, instance: int, seat: int) -> None:
        turn = self._cell(instance).started.pop((execution, seat))
        failed = ClientsDone(execution, instance, [(seat, turn, Cause.PEER_LOST)])
        self.access_manager.entity.tell(names.ROUTINE_MANAGER, failed)

    def complete(self, request: CompleteClients) -> Done:
        cell = self._cell(request.instance)
        cell.started = {key: turn for key, turn in cell.started.items() if key[0] != request.execution}
        if not request.keep:
            cell.seats.pop(request.execution, None)
        return Done()

    # Faults

    def lose_terminal(self, which: int) -> None:
        instance, terminal = 1 + which % 2, which // 2 % TERMINALS
        cell = self._cell(instance)
        cell.up[terminal] = False
        for execution, seat in list(cell.started):
            if cell.seats[execution][seat] == terminal:
                self._turn_failed(execution, instance, seat)

    def terminal_back(self, which: int) -> None:
        self._cell(1 + which % 2).up[which // 2 % TERMINALS] = True

    def kill_core(self) -> None:
        """With the access manager: terminals register anew, the seats were kept."""
        for cell in self.cells.values():
            cell.up, cell.started = [False] * TERMINALS, {}
        self.entities.pop(names.TASK_MANAGER)
        self.entities.pop(names.ROUTINE_MANAGER)
        self.core = Procedures("nobody")

    def core_back(self) -> None:
        for cell in self.cells.values():
            cell.up = [True] * TERMINALS
        self.start_core()

    # What must hold

    def commits(self) -> Iterator[tuple[Node, int, list[int]]]:
        for node in self.nodes:
            for execution, turns in node.committed.items():
                yield node, execution, turns

    def assert_committed_once_and_in_order(self) -> None:
        for node, execution, turns in self.commits():
            assert turns == sorted(set(turns)), (node.instance, execution, turns)
        assert [node.again for node in self.nodes] == [[], [], []]

    def assert_done_as_if_nothing_had_happened(self) -> None:
        """Every turn of every seat, in every round, under the numbers of an undisturbed run."""
        assert [end.cause for end in self.ended] == [Cause.NORMAL]
        expected = {1: list(range(TERMINALS)), 2: list(range(TERMINALS)), 3: [0, 1]}
        for node in self.nodes:
            assert list(node.committed.values()) == [expected[node.instance.instance]] * ROUNDS
        # What would be left over: procedures of the core, seats.
        assert not self.core.open and not self.task_manager.tasks and not self.routine_manager.executions
        assert not any(cell.seats for cell in self.cells.values())


def play(world: World, faults: list[tuple[int, str, int, int]]) -> None:
    """Faults: when (ms), what, which one, and for how long (ms)."""
    happenings: list[tuple[int, int, Any]] = []
    for order, (at, what, which, lasting) in enumerate(faults):
        begin, end = {
            "node": (world.nodes[which % 3].lose, world.nodes[which % 3].come_back),
            "terminal": (
                lambda which=which: world.lose_terminal(which),
                lambda which=which: world.terminal_back(which),
            ),
            "core": (world.kill_core, world.core_back),
        }[what]
        happenings += [(at, order, begin), (at + lasting, order, end)]
    now = 0
    for at, _, happen in sorted(happenings, key=lambda each: each[:2]):
        world.advance((at - now) / 1000)
        now = at
        happen()
        world.run()
    world.advance(900)


def undisturbed(sequential: bool) -> int:
    """How long it takes, in milliseconds."""
    world = World(sequential, TERMINALS)
    while not world.ended:
        world.advance(0.1)
    world.advance(10)
    world.assert_done_as_if_nothing_had_happened()
    return world.procedures.now // MILLISECOND - 10_000


@pytest.mark.parametrize("sequential", [True, False])
def test_undisturbed(sequential: bool) -> None:
    assert 1000 < undisturbed(sequential) < 10_000


@pytest.mark.parametrize("sequential", [True, False])
@pytest.mark.parametrize(("what", "which"), [("node", 0), ("node", 2), ("terminal", 0), ("terminal", 3), ("core", 0)])
def test_one_loss_at_any_moment(sequential: bool, what: str, which: int) -> None:
    """R73-R80, R109, R110: the result is that of an undisturbed run, whenever it happens."""
    for at in range(0, undisturbed(sequential), 150):
        world = World(sequential, TERMINALS)
        play(world, [(at, what, which, 7000)])
        world.assert_committed_once_and_in_order()
        world.assert_done_as_if_nothing_had_happened()


FAULTS = st.lists(
    st.tuples(
        st.integers(0, 20_000),
        st.sampled_from(["node", "node", "terminal", "terminal", "core"]),
        st.integers(0, 5),
        st.integers(1, 12_000),
    ),
    max_size=5,
)
HARD = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def apart(faults: list[tuple[int, str, int, int]]) -> list[tuple[int, str, int, int]]:
    """The same thing is not lost again before it is back."""
    until: dict[tuple[str, int], int] = {}
    found = []
    for at, what, which, lasting in sorted(faults):
        modulus = {"node": 3, "terminal": 6, "core": 1}[what]
        keys = [(what, which % modulus)] if what != "core" else [("core", 0), *(("terminal", n) for n in range(6))]
        if what == "terminal" and until.get(("core", 0), 0) > at:
            continue
        if all(until.get(key, 0) <= at for key in keys):
            found.append((at, what, which % modulus, lasting))
            until |= dict.fromkeys(keys, at + lasting + 1)
    return found


@pytest.mark.parametrize("sequential", [True, False])
@given(faults=FAULTS)
@HARD
def test_any_losses_when_all_are_needed(sequential: bool, faults: list[tuple[int, str, int, int]]) -> None:
    """R80 with k = all: nobody can be left out, everybody comes back, so all is as if nothing had happened."""
    world = World(sequential, TERMINALS)
    play(world, apart(faults))
    world.assert_committed_once_and_in_order()
    world.assert_done_as_if_nothing_had_happened()


@pytest.mark.parametrize("sequential", [True, False])
@given(faults=FAULTS, k=st.integers(1, TERMINALS))
@HARD
def test_any_losses(sequential: bool, k: int, faults: list[tuple[int, str, int, int]]) -> None:
    """Every committed turn once and in order; it ends, and where it ends well nobody but who was away is missing."""
    world = World(sequential, k)
    lost = apart(faults)
    play(world, lost)
    world.assert_committed_once_and_in_order()
    assert len(world.ended) == 1
    event(Cause(world.ended[0].cause).name)
    assert world.ended[0].cause == Cause.NORMAL or world.ended[0].cause in RESUMABLE
    if world.ended[0].cause == Cause.NORMAL and not any(what in ("terminal", "core") for _, what, _, _ in lost):
        world.assert_done_as_if_nothing_had_happened()
    for node, _, turns in world.commits():
        assert len(turns) >= (k if node.instance is not GLOBAL else 2)


@pytest.mark.parametrize("sequential", [True, False])
@pytest.mark.parametrize("what", ["node", "terminal"])
def test_what_never_comes_back_ends_it_with_a_cause(sequential: bool, what: str) -> None:
    world = World(sequential, TERMINALS)
    play(world, [(100, what, 0, 800_000)])
    assert [end.cause in RESUMABLE for end in world.ended] == [True]
    assert world.ended[0].detail
    world.assert_committed_once_and_in_order()
    assert not world.core.open and not world.routine_manager.executions
