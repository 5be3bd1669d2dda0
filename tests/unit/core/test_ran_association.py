"""The core's end of N2: every message in every state is handled or dropped with a named reason."""

from __future__ import annotations

import itertools

import pytest
from core_bench import Bench, FakeRanNode, consent, core_config
from hypothesis import given
from hypothesis import strategies as st

from net4ai.codecs import n2, nas
from net4ai.codecs.bus import OfferJob
from net4ai.codecs.causes import Cause
from net4ai.codecs.common import QosProfile, SecurityCapabilities, VersionRange
from net4ai.core import names
from net4ai.core.access_manager import AccessManager

CAPABILITIES = SecurityCapabilities(integrity=0xA0, ciphering=0xA0)

SUBSCRIBER = "imsi-1"


class World(Bench):
    def __init__(self) -> None:
        super().__init__()
        self.manager = AccessManager(
            self.entity(names.ACCESS_MANAGER), core_config([SUBSCRIBER, "imsi-2"]), itertools.count(1).__next__
        )


def registration(identity: str = SUBSCRIBER) -> bytes:
    return nas.RegistrationRequest(
        versions=VersionRange(lowest=1, highest=1), capabilities=CAPABILITIES, identity=identity
    ).encode()


MESSAGES: dict[str, n2.N2] = {
    "setup request": n2.SetupRequest(versions=VersionRange(lowest=1, highest=1), node="ran-1"),
    "setup response": n2.SetupResponse(version=1),
    "setup failure": n2.SetupFailure(cause=1, versions=VersionRange(lowest=1, highest=1)),
    "initial": n2.InitialUeMessage(ran_ue=1, nas=registration()),
    "uplink": n2.UplinkNasTransport(ran_ue=1, nas=registration()),
    "uplink nonsense": n2.UplinkNasTransport(ran_ue=1, nas=b"\x00\x01"),
    "uplink of a downlink message": n2.UplinkNasTransport(
        ran_ue=1, nas=nas.ComputingAccept(transaction=1, session=1).encode()
    ),
    "downlink": n2.DownlinkNasTransport(ran_ue=1, nas=registration()),
    "session request": n2.SessionSetupRequest(ran_ue=1, transaction=1, job=1, qos=(QosProfile(five_qi=1, priority=1),)),
    "session response": n2.SessionSetupResponse(ran_ue=1, transaction=9, session=1),
    "session failure": n2.SessionSetupFailure(ran_ue=1, transaction=9, cause=1),
    "release request": n2.ContextReleaseRequest(ran_ue=1, cause=1),
    "release command": n2.ContextReleaseCommand(ran_ue=1, cause=1),
    "release complete": n2.ContextReleaseComplete(ran_ue=1),
}

UNEXPECTED, UNANSWERED = "unexpected message", "answer to no request"

AFTER_SETUP: dict[str, str | None] = {
    "setup request": None,
    "setup response": UNEXPECTED,
    "setup failure": UNEXPECTED,
    "initial": None,
    "uplink": None,
    "uplink nonsense": UNEXPECTED,
    "uplink of a downlink message": UNEXPECTED,
    "downlink": UNEXPECTED,
    "session request": UNEXPECTED,
    "session response": UNANSWERED,
    "session failure": UNANSWERED,
    "release request": None,
    "release command": UNEXPECTED,
    "release complete": None,
}
"""Reason of the drop; None: handled."""


def test_the_table_names_every_message() -> None:
    assert {type(message) for message in MESSAGES.values()} == set(n2.N2.FAMILY.messages.values())
    assert MESSAGES.keys() == AFTER_SETUP.keys()


@pytest.mark.parametrize("name", MESSAGES)
def test_before_setup_only_its_request_is_taken(name: str) -> None:
    world = World()
    ran = FakeRanNode(world, world.manager, "")
    ran.say(MESSAGES[name])
    assert world.drops() == ([] if name == "setup request" else [UNEXPECTED])
    assert bool(ran.sent) == (name == "setup request")


@pytest.mark.parametrize("name", MESSAGES)
def test_after_setup(name: str) -> None:
    world = World()
    ran = FakeRanNode(world, world.manager)
    ran.say(MESSAGES[name])
    reason = AFTER_SETUP[name]
    assert world.drops() == ([] if reason is None else [reason])


