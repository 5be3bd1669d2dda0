"""The service description: what a provider registers with the network (R1-R15, R42).

A service has *functions* (R1). A *routine* joins two of them, client and server (R8); a *task* is a chain of routines
(R8, R9); a *job* is a set of tasks with one computing goal (R3, R6).
"""

from __future__ import annotations

import importlib.metadata
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path as FilePath
from typing import Annotated, Literal, TypeAlias

from msgspec import Meta, Struct

from net4ai.app.schema import Name, convert, numbers
from net4ai.app.yaml_document import ConfigurationError, Document, Path, Problem, nearest, read, shown

__all__ = [
    "Function",
    "Job",
    "Routine",
    "ServiceDescription",
    "ServicePrivacy",
    "Setting",
    "SettingValue",
    "Task",
    "check_service",
    "load_service_description",
]

ENTRY_POINT_GROUP = "net4ai.functions"
CUT = "cut"
"""The setting that is the split layer of the routines with `split: true` (R19)."""

_BOUNDS = ("at_least", "above", "at_most")
_LIMITS: Mapping[type, tuple[str, ...]] = {
    bool: (*_BOUNDS, "one_of"),
    int: ("one_of",),
    float: ("one_of",),
    str: _BOUNDS,
}
"""The limits that have no meaning for a setting of a type."""
_MODULE_AND_CLASS = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*")

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
            description=f"The code: a name in the entry point group `{ENTRY_POINT_GROUP}`, or `module:Class`.",
            extra={"allowed": "the name of an installed function, or module:Class"},
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


