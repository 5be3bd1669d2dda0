"""Both ends of a hop, joined in memory; and anything at all that may come over one."""

from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from net4ai.codecs import link
from net4ai.codecs.common import BearerConfiguration, BearerMode, QosProfile
from net4ai.codecs.l2 import BearerType, L2Header, Segmentation
from net4ai.stack import hop as module
from net4ai.stack.acknowledged_bearer import MAXIMUM_QUEUED_SDUS, BearerFailed
from net4ai.stack.drops import Drop, DropCounter
from net4ai.stack.hop import FIXED_LINK_DEP_BEARER, Hop, HopName, Sockets

IDENTITY = 7
NEAR, FAR = ("near", 1), ("far", 1)
NEAR_BULK, FAR_BULK = ("near", 2), ("far", 2)
MINUTE = 60 * 10**9


class End:
    """One end of a hop, what it sends and what of DEP it gets."""

    def __init__(self, name: str, bearer_type: BearerType, peer: Any, peer_bulk: Any) -> None:
        self.outbox: list[tuple[bytes, bool, Any]] = []
        self.drops = DropCounter()
        self.traced: list[Any] = []
        self.dep: list[tuple[int, bytes, bool]] = []
        self._messages: list[Any] = []
        self.hop = Hop(
            HopName("T4", name, "peer", {"c_rnti": 7}),
            bearer_type,
            IDENTITY,
            peer,
            peer_bulk,
            Sockets(self._sender(False), self._sender(True), 2),
            self.drops,
            self.traced.append,
        )

    def _sender(self, bulk: bool) -> Any:
        def send(data: Any, stride: int, peer: Any) -> None:
            for at in range(0, len(data), stride):
                self.outbox.append((bytes(data[at : at + stride]), bulk, peer))

        return send

    def receive(self, pdu: bytes, bulk: bool = False, now: int = 0) -> None:
        self.dep += [(bearer, bytes(dep[8:]), bulk) for bearer, dep, _ in self.hop.receive(pdu, len(pdu), bulk, now)]
        while (sdu := self.hop.next_sdu()) is not None:
            self._messages.append(link.Link.FAMILY.decode(sdu))

    def messages(self) -> list[Any]:
        """What has come since the last call."""
        found, self._messages = self._messages, []
        return found


class Ends:
    """Two ends. `exchange` carries everything over, losing some."""

    def __init__(self, bearer_type: BearerType = BearerType.FIXED_LINK) -> None:
        self.near = End("near", bearer_type, FAR, FAR_BULK)
        self.far = End("far", bearer_type, NEAR, NEAR_BULK)
        self.now = 0

    def exchange(self, chance: random.Random | None = None, loss: float = 0.0) -> None:
        """Until nothing is under way."""
        while True:
            for end in (self.near, self.far):
                end.hop.advance(self.now)
                end.hop.pump(self.now)
            moved = False
            for source, target in ((self.near, self.far), (self.far, self.near)):
                outbox, source.outbox = source.outbox, []
                for pdu, bulk, _ in outbox:
                    moved = True
                    if chance is None or chance.random() >= loss:
                        target.receive(pdu, bulk, self.now)
            if not moved:
                deadlines = [end.hop.next_deadline() for end in (self.near, self.far)]
                if all(deadline is None for deadline in deadlines):
                    return
                self.now = min(deadline for deadline in deadlines if deadline is not None)


@pytest.fixture
def ends() -> Ends:
    return Ends()


def configuration(bearer: int, mode: BearerMode = BearerMode.UNACKNOWLEDGED, five_qi: int = 128) -> BearerConfiguration:
    return BearerConfiguration(bearer=bearer, mode=mode, qos=QosProfile(five_qi=five_qi, priority=20))


def numbered(number: int) -> link.Link:
    return link.Acknowledge(transaction=number)


def header(**fields: Any) -> bytes:
    usual: dict[str, Any] = {
        "is_data": True,
        "segmentation": Segmentation.COMPLETE,
        "poll": False,
        "has_mac": False,
        "bearer_type": BearerType.FIXED_LINK,
        "bearer": FIXED_LINK_DEP_BEARER,
        "c_rnti": IDENTITY,
        "count": 0,
    }
    return L2Header(**(usual | fields)).to_bytes()


