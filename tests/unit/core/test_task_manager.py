"""Task manager: chains, rounds, clients for each server, and waiting for them (R9, R30, R55, R62, R66, R83, R85)."""

from __future__ import annotations

import pytest
from core_bench import Bench, description

from net4ai.codecs.bus import (
    ClientsSelected,
    CompleteClients,
    Done,
    ExecuteRoutine,
    ExecuteTask,
    Instance,
    InstanceMoved,
    RoutineFinished,
    RoutineProgress,
    SelectClients,
    ServerAssignment,
    ServerSeats,
    ServerWish,
    StopJob,
    TaskFinished,
    TaskProgress,
)
from net4ai.codecs.causes import Cause
from net4ai.codecs.service import Quality, Routine, Task
from net4ai.core import names
from net4ai.core.execution import RESUMABLE
from net4ai.core.store import MemoryStore, ProgressRow, Row, StoreError
from net4ai.core.task_manager import TaskManager, assign_instances, wishes
from net4ai.stack.procedure import ProcedureError

LOCAL_1 = Instance(1, "local", "ran-1", "as-1")
LOCAL_2 = Instance(2, "local", "ran-2", "as-2")
GLOBAL = Instance(3, "global", "edge", "as-3")
INSTANCES = [LOCAL_1, LOCAL_2, GLOBAL]
SERVERS = [ServerWish(1, "ran-1"), ServerWish(2, "ran-2")]
TAKE_PART = "9 terminals take part: 4 at ran-1, 5 at ran-2"


class World(Bench):
    def __init__(self) -> None:
        super().__init__()
        self.store = MemoryStore()
        self.manager = TaskManager(self.entity(names.TASK_MANAGER), self.store)
        self.job_manager = self.scripted(names.JOB_MANAGER)
        self.routine_manager = self.scripted(names.ROUTINE_MANAGER)
        self.access_manager = self.scripted(names.ACCESS_MANAGER)
        self.available = [4, 5]
        self.pending = 0
        self.access_manager.answers[SelectClients] = self.select

    def select(self, request: SelectClients) -> ClientsSelected:
        enough = all(count >= request.k for count in self.available) and not (request.gather and self.pending)
        return ClientsSelected(
            [
                ServerSeats(wish.instance, count, list(range(count)) if enough else [], count if enough else 0)
                for wish, count in zip(request.servers, self.available, strict=True)
            ],
            self.pending,
        )

    def execute(self, repeat: str = "until-stop", k: int = 4, cut: int = 1, split: bool = True) -> None:
        service = description(
            tasks={"t": Task(chain=("bottom", "top"), repeat=repeat)},  # type: ignore[arg-type]
            routines={
                "bottom": Routine(client="source", server="local", sequential=True, split=split),
                "top": Routine(client="local", server="global"),
            },
        )
        settings = {"source": {"a": 1}}
        request = ExecuteTask(1, "t", k, cut, service, settings, INSTANCES, names.ROUTINE_MANAGER)
        self.call(names.TASK_MANAGER, request)

    @property
    def executions(self) -> list[ExecuteRoutine]:
        return self.routine_manager.of(ExecuteRoutine)

    def finish(self, cause: Cause = Cause.NORMAL, stop: bool = False, committed: int = 0) -> None:
        """The newest execution ends."""
        execution = self.executions[-1].execution
        self.routine_manager.tell(names.TASK_MANAGER, RoutineFinished(execution, cause, stop, "why", committed))

    def restart(self) -> None:
        """The core is started anew: a task manager that knows what the store has kept."""
        self.procedures.cancel_all("killed")
        self.manager = TaskManager(self.entity(names.TASK_MANAGER), self.store)

    def row(self) -> ProgressRow:
        (row,) = self.store.all(ProgressRow)
        return row

    def said(self) -> list[str]:
        return [progress.what for progress in self.job_manager.of(TaskProgress)]

    def ended(self) -> list[TaskFinished]:
        return self.job_manager.of(TaskFinished)


@pytest.fixture
def world() -> World:
    return World()


def test_terminals_are_asked_for_and_seated(world: World) -> None:
    world.execute()
    (wish,) = world.access_manager.of(SelectClients)
    (execution,) = world.executions
    assert wish == SelectClients(1, execution.execution, 4, False, SERVERS, gather=True)
    assert execution == ExecuteRoutine(
        execution=execution.execution,
        job=1,
        requester=names.TASK_MANAGER,
        routine="bottom",
        client_function="data-source",
        client_settings={"a": 1},
        round=0,
        cut=1,
        sequential=True,
        k=4,
        servers=[
            ServerAssignment(LOCAL_1, [0, 1, 2, 3], given=4),
            ServerAssignment(LOCAL_2, [0, 1, 2, 3, 4], given=5),
        ],
    )


