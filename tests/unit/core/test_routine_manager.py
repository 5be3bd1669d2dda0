"""Routine manager: figure 6 with the invitation in two phases (R34, R71-R80, R84, R88)."""

from __future__ import annotations

from typing import Any

import pytest
from routine_bench import GLOBAL, SERVER_1, SERVER_2, World, both

from net4ai.codecs.bus import (
    BeginExecution,
    ClientAccepted,
    ClientsDone,
    ClientsInvited,
    Done,
    ExecuteRoutine,
    ExecutionOutcome,
    FinishExecution,
    FunctionProgress,
    InstallRoutes,
    InviteClients,
    InviteInstance,
    RemoveRoutes,
    RouteClient,
    RoutesInstalled,
    RoutineFinished,
    RoutineProgress,
    ServerAssignment,
    StartClients,
    StartTurns,
    StopJob,
    TurnsDone,
)
from net4ai.codecs.causes import Cause
from net4ai.core import execution as execution_module
from net4ai.core import names
from net4ai.core.routine_manager import RoutineManager
from net4ai.stack.procedure import ProcedureError


@pytest.fixture
def world() -> World:
    return World()


# --- The order of figure 6


def test_figure_6(world: World) -> None:
    world.execute()
    for seat in (0, 1, 2):
        world.done(seat, seat)
    world.outcome()
    assert world.story == [
        "InviteInstance fpf/ran-1",
        "InviteClients access-manager",
        "InstallRoutes fpf/ran-1",
        "BeginExecution fpf/ran-1",
        *["StartTurns fpf/ran-1", "StartClients access-manager"] * 3,
        "FinishExecution fpf/ran-1",
        "RemoveRoutes fpf/ran-1",
        "CompleteClients access-manager",
        "RoutineFinished task-manager",
    ]
    assert world.ended() == [RoutineFinished(7, Cause.NORMAL, committed=3)]
    world.assert_cleared(cause=Cause.NORMAL)


def test_keys_and_seats_go_where_they_belong(world: World) -> None:
    world.execute()
    fpf = world.fpf["ran-1"]
    assert fpf.of(InviteInstance) == [InviteInstance(7, 1, True, "bottom", 4, 2, True, [0, 1, 2], attempt=1)]
    (invitation,) = world.access_manager.of(InviteClients)
    assert invitation == InviteClients(7, 1, [0, 1, 2], "data-source", {"a": 1}, "bottom", 4, 2, True, key=b"key")
    assert fpf.of(InstallRoutes) == [
        InstallRoutes(
            7, 1, [RouteClient(seat, context=50 + seat, session=9, key=b"%d" % seat) for seat in range(3)], attempt=1
        )
    ]
    assert fpf.of(BeginExecution) == [BeginExecution(7, 1, [0, 1, 2])]


def test_nothing_starts_before_the_routes_are_installed(world: World) -> None:
    waiting: Any = world.procedures.promise("routes")
    world.fpf["ran-1"].answers[InstallRoutes] = lambda request: waiting
    world.execute()
    world.advance(20)
    assert world.story[-1] == "InstallRoutes fpf/ran-1"
    waiting.resolve(RoutesInstalled([0, 1, 2]))
    world.run()
    assert "BeginExecution fpf/ran-1" in world.story
    assert world.turns() == [[(0, 0)]]


def test_no_server_starts_before_all_are_ready(world: World) -> None:
    waiting: Any = world.procedures.promise("routes")
    world.fpf["ran-2"].answers[InstallRoutes] = lambda request: waiting
    world.execute(*both())
    assert not world.turns()
    waiting.resolve(RoutesInstalled([0, 1, 2]))
    world.run()
    assert world.turns() == [[(0, 0)], [(0, 0)]]


def test_sequential_turns_come_one_at_a_time(world: World) -> None:
    world.execute()
    assert world.turns() == [[(0, 0)]]
    world.done(0, 0)
    assert world.turns() == [[(0, 0)], [(1, 1)]]
    world.done(0, 0)  # once more
    assert len(world.turns()) == 2
    world.done(1, 1)
    assert world.turns()[2:] == [[(2, 2)]]
    assert [event.turns for event in world.fpf["ran-1"].of(StartTurns)] == world.turns()


def test_concurrent_turns_come_all_at_once(world: World) -> None:
    world.execute(sequential=False)
    assert world.turns() == [[(0, 0), (1, 1), (2, 2)]]
    for seat in (2, 0):
        world.done(seat, seat)
    assert not world.fpf["ran-1"].of(FinishExecution)
    world.done(1, 1)
    assert world.fpf["ran-1"].of(FinishExecution) == [FinishExecution(7, 1, 0)]


