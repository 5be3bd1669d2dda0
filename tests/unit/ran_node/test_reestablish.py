"""RRC re-establishment, both ends: the context goes on, or the UE begins anew; strangers change nothing."""

from __future__ import annotations

import random
from typing import Any

import pytest
from radio_bench import BULK_PORT, K_GNB, RAN_ADDRESS, Air, FakeUe, Faults, Ran
from secured_bench import Secured

from net4ai.codecs import n2, rrc
from net4ai.codecs.causes import Cause
from net4ai.codecs.l2 import BearerType, L2Header
from net4ai.ran_node.ue_context import State
from net4ai.stack.drops import Drop
from net4ai.stack.message_hooks import HookRule, MessageHooks, rule_hook
from net4ai.stack.security.algorithms import Direction
from net4ai.stack.security.key_hierarchy import k_ng_ran_star, short_mac
from net4ai.stack.security.srb_security import SrbSecurity
from net4ai.stack.units import MILLISECOND, SECOND
from net4ai.ue.states import RrcState

ALGORITHMS = [(0, 0), (2, 0), (2, 2)]


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> Secured:
    made = Secured(monkeypatch)
    made.start()
    return made


def count(world: Secured, message: type[rrc.Rrc]) -> int:
    return sum(event.kind == "message" and event.message == message.NAME for event in world.air.trace)


# --- It goes on


@pytest.mark.parametrize(("integrity", "ciphering"), ALGORITHMS)
def test_after_a_radio_link_failure_the_connection_goes_on(
    monkeypatch: pytest.MonkeyPatch, integrity: int, ciphering: int
) -> None:
    world = Secured(monkeypatch, integrity=integrity, ciphering=ciphering)
    world.start()
    context, hop = world.context, world.terminal.hop
    world.air.cut = True
    world.air.run(7, until=lambda: world.terminal.rrc_state is RrcState.REESTABLISHING)
    assert world.terminal.rrc_state is RrcState.REESTABLISHING
    world.air.cut = False
    world.air.run(6, until=lambda: world.secured)
    world.air.run(0.05)
    assert world.context is context and world.terminal.hop is hop
    assert context.k_gnb == k_ng_ran_star(K_GNB, world.node.config.cell) == world.terminal.k_gnb
    assert count(world, rrc.Setup) == 2  # sent and received, once
    world.assert_alive()
    world.assert_nothing_left()
    assert not world.routes.gone
    assert not world.ran.of(n2.ContextReleaseRequest)


def test_it_goes_on_again_and_again_with_other_keys(world: Secured) -> None:
    keys = set()
    for _ in range(5):
        world.terminal.radio_link_failed()
        world.go(1)
        world.assert_alive()
        keys.add(world.context.k_gnb)
    assert len(keys) == 5
    world.assert_nothing_left()


def test_srb1_that_reaches_its_maximum_is_a_radio_link_failure(world: Secured) -> None:
    """The cell is heard all the time: only SRB1 does not get through."""
    send = world.ue.process.sockets.send_signalling
    hop = world.terminal.hop
    assert hop is not None
    hop.signalling.give_up()
    world.ue.process.touch(world.terminal)
    world.go(1)
    assert world.air.states("re-established")
    world.assert_alive()
    assert send is world.ue.process.sockets.send_signalling


def test_what_was_said_meanwhile_arrives_once_in_order(world: Secured) -> None:
    world.air.cut = True
    for number in range(3):
        world.say_up(b"up %d" % number)
        world.say_down(b"down %d" % number)
    world.go(7)
    assert world.terminal.rrc_state is RrcState.REESTABLISHING
    for number in range(3, 6):
        world.say_up(b"up %d" % number)
        world.say_down(b"down %d" % number)
    world.air.cut = False
    world.go(10)
    assert world.up == [b"up %d" % number for number in range(6)]
    assert world.down == [b"down %d" % number for number in range(6)]
    world.assert_nothing_left()


