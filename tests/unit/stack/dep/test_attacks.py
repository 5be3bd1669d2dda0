"""A peer that lies: memory, credit and what is said stay within what was permitted, and the session works on."""

from __future__ import annotations

import random
import struct
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from net4ai.codecs.causes import Cause
from net4ai.codecs.dep import CapsuleBody, DepType, PathBody
from net4ai.stack.dep import pdus
from net4ai.stack.dep.constants import CAPSULES_WAITING, CONTROL_QUEUE, ERROR_BURST, GROWTH, REMEMBERED_MESSAGES
from net4ai.stack.dep.events import MessageAcknowledged, MessageFailed, SessionClosed
from net4ai.stack.drops import Drop
from net4ai.stack.units import MILLISECOND, SECOND

HIGHEST = 0xFFFFFFFF
SEGMENT = 1000
FLAT = 1 << 20
"""Octets an attack may take besides the credit given: the ids that are remembered, what waits to be said."""
MANY = 20_000
SEEDS = range(4)


@contextmanager
def flat_memory(octets: int = FLAT) -> Iterator[None]:
    """What is taken within, at its peak, stays below `octets`."""
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        yield
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak - before < octets


def check_bounds(one) -> None:
    session, permitted = one.session, one.permitted
    flows = session._receivers.values()
    assert sum(len(flow.open) + len(flow.held) for flow in flows) <= permitted.maximum_open
    for flow in flows:
        assert len(flow._final_acks) <= CONTROL_QUEUE
        for message in flow.open.values():
            assert message.reached <= max(message.permitted, permitted.unscheduled)
            assert len(message.buffer.view) <= GROWTH * max(message.permitted, permitted.unscheduled)
    assert one.budget.reserved + one.budget.promised <= one.budget.octets
    assert len(session._controls) <= CONTROL_QUEUE


def still_works(one) -> None:
    """A message each way."""
    one.session.send(2, [b"question"], now=one.now)
    ((header, *_),) = [segment for segment in one.sent() if segment[-1] == b"question"]
    one.ack(header.message_id, 8, one.session._senders[2]._next_number - 1, qfi=2)
    assert MessageAcknowledged(2, header.message_id, False) in one.events()
    one.data(HIGHEST - 1, 0, 6, b"answer", qfi=2)
    assert [bytes(event.body) for event in one.events()] == [b"answer"]


@pytest.mark.parametrize("maximum", [1 << 22, HIGHEST])
@pytest.mark.parametrize("size", [0, SEGMENT])
def test_the_largest_length_there_is(lone, permit, maximum, size):
    one = lone(permit(maximum_message=maximum))
    with flat_memory():
        for message_id in range(1, 50):
            one.data(message_id, 0, HIGHEST, bytes(size), qfi=2)
            check_bounds(one)
    reason = {Drop.MESSAGE_TOO_LARGE} if maximum < HIGHEST else {Drop.TOO_MANY_MESSAGES}
    assert set(one.session.drops) == reason
    one.wait(120 * SECOND)
    assert (one.budget.reserved, one.session.idle) == (0, True)
    one.controls()
    still_works(one)


