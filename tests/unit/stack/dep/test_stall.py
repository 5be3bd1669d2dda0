"""A receiver, or the whole process, stands still for a while. What was under way is not sent a second time."""

from __future__ import annotations

from typing import Any

import pytest

from net4ai.stack.dep.constants import HELD_UP, MAXIMUM_PROBES, PROBE_SEGMENTS
from net4ai.stack.dep.events import MessageReceived
from net4ai.stack.units import MILLISECOND

BUDGET = 4 << 20
LENGTH = 32 << 20
STALL = 500


class Turns:
    """Two ends that get a turn every millisecond; a PDU is read by the other end's next turn, if it gets one."""

    def __init__(self, path: Any, permit: Any) -> None:
        net = path(permitted=permit(segment_size=1400, unscheduled=8400, maximum_message=LENGTH), budget=BUDGET)
        self.sender, self.receiver = net.left[0], net.right[0]
        self.bursts: list[tuple[bytes, int]] = []
        self.controls: list[bytes] = []
        self.now = 0

    def send(self) -> None:
        """Timers go before sockets, as in an event loop that was late."""
        if (deadline := self.sender.next_deadline()) is not None and deadline <= self.now:
            self.sender.advance(self.now)
        self._pump()
        controls, self.controls = self.controls, []
        for pdu in controls:
            self.sender.receive(pdu, self.now)
        self._pump()

    def _pump(self) -> None:
        for burst in self.sender.data_to_send(self.now, BUDGET):
            self.bursts.append((bytes(burst.data), burst.stride))

    def receive(self) -> None:
        if (deadline := self.receiver.next_deadline()) is not None and deadline <= self.now:
            self.receiver.advance(self.now)
        bursts, self.bursts = self.bursts, []
        for octets, stride in bursts:
            self.receiver.receive_run(bytearray(octets), stride, self.now)
        self.controls += [pdu for _, pdu in self.receiver.control_to_send(self.now)]

    def turn(self, *, receiver: bool = True, milliseconds: int = 1) -> None:
        self.now += milliseconds * MILLISECOND
        self.send()
        if receiver:
            self.receive()


@pytest.fixture
def turns(path, permit) -> Turns:
    """In the middle of a bulk transfer."""
    turns = Turns(path, permit)
    turns.sender.send(1, [bytes(LENGTH)], now=0)
    for _ in range(4):
        turns.turn()
    assert turns.sender._senders[1]._in_flight() > 1000
    assert turns.receiver._receivers[1].open
    return turns


def finish(turns: Turns) -> None:
    for _ in range(1000):
        turns.turn()
        if isinstance(turns.receiver.next_event(), MessageReceived):
            return
    pytest.fail("the message has not arrived")


def test_a_receiver_that_stands_still_is_probed_and_no_more(turns):
    for _ in range(STALL):
        turns.turn(receiver=False)
    assert 0 < turns.sender.segments_repeated <= 8 * PROBE_SEGMENTS
    finish(turns)
    assert turns.sender.segments_repeated <= 8 * PROBE_SEGMENTS


def test_a_process_that_stood_still_reads_before_it_repeats(turns):
    """Both ends: what the receiver has said, or will say first, is not waited for in vain."""
    for _ in range(3):
        turns.turn(milliseconds=STALL)
        turns.turn()
    finish(turns)
    assert turns.sender.segments_repeated == 0


def test_a_peer_that_is_lost_is_given_up_also_by_a_process_that_is_always_late(lone):
    one = lone()
    one.session.send(1, [bytes(2000)], now=0)
    one.sent()
    probes = 0
    for _ in range(4 * MAXIMUM_PROBES):
        if (deadline := one.session.next_deadline()) is not None:
            one.now = deadline + 2 * HELD_UP
            one.session.advance(one.now)
            probes += any(header.ack_requested for header, *_ in one.sent())
    assert probes == MAXIMUM_PROBES
    assert one.session.idle
