"""128-NIA2 and 128-NEA2: integrity protection and ciphering of signalling (TS 33.501 annex D, TS 33.401 annex B).

Both take the same inputs besides key and data: COUNT, BEARER and DIRECTION name a message among all that one key ever
protects. The null algorithms are no functions: whoever is configured with them leaves the step out.
"""

from __future__ import annotations

import struct
from enum import IntEnum
from functools import lru_cache

from cryptography.hazmat.primitives.ciphers import Cipher, CipherContext, modes
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
PREPARED_KEYS = 1024
"""Keys of each algorithm kept ready for AES, the latest used: a UE that comes uses its own dozens of times at once."""


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
    mac = _cmac(bytes(key)).copy()
    mac.update(_input(count, bearer, direction) + bytes(message))
    return mac.finalize()[:MAC_SIZE]


def nea2(key: Buffer, count: int, bearer: int, direction: int, data: Buffer) -> bytes:
    """`data` enciphered or, the same operation, deciphered: AES-128 in counter mode (TS 33.401 B.1.3).

    Raises `EncodeError` for a key of other than 16 octets, or where COUNT, BEARER or DIRECTION do not fit.
    """
    # The key stream, made by hand: counter mode as such would have to be set up for each message.
    first, size = int.from_bytes(_input(count, bearer, direction), "big") << 64, len(data)
    blocks = b"".join([(first + number).to_bytes(16, "big") for number in range(-(-size // 16))])
    stream = _block_cipher(bytes(key)).update(blocks)[:size]
    return (int.from_bytes(data, "big") ^ int.from_bytes(stream, "big")).to_bytes(size, "big")


def check_algorithms(integrity: int, ciphering: int) -> None:
    """Raises `ValueError` for an algorithm that is not there, and for ciphering without integrity protection: null
    integrity is for what is not protected at all (TS 33.501 5.5.2)."""
    IntegrityAlgorithm(integrity)
    CipheringAlgorithm(ciphering)
    if integrity == IntegrityAlgorithm.NIA0 and ciphering != CipheringAlgorithm.NEA0:
        raise ValueError(f"ciphering NEA{ciphering} with integrity NIA0; allowed with null integrity: NEA0")


@lru_cache(PREPARED_KEYS)
def _cmac(key: bytes) -> CMAC:
    return CMAC(AES(_checked(key)))


@lru_cache(PREPARED_KEYS)
def _block_cipher(key: bytes) -> CipherContext:
    return Cipher(AES(_checked(key)), modes.ECB()).encryptor()


def _checked(key: bytes) -> bytes:
    # AES takes longer keys too; the algorithms of 3GPP do not.
    if len(key) != KEY_SIZE:
        raise EncodeError("128-bit algorithm", "length of key", len(key), f"{KEY_SIZE} octets")
    return key


def _input(count: int, bearer: int, direction: int) -> bytes:
    if 0 <= count <= MAXIMUM_COUNT and 0 <= bearer <= MAXIMUM_BEARER and 0 <= direction <= 1:
        return _INPUT.pack(count, bearer << 3 | direction << 2)
    given = (("COUNT", count, MAXIMUM_COUNT), ("BEARER", bearer, MAXIMUM_BEARER), ("DIRECTION", direction, 1))
    name, value, maximum = next(each for each in given if not 0 <= each[1] <= each[2])
    raise EncodeError("128-bit algorithm", name, value, f"0 to {maximum}")