def test_what_comes_with_the_completion_is_taken_at_once(world: Secured) -> None:
    world.terminal.radio_link_failed()
    world.say_up(b"behind it")
    world.go(0.05)
    assert world.up == [b"behind it"]


def test_a_second_failure_before_the_completion_has_come(world: Secured) -> None:
    """The UE has the next keys, the RAN node does not know that yet."""
    context = world.context
    world.terminal.radio_link_failed()
    world.say_up(b"x")
    world.ue.process.pump(world.air.now)
    world.air.run(1, until=lambda: world.terminal.rrc_state is RrcState.SECURED)
    world.air._queue.clear()
    assert context.attempt is not None
    world.terminal.radio_link_failed()
    world.go(2)
    assert world.context is context
    assert context.k_gnb == world.terminal.k_gnb
    assert context.k_gnb == k_ng_ran_star(k_ng_ran_star(K_GNB, 1), 1)
    assert world.up == [b"x"]
    world.assert_alive()
    world.assert_nothing_left()


def test_the_ran_node_keeps_what_it_has_to_say_for_a_ue_that_is_lost(world: Secured) -> None:
    world.context.hop.signalling.give_up()
    world.node.touch(world.context)
    world.go(0.01)
    assert world.context.state is State.LOST
    world.say_down(b"later")
    world.terminal.radio_link_failed()
    world.go(1)
    assert world.down == [b"later"]
    assert world.secured
    world.assert_nothing_left()


def test_a_ue_may_come_back_from_another_address(world: Secured) -> None:
    """Its packets leave from elsewhere: a new address, and a new port for bulk."""
    context = world.context
    elsewhere = world.air.sockets("elsewhere")
    world.air.machines["elsewhere"] = world.ue.process
    world.ue.process.sockets = world.terminal.hop._sockets = elsewhere  # type: ignore[union-attr]
    world.terminal.radio_link_failed()
    world.go(2)
    assert context.hop.signalling_address == ("elsewhere", 1)
    assert context.hop.bulk_address == ("elsewhere", BULK_PORT)
    world.assert_alive()


@pytest.mark.parametrize("number", range(6))
def test_over_a_bad_radio_with_failures_at_any_time(monkeypatch: pytest.MonkeyPatch, seed: int, number: int) -> None:
    """Both ends lose their bearer whenever it pleases them; NAS arrives, in order but for repetitions."""
    print(f"seed {seed + number}")
    when = random.Random(seed + number)
    faults = Faults(loss=0.2, duplicate=0.1, jitter=20 * MILLISECOND)
    world = Secured(monkeypatch, seed=seed + number, faults=faults)
    world.start(60)
    sent = []
    for step in range(40):
        sent.append(bytes([step]))
        world.say_up(sent[-1])
        world.say_down(sent[-1])
        world.go(when.random())
        assert world.node.contexts, "the context must not be lost"
        if step % 8 == 7:
            if when.random() < 0.5:
                world.context.hop.signalling.give_up()
                world.node.touch(world.context)
            world.terminal.radio_link_failed()
    world.air.faults = Faults()
    world.go(30)
    assert world.secured
    for arrived in (world.up, world.down):
        assert sorted(set(arrived)) == sent
        firsts = [arrived.index(message) for message in sent]
        assert firsts == sorted(firsts)
    world.assert_alive()
    world.assert_nothing_left()


# --- It begins anew


def test_without_a_cell_t311_ends_it_and_the_ran_node_lets_go_too(world: Secured) -> None:
    (number,) = world.node.by_number
    world.say_down(b"x")
    world.air.cut = True
    world.go(5.5)
    assert world.terminal.rrc_state is RrcState.REESTABLISHING
    world.air.run(9.9)
    assert world.terminal.rrc_state is RrcState.REESTABLISHING
    world.air.run(1)
    assert world.terminal.rrc_state is RrcState.IDLE
    assert next(event.ids["cause"] for event in world.air.states("released")) == "RADIO_LINK_FAILURE"
    world.air.run(60, until=lambda: not world.node.contexts)
    assert world.ran.of(n2.ContextReleaseRequest) == [n2.ContextReleaseRequest(ran_ue=number, cause=Cause.PEER_LOST)]
    assert len(world.routes.gone) == 1
    world.air.cut = False
    world.air.run(30, until=lambda: bool(world.node.contexts) and world.secured)
    world.assert_alive()
    world.assert_nothing_left()


