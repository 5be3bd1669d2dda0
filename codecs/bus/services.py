"""Bodies about services: registration, jobs, placement, resources (AC-SM, SM-OR, OR-RM)."""

from __future__ import annotations

from typing import Any

import msgspec

from net4ai.codecs.bus.body import Body
from net4ai.codecs.service import ServiceDescription

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
    k: int = 0
    """For jobs that no request starts (R4): as in `StartJob`."""
    cut: int = 0
    """For jobs that no request starts (R4): as in `StartJob`."""


class ServiceRegistered(Body):
    """R50. All concrete functions run."""

    service: int
    instances: list[Instance] = []


class RemoveService(Body):
    """The service's jobs end, then its instances; what was reserved for it is free. Only its provider may."""

    service: int


class ListServices(Body):
    """What is registered; a controller sees its own provider's services only."""


class ServiceStatus(Body):
    """One registered service."""

    service: int
    name: str
    provider: str
    jobs: list[str]
    instances: list[Instance]


class ServicesListed(Body):
    """Reply to `ListServices`."""

    services: list[ServiceStatus]


class RaiseEvent(Body):
    """Jobs of the service that wait for the event start (R4)."""

    service: int
    event: str


class ListJobs(Body):
    """Jobs that are armed, run, or ended lately; a controller sees its own provider's only."""


class JobStatus(Body):
    """One job."""

    job: int
    service: int
    name: str
    state: str
    """"armed" (its trigger is waited for), "running" or "ended"."""
    cause: int = 0
    detail: str = ""
    progress: str = ""
    """What was said of it last."""


class JobsListed(Body):
    """Reply to `ListJobs`."""

    jobs: list[JobStatus]


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


class JobBegun(Body):
    """Event to the application controller: a trigger has started a job (R4)."""

    service: int
    job: int
    name: str


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
    terminals: dict[str, int] = {}
    """Terminals at each RAN node, where they are known; empty: as many at one as at another."""


class Instance(Body):
    """One instance of a concrete function, and where it is attached (R51)."""

    instance: int
    function: str
    node: str
    """Forwarding function (RAN node or edge) of its attachment point."""
    application_server: str
    servers: dict[str, int] = {}
    """Of a concrete client: instance of the server it is associated with, by routine (R69); missing: that of its own
    node, else the first."""


class TerminateService(Body):
    """SM-OR. All instances of the service end, reservations are released."""

    service: int


class InstanceLost(Body):
    """Event OR-RtM, OR-SM: an instance has gone with its node or its application server; it is made anew."""

    instance: int


class InstanceMoved(Body):
    """Event OR-SM, OR-TM: an instance runs at another node from now on; its own has not come back."""

    service: int
    instance: Instance


class ServiceInstantiated(Body):
    """R45, R49."""

    instances: list[Instance]
    routine_manager: str
    """Compute plane selected for the service (R44, R48)."""


class ReserveResources(Body):
    """OR-RM. A place for every instance of the service's concrete functions, or nothing (R45, R52)."""

    service: int
    description: ServiceDescription
    terminals: dict[str, int] = {}
    """As in `InstantiateService`."""


class ResourcesReserved(Body):
    """OR-RM. The instances, each with its place and its servers (R45, R46, R69)."""

    instances: list[Instance]


class RelocateInstance(Body):
    """OR-RM. The node of an instance is lost: another place for it, or nothing."""

    instance: int
    description: ServiceDescription
    terminals: dict[str, int] = {}
    """As in `InstantiateService`."""


class InstanceRelocated(Body):
    """OR-RM."""

    instance: Instance


class ReleaseResources(Body):
    """OR-RM. Every reservation of the service."""

    service: int


class NodeLost(Body):
    """Event RM-OR: a node has had no application server for longer than its lease."""

    node: str


class Capacity(Body):
    """What a node has for service functions and links, all together (R38, R114)."""

    cpu: float = 4.0
    """Processor cores."""
    memory_mib: int = 16384
    storage_mib: int = 65536
    accelerators: int = 0
    radio_kbps: int = 1_000_000
    """Of its cell; 0 where it has none."""
    transport_kbps: int = 10_000_000
    """Between it and other nodes."""


class NodeAvailable(Body):
    """Event to the resource manager, and from there to the orchestrator: a node, and what is attached to it (R38).

    Sent at the start, whenever an application server or application controller attaches or is lost, and regularly: a
    node that says nothing is lost.
    """

    node: str
    kind: str
    application_servers: list[str]
    instances: list[int] = []
    """Instances that run there: the orchestrator makes what is missing and ends what nobody wants."""
    capacity: Capacity = msgspec.field(default_factory=Capacity)
    controllers: list[str] = []
    """Application controllers that are attached."""
    results: list[int] = []
    """Instances there that have a session with their application controller (R111)."""
