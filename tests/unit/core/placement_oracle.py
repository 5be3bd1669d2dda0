"""An independent oracle of placement: client by client, without the model's own sums; and brute force over it."""

from __future__ import annotations

import importlib.util
import itertools
import pathlib
from collections import Counter
from collections.abc import Iterator
from typing import Any

from net4ai.core.placement import TERMINALS, LinkWish, Node, Path, Placement, Problem

_PATH = pathlib.Path(__file__).resolve().parents[3] / "benchmarks" / "placement.py"
_SPEC = importlib.util.spec_from_file_location("placement_benchmark", _PATH)
assert _SPEC is not None and _SPEC.loader is not None
benchmark: Any = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(benchmark)


def route(problem: Problem, one: str, other: str) -> list[str]:
    """RAN nodes meet at the edge; written anew."""
    kinds = {node.name: node.kind for node in problem.nodes}
    if one == other:
        return [one]
    if kinds[one] == kinds[other] == "ran-node":
        return [one, next(name for name, kind in kinds.items() if kind == "edge"), other]
    return [one, other]


def taken(problem: Problem, placement: Placement) -> Counter[tuple[str, str]]:
    """What is taken, by node and resource: one instance, one client and one link after the other."""
    total: Counter[tuple[str, str]] = Counter()
    for (function, name), count in placement.counts.items():
        wish = {wish.function: wish for wish in problem.functions}[function]
        for _ in range(count):
            total.update({(name, resource): amount for resource, amount in wish.needs.items()})
    for (link, one, other), clients in placement.paths.items():
        steps = route(problem, one, other)
        for _ in range(clients):
            for step in range(len(steps) - 1):
                total[steps[step], "transport_kbps"] += link.kbps
                total[steps[step + 1], "transport_kbps"] += link.kbps
            if link.client == TERMINALS:
                total[one, "radio_kbps"] += link.kbps
    return total


def faults(problem: Problem, placement: Placement) -> list[str]:
    """What is wrong with a placement; nothing: it is one."""
    found = []
    for wish in problem.functions:
        counts = {name: placement.counts.get((wish.function, name), 0) for name in (n.name for n in problem.nodes)}
        if sum(counts.values()) != wish.instances:
            found.append(f"{sum(counts.values())} of {wish.instances} {wish.function}")
        if any(count and name not in wish.nodes for name, count in counts.items()):
            found.append(f"{wish.function} where it may not be")
        if wish.everywhere and any(counts[name] != 1 for name in wish.nodes):
            found.append(f"{wish.function} not at each node")
    for link in problem.links:
        for node in problem.nodes:
            going = [(other, n) for (of, one, other), n in placement.paths.items() if (of, one) == (link, node.name)]
            here = node.terminals if link.client == TERMINALS else placement.counts.get((link.client, node.name), 0)
            if sum(n for _, n in going) != here:
                found.append(f"{going} of {here} clients at {node.name}")
            if link.client == TERMINALS and len(going) > 1:
                found.append(f"terminals of {node.name} apart")
            found += [
                f"no {link.server} at {other}" for other, _ in going if (link.server, other) not in placement.counts
            ]
    free = {(node.name, resource): amount for node in problem.nodes for resource, amount in node.free.items()}
    found += [
        f"{key}: {n} of {free.get(key, 0)}" for key, n in taken(problem, placement).items() if n > free.get(key, 0)
    ]
    return found


def price(problem: Problem, placement: Placement) -> float:
    """The cost, as the specification words it; written anew."""
    weighted = total = 0
    for (link, one, other), clients in placement.paths.items():
        weighted += link.kbps * clients * (len(route(problem, one, other)) - 1)
        total += link.kbps * clients
    used = taken(problem, placement)
    fullest = 0.0
    for node in problem.nodes:
        for resource, capacity in node.capacity.items():
            if capacity > 0:
                fullest = max(fullest, 1 - (node.free[resource] - used[node.name, resource]) / capacity)
    return (weighted / total if total else 0) + fullest + 0.1 * len({name for _, name in placement.counts})


def brute_force(problem: Problem) -> float | None:
    """Cost of the best of all placements; None: there is none. For very small problems."""
    best = None
    for counts in itertools.product(*(list(_counts(wish.nodes, wish.instances)) for wish in problem.functions)):
        placed = {
            (wish.function, name): count
            for wish, ways in zip(problem.functions, counts, strict=True)
            for name, count in ways.items()
            if count
        }
        for paths in itertools.product(*(list(_ways(problem, link, placed)) for link in problem.links)):
            placement = Placement(placed, {key: n for part in paths for key, n in part.items()})
            if not faults(problem, placement):
                cost = price(problem, placement)
                best = cost if best is None else min(best, cost)
    return best


def _counts(names: tuple[str, ...], total: int) -> Iterator[dict[str, int]]:
    """All ways to give `total` to these."""
    if not names:
        if not total:
            yield {}
        return
    for first in range(total + 1):
        for rest in _counts(names[1:], total - first):
            yield {names[0]: first, **rest}


def _ways(problem: Problem, link: LinkWish, placed: dict[tuple[str, str], int]) -> Iterator[dict[Path, int]]:
    """All ways to lead the clients of a link."""
    servers = tuple(name for function, name in placed if function == link.server)
    each = []
    for node in problem.nodes:
        if link.client == TERMINALS:
            each.append([{(link, node.name, other): node.terminals} for other in servers] if node.terminals else [{}])
        else:
            here = placed.get((link.client, node.name), 0)
            ways = _counts(servers, here)
            each.append([{(link, node.name, other): n for other, n in way.items() if n} for way in ways])
    for parts in itertools.product(*each):
        yield {key: n for part in parts for key, n in part.items()}


def node(name: str, terminals: int = 0, free: float = 1.0, **capacity: int) -> Node:
    """A node with plenty of all, but for what is given; `free`: part of it."""
    kind = "edge" if name.startswith("edge") else "ran-node"
    plenty = dict.fromkeys(("memory_mib", "storage_mib", "radio_kbps", "transport_kbps"), 10**6)
    amounts = {"cpu": 100_000, **plenty, "accelerators": 8, **capacity}
    return Node(name, kind, amounts, {r: int(amount * free) for r, amount in amounts.items()}, terminals)
