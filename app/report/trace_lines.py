"""Trace lines as the report reads them: tolerant of absent fields, strict about types."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import msgspec

MAX_SPAN_NS = 10 * 366 * 86_400 * 1_000_000_000
"""Lines further than ten years from the first one are taken for damaged."""


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
        return number if isinstance(number, int) and number >= 0 else None


def understand(trace: Iterable[Any]) -> tuple[list[TraceLine], int]:
    """The lines of `trace` in order of time, and how many were not understood (wrong type, no time, node or kind)."""
    lines: list[TraceLine] = []
    damaged = 0
    for raw in trace:
        try:
            line = raw if isinstance(raw, TraceLine) else msgspec.convert(raw, TraceLine)
        except msgspec.ValidationError:
            damaged += 1
            continue
        if line.size < 0 or line.duration < 0 or (lines and abs(line.time - lines[0].time) > MAX_SPAN_NS):
            damaged += 1
            continue
        lines.append(line)
    lines.sort(key=lambda line: line.time)
    return lines, damaged


def read_trace(paths: Iterable[Path]) -> Iterator[Any]:
    """The lines of NDJSON files. A line cut short, as a killed process leaves it, comes out as None."""
    for path in paths:
        with path.open("rb") as file:
            for line in file:
                try:
                    yield json.loads(line)
                except ValueError:
                    yield None
