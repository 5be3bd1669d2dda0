"""The layer-2 header as plain numbers: for the data path, where a decoded `L2Header` would be too slow."""

from __future__ import annotations

from typing import NamedTuple

from net4ai.codecs.declaration import Buffer
from net4ai.codecs.l2 import L2_HEADER


class L2Fields(NamedTuple):
    """The fields of a layer-2 header, unchecked. See `L2Header`."""

    version: int
    is_data: int
    segmentation: int
    poll: int
    has_mac: int
    ciphered: int
    bearer_type: int
    bearer: int
    c_rnti: int
    count: int  # type: ignore[assignment]  # hides tuple.count


assert L2Fields._fields == tuple(name for name, _ in L2_HEADER.fields)


def l2_fields(pdu: Buffer) -> L2Fields:
    """The header a PDU begins with; at least L2_HEADER_SIZE octets must be there."""
    return L2Fields._make(L2_HEADER.unpack(pdu, 0))
