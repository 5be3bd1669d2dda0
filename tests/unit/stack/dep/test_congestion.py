"""Marks of the path: counted by the receiver, told in ACKs, heeded by the sender (RFC 3168, RFC 8257)."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from net4ai.codecs.dep import CongestionMark, DepType
from net4ai.stack.dep import pdus
from net4ai.stack.dep.congestion import SHARE, CongestionWindow, MarkCounter
from net4ai.stack.dep.constants import ACK_DELAY, CONGESTION_MEMORY, CONGESTION_MINIMUM
from net4ai.stack.units import MILLISECOND

SEGMENT = 1000


@given(st.lists(st.tuples(st.integers(1, 1000), st.booleans()), max_size=20))
def test_the_share_is_that_of_the_segments_and_never_rounds_a_mark_away(arrivals: list[tuple[int, bool]]):
    counter = MarkCounter()
    for segments, marked in arrivals:
        counter.count(segments, marked)
    share = counter.take()
    total, marked_ones = sum(many for many, _ in arrivals), sum(many for many, marked in arrivals if marked)
    assert (share > 0) == (marked_ones > 0)
    assert 0 <= share - SHARE * marked_ones / max(1, total) < 1
    assert counter.take() == 0


def one_round(window: CongestionWindow, number: int, many: int, share: int, now: int) -> int:
    """Send `many` segments and have them acknowledged; the next packet number."""
    window.on_ack(many, share, many, number + many - 1, number + many, now)
    return number + many


def test_there_is_no_bound_before_the_first_mark():
    window = CongestionWindow()
    number = one_round(window, 1, 1000, 0, 0)
    assert window.segments is None
    one_round(window, number, 1000, 1, 0)
    assert window.segments == 500


def test_it_is_cut_once_a_round_trip_by_half_of_the_average_share():
    window = CongestionWindow()
    window.on_ack(10, SHARE, 1000, highest=10, next_number=1001, now=0)
    assert window.segments == 500
    for highest in range(20, 1000, 10):
        window.on_ack(10, SHARE, 500, highest=highest, next_number=1001 + highest, now=0)
        assert window.segments == 500, "within one round trip"
    window.on_ack(10, SHARE, 500, highest=1001, next_number=1501, now=0)
    assert window.segments == 250
    number, before = 1501, 250.0
    average = 1.0
    for _ in range(20):
        number = one_round(window, number, 100, SHARE // 15, 0)
        average += (1 / 15 - average) / 16
        before = max(CONGESTION_MINIMUM, int(before * (1 - average / 2)))
        assert window.segments == before


def test_it_grows_by_a_segment_a_round_trip_and_ends_some_time_after_the_last_mark():
    window = CongestionWindow()
    number = one_round(window, 1, 100, SHARE, 0)
    for grown in range(50):
        number = one_round(window, number, 50, 0, grown)
        assert window.segments == 51 + grown
    one_round(window, number, 50, 0, CONGESTION_MEMORY - 1)
    assert window.segments is not None
    one_round(window, number + 50, 50, 0, CONGESTION_MEMORY)
    assert window.segments is None


def test_two_segments_may_always_be_in_flight():
    window = CongestionWindow()
    number = 1
    for _ in range(100):
        number = one_round(window, number, 3, SHARE, 0)
    assert window.segments == CONGESTION_MINIMUM
    assert (window.room(0), window.room(2), window.room(50)) == (2, 0, 0)


@pytest.mark.parametrize("threshold", [20, 60])
def test_the_queue_of_a_bottleneck_stays_near_its_threshold(threshold):
    """A link that takes 100 segments a round trip and marks those that find more than `threshold` waiting: the window
    settles so that the link is busy and the queue short (RFC 8257, 3)."""
    window, number, now = CongestionWindow(), 1, 0
    in_flight, queues, sent = 4000, [], 0
    for turn in range(400):
        capacity = 100
        queue = max(0, in_flight - capacity)
        marked = max(0, min(in_flight, queue - threshold))
        window.on_ack(in_flight, -(-SHARE * marked // in_flight), in_flight, number - 1, number, now)
        in_flight = window.segments if window.segments is not None else 4000
        number += in_flight
        now += MILLISECOND
        if turn >= 200:
            queues.append(queue)
            sent += min(in_flight, capacity)
    assert max(queues) <= 2 * threshold
    assert sent >= 0.97 * 200 * 100


# --- In a session ---


def marked_data(one: Any, offset: int, mark: CongestionMark, length: int = 10_000, message_id: int = 1) -> None:
    one.data(message_id, offset, length, bytes(min(SEGMENT, length)), congestion=mark)


def test_a_receiver_tells_the_share_since_the_last_acks(lone, permit):
    one = lone(permit(unscheduled=10_000))
    for index in range(4):
        marked_data(one, index * SEGMENT, CongestionMark.EXPERIENCED if index == 1 else CongestionMark.CAPABLE_0)
    one.wait(ACK_DELAY)
    ((_, ack),) = one.controls()
    assert ack.congestion == -(-SHARE // 4)
    marked_data(one, 4 * SEGMENT, CongestionMark.NOT_CAPABLE)
    one.wait(ACK_DELAY)
    ((_, ack),) = one.controls()
    assert ack.congestion == 0


def test_acks_of_several_messages_tell_the_same_share(lone):
    one = lone()
    for message_id, mark in ((1, CongestionMark.EXPERIENCED), (2, CongestionMark.CAPABLE_0)):
        marked_data(one, 0, mark, length=10, message_id=message_id)
    assert [ack.congestion for _, ack in one.controls()] == [128, 128]


def test_data_can_be_marked_and_nothing_else(lone):
    one = lone()
    one.session.send(1, [bytes(5000)], now=0)
    one.data(1, 0, 5, b"hello")
    assert {header.congestion for header, *_ in one.sent()} == {CongestionMark.CAPABLE_0}
    assert {header.congestion for header, _ in one.controls()} == {CongestionMark.NOT_CAPABLE}


def ack(one: Any, offset: int, highest: int, congestion: int) -> None:
    body = pdus.ack(highest, 0, SEGMENT, b"", congestion)
    one.receive(DepType.ACK, body, message_id=1, offset=offset)


def test_a_sender_keeps_to_its_window(lone, permit):
    one = lone(permit(unscheduled=1 << 20), budget=1 << 22)
    one.session.send(1, [bytes(1_000_000)], now=0)
    first = list(one.session.data_to_send(0, 100_000))
    assert sum(burst.segments for burst in first) > 96
    under_way = one.session.segments_sent
    ack(one, 10 * SEGMENT, 10, SHARE)
    window = one.session._senders[1]._congestion
    assert window.segments == under_way // 2
    assert one.sent() == []
    ack(one, under_way * SEGMENT, under_way, 0)
    assert len(one.sent()) == window.segments == under_way // 2
    ack(one, (under_way + 10) * SEGMENT, under_way + 10, 0)
    assert window.segments == under_way // 2 + 1, "a round trip without a mark"
    assert len(one.sent()) == 11


def test_a_new_path_has_no_marks_yet(path):
    net = path()
    session = net.left[0]
    session._senders[1]._congestion.segments = 2
    net.change_path(session)
    net.settle()
    assert session._senders[1]._congestion.segments is None
