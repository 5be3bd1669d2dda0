"""What a node needs of its compute worker: to send it messages and to be told what it says.

Behind it is a process (`net4ai.stack.io.compute_process`) or, where all nodes share one process, a host of functions
in the same loop (`net4ai.application_server.inline_compute`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from net4ai.codecs.compute import FromWorker, ToWorker


class Compute(Protocol):
    """A compute worker, seen from its node."""

    receive: Callable[[FromWorker], None] | None
    """Called with each message of the worker, in order; never from within `send`."""

    def send(self, message: ToWorker) -> None:
        """Send a message to the worker; never blocks. Once the worker is gone, messages go nowhere."""
        ...

    def close(self) -> None:
        """End the worker. May be called twice."""
        ...
