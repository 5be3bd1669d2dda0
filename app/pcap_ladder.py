"""`net4ai pcap`: a capture as a ladder in the terminal, without Wireshark.

Packets come one at a time, so files may be of any size and pipes will do. Consecutive DATA of one DEP message are
folded to one line, until a GRANT, ACK or NACK for it comes the other way. Where the terminal is wide enough each node
has a column; else a line names both ends.
"""

from __future__ import annotations

import json
import re
import textwrap
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import IO, Any

from net4ai.app.packet_summary import PacketReader, Summary
from net4ai.stack.io.capture_reader import CaptureError
from net4ai.stack.io.capture_stream import CaptureStream

READ_SIZE = 1 << 16
RUN_PAUSE = 100_000_000
"""Nanoseconds without a segment after which a run of DATA has ended."""
MAXIMUM_OFFSETS = 1 << 16
"""Segments of a run whose repetition is noticed."""
MAXIMUM_WAITING = 2000
"""Lines that wait for runs before them to end."""

TIME_WIDTH, LANE_WIDTH, LEAST_TEXT = 12, 13, 48
"""Columns of the screen: time, one node, the text beside."""
LEAST_LANES = 4
"""Room for fewer is no ladder."""
_GROUPED = re.compile(r"(ue-\d+)/\d+|(.+) C-RNTI \d+|fpf/(.+)")
_CORE = {
    "service-manager",
    "orchestrator",
    "resource-manager",
    "access-manager",
    "job-manager",
    "task-manager",
    "routine-manager",
}


@dataclass(slots=True)
class Line:
    """One line of the ladder: a packet, or a run of DATA."""

    first: Summary
    key: tuple[Any, ...] | None = None
    """Of a run: link, ends, handle, QoS flow, message."""
    last: int = 0
    low: int = 0
    high: int = 0
    length: int = 0
    segments: int = 0
    again: int = 0
    offsets: set[int] = field(default_factory=set)
    """Of the segments so far."""
    closed: bool = True

    @property
    def text(self) -> str:
        """What it says."""
        if self.key is None or self.segments == 1 or self.first.data is None:
            return self.first.text
        header = self.first.data[1]
        bearer = self.first.layers[0].text
        again = f", {self.again} again" if self.again else ""
        parts = [
            bearer,
            f"DEP DATA {self.low}..{self.high} of {self.length}, {self.segments} segments{again}, "
            f"{'answer' if header.response else 'message'} {header.message_id}, handle {header.handle:#010x}",
            *(layer.text for layer in self.first.layers if layer.protocol == "message"),
        ]
        return " / ".join(part for part in parts if part)


class Folder:
    """Folds runs of DATA. Lines leave in the order in which they began."""

    def __init__(self) -> None:
        self._waiting: deque[Line] = deque()
        self._open: dict[tuple[Any, ...], Line] = {}

    def take(self, told: Summary) -> Iterator[Line]:
        """One more packet; the lines that are complete with it."""
        self._close_old(told.time)
        if told.data is None or told.fault or not told.data[3]:
            self._close_other_way(told)
            self._waiting.append(Line(told))
        else:
            self._segment(told)
        yield from self._leave()

    def end(self) -> Iterator[Line]:
        """There are no more packets."""
        self._close(list(self._open))
        yield from self._leave()

    def _segment(self, told: Summary) -> None:
        assert told.data is not None
        _, header, body, size = told.data
        key = (told.link, told.source, told.destination, header.handle, header.qfi, header.message_id, header.response)
        run = self._open.get(key)
        low, high = header.offset, header.offset + size
        if run is None or run.length != body.message_length:
            run = Line(told, key, told.time, low, low, body.message_length, closed=False)
            self._open[key] = run
            self._waiting.append(run)
        run.again += low in run.offsets
        if len(run.offsets) < MAXIMUM_OFFSETS:
            run.offsets.add(low)
        run.low, run.high = min(run.low, low), max(run.high, high)
        run.segments += 1
        run.last = told.time

    def _close_other_way(self, told: Summary) -> None:
        fields = next((layer.fields for layer in told.layers if layer.protocol == "DEP"), None)
        if fields is None:
            return
        ends = told.link, told.destination, told.source
        message = fields.get("message_id")
        self._close([key for key in self._open if key[:3] == ends and key[5] == message])

    def _close_old(self, now: int) -> None:
        self._close([key for key, run in self._open.items() if now - run.last > RUN_PAUSE])
        if len(self._waiting) > MAXIMUM_WAITING:
            self._close(list(self._open))

    def _close(self, keys: Iterable[tuple[Any, ...]]) -> None:
        for key in keys:
            self._open.pop(key).closed = True

    def _leave(self) -> Iterator[Line]:
        while self._waiting and self._waiting[0].closed:
            yield self._waiting.popleft()


