"""Placement solved as a mixed-integer linear programme by HiGHS: the best there is, or the proof that there is none.

Needs the extra `placement`. Without it, and where HiGHS is not done in time, the greedy placer answers.

Variables: instances of each function at each node, whether there is one (of servers), whether a node is used, clients
of each link from node to node, and how full the fullest node is. All rows are linear; the cost is that of `placement`.
"""

from __future__ import annotations

import importlib.util
import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from net4ai.core.placement import (
    NODE_COST,
    TERMINALS,
    GreedyPlacer,
    LinkWish,
    NoPlace,
    Path,
    Placement,
    Placer,
    Problem,
    fits,
    path_amounts,
    radio_amounts,
    shortage,
    usage,
)

AVAILABLE = importlib.util.find_spec("highspy") is not None
"""Whether HiGHS is installed."""
TIME_LIMIT = 1.0
"""Seconds. The core does nothing else meanwhile."""
MAXIMUM_VARIABLES = 10_000
"""Larger problems go to the greedy placer at once."""
GAP = 1e-9
"""What the best bound and the solution may differ by."""


@dataclass(slots=True)
class ExactPlacer:
    """The cheapest placement."""

    time_limit: float = TIME_LIMIT
    fallback: Placer = field(default_factory=GreedyPlacer)

    def place(self, problem: Problem) -> Placement:
        if not AVAILABLE or size(problem) > MAXIMUM_VARIABLES:
            return self.fallback.place(problem)
        programme = _Programme(problem)
        solved = programme.solve(self.time_limit)
        if solved is None:
            return self.fallback.place(problem)
        if not fits(problem, usage(problem, solved)):  # within HiGHS's tolerance, yet not within the node
            return self.fallback.place(problem)
        return solved


def size(problem: Problem) -> int:
    """Variables at most."""
    places = sum(len(wish.nodes) for wish in problem.functions)
    return 1 + len(problem.nodes) + 2 * places + len(problem.links) * len(problem.nodes) ** 2


