"""Sessions that end in two processes: found by handle, pumped, kept in time, and gone without trace when removed."""

from __future__ import annotations

import random
from collections.abc import Callable
from hashlib import blake2b
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from net4ai.codecs.causes import Cause
from net4ai.codecs.common import FlowMapping, SessionLimits
from net4ai.codecs.dep import VERSION, DepType, PathReason
from net4ai.codecs.l2 import BearerType
from net4ai.stack import dep_endpoint as module
from net4ai.stack.dep import pdus
from net4ai.stack.dep.constants import ERROR_BURST, ERROR_INTERVAL, SCHEDULED_MINIMUM
from net4ai.stack.dep.credit import CreditBudget
from net4ai.stack.dep.errors import FlowsDiffer, NotEnoughCredit
from net4ai.stack.dep.events import Event, MessageAcknowledged, MessageFailed, MessageReceived, SessionClosed
from net4ai.stack.dep_endpoint import (
    DIGESTED_END,
    OCTETS_PER_TURN,
    DepEndpoint,
    SessionEnd,
    TooManySessions,
    digest,
    limits_of,
)
from net4ai.stack.drops import Drop, DropCounter
from net4ai.stack.hop import Hop, HopName

LIMITS = limits_of(CreditBudget(1 << 20))

FLOWS = (FlowMapping(qfi=1, bearer=1),)


class Process:
    """An end point with one hop to the other process, as a machine."""

    def __init__(self, network: Any, name: str, other: str, budget: int) -> None:
        self.network = network
        self.drops = DropCounter()
        self.budget = CreditBudget(budget)
        self.events: list[tuple[SessionEnd, Event]] = []
        self.endpoint = DepEndpoint(self.budget, network.handle, self.drops, network.trace)
        self.hop = self.hop_to(other)
        network.join(name, self, self.receive)

    def hop_to(self, other: str) -> Hop:
        name = HopName("T4", "", other, {"c_rnti": 9})
        sockets = self.network.sockets("a" if other == "b" else "b")
        return Hop(name, BearerType.FIXED_LINK, 1, (other, 1), (other, 2), sockets, self.drops, self.network.trace)

    def receive(self, data: Any, stride: int, source: Any, bulk: bool, now: int) -> None:
        for dep in self.hop.receive(data, stride, bulk, now):
            self.endpoint.receive(self.hop, *dep, now)

    def pump(self, now: int) -> None:
        self.endpoint.pump(now)

    def next_deadline(self) -> int | None:
        return self.endpoint.next_deadline()

    def add(self, handle: int, send_handle: int, **change: Any) -> SessionEnd:
        arguments: dict[str, Any] = {
            "hop": self.hop,
            "handle": handle,
            "send_handle": send_handle,
            "version": VERSION,
            "flows": FLOWS,
            "send_limits": LIMITS,
            "owner": lambda end, event: self.events.append((end, event)),
            "ids": {"seat": 4},
        }
        return self.endpoint.add(**(arguments | change))

    def received(self) -> list[bytes]:
        return [bytes(event.body) for _, event in self.events if isinstance(event, MessageReceived)]

    def kinds(self) -> list[type[Any]]:
        return [type(event) for _, event in self.events]

    def take(self, pdu: bytes, bearer: int = 1, hop: Hop | None = None) -> None:
        """A PDU has come, from the DEP header on."""
        self.endpoint.receive(hop or self.hop, bearer, bytes(8) + pdu, 8 + len(pdu), self.network.now)

    def assert_nothing_left(self) -> None:
        endpoint = self.endpoint
        assert not endpoint.sessions and not endpoint._by_session and not endpoint._by_send_handle
        assert not endpoint._touched and endpoint.next_deadline() is None
        assert self.budget.promised == self.budget.reserved == 0
        assert not self.budget._claims


