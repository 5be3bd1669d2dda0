"""Protected signalling: shown as far as it can be read, never taken for malformed, and followed all the same.

The PDUs come from the bearers themselves, one end of each of them with the keys.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from wireshark_captures import Packet, exported_pdu, fields, info, udp, write_pcapng
from wireshark_story import C_RNTI, UP_HANDLE, Story

from net4ai.codecs import dep, l2, n2, nas, rrc
from net4ai.codecs.causes import Cause
from net4ai.codecs.common import CipheringAlgorithm, IntegrityAlgorithm, SecurityCapabilities
from net4ai.stack.acknowledged_bearer import AcknowledgedBearer
from net4ai.stack.computing_bearer import AcknowledgedComputingBearer
from net4ai.stack.security.algorithms import Direction
from net4ai.stack.security.nas_security import NasSecurity
from net4ai.stack.security.srb_security import SrbSecurity

pytestmark = pytest.mark.tshark

K_GNB = bytes(range(32))
NIA2, NEA2, NEA0 = IntegrityAlgorithm.NIA2, CipheringAlgorithm.NEA2, CipheringAlgorithm.NEA0
FAULTS = ["net4ai.expert.malformed", "net4ai.expert.range", "_ws.malformed", "_ws.lua.error"]
COMMAND = nas.SecurityModeCommand(
    integrity=NIA2, ciphering=NEA2, key_set=0, capabilities=SecurityCapabilities(integrity=0xA0, ciphering=0xA0)
)
DONE = nas.RoutineDone(execution=1, turn=2, cause=Cause.NORMAL)
HEADER = nas.SecurityHeaderType


class Srb1:
    """SRB1 from the RAN node's side, its PDUs in a story."""

    def __init__(self, story: Story, ciphering: CipheringAlgorithm | None = NEA2) -> None:
        self.story, self.now = story, 0
        self.bearer = AcknowledgedBearer(bearer_type=l2.BearerType.SRB, bearer=1, c_rnti=C_RNTI, maximum_pdu=100)
        if ciphering is not None:
            self.bearer.start_security(SrbSecurity(K_GNB, NIA2, ciphering, Direction.DOWNLINK))

    def send(self, item: rrc.Rrc) -> None:
        self.bearer.send(item.encode(), self.now)
        self.pass_time(0)

    def pass_time(self, duration: int) -> None:
        self.now += duration
        self.bearer.advance(self.now)
        for pdu in self.bearer.datagrams_to_send(self.now):
            self.story.datagram(pdu, up=False)


def transfer(size: int) -> rrc.DownlinkInformationTransfer:
    settings = nas.RoutineInvite(
        execution=1,
        session=0,
        function="f",
        routine="r",
        round=0,
        cut=1,
        seat=0,
        sequential=False,
        settings=bytes(size),
        key=b"",
    )
    return rrc.DownlinkInformationTransfer(nas=settings.encode())


def capture(tmp_path: Path, story: Story) -> Path:
    return write_pcapng(tmp_path / "story.pcapng", story.packets)


def test_integrity_only_is_read_and_has_its_mac(tmp_path: Path) -> None:
    story = Story().set_up()
    srb1 = Srb1(story)
    srb1.send(rrc.SecurityModeCommand(transaction=1, integrity=NIA2, ciphering=NEA2))
    srb1.send(transfer(300))
    path = capture(tmp_path, story)
    shown = fields(path, ["net4ai.mac_i", "net4ai.cipher_text", "net4ai.reassembled_length", *FAULTS])[2:]
    assert all(list(packet) == ["net4ai.mac_i"] for packet in shown[:-1])
    assert shown[-1]["net4ai.reassembled_length"] == [str(len(transfer(300).encode()))]
    assert info(path)[2] == "Security Mode Command" and info(path)[-1] == "DL Information Transfer, Routine Invite"


def test_enciphered_is_not_read_and_segments_are_not_joined(tmp_path: Path) -> None:
    story = Story().set_up()
    srb1 = Srb1(story)
    srb1.bearer.start_ciphering()
    srb1.send(rrc.Release(transaction=1, cause=Cause.NORMAL))
    srb1.send(transfer(100))
    path = capture(tmp_path, story)
    wanted = [
        "net4ai.mac_i",
        "net4ai.cipher_text",
        "net4ai.payload",
        "net4ai_rrc",
        "net4ai.reassembled_length",
        *FAULTS,
    ]
    shown = fields(path, wanted)[2:]
    assert len(shown) == 3 and all(set(packet) == {"net4ai.mac_i", "net4ai.cipher_text"} for packet in shown)
    assert info(path)[2:] == [
        "SRB1 COUNT 0 enciphered",
        "SRB1 COUNT 1 enciphered segment, [0-88)",
        "SRB1 COUNT 2 enciphered segment, [88-126)",
    ]


