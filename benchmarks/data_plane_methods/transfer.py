"""One transfer: what is carried, and a process that carries it, told by the benchmark when to begin.

Every method is a module with `send(worker, row)` and `receive(worker, row)`; each runs in a process of its own, under
its own name. A method begins by exchanging addresses, then a phase begins (first the warm-up, then what is measured)
with the number of messages to carry, and ends when the receiver has them all.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any

import numpy as np

KINDS_OF_MESSAGE = 4
"""Messages differ, so that one that is taken for another is seen."""


@dataclass(frozen=True, slots=True)
class Row:
    """One row of the table: what is carried, and over what."""

    name: str
    text: str
    methods: tuple[str, ...]
    size: int
    """Octets of a message."""
    octets: int
    """Octets of all messages that are measured, about."""
    segment: int = 1400
    """Octets of message in one packet, where the method has packets of its own."""
    loss: float = 0.0
    """Part of the packets that the receiver throws away."""
    sealed: bool = False
    """Messages are encrypted and authenticated."""
    through: bool = False
    """Through a forwarding function, a third process."""
    beside: int | None = None
    """Messages are requests that wait for responses, beside bulk in messages of so many octets; 0: on their own."""
    seed: int = 1

    def count(self, most: int) -> int:
        """Messages that are measured, of a method that is to carry `most` octets at most."""
        return max(2, min(self.octets, most) // self.size)

    def messages(self) -> list[bytes]:
        """The kinds of message: number n is of kind n % 4."""
        generator = np.random.default_rng(self.seed)
        return [generator.bytes(self.size) for _ in range(KINDS_OF_MESSAGE)]


@dataclass(frozen=True, slots=True)
class Marks:
    """What one process took for one phase: monotonic seconds, CPU-seconds, and whatever else it has to say."""

    begin: float
    end: float
    cpu: float
    extra: dict[str, Any]


class WrongMessage(Exception):
    """What arrived is not what was sent."""


class Worker:
    """A process's end of its talk with the benchmark."""

    def __init__(self, role: str, row: Row, connection: Connection) -> None:
        self.role = role
        self.extra: dict[str, Any] = {}
        """Figures to report with the marks of this phase."""
        self.last: Any = b""
        """The last message that has arrived; None: there is nothing to compare."""
        self._row = row
        self._connection = connection

    def exchange(self, address: Any = None) -> dict[str, Any]:
        """Tell the others where this process is; gives the addresses of all, by role."""
        self._connection.send(address)
        found: dict[str, Any] = self._connection.recv()
        return found

    def phases(self) -> Iterator[int]:
        """The number of messages of each phase. Who receives comes back with the `last`, which is compared."""
        while (count := self._connection.recv()) is not None:
            begin, cpu = time.monotonic(), time.process_time()
            yield count
            if self.role == "receive":
                self._tell(begin, cpu)
                self._compare(count - 1)
            self._connection.recv()  # all have arrived
            if self.role != "receive":
                self._tell(begin, cpu)

    async def phases_async(self) -> AsyncIterator[int]:
        """The same, on a loop that goes on meanwhile."""
        while (count := await asyncio.to_thread(self._connection.recv)) is not None:
            begin, cpu = time.monotonic(), time.process_time()
            yield count
            if self.role == "receive":
                self._tell(begin, cpu)
                self._compare(count - 1)
            await asyncio.to_thread(self._connection.recv)
            if self.role != "receive":
                self._tell(begin, cpu)

    def _tell(self, begin: float, cpu: float) -> None:
        self._connection.send(Marks(begin, time.monotonic(), time.process_time() - cpu, self.extra))
        self.extra = {}

    def _compare(self, number: int) -> None:
        expected = self._row.messages()[number % KINDS_OF_MESSAGE]
        if self.last is not None and memoryview(self.last) != expected:
            raise WrongMessage(f"{self._row.name}: message {number} arrived with {len(self.last)} octets, not its own")
        self._connection.send("compared")
