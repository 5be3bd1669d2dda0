"""Captures read back and merged: the inverse of `capture`, for files of ours alone."""

from __future__ import annotations

import heapq
import mmap
import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from ipaddress import IPv4Address
from pathlib import Path

from net4ai.stack.io.capture import ALL_LINKS, LINKS
from net4ai.stack.io.pcapng import (
    BLOCK_HEAD,
    BYTE_ORDER,
    COMMENT,
    DIRECTIONS,
    END,
    INTERFACE_BODY,
    INTERFACE_DESCRIPTION,
    INTERFACE_NAME,
    INTERFACE_RESOLUTION,
    IPV4_RECORD,
    LENGTH,
    NANOSECONDS,
    OPTION,
    PACKET_FLAGS,
    PACKET_HEAD,
    Block,
    Direction,
    Interface,
    interface_block,
    names_block,
    section_block,
)


class CaptureError(ValueError):
    """The file is no capture of ours."""


@dataclass(frozen=True, slots=True)
class Packet:
    """One packet of a capture."""

    time: int
    """UTC nanoseconds since 1970."""
    interface: Interface
    data: bytes
    """From the IPv4 header or the first tag on, cut to the snap length."""
    length: int
    """Octets before the cut."""
    direction: Direction | None
    comment: str


@dataclass(slots=True)
class Capture:
    """What a file holds."""

    comments: list[str] = field(default_factory=list)
    interfaces: list[Interface] = field(default_factory=list)
    names: dict[str, IPv4Address] = field(default_factory=dict)
    packets: list[Packet] = field(default_factory=list)
    octets_cut: int = 0
    """Octets of an incomplete block at the end, ignored."""


class _Reader:
    """Blocks of one file, complete ones only."""

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)
        self.comments: list[str] = []
        self.interfaces: list[Interface] = []
        self.snap_lengths: list[int] = []
        self.names: list[tuple[bytes, str]] = []
        self.end = 0
        """Where the last complete block ends."""
        with self.path.open("rb") as file:
            self.size = os.fstat(file.fileno()).st_size
            # An empty file cannot be mapped.
            self.data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) if self.size else None

    def close(self) -> None:
        if self.data is not None:
            self.data.close()

    def packets(self) -> Iterator[tuple[int, int, int]]:
        """Time, start and length of each packet block; what is not a packet is kept in the attributes.

        Raises `CaptureError`.
        """
        for kind, start, length in self._blocks():
            if kind == Block.PACKET:
                if length < 32:
                    raise self._error(start, "a packet block of no packet")
                _, _, number, high, low, captured, _ = PACKET_HEAD.unpack(self._octets(start, 28))
                if captured > length - 32 or number >= len(self.interfaces):
                    raise self._error(start, "a packet block that contradicts itself")
                yield high << 32 | low, start, length
            elif kind == Block.INTERFACE:
                self._interface(start, length)
            elif kind == Block.NAMES:
                records = self._options(start + 8, start + length - 4)
                self.names += [
                    (value[:4], value[4:].rstrip(b"\0").decode("utf-8", "replace"))
                    for code, value in records
                    if code == IPV4_RECORD and len(value) > 4
                ]

    def packet(self, start: int, length: int) -> Packet:
        """The packet of the block at `start`."""
        _, _, number, high, low, captured, original = PACKET_HEAD.unpack(self._octets(start, 28))
        options = dict(self._options(start + 28 + captured + -captured % 4, start + length - 4))
        flags = int.from_bytes(options.get(PACKET_FLAGS, b""), "little")
        return Packet(
            time=high << 32 | low,
            interface=self.interfaces[number],
            data=self._octets(start + 28, captured),
            length=original,
            direction=DIRECTIONS.get(flags & 3),
            comment=options.get(COMMENT, b"").decode("utf-8", "replace"),
        )

    def block(self, start: int, length: int) -> bytes:
        return self._octets(start, length)

    def _octets(self, start: int, count: int) -> bytes:
        assert self.data is not None
        return self.data[start : start + count]

    def _blocks(self) -> Iterator[tuple[int, int, int]]:
        start = 0
        while start + 12 <= self.size:
            kind, length, order = BLOCK_HEAD.unpack(self._octets(start, 12))
            if (kind == Block.SECTION_HEADER) != (start == 0) or (start == 0 and order != BYTE_ORDER):
                raise self._error(start, "not one section in little endian")
            if length < 12 or length % 4:
                raise self._error(start, f"a block of {length} octets")
            if start + length > self.size:
                break
            if LENGTH.unpack(self._octets(start + length - 4, 4))[0] != length:
                raise self._error(start, "a block whose two lengths differ")
            if kind == Block.SECTION_HEADER:
                options = self._options(24, length - 4)
                self.comments = [value.decode("utf-8", "replace") for code, value in options if code == COMMENT]
            yield kind, start, length
            start += length
            self.end = start

    def _interface(self, start: int, length: int) -> None:
        if length < 20:
            raise self._error(start, "an interface block of no interface")
        link_type, _, snap_length = INTERFACE_BODY.unpack(self._octets(start + 8, 8))
        options = dict(self._options(start + 16, start + length - 4))
        if options.get(INTERFACE_RESOLUTION) != bytes((NANOSECONDS,)):
            raise self._error(start, "an interface whose times are not in nanoseconds")
        name, description = (
            options.get(code, b"").decode("utf-8", "replace") for code in (INTERFACE_NAME, INTERFACE_DESCRIPTION)
        )
        known = ALL_LINKS.get(name)
        if known is None or (known.link_type, known.description) != (link_type, description):
            raise self._error(start, f"the unknown interface {name!r}")
        self.interfaces.append(known)
        self.snap_lengths.append(snap_length)

    def _options(self, start: int, end: int) -> Iterator[tuple[int, bytes]]:
        while start + 4 <= end:
            code, length = OPTION.unpack(self._octets(start, 4))
            if code == END:
                return
            if start + 4 + length > end:
                raise self._error(start, "an option that leaves its block")
            yield code, self._octets(start + 4, length)
            start += 4 + length + -length % 4

    def _error(self, start: int, what: str) -> CaptureError:
        return CaptureError(f"{self.path}: {what}, at octet {start}")


