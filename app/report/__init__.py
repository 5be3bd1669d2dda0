"""What is left of a run: ``report.json``, ``report.html``. See docs/guide/report.md."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import msgspec

from net4ai.app.report.html import render_html
from net4ai.app.report.report import (
    Fidelity,
    Finding,
    Metric,
    NetworkEvent,
    Node,
    Report,
    RunFacts,
    build_report,
    write_atomically,
    write_json,
)
from net4ai.app.report.trace_lines import TraceLine, read_trace, understand

__all__ = [
    "Fidelity",
    "Finding",
    "Metric",
    "NetworkEvent",
    "Node",
    "Report",
    "RunFacts",
    "build_report",
    "read_trace",
    "render_html",
    "write_json",
    "write_report",
]


def write_report(
    folder: Path, facts: RunFacts, trace: Iterable[Mapping[str, Any] | TraceLine | None], ue: str = ""
) -> Report:
    """Write ``report.json`` and ``report.html`` into `folder`, which is made if need be, and return the report.

    `facts.capture` and `facts.traces` are paths as this process sees them; the report has them relative to `folder`.
    The sequence chart shows `ue`, or the UE with the fullest life. Raises `OSError`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    here = msgspec.structs.replace(
        facts,
        capture=facts.capture and _relative(facts.capture, folder),
        traces=[_relative(path, folder) for path in facts.traces],
    )
    raw = list(trace)
    report = build_report(here, raw)
    lines, _ = understand(raw)
    write_json(report, folder / "report.json")
    write_atomically(folder / "report.html", render_html(report, lines, ue).encode())
    return report


def _relative(path: str, folder: Path) -> str:
    return Path(os.path.relpath(path, folder)).as_posix()