@pytest.mark.parametrize("cut", [0, 1])
def test_raw_data_is_asked_for_with_cut_0_alone(world: World, cut: int) -> None:
    world.execute(cut=cut)
    assert world.access_manager.of(SelectClients)[0].raw_data == (cut == 0)


def test_a_routine_without_split_asks_for_raw_data(world: World) -> None:
    """Its clients are told cut 0, whatever cut the job has for the others."""
    world.execute(cut=2, split=False)
    assert world.executions[0].cut == 0
    assert world.access_manager.of(SelectClients)[0].raw_data


def test_the_chain_is_repeated_until_a_server_says_stop(world: World) -> None:
    world.execute()
    for round, stop in enumerate((False, False, True)):
        assert (world.executions[-1].routine, world.executions[-1].round) == ("bottom", round)
        world.finish()
        assert (world.executions[-1].routine, world.executions[-1].round) == ("top", round)
        assert (world.executions[-1].k, world.executions[-1].cut) == (1, 0)
        assert not world.ended()
        world.finish(stop=stop)
    assert len(world.executions) == 6
    assert len({execution.execution for execution in world.executions}) == 6
    assert world.ended() == [TaskFinished(1, "t", Cause.NORMAL)]
    assert not world.manager.tasks


def test_once_is_once(world: World) -> None:
    world.execute("once")
    world.finish()
    world.finish()
    assert len(world.ended()) == 1


def test_with_too_few_clients_it_waits_says_so_and_goes_on(world: World) -> None:
    world.available = [3, 12]
    world.execute()
    world.advance(5)
    assert world.said() == ["waiting for clients: 3 of 4 at ran-1, 12 at ran-2"]
    assert not world.executions
    world.available = [3, 0]
    world.advance(5)
    assert world.said()[1:] == ["waiting for clients: 3 of 4 at ran-1, 0 of 4 at ran-2"]
    world.available = [4, 4]
    world.advance(1)
    assert len(world.executions) == 1
    assert len({wish.execution for wish in world.access_manager.of(SelectClients)}) == 1


def test_who_answers_a_little_later_takes_part_too(world: World) -> None:
    world.pending = 3
    world.execute()
    world.advance(9)
    assert not world.executions
    world.available, world.pending = [4, 8], 0
    world.advance(1)
    assert [len(server.seats) for server in world.executions[0].servers] == [4, 8]
    assert world.said() == ["12 terminals take part: 4 at ran-1, 8 at ran-2"]


def test_who_never_answers_is_waited_for_once(world: World) -> None:
    """Ten seconds from when there were enough, not in every round."""
    world.available, world.pending = [4, 3], 1
    world.execute()
    world.advance(30)
    world.available = [4, 5]
    world.advance(10)
    assert not world.executions
    world.advance(1)
    assert len(world.executions) == 1
    world.finish()
    world.finish()
    assert [execution.routine for execution in world.executions] == ["bottom", "top", "bottom"]


def test_how_many_take_part_is_said_once(world: World) -> None:
    world.execute()
    world.finish()
    world.finish()
    world.finish()
    assert world.said() == [TAKE_PART]


# --- Resumed


@pytest.mark.parametrize("cause", sorted(RESUMABLE))
def test_an_execution_that_is_broken_off_goes_on(world: World, cause: Cause) -> None:
    """Under its number, with the seats it had."""
    world.execute()
    first = world.executions[-1]
    world.finish(cause)
    assert world.said() == [TAKE_PART, "routine bottom goes on: why"]
    assert len(world.executions) == 1
    world.advance(1)
    second = world.executions[-1]
    assert (first.resume, second.resume) == (False, True)
    assert (second.routine, second.round, second.execution) == ("bottom", 0, first.execution)
    assert [(wish.resume, wish.execution) for wish in world.access_manager.of(SelectClients)] == [
        (False, first.execution),
        (True, first.execution),
    ]
    world.finish()
    assert world.executions[-1].routine == "top" and not world.executions[-1].resume


def test_seats_that_are_empty_now_keep_their_numbers(world: World) -> None:
    world.execute()
    world.access_manager.answers[SelectClients] = ClientsSelected(
        [ServerSeats(1, 4, [0, 1, 2, 3], 6), ServerSeats(2, 4, [1, 2, 3, 4], 5)]
    )
    world.finish(Cause.PEER_LOST)
    world.advance(1)
    assert world.executions[-1].servers == [
        ServerAssignment(LOCAL_1, [0, 1, 2, 3], given=6),
        ServerAssignment(LOCAL_2, [1, 2, 3, 4], given=5),
    ]


