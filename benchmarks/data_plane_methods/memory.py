"""What sessions take in memory, by tracemalloc: both ends in one process, without sockets."""

from __future__ import annotations

import gc
import itertools
import tracemalloc
from collections import deque
from collections.abc import Callable
from typing import Any

from data_plane_methods.dep_node import BEARERS, BULK_BEARER, FLOWS
from net4ai.codecs.causes import Cause
from net4ai.codecs.declaration import Buffer
from net4ai.codecs.dep import VERSION
from net4ai.codecs.l2 import BearerType
from net4ai.stack.dep.credit import CreditBudget
from net4ai.stack.dep.events import Event, MessageReceived
from net4ai.stack.dep_endpoint import DepEndpoint, SessionEnd
from net4ai.stack.drops import DropCounter
from net4ai.stack.hop import Address, Hop, HopName, Sockets
from net4ai.stack.io.platform import budget_of, unscheduled_of
from net4ai.stack.trace import no_trace
from net4ai.stack.units import MILLISECOND, SECOND

CREDIT = 2 << 20
MESSAGE = 100_000
SMALL = 1000
LARGEST = 64 << 20
CYCLES_BEFORE = 500
"""Cycles after which everything that is remembered for a while is there."""

Datagram = tuple[bytes, int, bool]
"""Octets, stride, whether on the bulk socket."""


class Side:
    """One process: an endpoint, and a hop for every UE."""

    def __init__(self, name: str, sessions: int) -> None:
        self.name = name
        self.drops = DropCounter()
        self.outbox: dict[int, deque[Datagram]] = {}
        self.budget = CreditBudget(budget_of(CREDIT), unscheduled_of(CREDIT, sessions))
        handles = itertools.count(1)
        self.endpoint = DepEndpoint(self.budget, lambda: next(handles), self.drops, no_trace)
        self.hops: dict[int, Hop] = {}
        self.ends: dict[int, SessionEnd] = {}
        self.received: list[memoryview] = []

    def open(self, ue: int) -> None:
        """A hop, with the bearers of a UE."""
        outbox = self.outbox[ue] = deque()

        def sender(bulk: bool) -> Callable[[Buffer, int, Address], None]:
            return lambda data, stride, address: outbox.append((bytes(data), stride, bulk))

        sockets = Sockets(sender(False), sender(True), 2)
        name = HopName("Uu", self.name, f"C-RNTI {ue}", {"c_rnti": ue})
        hop = Hop(name, BearerType.SRB, ue, ("peer", 1), ("peer", 2), sockets, self.drops, no_trace)
        for bearer in BEARERS:
            hop.add_bearer(bearer)
        self.hops[ue] = hop

    def add(self, ue: int, handle: int, send_handle: int) -> None:
        """The session of a UE."""
        limits, flows = self.endpoint.limits, [FLOWS[BULK_BEARER]]
        end = self.endpoint.add(self.hops[ue], handle, send_handle, VERSION, flows, limits, self._on_event, {})
        self.ends[ue] = end

    def _on_event(self, end: SessionEnd, event: Event) -> None:
        if isinstance(event, MessageReceived):
            self.received.append(event.body)

    def take(self, ue: int, datagrams: deque[Datagram], now: int) -> None:
        """What the other side has sent over a hop."""
        hop = self.hops[ue]
        while datagrams:
            data, stride, bulk = datagrams.popleft()
            for dep in hop.receive(bytearray(data), stride, bulk, now):
                self.endpoint.receive(hop, *dep, now)


