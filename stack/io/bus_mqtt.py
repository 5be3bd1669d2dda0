"""The control bus over MQTT 5.

Topics, all below `net4ai/v1`: `nf/<entity>` carries the envelopes for an entity; `reg/<process>` holds, retained, the
signed list of a process's entities and is cleared by the process when it leaves and by its last will when it is lost;
`self/<process>` is where a process proves at each connection that what it publishes is delivered. Those of application
controllers lie below `net4ai/v1/controller/<provider>`, so that a broker can keep each provider to its own; who else is
on the bus they are not told.

Why so: brokers grant subscriptions and publications their access rules forbid, without a word (hence the self-test; and
hence a publication proves nothing, only a reply does). aiomqtt does not reconnect, and its incoming queue has no bound
of its own. An over-long packet ends the connection, so the envelope refuses it first.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import logging
import math
import random
import secrets
import socket
from collections import deque
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, cast

import aiomqtt
import msgspec
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from net4ai.codecs.envelope import Envelope, Name, decode, provider_of, seal
from net4ai.codecs.errors import DecodeError
from net4ai.stack.io.bus import ENTITY_LIMIT, Bus, BusFull
from net4ai.stack.io.clock import NANOSECONDS, Clock
from net4ai.stack.trace import Trace, no_trace

TOPIC_ROOT = "net4ai/v1"
INCOMING_LIMIT = 4096
"""Messages received and not yet delivered."""
OUTGOING_LIMIT = 4096
"""Messages waiting for the broker, also while it is away."""
IN_FLIGHT_LIMIT = 64
"""Publications awaiting their acknowledgement."""
SEEN_LIMIT = 8192
"""Messages remembered to know a duplicate."""
CONNECT_BOUND = 2.0
"""Seconds without connection after which the missing broker is named."""
WARNING_INTERVAL = 30.0
"""Seconds between two such warnings."""
FIRST_DELAY = 0.1
LONGEST_DELAY = 2.0
"""Seconds between attempts to connect: doubling, with jitter."""
KEEPALIVE = 10
"""Seconds; a broker that fell silent is noticed after one and a half times this."""
SESSION_EXPIRY = 30
"""Seconds the broker keeps messages for a process that lost its connection."""
LONGEST_EXPIRY = 3600
"""Seconds the broker keeps a message at most, also one without deadline."""
PUBLISH_BOUND = 10.0
"""Seconds the broker may take to acknowledge a publication."""
CLOSE_BOUND = 1.0
"""Seconds `close` waits for what is still queued."""

_BATCH = 64

log = logging.getLogger(__name__)

_registration_decoder = msgspec.json.Decoder(Annotated[list[Name], msgspec.Meta(max_length=ENTITY_LIMIT)])


@dataclass(frozen=True, slots=True)
class _Outgoing:
    """One message on its way to the broker. `deadline` in UTC nanoseconds."""

    topic: str
    message: bytes
    deadline: int | None


class _SelfTestError(Exception):
    """The broker took our connection but does not deliver what we publish."""


class _BoundedQueue(asyncio.Queue[aiomqtt.Message]):
    """Counts what it has no room for."""

    def __init__(self, limit: int, on_full: Callable[[aiomqtt.Message], None]) -> None:
        super().__init__(limit)
        self._on_full = on_full

    def put_nowait(self, item: aiomqtt.Message) -> None:
        if self.full():
            self._on_full(item)
        else:
            super().put_nowait(item)


class MqttBus(Bus):
    """One process's connection to the bus through the broker at `address`:`port`.

    It connects in the background and for ever: processes and broker may start in any order. While the broker is away
    all entities of other processes are absent, and what is sent waits (bounded) in the outgoing queue.
    """

    def __init__(
        self,
        process: str,
        run_key: bytes,
        clock: Clock,
        address: str,
        port: int,
        *,
        username: str | None = None,
        password: str | None = None,
        quality_of_service: int = 1,
        trace: Trace = no_trace,
    ) -> None:
        super().__init__(process, run_key, clock, trace)
        self.address = address
        self.port = port
        self._username = username
        self._password = password
        self._quality_of_service = quality_of_service
        self._outgoing: deque[_Outgoing] = deque()
        self._in_flight: dict[int, _Outgoing] = {}
        self._work = asyncio.Event()
        self._connected = asyncio.Event()
        self._idle = asyncio.Event()
        self._seen: dict[int, None] = {}
        self._processes: dict[str, frozenset[str]] = {}
        self._registered: frozenset[str] | None = None
        self._leaving = False
        self._incoming = _BoundedQueue(INCOMING_LIMIT, self._incoming_full)
        self._client: aiomqtt.Client | None = None
        self._self_test = b""
        self._self_test_passed = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._delay = FIRST_DELAY
        self._warning: asyncio.TimerHandle | None = None
        self._next_warning = -math.inf

    # Life

    def admit(self, providers: Mapping[str, bytes]) -> None:
        super().admit(providers)
        self._registered = None  # their controllers say elsewhere that they are there
        self._wake()

    async def start(self) -> None:
        await super().start()
        self._task = asyncio.create_task(self._run(), name=f"bus of {self.process}")

    async def connected(self) -> None:
        """Waits until the broker is connected and has passed the self-test."""
        await self._connected.wait()

    async def close(self) -> None:
        """Sends what is queued (for at most a second), leaves the registry, disconnects."""
        self._leaving = True
        if self._task is not None:
            if self._client is not None and self._connected.is_set():
                with contextlib.suppress(TimeoutError, aiomqtt.MqttError):
                    async with asyncio.timeout(CLOSE_BOUND):
                        await self._idle.wait()
                        await self._client.publish(self._topic("reg", self.process), b"", qos=1, retain=True)
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
            self._task = None
        await super().close()

    def _announce(self) -> None:
        self._running_loop().call_soon(self._set_presence, list(self._entities), True)
        self._wake()

    # Sending

    @property
    def queued(self) -> int:
        return super().queued + len(self._outgoing) + len(self._in_flight)

    def _send_remote(self, envelope: Envelope, messages: list[bytes]) -> None:
        if len(self._outgoing) + len(messages) > OUTGOING_LIMIT:
            self._drop("outgoing queue full", sum(map(len, messages)), envelope.to)
            raise BusFull(f"bus of {self.process}: {len(self._outgoing)} messages wait for {self._where}")
        topic = self._topic("nf", envelope.to)
        self._outgoing.extend(_Outgoing(topic, message, envelope.deadline) for message in messages)
        self._wake()

    def _wake(self) -> None:
        self._idle.clear()
        self._work.set()

    async def _send_all(self, client: aiomqtt.Client, group: asyncio.TaskGroup) -> None:
        """Self-test, registration, then the queue, in order and with a bounded number in flight."""
        await self._test(client)
        self._connection_made()
        slots = asyncio.Semaphore(IN_FLIGHT_LIMIT)
        number = 0
        while True:
            if self._registered != self._entities.keys():
                await self._register(client)
            elif self._outgoing:
                await slots.acquire()
                outgoing = self._outgoing.popleft()
                number += 1
                self._in_flight[number] = outgoing
                # Tasks begin in the order of their making, so messages keep theirs.
                group.create_task(self._publish(client, number, outgoing, slots))
            else:
                self._work.clear()
                await self._work.wait()

    async def _publish(
        self, client: aiomqtt.Client, number: int, outgoing: _Outgoing, slots: asyncio.Semaphore
    ) -> None:
        """Hands one message to the broker; after a failure it stays in flight and is sent again."""
        seconds = self._seconds_left(outgoing.deadline)
        if seconds > 0:
            await client.publish(
                outgoing.topic,
                outgoing.message,
                qos=self._quality_of_service,
                properties=_properties(
                    PacketTypes.PUBLISH, ContentType="application/json", MessageExpiryInterval=seconds
                ),
                timeout=PUBLISH_BOUND,
            )
        else:
            self._drop("too late to send", len(outgoing.message), outgoing.topic)
        del self._in_flight[number]
        slots.release()
        if not self._in_flight and not self._outgoing:
            self._idle.set()

    def _seconds_left(self, deadline: int | None) -> int:
        if deadline is None:
            return LONGEST_EXPIRY
        left = deadline - self._clock.now() - self._clock.utc_offset
        return min(math.ceil(left / NANOSECONDS), LONGEST_EXPIRY)

    async def _register(self, client: aiomqtt.Client) -> None:
        """Subscribes for our entities, then tells who they are."""
        entities = frozenset(self._entities)
        topics = [(self._topic("nf", entity), self._quality_of_service) for entity in entities]
        topics += [(f"{_root(provider)}/reg/+", 1) for provider in self._providers]
        if topics:
            await client.subscribe(topics)
        registration = Envelope(
            process=self.process,
            id=secrets.token_hex(16),
            kind="event",
            type="Registration",
            sender=self.process,
            to=self.process,
            body=msgspec.Raw(msgspec.json.encode(sorted(entities))),
        )
        await client.publish(self._topic("reg", self.process), seal(registration, self._key), qos=1, retain=True)
        self._registered = entities
        if not self._outgoing and not self._in_flight:
            self._idle.set()

    # Receiving

    async def _receive(self, client: aiomqtt.Client) -> None:
        async for message in client.messages:
            self._take(message)
            for _ in range(min(self._incoming.qsize(), _BATCH)):
                self._take(self._incoming.get_nowait())

    def _take(self, message: aiomqtt.Message) -> None:
        payload = message.payload
        if not isinstance(payload, bytes):
            payload = b""
        kind, name = _kind_and_name(message.topic.value)
        if kind == "nf":
            self._take_envelope(payload)
        elif kind == "reg":
            self._take_registration(name, payload)
        elif payload == self._self_test:
            self._self_test_passed.set()

    def _take_envelope(self, message: bytes) -> None:
        mark = hash(message)
        if mark in self._seen:
            self._drop("duplicate", len(message))
            return
        self._seen[mark] = None
        if len(self._seen) > SEEN_LIMIT:
            del self._seen[next(iter(self._seen))]
        self._arrive(message)

    def _take_registration(self, process: str, message: bytes) -> None:
        """The entities of a process as it signed them; an empty message: it has left or was lost."""
        if process == self.process:
            self._take_own_registration(message)
            return
        entities: frozenset[str] = frozenset()
        if message:
            try:
                envelope = decode(message, self._key_of)
                if envelope.process != process:
                    raise DecodeError("registration", "wrong process", envelope.process)
                entities = frozenset(_registration_decoder.decode(envelope.body))
            except DecodeError as error:
                self._drop(error.reason, len(message), process, error.detail)
                return
            except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
                self._drop("wrong schema", len(message), process, str(error))
                return
        self._set_processes({**self._processes, process: entities} if entities else self._without(process))

    def _take_own_registration(self, message: bytes) -> None:
        """A process of our name that was here before has left late, or its last will comes late: we are still here."""
        if not message and self._registered is not None and not self._leaving:
            self._registered = None
            self._wake()

    def _without(self, process: str) -> dict[str, frozenset[str]]:
        return {name: entities for name, entities in self._processes.items() if name != process}

    def _set_processes(self, processes: dict[str, frozenset[str]]) -> None:
        before = frozenset().union(*self._processes.values())
        self._processes = processes
        now = frozenset().union(*processes.values(), self._entities)
        self._set_presence(before - now, False)
        self._set_presence(now, True)

    def _incoming_full(self, message: aiomqtt.Message) -> None:
        self._drop("incoming queue full", len(message.payload) if isinstance(message.payload, bytes) else 0)

    # Connection

    async def _run(self) -> None:
        while True:
            self._warning = self._running_loop().call_later(CONNECT_BOUND, self._warn, "no answer yet")
            reason = "connection closed"
            try:
                async with self._connection() as client, asyncio.TaskGroup() as group:
                    group.create_task(self._receive(client))
                    group.create_task(self._send_all(client, group))
            except* (aiomqtt.MqttError, _SelfTestError) as failures:
                reason = _first_reason(failures)
            except* Exception:
                log.exception("bus of %s: unexpected failure", self.process)
                reason = "unexpected failure"
            finally:
                self._warning.cancel()
                self._connection_lost()
            self._warn(reason)
            # Many processes lose one broker together and should not all come back at once.
            await asyncio.sleep(self._delay * random.uniform(0.5, 1))
            self._delay = min(2 * self._delay, LONGEST_DELAY)

    @contextlib.asynccontextmanager
    async def _connection(self) -> AsyncIterator[aiomqtt.Client]:
        client = self._make_client()
        # aiomqtt connects in a thread that cannot be stopped: when cancelled, see it through first.
        entering = asyncio.ensure_future(client.__aenter__())
        try:
            await asyncio.shield(entering)
        except asyncio.CancelledError:
            await asyncio.wait([entering])
            if entering.exception() is None:
                await _leave(client)
            raise
        self._client = client
        try:
            yield client
        finally:
            self._client = None
            await _leave(client)

    def _make_client(self) -> aiomqtt.Client:
        self._incoming = _BoundedQueue(INCOMING_LIMIT, self._incoming_full)
        queue_type = cast("Any", lambda maxsize: self._incoming)
        client = aiomqtt.Client(
            self.address,
            self.port,
            username=self._username,
            password=self._password,
            identifier=f"net4ai-{self.process}-{self._client_suffix()}",
            protocol=aiomqtt.ProtocolVersion.V5,
            clean_start=False,
            properties=_properties(PacketTypes.CONNECT, SessionExpiryInterval=SESSION_EXPIRY),
            keepalive=KEEPALIVE,
            timeout=CONNECT_BOUND,
            will=aiomqtt.Will(self._topic("reg", self.process), b"", qos=1, retain=True),
            queue_type=queue_type,
            max_inflight_messages=IN_FLIGHT_LIMIT,
            socket_options=[(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)],
        )
        client.pending_calls_threshold = 2 * IN_FLIGHT_LIMIT
        return client

    async def _test(self, client: aiomqtt.Client) -> None:
        """Publishes to ourselves. Raises `_SelfTestError` when it does not come back."""
        own = self._topic("self", self.process)
        self._self_test = secrets.token_hex(16).encode()
        self._self_test_passed.clear()
        await client.subscribe([(own, self._quality_of_service)])
        if self._provider is None:
            await client.subscribe([(self._topic("reg", "+"), 1)])
        await client.publish(own, self._self_test, qos=self._quality_of_service)
        try:
            async with asyncio.timeout(CONNECT_BOUND):
                await self._self_test_passed.wait()
        except TimeoutError:
            raise _SelfTestError("it accepts us but does not deliver what we publish; check its access rules") from None

    def _connection_made(self) -> None:
        if self._warning is not None:
            self._warning.cancel()
        self._delay = FIRST_DELAY
        if self._next_warning > -math.inf:
            log.info("bus of %s: connected to %s", self.process, self._where)
        self._next_warning = -math.inf
        self._registered = None
        # What the last connection did not get acknowledged goes out again, first.
        self._outgoing.extendleft(reversed(self._in_flight.values()))
        self._in_flight.clear()
        self._connected.set()

    def _connection_lost(self) -> None:
        self._connected.clear()
        self._set_processes({})

    def _warn(self, reason: str) -> None:
        now = self._running_loop().time()
        if now >= self._next_warning:
            self._next_warning = now + WARNING_INTERVAL
            text = "bus of %s: no connection to %s (%s); trying until it is there"
            log.warning(text, self.process, self._where, reason)

    @property
    def _where(self) -> str:
        return f"the broker at {self.address}:{self.port}"

    def _client_suffix(self) -> str:
        """A broker lets go of a client when another takes its identifier: nobody without our key can guess it."""
        return hashlib.sha256(b"MQTT client " + self._key).hexdigest()[:16]

    @staticmethod
    def _topic(kind: str, name: str) -> str:
        return f"{_root(provider_of(name))}/{kind}/{name}"


def _root(provider: str | None) -> str:
    """Below it are the topics of a provider's controllers; None: those of the network."""
    return TOPIC_ROOT if provider is None else f"{TOPIC_ROOT}/controller/{provider}"


def _kind_and_name(topic: str) -> tuple[str, str]:
    """What a topic carries and for whom; two empty texts where its name belongs elsewhere."""
    rest = topic.removeprefix(TOPIC_ROOT + "/")
    if rest.startswith("controller/"):
        rest = rest.split("/", 2)[-1]
    kind, _, name = rest.partition("/")
    return (kind, name) if topic == f"{_root(provider_of(name))}/{kind}/{name}" else ("", "")


async def _leave(client: aiomqtt.Client) -> None:
    with contextlib.suppress(aiomqtt.MqttError):
        await client.__aexit__(None, None, None)


def _properties(packet: int, **values: object) -> Properties:
    properties = Properties(packet)  # type: ignore[no-untyped-call]  # paho's own gap
    for name, value in values.items():
        setattr(properties, name, value)
    return properties


def _first_reason(failures: BaseExceptionGroup[BaseException]) -> str:
    failure: BaseException = failures
    while isinstance(failure, BaseExceptionGroup):
        failure = failure.exceptions[0]
    return str(failure) or type(failure).__name__
