"""What the core is told."""

from __future__ import annotations

import msgspec


class CoreConfig(msgspec.Struct, forbid_unknown_fields=True):
    """The core."""

    n2: tuple[str, int]
    """Where the access manager listens for RAN nodes."""
    nodes: dict[str, str]
    """Forwarding functions of the network: name to kind, "ran-node" or "edge"."""
    subscribers: list[str]
    """Subscriptions that may access the network."""
    k: int = 1
    """The network's own smallest number of clients per server (R82)."""
    seed: int = 0
    """Of selection and seats."""
    timers: dict[str, int] = {}