@pytest.mark.parametrize("length", [0, 1, 999, 1000, 2500, 100_000])
def test_offsets_beyond_the_length(lone, length):
    one = lone()
    one.data(1, 0, 2500, bytes(SEGMENT), qfi=2)
    with flat_memory():
        for offset in (HIGHEST, HIGHEST - 999, 4_294_967_000, length + 1, -(-length // SEGMENT) * SEGMENT + SEGMENT):
            for size in (0, 1, SEGMENT):
                one.data(1, offset, length, bytes(size), qfi=2)
                one.data(2, offset, length, bytes(size), qfi=2)
                check_bounds(one)
    assert set(one.session.drops) <= {Drop.WRONG_SEGMENT, Drop.CREDIT_VIOLATION, Drop.WRONG_LENGTH}
    assert one.events() == []
    still_works(one)


def test_overlap_with_other_octets_costs_the_message_and_no_other(lone):
    one = lone()
    one.data(1, 0, 3000, bytes(SEGMENT), qfi=2)
    one.data(2, 0, 50_000, bytes(SEGMENT), qfi=2)
    one.controls()
    reserved = one.budget.reserved
    assert reserved > 0
    one.data(2, 0, 50_000, b"\x01" * SEGMENT, qfi=2)
    assert one.session.drops == {Drop.OVERLAPPING_DATA: 1}
    ((header, error),) = one.controls()
    assert (header.message_id, error.cause) == (2, Cause.OVERLAPPING_DATA)
    assert one.budget.reserved == 0
    one.data(2, 0, 50_000, bytes(SEGMENT), qfi=2)
    assert one.session.drops[Drop.FAILED_MESSAGE] == 1
    for offset in (SEGMENT, 2 * SEGMENT):
        one.data(1, offset, 3000, bytes(SEGMENT), qfi=2)
    assert [bytes(event.body) for event in one.events()] == [bytes(3000)]


@pytest.mark.parametrize("qfi", [1, 2, 3])
def test_any_number_of_message_ids(lone, qfi):
    one = lone()
    ids = random.Random(qfi)
    with flat_memory():
        for number in range(MANY // 4):
            message_id = ids.choice([number, ids.getrandbits(32), HIGHEST])
            one.data(message_id, 0, 1, b"x", qfi=qfi, response=ids.random() < 0.2)
            check_bounds(one)
            one.events()
            one.controls()
    receiver = one.session._receivers[qfi]
    assert len(receiver._finished[False]) <= REMEMBERED_MESSAGES
    one.wait(300 * SECOND)
    assert one.budget.reserved == 0
    assert one.session.is_open


def test_errors_are_rationed(lone):
    one = lone()
    for number in range(MANY // 10):
        one.data(number, 0, 10, bytes(10), qfi=9)
    assert [header.type for header, _ in one.controls()] == [DepType.ERROR] * ERROR_BURST
    assert one.session.drops == {Drop.FLOW_NOT_CONFIGURED: MANY // 10}


@pytest.mark.parametrize("seed", SEEDS)
def test_grants_acks_and_nacks_of_anything(lone, seed):
    """Messages are under way; the peer answers nonsense. What is sent again stays within the messages."""
    source = random.Random(seed)
    one = lone()
    body = source.randbytes(150_000)
    for qfi in (1, 2, 3):
        one.session.send(qfi, [body], now=0)
    numbers = [0, 1, 5, 999, 1000, 4000, 50_000, 149_000, 150_000, 151_000, HIGHEST - 999, HIGHEST]
    sent = 0
    with flat_memory(4 << 20):
        for _ in range(MANY // len(SEEDS)):
            kind = source.choice([DepType.GRANT, DepType.ACK, DepType.NACK, DepType.BUSY])
            first, second = source.choice(numbers), source.choice(numbers)
            arrived = bytes(source.choice([0, 0, 0, 1]) for _ in range(source.choice([0, 1, 8, 100])))
            told = {
                DepType.GRANT: pdus.grant(first),
                DepType.ACK: pdus.ack(first, second, source.choice([0, 1, SEGMENT, SEGMENT, 65535]), arrived),
                DepType.NACK: pdus.nack([(first, second), (second, first), (0, HIGHEST)]),
                DepType.BUSY: bytes(4),
            }[kind]
            one.receive(
                kind,
                told,
                qfi=source.randrange(1, 4),
                message_id=source.choice([0, 1, 2, HIGHEST]),
                offset=source.choice(numbers),
                response=source.random() < 0.2,
            )
            one.now += source.choice([0, MILLISECOND])
            for header, length, _, payload in one.sent():
                sent += 1
                assert length == len(body)
                assert payload == body[header.offset : header.offset + len(payload)]
            check_bounds(one)
    for sender in one.session._senders.values():
        for message in sender.open.values():
            assert 0 <= message.in_flight <= message.count
            assert message.in_flight == message.states.count(1)
            assert message.acknowledged == message.states.count(3)
    assert sent > 100
    one.session.advance(one.now)
    for _ in range(600):
        one.sent()
        one.wait(SECOND)
    assert not [event for event in one.events() if not isinstance(event, MessageAcknowledged | MessageFailed)]
    assert one.session.idle


def test_a_grant_of_everything_permits_the_message_and_no_more(lone):
    one = lone()
    one.session.send(2, [bytes(10_000)], now=0)
    assert sum(len(payload) for *_, payload in one.sent()) == 4000
    one.receive(DepType.GRANT, pdus.grant(HIGHEST), qfi=2, message_id=1)
    assert sum(len(payload) for *_, payload in one.sent()) == 6000


def test_a_flood_of_paths_and_capsules(lone):
    one = lone()
    one.session.send(2, [bytes(3000)], now=0)
    one.data(1, 1000, 3000, bytes(SEGMENT), qfi=2)
    source = random.Random(1)
    with flat_memory(4 << 20):
        for number in range(MANY // 4):
            sequence, answer = source.getrandbits(16), source.random() < 0.3
            one.receive(DepType.PATH, PathBody(sequence=sequence, reason=0, answer=answer).to_bytes())
            one.receive(DepType.CAPSULE, CapsuleBody(epoch=number, capsule=bytes(source.randrange(1025))).to_bytes())
            assert len(one.session._events) <= CAPSULES_WAITING
            check_bounds(one)
    assert one.session.drops[Drop.CONTROL_QUEUE_FULL] > 0
    assert one.session.drops[Drop.RECEIVER_BACKLOG] > 0
    assert len(one.controls()) == CONTROL_QUEUE
    one.events()
    still_works(one)


def data_pdu(source: random.Random) -> bytes:
    """A valid PDU that fits the messages `busy` has under way."""
    number = source.getrandbits(20)
    kind = source.choice([*list(DepType)[:7], DepType.PATH, DepType.CAPSULE, DepType.ERROR, DepType.DATA, DepType.DATA])
    offset = SEGMENT * source.randrange(4)
    body = {
        DepType.DATA: struct.pack(">II", 20_000, number) + bytes(SEGMENT),
        DepType.GRANT: pdus.grant(source.randrange(20_000)),
        DepType.ACK: pdus.ack(source.randrange(8), 0, SEGMENT, bytes(source.randrange(2) for _ in range(8))),
        DepType.NACK: pdus.nack([(offset, offset + SEGMENT)]),
        DepType.ERROR: pdus.error(source.choice(list(Cause)), 0),
        DepType.PATH: PathBody(sequence=number % 50, reason=1, answer=False).to_bytes(),
        DepType.CAPSULE: CapsuleBody(epoch=number % 50, capsule=b"key").to_bytes(),
    }.get(kind, bytes(4))
    fields = {"qfi": source.randrange(1, 4), "message_id": source.randrange(1, 6), "offset": offset}
    return pdus.pack_header(1, kind, handle=7, response=source.random() < 0.1, **fields) + body


@pytest.mark.parametrize("seed", SEEDS)
def test_mutated_pdus_into_open_messages(lone, permit, seed):
    """20,000 in all, each a valid PDU with up to three bits changed, cut, or with octets behind it."""
    source = random.Random(seed)
    one = lone(permit(maximum_open=4))
    sessions = 0
    for _ in range(MANY // len(SEEDS)):
        if not one.session.is_open or one.session.idle:
            sessions += 1
            one = lone(permit(maximum_open=4))
            for qfi in (1, 2, 3):
                one.session.send(qfi, [bytes(20_000)], now=one.now)
            one.sent()
        pdu = bytearray(data_pdu(source))
        for _ in range(source.randrange(4)):
            pdu[source.randrange(min(len(pdu), 40))] ^= 1 << source.randrange(8)
        if source.random() < 0.05:
            del pdu[source.randrange(len(pdu)) :]
        elif source.random() < 0.05:
            pdu += source.randbytes(source.randrange(20))
        one.session.receive(pdu, one.now)
        one.now += source.choice([0, 1000, MILLISECOND])
        one.session.advance(one.now)
        check_bounds(one)
        one.sent()
        one.session.control_to_send(one.now)
        one.events()
    assert 0 < sessions < MANY // 50
    one.session.close(Cause.NORMAL, one.now)
    one.wait(100 * SECOND)
    assert [event for event in one.events() if isinstance(event, SessionClosed)]
    assert (one.budget.promised, one.budget.reserved) == (0, 0)
