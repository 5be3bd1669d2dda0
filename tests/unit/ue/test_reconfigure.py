"""RRC reconfiguration at the UE: all of it or nothing (R99-R104)."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
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
from net4ai.codecs.common import BearerMode, FlowMapping, SessionRelease
from net4ai.stack import dep_endpoint
from net4ai.stack.dep.constants import SCHEDULED_MINIMUM
from net4ai.stack.dep.credit import CreditBudget
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
        before = len(self.ran.rrc)
        self.ran.say(reconfiguration(*arguments, **more))
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


def bearer(number: int, mode: BearerMode = BearerMode.UNACKNOWLEDGED) -> Any:
    return bearer_configuration(number, mode)


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
