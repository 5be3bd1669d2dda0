"""The life of a session: signs of life, closing, versions, extensions, junk."""

from __future__ import annotations

import random
from collections import Counter

import pytest

from net4ai.codecs.causes import Cause
from net4ai.codecs.dep import DepType, EchoBody
from net4ai.stack.dep import pdus
from net4ai.stack.dep.constants import CLOSE_REPEAT, CLOSE_REPETITIONS, CONTROL_QUEUE
from net4ai.stack.dep.credit import CreditBudget
from net4ai.stack.dep.errors import NoFlows
from net4ai.stack.dep.events import MessageFailed, SessionClosed
from net4ai.stack.dep.session import DepSession
from net4ai.stack.drops import Drop


def test_an_idle_session_waits_for_ever(lone):
    one = lone()
    assert one.session.idle
    assert one.session.next_deadline() is None
    one.session.advance(10**18)
    assert one.events() == one.controls() == one.sent() == []


def test_a_session_without_flows(lone):
    budget = CreditBudget(1 << 18)
    permitted = lone().permitted
    with pytest.raises(NoFlows, match="allowed"):
        DepSession(version=1, send_handle=1, flows={}, send_limits=permitted, receive_limits=permitted, budget=budget)
    assert budget.promised == 0


def test_every_ping_is_answered(lone):
    one = lone()
    one.receive(DepType.PING, EchoBody(echo=0xDEADBEEF).to_bytes(), message_id=3)
    ((header, pong),) = one.controls()
    assert (header.type, header.message_id, pong.echo) == (DepType.PONG, 3, 0xDEADBEEF)
    one.receive(DepType.PONG, EchoBody(echo=1).to_bytes())  # nobody has asked
    assert one.controls() == []
    assert one.session.drops == {Drop.ANSWERS_NOTHING: 1}


def test_closing(path):
    net = path(relays=1)
    left, right = net.left[0], net.right[0]
    left.send(1, [b"x"], now=0)
    net.settle()
    left.send(1, [bytes(100_000)], now=net.now)
    right.send(2, [bytes(100_000)], now=net.now)
    net.run(seconds=0.0025)
    assert not left.idle and not right.idle
    left.close(Cause.CANCELLED, net.now)
    net.run(until=lambda: SessionClosed(Cause.CANCELLED) in net.events[left])
    assert net.events[left][-2:] == [MessageFailed(1, 2, False, Cause.CANCELLED), SessionClosed(Cause.CANCELLED)]
    assert net.events[right][-2:] == [MessageFailed(2, 1, False, Cause.CANCELLED), SessionClosed(Cause.CANCELLED)]
    net.run(seconds=1)
    net.assert_nothing_left()
    for pair in ((0, 1), (2, 1)):
        assert net.budgets[pair].promised == 0


def test_close_is_repeated_and_ends_without_an_answer(lone):
    one = lone()
    one.session.close(Cause.NODE_GOING_DOWN, 0)
    one.session.close(Cause.NORMAL, 0)
    one.wait(CLOSE_REPEAT << (CLOSE_REPETITIONS + 1))
    closes = one.controls()
    assert [body.cause for _, body in closes] == [Cause.NODE_GOING_DOWN] * (CLOSE_REPETITIONS + 1)
    assert one.events() == [SessionClosed(Cause.NODE_GOING_DOWN)]
    one.receive(DepType.CLOSE, pdus.close(Cause.NORMAL))
    assert one.control_types() == [DepType.CLOSE_ACK]
    one.data(1, 0, 1, b"x")
    assert one.session.drops == {Drop.SESSION_CLOSED: 1}
    assert one.events() == []


def test_release_says_nothing(lone):
    one = lone()
    one.session.send(1, [bytes(10_000)], now=0)
    one.data(1, 0, 100_000, bytes(1000))
    one.session.release()
    one.session.release()
    assert one.controls() == one.events() == one.sent() == []
    assert (one.budget.promised, one.budget.reserved) == (0, 0)
    assert one.session.next_deadline() is None


def unknown_session(handle: int) -> bytes:
    """What a node says that does not know a handle."""
    return pdus.pack_header(1, DepType.ERROR, handle=0) + pdus.error(Cause.UNKNOWN_SESSION, handle)