# ---------------------------------------------------------------------------------------------------------------------
# What is shown


@dataclass(frozen=True, slots=True)
class Filter:
    """Which packets are shown; empty: all. Times in seconds from the first packet of the file."""

    links: tuple[str, ...] = ()
    nodes: tuple[str, ...] = ()
    types: tuple[str, ...] = ()
    """Protocols and names of messages, in any case."""
    begin: float | None = None
    end: float | None = None

    def takes(self, told: Summary, seconds: float) -> bool:
        """Whether the packet is shown."""
        if (self.begin is not None and seconds < self.begin) or (self.end is not None and seconds > self.end):
            return False
        if self.links and told.link not in self.links:
            return False
        if self.nodes and not any(
            _is_node(name, node) for name in (told.source, told.destination) for node in self.nodes
        ):
            return False
        if not self.types:
            return True
        said = {word.casefold() for layer in told.layers for word in (layer.protocol, layer.name)}
        return any(type_.casefold() in said for type_ in self.types)


def _is_node(name: str, node: str) -> bool:
    """`node` itself, or a UE of it."""
    return name == node or name.startswith((f"{node}/", f"{node} "))


def lane_of(name: str) -> str:
    """The column of a node: UEs of a process share one, entities have that of their node."""
    if found := _GROUPED.fullmatch(name):
        return found[1] or found[3] or f"UEs {found[2]}"
    if name.startswith("imsi-"):
        return "UEs"
    return "core" if name in _CORE else name


# ---------------------------------------------------------------------------------------------------------------------
# Lines on the screen


class ListView:
    """A line names both ends."""

    def lines(self, line: Line, seconds: float) -> Iterator[str]:
        """The lines of the screen."""
        told = line.first
        ends = f"{told.source or '?'} → {told.destination or '?'}"
        yield f"{seconds:{TIME_WIDTH}.6f}  {told.link:<4} {ends:<36}  {line.text}"
        yield from (f"{'':{TIME_WIDTH}}  # {comment}" for comment in _comments(told))


