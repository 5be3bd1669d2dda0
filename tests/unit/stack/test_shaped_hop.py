"""DEP over a radio whose rate is limited: two processes in virtual time, from the session down to the datagram."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from net4ai.codecs.common import BearerConfiguration, BearerMode, FlowMapping, QosProfile
from net4ai.codecs.dep import VERSION, DepType
from net4ai.codecs.l2 import BearerType
from net4ai.stack.dep import pdus
from net4ai.stack.dep.credit import CreditBudget
from net4ai.stack.dep.events import Event, MessageReceived
from net4ai.stack.dep_endpoint import DepEndpoint, SessionEnd, limits_of
from net4ai.stack.drops import Drop, DropCounter
from net4ai.stack.hop import Hop, HopName
from net4ai.stack.qos.bearer_scheduler import UNLIMITED
from net4ai.stack.trace import TraceEvent
from net4ai.stack.units import MILLISECOND, SECOND

RADIO = 8_000_000
"""bit/s."""
DELAY = 2 * MILLISECOND
"""Of the air."""
BEST_EFFORT = QosProfile(five_qi=9, priority=90)
GUARANTEED = QosProfile(five_qi=90, priority=90, guaranteed_bit_rate=2000)


class Process:
    """One end: an end point and its hop over the Uu."""

    def __init__(self, network: Any, name: str, other: str) -> None:
        self.network = network
        self.drops = DropCounter()
        self.traced: list[TraceEvent] = []
        self.endpoint = DepEndpoint(CreditBudget(1 << 20), network.handle, self.drops, self.traced.append)
        self.received: list[tuple[int, SessionEnd, bytes]] = []
        self.hop = Hop(
            HopName("Uu", name, other, {"c_rnti": 9}),
            BearerType.SRB,
            9,
            (other, 1),
            (other, 2),
            network.sockets(name),
            self.drops,
            self.traced.append,
        )
        network.join(name, self, self.receive)

    def receive(self, data: Any, stride: int, source: Any, bulk: bool, now: int) -> None:
        for dep in self.hop.receive(data, stride, bulk, now):
            self.endpoint.receive(self.hop, *dep, now)

    def pump(self, now: int) -> None:
        self.endpoint.pump(now)
        self.hop.pump(now)

    def next_deadline(self) -> int | None:
        deadlines = [self.endpoint.next_deadline(), self.hop.next_deadline()]
        return min((deadline for deadline in deadlines if deadline is not None), default=None)

    def told(self, end: SessionEnd, event: Event) -> None:
        if isinstance(event, MessageReceived):
            self.received.append((self.network.now, end, bytes(event.body)))

    def violations(self, kind: str) -> list[TraceEvent]:
        return [each for each in self.traced if each.message == "QoS violated" and each.ids["what"] == kind]


class Air:
    """A UE and a RAN node; the UE's sending direction is what is limited."""

    def __init__(self, network: Any, *profiles: QosProfile, mode: BearerMode = BearerMode.UNACKNOWLEDGED) -> None:
        network.delay = DELAY
        self.network = network
        self.ue, self.node = Process(network, "ue", "node"), Process(network, "node", "ue")
        for process in (self.ue, self.node):
            for bearer, profile in enumerate(profiles, 1):
                process.hop.add_bearer(BearerConfiguration(bearer=bearer, mode=mode, qos=profile))

    def session(self, number: int, *bearers: int, unscheduled: int | None = None) -> tuple[SessionEnd, SessionEnd]:
        """Session n: PDUs towards the node carry 200 + n. One QoS flow for each bearer, of the same number."""
        flows = tuple(FlowMapping(qfi=bearer, bearer=bearer) for bearer in bearers)

        def add(process: Process, handle: int, send_handle: int) -> SessionEnd:
            limits = limits_of(CreditBudget(1 << 20))
            if unscheduled is not None:
                limits = replace(limits, unscheduled=unscheduled)
            endpoint = process.endpoint
            return endpoint.add(process.hop, handle, send_handle, VERSION, flows, limits, process.told, {})

        return add(self.ue, 100 + number, 200 + number), add(self.node, 200 + number, 100 + number)

    def every(self, period: int, call: Callable[[], object], until: int) -> None:
        """`call` at regular times."""

        def again() -> None:
            call()
            if self.network.now + period < until:
                self.network.later(period, again)

        self.network.later(0, again)

    def octets(self, end: SessionEnd) -> int:
        return sum(len(body) for _, at, body in self.node.received if at is end)


