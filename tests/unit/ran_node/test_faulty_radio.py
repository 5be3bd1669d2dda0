"""UEs, a RAN node and an access manager over a bad radio: everyone gets in, nothing is left behind."""

from __future__ import annotations

import random

import pytest
from core_machine import CoreMachine
from radio_bench import RAN_ADDRESS, Air, Faults, Ran, Ue

from net4ai.codecs import nas
from net4ai.codecs.bus import OfferJob
from net4ai.stack.units import MILLISECOND
from net4ai.ue.states import NasState

UES = 6


class World:
    def __init__(self, seed: int, faults: Faults) -> None:
        print(f"seed {seed}, {faults}")
        self.air = Air(seed, faults)
        self.ran = Ran(self.air, connected=False)
        self.core = CoreMachine(self.air, UES)
        self.core.connect(self.ran)
        self.core.manager.offers.offer(OfferJob(job=1, service="s", purpose="p", k=1, raw_data=False))
        self.ue = Ue(self.air, UES)
        self.ue.start()

    def all_in(self) -> bool:
        """Registered, consented, with a session at all three."""
        manager = self.core.manager
        registered = manager.registered.values()
        return (
            len(registered) == UES
            and all(terminal.sessions and manager.consents.jobs_of(terminal.subscriber) for terminal in registered)
            and self.ue.all_in(NasState.REGISTERED)
            and all(terminal.sessions for terminal in self.ue.terminals)
        )

    def get_in(self, seconds: float) -> None:
        self.air.run(seconds, until=self.all_in)
        assert self.all_in(), "not all are in"

    def assert_nothing_left_behind(self) -> None:
        """After a while there is one context for each UE, everywhere, and they agree."""
        self.air.faults = Faults()
        self.air.run(60)
        assert self.all_in()
        node, manager, process = self.ran.node, self.core.manager, self.ue.process
        assert set(node.contexts) == {c_rnti for _, c_rnti in process.bound}
        assert set(node.by_number) == {context for _, context in manager.terminals}
        assert len(node.contexts) == len(manager.terminals) == UES
        assert not (node.half_open or process.asking or node.procedures.open or self.core.procedures.open)
        assert len(process.endpoint.sessions) == UES
        for context in node.contexts.values():
            terminal = process.bound[RAN_ADDRESS, context.c_rnti]
            assert terminal.hop is not None
            assert set(context.sessions) == set(terminal.sessions)
            assert context.hop.bearers == terminal.hop.bearers
            assert manager.terminals[self.core.association, context.number].subscriber == terminal.config.identity


@pytest.mark.parametrize("loss", [0.0, 0.05, 0.15, 0.3])
@pytest.mark.parametrize("number", range(3))
def test_everyone_gets_in(seed: int, number: int, loss: float) -> None:
    faults = Faults(loss=loss, duplicate=0.1, jitter=10 * MILLISECOND)
    world = World(seed + number, faults)
    world.get_in(120)
    world.assert_nothing_left_behind()


@pytest.mark.parametrize("number", range(3))
def test_everyone_comes_back_after_the_core_was_lost(seed: int, number: int) -> None:
    world = World(seed + number, Faults(loss=0.2, duplicate=0.1, jitter=10 * MILLISECOND))
    world.get_in(120)
    assert world.core.association is not None
    world.core.association.closed(world.air.now)
    world.ran.node.n2.lost(world.air.now)
    world.air.run(random.Random(seed + number).random() * 3)
    assert not world.core.manager.registered
    world.core.connect(world.ran)
    world.get_in(120)
    world.assert_nothing_left_behind()


@pytest.mark.parametrize("number", range(3))
def test_everyone_comes_back_after_the_radio_was_cut(seed: int, number: int) -> None:
    """Half of the UEs had something to say meanwhile; the others, and the network, have to notice by themselves."""
    world = World(seed + number, Faults(loss=0.1, duplicate=0.1, jitter=10 * MILLISECOND))
    world.get_in(120)
    world.air.cut = True
    for terminal in world.ue.terminals[: UES // 2]:
        terminal.send_nas(nas.RoutineReject(execution=1, cause=0))
    world.air.run(40)
    world.air.cut = False
    world.get_in(120)
    world.assert_nothing_left_behind()
