"""Batches of UDP datagrams over IPv4: the same octets as one by one, and every fault has its name."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scapy.layers.inet import IP, UDP, IPOption_NOP

from net4ai.codecs.internet import udp_over_ipv4
from net4ai.stack.drops import Drop, DropCounter
from net4ai.stack.runs import segments
from net4ai.stack.user_plane.internet import HEADERS_SIZE, UdpFlow, unwrap, word_sums, wrap
from net4ai.stack.user_plane.reframe import reframe, sizes

NUMBERS = st.integers(0, 0xFFFF_FFFF)
PORTS = st.integers(0, 0xFFFF)
FLOWS = st.builds(UdpFlow, NUMBERS, PORTS, NUMBERS, PORTS)
FLOW = UdpFlow(0x0A2D0002, 46401, 0x0A2D0001, 46401)


@st.composite
def batches(draw: st.DrawFn) -> tuple[bytes, int]:
    """Octets and a stride; the last datagram may be shorter."""
    stride = draw(st.integers(1, 70))
    data = draw(st.binary(min_size=1, max_size=5 * stride))
    return data, stride


def by_scalar(flow: UdpFlow, payload: bytes) -> bytes:
    source, destination = flow.source.to_bytes(4, "big"), flow.destination.to_bytes(4, "big")
    return udp_over_ipv4(source, destination, flow.source_port, flow.destination_port, payload) + payload


def taken(run: bytes | bytearray, stride: int, at: int = 0) -> tuple[list[tuple[UdpFlow, bytes]], DropCounter]:
    drops = DropCounter()
    found = [
        (udp.flow, bytes(payload))
        for udp in unwrap(run, stride, at, drops)
        for payload in (segments(udp.data, udp.stride) if udp.data else [b""])
    ]
    return found, drops


@given(batches(), FLOWS, st.integers(0, 16))
def test_a_batch_is_wrapped_as_its_datagrams_one_by_one(batch: tuple[bytes, int], flow: UdpFlow, front: int) -> None:
    data, stride = batch
    out, wide = wrap(data, stride, flow, front)
    assert bytes(out) == b"".join(bytes(front) + by_scalar(flow, bytes(part)) for part in segments(data, stride))
    assert wide == min(stride, len(data)) + front + HEADERS_SIZE


@given(batches(), FLOWS, st.integers(0, 16))
def test_what_was_wrapped_is_unwrapped(batch: tuple[bytes, int], flow: UdpFlow, front: int) -> None:
    data, stride = batch
    out, wide = wrap(data, stride, flow, front)
    found, drops = taken(out, wide, front)
    assert found == [(flow, bytes(part)) for part in segments(data, stride)]
    assert drops.total == 0


@given(st.lists(st.tuples(FLOWS, st.binary(min_size=4, max_size=4)), min_size=1, max_size=5), st.binary(max_size=4))
def test_datagrams_of_several_flows_are_told_apart(parts: list[tuple[UdpFlow, bytes]], last: bytes) -> None:
    every = [*parts, (parts[0][0], last)]
    batch = b"".join(by_scalar(*part) for part in every)
    found, drops = taken(batch, HEADERS_SIZE + 4)
    assert found == every
    assert drops.total == 0


@given(batches())
def test_sums(batch: tuple[bytes, int]) -> None:
    data, stride = batch
    expected = [int.from_bytes(bytes(p) + bytes(len(p) % 2), "big") % 0xFFFF for p in segments(data, stride)]
    assert [int(found) % 0xFFFF for found in word_sums(data, min(stride, len(data)))] == expected


@given(batches(), st.binary(max_size=12), st.data())
def test_reframed_as_one_by_one(batch: tuple[bytes, int], header: bytes, draw: st.DataObject) -> None:
    data, stride = batch
    shortest = min(len(part) for part in segments(data, stride))
    cut = draw.draw(st.integers(0, shortest))
    out, wide = reframe(data, stride, cut, header)
    assert bytes(out) == b"".join(header + bytes(part)[cut:] for part in segments(data, stride))
    assert wide == len(header) + min(stride, len(data)) - cut
    assert sizes(data, stride).tolist() == [len(part) for part in segments(data, stride)]


def scapy_packet(**fields: Any) -> bytearray:
    return bytearray(bytes(IP(src="10.45.0.2", dst="10.45.0.1", **fields) / UDP(sport=1, dport=2) / b"data"))


@pytest.mark.parametrize(
    ("packet", "reason"),
    [
        (bytearray(bytes(IP(src="10.45.0.2", dst="10.45.0.1", proto=6) / bytes(20))), Drop.NOT_UDP),
        (scapy_packet(frag=1), Drop.FRAGMENTED),
        (scapy_packet(flags="MF"), Drop.FRAGMENTED),
        (scapy_packet(options=[IPOption_NOP()] * 4), Drop.INTERNET_OPTIONS),
        (scapy_packet(version=6), Drop.WRONG_VERSION),
        (scapy_packet(chksum=0x1234), Drop.WRONG_CHECKSUM),
        (scapy_packet(len=100), Drop.TRUNCATED),
        (scapy_packet(len=30), Drop.MALFORMED),
        (scapy_packet()[:27], Drop.TRUNCATED),
    ],
)
def test_what_is_wrong_has_a_name(packet: bytearray, reason: Drop) -> None:
    found, drops = taken(packet, len(packet))
    assert found == []
    assert drops.counts == {str(reason): 1}


def test_a_damaged_payload_is_noticed_and_its_neighbours_stay() -> None:
    data = bytes(range(256)) * 3
    out, wide = wrap(data, 256, FLOW)
    out[wide + HEADERS_SIZE + 9] ^= 0x40
    found, drops = taken(out, wide)
    assert found == [(FLOW, data[:256]), (FLOW, data[512:])]
    assert drops.counts == {str(Drop.WRONG_CHECKSUM): 1}


def test_a_wrong_udp_length_is_noticed() -> None:
    packet = bytearray(by_scalar(FLOW, b"data"))
    packet[25] -= 1
    assert taken(packet, len(packet))[1].counts == {str(Drop.MALFORMED): 1}


def test_no_udp_checksum_is_allowed() -> None:
    packet = bytearray(by_scalar(FLOW, b"data"))
    packet[26:28] = bytes(2)
    assert taken(packet, len(packet))[0] == [(FLOW, b"data")]


@given(st.binary(max_size=200), st.integers(1, 60), st.integers(0, 20))
def test_any_octets_are_taken_or_counted(data: bytes, stride: int, at: int) -> None:
    found, drops = taken(data, stride, at)
    assert len(found) + drops.total == -(-len(data) // stride)


def test_a_packet_holds_65535_octets() -> None:
    wrap(bytes(0xFFFF - HEADERS_SIZE), 0xFFFF, FLOW)
    with pytest.raises(ValueError, match="allowed: 65507"):
        wrap(bytes(0xFFFF - HEADERS_SIZE + 1), 0x10000, FLOW)
