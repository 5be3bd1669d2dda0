"""The command line: exit codes, one clear line for everything that is wrong, never a traceback."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from net4ai.app.command_line import main
from net4ai.app.commands.run import NODE_COMMANDS
from net4ai.app.node_process import NODES, write_node_file
from net4ai.app.plan import make_plan
from net4ai.app.scenario import load_scenario
from net4ai.stack.io.platform import RunConfig

KEY = "5a" * 32


class Ended:
    """What a command printed, and its exit code."""

    def __init__(self, capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> None:
        with pytest.raises(SystemExit) as ended:
            main([str(argument) for argument in arguments])
        self.code = ended.value.code
        self.out, self.err = capsys.readouterr()


def test_version_and_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert re.fullmatch(r"net4ai \d+\.\d+\.\d+\n", Ended(capsys, "--version").out)
    shown = Ended(capsys, "--help").out
    assert all(
        re.search(rf"^    {command}\s", shown, re.MULTILINE)
        for command in ("run", "check", "wireshark", *NODE_COMMANDS)
    )


@pytest.mark.parametrize("arguments", [[], ["walk"], ["run"], ["run", "blood-pressure", "--rounds", "many"], ["core"]])
def test_wrong_usage_is_explained(capsys: pytest.CaptureFixture[str], arguments: list[str]) -> None:
    ended = Ended(capsys, *arguments)
    assert (ended.code, ended.out) == (2, "")
    assert ended.err.startswith("usage: net4ai") and "error: " in ended.err


def test_a_good_scenario_is_summed_up(capsys: pytest.CaptureFixture[str]) -> None:
    ended = Ended(capsys, "check", "blood-pressure", "--set", "privacy.k=3")
    assert (ended.code, ended.err) == (0, "")
    assert ended.out == (
        "blood-pressure: ok. 24 UEs at ran-1, ran-2; edge edge; service blood-pressure, job train; k 3\n"
    )


def test_what_is_hardly_meant_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    ended = Ended(capsys, "check", "blood-pressure", "--set", "ue_groups.ue-1.consent=false")
    assert ended.code == 0
    assert ended.out.startswith("warning: ran-1: 0 UEs consent to the job, k is 4: the job will wait\n")


# Scenarios that are wrong. All kinds of problems: test_scenario.py; here, that a user sees them in one line.

WRONG = {
    "key": ("seed: 0", "sead: 0", "demo.yaml:4: sead: unknown key"),
    "type": ("seed: 0", "seed: twelve", 'demo.yaml:4: seed: "twelve" is not allowed; allowed: an integer from 0 to '),
    "range": (
        "loss: 0.005",
        "loss: 5",
        "demo.yaml:22: links.radio.loss: 5 is not allowed; allowed: a number from 0 to 1",
    ),
    "reference": ("ran_node: ran-1", "ran_node: ran-7", 'demo.yaml:15: ue_groups.ue-1.ran_node: no RAN node "ran-7"'),
    "address": ("seed: 0", "addresses: {host: 0.0.0.0}", 'demo.yaml:4: addresses.host: "0.0.0.0" is not allowed; '),
    "service": ("blood-pressure.service.yaml", "gone.service.yaml", "demo.yaml:5: service: "),
    "yaml": ("seed: 0", "seed: [0", "demo.yaml:"),
}


def wrong_scenario(folder: Path, old: str, new: str) -> Path:
    shipped = Path(__file__).parents[3] / "scenarios"
    service = shipped / "blood-pressure.service.yaml"
    (folder / service.name).write_bytes(service.read_bytes())
    path = folder / "demo.yaml"
    text = (shipped / "blood-pressure.yaml").read_text("utf-8")
    assert text.count(old) == 1
    path.write_text(text.replace(old, new))
    return path


@pytest.mark.parametrize("command", ["check", "run"])
@pytest.mark.parametrize("kind", WRONG)
def test_a_wrong_scenario_is_refused_in_a_line(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, kind: str, command: str
) -> None:
    old, new, expected = WRONG[kind]
    path = wrong_scenario(tmp_path, old, new)
    ended = Ended(capsys, command, path)
    assert (ended.code, ended.out) == (2, "")
    assert any(line.startswith(f"{tmp_path}/{expected}") for line in ended.err.splitlines()), ended.err
    assert "Traceback" not in ended.err
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["nowhere"], "nowhere: no such scenario"),
        (["blood-presure"], "blood-presure: no such scenario; did you mean blood-pressure?"),
        (["gone/demo.yaml"], "gone/demo.yaml: "),
        ([str(Path(__file__).parent)], f"{Path(__file__).parent}: "),
        (["blood-pressure", "--set", "seed"], "--set seed: "),
        (["blood-pressure", "--set", "sead=1"], "--set sead: unknown key; did you mean seed? allowed: "),
        (
            ["blood-pressure", "--set", "links.radio.loss=much"],
            '--set links.radio.loss: "much" is not allowed; allowed: a number from 0 to 1',
        ),
        (["blood-pressure", "--set", "timers.T999=5"], '--set timers.T999: no timer "T999"; allowed: T300, '),
        (["blood-pressure", "--set", "settings.rounds=[1"], "--set settings.rounds: not YAML: "),
    ],
)
def test_a_scenario_that_is_not_there_and_wrong_overrides(
    capsys: pytest.CaptureFixture[str], arguments: list[str], expected: str
) -> None:
    ended = Ended(capsys, "check", *arguments)
    assert (ended.code, ended.out) == (2, "")
    assert ended.err.startswith(expected), ended.err
    assert ended.err.count("\n") == 1


@pytest.mark.parametrize("options", [["--rounds", "0"], ["--seed", "-1"]])
def test_options_of_run_are_checked_as_the_keys_they_stand_for(
    capsys: pytest.CaptureFixture[str], options: list[str]
) -> None:
    ended = Ended(capsys, "run", "blood-pressure", *options)
    assert ended.code == 2
    assert re.match(rf"--set \S+: {options[1]} is not allowed; allowed: an? .*", ended.err), ended.err


@pytest.mark.parametrize("option", ["--report", "--capture"])
def test_what_cannot_be_written_is_said_before_the_run(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, option: str
) -> None:
    (tmp_path / "file").write_text("")
    target = tmp_path / "file" / "below"
    rest = ["--report", tmp_path / "report"] if option == "--capture" else []
    ended = Ended(capsys, "run", "blood-pressure", "--in-process", option, target, *rest)
    assert ended.code == 1
    assert re.fullmatch(rf"{tmp_path}/file\S*: (Not a directory|File exists)\n", ended.err), ended.err
    assert ended.out == "", "nothing was started"


# Node files


def node_file(path: Path, kind: str = "core", **changes: Any) -> Path:
    """A good file of a core, with other values for keys of its run or its configuration."""
    plan = make_plan(load_scenario("blood-pressure"), lambda: 0, 0, KEY)
    write_node_file(path, kind, "core", RunConfig(run_key=KEY, seed=1, utc_offset=0, started=0), plan.core)
    document = json.loads(path.read_bytes())
    for key, value in changes.items():
        where = document["run"] if key in document["run"] else document["config"]
        where[key] = value
    path.write_text(json.dumps(document))
    return path


def test_commands_and_kinds_of_nodes_are_the_same() -> None:
    assert list(NODE_COMMANDS) == list(NODES)


@pytest.mark.parametrize("kind", NODES)
def test_a_node_file_that_is_not_there(capsys: pytest.CaptureFixture[str], tmp_path: Path, kind: str) -> None:
    path = tmp_path / "missing.json"
    ended = Ended(capsys, kind, path)
    assert (ended.code, ended.out, ended.err) == (2, "", f"{path}: No such file or directory\n")


def test_the_file_of_another_kind_of_node(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = node_file(tmp_path / "core.json")
    ended = Ended(capsys, "edge", path)
    assert (ended.code, ended.err) == (2, f"{path}: node: 'core' is not allowed; allowed: 'edge'\n")


@pytest.mark.parametrize(
    "content",
    [b"", b"no JSON", b"null", b"[]", b"{}", b'{"node": "\xff"}', b"[" * 100_000, b'{"node":' * 50_000, b"\0" * 100],
)
def test_a_node_file_of_something_else(capsys: pytest.CaptureFixture[str], tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "core.json"
    path.write_bytes(content)
    ended = Ended(capsys, "core", path)
    assert (ended.code, ended.out) == (2, "")
    assert ended.err.startswith(f"{path}: ") and ended.err.count("\n") == 1


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"run_key": "secret"}, "run_key"),
        ({"run_key": 5}, "run_key"),
        ({"seed": "one"}, "seed"),
        ({"links": {"Uu": {"los": 0.1}}}, "los"),
        ({"k": "many"}, "config: "),
        ({"n2": ["127.0.0.1"]}, "config: "),
        ({"sead": 1}, "config: "),
    ],
)
def test_a_node_file_with_wrong_values(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, changes: dict[str, Any], expected: str
) -> None:
    path = node_file(tmp_path / "core.json", **changes)
    ended = Ended(capsys, "core", path)
    assert ended.code == 2
    assert ended.err.startswith(f"{path}: ") and expected in ended.err and ended.err.count("\n") == 1, ended.err


@pytest.mark.parametrize("count", ["0", "-1", "some"])
def test_a_count_of_ues_that_is_none(capsys: pytest.CaptureFixture[str], tmp_path: Path, count: str) -> None:
    ended = Ended(capsys, "ue", tmp_path / "ue.json", "--count", count)
    assert ended.code == 2
    assert f"'{count}' is not allowed; allowed: an integer of at least 1" in ended.err


def test_a_node_file_is_for_its_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "core.json"
    path.write_text("of before")
    path.chmod(0o644)
    node_file(path)
    assert path.stat().st_mode & 0o777 == 0o600


# Ends


def test_control_c_is_no_traceback(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*arguments: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("net4ai.app.scenario.load_scenario", interrupted)
    ended = Ended(capsys, "run", "blood-pressure")
    assert (ended.code, ended.err) == (130, "interrupted; all nodes were ended\n")


def test_without_the_learning_extra_it_is_said_what_to_install(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    import sys

    for name in [name for name in sys.modules if name.startswith("net4ai.functions.learning")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "torch", None)
    ended = Ended(capsys, "run", "blood-pressure", "--report", str(tmp_path))
    assert ended.code == 1
    assert "pip install 'net4ai[learning]'" in ended.err