def test_signalling_arrives_in_order_over_a_bad_link(ends: Ends, seed: int) -> None:
    for number in range(50):
        ends.near.hop.send(numbered(number), 0)
    ends.exchange(random.Random(seed), loss=0.3)
    assert ends.far.messages() == [numbered(number) for number in range(50)]
    assert ends.near.hop.signalling.idle and ends.far.hop.signalling.idle


def test_everything_goes_to_the_socket_it_belongs_to(ends: Ends) -> None:
    ends.near.hop.send(numbered(1), 0)
    ends.near.hop.pump(0)
    ends.near.hop.send_dep(1, bytearray(8) + b"control", 0)
    ends.near.hop.send_burst(1, bytearray(3 * 40), 40, 0)
    assert [(bulk, peer) for _, bulk, peer in ends.near.outbox] == [
        (False, FAR),
        (False, FAR),
        (True, FAR_BULK),
        (True, FAR_BULK),
        (True, FAR_BULK),
    ]
    ends.exchange()
    assert ends.far.dep == [(1, b"control", False)] + 3 * [(1, bytes(32), True)]
    assert ends.far.drops.total == 0


def test_more_messages_than_the_bearer_takes_wait(ends: Ends, seed: int) -> None:
    count = 3 * MAXIMUM_QUEUED_SDUS
    for number in range(count):
        ends.near.hop.send(numbered(number), 0)
    ends.exchange(random.Random(seed), loss=0.05)
    assert [message.transaction for message in ends.far.messages()] == list(range(count))
    assert not ends.near.hop._backlog


def test_a_message_does_not_overtake_those_that_wait(ends: Ends) -> None:
    for number in range(2 * MAXIMUM_QUEUED_SDUS):
        ends.near.hop.send(numbered(number), 0)
    ends.near.hop.pump(0)  # the bearer has room again, for some
    ends.near.hop.send(numbered(2 * MAXIMUM_QUEUED_SDUS), 0)
    ends.exchange()
    assert [message.transaction for message in ends.far.messages()] == list(range(2 * MAXIMUM_QUEUED_SDUS + 1))


