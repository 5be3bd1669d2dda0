"""Between a service description and placement: what is to be placed, and what each instance has then reserved."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from net4ai.codecs.bus import Instance
from net4ai.codecs.service import Quality, ServiceDescription
from net4ai.core.placement import (
    TERMINALS,
    FunctionWish,
    LinkWish,
    Node,
    NoPlace,
    Path,
    Placement,
    Problem,
    amounts_of,
    cost,
    lead,
    path_amounts,
)

DEFAULT_KBPS = 100
"""Of a client in a routine that names no bit rate."""
KILOBIT = 8
"""Kilobits in a kilobyte: quality of service is in kilobyte per second."""


@dataclass(slots=True)
class Reservation:
    """An instance, and what it takes: of its own node, and of those its clients' data crosses."""

    service: int
    instance: Instance
    amounts: dict[str, dict[str, int]]
    """By node and resource."""


def nodes_for(place: str | None, kinds: Mapping[str, str]) -> list[str]:
    """Nodes at which a function of this place may run, of all the network has (name to kind)."""
    return [name for name, kind in kinds.items() if place in ("any", kind)]


def problem_of(description: ServiceDescription, nodes: Sequence[Node], hosts: Collection[str]) -> Problem:
    """What is to be placed for a service; `hosts`: nodes that have an application server."""
    kinds = {node.name: node.kind for node in nodes}
    wishes = []
    for name, function in description.functions.items():
        if function.kind == "concrete":
            allowed = tuple(at for at in nodes_for(function.place, kinds) if at in hosts)
            everywhere = function.instances == 0
            number = len(allowed) if everywhere else function.instances
            wishes.append(FunctionWish(name, allowed, number, amounts_of(function.resources), everywhere))
    return Problem(tuple(nodes), tuple(wishes), links_of(description))


def links_of(description: ServiceDescription) -> tuple[LinkWish, ...]:
    """Logical links (R46): routines that join the same functions share one, and its clients keep their server."""
    rates: dict[tuple[str, str], int] = {}
    for routine in description.routines.values():
        key = _client_of(description, routine.client), routine.server
        rates[key] = rates.get(key, 0) + (_kbps(routine.quality) or DEFAULT_KBPS)
    return tuple(LinkWish(client, server, kbps) for (client, server), kbps in rates.items())


def _kbps(quality: Quality) -> int:
    """What a routine's data is promised."""
    return max(quality.bit_rate * KILOBIT, quality.guaranteed_kbps)


def _client_of(description: ServiceDescription, function: str) -> str:
    return function if description.functions[function].kind == "concrete" else TERMINALS


def deploy(
    service: int,
    description: ServiceDescription,
    problem: Problem,
    placement: Placement,
    number: Callable[[], int],
    application_servers: Mapping[str, str],
) -> list[Reservation]:
    """The instances of a placement, each with a number, its application server and its servers (R45, R46, R69)."""
    instances = [
        Instance(instance=number(), function=function, node=name, application_server=application_servers[name])
        for (function, name), count in placement.counts.items()
        for _ in range(count)
    ]
    turns: dict[tuple[LinkWish, str], Iterator[Instance]] = {}
    """Servers of a link at a node: clients of all nodes share them evenly."""
    for (link, one, other), clients in _concrete(placement.paths):
        at_node = [i for i in instances if (i.function, i.node) == (link.server, other)]
        servers = turns.setdefault((link, other), itertools.cycle(at_node))
        routines = [
            name for name, r in description.routines.items() if (r.client, r.server) == (link.client, link.server)
        ]
        free = [i for i in instances if (i.function, i.node) == (link.client, one) and not i.servers.keys() & routines]
        for client, server in zip(free[:clients], servers, strict=False):
            client.servers |= dict.fromkeys(routines, server.instance)
    return _reservations(service, problem, instances, placement.paths)


