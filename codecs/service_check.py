"""What a service description must be beyond its schema, before anything is reserved for it (R6-R8, R10-R12, R43).

One checker for all ways in: descriptions in YAML, where the paths become lines, descriptions in Python, and
registrations at the core.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import NamedTuple, TypeAlias

from net4ai.codecs.compute import MAXIMUM_SEATS
from net4ai.codecs.five_qi import CHARACTERISTICS, contradiction
from net4ai.codecs.service import (
    Function,
    JobTrigger,
    Quality,
    Resources,
    ServiceDescription,
    Setting,
    TerminalsTrigger,
    TimeTrigger,
    servers_of_terminals,
)
from net4ai.codecs.wording import nearest, numbers, shown

__all__ = [
    "CUT",
    "Fault",
    "allowed_cuts",
    "allowed_values",
    "check_reference",
    "check_service_description",
    "terminals_take_part",
]

CUT = "cut"
"""The setting that is the split layer of the routines with `split: true` (R19)."""
MAXIMUM_CUT = 255
"""The cut is one octet in messages to terminals."""
MINIMUM_PERIOD_S = 1
"""Seconds between two starts of a job by time, at the least."""

Path: TypeAlias = tuple[str | int, ...]
"""The way to a value: keys, and in lists indices. The last key may be one that is missing."""


class Fault(NamedTuple):
    """One thing wrong with a description; `str()` is one line."""

    path: Path
    complaint: str
    allowed: str = ""

    def __str__(self) -> str:
        where = "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in self.path).removeprefix(".")
        text = f"{where}: {self.complaint}"
        return f"{text}{'' if text.endswith('?') else ';'} allowed: {self.allowed}" if self.allowed else text


def check_service_description(service: ServiceDescription, ran_nodes: Collection[str] | None = None) -> Iterator[Fault]:
    """All that is wrong with `service`. With `ran_nodes`, only these may be named in triggers."""
    for name, function in service.functions.items():
        yield from _check_function(function, ("functions", name))
    if service.provider_code and not ENTRY_POINT.fullmatch(service.provider_code):
        yield _refused(("provider_code",), service.provider_code, "the name of an installed provider, or module:Class")
    yield from _check_routines(service)
    yield from _check_tasks(service)
    yield from _check_jobs(service)
    yield from _check_triggers(service, ran_nodes)
    yield from _check_privacy(service)
    yield from _check_settings(service)
    yield from _check_cut(service)
    yield from _check_path(service)


def check_reference(path: Path, name: str, known: Iterable[str], noun: str) -> Iterator[Fault]:
    """A fault if `name`, written at `path`, is not among the `known` ones."""
    known = list(dict.fromkeys(known))
    if name not in known:
        yield Fault(path, f"no {noun} {shown(name)}{nearest(name, known)}", ", ".join(known))


def terminals_take_part(service: ServiceDescription, job: str) -> bool:
    """Whether terminals are clients in the job: only then are they asked for consent (R13, R59)."""
    routines = (service.routines[routine] for task in service.jobs[job].tasks for routine in service.tasks[task].chain)
    return any(service.functions[routine.client].kind == "abstract" for routine in routines)


def _refused(path: Path, value: object, allowed: str) -> Fault:
    return Fault(path, f"{shown(value)} is not allowed", allowed)


# ---------------------------------------------------------------------------------------------------------------------
# Functions, routines, tasks

ENTRY_POINT = re.compile(
    r"[A-Za-z0-9][A-Za-z0-9_.-]*"  # installed
    r"|[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)*:[A-Za-z_][A-Za-z0-9_]*"  # module:Class
)

_OF_CONCRETE: Mapping[str, tuple[object, str]] = {
    "place": (None, "has no place"),
    "instances": (0, "is not instantiated"),
    "resources": (Resources(), "takes no resources of the network"),
}
"""Keys that only concrete functions have: what they are where nothing is said, and why."""


def _check_function(function: Function, path: Path) -> Iterator[Fault]:
    if not ENTRY_POINT.fullmatch(function.entry_point):
        allowed = "the name of an installed function, or module:Class"
        yield _refused((*path, "entry_point"), function.entry_point, allowed)
    if function.kind == "concrete" and function.place is None:
        yield Fault((*path, "place"), "missing", "ran-node, edge, any")
    if function.kind == "abstract":
        for key, (nothing, reason) in _OF_CONCRETE.items():
            if getattr(function, key) != nothing:
                complaint = f"not allowed for an abstract function, which is the terminals and {reason} (R12)"
                yield Fault((*path, key), complaint)


def _check_quality(quality: Quality, path: Path) -> Iterator[Fault]:
    if quality.five_qi not in CHARACTERISTICS:
        yield _refused((*path, "five_qi"), quality.five_qi, ", ".join(map(str, sorted(CHARACTERISTICS))))
        return
    found = contradiction(quality.five_qi, quality.guaranteed_kbps, quality.maximum_kbps)
    if found is not None:
        key = f"{found[0]}_kbps"
        yield Fault((*path, key), f"{getattr(quality, key)} is not allowed: {found[1]}")


def _concrete(service: ServiceDescription) -> list[str]:
    return [name for name, function in service.functions.items() if function.kind == "concrete"]


def _check_routines(service: ServiceDescription) -> Iterator[Fault]:
    concrete = _concrete(service)
    for name, routine in service.routines.items():
        path = ("routines", name)
        yield from check_reference((*path, "client"), routine.client, service.functions, "function")
        yield from check_reference((*path, "server"), routine.server, service.functions, "function")
        if routine.server in service.functions and routine.server not in concrete:
            complaint = f"{routine.server} is abstract: a terminal cannot be a routine server (R10)"
            yield Fault((*path, "server"), complaint, ", ".join(concrete))
        elif routine.server in service.functions and routine.server == routine.client:
            complaint = f"{routine.server} is the client too; a routine joins two functions (R8)"
            yield Fault((*path, "server"), complaint)
        if routine.client in concrete and routine.quality != Quality():
            complaint = f"only where the client is a terminal; {routine.client} is concrete (R102)"
            yield Fault((*path, "quality"), complaint)
        else:
            yield from _check_quality(routine.quality, (*path, "quality"))


def _check_tasks(service: ServiceDescription) -> Iterator[Fault]:
    concrete = _concrete(service)
    for name, task in service.tasks.items():
        path = ("tasks", name)
        for index, routine in enumerate(task.chain):
            yield from check_reference((*path, "chain", index), routine, service.routines, "routine")
        for index, (first, second) in enumerate(zip(task.chain, task.chain[1:], strict=False), start=1):
            before, after = service.routines.get(first), service.routines.get(second)
            if before and after and before.server in concrete and before.server != after.client:
                complaint = f"{second} does not join {first}: its client is {after.client}, not {before.server} (R8)"
                joining = [other for other, routine in service.routines.items() if routine.client == before.server]
                yield Fault((*path, "chain", index), complaint, ", ".join(joining))
        for index, other in enumerate(task.depends_on):
            yield from check_reference((*path, "depends_on", index), other, service.tasks, "task")
    circle = _circle({name: task.depends_on for name, task in service.tasks.items()})
    if circle:
        complaint = f"tasks depend on each other in a circle (R7): {' -> '.join(circle)}"
        yield Fault(("tasks", circle[0], "depends_on"), complaint)


def _circle(edges: Mapping[str, Iterable[str]]) -> list[str]:
    """One circle of the graph, its first name again at the end; empty when there is none."""
    remaining = {name: {other for other in others if other in edges} for name, others in edges.items()}
    while ready := [name for name, others in remaining.items() if not others & remaining.keys()]:
        for name in ready:
            del remaining[name]
    walk: list[str] = []
    names = list(remaining)[:1]
    while names and names[0] not in walk:
        walk += names
        names = [other for other in edges[names[0]] if other in remaining][:1]
    return [*walk[walk.index(names[0]) :], *names] if names else []


# ---------------------------------------------------------------------------------------------------------------------
# Jobs and what starts them


def _check_jobs(service: ServiceDescription) -> Iterator[Fault]:
    for name, job in service.jobs.items():
        for index, task in enumerate(job.tasks):
            path = ("jobs", name, "tasks", index)
            yield from check_reference(path, task, service.tasks, "task")
            for other in service.tasks[task].depends_on if task in service.tasks else ():
                if other in service.tasks and other not in job.tasks:
                    yield Fault(path, f"{task} depends on {other}, which is not in this job (R6)")
            if task in job.tasks[:index]:
                yield Fault(path, f"{task} is given twice")


def _check_triggers(service: ServiceDescription, ran_nodes: Collection[str] | None) -> Iterator[Fault]:
    starts: dict[str, tuple[str, ...]] = dict.fromkeys(service.jobs, ())
    for name, job in service.jobs.items():
        path = ("jobs", name, "trigger")
        match job.trigger:
            case JobTrigger(job=other):
                starts[name] = (other,)
                yield from check_reference((*path, "job"), other, service.jobs, "job")
            case TerminalsTrigger(node=node):
                if node and ran_nodes is not None:
                    yield from check_reference((*path, "node"), node, ran_nodes, "RAN node")
                if _sound(service, name) and not terminals_take_part(service, name):
                    yield Fault(path, "no terminals take part in this job: nobody is asked for consent (R59)")
            case TimeTrigger(every_s=period) if 0 < period < MINIMUM_PERIOD_S:
                yield _refused((*path, "every_s"), period, f"0, or a number from {MINIMUM_PERIOD_S} to 31536000")
    circle = _circle(starts)
    if circle:
        complaint = f"jobs start each other in a circle, each waiting for the other: {' -> '.join(circle)}"
        yield Fault(("jobs", circle[0], "trigger"), complaint)


def _sound(service: ServiceDescription, job: str) -> bool:
    """Whether all that the job leads to is there."""
    tasks = [service.tasks.get(task) for task in service.jobs[job].tasks]
    routines = [service.routines.get(routine) for task in tasks if task for routine in task.chain]
    return all(tasks) and all(routine is not None and routine.client in service.functions for routine in routines)


def _check_privacy(service: ServiceDescription) -> Iterator[Fault]:
    if not 1 <= service.privacy.k <= MAXIMUM_SEATS:
        allowed = f"an integer from 1 to {MAXIMUM_SEATS}, the clients that one server can have"
        yield _refused(("privacy", "k"), service.privacy.k, allowed)
    functions = service.functions
    for name, routine in () if service.privacy.raw_data_allowed else service.routines.items():
        if not routine.split and routine.client in functions and functions[routine.client].kind == "abstract":
            complaint = f"routine {name} splits no model: its terminals give raw data (R20)"
            yield Fault(("privacy", "raw_data_allowed"), complaint, "true, or no such routine")
            return


# ---------------------------------------------------------------------------------------------------------------------
# Settings

_BOUNDS = ("at_least", "above", "at_most")
_LIMITS: Mapping[type, tuple[str, ...]] = {
    bool: (*_BOUNDS, "one_of"),
    int: ("one_of",),
    float: ("one_of",),
    str: _BOUNDS,
}
"""The limits that have no meaning for a setting of a type."""


def allowed_values(setting: Setting) -> str:
    """The values of a setting, in words."""
    if isinstance(setting.default, bool):
        return "true or false"
    if isinstance(setting.default, str):
        return ", ".join(setting.one_of) or "text"
    noun = "an integer" if isinstance(setting.default, int) else "a number"
    return numbers(noun, setting.at_least, setting.above, setting.at_most)


def allowed_cuts(service: ServiceDescription) -> range:
    """The cuts at which the service's model may be split; empty where nothing is split (R19, R20)."""
    setting = service.settings.get(CUT)
    if setting is None or setting.at_least is None or setting.at_most is None:
        return range(0)
    lowest = int(setting.at_least) if service.privacy.raw_data_allowed else max(1, int(setting.at_least))
    return range(lowest, int(setting.at_most) + 1)


