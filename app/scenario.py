"""The scenario: which nodes and terminals there are, how their links behave, and the job they run.

`load_scenario` reads a scenario and the service description it names, applies `--set` overrides, and checks all of it
at once: the result is a `Scenario`, or a `ConfigurationError` that lists every problem with file and line.
"""

from __future__ import annotations

import importlib.resources
import ipaddress
from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from importlib.resources.abc import Traversable
from pathlib import Path as FilePath
from pathlib import PurePosixPath
from typing import TypeAlias

import msgspec

from net4ai.app.scenario_schema import (
    MAX_UES_PER_RAN_NODE,
    Addresses,
    Bus,
    Core,
    Cut,
    Edge,
    Handover,
    Impairment,
    Links,
    Privacy,
    RanNode,
    Scenario,
    Security,
    Subscriber,
    UeClass,
    UeGroup,
)
from net4ai.app.schema import convert
from net4ai.app.service_description import CUT, allowed_values, check_reference, check_service
from net4ai.app.ue_radio import check_ue_radio, include_traces
from net4ai.app.yaml_document import (
    OVERRIDE,
    ConfigurationError,
    Document,
    Path,
    Problem,
    dotted,
    nearest,
    parse,
    read,
    refusal,
    shown,
)
from net4ai.codecs.envelope import provider_of
from net4ai.codecs.service import Routine, TerminalsTrigger
from net4ai.stack.message_hooks import fault, rule_hook

__all__ = [
    "Addresses",
    "Bus",
    "ConfigurationError",
    "Core",
    "Cut",
    "Edge",
    "Handover",
    "Impairment",
    "Links",
    "Privacy",
    "RanNode",
    "Scenario",
    "Security",
    "Subscriber",
    "UeClass",
    "UeGroup",
    "load_scenario",
    "parse_scenario",
    "shipped_scenarios",
    "ue_subscribers",
    "warnings",
]

MINIMUM_INTERVAL = 40
"""Milliseconds between measurement reports, at the least."""
MAX_OVERRIDE_DEPTH = 20
"""Keys in the path of one override."""
CORE = "core"
"""The core's name among the nodes."""


def ue_subscribers(scenario: Scenario) -> list[Subscriber]:
    """All UEs of `scenario`, in order of their number."""
    places = ((group, index) for group in scenario.ue_groups for index in range(group.count))
    return [Subscriber(number, group, index) for number, (group, index) in enumerate(places)]


def shipped_scenarios() -> list[str]:
    """Names of the scenarios that come with the product."""
    names = [file.name for file in _shipped_folder().iterdir()]
    return sorted(
        name.removesuffix(".yaml") for name in names if name.endswith(".yaml") and not name.endswith(".service.yaml")
    )


def load_scenario(
    path_or_name: FilePath | str, overrides: Sequence[str] = (), timer_names: Collection[str] | None = None
) -> Scenario:
    """Read and check a scenario: a path to a YAML file, or the bare name of a shipped one.

    `overrides` are the texts after `--set`, such as `links.radio.loss=0.1`. With `timer_names`, only these may stand
    under `timers`. In the result the host is an IP address, `job` is filled in and `settings` are complete: the
    service's defaults with the scenario's values. Raises `ConfigurationError`.
    """
    text = str(path_or_name)
    folder: Traversable
    if isinstance(path_or_name, FilePath) or "/" in text or "\\" in text or text.endswith((".yaml", ".yml")):
        file = FilePath(path_or_name)
        return _load(read(file, text), file.parent, overrides, timer_names)
    shipped = shipped_scenarios()
    if text not in shipped:
        complaint = f"no such scenario{nearest(text, shipped)}"
        raise refusal(text, 0, 0, complaint, f"{', '.join(shipped)}, or a path to a .yaml file")
    folder = _shipped_folder()
    return _load(read(folder / f"{text}.yaml", f"{text}.yaml"), folder, overrides, timer_names)


def parse_scenario(
    data: bytes | str,
    name: str,
    folder: Traversable,
    overrides: Sequence[str] = (),
    timer_names: Collection[str] | None = None,
) -> Scenario:
    """As `load_scenario`, for a text at hand; `name` is its name in errors, `folder` holds its service description."""
    return _load(parse(data, name), folder, overrides, timer_names)


def _shipped_folder() -> Traversable:
    return importlib.resources.files("net4ai.scenarios")


