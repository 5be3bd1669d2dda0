"""The way through a radio: batches, delays, the bound of what is under way."""

from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from net4ai.codecs.declaration import Buffer
from net4ai.stack.drops import Drop, DropCounter
from net4ai.stack.radio import delay_line
from net4ai.stack.radio.channel import RadioChannel
from net4ai.stack.radio.conditions import RadioConditions
from net4ai.stack.radio.delay_line import DelayLine
from net4ai.stack.radio.gilbert_elliott import GilbertElliott
from net4ai.stack.radio.path import RadioPath
from net4ai.stack.units import MILLISECOND


class Bench:
    """A radio, and what came out of it."""

    def __init__(self, seed: int = 1, line: DelayLine | None = None, **conditions: Any) -> None:
        self.line = line or DelayLine()
        self.drops = DropCounter()
        channel = RadioChannel(RadioConditions(**conditions), 0, lambda what: random.Random(f"{seed} {what}").random)
        self.path = RadioPath(channel, self.line, self.drops)
        self.batches: list[tuple[int, bytes, int]] = []
        self.now = 0

    def send(self, data: Buffer, stride: int) -> None:
        self.path.carry(data, stride, self.now, self.deliver)

    def deliver(self, data: Buffer, stride: int) -> None:
        self.batches.append((self.now, bytes(data), stride))

    def run(self) -> None:
        while (deadline := self.line.next_deadline()) is not None:
            self.now = max(self.now, deadline)
            self.line.release(self.now)

    def datagrams(self) -> list[bytes]:
        return [data[at : at + stride] for _, data, stride in self.batches for at in range(0, len(data), stride)]


def numbered(number: int, stride: int, last: int) -> bytes:
    return b"".join(bytes([index]) * (stride if index + 1 < number else last) for index in range(number))


def test_a_perfect_radio_hands_on_at_once_what_it_was_given() -> None:
    bench = Bench()
    bench.send(numbered(5, 10, 3), 10)
    assert bench.batches == [(0, numbered(5, 10, 3), 10)]
    assert bench.line.next_deadline() is None


def test_a_delayed_batch_is_one_batch_and_a_copy() -> None:
    bench = Bench(delay=0.020)
    data = bytearray(numbered(5, 10, 3))
    bench.send(data, 10)
    data[:] = bytes(len(data))
    assert bench.batches == []
    assert bench.line.octets == 43
    bench.run()
    assert bench.batches == [(20 * MILLISECOND, numbered(5, 10, 3), 10)]
    assert bench.line.octets == 0


def test_what_is_due_at_the_same_time_comes_in_order() -> None:
    bench = Bench(delay=0.001)
    for index in range(50):
        bench.send(bytes([index]), 1)
    bench.run()
    assert bench.datagrams() == [bytes([index]) for index in range(50)]


@given(
    st.integers(1, 60),
    st.integers(2, 20),
    st.integers(0, 999),
    st.sampled_from([{}, {"delay": 0.01}, {"jitter": 0.01}]),
    st.data(),
)
def test_every_datagram_arrives_whole_or_is_counted(
    number: int, stride: int, seed: int, more: dict[str, Any], data: st.DataObject
) -> None:
    last = data.draw(st.integers(1, stride))
    bench = Bench(seed, bursts=GilbertElliott(p=0.2, r=0.4), **more)
    bench.send(numbered(number, stride, last), stride)
    bench.run()
    sent = [bytes([index]) * (stride if index + 1 < number else last) for index in range(number)]
    arrived = bench.datagrams()
    assert set(arrived) <= set(sent)
    assert len(set(arrived)) == len(arrived)
    assert bench.drops[Drop.LOST] == number - len(arrived)
    if "jitter" not in more:
        assert arrived == sorted(arrived)


def test_no_more_is_under_way_than_the_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delay_line, "MAXIMUM_HELD_OCTETS", 100)
    bench = Bench(delay=0.1)
    bench.send(bytes(60), 20)
    bench.send(bytes(60), 20)
    assert (bench.line.octets, bench.drops[Drop.LINK_QUEUE_FULL]) == (60, 3)
    bench.send(bytes(40), 20)
    assert bench.line.octets == 100
    bench.run()
    assert len(bench.datagrams()) == 5


def test_one_line_serves_many_radios() -> None:
    slow = Bench(delay=0.2)
    fast = Bench(line=slow.line, delay=0.1)
    slow.send(b"slow", 4)
    fast.send(b"fast", 4)
    assert slow.line.next_deadline() == 100 * MILLISECOND
    slow.run()
    assert (fast.batches, slow.batches) == ([(0, b"fast", 4)], [(200 * MILLISECOND, b"slow", 4)])
