"""Bodies of control-bus messages, by interface. Names of interfaces and what they carry: docs/spec/requirements.md.

A body is a msgspec struct; its class name is the message's type. A *request* has a reply type (`REPLIES`); an *event*
has none. A client of a routine appears as a seat of an execution, or as a radio context of a RAN node where a route has
to be laid; its subscription is known to the access manager alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

import msgspec

from net4ai.codecs.declaration import Buffer
from net4ai.codecs.errors import DecodeError
from net4ai.codecs.service import ServiceDescription


class Body(msgspec.Struct, forbid_unknown_fields=True):
    """Base of all bodies."""


class Done(Body):
    """The request is carried out; there is nothing to tell."""


# --- AC-SM: application controller - service manager


class RegisterService(Body):
    """R41, R42. The controller describes its service; it belongs to the controller's provider.

    The reply comes when every concrete function runs (R50), which may take as long as nodes need to start.
    """

    description: ServiceDescription
    settings: dict[str, dict[str, Any]]
    """Settings of each function, by function name."""
    controller: str
    """Bus name of the application controller, also its name at the T4 attachment."""


class ServiceRegistered(Body):
    """R50. All concrete functions run."""

    service: int


class StartJob(Body):
    """R53."""

    service: int
    job: str
    k: int
    """Smallest number of clients per server; the stricter of this and the system's counts (R82)."""
    cut: int
    """Split layer of the routine that has one (R30)."""


class JobStarted(Body):
    """The job runs; what becomes of it comes in events."""

    job: int


class StopJob(Body):
    """R53."""

    job: int


class JobProgress(Body):
    """Event to the application controller: a line for the person who watches."""

    job: int
    what: str
    values: dict[str, int | float | str] = {}


class JobEnded(Body):
    """Event to the application controller."""

    job: int
    cause: int
    detail: str = ""


# --- SM-OR, OR-RM: placement of concrete functions


class InstantiateService(Body):
    """R44, R45, R50."""

    service: int
    description: ServiceDescription
    settings: dict[str, dict[str, Any]]
    controller: str


class Instance(Body):
    """One instance of a concrete function, and where it is attached (R51)."""

    instance: int
    function: str
    node: str
    """Forwarding function (RAN node or edge) of its attachment point."""
    application_server: str


class ServiceInstantiated(Body):
    """R45, R49."""

    instances: list[Instance]
    routine_manager: str
    """Compute plane selected for the service (R44, R48)."""


class ReserveResources(Body):
    """OR-RM. One place for each wanted instance, or nothing (R52)."""

    service: int
    functions: Sequence[tuple[str, str]]
    """Function name and kind of node it wants: "ran-node" (one on each) or "edge"."""


class Placement(Body):
    """Where one instance shall run."""

    function: str
    node: str
    application_server: str


class ResourcesReserved(Body):
    """OR-RM."""

    placements: list[Placement]


class ReleaseResources(Body):
    """OR-RM. Every reservation of the service."""

    service: int


class NodeAvailable(Body):
    """Event to the resource manager: a forwarding function and the application servers attached to it (R38)."""

    node: str
    kind: str
    application_servers: list[str]


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


# --- SM-AM, TM-AM: terminals


class OfferJob(Body):
    """SM-AM. Announce a job to terminals, present and coming (R59)."""

    job: int
    service: str
    purpose: str
    k: int
    raw_data: bool


class WithdrawJob(Body):
    """SM-AM. The job is over."""

    job: int


class ServerWish(Body):
    """A server that needs terminals: the ones it can reach are those of its node."""

    instance: int
    node: str


class SelectClients(Body):
    """TM-AM. Choose and seat terminals for an execution (R57, R62, R83-R85)."""

    job: int
    execution: int
    k: int
    raw_data: bool
    """The routine asks for raw data: unwilling terminals are left out (R61)."""
    servers: list[ServerWish]
    gather: bool = False
    """Seat nobody while terminals are pending: who takes part shall not depend on who was quickest."""


class ServerSeats(Body):
    """How many terminals a server can have, and the seats given out (none if any server has fewer than k)."""

    instance: int
    available: int
    seats: list[int]


class ClientsSelected(Body):
    """TM-AM."""

    servers: list[ServerSeats]
    pending: int = 0
    """Terminals at these nodes that have not answered the offer yet, or consented and have no session yet."""


# --- RtM-AM: routine manager - access manager


class InviteClients(Body):
    """R72, R79. One message for all terminals of a server."""

    execution: int
    instance: int
    seats: list[int]
    function: str
    settings: dict[str, Any]
    routine: str
    round: int
    cut: int
    sequential: bool
    key: bytes = b""