def _load(
    document: Document, folder: Traversable, overrides: Sequence[str], timer_names: Collection[str] | None
) -> Scenario:
    naming, rest = _read_overrides(overrides)
    if isinstance(document.root.value, dict):  # else `convert` says what is wrong
        _apply(document, naming)
        _include_service(document, folder)
        _apply(document, rest)
        include_traces(document, folder)
    scenario = convert(document, Scenario)
    problems = [
        *check_service(
            document,
            scenario.service,
            ("service",),
            scenario.function_modules,
            [node.name for node in scenario.ran_nodes],
        ),
        *_check_nodes(document, scenario),
        *_check_ue_groups(document, scenario),
        *_check_job_and_settings(document, scenario),
        *_check_addresses(document, scenario),
        *_check_timers(document, scenario, timer_names),
        *_check_hooks(document, scenario),
        *_check_handovers(document, scenario),
        *_check_radio(document, scenario),
        *check_ue_radio(document, scenario),
    ]
    if problems:
        raise ConfigurationError(*problems)
    return _completed(scenario, folder)


def _completed(scenario: Scenario, folder: Traversable) -> Scenario:
    """`scenario`, which stands in `folder`, with the values filled in that follow from others."""
    settings = {name: setting.default for name, setting in scenario.service.settings.items()}
    for name, value in scenario.settings.items():
        settings[name] = float(value) if isinstance(settings[name], float) else value
    host = "127.0.0.1" if scenario.addresses.host == "localhost" else scenario.addresses.host
    return msgspec.structs.replace(
        scenario,
        job=scenario.job or next(iter(scenario.service.jobs)),
        settings=settings,
        function_path=_function_path(scenario, folder),
        addresses=msgspec.structs.replace(scenario.addresses, host=host),
    )


def _function_path(scenario: Scenario, folder: Traversable) -> str:
    """Where modules with functions are, as every process finds it; empty where there are none."""
    if not scenario.function_modules or not isinstance(folder, FilePath):
        return ""
    return str((folder / scenario.function_path).resolve())


Override: TypeAlias = tuple[Path, Document]


def _read_overrides(overrides: Sequence[str]) -> tuple[list[Override], list[Override]]:
    """The overrides that name the service description's file, and those that apply once it is read."""
    naming: list[Override] = []
    rest: list[Override] = []
    problems: list[Problem] = []
    for text in overrides:
        key, equals, value = text.partition("=")
        path = tuple(key.strip().split("."))
        if not equals or not all(path) or len(path) > MAX_OVERRIDE_DEPTH:
            allowed = "key=value, such as links.radio.loss=0.1"
            problems.append(Problem(OVERRIDE, 0, 0, dotted((text,)), text, "not an override", allowed))
            continue
        try:
            document = parse(value, OVERRIDE)
        except ConfigurationError as error:
            problems += [replace(problem, line=0, key=dotted(path), value=value) for problem in error.problems]
            continue
        (naming if path == ("service",) else rest).append((path, document))
    if problems:
        raise ConfigurationError(*problems)
    return naming, rest


def _apply(document: Document, overrides: Sequence[Override]) -> None:
    problems: list[Problem] = []
    for path, value in overrides:
        try:
            document.override(path, value.root)
        except ConfigurationError as error:
            problems += error.problems
    if problems:
        raise ConfigurationError(*problems)


def _include_service(document: Document, folder: Traversable) -> None:
    """Put the service description that `document` names by its file in place of the file's name."""
    node = document.find(("service",))
    if node is None or not isinstance(node.value, str):
        return  # missing, or written in the scenario itself: the schema's business
    name = node.value
    allowed = "the name of a YAML file in the scenario's folder"
    parts = PurePosixPath(name).parts
    if not parts or name.startswith("/") or ".." in parts or "\\" in name or not name.endswith((".yaml", ".yml")):
        raise ConfigurationError(document.problem(("service",), allowed=allowed))
    try:
        file = folder.joinpath(*parts)
        found = file.is_file()
        inside = not isinstance(file, FilePath) or file.resolve().is_relative_to(FilePath(str(folder)).resolve())
    except (OSError, ValueError, RuntimeError):  # a name that no file can have, or a circle of links
        found, inside = False, True
    if not inside:
        raise ConfigurationError(document.problem(("service",), f"{shown(name)} leads out of the folder", allowed))
    if not found:
        raise ConfigurationError(document.problem(("service",), f"no file {shown(name)}", allowed))
    shown_name = str(PurePosixPath(document.name).parent / name)
    service = read(file, shown_name)
    if not isinstance(service.root.value, dict):
        raise refusal(shown_name, 1, 0, "not a service description", "a mapping with its keys")
    document.mount(("service",), service)