class ServicePrivacy(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
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

    def allowed(self) -> str:
        """The values allowed, in words."""
        if isinstance(self.default, bool):
            return "true or false"
        if isinstance(self.default, str):
            return ", ".join(self.one_of) or "text"
        noun = "an integer" if isinstance(self.default, int) else "a number"
        return numbers(noun, self.at_least, self.above, self.at_most)


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
    privacy: Annotated[ServicePrivacy, Meta(description="What the service promises to those who give data.")] = (
        ServicePrivacy()
    )
    settings: Annotated[
        dict[Annotated[str, Meta(pattern=r"^[a-z][a-z0-9_]{0,31}$")], Setting],
        Meta(description="Settings of the functions, by name."),
    ] = {}


def load_service_description(path: FilePath | str) -> ServiceDescription:
    """Read and check the service description in a file. Raises `ConfigurationError`."""
    document = read(FilePath(path), str(path))
    service = convert(document, ServiceDescription)
    problems = list(check_service(document, service, ()))
    if problems:
        raise ConfigurationError(*problems)
    return service


def check_service(document: Document, service: ServiceDescription, path: Path) -> Iterator[Problem]:
    """References of `service`, which stands at `path` of `document`, that lead nowhere or where they must not."""
    yield from _check_functions(document, service, (*path, "functions"))
    yield from _check_routines(document, service, (*path, "routines"))
    yield from _check_tasks(document, service, (*path, "tasks"))
    yield from _check_jobs(document, service, (*path, "jobs"))
    yield from _check_settings(document, service, (*path, "settings"))


def check_reference(document: Document, path: Path, name: str, known: Iterable[str], noun: str) -> Iterator[Problem]:
    """A problem if `name`, written at `path`, is not among the `known` ones."""
    known = list(dict.fromkeys(known))
    if name not in known:
        yield document.problem(path, f"no {noun} {shown(name)}{nearest(name, known)}", ", ".join(known))


def _check_functions(document: Document, service: ServiceDescription, path: Path) -> Iterator[Problem]:
    installed = sorted(point.name for point in importlib.metadata.entry_points(group=ENTRY_POINT_GROUP))
    for name, function in service.functions.items():
        here = (*path, name)
        if not _MODULE_AND_CLASS.fullmatch(function.entry_point) and function.entry_point not in installed:
            complaint = f"no installed function {shown(function.entry_point)}{nearest(function.entry_point, installed)}"
            yield document.problem((*here, "entry_point"), complaint, f"{', '.join(installed)}, or module:Class")
        if function.kind == "concrete" and function.place is None:
            yield document.problem(here, "missing", "ran-node, edge", key="place")
        if function.kind == "abstract" and function.place is not None:
            complaint = "not allowed for an abstract function, which is the terminals and has no place (R12)"
            yield document.problem((*here, "place"), complaint)


def _check_routines(document: Document, service: ServiceDescription, path: Path) -> Iterator[Problem]:
    concrete = [name for name, function in service.functions.items() if function.kind == "concrete"]
    for name, routine in service.routines.items():
        here = (*path, name)
        yield from check_reference(document, (*here, "client"), routine.client, service.functions, "function")
        yield from check_reference(document, (*here, "server"), routine.server, service.functions, "function")
        if routine.server in service.functions and routine.server not in concrete:
            complaint = f"{routine.server} is abstract: a terminal cannot be a routine server (R10)"
            yield document.problem((*here, "server"), complaint, ", ".join(concrete))
        elif routine.server in service.functions and routine.server == routine.client:
            complaint = f"{routine.server} is the client too; a routine joins two functions (R8)"
            yield document.problem((*here, "server"), complaint)


def _check_tasks(document: Document, service: ServiceDescription, path: Path) -> Iterator[Problem]:
    concrete = [name for name, function in service.functions.items() if function.kind == "concrete"]
    for name, task in service.tasks.items():
        here = (*path, name)
        for index, routine in enumerate(task.chain):
            place = (*here, "chain", str(index))
            yield from check_reference(document, place, routine, service.routines, "routine")
        for index, (first, second) in enumerate(zip(task.chain, task.chain[1:], strict=False), start=1):
            before, after = service.routines.get(first), service.routines.get(second)
            if before and after and before.server in concrete and before.server != after.client:
                complaint = f"{second} does not join {first}: its client is {after.client}, not {before.server} (R8)"
                joining = [other for other, routine in service.routines.items() if routine.client == before.server]
                yield document.problem((*here, "chain", str(index)), complaint, ", ".join(joining))
        for index, other in enumerate(task.depends_on):
            yield from check_reference(document, (*here, "depends_on", str(index)), other, service.tasks, "task")
    cycle = _cycle({name: task.depends_on for name, task in service.tasks.items()})
    if cycle:
        complaint = f"tasks depend on each other in a circle (R7): {' -> '.join(cycle)}"
        yield document.problem((*path, cycle[0], "depends_on"), complaint)


def _cycle(depends_on: Mapping[str, Iterable[str]]) -> list[str]:
    """One cycle of the graph, its first name again at the end; empty when there is none."""
    remaining = {name: {other for other in others if other in depends_on} for name, others in depends_on.items()}
    while ready := [name for name, others in remaining.items() if not others & remaining.keys()]:
        for name in ready:
            del remaining[name]
    walk: list[str] = []
    names = list(remaining)[:1]
    while names and names[0] not in walk:
        walk += names
        names = [other for other in depends_on[names[0]] if other in remaining][:1]
    return [*walk[walk.index(names[0]) :], *names] if names else []


def _check_jobs(document: Document, service: ServiceDescription, path: Path) -> Iterator[Problem]:
    for name, job in service.jobs.items():
        for index, task in enumerate(job.tasks):
            here = (*path, name, "tasks", str(index))
            yield from check_reference(document, here, task, service.tasks, "task")
            for other in service.tasks[task].depends_on if task in service.tasks else ():
                if other in service.tasks and other not in job.tasks:
                    yield document.problem(here, f"{task} depends on {other}, which is not in this job (R6)")
            if task in job.tasks[:index]:
                yield document.problem(here, f"{task} is given twice")


def _check_settings(document: Document, service: ServiceDescription, path: Path) -> Iterator[Problem]:
    for name, setting in service.settings.items():
        if not setting.accepts(setting.default):
            yield document.problem((*path, name, "default"), allowed=setting.allowed())
        for key in _LIMITS[type(setting.default)]:
            if getattr(setting, key) not in (None, ()):
                kind = "text" if key == "one_of" else "numbers"
                yield document.problem((*path, name, key), f"only for {kind}, the default is {shown(setting.default)}")
    split = [name for name, routine in service.routines.items() if routine.split]
    if split:
        needed = f"{{default: 1, at_least: 0, at_most: blocks of the model}}; routine {split[0]} is split"
        cut = service.settings.get(CUT)
        if cut is None:
            yield document.problem(path, "missing", needed, key=CUT)
        elif type(cut.default) is not int or cut.at_least is None or cut.at_least < 0 or cut.at_most is None:
            yield document.problem((*path, CUT), allowed=needed)
