"""What an application server is told."""

from __future__ import annotations

import msgspec


class ApplicationServerConfig(msgspec.Struct, forbid_unknown_fields=True):
    """One application server."""

    name: str
    node: str
    """Name of the forwarding function it attaches to."""
    address: tuple[str, int]
    """Signalling address of that forwarding function's T4."""
    ports: tuple[int, int] = (0, 0)
    """UDP ports of its own, signalling and bulk; 0: any free one."""
    timers: dict[str, int] = {}
