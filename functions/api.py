"""The interface a service function is written against (R1, R8-R14, R81).

A *service function* is a computing module of a service. A routine joins two adjacent functions: its client and its
server (R8). The network runs a routine in *executions*; within an execution every client has one *turn* with its
server, one client after another where the routine is sequential (R79), all at once where it is not.

A function sees messages, its split layer, its seat numbers and its settings. It never sees who is at the other end:
no subscriber, no address, no session handle is reachable from the objects it is given (R70, R81).

Write a subclass of `ServiceFunction`, and name it in the service description: by an entry point of the group
``net4ai.functions``, or as ``module:Class`` where the scenario's ``function_modules`` allows the module. The same class
runs at an application server of a node, at the edge, or at a terminal. What it may rely on:

- Its methods run in one event loop; `await` what takes time, and compute as long as ``busy_s`` allows without a pause.
- An error it raises ends what raised it, and nothing else: the turn has failed, or the execution.
- At an application server each instance has a process to itself, at a terminal each function. A process that hangs,
  takes more than ``memory_mib`` or starts too many others is ended with all it has started, and nothing else; so is one
  that ends by itself. The network makes the instance anew, with its checkpoint.
- An instance at an application server lives as long as its service: the service's jobs come to the same one, maybe two
  at once (`Execution.number` tells their executions apart). One at a terminal lives as long as the job.
- What it has committed is not lost, and not done twice: see `ServiceFunction.checkpoint`.
- Floods are bounded: `Channel.send` waits its turn, of progress and log the excess is dropped and counted.
"""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Iterable, Mapping
from dataclasses import dataclass
from enum import Enum, StrEnum
from typing import Any, Protocol

from net4ai.codecs.declaration import Buffer
from net4ai.codecs.message import Content, ElementType, Message

__all__ = [
    "Channel",
    "ChannelClosed",
    "Chunks",
    "Content",
    "Context",
    "ElementType",
    "Execution",
    "Message",
    "Outcome",
    "Radio",
    "Role",
    "ServiceFunction",
    "Stream",
    "StreamError",
    "Turn",
]


class Role(StrEnum):
    """Which side of a routine an instance takes in an execution (R13)."""

    CLIENT = "client"
    SERVER = "server"


class Outcome(Enum):
    """What a routine server says when all turns of an execution are done (R75, R110)."""

    COMPLETE = "complete"
    """The execution is complete; the job goes on."""
    RESTART = "restart"
    """The routine manager shall repeat the turns with the same seats (R76)."""
    STOP = "stop"
    """The execution is complete and the job shall end after it (R110)."""


class ChannelClosed(Exception):
    """The other end of a channel has gone: its session was released or failed."""


class StreamError(Exception):
    """A stream was broken off, has a hole, or came where a message was awaited."""


@dataclass(frozen=True, slots=True)
class Execution:
    """One run of a routine, from the task manager's *execute* to *done*."""

    number: int
    """Number of the execution, the same at both ends."""
    routine: str
    """Name of the routine in the service description."""
    role: Role
    round: int
    """How often the job's task has been run before, from 0."""
    cut: int
    """Split layer: how many blocks of the model run at the client. 0 is bottom split, all blocks top split (R19)."""
    seats: tuple[int, ...]
    """At a server: its clients' seats, in order. At a client: its own seat only."""
    sequential: bool
    """Whether turns come one after another (R79)."""


@dataclass(frozen=True, slots=True)
class Radio:
    """What a terminal hears of its cell, as it would report it (TS 38.331 5.5.5)."""

    cell: int
    """Physical cell identity."""
    rsrp_dbm: float
    """Received power."""
    rsrq_db: float
    """Received quality."""
    sinr_db: float
    """Signal to noise and interference ratio."""


@dataclass(frozen=True, slots=True)
class Turn:
    """One client's part in an execution."""

    number: int
    """Counts on over the execution, from 0, through restarts: the number of commits before this turn."""
    seat: int
    """The client's seat at its server: an order, not an identity (R81)."""
    repetition: int = 0
    """How often this execution was restarted before (R76)."""


Chunks = AsyncIterable[Buffer] | Iterable[Buffer]
"""Octets of a stream, in pieces of any size."""


