"""Consent as something that lasts (R57, R58): withdrawn in mid-run (R67), counted (R4), kept, ended with its job."""

from __future__ import annotations

import pytest
from access_world import SUBSCRIBERS, World
from core_bench import FakeRanNode, cause, consent

from net4ai.codecs import n2, nas
from net4ai.codecs.bus import ClientsInvited, OfferJob
from net4ai.codecs.causes import Cause
from net4ai.codecs.common import QosProfile
from net4ai.codecs.service import Quality
from net4ai.core import names
from net4ai.core.job_offers import MAXIMUM_OFFERS, MAXIMUM_QUALITIES
from net4ai.core.set_up_session import COMPUTING_QOS
from net4ai.core.store import ENDED, RUNNING, ConsentRow, JobRow


@pytest.fixture
def world() -> World:
    return World()


def rows(world: World) -> list[tuple[str, int, bool]]:
    return [(row.subscriber, row.job, row.given) for row in world.store.all(ConsentRow)]


def job(world: World, number: int, state: str = RUNNING) -> None:
    world.store.put(JobRow(job=number, service=1, name="j", k=1, cut=1, state=state))


# --- Withdrawal (R67)


def seated(world: World, count: int = 3) -> list[int]:
    """Terminals sit, by context, at a server of job 1; the first also takes part in job 2."""
    world.offer(1)
    world.offer(2)
    world.join(*range(1, count + 1), session=1)
    world.join(1, job=2, session=2)
    world.select(1)
    world.select(2, 1, job=2)
    return world.contexts()


def test_withdrawal_ends_the_turn_the_session_and_the_seat_at_once(world: World) -> None:
    seated(world)
    seat = world.contexts().index(1)
    world.start((seat, 5))
    world.start((0, 9), execution=2)
    world.ran.say_nas(1, consent(given=False))
    assert world.ends() == [(seat, 5, Cause.NO_CONSENT)]
    (release,) = world.ran.of(n2.SessionReleaseCommand)
    assert (release.ran_ue, release.session, release.cause) == (1, 1, Cause.NO_CONSENT)
    assert world.states("consent withdrawn") == [{"ue": SUBSCRIBERS[0], "job": 1}]
    terminal = world.manager.registered[SUBSCRIBERS[0]]
    assert list(terminal.places) == [2] and terminal.sessions == {2: 2}
    world.start((seat, 6))  # by somebody who has not heard of it
    assert world.ends()[-1] == (seat, 6, Cause.NO_CONSENT)


def test_of_another_job_nothing_ends(world: World) -> None:
    seated(world)
    world.start((0, 9), execution=2)
    world.ran.say_nas(1, consent(given=False))
    world.ran.say_nas(1, nas.RoutineDone(execution=2, turn=9, cause=Cause.NORMAL))
    assert world.drops() == [] and world.ends() == []


def test_who_has_withdrawn_is_not_selected_again_nor_waited_for(world: World) -> None:
    seated(world)
    world.ran.say_nas(1, consent(given=False))
    world.ran.accept_releases()
    answer = world.select(3)
    assert (answer.servers[0].available, answer.pending) == (2, 0)
    world.complete(1, keep=True)
    answer = world.select(1, resume=True)
    assert (answer.servers[0].available, answer.pending) == (2, 0)
    assert 1 not in [world.contexts()[seat] for seat in answer.servers[0].seats]


def test_a_withdrawal_answers_the_invitation(world: World) -> None:
    seated(world)
    call = world.start_call(names.ACCESS_MANAGER, world.invitation())
    for context in (2, 3):
        world.ran.say_nas(context, nas.RoutineAccept(execution=1, key=b""))
    assert not call.done
    world.ran.say_nas(1, consent(given=False))
    answer = call.result()
    assert isinstance(answer, ClientsInvited) and len(answer.accepted) == 2
    assert world.procedures.now == 0


