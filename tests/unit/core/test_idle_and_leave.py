"""Terminals at the core that leave, are released for inactivity, paged, and come back."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from core_bench import Bench, FakeRanNode, FakeUe, Scripted, consent, core_config

from net4ai.codecs import n2, nas
from net4ai.codecs.bus import ClientsDone, OfferJob, SelectClients, ServerWish, StartClients, WithdrawJob
from net4ai.codecs.causes import Cause
from net4ai.core import names, terminal
from net4ai.core.access_manager import AccessManager
from net4ai.core.store import MemoryStore

ONE, TWO = "imsi-1", "imsi-2"


class World(Bench):
    """One terminal registered, context 1, temporary identity 7."""

    def __init__(self) -> None:
        super().__init__()
        self.manager = AccessManager(
            self.entity(names.ACCESS_MANAGER), core_config([ONE, TWO]), itertools.count(7).__next__, MemoryStore()
        )
        self.routine_manager: Scripted = self.scripted(names.ROUTINE_MANAGER)
        self.service_manager: Scripted = self.scripted(names.SERVICE_MANAGER)
        self.ran = FakeRanNode(self, self.manager)
        self.ran.register(1, ONE)

    def offer(self, job: int = 1) -> None:
        self.call(names.ACCESS_MANAGER, OfferJob(job=job, service="s", purpose="p", k=1, raw_data=False))

    def session(self, context: int, job: int = 1, session: int = 0) -> None:
        self.ran.say_nas(context, consent(job))
        self.ran.say_nas(context, nas.ComputingRequest(transaction=job, job=job))
        self.ran.accept_sessions(session)

    def select(self) -> Any:
        wish = SelectClients(job=1, execution=1, k=1, raw_data=False, servers=[ServerWish(instance=9, node="ran-1")])
        return self.call(names.ACCESS_MANAGER, wish)

    def gone(self, subscriber: str = ONE) -> bool:
        manager = self.manager
        return (
            subscriber not in manager.registered
            and not manager.by_temporary_identity
            and not manager.terminals
            and not self.procedures.open
            and self.procedures.next_deadline() is None
        )


@pytest.fixture
def world() -> World:
    return World()


# --- Leaving


@pytest.mark.parametrize("switch_off", [False, True])
def test_a_terminal_leaves(world: World, switch_off: bool) -> None:
    world.ran.say_nas(1, nas.DeregistrationRequest(switch_off=switch_off))
    assert world.ran.to(1) == ([] if switch_off else [nas.DeregistrationAccept()])
    assert world.ran.sent[-1] == n2.ContextReleaseCommand(ran_ue=1, cause=Cause.DEREGISTERED)
    assert world.gone()


@pytest.mark.parametrize("again", [False, True])
def test_the_network_has_a_terminal_leave(world: World, again: bool) -> None:
    assert world.manager.deregister(ONE, Cause.NOT_ALLOWED, register_again=again)
    assert world.ran.last(1) == nas.NetworkDeregistrationRequest(register_again=again, cause=Cause.NOT_ALLOWED)
    assert ONE in world.manager.registered
    world.ran.say_nas(1, nas.NetworkDeregistrationAccept())
    assert world.ran.released() == [1]
    assert world.gone()


def test_without_answer_it_has_left_all_the_same(world: World) -> None:
    for _ in range(2):
        world.manager.deregister(ONE)
    world.advance(17.9)
    assert len(world.ran.to(1)) == 3
    world.advance(0.2)
    assert world.ran.released() == [1]
    assert world.gone()


def test_who_is_not_registered_cannot_be_made_to_leave(world: World) -> None:
    assert not world.manager.deregister(TWO)


def test_with_its_subscription_a_terminal_goes_and_does_not_come_back(world: World) -> None:
    world.manager.remove_subscription(ONE)
    world.ran.say_nas(1, nas.NetworkDeregistrationAccept())
    assert world.gone()
    world.ran.begin(2, ONE)
    assert world.ran.last(2).cause == Cause.NOT_ALLOWED
    world.manager.remove_subscription(TWO)
    world.manager.remove_subscription("imsi-unknown")


def test_who_leaves_while_it_is_made_to_has_left(world: World) -> None:
    world.manager.deregister(ONE)
    world.ran.say_nas(1, nas.DeregistrationRequest(switch_off=True))
    assert world.gone()


# --- Idle


def test_after_inactivity_a_terminal_stays_registered_without_a_connection(world: World) -> None:
    world.offer()
    world.session(1)
    world.ran.idle(1)
    who = world.manager.registered[ONE]
    assert who.idle and not who.sessions and world.manager.consents.jobs_of(ONE) == [1]
    assert world.ran.sent[-1] == n2.ContextReleaseCommand(ran_ue=1, cause=Cause.USER_INACTIVITY)
    assert not world.manager.terminals


def test_for_any_other_reason_it_does_not(world: World) -> None:
    world.ran.say(n2.ContextReleaseRequest(ran_ue=1, cause=Cause.RADIO_LINK_FAILURE))
    assert world.gone()


def test_whoever_stays_away_is_deregistered(world: World) -> None:
    world.ran.idle(1)
    world.advance(89.9)
    assert ONE in world.manager.registered
    world.advance(0.2)
    assert world.gone()


def test_it_comes_back_with_the_keys_it_had(world: World) -> None:
    ue = world.ran.idle(1)
    world.ran.come_back(5, ue, 7)
    who = world.manager.registered[ONE]
    assert (who.context, who.idle, who.secured) == (5, False, True)
    request = world.ran.of(n2.InitialContextSetupRequest)[-1]
    assert ue.security is not None
    assert request.key == ue.security.k_gnb(ue.security.next_count - 1)
    assert ue.heard[-1] == nas.ServiceAccept()
    world.advance(200)
    assert ONE in world.manager.registered
    assert not world.under_way()


def test_what_is_said_meanwhile_pages_it_and_waits(world: World) -> None:
    ue = world.ran.idle(1)
    heard = len(ue.heard)
    world.offer(1)
    world.offer(2)
    assert world.ran.of(n2.Paging) == [n2.Paging(temporary_identity=7)]
    assert len(ue.heard) == heard
    world.ran.come_back(5, ue, 7)
    assert [type(message) for message in ue.heard[heard:]] == [nas.ServiceAccept, nas.JobList, nas.JobList]
    world.advance(60)
    assert len(world.ran.of(n2.Paging)) == 1
    assert not world.under_way()


def test_a_terminal_that_does_not_hear_is_paged_so_often_and_what_was_for_it_is_lost(world: World) -> None:
    ue = world.ran.idle(1)
    world.offer()
    world.advance(7.9)
    assert len(world.ran.of(n2.Paging)) == 4
    world.advance(0.2)
    assert world.drops() == ["terminal not reached"]
    heard = len(ue.heard)
    world.ran.come_back(5, ue, 7)
    assert [type(message) for message in ue.heard[heard:]] == [nas.ServiceAccept]


def test_what_waits_is_bounded(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("net4ai.core.page_terminal.MAXIMUM_QUEUED", 2)
    world.ran.idle(1)
    for job in range(1, 5):
        world.offer(job)
    assert len(world.manager.registered[ONE].queued) == 2
    assert world.drops() == ["queue of an idle terminal full"] * 2
    assert terminal.MAXIMUM_QUEUED == 32


def test_to_be_made_to_leave_an_idle_terminal_is_paged(world: World) -> None:
    ue = world.ran.idle(1)
    world.manager.deregister(ONE)
    world.ran.come_back(5, ue, 7)
    assert ue.heard[-1] == nas.NetworkDeregistrationRequest(register_again=False, cause=Cause.DEREGISTERED)
    world.ran.say_nas(5, nas.NetworkDeregistrationAccept())
    assert world.gone()


def test_an_idle_terminal_that_never_answers_has_left_all_the_same(world: World) -> None:
    world.ran.idle(1)
    world.manager.deregister(ONE)
    world.advance(30)
    assert world.gone()


def test_selection_pages_idle_terminals_that_consented(world: World) -> None:
    world.offer()
    world.session(1)
    ue = world.ran.idle(1)
    assert world.select().pending == 1
    assert len(world.ran.of(n2.Paging)) == 1
    world.ran.come_back(5, ue, 7)
    world.ran.say_nas(5, nas.ComputingRequest(transaction=1, job=1))
    world.ran.accept_sessions(3)
    assert world.manager.registered[ONE].sessions == {1: 3}
    assert world.select().servers[0].seats == [0]


def test_with_the_connection_the_seat_is_lost(world: World) -> None:
    world.offer()
    world.session(1)
    world.select()
    world.call(names.ACCESS_MANAGER, StartClients(execution=1, instance=9, turns=[(0, 4)], repetition=0))
    ue = world.ran.idle(1)
    world.advance(0)
    assert [done.turns[0][2] for done in world.routine_manager.of(ClientsDone)] == [Cause.PEER_LOST]
    world.ran.come_back(5, ue, 7)
    heard = len(ue.heard)
    world.call(names.ACCESS_MANAGER, StartClients(execution=1, instance=9, turns=[(0, 5)], repetition=0))
    world.advance(0)
    assert world.routine_manager.of(ClientsDone)[-1].turns[0][1:] == (5, Cause.PEER_LOST)
    assert len(ue.heard) == heard


@pytest.mark.parametrize(("identity", "key"), [(99, None), (7, "00" * 32)], ids=["of nobody", "with another key"])
def test_a_service_request_of_a_stranger_is_rejected_without_a_hint(
    world: World, identity: int, key: str | None
) -> None:
    ue = world.ran.idle(1)
    if key is not None:
        stranger = FakeUe(key)
        assert ue.security is not None
        stranger.security = type(ue.security)(bytes.fromhex(key), 2, 2, ue.security.sends)
        stranger.secured, stranger.security.next_count = True, 50
        ue = stranger
    request = ue.say(nas.ServiceRequest(type=0, temporary_identity=identity))
    world.ran.ues[6] = FakeUe()
    world.ran.say(n2.InitialUeMessage(ran_ue=6, nas=request))
    assert world.ran.last(6) == nas.ServiceReject(cause=Cause.UNKNOWN_CONTEXT)
    assert world.ran.sent[-1] == n2.ContextReleaseCommand(ran_ue=6, cause=Cause.UNKNOWN_CONTEXT)
    assert world.manager.registered[ONE].idle
    assert not world.manager.terminals


def test_a_replayed_service_request_opens_nothing(world: World) -> None:
    ue = world.ran.idle(1)
    request = ue.say(nas.ServiceRequest(type=0, temporary_identity=7))
    for context in (5, 6):
        world.ran.ues[context] = ue if context == 5 else FakeUe()
        world.ran.say(n2.InitialUeMessage(ran_ue=context, nas=request))
    assert world.drops() == ["replay"]
    assert world.ran.last(6) == nas.ServiceReject(cause=Cause.UNKNOWN_CONTEXT)
    assert world.manager.registered[ONE].context == 5


def test_a_terminal_whose_loss_nobody_noticed_comes_back_too(world: World) -> None:
    world.ran.come_back(5, world.ran.ue(1), 7)
    assert world.manager.registered[ONE].context == 5
    assert world.ran.released() == [1]
    assert len(world.manager.terminals) == 1
    assert world.manager.registered[ONE].reachable is None


@pytest.mark.parametrize("answer", [n2.InitialContextSetupFailure(ran_ue=5, cause=Cause.TIMEOUT), None])
def test_a_connection_that_cannot_be_secured_ends_the_registration(world: World, answer: n2.N2 | None) -> None:
    ue = world.ran.idle(1)
    world.ran.ues[5] = ue
    world.ran.say(n2.InitialUeMessage(ran_ue=5, nas=ue.say(nas.ServiceRequest(type=0, temporary_identity=7))))
    if answer is not None:
        world.ran.say(answer)
    world.advance(13)
    assert world.ran.released() == [1, 5]
    assert world.gone()


def test_an_idle_terminal_that_registers_anew_is_a_new_one(world: World) -> None:
    world.ran.idle(1)
    world.ran.register(2, ONE)
    assert world.manager.registered[ONE].context == 2
    assert list(world.manager.by_temporary_identity) == [8]
    assert not world.procedures.open and world.procedures.next_deadline() is None


def test_an_idle_terminal_outlives_its_ran_node(world: World) -> None:
    ue = world.ran.idle(1)
    world.ran.association.closed(0)
    world.offer()
    back = FakeRanNode(world, world.manager)
    world.advance(2.1)
    assert back.of(n2.Paging)
    back.come_back(1, ue, 7)
    assert isinstance(ue.heard[-1], nas.JobList)


@pytest.mark.parametrize("back", [False, True])
def test_one_that_is_made_to_leave_and_loses_its_connection_has_left(world: World, back: bool) -> None:
    ue = world.ran.idle(1)
    world.manager.deregister(ONE)
    world.ran.come_back(5, ue, 7)
    if back:
        world.ran.come_back(6, ue, 7)
    else:
        world.ran.idle(5)
    assert world.gone()


# --- Sessions


def test_with_its_job_a_session_ends(world: World) -> None:
    world.offer(1)
    world.offer(2)
    world.session(1, 1, 4)
    world.session(1, 2, 5)
    world.call(names.ACCESS_MANAGER, WithdrawJob(job=1))
    (command,) = world.ran.of(n2.SessionReleaseCommand)
    assert (command.ran_ue, command.session, command.cause) == (1, 4, Cause.NORMAL)
    assert world.manager.registered[ONE].sessions == {2: 5}
    world.ran.accept_releases()
    assert not world.under_way()


def test_a_release_that_is_not_answered_ends_by_its_timer(world: World) -> None:
    world.offer()
    world.session(1)
    world.call(names.ACCESS_MANAGER, WithdrawJob(job=1))
    world.advance(13)
    assert not world.under_way()


def test_a_session_that_is_set_up_too_late_is_released_at_once(world: World) -> None:
    world.offer()
    world.ran.say_nas(1, consent())
    world.ran.say_nas(1, nas.ComputingRequest(transaction=3, job=1))
    world.call(names.ACCESS_MANAGER, WithdrawJob(job=1))
    world.ran.accept_sessions(6)
    (command,) = world.ran.of(n2.SessionReleaseCommand)
    assert command.session == 6
    world.ran.accept_releases()
    assert world.ran.last(1) == nas.ComputingReject(transaction=3, cause=Cause.UNKNOWN_JOB)
    assert not world.under_way()
    assert not world.manager.registered[ONE].sessions
