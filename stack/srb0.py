"""SRB0: messages before a UE has a C-RNTI, and to all UEs of a cell. Neither acknowledged nor protected."""

from __future__ import annotations

from net4ai.codecs.declaration import Buffer
from net4ai.codecs.errors import DecodeError, EncodeError
from net4ai.codecs.l2 import L2_HEADER_SIZE, BearerType, L2Header, Segmentation
from net4ai.stack.acknowledged_bearer import MAXIMUM_PDU
from net4ai.stack.drops import Drop


def srb0_pdu(sdu: Buffer) -> bytes:
    """The PDU of an SRB0 message: unacknowledged, whole, C-RNTI 0, COUNT 0; repeated by the procedure's timer.

    Raises `EncodeError` when it does not fit one PDU.
    """
    allowed = MAXIMUM_PDU - L2_HEADER_SIZE
    if not 1 <= len(sdu) <= allowed:
        raise EncodeError("SRB0", "length of service data unit", len(sdu), f"1 to {allowed}")
    return _HEADER + bytes(sdu)


def srb0_sdu(pdu: Buffer) -> bytes:
    """The message in an SRB0 PDU. Raises `DecodeError` when it is not one."""
    header, start = L2Header.read(pdu)
    if (header.bearer_type, header.bearer, header.c_rnti) != (BearerType.SRB, 0, 0):
        raise DecodeError("SRB0", Drop.WRONG_BEARER, f"type {header.bearer_type}, bearer {header.bearer}")
    if header.has_mac:
        raise DecodeError("SRB0", Drop.INTEGRITY_NOT_CONFIGURED)
    if not header.is_data or header.segmentation != Segmentation.COMPLETE:
        raise DecodeError("SRB0", Drop.SEGMENTED, "SRB0 carries whole messages only")
    if len(pdu) > MAXIMUM_PDU:
        raise DecodeError("SRB0", Drop.PDU_TOO_LONG, f"{len(pdu)} octets, allowed {MAXIMUM_PDU}")
    if start == len(pdu):
        raise DecodeError("SRB0", Drop.PDU_EMPTY)
    return bytes(pdu[start:])


_HEADER = L2Header(
    is_data=True,
    segmentation=Segmentation.COMPLETE,
    poll=False,
    has_mac=False,
    ciphered=False,
    bearer_type=BearerType.SRB,
    bearer=0,
    c_rnti=0,
    count=0,
).to_bytes()
