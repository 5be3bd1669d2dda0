"""The key log: off it leaves no trace; on it says so, and what is in it can be read."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from net4ai.stack.io.bus import Hub, InProcessBus
from net4ai.stack.io.capture import ALL_LINKS, CLEAR_LINKS, LINKS, NAS_IN_CLEAR, RRC_IN_CLEAR, CaptureFile
from net4ai.stack.io.capture_reader import merge_captures, read_capture
from net4ai.stack.io.capture_stream import CaptureStream
from net4ai.stack.io.clock import LoopClock
from net4ai.stack.io.key_log import KEY_LOG, WARNING, KeyLog
from net4ai.stack.io.live_capture import LiveMerge
from net4ai.stack.io.memory_network import MemoryNetwork
from net4ai.stack.io.platform import Platform, RunConfig

KEY = bytes(range(16))


class FixedClock:
    utc_offset = 1000

    def now(self) -> int:
        return 7


def test_several_processes_write_lines_into_one_file(tmp_path: Path) -> None:
    logs = [KeyLog(tmp_path / KEY_LOG, node, FixedClock()) for node in ("ran-1", "core")]
    logs[0].write({"c_rnti": 1}, {"K_RRCint": KEY, "K_RRCenc": KEY[::-1]})
    logs[1].write({"subscriber": "ue-1/1", "ran_ue": 2}, {"K_NASint": KEY})
    for log in logs:
        log.close()
        log.close()
    first, second = (json.loads(line) for line in (tmp_path / KEY_LOG).read_text().splitlines())
    keys = {"K_RRCint": KEY.hex(), "K_RRCenc": KEY[::-1].hex()}
    assert first == {"utc": 1007, "node": "ran-1", "c_rnti": 1, "keys": keys}
    assert second["keys"] == {"K_NASint": KEY.hex()}
    assert (tmp_path / KEY_LOG).stat().st_mode & 0o777 == 0o600, "for its owner alone"


def platform(folder: Path, key_log: bool, said: list[str], capture: CaptureFile | None) -> Platform:
    loop = asyncio.get_running_loop()
    clock = LoopClock(loop, 0)
    return Platform(
        name="core",
        run=RunConfig(
            run_key="00" * 32, seed=1, utc_offset=0, started=0, trace_folder=str(folder / "trace"), key_log=key_log
        ),
        clock=clock,
        network=MemoryNetwork(loop),
        bus=InProcessBus("core", bytes(32), clock, Hub()),
        trace=lambda event: None,
        capture=capture,
        start_compute=None,  # type: ignore[arg-type]
        start_application_server=None,  # type: ignore[arg-type]
        say=said.append,
    )


def test_off_nothing_of_it_exists(tmp_path: Path) -> None:
    async def scenario() -> None:
        said: list[str] = []
        with CaptureFile(tmp_path / "core.pcapng", FixedClock()) as capture:
            off = platform(tmp_path, False, said, capture)
            assert off.key_log is None
            assert off.clear_tap(RRC_IN_CLEAR) is None
            with pytest.raises(ValueError, match=r"allowed: Uu, N2, bus, T4, T8, N3, DRB$"):
                capture.link(RRC_IN_CLEAR)
        assert said == []
        assert not (tmp_path / KEY_LOG).exists()
        assert [link.name for link in read_capture(tmp_path / "core.pcapng").interfaces] == list(LINKS)

    asyncio.run(scenario())


def test_on_every_process_says_so_once(tmp_path: Path) -> None:
    async def scenario() -> None:
        said: list[str] = []
        with CaptureFile(tmp_path / "core.pcapng", FixedClock(), key_log=True) as capture:
            on = platform(tmp_path, True, said, capture)
            assert said == [f"core: {WARNING}"]
            assert on.key_log is not None
            on.key_log.write({}, {"K_NASint": KEY})
            tap = on.clear_tap(NAS_IN_CLEAR)
            assert tap is not None
            tap.message("access-manager", "ue-1/1", b"\x41", "out")
            on.close()
        assert (tmp_path / KEY_LOG).exists(), "beside the folder of traces"
        assert platform(tmp_path, True, [], None).clear_tap(NAS_IN_CLEAR) is None, "without a capture"
        (packet,) = read_capture(tmp_path / "core.pcapng").packets
        assert packet.interface == CLEAR_LINKS[NAS_IN_CLEAR]
        assert b"net4ai_nas" in packet.data

    asyncio.run(scenario())


def parts(folder: Path) -> list[Path]:
    """Of one process without taps in clear, and one with."""
    paths = [folder / "off.pcapng", folder / "on.pcapng"]
    for path, key_log in zip(paths, (False, True), strict=True):
        with CaptureFile(path, FixedClock(), key_log=key_log) as capture:
            capture.link("bus").message("core", "core", b"{}", time=1)
            if key_log:
                capture.link(RRC_IN_CLEAR).message("ran-1", "ran-1 C-RNTI 1", b"\x0b", time=2)
    return paths


def test_messages_in_clear_are_merged(tmp_path: Path) -> None:
    paths = parts(tmp_path)
    assert merge_captures(paths, tmp_path / "out") == 3
    merged = read_capture(tmp_path / "out")
    assert [link.name for link in merged.interfaces] == list(ALL_LINKS)
    assert [packet.interface.name for packet in merged.packets] == ["bus", "bus", RRC_IN_CLEAR]
    merge_captures(paths[:1], tmp_path / "out")
    assert [link.name for link in read_capture(tmp_path / "out").interfaces] == list(LINKS)


def test_messages_in_clear_come_live_too(tmp_path: Path) -> None:
    merge = LiveMerge()
    for path in parts(tmp_path):
        merge.feed(path.name, path.read_bytes(), 0)
    stream = CaptureStream()
    stream.feed(merge.finish())
    packets = list(stream.packets())
    assert [interface.name for interface in stream._interfaces] == list(ALL_LINKS)
    assert [packet.link for packet in packets] == ["bus", "bus", RRC_IN_CLEAR]
