"""Task manager: chains, rounds, clients for each server, and waiting for them (R9, R30, R55, R62, R66, R83, R85)."""

from __future__ import annotations

import pytest
from core_bench import Bench, description

from net4ai.codecs.bus import (
    ClientsSelected,
    ExecuteRoutine,
    ExecuteTask,
    Instance,
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
from net4ai.codecs.service import Routine, Task
from net4ai.core import names
from net4ai.core.task_manager import MAXIMUM_ATTEMPTS, TaskManager, assign_instances
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
        self.manager = TaskManager(self.entity(names.TASK_MANAGER))
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
                ServerSeats(wish.instance, count, list(range(count)) if enough else [])
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

    def finish(self, cause: Cause = Cause.NORMAL, stop: bool = False) -> None:
        """The newest execution ends."""
        execution = self.executions[-1].execution
        self.routine_manager.tell(names.TASK_MANAGER, RoutineFinished(execution, cause, stop, "why"))

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
        servers=[ServerAssignment(LOCAL_1, [0, 1, 2, 3]), ServerAssignment(LOCAL_2, [0, 1, 2, 3, 4])],
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


def test_an_execution_that_lost_clients_is_repeated_with_new_seats(world: World) -> None:
    world.execute()
    first = world.executions[-1]
    world.finish(Cause.TOO_FEW_CLIENTS)
    assert world.said() == [TAKE_PART, "routine bottom again: why"]
    assert len(world.executions) == 1
    world.advance(1)
    second = world.executions[-1]
    assert (second.routine, second.round) == ("bottom", 0)
    assert second.execution > first.execution
    world.finish()
    assert world.executions[-1].routine == "top"


def test_it_is_not_repeated_for_ever(world: World) -> None:
    world.execute()
    for _ in range(MAXIMUM_ATTEMPTS):
        assert not world.ended()
        world.finish(Cause.TOO_FEW_CLIENTS)
        world.advance(1)
    assert world.ended() == [TaskFinished(1, "t", Cause.TOO_FEW_CLIENTS, "routine bottom: why")]
    assert len(world.executions) == MAXIMUM_ATTEMPTS


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
    assert [end.cause for end in world.ended()] == [Cause.CANCELLED]
    assert world.routine_manager.of(StopJob) == [StopJob(1)]
    world.advance(5)
    assert not world.procedures.open


def test_progress_of_routines_is_passed_on(world: World) -> None:
    world.routine_manager.tell(names.TASK_MANAGER, RoutineProgress(1, 7, "seat 3 left out", {"round": 2}))
    assert world.job_manager.of(TaskProgress) == [TaskProgress(7, "seat 3 left out", {"round": 2})]


def test_concrete_clients_keep_the_server_of_their_node() -> None:
    routine = Routine(client="local", server="global")
    assert assign_instances(INSTANCES, routine) == [ServerAssignment(GLOBAL, [0, 1], [LOCAL_1, LOCAL_2])]
    here = Instance(4, "global", "ran-2", "as-2")
    assert assign_instances([LOCAL_1, LOCAL_2, GLOBAL, here], routine) == [
        ServerAssignment(GLOBAL, [0], [LOCAL_1]),
        ServerAssignment(here, [0], [LOCAL_2]),
    ]
    with pytest.raises(ProcedureError, match="no instance of global or local"):
        assign_instances([LOCAL_1], routine)
