"""The data plane beside other ways to carry tensors, each between two processes of this machine.

    python benchmarks/data_plane.py [--rounds 9] [--row "4 MB" ...] [--method dep ...] [--quick] [--profile]

Every round runs all methods of a row, in another order; what counts is the ratio to blocking TCP of the same round.
Prints a table of medians, and writes `benchmarks/results/data-plane.json` when all rows and methods were run.
"""

from __future__ import annotations

import argparse
import cProfile
import importlib
import importlib.util
import io
import json
import multiprocessing
import os
import platform
import pstats
import sys
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from multiprocessing.connection import Connection
from pathlib import Path
from statistics import median
from typing import Any

from data_plane_methods.rows import ROWS
from data_plane_methods.transfer import Marks, Row, Worker

RESULTS = Path(__file__).parent / "results" / "data-plane.json"
REFERENCE = "tcp"
MEMORY = "memory"
"""The row that carries nothing from process to process."""
MODULES = {
    "tcp": "blocking_tcp",
    "dep": "dep",
    "dep-direct": "dep_direct",
    "echo": "echo",
    "junk": "junk",
    "asyncio": "datagrams",
    "uvloop": "uvloop_datagrams",
    "zmq": "zeromq",
    "grpc-unary": "grpc_calls",
    "grpc-stream": "grpc_stream",
    "aioquic": "quic",
}
PATIENCE = 60.0
"""Seconds after which a transfer counts as stuck."""
WARM_UP_OCTETS = 16 << 20
PROFILED_LINES = 45


@dataclass(frozen=True, slots=True)
class Figures:
    """What one transfer gave."""

    megabytes_per_second: float
    cpu_per_gigabyte: dict[str, float]
    """By role: CPU-seconds per 10^9 octets."""
    extra: dict[str, Any] = field(default_factory=dict)


class TransferFailed(Exception):
    """A process of the transfer raised an error, or said nothing for too long."""


def run_worker(module: str, role: str, row: Row, connection: Connection, profile: bool) -> None:
    """The body of a process."""
    profiler = cProfile.Profile()
    try:
        body: Callable[[Worker, Row], None] = getattr(importlib.import_module(f"data_plane_methods.{module}"), role)
        if profile:
            profiler.enable()
        body(Worker(role, row, connection), row)
        profiler.disable()
        connection.send(_profile(profiler) if profile else None)
    except BaseException:
        connection.send(TransferFailed(f"{role}: {traceback.format_exc()}"))


def _profile(profiler: cProfile.Profile) -> str:
    text = io.StringIO()
    pstats.Stats(profiler, stream=text).sort_stats("tottime").print_stats(PROFILED_LINES)
    return text.getvalue()


@contextmanager
def processes(module: str, row: Row, profile: bool) -> Iterator[dict[str, Connection]]:
    """The processes of a transfer, by role."""
    fork = multiprocessing.get_context("forkserver")
    fork.set_forkserver_preload(["data_plane_methods.dep"])
    found = importlib.import_module(f"data_plane_methods.{module}")
    forwards = row.through and hasattr(found, "forward")
    roles = getattr(found, "ROLES", ("receive", "forward", "send") if forwards else ("receive", "send"))
    started = []
    connections: dict[str, Connection] = {}
    try:
        for role in roles:
            connections[role], theirs = fork.Pipe()
            process = fork.Process(target=run_worker, args=(module, role, row, theirs, profile), daemon=True)
            process.start()
            theirs.close()
            started.append(process)
        yield connections
    finally:
        for process in started:
            process.join(2)
            if process.is_alive():
                process.kill()
                process.join()


def hear(connection: Connection) -> Any:
    """What a process says. Raises `TransferFailed`."""
    if not connection.poll(PATIENCE):
        raise TransferFailed(f"nothing was said for {PATIENCE:.0f} seconds")
    try:
        said = connection.recv()
    except EOFError:
        raise TransferFailed("a process ended") from None
    if isinstance(said, TransferFailed):
        raise said
    return said


