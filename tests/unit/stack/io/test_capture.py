from __future__ import annotations

import asyncio
import errno
import logging
import struct
import subprocess
from io import FileIO
from ipaddress import IPv4Address
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from net4ai.codecs.internet import internet_checksum
from net4ai.stack.io.capture import (
    LINKS,
    MAXIMUM_DATAGRAM,
    CaptureFile,
    logical_address,
)
from net4ai.stack.io.capture_reader import CaptureError, Packet, merge_captures, read_capture
from net4ai.stack.io.pcapng import LinkType
from net4ai.stack.io.virtual_loop import VirtualLoop


class Clock:
    """A clock that is set by hand."""

    utc_offset = 1_700_000_000_000_000_000

    def __init__(self) -> None:
        self.time = 0

    def now(self) -> int:
        return self.time


DATAGRAM_LINKS = [name for name, link in LINKS.items() if link.link_type is LinkType.RAW_IP]
MESSAGE_LINKS = [name for name, link in LINKS.items() if link.link_type is LinkType.EXPORTED_PDU]

entries = st.lists(
    st.tuples(
        st.sampled_from(list(LINKS)),
        st.sampled_from(["ue-1/3", "ran-1", "core", "edge", "Büro"]),
        st.sampled_from(["ran-1", "edge-app-server", "access-manager"]),
        st.binary(max_size=70),
        st.sampled_from(["in", "out"]),
        st.integers(0, (1 << 62)),
        st.text(max_size=10),
    ),
    max_size=8,
)


def write(path: Path, packets: list[tuple], **options: object) -> CaptureFile:  # type: ignore[type-arg]
    with CaptureFile(path, Clock(), **options) as capture:  # type: ignore[arg-type]
        for link, source, destination, data, direction, time, comment in packets:
            tap = capture.link(link)
            if link in DATAGRAM_LINKS:
                tap.datagram(source, destination, 46400, 46401, data, direction, time=time, comment=comment)
            else:
                tap.message(source, destination, data, direction, time=time, comment=comment)
    return capture


def payload(packet: Packet) -> bytes:
    """What a tap was given, cut out without the code under test."""
    if packet.interface.link_type is LinkType.RAW_IP:
        return packet.data[28:]
    data, at = packet.data, 0
    while True:
        tag, length = struct.unpack_from(">HH", data, at)
        at += 4 + length
        if not tag:
            return data[at:]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("captures")


@given(entries, st.text(max_size=20))
def test_what_was_tapped_is_read_back(folder: Path, packets: list, comment: str) -> None:  # type: ignore[type-arg]
    write(folder / "a", packets, comment=comment)
    capture = read_capture(folder / "a")
    assert capture.comments == ([comment] if comment else [])
    assert [interface.name for interface in capture.interfaces] == ["Uu", "N2", "bus", "T4", "T8", "N3", "DRB"]
    assert capture.octets_cut == 0
    assert [
        (packet.interface.name, payload(packet), packet.direction, packet.time - Clock.utc_offset, packet.comment)
        for packet in capture.packets
    ] == [(link, data, direction, time, text) for link, _, _, data, direction, time, text in packets]
    for _, source, destination, *_ in packets:
        assert capture.names[source] == logical_address(source)
        assert capture.names[destination] == logical_address(destination)


@given(st.binary(max_size=200), st.integers(1, 0xFFFF), st.integers(1, 0xFFFF))
def test_headers_are_those_of_ipv4_and_udp(folder: Path, data: bytes, source_port: int, destination_port: int) -> None:
    with CaptureFile(folder / "b", Clock()) as capture:
        capture.link("Uu").datagram("ue-1", "ran-1", source_port, destination_port, data)
    packet = read_capture(folder / "b").packets[0].data
    version, _, length, _, _, _, protocol, _, source, destination = struct.unpack(">BBHHHBBH4s4s", packet[:20])
    assert (version, length, protocol) == (0x45, len(packet), 17)
    assert (source, destination) == (b"\x0a\x04\x10\x01", b"\x0a\x04\x01\x01")
    assert struct.unpack(">HHH", packet[20:26]) == (source_port, destination_port, 8 + len(data))
    # Summed up naively, with their checksums, both give 0xFFFF.
    assert naive_sum(packet[:20]) == 0xFFFF
    assert naive_sum(source + destination + struct.pack(">HH", 17, 8 + len(data)) + packet[20:]) == 0xFFFF
    assert packet[26:28] != b"\0\0", "0 says that there is no checksum"


