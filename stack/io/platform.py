"""What a node process stands on: sockets, control bus, clock, trace, capture, randomness. Real or in memory alike.

A node's `main` opens what it needs here and joins it to its machine; it never sees whether its peers are processes of
this machine, of another one, or objects in the same loop.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import msgspec

from net4ai.codecs import gtp_u
from net4ai.codecs.declaration import Buffer
from net4ai.codecs.envelope import Envelope, provider_of
from net4ai.codecs.l2 import BULK_PORT, SIGNALLING_PORT
from net4ai.stack.compute import Compute
from net4ai.stack.control_entity import ControlEntity
from net4ai.stack.dep.constants import DEFAULT_UNSCHEDULED, SCHEDULED_MINIMUM, SEGMENT_SIZE
from net4ai.stack.dep.credit import CreditBudget
from net4ai.stack.drops import Drop, DropCounter
from net4ai.stack.hop import Address, Receive, Sockets
from net4ai.stack.io.bus import Bus, BusFull
from net4ai.stack.io.capture import CaptureFile, Tap
from net4ai.stack.io.clock import Clock
from net4ai.stack.io.driver import Driver
from net4ai.stack.io.impairment import Cut, ImpairmentParameters, LinkPause, impair
from net4ai.stack.io.key_log import KEY_LOG, WARNING, KeyLog
from net4ai.stack.io.network import Network
from net4ai.stack.io.udp import Batch, Endpoint, drop_batch
from net4ai.stack.message_hooks import Hook, HookRule, MessageHooks
from net4ai.stack.operation import ActivityCount
from net4ai.stack.procedure import Procedures
from net4ai.stack.timers import Timers
from net4ai.stack.trace import Trace, TraceEvent

log = logging.getLogger(__name__)


def budget_of(credit: int) -> int:
    """Octets of the budget of a socket that is worth so much credit: one message at least finds room."""
    return max(SCHEDULED_MINIMUM, credit)


def unscheduled_of(credit: int, sessions: int) -> int:
    """Octets each of `sessions` sessions at a socket may be sent unasked: whole segments, 0 where buffers are small.

    Counted twice: a session that is renewed is there twice for a moment.
    """
    each = (budget_of(credit) - SCHEDULED_MINIMUM) // max(1, 2 * sessions)
    return min(DEFAULT_UNSCHEDULED, each // SEGMENT_SIZE * SEGMENT_SIZE)


PORTS = (SIGNALLING_PORT, BULK_PORT)
"""Ports in captures: signalling, bulk."""
PORTS_OF = {"N3": (gtp_u.PORT, gtp_u.PORT)}
"""Those of links whose port is not ours to choose."""


class LinkConfig(msgspec.Struct, forbid_unknown_fields=True):
    """How an emulated link behaves; seconds and probabilities."""

    delay: float = 0.0
    jitter: float = 0.0
    loss: float = 0.0
    duplicate: float = 0.0
    reorder: float = 0.0
    corrupt: float = 0.0
    cuts: list[tuple[float, float]] = []
    """Start and duration, counted from the start of the run."""

    def parameters(self) -> ImpairmentParameters:
        cuts = tuple(Cut(start, duration) for start, duration in self.cuts)
        return ImpairmentParameters(
            self.delay, self.jitter, self.loss, self.duplicate, self.reorder, self.corrupt, cuts
        )


class BusConfig(msgspec.Struct, forbid_unknown_fields=True):
    """How to reach the control bus's broker."""

    address: str
    port: int
    username: str | None = None
    password: str | None = None
    quality_of_service: int = 1


class RunConfig(msgspec.Struct, forbid_unknown_fields=True):
    """What every process of a run is told."""

    run_key: Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")]
    """32 octets in hex: from it the keys that sign bus messages. An application controller has its provider's key."""
    seed: int
    utc_offset: int | None = None
    """Nanoseconds from the monotonic clock to UTC, the same for all processes of a machine; None: by its own clock."""
    started: int | None = None
    """When the run began, in monotonic nanoseconds of this machine; None: when the process starts."""
    host: str = "127.0.0.1"
    """Address of this machine: the process's own sockets are bound to it."""
    bus: BusConfig | None = None
    links: dict[str, LinkConfig] = {}
    trace_folder: str = ""
    trace_kinds: list[str] = []
    """Kinds of trace events that are kept; empty: all."""
    capture_folder: str = ""
    comment: str = ""
    """For captures: version, scenario, seed."""
    unscheduled: int = DEFAULT_UNSCHEDULED
    """Octets a DEP session may be sent unasked; the same at all nodes, for a route passes several."""
    key_log: bool = False
    """Keys are written down, and protected signalling in clear as well. Every process says so."""
    hooks: list[HookRule] = []
    """What the scenario does to messages."""
    state_folder: str = ""
    """Where what must outlive a process is kept: checkpoints of functions; empty: nowhere."""
    function_path: str = ""
    """Folder that is put on the import path of functions."""
    function_modules: list[str] = []
    """Modules, and packages with all in them, whose classes may be named as functions: "module:Class"."""