@pytest.mark.parametrize("ciphered", [False, True])
def test_a_repetition_with_a_poll_bit_is_one(tmp_path: Path, ciphered: bool) -> None:
    """The poll bit goes into the MAC-I."""
    story = Story().set_up()
    srb1 = Srb1(story)
    if ciphered:
        srb1.bearer.start_ciphering()
    srb1.send(transfer(100))
    srb1.bearer.receive(status(1, (0, 1)), srb1.now)
    srb1.pass_time(0)
    [*_, first, last, again] = fields(capture(tmp_path, story), ["net4ai.repeats", "net4ai.poll", "net4ai.mac_i"])
    assert [packet["net4ai.poll"] for packet in (first, last, again)] == [["0"], ["1"], ["1"]]
    assert "net4ai.repeats" not in first | last and again["net4ai.repeats"] == ["3"]
    assert first["net4ai.mac_i"] != again["net4ai.mac_i"]


def status(next_count: int, missing: tuple[int, int]) -> bytes:
    """A status report of the UE, as its bearer makes it."""
    security = SrbSecurity(K_GNB, NIA2, NEA2, Direction.UPLINK)
    header = l2.L2Header(
        is_data=False, has_mac=True, ciphered=False, segmentation=0, bearer_type=0, bearer=1, c_rnti=C_RNTI, count=0
    )
    gap = l2.MissingRange(first=missing[0], length=missing[1]).to_bytes()
    body = l2.StatusReport(next_count=next_count, missing=gap).to_bytes()
    return security.protect(header.to_bytes(), body, 0, 1, ciphered=False)


def test_counts_that_start_anew_are_no_repetitions(tmp_path: Path) -> None:
    """After re-establishment, and after a Setup that gives the same C-RNTI again: status reports look the same."""
    story = Story().set_up()
    story.rrc(rrc.Release(transaction=0, cause=Cause.NORMAL), count=0)
    story.status(1, up=True, count=0)
    again = rrc.Reestablishment(transaction=0, next_hop_chaining_count=0)
    story.rrc(again, mac=True, count=0)
    story.rrc(again, mac=True, count=0)  # this one is
    story.status(1, up=True, count=0)
    for item in (
        rrc.SetupRequest(ue_identity=6, cause=3, bulk_port=9),
        rrc.Setup(transaction=0, ue_identity=6, c_rnti=C_RNTI, bulk_port=9),
    ):
        story.rrc(item)
    story.rrc(rrc.Release(transaction=0, cause=Cause.NORMAL), count=0)
    story.status(1, up=True, count=0)
    shown = fields(capture(tmp_path, story), ["net4ai.repeats"])
    assert [packet.get("net4ai.repeats") for packet in shown] == [None] * 5 + [["5"]] + [None] * 5


def test_protected_nas(tmp_path: Path) -> None:
    """In clear under integrity; enciphered otherwise, but for the null algorithm."""
    packets, expected = [], []
    for number, ciphering in enumerate((NEA2, NEA0)):
        core = NasSecurity(bytes(32), NIA2, ciphering, Direction.DOWNLINK)
        command = COMMAND.__class__(**{**vars(COMMAND), "ciphering": ciphering})
        accept = nas.RegistrationAccept(version=1, temporary_identity=9)
        for item, header in ((command, HEADER.INTEGRITY_NEW_CONTEXT), (accept, HEADER.INTEGRITY_AND_CIPHERING)):
            transport = n2.DownlinkNasTransport(ran_ue=number, nas=core.protect(item, header).encode())
            packets.append(Packet(exported_pdu("net4ai_n2", transport.encode()), "N2"))
            inside = item.NAME if ciphering is NEA0 or item is command else "enciphered, NAS COUNT 1"
            expected.append(f"Downlink NAS Transport, Security Protected NAS Message, {inside}")
    path = write_pcapng(tmp_path / "nas.pcapng", packets)
    assert info(path) == expected == info(path, "-2")
    assert not any(fields(path, FAULTS))
    assert len(fields(path, ["frame.number"], "-Y", "net4ai.nas.registration_accept.temporary_identity == 9")) == 1


def test_the_key_log_makes_up_for_what_is_enciphered(tmp_path: Path) -> None:
    """Sessions that only the interface of RRC in clear tells of are known on the Uu."""
    story = Story().set_up()
    for item in story.reconfiguration(UP_HANDLE, 0xBBBB):
        up = item.DIRECTION == "up"
        story.pdu(bytes(30), up=up, bearer_type=0, bearer=1, mac=True, ciphered=True)
        story.exported(item, up=up, dissector="net4ai_rrc", interface="RRC in clear")
    story.exported(DONE, up=True, dissector="net4ai_nas", interface="NAS in clear")
    story.data(0, 150)
    story.data(0, 150, handle=0xDEAD)
    path = capture(tmp_path, story)
    names = ["net4ai.rrc.response_to", "dep.session_added_in", "net4ai.expert.unknown_handle", *FAULTS]
    found = fields(path, names, "-2")
    assert found[5] == {"net4ai.rrc.response_to": ["4"]}
    assert found[7] == {"dep.session_added_in": ["6"]}
    assert list(found[8]) == ["net4ai.expert.unknown_handle"]
    assert info(path)[6] == "Routine Done"