def naive_sum(data: bytes) -> int:
    total = 0
    for high, low in zip(data[::2], (data + b"\0")[1::2], strict=False):
        total += high << 8 | low
        total = (total & 0xFFFF) + (total >> 16)
    return total


def test_checksum_of_the_example_in_rfc_1071() -> None:
    assert internet_checksum(bytes.fromhex("0001f203f4f5f6f7")) == 0xFFFF - 0xDDF2


def example(path: Path) -> bytes:
    packets = [
        ("Uu", "ue-1/1", "ran-1", b"radio", "out", 1, "first"),
        ("N2", "ran-1", "core", b"\x02\x01", "in", 2, ""),
        ("bus", "job-manager", "task-manager", b"{}", "out", 3, "last"),
    ]
    write(path, packets, comment="seed 1")
    return path.read_bytes()


def test_cut_anywhere_gives_the_complete_packets_before_the_cut(tmp_path: Path) -> None:
    whole = example(tmp_path / "whole")
    packets = read_capture(tmp_path / "whole").packets
    counts = []
    for end in range(len(whole) + 1):
        (tmp_path / "cut").write_bytes(whole[:end])
        capture = read_capture(tmp_path / "cut")
        assert capture.packets == packets[: len(capture.packets)]
        counts.append(len(capture.packets))
        assert merge_captures([tmp_path / "cut", tmp_path / "whole"], tmp_path / "out") == len(capture.packets) + 3
    assert counts == sorted(counts)
    assert set(counts) == {0, 1, 2, 3}


@given(st.data())
def test_a_damaged_file_is_a_capture_or_a_capture_error(folder: Path, data: st.DataObject) -> None:
    whole = bytearray(example(folder / "whole"))
    for at in data.draw(st.lists(st.integers(0, len(whole) - 1), min_size=1, max_size=4)):
        whole[at] = data.draw(st.integers(0, 255))
    (folder / "damaged").write_bytes(whole)
    try:
        read_capture(folder / "damaged")
    except CaptureError as error:
        assert str(folder / "damaged") in str(error)


def test_another_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("this is not a capture")
    with pytest.raises(CaptureError, match="not one section"):
        read_capture(tmp_path / "text")
    with pytest.raises(CaptureError):
        merge_captures([tmp_path / "text"], tmp_path / "out")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["text"]
    with pytest.raises(FileNotFoundError):
        read_capture(tmp_path / "missing")


@given(st.lists(entries, max_size=4))
def test_merging_sorts_by_time_and_keeps_everything(folder: Path, parts: list) -> None:  # type: ignore[type-arg]
    paths = [folder / f"part {number}" for number in range(len(parts))]
    for number, (path, packets) in enumerate(zip(paths, parts, strict=True)):
        write(path, packets, comment=f"part {number}")
    count = merge_captures(paths, folder / "merged")
    merged = read_capture(folder / "merged")
    singles = [read_capture(path) for path in paths]
    # Stable: at equal times the order of the parts.
    every = [packet for single in singles for packet in single.packets]
    assert merged.packets == sorted(every, key=lambda packet: packet.time)
    assert count == len(merged.packets)
    assert merged.names == {name: address for single in singles for name, address in single.names.items()}
    assert merged.comments == [f"part {number}" for number in range(len(parts))]


