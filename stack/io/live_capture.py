"""A capture while it is made: the growing files of a run's processes as one stream, in the order of time.

`LiveMerge` is without I/O. Octets come from a file late, at most its flush interval; so a packet is held until `delay`
after it was read, and then everything older leaves with it.
"""

from __future__ import annotations

import heapq
from collections import deque
from pathlib import Path
from typing import IO

from net4ai.stack.io.capture import ALL_LINKS, LINKS
from net4ai.stack.io.capture_reader import CaptureError
from net4ai.stack.io.capture_stream import BlockDecoder, options
from net4ai.stack.io.pcapng import (
    INTERFACE_NAME,
    IPV4_RECORD,
    LENGTH,
    PACKET_HEAD,
    Block,
    interface_block,
    names_block,
    section_block,
)

DELAY = 1_000_000_000
"""Nanoseconds a packet is held: twice what a process gathers at most."""
READ_SIZE = 1 << 20


class _Part:
    """What was read of one file."""

    def __init__(self) -> None:
        self.decoder = BlockDecoder()
        self.numbers: list[int | None] = []
        """Number of each of its interfaces in the stream; None: this version knows no such link."""


class LiveMerge:
    """Octets of parts in, octets of one capture out."""

    def __init__(self, delay: int = DELAY) -> None:
        self.packets = 0
        """Packets that have left."""
        self.late = 0
        """Those of them that came too late for their place."""
        self.broken: dict[str, str] = {}
        """Parts that could not be read on, and why."""
        self._delay = delay
        self._parts: dict[str, _Part] = {}
        self._numbers = {name: number for number, name in enumerate(LINKS)}
        self._held: list[tuple[int, int, bytes]] = []
        self._read = 0
        self._arrivals: deque[tuple[int, int]] = deque()
        """When packets were read, and the latest time among them."""
        self._written = 0
        """Latest time that has left."""
        self._names: set[tuple[bytes, str]] = set()
        self._out = bytearray(section_block(()))
        for interface in LINKS.values():
            self._out += interface_block(interface, 0)

    def feed(self, name: str, data: bytes, now: int) -> None:
        """The next octets of the part `name`. `now`: monotonic nanoseconds."""
        part = self._parts.setdefault(name, _Part())
        if name in self.broken:
            return
        part.decoder.feed(data)
        newest = 0
        try:
            for kind, order, block in part.decoder.blocks():
                if order != "<":
                    raise CaptureError("not one of ours: big endian")
                if kind == Block.PACKET:
                    newest = max(newest, self._packet(part, block))
                elif kind == Block.INTERFACE:
                    link = dict(options(order, block, 16)).get(INTERFACE_NAME, b"").decode("utf-8", "replace")
                    part.numbers.append(self._number(link))
                elif kind == Block.NAMES:
                    self._explain(order, block)
        except CaptureError as error:
            self.broken[name] = str(error)
        if newest:
            self._arrivals.append((now, newest))

    def take(self, now: int) -> bytes:
        """What can be written by now."""
        ripe = 0
        while self._arrivals and self._arrivals[0][0] <= now - self._delay:
            ripe = max(ripe, self._arrivals.popleft()[1])
        while self._held and self._held[0][0] <= max(ripe, self._written):
            self._leave()
        return self._give()

    def finish(self) -> bytes:
        """All that is left: nothing comes any more."""
        while self._held:
            self._leave()
        self._arrivals.clear()
        return self._give()

    def _packet(self, part: _Part, block: bytes) -> int:
        if len(block) < 32:
            raise CaptureError("a packet block of no packet")
        _, _, number, high, low, _, _ = PACKET_HEAD.unpack_from(block)
        if number >= len(part.numbers):
            raise CaptureError("a packet of no interface")
        known = part.numbers[number]
        if known is None:
            return 0
        time = int(high << 32 | low)
        changed = bytearray(block)
        LENGTH.pack_into(changed, 8, known)
        self._read += 1
        heapq.heappush(self._held, (time, self._read, bytes(changed)))
        return time

    def _number(self, link: str) -> int | None:
        """The number of a link's interface in the stream. Those of the key log appear with the first part that has
        them."""
        if link in ALL_LINKS and link not in self._numbers:
            self._numbers[link] = len(self._numbers)
            self._out += interface_block(ALL_LINKS[link], 0)
        return self._numbers.get(link)

    def _explain(self, order: str, block: bytes) -> None:
        """Names go ahead of the packets they explain."""
        records = (
            (value[:4], value[4:].rstrip(b"\0").decode("utf-8", "replace"))
            for code, value in options(order, block, 8)
            if code == IPV4_RECORD and len(value) > 4
        )
        news = [record for record in dict.fromkeys(records) if record not in self._names]
        if news:
            self._names.update(news)
            self._out += names_block(news)

    def _leave(self) -> None:
        time, _, block = heapq.heappop(self._held)
        self.late += time < self._written
        self._written = max(self._written, time)
        self.packets += 1
        self._out += block

    def _give(self) -> bytes:
        given = bytes(self._out)
        self._out.clear()
        return given


class PartFiles:
    """The part files of a folder, read as they grow. A file that was removed is still read to its end."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._files: dict[str, IO[bytes]] = {}

    def read(self) -> list[tuple[str, bytes]]:
        """What has been added since the last call, by part. A file made anew under an old name is another part.

        Raises OSError.
        """
        for path in sorted(self._folder.glob("*.pcapng")):
            try:
                part = f"{path.stem} {path.stat().st_ino}"
                if part not in self._files:
                    self._files[part] = path.open("rb", buffering=0)
            except FileNotFoundError:
                continue  # it has gone since it was listed
        found = []
        for part, file in self._files.items():
            while data := file.read(READ_SIZE):
                found.append((part, data))
        return found

    def close(self) -> None:
        """Close all files."""
        for file in self._files.values():
            file.close()
