"""128-NIA2 and 128-NEA2: integrity protection and ciphering of signalling (TS 33.501 annex D, TS 33.401 annex B).

Both take the same inputs besides key and data: COUNT, BEARER and DIRECTION name a message among all that one key ever
protects. The null algorithms are no functions: whoever is configured with them leaves the step out.
"""

from __future__ import annotations

import struct
from enum import IntEnum

from cryptography.hazmat.primitives.ciphers import Cipher, modes
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.cmac import CMAC

from net4ai.codecs.common import CipheringAlgorithm, IntegrityAlgorithm
from net4ai.codecs.declaration import Buffer
from net4ai.codecs.errors import EncodeError

KEY_SIZE = 16
"""Octets of a key of either algorithm."""
MAC_SIZE = 4
"""Octets of a MAC-I."""
MAXIMUM_BEARER = 31
"""BEARER has 5 bits."""
MAXIMUM_COUNT = 0xFFFFFFFF


class Direction(IntEnum):
    """Which way a message goes: DIRECTION of both algorithms."""

    UPLINK = 0
    """From the UE."""
    DOWNLINK = 1

    @property
    def other(self) -> Direction:
        """The way back."""
        return Direction(1 - self)


_INPUT = struct.Struct(">IB3x")
"""COUNT, then 5 bits of BEARER, one of DIRECTION, 26 zeros: what both algorithms begin with."""


def nia2(key: Buffer, count: int, bearer: int, direction: int, message: Buffer) -> bytes:
    """The MAC-I of `message`, 4 octets: AES-128 in CMAC mode (TS 33.401 B.2.3).

    Raises `EncodeError` for a key of other than 16 octets, or where COUNT, BEARER or DIRECTION do not fit.
    """
    mac = CMAC(AES(_checked(key)))
    mac.update(_input(count, bearer, direction))
    mac.update(bytes(message))
    return mac.finalize()[:MAC_SIZE]


def nea2(key: Buffer, count: int, bearer: int, direction: int, data: Buffer) -> bytes:
    """`data` enciphered or, the same operation, deciphered: AES-128 in counter mode (TS 33.401 B.1.3).

    Raises `EncodeError` for a key of other than 16 octets, or where COUNT, BEARER or DIRECTION do not fit.
    """
    first_block = _input(count, bearer, direction) + bytes(8)
    return Cipher(AES(_checked(key)), modes.CTR(first_block)).encryptor().update(data)


def check_algorithms(integrity: int, ciphering: int) -> None:
    """Raises `ValueError` for an algorithm that is not there, and for ciphering without integrity protection: null
    integrity is for what is not protected at all (TS 33.501 5.5.2)."""
    IntegrityAlgorithm(integrity)
    CipheringAlgorithm(ciphering)
    if integrity == IntegrityAlgorithm.NIA0 and ciphering != CipheringAlgorithm.NEA0:
        raise ValueError(f"ciphering NEA{ciphering} with integrity NIA0; allowed with null integrity: NEA0")


def _checked(key: Buffer) -> Buffer:
    # AES takes longer keys too; the algorithms of 3GPP do not.
    if len(key) != KEY_SIZE:
        raise EncodeError("128-bit algorithm", "length of key", len(key), f"{KEY_SIZE} octets")
    return key


def _input(count: int, bearer: int, direction: int) -> bytes:
    for name, value, maximum in (
        ("COUNT", count, MAXIMUM_COUNT),
        ("BEARER", bearer, MAXIMUM_BEARER),
        ("DIRECTION", direction, 1),
    ):
        if not 0 <= value <= maximum:
            raise EncodeError("128-bit algorithm", name, value, f"0 to {maximum}")
    return _INPUT.pack(count, bearer << 3 | direction << 2)
