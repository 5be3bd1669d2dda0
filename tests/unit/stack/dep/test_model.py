"""Two sessions, with relays between or none, do anything in any order; a model of what was said judges what arrives."""

from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from net4ai.codecs.causes import Cause
from net4ai.codecs.dep import PathReason
from net4ai.stack.dep.constants import GROWTH
from net4ai.stack.dep.errors import AnswerUnderWay, CapsuleRefused, SessionNotOpen
from net4ai.stack.dep.events import (
    CapsuleReceived,
    MessageAcknowledged,
    MessageFailed,
    MessageReceived,
    SessionClosed,
)
from net4ai.stack.units import MILLISECOND

FLOWS = (1, 2, 3)
RELIABLE = (1, 2)
ORDERED = (1,)
SIDES = st.integers(0, 1)
SIZES = st.sampled_from([0, 1, 999, 1000, 3000, 4001, 20_000, 60_000])

Name = tuple[int, bool, int]
"""QoS flow, whether it is a response, message id."""


class Side:
    """One end, what its application has said, and what it was told so far."""

    def __init__(self, session: Any) -> None:
        self.session = session
        self.sent: dict[Name, bytes] = {}
        self.capsules: list[CapsuleReceived] = []
        self.received: dict[Name, bytes] = {}
        self.requests: list[tuple[int, int]] = []
        self.capsules_received: list[CapsuleReceived] = []
        self.outcomes: dict[Name, Any] = {}
        self.closed = False
        self.released = False
        self.seen = 0


