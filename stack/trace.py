"""The trace: one schema for every event worth keeping. It feeds sequence charts, latency tables and tests.

Machines and nodes are given a `Trace`; they call it, and never ask what becomes of the event. The NDJSON writer
(`net4ai.stack.io.trace_file`) writes one event a line, absent fields left out.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Literal

import msgspec

from net4ai.codecs.declaration import Message, UnknownMessage

Kind = Literal["message", "drop", "procedure", "state", "progress"]


class TraceEvent(msgspec.Struct, frozen=True, omit_defaults=True):
    """One event.

    kind `message`: a signalling message or a whole DEP message, seen at `node` on `link`.
    kind `drop`: something was refused; `drop` is the named reason.
    kind `procedure`: a procedure ended; `outcome` is "done" or its cause, `duration` in nanoseconds.
    kind `state`: something that lasts changed: UE attached, session added, execution begun, seats assigned.
    kind `progress`: what functions and the job report: rounds, metrics.
    """

    time: int
    """Monotonic nanoseconds of the process; the writer adds the process's UTC offset."""
    node: str
    """Logical name of the node: core, ran-1, edge, ran-1-app-server, ue-1 (the process) or ue-1/3 (one UE)."""
    kind: Kind
    link: str = ""
    """Uu, N2, T4, T8, bus."""
    message: str = ""
    """Name of the message, e.g. "RRC Setup Request" or "DEP message"."""
    direction: Literal["", "in", "out"] = ""
    peer: str = ""
    """Logical name of the other end where known."""
    procedure: str = ""
    outcome: str = ""
    duration: int = 0
    drop: str = ""
    size: int = 0
    """Bytes: of the message on this link."""
    ids: dict[str, int | str] = {}
    """Identifiers and small facts: c_rnti, session, handle, execution, turn, seat, round, metric names..."""


Trace = Callable[[TraceEvent], None]


def numbers_in(message: Message | UnknownMessage, names: tuple[str, ...]) -> dict[str, int | str]:
    """Those of a message's fields that are called so and are numbers: ids of its event."""
    declared = _declared(type(message), names)  # type: ignore[arg-type]  # a class is hashable, whatever its values are
    return {name: value for name in declared if isinstance(value := getattr(message, name), int)}


@cache
def _declared(kind: type, names: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(name for name in names if issubclass(kind, Message) and name in kind.DECLARATION)


def no_trace(event: TraceEvent) -> None:
    """A trace that keeps nothing."""
