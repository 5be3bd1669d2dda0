"""What an edge is told."""

from __future__ import annotations

import msgspec


class EdgeConfig(msgspec.Struct, forbid_unknown_fields=True):
    """One edge."""

    name: str
    link_ports: tuple[int, int] = (0, 0)
    """UDP ports of T4 and T8, signalling and bulk; 0: any free one."""
    timers: dict[str, int] = {}
