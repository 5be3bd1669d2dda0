"""What was refused, where and why."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from net4ai.app.report.trace_lines import TraceLine


def count_drops(lines: Iterable[TraceLine]) -> list[tuple[str, str, str, int]]:
    """(reason, node, link, count), most frequent first. The UEs of one process are counted together, as its name."""
    counts = Counter(
        (line.drop or "unnamed", line.node.partition("/")[0], line.link) for line in lines if line.kind == "drop"
    )
    return sorted(((*key, count) for key, count in counts.items()), key=lambda drop: (-drop[3], drop[:3]))
