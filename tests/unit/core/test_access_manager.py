"""Access manager: consent, sessions, seats, invitations, turns (R56-R62, R66, R72, R80, R96, R97, R106)."""

from __future__ import annotations

from typing import Any

import pytest
from access_world import SUBSCRIBERS, World
from core_bench import FakeRanNode, cause, consent
from hypothesis import given
from hypothesis import strategies as st

from net4ai.codecs import n2, nas
from net4ai.codecs.bus import (
    ClientsInvited,
    CompleteClients,
    WithdrawJob,
)
from net4ai.codecs.causes import Cause
from net4ai.codecs.derivation import derive
from net4ai.core import names
from net4ai.core.job_offers import OFFERS_PER_MESSAGE


@pytest.fixture
def world() -> World:
    return World()


# --- Offers and consent


def test_a_job_is_offered_to_terminals_present_and_coming(world: World) -> None:
    world.ran.register(1, SUBSCRIBERS[0])
    world.offer(purpose="x")
    world.ran.register(2, SUBSCRIBERS[1])
    for context in (1, 2):
        (offers,) = [message for message in world.ran.to(context) if isinstance(message, nas.JobList)]
        assert offers.jobs == (nas.JobOffer(job=1, service="s", purpose="x", k=2, raw_data=True),)


def test_long_and_foreign_texts_are_clipped_to_whole_characters(world: World) -> None:
    world.ran.register(1, SUBSCRIBERS[0])
    world.offer(service="é" * 60, purpose="测" * 100)
    (offer,) = world.ran.to(1)[-1].jobs  # type: ignore[attr-defined]
    assert (offer.service, offer.purpose) == ("é" * 32, "测" * 66)


def test_many_offers_go_in_several_messages(world: World) -> None:
    for job in range(1, OFFERS_PER_MESSAGE + 3):
        world.offer(job)
    world.ran.register(1, SUBSCRIBERS[0])
    lists = [message for message in world.ran.to(1) if isinstance(message, nas.JobList)]
    assert [len(message.jobs) for message in lists] == [OFFERS_PER_MESSAGE, 2]


def test_consent_is_given_and_withdrawn(world: World) -> None:
    world.offer()
    world.ran.register(1, SUBSCRIBERS[0])
    world.ran.say_nas(1, consent(k=2))
    given = world.manager.consents.of(SUBSCRIBERS[0], 1)
    assert given is not None and given.privacy.k == 2
    world.ran.say_nas(1, consent(given=False))
    assert world.manager.consents.of(SUBSCRIBERS[0], 1) is None
    assert world.manager.consents.answered(SUBSCRIBERS[0], 1)


def test_consent_to_an_unknown_job_counts_for_nothing(world: World) -> None:
    world.ran.register(1, SUBSCRIBERS[0])
    world.ran.say_nas(1, consent(job=9))
    assert world.drops() == ["consent to unknown job"]
    assert not world.manager.consents.jobs_of(SUBSCRIBERS[0])
    assert not world.states("consent")


def test_with_its_job_consent_ends(world: World) -> None:
    world.offer()
    world.join(1, 2)
    world.call(names.ACCESS_MANAGER, WithdrawJob(job=1))
    assert not world.manager.offers.offers
    assert not any(world.manager.consents.jobs_of(subscriber) for subscriber in SUBSCRIBERS)


# --- Computing requests


def test_a_computing_request_gets_a_session(world: World) -> None:
    world.offer()
    world.join(1, session=5)
    assert world.ran.to(1)[-1] == nas.ComputingAccept(transaction=1, session=5)
    assert world.manager.registered[SUBSCRIBERS[0]].sessions == {1: 5}


def test_a_repeated_request_is_answered_and_set_up_once(world: World) -> None:
    world.offer()
    world.join(1, session=5)
    world.ran.say_nas(1, nas.ComputingRequest(transaction=77, job=1))
    assert world.ran.to(1)[-1] == nas.ComputingAccept(transaction=77, session=5)
    assert not [message for message in world.ran.sent if isinstance(message, n2.SessionSetupRequest)]


def test_a_request_under_way_is_not_begun_again(world: World) -> None:
    world.offer()
    world.ran.register(1, SUBSCRIBERS[0])
    world.ran.say_nas(1, consent())
    for _ in range(2):
        world.ran.say_nas(1, nas.ComputingRequest(transaction=1, job=1))
    assert len([message for message in world.ran.sent if isinstance(message, n2.SessionSetupRequest)]) == 1
    assert world.drops() == ["request under way"]