def test_a_context_that_is_lost_is_kept_for_a_while(world: Secured) -> None:
    world.air.cut = True
    world.context.hop.signalling.give_up()
    world.node.touch(world.context)
    world.go(9.9)
    assert world.node.contexts
    world.air.run(0.2)
    assert not world.node.contexts
    assert len(world.ran.of(n2.ContextReleaseRequest)) == 1


def test_without_an_answer_t301_ends_it(world: Secured) -> None:
    """The cell is heard, requests do not arrive."""
    world.ue.process.cell.address = ("nobody", 1)
    world.ue.process.cell.monitor.heard(3600 * SECOND, world.air.now)
    world.terminal.radio_link_failed()
    world.go(0.4 * 8 - 0.1)
    assert world.terminal.rrc_state is RrcState.REESTABLISHING
    requests = [event for event in world.air.trace if event.message == rrc.ReestablishmentRequest.NAME]
    assert len(requests) == 8
    world.air.run(0.2)
    assert world.terminal.rrc_state is RrcState.IDLE
    assert "T301" not in world.ue.process.asking


@pytest.mark.parametrize("why", ["context gone", "other cell", "wrong key", "being released"])
def test_without_context_or_proof_it_begins_anew_with_the_answer(
    monkeypatch: pytest.MonkeyPatch, world: Secured, why: str
) -> None:
    if why == "context gone":
        world.node.forget(world.context)
    elif why == "other cell":
        world.terminal.cell += 1
    elif why == "wrong key":
        world.terminal.security = SrbSecurity(bytes(32), 2, 2, Direction.UPLINK)
    else:
        world.air.cut = True
        world.ran.core(n2.ContextReleaseCommand(ran_ue=world.context.number, cause=Cause.NORMAL))
        world.air.cut = False
    asked = count(world, rrc.SetupRequest)
    world.terminal.radio_link_failed()
    world.go(1)
    assert count(world, rrc.SetupRequest) == asked
    assert world.terminal.rrc_state is RrcState.SECURED
    assert world.terminal.hop is not None
    assert world.terminal.hop.identity == 2
    world.air.run(60)
    if why in ("other cell", "wrong key"):
        assert set(world.node.contexts) == {1, 2}, "the context nobody proved to own stays"
        world.node.forget(world.node.contexts[1])
    world.assert_alive()


def test_a_ran_node_that_refuses_is_obeyed(world: Secured) -> None:
    world.node.forget(world.context)
    world.node.config.maximum_ues = 0
    world.terminal.radio_link_failed()
    world.go(0.3)
    assert world.terminal.rrc_state is RrcState.REESTABLISHING
    world.air.run(0.3)
    assert world.terminal.rrc_state is RrcState.IDLE
    world.node.config.maximum_ues = 10
    world.air.run(5, until=lambda: world.terminal.rrc_state is RrcState.SECURED)
    world.assert_alive()


def test_before_security_is_on_there_is_nothing_to_go_on_with(monkeypatch: pytest.MonkeyPatch) -> None:
    world = Secured(monkeypatch)
    world.ran.on_n2 = lambda message: None
    world.ue.start()
    world.air.run(1)
    assert world.terminal.rrc_state is RrcState.CONNECTED
    world.terminal.radio_link_failed()
    assert world.terminal.rrc_state is RrcState.IDLE
    assert not world.air.outcomes("RRC re-establishment")


# --- Strangers


