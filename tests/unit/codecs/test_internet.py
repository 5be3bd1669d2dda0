"""IPv4 and UDP headers, against Scapy."""

from __future__ import annotations

from ipaddress import IPv4Address

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scapy.layers.inet import IP, UDP

from net4ai.codecs.errors import DecodeError
from net4ai.codecs.internet import Ipv4Header, Protocol, UdpHeader, udp_over_ipv4

ADDRESSES = st.ip_addresses(v=4)
PORTS = st.integers(0, 0xFFFF)


@given(ADDRESSES, ADDRESSES, PORTS, PORTS, st.binary(max_size=200))
def test_headers_are_those_scapy_makes(
    source: IPv4Address, destination: IPv4Address, source_port: int, destination_port: int, data: bytes
) -> None:
    ours = udp_over_ipv4(source.packed, destination.packed, source_port, destination_port, data) + data
    packet = IP(src=str(source), dst=str(destination), id=0, flags="DF") / UDP(
        sport=source_port, dport=destination_port
    )
    theirs = bytearray(bytes(packet / data))
    for at in (10, 26):  # RFC 1071: 0 and 0xFFFF are the same sum, and Scapy writes the other one into the IPv4 header
        if ours[at : at + 2] == b"\xff\xff":
            theirs[at : at + 2] = b"\xff\xff"
    assert ours == bytes(theirs)


@given(ADDRESSES, ADDRESSES, PORTS, PORTS, st.binary(max_size=64))
def test_the_declarations_read_what_was_written(
    source: IPv4Address, destination: IPv4Address, source_port: int, destination_port: int, data: bytes
) -> None:
    packet = udp_over_ipv4(source.packed, destination.packed, source_port, destination_port, data) + data
    ip, at = Ipv4Header.read(packet)
    udp, at = UdpHeader.read(packet, at)
    assert (ip.version, ip.header_words, ip.protocol, ip.dont_fragment) == (4, 5, Protocol.UDP, True)
    assert (ip.source, ip.destination, ip.total_length) == (int(source), int(destination), len(packet))
    assert (udp.source_port, udp.destination_port, udp.length) == (source_port, destination_port, 8 + len(data))
    assert packet[at:] == data
    assert ip.to_bytes() + udp.to_bytes() == packet[:at]


@pytest.mark.parametrize("size", [0, 19])
def test_a_truncated_header(size: int) -> None:
    with pytest.raises(DecodeError, match="truncated"):
        Ipv4Header.read(bytes(size))
