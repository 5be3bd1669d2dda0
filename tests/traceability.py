"""Which tests show which requirement: `python tests/traceability.py [--check]` makes `docs/traceability.md` anew.

A test cites a row by its number: in its docstring, its comments or its parameters; a module's docstring speaks for the
module; a conformance case has `rows`. The rows themselves, and which capability brings each in full, are those of
`docs/spec/requirements.md`.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
REQUIREMENTS = ROOT / "docs/spec/requirements.md"
TRACEABILITY = ROOT / "docs/traceability.md"

SHOWN = 5
"""Tests named in a row; of more, only their number is told."""

CITATION = re.compile(r"\bR(\d{1,3})\b(?:\s*(?:-|–|to)\s*R(\d{1,3})\b)?")

ROW = re.compile(
    r"^\| (?P<row>R\d+) \| (?P<kind>[MDO]) \| (?P<source>[^|]*) \| (?P<statement>[^|]*) \| (?P<capability>[^|]*) \|"
    r" (?P<state>[^|]*) \|$",
    re.MULTILINE,
)

LATER = ("data plane", "trust", "learning")
"""Capabilities that are still to come."""

REASONS: dict[str, str] = {
    "R36": "our bearers belong to one terminal each; what terminals of a cell share is the pair of sockets below them, "
    "and that nothing crosses there is shown for R105",
}
"""Rows no test can cite, and why."""

HEAD = """# Traceability

Every requirement of the paper, by the numbers of [the requirements](spec/requirements.md), with tests that cite it.
Made by `python tests/traceability.py`. Tests are `file::test` below `tests/`; conformance cases go by their identity
(`net4ai conformance --only ID`). Of a row with many tests the most specific ones are named. *In full with* is the
capability that completes the row; while that is still to come, the tests show the part that is there.

| row | statement | in full with | tests |
|---|---|---|---|
"""


@dataclass(frozen=True, slots=True)
class Requirement:
    """A row of the requirements."""

    row: str
    statement: str
    capability: str
    state: str

    @property
    def later(self) -> bool:
        """Its capability is still to come."""
        return self.capability.split(":")[0] in LATER


def requirements() -> list[Requirement]:
    """All rows, in order."""
    found = ROW.finditer(REQUIREMENTS.read_text(encoding="utf-8"))
    return [
        Requirement(match["row"], match["statement"].strip(), match["capability"].strip(), match["state"].strip())
        for match in found
    ]


def cited(text: str) -> set[str]:
    """Rows named in a text; `R31-R34` names four."""
    rows: set[str] = set()
    for match in CITATION.finditer(text):
        first = int(match[1])
        rows.update(f"R{number}" for number in range(first, int(match[2] or first) + 1))
    return rows


def citations() -> dict[str, list[tuple[int, str]]]:
    """By row: how many rows the test cites (the fewer, the more specific it is), and its identity."""
    found: dict[str, list[tuple[int, str]]] = {}
    for identity, rows in (*_tests(), *_cases()):
        for row in rows:
            found.setdefault(row, []).append((len(rows), identity))
    return {row: sorted(tests) for row, tests in found.items()}


def _tests() -> Iterator[tuple[str, set[str]]]:
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        source = path.read_text(encoding="utf-8")
        tree = ast.parse(source)
        name = path.relative_to(ROOT / "tests").as_posix()
        if rows := cited(ast.get_docstring(tree) or ""):
            yield name, rows
        lines = source.splitlines()
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_"):
                first = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
                if rows := cited("\n".join(lines[first - 1 : node.end_lineno])):
                    yield f"{name}::{node.name}", rows


def _cases() -> Iterator[tuple[str, set[str]]]:
    """Conformance cases, read without importing them."""
    for path in sorted((ROOT / "conformance/cases").glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "case"):
                continue
            if not (node.args and isinstance(node.args[0], ast.Constant)):
                continue
            rows = {
                row
                for keyword in node.keywords
                if keyword.arg in ("rows", "purpose")
                for constant in ast.walk(keyword.value)
                if isinstance(constant, ast.Constant)
                for row in cited(str(constant.value))
            }
            if rows:
                yield str(node.args[0].value), rows


def traceability() -> str:
    """The document."""
    tests = citations()
    return HEAD + "".join(_line(requirement, tests.get(requirement.row, [])) for requirement in requirements())


def _line(requirement: Requirement, tests: list[tuple[int, str]]) -> str:
    named = [f"`{identity}`" for _, identity in tests[:SHOWN]]
    if len(tests) > SHOWN:
        named.append(f"{len(tests) - SHOWN} more")
    if not named:
        named = [REASONS.get(requirement.row) or f"to come with: {requirement.capability}"]
    return f"| {requirement.row} | {requirement.statement} | {requirement.capability} | {', '.join(named)} |\n"


def without_test() -> list[str]:
    """Rows whose capability is there, and that neither a test cites nor a reason excuses."""
    tests = citations()
    return [
        requirement.row
        for requirement in requirements()
        if requirement.row not in tests and requirement.row not in REASONS and not requirement.later
    ]


if __name__ == "__main__":
    if sys.argv[1:] == ["--check"]:
        if TRACEABILITY.read_text(encoding="utf-8") != traceability():
            sys.exit("docs/traceability.md is not up to date: python tests/traceability.py")
    else:
        TRACEABILITY.write_text(traceability(), encoding="utf-8")
    missing = without_test()
    if missing:
        print(f"no test cites {', '.join(missing)}", file=sys.stderr)