def test_without_a_rate_data_goes_to_the_socket_at_once(network: Any) -> None:
    air = Air(network, BEST_EFFORT, GUARANTEED)
    mine, theirs = air.session(1, 1, 2)
    assert air.ue.hop.scheduler is None and air.ue.hop.room(1, 201) == UNLIMITED
    air.ue.hop.set_rate(None)
    air.ue.hop.set_ue_ceiling(0, 0)
    air.ue.hop.set_session_ceiling(1, 201, 0, 0)
    assert air.ue.hop.scheduler is None, "nothing to do is nothing made"
    air.ue.endpoint.send(mine, [b"x" * 50_000], 0)
    air.ue.endpoint.pump(0)
    assert network.sent, "before the hop is pumped"
    network.run(lambda: air.octets(theirs) == 50_000)


@pytest.mark.parametrize("mode", BearerMode)
def test_a_guaranteed_flow_under_overload_of_best_effort(network: Any, mode: BearerMode) -> None:
    """2 of 8 Mbit/s are guaranteed; best effort, here even of a better priority, has always something to send. Every
    tensor arrives in time."""
    air = Air(network, replace(BEST_EFFORT, priority=1), GUARANTEED, mode=mode)
    air.ue.hop.set_rate(RADIO, network.now)
    bulk, bulk_end = air.session(1, 1)
    tensors, tensors_end = air.session(2, 2)
    until = network.now + 3 * SECOND
    sent: list[int] = []

    def tensor() -> None:
        sent.append(network.now)
        air.ue.endpoint.send(tensors, [bytes(2300)], network.now)  # with all headers 2 Mbit/s

    air.every(10 * MILLISECOND, tensor, until)
    for _ in range(60):
        air.ue.endpoint.send(bulk, [bytes(100_000)], network.now)
    network.run(lambda: len(air.node.received) and network.now >= until + SECOND, seconds=10)
    arrived = [time for time, end, _ in air.node.received if end is tensors_end]
    assert len(arrived) == len(sent) == 300
    slowest = max(there - here for here, there in zip(sent, arrived, strict=True))
    assert slowest < DELAY + 20 * MILLISECOND, "the delay budget of 5QI 90"
    assert not air.ue.violations("rate") and not [each for each in air.ue.violations("delay") if each.ids["qfi"] == 2]
    assert air.octets(bulk_end) * 8 / 4 == pytest.approx(6_000_000, rel=0.1), "best effort has the rest, for 4 s"
    assert not air.ue.drops.total


def test_the_sender_waits_instead_of_filling_the_queue(network: Any) -> None:
    air = Air(network, BEST_EFFORT)
    air.ue.hop.set_rate(RADIO, network.now)
    mine, theirs = air.session(1, 1)
    wanted = air.ue.hop.room(1, 201)
    air.ue.endpoint.send(mine, [bytes(4 << 20)], network.now)
    highest = 0

    def look() -> None:
        nonlocal highest
        scheduler = air.ue.hop.scheduler
        assert scheduler is not None
        highest = max(highest, scheduler.octets)

    air.every(MILLISECOND, look, network.now + 4 * SECOND)
    start = network.now
    network.run(lambda: air.octets(theirs) == 4 << 20)
    assert 0 < highest <= wanted + 65536, "a burst may go beyond"
    assert network.now - start == pytest.approx((4 << 20) * 8 * 1.025 / RADIO * SECOND, rel=0.02)
    assert mine.session.segments_repeated == 0


def test_a_session_goes_on_as_soon_as_there_is_room(network: Any) -> None:
    """Not only when an ACK comes: here none does."""
    air = Air(network, BEST_EFFORT)
    air.ue.hop.set_rate(RADIO, network.now)
    mine, _ = air.session(1, 1, unscheduled=1 << 20)
    network.cut.add("node")
    air.ue.endpoint.send(mine, [bytes(600_000)], network.now)
    network.run(seconds=0.7)
    assert mine.session.segments_sent - mine.session.segments_repeated == -(
        -600_000 // mine.session.send_limits.segment_size
    )


def test_sessions_of_a_bearer_share_it(network: Any) -> None:
    air = Air(network, BEST_EFFORT)
    air.ue.hop.set_rate(RADIO, network.now)
    ends = [air.session(number, 1) for number in (1, 2, 3)]
    for number, (mine, _) in enumerate(ends):
        for _ in range(60 if number == 0 else 30):
            air.ue.endpoint.send(mine, [bytes(50_000)], network.now)
    until = network.now + 2 * SECOND
    air.every(SECOND, lambda: None, until + SECOND)
    network.run(lambda: network.now >= until)
    octets = [air.octets(theirs) for _, theirs in ends]
    assert min(octets) > 0.8 * max(octets)


