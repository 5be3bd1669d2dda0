"""`net4ai status`, `net4ai control`, `net4ai metrics`: looking at a running network, and commanding it."""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from net4ai.app.commands.common import network_argument, network_command, port_number

if TYPE_CHECKING:
    from net4ai.app.bus_client import NetworkError
    from net4ai.codecs.bus import NodeStatus

WATCH_INTERVAL = 1.0
"""Seconds between two looks of `--watch`."""
METRICS_PORT = 9464
CLEAR = "\x1b[H\x1b[2J"


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the commands of this group."""
    status = commands.add_parser("status", help="how the nodes of a running network are doing")
    status.add_argument("nodes", metavar="NODE", nargs="*", help="in detail; default: a line for each node")
    status.add_argument("--json", action="store_true", help="all that the nodes say, as JSON")
    status.add_argument("--watch", action="store_true", help="look again every second, until Ctrl-C")
    network_argument(status)
    status.set_defaults(command=network_command(_status))

    control = commands.add_parser("control", help="tell a node of a running network to do something")
    control.add_argument("node", metavar="NODE")
    control.add_argument(
        "order", metavar="COMMAND", nargs="?", default="", help="without one, the node says which it has"
    )
    control.add_argument("arguments", metavar="KEY=VALUE", nargs="*")
    network_argument(control)
    control.set_defaults(command=network_command(_control))

    metrics = commands.add_parser("metrics", help="counters and gauges of all nodes, for Prometheus")
    metrics.add_argument("--port", type=port_number, default=METRICS_PORT, help=f"TCP port; default: {METRICS_PORT}")
    metrics.add_argument("--address", default="127.0.0.1", help="where to listen; default: 127.0.0.1")
    metrics.add_argument("--once", action="store_true", help="print them once")
    network_argument(metrics)
    metrics.set_defaults(command=network_command(_metrics))


Report = Mapping[str, "NodeStatus | NetworkError"]


async def _status(options: argparse.Namespace) -> int:
    from net4ai.app.operator import operate

    async with operate(options.network, say=_to_stderr) as operator:
        while True:
            report = await operator.report(options.nodes)
            text = as_json(report) if options.json else as_text(report, detailed=bool(options.nodes))
            if not options.watch:
                print(text)
                return 0 if all(hasattr(status, "kind") for status in report.values()) else 1
            print(text if options.json else CLEAR + text, flush=True)
            await asyncio.sleep(WATCH_INTERVAL)


async def _control(options: argparse.Namespace) -> int:
    from net4ai.app.operator import operate

    arguments = {}
    for argument in options.arguments:
        key, equals, value = argument.partition("=")
        if not equals or not key:
            print(f"{argument!r} is not allowed; allowed: KEY=VALUE", file=sys.stderr)
            return 2
        arguments[key] = value
    async with operate(options.network, say=_to_stderr) as operator:
        print(await operator.command(options.node, options.order, **arguments))
    return 0


async def _metrics(options: argparse.Namespace) -> int:
    from prometheus_client import CollectorRegistry, start_http_server

    from net4ai.app.operator import NodeCollector, exposition, operate

    async with operate(options.network, say=_to_stderr) as operator:
        if options.once:
            print(exposition(await operator.report()), end="")
            return 0
        loop = asyncio.get_running_loop()
        registry = CollectorRegistry(auto_describe=False)
        registry.register(NodeCollector(lambda: asyncio.run_coroutine_threadsafe(operator.report(), loop).result()))
        server, _ = start_http_server(options.port, options.address, registry)
        print(f"http://{options.address}:{options.port}/metrics; Ctrl-C ends it", flush=True)
        try:
            await asyncio.Event().wait()
        finally:
            server.shutdown()
    return 0


def _to_stderr(line: str) -> None:
    print(line, file=sys.stderr)


# ---------------------------------------------------------------------------------------------------------------------
# What is shown


def as_json(report: Report) -> str:
    """One object: what each node says, by its name."""
    found = {
        name: msgspec.to_builtins(status)
        if isinstance(status, msgspec.Struct)
        else {"node": name, "error": str(status)}
        for name, status in report.items()
    }
    return msgspec.json.format(msgspec.json.encode(found), indent=2).decode()


def as_text(report: Report, *, detailed: bool) -> str:
    """A line for each node; or everything, as tables."""
    if detailed:
        return "\n\n".join(_details(name, status) for name, status in report.items())
    rows: list[dict[str, Any]] = []
    for name, status in report.items():
        if not isinstance(status, msgspec.Struct):
            rows.append({"node": name, "kind": "", "up": "no answer", "memory": "", "what there is": ""})
            continue
        memory = f"{status.gauges.get('memory_bytes', 0) / 2**20:.0f} MiB"
        rows.append(
            {
                "node": name,
                "kind": status.kind,
                "up": f"{status.uptime_s:.0f} s",
                "memory": memory,
                "what there is": _summary(status.gauges),
            }
        )
    return table(rows)


SUMMARY = ("terminals", "sessions", "bearers", "peers", "instances", "routes", "services", "jobs")


def _summary(gauges: Mapping[str, float]) -> str:
    parts = []
    for family in SUMMARY:
        for name, value in gauges.items():
            if value and name.split("/")[0] == family:
                _, _, label = name.partition("/")
                parts.append(
                    f"{value:g} {label} {family}" if family == "peers" else f"{family} {value:g} {label}".strip()
                )
    return ", ".join(parts)


def _details(name: str, status: NodeStatus | NetworkError) -> str:
    if not isinstance(status, msgspec.Struct):
        return f"{name}: {status}"
    lines = [f"{name}: {status.kind}, up {status.uptime_s:.0f} s"]
    for title, values in (("gauges", status.gauges), ("counters", status.counters)):
        rows = [{title: key, "": f"{value:g}"} for key, value in sorted(values.items())]
        lines += ["", table(rows)] if rows else []
    for title, table_rows in status.tables.items():
        lines += ["", f"{title}: {len(table_rows)}"]
        lines += [table(table_rows)] if table_rows else []
    return "\n".join(lines)


def table(rows: Sequence[Mapping[str, Any]]) -> str:
    """Rows under the names of their columns, all as wide as what they hold."""
    columns = list(dict.fromkeys(key for row in rows for key in row))
    cells = [columns, *([str(row.get(column, "")) for column in columns] for row in rows)]
    widths = [max(len(row[index]) for row in cells) for index in range(len(columns))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in cells
    )