def _check_nodes(document: Document, scenario: Scenario) -> Iterator[Problem]:
    """Names are unique, every RAN node has UEs, and as many as k-anonymity needs."""
    places: list[tuple[Path, str]] = [(("edge", "name"), scenario.edge.name)]
    places += [(("ran_nodes", str(index), "name"), node.name) for index, node in enumerate(scenario.ran_nodes)]
    places += [(("ue_groups", str(index), "name"), group.name) for index, group in enumerate(scenario.ue_groups)]
    seen = {CORE}
    for path, name in places:
        if name in seen:
            yield document.problem(path, f"{name} is the name of another node; names are unique")
        if provider_of(name) is not None:
            yield document.problem(path, f"{name} is the name of an application controller", "another name")
        seen.add(name)
    k_path: Path = ("privacy", "k")
    if scenario.privacy.k < scenario.service.privacy.k:
        k_path = ("service", "privacy", "k")
    counts: dict[str, int] = {}
    for index, node in enumerate(scenario.ran_nodes):
        number = sum(group.count for group in scenario.ue_groups if group.ran_node == node.name)
        if not 1 <= number <= MAX_UES_PER_RAN_NODE:
            allowed = f"1 to {MAX_UES_PER_RAN_NODE}, the sum over the ue_groups that name it"
            yield document.problem(("ran_nodes", str(index), "name"), f"{node.name} has {number} UEs", allowed)
        counts[node.name] = number
    for where, nodes in terminals_of_servers(scenario).items():
        together = sum(counts[name] for name in nodes)
        if 1 <= together < scenario.k:
            yield document.problem(k_path, allowed=f"1 to {together}, the number of UEs at {where}")
            return


def _check_ue_groups(document: Document, scenario: Scenario) -> Iterator[Problem]:
    ran_nodes = [node.name for node in scenario.ran_nodes]
    for index, group in enumerate(scenario.ue_groups):
        here = ("ue_groups", str(index))
        yield from check_reference(document, (*here, "ran_node"), group.ran_node, ran_nodes, "RAN node")
        yield from check_reference(document, (*here, "class"), group.ue_class, scenario.ue_classes, "class")


def _check_job_and_settings(document: Document, scenario: Scenario) -> Iterator[Problem]:
    jobs = scenario.service.jobs
    if scenario.job:
        yield from check_reference(document, ("job",), scenario.job, jobs, "job")
    elif len(jobs) > 1:
        yield document.problem((), "missing", ", ".join(jobs), key="job")
    declared = scenario.service.settings
    for name, value in scenario.settings.items():
        path = ("settings", name)
        if name not in declared:
            yield document.problem(path, f"unknown key{nearest(name, declared)}", ", ".join(declared))
        elif not declared[name].accepts(value):
            yield document.problem(path, allowed=allowed_values(declared[name]))
        elif name == CUT and value == 0 and not scenario.service.privacy.raw_data_allowed:
            allowed = f"1 to {declared[name].at_most:.0f}, because the service does not allow raw data"
            yield document.problem(path, allowed=allowed)


def _check_addresses(document: Document, scenario: Scenario) -> Iterator[Problem]:
    hosts: list[tuple[Path, str]] = [(("addresses", "host"), scenario.addresses.host)]
    hosts += [(("core", "host"), scenario.core.host), (("edge", "host"), scenario.edge.host)]
    hosts += [(("ran_nodes", str(index), "host"), node.host) for index, node in enumerate(scenario.ran_nodes)]
    hosts += [(("ue_groups", str(index), "host"), group.host) for index, group in enumerate(scenario.ue_groups)]
    for path, host in hosts:
        if (host or path[0] == "addresses") and not _is_address("127.0.0.1" if host == "localhost" else host):
            which = "this" if path[0] == "addresses" else "its"
            yield document.problem(path, allowed=f"localhost, or the IP address of {which} machine")


