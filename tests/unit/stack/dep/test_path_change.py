"""PATH: a session goes on over another bearer, link or relay, and no tensor starts again."""

from __future__ import annotations

import random

import pytest

from net4ai.codecs.causes import Cause
from net4ai.codecs.common import FlowMapping
from net4ai.codecs.dep import DepType, PathBody, PathReason
from net4ai.codecs.errors import DecodeError
from net4ai.stack.dep import pdus
from net4ai.stack.dep.constants import ANSWER_WAIT, ANSWER_WAIT_MAXIMUM, UNANSWERED_REPETITIONS
from net4ai.stack.dep.errors import FlowsDiffer
from net4ai.stack.dep.events import MessageFailed, SessionClosed
from net4ai.stack.dep.path_change import Age, PathChange
from net4ai.stack.drops import Drop
from net4ai.stack.units import MILLISECOND, SECOND

REESTABLISHED = PathReason.REESTABLISHED


def path_pdu(sequence: int, answer: bool = False) -> bytes:
    return PathBody(sequence=sequence, reason=REESTABLISHED, answer=answer).to_bytes()


def test_data_waits_until_path_is_answered(lone):
    one = lone()
    one.session.send(1, [bytes(2000)], now=0)
    assert [payload for _, _, _, payload in one.sent()] == [bytes(1000)] * 2
    one.receive(DepType.PING, bytes(4))
    one.session.path_changed(REESTABLISHED, 0)
    one.session.send(1, [b"later"], now=0)
    (first, path), (second, _) = one.controls()
    assert (first.type, first.qfi, path) == (DepType.PATH, 1, PathBody(sequence=1, reason=REESTABLISHED, answer=False))
    assert second.type == DepType.PONG  # PATH is the first PDU on the new path
    assert one.sent() == []
    one.ack(1, 1000, 1)
    assert one.sent() == []
    one.receive(DepType.PATH, path_pdu(1, answer=True))
    # What the ACK told is not sent again, all else is.
    assert [(header.message_id, header.offset) for header, *_ in one.sent()] == [(1, 1000), (2, 0)]
    one.wait(10 * ANSWER_WAIT)
    assert DepType.PATH not in one.control_types()


def test_path_is_repeated_with_back_off_and_given_up(lone):
    one = lone()
    one.session.send(1, [bytes(2000)], now=0)
    one.sent()
    one.session.path_changed(REESTABLISHED, 0)
    assert one.control_types() == [DepType.PATH]
    times = []
    while one.session.is_open:
        one.now = one.session.next_deadline()
        one.session.advance(one.now)
        times.append(one.now)
        # No other timer runs: the end of the last one closes the session.
        assert one.control_types() == [DepType.PATH] * one.session.is_open
        assert one.sent() == []
    assert len(times) == UNANSWERED_REPETITIONS + 1
    gaps = [after - before for before, after in zip([0, *times], times, strict=False)]
    assert gaps[:5] == [ANSWER_WAIT, 2 * ANSWER_WAIT, 4 * ANSWER_WAIT, 8 * ANSWER_WAIT, ANSWER_WAIT_MAXIMUM]
    assert max(gaps) == ANSWER_WAIT_MAXIMUM
    assert one.events() == [MessageFailed(1, 1, False, Cause.PEER_LOST), SessionClosed(Cause.PEER_LOST)]
    assert one.session.next_deadline() is None