def read_capture(path: Path | str) -> Capture:
    """Reads a file of ours, with all its packets in memory. An incomplete block at the end is ignored.

    Raises OSError, and `CaptureError` for other files.
    """
    with closing(_Reader(path)) as reader:
        packets = [reader.packet(start, length) for _, start, length in reader.packets()]
        names = {name: IPv4Address(address) for address, name in reader.names}
        return Capture(reader.comments, reader.interfaces, names, packets, reader.size - reader.end)


def merge_captures(parts: Sequence[Path | str], out: Path | str) -> int:
    """Unites files in `out`, sorted by time (at equal times in the order of `parts`), and gives the number of packets.

    Interfaces, names and comments are united; incomplete blocks at the ends of parts are left out. `out` appears
    complete or not at all and may be one of `parts`. Raises OSError and `CaptureError`.
    """
    unfinished = Path(f"{out}.unfinished")
    with ExitStack() as stack:
        readers = [stack.enter_context(closing(_Reader(part))) for part in parts]
        stack.callback(unfinished.unlink, missing_ok=True)
        # A part is almost sorted already, which Python's sort turns to account.
        indexes = [sorted(reader.packets(), key=lambda packet: packet[0]) for reader in readers]
        clear = any(interface.name not in LINKS for reader in readers for interface in reader.interfaces)
        links = ALL_LINKS if clear else LINKS
        numbers = {name: number for number, name in enumerate(links)}
        with unfinished.open("wb") as file:
            file.write(section_block(dict.fromkeys(text for reader in readers for text in reader.comments)))
            snap_lengths = {length for reader in readers for length in reader.snap_lengths}
            snap_length = 0 if 0 in snap_lengths else max(snap_lengths, default=0)
            for interface in links.values():
                file.write(interface_block(interface, snap_length))
            names = dict.fromkeys(pair for reader in readers for pair in reader.names)
            if names:
                file.write(names_block(names))
            order = heapq.merge(
                *([(time, part, start, length) for time, start, length in index] for part, index in enumerate(indexes))
            )
            for _, part, start, length in order:
                reader = readers[part]
                block = bytearray(reader.block(start, length))
                number = LENGTH.unpack_from(block, 8)[0]
                LENGTH.pack_into(block, 8, numbers[reader.interfaces[number].name])
                file.write(block)
        unfinished.replace(out)
        return sum(len(index) for index in indexes)
