"""All timers of the signalling in one table: name, default, clause, what starts them and what their end does.

Timers inside the bearers and inside DEP stand with their machines; these are the ones procedures wait for.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

MILLISECOND = 1_000_000
SECOND = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Timer:
    """A timer: default in milliseconds, how often its procedure tries, where it comes from."""

    milliseconds: int
    attempts: int
    reference: str
    doc: str


TIMERS: dict[str, Timer] = {
    "T300": Timer(400, 8, "TS 38.331 7.1.1", "UE: RRC Setup Request sent; at the end sent again, then set-up failed."),
    "T302": Timer(1000, 0, "TS 38.331 7.1.1", "UE: set-up failed or was rejected; at the end a new attempt."),
    "setup-complete": Timer(5000, 1, "ours", "RAN node: RRC Setup sent; at the end the half-open context is freed."),
    "reconfiguration": Timer(8000, 1, "TS 38.331 5.3.5", "RAN node: RRC Reconfiguration sent; at the end it failed."),
    "T3510": Timer(15000, 3, "TS 24.501 10.2", "UE: Registration Request sent; at the end sent again, then failed."),
    "T3580": Timer(16000, 3, "TS 24.501 10.3", "UE: Computing Request sent; at the end sent again, then failed."),
    "n2-setup": Timer(5000, 1, "TS 38.413 8.7.1", "RAN node: N2 Setup Request sent; at the end the connection is cut."),
    "session-setup": Timer(12000, 1, "TS 38.413 8.2.1", "Core: Session Setup Request sent; at the end it failed."),
    "attach": Timer(400, 0, "ours", "T4, T8: Attach Request sent; at the end sent again, without end."),
    "link-request": Timer(15000, 1, "ours", "T4, T8: a request was sent; at the end it failed."),
    "instantiate": Timer(60000, 1, "R50", "Forwarding function: Instantiate sent; an instance may load libraries."),
    "invite": Timer(20000, 1, "R80, R85", "Routine manager: invitations sent; at the end silent clients are left out."),
    "turn": Timer(600000, 1, "R80", "Routine manager: a turn was started; at the end the client is left out."),
    "finish": Timer(600000, 1, "R75", "Routine manager: Finish sent; at the end the execution is aborted."),
    "register-service": Timer(180000, 1, "R50", "Application controller: service registered; nodes may still start."),
    "nodes-wait": Timer(120000, 1, "R52", "Resource manager: nodes are missing; at the end the reservation fails."),
    "bus-call": Timer(30000, 1, "ours", "Caller on the control bus: request sent; at the end it failed."),
    "clients-wait": Timer(1000, 0, "R66, R85", "Task manager: too few clients; at the end it looks again."),
    "clients-gather": Timer(10000, 1, "ours", "Task manager: enough clients; at the end pending ones are left out."),
    "presence": Timer(2000, 0, "ours", "A control entity is missing: how often that is said and tried again."),
}


class Timers:
    """The timers of a node: the table with a scenario's overrides."""

    def __init__(self, overrides: Mapping[str, int] | None = None) -> None:
        """Raises ValueError for what is no timer, and for durations of less than a millisecond."""
        overrides = dict(overrides or {})
        if unknown := sorted(set(overrides) - set(TIMERS)):
            raise ValueError(f"no timer named {', '.join(unknown)}; allowed: {', '.join(TIMERS)}")
        if short := [f"{name} = {milliseconds}" for name, milliseconds in overrides.items() if milliseconds < 1]:
            raise ValueError(f"timer {', '.join(short)}; allowed: at least 1 ms")
        self._milliseconds = {name: timer.milliseconds for name, timer in TIMERS.items()} | overrides

    def __getitem__(self, name: str) -> int:
        """Duration in nanoseconds."""
        return self._milliseconds[name] * MILLISECOND

    def attempts(self, name: str) -> int:
        """How often the procedure tries; 0: without end."""
        return TIMERS[name].attempts
