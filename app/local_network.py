"""A scenario's network on this machine: a broker and a process for each node, started in order and kept running.

Whatever ends before its time is started again, on its old ports and with its old names and keys, so its peers find it
where it was; what it had committed it finds in the core's database and in the checkpoints of functions. What ends again
and again is given up, with its name.

Files are in one folder: `trace/` (NDJSON of each process), `capture-parts/`, `nodes/` (each node's file: keys, mode
0600), `state/` (checkpoints), `core.sqlite`, `nodes.log`, `broker.log`.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import msgspec

from net4ai.app.node_process import ProcessHost, write_node_file
from net4ai.app.plan import FreePorts, Plan, hosts_of, make_plan, providers_of
from net4ai.app.scenario import CORE, Scenario
from net4ai.codecs.envelope import provider_of
from net4ai.stack.io.broker import Broker, BrokerError, Login
from net4ai.stack.io.child_process import RESTART_WINDOW, RESTARTS, ChildProcess, RestartLimit, python_module
from net4ai.stack.io.clock import SystemClock
from net4ai.stack.io.key_log import KEY_LOG
from net4ai.stack.io.network import Network, SystemNetwork
from net4ai.stack.io.platform import BusConfig, Platform, RunConfig, unscheduled_of

BROKER = "broker"
"""What the broker is called among the processes."""


@dataclass(frozen=True, slots=True)
class NetworkFolder:
    """Where a network keeps its files."""

    path: Path

    @property
    def trace(self) -> Path:
        return self.path / "trace"

    @property
    def nodes(self) -> Path:
        return self.path / "nodes"

    @property
    def capture_parts(self) -> Path:
        return self.path / "capture-parts"

    @property
    def state(self) -> Path:
        return self.path / "state"

    @property
    def database(self) -> Path:
        return self.path / "core.sqlite"

    @property
    def nodes_log(self) -> Path:
        return self.path / "nodes.log"

    @property
    def broker_log(self) -> Path:
        return self.path / "broker.log"

    def make(self, *, capture: bool = False, keep: bool = False) -> None:
        """Make the folders. What an earlier run left goes; with `keep` its database and checkpoints stay.

        Raises OSError: what cannot be written is found out now.
        """
        old = [self.broker_log, self.nodes_log, self.path / KEY_LOG]
        for folder, pattern in ((self.trace, "*.ndjson"), (self.nodes, "*.json"), (self.capture_parts, "*.pcapng")):
            if folder != self.capture_parts or capture:
                folder.mkdir(parents=True, exist_ok=True)
            old += folder.glob(pattern)
        if not keep:
            old += self.path.glob(f"{self.database.name}*")  # SQLite has files beside it
            shutil.rmtree(self.state, ignore_errors=True)
        self.state.mkdir(exist_ok=True)
        for path in old:
            path.unlink(missing_ok=True)


async def make_run_config(
    scenario: Scenario,
    plan: Plan,
    folder: NetworkFolder,
    network: Network,
    run_key: str,
    *,
    capture: bool = False,
    bus: BusConfig | None = None,
    started: int = 0,
    utc_offset: int = 0,
) -> RunConfig:
    """What every node is told. Raises OSError where the host has no such address."""
    probe = await network.open(scenario.addresses.host)
    unscheduled = unscheduled_of(probe.credit, plan.sessions_at_a_socket)
    probe.close()
    return RunConfig(
        run_key=run_key,
        seed=scenario.seed,
        utc_offset=utc_offset,
        started=started,
        host=scenario.addresses.host,
        bus=bus,
        links=dict(plan.links),
        unscheduled=unscheduled,
        key_log=scenario.key_log,
        hooks=list(scenario.hooks),
        function_modules=list(scenario.function_modules),
        function_path=scenario.function_path,
        trace_folder=str(folder.trace.absolute()),
        capture_folder=str(folder.capture_parts.absolute()) if capture else "",
        comment=f"net4ai {version('net4ai')}, scenario {scenario.name}, seed {scenario.seed}",
    )


def controller_config(config: RunConfig, key: str, login: Login) -> RunConfig:
    """What an application controller is told, whose provider has this `key`: nothing of the run's own secrets."""
    bus = config.bus and msgspec.structs.replace(config.bus, username=login.username, password=login.password)
    return msgspec.structs.replace(config, run_key=key, bus=bus)