class Pair:
    """Processes a and b with sessions between them: session n has handle 100 + n at a, 200 + n at b."""

    def __init__(self, network: Any, budget: int = 1 << 20) -> None:
        self.network = network
        self.a = Process(network, "a", "b", budget)
        self.b = Process(network, "b", "a", budget)

    def session(self, number: int = 0) -> tuple[SessionEnd, SessionEnd]:
        return self.a.add(100 + number, 200 + number), self.b.add(200 + number, 100 + number)

    def errors_sent(self, node: str) -> list[tuple[int, int]]:
        """Handle and named handle of every ERROR that left a process."""
        found = []
        for source, _, pdu in self.network.sent:
            header = pdus.header(pdu, 8)
            if source[0] == node and header.type == DepType.ERROR:
                found.append((header.handle, int.from_bytes(pdu[28:32], "big")))
        return found


@pytest.fixture
def pair(network: Any) -> Pair:
    return Pair(network)


def data(handle: int, payload: bytes = b"x", message_id: int = 1, qfi: int = 1) -> bytes:
    header = pdus.pack_header(VERSION, DepType.DATA, handle=handle, qfi=qfi, message_id=message_id)
    return header + len(payload).to_bytes(4, "big") + bytes(4) + payload


def error(named: int, cause: Cause = Cause.UNKNOWN_SESSION, handle: int = 0) -> bytes:
    return pdus.pack_header(VERSION, DepType.ERROR, handle=handle) + pdus.error(cause, named)


# Messages


def test_messages_both_ways_over_a_bad_link(bad_network: Any, seed: int) -> None:
    pair = Pair(bad_network)
    chance = random.Random(seed)
    sizes = [0, 1, 1400, 8400, 8401, 60_000]
    ends = [pair.session(number) for number in range(3)]
    there = [[chance.randbytes(size) for size in sizes] for _ in ends]
    back = [[chance.randbytes(size) for size in reversed(sizes)] for _ in ends]
    for (at_a, at_b), to_b, to_a in zip(ends, there, back, strict=True):
        for body in to_b:
            pair.a.endpoint.send(at_a, [body[:7], body[7:]], bad_network.now)
        for body in to_a:
            pair.b.endpoint.send(at_b, [body], bad_network.now)
    bad_network.run()
    for (at_a, at_b), to_b, to_a in zip(ends, there, back, strict=True):
        for process, end, expected in ((pair.a, at_a, to_a), (pair.b, at_b, to_b)):
            own = [event for which, event in process.events if which is end]
            assert [bytes(e.body) for e in own if isinstance(e, MessageReceived)] == expected
            assert sum(isinstance(event, MessageAcknowledged) for event in own) == len(sizes)
            process.endpoint.remove(end)
    pair.a.assert_nothing_left()
    pair.b.assert_nothing_left()


def test_more_than_one_turn_and_one_budget(make_network: Callable[..., Any]) -> None:
    """The budget of the receiver is shared: what one session frees, another gets, without waiting for a timer."""
    network = make_network()
    pair = Pair(network, budget=SCHEDULED_MINIMUM + 20 * LIMITS.unscheduled)
    bodies = [bytes([number]) * (5 * OCTETS_PER_TURN) for number in range(4)]
    for number, body in enumerate(bodies):
        at_a, _ = pair.session(number)
        pair.a.endpoint.send(at_a, [body], network.now)
    began = network.now
    network.run(until=lambda: len(pair.b.received()) == 4)
    assert sorted(pair.b.received()) == bodies
    turns = 4 * 5 * OCTETS_PER_TURN / (SCHEDULED_MINIMUM / 2)
    assert network.now - began < turns * 4 * network.delay


def test_a_large_message_goes_out_turn_by_turn_without_waiting(pair: Pair) -> None:
    length = 4 * OCTETS_PER_TURN
    permitted = SessionLimits(segment_size=1400, unscheduled=length, maximum_message=length, maximum_open=1)
    at_a = pair.a.add(100, 200, send_limits=permitted)
    pair.network.cut.add("b")  # no ACK comes
    pair.a.endpoint.send(at_a, [bytes(length)], pair.network.now)
    for turn in range(1, 6):  # headers count, too
        pair.a.pump(pair.network.now)
        sent = sum(len(pdu) - 32 for _, _, pdu in pair.network.sent)
        assert min(length, turn * OCTETS_PER_TURN * 0.9) <= sent <= min(length, turn * OCTETS_PER_TURN * 1.3)
    assert sent == length
    assert pair.a.next_deadline() is not None and pair.a.next_deadline() > pair.network.now


