"""Bodies to and from forwarding functions: instances, routes, turns (SM-FPF, RtM-FPF)."""

from __future__ import annotations

from typing import Any

from net4ai.codecs.bus.body import Body

# --- SM-FPF, RtM-FPF: compute plane configuration


class InstantiateFunction(Body):
    """SM-FPF. Run an instance on an application server attached to this forwarding function (R12, R50)."""

    instance: int
    function: str
    """Entry point."""
    settings: dict[str, Any]
    application_server: str
    memory_mib: int = 1024
    busy_s: float = 60.0


class TerminateFunction(Body):
    """SM-FPF (R52)."""

    instance: int
    application_server: str


class InstallResults(Body):
    """OR-FPF. A session between an instance and the application controller that is attached here (R5, R111)."""

    instance: int
    controller: str
    node: str = ""
    """Forwarding function where the instance is; empty: this one."""


class InviteInstance(Body):
    """RtM-FPF. Invite an instance through the forwarding plane (R71, R72)."""

    execution: int
    instance: int
    as_server: bool
    routine: str
    round: int
    cut: int
    sequential: bool
    seats: list[int]
    key: bytes = b""
    qfi: int = 1
    routine_manager: str = "routine-manager"
    """Who is told of turns, outcome and progress."""
    attempt: int = 0
    """Tells the attempts to carry out an execution apart."""


class InstanceAccepted(Body):
    """RtM-FPF."""

    key: bytes = b""


class RouteClient(Body):
    """Where a route begins: a terminal's context at this RAN node, a terminal's PDU session that leads to this edge
    (T2a), or an instance at a forwarding function."""

    seat: int
    context: int = 0
    session: int = 0
    token: str = ""
    """Of the PDU session: the name under which the terminal is attached."""
    instance: int = 0
    node: str = ""
    key: bytes = b""


class InstallRoutes(Body):
    """RtM-FPF: routes and keys of all clients in one batch (R73, R88).

    Goes to the server's forwarding function; for terminals of another node to theirs, which leads them over T8.
    """

    execution: int
    instance: int
    clients: list[RouteClient]
    node: str = ""
    """Forwarding function where the server is; empty: this one."""
    attempt: int = 0
    """Tells the attempts to carry out an execution apart."""


class RoutesInstalled(Body):
    """RtM-FPF. Seats whose route could not be laid are missing."""

    seats: list[int]


class MoveRoute(Body):
    """RtM-FPF: a client has come here from another RAN node; its route begins here now, the server's end stays as it is
    (R107)."""

    execution: int
    instance: int
    client: RouteClient
    node: str = ""
    """Forwarding function where the server is; empty: this one."""
    attempt: int = 0
    """As in `InstallRoutes`."""


class RemoveRoutes(Body):
    """RtM-FPF. Routes of the execution end. No seats: all of them, and the instance's part in the execution."""

    execution: int
    instance: int
    seats: list[int] = []
    attempt: int = 0
    """Routes of another attempt stay; those of this one that are still being laid will not be. 0: of any."""


class BeginExecution(Body):
    """RtM-FPF, to an invited instance: these seats take part."""

    execution: int
    instance: int
    seats: list[int]


class ExecutionBegun(Body):
    """RtM-FPF."""

    next_turn: int = 0
    """Turns of this execution below it were committed, or passed over, before: 0 unless the execution is resumed."""


class StartTurns(Body):
    """Event RtM-FPF: turns begin at an instance."""

    execution: int
    instance: int
    as_server: bool
    turns: list[tuple[int, int]]
    """Seat and turn."""
    repetition: int


class TurnsDone(Body):
    """Event FPF-RtM: an instance has ended turns; those of one moment in one message (R74)."""

    execution: int
    instance: int
    as_server: bool
    turns: list[tuple[int, int, int]]
    """Seat, turn and cause."""
    attempt: int = 0
    """Attempt the instance was invited in: what is late of one says nothing of the next. 0: not known."""


class FinishExecution(Body):
    """Event RtM-FPF: all turns are done, the server shall say restart or complete (R75)."""

    execution: int
    instance: int
    repetition: int


class ExecutionOutcome(Body):
    """Event FPF-RtM: the server said restart or complete (R75-R77, R110)."""

    execution: int
    instance: int
    restart: bool
    stop: bool
    cause: int
    attempt: int = 0
    """As in `TurnsDone`."""


class FunctionProgress(Body):
    """Event FPF-RtM: a function reports; passed on as `RoutineProgress`."""

    execution: int
    instance: int
    values: dict[str, int | float | str]
