"""NAS security mode at the terminal: taken once and whole, or rejected with nothing changed."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from radio_bench import CAPABILITIES, KEY
from test_core_dialogue import World

from net4ai.codecs import nas
from net4ai.codecs.causes import Cause
from net4ai.codecs.common import SecurityCapabilities
from net4ai.codecs.nas import SecurityHeaderType
from net4ai.stack.security.algorithms import Direction
from net4ai.stack.security.key_hierarchy import k_gnb
from net4ai.stack.security.nas_security import NasSecurity


def command(**changes: Any) -> nas.SecurityModeCommand:
    values: dict[str, Any] = {"integrity": 2, "ciphering": 2, "key_set": 0, "capabilities": CAPABILITIES}
    return nas.SecurityModeCommand(**values | changes)


def protected(message: nas.Nas, key: str = KEY, integrity: int = 2, ciphering: int = 2) -> nas.Protected:
    core = NasSecurity(bytes.fromhex(key), integrity, ciphering, Direction.DOWNLINK)
    return core.protect(message, SecurityHeaderType.INTEGRITY_NEW_CONTEXT)


@pytest.fixture
def world() -> World:
    return World()


def test_the_command_is_completed_enciphered_and_gives_the_key_of_the_connection(world: World) -> None:
    world.ran.secure_nas()
    assert world.terminal.k_gnb == k_gnb(bytes.fromhex(KEY), 0)
    assert world.terminal.nas_secured
    assert not world.ue.drops


def test_with_null_algorithms_it_is_the_same(world: World) -> None:
    world.ran.secure_nas(0, 0)
    world.ran.say(nas.RegistrationAccept(version=1, temporary_identity=1))
    assert world.terminal.temporary_identity == 1


@pytest.mark.parametrize(
    ("said", "cause"),
    [
        (
            protected(command(capabilities=SecurityCapabilities(integrity=0x80, ciphering=0x80))),
            Cause.SECURITY_CAPABILITIES_MISMATCH,
        ),
        (
            protected(command(capabilities=SecurityCapabilities(integrity=0xA0, ciphering=0xA1))),
            Cause.SECURITY_CAPABILITIES_MISMATCH,
        ),
        (protected(command(integrity=1)), Cause.SECURITY_CAPABILITIES_MISMATCH),
        (protected(command(ciphering=3)), Cause.SECURITY_CAPABILITIES_MISMATCH),
        (protected(command(integrity=9, ciphering=200)), Cause.SECURITY_CAPABILITIES_MISMATCH),
        (protected(command(integrity=0)), Cause.SECURITY_CAPABILITIES_MISMATCH),
        (protected(command(), key="00" * 32), Cause.INTEGRITY_FAILURE),
        (dataclasses.replace(protected(command()), count=1), Cause.INTEGRITY_FAILURE),
    ],
)
def test_a_command_that_cannot_be_taken_is_rejected_and_changes_nothing(
    world: World, said: nas.Protected, cause: Cause
) -> None:
    world.say_plain(said)
    assert world.ran.nas == [nas.SecurityModeReject(cause=cause)]
    assert world.ue.drops == {"not carried out": 1}
    assert world.terminal.nas_security is None and world.terminal.k_gnb is None and not world.terminal.nas_secured
    world.ran.nas.clear()
    world.ran.secure_nas()  # an authentic one is still taken
    assert world.terminal.nas_secured


def test_the_same_command_again_gets_the_same_octets(world: World) -> None:
    said = protected(command())
    world.say_plain(said)
    world.say_plain(said)
    first, second = world.ran.nas
    assert isinstance(first, nas.Protected)
    assert first == second
    assert (first.count, first.security_header) == (0, SecurityHeaderType.INTEGRITY_AND_CIPHERING_NEW_CONTEXT)
    assert not world.ue.drops


def test_another_command_is_not_taken_once_security_is_on(world: World) -> None:
    world.ran.secure_nas()
    world.say_plain(protected(command(integrity=2, ciphering=0), ciphering=0))
    assert world.ue.drops == {"unexpected message": 1}
    assert not world.ran.nas
    world.ran.start_security()
    world.ran.say(nas.RegistrationAccept(version=1, temporary_identity=1))
    assert world.terminal.temporary_identity == 1


@pytest.mark.parametrize("inner", [nas.RegistrationAccept(version=1, temporary_identity=1), nas.AuthenticationReject()])
def test_nothing_else_makes_new_keys(world: World, inner: nas.Nas) -> None:
    world.say_plain(protected(inner))
    assert world.ue.drops == {"unexpected message": 1}
    assert world.terminal.nas_security is None


def test_who_is_asked_for_credentials_has_none(world: World) -> None:
    world.say_plain(nas.AuthenticationRequest(key_set=0, rand=bytes(16), autn=bytes(16)))
    assert world.ran.nas == [nas.AuthenticationFailure(cause=Cause.AUTHENTICATION_NOT_AVAILABLE, auts=b"")]
