"""A terminal leaves: by itself, switched off, or because the network wants it. And it is paged, and comes back."""

from __future__ import annotations

import pytest
from radio_bench import offers
from test_core_dialogue import World

from net4ai.codecs import nas, rrc
from net4ai.codecs.causes import Cause
from net4ai.codecs.rrc import EstablishmentCause
from net4ai.ue.states import NasState, RrcState


@pytest.fixture
def world() -> World:
    world = World()
    world.ran.register()
    world.ran.nas.clear()
    world.ran.srb0.clear()
    return world


def pump(world: World, seconds: float = 0.05) -> None:
    world.ue.process.pump(world.air.now)
    world.air.run(seconds)


def released(world: World, cause: Cause) -> None:
    world.ran.say(rrc.Release(transaction=0, cause=cause))
    pump(world)


def gone(world: World) -> bool:
    """For good: it asks for no connection any more, and nothing of it is under way."""
    world.air.run(100)
    terminal = world.terminal
    return (
        (terminal.nas_state, terminal.rrc_state) == (NasState.DEREGISTERED, RrcState.IDLE)
        and not world.ran.srb0
        and terminal.nas_security is None
        and not len(terminal.replies)
        and {procedure.name for procedure in world.ue.process.procedures.open} == {"camp"}
    )


def test_it_asks_to_leave_and_leaves_when_it_may(world: World) -> None:
    world.terminal.leave()
    pump(world)
    assert world.ran.nas == [nas.DeregistrationRequest(switch_off=False)]
    assert world.terminal.nas_state is NasState.DEREGISTERING
    world.ran.say(nas.DeregistrationAccept())
    assert gone(world)


def test_without_answer_it_asks_again_and_leaves_all_the_same(world: World) -> None:
    world.terminal.leave()
    pump(world, 16)
    assert world.ran.nas == [nas.DeregistrationRequest(switch_off=False)] * 3
    assert gone(world)


def test_asked_twice_it_leaves_once(world: World) -> None:
    for _ in range(2):
        world.terminal.leave()
    pump(world)
    assert world.ran.nas == [nas.DeregistrationRequest(switch_off=False)]


def test_switched_off_it_says_so_once_and_is_gone(world: World) -> None:
    world.ue.process.switch_off(world.air.now)
    world.air.run(0.05)
    assert world.ran.nas == [nas.DeregistrationRequest(switch_off=True)]
    assert gone(world)


def test_a_terminal_that_is_not_registered_leaves_without_a_word() -> None:
    world = World()
    world.ran.srb0.clear()
    world.terminal.leave()
    released(world, Cause.NORMAL)
    assert world.ran.nas == []
    assert gone(world)


@pytest.mark.parametrize("again", [False, True])
def test_the_network_has_it_leave_and_says_whether_it_may_come_back(world: World, again: bool) -> None:
    world.ran.say(nas.NetworkDeregistrationRequest(register_again=again, cause=Cause.NOT_ALLOWED))
    assert world.ran.nas == [nas.NetworkDeregistrationAccept()]
    assert world.terminal.nas_state is NasState.DEREGISTERED
    released(world, Cause.DEREGISTERED)
    if again:
        assert world.ran.srb0
    else:
        assert gone(world)


# --- Idle


def test_released_for_inactivity_it_stays_registered_and_comes_back_when_paged(world: World) -> None:
    released(world, Cause.USER_INACTIVITY)
    assert (world.terminal.nas_state, world.terminal.rrc_state) == (NasState.REGISTERED, RrcState.IDLE)
    world.air.run(5)
    assert not world.ran.srb0
    world.ran.say_srb0(rrc.Paging(records=(rrc.PagingRecord(temporary_identity=2),)))
    assert not world.ran.srb0
    world.ran.say_srb0(rrc.Paging(records=(rrc.PagingRecord(temporary_identity=1),)))
    (request,) = world.ran.srb0
    assert isinstance(request, rrc.SetupRequest)
    assert request.cause == EstablishmentCause.MT_ACCESS
    world.ran.set_up(8, back=True)
    assert world.ran.nas == [nas.ServiceRequest(type=nas.ServiceType.MOBILE_TERMINATED, temporary_identity=1)]
    security = world.ran.nas_security
    assert security is not None
    assert world.terminal.k_gnb == security.k_gnb(security.last_accepted)
    assert security.last_accepted > 0, "COUNT goes on"
    world.ran.start_security()
    world.ran.say(nas.ServiceAccept())
    assert world.terminal.rrc_state is RrcState.SECURED
    assert not world.ue.drops
    assert world.air.outcomes("service request") == ["done"]


