"""A session that carries bulk while a stranger sends junk to the receiver's bulk socket, turn by turn with a dead port.

The stranger does the same work all the time; only where it aims changes. What the session loses is the receiver's cost.
"""

from __future__ import annotations

import asyncio
import random
import socket
import tempfile
import time
from pathlib import Path
from statistics import median

import psutil

from data_plane_methods.dep import Receiver
from data_plane_methods.dep_node import PEER, Node
from data_plane_methods.echo import Endless
from data_plane_methods.transfer import Row, Worker
from net4ai.codecs.l2 import BearerType, L2Header, Segmentation
from net4ai.stack.dep.events import Event, MessageReceived
from net4ai.stack.dep_endpoint import SessionEnd
from net4ai.stack.io.trace_file import TraceFile

PACKAGE = None
MOST = 1 << 40
ROLES = ("receive", "attack", "send")
RATE = 20_000
"""Datagrams a second."""
AT_ONCE = 20
WINDOW = 0.25
"""Seconds for which it aims at one port."""
KINDS = 1000
LONGEST = 60


def turn(now: float) -> int:
    """Number of the window a time is in; in odd ones the receiver is aimed at."""
    return int(now / WINDOW)


class Clocked(Receiver):
    """Remembers when what has arrived."""

    def __init__(self, node: Node) -> None:
        super().__init__(node)
        self.octets: dict[int, int] = {}
        self.messages = self.wrong = 0
        """Arrived, and not in their turn or not as they were sent."""
        self._kinds = node.row.messages()

    def on_event(self, end: SessionEnd, event: Event) -> None:
        super().on_event(end, event)
        assert isinstance(event, MessageReceived)
        self.wrong += (
            event.message_id != self.messages + 1 or event.body != self._kinds[self.messages % len(self._kinds)]
        )
        self.messages = event.message_id
        window = turn(time.monotonic())
        self.octets[window] = self.octets.get(window, 0) + len(self.last)

    async def watch(self, pairs: int) -> tuple[float, float]:
        """Goodput of so many windows beside a dead port, and under junk."""
        first = turn(time.monotonic()) + 1
        await asyncio.sleep((first + 2 * pairs) * WINDOW - time.monotonic())
        found = [[self.octets.get(at, 0) for at in range(first, first + 2 * pairs) if at % 2 == odd] for odd in (0, 1)]
        return median(found[0]) / WINDOW / 1e6, median(found[1]) / WINDOW / 1e6


async def _receive(worker: Worker, row: Row) -> None:
    node = Node(worker.role, row)
    with tempfile.TemporaryDirectory() as folder:
        # The trace of drops is part of what they cost.
        node.platform.trace = TraceFile(Path(folder) / "trace.ndjson", node.clock, asyncio.get_running_loop())
        node.drops.on_drop = node.platform._on_drop("Uu")
        addresses = worker.exchange(await node.open())
        node.connect(addresses[PEER[worker.role]])
        receiver = Clocked(node)
        process = psutil.Process()
        async for pairs in worker.phases_async():
            before = process.memory_info().rss
            quiet, attacked = await receiver.watch(pairs)
            worker.last = None
            worker.extra = {
                "MB/s beside dead port": round(quiet, 1),
                "MB/s under junk": round(attacked, 1),
                "ratio": round(attacked / quiet, 3) if quiet else 0.0,
                "drops": {str(reason): count for reason, count in node.drops.counts.items()},
                "memory growth": process.memory_info().rss - before,
                "trace octets": (Path(folder) / "trace.ndjson").stat().st_size,
                "errors": node.driver.errors,
                "messages": receiver.messages,
                "wrong messages": receiver.wrong,
            }
        node.close()


async def _send(worker: Worker, row: Row) -> None:
    node = Node(worker.role, row)
    addresses = worker.exchange(await node.open())
    node.connect(addresses[PEER[worker.role]])
    bulk = Endless(node)
    bulk.start()
    async for _ in worker.phases_async():
        worker.extra = {"repeated": bulk.end.session.segments_repeated}
    node.close()


def junk(generator: random.Random) -> bytes:
    """Noise, or something that looks like DATA on a bearer of the UE."""
    header = L2Header(
        is_data=True,
        segmentation=Segmentation.COMPLETE,
        poll=False,
        has_mac=False,
        ciphered=False,
        bearer_type=BearerType.CRB,
        bearer=1,
        c_rnti=17,
        count=generator.getrandbits(20),
    )
    noise = generator.randbytes(generator.randrange(1, LONGEST))
    return noise if generator.random() < 0.5 else header.to_bytes() + noise


def attack(worker: Worker, row: Row) -> None:
    """The stranger."""
    generator = random.Random(row.seed)
    datagrams = [junk(generator) for _ in range(KINDS)]
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as dead:
        dead.bind(("127.0.0.1", 0))
        nobody = dead.getsockname()
    addresses = worker.exchange()
    targets = (nobody, addresses["receive"][1])
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
        for pairs in worker.phases():
            begin = at = time.monotonic()
            end = begin + (2 * pairs + 1) * WINDOW
            sent = 0
            while at < end:
                target = targets[turn(at) % 2]
                for number in range(AT_ONCE):
                    stranger.sendto(datagrams[(sent + number) % KINDS], target)
                sent += AT_ONCE
                at = time.monotonic()
                if (early := begin + sent / RATE - at) > 0:
                    time.sleep(early)
                    at += early
            worker.extra = {"junk a second": round(sent / (at - begin))}


def send(worker: Worker, row: Row) -> None:
    asyncio.run(_send(worker, row))


def receive(worker: Worker, row: Row) -> None:
    asyncio.run(_receive(worker, row))
