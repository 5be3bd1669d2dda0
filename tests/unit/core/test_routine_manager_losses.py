"""Routine manager: executions broken off, resumed, ended by what is lost (R51, R67, R80)."""

from __future__ import annotations

from typing import Any

import pytest
from routine_bench import GLOBAL, SERVER_1, SERVER_2, World, both

from net4ai.codecs.bus import (
    BeginExecution,
    ClientsDone,
    CompleteClients,
    ExecutionOutcome,
    FinishExecution,
    InstallRoutes,
    Instance,
    InstanceLost,
    InviteClients,
    InviteInstance,
    RemoveRoutes,
    RoutineFinished,
    RoutineProgress,
    ServerAssignment,
    StartTurns,
    StopJob,
)
from net4ai.codecs.causes import Cause
from net4ai.core import execution as execution_module
from net4ai.core import names
from net4ai.stack.procedure import ProcedureError


@pytest.fixture
def world() -> World:
    return World()


# --- Resumed


@pytest.mark.parametrize(
    ("here", "next_turn", "turns"),
    [
        ([0, 1, 2], 0, [(0, 0), (1, 1), (2, 2)]),  # nothing was committed
        ([0, 1, 2], 2, [(2, 2)]),  # two were
        ([1, 2], 0, [(1, 1), (2, 2)]),  # the first has not come back
        ([0, 2], 2, [(2, 2)]),
        ([0, 2], 1, [(2, 2)]),
        ([0, 1], 2, []),  # the last one missing had its chance
        ([0, 1, 2], 3, []),  # only the end was missing
        ([0, 1, 2], 5, [(2, 5)]),  # in the first repetition
        ([1, 2], 3 * 9 + 2, [(2, 3 * 9 + 2)]),  # in a late one
    ],
)
def test_committed_turns_are_not_repeated(
    world: World, here: list[int], next_turn: int, turns: list[tuple[int, int]]
) -> None:
    """Turns have the numbers they had, whoever is back; a seat whose turn is below is passed over."""
    given = 3
    world.accepted[1] = here
    world.execute(ServerAssignment(SERVER_1, here, given=given), k=1, next_turn=next_turn)
    told = [(ids["seat"], ids["turn"]) for ids in world.states("turn committed")]
    assert told == ([((next_turn - 1) % given, next_turn - 1)] if next_turn else []), "nobody may have heard of it"
    for seat, turn in turns:
        assert world.turns()[-1] == [(seat, turn)]
        world.done(seat, turn)
    assert [turn for started in world.turns() for turn in started] == turns
    repetition = max(0, next_turn - 1) // given
    assert world.fpf["ran-1"].of(FinishExecution) == [FinishExecution(7, 1, repetition)]
    world.outcome()
    assert world.ended() == [RoutineFinished(7, Cause.NORMAL, committed=len(turns))]


def test_who_was_left_out_is_tried_again_if_nothing_was_committed_after_it(world: World) -> None:
    world.execute(k=1)
    world.done(0, 0)
    world.done(1, 1, Cause.TIMEOUT)
    world.outcome(cause=Cause.PEER_LOST)  # in the turn of seat 2
    assert world.ended() == [RoutineFinished(7, Cause.PEER_LOST, detail="instance 1 failed", committed=1)]
    world.execute(next_turn=1)
    assert world.turns()[-1] == [(1, 1)]


def test_server_and_clients_are_invited_again(world: World) -> None:
    world.execute(next_turn=1)
    assert world.story[:4] == [
        "InviteInstance fpf/ran-1",
        "InviteClients access-manager",
        "InstallRoutes fpf/ran-1",
        "BeginExecution fpf/ran-1",
    ]
    assert world.states("execution resumed")


def test_a_concurrent_execution_begins_anew(world: World) -> None:
    """What counts as its progress is its end."""
    world.execute(sequential=False)
    world.done(0, 0)
    world.outcome(cause=Cause.PEER_LOST)
    assert world.ended()[0].committed == 0
    world.execute(sequential=False, next_turn=0)
    assert world.turns()[-1] == [(0, 0), (1, 1), (2, 2)]


def test_an_execution_under_way_is_not_begun_twice(world: World) -> None:
    world.execute()
    world.execute(next_turn=1)
    assert len(world.fpf["ran-1"].of(InviteInstance)) == 1


@pytest.mark.parametrize("cause", sorted(execution_module.RESUMABLE | {Cause.FUNCTION_FAILED, Cause.NORMAL}))
def test_seats_are_kept_as_long_as_the_execution_may_be_resumed(world: World, cause: Cause) -> None:
    world.execute(sequential=False)
    for seat in range(3):
        world.done(seat, seat)
    world.outcome(cause=cause)
    (complete,) = world.access_manager.of(CompleteClients)
    assert (complete.cause, complete.keep) == (cause, cause != Cause.FUNCTION_FAILED)


def test_seats_of_a_job_that_is_stopped_are_free(world: World) -> None:
    world.execute()
    world.call(names.ROUTINE_MANAGER, StopJob(1))
    assert [complete.keep for complete in world.access_manager.of(CompleteClients)] == [False]


# --- Lost instances and nodes: event by step


def silent(world: World) -> Any:
    return lambda request: world.procedures.promise("never", timeout=10**15)


STEPS: dict[str, type[Any] | None] = {
    "2 invite server": InviteInstance,
    "3 invite clients": InviteClients,
    "4 routes": InstallRoutes,
    "4 begin": BeginExecution,
    "5 start": StartTurns,
    "5 turn": None,
    "6 finish": FinishExecution,
}
"""What is not answered when it happens."""


