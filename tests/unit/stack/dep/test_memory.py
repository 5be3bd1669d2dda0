"""What a session holds when nothing is under way: little, and not more with time. A thousand UEs are served by one
process."""

from __future__ import annotations

import gc
import sys
import tracemalloc
import weakref
from collections.abc import Iterator
from typing import Any

import pytest

from net4ai.codecs.causes import Cause
from net4ai.codecs.common import FlowMapping
from net4ai.stack.dep.constants import BURST_OCTETS, REMEMBERED_MESSAGES
from net4ai.stack.dep.credit import CreditBudget
from net4ai.stack.dep.events import MessageAcknowledged, MessageReceived
from net4ai.stack.dep.session import DepSession
from net4ai.stack.dep.staging import StagingBuffer

IDLE = 30 * 1024
"""Octets an idle session may hold at one end."""
MESSAGES = 10_000
CYCLES = 10_000
GROWTH = 1000
"""Objects that may be left of all these."""


@pytest.fixture
def traced() -> Iterator[None]:
    tracemalloc.start()
    yield
    tracemalloc.stop()


def held() -> int:
    gc.collect()
    return tracemalloc.get_traced_memory()[0]


def objects() -> int:
    """Blocks of memory that Python objects of this process hold."""
    gc.collect()
    return sys.getallocatedblocks()


class Ends:
    """Two ends of a session in one process; what one says the other hears at once."""

    def __init__(self, permitted: Any, budget: CreditBudget, staging: StagingBuffer) -> None:
        self.left, self.right = (
            DepSession(
                version=1,
                send_handle=handle,
                flows={1: FlowMapping(qfi=1, bearer=1)},
                send_limits=permitted,
                receive_limits=permitted,
                budget=budget,
                staging=staging,
            )
            for handle in (5, 6)
        )
        self.received: list[MessageReceived] = []
        self.acknowledged = 0

    def pump(self) -> None:
        more = True
        while more:
            more = False
            for one, other in ((self.left, self.right), (self.right, self.left)):
                for burst in one.data_to_send(0, 1 << 20):
                    other.receive_run(burst.data, burst.stride, 0)
                    more = True
                for _, pdu in one.control_to_send(0):
                    other.receive(pdu, 0)
                    more = True
                while (event := one.next_event()) is not None:
                    if isinstance(event, MessageReceived):
                        self.received.append(event)
                    self.acknowledged += isinstance(event, MessageAcknowledged)


@pytest.fixture
def ends(permit) -> Any:
    budget, staging = CreditBudget(1 << 24), StagingBuffer()
    permitted = permit(segment_size=1400, unscheduled=8400)
    return lambda: Ends(permitted, budget, staging)


def test_an_idle_session_holds_little(ends, traced):
    ends().pump()
    before, count = held(), 50
    kept = []
    for _ in range(count):
        pair = ends()
        for session in (pair.left, pair.right):
            session.send(1, [bytes(100_000)], now=0)
        pair.pump()
        assert len(pair.received) == pair.acknowledged == 2
        pair.received.clear()
        kept.append(pair)
    each = (held() - before) / (2 * count)
    assert each <= IDLE, each


def test_an_idle_session_holds_little_after_many_messages(ends, traced):
    before = held()
    pair = ends()
    for _ in range(REMEMBERED_MESSAGES + 10):
        pair.left.send(1, [b"a word"], now=0)
        pair.pump()
        pair.received.clear()
    assert held() - before <= 2 * IDLE + BURST_OCTETS + 1000, "two ends and the staging buffer"


def test_messages_leave_nothing_behind(ends):
    pair = ends()

    def exchange(messages: int) -> None:
        for _ in range(messages // 8):
            for _ in range(8):
                pair.left.send(1, [b"twelve words"], now=0)
            pair.pump()
            assert len(pair.received) == 8
            pair.received.clear()

    exchange(2 * REMEMBERED_MESSAGES)
    before = objects()
    exchange(MESSAGES)
    assert pair.left._senders[1].next_id > MESSAGES
    assert objects() - before < GROWTH


def test_sessions_leave_nothing_behind(ends):
    def cycle() -> None:
        pair = ends()
        pair.left.close(Cause.NORMAL, 0)
        pair.pump()
        assert not pair.right.is_open
        pair.left.release()
        pair.right.release()

    for _ in range(500):
        cycle()
    before = objects()
    for _ in range(CYCLES):
        cycle()
    assert objects() - before < GROWTH


def test_what_was_delivered_is_held_by_its_taker_alone(ends):
    pair = ends()
    pair.left.send(1, [bytes(3_000_000)], now=0)
    pair.pump()
    (event,) = pair.received
    memory = weakref.ref(event.body.obj)
    assert len(event.body) == 3_000_000
    pair.received.clear()
    del event
    assert memory() is None


def test_what_was_acknowledged_is_not_held_any_more(ends, traced):
    pair = ends()
    pair.pump()
    before = held()
    pair.left.send(1, [bytes(3_000_000)], now=0)
    assert held() - before > 3_000_000
    pair.pump()
    pair.received.clear()
    assert pair.acknowledged == 1
    assert held() - before < 2 * IDLE + 70_000, "the staging buffer, and what two sessions hold"


def test_what_was_acknowledged_is_not_held_by_what_was_not(lone, permit, traced):
    """An older message is still under way."""
    one = lone(permit(unscheduled=1 << 20), budget=1 << 22)
    one.session.send(2, [bytes(10)], now=0)
    one.sent()
    before = held()
    one.session.send(2, [bytes(1_000_000)], now=0)
    one.sent()
    one.ack(2, 1_000_000, highest=1001, qfi=2)
    assert [event.message_id for event in one.events()] == [2]
    assert held() - before < 200_000