def test_trace_of_messages(pair: Pair) -> None:
    at_a, _ = pair.session()
    message_id = pair.a.endpoint.send(at_a, [b"123", b"45"], pair.network.now)
    pair.network.run(until=lambda: pair.b.events)
    (out,) = pair.network.messages("DEP message", direction="out")
    (into,) = pair.network.messages("DEP message", direction="in")
    for event in (out, into):
        assert (event.link, event.size) == ("T4", 5)
        assert event.ids == {
            "c_rnti": 9,
            "seat": 4,
            "message_id": message_id,
            "digest": blake2b(b"12345", digest_size=8).hexdigest(),
        }
    assert (out.peer, into.peer) == ("b", "a")


# Another path


def test_all_sessions_of_a_hop_go_on_over_another_path(pair: Pair) -> None:
    network, body = pair.network, bytes(range(256)) * 1000
    ends = [pair.session(number) for number in range(3)]
    elsewhere = pair.a.add(300, 400, hop=pair.a.hop_to("c"))
    for at_a, _ in ends[:2]:
        pair.a.endpoint.send(at_a, [body], network.now)
    network.run(until=lambda: any(sum(len(f.open) for f in b.session._receivers.values()) for _, b in ends))
    network.cut.add("b")
    network.run(seconds=1)
    network.cut.clear()
    before = len(network.sent)
    pair.a.endpoint.hop_path_changed(pair.a.hop, PathReason.REESTABLISHED, network.now)
    assert elsewhere.session.next_deadline() is None
    network.run(until=lambda: len(pair.b.received()) == 2)
    assert pair.b.received() == [body] * 2
    kinds = [pdus.header(pdu, 8).type for source, _, pdu in network.sent[before:] if source[0] == "a"]
    assert kinds[0] == DepType.PATH
    assert kinds.count(DepType.PATH) == 3


def test_a_flow_moves_to_another_bearer(pair: Pair) -> None:
    at_a, _ = pair.session()
    moved = FlowMapping(qfi=1, bearer=7)
    pair.a.endpoint.path_changed(at_a, PathReason.BEARER_CHANGED, pair.network.now, [moved])
    assert at_a.session.flows == {1: moved}
    pair.a.take(data(100))
    pair.a.take(data(100), bearer=7)
    assert pair.a.drops.counts == {Drop.WRONG_BEARER: 1}
    with pytest.raises(FlowsDiffer):
        pair.a.endpoint.path_changed(at_a, PathReason.BEARER_CHANGED, pair.network.now, [])


# Handles


def test_new_handles_are_fresh_and_not_0() -> None:
    numbers = iter([0, 5, 5, 0, 7])
    process = DepEndpoint(CreditBudget(1 << 20), lambda: next(numbers), DropCounter(), lambda event: None)
    assert process.new_handle() == 5
    process.sessions[5] = None  # type: ignore[assignment]
    assert process.new_handle() == 7


def test_unknown_handle_is_told_to_the_peer_whose_session_ends(pair: Pair) -> None:
    at_a, at_b = pair.session()
    pair.b.endpoint.send(at_b, [b"sign of life"], pair.network.now)
    pair.network.run()
    pair.b.endpoint.remove(at_b)
    pair.a.endpoint.send(at_a, [b"to nobody"], pair.network.now)
    pair.network.run(seconds=1)
    assert pair.errors_sent("b") == [(0, 200)]
    assert pair.b.drops["unknown handle"] == 1
    assert pair.a.kinds() == [MessageReceived, MessageFailed, SessionClosed]
    assert pair.a.events[-1][1] == SessionClosed(Cause.UNKNOWN_SESSION)


