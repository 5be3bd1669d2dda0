"""Which routines ran, how often and when: the order of a job's tasks is read off it."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from net4ai.app.report.trace_lines import TraceLine

BEGINS, ENDED = "execution begins", "execution ended"
NORMAL = "NORMAL"


class Ran(msgspec.Struct):
    """All executions of one routine. Times are nanoseconds of UTC."""

    routine: str
    executions: int
    begin: int
    end: int
    causes: dict[str, int]
    """Of those that did not end well."""


def routines_run(lines: Iterable[TraceLine]) -> list[Ran]:
    """By routine, in the order of their first execution; one that is resumed counts once."""
    found: dict[str, Ran] = {}
    seen: set[object] = set()
    for line in lines:
        if line.kind != "state" or line.message not in (BEGINS, ENDED):
            continue
        routine = str(line.ids.get("routine", ""))
        ran = found.setdefault(routine, Ran(routine, 0, line.time, line.time, {}))
        ran.begin, ran.end = min(ran.begin, line.time), max(ran.end, line.time)
        cause = str(line.ids.get("cause", NORMAL))
        execution = line.ids.get("execution")
        if line.message == BEGINS and execution not in seen:
            seen.add(execution)
            ran.executions += 1
        elif line.message == ENDED and cause != NORMAL:
            ran.causes[cause] = ran.causes.get(cause, 0) + 1
    return sorted(found.values(), key=lambda ran: ran.begin)
