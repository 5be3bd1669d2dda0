"""What the core is told."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from net4ai.codecs.common import CipheringAlgorithm, IntegrityAlgorithm

MAXIMUM_IDENTITY = 64
"""Octets of a subscription identity on the wire."""


class CoreConfig(msgspec.Struct, forbid_unknown_fields=True):
    """The core."""

    n2: tuple[str, int]
    """Where the access manager listens for RAN nodes."""
    nodes: dict[str, str]
    """Forwarding functions of the network: name to kind, "ran-node" or "edge"."""
    subscribers: dict[
        Annotated[str, msgspec.Meta(min_length=1, max_length=MAXIMUM_IDENTITY)],
        Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")],
    ]
    """Subscriptions that may access the network, each with its K_AMF: 32 octets in hex, a test key."""
    ue_kbps: dict[str, Annotated[int, msgspec.Meta(ge=1, le=0xFFFF_FFFF)]] = {}
    """UE AMBR of subscriptions that have one: kilobit per second in each direction, over all flows without a
    guarantee."""
    integrity: IntegrityAlgorithm = IntegrityAlgorithm.NIA2
    """Integrity algorithm of NAS; who cannot use it is not registered."""
    ciphering: CipheringAlgorithm = CipheringAlgorithm.NEA2
    """Ciphering algorithm of NAS."""
    overload: Annotated[int, msgspec.Meta(ge=1)] = 4096
    """Registrations under way at which the RAN nodes are asked to hold back new connections."""
    k: int = 1
    """The network's own smallest number of clients per server (R82)."""
    seed: int = 0
    """Of selection and seats."""
    controllers: dict[str, Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")]] = {}
    """Providers whose application controllers may register services, each with its key: 32 octets in hex (R41)."""
    store: str = ""
    """Where the core keeps what must outlive it: a database URL, as "sqlite:////path"; empty: in memory."""
    placer: Literal["exact", "greedy"] = "exact"
    """How functions are placed; exact needs the extra `placement`, and is greedy without it."""
    entities: list[
        Annotated[
            str,
            msgspec.Meta(
                pattern="^((service|resource|access|job|task)-manager|orchestrator|routine-manager(-[0-9]{1,2})?)$"
            ),
        ]
    ] = []
    """Entities that this process serves, by their names on the bus; empty: all. The control plane may be in several
    processes, at several places (R32, R33)."""
    routine_managers: Annotated[int, msgspec.Meta(ge=1, le=64)] = 1
    timers: dict[str, int] = {}