def test_unknown_session_ends_a_session_that_worked_before(lone):
    one = lone()
    one.session.receive(unknown_session(0xABCD), 0)
    assert one.session.is_open  # the peer may not be ready yet
    one.data(1, 0, 1, b"x")
    one.events()
    one.session.receive(unknown_session(0xABCE), 0)
    assert one.session.is_open
    one.session.receive(unknown_session(0xABCD), 0)
    assert one.events() == [SessionClosed(Cause.UNKNOWN_SESSION)]


def test_wrong_version(lone):
    one = lone()
    one.session.receive(pdus.pack_header(2, DepType.DATA, handle=7) + bytes(9), 0)
    assert one.session.drops == {Drop.WRONG_VERSION: 1}
    ((header, error),) = one.controls()
    assert (header.type, header.version, error.cause) == (DepType.ERROR, 1, Cause.VERSION_NOT_SUPPORTED)
    one.session.receive(pdus.pack_header(2, DepType.ERROR, handle=7) + bytes(8), 0)
    assert one.controls() == []


@pytest.mark.parametrize("kind", [0, 13, 14, DepType.EXT])
def test_reserved_types_are_dropped(lone, kind):
    one = lone()
    one.session.receive(bytes([0x10 | kind]) + bytes(40), 0)
    assert one.session.drops == {Drop.RESERVED_TYPE: 1}
    assert one.controls() == []


def test_errors_are_never_answered(lone):
    one = lone()
    for qfi in (1, 9):
        one.receive(DepType.ERROR, pdus.error(Cause.CREDIT_VIOLATION, 0), qfi=qfi, message_id=99)
    one.receive(DepType.ERROR, b"\x00")
    one.session.receive(bytes([0x1B, 0, 1, 1]) + bytes(12) + b"\x80\x01\x00\x00", 0)
    assert one.controls() == []
    assert sum(one.session.drops.values()) == 4


def test_extensions_are_skipped_unless_critical(lone):
    one = lone()
    header = bytearray(pdus.pack_header(1, DepType.PING, handle=7))
    header[3] = 3
    skipped = b"\x01\x02\x00\x00\xff\xff\xff\xff" + b"\x02\x01\x00\x00"
    one.session.receive(bytes(header) + skipped + b"\x01\x02\x03\x04", 0)
    assert one.controls()[0][1].echo == 0x01020304
    critical = b"\x01\x02\x00\x00\xff\xff\xff\xff" + b"\x82\x01\x00\x00"
    one.session.receive(bytes(header) + critical + bytes(4), 0)
    assert one.session.drops == {Drop.UNKNOWN_EXTENSION: 1}
    assert one.controls()[0][1].cause == Cause.UNKNOWN_CRITICAL_EXTENSION
    for broken in (skipped[:8], skipped[:8] + b"\x02\x00\x00\x00", skipped[:8] + b"\x02\x02\x00\x00"):
        one.session.receive(bytes(header) + broken, 0)
    assert one.session.drops[Drop.MALFORMED] == 3


def test_data_may_carry_extensions(lone):
    one = lone()
    header = bytearray(pdus.pack_header(1, DepType.DATA, handle=7, qfi=1, message_id=1))
    header[3] = 1
    one.session.receive(bytes(header) + b"\x02\x01\x00\x00" + bytes([0, 0, 0, 2, 0, 0, 0, 1]) + b"ok", 0)
    assert [bytes(event.body) for event in one.events()] == [b"ok"]


def test_what_waits_to_go_out_is_bounded(lone):
    one = lone()
    for _ in range(2 * CONTROL_QUEUE):
        one.receive(DepType.PING, bytes(4))
    assert len(one.controls()) == CONTROL_QUEUE
    assert one.session.drops == {Drop.CONTROL_QUEUE_FULL: CONTROL_QUEUE}


