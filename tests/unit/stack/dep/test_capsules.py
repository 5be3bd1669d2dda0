"""CAPSULE: key capsules arrive once, in the order of their epochs, whatever is lost."""

from __future__ import annotations

import random

import pytest

from net4ai.codecs.causes import Cause
from net4ai.codecs.dep import CapsuleBody, DepType
from net4ai.stack.dep.constants import (
    ANSWER_WAIT,
    CAPSULES_WAITING,
    MAXIMUM_CAPSULE,
    MAXIMUM_EPOCH,
    UNANSWERED_REPETITIONS,
)
from net4ai.stack.dep.errors import CapsuleRefused, SessionNotOpen
from net4ai.stack.dep.events import CapsuleReceived, SessionClosed
from net4ai.stack.drops import Drop
from net4ai.stack.units import MILLISECOND, SECOND


def capsule(epoch: int, octets: bytes = b"") -> bytes:
    return CapsuleBody(epoch=epoch, capsule=octets).to_bytes()


def test_the_bounds_are_those_of_the_declaration():
    largest = CapsuleBody(epoch=MAXIMUM_EPOCH, capsule=bytes(MAXIMUM_CAPSULE))
    assert CapsuleBody.from_bytes(largest.to_bytes()) == largest
    with pytest.raises(ValueError, match="capsule"):
        CapsuleBody(epoch=1, capsule=bytes(MAXIMUM_CAPSULE + 1)).to_bytes()


def test_a_capsule_is_taken_once_and_answered_every_time(lone):
    one = lone()
    for _ in range(3):
        one.receive(DepType.CAPSULE, capsule(5, b"key"), qfi=2)
    assert one.events() == [CapsuleReceived(5, b"key")]
    answers = one.controls()
    assert [(header.type, header.qfi, body) for header, body in answers] == [
        (DepType.CAPSULE, 2, CapsuleBody(epoch=5, capsule=b""))
    ] * 3
    assert one.session.drops == {Drop.DUPLICATE: 2}


def test_older_epochs_are_answered_and_dropped(lone):
    one = lone()
    for epoch in (5, 4, MAXIMUM_EPOCH, 0):
        one.receive(DepType.CAPSULE, capsule(epoch, b"key"))
    assert one.events() == [CapsuleReceived(5, b"key"), CapsuleReceived(MAXIMUM_EPOCH, b"key")]
    assert [body.epoch for _, body in one.controls()] == [5, 4, MAXIMUM_EPOCH, 0]
    assert one.session.drops == {Drop.STALE_CAPSULE: 2}


def test_other_octets_under_an_epoch_are_refused(lone):
    one = lone()
    one.receive(DepType.CAPSULE, capsule(0, b"key"))
    one.controls()
    one.receive(DepType.CAPSULE, capsule(0, b"kez"))
    ((header, error),) = one.controls()
    assert (header.type, header.handle, error.cause) == (DepType.ERROR, 0xABCD, Cause.OVERLAPPING_DATA)
    assert one.session.drops == {Drop.CAPSULE_CHANGED: 1}
    assert one.events() == [CapsuleReceived(0, b"key")]
    assert one.session.is_open


def test_capsules_wait_for_the_application_not_in_memory(lone):
    one = lone()
    for epoch in range(2 * CAPSULES_WAITING):
        one.receive(DepType.CAPSULE, capsule(epoch, bytes(MAXIMUM_CAPSULE)))
    assert len(one.controls()) == CAPSULES_WAITING
    assert len(one.events()) == CAPSULES_WAITING
    assert one.session.drops == {Drop.RECEIVER_BACKLOG: CAPSULES_WAITING}
    one.receive(DepType.CAPSULE, capsule(CAPSULES_WAITING, b"repeated"))
    assert one.events() == [CapsuleReceived(CAPSULES_WAITING, b"repeated")]


def test_sending_one_at_a_time(lone):
    one = lone()
    one.session.send_capsule(1, b"one", 0)
    one.session.send_capsule(2, b"two", 0)
    assert [body for _, body in one.controls()] == [CapsuleBody(epoch=1, capsule=b"one")]
    assert not one.session.idle
    one.receive(DepType.CAPSULE, capsule(2))  # has not been sent yet
    assert one.controls() == []
    one.wait(ANSWER_WAIT)
    assert [body.epoch for _, body in one.controls()] == [1]
    one.receive(DepType.CAPSULE, capsule(1))
    assert [body.capsule for _, body in one.controls()] == [b"two"]
    one.receive(DepType.CAPSULE, capsule(1))
    one.receive(DepType.CAPSULE, capsule(2))
    assert one.session.idle
    assert one.session.next_deadline() is None
    assert one.session.drops == {Drop.ANSWERS_NOTHING: 2}
    assert one.events() == []


def test_nobody_answers(lone):
    one = lone()
    one.session.send_capsule(1, b"key", 0)
    one.wait(60 * SECOND)
    assert len(one.controls()) == UNANSWERED_REPETITIONS + 1
    assert one.events() == [SessionClosed(Cause.PEER_LOST)]
    assert one.session.next_deadline() is None
    with pytest.raises(SessionNotOpen):
        one.session.send_capsule(2, b"key", one.now)


def test_what_cannot_be_sent_is_refused(lone):
    one = lone()
    one.session.send_capsule(3, b"key", 0)
    for epoch, octets in [
        (3, b"key"),
        (2, b"key"),
        (-1, b"key"),
        (MAXIMUM_EPOCH + 1, b"key"),
        (4, b""),
        (4, bytes(MAXIMUM_CAPSULE + 1)),
    ]:
        with pytest.raises(CapsuleRefused, match="allowed"):
            one.session.send_capsule(epoch, octets, 0)
    for epoch in range(4, 3 + CAPSULES_WAITING):
        one.session.send_capsule(epoch, b"key", 0)
    with pytest.raises(CapsuleRefused, match="waiting"):
        one.session.send_capsule(99, b"key", 0)


@pytest.mark.parametrize("broken", [b"", bytes(3), bytes(4 + MAXIMUM_CAPSULE + 1)])
def test_a_broken_capsule_is_dropped(lone, broken):
    one = lone()
    one.receive(DepType.CAPSULE, broken)
    assert one.session.drops == {Drop.MALFORMED: 1}
    assert one.controls() == one.events() == []


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("loss", [0.0, 0.1, 0.3])
@pytest.mark.parametrize("relays", [0, 2])
def test_capsules_over_a_bad_path(path, faults, relays, loss, seed):
    fault = faults(loss=loss / (relays + 1), duplicate=0.2, delay=2 * MILLISECOND, jitter=50 * MILLISECOND)
    net = path(relays, seed=seed, faults=fault)
    source = random.Random(seed)
    sent = [CapsuleReceived(epoch, source.randbytes(source.randrange(1, 1024))) for epoch in range(0, 80, 10)]
    for one in net.sessions:
        one.send(1, [bytes(20_000)], now=0)
        for event in sent:
            one.send_capsule(event.epoch, event.octets, net.now)
    net.settle()
    for one in net.sessions:
        assert [event for event in net.events[one] if isinstance(event, CapsuleReceived)] == sent
        assert len(net.received(one)) == 1
    net.run(seconds=300)
    net.assert_nothing_left()
