"""What a RAN node is told."""

from __future__ import annotations

import msgspec


class RanNodeConfig(msgspec.Struct, forbid_unknown_fields=True):
    """One RAN node."""

    name: str
    core: tuple[str, int]
    """Address of the core's N2."""
    edge: str
    """Name of the edge."""
    edge_address: tuple[str, int]
    """Signalling address of the edge's T8."""
    uu_ports: tuple[int, int] = (0, 0)
    """UDP ports of the radio, signalling and bulk; 0: any free one."""
    t4_ports: tuple[int, int] = (0, 0)
    """UDP ports of T4, signalling and bulk."""
    t8_ports: tuple[int, int] = (0, 0)
    """UDP ports of T8, signalling and bulk."""
    maximum_ues: int = 65519
    timers: dict[str, int] = {}
