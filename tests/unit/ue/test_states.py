"""Every RRC and NAS message in every state of a terminal: handled, or dropped with a named reason."""

from __future__ import annotations

import dataclasses
from enum import Enum

import pytest
from radio_bench import CAPABILITIES, Air, FakeRanNode, Ue, offers, reconfiguration, registration

from net4ai.codecs import nas, rrc
from net4ai.codecs.causes import Cause
from net4ai.codecs.common import VersionRange
from net4ai.codecs.declaration import Message
from net4ai.ue.states import CELL_WIDE, NAS_LEGAL, RRC_LEGAL, NasState, RrcState, is_legal_nas, is_legal_rrc

ONE = VersionRange(lowest=1, highest=1)

MESSAGES: dict[type[Message], Message] = {
    type(message): message
    for message in (
        rrc.SetupRequest(ue_identity=1, cause=3, bulk_port=1),
        rrc.Setup(transaction=0, ue_identity=1, c_rnti=9, bulk_port=1),
        rrc.SetupComplete(transaction=0, nas=b"x"),
        rrc.Reject(ue_identity=1, wait_time=10, cause=Cause.NO_RESOURCES),
        reconfiguration(),
        rrc.ReconfigurationComplete(transaction=0, sessions=()),
        rrc.ReconfigurationFailure(transaction=0, cause=1),
        rrc.DownlinkInformationTransfer(nas=b"\xff"),
        rrc.UplinkInformationTransfer(nas=b"x"),
        rrc.Release(transaction=0, cause=Cause.NORMAL),
        rrc.SecurityModeCommand(transaction=0, integrity=0, ciphering=0),
        rrc.SecurityModeComplete(transaction=0),
        rrc.SecurityModeFailure(transaction=0, cause=1),
        rrc.ReestablishmentRequest(ue_identity=1, cell=3, c_rnti=9, short_mac=0, cause=2, bulk_port=1),
        rrc.Reestablishment(transaction=0, next_hop_chaining_count=0),
        rrc.ReestablishmentComplete(transaction=0),
        rrc.MeasurementReport(measurement=1, cells=()),
        rrc.Paging(records=(rrc.PagingRecord(temporary_identity=99),)),
        rrc.SystemInformationRequest(),
        rrc.SystemInformation(cell=3, period=1000, barred=False),
        registration(),
        nas.DeregistrationRequest(switch_off=False),
        nas.DeregistrationAccept(),
        nas.NetworkDeregistrationRequest(register_again=False, cause=1),
        nas.NetworkDeregistrationAccept(),
        nas.RegistrationComplete(temporary_identity=1),
        nas.ServiceRequest(type=0, temporary_identity=1),
        nas.ServiceReject(cause=1),
        nas.ServiceAccept(),
        nas.AuthenticationRequest(key_set=0, rand=bytes(16), autn=bytes(16)),
        nas.AuthenticationResponse(response=bytes(16)),
        nas.AuthenticationReject(),
        nas.AuthenticationFailure(cause=1, auts=b""),
        nas.SecurityModeCommand(integrity=0, ciphering=0, key_set=0, capabilities=CAPABILITIES),
        nas.SecurityModeComplete(),
        nas.SecurityModeReject(cause=1),
        nas.Status(cause=1, message_type=1),
        nas.Protected(security_header=1, mac=0, count=0, message=b"x"),
        nas.RegistrationAccept(version=1, temporary_identity=1),
        nas.RegistrationReject(cause=Cause.NOT_ALLOWED, versions=ONE),
        offers(1),
        nas.Consent(
            job=1,
            given=True,
            status=nas.UeStatus(compute=1, memory=1, battery=1),
            privacy=nas.PrivacyRequirement(raw_data=False, k=0),
        ),
        nas.ComputingRequest(transaction=1, job=1),
        nas.ComputingAccept(transaction=1, session=0),
        nas.ComputingReject(transaction=1, cause=1),
        nas.RoutineInvite(
            execution=1,
            session=0,
            function="data-source",
            routine="r",
            round=0,
            cut=1,
            seat=0,
            sequential=True,
            settings=b"{}",
            key=b"",
        ),
        nas.RoutineAccept(execution=1, key=b""),
        nas.RoutineReject(execution=1, cause=1),
        nas.RoutineStart(execution=1, turn=0, repetition=0),
        nas.RoutineDone(execution=1, turn=0, cause=1),
        nas.RoutineComplete(execution=1, cause=1),
    )
}


