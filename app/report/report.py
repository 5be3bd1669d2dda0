"""The report of a run: its data model, how it is built from a trace, and how it is written.

The Structs below are the schema of ``report.json``; docs/guide/report.md is generated from them
(`python -m net4ai.app.report.schema`). A field may be added under the same version; a field that goes away or changes
its meaning raises `SCHEMA_VERSION`.
"""

from __future__ import annotations

import math
import os
import platform
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec

from net4ai.app.report.drops import count_drops
from net4ai.app.report.environment import memory_bytes, versions
from net4ai.app.report.events import happenings
from net4ai.app.report.latency import durations, percentile
from net4ai.app.report.roles import Role, Roles, natural
from net4ai.app.report.routines import routines_run
from net4ai.app.report.trace_lines import TraceLine, understand
from net4ai.app.report.traffic import (
    INSIDE_OTHERS,
    Bytes,
    bytes_by_link,
    bytes_by_round,
    bytes_by_ue,
    count_once,
    round_spans,
)

SCHEMA_VERSION = 2
NS_PER_S = 1_000_000_000
NS_PER_MS = 1_000_000

NOT_METRICS = frozenset({
    "round", "execution", "turn", "repetition", "cut", "seat", "session", "handle", "c_rnti",
    "ue", "subscriber", "node", "job", "task", "routine", "port", "pid",
})  # fmt: skip
"""Ids of a progress line that name something; every other number in it is a metric."""


def doc(text: str) -> msgspec.Meta:
    """Description of a field, for the schema and the guide."""
    return msgspec.Meta(description=text)


class Metric(msgspec.Struct, frozen=True):
    """The metric the run is judged by."""

    name: Annotated[str, doc("its key in `rounds[].metrics` and `final_metrics`")] = "mae"
    label: Annotated[str, doc("what people call it")] = "Test MAE"
    unit: Annotated[str, doc("unit of its values and of the baselines")] = ""
    note: Annotated[str, doc("which model the final value is of; empty: the last round's")] = ""


class Fidelity(msgspec.Struct, frozen=True):
    """Whether the network computed what a direct call of the same functions computes."""

    verdict: Annotated[
        Literal["identical", "different", "not defined"],
        doc("`identical`: every bit of every weight; `not defined`: no reference could be computed, see `reason`"),
    ] = "not defined"
    reason: Annotated[str, doc("why the verdict is not `identical`; empty where it is")] = ""
    max_abs_difference: Annotated[
        float | None, doc("greatest absolute difference of a weight; null where it was not measured")
    ] = None


class Node(msgspec.Struct, frozen=True):
    """One process of the network."""

    name: Annotated[str, doc("logical name, as in trace and capture")]
    role: Annotated[Role, doc("what it is")]
    attached_to: Annotated[str, doc("the node it is attached to; empty where none")] = ""
    ues: Annotated[int, doc("UEs it holds (role UE) or serves (role RAN node); else 0")] = 0


class Round(msgspec.Struct):
    """One run of the job's task over all clients."""

    round: Annotated[int, doc("its number, as in the trace: from 0")]
    metrics: Annotated[dict[str, float], doc("value by name; where several nodes reported one, their mean")]
    bytes: Annotated[dict[str, int], doc("bytes of messages by link")]
    duration_s: Annotated[float | None, doc("seconds from its first event to the next round's; null if not traced")]


class LinkBytes(msgspec.Struct):
    """Messages on one kind of link. Whole messages: no headers of segments, no retransmissions."""

    messages: Annotated[int, doc("number of messages, each counted once")]
    up: Annotated[int, doc("bytes sent away from the UEs")]
    down: Annotated[int, doc("bytes sent towards the UEs")]
    across: Annotated[int, doc("bytes between nodes of one rank, or of unknown ends; most of the bus")]


class UeBytes(msgspec.Struct):
    """Messages of one UE on the radio link."""

    messages: Annotated[int, doc("number of messages, each counted once")]
    up: Annotated[int, doc("bytes sent by the UE")]
    down: Annotated[int, doc("bytes sent to the UE")]


