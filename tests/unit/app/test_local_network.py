"""A network's folder."""

from __future__ import annotations

from pathlib import Path

from net4ai.app.local_network import NetworkFolder


def filled(folder: NetworkFolder) -> set[Path]:
    """What a run leaves."""
    folder.make(capture=True)
    files = {
        folder.trace / "core.ndjson",
        folder.nodes / "core.json",
        folder.capture_parts / "core.pcapng",
        folder.state / "1.checkpoint",
        folder.database,
        folder.path / "core.sqlite-wal",
        folder.nodes_log,
        folder.broker_log,
        folder.path / "keys.ndjson",
    }
    for file in files:
        file.write_text("of before")
    return files


def test_a_fresh_run_finds_nothing_of_an_earlier_one(tmp_path: Path) -> None:
    folder = NetworkFolder(tmp_path / "run")
    files = filled(folder)
    foreign = tmp_path / "run" / "report.json"
    foreign.write_text("kept")
    folder.make(capture=True)
    assert [file for file in files if file.exists()] == []
    assert foreign.exists() and folder.state.is_dir()


def test_a_network_that_is_kept_finds_its_database_and_checkpoints(tmp_path: Path) -> None:
    folder = NetworkFolder(tmp_path / "run")
    files = filled(folder)
    folder.make(keep=True)
    kept = {folder.state / "1.checkpoint", folder.database, folder.path / "core.sqlite-wal"}
    assert {file for file in files if file.exists()} == kept
