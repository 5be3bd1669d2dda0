"""The key hierarchy below K_AMF (TS 33.501 6.2 and annex A).

    K_AMF ── K_NASint, K_NASenc        between UE and core
      └── K_gNB ── K_RRCint, K_RRCenc  between UE and RAN node
            └── K_NG-RAN*              the next K_gNB, after re-establishment or handover

K_AMF is pre-shared here, a test key. Keys never appear in text that these functions raise.
"""

from __future__ import annotations

import hashlib
import hmac
import struct
from enum import IntEnum

from net4ai.codecs.common import IntegrityAlgorithm
from net4ai.codecs.declaration import Buffer
from net4ai.codecs.errors import EncodeError
from net4ai.codecs.rrc import MAXIMUM_CELL
from net4ai.stack.security.algorithms import (
    KEY_SIZE,
    MAXIMUM_BEARER,
    MAXIMUM_COUNT,
    Direction,
    nia2,
)

PARENT_KEY_SIZE = 32
"""Octets of K_AMF, K_gNB and K_NG-RAN*."""

_FC_ALGORITHM_KEY = 0x69
_FC_K_GNB = 0x6E
_FC_NEXT_HOP = 0x6F
_FC_K_NG_RAN_STAR = 0x70
_3GPP_ACCESS = 0x01
_NO_FREQUENCY = bytes(3)
"""ARFCN-DL: the emulated cells have no carrier."""


class Purpose(IntEnum):
    """What an algorithm key is for: algorithm type distinguisher (TS 33.501 table A.8-1)."""

    NAS_CIPHERING = 0x01
    NAS_INTEGRITY = 0x02
    RRC_CIPHERING = 0x03
    RRC_INTEGRITY = 0x04
    USER_PLANE_CIPHERING = 0x05
    USER_PLANE_INTEGRITY = 0x06


def kdf(key: Buffer, function: int, *parameters: bytes) -> bytes:
    """The key derivation function of 3GPP, 32 octets: HMAC-SHA-256 over FC, P0, L0, P1, L1, … (TS 33.220 B.2)."""
    text = bytes([function]) + b"".join(parameter + len(parameter).to_bytes(2, "big") for parameter in parameters)
    return hmac.digest(key, text, hashlib.sha256)


def k_gnb(k_amf: Buffer, uplink_nas_count: int) -> bytes:
    """K_gNB, 32 octets, for the uplink NAS COUNT of the message that led to it (TS 33.501 A.9).

    Raises `EncodeError` for a key or COUNT that does not fit.
    """
    _check_parent("K_AMF", k_amf)
    _check("uplink NAS COUNT", uplink_nas_count, MAXIMUM_COUNT)
    return kdf(k_amf, _FC_K_GNB, uplink_nas_count.to_bytes(4, "big"), bytes([_3GPP_ACCESS]))


def next_hop(k_amf: Buffer, previous: Buffer) -> bytes:
    """NH, 32 octets: what another RAN node's K_NG-RAN* is derived from in a handover (TS 33.501 A.10).

    `previous` is the NH before it, for the first one K_gNB. Raises `EncodeError` for a key that does not fit.
    """
    _check_parent("K_AMF", k_amf)
    _check_parent("K_gNB or NH", previous)
    return kdf(k_amf, _FC_NEXT_HOP, bytes(previous))


def k_ng_ran_star(key: Buffer, cell: int) -> bytes:
    """K_NG-RAN*, 32 octets: the K_gNB to go on with in `cell`, a physical cell identity (TS 33.501 A.11).

    `key` is the K_gNB in use (horizontal derivation). Raises `EncodeError` for a key or cell that does not fit.
    """
    _check_parent("K_gNB", key)
    _check("cell", cell, MAXIMUM_CELL)
    return kdf(key, _FC_K_NG_RAN_STAR, cell.to_bytes(2, "big"), _NO_FREQUENCY)


def algorithm_key(key: Buffer, purpose: Purpose, algorithm: int) -> bytes:
    """The key of one algorithm, 16 octets (TS 33.501 A.8). NAS keys come from K_AMF, RRC keys from K_gNB.

    Raises `EncodeError` for a key or algorithm identity that does not fit.
    """
    _check_parent(purpose.name, key)
    _check("algorithm identity", algorithm, 15)
    return kdf(key, _FC_ALGORITHM_KEY, bytes([purpose]), bytes([algorithm]))[-KEY_SIZE:]


def short_mac(k_rrc_int: Buffer, ue_identity: int, cell: int, c_rnti: int, integrity: int) -> int:
    """The 16 bits that prove a re-establishment request (TS 38.331 5.3.7.4): low half of a MAC-I over the three
    fields as they stand in the request, with all bits of COUNT, BEARER and DIRECTION set. 0 with null integrity.

    Raises `EncodeError` where a field does not fit.
    """
    _check("UE identity", ue_identity, 0xFFFFFFFFFFFFFFFF)
    _check("cell", cell, MAXIMUM_CELL)
    _check("C-RNTI", c_rnti, 0xFFFF)
    if integrity == IntegrityAlgorithm.NIA0:
        return 0
    fields = struct.pack(">QHH", ue_identity, cell, c_rnti)
    return int.from_bytes(nia2(k_rrc_int, MAXIMUM_COUNT, MAXIMUM_BEARER, Direction.DOWNLINK, fields)[-2:], "big")


def _check_parent(name: str, key: Buffer) -> None:
    if len(key) != PARENT_KEY_SIZE:
        raise EncodeError("key derivation", f"length of key for {name}", len(key), f"{PARENT_KEY_SIZE} octets")


def _check(name: str, value: int, maximum: int) -> None:
    if not 0 <= value <= maximum:
        raise EncodeError("key derivation", name, value, f"0 to {maximum}")
