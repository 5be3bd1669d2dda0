"""The cell of a UE process: asked for, waited for, watched; paging."""

from __future__ import annotations

import pytest
from radio_bench import CELL, UE_ADDRESS, Air, FakeRanNode, Ue

from net4ai.codecs import nas, rrc
from net4ai.codecs.causes import Cause
from net4ai.stack.radio_link_monitor import LinkState
from net4ai.ue.states import NasState, RrcState


class World:
    def __init__(self, count: int = 1, *, silent: bool = False, barred: bool = False) -> None:
        self.air = Air()
        self.ran = FakeRanNode(self.air)
        self.ran.silent, self.ran.barred = silent, barred
        self.ue = Ue(self.air, count)
        self.ue.start()
        self.air.run(0.05)

    def requests(self) -> int:
        """System Information Requests on the air so far."""
        request = rrc.SystemInformationRequest().encode()
        return sum(pdu[8:] == request for pdu in self.air.seen)

    @property
    def asked(self) -> int:
        """Set-ups that were asked for; each is repeated."""
        return len({message.ue_identity for message in self.ran.srb0 if isinstance(message, rrc.SetupRequest)})


def test_a_process_camps_once_for_all_its_terminals() -> None:
    world = World(count=20)
    assert world.requests() == 1
    assert world.asked == 20
    assert world.ue.process.cell.identity == CELL


def test_it_asks_again_and_again_often_until_it_hears_the_cell() -> None:
    world = World(silent=True)
    world.air.run(10)
    assert world.requests() == 21
    assert not world.asked
    world.ran.silent = False
    world.air.run(1)
    assert world.asked
    before = world.requests()
    world.air.run(20)
    assert world.requests() == before + 4


def test_a_cell_that_is_not_heard_is_said_once() -> None:
    world = World(count=3, silent=True)
    world.air.run(20)
    assert world.ue.troubles == [
        "ue/1: TIMEOUT: no answer from RAN node ran at ran:1: its cell is not heard, trying again"
    ]


def test_a_barred_cell_is_waited_for() -> None:
    world = World(barred=True)
    world.air.run(5)
    assert not world.asked
    assert world.ue.troubles == ["ue/1: NOT_ALLOWED: the cell of RAN node ran at ran:1 is barred, trying again"]
    world.ran.barred = False
    world.air.run(2)
    assert world.asked == 1


def test_only_its_own_cell_is_heard() -> None:
    world = World(silent=True)
    other = FakeRanNode(world.air)
    other._sockets = world.air.sockets("evil")
    other.say_srb0(rrc.SystemInformation(cell=9, period=1000, barred=False))
    other.say_srb0(rrc.Paging(records=()))
    assert world.ue.process.cell.monitor.state is LinkState.SEARCHING
    assert world.ue.drops == {"source not bound": 2}


def test_connected_terminals_lose_a_cell_that_falls_silent() -> None:
    """Without security there is nothing to go on with: they are idle, and come back with the cell."""
    world = World()
    world.ran.set_up()
    assert world.ue.terminal.rrc_state is RrcState.CONNECTED
    world.ran.silent = True
    world.air.run(1.5 + 2 + 2 - 0.1)
    assert world.ue.terminal.rrc_state is RrcState.CONNECTED
    world.air.run(1)
    assert world.ue.terminal.rrc_state is RrcState.IDLE
    assert world.air.states("released")[-1].ids["cause"] == "RADIO_LINK_FAILURE"
    asked = world.asked
    world.air.run(10)
    assert world.asked == asked
    world.ran.silent = False
    world.air.run(1.1)
    assert world.asked == asked + 1


def test_a_cell_that_is_heard_now_and_then_is_kept() -> None:
    world = World()
    world.ran.set_up()
    for _ in range(10):
        world.ran.silent = True
        world.air.run(3.4)
        world.ran.silent = False
        world.air.run(1.1)
    assert not world.air.states("radio link failed")
    assert not [event for event in world.air.states("released") if event.ids["cause"] == "RADIO_LINK_FAILURE"]


# --- Paging


def idle_and_registered(count: int = 1) -> World:
    world = World(count)
    for terminal in world.ue.terminals:
        terminal.release(Cause.NORMAL)
    world.air.run(0.01)
    for number, terminal in enumerate(world.ue.terminals, 1):
        terminal.temporary_identity = number
        terminal.nas_state = NasState.REGISTERED
        terminal._wanted = world.ue.process.procedures.promise("wanted")
    return world


def paged(world: World, *identities: int) -> list[nas.ServiceType | None]:
    records = tuple(rrc.PagingRecord(temporary_identity=identity) for identity in identities)
    world.ran.say_srb0(rrc.Paging(records=records), UE_ADDRESS)
    promises = [terminal._wanted for terminal in world.ue.terminals]
    return [promise.result() if promise is not None and promise.done else None for promise in promises]


@pytest.mark.parametrize(("identities", "wanted"), [((2,), [2]), ((1, 3), [1, 3]), ((9,), []), ((), [])])
def test_whoever_is_paged_wants_a_connection(identities: tuple[int, ...], wanted: list[int]) -> None:
    world = idle_and_registered(3)
    called = paged(world, *identities)
    assert [number for number, each in enumerate(called, 1) if each] == wanted
    assert not world.ue.drops


def test_who_is_connected_or_has_no_identity_takes_no_notice() -> None:
    world = idle_and_registered(2)
    first, second = world.ue.terminals
    first.rrc_state = RrcState.CONNECTED
    second.temporary_identity = None
    assert paged(world, 1, 2) == [None, None]