def test_after_a_refusal_the_same_transaction_can_be_used_again(world: World) -> None:
    world.ran.register(1, SUBSCRIBERS[0])
    world.ran.say_nas(1, nas.ComputingRequest(transaction=1, job=1))
    assert world.ran.to(1)[-1] == nas.ComputingReject(transaction=1, cause=Cause.UNKNOWN_JOB)
    world.offer()
    world.ran.say_nas(1, nas.ComputingRequest(transaction=1, job=1))
    assert world.ran.to(1)[-1] == nas.ComputingReject(transaction=1, cause=Cause.NO_CONSENT)
    world.join(1)
    assert world.ran.to(1)[-1] == nas.ComputingAccept(transaction=1, session=0)
    assert not world.manager.registered[SUBSCRIBERS[0]].requests


@pytest.mark.parametrize("expected", [Cause.NO_RESOURCES, Cause.QOS_FLOW_NOT_CONFIGURED, Cause.INVALID_CONFIGURATION])
def test_what_the_ran_node_refuses_reaches_the_terminal(world: World, expected: Cause) -> None:
    world.offer()
    world.ran.register(1, SUBSCRIBERS[0])
    world.ran.say_nas(1, consent())
    world.ran.say_nas(1, nas.ComputingRequest(transaction=1, job=1))
    request = world.ran.sent[-1]
    assert isinstance(request, n2.SessionSetupRequest)
    world.ran.say(n2.SessionSetupFailure(ran_ue=1, transaction=request.transaction, cause=expected))
    assert world.ran.to(1)[-1] == nas.ComputingReject(transaction=1, cause=expected)
    assert not world.manager.registered[SUBSCRIBERS[0]].sessions


def test_a_ran_node_that_stays_silent_is_a_timeout(world: World) -> None:
    world.offer()
    world.ran.register(1, SUBSCRIBERS[0])
    world.ran.say_nas(1, consent())
    world.ran.say_nas(1, nas.ComputingRequest(transaction=1, job=1))
    world.advance(12)
    assert world.ran.to(1)[-1] == nas.ComputingReject(transaction=1, cause=Cause.TIMEOUT)


def test_a_lost_terminal_ends_its_request_and_is_told_nothing(world: World) -> None:
    world.offer()
    world.ran.register(1, SUBSCRIBERS[0])
    world.ran.say_nas(1, consent())
    world.ran.say_nas(1, nas.ComputingRequest(transaction=1, job=1))
    world.ran.say(n2.ContextReleaseRequest(ran_ue=1, cause=0))
    assert not world.under_way()
    assert not [m for m in world.ran.to(1) if isinstance(m, nas.ComputingReject)]


# --- Selection


def test_fewer_than_k_and_nobody_is_seated(world: World) -> None:
    world.offer(k=3)
    world.join(1, 2)
    (seats,) = world.select(k=3).servers
    assert (seats.available, seats.seats) == (2, [])
    assert not world.manager.seats.seatings


def test_one_server_below_k_and_no_server_gets_seats(world: World) -> None:
    other = FakeRanNode(world, world.manager, "ran-2")
    world.offer()
    world.join(1, 2, 3)
    world.join(4, ran=other)
    answer = world.select(1, 2, "ran-1", "ran-2")
    assert [(seats.available, seats.seats) for seats in answer.servers] == [(3, []), (1, [])]
    world.join(5, ran=other)
    answer = world.select(1, 2, "ran-1", "ran-2")
    assert [(seats.instance, seats.seats) for seats in answer.servers] == [(100, [0, 1, 2]), (101, [0, 1])]
    assert set(world.contexts(1, 101)) == {4, 5}


def test_servers_of_one_node_share_its_terminals(world: World) -> None:
    world.offer()
    world.join(1, 2, 3, 4, 5)
    answer = world.select(1, 2, "ran-1", "ran-1")
    assert [seats.available for seats in answer.servers] == [3, 2]
    assert not set(world.seats(1, 100)) & set(world.seats(1, 101))
    assert world.select(2, 3, "ran-1", "ran-1").servers[0].seats == []


def test_only_the_willing_are_seated(world: World) -> None:
    world.offer()
    world.join(1, 2)
    world.join(3, raw_data=True)
    world.join(4, raw_data=True, k=5)
    world.ran.register(5, SUBSCRIBERS[4])  # no consent
    world.ran.register(6, SUBSCRIBERS[5])
    world.ran.say_nas(6, consent())  # no session
    assert world.select(1, 1).servers[0].available == 3
    assert set(world.contexts(1)) == {1, 2, 3}
    world.select(2, 5)
    assert world.select(2, 5).servers[0].available == 4  # among five, 4 takes part too
    world.select(3, 1, raw_data=True)
    assert world.contexts(3) == [3]
    world.ran.say_nas(1, consent(given=False))
    assert world.select(4, 1).servers[0].available == 2


