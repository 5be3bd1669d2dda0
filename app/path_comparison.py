"""Runs a scenario's job three times, each time over another path between terminals and their function (R47, R95).

    crb      the function at the RAN node: CRB + DEP, no IP (R92-R94)
    t8       the function at the edge: CRB + DEP to the RAN node, T8 to the edge
    classic  the function at the edge: DRB + SDAP, GTP-U, IP and UDP, with DEP inside

Same seed, same links: what differs is the path. What each link carried is counted from the captures, as datagrams of
that link; a step is a message of a terminal and the answer to it. The models must be the same, bit for bit.
"""

from __future__ import annotations

import hashlib
import json
import resource
import statistics
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from net4ai.app.progress import Display, octets_text
from net4ai.app.report.charts import Stack, stacked_bars, standalone
from net4ai.app.report.latency import percentile
from net4ai.app.runner import Options, RunFailed, run_scenario
from net4ai.app.scenario import Scenario
from net4ai.codecs.l2 import BearerType
from net4ai.stack.io.capture_reader import read_capture
from net4ai.stack.io.trace_file import merge_traces
from net4ai.stack.units import MILLISECOND

PLACE = "service.functions.{function}.place={place}"
PATHS: dict[str, tuple[str, tuple[str, ...]]] = {
    "crb": ("CRB + DEP, function at the RAN node", (PLACE.format(function="{0}", place="ran-node"),)),
    "t8": ("CRB + DEP, T8 to the edge", (PLACE.format(function="{0}", place="edge"),)),
    "classic": (
        "DRB + SDAP, GTP-U to the edge",
        (PLACE.format(function="{0}", place="edge"), "service.path=pdu-session"),
    ),
}
"""What each path is, and what it changes in the scenario."""
LINKS = ("Uu", "T8", "N3", "T4")
"""Links that are counted."""
OUTER_HEADERS = 28
"""IPv4 and UDP of the emulation around a PDU of a link; on N3 they are the link's own."""
_BEARER_AT = OUTER_HEADERS + 1
MODEL = "model.safetensors"
FIGURES, CHART = "paths.json", "paths.svg"

Load = Callable[[Sequence[str]], Scenario]
"""Loads the scenario with further overrides."""


@dataclass(frozen=True, slots=True)
class PathFigures:
    """What one run has shown."""

    path: str
    steps: int
    step_median_ms: float
    step_p95_ms: float
    messages_octets: int
    """DEP messages of terminals and their answers: what the job wanted carried."""
    octets: dict[str, int]
    """By link, headers of the link included."""
    packets: dict[str, int]
    cpu_s: float
    """Of all nodes and workers; 0 where they share this process."""
    model: str
    """SHA-256 of the model."""

    @property
    def overhead_percent(self) -> float:
        """What the first link, the radio, carried more than the job wanted."""
        return 100 * (self.octets.get("Uu", 0) / self.messages_octets - 1) if self.messages_octets else 0.0


def compare_paths(load: Load, function: str, options: Options, display: Display) -> list[PathFigures]:
    """Run the job over each path; writes table, figures and chart into the folder. Raises `RunFailed`, OSError.

    `function`: that terminals talk to. `RunFailed` also where the models differ.
    """
    found: list[PathFigures] = []
    for path, (what, overrides) in PATHS.items():
        display.plain(f"--- {path}: {what}")
        folder = options.folder / path
        scenario = load([override.format(function) for override in overrides])
        before = _cpu()
        run_scenario(scenario, Options(folder, folder / "run.pcapng", options.in_process), display)
        found.append(figures_of(path, folder, _cpu() - before))
        display.plain()
    (options.folder / FIGURES).write_text(as_json(found), encoding="utf-8")
    (options.folder / CHART).write_text(chart(found), encoding="utf-8")
    for line in table(found):
        display.plain(line)
    display.plain(f"figures   {options.folder / FIGURES}")
    display.plain(f"chart     {options.folder / CHART}")
    if len({figures.model for figures in found}) > 1:
        raise RunFailed("the models differ: " + ", ".join(f"{each.path} {each.model[:16]}" for each in found))
    return found