@dataclass(frozen=True, slots=True)
class OpenLink:
    """This process's sockets on one link."""

    sockets: Sockets
    budget: CreditBudget
    signalling: Endpoint
    bulk: Endpoint

    @property
    def address(self) -> Address:
        """Signalling address."""
        return self.signalling.address


PeerName = Callable[[Address, Buffer], str]
"""Name of a peer in captures, from its address and the PDU."""


@dataclass(frozen=True, slots=True)
class RunningNode:
    """A node that was started on a platform."""

    platform: Platform
    driver: Driver
    addresses: dict[str, Address]
    """Signalling addresses by link, and the N2 address of a core."""

    def close(self) -> None:
        """End it."""
        self.driver.close()
        self.platform.close()


@dataclass(slots=True)
class Platform:
    """What one node process stands on."""

    name: str
    run: RunConfig
    clock: Clock
    network: Network
    bus: Bus
    trace: Trace
    capture: CaptureFile | None
    start_compute: Callable[[str, Sequence[str]], Awaitable[Compute]]
    """Makes compute workers for the node of this name; the functions named are imported early."""
    start_application_server: Callable[[str, str, Address], Awaitable[None]]
    """Starts an application server: its name, its node's name, where that node's T4 is."""
    say: Callable[[str], None]
    """A line for the person who watches."""
    closing: list[Callable[[], object]] = field(default_factory=list)
    python_hooks: list[Hook] = field(default_factory=list)
    """Message hooks of the program this node runs in, before those of the scenario."""

    key_log: KeyLog | None = field(init=False, default=None)
    """Where keys are written down; only when the run is told to."""
    pauses: dict[str, LinkPause] = field(init=False, default_factory=dict)
    """Of each link that was opened: it can be made to carry nothing for a while."""
    bulk: dict[str, Endpoint] = field(init=False, default_factory=dict)
    """The bulk endpoint of each link that was opened."""
    activity: ActivityCount = field(init=False)
    """Counts what goes into the trace."""
    _missing: set[str] = field(init=False, default_factory=set)
    """Who is known to be missing on the bus: said once, until they are there."""

    def __post_init__(self) -> None:
        self.trace = self.activity = ActivityCount(self.trace)
        self.bus.on_presence(lambda entity, present: self._missing.discard(entity))
        if self.run.key_log:
            self.key_log = KeyLog(Path(self.run.trace_folder).parent / KEY_LOG, self.name, self.clock)
            self.closing.append(self.key_log.close)
            self.say(f"{self.name}: {WARNING}")

    def clear_tap(self, link: str) -> Tap | None:
        """Where protected messages are captured in clear; only with key log and capture."""
        return self.capture.link(link) if self.capture is not None and self.run.key_log else None

    def random_number(self, bits: int) -> int:
        """A number from the operating system: handles and identities can be guessed by nobody."""
        return secrets.randbits(bits)

    def procedures(self, driver: Driver) -> Procedures:
        """Procedures that trace, log what goes wrong in them, and have the message hooks of the run."""

        def on_error(name: str, error: Exception) -> None:
            driver.errors += 1
            log.error("%s: procedure %s failed", self.name, name, exc_info=error)

        procedures = Procedures(self.name, self.trace, on_error)
        hooks = MessageHooks.of_rules(self.name, procedures, self.run.hooks)
        hooks.hooks[:0] = self.python_hooks
        procedures.pass_on = hooks.pass_on
        procedures.pass_on_dep = hooks.pass_on if hooks.dep_hooks else None
        return procedures

    async def open_link(
        self,
        link: str,
        ports: tuple[int, int],
        driver: Driver,
        receive: Receive,
        *,
        peer_name: PeerName | None = None,
        capture_sent: bool = True,
    ) -> OpenLink:
        """Open the two sockets of a link. With `peer_name` the link is captured here. Raises OSError."""
        endpoints: list[Endpoint] = []
        pause = self.pauses[link] = LinkPause(self.clock)
        for index, bulk in enumerate((False, True)):
            endpoint = await self.network.open(self.run.host, ports[index], drops=DropCounter(self._on_drop(link)))
            endpoint = impair(
                endpoint,
                self.run.links.get(link, LinkConfig()).parameters(),
                seed=self.run.seed,
                link=link,
                direction=f"{self.name} {'bulk' if bulk else 'signalling'}",
                start=self.run.started,
                clock=self.clock,
            )
            endpoint.receive = self._receiver(link, bulk, driver, receive, peer_name, pause)
            self.closing.append(endpoint.close)
            endpoints.append(endpoint)
        signalling, bulk_endpoint = endpoints
        self.bulk[link] = bulk_endpoint
        budget = CreditBudget(budget_of(bulk_endpoint.credit), self.run.unscheduled)
        named = peer_name if capture_sent else None
        sockets = Sockets(
            self._sender(link, signalling, False, named, pause),
            self._sender(link, bulk_endpoint, True, named, pause),
            bulk_endpoint.address[1],
        )
        return OpenLink(sockets, budget, signalling, bulk_endpoint)

    def _receiver(
        self,
        link: str,
        bulk: bool,
        driver: Driver,
        receive: Receive,
        peer_name: PeerName | None,
        pause: LinkPause,
    ) -> Callable[[Batch], None]:
        tap = self.capture.link(link) if self.capture is not None and peer_name is not None else None
        port = PORTS_OF.get(link, PORTS)[bulk]

        dropped = DropCounter(self._on_drop(link))

        def on_batch(batch: Batch) -> None:
            if pause.now:
                drop_batch(dropped, Drop.LINK_CUT, len(batch.data), batch.stride)
                return
            if driver.machine is None:  # the node is not up yet: it has no names, and nobody to take it
                drop_batch(dropped, Drop.NO_RECEIVER, len(batch.data), batch.stride)
                return
            # First: what it leads to may be sent at once.
            if tap is not None and peer_name is not None:
                for pdu in batch.segments():
                    tap.datagram(peer_name(batch.peer, pdu), self.name, port, port, pdu, "in")
            driver.feed(receive, batch.data, batch.stride, batch.peer, bulk)

        return on_batch

    def _sender(
        self, link: str, endpoint: Endpoint, bulk: bool, peer_name: PeerName | None, pause: LinkPause
    ) -> Callable[[Buffer, int, Address], None]:
        dropped = DropCounter(self._on_drop(link))
        tap = self.capture.link(link) if self.capture is not None and peer_name is not None else None
        port = PORTS_OF.get(link, PORTS)[bulk]

        def send(data: Buffer, stride: int, peer: Address) -> None:
            if pause.now:
                drop_batch(dropped, Drop.LINK_CUT, len(data), stride)
                return
            batch = Batch(data, stride, peer)
            if tap is not None and peer_name is not None:
                for pdu in batch.segments():
                    tap.datagram(self.name, peer_name(peer, pdu), port, port, pdu, "out")
            endpoint.send(batch)

        return send

    def control_entity(self, name: str, procedures: Procedures, timers: Timers, driver: Driver) -> ControlEntity:
        """A control entity of this process on the bus."""

        def send(envelope: Envelope) -> None:
            try:
                self.bus.send(envelope)
            except BusFull as error:
                log.warning("%s: %s", name, error)

        drops = DropCounter(self._on_drop("bus"))
        entity = ControlEntity(name, procedures, timers, send, self._identifier, self.clock.utc_offset, drops)
        entity.on_missing = self._on_missing(name)
        self.bus.serve(name, lambda envelope: driver.feed(entity.receive, envelope))
        return entity

    def _on_missing(self, name: str) -> Callable[[str, str], None]:
        """Someone who is there may take long; who is not is named, once. Application controllers come and go."""

        def on_missing(to: str, what: str) -> None:
            if to not in self._missing and self.bus.absent(to) and provider_of(to) is None:
                self._missing.add(to)
                self.say(f"{name}: {to} is not there yet, {what} is sent again")

        return on_missing

    def _identifier(self) -> str:
        return f"{secrets.randbits(128):032x}"

    def _on_drop(self, link: str) -> Callable[[str, int], None]:
        def on_drop(reason: str, size: int) -> None:
            self.trace(
                TraceEvent(time=self.clock.now(), node=self.name, kind="drop", link=link, drop=reason, size=size)
            )

        return on_drop

    def running(self, driver: Driver, **addresses: Address) -> RunningNode:
        """The node is up: `addresses` by link."""
        return RunningNode(self, driver, addresses)

    def close(self) -> None:
        """Close what was opened here."""
        for close in reversed(self.closing):
            close()
        self.closing.clear()
