"""`net4ai pcap`: a golden ladder, folding, filters, damaged and foreign files."""

from __future__ import annotations

import io
import json
import os
import re
import shlex
import struct
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from net4ai.app.command_line import parser
from net4ai.app.pcap_ladder import MAXIMUM_WAITING, RUN_PAUSE, Filter, Ladder, lane_of, view_for, write_ladder
from net4ai.codecs import dep, l2, link, n2, nas, rrc
from net4ai.codecs.causes import Cause
from net4ai.codecs.common import SecurityCapabilities, VersionRange
from net4ai.codecs.declaration import Message, Structure
from net4ai.codecs.message import Content, encode_message
from net4ai.codecs.message import Message as FunctionMessage
from net4ai.stack.io.capture import CaptureFile
from net4ai.stack.io.capture_reader import CaptureError

UE, NODE, SERVER = "ue-1/3", "ran-1", "ran-1-app-server"
HANDLE = 0x1234ABCD


class Capture:
    """A capture written packet by packet, a millisecond apart."""

    utc_offset = 1_000_000_000

    def __init__(self, path: Path, snap_length: int = 0) -> None:
        self.path = path
        self.time = 0
        self.file = CaptureFile(path, self, comment="golden", snap_length=snap_length)

    def now(self) -> int:
        self.time += 1_000_000
        return self.time

    def uu(self, source: str, destination: str, *parts: Structure | bytes, comment: str = "") -> None:
        self.file.link("Uu").datagram(source, destination, 46400, 46400, pdu(*parts), comment=comment)

    def t4(self, source: str, destination: str, *parts: Structure | bytes) -> None:
        self.file.link("T4").datagram(source, destination, 46401, 46401, pdu(*parts))

    def n2(self, source: str, destination: str, message: Message | bytes) -> None:
        self.file.link("N2").message(source, destination, pdu(message))

    def bus(self, source: str, destination: str, content: Any) -> None:
        self.file.link("bus").message(source, destination, json.dumps(content).encode())

    def lines(self, width: int = 0, wanted: Filter | None = None, as_json: bool = False) -> list[str]:
        self.file.close()
        return show(self.path.read_bytes(), width, wanted or Filter(), as_json)[0]


def show(
    octets: bytes, width: int = 0, wanted: Filter | None = None, as_json: bool = False
) -> tuple[list[str], Ladder]:
    lines: list[str] = []
    done = write_ladder(io.BytesIO(octets), view_for(width, as_json), wanted or Filter(), lines.append)
    return lines, done


def pdu(*parts: Structure | bytes) -> bytes:
    return b"".join(
        part if isinstance(part, bytes) else part.encode() if isinstance(part, Message) else part.to_bytes()
        for part in parts
    )


def header(
    bearer_type: l2.BearerType, bearer: int, count: int = 0, *, segmentation: int = 0, **flags: bool
) -> l2.L2Header:
    given_flags: dict[str, Any] = {"is_data": True, **flags}
    return l2.L2Header(
        segmentation=segmentation, bearer_type=bearer_type, bearer=bearer, c_rnti=7, count=count, **given_flags
    )


def srb(count: int, **more: Any) -> l2.L2Header:
    return header(l2.BearerType.SRB, 1, count, **more)


CRB = header(l2.BearerType.CRB, 1)


def dep_header(type_: int, message_id: int = 5, offset: int = 0) -> dep.DepHeader:
    return dep.DepHeader(
        version=1,
        type=type_,
        congestion=0,
        qfi=1,
        extension_words=0,
        handle=HANDLE,
        message_id=message_id,
        offset=offset,
    )


def data(offset: int, size: int, length: int, message_id: int = 5) -> tuple[Structure | bytes, ...]:
    body = dep.DataBody(message_length=length, packet_number=offset)
    return CRB, dep_header(dep.DepType.DATA, message_id, offset), body, bytes(size)


REGISTRATION = nas.RegistrationRequest(
    versions=VersionRange(lowest=1, highest=1),
    capabilities=SecurityCapabilities(integrity=0x20, ciphering=0x20),
    identity="imsi-1",
)


