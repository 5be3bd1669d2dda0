"""N2 over TCP, other UDP ports, and captures as the product writes them."""

from __future__ import annotations

import random
import struct
from pathlib import Path

import pytest
from test_exchanges import DATA, RELEASE, crb, srb
from wireshark_captures import Packet, fields, info, tshark, udp, write_pcapng
from wireshark_values import random_value

from net4ai.app import wireshark
from net4ai.codecs import link, n2, rrc
from net4ai.codecs.common import VersionRange
from net4ai.codecs.l2 import L2Header
from net4ai.stack.io.capture import LINKS, CaptureFile
from net4ai.stack.io.clock import SystemClock

pytestmark = pytest.mark.tshark


def tcp(payload: bytes, sequence: int) -> bytes:
    header = struct.pack(">HHIIBBHHH", 40_000, n2.PORT, 1 + sequence, 1, 0x50, 0x18, 65535, 0, 0) + payload
    addresses = bytes((10, 0, 0, 1, 10, 0, 0, 2))
    return struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(header), 0, 0, 64, 6, 0) + addresses + header


def test_n2_over_tcp_however_it_is_cut(tmp_path: Path, seed: int) -> None:
    generator = random.Random(seed)
    sent = [random_value(n2.N2.FAMILY.messages[code], generator) for code in n2.N2.FAMILY.messages] * 5
    stream = b"".join(len(item.encode()).to_bytes(4, "big") + item.encode() for item in sent)
    packets, at = [], 0
    while at < len(stream):
        size = generator.randint(1, 60)
        packets.append(Packet(tcp(stream[at : at + size], at)))
        at += size
    path = write_pcapng(tmp_path / "tcp.pcapng", packets)
    shown = [int(code, 0) for packet in fields(path, ["net4ai.n2.type"]) for code in packet.get("net4ai.n2.type", [])]
    assert shown == [item.CODE for item in sent]
    assert not tshark(path, "-Y", "_ws.malformed || net4ai.expert.cut")


def test_other_udp_ports_are_recognised_by_their_first_message(tmp_path: Path) -> None:
    elsewhere = (("10.0.0.1", 7001), ("10.0.0.2", 7002))
    request = rrc.SetupRequest(ue_identity=5, cause=rrc.EstablishmentCause.MO_DATA, bulk_port=5001)
    srb0 = L2Header(is_data=True, segmentation=0, bearer_type=0, bearer=0, c_rnti=0, count=0)
    attach = link.AttachRequest(
        versions=VersionRange(lowest=1, highest=1), kind=link.AttachKind.APPLICATION_SERVER, bulk_port=5, name="x"
    )
    fixed = L2Header(is_data=True, segmentation=0, bearer_type=3, bearer=0, c_rnti=0, count=0)
    firsts = [srb0.to_bytes() + request.encode(), fixed.to_bytes() + attach.encode(), crb(DATA)]
    for first, name in zip(firsts, ["RRC Setup Request", "Attach Request", "DEP DATA"], strict=True):
        path = write_pcapng(
            tmp_path / "first.pcapng", [Packet(udp(first, *elsewhere)), Packet(udp(srb(RELEASE), *elsewhere))]
        )
        shown = info(path)
        assert shown[0].startswith(name)
        assert shown[1] == "RRC Release"


def test_random_datagrams_on_other_ports_are_left_alone(tmp_path: Path, seed: int) -> None:
    generator = random.Random(seed)
    made = [
        udp(generator.randbytes(generator.randint(0, 100)), ("10.0.0.1", 7001), ("10.0.0.2", 7002)) for _ in range(500)
    ]
    path = write_pcapng(tmp_path / "foreign.pcapng", map(Packet, made))
    assert not tshark(path, "-Y", "net4ai")


def test_a_capture_of_the_product_is_clean(tmp_path: Path) -> None:
    """All links of the capture file."""
    path = tmp_path / "run.pcapng"
    capture = CaptureFile(path, SystemClock())
    taps = {name: capture.link(name) for name in LINKS}
    taps["Uu"].datagram("ue-1/3", "ran-1", 46400, 46400, srb(RELEASE))
    taps["Uu"].datagram("ue-1/3", "ran-1", 46401, 46401, crb(DATA))
    taps["T4"].datagram("ran-1", "ran-1-app-server", 46401, 46401, crb(DATA))
    taps["T8"].datagram("ran-1", "edge", 46401, 46401, crb(DATA))
    taps["N2"].message("core", "ran-1", n2.ContextReleaseComplete(ran_ue=1).encode())
    taps["bus"].message("task-manager", "routine-manager", b'{"kind": "request"}')
    capture.close()
    wireshark.assert_capture_clean(path)
    shown = fields(path, ["frame.interface_name", "ip.src_host"], "-N", "n")
    assert [packet["frame.interface_name"] for packet in shown] == [["Uu"], ["Uu"], ["T4"], ["T8"], ["N2"], ["bus"]]