def test_before_the_peer_was_heard_its_ignorance_ends_nothing(pair: Pair) -> None:
    at_a = pair.a.add(100, 200)
    pair.a.endpoint.send(at_a, [b"too early"], pair.network.now)
    pair.network.run(seconds=0.01)
    assert pair.errors_sent("b") == [(0, 200)]
    assert pair.a.drops["error without consequence"] == 1
    pair.b.add(200, 100)
    pair.network.run()
    assert pair.b.received() == [b"too early"]


def test_errors_are_limited(pair: Pair) -> None:
    for _ in range(3 * ERROR_BURST):
        pair.b.take(data(0xBAD))
    assert pair.errors_sent("b") == ERROR_BURST * [(0, 0xBAD)]
    assert pair.b.drops["unknown handle"] == 3 * ERROR_BURST
    pair.network.now += 2 * ERROR_INTERVAL
    for _ in range(5):
        pair.b.take(data(0xBAD))
    assert len(pair.errors_sent("b")) == ERROR_BURST + 2


@pytest.mark.parametrize("pdu", [error(0xBAD), error(0xBAD, handle=7), error(0)[:-4], data(0), error(0xBAD)[:16]])
def test_what_no_error_answers(pair: Pair, pdu: bytes) -> None:
    pair.b.take(pdu)
    assert pair.errors_sent("b") == []
    assert pair.b.drops.counts == {"unknown handle": 1}


def test_error_of_another_peer_ends_nothing(pair: Pair) -> None:
    pair.session()
    stranger = pair.a.hop_to("c")
    pair.a.take(error(200), hop=stranger)
    assert pair.a.drops.counts == {"unknown handle": 1}
    pair.network.run()
    assert pair.a.events == []


def test_a_session_is_known_on_its_own_hop_only(pair: Pair) -> None:
    pair.session()
    stranger = pair.b.hop_to("c")
    pair.b.take(data(200), hop=stranger)
    assert pair.b.drops.counts == {"unknown handle": 1}
    pair.network.run()
    assert pair.b.received() == []
    assert ("c", 1) in [destination for _, destination, _ in pair.network.sent]  # the stranger is a bound peer, too


def test_wrong_bearer_and_truncated(pair: Pair) -> None:
    pair.session()
    pair.b.take(data(200), bearer=2)
    pair.b.take(data(200)[:15])
    assert pair.b.drops.counts == {"wrong bearer": 1, "truncated": 1}
    pair.network.run()
    assert pair.b.received() == []


# Adding and removing


def test_removing_frees_everything_at_any_time(bad_network: Any, seed: int) -> None:
    chance = random.Random(seed)
    for _ in range(10):
        pair = Pair(bad_network)
        ends = [pair.session(number) for number in range(4)]
        for at_a, at_b in ends:
            pair.a.endpoint.send(at_a, [bytes(chance.randrange(300_000))], bad_network.now)
            pair.b.endpoint.send(at_b, [bytes(chance.randrange(300_000))], bad_network.now)
        bad_network.run(seconds=chance.random() / 5)
        for at_a, at_b in ends:
            pair.a.endpoint.remove(at_a)
            pair.b.endpoint.remove(at_b)
            pair.b.endpoint.remove(at_b)
        pair.a.assert_nothing_left()
        pair.b.assert_nothing_left()
        bad_network.machines.clear()


def test_credit_that_comes_free_within_a_turn_is_granted_in_it(make_network: Callable[..., Any]) -> None:
    pair = Pair(make_network(), budget=SCHEDULED_MINIMUM + 4 * LIMITS.unscheduled)
    first = pair.b.add(200, 100, owner=lambda end, event: pair.b.endpoint.remove(end))
    pair.b.add(201, 101)
    for handle in (200, 201):  # both announce a message far beyond the budget
        header = pdus.pack_header(VERSION, DepType.DATA, handle=handle, qfi=1, message_id=2)
        pair.b.take(header + (8 << 20).to_bytes(4, "big") + bytes(4))
    pair.network.pump()

    def grants() -> list[int]:
        controls = [pdu for _, _, pdu in pair.network.sent if pdus.header(pdu, 8).handle == 101]
        return [int.from_bytes(pdu[24:28], "big") for pdu in controls if pdus.header(pdu, 8).type == DepType.GRANT]

    before = grants()
    pair.b.take(data(200))  # a whole message: its owner removes the session
    pair.b.pump(pair.network.now)
    assert first.handle not in pair.b.endpoint.sessions
    assert max(grants()) > max(before)


