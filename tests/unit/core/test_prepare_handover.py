"""Handover preparation at the core: request and answer carried over, refused with a cause, cancelled, nothing kept.
And sessions that get other quality of service."""

from __future__ import annotations

import pytest
from core_bench import KEY, FakeRanNode
from test_idle_and_leave import ONE
from test_idle_and_leave import World as OneTerminal

from net4ai.codecs import n2
from net4ai.codecs.causes import Cause
from net4ai.codecs.common import QosProfile
from net4ai.core.modify_session import modify_session
from net4ai.core.set_up_session import COMPUTING_QOS
from net4ai.stack.procedure import ProcedureError, outcome_of
from net4ai.stack.security.key_hierarchy import k_gnb, next_hop


class World(OneTerminal):
    """A terminal with a session at ran-1; ran-2 is there, too."""

    def __init__(self) -> None:
        super().__init__()
        self.target = FakeRanNode(self, self.manager, "ran-2")
        self.offer()
        self.session(1, session=4)

    def require(self, target: str = "ran-2", context: int = 1) -> None:
        self.ran.say(n2.HandoverRequired(ran_ue=context, target=target, cause=Cause.UNSPECIFIED, container=b"source"))

    def request(self) -> n2.HandoverRequest:
        return self.target.of(n2.HandoverRequest)[-1]

    def acknowledge(self) -> None:
        transaction = self.request().transaction
        self.target.say(n2.HandoverRequestAcknowledge(transaction=transaction, ran_ue=50, container=b"target"))

    @property
    def refusal(self) -> Cause:
        message = self.ran.sent[-1]
        assert isinstance(message, n2.HandoverPreparationFailure)
        return Cause(message.cause)

    def idle_core(self) -> bool:
        """Nothing of a handover is kept."""
        who = self.manager.registered[ONE]
        return not self.under_way() and not self.manager.prepared and who.handover is None and who.preparing is None


@pytest.fixture
def world() -> World:
    return World()


def test_the_target_is_asked_and_the_source_hears_its_answer(world: World) -> None:
    world.require()
    k_amf = bytes.fromhex(KEY)
    request = world.request()
    assert request == n2.HandoverRequest(
        transaction=request.transaction,
        key=next_hop(k_amf, k_gnb(k_amf, 0)),
        next_hop_chaining_count=1,
        capabilities=request.capabilities,
        sessions=(n2.SessionItem(session=4, job=1, qos=(COMPUTING_QOS,)),),
        container=b"source",
    )
    world.acknowledge()
    assert world.ran.sent[-1] == n2.HandoverCommand(ran_ue=1, container=b"target")
    assert world.manager.registered[ONE].handover == (world.target.association, 50)
    assert not world.under_way()


def test_each_preparation_has_a_key_of_its_own(world: World) -> None:
    keys = []
    for count in (1, 2, 3, 4, 5, 6, 7):
        world.require()
        assert world.request().next_hop_chaining_count == count
        keys.append(world.request().key)
        world.ran.say(n2.HandoverCancel(ran_ue=1, cause=0))
    assert keys[1] == next_hop(bytes.fromhex(KEY), keys[0])
    assert len(set(keys)) == 7


def test_more_unused_keys_than_a_terminal_can_tell_apart_are_not_given_out(world: World) -> None:
    """The chaining count has 3 bits: with an eighth the terminal would take the one it has."""
    for _ in range(7):
        world.require()
        world.ran.say(n2.HandoverCancel(ran_ue=1, cause=0))
    world.require()
    assert world.refusal is Cause.NO_RESOURCES
    assert len(world.target.of(n2.HandoverRequest)) == 7 and world.idle_core()


@pytest.mark.parametrize("target", ["ran-9", "edge", "ran-1", ""])
def test_an_unknown_target_is_refused(world: World, target: str) -> None:
    world.require(target)
    assert world.refusal is Cause.UNKNOWN_TARGET
    assert not world.target.of(n2.HandoverRequest)
    assert world.idle_core()


def test_the_target_may_refuse(world: World) -> None:
    world.require()
    world.target.say(n2.HandoverFailure(transaction=world.request().transaction, cause=Cause.NO_RESOURCES))
    assert world.refusal is Cause.NO_RESOURCES
    assert world.idle_core()


def test_a_target_that_stays_silent_has_refused_and_its_late_answer_is_freed(world: World) -> None:
    world.require()
    world.advance(4.1)
    assert world.refusal is Cause.TIMEOUT
    assert world.idle_core()
    world.acknowledge()
    assert world.target.sent[-1] == n2.ContextReleaseCommand(ran_ue=50, cause=Cause.CANCELLED)
    assert world.drops() == ["answer to no request"]


