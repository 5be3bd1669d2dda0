"""The control bus: envelopes between entities, wherever they live.

An *entity* ("access-manager", "fpf/ran-1") is served by one *process* ("core"). The bus delivers by entity name, to the
same process through the loop, elsewhere through its backend: `InProcessBus` here, MQTT in `bus_mqtt`. Every envelope is
signed, tapped, traced and checked the same way on each path, also between two entities of one process.

The bus promises little: an envelope may be lost (never silently doubled). Only a reply proves that a request arrived;
repeating, deadlines and idempotency belong to the machine that calls.
"""

from __future__ import annotations

import asyncio
import logging
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Literal, Self

import msgspec

from net4ai.codecs.envelope import Envelope, Reassembler, decode, node_key, provider_of, seal, split
from net4ai.codecs.errors import DecodeError
from net4ai.stack.io.clock import NANOSECONDS, Clock
from net4ai.stack.trace import Trace, TraceEvent, no_trace

Direction = Literal["in", "out"]
Receive = Callable[[Envelope], None]
Tap = Callable[[Envelope, bytes, Direction], None]
OnPresence = Callable[[str, bool], None]

LOCAL_QUEUE_LIMIT = 4096
"""Messages on their way between entities of one process."""
ENTITY_LIMIT = 10_000
"""Entities whose presence is remembered."""

log = logging.getLogger(__name__)


class BusFull(RuntimeError):
    """The queue is full. The envelope was not sent: try later or give up."""


