"""The classic path in a capture: Wireshark's own dissectors read SDAP, GTP-U and the packets inside (R95)."""

from __future__ import annotations

from pathlib import Path

import wireshark_captures as wireshark

from net4ai.codecs import gtp_u
from net4ai.codecs.common import TunnelEnd
from net4ai.codecs.declaration import Buffer
from net4ai.codecs.gtp_u import DownlinkContainer, UplinkContainer
from net4ai.codecs.sdap import DownlinkHeader, UplinkHeader
from net4ai.stack.drops import DropCounter
from net4ai.stack.hop import Address, Sockets
from net4ai.stack.io.capture import DATA_BEARERS, PDCP_NR_PORT, CaptureFile, pdcp_nr
from net4ai.stack.io.clock import SystemClock
from net4ai.stack.runs import segments
from net4ai.stack.user_plane import data_bearer
from net4ai.stack.user_plane.data_bearer import DataBearer
from net4ai.stack.user_plane.internet import UdpFlow, wrap
from net4ai.stack.user_plane.tunnels import Tunnels

UE, FPF = 0x0A2D0002, 0x0A2D0001
FLOW = UdpFlow(UE, 7, FPF, 7)
HEURISTIC = ("--enable-heuristic", "pdcp_nr_udp")
CHECKED = ("-o", "ip.check_checksum:TRUE", "-o", "udp.check_checksum:TRUE")
PAYLOAD = bytes(range(200))


def capture(path: Path) -> None:
    """Two packets up and one down, on the data radio bearer and on N3; then what concerns the tunnel."""
    file = CaptureFile(path, SystemClock())
    drb, n3 = file.link(DATA_BEARERS), file.link("N3")
    ue = DataBearer(3, 0x1001, frozenset({9}), DropCounter(), at_ue=True, mirror=None)
    ran = DataBearer(3, 0x1001, frozenset({9}), DropCounter(), at_ue=False, mirror=None)
    up, stride = wrap(PAYLOAD, 100, FLOW, data_bearer.HEADERS_SIZE)
    ue.stamp(up, stride, UplinkHeader(qfi=9), True)
    down, wide = wrap(PAYLOAD, 200, FLOW.answer, data_bearer.HEADERS_SIZE)
    ran.stamp(down, wide, DownlinkHeader(reflective_flow=True, qfi=9), True)
    for pdu in segments(up, stride):
        frame = pdcp_nr(pdu, 3, 0x1001, uplink=True)
        drb.datagram("ran-1 C-RNTI 4097", "ran-1", PDCP_NR_PORT, PDCP_NR_PORT, frame, "in")
    frame = pdcp_nr(down, 3, 0x1001, uplink=False)
    drb.datagram("ran-1", "ran-1 C-RNTI 4097", PDCP_NR_PORT, PDCP_NR_PORT, frame, "out")

    def send(data: Buffer, stride: int, to: Address) -> None:
        for message in segments(data, stride):
            n3.datagram("ran-1", "edge", gtp_u.PORT, gtp_u.PORT, message, "in")

    tunnels: Tunnels[str] = Tunnels(("10.4.1.1", 1), Sockets(send, send, 2), lambda: 5, UplinkContainer, DropCounter())
    tunnel = tunnels.open("session", frozenset({9}))
    tunnels.join(tunnel, TunnelEnd(teid=0x11223344, address="10.4.2.1", port=3, bulk_port=4))
    packets, stride = wrap(PAYLOAD, 100, FLOW, gtp_u.G_PDU_HEADER_SIZE)
    tunnels.send(tunnel, packets, stride, UplinkContainer(qfi=9), True)
    packets, stride = wrap(PAYLOAD, 200, FLOW.answer, gtp_u.G_PDU_HEADER_SIZE)
    tunnels.send(tunnel, packets, stride, DownlinkContainer(reflective_flow=True, qfi=9), True)
    for message in (gtp_u.echo_request(1), gtp_u.echo_response(1), gtp_u.error_indication(5, bytes([10, 4, 2, 1]))):
        send(message, len(message), ("", 0))
    tunnels.close(tunnel)
    file.close()


def shown(path: Path, condition: str, *fields: str) -> list[list[str]]:
    """Fields of the frames that meet a condition, without our plugin."""
    options = [part for name in fields for part in ("-e", name)]
    text = wireshark.tshark(path, *HEURISTIC, *CHECKED, "-Y", condition, "-T", "fields", *options, plugin=False)
    return [line.split("\t") for line in text.splitlines()]


def test_the_data_radio_bearer_is_pdcp_sdap_and_ip(tmp_path: Path) -> None:
    capture(path := tmp_path / "classic.pcapng")
    fields = ("pdcp-nr.seq-num", "pdcp-nr.bearer-id", "pdcp-nr.ueid", "sdap.qfi", "sdap.rqi", "ip.src", "udp.length")
    up = ["3", "4097", "9", ""]
    assert shown(path, "sdap", *fields) == [
        ["0", *up, "10.6.16.1,10.45.0.2", "160,108"],
        ["1", *up, "10.6.16.1,10.45.0.2", "160,108"],
        ["0", "3", "4097", "9", "1", "10.4.1.1,10.45.0.1", "260,208"],
    ]


def test_n3_is_gtp_u_with_session_container_and_ip(tmp_path: Path) -> None:
    capture(path := tmp_path / "classic.pcapng")
    fields = ("gtp.teid", "gtp.ext_hdr.pdu_ses_con.qos_flow_id", "ip.src", "ip.checksum.status", "udp.checksum.status")
    assert shown(path, "gtp.message == 255", *fields) == [
        ["0x11223344", "9", "10.4.1.1,10.45.0.2", "1,1", "1,1"],
        ["0x11223344", "9", "10.4.1.1,10.45.0.2", "1,1", "1,1"],
        ["0x11223344", "9", "10.4.1.1,10.45.0.1", "1,1", "1,1"],
    ]
    assert shown(path, "gtp && gtp.message != 255", "gtp.message") == [["0x01"], ["0x02"], ["0x1a"], ["0xfe"]]


def test_nothing_is_malformed_with_and_without_the_plugin(tmp_path: Path) -> None:
    capture(path := tmp_path / "classic.pcapng")
    assert shown(path, "_ws.malformed || _ws.expert.severity >= 6291456", "frame.number") == []
    assert wireshark.tshark(path, *HEURISTIC, "-Y", "_ws.malformed || _ws.lua.error") == ""
    with_plugin = wireshark.tshark(path, *HEURISTIC, "-Y", "sdap", "-T", "fields", "-e", "sdap.qfi")
    assert with_plugin.split() == ["9", "9", "9"], "the plugin leaves the mirror alone"
