"""Whole transfers between two sessions, with and without relays, over faulty links. Every case names its seed."""

from __future__ import annotations

import random

import pytest

from net4ai.stack.dep.constants import MILLISECOND
from net4ai.stack.dep.events import MessageAcknowledged, MessageFailed


def bodies(seed: int, sizes: list[int]) -> list[bytes]:
    source = random.Random(seed)
    return [source.randbytes(size) for size in sizes]


SIZES = [0, 1, 999, 1000, 1001, 4000, 4001, 25_000, 0, 150_000, 64, 7]


@pytest.mark.parametrize("batches", [False, True])
@pytest.mark.parametrize("relays", [0, 1, 2])
def test_a_clean_path(path, relays, batches):
    net = path(relays, batches=batches)
    left, right = net.left[0], net.right[0]
    sent = bodies(1, SIZES)
    ids = [left.send(1, [body[:10], body[10:]], now=net.now) for body in sent]
    net.settle()
    received = net.received(right)
    assert [event.message_id for event in received] == ids
    assert [bytes(event.body) for event in received] == sent
    acknowledged = [event.message_id for event in net.events[left] if isinstance(event, MessageAcknowledged)]
    assert sorted(acknowledged) == ids
    assert left.segments_repeated == 0
    assert not left.drops and not right.drops and not any(switch.drops for switch in net.switches.values())
    net.assert_nothing_left()
    for pair, most in net.most_in_flight.items():
        assert most <= net.budgets[pair].octets


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("loss", [0.01, 0.1, 0.3])
@pytest.mark.parametrize("relays", [0, 1, 2])
def test_a_faulty_path(path, faults, relays, loss, seed):
    fault = faults(loss=loss / (relays + 1), duplicate=0.05, delay=2 * MILLISECOND, jitter=8 * MILLISECOND)
    net = path(relays, seed=seed, faults=fault, batches=bool(seed % 2))
    left, right = net.left[0], net.right[0]
    expected = {left: {1: [], 2: []}, right: {1: [], 2: []}}
    for source, target in ((left, right), (right, left)):
        for qfi in (1, 2):
            for body in bodies(seed * 10 + qfi, SIZES):
                source.send(qfi, [body], now=net.now)
                expected[target][qfi].append(body)
    net.settle()
    for session, flows in expected.items():
        got = {1: [], 2: []}
        for event in net.received(session):
            got[event.qfi].append(bytes(event.body))
        assert got[1] == flows[1]
        assert sorted(got[2]) == sorted(flows[2])
        assert not [event for event in net.events[session] if isinstance(event, MessageFailed)]
    net.run(seconds=300)
    net.assert_nothing_left()
