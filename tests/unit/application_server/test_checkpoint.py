"""The file of an instance: what is written is read, what is damaged is refused, and half of one there never is."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from net4ai.application_server import checkpoint as module
from net4ai.application_server.checkpoint import Checkpoint, CheckpointError, CheckpointFile, Committed
from net4ai.codecs.compute import Ended

number = st.integers(0, 0xFFFF_FFFF)
ended = st.builds(
    Ended,
    instance=number,
    execution=number,
    repetition=number,
    outcome=st.sampled_from(["complete", "restart", "stop"]),
)
committed = st.builds(Committed, number, st.booleans(), number, st.none() | st.binary())
checkpoints = st.builds(Checkpoint, st.text(), st.binary(), st.lists(committed), st.lists(ended))

SOME = Checkpoint("f", b"state", [Committed(1, True, 3), Committed(2, False, 1, b"before")], [])


@pytest.fixture
def file(tmp_path: Path) -> CheckpointFile:
    return CheckpointFile(tmp_path / "state" / "instance-1.checkpoint")


@given(checkpoints)
def test_what_is_written_is_read(tmp_path_factory: pytest.TempPathFactory, checkpoint: Checkpoint) -> None:
    file = CheckpointFile(tmp_path_factory.mktemp("state") / "instance-1.checkpoint")
    file.write(checkpoint)
    assert file.read() == checkpoint


def test_without_a_file_there_is_nothing(file: CheckpointFile) -> None:
    assert file.read() is None
    file.remove()
    file.write(SOME)
    file.remove()
    assert file.read() is None


@pytest.mark.parametrize("call", ["open", "replace"])
def test_what_cannot_be_written_leaves_what_was_there(
    file: CheckpointFile, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    file.write(SOME)

    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    if call == "open":
        monkeypatch.setattr(module, "open", full, raising=False)
    else:
        monkeypatch.setattr(os, call, full)
    with pytest.raises(OSError, match="No space left on device"):
        file.write(Checkpoint("f", b"newer", [], []))
    monkeypatch.undo()
    assert file.read() == SOME
    assert os.listdir(file.path.parent) == [file.path.name]


def test_a_process_killed_while_it_writes_leaves_what_was_there(file: CheckpointFile) -> None:
    file.write(SOME)
    file.path.with_name(f"{file.path.name}.123.new").write_bytes(b"N4CK half of a fi")
    assert file.read() == SOME


@given(data=st.data())
def test_any_damage_is_seen(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    file = CheckpointFile(tmp_path_factory.mktemp("state") / "instance-1.checkpoint")
    file.write(SOME)
    octets = bytearray(file.path.read_bytes())
    if data.draw(st.booleans()):
        del octets[data.draw(st.integers(0, len(octets) - 1)) :]
    else:
        at = data.draw(st.integers(0, len(octets) - 1))
        octets[at] ^= data.draw(st.integers(1, 255))
    file.path.write_bytes(octets)
    if octets[6:8] != b"\0\0":  # reserved
        return
    with pytest.raises(CheckpointError, match=r"^checkpoint instance-1\.checkpoint: "):
        file.read()


def test_sizes_are_checked_before_memory_is_touched(file: CheckpointFile, monkeypatch: pytest.MonkeyPatch) -> None:
    file.write(SOME)
    monkeypatch.setattr(module, "MAXIMUM_FILE", 20)
    with pytest.raises(CheckpointError, match=r": \d+ octets$"):
        file.read()
    monkeypatch.undo()
    octets = bytearray(file.path.read_bytes())
    octets[8:16] = (1 << 40).to_bytes(8, "big")
    file.path.write_bytes(octets)
    with pytest.raises(CheckpointError, match=f"{1 << 40} announced"):
        file.read()


def test_well_formed_octets_of_something_else_are_refused(file: CheckpointFile) -> None:
    body = b"\x81\xa1x\x01"
    file.path.parent.mkdir()
    file.path.write_bytes(module._HEADER.pack(module._MAGIC, 1, 0, len(body), module._digest(body)) + body)
    with pytest.raises(CheckpointError, match="unknown field `x`"):
        file.read()