def test_waiting_messages_are_bounded(ends: Ends, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAXIMUM_BACKLOG", 10)
    for number in range(MAXIMUM_QUEUED_SDUS + 15):
        ends.near.hop.send(numbered(number), 0)
    assert ends.near.drops.counts == {Drop.SEND_QUEUE_FULL: 5}
    ends.exchange()
    assert len(ends.far.messages()) == MAXIMUM_QUEUED_SDUS + 10


def test_peer_lost(ends: Ends) -> None:
    for number in range(2 * MAXIMUM_QUEUED_SDUS):
        ends.near.hop.send(numbered(number), 0)
    ends.exchange(random.Random(0), loss=1.1)
    assert ends.near.hop.signalling.failed
    ends.near.hop.pump(ends.now)
    assert ends.near.hop.next_deadline() is None
    with pytest.raises(BearerFailed):
        ends.near.hop.send(numbered(0), ends.now)
    ends.near.receive(header(bearer=0) + b"late")
    assert ends.near.drops[Drop.BEARER_FAILED] == 1


def test_what_a_lost_peer_has_not_acknowledged_is_there_for_the_next_bearer(ends: Ends) -> None:
    sent = [numbered(number) for number in range(2 * MAXIMUM_QUEUED_SDUS)]
    for number in range(3):
        ends.near.hop.send(sent[number], 0)
    ends.exchange()
    for message in sent[3:]:
        ends.near.hop.send(message, 0)
    ends.exchange(random.Random(0), loss=1.1)
    assert ends.near.hop.signalling.failed
    waiting = ends.near.hop.renew_signalling(ends.near.hop.fresh_signalling_bearer())
    assert waiting == [message.encode() for message in sent[3:]]
    assert ends.near.hop.renew_signalling(ends.near.hop.fresh_signalling_bearer()) == []


@pytest.mark.parametrize(
    ("pdu", "bulk", "reason"),
    [
        (header(c_rnti=8) + b"dep", False, Drop.WRONG_BEARER),
        (header(c_rnti=8) + b"dep", True, Drop.WRONG_BEARER),
        (header(bearer=2) + b"dep", False, Drop.WRONG_BEARER),
        (header(bearer=2) + b"dep", True, Drop.WRONG_BEARER),
        (header(bearer_type=BearerType.CRB) + b"dep", False, Drop.WRONG_BEARER),
        (header(bearer_type=BearerType.SRB, bearer=0) + b"x", False, Drop.WRONG_BEARER),
        (header(bearer_type=BearerType.DRB) + b"ip", False, Drop.WRONG_BEARER),
        (header(bearer=0) + numbered(1).encode(), True, Drop.WRONG_BEARER),
        (header(bearer=0, c_rnti=8) + numbered(1).encode(), False, Drop.WRONG_BEARER),
        (header(bearer=0), False, Drop.PDU_EMPTY),
        (header(has_mac=True) + b"dep", False, Drop.INTEGRITY_NOT_CONFIGURED),
        (header(is_data=False) + b"dep", False, Drop.STATUS_UNEXPECTED),
        (header(segmentation=Segmentation.FIRST) + b"dep", True, Drop.SEGMENTED),
    ],
)
def test_what_does_not_belong_here(ends: Ends, pdu: bytes, bulk: bool, reason: str) -> None:
    ends.far.receive(pdu, bulk)
    assert ends.far.dep == []
    assert ends.far.messages() == []
    assert ends.far.drops.counts == {reason: 1}


def test_radio_bearers_come_and_go() -> None:
    ends = Ends(BearerType.SRB)
    assert ends.near.hop.bearers == {}
    for end in (ends.near, ends.far):
        end.hop.add_bearer(configuration(3))
        end.hop.add_bearer(configuration(4))
    ends.near.hop.send_dep(3, bytearray(8) + b"one", 0)
    ends.near.hop.add_bearer(configuration(3))  # it stays as it is: COUNT goes on
    ends.near.hop.send_dep(3, bytearray(8) + b"two", 0)
    assert [L2Header.read(pdu)[0].count for pdu, _, _ in ends.near.outbox] == [0, 1]
    ends.exchange()
    assert ends.far.dep == [(3, b"one", False), (3, b"two", False)]
    ends.far.hop.remove_bearer(3)
    assert set(ends.far.hop.bearers) == {4}
    ends.near.hop.send_dep(3, bytearray(8) + b"three", 0)
    ends.exchange()
    assert ends.far.drops.counts == {Drop.WRONG_BEARER: 1}


def test_acknowledged_bearers_wait_for_pump_and_deliver_in_order(seed: int) -> None:
    ends = Ends(BearerType.SRB)
    queued: list[int] = []
    ends.near.hop.on_queued = lambda: queued.append(1)
    for end in (ends.near, ends.far):
        end.hop.add_bearer(configuration(3, BearerMode.ACKNOWLEDGED))
    for number in range(40):
        ends.near.hop.send_dep(3, bytearray(8) + b"control %d" % number, 0)
        ends.near.hop.send_burst(3, bytearray(8) + b"bulk %02d" % number + bytearray(8) + b"end %02d" % number, 15, 0)
    assert len(queued) == 80 and not ends.near.outbox
    ends.exchange(random.Random(seed), loss=0.3)
    assert [dep for _, dep, bulk in ends.far.dep if not bulk] == [b"control %d" % number for number in range(40)]
    bulk = [dep for _, dep, bulk in ends.far.dep if bulk]
    assert bulk == [text % number for number in range(40) for text in (b"bulk %02d", b"end %02d")]
    assert {address for _, bulk, address in ends.near.outbox if bulk} <= {FAR_BULK}
    assert ends.near.hop.next_deadline() is None


def test_each_socket_of_an_acknowledged_bearer_counts_for_itself() -> None:
    ends = Ends(BearerType.SRB)
    ends.near.hop.add_bearer(configuration(3, BearerMode.ACKNOWLEDGED))
    ends.near.hop.send_dep(3, bytearray(8) + b"one", 0)
    ends.near.hop.send_burst(3, bytearray(8) + b"two", 11, 0)
    ends.near.hop.pump(0)
    assert [(L2Header.read(pdu)[0].count, bulk) for pdu, bulk, _ in ends.near.outbox] == [(0, False), (0, True)]


@pytest.mark.parametrize("bulk", [False, True])
def test_a_failed_bearer_is_told_once(bulk: bool) -> None:
    ends = Ends(BearerType.SRB)
    for bearer in (3, 4):
        ends.near.hop.add_bearer(configuration(bearer, BearerMode.ACKNOWLEDGED))
    if bulk:
        ends.near.hop.send_burst(3, bytearray(8) + b"lost", 12, 0)
    else:
        ends.near.hop.send_dep(3, bytearray(8) + b"lost", 0)
    ends.exchange(random.Random(0), loss=1.1)
    assert ends.near.hop.has_failed(3) and not ends.near.hop.has_failed(4)
    assert ends.near.hop.take_failed_bearers() == [3]
    assert ends.near.hop.take_failed_bearers() == []
    assert not ends.near.hop.signalling.failed
    ends.near.hop.remove_bearer(3)
    ends.near.hop.add_bearer(configuration(3, BearerMode.ACKNOWLEDGED))
    assert not ends.near.hop.has_failed(3)


def test_what_is_sent_on_a_bearer_that_was_removed_is_dropped() -> None:
    ends = Ends(BearerType.SRB)
    ends.near.hop.send_dep(3, bytearray(8) + b"late", 0)
    ends.near.hop.send_burst(3, bytearray(8) + b"late", 12, 0)
    assert not ends.near.outbox
    assert ends.near.drops.counts == {Drop.WRONG_BEARER: 2}


def test_trace_of_messages(ends: Ends) -> None:
    message = link.Done(execution=1, instance=2, end_point=link.EndPoint.ROUTINE_SERVER, turn=3, seat=4, cause=1)
    ends.near.hop.send(message, 5)
    (event,) = ends.near.traced
    assert (event.time, event.link, event.node, event.peer, event.message, event.direction) == (
        5,
        "T4",
        "near",
        "peer",
        "Done",
        "out",
    )
    assert event.size == len(message.encode())
    assert event.ids == {"c_rnti": 7, "execution": 1, "turn": 3, "seat": 4}


HEADERS = st.builds(
    header,
    bearer_type=st.sampled_from(list(BearerType)),
    bearer=st.integers(0, 2),
    c_rnti=st.sampled_from([0, IDENTITY, 8]),
    is_data=st.booleans(),
    poll=st.booleans(),
    has_mac=st.booleans(),
    segmentation=st.sampled_from(list(Segmentation)),
    count=st.sampled_from([0, 1, 2, 200, 0xFFFFFFFF]),
)
PDUS = st.builds(bytes.__add__, HEADERS, st.binary(max_size=40)) | st.binary(min_size=9, max_size=60)


@given(st.lists(st.tuples(PDUS, st.booleans()), max_size=30), st.sampled_from([BearerType.SRB, BearerType.FIXED_LINK]))
def test_nothing_that_arrives_raises(pdus: list[tuple[bytes, bool]], bearer_type: BearerType) -> None:
    end = End("near", bearer_type, FAR, FAR_BULK)
    if bearer_type is BearerType.SRB:
        for bearer, mode in enumerate(BearerMode, 1):
            end.hop.add_bearer(configuration(bearer, mode))
    for now, (pdu, bulk) in enumerate(pdus):
        end.hop.receive(pdu, len(pdu), bulk, now)
        while end.hop.next_sdu() is not None:
            pass
        end.hop.pump(now)
    end.hop.advance(MINUTE)
    end.hop.pump(MINUTE)
