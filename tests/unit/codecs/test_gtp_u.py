"""GTP-U, against Scapy and by hand from TS 29.281 and TS 38.415."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scapy.contrib import gtp as scapy_gtp

from net4ai.codecs import gtp_u
from net4ai.codecs.errors import DecodeError
from net4ai.codecs.gtp_u import DownlinkContainer, GtpType, UplinkContainer, g_pdu_header, read

TEIDS = st.integers(0, 0xFFFF_FFFF)
CONTAINERS = st.one_of(
    st.builds(UplinkContainer, qfi=st.integers(0, 63)),
    st.builds(DownlinkContainer, qfi=st.integers(0, 63), reflective_flow=st.booleans()),
)


def test_by_hand() -> None:
    """Uplink, QFI 1, a packet of 4 octets: what 3GPP's bit tables give."""
    header = g_pdu_header(0x11223344, UplinkContainer(qfi=1), 4)
    assert header == bytes.fromhex("34 ff 000c 11223344  0000 00 85  01 10 01 00")
    downlink = g_pdu_header(1, DownlinkContainer(qfi=9, reflective_flow=True), 0)
    assert downlink == bytes.fromhex("34 ff 0008 00000001  0000 00 85  01 00 49 00")


@given(TEIDS, CONTAINERS, st.binary(max_size=50))
def test_g_pdus_are_those_scapy_makes(teid: int, container: gtp_u.Container, packet: bytes) -> None:
    ours = g_pdu_header(teid, container, len(packet)) + packet
    uplink = isinstance(container, UplinkContainer)
    rqi = 0 if isinstance(container, UplinkContainer) else int(container.reflective_flow)
    session = scapy_gtp.GTPPDUSessionContainer(type=int(uplink), QFI=container.qfi, **({} if uplink else {"RQI": rqi}))
    theirs = scapy_gtp.GTP_U_Header(teid=teid, gtp_type=255, E=1, next_ex=0x85) / session / packet
    assert ours == bytes(theirs)
    read_back = read(ours)
    assert (read_back.type, read_back.teid, read_back.sequence) == (GtpType.G_PDU, teid, None)
    assert read_back.container == container
    assert ours[read_back.start :] == packet
    assert read_back.start == gtp_u.G_PDU_HEADER_SIZE


@given(st.integers(0, 0xFFFF))
def test_echo_is_what_scapy_makes(sequence: int) -> None:
    asked = scapy_gtp.GTP_U_Header(teid=0, S=1, seq=sequence, gtp_type=1)
    assert gtp_u.echo_request(sequence) == bytes(asked)
    answer = scapy_gtp.GTP_U_Header(gtp_u.echo_response(sequence))
    assert (answer.gtp_type, answer.seq, answer.S, answer.teid) == (2, sequence, 1, 0)
    assert gtp_u.echo_response(sequence)[12:] == bytes([14, 0])  # Recovery, restart counter 0


@given(TEIDS)
def test_error_indication_is_what_scapy_reads(teid: int) -> None:
    ours = gtp_u.error_indication(teid, bytes([10, 4, 2, 1]))
    theirs = scapy_gtp.GTP_U_Header(ours)
    assert theirs.gtp_type == 26
    teid_data, address = theirs[scapy_gtp.GTPErrorIndication].IE_list
    assert teid == teid_data.TEIDI
    assert address.ipv4_address == "10.4.2.1"
    message = read(ours)
    assert (message.type, message.teid) == (GtpType.ERROR_INDICATION, 0)
    assert gtp_u.unknown_teid(ours[message.start :]) == teid


def test_end_marker() -> None:
    assert gtp_u.end_marker(7) == bytes.fromhex("30 fe 0000 00000007")
    assert read(gtp_u.end_marker(7)).type == GtpType.END_MARKER


def test_other_extensions_are_passed_over_unless_the_end_must_know_them() -> None:
    with_port = bytes.fromhex("36 ff 0010 00000001 0005 00 40  01 0868 85  01 10 02 00  c0ffee00".replace(" ", ""))
    message = read(with_port)
    assert message.container == UplinkContainer(qfi=2)
    assert (message.sequence, with_port[message.start :]) == (5, bytes.fromhex("c0ffee00"))
    critical = with_port[:11] + bytes([0xC1]) + with_port[12:]
    with pytest.raises(DecodeError, match="unknown critical extension"):
        read(critical)


@pytest.mark.parametrize(
    ("octets", "reason"),
    [
        ("54ff000000000001", "wrong version"),
        ("24ff000000000001", "wrong version"),  # GTP'
        ("30ff000100000001", "truncated"),
        ("30ff0000000000", "truncated"),
        ("30ff00000000000100", "malformed"),  # an octet more than it says
        ("34ff000400000001 00000085", "truncated"),
        ("34ff000500000001 0000008500", "truncated"),
        ("34ff000800000001 00000085 02100100", "truncated"),
        ("34ff0024 00000001 000000 40" + "01000040" * 8, "malformed"),
    ],
)
def test_what_is_wrong_has_a_name(octets: str, reason: str) -> None:
    with pytest.raises(DecodeError) as caught:
        read(bytes.fromhex(octets))
    assert caught.value.reason == reason


@given(st.binary(max_size=60))
def test_any_octets_give_a_message_or_the_one_error(octets: bytes) -> None:
    try:
        message = read(octets)
    except DecodeError:
        return
    assert message.start <= len(octets)


@given(st.binary(max_size=40), st.sampled_from([0x30, 0x32, 0x34, 0x36]))
def test_any_octets_behind_a_good_header(octets: bytes, flags: int) -> None:
    data = bytes([flags, 0xFF]) + len(octets).to_bytes(2, "big") + bytes(4) + octets
    try:
        message = read(data)
    except DecodeError:
        return
    assert gtp_u.HEADER_SIZE <= message.start <= len(data)


@given(st.binary(max_size=12))
def test_the_body_of_an_error_indication(body: bytes) -> None:
    try:
        gtp_u.unknown_teid(body)
    except DecodeError as error:
        assert error.reason == "malformed"
