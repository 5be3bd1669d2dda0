"""Operating a running network: the state of its nodes, commands to them, their counters for Prometheus.

    async with operate("runs/network") as operator:
        for status in await operator.report():
            print(status.node, status.gauges)
        print(await operator.command("ran-1", "release", c_rnti="1"))

An operator has the run's key (`operator.json`); application controllers have not, and cannot do this.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping
from pathlib import Path

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from net4ai.app.bus_client import BusClient, NetworkError, join
from net4ai.app.network_file import NetworkFile, client_config, find_network, read_network, read_operator
from net4ai.codecs.bus import CommandDone, CommandNode, NodeStatus, ReportStatus
from net4ai.stack.io.broker import Login
from net4ai.stack.operation import METRICS, split_name

PREFIX = "net4ai"


class Operator:
    """Somebody who operates a network. Made by `operate`."""

    def __init__(self, client: BusClient, network: NetworkFile) -> None:
        self.network = network
        self._client = client
        self._entity = client.platform.control_entity(
            client.platform.name, client.procedures, client.timers, client.driver
        )
        self._entity.on_missing = lambda entity, body: None  # who is not there is named in the report

    async def status(self, node: str) -> NodeStatus:
        """What a node says of itself. Raises `NetworkError`."""
        call = self._entity.call(f"node/{node}", ReportStatus(), NodeStatus, timer="report-status")
        return await self._client.do(call)

    async def report(self, nodes: Iterable[str] = ()) -> dict[str, NodeStatus | NetworkError]:
        """What these nodes say, without names all of the network; of who is silent, the error."""
        names = list(nodes) or list(self.network.nodes)
        answers = await asyncio.gather(*(self.status(name) for name in names), return_exceptions=True)
        found: dict[str, NodeStatus | NetworkError] = {}
        for name, answer in zip(names, answers, strict=True):
            if not isinstance(answer, NodeStatus | NetworkError):
                raise answer
            found[name] = answer
        return found

    async def command(self, node: str, command: str, /, **arguments: str) -> str:
        """Tell a node to do something: what became of it, in words. Raises `NetworkError`: refused, or no answer."""
        request = CommandNode(command=command, arguments=arguments)
        call = self._entity.call(f"node/{node}", request, CommandDone, timer="report-status")
        return (await self._client.do(call)).detail


@contextlib.asynccontextmanager
async def operate(
    folder: Path | str | None = None, *, host: str = "", say: Callable[[str], None] = print
) -> AsyncIterator[Operator]:
    """The operator of the network of `folder`, by default of the newest that runs. Raises `NetworkFileError`,
    `NetworkError`."""
    where = find_network(Path(folder) if folder is not None else None)
    network, own = read_network(where), read_operator(where)
    config = client_config(network, own.key, Login(own.username, own.password), host=host)
    async with join(config, f"operator-{os.getpid()}", say) as client:
        yield Operator(client, network)


# ---------------------------------------------------------------------------------------------------------------------
# Prometheus


class NodeCollector(Collector):
    """What all nodes count and measure, in the families of `net4ai.stack.operation.METRICS`."""

    def __init__(self, report: Callable[[], Mapping[str, NodeStatus | NetworkError]]) -> None:
        """`report` is called at every scrape."""
        self._report = report

    def collect(self) -> Iterator[Metric]:
        """The families. A node that is silent has `net4ai_up` 0, and nothing else."""
        report = self._report()
        up = GaugeMetricFamily(f"{PREFIX}_up", "Whether the node answers.", labels=("node", "kind"))
        uptime = GaugeMetricFamily(f"{PREFIX}_uptime_seconds", "Since the node started.", labels=("node",))
        families: dict[str, CounterMetricFamily | GaugeMetricFamily] = {}
        for name, metric in METRICS.items():
            family = CounterMetricFamily if metric.kind == "counter" else GaugeMetricFamily
            families[name] = family(f"{PREFIX}_{name}", metric.doc, labels=("node", *metric.labels))
        for node, status in report.items():
            if isinstance(status, NetworkError):
                up.add_metric((node, ""), 0)
                continue
            up.add_metric((node, status.kind), 1)
            uptime.add_metric((node,), status.uptime_s)
            for series, value in (*status.counters.items(), *status.gauges.items()):
                with contextlib.suppress(KeyError, ValueError):  # of a newer node than we are
                    name, labels = split_name(series)
                    families[name].add_metric((node, *labels), value)
        yield from (up, uptime, *families.values())


def exposition(report: Mapping[str, NodeStatus | NetworkError]) -> str:
    """All nodes in Prometheus text format."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(NodeCollector(lambda: report))
    return generate_latest(registry).decode()