class Bus(ABC):
    """One process's access to the control bus. All callbacks run in the loop, none from within `send`.

    `run_key` (32 bytes) is shared by the processes of a run; an application controller has its provider's key in its
    place. `drops` counts by reason what was thrown away.
    """

    def __init__(self, process: str, run_key: bytes, clock: Clock, trace: Trace = no_trace) -> None:
        if not process or "/" in process:
            raise ValueError(f"process name {process!r} is not allowed; allowed: letters, digits, '-', '_' and '.'")
        self.process = process
        self.drops: Counter[str] = Counter()
        self._run_key = run_key
        self._provider = provider_of(process)
        self._providers: dict[str, bytes] = {}
        self._key = node_key(run_key, process)
        self._clock = clock
        self._trace = trace
        self._entities: dict[str, Receive] = {}
        self._taps: list[Tap] = []
        self._presence: dict[str, bool] = {}
        self._presence_callbacks: list[OnPresence] = []
        self._reassembler = Reassembler()
        self._expiry: asyncio.TimerHandle | None = None
        self._local_messages = 0
        self._loop: asyncio.AbstractEventLoop | None = None

    # What the nodes use

    def serve(self, entity: str, receive: Receive) -> None:
        """`entity` lives in this process from now on; `receive` gets every envelope sent to it.

        An exception from `receive` is logged and counted. Raises ValueError when the entity is already served here.
        """
        if entity in self._entities:
            raise ValueError(f"entity {entity!r} is already served by process {self.process!r}")
        self._entities[entity] = receive
        if self._loop is not None:
            self._announce()

    def admit(self, providers: Mapping[str, bytes]) -> None:
        """Application controllers of these providers are heard and answered from now on, of no others (R41).

        `providers`: the key of each, 32 bytes. Only who talks to controllers needs them.
        """
        self._providers = dict(providers)

    def send(self, envelope: Envelope) -> None:
        """Sends without waiting. `process` and `sent` are filled in here. To a controller of an unknown provider
        nothing is sent.

        Raises `BusFull` when the queue is full and `EncodeError` when the envelope cannot be encoded.
        """
        sent = self._clock.now() + self._clock.utc_offset
        stamped = msgspec.structs.replace(envelope, process=self.process, sent=sent)
        key = self._key_towards(envelope.to)
        if key is None:
            self._drop("unknown provider", len(envelope.body), envelope.to)
            return
        parts = [(part, seal(part, key)) for part in split(stamped)]
        messages = [message for _, message in parts]
        if envelope.to in self._entities:
            self._send_local(messages)
        else:
            self._send_remote(stamped, messages)
        for part, message in parts:
            self._show(part, message, "out")

    def tap(self, tap: Tap) -> None:
        """Has `tap(envelope, raw bytes, direction)` called for every message, for captures.

        Each part of a large body is a message. Between two entities of one process a message is seen twice, "out" and
        "in"; from another process once, "in" (then `envelope.process` is not this process).
        """
        self._taps.append(tap)

    @property
    def queued(self) -> int:
        """Messages that have not left yet."""
        return self._local_messages

    @property
    def presence(self) -> Mapping[str, bool]:
        """Entity -> can be reached. An entity never heard of is not in it."""
        return MappingProxyType(self._presence)

    def absent(self, entity: str) -> bool:
        """`entity` is known not to be reachable. A controller is not told who is there."""
        return self._provider is None and not self._presence.get(entity)

    def on_presence(self, callback: OnPresence) -> None:
        """Has `callback(entity, present)` called at every change from now on."""
        self._presence_callbacks.append(callback)

    async def start(self) -> None:
        """Joins the bus. Returns at once: peers and brokers may come later, in any order."""
        self._loop = asyncio.get_running_loop()
        self._announce()

    async def close(self) -> None:
        """Leaves the bus. Its entities become absent for all others."""
        self.leave()

    def leave(self) -> None:
        """At once, telling nobody: what is on its way to entities here arrives no more."""
        if self._expiry is not None:
            self._expiry.cancel()
        self._loop = None

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *exception: object) -> None:
        await self.close()

    # What a backend provides

    @abstractmethod
    def _send_remote(self, envelope: Envelope, messages: list[bytes]) -> None:
        """Queues the messages of an envelope for another process, all or none. Raises `BusFull`."""

    @abstractmethod
    def _announce(self) -> None:
        """Makes the entities of this process known. Called at the start and when one more is served."""

    # What a backend uses

    def _running_loop(self) -> asyncio.AbstractEventLoop:
        if self._loop is None:
            raise RuntimeError(f"the bus of process {self.process!r} is not started")
        return self._loop

    def _arrive(self, message: bytes) -> None:
        """Takes a message from anywhere: proves, taps, puts together, delivers."""
        try:
            envelope = decode(message, self._key_of)
        except DecodeError as error:
            self._drop(error.reason, len(message), detail=error.detail)
            return
        if provider_of(envelope.process) is not None and envelope.sender != envelope.process:
            self._drop("wrong sender", len(message), envelope.process, envelope.sender)
            return
        self._show(envelope, message, "in")
        now = self._clock.now()
        try:
            whole = self._reassembler.add(envelope, now)
        except DecodeError as error:
            self._drop(error.reason, len(message), envelope.sender, error.detail)
            return
        self._watch_expiry(now)
        if whole is not None:
            self._deliver(whole)

    def _set_presence(self, entities: Iterable[str], present: bool) -> None:
        """Notes the entities as present or absent and tells of the changes."""
        for entity in sorted(entities):
            if self._presence.get(entity) == present:
                continue
            if entity not in self._presence and len(self._presence) >= ENTITY_LIMIT:
                self._drop("too many entities", 0, entity)
                continue
            self._presence[entity] = present
            for callback in self._presence_callbacks:
                self._guard("presence callback failed", callback, entity, present)

    def _drop(self, reason: str, size: int, peer: str = "", detail: str = "") -> None:
        self.drops[reason] += 1
        log.debug("bus of %s: dropped %d bytes: %s %s", self.process, size, reason, detail)
        self._trace(TraceEvent(self._clock.now(), self.process, "drop", link="bus", peer=peer, drop=reason, size=size))

    def _key_of(self, process: str) -> bytes | None:
        """The key under which `process` signs what it sends to us; None: it may not speak to us."""
        provider = provider_of(process)
        if provider is None or provider == self._provider:
            return node_key(self._run_key, process)
        key = self._providers.get(provider)
        return None if key is None else node_key(key, process)

    def _key_towards(self, entity: str) -> bytes | None:
        """The key under which we sign what we send to `entity`; None: it is nobody we may speak to."""
        provider = provider_of(entity)
        if provider is None or provider == self._provider:
            return self._key
        key = self._providers.get(provider)
        return None if key is None else node_key(key, self.process)

    # Inside

    def _send_local(self, messages: list[bytes]) -> None:
        loop = self._running_loop()
        if self._local_messages + len(messages) > LOCAL_QUEUE_LIMIT:
            self._drop("local queue full", sum(map(len, messages)))
            raise BusFull(f"bus of {self.process}: {self._local_messages} messages wait for local delivery")
        self._local_messages += len(messages)
        for message in messages:
            loop.call_soon(self._arrive_local, message)

    def _arrive_local(self, message: bytes) -> None:
        self._local_messages -= 1
        if self._loop is not None:  # else this bus was left while the message was on its way
            self._arrive(message)

    def _deliver(self, envelope: Envelope) -> None:
        receive = self._entities.get(envelope.to)
        if receive is None:
            self._drop("no such entity", len(envelope.body), envelope.sender, envelope.to)
            return
        self._guard("receiver failed", receive, envelope)

    def _guard(self, reason: str, callback: Callable[..., None], *arguments: object) -> None:
        """An exception of a callback is its owner's fault; the bus goes on."""
        try:
            callback(*arguments)
        except Exception:
            self.drops[reason] += 1
            log.exception("bus of %s: %s", self.process, reason)

    def _show(self, envelope: Envelope, message: bytes, direction: Direction) -> None:
        for tap in self._taps:
            self._guard("tap failed", tap, envelope, message, direction)
        ids: dict[str, int | str] = {"id": envelope.id, "kind": envelope.kind, "sender": envelope.sender}
        ids["to"] = envelope.to
        if envelope.parts > 1:
            ids |= {"part": envelope.part, "parts": envelope.parts}
        self._trace(
            TraceEvent(
                self._clock.now(),
                self.process,
                "message",
                link="bus",
                message=envelope.type,
                direction=direction,
                peer=envelope.to if direction == "out" else envelope.sender,
                outcome=envelope.error.cause if envelope.error else "",
                size=len(message),
                ids=ids,
            )
        )

    def _watch_expiry(self, now: int) -> None:
        """Keeps one timer for the oldest half-received body."""
        deadline = self._reassembler.next_deadline()
        if deadline is None:
            if self._expiry is not None:
                self._expiry.cancel()
                self._expiry = None
        elif self._expiry is None and self._loop is not None:
            self._expiry = self._loop.call_later((deadline - now) / NANOSECONDS, self._expire)

    def _expire(self) -> None:
        self._expiry = None
        now = self._clock.now()
        for _ in range(self._reassembler.expire(now)):
            self._drop("parts missing", 0)
        self._watch_expiry(now)


