"""Layer 2: one 8-byte header for signalling, data and computing radio bearers and for the fixed links T4 and T8.

On the Uu a UDP datagram stands for a transport block. The same header on T4 and T8 keeps tensors at the same offset, so
a forwarding function only switches labels. The full 32-bit COUNT is on the wire (PDCP sends its low bits only): no
hyper frame number can get out of step.
"""

from __future__ import annotations

from enum import IntEnum

from net4ai.codecs.declaration import Structure, constant, enumeration, flag, octets, unsigned
from net4ai.codecs.errors import DecodeError

SIGNALLING_PORT = 46400
"""UDP port of signalling and liveness, unless configured."""
BULK_PORT = 46401
"""UDP port of bulk data, unless configured."""
VERSION = 0
"""Version of this layer."""
MAXIMUM_C_RNTI = 0xFFFF


class BearerType(IntEnum):
    """What a PDU belongs to."""

    SRB = 0
    """Signalling radio bearer: RRC-like messages."""
    DRB = 1
    """Data radio bearer: the classic path."""
    CRB = 2
    """Computing radio bearer: DEP (R92, R93)."""
    FIXED_LINK = 3
    """T4 and T8. Bearer 0 carries link signalling, bearer 1 DEP."""


class Segmentation(IntEnum):
    """Segmentation information, as in TS 38.322, 6.2.3.4."""

    COMPLETE = 0
    FIRST = 1
    LAST = 2
    MIDDLE = 3


class L2Header(Structure, reference="TS 38.322 6.2.2, TS 38.323 6.2.2, R92"):
    """The header of every PDU on the Uu, T4 and T8."""

    version: int = constant(2, VERSION, "Version of this layer.")
    is_data: bool = flag("Data (1) or status report (0) of an acknowledged bearer.")
    segmentation: int = enumeration(2, Segmentation, "Whole service data unit, or which part of it.")
    poll: bool = flag("Asks for a status report.")
    has_mac: bool = flag("A 32-bit MAC-I ends the PDU. 0: null integrity, no keys yet.")
    ciphered: bool = flag("What follows the header (and segment offset), the MAC-I included, is enciphered.")
    bearer_type: int = enumeration(2, BearerType, "What the PDU belongs to.")
    bearer: int = unsigned(6, "Identity of the bearer within its type.")
    c_rnti: int = unsigned(16, "Radio identity of the UE; 0 on SRB0. On T4 and T8 the peer identity given at attach.")
    count: int = unsigned(
        32, "Number of the PDU per C-RNTI, bearer, direction and socket; in acknowledged mode the ARQ number."
    )


class SegmentOffset(Structure, reference="TS 38.322 6.2.3.5"):
    """Follows the header of a last or middle segment."""

    offset: int = unsigned(32, "Offset of this segment within its service data unit, in octets.")


class MissingRange(Structure):
    """Consecutive PDUs that have not arrived."""

    first: int = unsigned(32, "COUNT of the first missing PDU.")
    length: int = unsigned(16, "How many are missing.", minimum=1)


class StatusReport(Structure, reference="TS 38.322 6.2.2.5"):
    """Body of a status report: everything before `next_count` has arrived but for the missing ranges."""

    next_count: int = unsigned(32, "COUNT behind the highest PDU received.")
    missing: bytes = octets(0, "Missing ranges, 6 octets each.", maximum=6 * 64)

    def missing_ranges(self) -> list[MissingRange]:
        """The missing ranges. Raises `DecodeError`."""
        if len(self.missing) % 6:
            raise DecodeError("StatusReport", "truncated", "missing ranges")
        return [MissingRange.from_bytes(self.missing[at : at + 6]) for at in range(0, len(self.missing), 6)]


L2_HEADER = L2Header.fixed_run()
L2_HEADER_SIZE = L2_HEADER.size
assert L2_HEADER_SIZE == 8
