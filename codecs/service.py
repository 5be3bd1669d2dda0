"""A service as its provider describes it, in YAML and on the control bus (R1-R15, R42).

A service has *functions* (R1). A *routine* joins two of them, client and server (R8); a *task* is a chain of routines
(R8, R9); a *job* is a set of tasks with one computing goal (R3, R6).
"""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

from msgspec import Meta, Struct

NAME_PATTERN = r"^[A-Za-z][A-Za-z0-9_-]{0,31}$"

Name: TypeAlias = Annotated[
    str,
    Meta(pattern=NAME_PATTERN, extra={"allowed": "a name: a letter, then up to 31 letters, digits, hyphens or _"}),
]
"""What nodes, groups, functions, routines, tasks and jobs are called."""

ENTRY_POINT_GROUP = "net4ai.functions"

SettingValue: TypeAlias = bool | int | float | str


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
            description=f"The code: a name in the entry point group `{ENTRY_POINT_GROUP}`.",
            extra={"allowed": "the name of an installed function"},
        ),
    ]
    place: Annotated[
        Literal["ran-node", "edge"] | None,
        Meta(
            description="Where a concrete function runs: `ran-node` is one instance at each RAN node, `edge` one at "
            "the edge (R45). Needed for a concrete function, not allowed for an abstract one."
        ),
    ] = None


class Routine(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Two adjacent functions that communicate (R8)."""

    client: Annotated[Name, Meta(description="The client function.")]
    server: Annotated[Name, Meta(description="The server function; a concrete one (R10).")]
    sequential: Annotated[bool, Meta(description="Clients take turns instead of all at once (R79).")] = False
    split: Annotated[
        bool, Meta(description="The model is split between client and server at the setting `cut` (R19).")
    ] = False


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


class Job(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Tasks with one computing goal, started by the service's consumer (R3)."""

    tasks: Annotated[
        tuple[Name, ...], Meta(min_length=1, description="The tasks; their order follows from `depends_on` (R6).")
    ]
    trigger: Annotated[Literal["request"], Meta(description="What starts the job (R4).")] = "request"


class Privacy(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What the service promises to those who give data."""

    k: Annotated[
        int, Meta(ge=1, le=65_519, description="k-anonymity: every routine server has at least k clients (R82, R84).")
    ] = 1
    raw_data_allowed: Annotated[bool, Meta(description="Terminals may be asked for raw data (bottom split, R20).")] = (
        False
    )


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
    purpose: Annotated[
        str, Meta(min_length=1, max_length=1000, description="What it computes and why; shown to terminals (R59).")
    ]
    functions: Annotated[dict[Name, Function], Meta(min_length=1, description="The service functions, by name (R1).")]
    routines: Annotated[dict[Name, Routine], Meta(min_length=1, description="The routines, by name (R8).")]
    tasks: Annotated[dict[Name, Task], Meta(min_length=1, description="The tasks, by name (R6).")]
    jobs: Annotated[dict[Name, Job], Meta(min_length=1, description="The jobs, by name (R2).")]
    privacy: Annotated[Privacy, Meta(description="What the service promises to those who give data.")] = Privacy()
    settings: Annotated[
        dict[Annotated[str, Meta(pattern=r"^[a-z][a-z0-9_]{0,31}$")], Setting],
        Meta(description="Settings of the functions, by name."),
    ] = {}