def _is_address(text: str) -> bool:
    """Whether somebody can be reached there."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return False
    return not address.is_unspecified and not address.is_multicast


def _check_timers(document: Document, scenario: Scenario, timer_names: Collection[str] | None) -> Iterator[Problem]:
    for name in scenario.timers if timer_names is not None else ():
        yield from check_reference(document, ("timers", name), name, timer_names or (), "timer")


def _check_radio(document: Document, scenario: Scenario) -> Iterator[Problem]:
    security = scenario.security
    if (security.integrity, security.ciphering) == ("NIA0", "NEA2"):
        yield document.problem(("security", "ciphering"), "NEA2 without integrity protection", "NEA0")
    cells: dict[int, str] = {}
    for index, node in enumerate(scenario.ran_nodes):
        if 0 < node.measurement_interval_ms < MINIMUM_INTERVAL:
            here = ("ran_nodes", str(index), "measurement_interval_ms")
            yield document.problem(here, allowed=f"0, or {MINIMUM_INTERVAL} to 65535")
        cell = cell_of(scenario, index)
        if (other := cells.setdefault(cell, node.name)) != node.name:
            yield document.problem(("ran_nodes", str(index)), f"{node.name} has cell {cell}, as {other} has", "another")


def cell_of(scenario: Scenario, index: int) -> int:
    """Physical cell identity of the RAN node at this place in the list."""
    return scenario.ran_nodes[index].cell or index + 1


def _check_handovers(document: Document, scenario: Scenario) -> Iterator[Problem]:
    terminals = {f"{group.name}/{number}" for group in scenario.ue_groups for number in range(1, group.count + 1)}
    for index, handover in enumerate(scenario.handovers):
        here = ("handovers", str(index))
        if handover.ue not in terminals:
            yield document.problem((*here, "ue"), handover.ue, "a terminal, group/number")
        nodes = [node.name for node in scenario.ran_nodes]
        yield from check_reference(document, (*here, "to"), handover.to, nodes, "RAN node")


def _check_hooks(document: Document, scenario: Scenario) -> Iterator[Problem]:
    for index, rule in enumerate(scenario.hooks):
        here = ("hooks", str(index))
        if (wrong := fault(rule)) is not None:
            yield document.problem(here, "missing", wrong[1], key=wrong[0])
            continue
        try:
            rule_hook(rule)
        except ValueError as error:
            yield document.problem((*here, "hook"), str(error))


def terminals_of_servers(scenario: Scenario) -> dict[str, list[str]]:
    """The RAN nodes whose terminals one routine server has, by what to call them: each alone, or all for an edge's."""
    service, nodes = scenario.service, [node.name for node in scenario.ran_nodes]
    routines = service.routines.values()
    ends = [(service.functions.get(each.client), service.functions.get(each.server)) for each in routines]
    places = {server.place for client, server in ends if client and server and client.kind == "abstract"}
    if places - {"ran-node"}:
        return {", ".join(nodes): nodes}
    return {name: [name] for name in nodes}


def routines_of_terminals(scenario: Scenario) -> list[Routine]:
    """The job's routines that terminals are clients in."""
    service = scenario.service
    names = {name for task in service.jobs[scenario.job].tasks for name in service.tasks[task].chain}
    routines = [service.routines[name] for name in names]
    return [each for each in routines if service.functions[each.client].kind == "abstract"]


def sends_raw_data(scenario: Scenario) -> bool:
    """Whether the job needs terminals that give raw data (R61): at cut 0, and in routines that split no model."""
    return any(scenario.settings.get(CUT) == 0 or not each.split for each in routines_of_terminals(scenario))


def takes_part(scenario: Scenario, group: UeGroup, raw: bool) -> bool:
    """Whether the group's owners consent, and allow all that the job wants of their terminals."""
    needed = {scenario.service.functions[routine.client].entry_point for routine in routines_of_terminals(scenario)}
    allowed = not group.functions or needed <= set(group.functions)
    return group.consent and allowed and (group.raw_data or not raw)


def warnings(scenario: Scenario) -> list[str]:
    """What is allowed in `scenario` but hardly meant, one line each (R28, R66)."""
    found = []
    cut, model = scenario.settings.get(CUT), scenario.service.model
    raw = sends_raw_data(scenario)
    if cut == 0:
        found.append("settings.cut is 0, bottom split: terminals send raw data (R28)")
    elif model is not None and cut == model.layers - 1:
        found.append(f"settings.cut is {cut}, top split: terminals send whole models, which can leak data (R28)")
    wanted = ["consent to the job"]
    if raw:
        wanted.append("give raw data")
    if any(group.functions for group in scenario.ue_groups):
        wanted.append("allow its functions")
    for where, nodes in terminals_of_servers(scenario).items():
        groups = [group for group in scenario.ue_groups if group.ran_node in nodes]
        willing = sum(group.count for group in groups if takes_part(scenario, group, raw))
        if willing < scenario.k:
            found.append(f"{where}: {willing} UEs {' and '.join(wanted)}, k is {scenario.k}: the job will wait")
    trigger = scenario.service.jobs[scenario.job].trigger
    if isinstance(trigger, TerminalsTrigger):
        cells = [trigger.node] if trigger.node else [node.name for node in scenario.ran_nodes]
        agreeing = [group for group in scenario.ue_groups if group.consent]
        most = max(sum(group.count for group in agreeing if group.ran_node == cell) for cell in cells)
        if most < trigger.at_least:
            found.append(
                f"job {scenario.job} waits until {trigger.at_least} UEs of a cell consent; at most {most} will"
            )
    return found
