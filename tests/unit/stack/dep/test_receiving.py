"""What a session does with DATA, PDU by PDU."""

from __future__ import annotations

import ctypes
import tracemalloc

import pytest

from net4ai.codecs.causes import Cause
from net4ai.codecs.dep import DepType
from net4ai.stack.dep.constants import (
    ACK_DELAY,
    ALIGNMENT,
    REASSEMBLY_TIMEOUT,
    REMEMBERED_MESSAGES,
    REORDERING_DELAY,
    SILENCE,
    UNRELIABLE_LIFETIME,
)
from net4ai.stack.drops import Drop
from net4ai.stack.units import SECOND

SEGMENT = 1000
UNSCHEDULED = 4000


def address(view: memoryview) -> int:
    return ctypes.addressof(ctypes.c_char.from_buffer(view))


def test_a_message_of_one_segment(lone):
    one = lone()
    one.data(1, 0, 5, b"hello")
    (event,) = one.events()
    assert (event.qfi, event.message_id, event.is_response, bytes(event.body)) == (1, 1, False, b"hello")
    event.body[0] = 0
    ((header, ack),) = one.controls()
    assert (header.type, header.handle, header.qfi, header.message_id) == (DepType.ACK, 0xABCD, 1, 1)
    assert (header.offset, ack.highest_packet, ack.map_bits) == (5, 1, 0)
    assert one.session.idle
    assert one.session.next_deadline() is None


def test_a_message_of_no_octets(lone):
    one = lone()
    one.data(1, 0, 0, b"")
    assert [bytes(event.body) for event in one.events()] == [b""]
    ((header, _),) = one.controls()
    assert (header.type, header.offset) == (DepType.ACK, 0)


@pytest.mark.parametrize("length", [1, 63, 64, 1000, 3999, 4000, 200_000])
def test_messages_are_aligned_and_writable(path, length):
    net = path()
    net.left[0].send(1, [bytes(length)], now=0)
    net.settle()
    (event,) = net.received(net.right[0])
    assert address(event.body) % ALIGNMENT == 0
    assert not event.body.readonly
    assert len(event.body) == length


def test_announcement_is_answered_by_a_grant(lone):
    one = lone()
    one.data(1, 0, 3000, b"")
    ((header, grant),) = one.controls()
    assert (header.type, header.message_id, grant.limit) == (DepType.GRANT, 1, 3000)
    assert one.budget.reserved == 3000


def test_announcement_without_credit_is_answered_by_busy_and_later_by_a_grant(lone, permit):
    one = lone(permit(segment_size=60000, unscheduled=0), budget=1 << 17)
    hogs = [one.budget.claim("hog", length=1 << 20, segment=SEGMENT) for _ in range(2)]
    assert one.budget.free < 60000
    one.data(1, 0, 300_000, b"")
    assert one.control_types() == [DepType.BUSY]
    for hog in hogs:
        hog.close()
    assert one.budget.take_ready()[-1] is one.session
    assert one.control_types() == [DepType.GRANT]


def test_a_message_beyond_the_unscheduled_octets_is_granted_unasked(lone):
    one = lone()
    one.data(1, 0, 100_000, bytes(SEGMENT))
    types = one.controls()
    assert [header.type for header, _ in types] == [DepType.GRANT]
    assert types[0][1].limit >= UNSCHEDULED


def test_grants_are_repeated_until_data_answers(lone):
    one = lone()
    one.data(1, 0, 400_000, b"")
    limit = one.controls()[0][1].limit
    one.wait(SILENCE)
    one.wait(2 * SILENCE)
    repeated = one.controls()
    assert repeated and all(header.type == DepType.GRANT and body.limit == limit for header, body in repeated)
    for offset in range(0, limit, SEGMENT):
        one.data(1, offset, 400_000, bytes(SEGMENT))
        if one.session._receivers[1].open[False, 1].permitted > limit:
            break
    assert DepType.GRANT in one.control_types()


