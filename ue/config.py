"""What a UE process is told: its terminals, where its RAN node is, what its owners allow."""

from __future__ import annotations

from typing import Annotated

import msgspec

from net4ai.stack.radio.conditions import PERFECT, RadioConditions


class TerminalConfig(msgspec.Struct, forbid_unknown_fields=True):
    """One terminal."""

    name: str
    identity: str
    """Subscription identity."""
    key: Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")]
    """K_AMF, 32 octets in hex: a test key, shared with the core."""
    private: dict[str, int | str] = {}
    """Where the owner's own data is; handed to functions that run here, never sent."""
    rsrp_dbm: float = -80.0
    """What it hears of its cell: received power, from -157 to -30 dBm."""
    rsrq_db: float = -10.5
    """Received quality, from -43.5 to 20 dB."""
    sinr_db: float = 20.0
    """Signal to noise and interference ratio, from -23.5 to 40 dB."""
    uplink: RadioConditions | None = None
    """How its radio is, if not as that of the others."""
    downlink: RadioConditions | None = None
    cqi_ahead: float = 0.0
    """Seconds by which it is ahead in CQI traces."""


class NeighbourConfig(msgspec.Struct, forbid_unknown_fields=True):
    """A cell that terminals can be handed over to."""

    ran_node: str
    cell: int
    """Physical cell identity."""
    address: tuple[str, int]
    """Signalling address of the RAN node's radio."""


class UeConfig(msgspec.Struct, forbid_unknown_fields=True):
    """All terminals of the process."""

    name: str
    ran_node: str
    address: tuple[str, int]
    """Signalling address of the RAN node's radio."""
    terminals: list[TerminalConfig]
    neighbours: list[NeighbourConfig] = []
    """All cells of the network; there may be that of `ran_node` among them."""
    functions: list[str] = []
    """Service functions the owners allow to run here; invitations to others are declined. Empty: all that are here."""
    preload: list[str] = []
    """Functions that are imported before they are needed."""
    consent: bool = True
    """Whether the owners agree to contribute (R59)."""
    raw_data: bool = False
    """Whether they are willing to give raw data (R61)."""
    privacy_k: int = 0
    """Smallest number of clients they want to be among; 0: no demand."""
    uplink: RadioConditions = PERFECT
    """How the terminals' radio is from them to the RAN node: acts on what they send."""
    downlink: RadioConditions = PERFECT
    """The same from the RAN node to them: acts on what has come for them."""
    switched_on: bool = True
    """The terminals live from the start; otherwise they arrive on command (`ue/arrivals.py`)."""
    compute_mflops: int = 2000
    memory_mib: int = 512
    battery_percent: int = 100
    timers: dict[str, int] = {}