def test_equal_comments_are_said_once_and_out_may_be_a_part(tmp_path: Path) -> None:
    for name in ("a", "b"):
        example(tmp_path / name)
    assert merge_captures([tmp_path / "a", tmp_path / "b"], tmp_path / "a") == 6
    merged = read_capture(tmp_path / "a")
    assert merged.comments == ["seed 1"]
    assert [packet.time - Clock.utc_offset for packet in merged.packets] == [1, 1, 2, 2, 3, 3]


def test_snap_length_cuts_and_tells_the_length(tmp_path: Path) -> None:
    capture = write(tmp_path / "a", [("T4", "edge", "edge-app-server", bytes(100), "out", 0, "")], snap_length=60)
    (packet,) = read_capture(tmp_path / "a").packets
    assert (len(packet.data), packet.length) == (60, 128)
    assert capture.drops == {}


def test_packet_limit_counts_what_is_left_out(tmp_path: Path) -> None:
    packets = [("Uu", "ue-1", "ran-1", b"x", "out", time, "") for time in range(5)]
    capture = write(tmp_path / "a", packets, packet_limit=3)
    assert len(read_capture(tmp_path / "a").packets) == capture.packets == 3
    assert capture.drops == {"packet limit": 2}


def test_a_datagram_too_long_for_udp_is_dropped(tmp_path: Path) -> None:
    packets = [("Uu", "ue-1", "ran-1", bytes(size), "out", 0, "") for size in (MAXIMUM_DATAGRAM, MAXIMUM_DATAGRAM + 1)]
    capture = write(tmp_path / "a", packets)
    assert len(read_capture(tmp_path / "a").packets) == 1
    assert capture.drops == {"too long": 1}


def test_wrong_link_and_wrong_kind_of_tap(tmp_path: Path) -> None:
    with CaptureFile(tmp_path / "a", Clock()) as capture:
        with pytest.raises(ValueError, match=r"'N6' is not allowed; allowed: Uu, N2, bus, T4, T8, N3, DRB"):
            capture.link("N6")
        with pytest.raises(ValueError, match="carries messages"):
            capture.link("N2").datagram("ran-1", "core", 1, 2, b"")
        with pytest.raises(ValueError, match="carries datagrams"):
            capture.link("T8").message("ran-1", "edge", b"")
    capture.link("Uu").datagram("ue-1", "ran-1", 1, 2, b"late")
    capture.close()
    assert capture.drops == {"closed": 1}


def test_a_file_that_cannot_be_made_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="No such file"):
        CaptureFile(tmp_path / "missing" / "a", Clock())


def test_octets_are_written_by_size(tmp_path: Path) -> None:
    capture = CaptureFile(tmp_path / "a", Clock(), buffer_size=200)
    tap = capture.link("Uu")
    tap.datagram("ue-1", "ran-1", 1, 2, b"")
    assert read_capture(tmp_path / "a").packets == []
    tap.datagram("ue-1", "ran-1", 1, 2, bytes(200))
    assert len(read_capture(tmp_path / "a").packets) == 2
    capture.close()


def test_octets_are_written_by_time(tmp_path: Path) -> None:
    async def run() -> None:
        capture = CaptureFile(tmp_path / "a", Clock())
        capture.link("Uu").datagram("ue-1", "ran-1", 1, 2, b"")
        await asyncio.sleep(0.4)
        assert read_capture(tmp_path / "a").packets == []
        await asyncio.sleep(0.2)
        assert len(read_capture(tmp_path / "a").packets) == 1
        capture.link("Uu").datagram("ue-1", "ran-1", 1, 2, b"")
        await asyncio.sleep(0.6)
        assert len(read_capture(tmp_path / "a").packets) == 2
        capture.close()

    loop = VirtualLoop()
    try:
        loop.run_until_complete(run())
    finally:
        loop.close()


class FullDisk(FileIO):
    """A file on a disk with little room; what still fits is written, as a kernel does."""

    room = 0

    def write(self, data: bytes) -> int:  # type: ignore[override]
        if not self.room:
            raise OSError(errno.ENOSPC, "No space left on device")
        written = super().write(bytes(data)[: self.room])
        self.room -= written
        return written


