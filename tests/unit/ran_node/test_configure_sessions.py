"""Sessions and bearers of a UE, set up and renewed by the RAN node (R97-R104, R106)."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from radio_bench import QOS, Air, FakeUe, Ran

from net4ai.codecs import n2, rrc
from net4ai.codecs.bus import RouteClient
from net4ai.codecs.causes import Cause
from net4ai.codecs.common import (
    MAXIMUM_BEARERS,
    MAXIMUM_SESSIONS,
    BearerConfiguration,
    BearerMode,
    QosProfile,
    SessionHandle,
)
from net4ai.ran_node.configure_sessions import (
    bearers_failed,
    modify_session,
    open_leg,
    qos_of,
    release_session,
)
from net4ai.ran_node.reconfigure import MAXIMUM_WAITING, repeat
from net4ai.ran_node.ue_context import UeContext
from net4ai.stack.dep.credit import CreditBudget
from net4ai.stack.dep_endpoint import limits_of
from net4ai.stack.forwarding.legs import OpenLeg
from net4ai.stack.procedure import Procedure, ProcedureError, outcome_of

LIMITS = limits_of(CreditBudget(1 << 20))

OTHER_QOS = QosProfile(five_qi=129, priority=60)
THIRD_QOS = QosProfile(five_qi=130, priority=70)


class World:
    """A RAN node with one connected UE that answers nothing by itself."""

    def __init__(self, **config: Any) -> None:
        self.air = Air()
        self.ran = Ran(self.air, **config)
        self.ue = FakeUe(self.air)
        c_rnti = self.ue.connect()
        self.ue.start_security(self.ran)
        self.context: UeContext = self.ran.node.contexts[c_rnti]
        self.number = self.context.number

    def request(self, job: int = 1, qos: tuple[QosProfile, ...] = (QOS,), transaction: int | None = None) -> None:
        message = n2.SessionSetupRequest(
            ran_ue=self.number, transaction=job if transaction is None else transaction, job=job, qos=qos
        )
        self.ran.core(message)

    @property
    def asked(self) -> list[rrc.Reconfiguration]:
        return [message for message in self.ue.srb1 if isinstance(message, rrc.Reconfiguration)]

    def complete(self, asked: rrc.Reconfiguration | None = None, handle: int = 555, **changes: Any) -> None:
        asked = asked or self.asked[-1]
        values = {
            "transaction": asked.transaction,
            "sessions": tuple(
                SessionHandle(session=session.session, handle=handle, limits=LIMITS) for session in asked.sessions
            ),
        }
        self.ue.say(rrc.ReconfigurationComplete(**values | changes))

    def set_up(self, job: int = 1, qos: QosProfile = QOS) -> None:
        self.request(job, (qos,))
        self.complete()

    @property
    def answers(self) -> list[Any]:
        return [
            message
            for message in self.ran.to_core
            if isinstance(message, n2.SessionSetupResponse | n2.SessionSetupFailure)
        ]

    def cause(self) -> Cause:
        """Of the newest refusal."""
        assert isinstance(self.answers[-1], n2.SessionSetupFailure)
        return Cause(self.answers[-1].cause)

    def snapshot(self) -> tuple[Any, ...]:
        context = self.context
        return dict(context.hop.bearers), dict(context.sessions), dict(context.jobs), context.reconfiguration

    @property
    def bearers(self) -> dict[int, list[int]]:
        """Of each session."""
        return {
            session: [flow.bearer for flow in configuration.flows]
            for session, configuration in self.context.sessions.items()
        }

    def modify(self, session: int, *qos: QosProfile) -> Procedure[ProcedureError | None]:
        return self._start(modify_session(self.ran.node, self.context, session, qos))

    def release(self, session: int) -> Procedure[ProcedureError | None]:
        return self._start(release_session(self.ran.node, self.context, session, Cause.DEREGISTERED))

    def _start(self, coroutine: Any) -> Procedure[Any]:
        procedure = self.ran.node.procedures.start("change", outcome_of(coroutine))  # type: ignore[arg-type]
        self.ran.node.pump(self.air.now)
        self.air.run(0.05)
        return procedure

    def open_leg(self, session: int = 0, handle: int = 42) -> Procedure[OpenLeg | ProcedureError]:
        client = RouteClient(seat=3, context=self.number, session=session)
        procedures = self.ran.node.procedures
        leg = procedures.start(
            "route",
            outcome_of(open_leg(self.ran.node, client, 9, handle, LIMITS)),  # type: ignore[arg-type]
        )
        self.ran.node.pump(self.air.now)
        self.air.run(0.05)
        return leg


@pytest.fixture
def world() -> World:
    return World()


def test_a_session_is_set_up_on_a_new_bearer(world: World) -> None:
    world.request(job=7, transaction=11)
    (asked,) = world.asked
    assert [(bearer.bearer, bearer.qos) for bearer in asked.bearers] == [(1, QOS)]
    (session,) = asked.sessions
    assert [(flow.qfi, flow.bearer) for flow in session.flows] == [(1, 1)]
    assert not world.answers
    world.complete()
    assert world.answers == [n2.SessionSetupResponse(ran_ue=world.number, transaction=11, session=0)]
    assert world.context.hop.bearers == {1: BearerConfiguration(bearer=1, mode=0, qos=QOS)}
    assert world.context.sessions == {0: session}
    assert world.context.jobs == {7: 0}


def test_the_bearer_is_there_before_the_ue_has_answered(world: World) -> None:
    world.request()
    assert set(world.context.hop.bearers) == {1}


def test_a_bearer_of_the_same_quality_is_used_again(world: World) -> None:
    """R98, R101, R102."""
    world.set_up(1)
    world.set_up(2)
    world.set_up(3, OTHER_QOS)
    assert [len(asked.bearers) for asked in world.asked] == [1, 0, 1]
    assert world.bearers == {0: [1], 1: [1], 2: [2]}


def test_a_job_has_one_session_however_often_it_is_asked_for(world: World) -> None:
    world.set_up(1)
    world.request(1, transaction=5)
    assert world.answers[-1] == n2.SessionSetupResponse(ran_ue=world.number, transaction=5, session=0)
    assert len(world.asked) == 1


def test_requests_at_the_same_time_take_turns(world: World) -> None:
    """Each is planned for what the one before it has left."""
    world.request(1)
    world.request(2, (OTHER_QOS,))
    world.request(3)
    for job in (1, 2, 3):
        assert len(world.asked) == job
        world.complete()
    assert world.bearers == {0: [1], 1: [2], 2: [1]}
    assert world.context.jobs == {1: 0, 2: 1, 3: 2}
    assert not world.context.turns


def test_who_waits_too_long_for_its_turn_is_told_busy(world: World) -> None:
    world.request(1)
    world.request(2)
    world.air.run(4)
    assert world.cause() is Cause.BUSY
    world.complete()
    assert world.context.jobs == {1: 0}
    world.set_up(2)
    assert world.context.jobs == {1: 0, 2: 1}


def test_waiting_requests_are_bounded(world: World) -> None:
    for job in range(MAXIMUM_WAITING + 1):
        world.request(job)
    assert [answer.transaction for answer in world.answers] == [MAXIMUM_WAITING]
    assert world.cause() is Cause.BUSY
    assert len(world.asked) == 1


def test_a_job_whose_session_is_being_set_up_is_busy(world: World) -> None:
    world.request(1)
    world.request(1, transaction=5)
    assert world.cause() is Cause.BUSY
    world.complete()
    assert world.context.jobs == {1: 0}
    assert not world.context.jobs_under_way


def test_a_session_of_several_flows_has_a_bearer_for_each(world: World) -> None:
    """R100, R103."""
    world.request(1, (QOS, OTHER_QOS))
    (asked,) = world.asked
    assert [(bearer.bearer, bearer.qos) for bearer in asked.bearers] == [(1, QOS), (2, OTHER_QOS)]
    assert [(flow.qfi, flow.bearer) for flow in asked.sessions[0].flows] == [(1, 1), (2, 2)]
    world.complete()
    assert qos_of(world.context, 0) == (QOS, OTHER_QOS)
    world.set_up(2, OTHER_QOS)
    assert world.bearers == {0: [1, 2], 1: [2]}


def test_the_configuration_says_which_bearers_are_acknowledged() -> None:
    world = World(acknowledged=[OTHER_QOS.five_qi])
    world.request(1, (QOS, OTHER_QOS))
    assert [bearer.mode for bearer in world.asked[-1].bearers] == [BearerMode.UNACKNOWLEDGED, BearerMode.ACKNOWLEDGED]


# --- Modification


def test_the_only_session_of_a_bearer_changes_it(world: World) -> None:
    """R102: nothing moves, so the session is not even named."""
    world.set_up(1)
    before = world.context.sessions[0]
    done = world.modify(0, THIRD_QOS)
    asked = world.asked[-1]
    assert [(bearer.bearer, bearer.qos) for bearer in asked.bearers] == [(1, THIRD_QOS)]
    assert (asked.sessions, asked.released_bearers) == ((), b"")
    world.complete()
    assert done.result() is None
    assert qos_of(world.context, 0) == (THIRD_QOS,)
    assert world.context.sessions[0] == before


def test_a_shared_bearer_stays_as_it_is(world: World) -> None:
    world.set_up(1)
    world.set_up(2)
    before = world.context.sessions[0]
    world.modify(0, THIRD_QOS)
    world.complete()
    assert world.bearers == {0: [2], 1: [1]}
    assert (qos_of(world.context, 0), qos_of(world.context, 1)) == ((THIRD_QOS,), (QOS,))
    assert world.context.sessions[0].handle == before.handle, "what is under way goes on"


def test_what_a_flow_promises_stays_when_it_moves(world: World) -> None:
    """R103: reliable and ordered or not, as another RAN node had it before a handover."""
    world.set_up(1)
    world.set_up(2, OTHER_QOS)
    (flow,) = world.context.sessions[0].flows
    loose = dataclasses.replace(flow, reliable=False, ordered=False)
    world.context.sessions[0] = dataclasses.replace(world.context.sessions[0], flows=(loose,))
    world.modify(0, OTHER_QOS)
    assert world.asked[-1].sessions[0].flows == (dataclasses.replace(loose, bearer=2),)


def test_a_session_moves_to_the_bearer_that_fits_and_leaves_its_own_empty(world: World) -> None:
    """R98, R107."""
    world.set_up(1)
    world.set_up(2, OTHER_QOS)
    world.modify(0, OTHER_QOS)
    assert (world.asked[-1].bearers, world.asked[-1].released_bearers) == ((), b"\x01")
    world.complete()
    assert world.bearers == {0: [2], 1: [2]}
    assert set(world.context.hop.bearers) == {2}


def test_another_mode_is_another_bearer() -> None:
    world = World(acknowledged=[OTHER_QOS.five_qi])
    world.set_up(1)
    world.modify(0, OTHER_QOS)
    asked = world.asked[-1]
    assert [(bearer.bearer, bearer.mode) for bearer in asked.bearers] == [(2, BearerMode.ACKNOWLEDGED)]
    assert asked.released_bearers == b"\x01"
    world.complete()
    assert set(world.context.hop.bearers) == {2}


def test_with_other_flows_a_session_is_renewed(world: World) -> None:
    ended: list[Any] = []
    world.ran.node.end_route = lambda *arguments: ended.append(arguments)  # type: ignore[method-assign]
    world.set_up(1)
    handle = world.context.sessions[0].handle
    world.modify(0, QOS, OTHER_QOS)
    world.complete()
    assert world.context.sessions[0].handle != handle
    assert ended == [(world.context, handle, Cause.CANCELLED)]


def test_the_same_again_is_not_asked_for(world: World) -> None:
    world.set_up(1)
    assert world.modify(0, QOS).result() is None
    assert len(world.asked) == 1


@pytest.mark.parametrize(
    ("session", "qos", "cause"),
    [
        (0, (), Cause.QOS_FLOW_NOT_CONFIGURED),
        (0, (OTHER_QOS, OTHER_QOS), Cause.QOS_FLOW_NOT_CONFIGURED),
        (1, (OTHER_QOS,), Cause.UNKNOWN_SESSION),
    ],
)
def test_modification_refused(world: World, session: int, qos: tuple[QosProfile, ...], cause: Cause) -> None:
    world.set_up(1)
    before = world.snapshot()
    refusal = world.modify(session, *qos).result()
    assert isinstance(refusal, ProcedureError) and refusal.cause is cause
    assert world.snapshot() == before
    assert len(world.asked) == 1


def test_modification_refused_by_the_ue_changes_nothing(world: World) -> None:
    world.set_up(1)
    world.set_up(2)
    before = world.snapshot()
    done = world.modify(0, OTHER_QOS)
    world.ue.say(rrc.ReconfigurationFailure(transaction=world.asked[-1].transaction, cause=Cause.NO_RESOURCES))
    refusal = done.result()
    assert isinstance(refusal, ProcedureError) and refusal.cause is Cause.NO_RESOURCES
    assert world.snapshot() == before


# --- Release


def test_the_last_session_of_a_bearer_takes_it_along(world: World) -> None:
    """R107. The route ends before the UE is told."""
    ended: list[Any] = []
    world.ran.node.end_route = lambda *arguments: ended.append(arguments)  # type: ignore[method-assign]
    world.request(1, (QOS, OTHER_QOS))
    world.complete()
    world.set_up(2, OTHER_QOS)
    handle = world.context.sessions[0].handle
    done = world.release(0)
    assert ended == [(world.context, handle, Cause.DEREGISTERED)]
    asked = world.asked[-1]
    assert [(release.session, release.cause) for release in asked.released_sessions] == [(0, Cause.DEREGISTERED)]
    assert asked.released_bearers == b"\x01"
    world.complete()
    assert done.result() is None
    assert world.bearers == {1: [2]}
    assert (set(world.context.hop.bearers), world.context.jobs) == ({2}, {2: 1})


def test_a_session_that_never_was_is_gone_already(world: World) -> None:
    assert world.release(5).result() is None
    assert not world.asked


def test_a_ue_that_is_released_is_not_asked(world: World) -> None:
    world.set_up(1)
    world.ran.node.release(world.context, Cause.NORMAL)
    refusal = world.release(0).result()
    assert isinstance(refusal, ProcedureError) and refusal.cause is Cause.PEER_LOST
    assert len(world.asked) == 1


def test_a_new_srb1_gets_the_reconfiguration_under_way_again(world: World) -> None:
    world.request()
    repeat(world.ran.node, world.context)
    world.air.run(0.05)
    first, again = world.asked
    assert first == again
    world.complete()
    repeat(world.ran.node, world.context)
    world.air.run(0.05)
    assert len(world.asked) == 2


# --- Bearers that fail


def test_a_failed_bearer_is_replaced_and_its_routes_end() -> None:
    ended: list[Any] = []
    world = World(acknowledged=[OTHER_QOS.five_qi])
    world.ran.node.end_route = lambda *arguments: ended.append(arguments)  # type: ignore[method-assign]
    world.set_up(1)
    world.request(2, (QOS, OTHER_QOS))
    world.complete()
    handle = world.context.sessions[1].handle
    bearers_failed(world.ran.node, world.context, [2])
    world.ran.node.pump(world.air.now)
    world.air.run(0.05)
    assert ended == [(world.context, handle, Cause.PEER_LOST)]
    asked = world.asked[-1]
    assert [(bearer.bearer, bearer.mode, bearer.qos) for bearer in asked.bearers] == [(3, 1, OTHER_QOS)]
    assert asked.released_bearers == b"\x02"
    world.complete()
    assert world.bearers == {0: [1], 1: [1, 3]}
    assert set(world.context.hop.bearers) == {1, 3}


def test_a_bearer_only_the_ue_knows_to_have_failed_is_replaced_too(world: World) -> None:
    world.set_up(1)
    leg = world.open_leg()
    world.ue.say(rrc.ReconfigurationFailure(transaction=world.asked[-1].transaction, cause=Cause.PEER_LOST))
    assert isinstance(leg.result(), ProcedureError)
    world.complete()
    assert world.bearers == {0: [2]}


# --- Refusals: no session, no bearer


def test_one_bearer_has_one_flow_of_a_session(world: World) -> None:
    """R104: the second flow that needs the same bearer is refused; so is a session without any."""
    before = world.snapshot()
    for qos in ((), (QOS, QOS), (QOS, OTHER_QOS, QOS)):
        world.request(1, qos)
        assert world.cause() is Cause.QOS_FLOW_NOT_CONFIGURED
    assert world.snapshot() == before
    assert not world.asked


def test_an_unknown_ue_is_refused(world: World) -> None:
    world.number += 1
    world.request()
    assert world.cause() is Cause.UNKNOWN_CONTEXT


def test_sessions_are_bounded(world: World) -> None:
    world.context.sessions = dict.fromkeys(range(MAXIMUM_SESSIONS))
    world.request()
    assert world.cause() is Cause.NO_RESOURCES


def test_bearers_are_bounded(world: World) -> None:
    for bearer in range(1, MAXIMUM_BEARERS + 1):
        world.context.hop.add_bearer(BearerConfiguration(bearer=bearer, mode=0, qos=OTHER_QOS))
    world.request()
    assert world.cause() is Cause.NO_RESOURCES
    world.request(qos=(OTHER_QOS,))
    assert len(world.asked) == 1


@pytest.mark.parametrize("cause", [Cause.INVALID_CONFIGURATION, Cause.NO_RESOURCES])
def test_what_the_ue_refuses_is_rolled_back(world: World, cause: Cause) -> None:
    before = world.snapshot()
    world.request()
    world.ue.say(rrc.ReconfigurationFailure(transaction=world.asked[-1].transaction, cause=cause))
    assert world.cause() is cause
    assert world.snapshot() == before
    world.set_up()
    assert isinstance(world.answers[-1], n2.SessionSetupResponse)


def test_a_bearer_that_was_there_stays_when_a_session_is_refused(world: World) -> None:
    world.set_up(1)
    before = world.snapshot()
    world.request(2)
    world.ue.say(rrc.ReconfigurationFailure(transaction=world.asked[-1].transaction, cause=1))
    assert world.snapshot() == before


def test_a_ue_that_stays_silent_is_given_up(world: World) -> None:
    """Nobody can know what it has taken."""
    before = world.snapshot()
    world.request()
    world.air.run(8)
    assert world.cause() is Cause.TIMEOUT
    assert world.snapshot() == before
    (release,) = world.ran.of(n2.ContextReleaseRequest)
    assert release.cause == Cause.RECONFIGURATION_FAILURE


def test_a_wrong_transaction_answers_nothing(world: World) -> None:
    world.request()
    asked = world.asked[-1]
    world.complete(asked, transaction=(asked.transaction + 1) % 4)
    assert not world.answers
    assert world.ran.drops == {"answer to no request": 1}
    world.complete(asked)
    assert isinstance(world.answers[-1], n2.SessionSetupResponse)


def test_a_late_answer_is_not_taken_for_that_to_a_newer_request(world: World) -> None:
    world.request()
    late = world.asked[-1]
    world.air.run(8)
    world.request()
    world.complete(late, handle=111)
    assert len(world.answers) == 1
    assert world.ran.drops == {"answer to no request": 1}


def test_an_answer_without_the_handle_is_refused(world: World) -> None:
    world.request()
    world.complete(sessions=())
    assert world.cause() is Cause.MALFORMED_MESSAGE
    assert not world.context.sessions
    assert world.ran.of(n2.ContextReleaseRequest)


def test_a_ue_that_goes_ends_its_requests(world: World) -> None:
    world.request()
    world.ran.core(n2.ContextReleaseCommand(ran_ue=world.number, cause=1))
    assert world.cause() is Cause.PEER_LOST
    assert not world.ran.node.procedures.open


# --- Renewal for an execution


def test_a_leg_renews_the_session_with_handles_of_both_sides(world: World) -> None:
    world.set_up()
    leg = world.open_leg(handle=42)
    asked = world.asked[-1]
    assert asked.bearers == ()
    assert [(session.session, session.handle) for session in asked.sessions] == [(0, 42)]
    world.complete(handle=77)
    opened = leg.result()
    assert isinstance(opened, OpenLeg)
    assert (opened.hop, opened.flows, opened.handle) == (world.context.hop, asked.sessions[0].flows, 77)


def test_a_leg_to_nowhere_is_refused(world: World) -> None:
    leg = world.open_leg(session=0).result()
    assert isinstance(leg, ProcedureError)
    assert leg.cause is Cause.UNKNOWN_SESSION


def test_a_leg_the_ue_refuses_leaves_the_session(world: World) -> None:
    world.set_up()
    before = world.snapshot()
    leg = world.open_leg()
    world.ue.say(rrc.ReconfigurationFailure(transaction=world.asked[-1].transaction, cause=Cause.NO_RESOURCES))
    refusal = leg.result()
    assert isinstance(refusal, ProcedureError)
    assert refusal.cause is Cause.NO_RESOURCES
    assert world.snapshot() == before
