"""What an edge is told."""

from __future__ import annotations

import msgspec

from net4ai.codecs.bus import Capacity


class EdgeConfig(msgspec.Struct, forbid_unknown_fields=True):
    """One edge."""

    name: str
    t4_ports: tuple[int, int] = (0, 0)
    """UDP ports of T4, signalling and bulk; 0: any free one."""
    t8_ports: tuple[int, int] = (0, 0)
    """UDP ports of T8, signalling and bulk."""
    n3_ports: tuple[int, int] = (0, 0)
    """UDP ports of N3, signalling and bulk; in captures both are 2152."""
    capacity: Capacity = msgspec.field(default_factory=lambda: Capacity(radio_kbps=0))
    """What it has for service functions and links (R38)."""
    timers: dict[str, int] = {}