class _Programme:
    """Columns and rows, as HiGHS takes them."""

    def __init__(self, problem: Problem) -> None:
        import highspy

        self.problem = problem
        self.integer = highspy.HighsVarType.kInteger
        self.optimal = highspy.HighsModelStatus.kOptimal
        self.infeasible = highspy.HighsModelStatus.kInfeasible
        self.highs = highspy.Highs()  # type: ignore[no-untyped-call]
        for option, value in {"output_flag": False, "threads": 1, "mip_rel_gap": GAP, "mip_abs_gap": GAP}.items():
            self.highs.setOptionValue(option, value)
        self._columns = 0
        self.fullest = self._column(0, math.inf, cost=1.0, whole=False)
        self.used = {node.name: self._column(0, 1, NODE_COST) for node in problem.nodes}
        self.counts: dict[tuple[str, str], int] = {}
        self.served: dict[tuple[str, str], int] = {}
        self.paths: dict[Path, int] = {}
        self._add_functions()
        self._add_links()
        self._add_capacities()

    def solve(self, time_limit: float) -> Placement | None:
        """The best placement; None: HiGHS was not done in time. Raises `NoPlace`."""
        self.highs.setOptionValue("time_limit", time_limit)
        self.highs.run()
        status = self.highs.getModelStatus()
        if status == self.infeasible:
            raise NoPlace(shortage(self.problem))
        if status != self.optimal:
            return None
        values = [round(value) for value in self.highs.getSolution().col_value]
        return Placement(
            {place: values[column] for place, column in self.counts.items() if values[column]},
            self._clients(values),
        )

    def _clients(self, values: list[int]) -> dict[Path, int]:
        terminals = {node.name: node.terminals for node in self.problem.nodes}
        return {
            (link, one, other): terminals[one] if link.client == TERMINALS else values[column]
            for (link, one, other), column in self.paths.items()
            if values[column]
        }

    def _add_functions(self) -> None:
        """So many instances as are wanted; a node with one is used; a server is where there is one."""
        servers = {link.server for link in self.problem.links}
        for wish in self.problem.functions:
            most = 1 if wish.everywhere else wish.instances
            for name in wish.nodes:
                count = self.counts[wish.function, name] = self._column(int(wish.everywhere), most)
                self._row({count: 1, self.used[name]: -most}, upper=0)
                if wish.function in servers:
                    served = self.served[wish.function, name] = self._column(0, 1)
                    self._row({count: 1, served: -1}, lower=0)
            self._row({self.counts[wish.function, name]: 1 for name in wish.nodes}, wish.instances, wish.instances)

    def _add_links(self) -> None:
        """Every client has a server, and only where there is one."""
        rates = sum(link.kbps * self.problem.clients(link) for link in self.problem.links) or 1
        for link in self.problem.links:
            servers = [name for function, name in self.served if function == link.server]
            for one, most, clients in self._clients_of(link):
                each = clients if link.client == TERMINALS else 1
                going = {}
                for other in servers:
                    hops = self.problem.hops(one, other)
                    path = self._column(0, most, cost=link.kbps * each * hops / rates)
                    going[path] = 1.0
                    self.paths[link, one, other] = path
                    self._row({path: 1, self.served[link.server, other]: -most}, upper=0)
                if link.client == TERMINALS:
                    self._row(going, 1, 1)
                else:
                    self._row({**going, self.counts[link.client, one]: -1}, 0, 0)

    def _clients_of(self, link: LinkWish) -> list[tuple[str, int, int]]:
        """Nodes that may have clients: largest value of their variables, and the clients if they are terminals.

        Terminals of a node go to one other together: their variables are 0 or 1.
        """
        if link.client == TERMINALS:
            return [(node.name, 1, node.terminals) for node in self.problem.nodes if node.terminals]
        most = self.problem.wish(link.client).instances
        return [(name, most, 0) for function, name in self.counts if function == link.client]

    def _add_capacities(self) -> None:
        """What is taken is within what is free, and no node is fuller than the fullest."""
        taken = self._taken()
        for node in self.problem.nodes:
            for resource, capacity in node.capacity.items():
                free = node.free.get(resource, 0)
                left = max(0, free)  # a node that came back with less than is reserved there gets nothing more
                row = taken.get((node.name, resource), {})
                radio = 0
                if resource == "radio_kbps":
                    radio = sum(radio_amounts(link, node) for link in self.problem.links)
                if row or radio:
                    # In parts of the capacity: coefficients of like size.
                    scale = max(capacity, 1)
                    self._row({c: amount / scale for c, amount in row.items()}, upper=(left - radio) / scale)
                if capacity:
                    part = {c: amount / capacity for c, amount in row.items()}
                    self._row({**part, self.fullest: -1}, upper=(free - radio - capacity) / capacity)

    def _taken(self) -> dict[tuple[str, str], dict[int, float]]:
        """What each variable takes, by node and resource; radio of terminals apart, which is as it is."""
        taken: dict[tuple[str, str], dict[int, float]] = {}

        def take(name: str, resource: str, column: int, amount: int) -> None:
            if amount:
                row = taken.setdefault((name, resource), {})
                row[column] = row.get(column, 0) + amount

        for (function, name), column in self.counts.items():
            for resource, amount in self.problem.wish(function).needs.items():
                take(name, resource, column, amount)
        for (link, one, other), column in self.paths.items():
            each = self.problem.by_name[one].terminals if link.client == TERMINALS else 1
            for name, resource, amount in path_amounts(self.problem, link.kbps * each, one, other):
                take(name, resource, column, amount)
        return taken

    def _column(self, lower: float, upper: float, cost: float = 0.0, whole: bool = True) -> int:
        column, self._columns = self._columns, self._columns + 1
        self.highs.addVar(lower, upper)
        if cost:
            self.highs.changeColCost(column, cost)
        if whole:
            self.highs.changeColIntegrality(column, self.integer)
        return column

    def _row(self, values: Mapping[int, float], lower: float = -math.inf, upper: float = math.inf) -> None:
        self.highs.addRow(lower, upper, len(values), list(values), list(values.values()))