def test_consent_given_again_leads_to_a_new_session_once_the_old_one_is_released(world: World) -> None:
    seated(world)
    world.ran.say_nas(1, consent(given=False))
    world.ran.say_nas(1, consent())
    world.ran.say_nas(1, nas.ComputingRequest(transaction=1, job=1))
    assert not world.ran.of(n2.SessionSetupRequest)
    world.ran.accept_releases()
    world.ran.accept_sessions(7)
    assert world.ran.to(1)[-1] == nas.ComputingAccept(transaction=1, session=7)
    assert world.manager.registered[SUBSCRIBERS[0]].sessions == {1: 7, 2: 2}
    assert world.select(3).servers[0].available == 3
    assert not world.manager.registered[SUBSCRIBERS[0]].releasing


def test_withdrawal_before_the_session_is_there(world: World) -> None:
    world.offer()
    world.ran.register(1, SUBSCRIBERS[0])
    world.ran.say_nas(1, consent())
    world.ran.say_nas(1, nas.ComputingRequest(transaction=1, job=1))
    world.ran.say_nas(1, consent(given=False))
    world.ran.accept_sessions(3)
    assert world.ran.of(n2.SessionReleaseCommand)[0].session == 3
    world.ran.accept_releases()
    assert world.ran.to(1)[-1] == nas.ComputingReject(transaction=1, cause=Cause.NO_CONSENT)


def test_a_refusal_repeated_says_nothing_new(world: World) -> None:
    world.offer()
    world.ran.register(1, SUBSCRIBERS[0])
    for _ in range(2):
        world.ran.say_nas(1, consent(given=False))
    assert not world.states("consent withdrawn")
    assert not world.ran.of(n2.SessionReleaseCommand)


# --- Counts (R4)


def test_changes_are_counted_once_in_a_while(world: World) -> None:
    other = FakeRanNode(world, world.manager, "ran-2")
    world.offer()
    world.join(1, 2, 3)
    world.join(4, ran=other)
    assert world.counts() == []
    world.advance(0.2)
    assert world.counts() == [{"ran-1": 3, "ran-2": 1}]
    world.ran.say_nas(1, consent(given=False))
    world.ran.say_nas(1, consent())
    world.advance(1)
    assert world.counts()[1:] == []  # as many as before
    other.say(n2.ContextReleaseRequest(ran_ue=4, cause=0))
    world.ran.say_nas(1, consent(given=False))
    world.advance(0.2)
    assert world.counts()[1:] == [{"ran-1": 2}]


def test_a_terminal_is_counted_where_it_is_connected_idle_or_not(world: World) -> None:
    world.offer()
    world.join(1)
    ue = world.ran.idle(1)
    world.advance(1)
    other = FakeRanNode(world, world.manager, "ran-2")
    other.come_back(50, ue, world.manager.registered[SUBSCRIBERS[0]].temporary_identity)
    world.advance(1)
    assert world.counts() == [{"ran-1": 1}, {"ran-2": 1}]


def test_with_the_last_job_counting_ends(world: World) -> None:
    world.offer()
    world.join(1)
    world.withdraw_job()
    world.ran.accept_releases()
    assert not world.procedures.open
    world.advance(1)
    assert world.counts() == []


# --- The store


def test_consents_outlive_connection_and_core(world: World) -> None:
    """R58: who registers again need not be asked, and nobody is seated before there is a session again."""
    job(world, 1)
    world.offer()
    world.join(1, 2, k=2)
    world.ran.register(3, SUBSCRIBERS[2])
    world.ran.say_nas(3, consent(given=False))
    assert rows(world) == [(SUBSCRIBERS[0], 1, True), (SUBSCRIBERS[1], 1, True), (SUBSCRIBERS[2], 1, False)]
    world.ran.say(n2.ContextReleaseRequest(ran_ue=1, cause=Cause.RADIO_LINK_FAILURE))
    assert world.manager.consents.jobs_of(SUBSCRIBERS[0]) == [1]
    after = World(after=world)
    after.offer()
    for context in (1, 2, 3):
        after.ran.register(context, SUBSCRIBERS[context - 1])
    assert after.select(1).pending == 2
    after.ran.say_nas(1, nas.ComputingRequest(transaction=1, job=1))
    after.ran.accept_sessions()
    assert after.select(1, 2).servers[0].available == 1
    given = after.manager.consents.of(SUBSCRIBERS[0], 1)
    assert given is not None and given.privacy.k == 2