def test_acknowledged_computing_bearer(tmp_path: Path) -> None:
    """DEP and status reports of one bearer; what layer 2 sends again is no second DATA."""
    story = Story().set_up()
    bearer = AcknowledgedComputingBearer(bearer_type=l2.BearerType.CRB, bearer=1, c_rnti=C_RNTI)
    other = AcknowledgedComputingBearer(bearer_type=l2.BearerType.CRB, bearer=1, c_rnti=C_RNTI)
    story.data(0, 150)
    [sdu] = [story.packets.pop().data[28 + 8 :]]
    bearer.send(sdu, 0)
    now = 0
    for now in (0, 5_000_000_000):
        bearer.advance(now)
        for pdu in bearer.datagrams_to_send(now):
            story.datagram(pdu, up=True, bulk=True)
            other.receive(pdu, now)
    for pdu in other.datagrams_to_send(now):
        story.datagram(pdu, up=False, bulk=True)
    path = capture(tmp_path, story)
    assert info(path)[2:] == [
        "DEP DATA msg 1 [0-100) of 150",
        "retransmission, DEP DATA msg 1 [0-100) of 150",
        "CRB1 status report before 1",
    ]
    assert fields(path, ["net4ai.repeats", "dep.retransmission_of", *FAULTS])[3] == {"net4ai.repeats": ["3"]}


def test_dep_control_is_linked_and_named(tmp_path: Path) -> None:
    story = Story().set_up().add_session()
    for answer, up in ((False, True), (True, False)):
        story.path(7, answer, up=up)
        story.capsule(3, b"" if answer else b"secret", up=up)
        kind = dep.DepType.PONG if answer else dep.DepType.PING
        stamp = dep.Extension(critical=False, type=dep.ExtensionType.TIMESTAMP, words=2).to_bytes() + b"\0\0\1\0"
        story.dep(kind, dep.EchoBody(echo=1), up=up, extensions=stamp)
        story.dep(dep.DepType.CLOSE_ACK if answer else dep.DepType.CLOSE, dep.CloseBody(cause=1), up=up)
    path = capture(tmp_path, story)
    shown = fields(path, ["dep.response_in", "dep.response_to", "dep.response_time", *FAULTS], "-2", "-Y", "dep")
    assert shown == [{"dep.response_in": [str(number)]} for number in (9, 10, 11, 12)] + [
        {"dep.response_to": [str(number)], "dep.response_time": ["0.004000000"]} for number in (5, 6, 7, 8)
    ]
    assert info(path)[4:] == [
        "DEP PATH 7 REESTABLISHED",
        "DEP CAPSULE epoch 3, 6 octets",
        "DEP PING 0x00000001, TIMESTAMP",
        "DEP CLOSE NORMAL",
        "DEP PATH 7 REESTABLISHED, answer",
        "DEP CAPSULE epoch 3, answer",
        "DEP PONG 0x00000001, TIMESTAMP",
        "DEP CLOSE_ACK NORMAL",
    ]
    assert len(fields(path, ["frame.number"], "-Y", "dep.extension.timestamp == 256")) == 2


def test_reestablishment_answers_its_request(tmp_path: Path) -> None:
    story = Story().set_up()
    story.rrc(rrc.ReestablishmentRequest(ue_identity=9, cell=1, c_rnti=C_RNTI, short_mac=1, cause=2, bulk_port=9))
    story.rrc(rrc.Reestablishment(transaction=1, next_hop_chaining_count=0), mac=True, count=0)
    story.rrc(rrc.ReestablishmentComplete(transaction=1), mac=True, count=0)
    shown = fields(capture(tmp_path, story), ["net4ai.rrc.response_in", "net4ai.rrc.response_to"], "-2")[2:]
    assert [list(packet.values()) for packet in shown] == [[["4"]], [["5"], ["3"]], [["4"]]]


def test_an_empty_datagram_and_ciphered_nothing(tmp_path: Path) -> None:
    """Ends of cipher text: no octet of it is something missing."""
    header = l2.L2Header(
        is_data=True, has_mac=True, ciphered=True, segmentation=0, bearer_type=0, bearer=1, c_rnti=C_RNTI, count=0
    )
    packets = [Packet(udp(header.to_bytes() + bytes(size))) for size in (3, 4, 5)]
    shown = fields(write_pcapng(tmp_path / "short.pcapng", packets), FAULTS[:2])
    assert [list(packet) for packet in shown] == [["net4ai.expert.malformed"], ["net4ai.expert.malformed"], []]