@pytest.mark.parametrize("prepared", [False, True])
def test_one_at_a_time(world: World, prepared: bool) -> None:
    world.require()
    if prepared:
        world.acknowledge()
    world.require()
    assert world.refusal is Cause.BUSY
    assert len(world.target.of(n2.HandoverRequest)) == 1


def test_a_terminal_that_is_not_registered_is_not_handed_over(world: World) -> None:
    world.ran.begin(2, "imsi-2")
    world.require(context=2)
    assert world.refusal is Cause.NOT_ALLOWED


@pytest.mark.parametrize("prepared", [False, True, None])
def test_the_source_may_cancel_at_any_time(world: World, prepared: bool | None) -> None:
    if prepared is not None:
        world.require()
    if prepared:
        world.acknowledge()
    world.ran.say(n2.HandoverCancel(ran_ue=1, cause=Cause.CANCELLED))
    assert world.ran.sent[-1] == n2.HandoverCancelAcknowledge(ran_ue=1)
    assert world.target.released() == ([50] if prepared else [])
    assert world.idle_core()
    if prepared is False:
        world.acknowledge()
        assert world.target.released() == [50]


@pytest.mark.parametrize("prepared", [False, True])
@pytest.mark.parametrize("how", ["lost", "idle", "association"])
def test_with_the_terminal_goes_what_was_prepared_for_it(world: World, prepared: bool, how: str) -> None:
    world.require()
    if prepared:
        world.acknowledge()
    if how == "association":
        world.ran.association.closed(0)
    else:
        cause = Cause.USER_INACTIVITY if how == "idle" else Cause.PEER_LOST
        world.ran.say(n2.ContextReleaseRequest(ran_ue=1, cause=cause))
    if not prepared:
        world.acknowledge()
    elif how == "association":  # it may be on its way
        assert not world.target.released()
        world.target.say(n2.ContextReleaseRequest(ran_ue=50, cause=Cause.TIMEOUT))
        assert ONE not in world.manager.registered
    assert world.target.released() == [50]
    world.advance(100)
    assert not world.under_way()


def test_the_target_may_give_up_waiting_and_be_asked_again(world: World) -> None:
    world.require()
    world.acknowledge()
    world.target.say(n2.ContextReleaseRequest(ran_ue=50, cause=Cause.TIMEOUT))
    assert world.idle_core()
    world.require()
    assert len(world.target.of(n2.HandoverRequest)) == 2


@pytest.mark.parametrize("prepared", [False, True])
def test_with_the_target_goes_what_it_has_prepared(world: World, prepared: bool) -> None:
    world.require()
    if prepared:
        world.acknowledge()
    world.target.association.closed(0)
    assert world.idle_core()
    if not prepared:
        assert world.refusal is Cause.PEER_LOST
    assert ONE in world.manager.registered


# --- Other quality of service

OTHER = (QosProfile(five_qi=9, priority=9),)


def modify(world: World, job: int = 1) -> object:
    who = world.manager.registered[ONE]
    return world.procedures.start("test", outcome_of(modify_session(world.manager, who, job, OTHER)))  # type: ignore[arg-type]


def test_a_session_gets_other_quality_of_service(world: World) -> None:
    procedure = modify(world)
    (request,) = world.ran.of(n2.SessionModifyRequest)
    assert (request.ran_ue, request.session, request.qos) == (1, 4, OTHER)
    world.ran.say(n2.SessionModifyResponse(ran_ue=1, transaction=request.transaction))
    assert procedure.result() is None  # type: ignore[attr-defined]
    assert world.manager.registered[ONE].quality == {1: OTHER}


def test_what_is_refused_is_as_before(world: World) -> None:
    procedure = modify(world)
    (request,) = world.ran.of(n2.SessionModifyRequest)
    world.ran.say(n2.SessionModifyFailure(ran_ue=1, transaction=request.transaction, cause=Cause.NO_RESOURCES))
    error = procedure.result()  # type: ignore[attr-defined]
    assert isinstance(error, ProcedureError) and error.cause is Cause.NO_RESOURCES
    assert world.manager.registered[ONE].quality == {1: (COMPUTING_QOS,)}
    missing = modify(world, 77).result()  # type: ignore[attr-defined]
    assert isinstance(missing, ProcedureError) and missing.cause is Cause.UNKNOWN_SESSION
