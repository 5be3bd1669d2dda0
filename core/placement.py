"""Placement: how many instances of each function at which node, and over which nodes their data goes (R45, R46, R114).

A model without I/O, and a greedy way to solve it; `placement_exact` solves it as an integer programme. All that a node
has, from processor cores to radio, is an amount of one of `RESOURCES`: whole numbers, so that sums are exact.

The cost of a placement, which both ways make small:

    the mean number of hops that data goes over T8, weighted by bit rate
  + how full the fullest node is, 0 to 1
  + NODE_COST for each node that runs an instance of the service
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Protocol, TypeAlias

from net4ai.codecs.bus import Capacity
from net4ai.codecs.causes import Cause
from net4ai.codecs.service import Resources
from net4ai.stack.procedure import ProcedureError

RESOURCES = ("cpu", "memory_mib", "storage_mib", "accelerators", "radio_kbps", "transport_kbps")
"""The one resource model (R38, R114): names as in `Capacity`; processor cores in thousandths."""
CORE = 1000
"""Thousandths of a processor core in a core."""
NODE_COST = 0.1
"""One more node costs as much as the fullest node being a tenth fuller."""
TERMINALS = ""
"""In place of the client function of a link: its clients are terminals."""
NODES_NAMED = 8
"""Nodes that a refusal names."""

Amounts: TypeAlias = Mapping[str, int]
"""So much of each resource; of what is missing, nothing."""


class NoPlace(ProcedureError):
    """There is no placement, or none was found; the detail says which resource lacks, and where."""

    def __init__(self, detail: str) -> None:
        super().__init__(Cause.NO_RESOURCES, detail)


def amounts_of(what: Capacity | Resources) -> dict[str, int]:
    """A node's capacity, or what an instance takes, as amounts."""
    amounts = {resource: int(getattr(what, resource, 0)) for resource in RESOURCES}
    return amounts | {"cpu": round(what.cpu * CORE)}


@dataclass(frozen=True, slots=True)
class Node:
    """A node as placement sees it."""

    name: str
    kind: str
    """ "ran-node" or "edge"."""
    capacity: Amounts
    free: Amounts
    terminals: int = 0
    """Terminals at a RAN node, where services have their clients."""


@dataclass(frozen=True, slots=True)
class FunctionWish:
    """A concrete function, and how often it is wanted where."""

    function: str
    nodes: tuple[str, ...]
    """Where it may run."""
    instances: int
    """In all."""
    needs: Amounts
    """Of each instance."""
    everywhere: bool = False
    """One at each of the nodes."""


@dataclass(frozen=True, slots=True)
class LinkWish:
    """Logical links between the clients and servers of routines that join the same two functions (R46)."""

    client: str
    """A function, or `TERMINALS`."""
    server: str
    kbps: int
    """Of each client."""


Path: TypeAlias = tuple[LinkWish, str, str]
"""The way of a link's clients from their node to their server's."""


@dataclass(frozen=True, slots=True)
class Problem:
    """What is to be placed, and where there is room."""

    nodes: tuple[Node, ...]
    functions: tuple[FunctionWish, ...]
    links: tuple[LinkWish, ...]
    by_name: dict[str, Node] = field(init=False, compare=False, repr=False)
    _hub: str = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "by_name", {node.name: node for node in self.nodes})
        object.__setattr__(self, "_hub", next((node.name for node in self.nodes if node.kind == "edge"), ""))

    def path(self, one: str, other: str) -> tuple[str, ...]:
        """Nodes from one to the other: RAN nodes are joined over the edge, a node to itself by nothing (T8)."""
        if one == other:
            return (one,)
        if self._hub and all(self.by_name[name].kind != "edge" for name in (one, other)):
            return one, self._hub, other
        return one, other

    def hops(self, one: str, other: str) -> int:
        """T8 links between two nodes."""
        return len(self.path(one, other)) - 1

    def wish(self, function: str) -> FunctionWish:
        """The wish for a function."""
        return next(wish for wish in self.functions if wish.function == function)

    def clients(self, link: LinkWish) -> int:
        """Clients of a link, wherever they are."""
        if link.client == TERMINALS:
            return sum(node.terminals for node in self.nodes)
        return self.wish(link.client).instances