def figures_of(path: str, folder: Path, cpu_s: float) -> PathFigures:
    """What the files of a run say."""
    trace = merge_traces(sorted((folder / "trace").glob("*.ndjson")))
    steps = step_times(trace)
    octets, packets = link_octets(folder / "run.pcapng")
    model = folder / MODEL
    return PathFigures(
        path=path,
        steps=len(steps),
        step_median_ms=round(statistics.median(steps) / MILLISECOND, 3) if steps else 0.0,
        step_p95_ms=round(percentile(steps, 95) / MILLISECOND, 3) if steps else 0.0,
        messages_octets=sum(event["size"] for event in _terminal_messages(trace)),
        octets=octets,
        packets=packets,
        cpu_s=round(cpu_s, 2),
        model=hashlib.sha256(model.read_bytes()).hexdigest() if model.exists() else "",
    )


def _terminal_messages(trace: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """DEP messages as terminals sent and got them: on the Uu, or on T2a inside a PDU session."""
    return [
        event
        for event in trace
        if event["kind"] == "message" and event.get("message") == "DEP message" and "ue" in event.get("ids", {})
    ]


def step_times(trace: Iterable[dict[str, Any]]) -> list[int]:
    """Nanoseconds from each message of a terminal to the answer, sorted."""
    asked: dict[str, int] = {}
    found: list[int] = []
    for event in _terminal_messages(trace):
        terminal = str(event["ids"]["ue"])
        if event["direction"] == "out":
            asked[terminal] = event["utc"]
        elif terminal in asked:
            found.append(event["utc"] - asked.pop(terminal))
    return sorted(found)


def link_octets(capture: Path) -> tuple[dict[str, int], dict[str, int]]:
    """Octets and packets of each link, from a capture; of the Uu those of data and computing bearers only."""
    octets: Counter[str] = Counter()
    packets: Counter[str] = Counter()
    reader = read_capture(capture)
    for packet in reader.packets:
        name = packet.interface.name
        if name in LINKS and not (name == "Uu" and packet.data[_BEARER_AT] >> 6 == BearerType.SRB):
            octets[name] += packet.length - (0 if name == "N3" else OUTER_HEADERS)
            packets[name] += 1
    return {name: octets[name] for name in LINKS}, {name: packets[name] for name in LINKS}


def _cpu() -> float:
    """Processor seconds of the processes that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


# ---------------------------------------------------------------------------------------------------------------------
# What is shown


def table(found: Sequence[PathFigures]) -> list[str]:
    """Lines of text."""
    head = ["path", "step p50", "p95", *LINKS, "Uu overhead", "CPU", "model"]
    rows = [
        [
            each.path,
            f"{each.step_median_ms:.1f} ms",
            f"{each.step_p95_ms:.1f} ms",
            *(octets_text(each.octets[link]) if each.octets[link] else "-" for link in LINKS),
            f"{each.overhead_percent:.1f} %",
            f"{each.cpu_s:.1f} s" if each.cpu_s else "-",
            each.model[:12] or "-",
        ]
        for each in found
    ]
    widths = [max(len(row[column]) for row in [head, *rows]) for column in range(len(head))]
    lines = [head, *rows]
    return ["  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines]


def chart(found: Sequence[PathFigures]) -> str:
    """Octets on each link, one bar a path, as SVG."""
    stacks = [
        Stack(link, [each.octets[link] / 1e6 for each in found], f"c{number}") for number, link in enumerate(LINKS)
    ]
    names = [f"{each.path}: {each.step_median_ms:.0f} ms a step" for each in found]
    return str(standalone(stacked_bars("Octets on each link", names, stacks, x_label="path", y_label="MB", width=760)))


def as_json(found: Sequence[PathFigures]) -> str:
    """All figures."""
    rows = [asdict(each) | {"overhead_percent": round(each.overhead_percent, 2)} for each in found]
    grouped: dict[str, list[str]] = defaultdict(list)
    for each in found:
        grouped[each.model].append(each.path)
    return json.dumps({"paths": rows, "identical": len(grouped) == 1, "models": grouped}, indent=2) + "\n"
