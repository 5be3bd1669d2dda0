"""One node as a process of its own: `net4ai core FILE`, `net4ai ran-node FILE` and so on.

The file says what every process of the run is told and what this node is told; `net4ai run` writes one for each node
into the run's folder.
"""

from __future__ import annotations

import asyncio
import gc
import itertools
import logging
import os
import signal
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from net4ai.application_server import main as application_server
from net4ai.application_server.config import ApplicationServerConfig
from net4ai.core import main as core
from net4ai.core.config import CoreConfig
from net4ai.core.store import StoreError
from net4ai.edge import main as edge
from net4ai.edge.config import EdgeConfig
from net4ai.ran_node import main as ran_node
from net4ai.ran_node.config import RanNodeConfig
from net4ai.stack.compute import Compute
from net4ai.stack.hop import Address
from net4ai.stack.io.bus_mqtt import MqttBus
from net4ai.stack.io.capture import CaptureFile
from net4ai.stack.io.child_process import (
    RESTART_WINDOW,
    RESTARTS,
    ChildProcess,
    RestartLimit,
    python_module,
    watch_parent,
)
from net4ai.stack.io.clock import SystemClock
from net4ai.stack.io.compute_pool import ComputePool
from net4ai.stack.io.network import SystemNetwork
from net4ai.stack.io.platform import Platform, RunConfig, RunningNode
from net4ai.stack.io.trace_file import TraceFile
from net4ai.ue import main as ue
from net4ai.ue.config import UeConfig

SQLITE = "sqlite:///"
"""What the URL of a database in a file begins with."""

log = logging.getLogger(__name__)

T = TypeVar("T")


YOUNG_OBJECTS = 100_000
"""New objects after which Python looks for garbage: a node keeps what it makes for a terminal, so looking at 700, as
Python would, finds nothing and takes a fifth of the time of a thousand registrations."""


@dataclass(frozen=True, slots=True)
class NodeKind:
    """A kind of node: type of its configuration, and what starts it."""

    config: type[Any]
    start: Callable[[Any, Platform], Awaitable[RunningNode]]
    doc: str


NODES: dict[str, NodeKind] = {
    "core": NodeKind(CoreConfig, core.start, "control plane and routine manager"),
    "ran-node": NodeKind(RanNodeConfig, ran_node.start, "RAN node with compute plane function"),
    "edge": NodeKind(EdgeConfig, edge.start, "edge with forwarding plane function"),
    "app-server": NodeKind(ApplicationServerConfig, application_server.start, "application server"),
    "ue": NodeKind(UeConfig, ue.start, "UEs, many in one process"),
}


class NodeFileError(ValueError):
    """A node's configuration file cannot be used."""


class NodeFile(msgspec.Struct, forbid_unknown_fields=True):
    """The file a node process is started with."""

    node: str
    """One of `NODES`."""
    name: str
    run: RunConfig
    config: msgspec.Raw


def write_node_file(path: Path, kind: str, name: str, run: RunConfig, config: Any) -> None:
    """Write a node's file; only its owner may read it, for it holds the run's keys."""
    content = msgspec.json.encode(
        NodeFile(node=kind, name=name, run=run, config=msgspec.Raw(msgspec.json.encode(config)))
    )
    path.unlink(missing_ok=True)  # the permissions of a file that is there would stay
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(msgspec.json.format(content, indent=2))


def read_node_file(path: Path, kind: str) -> tuple[NodeFile, Any]:
    """Read a node's file. Raises `NodeFileError` naming file, key and what is allowed."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise NodeFileError(f"{path}: {error.strerror}") from None
    node = decode_file(content, NodeFile, str(path))
    if node.node != kind:
        raise NodeFileError(f"{path}: node: {node.node!r} is not allowed; allowed: {kind!r}")
    return node, decode_file(node.config, NODES[kind].config, f"{path}: config")


def decode_file(content: bytes | msgspec.Raw, type_: type[T], where: str) -> T:
    """Raises `NodeFileError`, which says `where`."""
    try:
        return msgspec.json.decode(content, type=type_)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise NodeFileError(f"{where}: {error}") from None


def run_node(kind: str, path: Path, count: int | None = None) -> None:
    """Run one node until it is told to end. `count`: so many of a UE process's terminals only."""
    node, config = read_node_file(path, kind)
    _locate(node.run, config, path.parent.absolute())
    if count is not None and isinstance(config, UeConfig):
        config.terminals = config.terminals[:count]
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(message)s")
    watch_parent()
    gc.set_threshold(YOUNG_OBJECTS)
    asyncio.run(_run(kind, path.parent, node, config))


def _locate(run: RunConfig, config: Any, folder: Path) -> None:
    """Paths of a node file are as seen from its folder: it may have been copied to another machine."""
    for name in ("trace_folder", "capture_folder", "state_folder", "function_path"):
        if path := getattr(run, name):
            setattr(run, name, str((folder / path).resolve()))
    for name in ("trace_folder", "capture_folder", "state_folder"):
        if path := getattr(run, name):
            Path(path).mkdir(parents=True, exist_ok=True)
    if isinstance(config, CoreConfig) and config.store.startswith(SQLITE):
        config.store = f"{SQLITE}{(folder / config.store.removeprefix(SQLITE)).resolve()}"


