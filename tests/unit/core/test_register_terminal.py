"""Registration at the core: every step once, whatever is repeated or late; who is refused leaves nothing behind."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from core_bench import KEY, Bench, FakeRanNode, FakeUe, core_config, registration

from net4ai.codecs import n2, nas
from net4ai.codecs.bus import OfferJob
from net4ai.codecs.causes import Cause
from net4ai.codecs.common import CipheringAlgorithm, IntegrityAlgorithm, SecurityCapabilities
from net4ai.codecs.nas import SecurityHeaderType
from net4ai.core import names, register_terminal
from net4ai.core.access_manager import AccessManager
from net4ai.core.store import MemoryStore
from net4ai.stack.security.algorithms import Direction
from net4ai.stack.security.key_hierarchy import k_gnb
from net4ai.stack.security.nas_security import NasSecurity

ONE, TWO = "imsi-1", "imsi-2"


class World(Bench):
    def __init__(self, **config: Any) -> None:
        super().__init__()
        self.manager = AccessManager(
            self.entity(names.ACCESS_MANAGER),
            core_config([ONE, TWO], **config),
            itertools.count(7).__next__,
            MemoryStore(),
        )
        self.scripted(names.ROUTINE_MANAGER)
        self.scripted(names.SERVICE_MANAGER)
        self.ran = FakeRanNode(self, self.manager)

    @property
    def empty(self) -> bool:
        """Nothing is left of anybody."""
        manager = self.manager
        tables = (manager.terminals, manager.registered, manager.by_temporary_identity)
        return not any(tables) and not self.procedures.open and self.procedures.next_deadline() is None


@pytest.fixture
def world() -> World:
    return World()


def test_the_whole_of_it(world: World) -> None:
    """TS 23.502 4.2.2.2 cut to size, message by message."""
    ran = world.ran
    ran.begin(1, ONE)
    command = ran.last(1)
    assert command == nas.SecurityModeCommand(
        integrity=2, ciphering=2, key_set=0, capabilities=registration(ONE).capabilities
    )
    assert not world.manager.registered
    ran.say_nas(1, nas.SecurityModeComplete())
    request = ran.sent[-1]
    assert isinstance(request, n2.InitialContextSetupRequest)
    assert (request.ran_ue, request.key) == (1, k_gnb(bytes.fromhex(KEY), 0))
    assert request.capabilities == registration(ONE).capabilities
    assert ran.last(1) == nas.RegistrationAccept(version=1, temporary_identity=7)
    ran.say(n2.InitialContextSetupResponse(ran_ue=1))
    assert not world.manager.registered
    ran.say_nas(1, nas.RegistrationComplete(temporary_identity=7))
    assert world.manager.registered[ONE].context == 1
    assert world.ran.ue(1).headers == [
        SecurityHeaderType.INTEGRITY_NEW_CONTEXT,
        SecurityHeaderType.INTEGRITY_AND_CIPHERING,
    ]
    assert not world.procedures.open and world.procedures.next_deadline() is None
    assert world.drops() == []


def test_with_null_algorithms_it_is_the_same() -> None:
    world = World(integrity=IntegrityAlgorithm.NIA0, ciphering=CipheringAlgorithm.NEA0)
    world.ran.register(1, ONE)
    assert ONE in world.manager.registered
    assert world.drops() == []


@pytest.mark.parametrize(
    ("identity", "versions", "algorithms", "expected"),
    [
        ("imsi-unknown", (1, 1), 0xA0, Cause.NOT_ALLOWED),
        (ONE, (2, 9), 0xA0, Cause.VERSION_NOT_SUPPORTED),
        (ONE, (1, 1), 0x80, Cause.SECURITY_CAPABILITIES_MISMATCH),
    ],
)
def test_who_is_rejected_leaves_nothing_behind(
    world: World, identity: str, versions: tuple[int, int], algorithms: int, expected: Cause
) -> None:
    capabilities = SecurityCapabilities(integrity=algorithms, ciphering=algorithms)
    world.ran.begin(1, identity, *versions, capabilities=capabilities)
    answer = world.ran.last(1)
    assert isinstance(answer, nas.RegistrationReject)
    assert (answer.cause, answer.versions.lowest, answer.versions.highest) == (expected, 1, 1)
    assert world.ran.released() == [1]
    assert world.empty


@pytest.mark.parametrize("cause", [Cause.SECURITY_CAPABILITIES_MISMATCH, Cause.INTEGRITY_FAILURE])
def test_a_terminal_may_refuse_security(world: World, cause: Cause) -> None:
    world.ran.begin(1, ONE)
    world.ran.ue(1).security = None
    world.ran.say_nas(1, nas.SecurityModeReject(cause=cause))
    assert world.ran.last(1).cause == cause
    assert world.ran.released() == [1]
    assert world.empty


def test_who_has_another_key_is_never_registered(world: World) -> None:
    stranger = world.ran.ues[1] = FakeUe()
    stranger.security = NasSecurity(bytes(32), 2, 2, Direction.UPLINK)
    world.ran.begin(1, ONE)
    world.ran.say_nas(1, nas.SecurityModeComplete())
    assert world.drops() == ["integrity failure"]
    world.advance(18)
    assert world.ran.released() == [1]
    assert world.empty


def test_without_answer_the_command_is_sent_again_as_it_was(world: World) -> None:
    world.ran.begin(1, ONE)
    world.advance(17.9)
    transports = world.ran.of(n2.DownlinkNasTransport)
    assert len(transports) == 3
    assert len({message.nas for message in transports}) == 1
    world.advance(0.2)
    assert world.ran.last(1).cause == Cause.TIMEOUT
    assert world.empty


def test_a_command_answered_twice_is_answered_once(world: World) -> None:
    world.ran.begin(1, ONE)
    complete = world.ran.ue(1).say(nas.SecurityModeComplete())
    for _ in range(2):
        world.ran.say(n2.UplinkNasTransport(ran_ue=1, nas=complete))
    assert world.drops() == ["replay"]
    assert len(world.ran.of(n2.InitialContextSetupRequest)) == 1
    world.ran.complete(1)
    assert ONE in world.manager.registered


def test_the_request_again_changes_nothing_at_any_step(world: World) -> None:
    ran = world.ran
    again = n2.UplinkNasTransport(ran_ue=1, nas=registration(ONE).encode())
    ran.begin(1, ONE)
    ran.say(again)
    assert world.drops() == ["registration under way"]
    ran.say_nas(1, nas.SecurityModeComplete())
    ran.say(again)
    ran.complete(1)
    ran.say(again)
    assert world.drops() == ["registration under way", "not secured", "not secured"]
    assert len(world.states("terminal registered")) == 1
    assert [type(message) for message in ran.ue(1).heard] == [nas.SecurityModeCommand, nas.RegistrationAccept]


def test_a_request_that_differs_begins_anew(world: World) -> None:
    world.ran.begin(1, ONE)
    world.ran.ues[1] = FakeUe()
    other = registration(ONE, capabilities=SecurityCapabilities(integrity=0x20, ciphering=0x20))
    world.ran.say(n2.UplinkNasTransport(ran_ue=1, nas=other.encode()))
    assert world.ran.last(1).capabilities == other.capabilities
    world.ran.say_nas(1, nas.SecurityModeComplete())
    world.ran.complete(1)
    assert ONE in world.manager.registered
    assert not world.procedures.open


def test_a_context_that_cannot_be_set_up_is_no_registration(world: World) -> None:
    world.ran.begin(1, ONE)
    world.ran.say_nas(1, nas.SecurityModeComplete())
    world.ran.say(n2.InitialContextSetupFailure(ran_ue=1, cause=Cause.SECURITY_CAPABILITIES_MISMATCH))
    assert world.ran.last(1).cause == Cause.SECURITY_CAPABILITIES_MISMATCH
    assert world.ran.released() == [1]
    assert world.empty


def test_without_complete_the_accept_comes_again_then_it_is_over(world: World) -> None:
    world.ran.begin(1, ONE)
    world.ran.say_nas(1, nas.SecurityModeComplete())
    world.ran.say(n2.InitialContextSetupResponse(ran_ue=1))
    world.advance(17.9)
    assert [type(message) for message in world.ran.ue(1).heard[1:]] == [nas.RegistrationAccept] * 3
    world.advance(0.2)
    assert world.ran.released() == [1]
    assert world.empty


def test_complete_again_says_nothing_new_and_of_another_identity_nothing_at_all(world: World) -> None:
    world.ran.register(1, ONE)
    world.ran.say_nas(1, nas.RegistrationComplete(temporary_identity=7))
    world.ran.say_nas(1, nas.RegistrationComplete(temporary_identity=8))
    assert world.drops() == ["unknown temporary identity"]


@pytest.mark.parametrize("kind", nas.RegistrationType)
def test_a_registered_terminal_may_say_so_again(world: World, kind: nas.RegistrationType) -> None:
    world.ran.register(1, ONE)
    world.ran.say_nas(1, registration(ONE, type=kind))
    assert world.ran.last(1) == nas.RegistrationAccept(version=1, temporary_identity=7)
    assert len(world.states("terminal registered")) == 1


def test_a_registered_terminal_cannot_become_another_subscriber(world: World) -> None:
    world.ran.register(1, ONE)
    world.ran.say_nas(1, registration(TWO))
    assert world.ran.last(1).cause == Cause.NOT_ALLOWED
    assert world.ran.released() == [1]
    assert world.empty


def test_who_comes_back_replaces_its_old_context_once_it_has_proved_who_it_is(world: World) -> None:
    other = FakeRanNode(world, world.manager, "ran-2")
    world.ran.register(1, ONE)
    other.begin(9, ONE)
    assert world.manager.registered[ONE].context == 1
    other.say_nas(9, nas.SecurityModeComplete())
    other.complete(9)
    assert world.manager.registered[ONE].association is other.association
    assert world.ran.released() == [1]
    world.ran.say(n2.ContextReleaseComplete(ran_ue=1))
    assert world.manager.registered[ONE].context == 9
    assert len(world.manager.terminals) == 1


def test_two_at_once_with_the_same_key_leave_one(world: World) -> None:
    for context in (1, 2):
        world.ran.begin(context, ONE)
    for context in (1, 2):
        world.ran.say_nas(context, nas.SecurityModeComplete())
    for context in (1, 2):
        world.ran.complete(context)
    assert world.manager.registered[ONE].context == 2
    assert world.ran.released() == [1]
    assert len(world.manager.terminals) == len(world.manager.by_temporary_identity) == 1


def test_terminals_are_bounded(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(register_terminal, "MAXIMUM_TERMINALS", 1)
    world.ran.register(1, ONE)
    world.ran.begin(2, TWO)
    assert len(world.manager.terminals) == 1
    assert world.drops() == ["too many terminals"]
    assert world.ran.released() == [2]


@pytest.mark.parametrize("message", [n2.ContextReleaseRequest(ran_ue=1, cause=0), n2.ContextReleaseComplete(ran_ue=1)])
@pytest.mark.parametrize("steps", range(4))
def test_a_terminal_lost_at_any_step_is_forgotten(world: World, message: n2.N2, steps: int) -> None:
    ran = world.ran
    ran.begin(1, ONE)
    if steps >= 1:
        ran.say_nas(1, nas.SecurityModeComplete())
    if steps >= 2:
        ran.say(n2.InitialContextSetupResponse(ran_ue=1))
    if steps >= 3:
        ran.say_nas(1, nas.RegistrationComplete(temporary_identity=7))
    ran.say(message)
    assert world.empty


def test_the_offers_come_after_complete(world: World) -> None:
    world.call(names.ACCESS_MANAGER, OfferJob(job=1, service="s", purpose="p", k=1, raw_data=False))
    world.ran.begin(1, ONE)
    world.ran.say_nas(1, nas.SecurityModeComplete())
    assert world.ran.to(1) == []
    world.ran.complete(1)
    assert [type(message) for message in world.ran.to(1)] == [nas.JobList]


# --- Overload


def test_too_many_registrations_are_an_overload() -> None:
    world = World(overload=2)
    world.ran.begin(1, ONE)
    assert not world.ran.of(n2.OverloadStart)
    world.ran.begin(2, TWO)
    (start,) = world.ran.of(n2.OverloadStart)
    assert 1 <= start.reduction <= 100 and start.wait_time
    late = FakeRanNode(world, world.manager, "ran-2")
    assert late.of(n2.OverloadStart) == [start]
    world.ran.say_nas(1, nas.SecurityModeComplete())
    world.ran.complete(1)
    assert world.ran.sent[-1] == late.sent[-1] == n2.OverloadStop()
    world.advance(60)
    assert len(world.ran.of(n2.OverloadStop)) == 1
    assert world.manager.overload.under_way == 0
