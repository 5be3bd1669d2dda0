"""Drives a machine on an asyncio loop: what comes in goes to it, what it has ready goes out, one timer for its time.

After any number of inputs in one turn of the loop the machine is pumped once. An error in a machine is logged and
counted; it never ends the process that serves others.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any, Protocol

from net4ai.stack.io.clock import NANOSECONDS, Clock

log = logging.getLogger(__name__)

ERROR_PAUSE = 10_000_000
"""Nanoseconds a machine whose pump failed is left alone, unless something comes in: what fails at once fails again."""


class Machine(Protocol):
    """A node without I/O."""

    def pump(self, now: int) -> None:
        """Handle what has come, end what is due, send what is ready."""
        ...

    def next_deadline(self) -> int | None:
        """When `pump` must be called at the latest."""
        ...


class Driver:
    """One machine, one loop. Set `machine` before the first input."""

    def __init__(self, name: str, clock: Clock) -> None:
        self.name = name
        self.clock = clock
        self.machine: Machine | None = None
        self.errors = 0
        self._loop = asyncio.get_running_loop()
        self._scheduled = False
        self._timer: asyncio.TimerHandle | None = None
        self._closed = False

    def feed(self, call: Callable[..., object], *arguments: Any) -> None:
        """An input: `call(*arguments, now)`; then the machine is pumped."""
        if self._closed:
            return
        self._guard(call, *arguments, self.clock.now())
        self.wake()

    def wake(self) -> None:
        """Pump the machine in the next turn of the loop."""
        if not self._scheduled and not self._closed:
            self._scheduled = True
            self._loop.call_soon(self._pump)

    def close(self) -> None:
        """Drive no more."""
        self._closed = True
        if self._timer is not None:
            self._timer.cancel()

    def _pump(self) -> None:
        self._scheduled = False
        if self._closed or self.machine is None:
            return
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        earliest = 0 if self._guard(self.machine.pump, self.clock.now()) else self.clock.now() + ERROR_PAUSE
        deadline = self.machine.next_deadline()
        if deadline is not None:
            delay = max(0, max(deadline, earliest) - self.clock.now()) / NANOSECONDS
            self._timer = self._loop.call_later(delay, self._pump)

    def _guard(self, call: Callable[..., object], *arguments: Any) -> bool:
        """Whether the call ended well."""
        try:
            call(*arguments)
        except Exception:
            self.errors += 1
            log.exception("%s: an input failed", self.name)
            return False
        return True
