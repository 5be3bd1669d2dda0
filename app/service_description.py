"""Service descriptions: read from YAML or given in Python, checked the same way (`net4ai.codecs.service_check`).

service = load_service_description("counting.yaml")
check_service_description(ServiceDescription(name="counting", ...))
"""

from __future__ import annotations

import importlib.metadata
from collections.abc import Collection, Iterable, Iterator
from dataclasses import replace
from pathlib import Path as FilePath

import msgspec

from net4ai.app.schema import convert
from net4ai.app.yaml_document import ConfigurationError, Document, Path, Problem, parse, read
from net4ai.codecs import service_check
from net4ai.codecs.service import ENTRY_POINT_GROUP, PROVIDER_GROUP, ServiceDescription
from net4ai.codecs.service_check import CUT, Fault, allowed_values
from net4ai.codecs.wording import nearest, shown

__all__ = [
    "CUT",
    "allowed_values",
    "check_reference",
    "check_service",
    "check_service_description",
    "load_service_description",
]


def load_service_description(path: FilePath | str, allowed_modules: Collection[str] = ()) -> ServiceDescription:
    """Read and check the service description in a file. Raises `ConfigurationError`.

    `allowed_modules`: modules, and packages with all in them, whose classes may be named as functions.
    """
    return _checked(read(FilePath(path), str(path)), allowed_modules)


def check_service_description(service: ServiceDescription, allowed_modules: Collection[str] = ()) -> None:
    """Check a description that was made in Python. Raises `ConfigurationError`, which names the paths."""
    try:
        _checked(parse(msgspec.json.encode(service), service.name), allowed_modules)
    except ConfigurationError as error:
        # JSON is YAML, but on one line.
        raise ConfigurationError(*(replace(problem, line=0, column=0) for problem in error.problems)) from None


def _checked(document: Document, allowed_modules: Collection[str]) -> ServiceDescription:
    service = convert(document, ServiceDescription)
    problems = list(check_service(document, service, (), allowed_modules))
    if problems:
        raise ConfigurationError(*problems)
    return service


def check_service(
    document: Document,
    service: ServiceDescription,
    path: Path,
    allowed_modules: Collection[str] = (),
    ran_nodes: Collection[str] | None = None,
) -> Iterator[Problem]:
    """What is wrong with `service`, which stands at `path` of `document`. With `ran_nodes`, only these exist."""
    faults = [*service_check.check_service_description(service, ran_nodes), *_check_code(service, allowed_modules)]
    for fault in faults:
        yield _problem(document, path, fault)


def check_reference(document: Document, path: Path, name: str, known: Iterable[str], noun: str) -> Iterator[Problem]:
    """A problem if `name`, written at `path`, is not among the `known` ones."""
    for fault in service_check.check_reference((), name, known, noun):
        yield _problem(document, path, fault)


def _problem(document: Document, path: Path, fault: Fault) -> Problem:
    return document.problem((*path, *map(str, fault.path)), fault.complaint, fault.allowed)


def _check_code(service: ServiceDescription, allowed_modules: Collection[str]) -> Iterator[Fault]:
    """Functions and provider are installed here, or their module is allowed."""
    for name, function in service.functions.items():
        path = ("functions", name, "entry_point")
        yield from _check_entry_point(path, function.entry_point, ENTRY_POINT_GROUP, "function", allowed_modules)
    if service.provider_code:
        yield from _check_entry_point(
            ("provider_code",), service.provider_code, PROVIDER_GROUP, "provider", allowed_modules
        )


def _check_entry_point(
    path: Path, text: str, group: str, noun: str, allowed_modules: Collection[str]
) -> Iterator[Fault]:
    if not service_check.ENTRY_POINT.fullmatch(text):
        return  # refused already
    module, colon, _ = text.partition(":")
    if not colon:
        installed = sorted(point.name for point in importlib.metadata.entry_points(group=group))
        if text not in installed:
            yield Fault(path, f"no installed {noun} {shown(text)}{nearest(text, installed)}", ", ".join(installed))
    elif not any(f"{module}.".startswith(f"{allowed}.") for allowed in allowed_modules):
        complaint = f"{noun}s of the module {module} are not allowed; function_modules or --module names what is"
        yield Fault(path, complaint, ", ".join(allowed_modules))