def test_pending_is_who_may_still_come(world: World) -> None:
    """Not asked again, but not there yet either; nobody is seated meanwhile where the rest is to be gathered."""
    world.offer()
    world.join(1, 2)
    world.ran.register(3, SUBSCRIBERS[2])
    world.ran.register(4, SUBSCRIBERS[3])
    world.ran.say_nas(4, consent())
    world.ran.register(5, SUBSCRIBERS[4])
    world.ran.say_nas(5, consent(k=9))  # not among two
    FakeRanNode(world, world.manager, "ran-2").register(6, SUBSCRIBERS[5])  # not at a wished node
    answer = world.select(1, 2, gather=True)
    assert (answer.pending, answer.servers[0].available, answer.servers[0].seats) == (2, 2, [])
    assert not world.manager.seats.seatings
    assert world.select(1, 2).servers[0].seats == [0, 1]
    world.ran.say_nas(3, consent(given=False))
    world.join(4)
    answer = world.select(2, 2, gather=True)
    assert (answer.pending, answer.servers[0].seats) == (0, [0, 1, 2])


def test_a_session_of_another_job_does_not_count(world: World) -> None:
    world.offer(1)
    world.offer(2)
    world.join(1, 2, job=2)
    assert world.select(1, 1, job=1).servers[0].available == 0
    assert world.select(1, 1, job=2).servers[0].available == 2


@given(st.integers(0, 2**63 - 1), st.integers(1, 2**32 - 1), st.permutations(range(1, 7)))
def test_seats_follow_from_seed_execution_and_subscriber_alone(seed: int, execution: int, order: list[int]) -> None:
    world = World(seed)
    world.offer()
    world.join(*order)
    world.select(execution)
    expected = sorted(SUBSCRIBERS[:6], key=lambda subscriber: derive(seed, "seat", execution, subscriber))
    assert world.seats(execution) == expected


def test_seats_differ_between_executions(world: World) -> None:
    world.offer()
    world.join(*range(1, 9))
    orders = set()
    for execution in range(1, 6):
        world.select(execution)
        orders.add(tuple(world.seats(execution)))
    assert len(orders) == 5


# --- Invitations


def invited(world: World, contexts: int = 4) -> Any:
    world.offer()
    world.join(*range(1, contexts + 1), session=3)
    world.select()
    return world.start_call(names.ACCESS_MANAGER, world.invitation(seats=contexts))


def test_all_are_invited_at_once_with_their_seat(world: World) -> None:
    invited(world)
    for seat, context in enumerate(world.contexts()):
        assert world.ran.to(context)[-1] == nas.RoutineInvite(
            execution=1,
            session=3,
            function="data-source",
            routine="bottom",
            round=3,
            cut=1,
            seat=seat,
            sequential=True,
            settings=b'{"a":1}',
            key=b"server's",
        )


def test_who_declines_or_stays_silent_is_left_out(world: World) -> None:
    call = invited(world)
    a, b, c, d = world.contexts()
    world.ran.say_nas(a, nas.RoutineAccept(execution=1, key=b"a's"))
    world.ran.say_nas(b, nas.RoutineReject(execution=1, cause=Cause.DECLINED))
    world.ran.say_nas(d, nas.RoutineAccept(execution=1, key=b"d's"))
    assert not call.done
    world.advance(60)
    answer = call.result()
    assert isinstance(answer, ClientsInvited)
    assert [(x.seat, x.context, x.session, x.key) for x in answer.accepted] == [(0, a, 3, b"a's"), (3, d, 3, b"d's")]
    world.ran.say_nas(c, nas.RoutineAccept(execution=1, key=b""))
    assert world.drops() == ["answer to no invitation"]


def test_who_has_gone_is_not_waited_for(world: World) -> None:
    world.offer()
    world.join(1, 2)
    world.select()
    first, second = world.contexts()
    world.ran.say(n2.ContextReleaseRequest(ran_ue=first, cause=0))
    call = world.start_call(names.ACCESS_MANAGER, world.invitation(seats=2))
    world.ran.say(n2.ContextReleaseRequest(ran_ue=second, cause=0))
    assert call.result().accepted == []
    assert world.procedures.now == 0


def test_each_job_has_its_own_session(world: World) -> None:
    world.offer(1)
    world.offer(2)
    world.join(1, 2, job=1, session=4)
    world.join(1, 2, job=2, session=9)
    world.select(job=2)
    world.start_call(names.ACCESS_MANAGER, world.invitation(seats=2))
    assert world.ran.to(1)[-1].session == 9  # type: ignore[attr-defined]


def test_without_seats_there_is_no_invitation(world: World) -> None:
    assert cause(world.call(names.ACCESS_MANAGER, world.invitation())) is Cause.INVALID_CONFIGURATION


# --- Turns


def started(world: World) -> list[int]:
    world.offer()
    world.join(1, 2, 3)
    world.select()
    world.start((0, 5), (1, 6), (2, 7))
    return world.contexts()