def golden(path: Path) -> Capture:
    """A bit of everything."""
    capture = Capture(path)
    srb0 = l2.L2Header(is_data=True, segmentation=0, bearer_type=0, bearer=0, c_rnti=0, count=0)
    capture.uu(UE, NODE, srb0, rrc.SetupRequest(ue_identity=42, cause=rrc.EstablishmentCause.MO_DATA, bulk_port=46401),
               comment="case RRC-1: the first message")  # fmt: skip
    capture.uu(NODE, UE, srb0, rrc.Setup(transaction=1, ue_identity=42, c_rnti=7, bulk_port=46401))
    complete = rrc.SetupComplete(transaction=1, nas=REGISTRATION.encode())
    capture.uu(UE, NODE, srb(0), complete)
    capture.uu(UE, NODE, srb(0, poll=True), complete)
    report = l2.StatusReport(next_count=4, missing=l2.MissingRange(first=1, length=2).to_bytes())
    capture.uu(NODE, UE, srb(0, is_data=False), report)
    capture.n2(NODE, "core", n2.InitialUeMessage(ran_ue=7, nas=REGISTRATION.encode()))
    protected = nas.Protected(
        security_header=nas.SecurityHeaderType.INTEGRITY, mac=0xABCD, count=1, message=nas.Consent(
            job=1, given=True, status=nas.UeStatus(compute=1, memory=1, battery=1),
            privacy=nas.PrivacyRequirement(raw_data=False, k=3)).encode())  # fmt: skip
    transfer = rrc.UplinkInformationTransfer(nas=protected.encode()).encode()
    capture.uu(UE, NODE, srb(1, segmentation=1), transfer[:20])
    capture.uu(UE, NODE, srb(2, segmentation=2), l2.SegmentOffset(offset=20), transfer[20:])
    capture.uu(UE, NODE, srb(3, has_mac=True, ciphered=True), bytes(30))
    capture.uu(UE, NODE, srb(4, has_mac=True), rrc.SecurityModeComplete(transaction=2), b"\1\2\3\4")
    ciphered = nas.Protected(security_header=2, mac=1, count=2, message=bytes(9))
    capture.n2("core", NODE, n2.DownlinkNasTransport(ran_ue=7, nas=ciphered.encode()))
    capture.bus("orchestrator", "fpf/ran-1", {"kind": "request", "type": "InstantiateFunction"})
    capture.bus("job-manager", "core", {"kind": "reply", "type": "Done", "error": {"cause": "NO_RESOURCES"}})
    capture.t4(SERVER, NODE, header(l2.BearerType.FIXED_LINK, 0), link.Done(
        execution=1, instance=2, end_point=1, turn=3, seat=4, cause=Cause.TIMEOUT))  # fmt: skip
    message = encode_message(FunctionMessage(tag=2, content=Content.JSON, data=bytes(2736), index=9))
    for offset in (0, 1400, 1400):
        body = dep.DataBody(message_length=2800, packet_number=1)
        capture.uu(NODE, UE, CRB, dep_header(dep.DepType.DATA, 5, offset), body, message[offset : offset + 1400])
        capture.uu(NODE, UE, *data(offset, 1400, 8000, message_id=6))
    capture.uu(UE, NODE, CRB, dep_header(dep.DepType.GRANT, 6), dep.GrantBody(limit=8000, priority=0))
    capture.uu(NODE, UE, *data(2800, 1400, 8000, message_id=6))
    capture.uu(NODE, UE, srb(9), b"\x02\x00")
    capture.uu(NODE, UE, srb(10), b"\xf7abc")
    return capture


GOLDEN_FILES = Path(__file__).with_name("golden_ladders")


@pytest.mark.parametrize(("name", "width"), [("list", 0), ("ladder", 150)])
def test_golden(tmp_path: Path, name: str, width: int) -> None:
    expected = (GOLDEN_FILES / f"{name}.txt").read_text(encoding="utf-8").splitlines()
    assert golden(tmp_path / "golden.pcapng").lines(width) == expected


def test_json(tmp_path: Path) -> None:
    found = [json.loads(line) for line in golden(tmp_path / "golden.pcapng").lines(as_json=True)]
    first = found[0]
    assert (first["packet"], first["seconds"], first["link"], first["source"]) == (1, 0.0, "Uu", UE)
    assert first["comments"] == ["case RRC-1: the first message"]
    assert first["layers"][1]["fields"] == {"ue_identity": 42, "cause": "MO_DATA", "bulk_port": 46401}
    runs = [line["run"] for line in found if "run" in line]
    assert [(run["from"], run["to"], run["of"], run["segments"], run["again"]) for run in runs] == [
        (0, 2800, 2800, 3, 1),
        (0, 2800, 8000, 3, 1),
    ]
    assert [line["not_decoded"] for line in found if "not_decoded" in line] == ["truncated"]


