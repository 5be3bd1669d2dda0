"""How a running node reports itself to those who operate the network, and takes their commands.

Every process serves the entity `node/NAME` on the bus. A node adds what it has to say: counters (they only grow),
gauges (what there is now), tables (rows for people), and commands. Only processes of the network may ask, for
application controllers have no such requests (`net4ai.codecs.bus.FROM_CONTROLLERS`). Sans-I/O.

A counter or gauge belongs to one of the `METRICS`, under which `net4ai metrics` exports it to Prometheus; its labels
follow the name after slashes, as in `drops/Uu/duplicate`.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from net4ai.codecs.bus import CommandDone, CommandNode, NodeStatus, ReportStatus
from net4ai.codecs.causes import Cause
from net4ai.stack.control_entity import ControlEntity
from net4ai.stack.procedure import ProcedureError
from net4ai.stack.qos.figures import QOS_VIOLATED
from net4ai.stack.trace import Trace, TraceEvent
from net4ai.stack.units import SECOND

MAXIMUM_ROWS = 200
"""Rows of a table in a report; of what is more the report says how much it is."""
MAXIMUM_SERIES = 2000
"""Counters that one node tells apart; what comes later is left out."""
LONGEST_PAUSE = 86_400.0
"""Seconds for which a link may be paused."""

Row: TypeAlias = dict[str, int | float | str]
Values: TypeAlias = Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Metric:
    """A family of counters or gauges. In Prometheus: `net4ai_NAME`, counters with `_total`, and a label `node`."""

    kind: str
    """"counter" or "gauge"."""
    labels: tuple[str, ...]
    doc: str


METRICS: dict[str, Metric] = {
    "drops": Metric("counter", ("link", "reason"), "Messages and PDUs thrown away, by link and reason."),
    "messages": Metric("counter", ("link", "direction"), "Signalling messages and whole DEP messages."),
    "procedures": Metric("counter", ("procedure", "outcome"), "Procedures that have ended, by outcome."),
    "qos_violations": Metric(
        "counter",
        ("link", "promise"),
        "Averaging windows (2 s) in which a QoS flow did not get what it was promised: its guaranteed rate, its delay.",
    ),
    "errors": Metric("counter", (), "Faults of the node's own code."),
    "memory_bytes": Metric("gauge", (), "Resident memory of the process."),
    "procedures_open": Metric("gauge", (), "Procedures under way."),
    "queue": Metric("gauge", ("queue",), "Messages that wait in a queue."),
    "udp_offload": Metric(
        "gauge", ("link",), "How batches cross a bulk socket: 1 by GSO, 2 by GRO, 3 both, 0 neither."
    ),
    "terminals": Metric("gauge", ("state",), "Terminals, by state."),
    "sessions": Metric("gauge", (), "DEP sessions that end here, or of the terminals here."),
    "bearers": Metric("gauge", (), "Radio bearers."),
    "bearer_queue_octets": Metric("gauge", (), "Octets that wait for their turn on the radio."),
    "peers": Metric("gauge", ("kind",), "Attached peers of a forwarding function; RAN nodes of a core."),
    "instances": Metric("gauge", (), "Instances of service functions."),
    "routes": Metric("gauge", (), "Routes through the label switch."),
    "services": Metric("gauge", (), "Registered services."),
    "jobs": Metric("gauge", ("state",), "Jobs, by state."),
    "rows_not_shown": Metric("gauge", ("table",), "Rows of a table that a report had no room for."),
}
"""All that nodes count and measure."""


class ActivityCount:
    """A trace that counts what passes: drops, messages, ends of procedures. It hands each event on."""

    def __init__(self, trace: Trace) -> None:
        self._trace = trace
        self.counts: Counter[tuple[str, str, str]] = Counter()
        """By family and its two labels."""

    def __call__(self, event: TraceEvent) -> None:
        if event.kind == "message":
            self._count("messages", event.link, event.direction)
        elif event.kind == "drop":
            self._count("drops", event.link, event.drop)
        elif event.kind == "procedure":
            self._count("procedures", event.procedure, event.outcome)
        elif event.message == QOS_VIOLATED:
            self._count("qos_violations", event.link, str(event.ids["what"]))
        self._trace(event)

    def _count(self, family: str, first: str, second: str) -> None:
        key = (family, first, second)
        if key in self.counts or len(self.counts) < MAXIMUM_SERIES:
            self.counts[key] += 1

    def read(self) -> dict[str, float]:
        """The counters so far, by name and labels."""
        return {
            "/".join((family, first or "-", second or "-")): n for (family, first, second), n in self.counts.items()
        }


Argument: TypeAlias = Callable[[str], Any]
"""Reads an argument of a command. Raises ValueError that says what is allowed."""


def text(value: str) -> str:
    """Any text but the empty one."""
    if not value:
        raise ValueError("a text")
    return value


def number(value: str) -> int:
    """A number from 0 on."""
    if not (value.isascii() and value.isdigit()) or len(value) > 18:
        raise ValueError("a number")
    return int(value)


def seconds(value: str) -> float:
    """A duration."""
    try:
        duration = float(value)
    except ValueError:
        duration = 0.0
    if not 0 < duration <= LONGEST_PAUSE:
        raise ValueError(f"more than 0, at most {LONGEST_PAUSE:g} seconds")
    return duration


@dataclass(frozen=True, slots=True)
class Command:
    """What a node can be told. `run` gets the arguments by name, gives a line of what became of it, or raises
    `ProcedureError`."""

    run: Callable[..., str]
    arguments: Mapping[str, Argument]
    doc: str


class Operation:
    """The `node/NAME` entity of one node."""

    def __init__(self, node: str, kind: str, entity: ControlEntity, started: int) -> None:
        """`kind`: "core", "ran-node", "edge", "app-server", "ue". `started`: when, in monotonic nanoseconds."""
        self.node = node
        self.kind = kind
        self.entity = entity
        self.commands: dict[str, Command] = {}
        self._started = started
        self._counters: list[Callable[[], Values]] = []
        self._gauges: list[Callable[[], Values]] = []
        self._tables: dict[str, Callable[[], Iterable[Row]]] = {}
        entity.handle(ReportStatus, self._report)
        entity.handle(CommandNode, self._command)

    def counters(self, read: Callable[[], Values]) -> None:
        """`read` gives counters at every report."""
        self._counters.append(read)

    def gauges(self, read: Callable[[], Values]) -> None:
        """`read` gives gauges at every report."""
        self._gauges.append(read)

    def table(self, name: str, rows: Callable[[], Iterable[Row]]) -> None:
        """`rows` gives the rows of a table at every report."""
        self._tables[name] = rows

    def command(self, name: str, run: Callable[..., str], doc: str, **arguments: Argument) -> None:
        """The node takes a command; its arguments are all needed."""
        self.commands[name] = Command(run, arguments, doc)

    # What comes over the bus

    def _report(self, request: ReportStatus) -> NodeStatus:
        tables, gauges = {}, _sum(self._gauges)
        for name, read in self._tables.items():
            rows = iter(read())
            tables[name] = list(itertools.islice(rows, MAXIMUM_ROWS))
            if left := sum(1 for _ in rows):
                gauges[f"rows_not_shown/{name}"] = left
        return NodeStatus(
            node=self.node,
            kind=self.kind,
            uptime_s=(self.entity.procedures.now - self._started) / SECOND,
            counters={name: int(value) for name, value in _sum(self._counters).items()},
            gauges=gauges,
            tables=tables,
        )

    def _command(self, request: CommandNode) -> CommandDone:
        command = self.commands.get(request.command)
        if command is None:
            raise _refused(f"no command {request.command!r}; allowed: {', '.join(self.commands)}")
        given, wanted = request.arguments, command.arguments
        for name in [*given, *wanted]:
            if name not in wanted or name not in given:
                what = "is unknown" if name not in wanted else "is missing"
                raise _refused(f"{request.command}: argument {name!r} {what}; allowed: {', '.join(wanted) or 'none'}")
        values = {}
        for name, read in wanted.items():
            try:
                values[name] = read(given[name])
            except ValueError as error:
                raise _refused(f"{request.command}: {name}: {given[name]!r} is not allowed; allowed: {error}") from None
        return CommandDone(detail=command.run(**values))


def _sum(sources: Iterable[Callable[[], Values]]) -> dict[str, float]:
    """Several sources may count under one name."""
    total: dict[str, float] = {}
    for read in sources:
        for name, value in read().items():
            total[name] = total.get(name, 0) + value
    return total


def _refused(detail: str) -> ProcedureError:
    return ProcedureError(Cause.NOT_ALLOWED, detail)


def split_name(name: str) -> tuple[str, tuple[str, ...]]:
    """Family and label values of a counter or gauge. Raises KeyError: no such family, ValueError: not its labels."""
    family, *labels = name.split("/")
    if len(labels) != len(METRICS[family].labels):
        raise ValueError(f"{name}: {len(labels)} labels; allowed: {len(METRICS[family].labels)}")
    return family, tuple(labels)
