"""Bodies of control-bus messages, by interface. Names of interfaces and what they carry: docs/spec/requirements.md.

A body is a msgspec struct; its class name is the message's type. A *request* has a reply type (`REPLIES`); an *event*
has none. A client of a routine appears as a seat of an execution, or as a radio context of a RAN node where a route has
to be laid; its subscription is known to the access manager alone.
"""

from __future__ import annotations

from typing import TypeVar

import msgspec

from net4ai.codecs.bus.body import Body, Done
from net4ai.codecs.bus.execution import (
    ExecuteJob,
    ExecuteRoutine,
    ExecuteTask,
    JobFinished,
    RoutineFinished,
    RoutineProgress,
    ServerAssignment,
    TaskFinished,
    TaskProgress,
)
from net4ai.codecs.bus.forwarding import (
    BeginExecution,
    ExecutionBegun,
    ExecutionOutcome,
    FinishExecution,
    FunctionProgress,
    InstallResults,
    InstallRoutes,
    InstanceAccepted,
    InstantiateFunction,
    InviteInstance,
    MoveRoute,
    RemoveRoutes,
    RouteClient,
    RoutesInstalled,
    StartTurns,
    TerminateFunction,
    TurnsDone,
)
from net4ai.codecs.bus.operation import CommandDone, CommandNode, NodeStatus, ReportStatus
from net4ai.codecs.bus.services import (
    Capacity,
    Instance,
    InstanceLost,
    InstanceMoved,
    InstanceRelocated,
    InstantiateService,
    JobBegun,
    JobEnded,
    JobProgress,
    JobsListed,
    JobStarted,
    JobStatus,
    ListJobs,
    ListServices,
    NodeAvailable,
    NodeLost,
    RaiseEvent,
    RegisterService,
    ReleaseResources,
    RelocateInstance,
    RemoveService,
    ReserveResources,
    ResourcesReserved,
    ServiceInstantiated,
    ServiceRegistered,
    ServicesListed,
    ServiceStatus,
    StartJob,
    StopJob,
    TerminateService,
)
from net4ai.codecs.bus.terminals import (
    ClientAccepted,
    ClientsDone,
    ClientsInvited,
    ClientsSelected,
    CompleteClients,
    ConsentCount,
    InviteClients,
    MoveClient,
    OfferJob,
    SelectClients,
    ServerSeats,
    ServerWish,
    StartClients,
    WithdrawJob,
)
from net4ai.codecs.bus.user_plane import (
    EstablishPduSession,
    ModifyPduSession,
    N3End,
    PduSessionEstablished,
    ReleasePduSession,
)
from net4ai.codecs.declaration import Buffer
from net4ai.codecs.errors import DecodeError

__all__ = [
    "BODIES",
    "FROM_CONTROLLERS",
    "REPLIES",
    "B",
    "BeginExecution",
    "Body",
    "Capacity",
    "ClientAccepted",
    "ClientsDone",
    "ClientsInvited",
    "ClientsSelected",
    "CommandDone",
    "CommandNode",
    "CompleteClients",
    "ConsentCount",
    "Done",
    "EstablishPduSession",
    "ExecuteJob",
    "ExecuteRoutine",
    "ExecuteTask",
    "ExecutionBegun",
    "ExecutionOutcome",
    "FinishExecution",
    "FunctionProgress",
    "InstallResults",
    "InstallRoutes",
    "Instance",
    "InstanceAccepted",
    "InstanceLost",
    "InstanceMoved",
    "InstanceRelocated",
    "InstantiateFunction",
    "InstantiateService",
    "InviteClients",
    "InviteInstance",
    "JobBegun",
    "JobEnded",
    "JobFinished",
    "JobProgress",
    "JobStarted",
    "JobStatus",
    "JobsListed",
    "ListJobs",
    "ListServices",
    "ModifyPduSession",
    "MoveClient",
    "MoveRoute",
    "N3End",
    "NodeAvailable",
    "NodeLost",
    "NodeStatus",
    "OfferJob",
    "PduSessionEstablished",
    "RaiseEvent",
    "RegisterService",
    "ReleasePduSession",
    "ReleaseResources",
    "RelocateInstance",
    "RemoveRoutes",
    "RemoveService",
    "ReportStatus",
    "ReserveResources",
    "ResourcesReserved",
    "RouteClient",
    "RoutesInstalled",
    "RoutineFinished",
    "RoutineProgress",
    "SelectClients",
    "ServerAssignment",
    "ServerSeats",
    "ServerWish",
    "ServiceInstantiated",
    "ServiceRegistered",
    "ServiceStatus",
    "ServicesListed",
    "StartClients",
    "StartJob",
    "StartTurns",
    "StopJob",
    "TaskFinished",
    "TaskProgress",
    "TerminateFunction",
    "TerminateService",
    "TurnsDone",
    "WithdrawJob",
    "decode_body",
]

REPLIES: dict[type[Body], type[Body]] = {
    RegisterService: ServiceRegistered,
    StartJob: JobStarted,
    StopJob: Done,
    RemoveService: Done,
    ListServices: ServicesListed,
    ListJobs: JobsListed,
    RaiseEvent: Done,
    TerminateService: Done,
    ReportStatus: NodeStatus,
    CommandNode: CommandDone,
    InstantiateService: ServiceInstantiated,
    ReserveResources: ResourcesReserved,
    RelocateInstance: InstanceRelocated,
    ReleaseResources: Done,
    ExecuteJob: Done,
    ExecuteTask: Done,
    ExecuteRoutine: Done,
    OfferJob: Done,
    WithdrawJob: Done,
    SelectClients: ClientsSelected,
    InviteClients: ClientsInvited,
    MoveClient: Done,
    InstantiateFunction: Done,
    TerminateFunction: Done,
    InstallResults: Done,
    InviteInstance: InstanceAccepted,
    InstallRoutes: RoutesInstalled,
    MoveRoute: Done,
    RemoveRoutes: Done,
    BeginExecution: ExecutionBegun,
    EstablishPduSession: PduSessionEstablished,
    ModifyPduSession: Done,
    ReleasePduSession: Done,
}
"""Request to reply. Bodies that are neither a key nor a value here are events."""

BODIES: dict[str, type[Body]] = {
    body.__name__: body for body in Body.__subclasses__() if body.__module__.startswith(f"{__name__}.")
}
"""Every body by the name it has on the bus."""

FROM_CONTROLLERS: frozenset[type[Body]] = frozenset(
    {RegisterService, RemoveService, StartJob, StopJob, ListServices, ListJobs, RaiseEvent}
)
"""What the application controller of a provider may ask for (AC-SM, R41); all else is said among the network's own."""

B = TypeVar("B", bound=Body)


def decode_body(octets: Buffer, body: type[B]) -> B:
    """The body in JSON `octets`. Raises `DecodeError`."""
    try:
        return msgspec.json.decode(octets, type=body)
    except msgspec.ValidationError as error:
        raise DecodeError(body.__name__, "wrong schema", str(error)) from None
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise DecodeError(body.__name__, "not JSON", str(error)) from None
