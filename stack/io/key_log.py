"""The key log: keys of signalling, in a file for who looks at a run. It undoes all protection, so it is off by default.

One file for all processes of a run, `keys.ndjson` beside the folder of traces, a line for each set of keys:

    {"utc": …, "node": "ran-1", "c_rnti": 1, "keys": {"K_RRCint": "…32 hex digits…", "K_RRCenc": "…"}}
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import msgspec

from net4ai.stack.io.clock import Clock

KEY_LOG = "keys.ndjson"
WARNING = "!!! KEY LOG IS ON: keys and signalling are written down in clear. Never with data of real people. !!!"
"""What every process says when it starts with a key log."""


class KeyLog:
    """This process's hand on the key log. Raises OSError where it cannot be written."""

    def __init__(self, path: Path, node: str, clock: Clock) -> None:
        self._node = node
        self._clock = clock
        # For the owner alone. Each line is one write at the end: lines of several processes do not mix.
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def write(self, ids: Mapping[str, int | str], keys: Mapping[str, bytes]) -> None:
        """One line: whose keys, and the keys by name. `utc`: nanoseconds, as in traces."""
        line = {
            "utc": self._clock.now() + self._clock.utc_offset,
            "node": self._node,
            **ids,
            "keys": {name: key.hex() for name, key in keys.items()},
        }
        os.write(self._file, msgspec.json.encode(line) + b"\n")

    def close(self) -> None:
        """A second call does nothing."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1