@dataclass(frozen=True, slots=True)
class Placement:
    """A solution."""

    counts: Mapping[tuple[str, str], int]
    """Instances, by function and node; at least 1."""
    paths: Mapping[Path, int]
    """Clients on each way; at least 1. Terminals of a node all go the same way."""


class Placer(Protocol):
    """A way to solve the problem: the scheduler is pluggable (R114)."""

    def place(self, problem: Problem) -> Placement:
        """A placement within what is free. Raises `NoPlace`."""
        ...


# ---------------------------------------------------------------------------------------------------------------------
# What a placement takes and costs


def path_amounts(problem: Problem, kbps: int, one: str, other: str) -> Iterator[tuple[str, str, int]]:
    """What data between two nodes takes: node, resource, amount. Each T8 link takes transport at both its ends."""
    path = problem.path(one, other)
    for near, far in itertools.pairwise(path):
        yield near, "transport_kbps", kbps
        yield far, "transport_kbps", kbps


def radio_amounts(link: LinkWish, node: Node) -> int:
    """Radio that a link's terminals at a node take, wherever their server is."""
    return link.kbps * node.terminals if link.client == TERMINALS else 0


def usage(problem: Problem, placement: Placement) -> dict[str, dict[str, int]]:
    """Amounts that the placement takes, by node."""
    taken = {node.name: dict.fromkeys(RESOURCES, 0) for node in problem.nodes}
    for (function, name), count in placement.counts.items():
        for resource, amount in problem.wish(function).needs.items():
            taken[name][resource] += count * amount
    for (link, one, other), clients in placement.paths.items():
        for name, resource, amount in path_amounts(problem, link.kbps * clients, one, other):
            taken[name][resource] += amount
        if link.client == TERMINALS:
            taken[one]["radio_kbps"] += link.kbps * clients
    return taken


def fits(problem: Problem, taken: Mapping[str, Amounts]) -> bool:
    """Whether every node has that much free of everything."""
    return all(
        amount <= problem.by_name[name].free.get(resource, 0)
        for name, amounts in taken.items()
        for resource, amount in amounts.items()
        if amount
    )


def fullness(node: Node, taken: Amounts) -> float:
    """How full a node is with `taken` on top of what others have: of the resource that is scarcest, 0 to 1."""
    return max(
        (
            (capacity - node.free.get(resource, 0) + taken.get(resource, 0)) / capacity
            for resource, capacity in node.capacity.items()
            if capacity
        ),
        default=0.0,
    )


def cost(problem: Problem, placement: Placement) -> float:
    """What is made small; see the head of this module."""
    taken = usage(problem, placement)
    rates = sum(link.kbps * clients for (link, _, _), clients in placement.paths.items())
    hops = sum(
        link.kbps * clients * problem.hops(one, other) for (link, one, other), clients in placement.paths.items()
    )
    fullest = max(fullness(node, taken[node.name]) for node in problem.nodes)
    used = len({name for _, name in placement.counts})
    return (hops / rates if rates else 0.0) + fullest + NODE_COST * used


# ---------------------------------------------------------------------------------------------------------------------
# Greedy


class GreedyPlacer:
    """One instance after the other, each where it costs least then; nothing is taken back.

    Fast, and enough where there is room; where things are tight it may find no place though there is one.
    """

    def place(self, problem: Problem) -> Placement:
        draft = _Draft(problem)
        for wish in sorted(problem.functions, key=lambda wish: (not wish.everywhere, -draft.share(wish))):
            for number in range(wish.instances):
                draft.add(wish, wish.nodes[number] if wish.everywhere else draft.best(wish))
        counts = draft.counts
        return Placement(counts, lead(problem, counts))


