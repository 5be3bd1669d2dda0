"""Trace lines as the report reads them: tolerant of absent fields, strict about types."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import msgspec

MAX_BYTES = 1 << 48
"""Sizes beyond this are taken for damaged."""
MAX_SPAN_NS = 10 * 366 * 86_400 * 1_000_000_000
"""Lines further than ten years from the first one, or procedures that took longer, are taken for damaged."""


class TraceLine(msgspec.Struct, frozen=True):
    """One line of the NDJSON trace; see `net4ai.stack.trace.TraceEvent`. `time` is nanoseconds of UTC."""

    time: int
    node: str
    kind: str
    link: str = ""
    message: str = ""
    direction: str = ""
    peer: str = ""
    procedure: str = ""
    outcome: str = ""
    duration: int = 0
    drop: str = ""
    size: int = 0
    ids: dict[str, Any] = {}

    @property
    def ue(self) -> str:
        """The UE an event names in its ids, or ""."""
        ue = self.ids.get("ue", "")
        return ue if isinstance(ue, str) else ""

    @property
    def round(self) -> int | None:
        """The round an event names in its ids."""
        number = self.ids.get("round")
        return number if type(number) is int and 0 <= number < 1 << 32 else None


def understand(trace: Iterable[Any]) -> tuple[list[TraceLine], int]:
    """The lines of `trace` in order of time, and how many were not understood (wrong type, no time, node or kind)."""
    lines: list[TraceLine] = []
    damaged = 0
    for raw in trace:
        line = _understood(raw)
        if line is None or (lines and abs(line.time - lines[0].time) > MAX_SPAN_NS):
            damaged += 1
        else:
            lines.append(line)
    lines.sort(key=lambda line: line.time)
    return lines, damaged


def _understood(raw: Any) -> TraceLine | None:
    """`raw` as a line, if every value of it has its type and can be written as JSON again."""
    try:
        line = raw if isinstance(raw, TraceLine) else msgspec.convert(raw, TraceLine)
        msgspec.json.encode(line)
    except (msgspec.ValidationError, ValueError, OverflowError, TypeError, RecursionError):
        return None
    sane = line.node and line.kind and 0 <= line.size <= MAX_BYTES and 0 <= line.duration <= MAX_SPAN_NS
    return line if sane else None


def read_trace(paths: Iterable[Path]) -> Iterator[Any]:
    """The lines of NDJSON files. A line cut short, as a killed process leaves it, comes out as None."""
    for path in paths:
        with path.open("rb") as file:
            for line in file:
                try:
                    yield msgspec.json.decode(line)
                except msgspec.DecodeError:
                    yield None
