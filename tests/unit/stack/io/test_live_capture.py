"""Growing part files as one capture: nothing lost, nothing twice, in order where it can be."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from net4ai.stack.io.capture import LINKS, CaptureFile
from net4ai.stack.io.capture_reader import read_capture
from net4ai.stack.io.capture_stream import CaptureStream, StreamedPacket
from net4ai.stack.io.live_capture import DELAY, LiveMerge, PartFiles
from net4ai.stack.io.pcapng import (
    BYTE_ORDER,
    Interface,
    LinkType,
    interface_block,
    packet_block,
    section_block,
)


class FixedClock:
    """UTC begins at 0."""

    utc_offset = 0

    def now(self) -> int:
        return 0


def write_part(path: Path, *packets: tuple[int, str]) -> bytes:
    """A part with bus messages of these times and texts."""
    with CaptureFile(path, FixedClock()) as capture:
        tap = capture.link("bus")
        for time, text in packets:
            tap.message("task-manager", "core", text.encode(), time=time)
    return path.read_bytes()


def read(octets: bytes) -> tuple[CaptureStream, list[StreamedPacket]]:
    stream = CaptureStream()
    stream.feed(octets)
    return stream, list(stream.packets())


def texts(octets: bytes) -> list[str]:
    return [packet.data.split(b"\0\0\0\0")[-1].decode() for packet in read(octets)[1]]


def test_a_stream_begins_with_all_links_before_any_packet_has_come() -> None:
    merge = LiveMerge()
    stream, packets = read(merge.take(0))
    assert (packets, stream.left) == ([], 0)
    assert [interface.name for interface in stream._interfaces] == list(LINKS)


def test_packets_are_held_for_the_delay_and_leave_in_order(tmp_path: Path) -> None:
    merge = LiveMerge()
    merge.feed("a", write_part(tmp_path / "a", (100, "second"), (300, "fourth")), 0)
    head = merge.take(0)
    merge.feed("b", write_part(tmp_path / "b", (50, "first"), (200, "third"), (400, "fifth")), DELAY // 2)
    assert texts(head + merge.take(DELAY - 1)) == []
    names = merge.take(DELAY - 1)
    assert names == b""
    out = head + merge.take(DELAY)
    assert texts(out) == ["first", "second", "third", "fourth"]
    assert texts(out + merge.take(DELAY * 3 // 2)) == ["first", "second", "third", "fourth", "fifth"]
    assert (merge.packets, merge.late) == (5, 0)


def test_what_comes_too_late_leaves_at_once_and_is_counted(tmp_path: Path) -> None:
    merge = LiveMerge()
    merge.feed("a", write_part(tmp_path / "a", (100, "on time")), 0)
    out = merge.take(DELAY)
    merge.feed("late starter", write_part(tmp_path / "b", (50, "late")), 2 * DELAY)
    assert texts(out + merge.take(2 * DELAY)) == ["on time", "late"]
    assert (merge.packets, merge.late) == (2, 1)


def test_the_end_lets_all_go(tmp_path: Path) -> None:
    merge = LiveMerge()
    merge.feed("a", write_part(tmp_path / "a", (2, "b"), (3, "c")), 0)
    merge.feed("b", write_part(tmp_path / "b", (1, "a")), 0)
    assert texts(merge.take(0) + merge.finish()) == ["a", "b", "c"]
    assert merge.finish() == b""


TIMES = st.lists(st.integers(1, 8 * DELAY), max_size=8).map(sorted)


@given(st.lists(st.tuples(TIMES, st.integers(0, DELAY - 1)), min_size=1, max_size=4), st.randoms(use_true_random=False))
def test_in_order_as_long_as_no_file_lags_more_than_the_delay(
    tmp_path_factory: pytest.TempPathFactory, parts: list[tuple[list[int], int]], generator: random.Random
) -> None:
    """Each part's octets are there `lag` after their packets' times, and are read in any pieces."""
    folder = tmp_path_factory.mktemp("parts")
    merge, out = LiveMerge(), bytearray()
    waiting: list[tuple[int, str, bytes]] = []
    for number, (times, lag) in enumerate(parts):
        before = b""
        for count, time in enumerate(times, 1):
            whole = write_part(folder / "part", *((time, f"{number}/{time}") for time in times[:count]))
            cut = generator.randrange(len(before), len(whole) + 1)
            waiting += [(time + lag, f"{number}", piece) for piece in (whole[len(before) : cut], whole[cut:])]
            before = whole
    for now, name, octets in sorted(waiting, key=lambda item: (item[0], item[1])):
        out += merge.take(now)
        merge.feed(name, octets, now)
        out += merge.take(now)
    out += merge.finish()
    found = [int(text.split("/")[1]) for text in texts(bytes(out))]
    assert found == sorted(time for times, _ in parts for time in times)
    assert (merge.late, merge.broken) == (0, {})


def part_with(*interfaces: Interface) -> bytes:
    """A part whose last interface has one packet."""
    blocks = [section_block(()), *(interface_block(interface, 0) for interface in interfaces)]
    return b"".join([*blocks, packet_block(len(interfaces) - 1, 1, b"\0\0\0\0secret", 10, "out")])


def test_interfaces_of_the_key_log_are_added_where_they_come(tmp_path: Path) -> None:
    clear = Interface("RRC in clear", "", LinkType.EXPORTED_PDU)
    merge = LiveMerge()
    out = merge.take(0)
    merge.feed("a", part_with(LINKS["Uu"], clear), 0)
    merge.feed("b", part_with(clear), 0)
    stream, packets = read(out + merge.finish())
    assert [packet.link for packet in packets] == ["RRC in clear"] * 2
    assert [interface.name for interface in stream._interfaces] == [*LINKS, "RRC in clear"]


def test_links_this_version_does_not_know_are_left_out() -> None:
    merge = LiveMerge()
    merge.feed("a", part_with(LINKS["Uu"], Interface("of another version", "", LinkType.RAW_IP)), 0)
    assert read(merge.take(0) + merge.finish())[1] == []
    assert merge.broken == {}


def test_names_come_before_their_packets_and_once(tmp_path: Path) -> None:
    merge = LiveMerge()
    for name in ("a", "b"):
        merge.feed(name, write_part(tmp_path / name, (1, "x")), 0)
    out = merge.take(0)
    stream, _ = read(out)
    assert set(stream.names.values()) == {"task-manager", "core"}
    assert out.count(b"task-manager") == 1
    stream, packets = read(out + merge.finish())
    assert len(packets) == 2


@pytest.mark.parametrize(
    "damage",
    [
        b"\x06\x00\x00\x00\x03\x00\x00\x00" + bytes(8),
        packet_block(99, 1, b"x", 1, "out"),
        (6).to_bytes(4, "little") + (16).to_bytes(4, "little") + bytes(4) + (16).to_bytes(4, "little"),
        bytes.fromhex("0a0d0d0a") + bytes(4) + BYTE_ORDER.to_bytes(4, "big"),
        bytes.fromhex("0a0d0d0a0000000c") + BYTE_ORDER.to_bytes(4, "big")[:0] + bytes(8),
    ],
)
def test_a_damaged_part_ends_alone(tmp_path: Path, damage: bytes) -> None:
    merge = LiveMerge()
    merge.feed("a", write_part(tmp_path / "a", (1, "before")) + damage, 0)
    merge.feed("a", write_part(tmp_path / "a2", (2, "never")), 0)
    merge.feed("b", write_part(tmp_path / "b", (3, "other")), 0)
    assert texts(merge.take(0) + merge.finish()) == ["before", "other"]
    assert list(merge.broken) == ["a"]


# ---------------------------------------------------------------------------------------------------------------------
# Files


def test_files_are_read_as_they_grow_and_to_their_end(tmp_path: Path) -> None:
    files = PartFiles(tmp_path)
    assert files.read() == []
    first = CaptureFile(tmp_path / "a.pcapng", FixedClock(), buffer_size=1)
    got = bytearray(b"".join(data for _, data in files.read()))
    assert read(bytes(got))[1] == []
    first.link("bus").message("core", "core", b"one")
    got += b"".join(data for _, data in files.read())
    assert len(read(bytes(got))[1]) == 1
    first.link("bus").message("core", "core", b"two")
    first.close()
    (tmp_path / "a.pcapng").unlink()
    got += b"".join(data for _, data in files.read())
    assert len(read(bytes(got))[1]) == 2
    assert files.read() == []
    files.close()


def test_a_file_made_anew_is_another_part(tmp_path: Path) -> None:
    files = PartFiles(tmp_path)
    write_part(tmp_path / "a.pcapng", (1, "old"))
    [(old, _)] = files.read()
    write_part(tmp_path / "new", (2, "new"))
    (tmp_path / "new").rename(tmp_path / "a.pcapng")
    [(new, data)] = files.read()
    assert (old != new, texts(data)) == (True, ["new"])
    files.close()


def test_a_folder_that_is_not_there_holds_nothing(tmp_path: Path) -> None:
    files = PartFiles(tmp_path / "none")
    assert files.read() == []


def test_the_stream_is_a_capture_of_ours(tmp_path: Path) -> None:
    merge = LiveMerge()
    merge.feed("a", write_part(tmp_path / "a", (1, "x"), (2, "y")), 0)
    path = tmp_path / "out.pcapng"
    path.write_bytes(merge.take(0) + merge.finish())
    whole = read_capture(path)
    assert [packet.time for packet in whole.packets] == [1, 2]
    assert set(whole.names) == {"task-manager", "core"}
    assert whole.octets_cut == 0