@pytest.mark.parametrize(
    ("wanted", "packets"),
    [
        (Filter(links=("N2",)), 2),
        (Filter(links=("N2", "bus")), 4),
        (Filter(nodes=("ue-1",)), 19),
        (Filter(nodes=("ue",)), 0),
        (Filter(nodes=(SERVER,)), 1),
        (Filter(types=("nas",)), 5),
        (Filter(types=("rrc setup",)), 1),
        (Filter(types=("GRANT",)), 1),
        (Filter(types=("DATA",)), 7),
        (Filter(types=("Consent", "Done")), 3),
        (Filter(begin=0.004, end=0.006), 3),
        (Filter(begin=0.0045), 19),
        (Filter(end=0.0), 1),
    ],
)
def test_filters(tmp_path: Path, wanted: Filter, packets: int) -> None:
    capture = golden(tmp_path / "golden.pcapng")
    capture.file.close()
    assert show(capture.path.read_bytes(), wanted=wanted)[1].shown == packets


# ---------------------------------------------------------------------------------------------------------------------
# Folding


def run_lines(capture: Capture) -> list[str]:
    return [line.split("DEP ")[1].split(", handle")[0] for line in capture.lines()]


def test_a_run_ends_with_a_pause(tmp_path: Path) -> None:
    capture = Capture(tmp_path / "pause")
    for pause in (0, RUN_PAUSE - 2_000_000, RUN_PAUSE):
        capture.time += pause
        capture.uu(NODE, UE, *data(capture.time % 7 * 100, 100, 9000))
    lines = run_lines(capture)
    assert len(lines) == 2
    assert "2 segments" in lines[0] and "segments" not in lines[1]


def test_an_announcement_is_no_part_of_a_run(tmp_path: Path) -> None:
    capture = Capture(tmp_path / "announced")
    for size in (0, 1400, 1400):
        capture.uu(NODE, UE, *data(0, size, 1400))
    assert run_lines(capture) == [
        "DATA 0..0 of 1400, message 5",
        "DATA 0..1400 of 1400, 2 segments, 1 again, message 5",
    ]


def test_lines_stay_in_the_order_in_which_they_began(tmp_path: Path) -> None:
    capture = Capture(tmp_path / "order")
    capture.uu(NODE, UE, *data(0, 100, 300, message_id=1))
    capture.uu(NODE, UE, *data(0, 100, 300, message_id=2))
    capture.uu(UE, NODE, CRB, dep_header(dep.DepType.ACK, 2, 100), dep.AckBody(
        highest_packet=1, delay=0, segment_size=100, map_bits=0, congestion=0, map=b""))  # fmt: skip
    capture.uu(NODE, UE, *data(100, 100, 300, message_id=1))
    capture.uu(NODE, UE, *data(100, 100, 300, message_id=2))
    assert run_lines(capture) == [
        "DATA 0..200 of 300, 2 segments, message 1",
        "DATA 0..100 of 300, message 2",
        "ACK message 2, up to 100, highest packet 1",
        "DATA 100..200 of 300, message 2",
    ]


def test_a_run_without_end_does_not_hold_everything_back(tmp_path: Path) -> None:
    capture = Capture(tmp_path / "long")
    for number in range(MAXIMUM_WAITING + 10):
        capture.time -= 999_000
        capture.uu(NODE, UE, *data(number, 1, 1 << 20))
        capture.bus("core", "core", {"kind": "event", "type": "x"})
    lines = capture.lines()
    assert sum("DEP DATA" in line for line in lines) == 2
    assert len(lines) == MAXIMUM_WAITING + 10 + 2


def test_lanes() -> None:
    names = {
        "ue-1/3": "ue-1",
        "ran-1 C-RNTI 7": "UEs ran-1",
        "fpf/edge": "edge",
        "job-manager": "core",
        "imsi-1": "UEs",
        "ran-1": "ran-1",
    }
    assert {name: lane_of(name) for name in names} == names


def test_nodes_without_room_for_a_column_are_named(tmp_path: Path) -> None:
    capture = Capture(tmp_path / "many")
    for number in range(1, 9):
        capture.n2(f"ran-{number}", "core", n2.OverloadStop())
    lines = capture.lines(width=112)
    assert lines[-1].endswith("N2: ran-8 → core: N2 Overload Stop")
    assert "ran-8 →" not in lines[1] and all(len(line) <= 112 for line in lines)