class Stream(Protocol):
    """A stream as it comes in. `async for chunk in stream` gives its octets once, in order.

    The pieces need not be those that were sent. Raises `StreamError` where the other end has broken it off,
    `ChannelClosed` where that has gone.
    """

    @property
    def message(self) -> Message:
        """What the stream is: tag, content, index and dimensions as they were sent, without data."""
        ...

    def __aiter__(self) -> AsyncIterator[Buffer]: ...


class Channel(Protocol):
    """A two-way, reliable, ordered stream of messages to the other end, whoever that is.

    Messages of up to 64 MiB come as they were sent. What is longer goes as a stream: a few megabytes of it are in
    memory at a time, at both ends, for its sender waits until the receiver has read what came before.

    In each direction messages and streams come one after another, whole: to send while a stream goes out waits for
    its end, and to receive while one comes in throws the rest of it away. So one task at a time reads a channel.
    """

    async def send(self, message: Message) -> None:
        """Send `message`; returns once it is queued within bounds. Raises `ChannelClosed`."""
        ...

    async def receive(self) -> Message:
        """The next message. Raises `ChannelClosed`; `StreamError` where a stream has come, to be received as one."""
        ...

    async def send_stream(self, message: Message, chunks: Chunks) -> None:
        """Send a stream: `message`, without data, says what it is. Returns when its last octet is on the way.

        Where `chunks` raises, or this call is cancelled, the other end is told that the stream is broken off. Raises
        `ChannelClosed`, and what `chunks` raises. `Context.results` takes no streams: `StreamError`.
        """
        ...

    async def receive_stream(self) -> Stream:
        """The next stream; a message counts as a short one. Raises `ChannelClosed`."""
        ...


class Context(Protocol):
    """What the host gives a function instance when it creates it."""

    @property
    def settings(self) -> Mapping[str, Any]:
        """The function's settings from the service description."""
        ...

    @property
    def private(self) -> Mapping[str, Any]:
        """What the owner of this host gave it: at a UE, where the subscriber's own data is. Never leaves the host."""
        ...

    @property
    def results(self) -> Channel:
        """The channel to the application controller: results out, job input in (R5, R111). Server functions only."""
        ...

    @property
    def radio(self) -> Radio | None:
        """At a terminal, in a turn: what it hears of its cell. Elsewhere None."""
        ...

    def progress(self, **values: float | int | str) -> None:
        """Report progress; shown to the user, and stored with the report."""
        ...

    def log(self, line: str) -> None:
        """A line for the log of the node; nobody else sees it. Of a flood, most are dropped, and their number told."""
        ...


class ServiceFunction:
    """Base class of service functions: override the methods of the roles the function has."""

    def __init__(self, context: Context) -> None:
        self.context = context

    async def begin(self, execution: Execution) -> None:
        """An execution begins, before its first turn.

        Called once per execution and instance, also where the execution was broken off and goes on: what it makes has
        to be in the checkpoint. Where it has committed nothing, the execution begins anew instead, from the checkpoint
        before it. To raise refuses the execution.
        """

    async def client_turn(self, execution: Execution, turn: Turn, server: Channel) -> None:
        """One turn, seen from the client: exchange messages with `server`, then return.

        A turn the server could not commit comes again, from the state before it.
        """
        raise TypeError(f"{type(self).__name__} cannot be a routine client")

    async def server_turn(self, execution: Execution, turn: Turn, client: Channel) -> None:
        """One turn, seen from the server. Turns of one execution run at the same time unless it is sequential.

        In a sequential one a turn that has returned is committed; one that raises, or is passed over because its
        client has gone silent, is cancelled and undone.
        """
        raise TypeError(f"{type(self).__name__} cannot be a routine server")

    async def end(self, execution: Execution) -> Outcome:
        """All turns of `execution` are done at this server: restart, complete or stop (R75).

        What it sends to `Context.results` may come there twice, where this process dies before the answer is kept.
        """
        return Outcome.COMPLETE

    def checkpoint(self) -> bytes | None:
        """All that the function has to remember, or None: it has nothing to lose.

        Asked for whenever something is committed: when the instance is made and an execution has begun; after each turn
        of a client, or of a server whose turns come one after another; after `end`. At an application server it is in a
        file before the network hears of the commit. What was not committed is undone by `restore`, unless another
        execution is under way at this instance at the same time. Up to 1 GiB; say JSON or safetensors, no pickle.
        """
        return None

    def restore(self, checkpoint: bytes) -> None:
        """Be as when `checkpoint` was made: in a new instance, before any other call, and to undo half a turn."""
