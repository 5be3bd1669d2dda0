"""Sealed messages through whole sessions: over relays and faulty links, damaged on the way, and with the wrong keys."""

from __future__ import annotations

import random
from collections.abc import Callable

import numpy as np
import pytest

from net4ai.codecs.causes import Cause
from net4ai.codecs.dep import DepType
from net4ai.codecs.message import Message, encode_message
from net4ai.stack.dep import pdus
from net4ai.stack.dep.constants import (
    ACK_DELAY,
    ALIGNMENT,
    KEY_WAIT,
    RECORD_FAILURES,
    RECORD_SIZE_MINIMUM,
    REMEMBERED_MESSAGES,
    SILENCE,
)
from net4ai.stack.dep.errors import KeyExhausted, KeyRefused, MessageTooLarge, NotSealable
from net4ai.stack.dep.events import MessageAcknowledged, MessageFailed
from net4ai.stack.dep.records import Place, Sealer
from net4ai.stack.drops import Drop
from net4ai.stack.units import MILLISECOND, SECOND

UP, DOWN, NEXT = bytes(range(32)), bytes(range(32, 64)), bytes(range(64, 96))
SIZES = [0, 1, 900, 4000, 65_536, 150_000, 64, 300_000, 7]
SEGMENT = 1000


def message(octets: int, seed: int = 1) -> bytes:
    return encode_message(Message(tag=3, data=random.Random(seed).randbytes(octets)))


def seal(net, record_size: int = RECORD_SIZE_MINIMUM, key: bytes = UP, epoch: int = 1) -> None:
    """Keys for both directions of all sessions."""
    for left, right in zip(net.left, net.right, strict=True):
        left.records.seal_with(key, epoch, record_size)
        right.records.open_with(key, epoch, net.now)
        right.records.seal_with(DOWN, epoch, record_size)
        left.records.open_with(DOWN, epoch, net.now)


@pytest.mark.parametrize("batches", [False, True])
@pytest.mark.parametrize("relays", [0, 2])
def test_a_clean_path(path, relays, batches):
    net = path(relays, batches=batches)
    seal(net)
    left, right = net.left[0], net.right[0]
    wire = []
    net.mutate = lambda data: wire.append(bytes(data))
    sent = [message(octets, seed) for seed, octets in enumerate(SIZES)]
    ids = [left.send(1, [body[:64], body[64:]], now=net.now) for body in sent]
    net.settle()
    received = net.received(right)
    assert [event.message_id for event in received] == ids
    assert [bytes(event.body) for event in received] == sent
    for event in received:
        assert np.frombuffer(event.body, np.uint8).ctypes.data % ALIGNMENT == 0
        event.body[0] = 0
    acknowledged = [event.message_id for event in net.events[left] if isinstance(event, MessageAcknowledged)]
    assert sorted(acknowledged) == ids
    assert left.segments_repeated == 0
    assert not left.drops and not right.drops
    assert not any(sent[5][at : at + 24] in data for data in wire for at in (64, 70_000, 150_000))
    net.assert_nothing_left()


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("loss", [0.01, 0.2])
@pytest.mark.parametrize("relays", [0, 1])
def test_a_faulty_path(path, faults, relays, loss, seed):
    fault = faults(loss=loss, duplicate=0.05, delay=2 * MILLISECOND, jitter=8 * MILLISECOND)
    net = path(relays, seed=seed, faults=fault, batches=bool(seed % 2))
    seal(net)
    expected = {}
    for source, target in ((net.left[0], net.right[0]), (net.right[0], net.left[0])):
        for qfi in (1, 2):
            bodies = [message(octets, seed * 10 + qfi + octets) for octets in SIZES]
            for body in bodies:
                source.send(qfi, [body], now=net.now)
            expected[target, qfi] = sorted(bodies)
    net.settle()
    for (session, qfi), bodies in expected.items():
        assert sorted(bytes(event.body) for event in net.received(session) if event.qfi == qfi) == bodies
        assert not {Drop.RECORD_TAG, Drop.NOT_SEALED, Drop.RECORD_REPLAY} & set(session.drops)
    net.assert_nothing_left()


# --- Damage on the way ---


def damage(net, wanted: Callable[[pdus.Header], bool], at: int, times: int = 1) -> list[int]:
    """One octet of the payload of DATA that is wanted changes, so many times. Gives a list of the offsets it hit."""
    hit: list[int] = []

    def mutate(data: bytearray) -> None:
        header = pdus.header(data, 8)
        if header.type == DepType.DATA and len(data) > 32 + at and wanted(header) and len(hit) < times:
            data[32 + at] ^= 0x40
            hit.append(header.offset)

    net.mutate = mutate
    return hit