def at_step(world: World, step: str) -> None:
    """Both servers are at a step of an execution."""
    waited_for = STEPS[step]
    if waited_for is InviteClients:
        world.access_manager.answers[InviteClients] = silent(world)
    elif waited_for is not None:
        world.fpf["ran-1"].answers[waited_for] = silent(world)
    world.execute(*both(), sequential=False)
    if step == "6 finish":
        for instance in (1, 2):
            for seat in range(3):
                world.done(seat, seat, instance=instance)


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize(
    ("event", "cause"),
    [
        (InstanceLost(1), Cause.PEER_LOST),
        (ExecutionOutcome(7, 1, False, False, Cause.PEER_LOST), Cause.PEER_LOST),
        (ExecutionOutcome(7, 1, False, False, Cause.FUNCTION_FAILED), Cause.FUNCTION_FAILED),
        (ExecutionOutcome(7, 2, False, False, Cause.FUNCTION_NOT_HERE), Cause.FUNCTION_NOT_HERE),
        (StopJob(1), Cause.CANCELLED),
    ],
    ids=["instance lost", "server lost", "server failed", "other server", "stopped"],
)
def test_an_event_at_any_step_ends_it_at_once(world: World, step: str, event: Any, cause: Cause) -> None:
    """R51, R80: nothing is waited for, and nothing of the execution is left."""
    at_step(world, step)
    assert not world.ended()
    world.task_manager.tell(names.ROUTINE_MANAGER, event)
    assert [end.cause for end in world.ended()] == [cause]
    world.assert_cleared("ran-1", "ran-2", cause=cause)


@pytest.mark.parametrize("event", [InstanceLost(9), ExecutionOutcome(7, 9, False, False, Cause.PEER_LOST)])
def test_the_loss_of_another_instance_changes_nothing(world: World, event: Any) -> None:
    world.execute()
    world.task_manager.tell(names.ROUTINE_MANAGER, event)
    assert not world.ended()


@pytest.mark.parametrize("step", ["2 invite client", "5 turn", "6 finish"])
@pytest.mark.parametrize("lost", [1, 2, 3])
def test_a_concrete_client_that_is_lost_ends_it_resumably(world: World, step: str, lost: int) -> None:
    """It comes back: the result does not depend on who was away for a moment."""
    if step == "2 invite client":
        world.fpf["ran-1"].answers[InviteInstance] = silent(world)
    world.execute(ServerAssignment(GLOBAL, [0, 1], [SERVER_1, SERVER_2]), sequential=False, k=1)
    if step == "6 finish":
        for seat in (0, 1):
            world.done(seat, seat, instance=3)
            world.done(seat, seat, instance=1 + seat, as_server=False)
    world.task_manager.tell(names.ROUTINE_MANAGER, InstanceLost(lost))
    assert [end.cause for end in world.ended()] == [Cause.PEER_LOST]
    world.assert_nothing_under_way()


@pytest.mark.parametrize("cause", sorted(execution_module.RESUMABLE))
def test_a_concrete_client_that_is_away_is_waited_for(world: World, cause: Cause) -> None:
    world.fpf["ran-1"].answers[InviteInstance] = ProcedureError(cause, "away")
    world.execute(ServerAssignment(GLOBAL, [0, 1], [SERVER_1, SERVER_2]), sequential=False, k=1)
    assert [(end.cause, end.detail) for end in world.ended()] == [(cause, "away")]


def test_a_server_that_is_not_there_any_more_ends_it_when_turns_start(world: World) -> None:
    """Not after the whole turn's time."""
    world.fpf["ran-1"].answers[StartTurns] = ProcedureError(Cause.FUNCTION_NOT_HERE, "instance 1 is not at ran-1")
    world.execute()
    assert [end.cause for end in world.ended()] == [Cause.FUNCTION_NOT_HERE]


def test_consent_withdrawn_leaves_the_seat_out_at_once(world: World) -> None:
    """R67."""
    world.execute(sequential=False)
    world.access_manager.tell(names.ROUTINE_MANAGER, ClientsDone(7, 1, [(1, 1, Cause.NO_CONSENT)]))
    assert world.task_manager.of(RoutineProgress)[-1].what == "seat 1 at ran-1 left out: NO_CONSENT"
    assert world.fpf["ran-1"].of(RemoveRoutes) == [RemoveRoutes(7, 1, [1], attempt=1)]


@pytest.mark.parametrize("known", [True, False])
def test_a_node_that_is_gone_is_not_waited_for_long(world: World, known: bool) -> None:
    """Known to be gone: not at all; else for the timer "clear", whatever number of servers it had."""
    world.execute(*both(), ServerAssignment(Instance(4, "local", "ran-1", "as-9"), [0]), sequential=False, k=1)
    for node in ("ran-1", "ran-2"):
        world.fpf[node].answers[RemoveRoutes] = silent(world)
    world.task_manager.tell(names.ROUTINE_MANAGER, InstanceLost(1))
    if known:
        world.task_manager.tell(names.ROUTINE_MANAGER, InstanceLost(2))
    world.advance(0)
    assert not world.ended()  # the other node is waited for: nobody said of it that it is gone in time
    world.advance(4.9)
    assert not world.ended()
    world.advance(0.2)
    assert [end.cause for end in world.ended()] == [Cause.PEER_LOST]
    world.advance(60)
    world.assert_nothing_under_way()
