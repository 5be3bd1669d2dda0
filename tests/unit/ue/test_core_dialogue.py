"""NAS of a terminal: every message in every state, protected and not; protection that fails; what is answered."""

from __future__ import annotations

from enum import Enum

import pytest
from all_messages import MESSAGES
from hypothesis import given
from hypothesis import strategies as st
from radio_bench import Air, FakeRanNode, Ue

from net4ai.codecs import nas, rrc
from net4ai.codecs.causes import Cause
from net4ai.codecs.declaration import Message
from net4ai.codecs.nas import SecurityHeaderType
from net4ai.stack.dep.constants import ERROR_BURST
from net4ai.stack.security.nas_security import MAXIMUM_NAS_COUNT
from net4ai.ue.states import NasState


class World:
    """A terminal that is connected, and somebody who speaks for the network."""

    def __init__(self) -> None:
        self.air = Air()
        self.ran, self.ue = FakeRanNode(self.air), Ue(self.air)
        self.ue.start()
        self.air.run(0.05)
        self.ran.set_up()
        self.ran.nas.clear()

    @property
    def terminal(self):  # type: ignore[no-untyped-def]
        return self.ue.terminal

    def say_plain(self, message: nas.Nas) -> None:
        self.ran.say(rrc.DownlinkInformationTransfer(nas=message.encode()))


class State(Enum):
    """Of a terminal, and whether what it hears is protected."""

    PLAIN = "connected, unprotected"
    SECURED = "secured, not registered"
    REGISTERED = "registered"
    DEREGISTERING = "deregistering"


UNEXPECTED, UNANSWERED, REFUSED = "unexpected message", "answer to no request", "peer could not take a message"
NOT_SECURED, WRONG_HEADER = "not secured", "wrong security header"

REASONS: dict[State, dict[type[Message], str | None]] = {
    State.PLAIN: {
        nas.AuthenticationRequest: None,
        nas.AuthenticationReject: None,
        nas.RegistrationReject: None,
        nas.Protected: "no security context",
        # May come before security, and only from a terminal, or to one that has asked for a service.
        nas.RegistrationRequest: UNEXPECTED,
        nas.AuthenticationResponse: UNEXPECTED,
        nas.AuthenticationFailure: UNEXPECTED,
        nas.SecurityModeReject: UNEXPECTED,
        nas.ServiceReject: UNEXPECTED,
    },
    State.SECURED: {
        nas.AuthenticationRequest: None,
        nas.AuthenticationReject: None,
        nas.RegistrationAccept: None,
        nas.RegistrationReject: None,
        nas.Status: REFUSED,
    },
    State.REGISTERED: {
        nas.AuthenticationRequest: None,
        nas.AuthenticationReject: None,
        nas.RegistrationAccept: None,
        nas.RegistrationReject: None,
        nas.NetworkDeregistrationRequest: None,
        nas.ServiceAccept: UNANSWERED,
        nas.ServiceReject: UNANSWERED,
        nas.Status: REFUSED,
        nas.JobList: None,
        nas.ComputingAccept: UNANSWERED,
        nas.PduSessionAccept: UNANSWERED,
        nas.ComputingReject: UNANSWERED,
        nas.RoutineInvite: None,
        nas.RoutineStart: "start of an unknown execution",
        nas.RoutineComplete: None,
    },
    State.DEREGISTERING: {
        nas.DeregistrationAccept: None,
        nas.NetworkDeregistrationRequest: None,
        nas.Status: REFUSED,
    },
}
"""Reason of the drop; None: taken. Not here: NOT_SECURED where it comes plain, else UNEXPECTED."""

OTHER_HEADERS = nas.SecurityModeCommand, nas.SecurityModeComplete, nas.ServiceRequest, nas.Protected
"""They never come with the usual security header."""

NAS_MESSAGES = nas.Nas.FAMILY.messages.values()


def world_in(state: State) -> World:
    world = World()
    if state is State.SECURED:
        world.ran.secure_nas()
    elif state is not State.PLAIN:
        world.ran.register()
    if state is State.DEREGISTERING:
        world.terminal.leave()
        world.ue.process.pump(world.air.now)
        world.air.run(0.05)
        assert world.ran.nas.pop() == nas.DeregistrationRequest(switch_off=False)
    return world


