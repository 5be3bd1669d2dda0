"""RRC connection, registration, release: the UE's side."""

from __future__ import annotations

import pytest
from radio_bench import BULK_PORT, KEY, RAN_ADDRESS, UE_ADDRESS, Air, FakeRanNode, Ue, reconfiguration

from net4ai.codecs import nas, rrc
from net4ai.codecs.causes import Cause
from net4ai.codecs.common import SecurityCapabilities, VersionRange
from net4ai.ue.config import TerminalConfig
from net4ai.ue.states import NasState, RrcState

CAPABILITIES = SecurityCapabilities(integrity=0xA0, ciphering=0xA0)


class World:
    def __init__(self, count: int = 1) -> None:
        self.air = Air()
        self.ran = FakeRanNode(self.air)
        self.ue = Ue(self.air, count)
        self.ue.start()
        self.air.run(0.05)

    def requests(self) -> list[rrc.SetupRequest]:
        return [message for message in self.ran.srb0 if isinstance(message, rrc.SetupRequest)]


@pytest.fixture
def world() -> World:
    return World()


def test_connected_with_the_registration_on_board(world: World) -> None:
    request = world.requests()[0]
    assert (request.cause, request.bulk_port) == (rrc.EstablishmentCause.MO_SIGNALLING, BULK_PORT)
    world.ran.set_up(c_rnti=9)
    assert world.ran.rrc == [rrc.SetupComplete(transaction=2, nas=world.ran.nas[0].encode())]
    assert world.ran.nas == [
        nas.RegistrationRequest(
            versions=VersionRange(lowest=1, highest=1), capabilities=CAPABILITIES, identity="imsi-1"
        )
    ]
    assert world.ue.terminal.rrc_state is RrcState.CONNECTED
    assert world.ue.process.bound == {((RAN_ADDRESS[0], port), 9): world.ue.terminal for port in (1, BULK_PORT)}
    assert not world.ue.process.asking


def test_the_request_is_repeated_with_the_same_identity(world: World) -> None:
    world.air.run(0.4 * 7)
    requests = world.requests()
    assert len(requests) == 8
    assert len({request.ue_identity for request in requests}) == 1


def test_without_an_answer_the_missing_node_is_named_and_it_goes_on(world: World) -> None:
    world.air.run(0.4 * 8)
    assert world.ue.troubles == ["ue/1: TIMEOUT: T300: no answer from RAN node ran at ran:1, trying again"]
    first = world.requests()[0].ue_identity
    world.air.run(1.05)
    assert world.requests()[-1].ue_identity != first
    world.ran.set_up()
    world.ran.register()
    assert world.ue.all_in(NasState.REGISTERED)


def test_what_hinders_all_terminals_is_said_once_until_it_is_over() -> None:
    world = World(count=3)
    world.air.run(18)
    assert len(world.ue.troubles) == 1
    world.ran.set_up()
    world.ran.register()
    assert [terminal.nas_state for terminal in world.ue.terminals].count(NasState.REGISTERED) == 1
    world.air.run(10)
    assert len(world.ue.troubles) == 2


def test_a_refused_terminal_waits_as_told(world: World) -> None:
    identity = world.requests()[0].ue_identity
    world.ran.say_srb0(rrc.Reject(ue_identity=identity, wait_time=3000, cause=Cause.NO_RESOURCES))
    world.air.run(2.9)
    assert len(world.requests()) == 1
    world.air.run(0.1)
    assert len(world.requests()) == 2


def test_one_who_is_always_refused_says_so(world: World) -> None:
    for _ in range(8):
        identity = world.requests()[-1].ue_identity
        world.ran.say_srb0(rrc.Reject(ue_identity=identity, wait_time=0, cause=Cause.NO_RESOURCES))
    assert world.ue.troubles == ["ue/1: NO_RESOURCES: by RAN node ran at ran:1, trying again"]


def test_only_its_ran_node_is_listened_to(world: World) -> None:
    other = FakeRanNode(world.air)
    other._sockets = world.air.sockets("evil")
    identity = world.requests()[0].ue_identity
    other.say_srb0(rrc.Setup(transaction=0, ue_identity=identity, c_rnti=5, bulk_port=1))
    assert world.ue.drops == {"source not bound": 1}
    assert world.ue.terminal.rrc_state is RrcState.IDLE


def test_an_answer_that_comes_twice_counts_once(world: World) -> None:
    identity = world.requests()[0].ue_identity
    setup = rrc.Setup(transaction=0, ue_identity=identity, c_rnti=5, bulk_port=1)
    for _ in range(2):
        world.ran.say_srb0(setup)
    assert world.ue.drops == {"answer to no request": 1}
    assert {c_rnti for _, c_rnti in world.ue.process.bound} == {5}


# --- Registration


def test_an_unanswered_registration_is_repeated_then_begun_anew(world: World) -> None:
    world.ran.set_up()
    world.air.run(15 * 3 - 0.1)
    assert len(world.ran.nas) == 3
    world.air.run(0.1)
    assert "T3510" in world.ue.troubles[0]
    assert not world.ue.process.bound
    world.air.run(1.05)
    assert len(world.requests()) == 2


