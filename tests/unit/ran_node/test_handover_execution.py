"""Handover from end to end over a radio: UE, two RAN nodes and the access manager, with faults and failures.

Sessions stay, NAS is neither lost nor out of order, and whatever goes wrong leaves one context of the UE or none.
"""

from __future__ import annotations

from typing import Any

import pytest
from core_machine import CoreMachine
from radio_bench import BULK_PORT, LIMITS, Air, Faults, Ran, Ue

from net4ai.codecs import n2, rrc
from net4ai.codecs.bus import OfferJob
from net4ai.codecs.causes import Cause
from net4ai.codecs.common import SessionHandle
from net4ai.codecs.dep import PathReason
from net4ai.codecs.l2 import BearerType, L2Header, Segmentation
from net4ai.ran_node.hand_over import hand_over
from net4ai.ran_node.ue_context import State, UeContext
from net4ai.stack.drops import Drop
from net4ai.stack.procedure import Procedure, ProcedureError, outcome_of
from net4ai.stack.units import MILLISECOND
from net4ai.ue.config import NeighbourConfig
from net4ai.ue.states import NasState, RrcState
from net4ai.ue.terminal import Terminal

CELLS = {"ran": 1, "ran-2": 2}
NEIGHBOURS = [NeighbourConfig(ran_node=name, cell=cell, address=(name, 1)) for name, cell in CELLS.items()]


class World:
    """One terminal at ran with a session for job 1; another of the same C-RNTI begins at ran-2 where that is wanted."""

    def __init__(self, seed: int = 0, faults: Faults | None = None, **target: Any) -> None:
        print(f"seed {seed}, {faults}")
        self.air = Air(seed)
        self.core = CoreMachine(self.air, 1, tuple(CELLS))
        self.manager = self.core.manager
        self.rans = {
            name: Ran(self.air, connected=False, host=name, name=name, cell=cell, **(target if name == "ran-2" else {}))
            for name, cell in CELLS.items()
        }
        for ran in self.rans.values():
            self.core.connect(ran)
        self.offer(1)
        self.ue = Ue(self.air, 1, neighbours=NEIGHBOURS)
        self.ue.start()
        self.air.run(10, until=lambda: bool(self.terminal.sessions))
        self.air.run(1)
        self.air.faults = faults or Faults()
        self.before = dict(self.terminal.sessions)
        assert set(self.before) == {0}

    def offer(self, job: int) -> None:
        self.manager.offers.offer(OfferJob(job=job, service="s", purpose="p", k=1, raw_data=False))

    @property
    def terminal(self) -> Terminal:
        return self.ue.terminal

    @property
    def at_core(self) -> Any:
        return self.manager.registered["imsi-1"]

    def context(self, name: str) -> UeContext:
        (context,) = self.rans[name].node.contexts.values()
        return context

    def begin(self, target: str = "ran-2", source: str = "ran") -> Procedure[Any]:
        """The source hands the terminal over."""
        node = self.rans[source].node
        node.procedures.advance(self.air.now)
        handover = outcome_of(hand_over(node, self.context(source), target, Cause.UNSPECIFIED))
        procedure = node.procedures.start("test", handover)  # type: ignore[arg-type]
        node.pump(self.air.now)
        return procedure  # type: ignore[return-value]

    def told(self) -> None:
        """Until the UE was told to go."""
        source = self.context("ran")
        self.air.run(5, until=lambda: source.state is State.HANDING_OVER)
        assert source.state is State.HANDING_OVER

    def assert_at(self, name: str) -> None:
        """The terminal is there, with its sessions, and nothing of it is anywhere else."""
        self.air.faults = Faults()
        self.air.run(30)
        other = next(each for each in CELLS if each != name)
        assert not self.rans[other].node.contexts and not self.rans[other].node.by_number
        context, terminal = self.context(name), self.terminal
        assert (context.state, terminal.rrc_state) == (State.SECURED, RrcState.SECURED)
        assert terminal.hop is not None and terminal.hop.identity == context.c_rnti
        assert terminal.camped.ran_node == name
        assert set(self.ue.process.bound) == {((name, port), context.c_rnti) for port in (1, BULK_PORT)}
        assert (self.at_core.node, self.at_core.context) == (name, context.number)
        assert (self.at_core.handover, self.at_core.moving, self.at_core.queued) == (
            None,
            None,
            type(self.at_core.queued)(),
        )
        assert not (self.manager.prepared or self.manager.left)
        assert terminal.sessions == self.before
        for session, end in terminal.sessions.items():
            assert end.hop is terminal.hop
            assert end.session.send_handle == context.sessions[session].handle
            assert end.handle == context.handles[session].handle
            assert self.ue.process.endpoint.sessions[end.handle] is end
        assert len(self.ue.process.endpoint.sessions) == len(self.before)
        assert dict(terminal.hop.bearers) == dict(context.hop.bearers)

    def assert_it_works(self) -> None:
        """NAS both ways and a new session: a job that is offered now gets its session."""
        self.offer(7)
        self.air.run(5, until=lambda: 7 in self.at_core.sessions)
        assert set(self.at_core.sessions) == {1, 7} and len(self.terminal.sessions) == 2
        assert self.ue.all_in(NasState.REGISTERED)


