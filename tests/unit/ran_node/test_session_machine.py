"""Sessions and bearers of UEs, changed in any order over a bad radio with traffic under way: both ends agree."""

from __future__ import annotations

from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from radio_bench import Faults
from session_bench import QOS, World

from net4ai.codecs.causes import Cause
from net4ai.ran_node.configure_sessions import modify_session, release_session
from net4ai.ran_node.reconfigure import repeat
from net4ai.stack.units import MILLISECOND
from net4ai.ue.terminal import Terminal

TERMINALS = st.integers(0, 1)
SESSIONS = st.integers(0, 3)
QUALITIES = st.lists(st.sampled_from(QOS), min_size=1, max_size=3, unique_by=str) | st.lists(
    st.sampled_from(QOS), max_size=2
)


class SessionMachine(RuleBasedStateMachine):
    @initialize(seed=st.integers(0, 2**32), qos=QUALITIES)
    def begin(self, seed: int, qos: list[Any]) -> None:
        self.world = World(seed)
        for number, qualities in ((0, qos), (1, QOS[:2])):
            self.world.set_up(self.terminal(number), 1, *qualities)
            self.world.run(0.1)
            self.open_leg(number, 0)
        self.world.run(0.1)

    def session(self, number: int, choice: int) -> int:
        """One that is there, mostly."""
        sessions = sorted(self.world.contexts[self.terminal(number)].sessions)
        return sessions[choice % len(sessions)] if sessions else choice

    def terminal(self, number: int) -> Terminal:
        terminal = self.world.ue.terminals[number]
        if not self.world.connected(terminal) and terminal.hop is None:
            self.world.connect(terminal)
        return terminal

    @rule(number=TERMINALS, job=SESSIONS, qos=QUALITIES)
    def set_up(self, number: int, job: int, qos: list[Any]) -> None:
        self.world.set_up(self.terminal(number), job, *qos)

    @rule(number=TERMINALS, session=SESSIONS, qos=QUALITIES)
    def modify(self, number: int, session: int, qos: list[Any]) -> None:
        world, context = self.world, self.world.contexts[self.terminal(number)]
        world.start("modify", modify_session(world.node, context, self.session(number, session), tuple(qos)))

    @rule(number=TERMINALS, session=SESSIONS)
    def release(self, number: int, session: int) -> None:
        world, context = self.world, self.world.contexts[self.terminal(number)]
        world.start("release", release_session(world.node, context, self.session(number, session), Cause.NORMAL))

    @rule(number=TERMINALS, session=SESSIONS)
    def open_leg(self, number: int, session: int) -> None:
        self.world.open_leg(self.terminal(number), self.session(number, session))

    @rule(
        number=TERMINALS,
        session=SESSIONS,
        flow=st.integers(0, 2),
        size=st.integers(0, 40_000),
        up=st.booleans(),
    )
    def send(self, number: int, session: int, flow: int, size: int, up: bool) -> None:
        way = self.world.send_up if up else self.world.send_down
        way(self.terminal(number), self.session(number, session), flow, size)

    @rule(number=TERMINALS)
    def srb1_is_a_new_one(self, number: int) -> None:
        """What follows a re-establishment: the reconfiguration under way is sent again."""
        terminal = self.terminal(number)
        if self.world.connected(terminal):
            repeat(self.world.node, self.world.contexts[terminal])

    @rule(number=TERMINALS)
    def release_connection(self, number: int) -> None:
        world, terminal = self.world, self.terminal(number)
        if world.connected(terminal):
            world.node.release(world.contexts[terminal], Cause.NORMAL)

    @rule(
        loss=st.sampled_from([0.0, 0.1, 0.3]),
        duplicate=st.sampled_from([0.0, 0.3]),
        jitter=st.sampled_from([0, 10 * MILLISECOND]),
    )
    def radio(self, loss: float, duplicate: float, jitter: int) -> None:
        self.world.air.faults = Faults(loss, duplicate, jitter)

    @rule(seconds=st.sampled_from([0.002, 0.01, 0.1, 1.0]))
    def time_passes(self, seconds: float) -> None:
        self.world.run(seconds)

    @precondition(lambda self: hasattr(self, "world"))
    @rule()
    def all_comes_to_rest(self) -> None:
        self.world.settle()
        self.world.assert_agreement()

    @invariant()
    def deliveries(self) -> None:
        if hasattr(self, "world"):
            self.world.assert_delivery()

    def teardown(self) -> None:
        if not hasattr(self, "world"):
            return
        world = self.world
        try:
            world.settle()
            world.assert_agreement()
            for context in list(world.node.contexts.values()):
                world.node.release(context, Cause.NORMAL)
            world.settle()
            world.assert_delivery()
            world.assert_nothing_left()
        finally:
            world.close()


TestSessions = SessionMachine.TestCase
TestSessions.settings = settings(max_examples=30, stateful_step_count=30, deadline=None)