def test_absent_terminals_get_time_to_come_back(world: World) -> None:
    """So that where all come back, all take part."""
    world.execute()
    world.pending = 2
    world.finish(Cause.PEER_LOST)
    world.advance(29)
    assert len(world.executions) == 1
    world.advance(3)
    assert len(world.executions) == 2
    world.finish(Cause.PEER_LOST)
    world.advance(5)
    assert len(world.executions) == 2
    world.pending = 0
    world.advance(1)
    assert len(world.executions) == 3


@pytest.mark.parametrize("attempt_s", [1, 50, 1000])
def test_without_progress_it_is_given_up(world: World, attempt_s: int) -> None:
    """After the timer "resume" from when it was first broken off, however long it had run before."""
    world.execute()
    world.advance(1000)
    began = world.procedures.now
    while not world.ended():
        world.finish(Cause.PEER_LOST)
        world.advance(attempt_s)
    assert world.ended() == [TaskFinished(1, "t", Cause.PEER_LOST, "routine bottom: why")]
    assert len(world.executions) > 1
    assert world.procedures.now - began >= 180e9
    assert len({execution.execution for execution in world.executions}) == 1


def test_what_is_committed_is_progress(world: World) -> None:
    world.execute()
    for _ in range(20):
        world.finish(Cause.PEER_LOST, committed=1)
        world.advance(100)
    assert not world.ended() and len(world.executions) == 21
    world.finish(Cause.PEER_LOST)
    world.advance(100)
    world.finish(Cause.PEER_LOST)
    assert len(world.ended()) == 1


def test_terminals_that_do_not_come_back_end_it(world: World) -> None:
    world.execute()
    world.available = [4, 1]
    world.finish(Cause.TOO_FEW_CLIENTS)
    world.advance(179)
    assert not world.ended()
    world.advance(3)
    detail = "routine bottom: waiting for clients: 4 at ran-1, 1 of 4 at ran-2"
    assert world.ended() == [TaskFinished(1, "t", Cause.TOO_FEW_CLIENTS, detail)]


@pytest.mark.parametrize("to", ["routine manager", "access manager"])
def test_a_call_that_is_not_answered_breaks_it_off_too(world: World, to: str) -> None:
    world.execute()
    world.finish(Cause.PEER_LOST)
    callee, body = {
        "routine manager": (world.routine_manager, ExecuteRoutine),
        "access manager": (world.access_manager, SelectClients),
    }[to]
    before = callee.answers.get(body)
    callee.answers[body] = ProcedureError(Cause.TIMEOUT, "no answer")
    world.advance(10)
    assert not world.ended()
    if before is None:
        del callee.answers[body]
    else:
        callee.answers[body] = before
    world.advance(1)
    world.finish()
    assert world.executions[-1].routine == "top"


def test_an_instance_that_has_moved_is_found_where_it_is(world: World) -> None:
    world.execute()
    moved = Instance(2, "local", "edge", "as-3")
    world.job_manager.tell(names.TASK_MANAGER, InstanceMoved(1, moved))
    world.finish(Cause.PEER_LOST)
    world.advance(1)
    assert world.executions[-1].servers[1].instance == moved


# --- Kept


def test_progress_is_kept_before_it_is_acted_on(world: World) -> None:
    """The execution before it is executed, the position after it is done and before anything else."""
    kept: list[tuple[str, int, int, bool]] = []

    def note(request: ExecuteRoutine) -> Done:
        row = world.row()
        kept.append((request.routine, row.round, row.position, row.execution == request.execution))
        return Done()

    world.routine_manager.answers[ExecuteRoutine] = note
    world.execute()
    for stop in (False, False, False, True):
        world.finish(stop=stop)
    assert kept == [("bottom", 0, 0, True), ("top", 0, 1, True), ("bottom", 1, 0, True), ("top", 1, 1, True)]
    row = world.row()
    assert (row.finished, row.execution, row.stop) == (True, 0, True)
    assert len(world.ended()) == 1


def test_seats_are_free_when_the_end_is_kept(world: World) -> None:
    """Not before: a core that dies in between asks for them again."""
    world.execute()
    seen: list[int] = []
    world.access_manager.answers[CompleteClients] = lambda request: seen.append(world.row().position) or Done()
    world.finish()
    assert [(c.execution, c.instance, c.keep) for c in world.access_manager.of(CompleteClients)] == [
        (1, 1, False),
        (1, 2, False),
    ]
    assert seen == [1, 1]