class Latency(msgspec.Struct):
    """How long a procedure took. Percentiles are exact, over those that succeeded."""

    count: Annotated[int, doc("how often it ended, failures included")]
    failures: Annotated[int, doc("how often it ended otherwise than done")]
    causes: Annotated[dict[str, int], doc("failures by cause")]
    p50_ms: Annotated[float | None, doc("median, milliseconds; null if none succeeded")]
    p99_ms: Annotated[float | None, doc("99th percentile, milliseconds; null if none succeeded")]


class Drop(msgspec.Struct):
    """Refused messages of one reason at one node."""

    reason: Annotated[str, doc("the named reason")]
    node: Annotated[str, doc("the process that refused them")]
    link: Annotated[str, doc("the link they came by; empty where none")]
    count: Annotated[int, doc("how many")]


class NetworkEvent(msgspec.Struct):
    """Something that happened, once or often: waited for k, UE attached, UE left."""

    name: Annotated[str, doc("what happened")]
    count: Annotated[int, doc("how often")] = 1
    first_s: Annotated[float, doc("seconds from the start of the run to the first time")] = 0.0
    last_s: Annotated[float, doc("seconds from the start of the run to the last time")] = 0.0
    detail: Annotated[str, doc("node and ids of the last time")] = ""


class RoutineRun(msgspec.Struct):
    """All executions of one routine of the job."""

    routine: Annotated[str, doc("its name in the service description")]
    executions: Annotated[int, doc("how often it ran; one that was resumed counts once")]
    begin_s: Annotated[float, doc("seconds from the start of the run to the begin of the first")]
    end_s: Annotated[float, doc("seconds from the start of the run to the end of the last")]
    causes: Annotated[dict[str, int], doc("those that did not end well, by cause")]


class Finding(msgspec.Struct, frozen=True):
    """A table of what the service's provider found."""

    title: Annotated[str, doc("what it is about")]
    columns: Annotated[list[str], doc("heads of the columns")]
    rows: Annotated[list[list[str | float]], doc("one list a row, a value for each column")]
    note: Annotated[str, doc("what the reader should know; may be empty")] = ""


class Machine(msgspec.Struct, frozen=True):
    """What the run ran on."""

    system: Annotated[str, doc("operating system")]
    architecture: Annotated[str, doc("instruction set")]
    processors: Annotated[int, doc("logical processors")]
    memory_bytes: Annotated[int | None, doc("main memory; null where the system does not tell")]


class Report(msgspec.Struct):
    """A run, as kept in ``report.json``."""

    version: Annotated[int, doc(f"version of this schema: {SCHEMA_VERSION}")]
    scenario: Annotated[str, doc("name of the scenario")]
    seed: Annotated[int, doc("seed of learning and selection")]
    insecure: Annotated[bool, doc("true if keys and handles came from the seed too: a test run")]
    started_at: Annotated[str, doc("start of the run, UTC, ISO 8601; empty if not known")]
    duration_s: Annotated[float, doc("seconds from start to end")]
    metric: Annotated[Metric | None, doc("the metric the run is judged by; null where no model was trained")]
    final_metrics: Annotated[dict[str, float], doc("value by name at the end of the run")]
    baselines: Annotated[dict[str, float], doc("what simple methods reach in `metric`, by name")]
    fidelity: Annotated[Fidelity | None, doc("whether the network changed the model; null where none was trained")]
    findings: Annotated[list[Finding], doc("tables of the service's provider")]
    routines: Annotated[list[RoutineRun], doc("what ran, in order of the first execution")]
    rounds: Annotated[list[Round], doc("in order")]
    links: Annotated[dict[str, LinkBytes], doc("bytes by kind of link: Uu, N2, T4, T8, bus")]
    ues: Annotated[dict[str, UeBytes], doc("bytes by UE, radio link only")]
    procedures: Annotated[dict[str, Latency], doc("latency by procedure")]
    drops: Annotated[list[Drop], doc("most frequent first")]
    network_events: Annotated[list[NetworkEvent], doc("in order of first time")]
    topology: Annotated[list[Node], doc("the processes of the network")]
    capture: Annotated[str | None, doc("capture file, relative to the report; null if none was taken")]
    traces: Annotated[list[str], doc("trace files, relative to the report")]
    versions: Annotated[dict[str, str], doc("version of net4ai, python, torch...")]
    machine: Annotated[Machine, doc("what the run ran on")]
    warnings: Annotated[list[str], doc("what the reader should know before trusting the numbers")]

    @property
    def headline(self) -> float | None:
        """The metric the run is judged by: its final value, else that of the last round."""
        if self.metric is None:
            return None
        name = self.metric.name
        values = [self.final_metrics, *(each.metrics for each in reversed(self.rounds))]
        return next((value[name] for value in values if name in value), None)


