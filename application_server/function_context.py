"""What a function gets from its host: its context, and channels within bounds."""

from __future__ import annotations

import asyncio
import copy
import math
from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from contextvars import ContextVar
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import msgspec

from net4ai.codecs.compute import (
    MAXIMUM_BODY,
    MAXIMUM_PROGRESS,
    MAXIMUM_TEXT,
    Dropped,
    FromWorker,
    Log,
    Progress,
    SendResult,
)
from net4ai.codecs.declaration import Buffer
from net4ai.codecs.errors import EncodeError
from net4ai.codecs.message import Message, decode_message, encode_message
from net4ai.functions.api import Channel, ChannelClosed, Radio

UNANSWERED_SENDS = 8
"""Messages of one channel the network has not taken yet; the next `send` waits."""
UNREAD_MESSAGES = 64
"""Messages of one channel its function has not read yet; more break the channel."""
UNREAD_OCTETS = 2 * MAXIMUM_BODY
REPORTS = 1000
"""Progress reports of one turn, begin or end."""

Reply = Callable[[FromWorker], None]

Room = Callable[[], AbstractAsyncContextManager[None]]
"""Entered for each message of a function: waits until there is room for one where it goes."""


class HostChannel:
    """One end of a channel: `send` and `receive` for the function, the rest for the host."""

    def __init__(self, emit: Callable[[bytes], None], room: Room) -> None:
        self.closed = ""
        """Why it is closed; empty: it is open."""
        self._emit = emit
        self._room = room
        self._free = asyncio.Semaphore(UNANSWERED_SENDS)
        self._unanswered = 0
        self._unread: asyncio.Queue[Buffer | None] = asyncio.Queue()
        self._octets = 0

    async def send(self, message: Message) -> None:
        """Take a snapshot of `message`, wait for a free place, send. Raises `ChannelClosed`, `EncodeError`."""
        body = encode_message(message)
        if len(body) > MAXIMUM_BODY:
            raise EncodeError("Message", "data", f"{len(message.data)} octets", f"up to {MAXIMUM_BODY} with the prefix")
        await self._free.acquire()
        self._unanswered += 1
        try:
            async with self._room():
                if self.closed:
                    raise ChannelClosed(self.closed)
                self._emit(body)
        except BaseException:
            self.sent()  # it was not; after the end, whoever waits next is woken to be told the same
            raise

    async def receive(self) -> Message:
        """The next message; of a closed channel, as long as there are any. Raises `ChannelClosed`, `DecodeError`."""
        body = await self._unread.get()
        if body is None:
            self._unread.put_nowait(None)
            raise ChannelClosed(self.closed)
        self._octets -= len(body)
        return decode_message(body)

    def sent(self) -> None:
        """The network has taken a message."""
        if self._unanswered:
            self._unanswered -= 1
            self._free.release()

    def deliver(self, body: Buffer) -> str:
        """A message has come. Gives the reason where it is dropped; with a hole in its stream, the channel closes."""
        if self.closed:
            return "channel closed"
        if self._unread.qsize() >= UNREAD_MESSAGES or self._octets + len(body) > UNREAD_OCTETS:
            self.close(f"the function left {self._unread.qsize()} messages, {self._octets} octets, unread")
            return "receive queue full"
        self._octets += len(body)
        self._unread.put_nowait(body)
        return ""

    def close(self, reason: str) -> None:
        """Nothing comes any more; what waits for a place or a message is told so."""
        if not self.closed:
            self.closed = reason
            self._unread.put_nowait(None)
            self._free.release()


@dataclass(slots=True)
class Scope:
    """Where a function is when it reports: set for each task of the host, so it needs no telling."""

    execution: int
    reports: int = 0


current_scope: ContextVar[Scope] = ContextVar("scope")


class HostContext:
    """The `Context` of an instance."""

    def __init__(
        self, instance: int, settings: Mapping[str, Any], private: Mapping[str, Any], reply: Reply, room: Room
    ) -> None:
        self._instance = instance
        self._settings = MappingProxyType(copy.deepcopy(dict(settings)))
        self._private = MappingProxyType(copy.deepcopy(dict(private)))
        self._reply = reply
        self._room = room
        self.open = True
        self.result_channel = self._new_channel()

    @property
    def settings(self) -> Mapping[str, Any]:
        return self._settings

    @property
    def private(self) -> Mapping[str, Any]:
        return self._private

    @property
    def results(self) -> Channel:
        return self.result_channel

    @property
    def radio(self) -> Radio | None:
        return None

    def log(self, line: str) -> None:
        """A line for the log of the node."""
        if self.open:
            self._reply(Log(instance=self._instance, line=printable(line)))

    def progress(self, **values: float | int | str) -> None:
        """Report. Raises TypeError, ValueError for values that cannot be reported."""
        report = {printable(name): _reportable(name, value) for name, value in values.items()}
        size = len(msgspec.json.encode(report))
        if size > MAXIMUM_PROGRESS:
            raise ValueError(f"progress of {size} octets; allowed: up to {MAXIMUM_PROGRESS}")
        scope = current_scope.get(Scope(0))
        scope.reports += 1
        if self.open and scope.reports <= REPORTS:
            self._reply(Progress(instance=self._instance, execution=scope.execution, values=report))
        elif self.open and scope.reports == REPORTS + 1:
            self._reply(Dropped(instance=self._instance, reason="too much progress", octets=size))

    def close_results(self, reason: str) -> None:
        """The session to the application controller has ended."""
        self.result_channel.close(reason)
        self.result_channel = self._new_channel()

    def close(self) -> None:
        """The instance is gone: nothing it says is heard any more."""
        self.open = False
        self.result_channel.close("the instance was unloaded")

    def _new_channel(self) -> HostChannel:
        return HostChannel(lambda body: self._reply(SendResult(instance=self._instance, body=body)), self._room)


def _reportable(name: str, value: object) -> int | float | str:
    if isinstance(value, str):
        return printable(value)
    if isinstance(value, int) and -(1 << 63) <= value < 1 << 63:
        return int(value)
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else str(value)  # JSON has no word for the others
    raise TypeError(f"progress of {name}: {type(value).__name__} is not allowed; allowed: float, int of 64 bits, str")


def printable(text: str) -> str:
    """What UTF-8 can say, within bounds."""
    return text[:MAXIMUM_TEXT].encode(errors="replace").decode()
