"""The core's end of N2: every message in every state is taken, or refused with a named reason and the right cause."""

from __future__ import annotations

import itertools

import pytest
from core_bench import Bench, FakeRanNode, consent, core_config, registration
from hypothesis import given
from hypothesis import strategies as st
from n2_messages import N2_MESSAGES, UE

from net4ai.codecs import n2, nas
from net4ai.codecs.bus import OfferJob
from net4ai.codecs.causes import Cause
from net4ai.codecs.declaration import Message
from net4ai.core import names
from net4ai.core.access_manager import AccessManager
from net4ai.core.ran_association import _HANDLERS, LEGAL
from net4ai.core.store import MemoryStore
from net4ai.stack.dep.constants import ERROR_BURST

SUBSCRIBER = "imsi-1"


class World(Bench):
    def __init__(self) -> None:
        super().__init__()
        self.manager = AccessManager(
            self.entity(names.ACCESS_MANAGER),
            core_config([SUBSCRIBER, "imsi-2"]),
            itertools.count(1).__next__,
            MemoryStore(),
        )


UNEXPECTED, UNANSWERED, UNKNOWN = "unexpected message", "answer to no request", "unknown UE context"
REFUSED = "peer could not take a message"

TAKEN: dict[bool, dict[type[Message], str | None]] = {
    False: {n2.SetupRequest: None, n2.ErrorIndication: REFUSED},
    True: {
        n2.SetupRequest: None,
        n2.InitialUeMessage: "no context for NAS message",  # what is in it is unknown
        n2.UplinkNasTransport: UNKNOWN,
        n2.InitialContextSetupResponse: UNKNOWN,
        n2.InitialContextSetupFailure: UNKNOWN,
        n2.SessionSetupResponse: UNANSWERED,
        n2.PduSessionSetupResponse: UNANSWERED,
        n2.SessionSetupFailure: UNANSWERED,
        n2.SessionModifyResponse: UNANSWERED,
        n2.SessionModifyFailure: UNANSWERED,
        n2.SessionReleaseResponse: UNANSWERED,
        n2.ContextReleaseRequest: None,
        n2.ContextReleaseComplete: None,
        n2.HandoverRequired: UNKNOWN,
        n2.HandoverRequestAcknowledge: UNANSWERED,
        n2.HandoverFailure: UNANSWERED,
        n2.HandoverCancel: UNKNOWN,
        n2.HandoverNotify: UNKNOWN,
        n2.ErrorIndication: REFUSED,
    },
}
"""Reason of the drop; None: taken. By whether the RAN node has introduced itself. All others: unexpected."""

ANSWERS: dict[type[Message], n2.N2] = {
    n2.SetupRequest: n2.SetupResponse(version=1),
    n2.InitialUeMessage: n2.ContextReleaseCommand(ran_ue=UE, cause=Cause.UNEXPECTED_MESSAGE),
    n2.ContextReleaseRequest: n2.ContextReleaseCommand(ran_ue=UE, cause=1),
    n2.HandoverRequestAcknowledge: n2.ContextReleaseCommand(ran_ue=UE, cause=Cause.CANCELLED),
}
"""To those of `N2_MESSAGES` that are taken."""


@pytest.mark.parametrize("kind", N2_MESSAGES, ids=lambda kind: kind.__name__)
@pytest.mark.parametrize("ready", [False, True])
def test_every_message_in_every_state(kind: type[Message], ready: bool) -> None:
    world = World()
    ran = FakeRanNode(world, world.manager, "ran-1" if ready else "")
    ran.sent.clear()
    message = N2_MESSAGES[kind]
    ran.say(message)
    reason = TAKEN[ready].get(kind, UNEXPECTED)
    assert world.drops() == ([] if reason is None else [reason])
    expected = [ANSWERS[kind]] if kind in TAKEN[ready] and kind in ANSWERS else []
    if reason in (UNEXPECTED, UNKNOWN):
        cause = Cause.UNEXPECTED_MESSAGE if reason == UNEXPECTED else Cause.UNKNOWN_CONTEXT
        expected = [n2.ErrorIndication(cause=cause, message_type=kind.CODE, ran_ue=getattr(message, "ran_ue", 0))]
    assert ran.sent == expected
    assert not world.manager.terminals and not world.procedures.open


def test_the_tables_agree() -> None:
    assert set(N2_MESSAGES) == set(n2.N2.FAMILY.messages.values())
    legal = {ready: set(kinds) for ready, kinds in zip((False, True), LEGAL.values(), strict=True)}
    assert legal == {ready: set(kinds) for ready, kinds in TAKEN.items()}
    assert set(_HANDLERS) == legal[False] | legal[True]
    assert all(kind.DIRECTION in ("up", "both") for kind in _HANDLERS)


