"""Requests of 64 octets and their responses, beside bulk on another session of the same UE.

Turn by turn with it an asyncio datagram echo, in the same two processes, on the same loops, beside the same bulk.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from data_plane_methods.datagrams import open_endpoint
from data_plane_methods.dep import Receiver, Sender, Unexpected
from data_plane_methods.dep_node import PEER, QUICK_BEARER, Node
from data_plane_methods.transfer import Row, Worker
from net4ai.stack.dep.events import Event, MessageAcknowledged, MessageReceived
from net4ai.stack.dep_endpoint import SessionEnd

PACKAGE = None
MOST = 1 << 40
IN_A_ROW = 50
"""Requests of one kind, then of the other."""
LONG_ENOUGH = 20.0
"""Seconds after which there will be no more of them."""


class Requests:
    """One request after another, each when the response to the one before is there."""

    def __init__(self, send: Callable[[], None]) -> None:
        self.took: list[float] = []
        self._send = send
        self._left = 0
        self._sent = 0.0
        self._done = asyncio.Event()

    async def ask(self, count: int) -> None:
        """So many of them."""
        self._left = count
        self._done.clear()
        self._next()
        await self._done.wait()

    def _next(self) -> None:
        self._sent = time.monotonic()
        self._send()

    def answered(self) -> None:
        """The response has come."""
        self.took.append(time.monotonic() - self._sent)
        self._left -= 1
        if self._left:
            self._next()
        else:
            self._done.set()

    def figures(self) -> dict[str, float]:
        """Microseconds."""
        took = sorted(self.took)
        self.took = []
        return {f"p{part}": round(took[len(took) * part // 100] * 1e6, 1) for part in (50, 99)}


class Echo(asyncio.DatagramProtocol):
    """Sends back what comes, or counts what comes back."""

    def __init__(self, requests: Requests | None = None) -> None:
        self.requests = requests
        self.transport: Any = None

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def datagram_received(self, data: bytes, address: Any) -> None:
        if self.requests is None:
            self.transport.sendto(data, address)
        else:
            self.requests.answered()


class Endless(Sender):
    """Bulk that goes on until it is told to stop."""

    def __init__(self, node: Node) -> None:
        super().__init__(node)
        self.arrived = 0

    def start(self) -> None:
        """Keep messages under way from now on."""
        self._next, self._count = 0, 1 << 40
        self._fill()
        self.node.driver.wake()

    async def stop(self) -> None:
        """No more; wait until the last has arrived."""
        self._count = self._next
        self.all_sent.clear()
        if self._under_way:
            await self.all_sent.wait()

    def on_event(self, end: SessionEnd, event: Event) -> None:
        super().on_event(end, event)
        self.arrived += 1


def bulk_node(worker: Worker, row: Row) -> Node:
    """A node whose messages of bulk are of the size of this row."""
    return Node(worker.role, replace(row, size=row.beside or row.size))


async def _ask(worker: Worker, row: Row) -> None:
    node = bulk_node(worker, row)
    body = bytes(row.size)
    echo = Echo()
    transport, _ = await open_endpoint(echo)
    addresses = worker.exchange(await node.open())
    *peer, datagrams = addresses[PEER[worker.role]]
    node.connect((peer[0], peer[1]))

    def on_event(end: SessionEnd, event: Event) -> None:
        if isinstance(event, MessageReceived):
            by_dep.answered()
        elif not isinstance(event, MessageAcknowledged):
            raise Unexpected(event)

    def request() -> None:
        node.endpoint.send(end, [body], node.clock.now())
        node.driver.wake()

    end = node.session(on_event, QUICK_BEARER)
    by_dep = Requests(request)
    by_datagrams = echo.requests = Requests(lambda: transport.sendto(body, datagrams))
    bulk = Endless(node) if row.beside else None
    async for count in worker.phases_async():
        begin = time.monotonic()
        if bulk is not None:
            bulk.arrived = 0
            bulk.start()
        for _ in range(-(-count // IN_A_ROW)):
            if time.monotonic() - begin > LONG_ENOUGH:
                break
            await by_dep.ask(IN_A_ROW)
            await by_datagrams.ask(IN_A_ROW)
        worker.extra = {"dep": by_dep.figures(), "asyncio": by_datagrams.figures()}
        if bulk is not None:
            worker.extra["bulk MB/s"] = round(bulk.arrived * row.beside / (time.monotonic() - begin) / 1e6, 1)
            await bulk.stop()
    transport.close()
    node.close()


async def _answer(worker: Worker, row: Row) -> None:
    node = bulk_node(worker, row)
    transport, datagrams = await open_endpoint(Echo())
    addresses = worker.exchange((*await node.open(), datagrams))
    node.connect(addresses[PEER[worker.role]])

    def on_event(end: SessionEnd, event: Event) -> None:
        if isinstance(event, MessageReceived):
            node.endpoint.send(end, [event.body], node.clock.now(), answers=event.message_id)

    node.session(on_event, QUICK_BEARER)
    Receiver(node)
    async for _ in worker.phases_async():
        worker.last = None  # who asks knows when all is done
    transport.close()
    node.close()


def send(worker: Worker, row: Row) -> None:
    asyncio.run(_ask(worker, row))


def receive(worker: Worker, row: Row) -> None:
    asyncio.run(_answer(worker, row))
