"""Greedy placement beside exact placement, on random instances: cost, time, and who finds a place at all.

    python benchmarks/placement.py [--instances 50] [--ran-nodes 6]

Prints a table and writes `benchmarks/results/placement.json`.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import time
from pathlib import Path
from typing import Any

from net4ai.core.placement import (
    CORE,
    TERMINALS,
    FunctionWish,
    GreedyPlacer,
    LinkWish,
    Node,
    NoPlace,
    Placer,
    Problem,
    cost,
)
from net4ai.core.placement_exact import ExactPlacer

RESULTS = Path(__file__).parent / "results" / "placement.json"


def random_problem(seed: int, ran_nodes: int = 6, most: int = 4) -> Problem:
    """Up to so many RAN nodes and an edge, partly full, and a chain of three functions behind the terminals.

    `most`: instances of a function that is not wanted everywhere.
    """
    chance = random.Random(seed)
    kinds = ["ran-node"] * chance.randint(2, ran_nodes) + ["edge"]
    nodes = tuple(_random_node(chance, number, kind) for number, kind in enumerate(kinds, start=1))
    functions = tuple(_random_function(chance, name, nodes, most) for name in ("local", "middle", "global"))
    links = (
        LinkWish(TERMINALS, "local", chance.choice([10, 50])),
        LinkWish("local", "middle", chance.choice([50, 200])),
        LinkWish("middle", "global", chance.choice([50, 200])),
    )
    return Problem(nodes, functions, links)


def _random_node(chance: random.Random, number: int, kind: str) -> Node:
    edge = kind == "edge"
    capacity = {
        "cpu": chance.choice([2, 4, 8]) * CORE,
        "memory_mib": chance.choice([4096, 8192, 16384]),
        "storage_mib": 65536,
        "accelerators": chance.choice([0, 1, 2]),
        "radio_kbps": 0 if edge else 100_000,
        "transport_kbps": chance.choice([2_000, 10_000]),
    }
    free = {resource: round(amount * chance.uniform(0.3, 1)) for resource, amount in capacity.items()}
    terminals = 0 if edge else chance.randint(1, 20)
    return Node("edge" if edge else f"ran-{number}", kind, capacity, free, terminals)


def _random_function(chance: random.Random, name: str, nodes: tuple[Node, ...], most: int) -> FunctionWish:
    place = chance.choice(["ran-node", "any"] if name == "local" else ["ran-node", "edge", "any"])
    allowed = tuple(node.name for node in nodes if place in ("any", node.kind))
    everywhere = place == "ran-node" and chance.random() < 0.4
    needs = {
        "cpu": chance.choice([0.1, 0.2, 0.5]) * CORE,
        "memory_mib": chance.choice([256, 512, 1024]),
        "accelerators": int(chance.random() < 0.1),
    }
    instances = len(allowed) if everywhere else chance.randint(1, most)
    return FunctionWish(name, allowed, instances, {r: round(amount) for r, amount in needs.items()}, everywhere)


def measure(placer: Placer, problem: Problem) -> dict[str, Any]:
    """Cost (None: no place) and milliseconds."""
    start = time.perf_counter()
    try:
        found = placer.place(problem)
    except NoPlace as error:
        return {"cost": None, "why": error.detail, "ms": round(1e3 * (time.perf_counter() - start), 2)}
    return {"cost": round(cost(problem, found), 6), "ms": round(1e3 * (time.perf_counter() - start), 2)}


def summary(runs: list[dict[str, dict[str, Any]]]) -> dict[str, Any]:
    """How far greedy is from the best where both find a place, and how long they take."""
    both = [run for run in runs if run["greedy"]["cost"] is not None]
    ratios = [run["greedy"]["cost"] / run["exact"]["cost"] for run in both]
    return {
        "instances": len(runs),
        "feasible": {name: sum(run[name]["cost"] is not None for run in runs) for name in ("greedy", "exact")},
        "greedy is best": sum(ratio < 1 + 1e-6 for ratio in ratios),
        "greedy / exact cost, mean": round(statistics.fmean(ratios), 4),
        "greedy / exact cost, largest": round(max(ratios), 4),
        "ms, median": {name: statistics.median(run[name]["ms"] for run in runs) for name in ("greedy", "exact")},
        "ms, largest": {name: max(run[name]["ms"] for run in runs) for name in ("greedy", "exact")},
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="Greedy and exact placement on random instances.")
    parser.add_argument("--instances", type=int, default=50)
    parser.add_argument("--ran-nodes", type=int, default=6)
    options = parser.parse_args()
    placers = {"greedy": GreedyPlacer(), "exact": ExactPlacer(time_limit=30)}
    measure(placers["exact"], random_problem(0))  # imports HiGHS
    runs = []
    print(f"{'seed':>4} {'greedy':>9} {'exact':>9} {'ratio':>7} {'greedy ms':>10} {'exact ms':>9}")
    for seed in range(options.instances):
        problem = random_problem(seed, options.ran_nodes)
        run = {name: measure(placer, problem) for name, placer in placers.items()}
        runs.append(run)
        costs = [run[name]["cost"] for name in placers]
        shown = ["–" if value is None else f"{value:.4f}" for value in costs]
        ratio = f"{costs[0] / costs[1]:.3f}" if None not in costs else "–"
        print(f"{seed:>4} {shown[0]:>9} {shown[1]:>9} {ratio:>7}", end=" ")
        print(f"{run['greedy']['ms']:>10.2f} {run['exact']['ms']:>9.2f}")
    result = summary(runs)
    print(json.dumps(result, indent=2))
    RESULTS.write_text(json.dumps({"summary": result, "ran nodes": options.ran_nodes, "runs": runs}, indent=1) + "\n")
    print(f"written to {RESULTS}")


if __name__ == "__main__":
    main()