def test_of_jobs_that_are_over_nothing_is_recovered_or_kept(world: World) -> None:
    for number, state in ((1, RUNNING), (2, ENDED)):
        job(world, number, state)
    for number in (1, 2, 3):
        world.offer(number)
        world.join(1, job=number, session=number)
    after = World(after=world)
    assert after.manager.consents.jobs_of(SUBSCRIBERS[0]) == [1]
    assert rows(after) == [(SUBSCRIBERS[0], 1, True)]


def test_consents_end_with_their_job_and_with_the_registration(world: World) -> None:
    world.offer(1)
    world.offer(2)
    world.join(1, 2, job=1)
    world.join(1, job=2)
    world.withdraw_job(1)
    assert rows(world) == [(SUBSCRIBERS[0], 2, True)]
    world.ran.say_nas(1, nas.DeregistrationRequest(switch_off=True))
    assert rows(world) == []
    world.join(2, job=2)
    world.manager.deregister(SUBSCRIBERS[1])
    world.ran.say_nas(2, nas.NetworkDeregistrationAccept())
    assert rows(world) == []


def test_consent_that_is_not_stored_does_not_count(world: World) -> None:
    world.offer()
    world.ran.register(1, SUBSCRIBERS[0])
    world.store.full = True
    world.ran.say_nas(1, consent())
    assert world.ran.to(1)[-1] == nas.Status(cause=Cause.NO_RESOURCES, message_type=nas.Consent.CODE)
    assert not world.manager.consents.answered(SUBSCRIBERS[0], 1)
    assert world.drops() == ["not carried out"]
    world.store.full = False
    world.ran.say_nas(1, consent())
    assert world.manager.consents.jobs_of(SUBSCRIBERS[0]) == [1]


def test_withdrawal_counts_even_if_it_is_not_stored(world: World) -> None:
    world.offer()
    world.join(1)
    world.store.full = True
    world.ran.say_nas(1, consent(given=False))
    assert not world.manager.consents.jobs_of(SUBSCRIBERS[0])
    assert world.ran.of(n2.SessionReleaseCommand)
    assert len(world.states("not stored")) == 1
    world.withdraw_job()
    assert len(world.states("not stored")) == 2
    assert not world.manager.offers.offers


# --- Offers


def test_more_jobs_than_can_be_offered_are_refused(world: World) -> None:
    for number in range(1, MAXIMUM_OFFERS + 1):
        world.manager.offers.offer(OfferJob(job=number, service="s", purpose="p", k=1, raw_data=False))
    world.offer(MAXIMUM_OFFERS)  # again
    one_more = OfferJob(job=MAXIMUM_OFFERS + 1, service="s", purpose="p", k=1, raw_data=False)
    assert cause(world.call(names.ACCESS_MANAGER, one_more)) is Cause.NO_RESOURCES


def test_a_session_has_a_qos_flow_for_each_quality_of_its_job(world: World) -> None:
    """R102, R103: in order; without a wish the class for computing."""
    qualities = [Quality(five_qi=130, priority=7, bit_rate=500, bucket_ms=40), Quality(five_qi=200)]
    world.offer(1, qualities=qualities)
    world.offer(2)
    world.ran.register(1, SUBSCRIBERS[0])
    for number in (1, 2):
        world.ran.say_nas(1, consent(number))
        world.ran.say_nas(1, nas.ComputingRequest(transaction=number, job=number))
    assert [request.qos for request in world.ran.of(n2.SessionSetupRequest)] == [
        (
            QosProfile(five_qi=130, priority=7, prioritised_bit_rate=500, bucket_size=40),
            QosProfile(five_qi=200, priority=90),
        ),
        (COMPUTING_QOS,),
    ]


def test_more_qualities_than_a_session_has_flows_are_refused(world: World) -> None:
    def offer(count: int) -> OfferJob:
        qualities = [Quality(five_qi=number) for number in range(1, count + 1)]
        return OfferJob(job=1, service="s", purpose="p", k=1, raw_data=False, qualities=qualities)

    assert cause(world.call(names.ACCESS_MANAGER, offer(MAXIMUM_QUALITIES + 1))) is Cause.QOS_FLOW_NOT_CONFIGURED
    assert 1 not in world.manager.offers
    world.call(names.ACCESS_MANAGER, offer(MAXIMUM_QUALITIES))
    assert 1 in world.manager.offers
