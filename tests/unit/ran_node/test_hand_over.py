"""Handover prepared: at the source (asked, refused, cancelled, timed out) and at the target (reserved, freed)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from n2_messages import CAPABILITIES, QOS
from radio_bench import CELL, FakeUe, Ran, reconfiguration, session_configuration
from test_core_association import World, answer, secured

from net4ai.codecs import n2, rrc
from net4ai.codecs.causes import Cause
from net4ai.codecs.common import (
    BearerConfiguration,
    BearerMode,
    FlowMapping,
    QosProfile,
    SecurityCapabilities,
    SessionConfiguration,
)
from net4ai.ran_node.hand_over import cancel_handover, configuration_of, prepare_handover
from net4ai.ran_node.ue_context import State
from net4ai.stack.procedure import Procedure, ProcedureError, outcome_of
from net4ai.stack.security.key_hierarchy import k_ng_ran_star

PREPARED = rrc.Reconfiguration(
    transaction=0,
    bearers=(),
    sessions=(),
    released_sessions=(),
    measurements=(),
    synchronisation=(rrc.Synchronisation(cell=CELL, c_rnti=4, bulk_port=2, next_hop_chaining_count=1, t304=1000),),
)


class Source(World):
    """A UE with security and a session."""

    def __init__(self) -> None:
        super().__init__()
        self.ue_number = secured(self)
        self.ran.core(n2.SessionSetupRequest(ran_ue=self.ue_number, transaction=1, job=5, qos=QOS))
        answer(self)
        self.sent()
        self.context = self.node.by_number[self.ue_number]

    def prepare(self) -> Procedure[Any]:
        return self.node.procedures.start(  # type: ignore[no-any-return]
            "test", outcome_of(prepare_handover(self.node, self.context, "ran-2", Cause.UNSPECIFIED))
        )


@pytest.fixture
def source() -> Source:
    return Source()


def cause(procedure: Procedure[Any]) -> Cause:
    error = procedure.result()
    assert isinstance(error, ProcedureError)
    return error.cause


# --- Source


def test_the_source_asks_and_gets_what_to_tell_the_ue(source: Source) -> None:
    procedure = source.prepare()
    (required,) = source.sent()
    assert required == n2.HandoverRequired(
        ran_ue=source.ue_number,
        target="ran-2",
        cause=Cause.UNSPECIFIED,
        container=configuration_of(source.node, source.context).encode(),
    )
    source.ran.core(n2.HandoverCommand(ran_ue=source.ue_number, container=PREPARED.encode()))
    assert procedure.result() == PREPARED
    assert not source.sent()


def test_a_refusal_leaves_the_ue_where_it_is(source: Source) -> None:
    procedure = source.prepare()
    source.ran.core(n2.HandoverPreparationFailure(ran_ue=source.ue_number, cause=Cause.UNKNOWN_TARGET))
    assert cause(procedure) is Cause.UNKNOWN_TARGET
    assert source.context.state is State.SECURED


@pytest.mark.parametrize("acknowledged", [False, True])
def test_without_an_answer_it_is_cancelled(source: Source, acknowledged: bool) -> None:
    procedure = source.prepare()
    source.air.run(7.1)
    assert source.sent()[1:] == [n2.HandoverCancel(ran_ue=source.ue_number, cause=Cause.TIMEOUT)]
    if acknowledged:
        source.ran.core(n2.HandoverCancelAcknowledge(ran_ue=source.ue_number))
    else:
        source.air.run(4.1)
    assert cause(procedure) is Cause.TIMEOUT
    source.ran.core(n2.HandoverCommand(ran_ue=source.ue_number, container=PREPARED.encode()))
    assert source.ran.drops == {"answer to no request": 1}
    assert not source.node.procedures.open


@pytest.mark.parametrize(
    "container", [b"", b"\xff", reconfiguration().encode(), rrc.Release(transaction=0, cause=1).encode()]
)
def test_a_command_without_a_use_is_cancelled(source: Source, container: bytes) -> None:
    procedure = source.prepare()
    source.ran.core(n2.HandoverCommand(ran_ue=source.ue_number, container=container))
    assert source.sent()[-1] == n2.HandoverCancel(ran_ue=source.ue_number, cause=Cause.MALFORMED_MESSAGE)
    source.ran.core(n2.HandoverCancelAcknowledge(ran_ue=source.ue_number))
    assert cause(procedure) is Cause.MALFORMED_MESSAGE


def test_with_its_ue_a_preparation_ends(source: Source) -> None:
    procedure = source.prepare()
    source.ran.core(n2.ContextReleaseCommand(ran_ue=source.ue_number, cause=1))
    assert cause(procedure) is Cause.PEER_LOST
    source.air.run(20)
    assert not source.node.procedures.open


def test_without_security_nobody_is_handed_over() -> None:
    world = World()
    context = world.node.contexts[world.ue.connect()]
    procedure = world.node.procedures.start(
        "test", outcome_of(prepare_handover(world.node, context, "ran-2", Cause.UNSPECIFIED))
    )
    assert cause(procedure) is Cause.NOT_ALLOWED


def test_whoever_prepared_may_cancel(source: Source) -> None:
    procedure = source.node.procedures.start(
        "test", outcome_of(cancel_handover(source.node, source.context, Cause.CANCELLED))
    )
    source.ran.core(n2.HandoverCancelAcknowledge(ran_ue=source.ue_number))
    assert procedure.result() is None


# --- Target

OTHER = QosProfile(five_qi=9, priority=9)
KEY = bytes(range(32, 64))


def source_configuration(sessions: int = 2) -> rrc.Reconfiguration:
    """What a source says of its UE: sessions 0… on bearers 1…, and a bearer that none of the core's sessions needs."""
    return at_source(
        tuple(
            BearerConfiguration(bearer=bearer, mode=BearerMode.UNACKNOWLEDGED, qos=QOS[0])
            for bearer in range(1, sessions + 2)
        ),
        tuple(session_configuration(session, 9, session + 1) for session in range(sessions + 1)),
    )