# ---------------------------------------------------------------------------------------------------------------------
# Whatever comes


@pytest.fixture(scope="module")
def octets(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    capture = golden(tmp_path_factory.mktemp("golden") / "golden.pcapng")
    capture.file.close()
    return capture.path.read_bytes()


def test_a_file_cut_anywhere_is_told_up_to_there(octets: bytes) -> None:
    whole = show(octets)[0]
    for end in range(0, len(octets), 37):
        try:
            lines, done = show(octets[:end])
        except CaptureError as error:
            assert end < 200, error
            continue
        assert done.broken == ""
        # The last run may be shorter.
        assert lines[:-2] == whole[: len(lines[:-2])]


@settings(max_examples=150)
@given(data=st.data())
def test_damaged_files_are_told_or_refused(octets: bytes, data: st.DataObject) -> None:
    damaged = bytearray(octets)
    for at, value in data.draw(st.lists(st.tuples(st.integers(0, len(octets) - 1), st.integers(0, 255)), max_size=8)):
        damaged[at] = value
    for width, as_json in ((0, False), (160, False), (0, True)):
        try:
            lines, done = show(bytes(damaged), width, as_json=as_json)
        except CaptureError:
            continue
        assert all(line.isprintable() for line in lines)
        assert done.packets <= 24


@settings(max_examples=100)
@given(st.binary(max_size=300))
def test_any_octets_are_no_traceback(noise: bytes) -> None:
    with pytest.raises(CaptureError):
        show(noise)


@settings(max_examples=150)
@given(st.sampled_from(["Uu", "T4", "T8", "N2", "bus"]), st.binary(max_size=120))
def test_any_packet_is_told(tmp_path_factory: pytest.TempPathFactory, link_name: str, noise: bytes) -> None:
    capture = Capture(tmp_path_factory.mktemp("noise") / "noise")
    tap = capture.file.link(link_name)
    if link_name in ("N2", "bus"):
        tap.message("a", "b", noise)
    else:
        tap.datagram("a", "b", 46400, 46400, noise)
    [line] = capture.lines()
    assert " a → b " in line


def test_what_the_capture_cut_is_told_as_such(tmp_path: Path) -> None:
    capture = Capture(tmp_path / "cut", snap_length=60)
    capture.uu(UE, NODE, srb(0), rrc.SetupComplete(transaction=1, nas=REGISTRATION.encode() * 3))
    assert capture.lines()[0].endswith("NOT DECODED: cut by the capture after 60 octets")


def test_names_and_comments_of_strangers_do_not_command_the_terminal(tmp_path: Path) -> None:
    capture = Capture(tmp_path / "escape")
    capture.file.link("bus").message("\x1b[2J", "core", b'{"kind": "\\u001b]0;x"}', comment="a\x1b[31m\nb\x9b1m")
    lines = capture.lines()
    assert len(lines) == 3 and all(line.isprintable() for line in lines)


def foreign(order: str, link_type: int, data: bytes) -> bytes:
    """A file as others write them: microseconds, no names, an unknown block."""

    def block(kind: int, body: bytes) -> bytes:
        body += bytes(-len(body) % 4)
        return struct.pack(f"{order}II", kind, 12 + len(body)) + body + struct.pack(f"{order}I", 12 + len(body))

    section = block(0x0A0D0D0A, struct.pack(f"{order}IHHq", 0x1A2B3C4D, 1, 0, -1))
    interface = block(1, struct.pack(f"{order}HHI", link_type, 0, 0))
    packet = block(6, struct.pack(f"{order}IIIII", 0, 0, 1_500_000, len(data), len(data)) + data)
    return (
        section + interface + block(0xBAD, b"whatever") + packet + block(3, struct.pack(f"{order}I", len(data)) + data)
    )


@pytest.mark.parametrize("order", ["<", ">"])
def test_foreign_files(order: str) -> None:
    ip = struct.pack(">BBHHHBBH", 0x45, 0, 20 + 12, 0, 0, 64, 17, 0) + bytes((10, 0, 0, 1, 10, 0, 0, 2))
    udp = struct.pack(">HHHH", 53, 5353, 12, 0) + b"none"
    for link_type, lower in ((101, b""), (228, b""), (1, bytes(12) + b"\x08\x00")):
        lines, done = show(foreign(order, link_type, lower + ip + udp))
        assert done.packets == 2
        assert all("10.0.0.1 → 10.0.0.2" in line and line.endswith("UDP 53 → 5353, 12 octets") for line in lines)
    assert show(foreign(order, 105, b"x"))[0][0].endswith("link type 105, 1 octets")
    ours = struct.pack(">HHHH", 46400, 46400, 8 + 10, 0) + pdu(srb(0), rrc.ReestablishmentComplete(transaction=1))
    assert (
        "RRC Re-establishment Complete (transaction 1)"
        in show(foreign(order, 101, ip[:2] + b"\0\x26" + ip[4:] + ours))[0][0]
    )


def test_other_formats_are_refused_by_name() -> None:
    with pytest.raises(CaptureError, match="editcap -F pcapng"):
        show(bytes.fromhex("d4c3b2a1020004000000000000000000"))
    with pytest.raises(CaptureError, match="it is empty"):
        show(b"")
    with pytest.raises(CaptureError, match="no pcapng file"):
        show(b"PK\3\4 some archive")


# ---------------------------------------------------------------------------------------------------------------------
# The command


def command(*arguments: str, given_octets: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [sys.executable, "-m", "net4ai.app", "pcap", *arguments], input=given_octets, capture_output=True, timeout=60
    )


def test_the_command_reads_pipes_and_says_how_it_ended(octets: bytes, tmp_path: Path) -> None:
    done = command("-", "--only", "NAS", given_octets=octets)
    assert (done.returncode, len(done.stdout.splitlines())) == (0, 5)
    assert done.stderr.decode() == "-: 5 of 24 packets\n"
    cut = command("-", given_octets=octets[:-5])
    assert cut.returncode == 0 and b"the file breaks off" in cut.stderr
    damaged = command("-", given_octets=octets + b"\xff" * 12)
    assert damaged.returncode == 1 and b"cannot be read on: a block of 4294967295 octets" in damaged.stderr
    assert command("-", given_octets=b"nothing of ours").returncode == 2
    missing = command(str(tmp_path / "none"))
    assert (missing.returncode, missing.stdout) == (2, b"") and b"No such file" in missing.stderr


def test_a_reader_that_has_seen_enough_is_no_error(octets: bytes, tmp_path: Path) -> None:
    (tmp_path / "run.pcapng").write_bytes(octets)
    program = [sys.executable, "-m", "net4ai.app", "pcap", str(tmp_path / "run.pcapng")]
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(program, stdout=writer, stderr=subprocess.PIPE, timeout=60)
    os.close(writer)
    assert (done.returncode, done.stderr) == (0, b"")


# ---------------------------------------------------------------------------------------------------------------------
# docs/guide/captures.md

GUIDE = (Path(__file__).parents[3] / "docs" / "guide" / "captures.md").read_text(encoding="utf-8")


def test_what_the_guide_shows_is_what_is_shown(tmp_path: Path) -> None:
    shown = golden(tmp_path / "golden.pcapng").lines()
    as_ladder = golden(tmp_path / "golden.pcapng").lines(120)
    in_lines, in_columns = (block.splitlines() for block in re.findall(r"```text\n(.*?)```", GUIDE, re.DOTALL))
    assert in_lines == [line for line in shown if line in in_lines]
    assert in_columns == as_ladder[: len(in_columns)]


def test_the_commands_of_the_guide_work(tmp_path: Path) -> None:
    capture = golden(tmp_path / "demo.pcapng")
    capture.file.close()
    commands = [line[4:].split(" | jq")[0] for line in GUIDE.splitlines() if line.startswith("    net4ai ")]
    assert len(commands) == 10
    words = [shlex.split(command.split(" | ")[0].split(" < ")[0]) for command in commands]
    for line in words:
        parser().parse_args(line[1:])
    for command in (command for command in commands if command.startswith("net4ai pcap")):
        script = command.replace("net4ai", f"{sys.executable} -m net4ai.app")
        done = subprocess.run(["sh", "-c", script], cwd=tmp_path, capture_output=True, timeout=60)
        assert (done.returncode, done.stdout != b"") == (0, True), command
    for option in re.findall(r"`(--[a-z].*?)`", GUIDE):
        if " " in option and not option.startswith("--capture"):
            parser().parse_args(["pcap", "demo.pcapng", *shlex.split(option)])
