"""Two processes with DEP end points, one radio hop between them with computing bearers, and a clock."""

from __future__ import annotations

import heapq
import itertools
import random
from typing import Any

from net4ai.codecs.common import BearerConfiguration, BearerMode, FlowMapping, QosProfile
from net4ai.codecs.dep import VERSION
from net4ai.codecs.l2 import BearerType
from net4ai.stack.dep.credit import CreditBudget
from net4ai.stack.dep.events import Event, MessageReceived
from net4ai.stack.dep_endpoint import DepEndpoint, SessionEnd
from net4ai.stack.drops import DropCounter
from net4ai.stack.hop import Address, Hop, HopName, Sockets
from net4ai.stack.units import MILLISECOND, SECOND

C_RNTI = 7
NAMES = ("near", "far")
STEPS_AT_A_TIME = 10_000


def configuration(bearer: int, mode: BearerMode, five_qi: int = 128) -> BearerConfiguration:
    return BearerConfiguration(bearer=bearer, mode=mode, qos=QosProfile(five_qi=five_qi, priority=20))


class Process:
    """One end: the hop, its end point, and what its sessions were told."""

    def __init__(self, link: Link, name: str, budget: int) -> None:
        other = NAMES[1 - NAMES.index(name)]
        self.drops = DropCounter()
        self.events: list[tuple[SessionEnd, Event]] = []
        self.budget = CreditBudget(budget)
        handles = itertools.count(100 + NAMES.index(name))
        self.endpoint = DepEndpoint(self.budget, lambda: next(handles), self.drops, lambda event: None)
        self.hop = Hop(
            HopName("Uu", name, other, {}),
            BearerType.SRB,
            C_RNTI,
            (other, 1),
            (other, 2),
            link.sockets(name),
            self.drops,
            lambda event: None,
        )

    def receive(self, pdu: bytes, bulk: bool, now: int) -> None:
        for dep in self.hop.receive(pdu, len(pdu), bulk, now):
            self.endpoint.receive(self.hop, *dep, now)

    def pump(self, now: int) -> None:
        self.hop.advance(now)
        self.endpoint.pump(now)
        self.hop.pump(now)
        for bearer in self.hop.take_failed_bearers():
            self.endpoint.lose(self.hop, bearer)
            self.endpoint.pump(now)

    def next_deadline(self) -> int | None:
        deadlines = [self.hop.next_deadline(), self.endpoint.next_deadline()]
        return min((deadline for deadline in deadlines if deadline is not None), default=None)

    def received(self) -> list[bytes]:
        return [bytes(event.body) for _, event in self.events if isinstance(event, MessageReceived)]


class Link:
    """Both processes and a link that loses, repeats and reorders."""

    def __init__(
        self, seed: int = 0, loss: float = 0.0, duplicate: float = 0.0, jitter: int = 0, budget: int = 1 << 20
    ) -> None:
        self.now = 0
        self.random = random.Random(seed)
        self.loss, self.duplicate, self.jitter = loss, duplicate, jitter
        self.sent: list[tuple[str, bool, bytes]] = []
        """Sender, whether bulk, and octets of every datagram."""
        self._queue: list[tuple[int, int, str, bool, bytes]] = []
        self._order = itertools.count()
        self.near, self.far = (Process(self, name, budget) for name in NAMES)

    def sockets(self, name: str) -> Sockets:
        def sender(bulk: bool) -> Any:
            def send(data: Any, stride: int, peer: Address) -> None:
                for start in range(0, len(data), stride):
                    self._send(name, peer[0], bulk, bytes(data[start : start + stride]))

            return send

        return Sockets(sender(False), sender(True), 2)

    def _send(self, source: str, target: str, bulk: bool, pdu: bytes) -> None:
        self.sent.append((source, bulk, pdu))
        if self.random.random() < self.loss:
            return
        for _ in range(1 + (self.random.random() < self.duplicate)):
            due = self.now + 2 * MILLISECOND + self.random.randrange(self.jitter + 1)
            heapq.heappush(self._queue, (due, next(self._order), target, bulk, pdu))

    def add_bearer(self, *arguments: Any) -> None:
        for process in (self.near, self.far):
            process.hop.add_bearer(configuration(*arguments))

    def add_session(self, *flows: FlowMapping) -> tuple[SessionEnd, SessionEnd]:
        """Both ends of a session."""
        handles = [process.endpoint.new_handle() for process in (self.near, self.far)]
        ends = [
            process.endpoint.add(
                process.hop,
                ours,
                theirs,
                VERSION,
                flows,
                process.endpoint.limits,
                lambda end, event, process=process: process.events.append((end, event)),
                {},
            )
            for process, ours, theirs in zip((self.near, self.far), handles, reversed(handles), strict=True)
        ]
        return ends[0], ends[1]

    def run(self, seconds: float = 120) -> None:
        """Until nothing is under way, or so much time has passed."""
        end = self.now + round(seconds * SECOND)
        standing = 0
        while True:
            for process in (self.near, self.far):
                process.pump(self.now)
            deadlines = [self.near.next_deadline(), self.far.next_deadline()]
            due = min((deadline for deadline in deadlines if deadline is not None), default=end)
            if self._queue:
                due = min(due, self._queue[0][0])
            if due >= end:
                self.now = end
                return
            standing = standing + 1 if due <= self.now else 0
            assert standing < STEPS_AT_A_TIME, "time stands still: a deadline is not served"
            self.now = max(due, self.now)
            while self._queue and self._queue[0][0] <= self.now:
                _, _, target, bulk, pdu = heapq.heappop(self._queue)
                (self.near if target == "near" else self.far).receive(pdu, bulk, self.now)

    def assert_nothing_left(self) -> None:
        for process in (self.near, self.far):
            for end in list(process.endpoint.sessions.values()):
                assert end.session.idle
                process.endpoint.remove(end)
            assert process.budget.promised == process.budget.reserved == 0
            assert process.next_deadline() is None
            assert all(bearer.idle for bearer, _ in process.hop._acknowledged)