class State(Enum):
    """How far a terminal has come in both protocols."""

    IDLE = RrcState.IDLE, NasState.DEREGISTERED
    CONNECTED = RrcState.CONNECTED, NasState.DEREGISTERED
    REGISTERED = RrcState.SECURED, NasState.REGISTERED


UNEXPECTED, UNANSWERED = "unexpected message", "answer to no request"

TAKEN: dict[State, dict[type[Message], str | None]] = {
    State.CONNECTED: {
        rrc.DownlinkInformationTransfer: UNEXPECTED,  # what is in it is unknown
        rrc.SecurityModeCommand: None,
        rrc.Reconfiguration: None,  # until N2 starts security
        rrc.Release: None,
        nas.RegistrationAccept: None,
        nas.RegistrationReject: None,
    },
    State.REGISTERED: {
        rrc.DownlinkInformationTransfer: UNEXPECTED,
        rrc.Reconfiguration: None,
        rrc.Release: None,
        nas.RegistrationAccept: UNANSWERED,
        nas.JobList: None,
        nas.ComputingAccept: UNANSWERED,
        nas.ComputingReject: UNANSWERED,
        nas.RoutineInvite: None,
        nas.RoutineStart: "start of an unknown execution",
        nas.RoutineComplete: None,
    },
}
"""Messages taken on SRB1 by state, with the reason of the drop that follows all the same. All others: unexpected."""


def test_every_message_is_here() -> None:
    assert set(MESSAGES) == {*rrc.Rrc.FAMILY.messages.values(), *nas.Nas.FAMILY.messages.values()}


def test_nothing_is_legal_that_a_terminal_sends() -> None:
    for legal in (*RRC_LEGAL.values(), *NAS_LEGAL.values()):
        assert all(message.DIRECTION == "down" for message in legal)


@pytest.mark.parametrize("state", [State.CONNECTED, State.REGISTERED])
@pytest.mark.parametrize("kind", MESSAGES, ids=lambda kind: kind.__name__)
def test_on_srb1(state: State, kind: type[Message]) -> None:
    air = Air()
    ran, ue = FakeRanNode(air), Ue(air)
    ue.start()
    air.run(0.05)
    ran.set_up()
    if state is State.REGISTERED:
        ran.register()
    assert (ue.terminal.rrc_state, ue.terminal.nas_state) == state.value
    ran.say(MESSAGES[kind])  # type: ignore[arg-type]
    reason = TAKEN[state].get(kind, UNEXPECTED)
    assert ue.drops == ({} if reason is None else {reason: 1})


@pytest.mark.parametrize("state", State)
@pytest.mark.parametrize("kind", rrc.Rrc.FAMILY.messages.values(), ids=lambda kind: kind.__name__)
def test_on_srb0(state: State, kind: type[rrc.Rrc]) -> None:
    """Set-up and refusal count while idle, and from whom they were asked for, alone."""
    air = Air()
    ran, ue = FakeRanNode(air), Ue(air)
    ue.start()
    air.run(0.05)
    asked = ran.srb0[-1].ue_identity  # type: ignore[attr-defined]
    if state is not State.IDLE:
        ran.set_up()
    if state is State.REGISTERED:
        ran.register()
    ran.say_srb0(MESSAGES[kind])  # type: ignore[arg-type]
    if kind in CELL_WIDE:
        assert not ue.drops
        return
    assert ue.drops == {UNANSWERED: 1}
    if kind in (rrc.Setup, rrc.Reject) and state is State.IDLE:
        ran.say_srb0(dataclasses.replace(MESSAGES[kind], ue_identity=asked))  # type: ignore[type-var]
        assert ue.drops == {UNANSWERED: 1}


@pytest.mark.parametrize("kind", MESSAGES, ids=lambda kind: kind.__name__)
def test_each_message_on_its_own_bearer_alone(kind: type[Message]) -> None:
    message = MESSAGES[kind]
    for state in RrcState:
        for bearer in {"SRB0", "SRB1", "NAS"} - {kind.BEARER}:
            assert not is_legal_rrc(message, state, bearer)
    if kind.BEARER != "NAS":
        assert not any(is_legal_nas(message, state) for state in NasState)


def test_unknown_messages_and_nonsense_are_dropped() -> None:
    air = Air()
    ran, ue = FakeRanNode(air), Ue(air)
    ue.start()
    air.run(0.05)
    ran.set_up()
    assert ran.hop is not None
    for sdu in (b"\xee", b"\x05"):
        ran.hop.signalling.send(sdu, air.now)
    air.run(0.05)
    assert ue.drops == {UNEXPECTED: 1, "truncated": 1}
