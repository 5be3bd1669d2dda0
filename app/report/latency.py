"""How long procedures took."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

from net4ai.app.report.trace_lines import TraceLine

DONE = frozenset({"done", ""})
"""Outcomes of a procedure that succeeded; everything else names the cause of its failure."""


def percentile(ordered: Sequence[int], percent: int) -> float:
    """The exact percentile of sorted, non-empty data, between neighbours in proportion (the `inclusive` method of
    `statistics.quantiles`)."""
    below, rest = divmod(percent * (len(ordered) - 1), 100)
    if rest == 0:
        return float(ordered[below])
    return (ordered[below] * (100 - rest) + ordered[below + 1] * rest) / 100


def durations(lines: Iterable[TraceLine]) -> dict[str, tuple[list[int], dict[str, int]]]:
    """By procedure: sorted nanoseconds of those that succeeded, and failures by cause."""
    done: dict[str, list[int]] = defaultdict(list)
    failed: dict[str, dict[str, int]] = defaultdict(dict)
    for line in lines:
        if line.kind != "procedure":
            continue
        name = line.procedure or "unnamed"
        if line.outcome in DONE:
            done[name].append(line.duration)
        else:
            failed[name][line.outcome] = failed[name].get(line.outcome, 0) + 1
    names = sorted({*done, *failed})
    return {name: (sorted(done[name]), dict(sorted(failed[name].items()))) for name in names}