class RunFacts(msgspec.Struct, kw_only=True):
    """What the runner knows and the trace does not tell."""

    scenario: str
    seed: int
    metric: Metric | None = Metric()
    baselines: dict[str, float] = {}
    final_metrics: dict[str, float] = {}
    metrics_by_round: dict[int, dict[str, float]] = {}
    """Goes before what `progress` lines of the trace say of the same round and name."""
    fidelity: Fidelity | None = Fidelity(reason="no reference was computed")
    findings: list[Finding] = []
    topology: list[Node] = []
    events: list[NetworkEvent] = []
    """Added to the `state` lines of the trace."""
    capture: str | None = None
    """Path as the report shall show it; `write_report` makes it relative to the report's folder."""
    traces: list[str] = []
    started_at: str = ""
    duration_s: float | None = None
    """Without it: from the first line of the trace to the last."""
    insecure: bool = False
    warnings: list[str] = []


def build_report(facts: RunFacts, trace: Iterable[Mapping[str, Any] | TraceLine | None]) -> Report:
    """The report of a run: `facts` of the runner and what `trace`, NDJSON lines in any order, tells.

    Lines that are damaged and values that are not finite are left out, with a warning.
    """
    lines, damaged = understand(trace)
    warnings = list(facts.warnings)
    if damaged:
        warnings.append(f"{damaged} trace {'line was' if damaged == 1 else 'lines were'} damaged and left out")
    roles = roles_of(facts.topology)
    transfers = [transfer for transfer in count_once(lines, roles) if transfer.link not in INSIDE_OTHERS]
    start, end = (lines[0].time, lines[-1].time) if lines else (0, 0)
    by_ue = bytes_by_ue(lines, roles)
    links = bytes_by_link(transfers, roles)
    metrics = _merge(_progress_metrics(lines), facts.metrics_by_round)
    finite = _Finite(warnings)
    spans = round_spans(lines)
    lasted = {span.round: (span.end - span.begin) / NS_PER_S for span in spans}
    sent = bytes_by_round(transfers, spans)
    return Report(
        version=SCHEMA_VERSION,
        scenario=facts.scenario,
        seed=facts.seed,
        insecure=facts.insecure,
        started_at=facts.started_at or _utc(start),
        duration_s=(end - start) / NS_PER_S if facts.duration_s is None else facts.duration_s,
        metric=facts.metric,
        final_metrics=finite.values("final metric", facts.final_metrics),
        baselines=finite.values("baseline", facts.baselines),
        fidelity=facts.fidelity and finite.fidelity(facts.fidelity),
        findings=facts.findings,
        routines=_routines(lines, start),
        rounds=[
            Round(
                round=number,
                metrics=finite.values(f"round {number}", metrics.get(number, {})),
                bytes=sent.get(number, {}),
                duration_s=lasted.get(number),
            )
            for number in sorted({*metrics, *sent, *lasted})
        ],
        links={link: _link_bytes(links[link]) for link in sorted(links)},
        ues={ue: _ue_bytes(by_ue[ue]) for ue in sorted(by_ue, key=natural)},
        procedures={name: _latency(*found) for name, found in durations(lines).items()},
        drops=[Drop(*drop) for drop in count_drops(lines)],
        network_events=_network_events(lines, start, facts.events),
        topology=facts.topology or _topology(lines, roles),
        capture=facts.capture,
        traces=facts.traces,
        versions=versions(),
        machine=Machine(
            system=platform.system(),
            architecture=platform.machine(),
            processors=os.cpu_count() or 1,
            memory_bytes=memory_bytes(),
        ),
        warnings=warnings,
    )


def roles_of(topology: Iterable[Node]) -> Roles:
    """Roles by name, as the topology says."""
    return Roles((node.name, node.role) for node in topology)


def write_json(report: Report, path: Path) -> None:
    """Write `report` to `path`: whole or not at all."""
    write_atomically(path, msgspec.json.format(msgspec.json.encode(report), indent=2) + b"\n")