def transfer(method: str, row: Row, profile: bool = False) -> Figures:
    """Carry the messages of a row. Raises `TransferFailed`."""
    module = MODULES[method]
    count = row.count(importlib.import_module(f"data_plane_methods.{module}").MOST)
    with processes(module, row, profile) as connections:
        addresses = {role: hear(connection) for role, connection in connections.items()}
        for connection in connections.values():
            connection.send(addresses)
        for number in (max(1, min(count // 4, WARM_UP_OCTETS // row.size)), count):
            marks = _phase(connections, number)
        for connection in connections.values():
            connection.send(None)
        for role, connection in connections.items():
            profiled = hear(connection)
            if profiled:
                print(f"{row.name}, {method}, {role}:\n{profiled}", flush=True)
    octets = count * row.size
    took = (marks["receive"] if row.beside is None else marks["send"]).end - marks["send"].begin
    extra = {key: value for mark in marks.values() for key, value in mark.extra.items()}
    return Figures(octets / took / 1e6, {role: mark.cpu / octets * 1e9 for role, mark in marks.items()}, extra)


def _phase(connections: dict[str, Connection], count: int) -> dict[str, Marks]:
    for connection in connections.values():
        connection.send(count)
    receiver = connections["receive"]
    marks = {"receive": hear(receiver)}
    hear(receiver)  # it has compared the last message
    for role, connection in connections.items():
        connection.send(True)
        if role != "receive":
            marks[role] = hear(connection)
    return marks


def missing(method: str) -> str | None:
    """The package a method needs, where it is not installed."""
    package = importlib.import_module(f"data_plane_methods.{MODULES[method]}").PACKAGE
    return None if package is None or importlib.util.find_spec(package) else package


def measure(row: Row, rounds: int, profile: bool) -> dict[str, list[Figures | None]]:
    """All rounds of a row; None where a transfer failed."""
    found: dict[str, list[Figures | None]] = {method: [] for method in row.methods}
    for number in range(rounds):
        turn = number % len(row.methods)
        for method in row.methods[turn:] + row.methods[:turn]:
            try:
                found[method].append(transfer(method, replace(row, seed=number + 1), profile))
            except TransferFailed as error:
                print(f"{row.name}, {method}: {error}", file=sys.stderr, flush=True)
                found[method].append(None)
    return found


def ratios(found: dict[str, list[Figures | None]], method: str) -> list[float]:
    """Goodput beside that of blocking TCP in the same round."""
    pairs = zip(found[method], found.get(REFERENCE, []), strict=False)
    return [one.megabytes_per_second / other.megabytes_per_second for one, other in pairs if one and other]


def lines(row: Row, found: dict[str, list[Figures | None]]) -> Iterator[str]:
    """The row's part of the table."""
    if row.beside is not None:
        yield from latencies(row, found["echo"])
        return
    if "junk" in found:
        yield f"\n{row.name}: {row.text}"
        yield from (str(figures and figures.extra) for figures in found["junk"])
        return
    yield f"\n{row.name}: {row.text}"
    yield f"{'method':14}{'MB/s':>8}{'x TCP':>8}  {'[least..most]':16}{'CPU-s/GB send':>14}{'receive':>9}{'forward':>9}"
    for method, runs in found.items():
        good = [figures for figures in runs if figures]
        if not good:
            yield f"{method:14}  failed"
            continue
        beside = ratios(found, method)
        span = f"[{min(beside):.2f}..{max(beside):.2f}]" if beside else ""
        cpu = [
            f"{median(each.cpu_per_gigabyte[role] for each in good):.2f}" if role in good[0].cpu_per_gigabyte else ""
            for role in ("send", "receive", "forward")
        ]
        speed = median(each.megabytes_per_second for each in good)
        ratio = f"{median(beside):.3f}" if beside else ""
        failed = f"  {len(runs) - len(good)} failed" if len(good) < len(runs) else ""
        yield f"{method:14}{speed:8.0f}{ratio:>8}  {span:16}{cpu[0]:>14}{cpu[1]:>9}{cpu[2]:>9}{failed}"


def latencies(row: Row, runs: list[Figures | None]) -> Iterator[str]:
    """The part of a row of requests."""
    yield f"\n{row.name}: {row.text}"
    good = [figures.extra for figures in runs if figures]
    if not good:
        yield "failed"
        return
    yield f"{'method':14}{'p50 µs':>8}{'p99 µs':>8}{'p99/p50':>9}{'p50 x asyncio':>15}"
    for method in ("dep", "asyncio"):
        p50, p99 = (median(extra[method][part] for extra in good) for part in ("p50", "p99"))
        tail = median(extra[method]["p99"] / extra[method]["p50"] for extra in good)
        beside = median(extra[method]["p50"] / extra["asyncio"]["p50"] for extra in good)
        yield f"{method:14}{p50:8.0f}{p99:8.0f}{tail:9.1f}{beside:15.2f}"
    if row.beside:
        yield f"bulk meanwhile: {median(extra['bulk MB/s'] for extra in good):.0f} MB/s"


def memory_lines(held: dict[str, dict[str, float]]) -> Iterator[str]:
    """What sessions take in memory."""
    for what, octets in held.items():
        yield f"memory, {what}: " + ", ".join(f"{name} {figure:,.0f}" for name, figure in octets.items())


def as_json(row: Row, found: dict[str, list[Figures | None]]) -> dict[str, Any]:
    """All runs of a row."""
    methods = {
        method: {
            "megabytes_per_second": [figures and round(figures.megabytes_per_second, 1) for figures in runs],
            "beside_tcp": [round(ratio, 4) for ratio in ratios(found, method)],
            "cpu_seconds_per_gigabyte": [figures and figures.cpu_per_gigabyte for figures in runs],
            "extra": [figures and figures.extra for figures in runs],
        }
        for method, runs in found.items()
    }
    return {"row": row.name, "text": row.text, "size": row.size, "segment": row.segment, "methods": methods}


def quick(row: Row) -> Row:
    """So little that it says only whether everything works."""
    return replace(row, octets=max(2 * row.size, row.octets // 64))


def machine() -> dict[str, Any]:
    """What the figures depend on."""
    cpu = platform.processor()
    for line in Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else ():
        if line.startswith("model name"):
            cpu = line.split(":", 1)[1].strip()
    return {
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.release()}",
        "machine": platform.machine(),
        "cpu": cpu,
        "cores": os.cpu_count(),
        "load_average_before": os.getloadavg(),
        "packages": {name: version(name) for name in ("numpy", "uvloop", "pyzmq", "grpcio", "aioquic")},
    }


def version(package: str) -> str | None:
    """Of an installed package."""
    from importlib import metadata

    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def chosen(options: argparse.Namespace) -> Iterator[Row]:
    """The rows that were asked for, with the methods that were asked for and can be run."""
    left_out = {method: package for method in MODULES if (package := missing(method))}
    for method, package in left_out.items():
        print(f"{method} is left out: {package} is not installed (pip install 'net4ai[benchmark]')")
    for row in ROWS:
        if options.row and row.name not in options.row:
            continue
        wanted = [method for method in row.methods if not options.method or method in (REFERENCE, *options.method)]
        if not any(method != REFERENCE for method in wanted) and options.method != [REFERENCE]:
            continue
        row = replace(row, methods=tuple(method for method in wanted if method not in left_out))
        yield quick(row) if options.quick else row


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--rounds", type=int, help="of each row; 9, or 1 with --quick")
    parser.add_argument("--row", nargs="+", choices=[MEMORY, *(row.name for row in ROWS)], help="only these rows")
    parser.add_argument("--method", nargs="+", choices=MODULES, help="only these methods, and blocking TCP")
    parser.add_argument("--quick", action="store_true", help="a few messages of each: whether it works, not how fast")
    parser.add_argument("--profile", action="store_true", help="print where the time goes, of each process")
    parser.add_argument("--output", type=Path, help="write the figures to this file")
    options = parser.parse_args(arguments)
    described, rounds = machine(), options.rounds or (1 if options.quick else 9)
    rows = []
    of_memory = not options.row or MEMORY in options.row
    held = importlib.import_module("data_plane_methods.memory").figures(options.quick) if of_memory else {}
    for line in memory_lines(held):
        print(line, flush=True)
    for row in chosen(options):
        found = measure(row, rounds, options.profile)
        print("\n".join(lines(row, found)), flush=True)
        rows.append(as_json(row, found))
    whole = not (options.row or options.method or options.quick or options.profile)
    if target := options.output or (RESULTS if whole else None):
        result = {"machine": described, "rounds": rounds, "rows": rows, "memory": held}
        target.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    failed = any(figures is None for row in rows for method in row["methods"].values() for figures in method["extra"])
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
