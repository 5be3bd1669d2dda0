"""Consent is the owner's at any time: withdrawn in mid-run, given again, remembered (R58, R67)."""

from __future__ import annotations

import pytest
from radio_bench import offers
from routine_world import World

from net4ai.codecs import compute, nas, rrc
from net4ai.codecs.causes import Cause
from net4ai.stack.dep.events import MessageReceived, SessionClosed
from net4ai.stack.procedure import ProcedureError
from net4ai.ue import consent_to_job
from net4ai.ue.consent_to_job import MAXIMUM_DECISIONS
from net4ai.ue.states import NasState

UE = "ue/1"


@pytest.fixture
def world() -> World:
    """In a turn of job 7, and beside that in job 8."""
    world = World()
    world.join(7, 0)
    world.join(8, 1)
    world.accept(1, instance=1, session=0)
    world.accept(2, instance=2, session=1)
    world.start(3, execution=1)
    world.ran.nas.clear()
    return world


def withdraw(world: World, job: int = 7) -> None:
    world.ue.process.withdraw_consent(UE, job)
    world.air.run(0.1)


def answers(world: World) -> list[tuple[int, bool]]:
    return [(consent.job, consent.given) for consent in world.said(nas.Consent)]


def come_back(world: World) -> None:
    world.air.run(0.1)
    world.ran.set_up(9, back=True)
    world.ran.start_security()
    world.ran.say(nas.ServiceAccept())


def test_withdrawal_ends_the_part_at_once(world: World) -> None:
    withdraw(world)
    assert answers(world) == [(7, False)]
    assert world.asked(compute.Forget) == [compute.Forget(instance=1, execution=1, as_server=False)]
    assert world.asked(compute.Unload) == [compute.Unload(instance=1)]
    assert list(world.ue.terminal.participations) == [2]
    assert [event.ids for event in world.air.states("consent withdrawn")] == [{"ue": UE, "job": 7}]
    world.start(4, execution=1)
    assert not world.said(nas.RoutineDone)
    world.release(0, Cause.NO_CONSENT)
    assert list(world.ue.terminal.sessions) == [1]
    assert not world.ue.terminal.decisions[7].given


def test_what_is_not_sent_yet_never_is(world: World) -> None:
    """R67: its data is used no more, also what waits in the session."""
    world.air.cut = True
    body = bytes(5000)
    world.ue.worker(compute.Send(instance=1, execution=1, as_server=False, seat=5, body=body))
    withdraw(world)
    world.air.cut = False
    world.air.run(1)
    assert not [event for event in world.ran.events if isinstance(event, MessageReceived)]
    closed = [event for event in world.ran.events if isinstance(event, SessionClosed)]
    assert [event.cause for event in closed] == [Cause.NO_CONSENT]


def test_only_consent_can_be_withdrawn(world: World) -> None:
    withdraw(world)
    for name, job, cause in ((UE, 7, "NO_CONSENT"), (UE, 99, "NO_CONSENT"), ("ue/9", 8, "UNKNOWN_CONTEXT")):
        with pytest.raises(ProcedureError, match=cause):
            world.ue.process.withdraw_consent(name, job)
    assert answers(world) == [(7, False)]


def test_the_offer_of_a_job_that_was_left_is_not_answered_again(world: World) -> None:
    withdraw(world)
    world.ran.nas.clear()
    world.ran.say(offers(7, 8))
    assert not world.ran.nas


def test_consent_can_be_given_again(world: World) -> None:
    withdraw(world)
    world.release(0, Cause.NO_CONSENT)
    world.ran.nas.clear()
    world.ue.process.give_consent(UE, 7)
    world.air.run(0.1)
    assert answers(world) == [(7, True)]
    assert [request.job for request in world.said(nas.ComputingRequest)] == [7]
    for name, job, cause in ((UE, 7, "UNKNOWN_JOB"), (UE, 99, "UNKNOWN_JOB"), ("ue/9", 8, "UNKNOWN_CONTEXT")):
        with pytest.raises(ProcedureError, match=cause):
            world.ue.process.give_consent(name, job)


def test_an_idle_terminal_connects_to_withdraw(world: World) -> None:
    world.ran.say(rrc.Release(transaction=0, cause=Cause.USER_INACTIVITY))
    withdraw(world)
    assert not answers(world)
    assert world.asked(compute.Unload) == [compute.Unload(instance=1)]
    come_back(world)
    assert answers(world) == [(7, False)]
    assert [request.job for request in world.said(nas.ComputingRequest)] == [8]


def test_who_registers_anew_answers_anew_as_the_owner_has_decided(world: World) -> None:
    withdraw(world)
    world.ran.say(rrc.Release(transaction=0, cause=Cause.RADIO_LINK_FAILURE))
    world.air.run(0.1)
    world.ran.set_up(9)
    world.ran.register()
    world.ran.nas.clear()
    world.ran.say(offers(7, 8, 9))
    assert answers(world) == [(7, False), (8, True), (9, True)]


def test_withdrawn_without_a_registration_it_is_told_with_the_next_one(world: World) -> None:
    world.ran.say(rrc.Release(transaction=0, cause=Cause.RADIO_LINK_FAILURE))
    assert world.ue.terminal.nas_state is NasState.DEREGISTERED
    withdraw(world)
    world.ran.set_up(9)
    world.ran.register()
    world.ran.nas.clear()
    world.ran.say(offers(7))
    assert answers(world) == [(7, False)]


def test_a_request_under_way_is_not_repeated_after_withdrawal(world: World) -> None:
    world.ran.say(offers(9))
    withdraw(world, 9)
    world.ran.nas.clear()
    world.air.run(20)
    assert not world.said(nas.ComputingRequest)
    assert world.air.outcomes("computing request")[-1] == "CANCELLED"


def test_decisions_are_bounded_and_those_on_offer_are_kept(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(consent_to_job, "MAXIMUM_DECISIONS", 4)
    assert MAXIMUM_DECISIONS == 1024
    withdraw(world, 8)
    for job in range(100, 110):
        world.ran.say(offers(8, job))
    assert list(world.ue.terminal.decisions) == [107, 108, 8, 109]
    assert not world.ue.terminal.decisions[8].given
    assert answers(world).count((8, False)) == 1
    assert list(world.ue.terminal.participations) == []  # job 7 has been forgotten
    assert compute.Unload(instance=1) in world.asked(compute.Unload)


def test_the_owners_will_by_command(world: World) -> None:
    """What an operator's `withdraw` and `consent` come to."""
    process = world.ue.process
    assert process.terminal(UE) is world.ue.terminal
    withdraw(world)
    world.release(0, Cause.NO_CONSENT)
    process.give_consent(UE, 7)
    world.air.run(0.1)
    assert answers(world) == [(7, False), (7, True)]