async def _run(kind: str, folder: Path, node: NodeFile, config: Any) -> None:
    host = ProcessHost(node.run, folder, say=lambda line: print(line, flush=True))
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, host.ended.set)
    try:
        running = await NODES[kind].start(config, await host.platform(node.name))
        await host.ended.wait()
        running.driver.close()
    except (OSError, OverflowError, StoreError) as error:  # the second: a port that is none
        raise SystemExit(f"{node.name}: {error}") from None
    finally:
        await host.close()
    if host.broken:
        raise SystemExit(f"{node.name}: {host.broken}")


class ProcessHost:
    """What a process gives its node: real sockets, the broker's bus, compute workers and application servers."""

    def __init__(self, run: RunConfig, folder: Path, say: Callable[[str], None]) -> None:
        self.run = run
        self.folder = folder
        """Where node files are."""
        self.say = say
        self.clock = SystemClock(run.utc_offset)
        self.ended = asyncio.Event()
        """The process is to end: somebody said so, or it cannot go on."""
        self.broken = ""
        """Why it cannot go on."""
        self.bus: MqttBus | None = None
        self._platform: Platform | None = None
        self._computes: list[ComputePool] = []
        self._children: dict[str, ChildProcess] = {}
        self._watchers: list[asyncio.Future[None]] = []

    async def platform(self, name: str) -> Platform:
        """The platform of this process's node. Raises OSError where a trace or capture cannot be written."""
        loop = asyncio.get_running_loop()
        trace = TraceFile(
            Path(self.run.trace_folder) / f"{name}.ndjson", self.clock, loop, self.run.trace_kinds, at_once=("state",)
        )
        capture = None
        if self.run.capture_folder:
            part = _unused(Path(self.run.capture_folder) / f"{name}.pcapng")
            capture = CaptureFile(part, self.clock, comment=self.run.comment, key_log=self.run.key_log)
        if self.run.bus is None:
            raise NodeFileError("run.bus: missing; a node process needs the address of the broker")
        self.bus = MqttBus(
            name,
            bytes.fromhex(self.run.run_key),
            self.clock,
            self.run.bus.address,
            self.run.bus.port,
            username=self.run.bus.username,
            password=self.run.bus.password,
            quality_of_service=self.run.bus.quality_of_service,
            trace=trace,
        )
        await self.bus.start()
        platform = Platform(
            name=name,
            run=self.run,
            clock=self.clock,
            network=SystemNetwork(),
            bus=self.bus,
            trace=trace,
            capture=capture,
            start_compute=self._start_compute,
            start_application_server=self._start_application_server,
            say=self.say,
        )
        platform.closing.append(trace.close)
        if capture is not None:
            platform.closing.append(capture.close)
        self._platform = platform
        return platform

    async def close(self) -> None:
        """End children and the connection to the bus; then the trace, which tells of it."""
        for watcher in self._watchers:
            watcher.cancel()
        for compute in self._computes:
            compute.close()
        await asyncio.gather(
            *(compute.wait_closed() for compute in self._computes),
            *(child.terminate() for child in self._children.values()),
            return_exceptions=True,
        )
        if self.bus is not None:
            await self.bus.close()
        if self._platform is not None:
            self._platform.close()

    async def _start_compute(self, name: str, preload: Sequence[str]) -> Compute:
        compute = ComputePool(name, self.say, modules=self.run.function_modules, path=self.run.function_path)
        self._computes.append(compute)
        if preload:
            await compute.prepare(preload)
        return compute

    async def _start_application_server(self, name: str, node: str, address: Address) -> None:
        path = self.folder / f"{name}.json"
        config = ApplicationServerConfig(name=name, node=node, address=address)
        write_node_file(path, "app-server", name, self.run, config)
        child = await self._start_child(name, path)
        self._watchers.append(asyncio.ensure_future(self._supervise(child, path)))

    async def _start_child(self, name: str, path: Path) -> ChildProcess:
        child = await ChildProcess.start(name, python_module("net4ai.app", "app-server", str(path)), self.say)
        self._children[name] = child
        return child

    async def _supervise(self, child: ChildProcess, path: Path) -> None:
        """Start an application server again whenever it has ended; a node without one must not look alive."""
        limit = RestartLimit()
        while True:
            code = await child.wait()
            if not limit.allows(asyncio.get_running_loop().time()):
                self.broken = f"{child.name} has ended {RESTARTS + 1} times within {RESTART_WINDOW:g} s"
                self.ended.set()
                return
            self.say(f"{child.name} has ended with code {code} and is started again")
            child = await self._start_child(child.name, path)


def _unused(path: Path) -> Path:
    """`path`, or the same with a number: what a process before has captured stays."""
    numbered = (path.with_stem(f"{path.stem}.{number}") for number in itertools.count(2))
    return path if not path.exists() else next(other for other in numbered if not other.exists())
