"""Seats at servers of several nodes, kept for a resumption, told of in batches, and what the store has of them."""

from __future__ import annotations

from typing import Any

import pytest
from access_world import SUBSCRIBERS, World
from core_bench import FakeRanNode, cause, consent
from hypothesis import given
from hypothesis import strategies as st

from net4ai.codecs import n2, nas
from net4ai.codecs.bus import ClientsDone
from net4ai.codecs.causes import Cause
from net4ai.core import names
from net4ai.core.seats import ENDS_PER_MESSAGE
from net4ai.core.store import RUNNING, JobRow, SeatingRow


@pytest.fixture
def world() -> World:
    return World()


def job(world: World, number: int = 1) -> None:
    world.store.put(JobRow(job=number, service=1, name="j", k=1, cut=1, state=RUNNING))


def lose(ran: FakeRanNode, *contexts: int) -> None:
    for context in contexts:
        ran.say(n2.ContextReleaseRequest(ran_ue=context, cause=Cause.RADIO_LINK_FAILURE))


# --- Servers with terminals of several nodes


def test_a_server_can_have_terminals_of_other_nodes(world: World) -> None:
    """R56: the edge has none of its own. Each is told of with its RAN node, where its route begins."""
    other = FakeRanNode(world, world.manager, "ran-2")
    world.offer()
    world.join(1, 2)
    world.join(3, 4, ran=other)
    answer = world.select(1, 4, "edge,ran-1,ran-2")
    assert answer.servers[0].seats == [0, 1, 2, 3]
    assert set(world.contexts()) == {1, 2, 3, 4}
    call = world.start_call(names.ACCESS_MANAGER, world.invitation())
    for ran, contexts in ((world.ran, (1, 2)), (other, (3, 4))):
        for context in contexts:
            ran.say_nas(context, nas.RoutineAccept(execution=1, key=b""))
    accepted = call.result().accepted
    assert {(client.context, client.node) for client in accepted} == {
        (1, "ran-1"), (2, "ran-1"), (3, "ran-2"), (4, "ran-2"),
    }  # fmt: skip


def test_nodes_shared_by_servers_leave_each_its_k(world: World) -> None:
    """R83, R84: who has a choice goes where it is needed."""
    other = FakeRanNode(world, world.manager, "ran-2")
    world.offer()
    world.join(1, 2, 3)
    world.join(4, ran=other)
    answer = world.select(1, 2, "ran-1,ran-2", "ran-1")
    assert [seats.available for seats in answer.servers] == [2, 2]
    assert 4 in world.contexts(1, 100)
    assert world.select(2, 3, "ran-1,ran-2", "ran-1").servers[0].seats == []


def test_terminals_elsewhere_are_neither_chosen_nor_awaited(world: World) -> None:
    FakeRanNode(world, world.manager, "ran-2").register(5, SUBSCRIBERS[4])
    world.offer()
    world.join(1, 2)
    answer = world.select()
    assert (answer.servers[0].available, answer.pending) == (2, 0)


# --- An execution is resumed


def kept(world: World, *contexts: int) -> list[int]:
    """An execution was under way and is broken off; who had which seat, by context."""
    world.offer()
    world.join(*contexts)
    world.select()
    seats = world.contexts()
    world.complete(keep=True, cause=Cause.TOO_FEW_CLIENTS)
    return seats


def test_the_same_terminals_have_the_same_seats_again(world: World) -> None:
    seats = kept(world, 1, 2, 3, 4)
    assert all(world.ran.to(context)[-1] == nas.RoutineComplete(execution=1, cause=22) for context in seats)
    answer = world.select(resume=True)
    assert answer.servers[0].seats == [0, 1, 2, 3]
    assert answer.servers[0].given == 4
    assert world.contexts() == seats
    world.start((2, 7))
    assert world.ran.to(seats[2])[-1] == nas.RoutineStart(execution=1, turn=7, repetition=0)


def test_who_is_away_keeps_its_seat_and_is_awaited(world: World) -> None:
    seats = kept(world, 1, 2, 3)
    lose(world.ran, seats[1])
    answer = world.select(resume=True, gather=True)
    assert (answer.pending, answer.servers[0].available, answer.servers[0].seats) == (1, 2, [])
    answer = world.select(resume=True)
    assert (answer.servers[0].seats, answer.servers[0].given) == ([0, 2], 3)
    world.complete(keep=True)
    world.join(seats[1])
    answer = world.select(resume=True, gather=True)
    assert (answer.pending, answer.servers[0].seats) == (0, [0, 1, 2])
    assert world.contexts() == seats


def test_nobody_new_gets_a_seat_of_an_execution_under_way(world: World) -> None:
    seats = kept(world, 1, 2)
    lose(world.ran, seats[0])
    world.join(3, 4)
    answer = world.select(k=1, resume=True)
    assert answer.servers[0].seats == [1]


def test_below_k_an_execution_is_not_resumed(world: World) -> None:
    """R57, R85."""
    seats = kept(world, 1, 2, 3)
    lose(world.ran, *seats[:2])
    answer = world.select(resume=True)
    assert (answer.servers[0].available, answer.servers[0].seats) == (1, [])
    assert not world.manager.registered[SUBSCRIBERS[seats[2] - 1]].places


def test_who_is_at_another_node_now_has_its_seat_all_the_same(world: World) -> None:
    """It may have been handed over; its route is laid from there."""
    seats = kept(world, 1, 2, 3)
    other = FakeRanNode(world, world.manager, "ran-2")
    world.join(seats[0], ran=other)
    answer = world.select(resume=True)
    assert (answer.pending, answer.servers[0].seats) == (0, [0, 1, 2])