class Pair:
    """A UE process and a node, and time."""

    def __init__(self, ues: int) -> None:
        self.ue_side, self.node = Side("ue", ues), Side("node", ues)
        self.sides = (self.ue_side, self.node)
        self.now = SECOND
        for ue in range(1, ues + 1):
            for side in self.sides:
                side.open(ue)

    def join(self, ue: int) -> None:
        """Add the session of a UE at both ends."""
        handles = [side.endpoint.new_handle() for side in self.sides]
        self.ue_side.add(ue, handles[0], handles[1])
        self.node.add(ue, handles[1], handles[0])

    def settle(self, ue: int, rounds: int = 1000) -> None:
        """Go on until nothing is under way on the hop of this UE."""
        for _ in range(rounds):
            for side, other in (self.sides, self.sides[::-1]):
                side.endpoint.pump(self.now)
                other.take(ue, side.outbox[ue], self.now)
            self.now += MILLISECOND
            if all(side.endpoint.next_deadline() is None and not side.outbox[ue] for side in self.sides):
                return

    def carry(self, ue: int, octets: int) -> None:
        """One message each way."""
        for side in self.sides:
            side.endpoint.send(side.ends[ue], [bytes(octets)], self.now)
            self.settle(ue)
            for received in (each.received for each in self.sides):
                received.clear()


def memory() -> int:
    """Octets that are held now."""
    gc.collect()
    return tracemalloc.get_traced_memory()[0]


def idle_sessions(ues: int) -> dict[str, float]:
    """Octets a UE with one session costs at each side, hop and bearers included, once it has carried messages."""
    tracemalloc.start()
    pair = Pair(ues)
    for ue in range(1, ues + 1):
        pair.join(ue)
        pair.carry(ue, MESSAGE)
    costs = {}
    for name in ("node", "ue_side"):
        side = getattr(pair, name)
        assert all(end.session.idle for end in side.ends.values())
        pair.sides = ()
        before = memory()
        del side
        setattr(pair, name, None)
        costs[name.removesuffix("_side")] = (before - memory()) / ues
    tracemalloc.stop()
    return costs


def stalled_receiver() -> dict[str, float]:
    """A message of 64 MiB of which the granted part has come, and then nothing more: octets granted, and held."""
    pair = Pair(1)
    pair.join(1)
    whole = bytes(LARGEST)
    pair.ue_side.endpoint.send(pair.ue_side.ends[1], [whole], pair.now)
    tracemalloc.start()
    node, ue = pair.node, pair.ue_side
    for _ in range(3):  # it is announced, credit is granted, and what was granted comes
        ue.endpoint.pump(pair.now)
        node.take(1, ue.outbox[1], pair.now)
        node.endpoint.pump(pair.now)
        ue.take(1, node.outbox[1], pair.now)
        pair.now += MILLISECOND
        if node.budget.reserved:
            break
    ue.endpoint.pump(pair.now)
    node.take(1, ue.outbox[1], pair.now)
    end = node.ends.pop(1)
    (message,) = next(iter(end.session._receivers.values())).open.values()
    granted = message.permitted
    held = memory()
    node.endpoint.remove(end)
    del end, message
    held -= memory()
    tracemalloc.stop()
    return {"granted": granted, "held": held}


def open_and_close(cycles: int) -> dict[str, float]:
    """Sessions that are added, carry a message each way and are released, one after another: octets left behind."""
    pair = Pair(1)
    tracemalloc.start()
    held: Any = None
    for cycle in range(CYCLES_BEFORE + cycles):
        if cycle == CYCLES_BEFORE:
            held = memory()
        pair.join(1)
        pair.carry(1, SMALL)
        pair.ue_side.endpoint.close(pair.ue_side.ends[1], Cause.NORMAL, pair.now)
        pair.settle(1)
        for side in pair.sides:
            side.endpoint.remove(side.ends.pop(1))
    growth = memory() - held
    tracemalloc.stop()
    return {"cycles": cycles, "growth": growth}


def figures(quick: bool) -> dict[str, dict[str, float]]:
    """All of them; `quick`: with fewer UEs and cycles."""
    return {
        "idle session": idle_sessions(100 if quick else 1000),
        "stalled receiver": stalled_receiver(),
        "open and close": open_and_close(200 if quick else 10_000),
    }
