"""All timers of the signalling in one table: name, default, clause, what starts them and what their end does.

Timers inside the bearers and inside DEP stand with their machines; these are the ones procedures wait for.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from net4ai.stack.units import MILLISECOND


@dataclass(frozen=True, slots=True)
class Timer:
    """A timer: default in milliseconds, how often its procedure tries, where it comes from."""

    milliseconds: int
    attempts: int
    reference: str
    doc: str


TIMERS: dict[str, Timer] = {
    "T300": Timer(400, 8, "TS 38.331 7.1.1", "UE: RRC Setup Request sent; at the end sent again, then set-up failed."),
    "T301": Timer(400, 8, "TS 38.331 7.1.1", "UE: Re-establishment Request sent; sent again, then the UE is idle."),
    "T302": Timer(1000, 0, "TS 38.331 7.1.1", "UE: set-up failed or was rejected; at the end a new attempt."),
    "T304": Timer(
        1000, 1, "TS 38.331 7.1.1", "UE: on its way to another cell, as long as it was told; then it failed."
    ),
    "T310": Timer(2000, 1, "TS 38.331 7.1.1", "UE: out of synchrony; at the end the radio link has failed."),
    "T311": Timer(10000, 1, "TS 38.331 7.1.1", "UE: radio link failed; without a suitable cell the UE is idle."),
    "camping": Timer(
        5000, 0, "ours", "UE: System Information Request sent; at the end sent again. Valid 3 times this."
    ),
    "cell-search": Timer(500, 0, "ours", "UE: no cell is heard, System Information Request sent; sent again."),
    "cell-selection": Timer(3000, 1, "ours", "UE: wants a connection; at the end there is no suitable cell."),
    "setup-complete": Timer(5000, 1, "ours", "RAN node: RRC Setup sent; at the end the half-open context is freed."),
    "security-mode": Timer(5000, 1, "TS 38.331 5.3.4", "RAN node: Security Mode Command sent; at the end it failed."),
    "reestablishment-complete": Timer(5000, 1, "TS 38.331 5.3.7", "RAN node: Re-establishment sent; then forgotten."),
    "context-kept": Timer(10000, 1, "ours", "RAN node: SRB1 has failed; without re-establishment the UE is released."),
    "reconfiguration": Timer(6000, 1, "TS 38.331 5.3.5", "RAN node: RRC Reconfiguration sent; then it is released."),
    "reconfiguration-turn": Timer(3000, 1, "ours", "RAN node: another reconfiguration under way; then BUSY."),
    "T3510": Timer(15000, 3, "TS 24.501 10.2", "UE: Registration Request sent; at the end sent again, then failed."),
    "T3512": Timer(30000, 0, "TS 24.501 5.3.7", "UE: registered; at the end it registers again."),
    "T3517": Timer(5000, 3, "TS 24.501 10.2", "UE: Service Request sent; at the end it failed, the UE registers."),
    "T3580": Timer(16000, 3, "TS 24.501 10.3", "UE: Computing Request sent; at the end sent again, then failed."),
    "T3521": Timer(5000, 3, "TS 24.501 10.2", "UE: Deregistration Request sent; sent again, then it leaves anyway."),
    "T3513": Timer(
        2000, 4, "TS 24.501 10.2", "Core: Paging sent; at the end sent again, then what it was for is lost."
    ),
    "T3522": Timer(6000, 3, "TS 24.501 10.2", "Core: Deregistration Request sent; sent again, then the UE has left."),
    "T3550": Timer(6000, 3, "TS 24.501 10.2", "Core: Registration Accept sent; sent again, then registration failed."),
    "T3560": Timer(6000, 3, "TS 24.501 10.2", "Core: NAS Security Mode Command sent; sent again, then it failed."),
    "mobile-reachable": Timer(90000, 1, "TS 24.501 5.3.7", "Core: the UE is idle; at the end it is deregistered."),
    "initial-context-setup": Timer(12000, 1, "TS 38.413 8.3.1", "Core: Initial Context Setup sent; then it failed."),
    "handover-request": Timer(4000, 1, "TS 38.413 8.4.2", "Core: Handover Request sent to the target; then it failed."),
    "handover-preparation": Timer(7000, 1, "TS 38.413 8.4.1", "RAN node: Handover Required sent; then it cancels."),
    "handover-prepared": Timer(10000, 1, "TS 38.413 8.4.2", "RAN node: prepared as a target; then all is freed."),
    "handover-execution": Timer(
        10000, 1, "TS 38.413 8.4", "RAN node: a UE was told to go; without news of it its context is freed."
    ),
    "move-client": Timer(40000, 1, "R107", "Access manager: a terminal was handed over; then its route is given up."),
    "move-route": Timer(30000, 1, "R107", "Routine manager: a route to be laid anew; at the end it failed."),
    "handover-cancel": Timer(4000, 1, "TS 38.413 8.4.5", "RAN node: Handover Cancel sent; at the end it is forgotten."),
    "session-change": Timer(12000, 1, "TS 38.413 8.2.2", "Core: Session Modify or Release sent; at the end it failed."),
    "n2-setup": Timer(5000, 1, "TS 38.413 8.7.1", "RAN node: N2 Setup Request sent; at the end the connection is cut."),
    "session-setup": Timer(12000, 1, "TS 38.413 8.2.1", "Core: Session Setup Request sent; at the end it failed."),
    "attach": Timer(400, 0, "ours", "T4, T8: Attach Request sent; at the end sent again, without end."),
    "link-request": Timer(15000, 1, "ours", "T4, T8: a request was sent; at the end it failed."),
    "relayed-request": Timer(20000, 1, "ours", "T8: a request was sent that goes on over T4; at the end it failed."),
    "announce": Timer(5000, 0, "ours", "Forwarding function: its node is announced; at the end it is announced again."),
    "routed-request": Timer(25000, 1, "ours", "T8: a request for a node behind the next one; at the end it failed."),
    "load": Timer(40000, 1, "R50", "UE, application server: Load given to the worker, which may import libraries."),
    "begin": Timer(10000, 1, "R84", "UE, application server: Begin given to the worker; at the end it failed."),
    "instantiate-link": Timer(50000, 1, "R50", "T4: Instantiate sent; at the end it failed."),
    "instantiate": Timer(60000, 1, "R50", "Orchestrator: instantiation asked for; at the end the service fails."),
    "invite": Timer(60000, 1, "R72, R80", "Access manager: invitations sent; at the end silent clients are left out."),
    "invite-clients": Timer(65000, 1, "R72, R80", "Routine manager: invitations asked for; at the end it failed."),
    "install-routes": Timer(45000, 1, "R47, R81", "Routine manager, orchestrator: routes asked for; then it failed."),
    "turn": Timer(600000, 1, "R80", "Routine manager: a turn was started; at the end the client is left out."),
    "finish": Timer(600000, 1, "R75", "Routine manager: Finish sent; at the end the execution is aborted."),
    "reserve": Timer(130000, 1, "R52", "Orchestrator: resources asked for; at the end the service fails."),
    "instantiate-service": Timer(250000, 1, "R50", "Service manager: service wanted; nodes may still start."),
    "register-service": Timer(260000, 1, "R50", "Application controller: service registered; at the end it failed."),
    "start-job": Timer(70000, 1, "R53", "Application controller: job to be started; at the end it failed."),
    "remove-service": Timer(120000, 1, "R52", "Application controller: service to be removed; at the end it failed."),
    "end-task": Timer(35000, 1, "R53", "Job manager: Stop Job sent to the task manager; then it is not waited for."),
    "end-job": Timer(40000, 1, "R53", "Service manager: its service is removed, Stop Job sent; then not waited for."),
    "terminate-service": Timer(70000, 1, "R52", "Service manager: Terminate Service sent; at the end removal failed."),
    "store-again": Timer(1000, 0, "ours", "Service manager: the store took nothing; at the end it is tried again."),
    "report-status": Timer(5000, 1, "ours", "Operator: a node was asked or told; at the end it is not there."),
    "results-ready": Timer(10000, 1, "R111", "Application controller: results are to come; at the end it goes on."),
    "job-poll": Timer(10000, 0, "R53", "Application controller: a job is watched; at the end its state is asked for."),
    "nodes-wait": Timer(120000, 1, "R52", "Resource manager: nodes are missing; at the end the reservation fails."),
    "node-lease": Timer(30000, 1, "R51", "Resource manager: a node has an application server; at the end it is lost."),
    "terminate": Timer(20000, 1, "R52", "Orchestrator: instance to be ended; at the end its node will do so later."),
    "bus-call": Timer(30000, 1, "ours", "Caller on the control bus: request sent; at the end it failed."),
    "consent-count": Timer(200, 0, "R4", "Access manager: a consent has come or gone; at the end they are counted."),
    "clients-wait": Timer(1000, 0, "R66, R85", "Task manager: too few clients; at the end it looks again."),
    "clients-gather": Timer(10000, 1, "ours", "Task manager: enough clients; at the end pending ones are left out."),
    "seats-return": Timer(30000, 1, "ours", "Task manager: enough seats to resume; at the end others are left out."),
    "resume": Timer(180000, 1, "ours", "Task manager: an execution was broken off; without progress its task fails."),
    "clear": Timer(5000, 1, "ours", "Routine manager: Remove Routes sent; at the end it is not waited for any more."),
}


MARGIN = 3000
"""Milliseconds an outer timer is longer than the inner ones together: a lost bus message is repeated after 2 s."""

NESTED: dict[str, tuple[str, ...]] = {
    "session-setup": ("reconfiguration-turn", "reconfiguration"),
    "T3580": ("session-setup",),
    "session-change": ("reconfiguration-turn", "reconfiguration"),
    "mobile-reachable": ("T3512", "T3517"),
    "handover-preparation": ("handover-request",),
    "move-client": ("move-route",),
    "move-route": ("relayed-request",),
    "link-request": ("begin",),
    "relayed-request": ("link-request",),
    "routed-request": ("relayed-request",),
    "bus-call": ("link-request",),
    "install-routes": ("link-request", "routed-request"),
    "invite": ("load", "begin"),
    "invite-clients": ("invite",),
    "instantiate-link": ("load",),
    "instantiate": ("instantiate-link",),
    "terminate": ("link-request",),
    "node-lease": ("announce", "announce"),
    "reserve": ("nodes-wait",),
    "instantiate-service": ("reserve", "instantiate", "install-routes"),
    "register-service": ("instantiate-service",),
    "start-job": ("bus-call", "bus-call"),
    "end-task": ("bus-call",),
    "end-job": ("end-task",),
    "terminate-service": ("bus-call", "bus-call"),
    "remove-service": ("end-job", "terminate-service"),
}
"""Who waits for somebody who waits: the inner timers run one after the other and must end first, for they know why."""


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