def test_without_seats_there_is_nothing_to_resume(world: World) -> None:
    world.offer()
    world.join(1, 2)
    assert cause(world.select(resume=True)) is Cause.INVALID_CONFIGURATION
    world.select()
    world.complete()
    assert cause(world.select(resume=True)) is Cause.INVALID_CONFIGURATION


def test_seats_outlive_the_core(world: World) -> None:
    job(world)
    world.offer()
    world.join(1, 2, 3)
    world.select()
    seats = world.contexts()
    after = World(after=world)
    after.offer()
    assert (after.select(resume=True).pending, after.contexts()) == (3, seats)
    after.join(*seats)
    assert after.select(resume=True).servers[0].seats == [0, 1, 2]
    assert after.contexts() == seats
    after.complete()
    assert not list(after.store.all(SeatingRow))


def test_seats_go_from_the_store_with_execution_and_job(world: World) -> None:
    job(world, 1)
    world.offer(1)
    world.offer(2)
    for number in (1, 2):
        world.join(1, 2, job=number, session=number)
        world.select(number, job=number)
    world.select(3)
    assert [(row.execution, row.job) for row in world.store.all(SeatingRow)] == [(1, 1), (2, 2), (3, 1)]
    world.complete(1)
    world.complete(3, keep=True)
    assert list(World(after=world).manager.seats.seatings) == [(3, 100)]  # job 2 is not known any more
    world.withdraw_job(1)
    assert not list(world.store.all(SeatingRow))


def test_seats_that_cannot_be_stored_are_not_given(world: World) -> None:
    world.offer()
    world.join(1, 2)
    world.store.full = True
    assert cause(world.select()) is Cause.NO_RESOURCES
    assert not world.manager.seats.seatings
    assert not world.states("seat given")
    world.store.full = False
    assert world.select().servers[0].seats == [0, 1]


# --- Several executions and routine managers


def test_the_qos_flow_of_the_routine_reaches_the_terminal(world: World) -> None:
    world.offer()
    world.join(1, 2)
    world.select()
    invitation = world.invitation()
    invitation.qfi = 2
    world.start_call(names.ACCESS_MANAGER, invitation)
    assert world.ran.to(1)[-1].qfi == 2


def test_ends_of_turns_go_to_whoever_has_invited(world: World) -> None:
    other = world.scripted("routine-manager.2")
    world.offer()
    world.join(1, 2)
    for execution, routine_manager in ((1, names.ROUTINE_MANAGER), (2, "routine-manager.2")):
        world.select(execution)
        invitation = world.invitation(execution)
        invitation.routine_manager = routine_manager
        world.start_call(names.ACCESS_MANAGER, invitation)
        world.start((0, 5), execution=execution)
    for execution in (1, 2):
        context = world.contexts(execution)[0]
        world.ran.say_nas(context, nas.RoutineDone(execution=execution, turn=5, cause=Cause.FUNCTION_FAILED))
    world.advance(0)
    end = [(0, 5, Cause.FUNCTION_FAILED)]
    assert world.routine_manager.of(ClientsDone) == [ClientsDone(execution=1, instance=100, turns=end)]
    assert other.of(ClientsDone) == [ClientsDone(execution=2, instance=100, turns=end)]


def test_with_a_ran_node_all_its_turns_end_in_one_message(world: World) -> None:
    world.offer()
    world.join(*range(1, 9))
    world.select()
    world.start(*((seat, 10 + seat) for seat in range(8)))
    world.ran.association.closed(0)
    world.advance(0)
    (event,) = world.routine_manager.of(ClientsDone)
    assert sorted(event.turns) == [(seat, 10 + seat, Cause.PEER_LOST) for seat in range(8)]
    assert not world.under_way()


def test_more_ends_than_a_message_holds(world: World) -> None:
    world.offer()
    world.join(1)
    world.select(k=1)
    place = world.manager.seats.seatings[1, 100].places[0]
    for turn in range(ENDS_PER_MESSAGE + 1):
        place.turn = turn
        world.manager.seats.turn_ended(1, place, Cause.PEER_LOST)
    world.advance(0)
    events = world.routine_manager.of(ClientsDone)
    assert [len(event.turns) for event in events] == [ENDS_PER_MESSAGE, 1]


# --- k, whatever happens

STEPS = st.lists(
    st.tuples(st.sampled_from(["join", "lose", "withdraw", "select", "resume", "keep", "complete"]), st.integers(1, 5)),
    max_size=25,
)


@given(STEPS, st.integers(1, 3))
def test_k_terminals_or_none_and_a_seat_has_one_owner(steps: list[tuple[str, int]], k: int) -> None:
    """R57, R61, R83-R85: whoever is seated consents, has a session and is among k; seats never change their owner."""
    world = World()
    world.offer()
    world.join(1, 2, 3, 4, 5)
    there = {1, 2, 3, 4, 5}
    owners: dict[int, str] = {}
    under_way = False
    for step, context in steps:
        if step == "join":
            world.join(context)
            there.add(context)
        elif step == "lose" and context in there:
            lose(world.ran, context)
            there.discard(context)
        elif step == "withdraw" and context in there:
            world.ran.say_nas(context, consent(given=False))
            world.ran.accept_releases()
            there.discard(context)
        elif step == "keep" and under_way:
            world.complete(keep=True)
        elif step == "complete":
            world.complete()
            owners, under_way = {}, False
        elif (step == "select" and not under_way) or (step == "resume" and under_way):
            answer: Any = world.select(1, k, resume=under_way)
            seats = answer.servers[0].seats
            assert not seats or len(seats) >= k
            if seats:
                now = dict(enumerate(world.seats()))
                assert not owners or now == owners
                owners, under_way = now, True
                assert {SUBSCRIBERS.index(now[seat]) + 1 for seat in seats} <= there
