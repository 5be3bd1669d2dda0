"""What a RAN node is told."""

from __future__ import annotations

import msgspec

from net4ai.codecs.bus import Capacity
from net4ai.codecs.common import CipheringAlgorithm, IntegrityAlgorithm


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
    n3_ports: tuple[int, int] = (0, 0)
    """UDP ports of N3, signalling and bulk; in captures both are 2152."""
    maximum_ues: int = 65519
    cell: int = 1
    """Physical cell identity, 0 to 1007."""
    system_information_ms: int = 1000
    """Milliseconds between two System Information messages, 20 to 65535."""
    barred: bool = False
    """No UE may connect. Without a core the cell is barred in any case."""
    integrity: int = IntegrityAlgorithm.NIA2
    ciphering: int = CipheringAlgorithm.NEA2
    inactivity_ms: int = 0
    """Milliseconds without a PDU after which a UE's connection is released; 0: never."""
    measurement_interval_ms: int = 0
    """Milliseconds between measurement reports of a UE, at least 40; 0: no measurement."""
    measurement_amount: int = 0
    """Reports of each UE, up to 255; 0: without end."""
    acknowledged: list[int] = []
    """5QIs whose computing radio bearers are in acknowledged mode (R102)."""
    capacity: Capacity = msgspec.field(default_factory=Capacity)
    """What it has for service functions and links (R38)."""
    timers: dict[str, int] = {}
