"""The edge: a forwarding plane function by itself, and the user plane function of the classic path (R35, R95)."""

from __future__ import annotations

from net4ai.edge.user_plane_function import UserPlaneFunction
from net4ai.stack.drops import DropCounter
from net4ai.stack.forwarding.function import ForwardingFunction
from net4ai.stack.procedure import Procedures
from net4ai.stack.trace import Trace, TraceEvent


class Edge:
    """One edge. The owner feeds datagrams to `fpf` and `upf`, and time."""

    fpf: ForwardingFunction
    upf: UserPlaneFunction

    def __init__(self, procedures: Procedures, name: str, trace: Trace) -> None:
        self.procedures = procedures
        self.name = name
        self.trace = trace
        self.drops = DropCounter(self._trace_drop)

    def pump(self, now: int) -> None:
        """Handle what has come, send what is ready."""
        self.procedures.advance(now)
        self.fpf.pump(now)

    def next_deadline(self) -> int | None:
        deadlines = [self.procedures.next_deadline(), self.fpf.next_deadline()]
        return min((deadline for deadline in deadlines if deadline is not None), default=None)

    def _trace_drop(self, reason: str, size: int) -> None:
        self.trace(TraceEvent(time=self.procedures.now, node=self.name, kind="drop", drop=reason, size=size))