class Sessions(RuleBasedStateMachine):
    """The network comes from the fixtures: see `machine_of`."""

    path: Any
    faults: Any
    permit: Any
    relays: int

    @initialize(
        seed=st.integers(0, 1 << 32),
        unscheduled=st.sampled_from([0, 4000, 10_000]),
        maximum_open=st.sampled_from([1, 3, 8]),
        batches=st.booleans(),
    )
    def begin(self, seed: int, unscheduled: int, maximum_open: int, batches: bool) -> None:
        permitted = self.permit(unscheduled=unscheduled, maximum_open=maximum_open)
        self.net = self.path(self.relays, seed=seed, permitted=permitted, batches=batches, budget=1 << 17)
        self.sides = [Side(self.net.left[0]), Side(self.net.right[0])]
        self.random = random.Random(seed)

    # --- What the applications do ---

    @rule(side=SIDES, qfi=st.sampled_from(FLOWS), size=SIZES)
    def send(self, side: int, qfi: int, size: int) -> None:
        one, body = self.sides[side], self.random.randbytes(size)
        try:
            message_id = one.session.send(qfi, [body], now=self.net.now)
        except SessionNotOpen:
            assert one.closed or one.released
            return
        assert (qfi, False, message_id) not in one.sent
        one.sent[qfi, False, message_id] = body
        self.run(0)

    @rule(side=SIDES, size=SIZES)
    def answer(self, side: int, size: int) -> None:
        one, body = self.sides[side], self.random.randbytes(size)
        if not one.requests or not one.session.is_open:
            return
        qfi, message_id = one.requests.pop(0)
        try:
            one.session.send(qfi, [body], now=self.net.now, answers=message_id)
        except AnswerUnderWay:
            raise AssertionError("nothing is answered twice here") from None
        one.sent[qfi, True, message_id] = body
        self.run(0)

    @rule(side=SIDES, size=st.integers(1, 1024), step=st.integers(1, 100))
    def send_capsule(self, side: int, size: int, step: int) -> None:
        one = self.sides[side]
        epoch = (one.capsules[-1].epoch if one.capsules else 0) + step
        capsule = CapsuleReceived(epoch, self.random.randbytes(size))
        try:
            one.session.send_capsule(epoch, capsule.octets, self.net.now)
        except (SessionNotOpen, CapsuleRefused):
            return
        one.capsules.append(capsule)
        self.run(0)

    @rule(side=SIDES, chance=st.integers(0, 9))
    def close(self, side: int, chance: int) -> None:
        if chance == 0:
            self.sides[side].session.close(Cause.CANCELLED, self.net.now)
            self.sides[side].closed = True
            self.run(0)

    @rule(side=SIDES, chance=st.integers(0, 19))
    def release(self, side: int, chance: int) -> None:
        if chance == 0:
            self.sides[side].session.release()
            self.sides[side].released = True
            self.run(0)

    # --- What the network does ---

    @rule(
        loss=st.sampled_from([0.0, 0.0, 0.1, 0.3]),
        duplicate=st.sampled_from([0.0, 0.2]),
        jitter=st.sampled_from([0, 5, 40]),
    )
    def links_become(self, loss: float, duplicate: float, jitter: int) -> None:
        self.net.faults = self.faults(
            loss=loss / (self.relays + 1), duplicate=duplicate, delay=MILLISECOND, jitter=jitter * MILLISECOND
        )

    @rule()
    def everything_is_lost(self) -> None:
        self.net.lose_all()

    @rule(side=SIDES, reason=st.sampled_from(PathReason), relays=st.booleans())
    def the_path_changes(self, side: int, reason: PathReason, relays: bool) -> None:
        if relays:
            self.net.replace_relays()
        self.net.change_path(self.sides[side].session, reason)
        self.run(0)

    @rule(milliseconds=st.sampled_from([1, 3, 10, 50, 300, 2000]))
    def time_passes(self, milliseconds: int) -> None:
        self.run(milliseconds)

    def run(self, milliseconds: int) -> None:
        self.net.run(seconds=milliseconds / 1000)

    # --- What must be true ---

    @invariant()
    def what_arrives_was_said_once_and_in_order(self) -> None:
        for one, other in zip(self.sides, reversed(self.sides), strict=True):
            events = self.net.events[one.session]
            for event in events[one.seen :]:
                self.take(one, other, event)
            one.seen = len(events)
            assert one.capsules_received == other.capsules[: len(one.capsules_received)]

    @staticmethod
    def take(one: Side, other: Side, event: Any) -> None:
        assert not one.released or one.closed
        if isinstance(event, MessageReceived):
            name = (event.qfi, event.is_response, event.message_id)
            assert name not in one.received, "delivered twice"
            assert bytes(event.body) == other.sent[name], "damaged"
            if event.qfi in ORDERED and not event.is_response:
                assert all(
                    before < event.message_id
                    for qfi, response, before in one.received
                    if qfi == event.qfi and not response
                ), "out of order"
            one.received[name] = bytes(event.body)
            if not event.is_response:
                one.requests.append((event.qfi, event.message_id))
        elif isinstance(event, MessageAcknowledged | MessageFailed):
            name = (event.qfi, event.is_response, event.message_id)
            assert name in one.sent and name not in one.outcomes
            one.outcomes[name] = event
            if isinstance(event, MessageFailed):
                assert event.qfi not in RELIABLE or event.cause not in (Cause.TIMEOUT, Cause.REASSEMBLY_TIMEOUT)
        elif isinstance(event, CapsuleReceived):
            one.capsules_received.append(event)
        else:
            assert isinstance(event, SessionClosed)
            assert event.cause in (Cause.CANCELLED, Cause.PEER_LOST), event
            one.closed = True

    @invariant()
    def memory_is_what_was_permitted(self) -> None:
        for one in self.sides:
            flows = one.session._receivers.values()
            limits = one.session.receive_limits
            assert sum(len(flow.open) + len(flow.held) for flow in flows) <= limits.maximum_open
            for flow in flows:
                for message in flow.open.values():
                    assert message.reached <= max(message.permitted, limits.unscheduled)
                    assert len(message.buffer.view) <= GROWTH * max(message.permitted, limits.unscheduled)

    def teardown(self) -> None:
        """The links are good again: everything comes to its end, and nothing is left."""
        if not hasattr(self, "net"):
            return
        self.net.faults = self.faults()
        both_open = not any(one.closed or one.released for one in self.sides)
        self.net.settle()
        self.what_arrives_was_said_once_and_in_order()
        for one, other in zip(self.sides, reversed(self.sides), strict=True):
            if not one.released:
                assert one.outcomes.keys() == one.sent.keys()
            if both_open:
                assert one.session.is_open
                assert one.capsules_received == other.capsules
                for name in other.sent:
                    acknowledged = isinstance(other.outcomes[name], MessageAcknowledged)
                    assert acknowledged == (name in one.received) or name[0] not in RELIABLE
                    assert acknowledged or name[0] not in RELIABLE
        self.net.run(seconds=600)
        self.net.assert_nothing_left()
        for one in self.sides:
            one.session.release()
        assert all(
            self.net.budgets[pair].promised == 0 for pair in self.net.budgets if pair[0] in (0, self.net.nodes - 1)
        )


@pytest.mark.parametrize("relays", [0, 1, 2])
def test_sessions_do_anything(relays, path, faults, permit):
    members = {"path": path, "faults": faults, "permit": permit, "relays": relays}
    machine = type(
        "Sessions",
        (Sessions,),
        {name: staticmethod(value) if callable(value) else value for name, value in members.items()},
    )
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=25,
            stateful_step_count=40,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            print_blob=True,
        ),
    )