class ClientAccepted(Body):
    """A terminal that takes part, and where its route begins."""

    seat: int
    context: int
    """Identity of the terminal's context at its RAN node."""
    session: int
    key: bytes = b""


class ClientsInvited(Body):
    """RtM-AM. Those who did not accept are missing."""

    accepted: list[ClientAccepted]


class StartClients(Body):
    """Event RtM-AM: the turns of these seats begin (R76, R79)."""

    execution: int
    instance: int
    turns: list[tuple[int, int]]
    """Seat and turn."""
    repetition: int


class ClientDone(Body):
    """Event AM-RtM: a terminal has ended its turn (R74)."""

    execution: int
    instance: int
    seat: int
    turn: int
    cause: int


class CompleteClients(Body):
    """Event RtM-AM: the execution is over for these seats."""

    execution: int
    instance: int
    seats: list[int]
    cause: int


# --- SM-FPF, RtM-FPF: compute plane configuration


class InstantiateFunction(Body):
    """SM-FPF. Run an instance on an application server attached to this forwarding function (R12, R50)."""

    instance: int
    function: str
    """Entry point."""
    settings: dict[str, Any]
    application_server: str


class TerminateFunction(Body):
    """SM-FPF (R52)."""

    instance: int
    application_server: str


class InstallResults(Body):
    """RtM-FPF. A session between an instance and the application controller (R5, R111)."""

    instance: int
    controller: str


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


class InstanceAccepted(Body):
    """RtM-FPF."""

    key: bytes = b""


class RouteClient(Body):
    """Where a route begins: a terminal's context at this RAN node, or an instance at a forwarding function."""

    seat: int
    context: int = 0
    session: int = 0
    instance: int = 0
    node: str = ""
    key: bytes = b""


class InstallRoutes(Body):
    """RtM-FPF, to the server's forwarding function: routes and keys of all clients in one batch (R73, R88)."""

    execution: int
    instance: int
    clients: list[RouteClient]


class RoutesInstalled(Body):
    """RtM-FPF. Seats whose route could not be laid are missing."""

    seats: list[int]


class RemoveRoutes(Body):
    """RtM-FPF. Routes of the execution end; no seats: all of them."""

    execution: int
    instance: int
    seats: list[int] = []


class BeginExecution(Body):
    """RtM-FPF, to an invited instance: these seats take part."""

    execution: int
    instance: int
    seats: list[int]


class StartTurns(Body):
    """Event RtM-FPF: turns begin at an instance."""

    execution: int
    instance: int
    as_server: bool
    turns: list[tuple[int, int]]
    """Seat and turn."""
    repetition: int


class TurnDone(Body):
    """Event FPF-RtM: an instance has ended a turn (R74)."""

    execution: int
    instance: int
    as_server: bool
    seat: int
    turn: int
    cause: int


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


class FunctionProgress(Body):
    """Event FPF-RtM: a function reports; passed on as `RoutineProgress`."""

    execution: int
    instance: int
    values: dict[str, int | float | str]


REPLIES: dict[type[Body], type[Body]] = {
    RegisterService: ServiceRegistered,
    StartJob: JobStarted,
    StopJob: Done,
    InstantiateService: ServiceInstantiated,
    ReserveResources: ResourcesReserved,
    ReleaseResources: Done,
    ExecuteJob: Done,
    ExecuteTask: Done,
    ExecuteRoutine: Done,
    OfferJob: Done,
    WithdrawJob: Done,
    SelectClients: ClientsSelected,
    InviteClients: ClientsInvited,
    InstantiateFunction: Done,
    TerminateFunction: Done,
    InstallResults: Done,
    InviteInstance: InstanceAccepted,
    InstallRoutes: RoutesInstalled,
    RemoveRoutes: Done,
    BeginExecution: Done,
}
"""Request to reply. Bodies that are neither a key nor a value here are events."""

BODIES: dict[str, type[Body]] = {body.__name__: body for body in Body.__subclasses__() if body.__module__ == __name__}
"""Every body by the name it has on the bus."""

B = TypeVar("B", bound=Body)


def decode_body(octets: Buffer, body: type[B]) -> B:
    """The body in JSON `octets`. Raises `DecodeError`."""
    try:
        return msgspec.json.decode(octets, type=body)
    except msgspec.ValidationError as error:
        raise DecodeError(body.__name__, "wrong schema", str(error)) from None
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise DecodeError(body.__name__, "not JSON", str(error)) from None
