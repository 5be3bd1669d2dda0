"""What a forwarding function reports of itself to its operator."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from net4ai.stack.forwarding.function import ForwardingFunction
from net4ai.stack.operation import Operation, Row


def operate(operation: Operation, function: ForwardingFunction) -> None:
    """Add peers, instances and routes to the operation of the node it is in."""
    operation.gauges(lambda: _gauges(function))
    operation.table("peers", lambda: _peers(function))
    operation.table("instances", lambda: _instances(function))
    operation.table("routes", lambda: _routes(function))


def _kind(name: str) -> str:
    return name.lower().replace("_", "-")


def _gauges(function: ForwardingFunction) -> dict[str, float]:
    kinds = Counter(_kind(peer.kind.name) for peer in function.all_peers())
    return {
        **{f"peers/{kind}": count for kind, count in kinds.items()},
        "instances": len(function.instances),
        "routes": sum(len(routes.seats) for routes in function.routes.values()),
    }


def _peers(function: ForwardingFunction) -> Iterator[Row]:
    for peer in function.all_peers():
        host, port = peer.hop.signalling_address
        yield {"peer": peer.name, "kind": _kind(peer.kind.name), "link": peer.hop.name.link, "at": f"{host}:{port}"}


def _instances(function: ForwardingFunction) -> Iterator[Row]:
    for instance, peer in function.instances.items():
        yield {"instance": instance, "at": peer.name}


def _routes(function: ForwardingFunction) -> Iterator[Row]:
    for (execution, instance), routes in function.routes.items():
        seats = ", ".join(map(str, sorted(routes.seats)))
        yield {"execution": execution, "instance": instance, "seats": seats}
