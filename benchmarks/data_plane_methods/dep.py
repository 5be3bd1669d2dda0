"""The data plane of net4ai: messages of a DEP session over a computing radio bearer, the whole stack at both ends."""

from __future__ import annotations

import asyncio

from data_plane_methods.dep_forward import run_forwarding_function
from data_plane_methods.dep_node import PEER, Node
from data_plane_methods.transfer import KINDS_OF_MESSAGE, Row, Worker
from net4ai.codecs.message import PREFIX_SIZE, Message, encode_prefix
from net4ai.stack.dep.events import Event, MessageAcknowledged, MessageReceived
from net4ai.stack.dep_endpoint import SessionEnd

PACKAGE = None
MOST = 1 << 40
AHEAD_OCTETS = 32 << 20
AHEAD_MESSAGES = 128
"""What the application hands over before the first of it has arrived."""


class Unexpected(Exception):
    """Something else happened to a session than what the benchmark does with it."""


class Sender:
    """Hands over messages as earlier ones arrive."""

    def __init__(self, node: Node) -> None:
        self.node = node
        self.end = node.session(self.on_event)
        self.all_sent = asyncio.Event()
        self._messages = node.row.messages()
        self._ahead = max(2, min(AHEAD_MESSAGES, AHEAD_OCTETS // node.row.size))
        self._under_way = self._next = self._count = 0

    async def carry(self, count: int) -> None:
        """All messages of a phase."""
        self._next, self._count = 0, count
        self.all_sent.clear()
        self._fill()
        self.node.driver.wake()
        await self.all_sent.wait()

    def _fill(self) -> None:
        now = self.node.clock.now()
        while self._next < self._count and self._under_way < self._ahead:
            self.node.endpoint.send(self.end, self._parts(self._messages[self._next % KINDS_OF_MESSAGE]), now)
            self._next += 1
            self._under_way += 1

    def _parts(self, data: bytes) -> list[bytes]:
        """Only a message that says what it is can be sealed."""
        return [encode_prefix(Message(tag=0, data=data)), data] if self.node.row.sealed else [data]

    def on_event(self, end: SessionEnd, event: Event) -> None:
        if not isinstance(event, MessageAcknowledged):
            raise Unexpected(event)
        self._under_way -= 1
        self._fill()
        if self._next == self._count and not self._under_way:
            self.all_sent.set()


class Receiver:
    """Takes the messages, in order, and keeps the last."""

    def __init__(self, node: Node) -> None:
        self.last = memoryview(b"")
        self._skip = PREFIX_SIZE if node.row.sealed else 0
        self._wanted = 0
        self._whole = asyncio.Event()
        node.session(self.on_event)

    async def carry(self, count: int) -> None:
        """Wait for the messages of a phase; the first may have come before."""
        self._wanted += count
        if self._wanted:
            self._whole.clear()
            await self._whole.wait()

    def on_event(self, end: SessionEnd, event: Event) -> None:
        if not isinstance(event, MessageReceived):
            raise Unexpected(event)
        self.last = event.body[self._skip :]
        self._wanted -= 1
        if not self._wanted:
            self._whole.set()


async def _run(worker: Worker, row: Row) -> None:
    node = Node(worker.role, row)
    addresses = worker.exchange(await node.open())
    node.connect(addresses["forward" if row.through else PEER[worker.role]])
    application = Sender(node) if worker.role == "send" else Receiver(node)
    async for count in worker.phases_async():
        await application.carry(count)
        if isinstance(application, Receiver):
            worker.last = application.last
        worker.extra = {f"{worker.role} drops": dict(node.drops.counts)}
        if node.driver.errors:
            raise Unexpected(f"{node.driver.errors} errors in {node.driver.name}")
    node.close()


def forward(worker: Worker, row: Row) -> None:
    asyncio.run(run_forwarding_function(worker, row))


def send(worker: Worker, row: Row) -> None:
    asyncio.run(_run(worker, row))


receive = send