# --- Errors


@pytest.mark.parametrize(
    ("data", "cause", "kind"),
    [
        (b"", Cause.MALFORMED_MESSAGE, 0),
        (b"\x04\x00", Cause.MALFORMED_MESSAGE, 4),
        (b"\xf0\x00", Cause.UNKNOWN_MESSAGE, 0xF0),
    ],
)
def test_what_cannot_be_read_is_indicated_so_often_and_no_more(data: bytes, cause: Cause, kind: int) -> None:
    world = World()
    ran = FakeRanNode(world, world.manager)
    ran.sent.clear()
    for _ in range(ERROR_BURST + 3):
        ran.association.receive(data, world.procedures.now)
    assert ran.sent == [n2.ErrorIndication(cause=cause, message_type=kind)] * ERROR_BURST
    assert len(world.drops()) == ERROR_BURST + 3
    world.advance(0.11)
    ran.association.receive(data, world.procedures.now)
    assert len(ran.sent) == ERROR_BURST + 1


def test_an_error_indication_that_is_no_good_is_not_answered() -> None:
    world = World()
    ran = FakeRanNode(world, world.manager)
    ran.sent.clear()
    ran.association.receive(n2.ErrorIndication(cause=1, message_type=1).encode()[:-1], 0)
    assert world.drops() == ["truncated"]
    assert not ran.sent


def test_a_terminal_the_ran_node_does_not_know_is_lost_and_by_no_other_error() -> None:
    world = World()
    ran = FakeRanNode(world, world.manager)
    ran.register(1, SUBSCRIBER)
    ran.say(n2.ErrorIndication(cause=Cause.UNEXPECTED_MESSAGE, message_type=6, ran_ue=1))
    assert SUBSCRIBER in world.manager.registered
    ran.say(n2.ErrorIndication(cause=Cause.UNKNOWN_CONTEXT, message_type=6, ran_ue=1))
    assert not world.manager.registered and not world.manager.terminals


def test_a_context_begins_once() -> None:
    world = World()
    ran = FakeRanNode(world, world.manager)
    ran.register(1, SUBSCRIBER)
    ran.begin(1, "imsi-2")
    assert world.drops() == [UNEXPECTED]
    assert ran.sent[-1] == n2.ErrorIndication(cause=40, message_type=n2.InitialUeMessage.CODE, ran_ue=1)
    assert list(world.manager.registered) == [SUBSCRIBER]


@given(st.binary(max_size=200))
def test_any_bytes_are_dropped_or_handled(data: bytes) -> None:
    world = World()
    ran = FakeRanNode(world, world.manager)
    ran.association.receive(data, 5)


@pytest.mark.parametrize(
    ("first", "cause"),
    [
        (b"", Cause.MALFORMED_MESSAGE),
        (registration(SUBSCRIBER).encode()[:-1], Cause.MALFORMED_MESSAGE),
        (b"\xfe\x01", Cause.UNEXPECTED_MESSAGE),
        (nas.ComputingAccept(transaction=1, session=1).encode(), Cause.UNEXPECTED_MESSAGE),
        (nas.Protected(security_header=1, mac=0, count=0, message=b"").encode(), Cause.MALFORMED_MESSAGE),
        (nas.Protected(security_header=2, mac=0, count=0, message=b"\x41").encode(), Cause.UNEXPECTED_MESSAGE),
        (nas.ServiceRequest(type=0, temporary_identity=1).encode(), Cause.UNEXPECTED_MESSAGE),
    ],
)
def test_a_useless_first_message_leaves_no_context_behind(first: bytes, cause: Cause) -> None:
    world = World()
    ran = FakeRanNode(world, world.manager)
    ran.register(2, SUBSCRIBER)
    ran.say(n2.InitialUeMessage(ran_ue=1, nas=first))
    ran.say(n2.UplinkNasTransport(ran_ue=2, nas=first))  # who is registered stays
    assert n2.ContextReleaseCommand(ran_ue=1, cause=cause) in ran.sent
    assert ran.released() == [1]
    assert len(world.drops()) == 2
    assert list(world.manager.registered) == [SUBSCRIBER]


# --- Set-up


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


@pytest.mark.parametrize("name", ["ran-9", "edge", ""])
def test_only_ran_nodes_of_the_network_are_let_in(name: str) -> None:
    world = World()
    ran = FakeRanNode(world, world.manager, "")
    ran.set_up(name)
    (failure,) = ran.sent
    assert isinstance(failure, n2.SetupFailure)
    assert failure.cause == Cause.NOT_ALLOWED
    assert not world.manager.associations


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
    assert not world.under_way()


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