@dataclass(slots=True)
class NodeProcess:
    """A node of the network: what it is, and its process of the moment."""

    kind: str
    """As in `net4ai.app.node_process.NODES`."""
    name: str
    config: Any
    process: ChildProcess | None = None
    limit: RestartLimit = field(default_factory=RestartLimit)


class LocalNetwork:
    """The network of `scenario`, in `folder`; `async with LocalNetwork(...) as network`.

    Entering starts the broker and all nodes (raises `BrokerError`, OSError); leaving ends them, terminals first.
    """

    def __init__(
        self,
        scenario: Scenario,
        folder: NetworkFolder,
        say: Callable[[str], None],
        *,
        capture: bool = False,
        run_key: str = "",
        store: str = "",
        controllers: Mapping[str, str] | None = None,
        adjust: Callable[[Plan, RunConfig], None] = lambda plan, config: None,
    ) -> None:
        """`folder` has been made. `say` gets lines for the person, nodes' own lines among them.

        `run_key`: what all keys are derived from; default: a new one. `store`: URL of the core's database; default:
        SQLite in the folder. `controllers`: key (32 octets in hex) of each provider that may register services.
        `adjust` may change the configurations before anything is started.
        """
        self.scenario = scenario
        self.folder = folder
        self.say = say
        self.run_key = run_key or secrets.token_hex(32)
        self.on_ended: Callable[[str], None] = say
        """The network cannot go on, and why: something ends again and again."""
        self.broker: Broker
        self.plan: Plan
        self.config: RunConfig
        """What every node is told."""
        self.nodes: dict[str, NodeProcess] = {}
        """By name, in the order of their start: core, edge, RAN nodes, groups of UEs."""
        self._capture = capture
        self._store = store or f"sqlite:///{folder.database.absolute()}"
        self._controllers = dict(controllers or {})
        self._adjust = adjust
        self._clock = SystemClock()
        self._hosts: list[ProcessHost] = []
        self._supervisors: list[asyncio.Future[None]] = []
        self._opened = contextlib.AsyncExitStack()

    async def __aenter__(self) -> Self:
        try:
            await self._start()
        except BaseException:
            await self._end()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._end()

    async def platform(self, name: str, run_key: str = "") -> Platform:
        """The platform of an application controller in this process, closed with the network.

        `run_key`: the provider's key, from which its keys on the bus follow; default: the run's.
        """
        config = self.config
        if run_key:
            config = controller_config(config, run_key, self.broker.providers[provider_of(name) or ""])
        host = ProcessHost(config, self.folder.nodes, self.say)
        host.clock = self._clock
        self._hosts.append(host)
        return await host.platform(name)

    # Start and end

    async def _start(self) -> None:
        scenario, addresses = self.scenario, self.scenario.addresses
        broker_log = log_to(self.folder.broker_log)
        providers = [*providers_of(scenario), *self._controllers]
        self.broker = await self._opened.enter_async_context(
            Broker.start(
                self.folder.nodes,
                scenario.bus.backend,
                port=addresses.bus_port,
                on_line=broker_log,
                address=hosts_of(scenario)[CORE],
                providers=list(dict.fromkeys(providers)),
            )
        )
        broker = self.broker
        self.say(f"broker {broker.kind} at {broker.address}:{broker.port}")
        bus = BusConfig(broker.address, broker.port, broker.username, broker.password, broker.quality_of_service)
        free = FreePorts(addresses.host)
        self.plan = make_plan(scenario, free.udp, addresses.n2_port or free.tcp(), self.run_key)
        free.release()
        self.plan.core.store = self._store
        self.plan.core.controllers |= self._controllers
        self.config = await make_run_config(
            scenario,
            self.plan,
            self.folder,
            SystemNetwork(),
            self.run_key,
            capture=self._capture,
            bus=bus,
            started=self._clock.now(),
            utc_offset=self._clock.utc_offset,
        )
        self.config.state_folder = str(self.folder.state.absolute())
        self._adjust(self.plan, self.config)
        for node in nodes_of(self.plan):
            self.nodes[node.name] = node
            config = msgspec.structs.replace(self.config, host=self.plan.hosts[node.name])
            write_node_file(self._file(node), node.kind, node.name, config, node.config)
            await self._start_node(node)
        self.say(f"started {', '.join(self.nodes)}; they start their compute workers and application servers")
        supervisors = [self._supervise_broker(), *(self._supervise(node) for node in self.nodes.values())]
        self._supervisors += [asyncio.ensure_future(supervisor) for supervisor in supervisors]

    async def _end(self) -> None:
        """Terminals first, the core last: nobody complains of a peer that was told to go."""
        for supervisor in self._supervisors:
            supervisor.cancel()
        await asyncio.gather(*self._supervisors, return_exceptions=True)
        for kinds in (("ue",), ("ran-node",), ("core", "edge")):
            ending = [node.process for node in self.nodes.values() if node.kind in kinds and node.process is not None]
            await asyncio.gather(*(process.terminate() for process in ending), return_exceptions=True)
        for host in self._hosts:
            await host.close()
        await self._opened.aclose()

    def _file(self, node: NodeProcess) -> Path:
        return self.folder.nodes / f"{node.name}.json"

    async def _start_node(self, node: NodeProcess) -> None:
        command = python_module("net4ai.app", node.kind, str(self._file(node)))
        node.process = await ChildProcess.start(node.name, command, log_to(self.folder.nodes_log, self.say))

    # Supervision

    async def _supervise(self, node: NodeProcess) -> None:
        """Start a node again whenever it has ended, until that happens too often."""
        assert node.process is not None
        while True:
            code = await node.process.wait()
            if not self._again(node.name, code, node.limit, self.folder.nodes_log):
                return
            try:
                await self._start_node(node)
            except OSError as error:
                self.on_ended(f"{node.name} cannot be started again: {error}")
                return

    async def _supervise_broker(self) -> None:
        """The same for the broker: its port and its password stay, so all processes come back to it by themselves."""
        limit = RestartLimit()
        while True:
            code = await self.broker.wait()
            if not self._again(BROKER, code, limit, self.folder.broker_log):
                return
            try:
                await self.broker.launch()
            except (BrokerError, OSError) as error:
                self.on_ended(f"the broker cannot be started again: {error}")
                return

    def _again(self, name: str, code: int, limit: RestartLimit, lines: Path) -> bool:
        """Say that something has ended, and what follows."""
        if limit.allows(asyncio.get_running_loop().time()):
            self.say(f"{name} has ended with code {code} and is started again")
            return True
        self.say(f"{name} has ended with code {code}")
        self.on_ended(f"{name} has ended {RESTARTS + 1} times within {RESTART_WINDOW:g} s; its lines are in {lines}")
        return False


def nodes_of(plan: Plan) -> list[NodeProcess]:
    """The nodes in the order of their start."""
    return [
        NodeProcess("core", "core", plan.core),
        NodeProcess("edge", plan.edge.name, plan.edge),
        *(NodeProcess("ran-node", node.name, node) for node in plan.ran_nodes),
        *(NodeProcess("ue", group.name, group) for group in plan.ues),
    ]


def log_to(path: Path, also: Callable[[str], None] | None = None) -> Callable[[str], None]:
    """Lines go to a file, and to `also`."""

    def on_line(line: str) -> None:
        with path.open("a") as file:
            print(line, file=file)
        if also is not None:
            also(line)

    return on_line
