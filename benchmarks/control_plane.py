"""Terminals that attach, register, consent and get a session, as fast as the network takes them.

    python benchmarks/control_plane.py [--ues 2000 10000] [--parallel 100] [--ran-nodes 1] [--repeat 3]

Real processes on this machine: core, RAN nodes, edge, broker, UE processes. Prints a table of the median run for each
number of UEs and writes `benchmarks/results/control-plane.json` with all runs.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import tempfile
from pathlib import Path

from net4ai.app.load import LoadFigures, LoadOptions, run_load, table

RESULTS = Path(__file__).parent / "results" / "control-plane.json"


def measure(ues: int, options: argparse.Namespace) -> list[LoadFigures]:
    """All runs with so many UEs, each with a network of its own."""
    runs = []
    for number in range(options.repeat):
        with tempfile.TemporaryDirectory() as folder:
            load = LoadOptions(
                ues=ues,
                folder=Path(folder),
                steps=tuple(options.mix.split(",")),
                parallel=options.parallel,
                ran_nodes=options.ran_nodes,
                trace=options.trace,
            )
            figures = asyncio.run(run_load(load, lambda line: None))
        print(
            f"{ues} UEs, run {number + 1}: {figures.per_second:.0f} a second, {figures.memory_kb:.1f} KB a UE",
            flush=True,
        )
        runs.append(figures)
    return runs


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--ues", type=int, nargs="+", default=[2000, 10000])
    parser.add_argument("--parallel", type=int, default=100)
    parser.add_argument("--ran-nodes", type=int, default=1)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--mix", default="attach,session")
    parser.add_argument("--trace", choices=("procedures", "all"), default="procedures")
    options = parser.parse_args()
    machine = {
        "python": platform.python_version(),
        "machine": platform.machine(),
        "cores": os.cpu_count(),
        "load_average_before": os.getloadavg(),
    }
    runs = []
    for ues in options.ues:
        of_size = measure(ues, options)
        print(table(sorted(of_size, key=lambda figures: figures.per_second)[len(of_size) // 2]), flush=True)
        runs += of_size
    result = {"machine": machine, "options": vars(options), "runs": [figures.as_json() for figures in runs]}
    RESULTS.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
