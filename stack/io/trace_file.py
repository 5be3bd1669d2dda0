"""Trace files: one JSON object a line (NDJSON), one file per process.

Fields of `TraceEvent` that have their default are left out; `utc` (nanoseconds since 1970) is added, by which the files
of several processes are put in order. What has been flushed survives kill -9; the tail, at most `FLUSH_INTERVAL` old,
may be lost, or its last line cut, which `read_trace` forgives.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path
from typing import Any

import msgspec

from net4ai.stack.io.clock import Clock
from net4ai.stack.trace import TraceEvent

FLUSH_SIZE = 64 * 1024
"""Bytes in the buffer at which it is written."""
FLUSH_INTERVAL = 0.5
"""Seconds after which the oldest event in the buffer is written."""
BUFFER_LIMIT = 4 * 1024 * 1024
"""Bytes kept while the disk takes nothing; what comes then is lost and counted."""

log = logging.getLogger(__name__)

_encoder = msgspec.json.Encoder(enc_hook=str)


class TraceFile:
    """The writer; itself a `Trace`, to be handed to machines and nodes.

    Never raises into its callers: events it cannot keep are counted in `lost`, and the first cause is logged. `loop`
    lets it flush by time also when no further event comes.
    """

    def __init__(
        self,
        path: Path,
        clock: Clock,
        loop: asyncio.AbstractEventLoop | None = None,
        kinds: Collection[str] = (),
        at_once: Collection[str] = (),
    ) -> None:
        """Opens `path` for appending; a line that a process before did not end is cut off. Raises OSError.

        `kinds` of events are kept, without them all. Those `at_once` are written, with all before, when they come:
        what is computed from them must not miss what a process that was killed has done.
        """
        self.path = path
        self._kinds = frozenset(kinds)
        self._at_once = frozenset(at_once)
        self.lost = 0
        self._utc_offset = clock.utc_offset
        self._clock = clock
        self._loop = loop
        self._timer: asyncio.TimerHandle | None = None
        self._buffer = bytearray()
        self._oldest = 0
        self._complained = False
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
        _cut_last_line(self._descriptor)

    def __call__(self, event: TraceEvent) -> None:
        """Takes one event."""
        if self._kinds and event.kind not in self._kinds:
            return
        try:
            line = self._encode(event)
        except (TypeError, ValueError, RecursionError) as error:
            self._lose(1, f"{error} in {event}")
            return
        if self._descriptor < 0 or len(self._buffer) + len(line) > BUFFER_LIMIT:
            self._lose(1, "file closed" if self._descriptor < 0 else "buffer full")
            return
        now = self._clock.now()
        if not self._buffer:
            self._oldest = now
            if self._loop is not None and self._timer is None:
                self._timer = self._loop.call_later(FLUSH_INTERVAL, self.flush)
        self._buffer += line
        full, old = len(self._buffer) >= FLUSH_SIZE, now - self._oldest >= FLUSH_INTERVAL * 1e9
        if full or old or event.kind in self._at_once:
            self.flush()

    def flush(self) -> None:
        """Writes the buffer. What the disk does not take stays for the next time."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._oldest = self._clock.now()
        try:
            while self._buffer and self._descriptor >= 0:
                # A short write is taken off exactly, so no line is ever broken within the file.
                del self._buffer[: os.write(self._descriptor, self._buffer)]
        except OSError as error:
            self._complain(str(error))

    def close(self) -> None:
        """Flushes and closes. Later events are counted as lost."""
        if self._descriptor < 0:
            return
        self.flush()
        self._lose(self._buffer.count(b"\n"), "not written at close")
        self._buffer.clear()
        os.close(self._descriptor)
        self._descriptor = -1

    def _encode(self, event: TraceEvent) -> bytes:
        # The event as an object, "utc" put before its first key: it always has one, the time.
        return b'{"utc":%d,%b\n' % (event.time + self._utc_offset, _encoder.encode(event)[1:])

    def _lose(self, count: int, why: str) -> None:
        if count:
            self.lost += count
            self._complain(why)

    def _complain(self, why: str) -> None:
        if not self._complained:
            self._complained = True
            log.error("trace %s: events may be lost: %s", self.path, why)


def _cut_last_line(file: int) -> None:
    """Cut off what stands behind the last end of a line, wherever that is."""
    end = size = os.fstat(file).st_size
    while end:
        start = max(0, end - FLUSH_SIZE)
        if found := os.pread(file, end - start, start).rfind(b"\n") + 1:
            end = start + found
            break
        end = start
    if end < size:
        os.ftruncate(file, end)


def read_trace(path: Path) -> Iterator[dict[str, Any]]:
    """The events of a trace file. A cut last line is left out; ValueError names any other bad line."""
    with open(path, "rb") as file:
        for number, line in enumerate(file, 1):
            if not line.endswith(b"\n"):
                return
            try:
                event = json.loads(line)
            except ValueError as error:
                raise ValueError(f"{path}, line {number}: {error}") from None
            if not isinstance(event, dict) or not isinstance(event.get("utc"), int):
                raise ValueError(f"{path}, line {number}: no trace event")
            yield event


def merge_traces(paths: Iterable[Path]) -> list[dict[str, Any]]:
    """The events of several files in the order of their time; of equal times, in the order of the files."""
    events = [event for path in paths for event in read_trace(path)]
    events.sort(key=lambda event: event["utc"])
    return events
