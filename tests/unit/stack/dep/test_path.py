"""Whole transfers between two sessions, with and without relays, over faulty links. Every case names its seed."""

from __future__ import annotations

import random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from net4ai.codecs.causes import Cause
from net4ai.stack.dep.constants import SCHEDULED_MINIMUM
from net4ai.stack.dep.events import MessageAcknowledged, MessageFailed
from net4ai.stack.drops import Drop
from net4ai.stack.units import MILLISECOND


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


@pytest.mark.parametrize("relays", [0, 1])
@pytest.mark.parametrize("segment", [64, 1400, 60000])
def test_sizes_around_the_segment_size_and_the_largest_message(path, permit, segment, relays):
    largest = 300_000
    net = path(relays, permitted=permit(segment_size=segment, maximum_message=largest), batches=True)
    sizes = [0, 1, segment - 1, segment, segment + 1, 2 * segment, 4000, 4001, largest]
    sent = bodies(segment, sizes)
    for body in sent:
        net.left[0].send(1, [body], now=0)
    net.settle()
    assert [bytes(event.body) for event in net.received(net.right[0])] == sent
    assert net.left[0].segments_repeated == 0
    net.assert_nothing_left()


def test_requests_and_responses(path, faults):
    """Activations up, gradients down, each answer with the id of its question."""
    net = path(1, seed=3, faults=faults(loss=0.05, delay=3 * MILLISECOND, jitter=3 * MILLISECOND))
    left, right = net.left[0], net.right[0]
    for turn, body in enumerate(bodies(3, [70_000] * 8)):
        message_id = left.send(1, [body], now=net.now)
        net.run(until=lambda turn=turn: len(net.received(right)) > turn)
        net.run(seconds=120)  # computing takes two minutes: nobody minds
        assert left.is_open and right.is_open
        request = net.received(right)[turn]
        right.send(1, [request.body], now=net.now, answers=request.message_id)
        net.run(until=lambda turn=turn: len(net.received(left)) > turn)
        response = net.received(left)[turn]
        assert (response.is_response, response.message_id, response.body) == (True, message_id, body)
    net.settle()
    net.run(seconds=300)
    net.assert_nothing_left()


@pytest.mark.parametrize("relays", [0, 1, 2])
def test_many_sessions_share_one_budget(path, permit, relays):
    """Nothing is dropped for lack of room, nothing is sent twice, every session gets through."""
    net = path(relays, sessions=12, budget=1 << 17, permitted=permit(unscheduled=2000), batches=True)
    body = bytes(range(250)) * 240
    for session in net.left:
        session.send(1, [body], now=0)
    net.settle()
    assert all(bytes(net.received(right)[0].body) == body for right in net.right)
    for machine in [*net.sessions, *net.switches.values()]:
        assert not machine.drops
    assert sum(session.segments_repeated for session in net.left) == 0
    for pair, most in net.most_in_flight.items():
        assert most <= net.budgets[pair].octets
    net.run(seconds=300)
    net.assert_nothing_left()


def test_short_messages_overtake_long_ones_of_other_sessions(path):
    net = path(1, sessions=6, budget=1 << 17, batches=True)
    for session in net.left[:5]:
        session.send(1, [bytes(500_000)], now=0)
    net.run(seconds=0.01)
    net.left[5].send(1, [bytes(20_000)], now=net.now)
    net.run(until=lambda: bool(net.received(net.right[5])))
    assert not any(net.received(right) for right in net.right[:5])
    net.settle()
    assert all(len(net.received(right)) == 1 for right in net.right)


@pytest.mark.parametrize("seed", range(3))
def test_a_small_budget_under_loss_never_locks_up(path, faults, permit, seed):
    """The smallest budget there is, the largest segments, relays, loss, both directions."""
    net = path(
        1 + seed % 2,
        seed=seed,
        sessions=5,
        budget=SCHEDULED_MINIMUM + 5 * 100,
        permitted=permit(segment_size=(60000, 9000, 64)[seed], unscheduled=100),
        faults=faults(loss=0.1, duplicate=0.02, delay=1 * MILLISECOND, jitter=2 * MILLISECOND),
    )
    sizes = [(200_000, 1, 130_000), (100_000, 99, 9001), (3000, 65, 9000)][seed]
    for source in net.sessions:
        for body in bodies(seed, list(sizes)):
            source.send(2, [body], now=0)
    net.settle()
    for session in net.sessions:
        assert sorted(len(event.body) for event in net.received(session)) == sorted(sizes)
    net.run(seconds=300)
    net.assert_nothing_left()


def test_a_cut_link_heals(path, faults):
    net = path(1, faults=faults(delay=2 * MILLISECOND))
    body = bytes(500_000)
    net.left[0].send(1, [body], now=0)
    net.run(seconds=0.02)
    assert not net.received(net.right[0])
    net.faults = faults(loss=1.0)
    net.run(seconds=10)
    net.faults = faults(delay=2 * MILLISECOND)
    net.settle()
    assert len(net.received(net.right[0])) == 1
    assert not [event for event in net.events[net.left[0]] if isinstance(event, MessageFailed)]
    net.run(seconds=300)
    net.assert_nothing_left()


def test_a_lost_peer(path, faults):
    net = path(1, faults=faults(delay=2 * MILLISECOND))
    net.left[0].send(1, [bytes(500_000)], now=0)
    net.left[0].send(1, [bytes(500_000)], now=0)
    net.run(seconds=0.02)
    net.faults = faults(loss=1.0)
    net.run(seconds=400)
    failed = [event for event in net.events[net.left[0]] if isinstance(event, MessageFailed)]
    assert [(event.message_id, event.cause) for event in failed] == [(1, Cause.PEER_LOST), (2, Cause.PEER_LOST)]
    assert net.right[0].drops[Drop.REASSEMBLY_TIMEOUT] == 2
    net.assert_nothing_left()


def test_a_long_round_trip_repeats_nothing_in_vain(path, faults):
    net = path(0, faults=faults(delay=300 * MILLISECOND))
    net.left[0].send(1, [bytes(400_000)], now=0)
    net.settle()
    net.left[0].send(1, [bytes(400_000)], now=net.now)
    before = net.left[0].segments_repeated
    net.settle()
    assert before <= 4
    assert net.left[0].segments_repeated == before


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    seed=st.integers(0, 1 << 32),
    relays=st.integers(0, 2),
    sizes=st.lists(st.integers(0, 30_000), min_size=1, max_size=10),
    segment=st.sampled_from([64, 500, 1400, 8900]),
    unscheduled=st.sampled_from([0, 64, 4000, 10_000]),
    maximum_open=st.integers(1, 8),
    loss=st.floats(0, 0.12),
    jitter=st.integers(0, 20),
    batches=st.booleans(),
)
def test_any_path(seed, relays, sizes, segment, unscheduled, maximum_open, loss, jitter, batches, path, faults, permit):
    net = path(
        relays,
        seed=seed,
        permitted=permit(segment_size=segment, unscheduled=unscheduled, maximum_open=maximum_open),
        faults=faults(loss=loss, duplicate=0.05, delay=1 * MILLISECOND, jitter=jitter * MILLISECOND),
        batches=batches,
    )
    sent = bodies(seed, sizes)
    for body in sent:
        net.left[0].send(1, [body], now=0)
        net.right[0].send(2, [body], now=0)
    net.settle()
    assert [bytes(event.body) for event in net.received(net.right[0])] == sent
    assert sorted(bytes(event.body) for event in net.received(net.left[0])) == sorted(sent)
    net.run(seconds=300)
    net.assert_nothing_left()
