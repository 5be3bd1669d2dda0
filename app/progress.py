"""What a person sees while a job runs: who is there, each round with its metric, and the bytes it took."""

from __future__ import annotations

import json
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any, TextIO

from net4ai.app.report.traffic import INSIDE_OTHERS

POLL_INTERVAL = 0.5
"""Seconds between two looks at the traces."""


class LiveTrace:
    """Follows the trace files of a run while they grow: counts terminals and octets."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._offsets: dict[Path, int] = {}
        self.nodes: set[str] = set()
        self.registered: set[str] = set()
        self.octets: Counter[str] = Counter()
        """Octets of messages by link, each counted where it was sent."""

    def look(self) -> None:
        """Read what has been added."""
        for path in sorted(self._folder.glob("*.ndjson")):
            with path.open("rb") as file:
                file.seek(self._offsets.get(path, 0))
                data = file.read()
            end = data.rfind(b"\n") + 1
            self._offsets[path] = self._offsets.get(path, 0) + end
            self.nodes.add(path.stem)
            for line in data[:end].splitlines():
                self._take(json.loads(line))

    def _take(self, event: dict[str, Any]) -> None:
        kind = event["kind"]
        if kind == "message" and event.get("direction") == "out" and event.get("link") not in INSIDE_OTHERS:
            self.octets[event.get("link", "")] += event.get("size", 0)
        elif kind == "state" and event.get("message") == "terminal registered":
            self.registered.add(event["ids"]["ue"])
        elif kind == "state" and event.get("message") == "terminal lost":
            self.registered.discard(event["ids"]["ue"])


class Display:
    """Lines on a terminal, or in a log: one for each thing that happened, a passing one for what goes on."""

    def __init__(self, out: TextIO | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        self._out = out or sys.stdout
        self._live = self._out.isatty()
        self._passing = ""
        self._clock = clock
        self._began = clock()

    def line(self, text: str) -> None:
        """A line that stays."""
        self._clear()
        print(f"{self._clock() - self._began:7.1f} s  {text}", file=self._out, flush=True)
        self._show()

    def plain(self, text: str = "") -> None:
        """A line that stays, without the time."""
        self._clear()
        print(text, file=self._out, flush=True)

    def passing(self, text: str) -> None:
        """What goes on now; replaces what was shown before. Nothing where the output is no terminal."""
        if self._live and text != self._passing:
            self._clear()
            self._passing = text
            self._show()

    def _clear(self) -> None:
        if self._live and self._passing:
            self._out.write("\r\x1b[K")

    def _show(self) -> None:
        if self._live and self._passing:
            self._out.write(f"\r{self._passing}")
            self._out.flush()


def octets_text(octets: int) -> str:
    """ "1.6 MB"."""
    for unit, size in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if octets >= size:
            return f"{octets / size:.1f} {unit}"
    return f"{octets} B"