@pytest.mark.parametrize("finished", range(6))
def test_after_a_restart_of_the_core_it_goes_on_where_it_was(world: World, finished: int) -> None:
    """R9, R55: every routine of every round once, the one that was under way under its number."""
    world.execute()
    for number in range(6):
        if number == finished:
            before = world.executions[-1]
            world.restart()
            world.execute()
            assert world.executions[-1].resume
            assert world.executions[-1].execution == before.execution
            assert (world.executions[-1].routine, world.executions[-1].round) == (before.routine, before.round)
        world.finish(stop=number == 5)
    assert len(world.ended()) == 1 and world.ended()[0].cause == Cause.NORMAL
    fresh = [(each.routine, each.round) for each in world.executions if not each.resume]
    assert fresh == [(routine, round) for round in range(3) for routine in ("bottom", "top")]


def test_a_task_that_had_finished_says_so_again(world: World) -> None:
    world.execute("once")
    world.finish()
    world.finish()
    world.restart()
    world.execute("once")
    assert [end.cause for end in world.ended()] == [Cause.NORMAL] * 2
    assert len(world.executions) == 2


def test_a_task_under_way_is_not_begun_twice(world: World) -> None:
    world.execute()
    world.execute()
    assert len(world.executions) == 1 and len(world.manager.tasks) == 1


def test_numbers_of_executions_are_never_given_twice(world: World) -> None:
    world.available = [4, 4]
    world.execute()
    world.restart()  # killed, and nothing of it is asked for any more
    world.store.delete(world.row())
    world.execute()
    assert [execution.execution for execution in world.executions] == [1, 2]


class FullStore(MemoryStore):
    """Takes nothing while it is full."""

    full = False

    def put(self, *rows: Row) -> None:
        if self.full:
            raise StoreError("disk full")
        super().put(*rows)


@pytest.mark.parametrize("what", ["number", "execution", "position"])
@pytest.mark.parametrize("for_s", [50, 500])
def test_while_the_store_takes_nothing_the_task_waits(what: str, for_s: int) -> None:
    """Nothing is done that is not kept; nothing is lost; in the end there is a clear cause."""
    world = World()
    world.store = store = FullStore()
    world.manager = TaskManager(world.entity(names.TASK_MANAGER), store)

    def fill(request: SelectClients) -> ClientsSelected:
        store.full = True
        return world.select(request)

    store.full = what == "number"
    if what == "execution":
        world.access_manager.answers[SelectClients] = fill
    world.execute()
    if what == "position":
        store.full = True
        world.finish()
    executed = len(world.executions)
    assert executed == (1 if what == "position" else 0)
    assert "waiting: store: disk full" in world.said()
    world.advance(for_s)
    assert len(world.executions) == executed
    if for_s > 180:
        assert [(end.cause, end.detail) for end in world.ended()] == [(Cause.NO_RESOURCES, "store: disk full")]
    else:
        assert not world.ended()
        store.full = False
        world.advance(2)
        assert len(world.executions) == executed + 1
        assert world.row().execution == world.executions[-1].execution


# --- Other ends


def test_any_other_failure_ends_the_task(world: World) -> None:
    world.execute()
    world.finish(Cause.FUNCTION_FAILED)
    assert world.ended() == [TaskFinished(1, "t", Cause.FUNCTION_FAILED, "routine bottom: why")]


def test_a_refused_execution_ends_the_task(world: World) -> None:
    world.routine_manager.answers[ExecuteRoutine] = ProcedureError(Cause.BUSY, "no")
    world.execute()
    assert world.ended() == [TaskFinished(1, "t", Cause.BUSY, "no")]


@pytest.mark.parametrize("waiting", [True, False])
def test_stop_ends_the_task_and_its_execution(world: World, waiting: bool) -> None:
    world.available = [0, 0] if waiting else [4, 4]
    world.execute()
    world.call(names.TASK_MANAGER, StopJob(2))
    assert not world.ended()
    world.call(names.TASK_MANAGER, StopJob(1))
    if waiting:
        assert world.routine_manager.of(StopJob) == []
    else:  # it has ended when its execution has
        assert not world.ended()
        assert world.routine_manager.of(StopJob) == [StopJob(1)]
        world.finish(Cause.CANCELLED)
    assert [end.cause for end in world.ended()] == [Cause.CANCELLED]
    world.advance(5)
    assert not world.procedures.open


def test_a_routine_manager_that_says_nothing_more_does_not_keep_a_stopped_task(world: World) -> None:
    world.execute()
    world.call(names.TASK_MANAGER, StopJob(1))
    world.advance(29)
    assert not world.ended()
    world.advance(2)
    assert [end.cause for end in world.ended()] == [Cause.CANCELLED]