class _Draft:
    """A placement that grows."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        self.counts: dict[tuple[str, str], int] = {}
        self._taken = {node.name: dict.fromkeys(RESOURCES, 0) for node in problem.nodes}
        self._rates = sum(link.kbps * problem.clients(link) for link in problem.links) or 1

    def share(self, wish: FunctionWish) -> float:
        """Part that an instance takes of the roomiest node, of the resource that is scarcest."""
        rooms = {r: max((self._free(name, r) for name in wish.nodes), default=0) for r in wish.needs}
        return max((amount / max(rooms[r], 1) for r, amount in wish.needs.items()), default=0.0)

    def add(self, wish: FunctionWish, name: str) -> None:
        """One more instance at a node. Raises `NoPlace` where there is no room."""
        if not self._has_room(wish, name):
            raise NoPlace(shortage(self.problem))
        self.counts[wish.function, name] = self.counts.get((wish.function, name), 0) + 1
        for resource, amount in wish.needs.items():
            self._taken[name][resource] += amount

    def best(self, wish: FunctionWish) -> str:
        """The node where one more instance costs least; the first of equals. Raises `NoPlace`."""
        rooms = [name for name in wish.nodes if self._has_room(wish, name)]
        if not rooms:
            raise NoPlace(shortage(self.problem))
        return min(rooms, key=lambda name: self._cost(wish, name))

    def _cost(self, wish: FunctionWish, name: str) -> float:
        counts = {**self.counts, (wish.function, name): 1}
        hops = sum(link.kbps * self._hops(link, counts) for link in self.problem.links)
        taken = {r: amount + wish.needs.get(r, 0) for r, amount in self._taken[name].items()}
        new = all(at != name for _, at in self.counts)
        return hops / self._rates + fullness(self.problem.by_name[name], taken) + NODE_COST * new

    def _hops(self, link: LinkWish, counts: Mapping[tuple[str, str], int]) -> int:
        """Hops of all clients placed so far to their nearest servers."""
        servers = [at for function, at in counts if function == link.server]
        if not servers:
            return 0
        return sum(
            clients * min(self.problem.hops(name, server) for server in servers)
            for name, clients in _clients(self.problem, link, counts)
        )

    def _free(self, name: str, resource: str) -> int:
        return self.problem.by_name[name].free.get(resource, 0) - self._taken[name][resource]

    def _has_room(self, wish: FunctionWish, name: str) -> bool:
        return all(not amount or amount <= self._free(name, r) for r, amount in wish.needs.items())


def _clients(problem: Problem, link: LinkWish, counts: Mapping[tuple[str, str], int]) -> Iterator[tuple[str, int]]:
    """Nodes with clients of a link, and how many."""
    if link.client == TERMINALS:
        yield from ((node.name, node.terminals) for node in problem.nodes if node.terminals)
    else:
        yield from ((name, count) for (function, name), count in counts.items() if function == link.client)


def lead(
    problem: Problem,
    counts: Mapping[tuple[str, str], int],
    fixed: Mapping[Path, int] | None = None,
) -> dict[Path, int]:
    """A way for every client to the nearest server that the transport on the way has room for.

    Links in `fixed` are led as it says. Raises `NoPlace` where the instances or the data do not fit.
    """
    paths = dict(fixed or {})
    taken = usage(problem, Placement(counts, paths))
    led = {link for link, _, _ in paths}
    for link in sorted(set(problem.links) - led, key=lambda link: (-link.kbps * problem.clients(link), link.server)):
        servers = [name for function, name in counts if function == link.server]
        for one, clients in _clients(problem, link, counts):
            taken[one]["radio_kbps"] += radio_amounts(link, problem.by_name[one])
            for other in sorted(servers, key=lambda name: problem.hops(one, name)):
                going = _going(problem, link, one, other, clients, taken)
                if going:
                    paths[link, one, other] = going
                    clients -= going
                for name, resource, amount in path_amounts(problem, link.kbps * going, one, other):
                    taken[name][resource] += amount
            if clients:
                raise NoPlace(shortage(problem))
    if not fits(problem, taken):
        raise NoPlace(shortage(problem))
    return paths


def _going(problem: Problem, link: LinkWish, one: str, other: str, clients: int, taken: Mapping[str, Amounts]) -> int:
    """How many of the clients the transport between two nodes has room for; of terminals, all or none."""
    each: dict[str, int] = {}
    for name, _, amount in path_amounts(problem, link.kbps, one, other):
        each[name] = each.get(name, 0) + amount
    rooms = (
        (problem.by_name[name].free.get("transport_kbps", 0) - taken[name]["transport_kbps"]) // amount
        for name, amount in each.items()
        if amount
    )
    room = max(0, min((clients, *rooms)))
    return room if link.client != TERMINALS or room == clients else 0


# ---------------------------------------------------------------------------------------------------------------------
# Why there is no place


def shortage(problem: Problem) -> str:
    """Which resource lacks, and where: "memory_mib: 3 x 4096 wanted for local, ran-1 has 2048 free"."""
    for wish in problem.functions:
        for resource, need in wish.needs.items():
            if need and (detail := _lack_of(problem, wish, resource, need)):
                return detail
    for node in problem.nodes:
        radio = sum(radio_amounts(link, node) for link in problem.links)
        if radio > (free := max(0, node.free.get("radio_kbps", 0))):
            return f"radio_kbps: {radio} wanted for terminals, {_frees('radio_kbps', {node.name: free})}"
    return _joint_shortage(problem)


def _lack_of(problem: Problem, wish: FunctionWish, resource: str, need: int) -> str:
    """Why a function, were it alone, would not get one resource; empty: it would."""
    frees = {name: max(0, problem.by_name[name].free.get(resource, 0)) for name in wish.nodes}
    if not wish.everywhere:
        enough = sum(free // need for free in frees.values()) >= wish.instances
        wanted = f"{wish.instances} x {_number(resource, need)} wanted for {wish.function}"
        return "" if enough else f"{resource}: {wanted}, {_frees(resource, frees)}"
    lacking = {name: free for name, free in frees.items() if free < need}
    wanted = f"{_number(resource, need)} wanted for {wish.function} at each node"
    return f"{resource}: {wanted}, {_frees(resource, lacking)}" if lacking else ""


def _joint_shortage(problem: Problem) -> str:
    """Each function alone would fit: name the resource of which all together want the largest part."""
    names = {name for wish in problem.functions for name in wish.nodes}
    wanted = {r: sum(wish.instances * wish.needs.get(r, 0) for wish in problem.functions) for r in RESOURCES}
    free = {r: sum(max(0, problem.by_name[name].free.get(r, 0)) for name in names) for r in RESOURCES}
    wanted["transport_kbps"] = sum(link.kbps * problem.clients(link) for link in problem.links)
    resource = max(RESOURCES, key=lambda r: wanted[r] / max(free[r], 1))
    frees = {n.name: max(0, n.free.get(resource, 0)) for n in problem.nodes if n.name in names}
    if resource == "transport_kbps":
        return f"transport_kbps: {wanted[resource]} wanted for all links, {_frees(resource, frees)}"
    each = " and ".join(
        f"{wish.instances} x {_number(resource, wish.needs[resource])} ({wish.function})"
        for wish in problem.functions
        if wish.needs.get(resource)
    )
    return f"{resource}: {each} wanted together, {_frees(resource, frees)}"


def _frees(resource: str, frees: Mapping[str, int]) -> str:
    texts = [f"{name} has {_number(resource, free)} free" for name, free in frees.items()]
    if len(texts) > NODES_NAMED:
        texts = [*texts[:NODES_NAMED], f"and {len(texts) - NODES_NAMED} more"]
    return ", ".join(texts) or "no node is there"


def _number(resource: str, amount: int) -> str:
    return f"{amount / CORE:g}" if resource == "cpu" else str(amount)