BAD = Faults(loss=0.1, duplicate=0.1, jitter=20 * MILLISECOND)


@pytest.mark.parametrize(("seed", "faults"), [(0, Faults()), *((seed, BAD) for seed in range(1, 6))])
def test_a_terminal_goes_on_at_the_target(seed: int, faults: Faults) -> None:
    world = World(seed, faults)
    procedure = world.begin()
    world.air.run(5, until=lambda: procedure.done)
    world.assert_at("ran-2")
    assert procedure.result() is None
    world.assert_it_works()


def test_dep_says_where_its_path_has_changed() -> None:
    world = World()
    world.begin()
    world.air.run(0.2)
    path = world.terminal.sessions[0].session._path
    assert path.waiting and path.question().reason is PathReason.HANDED_OVER


def test_there_and_back_and_there_with_keys_of_their_own() -> None:
    world = World()
    keys = [world.terminal.k_gnb]
    for source, target in (("ran", "ran-2"), ("ran-2", "ran")) * 2:
        world.begin(target, source)
        world.assert_at(target)
        keys.append(world.terminal.k_gnb)
        assert world.context(target).k_gnb == world.terminal.k_gnb
    assert len(set(keys)) == 5
    world.assert_it_works()


def test_the_link_may_fail_at_the_target_and_be_re_established_there() -> None:
    world = World()
    world.begin()
    world.assert_at("ran-2")
    world.terminal.radio_link_failed()
    world.assert_at("ran-2")
    world.assert_it_works()


def test_who_was_handed_over_stays_there_when_idle_and_is_paged_there() -> None:
    world = World()
    world.begin()
    world.assert_at("ran-2")
    world.manager.deactivate(world.at_core)
    world.air.run(1)
    assert world.terminal.rrc_state is RrcState.IDLE and world.terminal.nas_state is NasState.REGISTERED
    world.offer(9)
    world.air.run(5, until=lambda: 9 in world.at_core.sessions)
    assert world.context("ran-2").state is State.SECURED and 9 in world.at_core.sessions


def test_what_the_core_says_meanwhile_waits_and_arrives() -> None:
    world = World(1, BAD)
    world.begin()
    world.told()
    world.offer(2)
    assert world.at_core.queued
    world.air.run(10, until=lambda: 2 in world.at_core.sessions)
    assert set(world.at_core.sessions) == {1, 2}
    assert world.at_core.node == "ran-2"


def test_what_the_source_has_not_acknowledged_is_said_again_at_the_target() -> None:
    world = World()
    node = world.rans["ran"].node
    heard, node.receive = node.receive, lambda *pdus: None  # type: ignore[method-assign, misc]
    world.offer(2)
    world.air.run(0.05)  # consent and computing request are lost
    world.begin()
    world.air.run(5, until=lambda: 2 in world.at_core.sessions)
    node.receive = heard  # type: ignore[method-assign]
    assert 2 in world.at_core.sessions and world.at_core.node == "ran-2"
    assert world.terminal.process.drops["integrity failure"] == 0


@pytest.mark.parametrize("seed", range(3))
def test_a_target_that_is_not_heard_is_left_again(seed: int) -> None:
    """T304: everything is as before, by re-establishment at the source."""
    world = World(seed, BAD if seed else None)
    handles = {session: (end.handle, end.session.send_handle) for session, end in world.before.items()}
    procedure = world.begin()
    world.told()
    gone = world.air.machines.pop("ran-2")
    world.air.run(8, until=lambda: procedure.done)
    world.air.machines["ran-2"] = gone
    world.assert_at("ran")
    error = procedure.result()
    assert isinstance(error, ProcedureError) and error.cause is Cause.RADIO_LINK_FAILURE
    assert {session: (end.handle, end.session.send_handle) for session, end in world.before.items()} == handles
    world.assert_it_works()
    world.begin()
    world.before = dict(world.terminal.sessions)
    world.assert_at("ran-2")


