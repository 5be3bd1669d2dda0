"""The files by which a running network is found: who may read what, and what is wrong with them in one line."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from net4ai.app import network_file as module
from net4ai.app.network_file import (
    ControllerFile,
    NetworkFile,
    NetworkFileError,
    OperatorFile,
    client_config,
    find_network,
    read_controller,
    read_network,
    read_operator,
    remove_network,
    write_network,
)
from net4ai.stack.io.broker import Login
from net4ai.stack.io.platform import BusConfig, LinkConfig

RUN_KEY, HEALTH, FARM = "ab" * 32, "01" * 32, "02" * 32


def written(folder: Path, *providers: tuple[str, str]) -> NetworkFile:
    network = NetworkFile(
        name="demo",
        host="127.0.0.1",
        bus=BusConfig("127.0.0.2", 1883),
        edge="edge",
        edge_t4=("127.0.0.3", 5000),
        nodes={"core": "core", "edge": "edge"},
        seed=7,
        unscheduled=1400,
        t4=LinkConfig(delay=0.5),
    )
    controllers = [ControllerFile(name, key, f"user-{name}", f"password-{name}") for name, key in providers]
    write_network(folder, network, OperatorFile(RUN_KEY, "net4ai", "secret"), controllers)
    return network


def test_what_was_written_is_read_and_secrets_are_the_owners(tmp_path: Path) -> None:
    network = written(tmp_path, ("health", HEALTH), ("farm", FARM))
    assert read_network(find_network(tmp_path)) == network
    assert read_operator(tmp_path).key == RUN_KEY
    assert read_controller(tmp_path, "farm") == ControllerFile("farm", FARM, "user-farm", "password-farm")
    for path in tmp_path.rglob("*.json"):
        open_to_all = path.name == "network.json"
        assert bool(path.stat().st_mode & 0o077) == open_to_all, path
    text = (tmp_path / "network.json").read_text()
    assert not [secret for secret in (RUN_KEY, HEALTH, "secret", "password-") if secret in text]


def test_a_controller_is_told_nothing_of_the_runs_secrets(tmp_path: Path) -> None:
    """R41."""
    network = written(tmp_path, ("health", HEALTH))
    own = read_controller(tmp_path)
    config = client_config(network, own.key, Login(own.username, own.password))
    assert (config.run_key, config.seed, config.host, config.unscheduled) == (HEALTH, 7, "127.0.0.1", 1400)
    assert config.bus == BusConfig("127.0.0.2", 1883, "user-health", "password-health")
    assert config.links == {"T4": LinkConfig(delay=0.5)}
    assert (config.utc_offset, config.started, config.trace_folder) == (None, None, "")
    assert client_config(network, own.key, Login("", ""), host="10.0.0.1").host == "10.0.0.1"


def test_at_the_end_nothing_is_left(tmp_path: Path) -> None:
    written(tmp_path, ("health", HEALTH))
    remove_network(tmp_path)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []
    remove_network(tmp_path)


def test_the_newest_network_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(NetworkFileError, match="net4ai up SCENARIO"):
        find_network(None)
    for age, name in ((10, "b"), (30, "a"), (20, "c")):
        written(module.RUNS / name)
        os.utime(module.RUNS / name / "network.json", (age, age))
    assert find_network(None) == module.RUNS / "a"
    with pytest.raises(NetworkFileError, match=r"other.network\.json: not there; `net4ai up SCENARIO --folder other`"):
        find_network(Path("other"))


def test_which_provider(tmp_path: Path) -> None:
    written(tmp_path, ("health", HEALTH), ("farm", FARM))
    with pytest.raises(NetworkFileError, match="--provider is needed; allowed: farm, health"):
        read_controller(tmp_path)
    with pytest.raises(NetworkFileError, match="provider 'x' has no key here; allowed: farm, health"):
        read_controller(tmp_path, "x")


@pytest.mark.parametrize(
    ("content", "why"),
    [(b"", "truncated"), (b"{}", "name"), (b'{"name":5}', "name"), (b"\xff", "network"), (b"[" * 10**6, "network")],
)
def test_files_that_cannot_be_used_say_why(tmp_path: Path, content: bytes, why: str) -> None:
    (tmp_path / "network.json").write_bytes(content)
    with pytest.raises(NetworkFileError, match=why):
        read_network(tmp_path)