class LadderView:
    """Each node has a column, made when it first appears; whoever finds none is named in the text."""

    def __init__(self, width: int) -> None:
        self._width = width
        self._most = (width - TIME_WIDTH - LEAST_TEXT) // LANE_WIDTH
        self._lanes: list[str] = []

    def lines(self, line: Line, seconds: float) -> Iterator[str]:
        """The lines of the screen: column titles where a column is new, the arrow with the text, then comments."""
        told = line.first
        ends = [lane_of(name) for name in (told.source, told.destination)]
        news = [lane for lane in dict.fromkeys(ends) if lane and lane not in self._lanes]
        news = news[: self._most - len(self._lanes)]
        if news:
            self._lanes += news
            yield f"{'':{TIME_WIDTH}} {''.join(_centred(lane) for lane in self._lanes)}".rstrip()
        drawn, who = self._arrow(ends, told.link), self._who(told, ends)
        text = f"{who}{line.text}" if told.link in drawn else f"{told.link}: {who}{line.text}"
        margin = TIME_WIDTH + 1 + LANE_WIDTH * len(self._lanes) + 1
        first, *more = textwrap.wrap(text, max(self._width - margin, LEAST_TEXT // 2), subsequent_indent="  ") or [""]
        yield f"{seconds:{TIME_WIDTH}.6f} {drawn} {first}".rstrip()
        blank = f"{'':{TIME_WIDTH}} {self._arrow(['', ''], '')}"
        yield from (f"{blank} {part}" for part in more)
        yield from (f"{blank} # {comment}" for comment in _comments(told))

    def _who(self, told: Summary, ends: list[str]) -> str:
        """Names that the columns do not tell."""
        missing = any(
            name and (lane != name or lane not in self._lanes)
            for name, lane in zip((told.source, told.destination), ends, strict=True)
        )
        return f"{told.source} → {told.destination}: " if missing else ""

    def _arrow(self, ends: list[str], link: str) -> str:
        cells = list("".join(f"{'│':^{LANE_WIDTH}}" for _ in self._lanes))
        if all(end in self._lanes for end in ends):
            start, stop = (self._lanes.index(end) * LANE_WIDTH + LANE_WIDTH // 2 for end in ends)
            step = 1 if stop > start else -1
            if start == stop:
                cells[start] = "●"
            else:
                cells[start + step : stop : step] = "─" * (abs(stop - start) - 1)
                cells[stop - step] = "▶" if step > 0 else "◀"
                if len(link) < LANE_WIDTH - 3:
                    middle = (start + stop - len(link)) // 2
                    cells[middle : middle + len(link)] = link
        return "".join(cells)


def _centred(lane: str) -> str:
    shown = lane if len(lane) < LANE_WIDTH else f"{lane[: LANE_WIDTH - 2]}…"
    return f"{shown:^{LANE_WIDTH}}"


def _comments(told: Summary) -> Iterator[str]:
    yield from (part for comment in told.comments for part in comment.splitlines())


class JsonView:
    """One JSON object a line."""

    def lines(self, line: Line, seconds: float) -> Iterator[str]:
        """The line."""
        told = line.first
        found: dict[str, Any] = {
            "packet": told.number,
            "time": told.time,
            "seconds": round(seconds, 9),
            "link": told.link,
            "source": told.source,
            "destination": told.destination,
            "text": line.text,
            "layers": [
                {"protocol": layer.protocol, "name": layer.name, "fields": layer.fields} for layer in told.layers
            ],
        }
        if line.segments > 1:
            found["run"] = {
                "from": line.low,
                "to": line.high,
                "of": line.length,
                "segments": line.segments,
                "again": line.again,
                "end": line.last,
            }
        if told.fault:
            found |= {"not_decoded": told.reason, "detail": told.fault}
        if told.comments:
            found["comments"] = list(told.comments)
        yield json.dumps(found, ensure_ascii=False)


View = ListView | LadderView | JsonView


def view_for(width: int, as_json: bool = False) -> View:
    """The view for a screen of so many columns."""
    if as_json:
        return JsonView()
    wide = TIME_WIDTH + LEAST_LANES * LANE_WIDTH + LEAST_TEXT
    return LadderView(width) if width >= wide else ListView()


# ---------------------------------------------------------------------------------------------------------------------
# From the file to the screen


@dataclass(slots=True)
class Ladder:
    """What was shown of a file."""

    packets: int = 0
    shown: int = 0
    not_decoded: int = 0
    left: int = 0
    """Octets of an incomplete block at the end."""
    unreadable: int = 0
    """Packet blocks that contradict themselves."""
    broken: str = ""
    """Why the file could not be read to its end."""


def write_ladder(file: IO[bytes], view: View, wanted: Filter, write: Callable[[str], object]) -> Ladder:
    """Read `file` to its end and give each line of the ladder to `write`.

    Raises OSError, and `CaptureError` for what is no pcapng file. A file that breaks off, or breaks, is told up to
    there.
    """
    stream = CaptureStream()
    reader = PacketReader(stream.names)
    folder, done = Folder(), Ladder()
    start: int | None = None

    def show(lines: Iterable[Line]) -> None:
        for line in lines:
            for text in view.lines(line, (line.first.time - (start or 0)) / 1e9):
                write(_printable(text))

    try:
        while data := _read(file):
            stream.feed(data)
            for packet in stream.packets():
                start = packet.time if start is None else start
                told = reader.read(packet)
                done.packets += 1
                if not wanted.takes(told, (told.time - start) / 1e9):
                    continue
                done.shown += 1
                done.not_decoded += bool(told.fault)
                show(folder.take(told))
    except CaptureError as error:
        if not stream.octets:
            raise
        done.broken = str(error)
    show(folder.end())
    if not stream.octets and not done.broken:
        raise CaptureError("no pcapng file" if stream.left else "it is empty")
    done.left, done.unreadable = stream.left, stream.unreadable
    return done


def _read(file: IO[bytes]) -> bytes:
    """What is there: of a pipe, without waiting for more."""
    read: Callable[[int], bytes] = getattr(file, "read1", file.read)
    return read(READ_SIZE)


_CONTROL = dict.fromkeys((*range(32), *range(127, 160)), "�")


def _printable(text: str) -> str:
    """Names and comments of strangers never command the terminal."""
    return text.translate(_CONTROL)


def summary(done: Ladder) -> str:
    """The last line, for stderr."""
    parts = [f"{done.shown} of {done.packets} packets"]
    if done.not_decoded:
        parts.append(f"{done.not_decoded} not decoded")
    if done.unreadable:
        parts.append(f"{done.unreadable} packet blocks contradict themselves and were left out")
    if done.left:
        parts.append(f"the file breaks off: {done.left} octets of an incomplete block")
    if done.broken:
        parts.append(f"the file cannot be read on: {done.broken}")
    return "; ".join(parts)