def test_a_turn_begins_and_its_end_is_told_with_the_seat(world: World) -> None:
    a, b, _ = started(world)
    assert world.ran.to(b)[-1] == nas.RoutineStart(execution=1, turn=6, repetition=0)
    world.ran.say_nas(b, nas.RoutineDone(execution=1, turn=6, cause=Cause.FUNCTION_FAILED))
    world.ran.say_nas(a, nas.RoutineDone(execution=1, turn=5, cause=Cause.NORMAL))
    assert world.ends() == [(1, 6, Cause.FUNCTION_FAILED)]  # what is committed the server says


@pytest.mark.parametrize(("execution", "turn"), [(1, 6), (1, 99), (2, 5)])
def test_nobody_ends_a_turn_but_their_own(world: World, execution: int, turn: int) -> None:
    a, *_ = started(world)
    world.ran.say_nas(a, nas.RoutineDone(execution=execution, turn=turn, cause=Cause.FUNCTION_FAILED))
    assert world.drops() == ["end of an unknown turn"]
    assert world.ends() == []


def test_a_turn_ends_once(world: World) -> None:
    a, *_ = started(world)
    for _ in range(2):
        world.ran.say_nas(a, nas.RoutineDone(execution=1, turn=5, cause=Cause.FUNCTION_FAILED))
    assert world.drops() == ["end of an unknown turn"]
    assert len(world.ends()) == 1


def test_the_turn_of_a_lost_terminal_ends_at_once(world: World) -> None:
    a, b, _ = started(world)
    world.ran.say_nas(b, nas.RoutineDone(execution=1, turn=6, cause=Cause.NORMAL))
    for context in (a, b):
        world.ran.say(n2.ContextReleaseRequest(ran_ue=context, cause=0))
    assert world.ends() == [(0, 5, Cause.PEER_LOST)]
    world.start((0, 8))
    assert world.ends()[-1] == (0, 8, Cause.PEER_LOST)


def test_who_registers_again_has_no_seat(world: World) -> None:
    a, *_ = started(world)
    world.ran.register(50, SUBSCRIBERS[a - 1])
    assert world.ends() == [(0, 5, Cause.PEER_LOST)]
    world.ran.say_nas(50, nas.RoutineDone(execution=1, turn=5, cause=Cause.NORMAL))
    assert world.drops() == ["end of an unknown turn"]
    world.call(names.ACCESS_MANAGER, CompleteClients(execution=1, instance=100, seats=[], cause=Cause.NORMAL))
    for context in (a, 50):
        assert not [message for message in world.ran.to(context) if isinstance(message, nas.RoutineComplete)]
    assert world.drops() == ["end of an unknown turn"]


# --- The end


def test_at_the_end_seats_are_forgotten_and_terminals_told(world: World) -> None:
    contexts = started(world)
    world.call(names.ACCESS_MANAGER, CompleteClients(execution=1, instance=100, seats=[], cause=Cause.NORMAL))
    for context in contexts:
        assert world.ran.to(context)[-1] == nas.RoutineComplete(execution=1, cause=Cause.NORMAL)
    assert not world.manager.seats.seatings
    assert not any(terminal.places for terminal in world.manager.registered.values())


def test_seats_nobody_took_back_go_with_their_job(world: World) -> None:
    world.offer(2)
    world.join(1, 2, job=2)
    world.select(2, job=2)
    contexts = started(world)
    world.call(names.ACCESS_MANAGER, WithdrawJob(job=1))
    assert list(world.manager.seats.seatings) == [(2, 100)]
    for context in contexts:
        assert world.ran.to(context)[-1] == nas.RoutineComplete(execution=1, cause=Cause.CANCELLED)


# --- Anonymity


def test_nothing_that_identifies_a_terminal_reaches_the_bus(world: World) -> None:
    call = invited(world)
    for context in world.contexts():
        world.ran.say_nas(context, nas.RoutineAccept(execution=1, key=b""))
    assert len(call.result().accepted) == 4
    world.start((0, 0), (1, 1))
    a, b, *_ = world.contexts()
    world.ran.say_nas(a, nas.RoutineDone(execution=1, turn=0, cause=Cause.NORMAL))
    world.ran.say(n2.ContextReleaseRequest(ran_ue=b, cause=0))
    world.call(names.ACCESS_MANAGER, CompleteClients(execution=1, instance=100, seats=[], cause=Cause.NORMAL))
    assert cause(world.call(names.ACCESS_MANAGER, world.invitation(2))) is Cause.INVALID_CONFIGURATION
    world.advance(1)
    seen = world.on_the_bus()
    assert b"ClientsDone" in seen
    assert b"ConsentCount" in seen
    assert b"ClientsInvited" in seen
    for subscriber in SUBSCRIBERS:
        assert subscriber.encode() not in seen
    assert b"imsi" not in seen
    assert str(0xABCD).encode() not in seen