def at_source(
    bearers: tuple[BearerConfiguration, ...], sessions: tuple[SessionConfiguration, ...]
) -> rrc.Reconfiguration:
    """The same with other bearers and sessions, of a UE whose bulk port is 2."""
    here = rrc.Synchronisation(cell=CELL, c_rnti=9, bulk_port=2, next_hop_chaining_count=0, t304=1000)
    return replace(reconfiguration(bearers, sessions), synchronisation=(here,))


def request(**changes: Any) -> n2.HandoverRequest:
    values: dict[str, Any] = {
        "transaction": 3,
        "key": KEY,
        "next_hop_chaining_count": 5,
        "capabilities": CAPABILITIES,
        "sessions": (
            n2.SessionItem(session=0, job=5, qos=QOS),
            n2.SessionItem(session=1, job=6, qos=(OTHER,)),
        ),
        "container": source_configuration().encode(),
    }
    return n2.HandoverRequest(**values | changes)


@pytest.fixture
def target() -> World:
    world = World(cell=33)
    world.sent()
    return world


def prepared(target: World) -> n2.HandoverRequestAcknowledge:
    target.ran.core(request())
    (acknowledge,) = target.sent()
    assert isinstance(acknowledge, n2.HandoverRequestAcknowledge)
    return acknowledge


def left_behind(world: World) -> bool:
    node = world.node
    return bool(node.contexts or node.by_number or node.half_open or node.procedures.open)


def test_the_target_reserves_all_that_the_ue_needs(target: World) -> None:
    acknowledge = prepared(target)
    context = target.node.by_number[acknowledge.ran_ue]
    assert context.state is State.PREPARED
    assert context.k_gnb == k_ng_ran_star(KEY, 33)
    message = rrc.Rrc.FAMILY.decode(acknowledge.container)
    assert isinstance(message, rrc.Reconfiguration)
    assert message.synchronisation == (
        rrc.Synchronisation(cell=33, c_rnti=context.c_rnti, bulk_port=2, next_hop_chaining_count=5, t304=1000),
    )
    assert [bearer.qos for bearer in message.bearers] == [QOS[0], OTHER]
    assert message.released_bearers == bytes([3])
    assert [release.session for release in message.released_sessions] == [2]
    assert [session.flows for session in message.sessions] == [
        (FlowMapping(qfi=1, bearer=1),),
        (FlowMapping(qfi=1, bearer=2),),
    ]
    handles = {session.handle for session in message.sessions}
    assert len(handles) == 2 and 9 not in handles
    assert context.sessions == {session.session: session for session in message.sessions}


def test_what_nobody_comes_for_is_freed(target: World) -> None:
    acknowledge = prepared(target)
    target.air.run(9.9)
    assert target.node.contexts
    target.air.run(0.2)
    assert target.sent() == [n2.ContextReleaseRequest(ran_ue=acknowledge.ran_ue, cause=Cause.TIMEOUT)]
    assert not left_behind(target)


