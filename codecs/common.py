"""Structures that several protocols share."""

from __future__ import annotations

from enum import IntEnum

from net4ai.codecs.causes import Cause
from net4ai.codecs.declaration import Structure, enumeration, flag, listing, nested, reserved, text, unsigned

MAXIMUM_KEY_OCTETS = 1024
"""Bound of the opaque key fields of invitations and their answers (R88)."""

MAXIMUM_SESSIONS = 32
"""Sessions one UE can have at a time."""

MAXIMUM_BEARERS = 32
"""Computing radio bearers one UE can have at a time."""


class BearerMode(IntEnum):
    """How layer 2 treats a computing radio bearer."""

    UNACKNOWLEDGED = 0
    """DEP ends where the bearer ends and is reliable itself: one loop is enough."""
    ACKNOWLEDGED = 1


class IntegrityAlgorithm(IntEnum):
    """Integrity protection of signalling (TS 33.501 5.11.1.2)."""

    NIA0 = 0
    """Null: no keys, no MAC-I."""
    NIA2 = 2
    """AES-128 in CMAC mode."""


class CipheringAlgorithm(IntEnum):
    """Ciphering of signalling (TS 33.501 5.11.1.1)."""

    NEA0 = 0
    """Null: in clear."""
    NEA2 = 2
    """AES-128 in counter mode."""


class SecurityCapabilities(Structure, reference="TS 24.501 9.11.3.54"):
    """Algorithms a UE can use. Bit n, most significant first: algorithm n."""

    integrity: int = unsigned(8, "Integrity algorithms: 0x80 NIA0, 0x20 NIA2.", hexadecimal=True)
    ciphering: int = unsigned(8, "Ciphering algorithms: 0x80 NEA0, 0x20 NEA2.", hexadecimal=True)

    def allow(self, integrity: int, ciphering: int) -> bool:
        """Whether both algorithms are among them."""
        return bool(self.integrity << integrity & 0x80) and bool(self.ciphering << ciphering & 0x80)


class VersionRange(Structure):
    """Versions a side can speak; the other side picks the highest of both."""

    lowest: int = unsigned(8, "Lowest version.", minimum=1)
    highest: int = unsigned(8, "Highest version.", minimum=1)

    def common(self, other: VersionRange) -> int | None:
        """The highest version of both ranges, or None."""
        highest = min(self.highest, other.highest)
        return highest if highest >= max(self.lowest, other.lowest) else None


class FlowMapping(Structure, reference="R100, R103, R104"):
    """One QoS flow of a DEP session and the bearer that carries it."""

    qfi: int = unsigned(8, "QoS flow identifier.", maximum=63)
    bearer: int = unsigned(8, "Computing radio bearer (on T4 and T8: 1).", minimum=1, maximum=63)
    reliable: bool = flag("Lost octets are sent again.", default=True)
    ordered: bool = flag("Messages are delivered in the order they were sent.", default=True)
    reserved_flags: int = reserved(6)


class SessionLimits(Structure):
    """What a receiver of a DEP session permits."""

    segment_size: int = unsigned(
        16, "Payload octets of every DATA but the last of a message.", minimum=64, maximum=60000
    )
    unscheduled: int = unsigned(32, "Octets that may be under way without GRANT, of all messages together.")
    maximum_message: int = unsigned(32, "Largest message, in octets.", minimum=64)
    maximum_open: int = unsigned(8, "Messages under way at a time, per direction.", minimum=1)


class TunnelEnd(Structure, reference="TS 38.413 9.3.2.2; TS 29.281"):
    """One end of a GTP-U tunnel (F-TEID), given out by who receives there."""

    teid: int = unsigned(32, "Tunnel endpoint identifier.", minimum=1, hexadecimal=True)
    address: str = text("Host of the node on N3.", maximum=64)
    port: int = unsigned(16, "UDP port of its signalling socket on N3; in captures 2152.", minimum=1)
    bulk_port: int = unsigned(16, "UDP port of its bulk socket on N3; in captures 2152.", minimum=1)


class QosProfile(Structure, reference="TS 23.501 5.7; R102"):
    """Quality of service of a computing radio bearer."""

    five_qi: int = unsigned(8, "5QI; 128 to 254 are operator classes.", minimum=1)
    priority: int = unsigned(8, "Scheduling priority, lower first.", minimum=1)
    prioritised_bit_rate: int = unsigned(32, "Prioritised bit rate in kilobyte per second; 0: none.", default=0)
    bucket_size: int = unsigned(16, "Bucket size duration in milliseconds.", default=0)
    guaranteed_bit_rate: int = unsigned(
        32, "Guaranteed flow bit rate (GFBR) in each direction, in kilobit per second; 0: none.", default=0
    )
    maximum_bit_rate: int = unsigned(
        32, "Maximum flow bit rate (MFBR) in each direction, in kilobit per second; 0: none.", default=0
    )


class BearerConfiguration(Structure, reference="TS 38.331 DRB-ToAddMod; R92, R99, R102"):
    """A computing radio bearer to add or change."""

    bearer: int = unsigned(8, "Identity of the bearer.", minimum=1, maximum=MAXIMUM_BEARERS)
    mode: int = enumeration(8, BearerMode, "Acknowledged or not.")
    qos: QosProfile = nested(QosProfile, "Quality of service.")


class SessionConfiguration(Structure, reference="R97-R104"):
    """A DEP session to add, or (same identity, new handle) to renew for an execution."""

    session: int = unsigned(8, "Identity of the session at this UE.", maximum=MAXIMUM_SESSIONS - 1)
    dep_version: int = unsigned(8, "DEP version of the session.", minimum=1, maximum=15)
    handle: int = unsigned(32, "Handle for PDUs towards the sender of this message.", minimum=1, hexadecimal=True)
    limits: SessionLimits = nested(SessionLimits, "What the sender permits.")
    flows: tuple[FlowMapping, ...] = listing(FlowMapping, "QoS flows and their bearers.", maximum=16)
    maximum_bit_rate: int = unsigned(
        32,
        "Session AMBR: of all its flows without a guaranteed bit rate, in each direction, in kilobit per second; "
        "0: none.",
        default=0,
    )


class SessionHandle(Structure, reference="R97"):
    """The handle a side gives out for a session it was asked to add."""

    session: int = unsigned(8, "Identity of the session at this UE.", maximum=MAXIMUM_SESSIONS - 1)
    handle: int = unsigned(32, "Handle for PDUs towards the sender of this message.", minimum=1, hexadecimal=True)
    limits: SessionLimits = nested(SessionLimits, "What the sender permits.")


class SessionRelease(Structure, reference="R107"):
    """A DEP session to release."""

    session: int = unsigned(8, "Identity of the session at this UE.", maximum=MAXIMUM_SESSIONS - 1)
    cause: int = enumeration(16, Cause, "Why.")
