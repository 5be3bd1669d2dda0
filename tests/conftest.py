"""What all tests share: outside programs, seeds, and the hand-written examples of the specification.

A test that needs an outside program is skipped where it is missing. Where CI is set, every skip is a failure.

Tests in `integration/` start real processes: of a parallel run, one worker runs them all, one after the other.

Hypothesis prints the blob that replays a failure; tests with random inputs of their own take the `seed` fixture.
`NET4AI_TEST_SEED=n pytest ...` replays a run.

A test with an argument `example` runs once for each example of docs/spec/examples.md.
"""

from __future__ import annotations

import ast
import importlib
import os
import random
import re
import shutil
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

from net4ai.codecs.declaration import FixedField, ListField, NestedField, Structure

PROGRAMS = ("tshark", "mosquitto")
"""Markers that name a program."""

INTEGRATION = Path(__file__).resolve().parent / "integration"

SEED_VARIABLE = "NET4AI_TEST_SEED"
SEED = int(os.environ.get(SEED_VARIABLE) or random.SystemRandom().randrange(1 << 32))
# Workers of a parallel run are to have the same.
os.environ[SEED_VARIABLE] = str(SEED)

settings.register_profile("net4ai", print_blob=True, deadline=None)
settings.load_profile("net4ai")


def pytest_report_header() -> str:
    return f"net4ai: seed {SEED} ({SEED_VARIABLE}={SEED} replays it)"


def pytest_runtest_setup(item: pytest.Item) -> None:
    for program in PROGRAMS:
        if item.get_closest_marker(program) is None or find_program(program):
            continue
        pytest.skip(f"{program} is missing")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    _forbid_skip_in_ci(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    report = yield
    _forbid_skip_in_ci(report)
    return report


def _forbid_skip_in_ci(report: pytest.TestReport | pytest.CollectReport) -> None:
    """A skip becomes a failure where CI is set, with its reason. Tests that are expected to fail are no skips."""
    if report.skipped and not hasattr(report, "wasxfail") and os.environ.get("CI"):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr
        report.outcome = "failed"
        report.longrepr = f"CI must not skip: {reason}"


@pytest.hookimpl(tryfirst=True)  # before xdist reads the marks
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if INTEGRATION in item.path.parents:
            item.add_marker(pytest.mark.xdist_group("integration"))
    # What it counts in its process is told apart best while no other network has lived there.
    items.sort(key=lambda item: item.path.name != "test_nothing_stays.py")


def find_program(name: str) -> str | None:
    """Where the program is, also in the places for servers that a user's PATH leaves out."""
    return shutil.which(name) or shutil.which(name, path="/usr/sbin:/usr/local/sbin:/opt/homebrew/sbin")


@pytest.fixture
def seed(request: pytest.FixtureRequest) -> Iterator[int]:
    """The seed of this run, printed with a failing test."""
    print(f"{SEED_VARIABLE}={SEED} replays {request.node.nodeid}")
    yield SEED


# ---------------------------------------------------------------------------------------------------------------------
# Examples of the specification


@dataclass(frozen=True)
class Example:
    """One example: what stands in the document, and the value its lines describe."""

    title: str
    structure: type[Structure]
    octets: bytes
    value: Structure
    """Built from the values written beside the octets, not from the octets."""


EXAMPLES = Path(__file__).resolve().parent.parent / "docs" / "spec" / "examples.md"
_LINE = re.compile(r"    ((?:[0-9A-F]{2} )*[0-9A-F]{2})?\s{2,}(.*)")
_REMARK = re.compile(r"\s*\([^()]*\)$")
_STEP = re.compile(r"\.?(\w+)(?:\[(\d+)\])?")


def read_examples() -> list[Example]:
    """All examples of docs/spec/examples.md, in order. Raises ValueError for lines that cannot be understood."""
    examples: list[Example] = []
    for section in EXAMPLES.read_text(encoding="utf-8").split("\n### ")[1:]:
        title, *lines = section.split("\n## ")[0].splitlines()
        module, _, name = title.partition(".")
        structure = getattr(importlib.import_module(f"net4ai.codecs.{module}"), name)
        number = sum(other.structure is structure for other in examples)
        try:
            octets, value = _read_example(structure, [line for line in lines if line.startswith("    ")])
        except (ValueError, KeyError) as error:
            raise ValueError(f"{EXAMPLES.name}, {title}: {error}") from error
        examples.append(Example(f"{title}-{number}", structure, octets, value))
    return examples


def _read_example(structure: type[Structure], lines: list[str]) -> tuple[bytes, Structure]:
    octets, values = b"", {}
    for line in lines:
        found = _LINE.fullmatch(line)
        if found is None:
            raise ValueError(f"cannot read {line!r}")
        here = bytes.fromhex(found[1] or "")
        octets += here
        for part in filter(None, _REMARK.sub("", found[2]).split(";")):
            path, _, text = (piece.strip() for piece in part.partition("="))
            values[path] = _read_value(structure, path, text, here)
    value = _build(structure, values, "")
    if values:
        raise ValueError(f"{list(values)} belong to no field")
    return octets, value


def _read_value(structure: type[Structure], path: str, text: str, here: bytes) -> Any:
    words = {"octets": here, "none": b"", "[]": ()}
    if text in words:
        return words[text]
    spec = None
    for step in _STEP.finditer(path):
        spec = structure.DECLARATION[step[1]]
        if isinstance(spec, ListField | NestedField):
            structure = spec.element
    if isinstance(spec, FixedField) and spec.codes is not None and text in spec.codes.__members__:
        return spec.codes[text]
    return int(text, 0) if text[0].isdigit() else ast.literal_eval(text)


def _build(structure: type[Structure], values: dict[str, Any], where: str) -> Structure:
    """The value of `structure` out of the values whose paths begin with `where`, which are taken away."""
    arguments: dict[str, Any] = {}
    for name, spec in structure.DECLARATION.items():
        path = f"{where}{name}"
        match spec:
            case FixedField(reserved=True):
                pass
            case FixedField(constant=constant) if constant is not None:
                if values.pop(path) != constant:
                    raise ValueError(f"{path} is always {constant}")
            case ListField(element=element) if path not in values:
                count = len({key.split("]")[0] for key in values if key.startswith(f"{path}[")})
                if not count:
                    raise KeyError(path)
                arguments[name] = tuple(_build(element, values, f"{path}[{index}].") for index in range(count))
            case NestedField(element=element):
                arguments[name] = _build(element, values, f"{path}.")
            case _:
                arguments[name] = values.pop(path)
    return structure(**arguments)


@pytest.fixture(scope="session")
def examples() -> list[Example]:
    """All examples of docs/spec/examples.md."""
    return read_examples()


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "example" in metafunc.fixturenames:
        examples = read_examples()
        metafunc.parametrize("example", examples, ids=[example.title for example in examples])