def test_back_again_it_asks_anew_for_the_sessions_of_jobs_it_has_consented_to(world: World) -> None:
    world.ran.say(offers(1, 2, 3))
    for job in (1, 2):
        world.ran.say(nas.ComputingAccept(transaction=job, session=job))
    world.ran.say(nas.ComputingReject(transaction=3, cause=Cause.UNKNOWN_JOB))
    released(world, Cause.USER_INACTIVITY)
    world.terminal.paged()
    pump(world)
    world.ran.set_up(8, back=True)
    world.ran.start_security()
    world.ran.nas.clear()
    world.ran.say(nas.ServiceAccept())
    assert world.ran.nas == [nas.ComputingRequest(transaction=job, job=job) for job in (1, 2)]


def test_who_is_not_known_any_more_registers_anew(world: World) -> None:
    released(world, Cause.USER_INACTIVITY)
    world.terminal.paged()
    pump(world)
    world.ran.set_up(8, back=True)
    world.say_plain(nas.ServiceReject(cause=Cause.UNKNOWN_CONTEXT))
    assert world.terminal.nas_state is NasState.DEREGISTERED
    world.ran.srb0.clear()
    world.air.run(2)
    world.ran.set_up(9)
    assert isinstance(world.ran.nas[-1], nas.RegistrationRequest)


def test_an_idle_terminal_shows_that_it_is_there(world: World) -> None:
    released(world, Cause.USER_INACTIVITY)
    world.air.run(30.1)
    assert len(world.ran.srb0) == 1
    world.ran.set_up(8, back=True)
    assert world.ran.nas == [nas.ServiceRequest(type=nas.ServiceType.SIGNALLING, temporary_identity=1)]


def test_an_idle_terminal_that_leaves_comes_for_that_and_goes(world: World) -> None:
    released(world, Cause.USER_INACTIVITY)
    world.terminal.leave()
    pump(world)
    world.ran.set_up(8, back=True)
    world.ran.start_security()
    world.ran.nas.clear()
    world.ran.say(nas.ServiceAccept())
    assert world.ran.nas == [nas.DeregistrationRequest(switch_off=False)]
    world.ran.srb0.clear()
    world.ran.say(nas.DeregistrationAccept())
    assert gone(world)


def test_released_for_inactivity_before_it_is_registered_it_is_just_released() -> None:
    world = World()
    world.ran.secure_nas()
    world.ran.srb0.clear()
    released(world, Cause.USER_INACTIVITY)
    assert world.terminal.nas_security is None
    assert world.terminal.nas_state is NasState.DEREGISTERED
    world.air.run(3)
    assert world.ran.srb0


def test_periodic_registration_is_protected_and_rejected_it_ends_the_registration(world: World) -> None:
    world.air.run(31)
    (request,) = world.ran.nas
    assert isinstance(request, nas.RegistrationRequest)
    assert request.type == nas.RegistrationType.PERIODIC
    world.ran.say(nas.RegistrationAccept(version=1, temporary_identity=4))
    assert world.terminal.temporary_identity == 4
    world.ran.say(nas.RegistrationReject(cause=Cause.NOT_ALLOWED, versions=request.versions))
    assert world.terminal.nas_state is NasState.DEREGISTERED


def test_a_release_in_between_is_as_good_as_an_answer(world: World) -> None:
    world.terminal.leave()
    pump(world)
    released(world, Cause.NORMAL)
    assert gone(world)
