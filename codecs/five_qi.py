"""What a 5QI stands for: one table for all nodes (TS 23.501 5.7.3, 5.7.4), and the classes of AI traffic.

The standard rows are those of table 5.7.4-1. None fits a split tensor: the 0.27 MB of one activation (TS 22.261 table
7.10.1-1) are four times the largest maximum data burst volume. So there are four operator classes from 128 on.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from types import MappingProxyType

AVERAGING_WINDOW_MS = 2000
"""Over which a guaranteed rate is held (TS 23.501 5.7.3.6)."""
FIRST_OPERATOR_CLASS = 128
LAST_OPERATOR_CLASS = 254


class ResourceType(Enum):
    """Whether resources are set aside (TS 23.501 5.7.3.2)."""

    NON_GBR = "non-GBR"
    GBR = "GBR"
    DELAY_CRITICAL = "delay-critical GBR"
    """Data beyond the packet delay budget counts as lost."""


@dataclass(frozen=True, slots=True)
class Characteristics:
    """What a class of traffic needs."""

    resource_type: ResourceType
    priority: int
    """Scheduling priority unless the profile says another; lower first."""
    delay_budget_ms: int
    """Packet delay budget."""
    error_rate: float
    """Packet error rate that can be borne."""
    burst: int = 0
    """Default maximum data burst volume, in octets; 0: none."""
    discard: bool = False
    """What waits longer than the delay budget is thrown away (PDCP discardTimer, TS 38.323 5.3). Only of what is worth
    nothing when it is late: of anything else DEP would send it again, and wait again."""
    use: str = ""

    @property
    def may_be_guaranteed(self) -> bool:
        """Whether a flow of the class can have a guaranteed bit rate."""
        return self.resource_type is not ResourceType.NON_GBR


_GBR, _NON_GBR, _CRITICAL = ResourceType.GBR, ResourceType.NON_GBR, ResourceType.DELAY_CRITICAL

CHARACTERISTICS: Mapping[int, Characteristics] = MappingProxyType(
    {
        1: Characteristics(_GBR, 20, 100, 1e-2, discard=True, use="conversational voice"),
        2: Characteristics(_GBR, 40, 150, 1e-3, discard=True, use="conversational video"),
        3: Characteristics(_GBR, 30, 50, 1e-3, discard=True, use="real-time gaming, V2X, process monitoring"),
        4: Characteristics(_GBR, 50, 300, 1e-6, use="buffered video"),
        65: Characteristics(_GBR, 7, 75, 1e-2, discard=True, use="mission-critical push to talk"),
        66: Characteristics(_GBR, 20, 100, 1e-2, discard=True, use="other push to talk"),
        67: Characteristics(_GBR, 15, 100, 1e-3, discard=True, use="mission-critical video"),
        71: Characteristics(_GBR, 56, 150, 1e-6, use="live uplink streaming"),
        72: Characteristics(_GBR, 56, 300, 1e-4, use="live uplink streaming"),
        73: Characteristics(_GBR, 56, 300, 1e-8, use="live uplink streaming"),
        74: Characteristics(_GBR, 56, 500, 1e-8, use="live uplink streaming"),
        76: Characteristics(_GBR, 56, 500, 1e-4, use="live uplink streaming"),
        5: Characteristics(_NON_GBR, 10, 100, 1e-6, use="IMS signalling"),
        6: Characteristics(_NON_GBR, 60, 300, 1e-6, use="buffered video, TCP"),
        7: Characteristics(_NON_GBR, 70, 100, 1e-3, discard=True, use="voice, live video, interactive gaming"),
        8: Characteristics(_NON_GBR, 80, 300, 1e-6, use="buffered video, TCP"),
        9: Characteristics(_NON_GBR, 90, 300, 1e-6, use="best effort: buffered video, TCP"),
        10: Characteristics(_NON_GBR, 90, 1100, 1e-6, use="buffered video, TCP over satellite"),
        69: Characteristics(_NON_GBR, 5, 60, 1e-6, use="mission-critical signalling"),
        70: Characteristics(_NON_GBR, 55, 200, 1e-6, use="mission-critical data"),
        79: Characteristics(_NON_GBR, 65, 50, 1e-2, discard=True, use="V2X messages"),
        80: Characteristics(_NON_GBR, 68, 10, 1e-6, use="low-latency eMBB, augmented reality"),
        82: Characteristics(_CRITICAL, 19, 10, 1e-4, 255, True, use="discrete automation"),
        83: Characteristics(_CRITICAL, 22, 10, 1e-4, 1354, True, use="discrete automation, V2X"),
        84: Characteristics(_CRITICAL, 24, 30, 1e-5, 1354, True, use="intelligent transport systems"),
        85: Characteristics(_CRITICAL, 21, 5, 1e-5, 255, True, use="electricity distribution, V2X"),
        86: Characteristics(_CRITICAL, 18, 5, 1e-4, 1354, True, use="V2X: collision avoidance"),
        87: Characteristics(_CRITICAL, 25, 5, 1e-3, 500, True, use="interactive: motion tracking"),
        88: Characteristics(_CRITICAL, 25, 10, 1e-3, 1125, True, use="interactive: motion tracking"),
        89: Characteristics(_CRITICAL, 25, 15, 1e-4, 17_000, True, use="interactive: visual content"),
        90: Characteristics(_CRITICAL, 25, 20, 1e-4, 63_000, True, use="interactive: visual content"),
        128: Characteristics(_CRITICAL, 20, 15, 1e-3, 300_000, use="activations and gradients of a split model"),
        129: Characteristics(_NON_GBR, 60, 1000, 1e-6, use="model parameters"),
        130: Characteristics(_NON_GBR, 70, 300, 1e-6, use="raw data"),
        131: Characteristics(_NON_GBR, 5, 60, 1e-6, use="control of computing"),
    }
)
"""By 5QI."""

UNKNOWN_CLASS = Characteristics(_NON_GBR, 90, 300, 1e-6, use="an operator class that this version does not know")
"""As best effort."""


def contradiction(five_qi: int, guaranteed: int, maximum: int) -> tuple[str, str] | None:
    """What is impossible about a class with these bit rates (0: none): which of "guaranteed" and "maximum", and why."""
    if guaranteed and not characteristics(five_qi).may_be_guaranteed:
        return "guaranteed", f"5QI {five_qi} is non-GBR: its flows have no guaranteed bit rate (TS 23.501 5.7.3.2)"
    if maximum and guaranteed > maximum:
        return "maximum", "less than is guaranteed (TS 23.501 5.7.2.5)"
    return None


def characteristics(five_qi: int) -> Characteristics:
    """What a 5QI stands for; of one that is in no row, best effort."""
    return CHARACTERISTICS.get(five_qi, UNKNOWN_CLASS)
