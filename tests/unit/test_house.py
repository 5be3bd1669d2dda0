"""The house is in order: sizes, package lists, docstrings, no traces of machines, an index of decisions."""

from __future__ import annotations

import ast
import re
import subprocess
import tomllib
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]

MAXIMUM_FILE = 600
MAXIMUM_FUNCTION = 60

LONG_FILES: dict[str, str] = {}
"""Python files that may be longer, each with the reason. Generated Lua, documents and lists of versions are no code."""
LONG_FUNCTIONS: dict[str, str] = {}
"""Functions that may be longer, as `folder/module.py:function`, each with the reason."""

MACHINE_PATH = re.compile(r"(?<![\w.<{$~*-])/(?:work|home|root|Users|private/tmp|tmp|opt/(?!homebrew))(?:/|\b)[\w.-]*")
"""Folders of the machine a file was written on. Places where programs are installed are no such."""
MACHINE_PATHS_ALLOWED: dict[str, str] = {
    "tests/unit/test_house.py": "shows what is looked for",
}


@cache
def tracked_files() -> tuple[str, ...]:
    """Files that git knows or would take; without git, as in a source archive, the test is skipped."""
    # CI may have cloned as somebody else.
    command = ["git", "-c", "safe.directory=*", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    try:
        listed = subprocess.run(command, cwd=ROOT, capture_output=True, check=True, text=True).stdout
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("needs a git working tree")
    return tuple(sorted(name for name in listed.split("\0") if name and (ROOT / name).is_file()))


def python_files() -> list[str]:
    return [name for name in tracked_files() if name.endswith(".py")]


@cache
def project() -> dict[str, Any]:
    with open(ROOT / "pyproject.toml", "rb") as file:
        return tomllib.load(file)


def package_folders() -> set[str]:
    """Folders of packages, by the files themselves."""
    inits = (Path(name) for name in python_files() if name.endswith("/__init__.py"))
    return {init.parent.as_posix() for init in inits if init.parts[0] not in ("tests", "docs", "benchmarks")}


# ---------------------------------------------------------------------------------------------------------------------
# Sizes


def long_functions(source: str, maximum: int = MAXIMUM_FUNCTION) -> Iterator[tuple[str, int]]:
    """Functions of more than `maximum` lines, with their lines. A function within one counts for itself as well."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.end_lineno is not None:
            lines = node.end_lineno - node.lineno + 1
            if lines > maximum:
                yield node.name, lines


def test_no_file_is_too_long() -> None:
    lengths = {name: (ROOT / name).read_bytes().count(b"\n") for name in python_files()}
    long = {name: lines for name, lines in lengths.items() if lines > MAXIMUM_FILE}
    assert {name: lines for name, lines in long.items() if name not in LONG_FILES} == {}
    assert LONG_FILES.keys() <= long.keys(), "no longer an exception"


def test_no_function_is_too_long() -> None:
    long = {
        f"{name}:{function}": lines
        for name in python_files()
        for function, lines in long_functions((ROOT / name).read_text(encoding="utf-8"))
    }
    assert {name: lines for name, lines in long.items() if name not in LONG_FUNCTIONS} == {}
    assert LONG_FUNCTIONS.keys() <= long.keys(), "no longer an exception"


def test_long_functions_are_found() -> None:
    source = "class A:\n    async def f(self):\n" + "        pass\n" * 60 + "def g():\n" + "    pass\n" * 59
    assert list(long_functions(source)) == [("f", 61)]


# ---------------------------------------------------------------------------------------------------------------------
# Packages


def unlisted(folders: Sequence[str], packages: Sequence[str], package_dir: dict[str, str]) -> set[str]:
    """Packages that stand in one list and not in another: folders on disk, the lists of pyproject.toml."""
    found = {f"net4ai.{folder.replace('/', '.')}" for folder in folders}
    tops = {f"net4ai.{folder}": folder for folder in folders if "/" not in folder}
    return found ^ set(packages) | {name for name, _ in tops.items() ^ package_dir.items()}


def test_every_package_folder_is_installed() -> None:
    setuptools = project()["tool"]["setuptools"]
    assert unlisted(sorted(package_folders()), setuptools["packages"], setuptools["package-dir"]) == set()


def test_every_folder_with_modules_is_a_package() -> None:
    tops = {folder.split("/")[0] for folder in package_folders()}
    with_modules = {Path(name).parent.as_posix() for name in python_files() if name.split("/")[0] in tops}
    assert with_modules - package_folders() == set(), "modules in a folder without __init__.py are not installed"


@pytest.mark.parametrize(
    ("folders", "packages", "package_dir"),
    [
        (["stack", "stack/io"], ["net4ai.stack"], {"net4ai.stack": "stack"}),
        (["stack"], ["net4ai.stack", "net4ai.stack.io"], {"net4ai.stack": "stack"}),
        (["stack"], ["net4ai.stack"], {}),
        (["stack"], ["net4ai.stack"], {"net4ai.stack": "elsewhere"}),
        (["stack"], ["net4ai.stack"], {"net4ai.stack": "stack", "net4ai.gone": "gone"}),
    ],
)
def test_unlisted_packages_are_found(folders: list[str], packages: list[str], package_dir: dict[str, str]) -> None:
    assert unlisted(folders, packages, package_dir) != set()


def test_every_package_says_what_it_is() -> None:
    def docstring(folder: str) -> str | None:
        return ast.get_docstring(ast.parse((ROOT / folder / "__init__.py").read_text(encoding="utf-8")))

    assert [folder for folder in sorted(package_folders()) if not docstring(folder)] == []


def test_every_package_is_typed() -> None:
    """`py.typed` counts for a package and all below it."""
    tops = {folder.split("/")[0] for folder in package_folders()}
    assert [top for top in sorted(tops) if f"{top}/py.typed" not in tracked_files()] == []


# ---------------------------------------------------------------------------------------------------------------------
# Texts


def machine_paths(text: str) -> list[str]:
    return [found[0] for found in MACHINE_PATH.finditer(text)]


def test_no_file_names_a_folder_of_a_machine() -> None:
    found = {}
    for name in tracked_files():
        data = (ROOT / name).read_bytes()
        if b"\0" not in data and name not in MACHINE_PATHS_ALLOWED:
            found[name] = machine_paths(data.decode())
    assert {name: paths for name, paths in found.items() if paths} == {}


@pytest.mark.parametrize(
    ("text", "paths"),
    [
        (f"see /{'work'}/shared/design", [f"/{'work'}/shared"]),
        ('Path("/home/ada/net4ai")', ["/home/ada"]),
        ("cd /root", ["/root"]),
        ("open('/tmp/x')", ["/tmp/x"]),
        ("file:///Users/ada", ["/Users/ada"]),
        ("/opt/wheels", ["/opt/wheels"]),
        ("/opt/homebrew/bin", []),
        ("frame/work, docs/home/x and ./tmp/x", []),
        ("https://example.org/work", []),
        ("$HOME/tmp/x ~/work", []),
    ],
)
def test_machine_paths_are_found(text: str, paths: list[str]) -> None:
    assert machine_paths(text) == paths


def test_every_decision_is_in_the_index() -> None:
    folder = ROOT / "docs" / "decisions"
    decisions = {path.name: path.read_text(encoding="utf-8").splitlines()[0] for path in folder.glob("[0-9]*.md")}
    index = (folder / "README.md").read_text(encoding="utf-8")
    linked = dict(re.findall(r"\[(\d{4})\]\(([\w.-]+)\)", index))
    assert sorted(linked.values()) == sorted(decisions)
    assert all(name.startswith(f"{number}-") for number, name in linked.items())
    titles = {name: re.match(r"# 0*(\d+)[.:] \S", title) for name, title in decisions.items()}
    assert [name for name, title in titles.items() if title is None or int(title[1]) != int(name[:4])] == []
    numbers = sorted(int(number) for number in linked)
    assert numbers == list(range(1, len(numbers) + 1)), "each number once, without gaps"
