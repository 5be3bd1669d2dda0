"""docs/guide/write-a-service.md: all its code runs, as real processes and in one (R5, R11, R14, R17)."""

from __future__ import annotations

import contextlib
import json
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from operate_guide import commands, shape, start, typed
from run_process import net4ai

GUIDE = Path(__file__).resolve().parents[2] / "docs" / "guide" / "write-a-service.md"
BLOCKS = re.findall(r"```(\w*)\n(.*?)```", GUIDE.read_text("utf-8"), re.DOTALL)
FILES = {match[1]: text for _, text in BLOCKS if (match := re.match(r"# (\S+\.(?:py|yaml))\n", text))}
COMMANDS = [
    line.partition("#")[0].strip()
    for language, text in BLOCKS
    if not language
    for line in text.splitlines()
    if line.startswith("net4ai ") and not re.match(r"net4ai \d", line)
]
SHOWN = re.findall(r"s  counter: (\{.*?\})", GUIDE.read_text("utf-8"))
LIMIT = 120


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, text in FILES.items():
        (tmp_path / name).write_text(text, "utf-8")
    return tmp_path


def run(folder: Path, command: str, *more: str) -> str:
    """What a command of the guide prints, run in `folder`."""
    program, *arguments = shlex.split(command)
    assert program == "net4ai"
    done = subprocess.run(
        net4ai(*arguments, *more), cwd=folder, capture_output=True, text=True, timeout=LIMIT, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_guide_has_what_it_says() -> None:
    assert set(FILES) == {
        "steps.py",
        "steps.service.yaml",
        "steps.yaml",
        "week.service.yaml",
        "goal.py",
        "diary.py",
        "diary.yaml",
        "test_steps.py",
    }
    assert len(COMMANDS) == 6


def test_it_runs_in_real_processes_and_gives_what_is_shown(folder: Path) -> None:
    out = run(folder, COMMANDS[2], "--report", "run")
    assert COMMANDS[2] == "net4ai run steps.yaml"
    assert re.findall(r"counter: (\{.*?\})", out) == SHOWN
    assert len(SHOWN) == 3
    report = json.loads((folder / "run" / "report.json").read_text())
    assert [(ran["routine"], ran["executions"]) for ran in report["routines"]] == [("count", 3)]
    assert report["metric"] is None and report["fidelity"] is None
    assert json.loads((folder / "run" / "result-0003-counter.json").read_text())["mean"] == 5200.0


def test_it_checks_and_runs_in_one_process(folder: Path) -> None:
    assert run(folder, COMMANDS[0]).startswith("steps: ok. 5 UEs")
    assert re.findall(r"counter: (\{.*?\})", run(folder, COMMANDS[1])) == SHOWN


def test_settings(folder: Path) -> None:
    assert run(folder, COMMANDS[3], "--report", "run").count("counter: ") == 5


def test_the_provider_decides(folder: Path) -> None:
    out = run(folder, COMMANDS[4], "--report", "run")
    assert "steps     5100 on the last of 2 days" in out
    report = json.loads((folder / "run" / "report.json").read_text())
    assert report["findings"][0]["rows"] == [[0, 5, 5000.0], [1, 5, 5100.0]]


def test_streams(folder: Path) -> None:
    words = 365 * 40 * 5 * 3
    assert f'reader: {{"words": {words}}}' in run(folder, COMMANDS[5], "--report", "run")


def test_a_service_that_comes_later_finds_terminals(folder: Path) -> None:
    """R4, R59: they were started for another one."""
    (up, _), *later = [pair for language, text in BLOCKS if language == "console" for pair in commands(text)]
    with contextlib.chdir(folder), start(up):
        for command, shown in later:
            printed = typed(command, folder)
            there = {shape(line) for line in printed.splitlines()}
            assert not [line for line in shown if shape(line) not in there], f"$ {command}\n{printed}"


@pytest.mark.parametrize("job", ["sunday", "crowd", "nightly"])
def test_jobs_with_triggers_run_in_one_process(folder: Path, job: str) -> None:
    """R4."""
    soon = "service.jobs.nightly.trigger.after_s=5"  # a day of virtual time takes minutes
    changes = ("service=week.service.yaml", f"job={job}", "settings.days=2", soon)
    out = run(folder, COMMANDS[1], *(f"--set={change}" for change in changes), "--report", "run")
    assert re.search(rf"job begun \(job \d, service 1, name {job}\)", out)
    assert json.loads((folder / "run" / "result-0002-counter.json").read_text())["mean"] == 5100.0


def test_the_test_of_the_guide_passes(folder: Path) -> None:
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_steps.py"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=LIMIT, check=False)
    assert "1 passed" in done.stdout, done.stdout + done.stderr