@pytest.mark.parametrize("room", [0, 1, 50, 99, 163, 164])
def test_a_full_disk_is_counted_logged_once_and_never_raised(
    tmp_path: Path, room: int, caplog: pytest.LogCaptureFixture
) -> None:
    capture = CaptureFile(tmp_path / "a", Clock())
    tap = capture.link("Uu")
    tap.datagram("ue-1", "ran-1", 1, 2, b"good")
    capture.flush()
    capture._file.close()
    capture._file = disk = FullDisk(tmp_path / "a", "r+b")
    disk.seek(0, 2)
    disk.room = room
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            tap.datagram("ue-1", "ran-2", 1, 2, b"lost")
            tap.datagram("ue-1", "ran-2", 1, 2, b"lost")
            capture.flush()
    assert capture.drops == {"disk": 6}
    assert [record.message for record in caplog.records] == [
        f"capture {tmp_path / 'a'} is incomplete: [Errno 28] No space left on device"
    ]
    # There is room again: what follows is whole, and names lost are explained again.
    disk.room = 10_000
    tap.datagram("ue-1", "ran-2", 1, 2, b"back")
    capture.close()
    read = read_capture(tmp_path / "a")
    assert [payload(packet) for packet in read.packets] == [b"good", b"back"]
    assert read.names.keys() == {"ue-1", "ran-1", "ran-2"}
    assert read.octets_cut == 0
    assert capture.packets == 2


def test_a_disk_that_cannot_even_be_cut_back_ends_the_capture(tmp_path: Path) -> None:
    capture = CaptureFile(tmp_path / "a", Clock())
    capture._file.close()
    capture._file = disk = FullDisk(tmp_path / "a", "r+b")

    def truncate(size: int | None = None) -> int:
        raise OSError(errno.EIO, "Input/output error")

    disk.truncate = truncate  # type: ignore[method-assign]
    for _ in range(3):
        capture.link("Uu").datagram("ue-1", "ran-1", 1, 2, b"lost")
        capture.flush()
    capture.close()
    assert capture.drops == {"disk": 3}
    assert read_capture(tmp_path / "a").packets == []


@pytest.mark.parametrize(
    ("node", "address"),
    [
        ("core", "10.4.0.1"),
        ("access-manager", "10.4.0.14"),
        ("ran-1", "10.4.1.1"),
        ("ran-254", "10.4.1.254"),
        ("edge", "10.4.2.1"),
        ("edge-2", "10.4.2.2"),
        ("ran-2-app-server", "10.4.3.2"),
        ("edge-app-server", "10.4.3.201"),
        ("ue-1", "10.4.16.1"),
        ("ue-300", "10.4.17.44"),
        ("ue-1/3", "10.101.0.3"),
        ("ue-2/1000", "10.102.3.232"),
        ("ran-1 C-RNTI 5", "10.6.0.5"),
        ("ran-90 C-RNTI 65535", "10.95.255.255"),
    ],
)
def test_logical_addresses_of_usual_names(node: str, address: str) -> None:
    assert logical_address(node) == IPv4Address(address)


@given(
    st.text(max_size=30)
    | st.from_regex(r"(ue|ran|edge)-\d{1,12}(/\d{1,8}| C-RNTI \d{1,8})?(-app-server)?", fullmatch=True)
)
def test_every_name_has_a_logical_address(node: str) -> None:
    address = logical_address(node)
    assert address in [logical_address(node)]
    assert address.packed[0] == 10
    assert address.packed[1] == 4 or 6 <= address.packed[1] <= 95 or 101 <= address.packed[1] <= 255


def test_usual_names_have_addresses_of_their_own() -> None:
    names = ["core", "edge", "edge-app-server", "access-manager", "routine-manager", "application-controller"]
    names += [f"{kind}-{number}" for kind in ("ran", "ue", "edge") for number in range(2, 40)]
    names += [f"ran-{number}-app-server" for number in range(1, 40)]
    names += [f"ue-{process}/{ue}" for process in range(1, 20) for ue in range(1, 300)]
    assert len({logical_address(name) for name in names}) == len(names)


