"""Blocks of a pcapng file, as far as captures need them: one section in little endian, times in nanoseconds.

Format: draft-ietf-opsawg-pcapng, link types of tcpdump.org.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum
from typing import Literal

Direction = Literal["in", "out"]


class LinkType(IntEnum):
    """What packets of an interface begin with (tcpdump.org/linktypes)."""

    RAW_IP = 101
    EXPORTED_PDU = 252


@dataclass(frozen=True, slots=True)
class Interface:
    """What packets of one kind belong to: a logical link."""

    name: str
    description: str
    link_type: LinkType
    dissector: str = ""
    """Wireshark's name of the dissector, for exported PDUs."""


class Block(IntEnum):
    """Types of blocks."""

    SECTION_HEADER = 0x0A0D0D0A
    INTERFACE = 1
    NAMES = 4
    PACKET = 6


END, COMMENT = 0, 1
"""Options of any block."""
_SECTION_APPLICATION = 4
INTERFACE_NAME, INTERFACE_DESCRIPTION, INTERFACE_RESOLUTION = 2, 3, 9
PACKET_FLAGS = 2
IPV4_RECORD = 1
"""Record of a names block: an address and its name."""
NANOSECONDS = 9
"""Time resolution: 10 to the power of -9 seconds."""
BYTE_ORDER = 0x1A2B3C4D
_UNKNOWN_LENGTH = 0xFFFF_FFFF_FFFF_FFFF
_FLAGS: dict[Direction, int] = {"in": 1, "out": 2}
DIRECTIONS: dict[int, Direction] = {1: "in", 2: "out"}

BLOCK_HEAD = struct.Struct("<III")
"""Type, total length, and what comes first in the body."""
_SECTION = struct.Struct("<IHHQ")
INTERFACE_BODY = struct.Struct("<HHI")
"""Link type, reserved, snap length."""
_PACKET = struct.Struct("<IIIII")
PACKET_HEAD = struct.Struct("<IIIIIII")
"""Type, total length, interface, time (high, low), octets kept, octets before the cut."""
OPTION = struct.Struct("<HH")
"""Code, length."""
LENGTH = struct.Struct("<I")


def padded(data: bytes) -> bytes:
    """Filled up with zeros to a multiple of 4 octets."""
    return data + bytes(-len(data) % 4)


def _block(kind: Block, body: bytes) -> bytes:
    length = LENGTH.pack(len(body) + 12)
    return b"".join((LENGTH.pack(kind), length, body, length))


def _options(options: Iterable[tuple[int, bytes]]) -> bytes:
    parts = [OPTION.pack(code, len(value)) + padded(value) for code, value in options]
    return b"".join((*parts, OPTION.pack(END, 0))) if parts else b""


def _text(text: str) -> bytes:
    return text.encode("utf-8", "replace")[:0xFFFF]


def section_block(comments: Iterable[str]) -> bytes:
    """What a file begins with. Empty comments are left out."""
    options = [(COMMENT, _text(comment)) for comment in comments if comment]
    options.append((_SECTION_APPLICATION, b"net4ai"))
    return _block(Block.SECTION_HEADER, _SECTION.pack(BYTE_ORDER, 1, 0, _UNKNOWN_LENGTH) + _options(options))


def interface_block(interface: Interface, snap_length: int) -> bytes:
    """The interfaces of a file are numbered from 0, in the order of their blocks. `snap_length` 0: none."""
    options = (
        (INTERFACE_NAME, _text(interface.name)),
        (INTERFACE_DESCRIPTION, _text(interface.description)),
        (INTERFACE_RESOLUTION, bytes((NANOSECONDS,))),
    )
    return _block(Block.INTERFACE, INTERFACE_BODY.pack(interface.link_type, 0, snap_length) + _options(options))


def names_block(names: Iterable[tuple[bytes, str]]) -> bytes:
    """Names of IPv4 addresses, 4 octets each."""
    records = [(IPV4_RECORD, address + _text(name)[:0xFF00] + b"\0") for address, name in names]
    return _block(Block.NAMES, _options(records))


def packet_block(interface: int, time: int, data: bytes, length: int, direction: Direction, comment: str = "") -> bytes:
    """One packet on the interface of that number. `time`: UTC nanoseconds; `length`: octets before `data` was cut."""
    body = _PACKET.pack(interface, time >> 32, time & 0xFFFF_FFFF, len(data), length)
    options = [(PACKET_FLAGS, _FLAGS[direction].to_bytes(4, "little"))]
    if comment:
        options.append((COMMENT, _text(comment)))
    return _block(Block.PACKET, b"".join((body, padded(data), _options(options))))