def test_data_beyond_credit_is_a_violation(lone):
    one = lone()
    one.data(1, UNSCHEDULED, 400_000, bytes(SEGMENT))
    assert one.session.drops == {Drop.CREDIT_VIOLATION: 1}
    assert one.session.idle
    ((header, error),) = one.controls()
    assert (header.type, header.message_id, error.cause) == (DepType.ERROR, 1, Cause.CREDIT_VIOLATION)
    one.data(1, 0, 400_000, b"")
    limit = one.controls()[0][1].limit
    one.data(1, limit, 400_000, bytes(SEGMENT))
    assert one.session.drops == {Drop.CREDIT_VIOLATION: 2}
    one.data(1, limit - SEGMENT, 400_000, bytes(SEGMENT))
    assert one.session.drops == {Drop.CREDIT_VIOLATION: 2}


def test_errors_are_rate_limited(lone):
    one = lone()
    for _ in range(100):
        one.data(1, UNSCHEDULED, 100_000, bytes(SEGMENT))
    assert one.control_types() == [DepType.ERROR] * 10
    one.now += 1 * SECOND
    for _ in range(100):
        one.data(1, UNSCHEDULED, 100_000, bytes(SEGMENT))
    assert one.control_types() == [DepType.ERROR] * 10


def test_memory_follows_credit_not_the_announced_length(lone, permit):
    one = lone(permit(maximum_message=0xFFFFFFFF, segment_size=1400, unscheduled=8400))
    tracemalloc.start()
    try:
        one.data(1, 0, 0xFFFFFFFF, b"")
        one.data(1, 0, 0xFFFFFFFF, bytes(1400))
        limit = one.controls()[0][1].limit
        one.data(1, limit // 1400 * 1400 - 1400, 0xFFFFFFFF, bytes(1400))
        assert tracemalloc.get_traced_memory()[1] < 1 << 20
    finally:
        tracemalloc.stop()
    assert not one.session.drops


def test_other_octets_at_the_same_offset_end_the_message(lone):
    one = lone()
    one.data(1, 0, 3000, b"a" * SEGMENT)
    one.data(1, 0, 3000, b"b" * SEGMENT)
    assert one.session.drops == {Drop.OVERLAPPING_DATA: 1}
    ((header, error),) = one.controls()
    assert (header.type, error.cause) == (DepType.ERROR, Cause.OVERLAPPING_DATA)
    one.data(1, 1000, 3000, b"c" * SEGMENT)
    assert one.session.drops[Drop.FAILED_MESSAGE] == 1
    one.data(2, 0, 2, b"ok")
    assert [event.message_id for event in one.events()] == [2]


@pytest.mark.parametrize(
    ("offset", "length", "size"),
    [
        (1, 3000, SEGMENT),
        (0, 3000, SEGMENT - 1),
        (0, 3000, SEGMENT + 1),
        (2000, 2500, SEGMENT),
        (2000, 2500, 499),
        (3000, 2500, 0),
        (1001, 2500, 0),
        (4_000_000_000, 2500, 1000),
        (1000, 0, 0),
        (0, 0, 1),
    ],
)
def test_wrong_segments(lone, offset, length, size):
    one = lone()
    one.data(1, offset, length, bytes(size))
    assert one.session.drops == {Drop.WRONG_SEGMENT: 1}
    assert one.session.idle


def test_the_length_of_a_message_cannot_change(lone):
    one = lone()
    one.data(1, 0, 3000, bytes(SEGMENT))
    one.data(1, 1000, 3001, bytes(SEGMENT))
    assert one.session.drops == {Drop.WRONG_LENGTH: 1}


def test_too_large_a_message(lone, permit):
    one = lone(permit(maximum_message=5000))
    one.data(1, 0, 5001, bytes(SEGMENT))
    assert one.session.drops == {Drop.MESSAGE_TOO_LARGE: 1}
    assert one.controls()[0][1].cause == Cause.MESSAGE_TOO_LARGE


def test_unknown_flow(lone):
    one = lone()
    one.data(1, 0, 5, b"hello", qfi=9)
    assert one.session.drops == {Drop.FLOW_NOT_CONFIGURED: 1}
    assert one.controls()[0][1].cause == Cause.QOS_FLOW_NOT_CONFIGURED


def test_a_repeated_message_is_acknowledged_again_and_delivered_once(lone):
    one = lone()
    for _ in range(3):
        one.data(1, 0, 5, b"hello")
    assert len(one.events()) == 1
    assert one.session.drops == {Drop.DUPLICATE: 2}
    one.controls()
    one.data(1, 0, 5, b"hello")
    ((header, _),) = one.controls()
    assert (header.type, header.offset) == (DepType.ACK, 5)


def test_finished_messages_are_remembered_within_a_bound(lone):
    one = lone()
    for message_id in range(1, 3 * REMEMBERED_MESSAGES):
        one.data(message_id, 0, 1, b"x", qfi=2)
        assert len(one.events()) == 1
        one.controls()
    one.data(1, 0, 1, b"x", qfi=2)
    assert one.events() == []
    assert one.session.drops == {Drop.STALE_MESSAGE: 1}
    assert len(one.session._receivers[2]._finished[False]) == REMEMBERED_MESSAGES


def test_order_is_kept_on_ordered_flows_only(lone):
    for qfi, order in ((1, [1, 2, 3]), (2, [2, 3, 1])):
        one = lone()
        for message_id in (2, 3, 1):
            one.data(message_id, 0, 1, b"x", qfi=qfi)
        assert [event.message_id for event in one.events()] == order


def test_an_ordered_flow_does_not_wait_for_what_it_dropped(lone):
    one = lone()
    one.data(3, 0, 1, b"x")
    for payload in (b"a", b"b"):
        one.data(2, 0, 2000, payload * SEGMENT)
    assert one.events() == []
    one.data(1, 0, 1, b"x")
    assert [event.message_id for event in one.events()] == [1, 3]


def test_an_ordered_flow_goes_on_without_a_request_that_never_comes(lone):
    one = lone()
    one.data(3, 0, 1, b"x")
    one.wait(REASSEMBLY_TIMEOUT - 1)
    assert one.events() == []
    one.wait(1)
    assert [event.message_id for event in one.events()] == [3]
    assert one.session.drops == {Drop.MESSAGE_SKIPPED: 2}
    assert one.session.idle
    one.data(1, 0, 1, b"x")
    assert one.session.drops[Drop.STALE_MESSAGE] == 1


def test_an_id_far_beyond_the_window_waits(lone, permit):
    one = lone(permit(maximum_open=4))
    one.data(5, 0, 1, b"x")
    assert one.session.drops == {Drop.BEYOND_WINDOW: 1}
    assert one.control_types() == [DepType.BUSY]


def test_too_many_open_messages(lone, permit):
    one = lone(permit(maximum_open=4))
    for message_id in range(1, 6):
        one.data(message_id, 0, 2000, bytes(SEGMENT), qfi=2)
    assert one.session.drops == {Drop.TOO_MANY_MESSAGES: 1}
    assert DepType.BUSY in one.control_types()


def test_messages_nobody_takes_stop_the_flow(lone, permit):
    one = lone(permit(maximum_open=4))
    for message_id in range(1, 7):
        one.data(message_id, 0, 1, b"x", qfi=2)
    assert one.session.drops == {Drop.RECEIVER_BACKLOG: 2}
    assert len(one.events()) == 4
    one.data(5, 0, 1, b"x", qfi=2)
    assert len(one.events()) == 1


def test_a_response_must_answer_something(lone):
    one = lone()
    one.data(1, 0, 1, b"x", response=True)
    assert one.session.drops == {Drop.ANSWERS_NOTHING: 1}
    request = one.session.send(1, [b"question"], now=0)
    one.data(request, 0, 1, b"x", response=True)
    (event,) = one.events()
    assert (event.is_response, event.message_id) == (True, request)


def test_reassembly_times_out_without_progress(lone):
    one = lone()
    one.data(1, 0, 100_000, bytes(SEGMENT))
    one.wait(REASSEMBLY_TIMEOUT - SECOND)
    one.data(1, 1000, 100_000, bytes(SEGMENT))
    one.wait(REASSEMBLY_TIMEOUT - 1)
    assert not one.session.idle
    one.controls()
    one.wait(1)
    assert one.session.idle
    assert one.session.drops == {Drop.REASSEMBLY_TIMEOUT: 1}
    assert one.budget.reserved == 0
    ((header, error),) = one.controls()
    assert (header.type, error.cause) == (DepType.ERROR, Cause.REASSEMBLY_TIMEOUT)


def test_an_unreliable_flow_lets_go_soon_and_never_asks_again(lone):
    one = lone()
    one.data(1, 1000, 3000, bytes(SEGMENT), qfi=3)
    one.wait(UNRELIABLE_LIFETIME)
    assert one.session.idle
    assert one.session.drops == {Drop.REASSEMBLY_TIMEOUT: 1}
    assert DepType.NACK not in one.control_types()


def test_ack_at_once_when_asked(lone):
    one = lone()
    one.data(1, 0, 3000, bytes(SEGMENT), ack_requested=True)
    ((header, ack),) = one.controls()
    assert (header.type, header.offset, ack.map_bits) == (DepType.ACK, 1000, 0)


def test_ack_is_delayed_otherwise_and_says_how_long(lone):
    one = lone()
    one.data(1, 0, 3000, bytes(SEGMENT))
    assert one.controls() == []
    one.wait(ACK_DELAY)
    ((header, ack),) = one.controls()
    assert (header.offset, ack.delay) == (1000, ACK_DELAY // 1000)


def test_with_one_ack_all_go_out_and_those_of_whole_messages_last(lone):
    one = lone()
    one.data(1, 0, 3000, bytes(SEGMENT), qfi=2)
    one.data(2, 0, 3000, bytes(SEGMENT), qfi=2)
    assert one.controls() == []
    one.data(3, 0, SEGMENT, bytes(SEGMENT), qfi=2)
    acks = [(header.message_id, header.offset, ack.highest_packet) for header, ack in one.controls()]
    assert acks == [(1, 1000, 3), (2, 1000, 3), (3, 1000, 3)]
    one.wait(ACK_DELAY)
    assert one.controls() == []


def test_a_gap_is_reported_soon_with_a_map_and_asked_for_in_the_end(lone):
    one = lone()
    one.data(1, 1000, 4000, bytes(SEGMENT))
    one.data(1, 3000, 4000, bytes(SEGMENT))
    assert one.controls() == []
    one.wait(REORDERING_DELAY)
    ((header, ack),) = one.controls()
    assert (header.offset, ack.map_bits, ack.map) == (0, 4, b"\x50")
    one.wait(SILENCE)
    ((header, nack),) = one.controls()
    assert header.type == DepType.NACK
    assert nack.ranges == bytes.fromhex("00000000 000003e8 000007d0 00000bb8")


def test_an_arrival_that_closes_the_last_gap_is_acknowledged_soon(lone):
    one = lone()
    for offset in (0, 2000):
        one.data(1, offset, 4000, bytes(SEGMENT))
    one.wait(REORDERING_DELAY)
    one.controls()
    one.data(1, 1000, 4000, bytes(SEGMENT))
    one.wait(REORDERING_DELAY)
    ((header, _),) = one.controls()
    assert header.offset == 3000


def test_an_ack_for_every_so_many_octets(lone, permit):
    one = lone(permit(unscheduled=1 << 20), budget=1 << 22)
    for offset in range(0, 600_000, SEGMENT):
        one.data(1, offset, 1_000_000, bytes(SEGMENT))
    acks = [header.offset for header, _ in one.controls() if header.type == DepType.ACK]
    assert acks == [600_000]
    one.data(1, 600_000, 1_000_000, bytes(SEGMENT))
    assert one.controls() == []