def test_stop_between_two_attempts(world: World) -> None:
    world.execute()
    world.finish(Cause.PEER_LOST)
    world.call(names.TASK_MANAGER, StopJob(1))
    assert [end.cause for end in world.ended()] == [Cause.CANCELLED]
    world.advance(5)
    assert len(world.executions) == 1


def test_progress_of_routines_is_passed_on(world: World) -> None:
    world.routine_manager.tell(names.TASK_MANAGER, RoutineProgress(1, 7, "seat 3 left out", {"round": 2}))
    assert world.job_manager.of(TaskProgress) == [TaskProgress(7, "seat 3 left out", {"round": 2})]


# --- Who is with whom

TOP = Routine(client="local", server="global")
HERE = Instance(4, "global", "ran-2", "as-2")


def test_concrete_clients_keep_the_server_the_orchestrator_gave_them() -> None:
    """R69: for each routine its own."""
    near = Instance(1, "local", "ran-2", "as-2", {"top": 3, "other": 4})
    assert assign_instances([near, LOCAL_2, GLOBAL, HERE], "top", TOP) == [
        ServerAssignment(GLOBAL, [0], [near]),
        ServerAssignment(HERE, [0], [LOCAL_2]),
    ]
    assert assign_instances([near, GLOBAL, HERE], "other", TOP) == [ServerAssignment(HERE, [0], [near])]
    with pytest.raises(ProcedureError, match="INVALID_CONFIGURATION: instance 1: 3 is no server of top"):
        assign_instances([near, HERE], "top", TOP)


def test_others_have_the_server_of_their_node_or_the_first() -> None:
    assert assign_instances(INSTANCES, "top", TOP) == [ServerAssignment(GLOBAL, [0, 1], [LOCAL_1, LOCAL_2])]
    assert assign_instances([LOCAL_1, LOCAL_2, GLOBAL, HERE], "top", TOP) == [
        ServerAssignment(GLOBAL, [0], [LOCAL_1]),
        ServerAssignment(HERE, [0], [LOCAL_2]),
    ]
    with pytest.raises(ProcedureError, match="no instance of global or local"):
        assign_instances([LOCAL_1], "top", TOP)


RAN_NODES = ["ran-1", "ran-2", "ran-3"]


@pytest.mark.parametrize(
    ("at", "wanted"),
    [
        (["ran-1", "ran-2", "ran-3"], [[], [], []]),  # each its own
        (["ran-1", "ran-2"], [["ran-1", "ran-3"], ["ran-2", "ran-3"]]),  # nobody is left without
        (["ran-1", "edge"], [[], ["ran-2", "ran-3"]]),
        (["edge"], [["ran-1", "ran-2", "ran-3"]]),
        (["ran-1", "ran-2", "ran-3", "edge"], [[], [], [], ["ran-1", "ran-2", "ran-3"]]),
        (["edge", "edge-2"], [["ran-1", "ran-2", "ran-3"]] * 2),
    ],
)
def test_whose_terminals_a_server_can_have(at: list[str], wanted: list[list[str]]) -> None:
    """R46, R47: every terminal has a server it can go to, every server terminals."""
    servers = [Instance(number, "local", node, "as") for number, node in enumerate(at)]
    assert [wish.nodes for wish in wishes(servers, RAN_NODES)] == wanted


def test_a_server_at_the_edge_gets_terminals_of_all_ran_nodes() -> None:
    world = World()
    world.manager.ran_nodes = ("ran-1", "ran-2")
    world.available = [9]
    routines = {"bottom": Routine(client="source", server="global")}
    service = description(tasks={"t": Task(chain=("bottom",))}, routines=routines)
    world.call(names.TASK_MANAGER, ExecuteTask(1, "t", 4, 1, service, {"source": {}}, INSTANCES, names.ROUTINE_MANAGER))
    assert world.access_manager.of(SelectClients)[0].servers == [ServerWish(3, "edge", ["ran-1", "ran-2"])]


def test_the_flow_of_the_routine_is_named(world: World) -> None:
    """R103: terminals' data of each routine on the QoS flow of its quality."""
    qualities = {"bottom": Quality(), "top": Quality(five_qi=200)}
    routines = {name: Routine(client="source", server="local", quality=each) for name, each in qualities.items()}
    service = description(tasks={"t": Task(chain=("bottom", "top"))}, routines=routines)
    world.call(names.TASK_MANAGER, ExecuteTask(1, "t", 4, 1, service, {"source": {}}, INSTANCES, names.ROUTINE_MANAGER))
    world.finish()
    assert [execution.qfi for execution in world.executions] == [1, 2]