@pytest.mark.parametrize("sequential", [True, False])
def test_restart_repeats_steps_3_to_6_with_the_same_seats(world: World, sequential: bool) -> None:
    """R76: clients are invited and connected again, the server is not invited again."""
    world.execute(sequential=sequential)
    for repetition in range(3):
        for seat in (0, 1, 2):
            world.done(seat, 3 * repetition + seat)
        world.outcome(restart=repetition < 2)
    turns = [turn for started in world.turns() for turn in started]
    assert turns == [(number % 3, number) for number in range(9)]
    assert [event.repetition for event in world.access_manager.of(StartClients)] == (
        [0, 0, 0, 1, 1, 1, 2, 2, 2] if sequential else [0, 1, 2]
    )
    assert [event.repetition for event in world.fpf["ran-1"].of(FinishExecution)] == [0, 1, 2]
    assert len(world.fpf["ran-1"].of(InviteInstance)) == len(world.fpf["ran-1"].of(BeginExecution)) == 1
    assert [event.seats for event in world.access_manager.of(InviteClients)] == [[0, 1, 2]] * 3
    assert len(world.fpf["ran-1"].of(InstallRoutes)) == 3
    assert len(world.ended()) == 1


def test_restarts_are_bounded(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(execution_module, "MAXIMUM_REPETITIONS", 2)
    world.execute(sequential=False)
    for repetition in range(3):
        for seat in range(3):
            world.done(seat, 3 * repetition + seat)
        world.outcome(restart=True)
    assert [end.cause for end in world.ended()] == [Cause.NO_RESOURCES]
    world.assert_cleared(cause=Cause.NO_RESOURCES)


def test_done_is_told_when_all_servers_have_completed(world: World) -> None:
    world.execute(*both(), sequential=False)
    for instance in (1, 2):
        for seat in range(3):
            world.done(seat, seat, instance=instance)
    world.outcome(instance=2)
    assert not world.ended()
    world.outcome(instance=1)
    assert world.ended() == [RoutineFinished(7, Cause.NORMAL)]
    world.assert_cleared("ran-1", "ran-2", cause=Cause.NORMAL)


@pytest.mark.parametrize("stopping", [1, 2])
def test_one_server_says_stop_and_it_is_told(world: World, stopping: int) -> None:
    world.execute(*both(), sequential=False)
    for instance in (1, 2):
        for seat in range(3):
            world.done(seat, seat, instance=instance)
        world.outcome(instance=instance, stop=instance == stopping)
    assert world.ended() == [RoutineFinished(7, Cause.NORMAL, stop=True)]


# --- Concrete clients


def test_concrete_clients_are_invited_and_started_at_their_nodes(world: World) -> None:
    world.execute(ServerAssignment(GLOBAL, [0, 1], [SERVER_1, SERVER_2]), sequential=False, k=1)
    assert world.fpf["ran-2"].of(InviteInstance) == [
        InviteInstance(7, 2, False, "bottom", 4, 2, False, [1], key=b"key", attempt=1)
    ]
    assert world.fpf["edge"].of(InstallRoutes)[0].clients[1] == RouteClient(1, instance=2, node="ran-2", key=b"key")
    assert world.fpf["ran-1"].of(BeginExecution) == [BeginExecution(7, 1, [0])]
    assert world.fpf["ran-1"].of(StartTurns) == [StartTurns(7, 1, False, [(0, 0)], 0)]
    assert world.fpf["edge"].of(StartTurns) == [StartTurns(7, 3, True, [(0, 0), (1, 1)], 0)]
    for seat in (0, 1):
        world.done(seat, seat, instance=3)
    assert not world.fpf["edge"].of(FinishExecution)
    for seat in (0, 1):
        world.done(seat, seat, instance=1 + seat, as_server=False)
    world.outcome(instance=3)
    assert world.ended() == [RoutineFinished(7, Cause.NORMAL)]
    assert not world.access_manager.received
    assert not world.procedures.open


def test_a_concrete_client_that_declines_is_left_out(world: World) -> None:
    world.fpf["ran-1"].answers[InviteInstance] = ProcedureError(Cause.DECLINED)
    world.execute(ServerAssignment(GLOBAL, [0, 1], [SERVER_1, SERVER_2]), sequential=False, k=1)
    assert world.fpf["edge"].of(StartTurns)[0].turns == [(1, 1)]


@pytest.mark.parametrize("as_server", [True, False])
def test_either_side_of_a_concrete_turn_can_fail_it(world: World, as_server: bool) -> None:
    world.execute(ServerAssignment(GLOBAL, [0, 1], [SERVER_1, SERVER_2]), sequential=False, k=2)
    world.done(1, 1, Cause.FUNCTION_FAILED, instance=3 if as_server else 2, as_server=as_server)
    assert [end.cause for end in world.ended()] == [Cause.TOO_FEW_CLIENTS]
    assert not world.procedures.open


# --- k


def test_fewer_than_k_accept_and_nothing_is_laid(world: World) -> None:
    world.accepted[1] = [2]
    world.execute()
    assert world.ended() == [
        RoutineFinished(
            7, Cause.TOO_FEW_CLIENTS, detail="1 of 3 clients accepted the invitation at ran-1, 2 are needed"
        )
    ]
    assert "InstallRoutes fpf/ran-1" not in world.story
    world.assert_cleared(cause=Cause.TOO_FEW_CLIENTS)


def test_fewer_than_k_can_be_reached_and_nothing_starts(world: World) -> None:
    world.fpf["ran-1"].answers[InstallRoutes] = RoutesInstalled([1])
    world.execute()
    assert [end.cause for end in world.ended()] == [Cause.TOO_FEW_CLIENTS]
    assert not world.turns()
    world.assert_cleared(cause=Cause.TOO_FEW_CLIENTS)


def test_those_who_did_not_accept_have_no_turn(world: World) -> None:
    world.accepted[1] = [2, 0]
    world.execute()
    assert world.fpf["ran-1"].of(BeginExecution) == [BeginExecution(7, 1, [0, 2])]
    world.done(0, 0)
    assert world.turns() == [[(0, 0)], [(2, 2)]]


@pytest.mark.parametrize("how", ["client", "server", "silent"])
def test_a_failing_client_is_left_out_while_k_holds(world: World, how: str) -> None:
    world.execute()
    world.done(0, 0)
    if how == "client":
        world.access_manager.tell(names.ROUTINE_MANAGER, ClientsDone(7, 1, [(1, 1, Cause.FUNCTION_FAILED)]))
    elif how == "server":
        world.done(1, 1, Cause.FUNCTION_FAILED)
    else:
        world.advance(600)
    cause = Cause.TIMEOUT if how == "silent" else Cause.FUNCTION_FAILED
    assert world.fpf["ran-1"].of(RemoveRoutes) == [RemoveRoutes(7, 1, [1], attempt=1)]
    assert world.task_manager.of(RoutineProgress)[-1].what == f"seat 1 at ran-1 left out: {cause.name}"
    assert world.turns()[-1] == [(2, 2)]
    world.done(2, 2)
    world.outcome(restart=True)
    for seat in range(3):  # who was left out is invited again
        assert world.turns()[-1] == [(seat, 3 + seat)]
        world.done(seat, 3 + seat)
    world.outcome()
    assert world.ended() == [RoutineFinished(7, Cause.NORMAL, committed=5)]
    world.assert_cleared(cause=Cause.NORMAL)


def test_a_client_that_ended_well_is_no_news(world: World) -> None:
    world.execute()
    world.access_manager.tell(names.ROUTINE_MANAGER, ClientsDone(7, 1, [(0, 0, Cause.NORMAL)]))
    assert world.turns() == [[(0, 0)]]
    world.done(0, 0)
    world.access_manager.tell(names.ROUTINE_MANAGER, ClientsDone(7, 1, [(0, 0, Cause.FUNCTION_FAILED)]))
    assert world.turns() == [[(0, 0)], [(1, 1)]]
    assert world.drops() == ["nobody waits for it"]


@pytest.mark.parametrize("sequential", [True, False])
def test_below_k_the_execution_is_aborted(world: World, sequential: bool) -> None:
    world.execute(sequential=sequential)
    world.done(0, 0, Cause.FUNCTION_FAILED)
    assert not world.ended()
    world.done(1, 1, Cause.FUNCTION_FAILED)
    assert world.ended() == [
        RoutineFinished(7, Cause.TOO_FEW_CLIENTS, detail="1 of 3 clients are left at ran-1, 2 are needed")
    ]
    world.assert_cleared(cause=Cause.TOO_FEW_CLIENTS)


@pytest.mark.parametrize("failing", [1, 2])
def test_one_server_below_k_aborts_the_others_at_once(world: World, failing: int) -> None:
    world.execute(*both(), sequential=False, k=3)
    world.done(0, 0, Cause.FUNCTION_FAILED, instance=failing)
    assert [end.cause for end in world.ended()] == [Cause.TOO_FEW_CLIENTS]
    world.assert_cleared("ran-1", "ran-2", cause=Cause.TOO_FEW_CLIENTS)
    starts = len(world.turns())
    world.advance(1000)
    assert len(world.turns()) == starts


# --- Other ends


def test_a_server_that_refuses_ends_it(world: World) -> None:
    world.fpf["ran-1"].answers[InviteInstance] = ProcedureError(Cause.FUNCTION_NOT_HERE, "no")
    world.execute()
    assert world.ended() == [RoutineFinished(7, Cause.FUNCTION_NOT_HERE, detail="no")]
    world.assert_cleared(cause=Cause.FUNCTION_NOT_HERE)


def test_a_server_that_fails_at_the_end_ends_it(world: World) -> None:
    world.execute(sequential=False)
    for seat in range(3):
        world.done(seat, seat)
    world.outcome(cause=Cause.FUNCTION_FAILED)
    assert world.ended() == [RoutineFinished(7, Cause.FUNCTION_FAILED, detail="the server at ran-1 failed")]
    world.assert_cleared(cause=Cause.FUNCTION_FAILED)


@pytest.mark.parametrize("sequential", [True, False])
def test_a_server_lost_during_its_turns_ends_it_at_once(world: World, sequential: bool) -> None:
    world.execute(*both(), sequential=sequential)
    world.done(0, 0)
    world.outcome(cause=Cause.PEER_LOST)
    assert [end.cause for end in world.ended()] == [Cause.PEER_LOST]
    world.assert_cleared("ran-1", "ran-2", cause=Cause.PEER_LOST)


def test_an_outcome_of_an_execution_that_is_over_changes_nothing(world: World) -> None:
    world.outcome(cause=Cause.PEER_LOST)
    assert not world.ended()


def test_a_server_that_never_finishes_is_a_timeout(world: World) -> None:
    world.execute(sequential=False)
    for seat in range(3):
        world.done(seat, seat)
    world.advance(600)
    assert [end.cause for end in world.ended()] == [Cause.TIMEOUT]
    world.assert_cleared(cause=Cause.TIMEOUT)


@pytest.mark.parametrize("turns_ended", [0, 1, 3])
def test_stop_aborts_wherever_it_is(world: World, turns_ended: int) -> None:
    world.execute()
    for seat in range(turns_ended):
        world.done(seat, seat)
    world.call(names.ROUTINE_MANAGER, StopJob(2))
    assert not world.ended()
    world.call(names.ROUTINE_MANAGER, StopJob(1))
    assert [end.cause for end in world.ended()] == [Cause.CANCELLED]
    world.assert_cleared(cause=Cause.CANCELLED)


def test_stop_while_clients_are_invited(world: World) -> None:
    world.access_manager.answers[InviteClients] = lambda request: world.procedures.promise("answers", timeout=10**9)
    world.execute()
    world.call(names.ROUTINE_MANAGER, StopJob(1))
    assert [end.cause for end in world.ended()] == [Cause.CANCELLED]


def test_progress_of_functions_is_passed_on(world: World) -> None:
    world.execute()
    world.fpf["ran-1"].tell(names.ROUTINE_MANAGER, FunctionProgress(7, 1, {"loss": 0.5}))
    world.fpf["ran-1"].tell(names.ROUTINE_MANAGER, FunctionProgress(99, 1, {"loss": 0.5}))
    assert world.task_manager.of(RoutineProgress) == [RoutineProgress(7, 1, "function", {"loss": 0.5})]


def test_an_error_of_our_own_ends_the_execution_all_the_same(world: World) -> None:
    errors: list[Exception] = []
    world.procedures.on_error = lambda name, error: errors.append(error)
    world.manager.replies.expect = None  # type: ignore[assignment, method-assign]
    world.execute()
    assert [end.cause for end in world.ended()] == [Cause.UNSPECIFIED]
    assert isinstance(errors[0], TypeError)
    world.assert_cleared(cause=Cause.UNSPECIFIED)


# --- Terminals of other nodes


def test_routes_are_laid_from_the_terminals_own_nodes(world: World) -> None:
    """R46, R73: each RAN node leads its terminals to where the server is, all at once."""
    world.access_manager.answers[InviteClients] = lambda request: ClientsInvited(
        [
            ClientAccepted(0, 50, 9, node="ran-1"),
            ClientAccepted(1, 51, 9, node="ran-2"),
            ClientAccepted(2, 52, 9, node="ran-1"),
        ]
    )
    world.execute(ServerAssignment(GLOBAL, [0, 1, 2]))
    laid = {node: world.fpf[node].of(InstallRoutes) for node in world.fpf}
    assert laid == {
        "ran-1": [InstallRoutes(7, 3, [RouteClient(0, 50, 9), RouteClient(2, 52, 9)], "edge", 1)],
        "ran-2": [InstallRoutes(7, 3, [RouteClient(1, 51, 9)], "edge", 1)],
        "edge": [],
    }
    assert world.fpf["edge"].of(BeginExecution) == [BeginExecution(7, 3, [0, 1, 2])]
    world.done(0, 0, instance=3)
    world.done(1, 1, Cause.TIMEOUT, instance=3)
    assert [world.fpf[node].of(RemoveRoutes) for node in ("ran-1", "ran-2", "edge")] == [
        [],
        [RemoveRoutes(7, 3, [1], 1)],
        [RemoveRoutes(7, 3, [1], 1)],
    ]
    world.done(2, 2, instance=3)
    world.outcome(instance=3)
    assert [world.fpf[node].of(RemoveRoutes)[-1] for node in world.fpf] == [RemoveRoutes(7, 3, attempt=1)] * 3
    world.assert_cleared("ran-1", "ran-2", "edge", cause=Cause.NORMAL)


@pytest.mark.parametrize("failing", ["ran-1", "edge"])
def test_a_node_that_lays_no_routes(world: World, failing: str) -> None:
    """Its terminals are left out; without the server's own node nothing goes on."""
    world.access_manager.answers[InviteClients] = lambda request: ClientsInvited(
        [ClientAccepted(seat, 50, 9, node=node) for seat, node in enumerate(("ran-1", "ran-2", "edge"))]
    )
    world.fpf[failing].answers[InstallRoutes] = ProcedureError(Cause.TIMEOUT, "gone")
    world.execute(ServerAssignment(GLOBAL, [0, 1, 2]))
    if failing == "edge":
        assert [end.cause for end in world.ended()] == [Cause.TIMEOUT]
    else:
        assert world.turns() == [[(1, 1)]]


def test_what_is_late_of_an_attempt_says_nothing_of_the_next(world: World) -> None:
    """Its turns may have been taken back with it."""
    world.advance(5)
    world.execute(sequential=False)
    (attempt,) = {request.attempt for request in world.fpf["ran-1"].of(InviteInstance)}
    late = attempt - 1
    for seat in range(3):
        world.fpf["ran-1"].tell(names.ROUTINE_MANAGER, TurnsDone(7, 1, True, [(seat, seat, Cause.NORMAL)], late))
    assert not world.fpf["ran-1"].of(FinishExecution)
    world.fpf["ran-1"].tell(names.ROUTINE_MANAGER, ExecutionOutcome(7, 1, False, False, Cause.PEER_LOST, late))
    assert not world.ended() and world.drops() == ["nobody waits for it"] * 4
    done = TurnsDone(7, 1, True, [(seat, seat, Cause.NORMAL) for seat in range(3)], attempt)
    world.fpf["ran-1"].tell(names.ROUTINE_MANAGER, done)
    world.fpf["ran-1"].tell(names.ROUTINE_MANAGER, ExecutionOutcome(7, 1, False, False, Cause.NORMAL, late))
    assert not world.ended()
    world.fpf["ran-1"].tell(names.ROUTINE_MANAGER, ExecutionOutcome(7, 1, False, False, Cause.NORMAL, attempt))
    assert world.ended() == [RoutineFinished(7, Cause.NORMAL)]


# --- Several routine managers


def test_each_execution_is_told_to_the_routine_manager_that_runs_it(world: World) -> None:
    """R34, R48: whom to answer to is said in the invitation, of servers and clients alike."""
    second, _ = names.routine_managers(3)[1:]
    assert second == "routine-manager-2"
    RoutineManager(world.entity(second))
    world.fpf["ran-1"].answers[StartTurns] = Done()
    request = ExecuteRoutine(8, 1, names.TASK_MANAGER, "r", "f", {}, 0, 1, False, 1, [ServerAssignment(SERVER_1, [0])])
    world.accepted[1] = [0]
    world.call(second, request)
    assert world.fpf["ran-1"].of(InviteInstance)[-1].routine_manager == second
    assert world.access_manager.of(InviteClients)[-1].routine_manager == second
    world.fpf["ran-1"].tell(second, TurnsDone(8, 1, True, [(0, 0, Cause.NORMAL)]))
    world.fpf["ran-1"].tell(second, ExecutionOutcome(8, 1, False, True, Cause.NORMAL))
    assert world.ended() == [RoutineFinished(8, Cause.NORMAL, stop=True)]
    assert not world.manager.executions
