"""All nodes of a run in one event loop over in-memory links: for tests, debugging and virtual time.

The nodes are the same; only what they stand on differs. Functions compute in the loop, so under virtual time computing
takes no time.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import msgspec

from net4ai.application_server import main as application_server
from net4ai.application_server.config import ApplicationServerConfig
from net4ai.application_server.find_function import finder
from net4ai.application_server.inline_compute import InlineCompute
from net4ai.stack.compute import Compute
from net4ai.stack.hop import Address
from net4ai.stack.io.bus import Hub, InProcessBus
from net4ai.stack.io.capture import CaptureFile
from net4ai.stack.io.clock import LoopClock
from net4ai.stack.io.network import Network
from net4ai.stack.io.platform import Platform, RunConfig, RunningNode
from net4ai.stack.io.trace_file import TraceFile
from net4ai.stack.message_hooks import Hook


class InProcessRun:
    """Gives each node of a run its platform, all in the running loop."""

    def __init__(
        self, run: RunConfig, network: Network, say: Callable[[str], None], hooks: Sequence[Hook] = ()
    ) -> None:
        self.run = run
        self.hooks = list(hooks)
        """Message hooks of every node."""
        self.say = say
        self.loop = asyncio.get_running_loop()
        self.clock = LoopClock(self.loop, run.utc_offset or 0)
        self.network = network
        self.hub = Hub()
        self.nodes: list[RunningNode] = []
        self.hosts: Mapping[str, str] = {}
        """Address of each node, where it is not that of all."""
        self._platforms: list[Platform] = []

    async def platform(self, name: str, run_key: str = "") -> Platform:
        """A platform for the node of this name. `run_key`: an application controller's, its provider's key."""
        trace = TraceFile(Path(self.run.trace_folder) / f"{name}.ndjson", self.clock, self.loop)
        capture = None
        if self.run.capture_folder:
            path = Path(self.run.capture_folder) / f"{name}.pcapng"
            capture = CaptureFile(path, self.clock, comment=self.run.comment, key_log=self.run.key_log)
        bus = InProcessBus(name, bytes.fromhex(run_key or self.run.run_key), self.clock, self.hub, trace)
        await bus.start()
        platform = Platform(
            name=name,
            run=msgspec.structs.replace(self.run, host=self.hosts.get(name, self.run.host)),
            clock=self.clock,
            network=self.network,
            bus=bus,
            trace=trace,
            capture=capture,
            start_compute=self._start_compute,
            start_application_server=self._start_application_server,
            say=self.say,
            python_hooks=self.hooks,
        )
        platform.closing.append(trace.close)
        if capture is not None:
            platform.closing.append(capture.close)
        self._platforms.append(platform)
        return platform

    async def _start_compute(self, name: str, preload: Sequence[str]) -> Compute:
        path = self.run.function_path
        if path and path not in sys.path:
            sys.path.append(path)
        return InlineCompute(self.loop, finder(self.run.function_modules))

    async def _start_application_server(self, name: str, node: str, address: Address) -> None:
        config = ApplicationServerConfig(name=name, node=node, address=address)
        self.hosts = {**self.hosts, name: self.hosts.get(node, self.run.host)}
        self.nodes.append(await application_server.start(config, await self.platform(name)))

    def close(self) -> None:
        """End all nodes."""
        for node in reversed(self.nodes):
            node.close()
        for platform in self._platforms:
            platform.close()
            platform.bus.leave()
