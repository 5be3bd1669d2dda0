"""The compute worker of a node that shares its process with everything else: a host of functions in the same loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from net4ai.application_server.find_function import Find, installed_function
from net4ai.application_server.function_host import FunctionHost
from net4ai.codecs.compute import FromWorker, Ready, ToWorker


class InlineCompute:
    """A `net4ai.stack.compute.Compute` over a `FunctionHost`: both ways, messages arrive in the loop's next turn."""

    def __init__(self, loop: asyncio.AbstractEventLoop, find: Find = installed_function) -> None:
        self.receive: Callable[[FromWorker], None] | None = None
        self._loop = loop
        self._open = True
        self._host = FunctionHost(self._reply, find)
        self._reply(Ready())

    def send(self, message: ToWorker) -> None:
        self._loop.call_soon(self._to_host, message)

    def close(self) -> None:
        self._open = False
        self._host.close()

    def _to_host(self, message: ToWorker) -> None:
        if self._open:
            self._host.receive(message)

    def _reply(self, message: FromWorker) -> None:
        self._loop.call_soon(self._to_node, message)

    def _to_node(self, message: FromWorker) -> None:
        if self._open and self.receive is not None:
            self.receive(message)