def test_the_receiver_tells_what_it_holds_and_then_answers(lone):
    one = lone()
    one.data(1, 0, 3000, bytes(1000), qfi=2)
    one.data(2, 1000, 50_000, bytes(1000), qfi=2)
    one.data(3, 0, 10, bytes(10), qfi=2)
    assert one.control_types() == [DepType.ACK] * 3 + [DepType.GRANT]
    one.receive(DepType.PATH, path_pdu(7), qfi=2)
    told = one.controls()
    assert [(DepType(header.type).name, header.message_id, header.offset) for header, _ in told] == [
        ("ACK", 1, 1000),
        ("ACK", 2, 0),
        ("GRANT", 2, 0),
        ("PATH", 0, 0),
    ]
    assert told[1][1].map == b"\x40"
    assert (told[-1][0].qfi, told[-1][1]) == (2, PathBody(sequence=7, reason=REESTABLISHED, answer=True))
    one.receive(DepType.PATH, path_pdu(7), qfi=2)  # the answer was lost
    assert one.control_types() == [DepType.ACK, DepType.ACK, DepType.GRANT, DepType.PATH]
    one.receive(DepType.PATH, path_pdu(6), qfi=2)  # an old one is answered, and that is all
    ((_, body),) = one.controls()
    assert (body.sequence, body.answer) == (6, True)


def test_only_a_newer_path_of_the_peer_lets_the_other_direction_go_on_at_once(lone):
    one = lone()
    one.session.send(1, [bytes(2000)], now=0)
    assert len(one.sent()) == 2
    one.receive(DepType.PATH, path_pdu(3))
    assert [header.offset for header, *_ in one.sent()] == [0, 1000]
    for sequence in (3, 2):
        one.receive(DepType.PATH, path_pdu(sequence))
        assert one.sent() == []
    one.receive(DepType.PATH, path_pdu(4))
    assert [header.offset for header, *_ in one.sent()] == [0, 1000]


def test_both_ends_ask_at_once(lone):
    one = lone()
    one.session.send(1, [bytes(2000)], now=0)
    assert len(one.sent()) == 2
    one.session.path_changed(REESTABLISHED, 0)
    one.receive(DepType.PATH, path_pdu(8))
    assert [(header.type, body.answer) for header, body in one.controls()] == [
        (DepType.PATH, False),
        (DepType.PATH, True),
    ]
    assert one.sent() == []  # the peer has not said yet what it holds
    assert [sender.next_deadline() for sender in one.session._senders.values()] == [None] * 3
    one.receive(DepType.PATH, path_pdu(1, answer=True))
    assert [header.offset for header, *_ in one.sent()] == [0, 1000]


def test_a_message_under_credit_is_announced_where_it_stands(lone):
    """What was granted on the old path is void; a relay that is new to the message learns what has arrived."""
    one = lone()
    one.session.send(2, [bytes(20_000)], now=0)
    assert len(one.sent()) == 5
    one.receive(DepType.GRANT, pdus.grant(12_000), qfi=2, message_id=1)
    assert len(one.sent()) == 8
    one.ack(1, 7000, 13, b"\x00\x01", qfi=2)
    one.session.path_changed(REESTABLISHED, 0)
    one.receive(DepType.PATH, path_pdu(1, answer=True))
    assert [(header.offset, len(payload)) for header, *_, payload in one.sent()] == [(7000, 0)]
    one.receive(DepType.GRANT, pdus.grant(10_000), qfi=2, message_id=1)
    assert [header.offset for header, *_ in one.sent()] == [7000, 9000]
    one.receive(DepType.GRANT, pdus.grant(20_000), qfi=2, message_id=1)
    assert [header.offset for header, *_ in one.sent()] == [10_000 + 1000 * number for number in range(10)]


def test_a_receiver_grants_again_what_is_asked_for_again(lone):
    one = lone()
    one.data(1, 0, 50_000, bytes(1000), qfi=2)
    ((_, grant),) = one.controls()
    one.data(1, 2000, 50_000, bytes(1000), qfi=2)
    one.wait(10 * MILLISECOND)
    one.controls()
    one.data(1, 1000, 50_000, b"", qfi=2)
    ((_, again),) = one.controls()
    assert again.limit >= grant.limit