def test_what_the_core_releases_is_free_at_once(target: World) -> None:
    acknowledge = prepared(target)
    target.ran.core(n2.ContextReleaseCommand(ran_ue=acknowledge.ran_ue, cause=Cause.CANCELLED))
    assert target.sent() == [n2.ContextReleaseComplete(ran_ue=acknowledge.ran_ue)]
    assert not left_behind(target)


def test_with_the_core_goes_what_was_prepared(target: World) -> None:
    prepared(target)
    target.node.n2.lost(target.air.now)
    assert not left_behind(target)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"container": b""}, Cause.MALFORMED_MESSAGE),
        ({"container": rrc.Release(transaction=0, cause=1).encode()}, Cause.MALFORMED_MESSAGE),
        ({"container": reconfiguration().encode()}, Cause.MALFORMED_MESSAGE),
        ({"key": bytes(31)}, Cause.MALFORMED_MESSAGE),
        (
            {"capabilities": SecurityCapabilities(integrity=0x80, ciphering=0x80)},
            Cause.SECURITY_CAPABILITIES_MISMATCH,
        ),
        ({"sessions": (n2.SessionItem(session=7, job=5, qos=QOS),)}, Cause.INVALID_CONFIGURATION),
        ({"sessions": (n2.SessionItem(session=0, job=5, qos=(QOS[0], OTHER)),)}, Cause.INVALID_CONFIGURATION),
        ({"sessions": (n2.SessionItem(session=0, job=5, qos=()),)}, Cause.INVALID_CONFIGURATION),
        ({"sessions": (n2.SessionItem(session=0, job=5, qos=QOS),) * 2}, Cause.INVALID_CONFIGURATION),
    ],
)
def test_what_cannot_be_reserved_is_refused_and_nothing_is(target: World, changes: Any, expected: Cause) -> None:
    target.ran.core(request(**changes))
    assert target.sent() == [n2.HandoverFailure(transaction=3, cause=expected)]
    assert not left_behind(target)


def test_two_qualities_on_one_bearer_are_refused(target: World) -> None:
    container = at_source((), (session_configuration(0, 9, 1), session_configuration(1, 9, 1)))
    target.ran.core(request(container=container.encode()))
    assert target.sent() == [n2.HandoverFailure(transaction=3, cause=Cause.INVALID_CONFIGURATION)]
    assert not left_behind(target)


@pytest.mark.parametrize(
    "flows",
    [
        (),
        (FlowMapping(qfi=1, bearer=33),),
        (FlowMapping(qfi=1, bearer=1), FlowMapping(qfi=2, bearer=1)),
        (FlowMapping(qfi=1, bearer=1), FlowMapping(qfi=1, bearer=2)),
    ],
    ids=["none", "bearer beyond the last", "bearer twice", "flow twice"],
)
def test_flows_that_no_ue_could_have_are_refused(target: World, flows: tuple[FlowMapping, ...]) -> None:
    container = at_source((), (replace(session_configuration(0, 9, 1), flows=flows),))
    sessions = (n2.SessionItem(session=0, job=5, qos=QOS * len(flows)),)
    target.ran.core(request(sessions=sessions, container=container.encode()))
    assert target.sent() == [n2.HandoverFailure(transaction=3, cause=Cause.INVALID_CONFIGURATION)]
    assert not left_behind(target)


def test_a_full_target_refuses() -> None:
    world = World(maximum_ues=1)
    FakeUe(world.air, "first").ask()
    world.sent()
    world.ran.core(request())
    assert world.sent() == [n2.HandoverFailure(transaction=3, cause=Cause.NO_RESOURCES)]


def test_source_and_target_understand_each_other(source: Source) -> None:
    """What one asks for is what the other reserves: the same session on the same bearer."""
    source.prepare()
    (required,) = source.sent()
    other = Ran(source.air, name="ran-2", cell=44)
    other.to_core.clear()
    item = n2.SessionItem(session=0, job=5, qos=QOS)
    other.core(request(container=required.container, sessions=(item,)))
    (acknowledge,) = other.to_core
    assert isinstance(acknowledge, n2.HandoverRequestAcknowledge)
    source.ran.core(n2.HandoverCommand(ran_ue=source.ue_number, container=acknowledge.container))
    message = rrc.Rrc.FAMILY.decode(acknowledge.container)
    assert isinstance(message, rrc.Reconfiguration)
    assert message.bearers == tuple(source.context.hop.bearers.values())
    assert message.sessions[0].flows == source.context.sessions[0].flows
    assert not message.released_sessions and not message.released_bearers