def test_a_rejected_terminal_says_why_and_asks_again(world: World) -> None:
    world.ran.set_up()
    world.ran.say(nas.RegistrationReject(cause=Cause.NOT_ALLOWED, versions=VersionRange(lowest=1, highest=1)))
    assert world.ue.troubles == ["ue/1: NOT_ALLOWED: registration, trying again"]
    assert world.ue.terminal.rrc_state is RrcState.IDLE
    world.air.run(1)
    assert len(world.requests()) == 2


def test_a_late_answer_is_enough(world: World) -> None:
    world.ran.set_up()
    world.air.run(20)
    world.ran.register()
    assert world.ue.all_in(NasState.REGISTERED)
    assert not world.ue.troubles


def test_a_registered_terminal_registers_again_from_time_to_time(world: World) -> None:
    world.ran.set_up()
    world.ran.register()
    world.air.run(30)
    assert len(world.ran.nas) == 2
    world.ran.register()
    assert not world.ue.drops
    world.air.run(30 + 15)
    assert len(world.ran.nas) == 3
    assert world.ue.all_in(NasState.REGISTERED)
    world.ue.terminal.release(Cause.NORMAL)
    world.air.run(100)
    assert len(world.ran.nas) == 3


def test_an_idle_terminal_notices_that_its_ran_node_has_lost_it(world: World) -> None:
    world.ran.set_up()
    world.ran.register()
    world.ran.hop = None
    world.air.run(60, until=lambda: len(world.requests()) > 1)
    assert world.ue.terminal.rrc_state is RrcState.IDLE


# --- Release


def registered(world: World) -> None:
    world.ran.set_up()
    world.ran.register()
    world.ran.reconfigure(session=0, bearer=1)
    world.ran.reconfigure(session=1, bearer=2)


def test_release_frees_everything_is_acknowledged_and_it_comes_back(world: World) -> None:
    registered(world)
    assert world.ran.hop is not None
    world.ran.say(rrc.Release(transaction=0, cause=Cause.NODE_GOING_DOWN))
    assert world.ran.hop.signalling.idle
    terminal = world.ue.terminal
    assert (terminal.rrc_state, terminal.hop, terminal.sessions) == (RrcState.IDLE, None, {})
    assert not world.ue.process.bound
    assert not world.ue.process.endpoint.sessions
    assert world.ue.process.endpoint._budget.promised == 0
    assert len(world.requests()) == 2
    world.ran.set_up(8)
    world.ran.register()
    assert world.ue.all_in(NasState.REGISTERED)


def test_who_hears_nothing_any_more_lets_go_and_comes_back(world: World) -> None:
    registered(world)
    world.air.cut = True
    world.ue.terminal.send_nas(nas.ComputingRequest(transaction=1, job=1))
    world.air.run(60, until=lambda: world.ue.terminal.rrc_state is RrcState.IDLE)
    assert not world.ue.process.endpoint.sessions
    world.air.cut = False
    world.air.run(5, until=lambda: len(world.requests()) > 1)
    world.ran.set_up(8)
    world.ran.register()
    assert world.ue.all_in(NasState.REGISTERED)


def test_without_a_connection_a_message_is_dropped(world: World) -> None:
    world.ue.terminal.send_nas(nas.ComputingRequest(transaction=1, job=1))
    assert world.ue.drops == {"no connection": 1}


def test_a_c_rnti_given_to_another_terminal_ends_the_first_ones_connection() -> None:
    world = World(count=2)
    first, second = world.ue.terminals
    for request in world.requests():
        world.ran.say_srb0(rrc.Setup(transaction=0, ue_identity=request.ue_identity, c_rnti=5, bulk_port=1))
    assert set(world.ue.process.bound.values()) == {second}
    assert (first.rrc_state, first.hop) == (RrcState.IDLE, None)
    assert second.rrc_state is RrcState.CONNECTED


def test_terminals_of_one_process_have_their_own_connections() -> None:
    world = World(count=3)
    identities = [request.ue_identity for request in world.requests()]
    assert len(set(identities)) == 3
    for c_rnti, identity in enumerate(identities, 1):
        world.ran.say_srb0(rrc.Setup(transaction=0, ue_identity=identity, c_rnti=c_rnti, bulk_port=1))
    assert [terminal.hop.identity for terminal in world.ue.terminals if terminal.hop] == [1, 2, 3]


def test_pdus_for_nobody_are_dropped(world: World) -> None:
    registered(world)
    world.ran._sockets.send_signalling(bytes(5), 5, UE_ADDRESS)
    stranger = bytearray(20)
    stranger[3] = 99
    world.ran._sockets.send_signalling(stranger, 20, UE_ADDRESS)
    world.air.run(0.05)
    assert world.ue.drops == {"truncated": 1, "source not bound": 1}
    world.ran.say(reconfiguration())
    assert isinstance(world.ran.rrc[-1], rrc.ReconfigurationComplete)


def test_the_identity_of_a_subscriber_is_never_on_srb0() -> None:
    air = Air()
    ran = FakeRanNode(air)
    ue = Ue(air, terminals=[TerminalConfig(name="secret-name", identity="imsi-secret", key=KEY)])
    ue.start()
    air.run(0.05)
    assert len(air.seen) == 3  # System Information and its request, RRC Setup Request
    assert not any(b"secret" in pdu for pdu in air.seen)
    assert ran.srb0