def test_what_waits_to_go_out_over_the_old_path_goes_by_the_new_one(lone):
    one = lone()
    for qfi in (1, 2):
        one.session.send(qfi, [bytes(2000)], now=0)
    one.sent()
    one.wait(SECOND)
    (probe,) = list(one.session.data_to_send(one.now, 1, qfi=1))
    assert (probe.bearer, probe.segments) == (1, 1)
    flows = [FlowMapping(qfi=1, bearer=9), *list(one.session.flows.values())[1:]]
    one.session.path_changed(PathReason.BEARER_CHANGED, one.now, flows)
    one.receive(DepType.PATH, path_pdu(1, answer=True))
    bursts = list(one.session.data_to_send(one.now, 1 << 20))
    assert {burst.qfi: (burst.bearer, burst.segments) for burst in bursts} == {1: (9, 2), 2: (1, 2)}
    assert len(bursts) == 2


def test_answers_to_nothing_are_dropped(lone):
    one = lone()
    one.receive(DepType.PATH, path_pdu(1, answer=True))
    one.session.path_changed(REESTABLISHED, 0)
    one.session.path_changed(REESTABLISHED, 0)
    one.receive(DepType.PATH, path_pdu(1, answer=True))  # the first question is void
    one.session.send(1, [b"x"], now=0)
    assert one.sent() == []
    one.receive(DepType.PATH, path_pdu(2, answer=True))
    one.receive(DepType.PATH, path_pdu(2, answer=True))
    assert one.session.drops == {Drop.ANSWERS_NOTHING: 3}
    assert len(one.sent()) == 1


@pytest.mark.parametrize("broken", [b"", bytes(3), bytes(5)])
def test_a_broken_path_is_dropped(lone, broken):
    one = lone()
    one.receive(DepType.PATH, broken)
    assert one.session.drops == {Drop.MALFORMED: 1}
    with pytest.raises(DecodeError):
        PathBody.from_bytes(broken)


def test_reserved_flags_and_unknown_reasons_do_no_harm(lone):
    one = lone()
    one.receive(DepType.PATH, bytes([0, 9, 200, 0x7F]))
    ((_, body),) = one.controls()
    assert (body.sequence, body.reason, body.answer) == (9, 200, True)


def test_sequence_numbers_wrap_around():
    change = PathChange()
    assert [change.hear(sequence) for sequence in (65_000, 65_000, 64_999, 65_535, 0, 65_535, 100, 33_000)] == [
        Age.NEWER,
        Age.SAME,
        Age.OLDER,
        Age.NEWER,
        Age.NEWER,
        Age.OLDER,
        Age.NEWER,
        Age.OLDER,
    ]
    for _ in range(1 << 16):
        change.begin(REESTABLISHED, 0)
    assert change.question().sequence == 0
    assert change.take_answer(0)
    assert not change.take_answer(0)


def test_flows_move_to_other_bearers(lone):
    one = lone()
    flows = {
        qfi: FlowMapping(qfi=qfi, bearer=mapping.bearer, reliable=mapping.reliable, ordered=mapping.ordered)
        for qfi, mapping in one.session.flows.items()
    }
    one.receive(DepType.PING, bytes(4), qfi=2)
    flows[2] = FlowMapping(qfi=2, bearer=9, ordered=False)
    one.session.path_changed(PathReason.BEARER_CHANGED, 0, flows.values())
    controls = one.session.control_to_send(0)
    assert [(bearer, pdus.header(pdu).type) for bearer, pdu in controls] == [(9, DepType.PATH), (9, DepType.PONG)]
    one.receive(DepType.PATH, path_pdu(1, answer=True), qfi=2)
    for qfi in (1, 2):
        one.session.send(qfi, [b"x"], now=0)
    assert {burst.qfi: burst.bearer for burst in one.session.data_to_send(0, 1000)} == {1: 1, 2: 9}
    one.session.close(Cause.NORMAL, 0)
    one.session.path_changed(PathReason.BEARER_CHANGED, 0, [*list(flows.values())[1:], FlowMapping(qfi=1, bearer=5)])
    assert [bearer for bearer, _ in one.session.control_to_send(0)] == [5]  # CLOSE
    assert one.session.flows[1].bearer == 5


