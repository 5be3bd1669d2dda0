"""What a session sends, and what acknowledgements, grants and silence make of it."""

from __future__ import annotations

import pytest

from net4ai.codecs.causes import Cause
from net4ai.codecs.dep import DepType
from net4ai.stack.dep import pdus
from net4ai.stack.dep.constants import (
    ACK_DELAY,
    BURST_OCTETS,
    BURST_SEGMENTS,
    BUSY_DELAY,
    MAXIMUM_PROBES,
    QUEUED_MESSAGES,
    UNRELIABLE_LIFETIME,
)
from net4ai.stack.dep.errors import AnswerUnderWay, MessageTooLarge, SessionNotOpen, TooManyMessages, UnknownFlow
from net4ai.stack.dep.events import MessageAcknowledged, MessageFailed
from net4ai.stack.drops import Drop
from net4ai.stack.units import MILLISECOND, SECOND

SEGMENT = 1000


def grant(one, message_id: int, limit: int, **fields) -> None:
    one.receive(DepType.GRANT, pdus.grant(limit), message_id=message_id, **fields)


def test_a_message_in_segments(lone):
    one = lone()
    body = bytes(range(256)) * 10
    assert one.session.send(1, [body[:100], memoryview(body)[100:]], now=0) == 1
    (burst,) = one.session.data_to_send(0, 1 << 20)
    assert (burst.stride, burst.segments, burst.qfi, burst.bearer) == (SEGMENT + 32, 3, 1, 1)
    assert len(burst.data) == 3 * 32 + 2560
    assert bytes(burst.data[8:32]) == bytes.fromhex("11008100 0000abcd 00000001 00000000 00000a00 00000001")
    second = pdus.header(burst.data, SEGMENT + 32 + 8)
    assert (second.type, second.message_id, second.offset) == (DepType.DATA, 1, 1000)
    assert bytes(burst.data[2 * (SEGMENT + 32) + 32 :]) == body[2000:]
    assert list(one.session.data_to_send(0, 1 << 20)) == []


def test_the_message_is_a_snapshot(lone):
    one = lone()
    body = bytearray(b"before")
    one.session.send(1, [body], now=0)
    body[:] = b"after!"
    assert one.sent()[0][3] == b"before"


def test_ids_grow_per_flow_and_a_response_carries_the_id_of_its_request(lone):
    one = lone()
    assert [one.session.send(qfi, [b""], now=0) for qfi in (1, 1, 2)] == [1, 2, 1]
    assert one.session.send(1, [b"answer"], now=0, answers=77) == 77
    assert one.session.send(1, [b""], now=0) == 3
    headers = [header for header, *_ in one.sent() if header.qfi == 1]
    assert [(header.message_id, header.response) for header in headers] == [(1, 0), (2, 0), (77, 1), (3, 0)]
    with pytest.raises(AnswerUnderWay):
        one.session.send(1, [b"answer"], now=0, answers=77)


def test_local_misuse_raises(lone, permit):
    one = lone(permit(maximum_message=100, maximum_open=1))
    with pytest.raises(UnknownFlow):
        one.session.send(9, [b""], now=0)
    with pytest.raises(MessageTooLarge):
        one.session.send(1, [bytes(50), bytes(51)], now=0)
    for _ in range(QUEUED_MESSAGES):
        one.session.send(1, [b""], now=0)
    with pytest.raises(TooManyMessages):
        one.session.send(1, [b""], now=0)
    one.session.close(Cause.NORMAL, 0)
    with pytest.raises(SessionNotOpen):
        one.session.send(1, [b""], now=0)


def test_bursts_keep_to_their_bounds(lone, permit):
    for segment in (64, 1400, 8900, 60000):
        one = lone(permit(segment_size=segment, unscheduled=1 << 20), budget=1 << 22)
        one.session.send(1, [bytes(500_000)], now=0)
        for burst in one.session.data_to_send(0, 1 << 20):
            assert len(burst.data) <= BURST_OCTETS
            assert 1 <= burst.segments <= BURST_SEGMENTS


def test_the_limit_bounds_a_turn(lone, permit):
    one = lone(permit(unscheduled=1 << 20), budget=1 << 22)
    one.session.send(1, [bytes(500_000)], now=0)
    one.session.send(2, [bytes(500_000)], now=0)
    bursts = list(one.session.data_to_send(0, 200_000))
    assert 200_000 <= sum(len(burst.data) for burst in bursts) < 300_000
    assert {burst.qfi for burst in bursts} == {1, 2}
    assert {burst.qfi for burst in one.session.data_to_send(0, 200_000, qfi=2)} == {2}