def test_all_sessions_of_a_hop(pair: Pair) -> None:
    other = pair.a.hop_to("c")
    pair.session(0)
    kept = pair.a.add(150, 250, hop=other)
    pair.session(1)
    pair.a.endpoint.remove_all(pair.a.hop)
    assert list(pair.a.endpoint.sessions.values()) == [kept]
    pair.a.endpoint.remove_all(other)
    pair.a.assert_nothing_left()


def test_an_owner_may_remove_any_session_while_it_is_told(pair: Pair) -> None:
    ends: list[SessionEnd] = []

    def remove_all(end: SessionEnd, event: Event) -> None:
        pair.b.events.append((end, event))
        for other in ends:
            pair.b.endpoint.remove(other)

    for number in range(3):
        ends.append(pair.b.add(200 + number, 100 + number, owner=remove_all))
        pair.b.endpoint.send(ends[-1], [bytes(100_000)], pair.network.now)
        for message_id in (1, 2):
            pair.b.take(data(200 + number, message_id=message_id))
    pair.network.pump()
    assert len(pair.b.events) == 1  # the first told; then there was nobody to tell any more
    pair.b.assert_nothing_left()


def test_number_of_sessions_is_bounded(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAXIMUM_SESSIONS", 2)
    first, _ = pair.session(0)
    pair.session(1)
    with pytest.raises(TooManySessions, match="2 sessions end here already"):
        pair.a.add(102, 202)
    pair.a.endpoint.remove(first)
    pair.a.add(102, 202)


def test_without_credit_there_is_no_session(make_network: Callable[..., Any]) -> None:
    pair = Pair(make_network(), budget=SCHEDULED_MINIMUM + LIMITS.unscheduled)
    first, _ = pair.session(0)
    with pytest.raises(NotEnoughCredit):
        pair.a.add(101, 201)
    assert list(pair.a.endpoint.sessions) == [100]
    pair.a.endpoint.remove(first)
    pair.a.assert_nothing_left()


@given(st.lists(st.binary(min_size=0, max_size=80) | st.binary(max_size=60).map(lambda rest: data(200) + rest)))
@settings(max_examples=200)
def test_nothing_that_arrives_raises(received: list[bytes]) -> None:
    sent: list[bytes] = []
    budget = CreditBudget(1 << 20)
    endpoint = DepEndpoint(budget, lambda: 1, DropCounter(), lambda event: None)

    class Sink:
        name = HopName("T4", "a", "b", {})
        shapes = False

        def send_dep(self, bearer: int, pdu: bytearray, now: int) -> None:
            sent.append(bytes(pdu))

    hop: Any = Sink()
    end = endpoint.add(hop, 200, 100, VERSION, FLOWS, LIMITS, lambda end, event: None, {})
    for now, pdu in enumerate(received):
        endpoint.receive(hop, 1, bytes(8) + pdu, 8 + len(pdu), now)
        endpoint.pump(now)
    endpoint.remove(end)
    assert budget.promised == budget.reserved == 0


@given(st.lists(st.binary(max_size=3000), max_size=6), st.integers(0, 20_000))
def test_a_digest_is_of_both_ends_however_a_message_lies_in_parts(parts: list[bytes], middle: int) -> None:
    whole = b"".join(parts)
    ends = whole if len(whole) <= 2 * DIGESTED_END else whole[:DIGESTED_END] + whole[-DIGESTED_END:]
    assert digest(parts) == digest([whole]) == blake2b(ends, digest_size=8).hexdigest()
    longer = [whole, bytes(middle), b"end"]
    assert digest(longer) != digest([*longer, b"."])