# ---------------------------------------------------------------------------------------------------------------------
# tshark as the judge


def tshark(path: Path, *arguments: str) -> list[list[str]]:
    ran = subprocess.run(["tshark", "-r", str(path), *arguments], capture_output=True, text=True, check=True)
    return [line.split("\t") for line in ran.stdout.splitlines()]


def fields(*names: str) -> list[str]:
    return ["-T", "fields", *(part for name in names for part in ("-e", name))]


@pytest.fixture
def merged(tmp_path: Path) -> Path:
    first = [
        ("Uu", "ue-1/7", "ran-1", bytes(1432), "out", 123_456_789, "turn 1"),
        ("T4", "ran-1", "ran-1-app-server", b"odd", "out", 300_000_001, ""),
        ("N2", "ran-1", "core", b"\x02\x01", "in", 300_000_002, ""),
    ]
    second = [
        ("bus", "job-manager", "task-manager", b'{"type":"execute task"}', "out", 200_000_000, ""),
        ("T8", "ran-1", "edge", b"", "in", 300_000_003, "VERDICT pass"),
    ]
    write(tmp_path / "1", first, comment="net4ai 0.1.0, scenario blood-pressure, seed 7")
    write(tmp_path / "2", second)
    assert merge_captures([tmp_path / "1", tmp_path / "2"], tmp_path / "merged.pcapng") == 5
    return tmp_path / "merged.pcapng"


@pytest.mark.tshark
def test_tshark_reads_interfaces_times_comments_and_directions(merged: Path) -> None:
    names = ("frame.interface_name", "frame.time_epoch", "frame.comment", "frame.packet_flags_direction")
    assert tshark(merged, *fields(*names)) == [
        ["Uu", "1700000000.123456789", "turn 1", "0x00000002"],
        ["bus", "1700000000.200000000", "", "0x00000002"],
        ["T4", "1700000000.300000001", "", "0x00000002"],
        ["N2", "1700000000.300000002", "", "0x00000001"],
        ["T8", "1700000000.300000003", "VERDICT pass", "0x00000001"],
    ]


@pytest.mark.tshark
def test_tshark_finds_every_checksum_right(merged: Path) -> None:
    check = ["-o", "udp.check_checksum:TRUE", "-o", "ip.check_checksum:TRUE", "-Y", "udp"]
    rows = tshark(merged, *check, *fields("ip.checksum.status", "udp.checksum.status", "udp.length", "_ws.malformed"))
    assert rows == [["1", "1", str(8 + length), ""] for length in (1432, 3, 0)]


@pytest.mark.tshark
def test_tshark_shows_names(merged: Path) -> None:
    rows = tshark(merged, "-N", "n", *fields("_ws.col.Source", "_ws.col.Destination"))
    assert rows == [
        ["ue-1/7", "ran-1"],
        ["job-manager", "task-manager"],
        ["ran-1", "ran-1-app-server"],
        ["ran-1", "core"],
        ["ran-1", "edge"],
    ]


@pytest.mark.tshark
def test_tshark_hands_exported_pdus_to_their_dissectors(merged: Path) -> None:
    assert tshark(merged, "-Y", "frame.interface_name == bus", *fields("json.value.string")) == [["execute task"]]
    rows = tshark(merged, "-Y", "frame.interface_name == N2", *fields("exported_pdu.prot_name", "frame.p2p_dir"))
    assert rows == [["net4ai_n2", "1"]]


@pytest.mark.tshark
def test_tshark_agrees_on_snap_lengths(tmp_path: Path) -> None:
    write(tmp_path / "a", [("Uu", "ue-1", "ran-1", bytes(100), "out", 0, "")], snap_length=60)
    assert tshark(tmp_path / "a", *fields("frame.cap_len", "frame.len")) == [["60", "128"]]