def _check_settings(service: ServiceDescription) -> Iterator[Fault]:
    for name, setting in service.settings.items():
        path = ("settings", name)
        if not setting.accepts(setting.default):
            yield _refused((*path, "default"), setting.default, allowed_values(setting))
        for key in _LIMITS[type(setting.default)]:
            if getattr(setting, key) not in (None, ()):
                kind = "text" if key == "one_of" else "numbers"
                yield Fault((*path, key), f"only for {kind}, the default is {shown(setting.default)}")


def _check_cut(service: ServiceDescription) -> Iterator[Fault]:
    """Where a routine is split, the cut is a setting within the model, and no raw data are asked for unless allowed."""
    split = [name for name, routine in service.routines.items() if routine.split]
    if not split:
        return
    path = ("settings", CUT)
    needed = f"{{default: 1, at_least: 0, at_most: blocks of the model}}; routine {split[0]} is split"
    cut = service.settings.get(CUT)
    if cut is None:
        yield Fault(path, "missing", needed)
        return
    if type(cut.default) is not int or cut.at_least is None or cut.at_least < 0 or cut.at_most is None:
        complaint = "this is not a range of cuts"
        yield Fault(path, complaint, needed)
        return
    blocks = service.model.layers - 1 if service.model is not None else MAXIMUM_CUT
    if cut.at_most > blocks:
        reason = "the blocks of the model" if service.model is not None else "as the cut is one octet"
        yield _refused((*path, "at_most"), cut.at_most, f"at most {blocks}, {reason}")
    if cut.default == 0 and not service.privacy.raw_data_allowed:
        yield _refused((*path, "default"), 0, "1 or more, because the service does not allow raw data (R20)")


def _check_path(service: ServiceDescription) -> Iterator[Fault]:
    """A PDU session leads to an edge: there is who the terminals talk to."""
    functions, routines = service.functions, service.routines.values()
    if service.path != "pdu-session" or any(r.client not in functions or r.server not in functions for r in routines):
        return
    for server in servers_of_terminals(service):
        if functions[server].place != "edge":
            reason = "with path pdu-session the servers of terminals are at the edge"
            yield Fault(("functions", server, "place"), f"{shown(functions[server].place)}: {reason}", "edge")