class AtRanNode:
    """A secured UE that a test speaks for, and a stranger."""

    def __init__(self) -> None:
        self.air = Air()
        self.ran = Ran(self.air)
        self.ue = FakeUe(self.air)
        self.c_rnti = self.ue.connect()
        self.ue.start_security(self.ran)
        self.context = self.ran.node.contexts[self.c_rnti]
        self.stranger = FakeUe(self.air, "stranger")

    def request(self, **changes: Any) -> rrc.ReestablishmentRequest:
        values: dict[str, Any] = {"ue_identity": 77, "cell": self.ran.node.config.cell, "c_rnti": self.c_rnti}
        values |= {name: value for name, value in changes.items() if name in values}
        security = self.ue.security
        assert security is not None
        values["short_mac"] = short_mac(security.k_rrc_int, *values.values(), security.integrity)
        return rrc.ReestablishmentRequest(**values | {"cause": 2, "bulk_port": 9} | changes)

    def assert_alive(self) -> None:
        """The UE notices nothing."""
        self.ue.say(rrc.UplinkInformationTransfer(nas=b"alive"))
        self.ran.core(n2.DownlinkNasTransport(ran_ue=self.context.number, nas=b"alive"))
        assert self.ran.of(n2.UplinkNasTransport)[-1].nas == b"alive"
        assert self.ue.srb1[-1] == rrc.DownlinkInformationTransfer(nas=b"alive")
        assert self.context.state is State.SECURED
        assert self.context.hop.signalling_address == ("ue", 1)
        assert self.ran.node.contexts[self.c_rnti] is self.context


@pytest.mark.parametrize("bit", range(16))
def test_every_bit_of_the_short_mac_counts(bit: int) -> None:
    world = AtRanNode()
    right = world.request().short_mac
    world.stranger.say_srb0(world.request(short_mac=right ^ 1 << bit))
    assert [type(message) for message in world.stranger.srb0] == [rrc.Setup]
    assert world.context.attempt is None
    world.assert_alive()


@pytest.mark.parametrize("change", [{"c_rnti": 99}, {"cell": 7}, {"short_mac": 0}], ids=str)
def test_whatever_is_wrong_the_answer_is_the_same(change: dict[str, int]) -> None:
    world = AtRanNode()
    world.stranger.say_srb0(world.request(**change))
    assert world.stranger.srb0 == [rrc.Setup(transaction=0, ue_identity=77, c_rnti=2, bulk_port=BULK_PORT)]
    world.air.run(6)
    assert list(world.ran.node.contexts) == [world.c_rnti]
    world.assert_alive()


def test_a_request_that_was_overheard_and_repeated_changes_nothing_of_a_connection_that_lives() -> None:
    """Authentic, but from an address whose owner has no keys: it cannot be completed."""
    world = AtRanNode()
    world.stranger.say_srb0(world.request())
    assert not world.stranger.srb0
    assert world.context.attempt is not None
    world.assert_alive()
    for protected in (False, True):
        pdu = L2Header(
            is_data=True,
            segmentation=0,
            poll=False,
            has_mac=protected,
            ciphered=protected,
            bearer_type=BearerType.SRB,
            bearer=1,
            c_rnti=world.c_rnti,
            count=0,
        ).to_bytes()
        pdu += rrc.ReestablishmentComplete(transaction=1).encode() + bytes(4 * protected)
        world.stranger.sockets.send_signalling(pdu, len(pdu), RAN_ADDRESS)
        world.air.run(0.01)
    assert world.ran.drops == {Drop.NOT_PROTECTED: 1, Drop.INTEGRITY_FAILURE: 1}
    world.assert_alive()
    world.air.run(6)
    assert world.context.attempt is None
    assert not world.ran.node.procedures.open
    world.assert_alive()


def test_attempts_of_a_context_are_one_at_a_time() -> None:
    world = AtRanNode()
    for identity in range(20):
        world.stranger.say_srb0(world.request(ue_identity=identity))
        world.stranger.say_srb0(world.request(ue_identity=identity))
    assert world.context.attempt is not None
    assert world.context.attempt.ue_identity == 19
    assert len(world.ran.node.procedures.open) == 1
    world.air.run(6)
    assert not world.ran.node.procedures.open
    world.assert_alive()