@pytest.mark.parametrize("state", State)
@pytest.mark.parametrize("kind", NAS_MESSAGES, ids=lambda kind: kind.__name__)
def test_every_message_in_every_state(state: State, kind: type[nas.Nas]) -> None:
    world = world_in(state)
    message = MESSAGES[kind]
    assert isinstance(message, nas.Nas)
    if state is State.PLAIN:
        world.say_plain(message)
        reason = REASONS[state].get(kind, NOT_SECURED)
    else:
        security = world.ran.nas_security
        assert security is not None
        world.ran.say(security.protect(message, SecurityHeaderType.INTEGRITY_AND_CIPHERING))
        reason = WRONG_HEADER if kind in OTHER_HEADERS else REASONS[state].get(kind, UNEXPECTED)
    drops = world.ue.drops
    assert drops == ({} if reason is None else {reason: 1})
    refused = nas.Status(cause=Cause.UNEXPECTED_MESSAGE, message_type=kind.CODE)
    assert world.ran.nas.count(refused) == (reason == UNEXPECTED and state is not State.PLAIN)


@pytest.mark.parametrize("kind", NAS_MESSAGES, ids=lambda kind: kind.__name__)
def test_once_secured_nothing_is_taken_unprotected(kind: type[nas.Nas]) -> None:
    world = world_in(State.REGISTERED)
    message = MESSAGES[kind]
    assert isinstance(message, nas.Nas)
    world.say_plain(message)
    expected = "integrity failure" if kind is nas.Protected else NOT_SECURED
    assert world.ue.drops == {expected: 1}
    assert not world.ran.nas
    assert world.terminal.nas_state is NasState.REGISTERED


def test_replayed_forged_and_reflected_messages_are_dropped_and_nothing_is_lost() -> None:
    world = world_in(State.REGISTERED)
    security = world.ran.nas_security
    assert security is not None
    accept = nas.RegistrationAccept(version=1, temporary_identity=5)
    first = security.protect(accept, SecurityHeaderType.INTEGRITY_AND_CIPHERING)
    for _ in range(2):
        world.say_plain(first)
    assert world.terminal.temporary_identity == 5
    assert world.ue.drops == {"replay": 1}
    forged = nas.Protected(
        security_header=first.security_header, mac=first.mac ^ 1, count=first.count + 1, message=first.message
    )
    world.say_plain(forged)
    assert world.ue.drops == {"replay": 1, "integrity failure": 1}
    world.ran.say(nas.RegistrationAccept(version=1, temporary_identity=6))
    assert world.terminal.temporary_identity == 6


def test_a_terminal_whose_nas_count_is_used_up_begins_anew() -> None:
    world = world_in(State.REGISTERED)
    security = world.terminal.nas_security
    security.next_count = MAXIMUM_NAS_COUNT + 1
    world.terminal.send_nas(nas.Status(cause=Cause.UNSPECIFIED, message_type=0))
    assert (world.terminal.nas_state, world.terminal.nas_security) == (NasState.DEREGISTERED, None)
    assert world.terminal.hop is None
    assert security.next_count == MAXIMUM_NAS_COUNT + 1


@given(st.binary(max_size=60))
def test_any_bytes_are_handled_or_dropped(data: bytes) -> None:
    for world in (world_in(State.PLAIN), world_in(State.REGISTERED)):
        world.ran.say(rrc.DownlinkInformationTransfer(nas=data))


@pytest.mark.parametrize(
    ("inner", "cause", "kind"),
    [(b"\xfe\x01", Cause.UNKNOWN_MESSAGE, 0xFE), (b"\x42\x01", Cause.MALFORMED_MESSAGE, 0x42)],
)
def test_what_cannot_be_read_is_answered_so_often_and_no_more(inner: bytes, cause: Cause, kind: int) -> None:
    world = world_in(State.REGISTERED)
    security = world.ran.nas_security
    assert security is not None

    class Raw:
        def encode(self) -> bytes:
            return inner

    for _ in range(ERROR_BURST + 5):
        protected = security.protect(Raw(), SecurityHeaderType.INTEGRITY_AND_CIPHERING)  # type: ignore[arg-type]
        assert world.ran.hop is not None
        world.ran.hop.send(rrc.DownlinkInformationTransfer(nas=protected.encode()), world.air.now)
    world.air.run(0.1)
    answers = [message for message in world.ran.nas if message == nas.Status(cause=cause, message_type=kind)]
    assert ERROR_BURST <= len(answers) <= ERROR_BURST + 2
    assert len(world.ran.nas) == len(answers)
