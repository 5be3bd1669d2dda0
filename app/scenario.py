"""The scenario: which nodes and terminals there are, how their links behave, and the job they run.

`load_scenario` reads a scenario and the service description it names, applies `--set` overrides, and checks all of it
at once: the result is a `Scenario`, or a `ConfigurationError` that lists every problem with file and line.
"""

from __future__ import annotations

import importlib.resources
import ipaddress
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from importlib.resources.abc import Traversable
from pathlib import Path as FilePath
from pathlib import PurePosixPath
from typing import Annotated, Literal, TypeAlias

import msgspec
from msgspec import Meta, Struct

from net4ai.app.schema import convert
from net4ai.app.service_description import CUT, allowed_values, check_reference, check_service
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
from net4ai.codecs.rrc import MAXIMUM_CELL
from net4ai.codecs.service import Name, ServiceDescription, SettingValue
from net4ai.stack.message_hooks import HookRule, fault, rule_hook

__all__ = [
    "Addresses",
    "Bus",
    "ConfigurationError",
    "Cut",
    "Edge",
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

MAX_UES_PER_RAN_NODE = 65_519
"""C-RNTI values 1 to 0xFFEF (3GPP TS 38.321, table 7.1-1)."""
MAX_NODES = 64
"""RAN nodes, and UE groups: each is a process."""
MINIMUM_INTERVAL = 40
"""Milliseconds between measurement reports, at the least."""
MAX_DELAY_MS = 10_000
MAX_SECONDS = 86_400
MAX_OVERRIDE_DEPTH = 20
"""Keys in the path of one override."""
CORE = "core"
"""The core's name among the nodes."""

Probability: TypeAlias = Annotated[float, Meta(ge=0, le=1)]
Milliseconds: TypeAlias = Annotated[float, Meta(ge=0, le=MAX_DELAY_MS)]
Port: TypeAlias = Annotated[int, Meta(ge=0, le=65_535)]
PrivacyK: TypeAlias = Annotated[int, Meta(ge=1, le=MAX_UES_PER_RAN_NODE)]


class RanNode(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A RAN node: a cell with computing (one process, plus its application server)."""

    name: Annotated[Name, Meta(description="Name of the node.")]
    cell: Annotated[
        int, Meta(ge=0, le=MAXIMUM_CELL, description="Physical cell identity; 0: the node's place in the list, from 1.")
    ] = 0
    inactivity_ms: Annotated[
        int, Meta(ge=0, le=3_600_000, description="Silence after which a UE's connection is released; 0: never.")
    ] = 0
    measurement_interval_ms: Annotated[
        int, Meta(ge=0, le=65_535, description="Time between measurement reports of a UE, at least 40; 0: none.")
    ] = 0
    acknowledged_bearers: Annotated[
        bool, Meta(description="Its computing radio bearers are in acknowledged mode (R102).")
    ] = False


class Security(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Algorithms that protect RRC and NAS (TS 33.501 5.11)."""

    integrity: Annotated[Literal["NIA2", "NIA0"], Meta(description="Integrity protection; NIA0: none.")] = "NIA2"
    ciphering: Annotated[
        Literal["NEA2", "NEA0"], Meta(description="Ciphering; NEA0: none. Nothing is enciphered without integrity.")
    ] = "NEA2"


class Edge(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The edge: a forwarding plane function of its own (one process, plus its application server)."""

    name: Annotated[Name, Meta(description="Name of the node.")] = "edge"


class UeGroup(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Terminals of one kind in one cell: one UE process."""

    name: Annotated[Name, Meta(description="Name of the group and of its process.")]
    ran_node: Annotated[Name, Meta(description="The RAN node they attach to.")]
    count: Annotated[int, Meta(ge=1, le=MAX_UES_PER_RAN_NODE, description="Number of UEs.")] = 1
    ue_class: Annotated[Name, Meta(description="Their class, one of `ue_classes`.")] = msgspec.field(
        default="phone", name="class"
    )
    consent: Annotated[bool, Meta(description="They agree to take part when the job is announced (R58).")] = True
    raw_data: Annotated[bool, Meta(description="They are willing to give raw data (R61).")] = False
    privacy_k: Annotated[
        int,
        Meta(
            ge=0,
            le=MAX_UES_PER_RAN_NODE,
            description="The k-anonymity they ask for in their privacy requirement (R60); 0: none.",
        ),
    ] = 0


class UeClass(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What a kind of terminal can do; reported as its status (R60)."""

    compute_mflops: Annotated[float, Meta(gt=0, le=1e9, description="Compute rate in MFLOP/s.")] = 2000.0
    memory_mib: Annotated[int, Meta(ge=1, le=1_048_576, description="Memory in MiB.")] = 512
    battery_percent: Annotated[int, Meta(ge=0, le=100, description="Charge of the battery.")] = 100


class Cut(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A time in which a link carries nothing."""

    at_s: Annotated[float, Meta(ge=0, le=MAX_SECONDS, description="Start, in seconds after the run began.")]
    for_s: Annotated[float, Meta(gt=0, le=MAX_SECONDS, description="Length in seconds.")]


class Impairment(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How a link behaves, in each direction. Random choices follow from `seed`."""

    delay_ms: Annotated[Milliseconds, Meta(description="Delay of every datagram.")] = 0.0
    jitter_ms: Annotated[Milliseconds, Meta(description="Largest random delay on top.")] = 0.0
    loss: Annotated[Probability, Meta(description="Part of the datagrams that is lost.")] = 0.0
    duplicate: Annotated[Probability, Meta(description="Part that arrives twice.")] = 0.0
    reorder: Annotated[Probability, Meta(description="Part that is overtaken by later ones.")] = 0.0
    corrupt: Annotated[
        Probability, Meta(description="Part that fails its transport-block check and is dropped by the receiver.")
    ] = 0.0
    cuts: Annotated[tuple[Cut, ...], Meta(max_length=1000, description="Times when the link carries nothing.")] = ()


class Links(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The links whose behaviour is emulated."""

    radio: Annotated[Impairment, Meta(description="UE to RAN node.")] = Impairment()
    t4: Annotated[Impairment, Meta(description="Forwarding plane function to application server.")] = msgspec.field(
        default=Impairment(), name="T4"
    )
    t8: Annotated[Impairment, Meta(description="Forwarding plane function to forwarding plane function.")] = (
        msgspec.field(default=Impairment(), name="T8")
    )


class Privacy(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The network's own privacy rule."""

    k: Annotated[
        PrivacyK,
        Meta(description="Least clients of a routine server (R84); the larger of this and the service's holds."),
    ] = 1


class Bus(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The control bus."""

    backend: Annotated[
        Literal["auto", "mosquitto", "iotcore"],
        Meta(description="The MQTT broker; `auto`: mosquitto where it is installed, else the embedded iotcore."),
    ] = "auto"


class Addresses(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Where the nodes listen."""

    host: Annotated[
        str, Meta(max_length=64, description="`localhost`, or the IP address of this machine that all nodes use.")
    ] = "127.0.0.1"
    n2_port: Annotated[Port, Meta(description="TCP port of the core for N2; 0: any free one.")] = 0
    bus_port: Annotated[Port, Meta(description="TCP port of the MQTT broker; 0: any free one.")] = 0


class Scenario(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A scenario: nodes, terminals, links, and the job they run."""

    name: Annotated[Name, Meta(description="Name of the scenario, in reports.")]
    description: Annotated[str, Meta(max_length=1000, description="What it shows.")] = ""
    seed: Annotated[
        int, Meta(ge=0, le=2**32 - 1, description="Seed of every random choice of learning, selection and links.")
    ] = 1
    service: Annotated[
        ServiceDescription,
        Meta(
            description="The service: a file in the scenario's folder, or the description itself.",
            extra={"allowed": "the name of a YAML file in the scenario's folder"},
        ),
    ]
    job: Annotated[
        str, Meta(max_length=32, description="The job to run; may be left out where the service has just one.")
    ] = ""
    ran_nodes: Annotated[tuple[RanNode, ...], Meta(min_length=1, max_length=MAX_NODES, description="The RAN nodes.")]
    edge: Annotated[Edge, Meta(description="The edge.")] = Edge()
    ue_groups: Annotated[tuple[UeGroup, ...], Meta(min_length=1, max_length=MAX_NODES, description="The terminals.")]
    ue_classes: Annotated[dict[Name, UeClass], Meta(description="Classes of terminals, by name.")] = msgspec.field(
        default_factory=lambda: {"phone": UeClass()}
    )
    links: Annotated[Links, Meta(description="Behaviour of the links.")] = Links()
    privacy: Annotated[Privacy, Meta(description="The network's own privacy rule.")] = Privacy()
    settings: Annotated[
        dict[str, SettingValue], Meta(description="Other values for settings that the service declares.")
    ] = {}
    bus: Annotated[Bus, Meta(description="The control bus.")] = Bus()
    security: Annotated[Security, Meta(description="Algorithms that protect RRC and NAS.")] = Security()
    addresses: Annotated[Addresses, Meta(description="Where the nodes listen.")] = Addresses()
    timers: Annotated[
        dict[str, Annotated[int, Meta(ge=1, le=3_600_000)]],
        Meta(description="Other values for protocol timers, by name, in milliseconds."),
    ] = {}
    key_log: Annotated[
        bool, Meta(description="Write keys down, and capture protected RRC and NAS in clear too. For laboratories.")
    ] = False
    hooks: Annotated[
        tuple[HookRule, ...],
        Meta(max_length=100, description="Messages to drop, change, delay, repeat or add, at whatever node."),
    ] = ()

    @property
    def k(self) -> int:
        """The k-anonymity that holds: the larger of the network's and the service's (R82)."""
        return max(self.privacy.k, self.service.privacy.k)

    @property
    def ue_count(self) -> int:
        """Number of UEs in all groups."""
        return sum(group.count for group in self.ue_groups)


@dataclass(frozen=True, slots=True)
class Subscriber:
    """One UE of a scenario."""

    number: int
    """Counts over all groups, from 0."""
    group: UeGroup
    index: int
    """Counts within the group, from 0."""


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
    scenario = convert(document, Scenario)
    problems = [
        *check_service(document, scenario.service, ("service",)),
        *_check_nodes(document, scenario),
        *_check_ue_groups(document, scenario),
        *_check_job_and_settings(document, scenario),
        *_check_addresses(document, scenario),
        *_check_timers(document, scenario, timer_names),
        *_check_hooks(document, scenario),
        *_check_radio(document, scenario),
    ]
    if problems:
        raise ConfigurationError(*problems)
    return _completed(scenario)


def _completed(scenario: Scenario) -> Scenario:
    """`scenario` with the values filled in that follow from others."""
    settings = {name: setting.default for name, setting in scenario.service.settings.items()}
    for name, value in scenario.settings.items():
        settings[name] = float(value) if isinstance(settings[name], float) else value
    host = "127.0.0.1" if scenario.addresses.host == "localhost" else scenario.addresses.host
    return msgspec.structs.replace(
        scenario,
        job=scenario.job or next(iter(scenario.service.jobs)),
        settings=settings,
        addresses=msgspec.structs.replace(scenario.addresses, host=host),
    )


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
    smallest = min(counts, key=lambda name: counts[name])
    if 1 <= counts[smallest] < scenario.k:
        yield document.problem(k_path, allowed=f"1 to {counts[smallest]}, the number of UEs at {smallest}")


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
    host = scenario.addresses.host
    try:
        address = ipaddress.ip_address("127.0.0.1" if host == "localhost" else host)
    except ValueError:
        address = None
    if address is None or address.is_unspecified or address.is_multicast:
        yield document.problem(("addresses", "host"), allowed="localhost, or the IP address of this machine")


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


def warnings(scenario: Scenario) -> list[str]:
    """What is allowed in `scenario` but hardly meant, one line each (R28, R66)."""
    found = []
    cut = scenario.settings.get(CUT)
    if cut == 0:
        found.append("settings.cut is 0, bottom split: terminals send raw data (R28)")
    elif CUT in scenario.service.settings and cut == scenario.service.settings[CUT].at_most:
        found.append(f"settings.cut is {cut}, top split: terminals send whole models, which can leak data (R28)")
    for node in scenario.ran_nodes:
        groups = [group for group in scenario.ue_groups if group.ran_node == node.name]
        willing = sum(group.count for group in groups if group.consent and (cut != 0 or group.raw_data))
        if willing < scenario.k:
            reason = "consent to the job" if cut != 0 else "consent to the job and give raw data"
            found.append(f"{node.name}: {willing} UEs {reason}, k is {scenario.k}: the job will wait")
    return found