@pytest.mark.parametrize(
    ("offset", "at"),
    [
        *((0, octet) for octet in (0, 4, 7, 24, 40, 63)),  # prefix: magic, record size, length, a dimension
        *((0, octet) for octet in (64, 65, 68, 72, 76)),  # head: version, last, epoch, length, sequence
        *((offset, 500) for offset in (0, 1000, 65_000, 66_000, 130_000, 149_000)),
        (65_000, 620),  # tag of the first record: 65600 to 65615
        (150_000, 150),
    ],
)
def test_what_fails_its_tag_is_asked_for_again(path, offset, at):
    net = path()
    seal(net)
    left, right = net.left[0], net.right[0]
    body = message(150_100)
    hit = damage(net, lambda header: header.offset == offset, at)
    left.send(1, [body], now=net.now)
    net.settle()
    assert hit == [offset]
    assert [bytes(event.body) for event in net.received(right)] == [body]
    assert any(isinstance(event, MessageAcknowledged) for event in net.events[left])
    refused = sum(right.drops[reason] for reason in (Drop.RECORD_TAG, Drop.NOT_SEALED, Drop.RECORD_EPOCH))
    assert refused == 1
    assert 0 < left.segments_repeated < 2 * RECORD_SIZE_MINIMUM // SEGMENT
    net.assert_nothing_left()


def test_a_record_that_keeps_failing_ends_the_message(path):
    net = path()
    seal(net)
    left, right = net.left[0], net.right[0]
    hit = damage(net, lambda header: header.offset == 70_000 and header.message_id == 1, 5, times=100)
    left.send(1, [message(150_000)], now=net.now)
    other = message(900)
    left.send(1, [other], now=net.now)
    net.settle()
    assert len(hit) == RECORD_FAILURES + 1
    assert right.drops[Drop.RECORD_TAG] == RECORD_FAILURES + 1
    assert MessageFailed(1, 1, False, Cause.INTEGRITY_FAILURE) in net.events[left]
    assert [bytes(event.body) for event in net.received(right)] == [other]
    net.assert_nothing_left()


def test_nothing_is_asked_for_again_where_nothing_is_repeated(path):
    net = path()
    seal(net)
    left, right = net.left[0], net.right[0]
    damage(net, lambda header: header.offset == 1000, 5)
    left.send(3, [message(3000)], now=net.now)
    net.run(seconds=5)
    assert right.drops[Drop.RECORD_TAG] == 1
    assert not net.received(right)
    assert MessageFailed(3, 1, False, Cause.INTEGRITY_FAILURE) in net.events[left]


def test_a_forged_segment_before_the_true_one(lone):
    """A message in plain would be dropped as a whole. Here the tag tells which was right."""
    one = lone()
    one.session.records.open_with(UP, 1, 0)
    body = message(2500)
    sealed = bytes(Sealer(UP, 1).seal(Place(1, False, 1), [body]))
    one.data(1, 1000, len(sealed), bytes(SEGMENT))
    for at in range(0, len(sealed), SEGMENT):
        one.data(1, at, len(sealed), sealed[at : at + SEGMENT])
    assert one.session.drops == {Drop.OVERLAPPING_DATA: 1, Drop.RECORD_TAG: 1}
    nacks = [body for header, body in one.controls() if header.type == DepType.NACK]
    assert nacks[0].ranges == pdus.nack([(0, 64), (64, len(sealed))])
    assert not one.events()
    for at in range(0, len(sealed), SEGMENT):
        one.data(1, at, len(sealed), sealed[at : at + SEGMENT])
    (event,) = one.events()
    assert bytes(event.body) == body


def test_it_is_asked_for_again_until_it_comes(lone):
    """The first NACK is lost: silence brings another one."""
    one = lone(budget=1 << 22)
    one.session.records.open_with(UP, 1, 0)
    sealed = bytearray(Sealer(UP, 1, RECORD_SIZE_MINIMUM).seal(Place(1, False, 1), [message(150_000)]))
    sealed[100] ^= 1
    one.data(1, 0, len(sealed), b"")
    for at in range(0, 70_000, SEGMENT):
        one.data(1, at, len(sealed), bytes(sealed[at : at + SEGMENT]))
    ranges = [body.ranges for header, body in one.controls() if header.type == DepType.NACK]
    assert ranges == [pdus.nack([(0, 64), (64, 64 + RECORD_SIZE_MINIMUM + 32)])] or ranges == [
        pdus.nack([(64, 64 + RECORD_SIZE_MINIMUM + 32), (0, 64)])
    ]
    one.wait(SILENCE)
    ranges = [body.ranges for header, body in one.controls() if header.type == DepType.NACK]
    assert ranges == [pdus.nack([(0, 66_000)])]