def test_flows_must_stay_what_they_are(lone):
    one = lone()
    before = dict(one.session.flows)
    for flows in (
        [],
        [before[1], before[2]],
        [*before.values(), FlowMapping(qfi=4, bearer=1)],
        [before[1], before[2], FlowMapping(qfi=3, bearer=1)],
        [before[1], FlowMapping(qfi=2, bearer=1), before[3]],
    ):
        with pytest.raises(FlowsDiffer, match="allowed"):
            one.session.path_changed(PathReason.BEARER_CHANGED, 0, flows)
        assert one.session.flows == before
        assert one.controls() == []


@pytest.mark.parametrize("unscheduled", [0, 4000, 10_000])
@pytest.mark.parametrize("other_relays", [False, True])
@pytest.mark.parametrize("relays", [0, 1, 2])
def test_no_restart_of_a_tensor(path, faults, permit, relays, other_relays, unscheduled):
    """Half a tensor has arrived when the path breaks, in both directions; one end hears of the new path."""
    net = path(relays, permitted=permit(unscheduled=unscheduled), faults=faults(delay=2 * MILLISECOND))
    left, right = net.left[0], net.right[0]
    body = random.Random(relays).randbytes(1_000_000)
    left.send(1, [body], now=0)
    right.send(1, [body], now=0)
    net.run(until=lambda: left.segments_sent > 600 and right.segments_sent > 600)
    net.lose_all()
    in_flight = [sum(message.in_flight for message in session._senders[1].open.values()) for session in net.sessions]
    net.run(seconds=0.1)
    net.lose_all()
    if other_relays:
        net.replace_relays()
    net.change_path(left)
    net.settle()
    for session, lost in zip(net.sessions, in_flight, strict=True):
        assert [event.body for event in net.received(session)] == [body]
        assert session.segments_repeated <= lost + 16
        assert session.segments_sent <= 1000 + lost + 16
    violations = [switch.drops[Drop.CREDIT_VIOLATION] for switch in net.switches.values()]
    assert not any(violations)
    net.run(seconds=300)
    net.assert_nothing_left()


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("relays", [0, 1, 2])
def test_many_changes_on_a_bad_path(path, faults, relays, seed):
    loss = faults(loss=0.3 / (relays + 1), duplicate=0.05, delay=2 * MILLISECOND, jitter=8 * MILLISECOND)
    net = path(relays, seed=seed, faults=loss, batches=bool(seed % 2))
    source = random.Random(seed)
    sent = {session: [source.randbytes(size) for size in (0, 70_000, 999, 5000, 120_000)] for session in net.sessions}
    for session, bodies in sent.items():
        for body in bodies:
            session.send(1, [body], now=0)
    for _ in range(6):
        net.run(seconds=source.random() / 2)
        if source.random() < 0.5:
            net.lose_all()
            net.replace_relays()
        for session in source.choice([net.left, net.right, net.sessions]):
            net.change_path(session)
    net.settle()
    for session, other in ((net.left[0], net.right[0]), (net.right[0], net.left[0])):
        assert [bytes(event.body) for event in net.received(other)] == sent[session]
    net.run(seconds=300)
    net.assert_nothing_left()


def test_closing_while_path_waits(lone):
    one = lone()
    one.session.path_changed(REESTABLISHED, 0)
    one.controls()
    one.session.close(Cause.CANCELLED, 0)
    one.wait(60 * SECOND)
    assert DepType.PATH not in one.control_types()
    one.receive(DepType.PATH, path_pdu(1, answer=True))
    assert one.session.drops == {Drop.SESSION_CLOSED: 1}
    one.session.path_changed(REESTABLISHED, one.now)
    assert one.controls() == []
    assert one.session.next_deadline() is None