def complete(world: AtRanNode, message: rrc.Rrc) -> None:
    """The UE asks, takes the answer and says `message` on the fresh bearer."""
    hop = world.ue.hop
    assert hop is not None and world.context.k_gnb is not None
    world.ue.say_srb0(world.request(bulk_port=BULK_PORT))
    bearer = hop.fresh_signalling_bearer()
    security = SrbSecurity(k_ng_ran_star(world.context.k_gnb, world.ran.node.config.cell), 2, 2, Direction.UPLINK)
    bearer.start_security(security, required=True)
    hop.renew_signalling(bearer)
    world.air.run(1)
    assert isinstance(world.ue.srb1[-1], rrc.Reestablishment)
    bearer.start_ciphering()
    world.ue.say(message)


def test_by_hand() -> None:
    world = AtRanNode()
    complete(world, rrc.ReestablishmentComplete(transaction=1))
    assert world.context.attempt is None
    world.assert_alive()


@pytest.mark.parametrize(
    "message",
    [rrc.ReestablishmentComplete(transaction=3), rrc.UplinkInformationTransfer(nas=b"x")],
    ids=lambda message: type(message).__name__,
)
def test_only_the_completion_of_this_very_attempt_completes_it(message: rrc.Rrc) -> None:
    world = AtRanNode()
    before = world.context.hop.signalling
    complete(world, message)
    assert world.context.hop.signalling is before
    assert not world.ran.of(n2.UplinkNasTransport)
    world.air.run(6)
    assert world.context.attempt is None
    assert not world.ran.node.procedures.open


def test_behind_a_completion_with_another_transaction_the_right_one_counts() -> None:
    world = AtRanNode()
    complete(world, rrc.ReestablishmentComplete(transaction=3))
    assert world.context.attempt is not None
    assert world.ran.drops[Drop.ANSWER_TO_NO_REQUEST] == 1
    world.ue.say(rrc.ReestablishmentComplete(transaction=1))
    assert world.context.attempt is None
    world.assert_alive()


def test_hooks_see_both_messages_on_the_fresh_bearer() -> None:
    world = AtRanNode()
    procedures, seen = world.ran.node.procedures, []
    procedures.pass_on = MessageHooks("ran-1", procedures, [seen.append]).pass_on  # type: ignore[list-item]
    complete(world, rrc.ReestablishmentComplete(transaction=1))
    names = [(each.name, each.direction) for each in seen if each.message.BEARER == "SRB1"]
    assert names == [("RRC Re-establishment", "out"), ("RRC Re-establishment Complete", "in")]


def test_an_answer_that_a_hook_holds_back_goes_out_as_any_other() -> None:
    world = AtRanNode()
    procedures = world.ran.node.procedures
    late = rule_hook(HookRule(message="RRC Re-establishment", action="delay", delay_ms=300))
    procedures.pass_on = MessageHooks("ran-1", procedures, [late]).pass_on
    complete(world, rrc.ReestablishmentComplete(transaction=1))
    assert world.context.attempt is None
    world.assert_alive()


def test_a_core_that_goes_ends_attempts_and_lost_contexts() -> None:
    world = AtRanNode()
    world.ue.say_srb0(world.request())
    world.context.hop.signalling.give_up()
    world.ran.node.touch(world.context)
    world.air.run(0.01)
    assert world.context.state is State.LOST
    world.ran.node.n2.lost(world.air.now)
    world.air.run(1)
    assert not (world.ran.node.contexts or world.ran.node.procedures.open)


def test_messages_for_a_lost_ue_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    from net4ai.ran_node import node as module

    monkeypatch.setattr(module, "MAXIMUM_HELD", 3)
    world = AtRanNode()
    world.air.cut = True
    world.context.hop.signalling.give_up()
    world.ran.node.touch(world.context)
    world.air.run(0.01)
    for _ in range(5):
        world.ran.core(n2.DownlinkNasTransport(ran_ue=world.context.number, nas=b"x"))
    assert len(world.context.held) == 3
    assert sum(world.ran.drops.values()) == 2
