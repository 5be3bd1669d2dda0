"""A service as its provider describes it, in YAML and on the control bus (R1-R15, R42).

A service has *functions* (R1). A *routine* joins two of them, client and server (R8); a *task* is a chain of routines
(R8, R9); a *job* is a set of tasks with one computing goal (R3, R6).
"""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

from msgspec import Meta, Struct
from msgspec.structs import replace

from net4ai.codecs.five_qi import characteristics

NAME_PATTERN = r"^[A-Za-z][A-Za-z0-9_-]{0,31}$"

Name: TypeAlias = Annotated[
    str,
    Meta(pattern=NAME_PATTERN, extra={"allowed": "a name: a letter, then up to 31 letters, digits, hyphens or _"}),
]
"""What nodes, groups, functions, routines, tasks and jobs are called."""

ENTRY_POINT_GROUP = "net4ai.functions"
PROVIDER_GROUP = "net4ai.providers"

SettingValue: TypeAlias = bool | int | float | str


class Resources(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What one instance of a concrete function takes of its node (R38, R45)."""

    cpu: Annotated[float, Meta(ge=0, le=4096, description="Processor cores.")] = 0.1
    memory_mib: Annotated[
        int, Meta(ge=1, le=1 << 24, description="Memory in MiB. An instance that takes more is ended.")
    ] = 1024
    storage_mib: Annotated[int, Meta(ge=0, le=1 << 30, description="Storage in MiB.")] = 0
    accelerators: Annotated[int, Meta(ge=0, le=1024, description="Accelerators, as GPUs.")] = 0


class Function(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A service function: a computing module of the service (R1)."""

    kind: Annotated[
        Literal["abstract", "concrete"],
        Meta(description="`abstract`: represents the terminals; `concrete`: instantiated in the network (R11, R12)."),
    ]
    entry_point: Annotated[
        str,
        Meta(
            min_length=1,
            max_length=64,
            description=f"The code: a name in the entry point group `{ENTRY_POINT_GROUP}`, or `module:Class` where the "
            "network takes functions of that module.",
            extra={"allowed": "the name of an installed function, or module:Class"},
        ),
    ]
    place: Annotated[
        Literal["ran-node", "edge", "any"] | None,
        Meta(
            description="Where a concrete function runs (R45): at RAN nodes, at edges, or at either. Needed for a "
            "concrete function, not allowed for an abstract one."
        ),
    ] = None
    instances: Annotated[
        int,
        Meta(ge=0, le=64, description="How many instances the orchestrator places; 0: one at each node of the kind."),
    ] = 0
    resources: Annotated[Resources, Meta(description="What one instance takes of its node.")] = Resources()
    busy_s: Annotated[
        float,
        Meta(
            gt=0, le=3600, description="Seconds it may compute without a pause; beyond that it counts as hung and ends."
        ),
    ] = 60.0


class Quality(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Quality of service of what terminals exchange in a routine: a QoS flow on a bearer of its own (R102, R103)."""

    five_qi: Annotated[
        int, Meta(ge=1, le=254, description="5QI: a standard one, or 128 to 131 for the classes of AI traffic.")
    ] = 128
    priority: Annotated[
        int, Meta(ge=0, le=255, description="Scheduling priority, lower first; 0: that of the class.")
    ] = 0
    bit_rate: Annotated[
        int, Meta(ge=0, le=0xFFFF_FFFF, description="Prioritised bit rate in kilobyte per second; 0: none.")
    ] = 0
    bucket_ms: Annotated[int, Meta(ge=0, le=0xFFFF, description="Bucket size duration in milliseconds; 0: 50.")] = 0
    guaranteed_kbps: Annotated[
        int,
        Meta(
            ge=0,
            le=0xFFFF_FFFF,
            description="Guaranteed bit rate (GFBR) in each direction, in kilobit per second; 0: none. "
            "Only for a GBR 5QI.",
        ),
    ] = 0
    maximum_kbps: Annotated[
        int,
        Meta(
            ge=0,
            le=0xFFFF_FFFF,
            description="Maximum bit rate (MFBR) in each direction, in kilobit per second; 0: none.",
        ),
    ] = 0

    @property
    def of_class(self) -> Quality:
        """The same with the priority of the class, where none was given."""
        return replace(self, priority=self.priority or characteristics(self.five_qi).priority)


class Routine(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Two adjacent functions that communicate (R8)."""

    client: Annotated[Name, Meta(description="The client function.")]
    server: Annotated[Name, Meta(description="The server function; a concrete one (R10).")]
    sequential: Annotated[bool, Meta(description="Clients take turns instead of all at once (R79).")] = False
    split: Annotated[
        bool, Meta(description="The model is split between client and server at the setting `cut` (R19).")
    ] = False
    quality: Annotated[
        Quality, Meta(description="Quality of service of its data; only where the client is a terminal.")
    ] = Quality()


class Task(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A chain of routines (R8)."""

    chain: Annotated[
        tuple[Name, ...],
        Meta(min_length=1, description="Routines in order; the server of one is the client of the next (R8, R9)."),
    ]
    repeat: Annotated[
        Literal["once", "until-stop"],
        Meta(description="Run the chain once, or again until the last server says stop (R110)."),
    ] = "once"
    depends_on: Annotated[tuple[Name, ...], Meta(description="Tasks that must be complete before (R6).")] = ()


class EventTrigger(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, tag_field="on", tag="event"):
    """The job starts whenever an application controller of the provider raises the event."""

    event: Annotated[Name, Meta(description="Name of the event.")]


class JobTrigger(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, tag_field="on", tag="job"):
    """The job starts whenever another job of the service has ended well."""

    job: Annotated[Name, Meta(description="The other job.")]


class TerminalsTrigger(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, tag_field="on", tag="terminals"):
    """The job starts once, when enough terminals have consented to it."""

    at_least: Annotated[int, Meta(ge=1, le=65_519, description="So many consenting terminals in one cell.")]
    node: Annotated[str, Meta(max_length=32, description="The cell's RAN node; empty: in any cell.")] = ""


class TimeTrigger(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, tag_field="on", tag="time"):
    """The job starts after a time, counted from the service's registration."""

    after_s: Annotated[float, Meta(gt=0, le=31_536_000, description="Seconds until it starts.")]
    every_s: Annotated[float, Meta(ge=0, le=31_536_000, description="Seconds until it starts again; 0: never.")] = 0.0


Trigger: TypeAlias = EventTrigger | JobTrigger | TerminalsTrigger | TimeTrigger


class Job(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Tasks with one computing goal, started by the service's consumer (R3)."""

    tasks: Annotated[
        tuple[Name, ...], Meta(min_length=1, description="The tasks; their order follows from `depends_on` (R6).")
    ]
    trigger: Annotated[
        Literal["request"] | Trigger,
        Meta(description="What starts the job (R4): a request of the consumer, an event or a condition."),
    ] = "request"
    session_kbps: Annotated[
        int,
        Meta(
            ge=0,
            le=0xFFFF_FFFF,
            description="Session AMBR: most that a terminal's session for the job may send and receive in all its "
            "flows without a guaranteed bit rate, in kilobit per second; 0: none.",
        ),
    ] = 0


class Privacy(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What the service promises to those who give data."""

    k: Annotated[
        int, Meta(ge=1, le=65_519, description="k-anonymity: every routine server has at least k clients (R82, R84).")
    ] = 1
    raw_data_allowed: Annotated[bool, Meta(description="Terminals may be asked for raw data (bottom split, R20).")] = (
        False
    )


class Model(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The model's profile, which the network reads as numbers (R43)."""

    neurons: Annotated[
        tuple[Annotated[int, Meta(ge=1)], ...], Meta(min_length=2, max_length=256, description="Neurons of each layer.")
    ]
    links: Annotated[
        Literal["dense"], Meta(description="Links between adjacent layers: `dense` is from each neuron to each.")
    ] = "dense"

    @property
    def layers(self) -> int:
        """Number of layers of neurons."""
        return len(self.neurons)


class Setting(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A setting of the service's functions; a scenario may give another value of the same type."""

    default: Annotated[SettingValue, Meta(description="The value, which also says the type.")]
    at_least: Annotated[float | None, Meta(description="Smallest value of a number.")] = None
    above: Annotated[float | None, Meta(description="Value that a number must exceed.")] = None
    at_most: Annotated[float | None, Meta(description="Largest value of a number.")] = None
    one_of: Annotated[tuple[str, ...], Meta(description="The values of a text; empty: any.")] = ()
    doc: Annotated[str, Meta(description="What it does.")] = ""

    def accepts(self, value: object) -> bool:
        """Whether `value` has the type of the default and is in range."""
        number = isinstance(value, (int, float)) and not isinstance(value, bool)
        if not (number if isinstance(self.default, float) else type(value) is type(self.default)):
            return False
        if isinstance(value, str):
            return not self.one_of or value in self.one_of
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            return True
        return (
            (self.at_least is None or value >= self.at_least)
            and (self.above is None or value > self.above)
            and (self.at_most is None or value <= self.at_most)
        )


class ServiceDescription(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A service as its provider registers it (R42)."""

    name: Annotated[Name, Meta(description="Name of the service.")]
    provider: Annotated[Name, Meta(description="Who provides it (R41).")]
    provider_code: Annotated[
        str,
        Meta(
            max_length=64,
            description="What the provider does with settings and results at its application controller: a name in "
            f"the entry point group `{PROVIDER_GROUP}`, or `module:Class`. Empty: settings go on, results are kept.",
        ),
    ] = ""
    purpose: Annotated[
        str, Meta(min_length=1, max_length=1000, description="What it computes and why; shown to terminals (R59).")
    ]
    functions: Annotated[dict[Name, Function], Meta(min_length=1, description="The service functions, by name (R1).")]
    routines: Annotated[dict[Name, Routine], Meta(min_length=1, description="The routines, by name (R8).")]
    tasks: Annotated[dict[Name, Task], Meta(min_length=1, description="The tasks, by name (R6).")]
    jobs: Annotated[dict[Name, Job], Meta(min_length=1, description="The jobs, by name (R2).")]
    path: Annotated[
        Literal["computing-bearer", "pdu-session"],
        Meta(
            description="How terminals reach the functions. `computing-bearer`: over computing radio bearers to the "
            "RAN node, on over T8 where the function is elsewhere (R93, R47). `pdu-session`: the classic path, over "
            "data radio bearers, GTP-U and IP to the edge (R95), where the servers of terminals have to be."
        ),
    ] = "computing-bearer"
    privacy: Annotated[Privacy, Meta(description="What the service promises to those who give data.")] = Privacy()
    model: Annotated[Model | None, Meta(description="The model that routines with `split: true` split.")] = None
    settings: Annotated[
        dict[Annotated[str, Meta(pattern=r"^[a-z][a-z0-9_]{0,31}$")], Setting],
        Meta(description="Settings of the functions, by name."),
    ] = {}


def qualities(description: ServiceDescription) -> list[Quality]:
    """Quality of each QoS flow that a terminal's session for the service has: one a kind, in order of the routines."""
    functions = description.functions
    found = (r.quality.of_class for r in description.routines.values() if functions[r.client].kind == "abstract")
    return list(dict.fromkeys(found)) or [Quality().of_class]


def qos_flow(description: ServiceDescription, routine: str) -> int:
    """QoS flow identifier of a routine's data in the sessions of its clients: counts from 1, as sessions are set up."""
    found, quality = qualities(description), description.routines[routine].quality.of_class
    return found.index(quality) + 1 if quality in found else 1


def servers_of_terminals(description: ServiceDescription) -> list[str]:
    """Functions that are servers of routines whose clients are terminals, in order of the routines."""
    functions = description.functions
    servers = (r.server for r in description.routines.values() if functions[r.client].kind == "abstract")
    return list(dict.fromkeys(servers))