@given(st.binary(max_size=200))
def test_any_bytes_are_dropped_or_handled(data: bytes) -> None:
    world = World()
    ran = FakeRanNode(world, world.manager)
    ran.association.receive(data, 5)


@pytest.mark.parametrize(
    ("first", "cause"),
    [
        (b"", Cause.MALFORMED_MESSAGE),
        (registration()[:-1], Cause.MALFORMED_MESSAGE),
        (b"\xfe\x01", Cause.UNEXPECTED_MESSAGE),
        (nas.ComputingAccept(transaction=1, session=1).encode(), Cause.UNEXPECTED_MESSAGE),
    ],
)
def test_a_useless_first_message_leaves_no_context_behind(first: bytes, cause: Cause) -> None:
    world = World()
    ran = FakeRanNode(world, world.manager)
    ran.register(2, SUBSCRIBER)
    ran.say(n2.InitialUeMessage(ran_ue=1, nas=first))
    ran.say(n2.UplinkNasTransport(ran_ue=2, nas=first))  # who is registered stays
    assert ran.sent[-1] == n2.ContextReleaseCommand(ran_ue=1, cause=cause)
    assert ran.released() == [1]
    assert len(world.drops()) == 2


def test_versions_are_agreed_on_or_both_ranges_named() -> None:
    world = World()
    ran = FakeRanNode(world, world.manager, "")
    ran.set_up("ran-1", 2, 3)
    (failure,) = ran.sent
    assert isinstance(failure, n2.SetupFailure)
    assert (failure.cause, failure.versions.highest) == (Cause.VERSION_NOT_SUPPORTED, 1)
    assert ran.association.node == ""
    ran.set_up("ran-1", 1, 3)
    assert ran.sent[-1] == n2.SetupResponse(version=1)


def test_a_lost_context_is_released_by_command() -> None:
    world = World()
    ran = FakeRanNode(world, world.manager)
    ran.register(1, SUBSCRIBER)
    ran.say(n2.ContextReleaseRequest(ran_ue=1, cause=Cause.PEER_LOST))
    assert ran.sent[-1] == n2.ContextReleaseCommand(ran_ue=1, cause=Cause.PEER_LOST)


def test_with_its_connection_a_ran_node_loses_all_its_terminals() -> None:
    world = World()
    one, two = FakeRanNode(world, world.manager, "ran-1"), FakeRanNode(world, world.manager, "ran-2")
    one.register(1, SUBSCRIBER)
    two.register(1, "imsi-2")
    one.association.closed(0)
    assert list(world.manager.registered) == ["imsi-2"]
    assert list(world.manager.associations) == ["ran-2"]
    sent = len(one.sent)
    one.association.release(1, Cause.NORMAL)
    assert len(one.sent) == sent
    assert world.drops() == ["no N2 connection"]


def test_a_request_under_way_fails_with_the_connection() -> None:
    world = World()
    ran = FakeRanNode(world, world.manager)
    world.call(names.ACCESS_MANAGER, OfferJob(job=1, service="s", purpose="p", k=1, raw_data=False))
    ran.register(1, SUBSCRIBER)
    ran.say_nas(1, consent())
    ran.say_nas(1, nas.ComputingRequest(transaction=1, job=1))
    ran.association.closed(0)
    assert not world.procedures.open


def test_a_node_that_connects_anew_makes_its_old_connection_void() -> None:
    world = World()
    old = FakeRanNode(world, world.manager)
    old.register(1, SUBSCRIBER)
    new = FakeRanNode(world, world.manager)
    assert not world.manager.registered
    assert world.manager.associations["ran-1"] is new.association
    old.register(1, SUBSCRIBER)
    assert world.drops() == [UNEXPECTED]
    new.register(1, SUBSCRIBER)
    old.association.closed(0)
    assert list(world.manager.registered) == [SUBSCRIBER]
    assert world.manager.associations["ran-1"] is new.association


def test_a_repeated_setup_begins_from_nothing() -> None:
    world = World()
    ran = FakeRanNode(world, world.manager)
    ran.register(1, SUBSCRIBER)
    ran.set_up("ran-1")
    assert not world.manager.registered
    ran.register(1, SUBSCRIBER)
    assert list(world.manager.registered) == [SUBSCRIBER]
