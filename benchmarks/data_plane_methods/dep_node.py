"""Processes with the real stack: sockets and platform, driver, hop, and DEP sessions, but no signalling.

What signalling would have agreed (addresses, bearers, handles, limits) the benchmark's processes tell one another.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from data_plane_methods.transfer import Row
from net4ai.codecs.common import BearerConfiguration, BearerMode, FlowMapping, QosProfile, SessionLimits
from net4ai.codecs.declaration import Buffer
from net4ai.codecs.dep import VERSION
from net4ai.codecs.l2 import BearerType
from net4ai.stack.dep.constants import DEFAULT_UNSCHEDULED
from net4ai.stack.dep.events import Event
from net4ai.stack.dep_endpoint import DepEndpoint, SessionEnd, limits_of
from net4ai.stack.drops import Drop, DropCounter
from net4ai.stack.hop import Address, Hop, HopName
from net4ai.stack.io.bus import Hub, InProcessBus
from net4ai.stack.io.clock import SystemClock
from net4ai.stack.io.driver import Driver
from net4ai.stack.io.network import SystemNetwork
from net4ai.stack.io.platform import OpenLink, Platform, RunConfig
from net4ai.stack.io.udp import Batch
from net4ai.stack.runs import HOP, drop_all, runs
from net4ai.stack.trace import no_trace

IDENTITY = {"send": 17, "receive": 18}
"""C-RNTI of the UE, which is the sender; and what peers were given where they are attached to a forwarding function."""
BULK_BEARER, QUICK_BEARER = 1, 2
BEARERS = (
    BearerConfiguration(bearer=BULK_BEARER, mode=BearerMode.UNACKNOWLEDGED, qos=QosProfile(five_qi=9, priority=90)),
    BearerConfiguration(bearer=QUICK_BEARER, mode=BearerMode.UNACKNOWLEDGED, qos=QosProfile(five_qi=3, priority=30)),
)
FLOWS = {BULK_BEARER: FlowMapping(qfi=1, bearer=BULK_BEARER), QUICK_BEARER: FlowMapping(qfi=2, bearer=QUICK_BEARER)}
HANDLE = {"send": 0x1000_0000, "receive": 0x2000_0000}
"""What each end gives out, plus the bearer."""
FORWARDED = 0x1_0000
"""Added to it by a forwarding function, in what it gives out to the other end."""
PEER = {"send": "receive", "receive": "send"}
KEY = {"send": bytes(range(32)), "receive": bytes(range(32, 64))}
"""What each end seals with, where messages are sealed."""

Addresses = tuple[Address, Address]
"""Signalling, bulk."""


def open_platform(name: str, row: Row) -> Platform:
    """A platform on this machine's sockets. Nothing is kept of its trace."""
    clock = SystemClock()
    unscheduled = max(1, DEFAULT_UNSCHEDULED // row.segment) * row.segment
    return Platform(
        name=name,
        run=RunConfig(run_key="00" * 32, seed=row.seed, unscheduled=unscheduled),
        clock=clock,
        network=SystemNetwork(),
        bus=InProcessBus(name, bytes(32), clock, Hub()),
        trace=no_trace,
        capture=None,
        start_compute=None,  # type: ignore[arg-type]  # nothing is computed here
        start_application_server=None,  # type: ignore[arg-type]
        say=print,
    )


class Node:
    """One hop to the other process, and the sessions that end here."""

    def __init__(self, role: str, row: Row) -> None:
        self.role = role
        self.row = row
        self.platform = open_platform(role, row)
        self.clock = self.platform.clock
        self.driver = Driver(role, self.clock)
        self.drops = DropCounter()
        self.link: OpenLink
        self.hop: Hop
        self.endpoint: DepEndpoint

    async def open(self) -> Addresses:
        """Open the sockets; gives their addresses."""
        self.link = await self.platform.open_link("Uu", (0, 0), self.driver, self.receive)
        if self.row.loss and self.role == "receive":
            bulk = self.link.bulk
            assert bulk.receive is not None
            bulk.receive = lossy(bulk.receive, self.row.loss, self.row.seed)
        self.endpoint = DepEndpoint(
            self.link.budget, lambda: self.platform.random_number(32), self.drops, self.platform.trace
        )
        self.endpoint.limits = limits_for(self.row, self.link)
        return self.link.signalling.address, self.link.bulk.address

    def connect(self, peer: Addresses) -> None:
        """The hop to the other process: computing radio bearers, or where it is forwarded those of a fixed link."""
        fixed = self.row.through
        identity = IDENTITY[self.role if fixed else "send"]
        kind = BearerType.FIXED_LINK if fixed else BearerType.SRB
        name = HopName("T4" if fixed else "Uu", self.role, "peer", {"c_rnti": identity})
        self.hop = Hop(name, kind, identity, *peer, self.link.sockets, self.drops, self.platform.trace)
        for bearer in () if fixed else BEARERS:
            self.hop.add_bearer(bearer)
        self.driver.machine = self

    def session(self, owner: Callable[[SessionEnd, Event], None], bearer: int = BULK_BEARER) -> SessionEnd:
        """A session to the other process, on this bearer."""
        handle, send_handle = HANDLE[self.role] + bearer, HANDLE[PEER[self.role]] + bearer
        if self.row.through:
            send_handle += FORWARDED
        limits = self.endpoint.limits
        end = self.endpoint.add(self.hop, handle, send_handle, VERSION, [FLOWS[bearer]], limits, owner, {})
        if self.row.sealed:
            end.session.records.seal_with(KEY[self.role], 1)
            end.session.records.open_with(KEY[PEER[self.role]], 1, self.clock.now())
        return end

    # The machine

    def receive(self, data: Buffer, stride: int, source: Address, bulk: bool, now: int) -> None:
        """As nodes do: bound is the identity with both addresses."""
        if source != (self.hop.bulk_address if bulk else self.hop.signalling_address):
            drop_all(self.drops, Drop.SOURCE_NOT_BOUND, len(data), stride)
            return
        for run in runs(data, stride, HOP):
            for dep in self.hop.receive(run, stride, bulk, now):
                self.endpoint.receive(self.hop, *dep, now)

    def pump(self, now: int) -> None:
        deadline = self.hop.next_deadline()
        if deadline is not None and deadline <= now:
            self.hop.advance(now)
        self.endpoint.pump(now)
        self.hop.pump(now)

    def next_deadline(self) -> int | None:
        deadlines = (self.endpoint.next_deadline(), self.hop.next_deadline())
        return min((deadline for deadline in deadlines if deadline is not None), default=None)

    def close(self) -> None:
        self.driver.close()
        self.platform.close()


def limits_for(row: Row, link: OpenLink) -> SessionLimits:
    """What a process permits each session, with the segments of this row."""
    return replace(limits_of(link.budget), segment_size=row.segment)


def lossy(receive: Callable[[Batch], None], loss: float, seed: int) -> Callable[[Batch], None]:
    """Throw datagrams away behind the kernel: it has had all the work with them. The others stay one batch."""
    generator = np.random.default_rng(seed)

    def take(batch: Batch) -> None:
        size, stride = len(batch.data), batch.stride
        kept = generator.random(-(-size // stride)) >= loss
        if kept.all():
            receive(batch)
            return
        view = memoryview(batch.data)
        left = bytearray().join(view[at * stride : (at + 1) * stride] for at in np.flatnonzero(kept).tolist())
        if left:
            receive(Batch(left, stride, batch.peer))

    return take