def test_every_truncation_is_dropped(lone):
    valid = {
        DepType.DATA: bytes(8) + b"x",
        DepType.GRANT: pdus.grant(1000),
        DepType.ACK: pdus.ack(1, 0, 1000, b"\x01\x00\x01"),
        DepType.NACK: pdus.nack([(0, 10)]),
        DepType.PING: bytes(4),
        DepType.PONG: bytes(4),
        DepType.CLOSE_ACK: pdus.close(Cause.NORMAL),
        DepType.ERROR: pdus.error(Cause.NORMAL, 0),
    }
    for kind, body in valid.items():
        pdu = pdus.pack_header(1, kind, handle=7, qfi=1, message_id=1) + body
        for length in range(len(pdu) - (kind is DepType.DATA)):
            one = lone()
            one.session.receive(pdu[:length], 0)
            if kind is DepType.NACK and length == 16:
                continue
            assert sum(one.session.drops.values()) == 1, (kind, length)


SEEDS = range(4)


@pytest.mark.parametrize("seed", SEEDS)
def test_random_octets(lone, permit, seed):
    """20,000 in all: nothing raises, state stays bounded, and the session still works."""
    source = random.Random(seed)
    one = lone(permit(maximum_open=4, maximum_message=20_000))
    for _ in range(20_000 // len(SEEDS)):
        pdu = bytearray(source.randbytes(source.choice([0, 5, 16, 20, 24, 28, 40, 60, 1024])))
        if pdu and source.random() < 0.9:
            pdu[0] = 0x10 | source.choice(list(DepType))
            if pdu[0] == 0x18:
                pdu[0] = 0x11
        if len(pdu) > 24 and source.random() < 0.9:
            pdu[2:4] = bytes([source.choice([1, 2, 3, 1, 2, 3, 9]), source.choice([0, 0, 0, 0, 1, 2])])
            pdu[8:16] = bytes(3) + bytes([source.randrange(6)]) + bytes(2) + source.choice([b"\0\0", b"\x03\xe8"])
            pdu[16:20] = bytes(2) + source.randbytes(2)
        one.session.receive(pdu, one.now)
        one.now += source.choice([0, 0, 1000, 10**6])
        one.session.advance(one.now)
        check_bounds(one)
    assert len(one.session.drops) > 8
    assert one.session.is_open


@pytest.mark.parametrize("seed", range(4))
def test_mutated_traffic(path, permit, seed):
    """Valid PDUs with flipped bits, between two sessions and a relay: nothing raises, state stays bounded."""
    source = random.Random(seed)
    drops: Counter[Drop] = Counter()
    delivered = 0
    while delivered < 2500:
        net = path(relays=1, seed=source.random(), permitted=permit(maximum_open=4), batches=bool(seed % 2))
        net.mutate = lambda pdus: mutate(source, pdus)
        turns = 0
        while all(session.is_open for session in net.sessions) and turns < 50:
            turns += 1
            for session in net.sessions:
                for qfi in (1, 2, 3):
                    session.send(qfi, [source.randbytes(source.choice([0, 1, 1000, 3000, 20_000]))], now=net.now)
            net.run(seconds=1)
            for session in net.sessions:
                assert sum(len(flow.open) + len(flow.held) for flow in session._receivers.values()) <= 4
        delivered += net.delivered
        for machine in [*net.sessions, *net.switches.values()]:
            drops += machine.drops
    assert len(drops) > 12, drops


def mutate(source: random.Random, pdus: bytearray) -> None:
    if source.random() < 0.8:
        return
    for _ in range(source.randrange(1, 4)):
        pdus[source.randrange(8, min(48, len(pdus)))] ^= 1 << source.randrange(8)
    if pdus[8] & 15 in (DepType.CLOSE, DepType.ERROR) and source.random() < 0.9:
        pdus[8] = 0x11
    if source.random() < 0.1:
        del pdus[source.randrange(9, len(pdus)) :]


def check_bounds(one) -> None:
    session, permitted = one.session, one.permitted
    one.events()
    one.controls()
    one.sent()
    open_messages = [message for flow in session._receivers.values() for message in flow.open.values()]
    held = sum(len(flow.held) for flow in session._receivers.values())
    assert len(open_messages) + held <= permitted.maximum_open
    memory = sum(len(message.buffer.view) for message in open_messages)
    assert memory <= permitted.maximum_open * permitted.maximum_message
    assert one.budget.reserved + one.budget.promised <= one.budget.octets
    assert len(session._controls) <= CONTROL_QUEUE