class Hub:
    """What the `InProcessBus`es of one run share: who is there and serves what."""

    def __init__(self) -> None:
        self.buses: dict[str, InProcessBus] = {}

    def owner(self, entity: str) -> InProcessBus | None:
        """The started bus that serves `entity`, or None."""
        return next((bus for bus in self.buses.values() if entity in bus.entities), None)

    def refresh(self) -> None:
        """Tells every bus who is present now."""
        present = {entity for bus in self.buses.values() for entity in bus.entities}
        for bus in list(self.buses.values()):
            bus._set_presence(present, True)
            bus._set_presence(bus.presence.keys() - present, False)


class InProcessBus(Bus):
    """The bus of one emulated process when all of them share one loop. `hub` is common to the run."""

    def __init__(self, process: str, run_key: bytes, clock: Clock, hub: Hub, trace: Trace = no_trace) -> None:
        super().__init__(process, run_key, clock, trace)
        self._hub = hub

    @property
    def entities(self) -> Iterable[str]:
        """The entities served here."""
        return self._entities.keys()

    async def start(self) -> None:
        if self._hub.buses.get(self.process, self) is not self:
            raise ValueError(f"process {self.process!r} is already on this bus")
        self._hub.buses[self.process] = self
        await super().start()

    async def close(self) -> None:
        if self._hub.buses.pop(self.process, None) is not None:
            self._announce()
        await super().close()

    def _announce(self) -> None:
        self._running_loop().call_soon(self._hub.refresh)

    def _send_remote(self, envelope: Envelope, messages: list[bytes]) -> None:
        owner = self._hub.owner(envelope.to)
        if owner is None:
            self._drop("no such entity", sum(map(len, messages)), envelope.to)
        else:
            owner._send_local(messages)
