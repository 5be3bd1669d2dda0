"""The RAN node's end of N2: every message in every state, set-up, errors indicated, contexts, sessions, overload."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from n2_messages import CAPABILITIES, N2_MESSAGES, ONE, QOS, TRANSACTION, UE
from radio_bench import K_GNB, Air, FakeUe, Ran

from net4ai.codecs import n2, rrc
from net4ai.codecs.causes import Cause
from net4ai.codecs.common import QosProfile, SecurityCapabilities, SessionHandle, VersionRange
from net4ai.codecs.declaration import Message
from net4ai.ran_node.core_association import _HANDLERS, LEGAL
from net4ai.stack.dep.constants import ERROR_BURST


def no_close() -> None:
    raise AssertionError("N2 was closed")


class World:
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

    def sent(self) -> list[Any]:
        """What went to the core since this was asked last."""
        sent = list(self.ran.to_core)
        self.ran.to_core.clear()
        return sent


@pytest.fixture
def world() -> World:
    return World()


# --- Every message in every state

UNEXPECTED, UNANSWERED, UNKNOWN = "unexpected message", "answer to no request", "unknown UE context"

TAKEN: dict[bool, dict[type[Message], str | None]] = {
    False: {
        n2.SetupResponse: None,
        n2.SetupFailure: None,
        n2.ErrorIndication: "peer could not take a message",
    },
    True: {
        n2.DownlinkNasTransport: UNKNOWN,
        n2.InitialContextSetupRequest: UNKNOWN,
        n2.SessionSetupRequest: None,
        n2.PduSessionSetupRequest: None,
        n2.SessionModifyRequest: UNKNOWN,
        n2.SessionReleaseCommand: UNKNOWN,
        n2.ContextReleaseCommand: None,
        n2.HandoverRequest: None,
        n2.HandoverCommand: UNKNOWN,
        n2.HandoverPreparationFailure: UNKNOWN,
        n2.HandoverCancelAcknowledge: UNKNOWN,
        n2.ErrorIndication: "peer could not take a message",
        n2.OverloadStart: None,
        n2.OverloadStop: None,
        n2.Paging: None,
    },
}
"""Reason of the drop; None: taken. By whether the core has accepted us. All others: unexpected."""

ANSWERS: dict[type[Message], n2.N2] = {
    n2.SessionSetupRequest: n2.SessionSetupFailure(ran_ue=UE, transaction=TRANSACTION, cause=Cause.UNKNOWN_CONTEXT),
    n2.PduSessionSetupRequest: n2.SessionSetupFailure(ran_ue=UE, transaction=TRANSACTION, cause=Cause.UNKNOWN_CONTEXT),
    n2.ContextReleaseCommand: n2.ContextReleaseComplete(ran_ue=UE),
    n2.HandoverRequest: n2.HandoverFailure(transaction=TRANSACTION, cause=Cause.MALFORMED_MESSAGE),
}
"""To those of `N2_MESSAGES` that are taken."""


@pytest.mark.parametrize("kind", N2_MESSAGES, ids=lambda kind: kind.__name__)
@pytest.mark.parametrize("ready", [False, True])
def test_every_message_in_every_state(kind: type[Message], ready: bool) -> None:
    world = World(connected=False)
    world.node.n2.connected(world.ran._receive, lambda: None, 0)
    if ready:
        world.ran.core(n2.SetupResponse(version=1))
    world.sent()
    message = N2_MESSAGES[kind]
    world.ran.core(message)
    reason = TAKEN[ready].get(kind, UNEXPECTED)
    assert world.ran.drops == ({} if reason is None else {reason: 1})
    expected = [ANSWERS[kind]] if ready and kind in ANSWERS else []
    if reason in (UNEXPECTED, UNKNOWN):
        cause = Cause.UNEXPECTED_MESSAGE if reason == UNEXPECTED else Cause.UNKNOWN_CONTEXT
        expected = [n2.ErrorIndication(cause=cause, message_type=kind.CODE, ran_ue=getattr(message, "ran_ue", 0))]
    assert world.sent() == expected
    assert not world.node.procedures.open or not ready


def test_the_tables_agree() -> None:
    assert set(N2_MESSAGES) == set(n2.N2.FAMILY.messages.values())
    legal = {ready: set(kinds) for ready, kinds in zip((False, True), LEGAL.values(), strict=True)}
    assert legal == {ready: set(kinds) for ready, kinds in TAKEN.items()}
    assert set(_HANDLERS) == legal[False] | legal[True]
    assert all(kind.DIRECTION in ("down", "both") for kind in _HANDLERS)


# --- Errors


@pytest.mark.parametrize(
    ("data", "cause", "kind"),
    [
        (b"", Cause.MALFORMED_MESSAGE, 0),
        (b"\x06\x00", Cause.MALFORMED_MESSAGE, 6),
        (b"\xf0\x00", Cause.UNKNOWN_MESSAGE, 0xF0),
    ],
)
def test_what_cannot_be_read_is_indicated_so_often_and_no_more(
    world: World, data: bytes, cause: Cause, kind: int
) -> None:
    world.sent()
    for _ in range(ERROR_BURST + 3):
        world.node.n2.receive(data, world.air.now)
    assert world.sent() == [n2.ErrorIndication(cause=cause, message_type=kind)] * ERROR_BURST
    assert sum(world.ran.drops.values()) == ERROR_BURST + 3
    world.air.run(0.11)
    world.node.n2.receive(data, world.air.now)
    assert len(world.sent()) == 1


def test_an_error_indication_that_is_no_good_is_not_answered(world: World) -> None:
    world.sent()
    world.node.n2.receive(n2.ErrorIndication(cause=1, message_type=1).encode()[:-1], world.air.now)
    assert world.ran.drops == {"truncated": 1}
    assert not world.sent()


def test_a_ue_the_core_does_not_know_has_to_come_anew(world: World) -> None:
    c_rnti = world.ue.connect()
    for cause in (Cause.UNEXPECTED_MESSAGE, Cause.UNKNOWN_CONTEXT):
        assert c_rnti in world.node.contexts
        world.ran.core(n2.ErrorIndication(cause=cause, message_type=5, ran_ue=world.number()))
    assert world.ue.srb1 == [rrc.Release(transaction=0, cause=Cause.UNKNOWN_CONTEXT)]
    assert not world.node.contexts


@given(st.binary(max_size=200))
def test_any_bytes_are_handled_or_dropped(data: bytes) -> None:
    for connected in (False, True):
        world = World(connected=connected)
        world.node.n2.receive(data, 5)


# --- Set-up


def test_it_introduces_itself() -> None:
    world = World(connected=False, name="ran-7")
    world.ran.connect()
    assert world.ran.to_core == [n2.SetupRequest(versions=ONE, node="ran-7")]


def test_a_core_that_does_not_answer_is_connected_to_anew() -> None:
    world = World(connected=False)
    closed: list[str] = []
    world.node.n2.connected(world.ran._receive, lambda: closed.append("closed"), 0)
    world.node.pump(world.node.timers["n2-setup"] - 1)
    assert not closed
    world.node.pump(world.node.timers["n2-setup"])
    assert closed == ["closed"]
    assert "no answer from the core" in world.ran.troubles[0]


@pytest.mark.parametrize("answer", [n2.SetupResponse(version=1), n2.SetupFailure(cause=1, versions=ONE), None])
def test_whatever_ends_n2_setup_ends_its_timer(answer: n2.N2 | None) -> None:
    world = World(connected=False)
    closed: list[str] = []
    world.node.n2.connected(world.ran._receive, lambda: closed.append("closed"), 0)
    if answer is None:
        world.node.n2.lost(0)
    else:
        world.ran.core(answer)
    world.node.pump(2 * world.node.timers["n2-setup"])
    assert not world.node.procedures.open
    assert len(closed) == isinstance(answer, n2.SetupFailure)


def test_a_refusal_by_the_core_is_said_and_ends_the_connection() -> None:
    world = World(connected=False)
    closed: list[str] = []
    world.node.n2.connected(world.ran._receive, lambda: closed.append("closed"), 0)
    world.ran.core(n2.SetupFailure(cause=Cause.VERSION_NOT_SUPPORTED, versions=VersionRange(lowest=2, highest=3)))
    assert "refuses us" in world.ran.troubles[0]
    assert closed == ["closed"]
    assert not world.node.n2.ready


# --- Contexts


def initial_context_setup(ran_ue: int, **changes: Any) -> n2.InitialContextSetupRequest:
    values: dict[str, Any] = {"ran_ue": ran_ue, "key": K_GNB, "capabilities": CAPABILITIES, "nas": b"accept"}
    return n2.InitialContextSetupRequest(**values | changes)


@pytest.mark.parametrize("algorithm", [0, 2])
def test_the_nas_message_comes_after_security(algorithm: int) -> None:
    world = World(integrity=algorithm, ciphering=algorithm)
    world.ue.connect()
    number = world.number()
    world.sent()

    def begin() -> None:
        world.ran.core(initial_context_setup(number))
        assert not world.sent()
        world.ran.core(initial_context_setup(number))  # once more meanwhile

    world.ue.start_security(world.ran, begin=begin)
    again = n2.ErrorIndication(
        cause=Cause.UNEXPECTED_MESSAGE, message_type=n2.InitialContextSetupRequest.CODE, ran_ue=number
    )
    assert world.sent() == [again, n2.InitialContextSetupResponse(ran_ue=number)]
    assert world.ue.srb1 == [rrc.DownlinkInformationTransfer(nas=b"accept")]
    assert not world.node.n2.setting_up
    world.ran.core(initial_context_setup(number))  # once more afterwards
    assert world.sent() == [n2.InitialContextSetupFailure(ran_ue=number, cause=Cause.UNEXPECTED_MESSAGE)]
    assert not world.ue.srb1[1:]


@pytest.mark.parametrize(
    ("changes", "cause"),
    [
        ({"key": b"short"}, Cause.MALFORMED_MESSAGE),
        (
            {"capabilities": SecurityCapabilities(integrity=0x80, ciphering=0x80)},
            Cause.SECURITY_CAPABILITIES_MISMATCH,
        ),
    ],
)
def test_without_security_the_nas_message_is_not_delivered(world: World, changes: Any, cause: Cause) -> None:
    world.ue.connect()
    number = world.number()
    world.sent()
    world.ran.core(initial_context_setup(number, **changes))
    assert world.sent() == [n2.InitialContextSetupFailure(ran_ue=number, cause=cause)]
    assert not world.ue.srb1
    assert not world.node.procedures.open


def test_a_ue_that_does_not_answer_is_no_context(world: World) -> None:
    world.ue.connect()
    number = world.number()
    world.sent()
    world.ran.core(initial_context_setup(number), run=11)
    assert n2.InitialContextSetupFailure(ran_ue=number, cause=Cause.TIMEOUT) in world.sent()
    assert not world.node.n2.setting_up


# --- Sessions


def secured(world: World) -> int:
    """A UE with security; its number."""
    world.ue.connect()
    world.ue.start_security(world.ran)
    world.sent()
    return int(next(iter(world.node.by_number)))


def answer(world: World) -> rrc.Reconfiguration:
    """Complete the newest reconfiguration."""
    message = world.ue.srb1[-1]
    assert isinstance(message, rrc.Reconfiguration)
    handles = tuple(
        SessionHandle(session=session.session, handle=77, limits=session.limits) for session in message.sessions
    )
    world.ue.say(rrc.ReconfigurationComplete(transaction=message.transaction, sessions=handles))
    return message


def test_a_session_is_set_up_modified_and_released(world: World) -> None:
    number = secured(world)
    world.ran.core(n2.SessionSetupRequest(ran_ue=number, transaction=1, job=5, qos=QOS))
    answer(world)
    assert world.sent() == [n2.SessionSetupResponse(ran_ue=number, transaction=1, session=0)]
    other = (QosProfile(five_qi=9, priority=9),)
    world.ran.core(n2.SessionModifyRequest(ran_ue=number, transaction=2, session=0, qos=other))
    answer(world)
    assert world.sent() == [n2.SessionModifyResponse(ran_ue=number, transaction=2)]
    world.ran.core(n2.SessionReleaseCommand(ran_ue=number, transaction=3, session=0, cause=Cause.NORMAL))
    message = answer(world)
    assert [release.session for release in message.released_sessions] == [0]
    assert world.sent() == [n2.SessionReleaseResponse(ran_ue=number, transaction=3)]
    context = world.node.by_number[number]
    assert not (context.sessions or context.jobs or context.hop.bearers)


def test_what_cannot_be_modified_is_as_it_was(world: World) -> None:
    number = secured(world)
    world.ran.core(n2.SessionModifyRequest(ran_ue=number, transaction=2, session=4, qos=QOS))
    assert world.sent() == [n2.SessionModifyFailure(ran_ue=number, transaction=2, cause=Cause.UNKNOWN_SESSION)]


def test_a_session_that_never_was_is_gone(world: World) -> None:
    number = secured(world)
    world.ran.core(n2.SessionReleaseCommand(ran_ue=number, transaction=3, session=4, cause=Cause.NORMAL))
    assert world.sent() == [n2.SessionReleaseResponse(ran_ue=number, transaction=3)]
    assert not world.ue.srb1


def test_a_ue_that_refuses_a_release_has_to_go(world: World) -> None:
    number = secured(world)
    world.ran.core(n2.SessionSetupRequest(ran_ue=number, transaction=1, job=5, qos=QOS))
    answer(world)
    world.ran.core(n2.SessionReleaseCommand(ran_ue=number, transaction=3, session=0, cause=Cause.NORMAL))
    world.sent()
    world.ue.say(rrc.ReconfigurationFailure(transaction=world.ue.srb1[-1].transaction, cause=1))  # type: ignore[attr-defined]
    assert world.sent() == [n2.ContextReleaseRequest(ran_ue=number, cause=Cause.RECONFIGURATION_FAILURE)]


# --- Overload, paging


def test_in_overload_a_share_of_new_connections_is_rejected_until_it_is_over(world: World) -> None:
    world.ran.core(n2.OverloadStart(reduction=100, wait_time=700))
    world.ue.ask(1)
    assert world.ue.srb0 == [rrc.Reject(ue_identity=1, wait_time=700, cause=Cause.OVERLOAD)]
    world.ran.core(n2.OverloadStop())
    world.ue.ask(2)
    assert isinstance(world.ue.srb0[-1], rrc.Setup)
    world.ran.core(n2.OverloadStart(reduction=100, wait_time=700))
    world.node.n2.lost(world.air.now)
    assert world.node.overload is None


def test_a_ue_is_paged_in_the_cell(world: World) -> None:
    world.ue.say_srb0(rrc.SystemInformationRequest())
    world.ran.core(n2.Paging(temporary_identity=5))
    assert world.ue.srb0[-1] == rrc.Paging(records=(rrc.PagingRecord(temporary_identity=5),))