def write_atomically(path: Path, content: bytes) -> None:
    """Write a file so that readers see the old one or the new one, never a part."""
    descriptor, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
        Path(temporary).chmod(0o644)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


class _Finite:
    """Keeps what JSON can say; puts the rest into the warnings."""

    def __init__(self, warnings: list[str]) -> None:
        self._warnings = warnings

    def values(self, what: str, values: Mapping[str, float]) -> dict[str, float]:
        for name, value in values.items():
            if not math.isfinite(value):
                self._warnings.append(f"{what}: {name} is {value}, left out")
        return {name: float(value) for name, value in values.items() if math.isfinite(value)}

    def fidelity(self, fidelity: Fidelity) -> Fidelity:
        difference = fidelity.max_abs_difference
        if difference is None or math.isfinite(difference):
            return fidelity
        self._warnings.append(f"fidelity: the greatest difference is {difference}, left out")
        return msgspec.structs.replace(fidelity, max_abs_difference=None)


def _utc(time: int) -> str:
    if time <= 0:
        return ""
    try:
        return datetime.fromtimestamp(time // NS_PER_S, UTC).isoformat()
    except (OverflowError, ValueError, OSError):
        return ""


def _number(value: object) -> float | None:
    """A number, also where the trace carries it as text."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        return float(value)
    except (ValueError, OverflowError):
        return None


def _progress_metrics(lines: Sequence[TraceLine]) -> dict[int, dict[str, float]]:
    """Metrics by round, of the `progress` lines: the last value of each node, the mean over nodes."""
    latest: dict[int, dict[str, dict[str, float]]] = {}
    for line in lines:
        if line.kind != "progress" or line.round is None:
            continue
        for name, value in line.ids.items():
            number = _number(value)
            if name not in NOT_METRICS and number is not None:
                latest.setdefault(line.round, {}).setdefault(name, {})[line.node] = number
    return {
        number: {name: sum(by_node.values()) / len(by_node) for name, by_node in metrics.items()}
        for number, metrics in latest.items()
    }


def _merge(
    traced: Mapping[int, Mapping[str, float]], known: Mapping[int, Mapping[str, float]]
) -> dict[int, dict[str, float]]:
    return {number: {**traced.get(number, {}), **known.get(number, {})} for number in {*traced, *known}}


def _link_bytes(sums: Bytes) -> LinkBytes:
    return LinkBytes(messages=sums.messages, up=sums.up, down=sums.down, across=sums.across)


def _ue_bytes(sums: Bytes) -> UeBytes:
    return UeBytes(messages=sums.messages, up=sums.up, down=sums.down)


def _latency(done: Sequence[int], causes: dict[str, int]) -> Latency:
    failures = sum(causes.values())
    return Latency(
        count=len(done) + failures,
        failures=failures,
        causes=causes,
        p50_ms=percentile(done, 50) / NS_PER_MS if done else None,
        p99_ms=percentile(done, 99) / NS_PER_MS if done else None,
    )


def _routines(lines: Sequence[TraceLine], start: int) -> list[RoutineRun]:
    return [
        RoutineRun(
            routine=ran.routine,
            executions=ran.executions,
            begin_s=(ran.begin - start) / NS_PER_S,
            end_s=(ran.end - start) / NS_PER_S,
            causes=ran.causes,
        )
        for ran in routines_run(lines)
    ]


def _network_events(lines: Sequence[TraceLine], start: int, known: Iterable[NetworkEvent]) -> list[NetworkEvent]:
    traced = [
        NetworkEvent(
            name=each.name,
            count=each.count,
            first_s=(each.first - start) / NS_PER_S,
            last_s=(each.last - start) / NS_PER_S,
            detail=each.detail,
        )
        for each in happenings(lines)
    ]
    return sorted([*traced, *known], key=lambda event: event.first_s)


def _topology(lines: Sequence[TraceLine], roles: Roles) -> list[Node]:
    """The processes that wrote the trace, where the runner does not say."""
    ues: dict[str, set[str]] = {}
    for line in lines:
        held = ues.setdefault(line.node.partition("/")[0], set())
        if roles.is_ue(line.node):
            held.add(line.node)
    return [Node(name, roles.of(name), ues=len(ues[name])) for name in sorted(ues, key=natural)]
