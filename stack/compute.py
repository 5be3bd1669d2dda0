"""What a node needs of its compute workers: to send them messages and to be told what they say.

Behind it are processes (`net4ai.stack.io.compute_pool`) or, where all nodes share one process, a host of functions in
the same loop (`net4ai.application_server.inline_compute`). The node lives on, whatever becomes of a worker.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from net4ai.codecs.compute import FromWorker, ToWorker


class Compute(Protocol):
    """Compute workers, seen from their node."""

    receive: Callable[[FromWorker], None] | None
    """Called with each message of a worker, in order; never from within `send`."""

    def send(self, message: ToWorker) -> None:
        """Send a message to the worker of its instance; never blocks. Once that is gone, messages go nowhere.

        Raises `EncodeError` for one that has no frame.
        """
        ...

    def close(self) -> None:
        """End all workers. May be called twice."""
        ...
