"""The cell of a RAN node: who camps, what is broadcast to whom, and that the table of them is bounded."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from radio_bench import Air, FakeUe, Ran

from net4ai.codecs import n2, rrc
from net4ai.codecs.causes import Cause
from net4ai.ran_node import cell as module
from net4ai.ran_node.cell import CAMPING_PERIODS, MAXIMUM_CAMPED, Cell
from net4ai.ran_node.node import RanNode
from net4ai.ran_node.set_up_connection import Overload
from net4ai.stack.drops import Drop
from net4ai.stack.hop import Address
from net4ai.stack.units import SECOND

CAMPING = 5 * SECOND


class Heard:
    """A cell, and what it sent to whom."""

    def __init__(self, period: int = 1000) -> None:
        self.sent: list[tuple[Address, rrc.Rrc]] = []
        self.cell = Cell(7, period, CAMPING, barred=False, send=lambda message, to: self.sent.append((to, message)))
        self.now = 0

    def run(self, seconds: float) -> None:
        end = self.now + round(seconds * SECOND)
        while (deadline := self.cell.next_deadline()) is not None and deadline <= end:
            self.now = deadline
            self.cell.advance(deadline)
        self.now = end


def address(number: int) -> Address:
    return f"ue-{number}", 1


INFORMATION = rrc.SystemInformation(cell=7, period=1000, barred=False)


def test_who_asks_hears_at_once_and_then_periodically() -> None:
    heard = Heard()
    assert heard.cell.next_deadline() is None
    assert heard.cell.requested(address(1), 0)
    assert heard.sent == [(address(1), INFORMATION)]
    heard.run(4)
    assert heard.sent == [(address(1), INFORMATION)] * 5


def test_who_asks_again_hears_no_more_often() -> None:
    heard = Heard()
    for _ in range(10):
        assert heard.cell.requested(address(1), 0)
    assert len(heard.sent) == 1


def test_who_is_silent_is_forgotten() -> None:
    heard = Heard()
    heard.cell.requested(address(1), 0)
    heard.run(3)
    heard.cell.requested(address(2), heard.now)
    heard.run(CAMPING_PERIODS * CAMPING / SECOND - 3.5)
    assert set(heard.cell.camped) == {address(1), address(2)}
    heard.run(1)
    assert set(heard.cell.camped) == {address(2)}
    heard.run(3)
    assert not heard.cell.camped
    assert heard.cell.next_deadline() is None


def test_who_repeats_the_request_stays() -> None:
    heard = Heard()
    for _ in range(20):
        heard.cell.requested(address(1), heard.now)
        heard.run(5)
    assert set(heard.cell.camped) == {address(1)}


def test_the_table_is_bounded_and_has_room_again() -> None:
    heard = Heard()
    assert all(heard.cell.requested(address(number), 0) for number in range(MAXIMUM_CAMPED))
    assert not heard.cell.requested(address(MAXIMUM_CAMPED), 1)
    assert heard.cell.requested(address(3), 1), "who is there already may go on"
    assert len(heard.sent) == len(heard.cell.camped) == MAXIMUM_CAMPED
    later = CAMPING_PERIODS * CAMPING
    assert heard.cell.requested(address(MAXIMUM_CAMPED), later)
    assert set(heard.cell.camped) == {address(3), address(MAXIMUM_CAMPED)}


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 4 * CAMPING)), max_size=40))
def test_the_table_against_a_plain_one(requests: list[tuple[int, int]]) -> None:
    """Whatever the order of requests: camped is who asked within the last three periods."""
    heard, last = Heard(), dict[int, int]()
    now = 0
    for number, pause in requests:
        now += pause
        assert heard.cell.requested(address(number), now)
        last[number] = now
        heard.cell.advance(now)
        # Whoever is overdue goes with the next System Information at the latest.
        fresh = {address(n) for n, at in last.items() if now - at < CAMPING_PERIODS * CAMPING}
        assert fresh <= set(heard.cell.camped)
        assert list(heard.cell.camped.values()) == sorted(heard.cell.camped.values())


def test_paging_goes_to_everybody() -> None:
    heard = Heard()
    for number in range(3):
        heard.cell.requested(address(number), 0)
    heard.sent.clear()
    heard.cell.page(0xABCD)
    paging = rrc.Paging(records=(rrc.PagingRecord(temporary_identity=0xABCD),))
    assert heard.sent == [(address(number), paging) for number in range(3)]


def test_a_change_is_heard_at_once_and_once() -> None:
    heard = Heard()
    heard.cell.requested(address(1), 0)
    heard.sent.clear()
    for barred in (True, True, False, False):
        heard.cell.bar(barred)
    assert [message.barred for _, message in heard.sent] == [True, False]  # type: ignore[attr-defined]


# --- At the node


class World:
    def __init__(self, connected: bool = True, **config: Any) -> None:
        self.air = Air()
        self.ran = Ran(self.air, connected, **config)
        self.ue = FakeUe(self.air)

    @property
    def node(self) -> RanNode:
        return self.ran.node

    def camp(self) -> None:
        self.ue.say_srb0(rrc.SystemInformationRequest())

    @property
    def information(self) -> rrc.SystemInformation:
        message = self.ue.srb0[-1]
        assert isinstance(message, rrc.SystemInformation)
        return message


def test_system_information_says_what_is_configured() -> None:
    world = World(cell=11, system_information_ms=200)
    world.camp()
    assert world.information == rrc.SystemInformation(cell=11, period=200, barred=False)
    world.air.run(2)
    assert len(world.ue.srb0) == 11
    assert not [event for event in world.air.trace if event.message == rrc.SystemInformation.NAME]


@pytest.mark.parametrize("configured", [False, True])
def test_without_a_core_and_where_it_is_configured_the_cell_is_barred(configured: bool) -> None:
    world = World(connected=False, barred=configured)
    world.camp()
    assert world.information.barred
    world.ran.connect()
    world.air.run(0.01)
    assert world.information.barred == configured
    world.node.n2.lost(world.air.now)
    world.node.pump(world.air.now)
    world.air.run(0.01)
    assert world.information.barred


def test_paging_by_the_core() -> None:
    world = World()
    world.camp()
    world.ran.core(n2.Paging(temporary_identity=5))
    assert world.ue.srb0[-1] == rrc.Paging(records=(rrc.PagingRecord(temporary_identity=5),))


def test_too_many_camped_are_dropped_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAXIMUM_CAMPED", 1)
    world = World()
    world.camp()
    other = FakeUe(world.air, "other")
    other.say_srb0(rrc.SystemInformationRequest())
    assert not other.srb0
    assert world.ran.drops == {Drop.TOO_MANY_CAMPED: 1}


# --- Overload


@pytest.mark.parametrize("reduction", [1, 10, 33, 50, 99, 100])
def test_overload_rejects_its_share_evenly(reduction: int) -> None:
    overload = Overload(reduction, 1000)
    rejected = [overload.rejects(rrc.EstablishmentCause.MO_SIGNALLING) for _ in range(1000)]
    assert sum(rejected) == 10 * reduction
    for start in range(0, 1000, 100):
        assert sum(rejected[start : start + 100]) == reduction
    gaps = [number for number, each in enumerate(rejected) if each]
    distances = {after - before for before, after in itertools.pairwise(gaps)}
    assert not distances or max(distances) - min(distances) <= 1


@pytest.mark.parametrize("cause", rrc.EstablishmentCause)
def test_overload_and_causes(cause: rrc.EstablishmentCause) -> None:
    overload = Overload(100, 1000)
    spared = cause is rrc.EstablishmentCause.HIGH_PRIORITY_ACCESS
    assert overload.rejects(cause) != spared


def test_overload_at_the_node_until_it_stops() -> None:
    world = World()
    world.ran.core(n2.OverloadStart(reduction=100, wait_time=1234))
    world.ue.ask(identity=1)
    assert world.ue.srb0[-1] == rrc.Reject(ue_identity=1, wait_time=1234, cause=Cause.OVERLOAD)
    assert not world.node.contexts
    cause = rrc.EstablishmentCause.HIGH_PRIORITY_ACCESS
    world.ue.say_srb0(rrc.SetupRequest(ue_identity=2, cause=cause, bulk_port=2))
    assert isinstance(world.ue.srb0[-1], rrc.Setup)
    world.ran.core(n2.OverloadStop())
    world.ue.ask(identity=3)
    assert isinstance(world.ue.srb0[-1], rrc.Setup)


def test_who_was_answered_is_answered_again_whatever_the_load() -> None:
    world = World()
    world.ue.ask(identity=1)
    world.ran.core(n2.OverloadStart(reduction=100, wait_time=10))
    world.ue.ask(identity=1)
    assert [type(message) for message in world.ue.srb0] == [rrc.Setup, rrc.Setup]