def test_a_full_target_refuses_and_nothing_has_happened() -> None:
    world = World(maximum_ues=0)
    procedure = world.begin()
    world.assert_at("ran")
    error = procedure.result()
    assert isinstance(error, ProcedureError) and error.cause is Cause.NO_RESOURCES
    world.assert_it_works()


def test_a_cell_the_ue_does_not_know_is_refused_and_what_was_prepared_is_free() -> None:
    world = World()
    del world.ue.process.neighbours[2]
    procedure = world.begin()
    world.assert_at("ran")
    error = procedure.result()
    assert isinstance(error, ProcedureError) and error.cause is Cause.UNKNOWN_TARGET
    assert world.rans["ran"].of(n2.HandoverCancel)
    world.assert_it_works()


def test_a_ue_that_vanishes_leaves_nothing() -> None:
    world = World()
    procedure = world.begin()
    world.told()
    del world.air.machines["ue"]
    world.air.run(30)
    error = procedure.result()
    assert isinstance(error, ProcedureError) and error.cause is Cause.TIMEOUT
    for ran in world.rans.values():
        assert not (ran.node.contexts or ran.node.by_number or ran.node.procedures.open)
    manager = world.manager
    assert not (manager.terminals or manager.prepared or manager.left or manager.registered)
    assert not {procedure.name for procedure in world.core.procedures.open} - {"bus event", "repeat bus call"}


def test_a_source_that_dies_after_its_command_takes_nobody_with_it() -> None:
    world = World()
    world.begin()
    world.told()
    world.air.run(0.0015)  # the command is on the air
    del world.air.machines["ran"]
    world.core.associations[0].closed(world.air.now)
    assert "imsi-1" in world.manager.registered
    world.rans["ran"].node.contexts.clear()
    world.rans["ran"].node.by_number.clear()
    world.assert_at("ran-2")
    world.assert_it_works()


def test_a_source_that_dies_with_its_command_unheard_takes_the_terminal_with_it() -> None:
    world = World()
    world.begin()
    world.told()
    del world.air.machines["ran"]
    world.air._queue.clear()
    world.core.associations[0].closed(world.air.now)
    assert "imsi-1" in world.manager.registered
    world.air.run(11)
    manager = world.manager
    assert not (manager.terminals or manager.prepared or manager.left or manager.registered)


def test_only_the_ue_itself_can_come() -> None:
    """Whoever else sends to the C-RNTI that is waited for binds nothing and disturbs nothing."""
    world = World()
    world.begin()
    world.told()
    target = world.context("ran-2")
    assert target.state is State.PREPARED
    handles = (SessionHandle(session=0, handle=0xBAD, limits=LIMITS),)
    complete = rrc.ReconfigurationComplete(transaction=0, sessions=handles).encode()
    for has_mac in (False, True):
        head = L2Header(
            is_data=True,
            segmentation=Segmentation.COMPLETE,
            poll=True,
            has_mac=has_mac,
            ciphered=has_mac,
            bearer_type=BearerType.SRB,
            bearer=1,
            c_rnti=target.c_rnti,
            count=0,
        )
        pdu = head.to_bytes() + complete + bytes(4 * has_mac)
        world.rans["ran-2"].node.receive(pdu, len(pdu), ("elsewhere", 1), False, world.air.now)
        world.rans["ran-2"].node.receive(pdu, len(pdu), ("elsewhere", 1), True, world.air.now)
    assert target.state is State.PREPARED
    assert target.hop.signalling_address[0] == ""
    assert sum(world.rans["ran-2"].drops.values()) == 4
    assert {Drop.SOURCE_NOT_BOUND, Drop.NOT_PROTECTED} <= set(world.rans["ran-2"].drops)
    world.assert_at("ran-2")


def test_a_session_the_target_says_nothing_of_is_no_handover() -> None:
    world = World()
    world.begin()
    world.told()
    world.air.run(1)
    stay = rrc.Reconfiguration(
        transaction=0,
        bearers=(),
        sessions=(),
        released_sessions=(),
        measurements=(),
        synchronisation=(rrc.Synchronisation(cell=1, c_rnti=4, bulk_port=2, next_hop_chaining_count=2, t304=1000),),
    )
    context = world.context("ran-2")
    world.rans["ran-2"].node.send_rrc(context, stay)
    world.rans["ran-2"].node.pump(world.air.now)
    world.assert_at("ran-2")
    assert world.rans["ran-2"].drops["answer to no request"] == 1
