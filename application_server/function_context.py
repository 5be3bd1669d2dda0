"""What a function gets from its host: its context, within bounds."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import msgspec

from net4ai.application_server.host_channel import HostChannel, Room
from net4ai.codecs.compute import (
    MAXIMUM_PROGRESS,
    MAXIMUM_TEXT,
    Dropped,
    FromWorker,
    Log,
    Progress,
    SendResult,
)
from net4ai.functions.api import Channel, Radio
from net4ai.stack.drops import Drop
from net4ai.stack.line_limit import LineLimit

REPORTS = 1000
"""Progress reports of one turn, begin or end."""

Reply = Callable[[FromWorker], None]


@dataclass(slots=True)
class Scope:
    """Where a function is when it speaks: set for each task of the host, so it needs no telling."""

    execution: int
    radio: Radio | None = None
    reports: int = 0


current_scope: ContextVar[Scope] = ContextVar("scope")


class HostContext:
    """The `Context` of an instance."""

    def __init__(
        self,
        instance: int,
        settings: Mapping[str, Any],
        private: Mapping[str, Any],
        reply: Reply,
        room: Room,
        now: Callable[[], float],
    ) -> None:
        """`now`: seconds, of a clock that only goes on."""
        self._instance = instance
        self._settings = MappingProxyType(copy.deepcopy(dict(settings)))
        self._private = MappingProxyType(copy.deepcopy(dict(private)))
        self._reply = reply
        self._room = room
        self._lines = LineLimit(now)
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
        return current_scope.get(Scope(0)).radio

    def log(self, line: str) -> None:
        """A line for the log of the node. Of a flood the first lines come, then their number."""
        if not self.open:
            return
        if self._lines.allows():
            if dropped := self._lines.take_dropped():
                self._reply(Log(instance=self._instance, line=f"{dropped} lines were dropped"))
            self._reply(Log(instance=self._instance, line=printable(line)))
        elif self._lines.dropped == 1:
            self._reply(Dropped(instance=self._instance, reason=Drop.TOO_MUCH_LOG, octets=len(line)))

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
            self._reply(Dropped(instance=self._instance, reason=Drop.TOO_MUCH_PROGRESS, octets=size))

    def close_results(self, reason: str) -> None:
        """The session to the application controller has ended."""
        self.result_channel.close(reason)
        self.result_channel = self._new_channel()

    def close(self) -> None:
        """The instance is gone: nothing it says is heard any more."""
        self.open = False
        self.result_channel.close("the instance was unloaded")

    def _new_channel(self) -> HostChannel:
        return HostChannel(
            lambda body: self._reply(SendResult(instance=self._instance, body=body)), self._room, streams=False
        )


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
