"""Bodies between access manager and user plane function: PDU sessions (N4, TS 23.502 4.4.1; R95)."""

from __future__ import annotations

from net4ai.codecs.bus.body import Body

# --- AM-UPF: PDU sessions


class N3End(Body):
    """One end of a GTP-U tunnel; see `net4ai.codecs.common.TunnelEnd`."""

    teid: int
    address: str
    port: int
    bulk_port: int


class EstablishPduSession(Body):
    """AM-UPF. A PDU session begins; nothing comes back through it before its RAN node is known."""

    token: str
    """Random: names the session, and on T2a the terminal."""
    flows: list[int]
    """QoS flows; the first is the default."""


class PduSessionEstablished(Body):
    """AM-UPF."""

    address: int
    """IPv4 address of the terminal."""
    function: int
    """IPv4 address of the forwarding function, for T2a."""
    port: int
    """Its UDP port of signalling."""
    uplink: N3End
    """Where the user plane function receives."""


class ModifyPduSession(Body):
    """AM-UPF. Where the RAN node of a session receives."""

    token: str
    downlink: N3End
    node: str
    """Name of the RAN node, for captures."""


class ReleasePduSession(Body):
    """AM-UPF. The session is over, also where it never was."""

    token: str