def test_control_never_waits_behind_bulk(network: Any) -> None:
    """The other way has nothing limited; what the UE answers passes by its own queue of DATA."""
    air = Air(network, BEST_EFFORT)
    air.ue.hop.set_rate(400_000, network.now)
    mine, theirs = air.session(1, 1)
    air.ue.endpoint.send(mine, [bytes(200_000)], network.now)
    network.run(seconds=0.5)
    start, seen = network.now, len(network.sent)
    air.node.endpoint.send(theirs, [b"short"], network.now)
    network.run(
        lambda: any(
            source == ("ue", 1) and pdus.header(pdu, 8).type == DepType.ACK for source, _, pdu in network.sent[seen:]
        )
    )
    assert network.now - start < DELAY + 5 * MILLISECOND


@pytest.mark.parametrize("five_qi", [7, 128])
def test_reliable_bulk_makes_its_way_even_in_a_class_that_discards(network: Any, five_qi: int) -> None:
    """5QI 7 throws away what waited 100 ms, and DEP sends it again; what is younger goes out at the radio's rate."""
    air = Air(network, QosProfile(five_qi=five_qi, priority=70))
    air.ue.hop.set_rate(1_000_000, network.now)
    mine, theirs = air.session(1, 1)
    air.ue.endpoint.send(mine, [bytes(250_000)], network.now)
    start = network.now
    network.run(lambda: air.octets(theirs) == 250_000)
    assert network.now - start < 4 * SECOND, "twice of what it takes at the least"
    assert (air.ue.drops[Drop.DELAY_BUDGET] > 0) == (five_qi == 7)


def test_ceilings_of_session_and_ue(network: Any) -> None:
    air = Air(network, BEST_EFFORT)
    air.ue.hop.set_session_ceiling(1, 201, 800_000, network.now)
    air.ue.hop.set_ue_ceiling(1_600_000, network.now)
    ends = [air.session(number, 1) for number in (1, 2)]
    for mine, _ in ends:
        for _ in range(20):
            air.ue.endpoint.send(mine, [bytes(50_000)], network.now)
    until = network.now + 4 * SECOND
    air.every(SECOND, lambda: None, until + SECOND)
    network.run(lambda: network.now >= until)
    first, second = (air.octets(theirs) * 8 / 4 for _, theirs in ends)
    assert first <= 850_000 and first + second <= 1_680_000
    assert first + second > 1_200_000, "whole messages only"


def test_a_radio_that_stops_and_goes_on(network: Any) -> None:
    air = Air(network, BEST_EFFORT)
    hop = air.ue.hop
    hop.set_rate(RADIO, network.now)
    mine, theirs = air.session(1, 1)
    air.ue.endpoint.send(mine, [bytes(1 << 20)], network.now)
    network.later(200 * MILLISECOND, lambda: hop.set_rate(0, network.now))
    network.later(700 * MILLISECOND, lambda: hop.set_rate(RADIO, network.now))
    start = network.now
    network.run(lambda: air.octets(theirs) == 1 << 20)
    assert 500 * MILLISECOND < network.now - start < 3 * SECOND
    hop.set_rate(None, network.now)
    assert not hop.shapes


def test_broken_promises_are_traced(network: Any) -> None:
    air = Air(network, BEST_EFFORT, GUARANTEED)
    air.ue.hop.set_rate(1_000_000, network.now)
    mine, _ = air.session(1, 2)
    for _ in range(10):
        air.ue.endpoint.send(mine, [bytes(50_000)], network.now)
    network.run(seconds=4)
    (event, *_) = air.ue.violations("rate")
    assert (event.link, event.node, event.peer) == ("Uu", "ue", "node")
    assert (event.ids["promised"], event.ids["bearer"], event.ids["qfi"], event.ids["c_rnti"]) == (2_000_000, 2, 2, 9)
    assert 0 < int(event.ids["measured"]) < 1_100_000
    assert air.ue.violations("delay")


def test_data_of_a_removed_bearer_is_dropped_with_it(network: Any) -> None:
    air = Air(network, BEST_EFFORT)
    hop = air.ue.hop
    hop.set_rate(0, network.now)
    mine, _ = air.session(1, 1)
    air.ue.endpoint.send(mine, [bytes(5000)], network.now)
    network.pump()
    hop.remove_bearer(1)
    assert air.ue.drops[Drop.BEARER_REMOVED] == 1
    hop.send_burst(1, bytearray(64), 64, network.now)
    assert air.ue.drops[Drop.WRONG_BEARER] == 1


def test_an_end_without_data_costs_no_turns(network: Any) -> None:
    """A session that waits for room it does not need does not keep its process awake."""
    air = Air(network, BEST_EFFORT)
    air.ue.hop.set_rate(0, network.now)
    mine, _ = air.session(1, 1)
    air.ue.endpoint.send(mine, [bytes(1000)], network.now)
    network.pump()
    network.pump()
    deadline = air.ue.endpoint.next_deadline()
    assert deadline is None or deadline > network.now
