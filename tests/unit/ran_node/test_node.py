"""The RAN node towards UEs and core: connections, what is legal when, releases."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from radio_bench import BULK_PORT, RAN_ADDRESS, Air, FakeUe, Ran, reconfiguration, registration

from net4ai.codecs import n2, nas, rrc
from net4ai.codecs.causes import Cause
from net4ai.codecs.common import VersionRange
from net4ai.codecs.declaration import Message
from net4ai.codecs.l2 import BearerType
from net4ai.ran_node import set_up_connection
from net4ai.ran_node.hand_over import hand_over
from net4ai.ran_node.set_up_connection import MAXIMUM_C_RNTI, WAIT_TIME
from net4ai.ran_node.ue_context import LEGAL, State
from net4ai.stack.acknowledged_bearer import AcknowledgedBearer
from net4ai.stack.drops import Drop
from net4ai.stack.hop import Hop
from net4ai.stack.message_hooks import Go, MessageHooks
from net4ai.stack.procedure import outcome_of

ONE = VersionRange(lowest=1, highest=1)
NAS = registration().encode()


def no_close() -> None:
    raise AssertionError("N2 was closed")


UNEXPECTED, UNANSWERED = "unexpected message", "answer to no request"


class World:
    def tell_to_go(self, c_rnti: int) -> None:
        """The UE is told to go to another RAN node."""
        context = self.node.contexts[c_rnti]
        handover = hand_over(self.node, context, "ran-2", Cause.UNSPECIFIED)
        self.node.procedures.start("test", outcome_of(handover))  # type: ignore[arg-type]
        there = rrc.Synchronisation(cell=9, c_rnti=4, bulk_port=2, next_hop_chaining_count=1, t304=1000)
        container = replace(reconfiguration(), synchronisation=(there,)).encode()
        self.ran.core(n2.HandoverCommand(ran_ue=context.number, container=container))

    def __init__(self, **config: Any) -> None:
        self.air = Air()
        self.ran = Ran(self.air, **config)
        self.ue = FakeUe(self.air)

    @property
    def node(self) -> Any:
        return self.ran.node

    def number(self) -> int:
        """Identity on N2 of the newest UE."""
        return int(self.ran.of(n2.InitialUeMessage)[-1].ran_ue)


@pytest.fixture
def world() -> World:
    return World()


# --- Every message in every state

RRC_MESSAGES: dict[type[Message], rrc.Rrc] = {
    type(message): message
    for message in (
        rrc.SetupRequest(ue_identity=1, cause=3, bulk_port=1),
        rrc.Setup(transaction=0, ue_identity=1, c_rnti=9, bulk_port=1),
        rrc.SetupComplete(transaction=0, nas=NAS),
        rrc.Reject(ue_identity=1, wait_time=10, cause=1),
        reconfiguration(),
        rrc.ReconfigurationComplete(transaction=0, sessions=()),
        rrc.ReconfigurationFailure(transaction=0, cause=1),
        rrc.DownlinkInformationTransfer(nas=NAS),
        rrc.UplinkInformationTransfer(nas=NAS),
        rrc.Release(transaction=0, cause=1),
        rrc.SecurityModeCommand(transaction=0, integrity=0, ciphering=0),
        rrc.SecurityModeComplete(transaction=0),
        rrc.SecurityModeFailure(transaction=0, cause=1),
        rrc.ReestablishmentRequest(ue_identity=1, cell=1, c_rnti=9, short_mac=0, cause=2, bulk_port=1),
        rrc.Reestablishment(transaction=0, next_hop_chaining_count=0),
        rrc.ReestablishmentComplete(transaction=0),
        rrc.MeasurementReport(measurement=1, cells=()),
        rrc.ChannelQualityReport(cqi=7, rate=29_531),
        rrc.Paging(records=(rrc.PagingRecord(temporary_identity=99),)),
        rrc.SystemInformationRequest(),
        rrc.SystemInformation(cell=1, period=1000, barred=False),
    )
}

TAKEN: dict[State, dict[type[Message], str | None]] = {
    State.SETTING_UP: {rrc.SetupComplete: None},
    State.CONNECTED: {
        rrc.UplinkInformationTransfer: None,
        rrc.SecurityModeComplete: Drop.NOT_PROTECTED,
        rrc.SecurityModeFailure: UNANSWERED,
    },
    State.SECURED: {
        rrc.UplinkInformationTransfer: None,
        rrc.ReconfigurationComplete: UNANSWERED,
        rrc.ReconfigurationFailure: UNANSWERED,
        rrc.MeasurementReport: None,
        rrc.ChannelQualityReport: None,
    },
    State.LOST: {},
    State.HANDING_OVER: {
        rrc.UplinkInformationTransfer: None,
        rrc.ReconfigurationFailure: None,
        rrc.MeasurementReport: None,
        rrc.ChannelQualityReport: None,
    },
    State.PREPARED: {rrc.ReconfigurationComplete: None},  # see test_hand_over.py
    State.RELEASING: {},
}


def test_the_tables_agree() -> None:
    assert set(RRC_MESSAGES) == set(rrc.Rrc.FAMILY.messages.values())
    assert {state: frozenset(taken) for state, taken in TAKEN.items()} == LEGAL


@pytest.mark.parametrize("state", [state for state in State if state is not State.PREPARED])
@pytest.mark.parametrize("kind", RRC_MESSAGES, ids=lambda kind: kind.__name__)
def test_rrc_on_srb1(world: World, state: State, kind: type[Message]) -> None:
    world.ue.ask()
    c_rnti = world.ue.accept()
    if state is not State.SETTING_UP:
        world.ue.say(RRC_MESSAGES[rrc.SetupComplete])
    if state in (State.SECURED, State.LOST, State.HANDING_OVER):
        world.ue.start_security(world.ran)
    if state is State.HANDING_OVER:
        world.tell_to_go(c_rnti)
    if state in (State.RELEASING, State.LOST):
        world.air.cut = True
        if state is State.RELEASING:
            world.ran.core(n2.ContextReleaseCommand(ran_ue=world.number(), cause=1))
        else:
            world.node.contexts[c_rnti].hop.signalling.give_up()
            world.node.touch(world.node.contexts[c_rnti])
            world.air.run(0.01)
        world.air.cut = False
    assert world.node.contexts[c_rnti].state is state
    sent = len(world.ran.to_core)
    world.ue.say(RRC_MESSAGES[kind])
    reason = TAKEN[state].get(kind, Drop.BEARER_FAILED if state is State.LOST else UNEXPECTED)
    assert world.ran.drops == ({} if reason is None else {reason: 1})
    for_the_node = (rrc.MeasurementReport, rrc.ChannelQualityReport)
    assert (len(world.ran.to_core) > sent) == (reason is None and kind not in for_the_node)


@pytest.mark.parametrize("kind", RRC_MESSAGES, ids=lambda kind: kind.__name__)
def test_on_srb0_only_requests_are_taken_and_answered(world: World, kind: type[Message]) -> None:
    world.ue.say_srb0(RRC_MESSAGES[kind])
    answer = {
        rrc.SetupRequest: rrc.Setup,
        rrc.ReestablishmentRequest: rrc.Setup,
        rrc.SystemInformationRequest: rrc.SystemInformation,
    }.get(kind)
    assert world.ran.drops == ({} if answer else {UNEXPECTED: 1})
    assert [type(message) for message in world.ue.srb0] == ([answer] if answer else [])


def test_nonsense_is_dropped_with_its_reason(world: World) -> None:
    world.node.n2.receive(b"", 0)
    world.node.n2.receive(b"\x06\x00", 0)
    for pdu in (bytes(8), bytes(9), bytes(2) + b"\x00\x05" + bytes(20)):
        world.node.receive(bytearray(pdu), 64, ("ue", 1), False, 0)
    world.node.receive(bytearray(20), 20, ("ue", 2), True, 0)
    assert sum(world.ran.drops.values()) == 6


# --- Without the core


def test_without_the_core_nobody_is_let_in() -> None:
    world = World(connected=False)
    world.ue.ask()
    assert not world.ue.srb0
    assert world.ran.drops == {"no N2 connection": 1}
    world.ran.connect()
    world.ue.ask()
    assert len(world.ue.srb0) == 1


# --- Connections


def test_set_up(world: World) -> None:
    world.ue.ask(identity=5)
    assert world.ue.srb0 == [rrc.Setup(transaction=0, ue_identity=5, c_rnti=1, bulk_port=BULK_PORT)]
    world.ue.accept()
    world.ue.say(rrc.SetupComplete(transaction=0, nas=NAS))
    assert world.ran.of(n2.InitialUeMessage) == [n2.InitialUeMessage(ran_ue=1, nas=NAS)]
    assert not world.node.half_open


def test_a_repeated_request_gets_the_same_answer(world: World) -> None:
    for identity in (5, 5, 6):
        world.ue.ask(identity)
    assert [setup.c_rnti for setup in world.ue.srb0] == [1, 1, 2]  # type: ignore[attr-defined]
    assert len(world.node.contexts) == 2


def test_the_same_identity_from_elsewhere_is_another_ue(world: World) -> None:
    world.ue.ask(5)
    other = FakeUe(world.air, "other")
    other.ask(5)
    assert other.srb0[0].c_rnti == 2  # type: ignore[attr-defined]


def test_a_connection_that_is_not_completed_is_freed(world: World) -> None:
    world.ue.ask()
    world.air.run(4.9)
    assert world.node.contexts
    world.air.run(0.1)
    assert not (world.node.contexts or world.node.by_number or world.node.half_open)
    assert not world.ran.of(n2.ContextReleaseRequest)
    world.ue.accept()
    world.ue.say(rrc.SetupComplete(transaction=0, nas=NAS))
    assert world.ran.drops == {"source not bound": 1}


def test_half_open_connections_are_bounded(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(set_up_connection, "MAXIMUM_HALF_OPEN", 3)
    for identity in range(5):
        world.ue.ask(identity)
    assert len(world.node.half_open) == 3
    reject = rrc.Reject(ue_identity=4, wait_time=WAIT_TIME, cause=Cause.NO_RESOURCES)
    assert world.ue.srb0[-1] == reject
    world.ue.ask(0)
    assert world.ue.srb0[-1].c_rnti == 1  # type: ignore[attr-defined]
    world.air.run(5)
    world.ue.ask(9)
    assert isinstance(world.ue.srb0[-1], rrc.Setup)


def test_ues_are_bounded() -> None:
    world = World(maximum_ues=1)
    world.ue.connect()
    world.ue.ask(9)
    assert isinstance(world.ue.srb0[-1], rrc.Reject)


def test_c_rntis_are_bounded_whatever_the_configuration(monkeypatch: pytest.MonkeyPatch) -> None:
    assert MAXIMUM_C_RNTI == 0xFFEF
    world = World(maximum_ues=10**6)
    world.node.contexts = dict.fromkeys(range(1, MAXIMUM_C_RNTI + 1))
    world.ue.ask(9)
    assert isinstance(world.ue.srb0[-1], rrc.Reject)
    del world.node.contexts[77]
    assert world.node.free_c_rnti() == 77


def test_a_ue_is_bound_to_its_addresses(world: World) -> None:
    world.ue.connect()
    thief = FakeUe(world.air, "thief")
    thief.hop = world.ue.hop
    assert thief.hop is not None
    pdu = thief.hop.signalling
    pdu.send(rrc.UplinkInformationTransfer(nas=NAS).encode(), 0)
    (datagram,) = pdu.datagrams_to_send(world.air.now)
    thief.hop = None
    thief.sockets.send_signalling(datagram, len(datagram), RAN_ADDRESS)
    world.air.run(0.01)
    assert world.ran.drops == {"source not bound": 1}
    assert not world.ran.of(n2.UplinkNasTransport)


# --- NAS in both directions


def test_nas_passes_unread(world: World) -> None:
    world.ue.connect()
    world.ue.say(rrc.UplinkInformationTransfer(nas=b"\x99up"))
    world.ran.core(n2.DownlinkNasTransport(ran_ue=world.number(), nas=b"\x99down"))
    assert world.ran.of(n2.UplinkNasTransport) == [n2.UplinkNasTransport(ran_ue=world.number(), nas=b"\x99up")]
    assert world.ue.srb1 == [rrc.DownlinkInformationTransfer(nas=b"\x99down")]


# --- Releases


def test_a_release_is_told_and_the_context_freed_when_it_is_acknowledged(world: World) -> None:
    c_rnti = world.ue.connect()
    world.ran.core(n2.ContextReleaseCommand(ran_ue=world.number(), cause=Cause.NOT_ALLOWED))
    assert world.ue.srb1 == [rrc.Release(transaction=0, cause=Cause.NOT_ALLOWED)]
    assert world.ran.of(n2.ContextReleaseComplete) == [n2.ContextReleaseComplete(ran_ue=world.number())]
    assert c_rnti not in world.node.contexts
    assert not world.node.by_number


def test_a_lost_release_is_repeated(world: World) -> None:
    world.ue.connect()
    world.air.cut = True
    world.ran.core(n2.ContextReleaseCommand(ran_ue=world.number(), cause=1))
    assert world.ran.of(n2.ContextReleaseComplete)
    world.air.run(1)
    world.air.cut = False
    world.air.run(1)
    assert world.ue.srb1 == [rrc.Release(transaction=0, cause=Cause.NORMAL)]
    assert not world.node.contexts


def test_a_release_nobody_acknowledges_is_given_up(world: World) -> None:
    world.ue.connect()
    world.air.cut = True
    world.ran.core(n2.ContextReleaseCommand(ran_ue=world.number(), cause=1))
    world.air.run(60, until=lambda: not world.node.contexts)
    assert not world.node.contexts
    assert not world.ran.of(n2.ContextReleaseRequest)


def test_what_a_released_ue_had_half_sent_holds_nobody_up(world: World) -> None:
    """A PDU of it arrived, those before it never will: it has let go of its bearer."""
    c_rnti = world.ue.connect()
    ahead = AcknowledgedBearer(bearer_type=BearerType.SRB, bearer=1, c_rnti=c_rnti, first_count=7)
    ahead.send(rrc.UplinkInformationTransfer(nas=NAS).encode(), world.air.now)
    (held,) = ahead.datagrams_to_send(world.air.now)
    world.ue.sockets.send_signalling(held, len(held), RAN_ADDRESS)
    world.ran.core(n2.ContextReleaseCommand(ran_ue=world.number(), cause=Cause.NORMAL))
    world.air.run(5)
    assert c_rnti not in world.node.contexts


def test_what_a_hook_holds_back_finds_nobody_when_the_context_is_gone(world: World) -> None:
    world.ue.connect()
    procedures = world.node.procedures
    later = MessageHooks(
        "ran", procedures, [lambda seen: [Go(seen.message, 10**9)] if seen.direction == "in" else None]
    )
    procedures.pass_on = later.pass_on
    world.ue.say(rrc.UplinkInformationTransfer(nas=NAS))
    world.node.forget(next(iter(world.node.contexts.values())))
    world.air.run(3)
    assert not world.node.contexts
    assert not world.ran.of(n2.UplinkNasTransport)
    assert world.ran.drops == {"unexpected message": 1}


class Routes:
    """A forwarding function that is told which hops are gone."""

    def __init__(self) -> None:
        self.gone: set[Hop] = set()

    def release_hop(self, hop: Hop) -> None:
        self.gone.add(hop)

    def pump(self, now: int) -> None: ...

    def next_deadline(self) -> None: ...


@pytest.mark.parametrize("by", ["core", "radio", "set-up"])
def test_with_its_context_the_routes_of_a_ue_end(world: World, by: str) -> None:
    world.node.cpf = routes = Routes()
    world.ue.ask()
    hop = world.node.contexts[world.ue.accept()].hop
    if by != "set-up":
        world.ue.say(RRC_MESSAGES[rrc.SetupComplete])
    assert not routes.gone
    world.air.cut = True
    if by == "core":
        world.ran.core(n2.ContextReleaseCommand(ran_ue=world.number(), cause=1))
    elif by == "radio":
        world.ran.core(n2.DownlinkNasTransport(ran_ue=world.number(), nas=NAS))
        world.air.run(60, until=lambda: not world.node.contexts)
    else:
        world.air.run(6)
    assert routes.gone == {hop}


def test_while_it_is_being_released_a_ue_is_nobody(world: World) -> None:
    world.ue.connect()
    number = world.number()
    world.air.cut = True
    world.ran.core(n2.ContextReleaseCommand(ran_ue=number, cause=1))
    world.ran.core(n2.DownlinkNasTransport(ran_ue=number, nas=NAS))
    world.ran.core(n2.SessionSetupRequest(ran_ue=number, transaction=1, job=1, qos=()))
    world.ran.core(n2.ContextReleaseCommand(ran_ue=number, cause=1))
    assert world.ran.drops == {"unknown UE context": 1}
    assert len(world.ran.of(n2.SessionSetupFailure)) == 1
    assert len(world.ran.of(n2.ContextReleaseComplete)) == 2


def test_with_the_core_all_ues_go(world: World) -> None:
    world.ue.connect()
    half = FakeUe(world.air, "half")
    half.ask(9)
    half.accept()
    world.node.n2.lost(world.air.now)
    world.air.run(0.1)
    assert world.ue.srb1 == [rrc.Release(transaction=0, cause=Cause.NODE_GOING_DOWN)]
    assert half.srb1 == world.ue.srb1
    assert not (world.node.contexts or world.node.by_number or world.node.half_open)
    assert not world.node.procedures.open
    world.ue.ask(11)
    assert world.ran.drops == {"no N2 connection": 1}


def test_a_ue_that_is_gone_is_reported(world: World) -> None:
    c_rnti = world.ue.connect()
    number = world.number()
    world.air.cut = True
    world.ran.core(n2.DownlinkNasTransport(ran_ue=number, nas=NAS))
    world.air.run(60, until=lambda: bool(world.ran.of(n2.ContextReleaseRequest)))
    assert world.ran.of(n2.ContextReleaseRequest) == [n2.ContextReleaseRequest(ran_ue=number, cause=Cause.PEER_LOST)]
    assert c_rnti not in world.node.contexts
    world.ran.core(n2.ContextReleaseCommand(ran_ue=number, cause=Cause.PEER_LOST))
    assert world.ran.of(n2.ContextReleaseComplete)


def test_c_rntis_and_numbers_are_not_used_again_soon(world: World) -> None:
    first = world.ue.connect()
    world.ran.core(n2.ContextReleaseCommand(ran_ue=world.number(), cause=1))
    number = world.number()
    second = FakeUe(world.air).connect()
    assert (second, world.number()) == (first + 1, number + 1)


def test_the_identity_a_ue_asked_with_reaches_nobody(world: World) -> None:
    identity = 0x1122334455667788
    world.ue.ask(identity)
    world.ue.accept()
    world.ue.say(rrc.SetupComplete(transaction=0, nas=nas.RoutineAccept(execution=1, key=b"").encode()))
    sent = b"".join(message.encode() for message in world.ran.to_core)
    assert identity.to_bytes(8, "big") not in sent
