"""RRC reconfiguration at the UE: all of it or nothing (R99-R104)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from radio_bench import (
    Air,
    FakeRanNode,
    Ue,
    bearer_configuration,
    reconfiguration,
    session_configuration,
)

from net4ai.codecs import rrc
from net4ai.codecs.causes import Cause
from net4ai.codecs.common import BearerConfiguration, BearerMode, FlowMapping, QosProfile, SessionRelease
from net4ai.stack import dep_endpoint
from net4ai.stack.dep.constants import SCHEDULED_MINIMUM
from net4ai.stack.dep.credit import CreditBudget
from net4ai.stack.dep.events import SessionClosed
from net4ai.stack.dep_endpoint import limits_of
from net4ai.ue.reconfigure import bearers_of

LIMITS = limits_of(CreditBudget(1 << 20))


class World:
    """A registered terminal with sessions 0 on bearer 1 and 1 on bearer 2."""

    def __init__(self, **config: Any) -> None:
        self.air = Air()
        self.ran = FakeRanNode(self.air)
        self.ue = Ue(self.air, **config)
        self.ue.start()
        self.air.run(0.05)
        self.ran.set_up()
        self.ran.register()
        self.ran.reconfigure(session=0, bearer=1)
        self.ran.reconfigure(session=1, bearer=2)

    def say(self, *arguments: Any, **more: Any) -> rrc.Rrc:
        """Gives the answer."""
        return self.send(reconfiguration(*arguments, **more))

    def send(self, message: rrc.Reconfiguration) -> rrc.Rrc:
        """Gives the answer."""
        before = len(self.ran.rrc)
        self.ran.say(message)
        (answer,) = self.ran.rrc[before:]
        return answer

    def snapshot(self) -> tuple[Any, ...]:
        """Everything a reconfiguration could change."""
        process, terminal = self.ue.process, self.ue.terminal
        assert terminal.hop is not None
        return (
            dict(terminal.hop.bearers),
            dict(terminal.sessions),
            dict(process.endpoint.sessions),
            {session: bearers_of(end) for session, end in terminal.sessions.items()},
            process.endpoint._budget.promised,
        )

    @property
    def bearers(self) -> set[int]:
        assert self.ue.terminal.hop is not None
        return set(self.ue.terminal.hop.bearers)


@pytest.fixture
def world() -> World:
    return World()


def bearer(number: int, mode: int = BearerMode.UNACKNOWLEDGED) -> Any:
    return bearer_configuration(number, mode)  # type: ignore[arg-type]


def with_rates(number: int, five_qi: int, guaranteed: int, maximum: int = 0) -> BearerConfiguration:
    qos = QosProfile(five_qi=five_qi, priority=1, guaranteed_bit_rate=guaranteed, maximum_bit_rate=maximum)
    return BearerConfiguration(bearer=number, mode=BearerMode.UNACKNOWLEDGED, qos=qos)


def flow(qfi: int, on: int) -> FlowMapping:
    return FlowMapping(qfi=qfi, bearer=on)


def released(*sessions: int) -> tuple[SessionRelease, ...]:
    return tuple(SessionRelease(session=session, cause=0) for session in sessions)


# --- What is taken


def test_a_session_on_a_new_bearer(world: World) -> None:
    answer = world.say((bearer(3),), (session_configuration(5, 77, 3),), transaction=2)
    end = world.ue.terminal.sessions[5]
    assert isinstance(answer, rrc.ReconfigurationComplete)
    assert (answer.transaction, [(s.session, s.handle) for s in answer.sessions]) == (2, [(5, end.handle)])
    assert answer.sessions[0].limits == LIMITS
    assert end.session.send_handle == 77
    assert world.bearers == {1, 2, 3}


def test_sessions_share_a_bearer(world: World) -> None:
    """R101."""
    assert isinstance(world.say((), (session_configuration(5, 77, 1),)), rrc.ReconfigurationComplete)
    assert bearers_of(world.ue.terminal.sessions[0]) == bearers_of(world.ue.terminal.sessions[5]) == {1}


def test_a_session_on_several_bearers_has_a_flow_on_each(world: World) -> None:
    """R100, R103."""
    assert isinstance(world.say((bearer(3),), (session_configuration(5, 77, 1, 3),)), rrc.ReconfigurationComplete)
    assert bearers_of(world.ue.terminal.sessions[5]) == {1, 3}


def test_a_renewed_session_has_a_fresh_handle_and_the_old_one_is_void(world: World) -> None:
    before = world.ue.terminal.sessions[0]
    promised = world.ue.process.endpoint._budget.promised
    answer = world.say((), (session_configuration(0, 99, 1),))
    assert isinstance(answer, rrc.ReconfigurationComplete)
    assert answer.sessions[0].handle != before.handle
    assert before.handle not in world.ue.process.endpoint.sessions
    assert world.ue.process.endpoint._budget.promised == promised


def test_sessions_and_bearers_are_released(world: World) -> None:
    answer = world.say(released_bearers=b"\x02", released_sessions=released(1))
    assert isinstance(answer, rrc.ReconfigurationComplete)
    assert world.bearers == {1}
    assert list(world.ue.terminal.sessions) == [0]


def test_a_session_moves_off_a_released_bearer(world: World) -> None:
    answer = world.say((), (session_configuration(1, 5, 1),), released_bearers=b"\x02")
    assert isinstance(answer, rrc.ReconfigurationComplete)
    assert world.bearers == {1}


def test_an_empty_one_changes_nothing_and_is_answered(world: World) -> None:
    before = world.snapshot()
    assert world.say(transaction=3) == rrc.ReconfigurationComplete(transaction=3, sessions=())
    assert world.snapshot() == before


# --- What is refused


@pytest.mark.parametrize(
    ("arguments", "cause"),
    [
        ({"bearers": (bearer(1, BearerMode.ACKNOWLEDGED),)}, Cause.INVALID_CONFIGURATION),
        ({"bearers": (bearer(3, 7),)}, Cause.INVALID_CONFIGURATION),
        ({"bearers": (with_rates(3, five_qi=9, guaranteed=1),)}, Cause.INVALID_CONFIGURATION),
        ({"bearers": (with_rates(3, five_qi=128, guaranteed=3, maximum=2),)}, Cause.INVALID_CONFIGURATION),
        ({"bearers": (bearer(3), bearer(3))}, Cause.INVALID_CONFIGURATION),
        ({"sessions": (session_configuration(5, 9, 3),)}, Cause.INVALID_CONFIGURATION),
        ({"sessions": (session_configuration(5, 9),)}, Cause.INVALID_CONFIGURATION),
        ({"sessions": (session_configuration(5, 9, 1), session_configuration(5, 8, 1))}, Cause.INVALID_CONFIGURATION),
        ({"sessions": (session_configuration(5, 9, 1, version=2),)}, Cause.VERSION_NOT_SUPPORTED),
        (
            {"sessions": (session_configuration(5, 9, flows=(flow(1, 1), flow(2, 1))),)},
            Cause.QOS_FLOW_NOT_CONFIGURED,
        ),
        (
            {"sessions": (session_configuration(5, 9, flows=(flow(1, 1), flow(1, 2))),)},
            Cause.INVALID_CONFIGURATION,
        ),
        ({"released_bearers": b"\x01"}, Cause.INVALID_CONFIGURATION),
        (
            {"sessions": (session_configuration(0, 9, 1),), "released_bearers": b"\x01"},
            Cause.INVALID_CONFIGURATION,
        ),
    ],
)
@pytest.mark.parametrize("among_good_parts", [False, True])
def test_half_valid_is_refused_whole(
    world: World, arguments: dict[str, Any], cause: Cause, among_good_parts: bool
) -> None:
    if among_good_parts:
        arguments = arguments | {
            "bearers": (bearer(9), *arguments.get("bearers", ())),
            "sessions": (session_configuration(8, 7, 9), *arguments.get("sessions", ())),
            "released_sessions": released(1),
        }
    before = world.snapshot()
    assert world.say(transaction=1, **arguments) == rrc.ReconfigurationFailure(transaction=1, cause=cause)
    assert world.snapshot() == before


def measurement(number: int) -> rrc.MeasurementConfiguration:
    return rrc.MeasurementConfiguration(measurement=number, interval=60_000, amount=1)


VALID = rrc.Reconfiguration(
    transaction=2,
    bearers=(bearer(1), bearer(3), bearer(4, BearerMode.ACKNOWLEDGED)),
    released_bearers=b"\x02",
    sessions=(session_configuration(0, 99, 1), session_configuration(5, 77, 3, 4)),
    released_sessions=released(1),
    measurements=(measurement(1),),
    released_measurements=b"\x02",
    synchronisation=(),
)
"""Everything at once: a bearer changed, two added, one released; sessions renewed, added, released; measurements."""


def with_session(**changes: Any) -> dict[str, Any]:
    """The second session of `VALID` with other values."""
    return {"sessions": (VALID.sessions[0], replace(VALID.sessions[1], **changes))}


def with_flows(*flows: FlowMapping) -> dict[str, Any]:
    return with_session(flows=flows)


unknown_bearers = st.sampled_from([2, *range(5, 64)])
other_modes = st.integers(2, 255)
not_measurements = st.sampled_from([0, *range(65, 256)])
not_bearers = st.sampled_from([0, *range(33, 256)])
INVALID: dict[str, tuple[st.SearchStrategy[dict[str, Any]], Cause]] = {
    "mode of a new bearer": (
        other_modes.map(lambda mode: {"bearers": (bearer(1), bearer(3, mode), bearer(4))}),
        Cause.INVALID_CONFIGURATION,
    ),
    "mode of a bearer that is there": (
        st.sampled_from([1, 2, 255]).map(lambda mode: {"bearers": (bearer(1, mode), bearer(3), bearer(4))}),
        Cause.INVALID_CONFIGURATION,
    ),
    "bearer twice": (
        st.sampled_from([1, 3]).map(lambda number: {"bearers": (bearer(1), bearer(3), bearer(number), bearer(4))}),
        Cause.INVALID_CONFIGURATION,
    ),
    "bearer missing": (st.just({"bearers": (bearer(1), bearer(4))}), Cause.INVALID_CONFIGURATION),
    "released bearer that cannot be": (
        not_bearers.map(lambda number: {"released_bearers": bytes([2, number])}),
        Cause.INVALID_CONFIGURATION,
    ),
    "released bearer twice": (st.just({"released_bearers": b"\x02\x02"}), Cause.INVALID_CONFIGURATION),
    "released bearer in use": (
        st.just({"released_bearers": b"\x02\x01", "bearers": VALID.bearers[1:]}),
        Cause.INVALID_CONFIGURATION,
    ),
    "session not released with its bearer": (st.just({"released_sessions": ()}), Cause.INVALID_CONFIGURATION),
    "session released twice": (st.just({"released_sessions": released(1, 1)}), Cause.INVALID_CONFIGURATION),
    "session twice": (st.just(with_session(session=0)), Cause.INVALID_CONFIGURATION),
    "version": (
        st.integers(2, 15).map(lambda version: with_session(dep_version=version)),
        Cause.VERSION_NOT_SUPPORTED,
    ),
    "handle of another session": (st.just(with_session(handle=99)), Cause.HANDLE_IN_USE),
    "no flow": (st.just(with_flows()), Cause.INVALID_CONFIGURATION),
    "bearer of a flow": (
        unknown_bearers.map(lambda number: with_flows(flow(1, 3), flow(2, number))),
        Cause.INVALID_CONFIGURATION,
    ),
    "flow twice": (
        st.integers(0, 63).map(lambda qfi: with_flows(flow(qfi, 3), flow(qfi, 4))),
        Cause.INVALID_CONFIGURATION,
    ),
    "two flows of one bearer": (
        st.sampled_from([1, 3, 4]).map(lambda number: with_flows(flow(1, number), flow(2, number))),
        Cause.QOS_FLOW_NOT_CONFIGURED,
    ),
    "two of three flows on one bearer": (
        st.just(with_flows(flow(1, 3), flow(2, 4), flow(3, 3))),
        Cause.QOS_FLOW_NOT_CONFIGURED,
    ),
    "measurement twice": (
        st.just({"measurements": (measurement(1), measurement(1))}),
        Cause.INVALID_CONFIGURATION,
    ),
    "released measurement twice": (st.just({"released_measurements": b"\x02\x02"}), Cause.INVALID_CONFIGURATION),
    "released measurement that cannot be": (
        not_measurements.map(lambda number: {"released_measurements": bytes([number])}),
        Cause.INVALID_CONFIGURATION,
    ),
    "handover": (
        st.builds(
            lambda **values: {"synchronisation": (rrc.Synchronisation(**values),)},
            cell=st.integers(0, rrc.MAXIMUM_CELL),
            c_rnti=st.integers(1, 0xFFFF),
            bulk_port=st.integers(1, 0xFFFF),
            next_hop_chaining_count=st.integers(0, 7),
            t304=st.integers(50, 10_000),
        ),
        Cause.UNKNOWN_TARGET,
    ),
}
"""Each changes one thing of `VALID`. (What the declarations forbid is no message at all.)"""


def test_the_valid_one_is_valid(world: World) -> None:
    assert isinstance(world.send(VALID), rrc.ReconfigurationComplete)
    assert world.bearers == {1, 3, 4}
    assert set(world.ue.terminal.sessions) == {0, 5}
    assert set(world.ue.terminal.measurements) == {1}


@pytest.fixture(scope="module")
def standing() -> World:
    """For refusals only: nothing changes it."""
    return World()


@pytest.mark.parametrize("name", list(INVALID))
@given(data=st.data())
@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_one_fault_and_nothing_is_taken(standing: World, name: str, data: st.DataObject) -> None:
    changes, cause = INVALID[name]
    before = standing.snapshot()
    answer = standing.send(replace(VALID, **data.draw(changes)))
    assert answer == rrc.ReconfigurationFailure(transaction=2, cause=cause)
    assert standing.snapshot() == before


def test_the_same_twice_changes_nothing_the_second_time(world: World) -> None:
    """A new SRB1 brings the reconfiguration under way again."""
    first = world.send(VALID)
    before = world.snapshot()
    assert world.send(VALID) == first
    assert world.snapshot() == before


def test_a_bearer_changes_its_mode_by_release_and_addition(world: World) -> None:
    """In one message, with a session that stays on it."""
    answer = world.say((bearer(1, BearerMode.ACKNOWLEDGED),), released_bearers=b"\x01")
    assert isinstance(answer, rrc.ReconfigurationComplete)
    assert world.ue.terminal.hop is not None
    assert world.ue.terminal.hop.bearers[1].mode == BearerMode.ACKNOWLEDGED


def test_what_is_not_there_may_be_released(world: World) -> None:
    before = world.snapshot()
    answer = world.say(released_bearers=b"\x20\x07", released_sessions=released(30, 31))
    assert isinstance(answer, rrc.ReconfigurationComplete)
    assert world.snapshot() == before


# --- With traffic under way


def test_a_session_with_its_handle_goes_on_over_another_bearer(world: World) -> None:
    end = world.ue.terminal.sessions[0]
    handle = end.session.send_handle
    world.ue.process.endpoint.send(end, [bytes(50_000)], world.air.now)
    answer = world.say((bearer(7),), (session_configuration(0, handle, 7),))
    assert isinstance(answer, rrc.ReconfigurationComplete)
    assert world.ue.terminal.sessions[0] is end
    assert answer.sessions[0].handle == end.handle
    assert bearers_of(end) == {7}
    assert not end.session.idle and end.session.is_open


@pytest.mark.parametrize(
    "changes",
    [
        {"released_sessions": released(0)},
        {"sessions": (session_configuration(0, 12345, 1),)},
        {"sessions": (session_configuration(0, 12345, 2),), "released_bearers": b"\x01"},
    ],
)
def test_what_was_under_way_in_a_session_that_ends_leaves_nothing(world: World, changes: dict[str, Any]) -> None:
    process, end = world.ue.process, world.ue.terminal.sessions[0]
    process.endpoint.send(end, [bytes(50_000)], world.air.now)
    process.endpoint.send(end, [bytes(50_000)], world.air.now)
    world.say(**changes)
    assert end.handle not in process.endpoint.sessions
    world.say(released_sessions=released(0, 1), released_bearers=b"\x01\x02")
    assert process.endpoint._budget.promised == process.endpoint._budget.reserved == 0
    assert not process.endpoint.sessions and not process.endpoint._by_session and not process.endpoint._by_send_handle
    assert process.endpoint.next_deadline() is None
    assert not world.bearers


def test_a_bearer_that_failed_ends_its_sessions_and_takes_no_new_ones(world: World) -> None:
    """The connection stays: only SRB1 is the radio link."""
    told: list[Any] = []
    world.say((bearer(3, BearerMode.ACKNOWLEDGED),), (session_configuration(5, 77, 3),))
    end = world.ue.terminal.sessions[5]
    end.owner = lambda end, event: told.append(event)
    world.ue.process.endpoint.send(end, [b"nobody has this bearer"], world.air.now)
    world.air.run(60)
    assert told[-1] == SessionClosed(Cause.PEER_LOST)
    assert world.ue.terminal.sessions[5] is end and world.ue.terminal.sessions[0].session.is_open
    refused = world.say((), (session_configuration(5, 78, 3),))
    assert refused == rrc.ReconfigurationFailure(transaction=0, cause=Cause.PEER_LOST)
    renewed = world.say(
        (bearer(4, BearerMode.ACKNOWLEDGED),), (session_configuration(5, 78, 4),), released_bearers=b"\x03"
    )
    assert isinstance(renewed, rrc.ReconfigurationComplete)
    assert world.ue.terminal.sessions[5].session.is_open


def test_without_credit_for_all_nothing_is_taken() -> None:
    room = 3 * LIMITS.unscheduled
    world = World(budget=SCHEDULED_MINIMUM + room)
    before = world.snapshot()
    sessions = (session_configuration(5, 9, 1), session_configuration(6, 8, 1))
    assert world.say((), sessions) == rrc.ReconfigurationFailure(transaction=0, cause=Cause.NO_RESOURCES)
    assert world.snapshot() == before
    assert isinstance(world.say((), sessions[:1]), rrc.ReconfigurationComplete)


def test_without_room_for_a_session_nothing_is_taken(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dep_endpoint, "MAXIMUM_SESSIONS", 3)
    before = world.snapshot()
    sessions = (session_configuration(5, 9, 1), session_configuration(6, 8, 1))
    assert world.say((), sessions) == rrc.ReconfigurationFailure(transaction=0, cause=Cause.NO_RESOURCES)
    assert world.snapshot() == before


small = st.integers(1, 4)
flows = st.lists(st.builds(flow, st.integers(1, 3), small), max_size=3).map(tuple)
session_configurations = st.builds(
    lambda session, handle, version, flows: session_configuration(session, handle, version=version, flows=flows),
    st.integers(0, 3),
    st.integers(1, 2**32 - 1),
    st.sampled_from([1, 1, 1, 2]),
    flows,
)
bearer_configurations = st.builds(bearer, small, st.sampled_from([BearerMode.UNACKNOWLEDGED] * 3 + list(BearerMode)))


@given(
    st.lists(bearer_configurations, max_size=3).map(tuple),
    st.lists(session_configurations, max_size=3).map(tuple),
    st.lists(small, max_size=2).map(bytes),
    st.lists(st.integers(0, 3), max_size=2).map(lambda sessions: released(*sessions)),
)
def test_any_configuration_is_taken_whole_or_refused_whole(
    bearers: Any, sessions: Any, released_bearers: bytes, released_sessions: Any
) -> None:
    world = World()
    before = world.snapshot()
    answer = world.say(bearers, sessions, released_bearers, released_sessions)
    if isinstance(answer, rrc.ReconfigurationFailure):
        assert world.snapshot() == before
        return
    assert isinstance(answer, rrc.ReconfigurationComplete)
    added = {configuration.bearer for configuration in bearers}
    assert world.bearers == ({1, 2} - set(released_bearers)) | added
    named = [configuration.session for configuration in sessions]
    gone = {release.session for release in released_sessions}
    assert set(world.ue.terminal.sessions) == ({0, 1} - gone) | set(named)
    assert [session.session for session in answer.sessions] == named
    assert set(world.ue.process.endpoint.sessions) == {end.handle for end in world.ue.terminal.sessions.values()}
    for end in world.ue.terminal.sessions.values():
        used = bearers_of(end)
        assert used <= world.bearers
        assert len(used) > 1 or len(end.session.flows) == 1  # R104