def test_unscheduled_octets_are_shared_by_the_messages_of_a_session(lone):
    one = lone()
    for _ in range(3):
        one.session.send(2, [bytes(3000)], now=0)
    segments = one.sent()
    assert sum(len(payload) for *_, payload in segments) == 4000
    announced = [header for header, length, _, payload in segments if length and not payload]
    assert len(announced) == 2
    one.ack(1, 3000, highest=3, qfi=2)
    assert sum(len(payload) for *_, payload in one.sent()) == 3000


def test_a_grant_lets_the_rest_go_and_frees_unscheduled_octets(lone):
    one = lone()
    one.session.send(1, [bytes(10_000)], now=0)
    segments = one.sent()
    assert [len(payload) for *_, payload in segments] == [1000] * 4 + [0]
    one.session.send(1, [bytes(2000)], now=0)
    assert [len(payload) for *_, payload in one.sent()] == [0]
    grant(one, 1, 7000)
    segments = one.sent()
    assert [(header.message_id, header.offset) for header, *_ in segments] == [
        (1, 4000), (1, 5000), (1, 6000), (2, 0), (2, 1000),
    ]  # fmt: skip
    grant(one, 1, 5000)
    assert one.sent() == []
    grant(one, 1, 0xFFFFFFFF)
    assert [header.offset for header, *_ in one.sent()] == [7000, 8000, 9000]


def test_the_number_of_open_messages_is_bounded(lone, permit):
    one = lone(permit(maximum_open=3))
    for _ in range(5):
        one.session.send(1, [b"x"], now=0)
    assert [header.message_id for header, *_ in one.sent()] == [1, 2, 3]
    one.ack(2, 1, highest=3)
    assert one.sent() == []  # ordered: the receiver may hold 2 and 3 until 1 arrives
    one.ack(1, 1, highest=3)
    assert [header.message_id for header, *_ in one.sent()] == [4, 5]


def test_acknowledgement(lone):
    one = lone()
    one.session.send(1, [bytes(3000)], now=0)
    one.sent()
    one.ack(1, 1000, highest=3, arrived=b"\x00\x01")
    assert one.events() == []
    one.ack(1, 3000, highest=3)
    assert one.events() == [MessageAcknowledged(1, 1, False)]
    assert one.session.idle
    assert one.session.next_deadline() is None


@pytest.mark.parametrize(
    ("offset", "highest", "arrived"), [(4000, 3, b""), (500, 3, b""), (1000, 4, b""), (3000, 0xFFFFFFF0, b"\x01")]
)
def test_acknowledging_what_was_never_sent(lone, offset, highest, arrived):
    one = lone()
    one.session.send(1, [bytes(5000)], now=0)
    assert len(list(one.session.data_to_send(0, 1))) == 1
    one.session._senders[1].open[False, 1].next = 3
    one.session._senders[1]._next_number = 4
    one.ack(1, offset, highest=highest, arrived=arrived)
    if highest < 100:
        assert one.session.drops == {Drop.NEVER_SENT: 1}
    assert one.session._senders[1].open[False, 1].acknowledged in (0, 3)


def test_a_map_beyond_what_was_sent_acknowledges_nothing_more(lone):
    one = lone()
    one.session.send(1, [bytes(10_000)], now=0)
    one.sent()
    one.ack(1, 0, highest=4, arrived=b"\x00" + b"\x01" * 500)
    message = one.session._senders[1].open[False, 1]
    assert (message.acknowledged, message.base) == (3, 0)


def test_loss_by_packet_number_and_age(lone):
    one = lone()
    one.session.send(1, [bytes(4000)], now=0)
    one.sent()
    one.now = 10 * MILLISECOND
    one.ack(1, 1000, highest=4, arrived=b"\x00\x00\x01")
    assert one.sent() == []
    one.wait(2 * MILLISECOND)
    repeated = one.sent()
    assert [(header.offset, number) for header, _, number, _ in repeated] == [(1000, 5), (2000, 6)]
    assert one.session.segments_repeated == 2


def overtaken(lone, permit):
    """Message 1 was sent long ago, message 2 just now; the ACK of the latter is the first thing that comes."""
    one = lone(permit(unscheduled=4000))
    one.session.send(2, [bytes(2000)], now=0)
    one.sent()
    one.now = 100 * MILLISECOND
    one.session.send(2, [bytes(2000)], now=one.now)
    one.sent()
    one.now += MILLISECOND
    one.ack(2, 2000, highest=4, qfi=2)
    return one


def test_the_ack_of_another_message_may_come_before_its_own(lone, permit):
    one = overtaken(lone, permit)
    assert one.sent() == []
    one.wait(ACK_DELAY - 1)
    assert one.sent() == []
    one.ack(1, 1000, highest=4, qfi=2)
    assert [(header.message_id, header.offset) for header, *_ in one.sent()] == [(1, 1000)]


