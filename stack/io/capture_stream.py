"""Captures read as they come: octets in, packets out. Without I/O, for files of any size, pipes, and files that grow.

Any pcapng is understood as far as ladders need it: several sections, either byte order, any link type, unknown blocks.
`capture_reader` is for whole files of ours, which it checks.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from ipaddress import IPv4Address

from net4ai.codecs.declaration import Buffer
from net4ai.stack.io.capture_reader import CaptureError
from net4ai.stack.io.pcapng import (
    BYTE_ORDER,
    COMMENT,
    END,
    INTERFACE_NAME,
    INTERFACE_RESOLUTION,
    IPV4_RECORD,
    Block,
)

MAXIMUM_BLOCK = 1 << 24
"""Longest block, in octets."""
MAXIMUM_INTERFACES = 4096
MAXIMUM_NAMES = 1 << 17
_SIMPLE_PACKET = 3
_MICROSECONDS = 6
_CLASSIC = {b"\xa1\xb2\xc3\xd4", b"\xd4\xc3\xb2\xa1", b"\xa1\xb2\x3c\x4d", b"\x4d\x3c\xb2\xa1"}
"""What files of the older format begin with."""


class BlockDecoder:
    """Octets in, blocks out: type, byte order, and the whole block."""

    def __init__(self) -> None:
        self.at = 0
        """Octets before the next block."""
        self._buffer = bytearray()
        self._order = "<"

    @property
    def left(self) -> int:
        """Octets of an incomplete block."""
        return len(self._buffer)

    def feed(self, data: Buffer) -> None:
        """Octets have come, in any pieces."""
        self._buffer += data

    def blocks(self) -> Iterator[tuple[int, str, bytes]]:
        """The complete blocks. Raises `CaptureError` where no block can be: there the file cannot be read on."""
        while len(self._buffer) >= 12:
            self._begin_section()
            kind, length = struct.unpack_from(f"{self._order}II", self._buffer)
            if length < 12 or length % 4 or length > MAXIMUM_BLOCK:
                raise CaptureError(f"a block of {length} octets, at octet {self.at}")
            if len(self._buffer) < length:
                return
            block = bytes(self._buffer[:length])
            if struct.unpack_from(f"{self._order}I", block, length - 4)[0] != length:
                raise CaptureError(f"a block whose two lengths differ, at octet {self.at}")
            del self._buffer[:length]
            self.at += length
            yield kind, self._order, block

    def _begin_section(self) -> None:
        """The byte order of a section stands in its first block."""
        is_section = int.from_bytes(self._buffer[:4], "big") == Block.SECTION_HEADER
        if not is_section:
            if self.at == 0:
                older = bytes(self._buffer[:4]) in _CLASSIC
                hint = "a file of the older format pcap (editcap -F pcapng converts it)" if older else "no pcapng file"
                raise CaptureError(hint)
            return
        magic = bytes(self._buffer[8:12])
        if magic not in (BYTE_ORDER.to_bytes(4, "little"), BYTE_ORDER.to_bytes(4, "big")):
            raise CaptureError(f"a section of no byte order, at octet {self.at}")
        self._order = "<" if magic == BYTE_ORDER.to_bytes(4, "little") else ">"


@dataclass(frozen=True, slots=True)
class StreamedPacket:
    """One packet."""

    number: int
    """From 1, as Wireshark counts."""
    time: int
    """UTC nanoseconds since 1970."""
    link: str
    """Name of the interface; empty: it has none."""
    link_type: int
    data: bytes
    length: int
    """Octets before the capture cut it."""
    comments: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Interface:
    name: str
    link_type: int
    units: int
    """Units of time in a second."""


@dataclass(slots=True)
class CaptureStream:
    """Octets of a capture in, packets out."""

    names: dict[IPv4Address, str] = field(default_factory=dict)
    """Known so far."""
    comments: list[str] = field(default_factory=list)
    """Of the sections."""
    unreadable: int = 0
    """Packet blocks that contradict themselves, left out."""
    packets_seen: int = 0
    _decoder: BlockDecoder = field(default_factory=BlockDecoder)
    _interfaces: list[_Interface] = field(default_factory=list)

    @property
    def left(self) -> int:
        """Octets of an incomplete block."""
        return self._decoder.left

    @property
    def octets(self) -> int:
        """Octets of the complete blocks."""
        return self._decoder.at

    def feed(self, data: Buffer) -> None:
        """Octets have come, in any pieces."""
        self._decoder.feed(data)

    def packets(self) -> Iterator[StreamedPacket]:
        """The packets that are complete. Raises `CaptureError` where the file cannot be read on."""
        for kind, order, block in self._decoder.blocks():
            if kind in (Block.PACKET, _SIMPLE_PACKET):
                self.packets_seen += 1
                packet = self._packet(order, block) if kind == Block.PACKET else self._simple_packet(order, block)
                if packet is None:
                    self.unreadable += 1
                else:
                    yield packet
            elif kind == Block.INTERFACE:
                self._interface(order, block)
            elif kind == Block.NAMES:
                self._names(order, block)
            elif kind == Block.SECTION_HEADER:
                self._interfaces.clear()
                self.comments += [_text(value) for code, value in options(order, block, 24) if code == COMMENT]

    def _interface(self, order: str, block: bytes) -> None:
        if len(self._interfaces) >= MAXIMUM_INTERFACES or len(block) < 20:
            return
        found = dict(options(order, block, 16))
        exponent = (found.get(INTERFACE_RESOLUTION) or bytes((_MICROSECONDS,)))[0]
        units = 1 << (exponent & 0x7F) if exponent & 0x80 else 10 ** min(exponent, 18)
        link_type = struct.unpack_from(f"{order}H", block, 8)[0]
        self._interfaces.append(_Interface(_text(found.get(INTERFACE_NAME, b"")), link_type, units))

    def _packet(self, order: str, block: bytes) -> StreamedPacket | None:
        if len(block) < 32:
            return None
        number, high, low, kept, length = struct.unpack_from(f"{order}IIIII", block, 8)
        if kept > len(block) - 32 or number >= len(self._interfaces):
            return None
        interface = self._interfaces[number]
        comments = (value for code, value in options(order, block, 28 + kept + -kept % 4) if code == COMMENT)
        return StreamedPacket(
            number=self.packets_seen,
            time=(high << 32 | low) * 1_000_000_000 // interface.units,
            link=interface.name,
            link_type=interface.link_type,
            data=block[28 : 28 + kept],
            length=length,
            comments=tuple(map(_text, comments)),
        )

    def _simple_packet(self, order: str, block: bytes) -> StreamedPacket | None:
        if len(block) < 16 or not self._interfaces:
            return None
        length = struct.unpack_from(f"{order}I", block, 8)[0]
        interface, data = self._interfaces[0], block[12:-4][:length]
        return StreamedPacket(self.packets_seen, 0, interface.name, interface.link_type, data, length)

    def _names(self, order: str, block: bytes) -> None:
        for code, value in options(order, block, 8):
            if code == IPV4_RECORD and len(value) > 4 and len(self.names) < MAXIMUM_NAMES:
                self.names[IPv4Address(value[:4])] = _text(value[4:].split(b"\0")[0])


def options(order: str, block: bytes, start: int) -> Iterator[tuple[int, bytes]]:
    """The options, or records, of a block from `start` on, as far as they can be read."""
    end = len(block) - 4
    while start + 4 <= end:
        code, length = struct.unpack_from(f"{order}HH", block, start)
        if code == END or start + 4 + length > end:
            return
        yield code, block[start + 4 : start + 4 + length]
        start += 4 + length + -length % 4


def _text(value: bytes) -> str:
    return value.decode("utf-8", "replace")
