"""Bodies that carry out jobs, tasks and routines (SM-JM, JM-TM, TM-RtM)."""

from __future__ import annotations

from typing import Any

from net4ai.codecs.bus.body import Body
from net4ai.codecs.bus.services import Instance
from net4ai.codecs.service import ServiceDescription

# --- SM-JM, JM-TM, TM-RtM: execution


class ExecuteJob(Body):
    """SM-JM. Answered at once; the end comes as `JobFinished`."""

    job: int
    name: str
    k: int
    cut: int
    description: ServiceDescription
    settings: dict[str, dict[str, Any]]
    instances: list[Instance]
    routine_manager: str


class JobFinished(Body):
    """Event JM-SM."""

    job: int
    cause: int
    detail: str = ""


class ExecuteTask(Body):
    """JM-TM. Answered at once; the end comes as `TaskFinished`."""

    job: int
    task: str
    k: int
    cut: int
    description: ServiceDescription
    settings: dict[str, dict[str, Any]]
    instances: list[Instance]
    routine_manager: str


class TaskFinished(Body):
    """Event TM-JM."""

    job: int
    task: str
    cause: int
    detail: str = ""


class TaskProgress(Body):
    """Event TM-JM-SM: passed on to the application controller as `JobProgress`."""

    job: int
    what: str
    values: dict[str, int | float | str] = {}


class ServerAssignment(Body):
    """A routine server and its clients (R68, R84)."""

    instance: Instance
    seats: list[int]
    """Seats of its clients, in order."""
    clients: list[Instance] = []
    """The concrete clients on those seats; empty: the clients are terminals."""
    given: int = 0
    """Seats given out when the execution began, from 0: some may be empty where it is resumed. 0: `seats` are all."""


class ExecuteRoutine(Body):
    """TM-RtM. Answered at once; the end comes as `RoutineFinished`."""

    execution: int
    job: int
    requester: str
    """Bus name of the task manager, for `RoutineFinished`."""
    routine: str
    client_function: str
    """Entry point of the client function, for terminals (R65)."""
    client_settings: dict[str, Any]
    round: int
    cut: int
    sequential: bool
    k: int
    servers: list[ServerAssignment]
    qfi: int = 1
    """QoS flow of the terminals' sessions that the routine's data takes."""
    resume: bool = False
    """The execution was begun before: committed turns are not repeated."""


class RoutineProgress(Body):
    """Event RtM-TM: passed on as `TaskProgress`."""

    execution: int
    job: int
    what: str
    values: dict[str, int | float | str] = {}


class RoutineFinished(Body):
    """Event RtM-TM: all servers have completed, or the execution was aborted (R77)."""

    execution: int
    cause: int
    stop: bool = False
    detail: str = ""
    committed: int = 0
    """Turns that are committed for good since it was asked for: its resumption does not repeat them."""
