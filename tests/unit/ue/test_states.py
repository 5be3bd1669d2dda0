"""Every RRC and NAS message in every state of a terminal: handled, or dropped with a named reason."""

from __future__ import annotations

import dataclasses
from enum import Enum

import pytest
from all_messages import MESSAGES
from radio_bench import Air, FakeRanNode, Ue

from net4ai.codecs import nas, rrc
from net4ai.codecs.declaration import Message
from net4ai.ue.states import CELL_WIDE, NAS_LEGAL, RRC_LEGAL, NasState, RrcState, is_legal_nas, is_legal_rrc


class State(Enum):
    """How far a terminal has come in both protocols."""

    IDLE = RrcState.IDLE, NasState.DEREGISTERED
    CONNECTED = RrcState.CONNECTED, NasState.DEREGISTERED
    REGISTERED = RrcState.SECURED, NasState.REGISTERED


UNEXPECTED, UNANSWERED, NOT_SECURED = "unexpected message", "answer to no request", "not secured"

TAKEN: dict[State, dict[type[Message], str | None]] = {
    State.CONNECTED: {
        rrc.DownlinkInformationTransfer: NOT_SECURED,  # what is in it: see test_core_dialogue
        rrc.SecurityModeCommand: None,
        rrc.Release: None,
    },
    State.REGISTERED: {
        rrc.DownlinkInformationTransfer: NOT_SECURED,
        rrc.Reconfiguration: None,
        rrc.Release: None,
    },
}
"""Messages taken on SRB1 by state, with the reason of the drop that follows all the same. All others: unexpected."""


def test_every_message_is_here() -> None:
    assert set(MESSAGES) == {*rrc.Rrc.FAMILY.messages.values(), *nas.Nas.FAMILY.messages.values()}


def test_nothing_is_legal_that_a_terminal_sends() -> None:
    for legal in (*RRC_LEGAL.values(), *NAS_LEGAL.values()):
        assert all(message.DIRECTION in ("down", "both") for message in legal)


@pytest.mark.parametrize("state", [State.CONNECTED, State.REGISTERED])
@pytest.mark.parametrize("kind", rrc.Rrc.FAMILY.messages.values(), ids=lambda kind: kind.__name__)
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