def relocate(
    description: ServiceDescription,
    problem: Problem,
    reservations: Iterable[Reservation],
    lost: Instance,
    application_servers: Mapping[str, str],
) -> list[Reservation]:
    """The service's reservations with one instance elsewhere; who is whose client stays. Raises `NoPlace`.

    `problem`: as if nothing were reserved for the service. Every node is tried, the cheapest taken.
    """
    before = list(reservations)
    wish = problem.wish(lost.function)
    found: list[tuple[float, str, Mapping[Path, int]]] = []
    detail = f"{lost.function} is wanted at {lost.node}" if wish.everywhere else f"no other node for {lost.function}"
    for name in wish.nodes:
        if wish.everywhere or name == lost.node:
            continue
        instances = [_at(r.instance, lost, name, application_servers[name]) for r in before]
        counts = _counts(instances)
        try:
            paths = lead(problem, counts, _fixed(description, problem, instances))
        except NoPlace as error:
            detail = error.detail
            continue
        found.append((cost(problem, Placement(counts, paths)), name, paths))
    if not found:
        raise NoPlace(detail)
    _, name, cheapest = min(found, key=lambda candidate: candidate[0])
    instances = [_at(r.instance, lost, name, application_servers[name]) for r in before]
    return _reservations(before[0].service, problem, instances, cheapest)


def _at(instance: Instance, lost: Instance, node: str, application_server: str) -> Instance:
    if instance.instance != lost.instance:
        return instance
    return Instance(
        instance=lost.instance,
        function=lost.function,
        node=node,
        application_server=application_server,
        servers=lost.servers,
    )


def _counts(instances: Iterable[Instance]) -> dict[tuple[str, str], int]:
    counts: dict[tuple[str, str], int] = {}
    for instance in instances:
        key = instance.function, instance.node
        counts[key] = counts.get(key, 0) + 1
    return counts


def _fixed(description: ServiceDescription, problem: Problem, instances: Sequence[Instance]) -> dict[Path, int]:
    """Ways of concrete clients, from who is whose client."""
    at = {instance.instance: instance.node for instance in instances}
    paths: dict[Path, int] = {}
    for link in problem.links:
        for client in instances:
            if client.function == link.client:
                key = link, client.node, at[_server_of(description, link, client)]
                paths[key] = paths.get(key, 0) + 1
    return paths


def _server_of(description: ServiceDescription, link: LinkWish, client: Instance) -> int:
    """Number of a concrete client's server on a link."""
    return next(
        client.servers[name]
        for name, routine in description.routines.items()
        if (routine.client, routine.server) == (link.client, link.server)
    )


def _concrete(
    paths: Mapping[Path, int],
) -> Iterable[tuple[Path, int]]:
    return [(path, clients) for path, clients in paths.items() if path[0].client != TERMINALS]


def _reservations(
    service: int,
    problem: Problem,
    instances: Sequence[Instance],
    paths: Mapping[Path, int],
) -> list[Reservation]:
    """Who has what: an instance what it takes of its node, a concrete client its way to its server, the first server
    of a function at a node the ways of its terminals, and their radio."""
    reservations = [
        Reservation(
            service,
            instance,
            {instance.node: {r: n for r, n in problem.wish(instance.function).needs.items() if n}},
        )
        for instance in instances
    ]

    def take(index: int, name: str, resource: str, amount: int) -> None:
        amounts = reservations[index].amounts.setdefault(name, {})
        amounts[resource] = amounts.get(resource, 0) + amount

    for (link, one, other), clients in paths.items():
        holder, at = (link.server, other) if link.client == TERMINALS else (link.client, one)
        first = next(i for i, instance in enumerate(instances) if (instance.function, instance.node) == (holder, at))
        for name, resource, amount in path_amounts(problem, link.kbps * clients, one, other):
            take(first, name, resource, amount)
        if link.client == TERMINALS:
            take(first, one, "radio_kbps", link.kbps * clients)
    return reservations
