"""Service descriptions in YAML: read, and checked beyond their schema (`net4ai.codecs.service`)."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path as FilePath

from net4ai.app.schema import convert, numbers
from net4ai.app.yaml_document import ConfigurationError, Document, Path, Problem, nearest, read, shown
from net4ai.codecs.service import ENTRY_POINT_GROUP, ServiceDescription, Setting

__all__ = ["CUT", "allowed_values", "check_reference", "check_service", "load_service_description"]

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


def allowed_values(setting: Setting) -> str:
    """The values of a setting, in words."""
    if isinstance(setting.default, bool):
        return "true or false"
    if isinstance(setting.default, str):
        return ", ".join(setting.one_of) or "text"
    noun = "an integer" if isinstance(setting.default, int) else "a number"
    return numbers(noun, setting.at_least, setting.above, setting.at_most)


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
        if function.entry_point not in installed:
            complaint = f"no installed function {shown(function.entry_point)}{nearest(function.entry_point, installed)}"
            yield document.problem((*here, "entry_point"), complaint, ", ".join(installed))
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
            yield document.problem((*path, name, "default"), allowed=allowed_values(setting))
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