def test_a_session_that_opens_takes_nothing_in_plain(path):
    net = path()
    left, right = net.left[0], net.right[0]
    right.records.open_with(UP, 1, 0)
    left.send(1, [message(5000)], now=net.now)
    left.send(1, [b"short"], now=net.now)
    left.send(1, [b""], now=net.now)
    net.settle()
    assert not net.received(right)
    assert right.drops[Drop.NOT_SEALED] == RECORD_FAILURES + 1
    assert [event.cause for event in net.events[left] if isinstance(event, MessageFailed)] == [
        Cause.INTEGRITY_FAILURE
    ] * 3
    net.assert_nothing_left()


def test_a_message_under_another_key_fails(path):
    net = path()
    seal(net)
    net.left[0].records._sealer = Sealer(NEXT, 1)
    net.left[0].send(1, [message(100)], now=net.now)
    net.settle()
    assert MessageFailed(1, 1, False, Cause.INTEGRITY_FAILURE) in net.events[net.left[0]]


# --- Acknowledgement ---


def test_only_open_records_are_acknowledged(lone):
    """The offset stays before the first record that is not open; the map says what is here, but for the last."""
    one = lone(budget=1 << 22)
    one.session.records.open_with(UP, 1, 0)
    sealed = bytes(Sealer(UP, 1, RECORD_SIZE_MINIMUM).seal(Place(1, False, 1), [message(150_000)]))
    count = -(-len(sealed) // SEGMENT)

    def arrive(first: int, last: int) -> tuple[int, bytes]:
        for index in range(first, last):
            if index != 80:
                one.data(1, index * SEGMENT, len(sealed), sealed[index * SEGMENT : (index + 1) * SEGMENT])
        one.wait(ACK_DELAY)
        acks = [(header, body) for header, body in one.controls() if header.type == DepType.ACK]
        header, body = acks[-1]
        return header.offset // SEGMENT, bytes(pdus.expand_bits(body.map, body.map_bits))

    one.data(1, 0, len(sealed), b"")
    one.controls()
    assert arrive(0, 60) == (0, bytes([1]) * 60)
    ends = 64 + RECORD_SIZE_MINIMUM + 32
    assert arrive(60, ends // SEGMENT) == (0, bytes([1]) * (ends // SEGMENT))
    behind = ends // SEGMENT
    assert arrive(behind, behind + 1) == (behind, bytes([1]))
    gap = bytes([1]) * (80 - behind) + bytes(1)
    assert arrive(behind + 1, count) == (behind, gap + bytes([1]) * (count - 82))
    one.data(1, 80 * SEGMENT, len(sealed), sealed[80 * SEGMENT : 81 * SEGMENT])
    ((header, _),) = [(header, body) for header, body in one.controls() if header.type == DepType.ACK]
    assert header.offset == len(sealed)
    assert bytes(one.events()[0].body) == message(150_000)


def test_what_an_ack_had_is_sent_again_when_asked_for(lone):
    """Of sealed messages alone: a NACK may be older than the ACK."""
    for sealed in (False, True):
        one = lone(budget=1 << 22)
        if sealed:
            one.session.records.seal_with(UP, 1)
        one.session.send(1, [message(3000)], now=0)
        segments = one.sent()
        one.now += SECOND
        one.ack(1, 0, 3, bytes([1, 1, 1]))
        assert not one.sent()
        one.receive(DepType.NACK, pdus.nack([(1000, 2000)]), message_id=1)
        again = one.sent()
        assert [header.offset for header, *_ in again] == ([1000] if sealed else [])
        assert [segment[3] for segment in again] == ([segments[1][3]] if sealed else [])
        one.ack(1, len(segments) and segments[0][1], 3 + len(again))
        assert MessageAcknowledged(1, 1, False) in one.events()


def test_credit_is_given_back_once(lone):
    one = lone(budget=1 << 20)
    one.session.records.open_with(UP, 1, 0)
    good = bytes(Sealer(UP, 1, RECORD_SIZE_MINIMUM).seal(Place(1, False, 1), [message(150_000)]))
    bad = bytearray(good)
    bad[70_000] ^= 1
    one.data(1, 0, len(good), b"")
    for source, first, last in ((bad, 0, 140_000), (good, 65_000, 132_000)):
        for at in range(first, last, SEGMENT):
            one.data(1, at, len(good), bytes(source[at : at + SEGMENT]))
    one.controls()
    (claim,) = one.budget._claims
    assert claim.arrived == 140_000
    assert one.session.drops[Drop.RECORD_TAG] == 1
    for at in range(140_000, len(good), SEGMENT):
        one.data(1, at, len(good), good[at : at + SEGMENT])
    assert bytes(one.events()[0].body) == message(150_000)
    assert one.budget.reserved == 0 and not one.budget._claims


# --- Keys ---


def test_a_new_epoch_in_the_middle(path, faults):
    net = path(1, faults=faults(loss=0.05, jitter=5 * MILLISECOND), seed=5)
    seal(net)
    left, right = net.left[0], net.right[0]
    sent = [message(octets, octets) for octets in (100_000, 50, 200_000, 80)]
    for index, body in enumerate(sent):
        if index == 2:
            right.records.open_with(NEXT, 2, net.now)
            left.records.seal_with(NEXT, 2)
        left.send(1, [body], now=net.now)
    net.settle()
    assert [bytes(event.body) for event in net.received(right)] == sent
    net.assert_nothing_left()


def test_records_wait_for_their_key(path):
    net = path()
    seal(net)
    left, right = net.left[0], net.right[0]
    left.records.seal_with(NEXT, 2)
    body = message(150_000)
    left.send(1, [body], now=net.now)
    net.run(seconds=0.9)
    assert not net.received(right) and set(right.drops) <= {Drop.DUPLICATE}
    assert right.drops[Drop.DUPLICATE] < 40  # the sender asks after the last segment, now and then
    right.records.open_with(NEXT, 2, net.now)
    net.settle()
    assert [bytes(event.body) for event in net.received(right)] == [body]
    net.assert_nothing_left()


def test_a_key_that_never_comes(path):
    """The message fails at both ends, after as many waits as it may have damaged records."""
    net = path()
    seal(net)
    left, right = net.left[0], net.right[0]
    left.records.seal_with(NEXT, 2)
    left.send(1, [message(900)], now=net.now)
    net.settle()
    assert net.events[left] == [MessageFailed(1, 1, False, Cause.INTEGRITY_FAILURE)]
    assert not net.received(right)
    assert right.drops[Drop.RECORD_EPOCH] == RECORD_FAILURES + 1
    assert RECORD_FAILURES * KEY_WAIT < net.now < (RECORD_FAILURES + 3) * KEY_WAIT
    net.assert_nothing_left()


def test_keys_that_are_refused(lone):
    records = lone().session.records
    records.seal_with(UP, 5)
    for epoch in (5, 4):
        with pytest.raises(KeyRefused, match="allowed: more than 5"):
            records.seal_with(NEXT, epoch)
    with pytest.raises(KeyRefused, match="one for each"):
        records.open_with(UP, 5, 0)
    records.open_with(DOWN, 6, 0)
    with pytest.raises(KeyRefused, match="one for each"):
        records.seal_with(DOWN, 6)
    records.open_with(UP, 7, 0)  # under another epoch it is another key


def test_what_cannot_be_sealed_is_not_sent(lone, permit):
    one = lone(permit(maximum_message=10_000))
    one.session.records.seal_with(UP, 1)
    with pytest.raises(NotSealable):
        one.session.send(1, [b"no prefix"], now=0)
    with pytest.raises(MessageTooLarge, match="10028 octets"):
        one.session.send(1, [message(10_028 - 96)], now=0)
    one.session.records._sealer.octets = 1 << 40
    with pytest.raises(KeyExhausted):
        one.session.send(1, [message(5)], now=0)
    one.session.records.seal_with(NEXT, 2)
    assert one.session.send(1, [message(10_000 - 96)], now=0) == 1


def test_a_message_that_was_opened_before_is_refused(lone):
    """As the opener knows it: also where DEP has forgotten."""
    one = lone()
    one.session.records.open_with(UP, 1, 0)
    sealed = bytes(Sealer(UP, 1).seal(Place(2, False, 9), [message(50)]))
    one.data(9, 0, len(sealed), sealed, qfi=2)
    assert len(one.events()) == 1
    one.session._receivers[2]._finished[False].__init__()
    one.data(9, 0, len(sealed), sealed, qfi=2)
    assert not one.events()
    assert one.session.drops == {Drop.RECORD_REPLAY: 1}


def test_forged_messages_do_not_move_the_window(lone):
    one = lone()
    one.session.records.open_with(UP, 1, 0)
    for message_id in range(100, 100 + 2 * REMEMBERED_MESSAGES):
        one.data(message_id, 0, 96, bytes(96), qfi=3)
    one.session.records.opener.check(Place(3, False, 1))
