"""What happened in the network: `state` lines, those of one name together."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from net4ai.app.report.trace_lines import TraceLine

MAX_DETAIL = 120
"""Characters of detail kept."""


class Happening(msgspec.Struct):
    """State lines of one name."""

    name: str
    count: int
    first: int
    last: int
    detail: str


def state_name(line: TraceLine) -> str:
    """What a state line says: its message, else its procedure, outcome or `state` id."""
    return line.message or line.procedure or line.outcome or str(line.ids.get("state", "")) or "state"


def happenings(lines: Iterable[TraceLine]) -> list[Happening]:
    """State lines by name, in order of their first time. The detail is that of the last: node and ids."""
    by_name: dict[str, Happening] = {}
    for line in lines:
        if line.kind != "state":
            continue
        name = state_name(line)
        seen = by_name.setdefault(name, Happening(name, 0, line.time, line.time, ""))
        seen.count += 1
        seen.first, seen.last = min(seen.first, line.time), max(seen.last, line.time)
        facts = ", ".join(f"{key} {value}" for key, value in line.ids.items() if key != "state")
        seen.detail = (f"{line.node}: {facts}" if facts else line.node)[:MAX_DETAIL]
    return sorted(by_name.values(), key=lambda happening: happening.first)