def test_without_its_own_ack_a_message_is_lost_a_while_after_it_was_overtaken(lone, permit):
    one = overtaken(lone, permit)
    one.wait(ACK_DELAY)
    assert [(header.message_id, header.offset) for header, *_ in one.sent()] == [(1, 0), (1, 1000)]


def test_nack_repeats_at_once_but_not_what_was_just_sent(lone):
    one = lone()
    one.session.send(1, [bytes(4000)], now=0)
    one.sent()
    one.now = 10 * MILLISECOND
    one.ack(1, 1000, highest=1)
    nack = pdus.nack([(2000, 3000)])
    one.receive(DepType.NACK, nack, message_id=1)
    assert [header.offset for header, *_ in one.sent()] == [2000]
    one.receive(DepType.NACK, nack, message_id=1)
    assert one.sent() == []


def test_probes_back_off_and_end_with_peer_lost(lone):
    one = lone()
    one.session.send(1, [bytes(2000)], now=0)
    one.sent()
    times, before = [], one.now
    while not (events := one.events()):
        one.now = one.session.next_deadline()
        one.session.advance(one.now)
        probes = one.sent()
        if probes:
            assert all(header.ack_requested for header, *_ in probes)
            times.append(one.now - before)
            before = one.now
    assert events == [MessageFailed(1, 1, False, Cause.PEER_LOST)]
    assert len(times) == MAXIMUM_PROBES
    assert times[1] >= 1.9 * times[0]
    assert times == sorted(times)
    assert times[-1] == 1 * SECOND
    assert one.session.next_deadline() is None


def test_packet_numbers_are_fresh_on_every_transmission(lone):
    one = lone()
    one.session.send(1, [bytes(2000)], now=0)
    numbers = []
    for _ in range(5):
        numbers += [number for _, _, number, _ in one.sent()]
        one.now = one.session.next_deadline()
        one.session.advance(one.now)
    assert numbers == list(range(1, len(numbers) + 1))


def test_busy_sets_the_timer_back_for_ever(lone):
    one = lone()
    one.session.send(1, [bytes(5000)], now=0)
    one.sent()
    one.ack(1, 4000, highest=4)
    for _ in range(3 * MAXIMUM_PROBES):
        one.receive(DepType.BUSY, bytes(4), message_id=1)
        assert one.session.next_deadline() > one.now + BUSY_DELAY
        one.now = one.session.next_deadline()
        one.session.advance(one.now)
        ((header, length, _, payload),) = one.sent()
        assert (length, payload, header.ack_requested) == (5000, b"", 1)
    assert one.events() == []


def test_errors_of_the_receiver_end_the_message(lone):
    one = lone()
    one.session.send(1, [bytes(2000)], now=0)
    one.session.send(1, [b"next"], now=0)
    one.sent()
    one.receive(DepType.ERROR, pdus.error(Cause.OVERLAPPING_DATA, 0), message_id=1)
    one.receive(DepType.ERROR, pdus.error(Cause.CREDIT_VIOLATION, 0), message_id=2)
    assert one.events() == [MessageFailed(1, 1, False, Cause.OVERLAPPING_DATA)]
    assert one.session.drops == {Drop.ERROR_WITHOUT_CONSEQUENCE: 1}
    assert one.controls() == []


def test_an_unreliable_flow_repeats_no_data(lone):
    one = lone()
    one.session.send(3, [bytes(4000)], now=0)
    one.sent()
    one.now = 10 * MILLISECOND
    one.ack(1, 1000, highest=4, arrived=b"\x00\x00\x01", qfi=3)
    one.wait(UNRELIABLE_LIFETIME - MILLISECOND)
    assert one.sent() == []
    one.wait(MILLISECOND)
    assert one.events() == [MessageFailed(3, 1, False, Cause.TIMEOUT)]


def test_control_for_unknown_messages_is_dropped(lone):
    one = lone()
    grant(one, 5, 1000)
    one.ack(5, 0, highest=0)
    one.receive(DepType.BUSY, bytes(4), message_id=5)
    one.receive(DepType.NACK, pdus.nack([(0, 10)]), message_id=5)
    assert one.session.drops == {Drop.UNKNOWN_MESSAGE: 4}


def test_packet_numbers_wrap_around(path):
    net = path()
    for session in net.sessions:
        session._senders[1]._next_number = session._senders[1]._highest = (1 << 32) - 50
        session._senders[1]._next_number += 1
        session._receivers[1]._highest = (1 << 32) - 50
    net.left[0].send(1, [bytes(300_000)], now=0)
    net.settle()
    assert len(net.received(net.right[0])) == 1
    assert net.left[0].segments_repeated == 0
    assert net.left[0]._senders[1]._highest > 1 << 32
