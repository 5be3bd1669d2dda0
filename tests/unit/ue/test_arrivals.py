"""Terminals that arrive on command: at their rate, within their bound, all of them."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from net4ai.stack.procedure import Procedures
from net4ai.stack.units import MILLISECOND, SECOND
from net4ai.ue.arrivals import Arrivals, arrive
from net4ai.ue.states import NasState

REGISTERING = 30 * MILLISECOND
LEAVING = 20 * MILLISECOND


class FakeTerminal:
    """Registers, gets its sessions, leaves when told: each takes its time."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.nas_state = NasState.DEREGISTERED
        self.sessions: list[int] = []
        self.replies: list[str] = []
        self.leaving = False
        self.switched_on = -1

    async def live(self) -> None:
        procedures = self.world.procedures
        self.switched_on = procedures.now
        self.world.coming += 1
        self.world.most = max(self.world.most, self.world.coming)
        await procedures.sleep(REGISTERING)
        self.nas_state = NasState.REGISTERED
        await procedures.sleep(REGISTERING)
        self.sessions.append(1)
        self.world.coming -= 1

    def leave(self) -> None:
        self.leaving = True
        self.world.procedures.start("leave", self._leave())

    async def _leave(self) -> None:
        await self.world.procedures.sleep(LEAVING)
        self.nas_state = NasState.DEREGISTERED


class World:
    """A process with so many terminals, and the time."""

    def __init__(self, count: int) -> None:
        self.procedures = Procedures("ue-1")
        self.coming = self.most = 0
        self.terminals = [FakeTerminal(self) for _ in range(count)]

    def play(self, arrivals: Arrivals) -> int:
        """Let them arrive; gives the time at which that was over."""
        process = SimpleNamespace(procedures=self.procedures, terminals=self.terminals)
        arriving = self.procedures.start("arrivals", arrive(cast(Any, process), arrivals))
        for _ in range(100_000):
            deadline = self.procedures.next_deadline()
            if arriving.done or deadline is None:
                break
            self.procedures.advance(deadline)
        assert arriving.done
        return self.procedures.now


@given(count=st.integers(1, 30), parallel=st.integers(1, 8), leave=st.booleans())
def test_all_come_and_never_too_many_at_once(count: int, parallel: int, leave: bool) -> None:
    world = World(count)
    world.play(Arrivals(parallel=parallel, sessions=1, leave=leave))
    assert world.most <= parallel
    assert all(terminal.sessions for terminal in world.terminals)
    state = NasState.DEREGISTERED if leave else NasState.REGISTERED
    assert {terminal.nas_state for terminal in world.terminals} == {state}


@pytest.mark.parametrize("rate", [10.0, 333.0])
def test_they_come_at_their_rate(rate: float) -> None:
    world = World(20)
    world.play(Arrivals(rate=rate, parallel=1000, sessions=1))
    assert [terminal.switched_on for terminal in world.terminals] == [round(n * SECOND / rate) for n in range(20)]


def test_without_sessions_who_is_registered_is_at_rest() -> None:
    world = World(1)
    assert world.play(Arrivals()) < 2 * REGISTERING
