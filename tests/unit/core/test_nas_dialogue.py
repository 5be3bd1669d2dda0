"""NAS at the core: every message, registered or not, protected or not; protection that fails; what is answered."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from core_bench import CAPABILITIES, Bench, FakeRanNode, Scripted, consent, core_config, registration
from hypothesis import given
from hypothesis import strategies as st

from net4ai.codecs import n2, nas
from net4ai.codecs.causes import Cause
from net4ai.codecs.common import VersionRange
from net4ai.codecs.declaration import Message
from net4ai.codecs.nas import SecurityHeaderType
from net4ai.core import names
from net4ai.core.access_manager import AccessManager
from net4ai.core.nas_dialogue import _HANDLERS, LEGAL
from net4ai.core.store import MemoryStore
from net4ai.stack.dep.constants import ERROR_BURST

SUBSCRIBER = "imsi-1"
UE = 1


class World(Bench):
    def __init__(self) -> None:
        super().__init__()
        self.manager = AccessManager(
            self.entity(names.ACCESS_MANAGER),
            core_config([SUBSCRIBER, "imsi-2"]),
            itertools.count(7).__next__,
            MemoryStore(),
        )
        self.routine_manager: Scripted = self.scripted(names.ROUTINE_MANAGER)
        self.service_manager: Scripted = self.scripted(names.SERVICE_MANAGER)
        self.ran = FakeRanNode(self, self.manager)

    def say(self, data: bytes) -> None:
        self.ran.say(n2.UplinkNasTransport(ran_ue=UE, nas=data))


ONE = VersionRange(lowest=1, highest=1)
MESSAGES: dict[type[Message], nas.Nas] = {
    type(message): message
    for message in (
        registration(SUBSCRIBER),
        nas.RegistrationAccept(version=1, temporary_identity=1),
        nas.RegistrationComplete(temporary_identity=7),
        nas.RegistrationReject(cause=1, versions=ONE),
        nas.DeregistrationRequest(switch_off=False),
        nas.DeregistrationAccept(),
        nas.NetworkDeregistrationRequest(register_again=False, cause=1),
        nas.NetworkDeregistrationAccept(),
        nas.ServiceRequest(type=0, temporary_identity=7),
        nas.ServiceReject(cause=1),
        nas.ServiceAccept(),
        nas.AuthenticationRequest(key_set=0, rand=bytes(16), autn=bytes(16)),
        nas.AuthenticationResponse(response=bytes(16)),
        nas.AuthenticationReject(),
        nas.AuthenticationFailure(cause=1, auts=b""),
        nas.SecurityModeCommand(integrity=2, ciphering=2, key_set=0, capabilities=CAPABILITIES),
        nas.SecurityModeComplete(),
        nas.SecurityModeReject(cause=1),
        nas.Status(cause=1, message_type=0x80),
        nas.Protected(security_header=2, mac=0, count=9, message=b"x"),
        nas.JobList(jobs=()),
        consent(),
        nas.ComputingRequest(transaction=1, job=1),
        nas.ComputingAccept(transaction=1, session=0),
        nas.PduSessionAccept(transaction=1, session=0, address=2, function=1, port=46400, token=bytes(16)),
        nas.ComputingReject(transaction=1, cause=1),
        nas.RoutineInvite(
            execution=1,
            session=0,
            function="f",
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

UNEXPECTED, UNANSWERED, NOT_SECURED = "unexpected message", "answer to no request", "not secured"
WRONG_HEADER, REFUSED = "wrong security header", "peer could not take a message"

REASONS: dict[tuple[bool, bool], dict[type[Message], str | None]] = {
    # Security Mode Command sent, nothing answered.
    (False, False): {
        nas.RegistrationRequest: "registration under way",
        nas.AuthenticationResponse: UNANSWERED,
        nas.AuthenticationFailure: UNANSWERED,
        nas.SecurityModeReject: None,
        nas.Protected: "integrity failure",
        # May come before security, and only to a terminal.
        nas.RegistrationReject: UNEXPECTED,
        nas.ServiceReject: UNEXPECTED,
        nas.AuthenticationRequest: UNEXPECTED,
        nas.AuthenticationReject: UNEXPECTED,
    },
    # Security is on, the accept under way.
    (False, True): {
        nas.AuthenticationResponse: UNANSWERED,
        nas.AuthenticationFailure: UNANSWERED,
        nas.RegistrationComplete: UNANSWERED,
        nas.DeregistrationRequest: None,
        nas.Status: REFUSED,
    },
    # Registered: nothing unprotected is of the terminal.
    (True, False): {nas.Protected: "integrity failure"},
    (True, True): {
        nas.RegistrationRequest: None,
        nas.RegistrationComplete: None,
        nas.AuthenticationResponse: UNANSWERED,
        nas.AuthenticationFailure: UNANSWERED,
        nas.DeregistrationRequest: None,
        nas.NetworkDeregistrationAccept: UNANSWERED,
        nas.Status: REFUSED,
        nas.Consent: "consent to unknown job",
        nas.ComputingRequest: None,
        nas.RoutineAccept: "answer to no invitation",
        nas.RoutineReject: "answer to no invitation",
        nas.RoutineDone: "end of an unknown turn",
    },
}
"""Reason of the drop; None: taken. By (registered, protected). Not here: NOT_SECURED where it comes unprotected, else
UNEXPECTED."""

OTHER_HEADERS = nas.SecurityModeCommand, nas.SecurityModeComplete, nas.ServiceRequest, nas.Protected
"""They never come with the usual security header."""


def world_in(registered: bool, secured: bool) -> World:
    world = World()
    if registered:
        world.ran.register(UE, SUBSCRIBER)
    else:
        world.ran.begin(UE, SUBSCRIBER)
        if secured:
            world.ran.say_nas(UE, nas.SecurityModeComplete())
    world.ran.ue(UE).heard.clear()
    return world


@pytest.mark.parametrize(("registered", "secured"), REASONS)
@pytest.mark.parametrize("kind", MESSAGES, ids=lambda kind: kind.__name__)
def test_every_message_in_every_state(registered: bool, secured: bool, kind: type[Message]) -> None:
    world = world_in(registered, secured)
    message = MESSAGES[kind]
    if secured:
        security = world.ran.ue(UE).security
        assert security is not None
        world.say(security.protect(message, SecurityHeaderType.INTEGRITY_AND_CIPHERING).encode())
        reason = WRONG_HEADER if kind in OTHER_HEADERS else REASONS[registered, secured].get(kind, UNEXPECTED)
    else:
        world.say(message.encode())
        reason = REASONS[registered, secured].get(kind, NOT_SECURED)
    assert world.drops() == ([] if reason is None else [reason])
    refused = nas.Status(cause=Cause.UNEXPECTED_MESSAGE, message_type=kind.CODE)
    assert world.ran.ue(UE).heard.count(refused) == (reason == UNEXPECTED and secured)
    leaves = reason is None and kind is nas.DeregistrationRequest
    assert (SUBSCRIBER in world.manager.registered) == (registered and not leaves)


def test_the_tables_agree() -> None:
    assert set(MESSAGES) == set(nas.Nas.FAMILY.messages.values())
    legal = set().union(*LEGAL.values())
    assert set(_HANDLERS) == legal
    assert all(kind.DIRECTION in ("up", "both") for kind in legal)
    assert all(kind.BEFORE_SECURITY for kind in LEGAL[False, False])


def test_a_service_request_of_a_connected_terminal_is_accepted() -> None:
    world = world_in(True, True)
    world.ran.say_nas(UE, nas.ServiceRequest(type=0, temporary_identity=7))
    assert world.ran.last(UE) == nas.ServiceAccept()


def test_replayed_forged_and_foreign_messages_are_dropped_and_nothing_is_lost() -> None:
    world = world_in(True, True)
    ue = world.ran.ue(UE)
    assert ue.security is not None
    said = ue.security.protect(nas.ComputingRequest(transaction=1, job=1), SecurityHeaderType.INTEGRITY_AND_CIPHERING)
    for _ in range(2):
        world.say(said.encode())
    assert world.drops() == ["replay"]
    world.say(nas.Protected(security_header=2, mac=said.mac ^ 1, count=said.count + 1, message=said.message).encode())
    assert world.drops() == ["replay", "integrity failure"]
    world.ran.register(2, "imsi-2")
    other = world.ran.ue(2)
    world.say(other.say(nas.DeregistrationRequest(switch_off=True)))  # with another's key
    assert world.drops()[2:] == ["integrity failure"] or world.drops()[2:] == ["replay"]
    world.ran.say_nas(UE, nas.ComputingRequest(transaction=2, job=1))
    assert world.ran.last(UE) == nas.ComputingReject(transaction=2, cause=Cause.UNKNOWN_JOB)


@pytest.mark.parametrize(
    ("inner", "cause", "kind"),
    [(b"\xfe\x01", Cause.UNKNOWN_MESSAGE, 0xFE), (b"\x81\x01", Cause.MALFORMED_MESSAGE, 0x81)],
)
def test_what_cannot_be_read_is_answered_so_often_and_no_more(inner: bytes, cause: Cause, kind: int) -> None:
    world = world_in(True, True)
    security = world.ran.ue(UE).security
    assert security is not None

    class Raw:
        def encode(self) -> bytes:
            return inner

    raw: Any = Raw()
    for _ in range(ERROR_BURST + 5):
        world.say(security.protect(raw, SecurityHeaderType.INTEGRITY_AND_CIPHERING).encode())
    assert world.ran.ue(UE).heard == [nas.Status(cause=cause, message_type=kind)] * ERROR_BURST
    world.advance(0.11)
    world.say(security.protect(raw, SecurityHeaderType.INTEGRITY_AND_CIPHERING).encode())
    assert len(world.ran.ue(UE).heard) == ERROR_BURST + 1


def test_before_security_nothing_that_cannot_be_read_is_answered() -> None:
    world = world_in(False, False)
    for data in (b"", b"\xfe", b"\x41"):
        world.say(data)
    assert len(world.drops()) == 3
    assert not world.ran.ue(UE).heard


@given(st.binary(max_size=60), st.booleans(), st.booleans())
def test_any_bytes_are_handled_or_dropped(data: bytes, registered: bool, secured: bool) -> None:
    world = world_in(registered, secured)
    world.say(data)


@given(st.binary(max_size=60))
def test_any_first_bytes_are_handled_or_dropped(data: bytes) -> None:
    world = World()
    world.ran.say(n2.InitialUeMessage(ran_ue=UE, nas=data))
