"""UDP datagrams over IPv4 inside a PDU session, in batches: headers and checksums written, and checked.

The checksum of RFC 1071 is a sum of 16-bit words modulo 65535. Modulo 65535 a 32-bit word is the sum of its two halves,
and a sum of words with their octets swapped is the sum times 256: so whole columns of machine words are added up.
"""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import IPv4Address
from typing import Any, NamedTuple

import numpy as np

from net4ai.codecs.declaration import Buffer
from net4ai.codecs.internet import IPV4_HEADER_SIZE, UDP_HEADER_SIZE, Ipv4Header, Protocol, UdpHeader
from net4ai.stack.drops import Drop, DropCounter
from net4ai.stack.runs import segments
from net4ai.stack.user_plane.reframe import column, reframe, sizes

HEADERS_SIZE = IPV4_HEADER_SIZE + UDP_HEADER_SIZE
MAXIMUM_PACKET = 0xFFFF
"""Octets of an IPv4 packet."""

_MODULUS = 0xFFFF
_TOTAL_LENGTH, _IP_CHECKSUM = 2, 10
_UDP_LENGTH, _UDP_CHECKSUM = IPV4_HEADER_SIZE + 4, IPV4_HEADER_SIZE + 6
_OF_THE_FLOW = (0, 6, 7, 9, *range(12, 24))
"""Octets of the headers that are the same in all datagrams of a flow: version, fragment, protocol, addresses, ports."""

Octets = np.ndarray[Any, Any]


class UdpFlow(NamedTuple):
    """Who sends to whom. Addresses are numbers."""

    source: int
    source_port: int
    destination: int
    destination_port: int

    @property
    def answer(self) -> UdpFlow:
        """The same, the other way."""
        return UdpFlow(self.destination, self.destination_port, self.source, self.source_port)

    def __str__(self) -> str:
        source, destination = IPv4Address(self.source), IPv4Address(self.destination)
        return f"{source}:{self.source_port} to {destination}:{self.destination_port}"


class UdpRun(NamedTuple):
    """What the datagrams of one flow carry, `stride` octets apart."""

    flow: UdpFlow
    data: bytearray
    stride: int


def wrap(payload: Buffer, stride: int, flow: UdpFlow, front: int = 0) -> tuple[bytearray, int]:
    """IP packets, each behind `front` octets for further headers; one for each datagram of `payload`.

    Too long for one packet: ValueError.
    """
    if min(stride, len(payload)) + HEADERS_SIZE > MAXIMUM_PACKET:
        raise ValueError(f"{stride} octets in a packet; allowed: {MAXIMUM_PACKET - HEADERS_SIZE}")
    ip = Ipv4Header(total_length=0, protocol=Protocol.UDP, source=flow.source, destination=flow.destination).to_bytes()
    udp = UdpHeader(source_port=flow.source_port, destination_port=flow.destination_port, length=0).to_bytes()
    out, wide = reframe(payload, stride, 0, bytes(front) + ip + udp)
    octets = sizes(out, wide) - front
    column(out, wide, front + _TOTAL_LENGTH)[:] = octets
    column(out, wide, front + _UDP_LENGTH)[:] = octets - IPV4_HEADER_SIZE
    column(out, wide, front + _IP_CHECKSUM)[:] = _checksum(_words(ip) + octets)
    sums = word_sums(payload, min(stride, len(payload)) or 1)
    column(out, wide, front + _UDP_CHECKSUM)[:] = _checksum(_around(flow, octets - IPV4_HEADER_SIZE) + sums)
    return out, wide


def unwrap(run: Buffer, stride: int, at: int, drops: DropCounter) -> Iterator[UdpRun]:
    """What UDP datagrams carry whose IP header begins at octet `at`; of what is wrong the reason is counted.

    In bulk all are of one flow, and are taken together.
    """
    if len(run) > stride:
        taken = _take(run, stride, at) if _least(run, stride) >= at + HEADERS_SIZE else None
        if isinstance(taken, UdpRun):
            yield taken
            return
    for packet in segments(run, stride):
        size = len(packet) - at
        one = _take(packet, len(packet), at) if size >= HEADERS_SIZE else Drop.TRUNCATED
        if isinstance(one, UdpRun):
            yield one
        else:
            drops.count(one, len(packet))


def _take(run: Buffer, stride: int, at: int) -> UdpRun | Drop:
    """All datagrams of a batch, or why not all are right: of a single one the reason."""
    number = -(-len(run) // stride)
    headers: Octets = np.ndarray((number, HEADERS_SIZE), np.uint8, run, at, (stride, 1))
    ip, _ = Ipv4Header.read(run, at)
    udp, _ = UdpHeader.read(run, at + IPV4_HEADER_SIZE)
    if ip.version != 4:
        return Drop.WRONG_VERSION
    if ip.header_words != IPV4_HEADER_SIZE // 4:
        return Drop.INTERNET_OPTIONS
    if ip.more_fragments or ip.fragment_offset:
        return Drop.FRAGMENTED
    if ip.protocol != Protocol.UDP:
        return Drop.NOT_UDP
    octets = sizes(run, stride) - at
    if (column(run, stride, at + _TOTAL_LENGTH) != octets).any():
        return Drop.TRUNCATED if ip.total_length > len(run) - at else Drop.MALFORMED
    if (column(run, stride, at + _UDP_LENGTH) != octets - IPV4_HEADER_SIZE).any():
        return Drop.MALFORMED
    words = headers[:, :IPV4_HEADER_SIZE].view(">u2").sum(axis=1, dtype=np.int64)
    if (words % _MODULUS != 0).any():
        return Drop.WRONG_CHECKSUM
    if number > 1 and ((headers[1:, _OF_THE_FLOW] != headers[0, _OF_THE_FLOW]).any() or octets[-1] == HEADERS_SIZE):
        return Drop.MALFORMED  # never counted: they are taken one by one
    flow = UdpFlow(ip.source, udp.source_port, ip.destination, udp.destination_port)
    payload, narrow = reframe(run, stride, at + HEADERS_SIZE, b"")
    given = column(run, stride, at + _UDP_CHECKSUM).astype(np.int64)
    wanted = _checksum(_around(flow, octets - IPV4_HEADER_SIZE) + _sums_of(payload, narrow, number))
    if ((given != 0) & (given % _MODULUS != wanted % _MODULUS)).any():  # 0: the sender made none
        return Drop.WRONG_CHECKSUM
    return UdpRun(flow, payload, max(1, narrow))


def _sums_of(payload: Buffer, stride: int, number: int) -> Octets:
    """Of each datagram; where they carry nothing there is nothing to add up."""
    return word_sums(payload, stride) if payload else np.zeros(number, np.int64)


def word_sums(data: Buffer, stride: int) -> Octets:
    """The sum of the 16-bit words of each datagram, as it counts for a checksum. An odd last octet is a high one."""
    number, rest = divmod(len(data), stride)
    whole = np.frombuffer(data, np.uint8)[: number * stride].reshape(number, stride)
    words = stride // 4 * 4
    found = np.zeros(number + bool(rest), np.int64)
    swapped = whole[:, :words].view("<u4").sum(axis=1, dtype=np.uint64) % _MODULUS
    found[:number] = swapped.astype(np.int64) * 256
    for octet in range(words, stride):
        found[:number] += whole[:, octet].astype(np.int64) << (8 if octet % 2 == 0 else 0)
    if rest:
        found[-1] = _words(bytes(memoryview(data)[number * stride :]))
    return found


def _words(octets: bytes) -> int:
    """The sum of the 16-bit words of one piece, modulo 65535."""
    return int.from_bytes(octets + bytes(len(octets) % 2), "big") % _MODULUS


def _around(flow: UdpFlow, lengths: Octets) -> Octets:
    """What a UDP checksum covers besides the payload: addresses, protocol, ports, and the length twice (RFC 768)."""
    fixed = flow.source + flow.destination + Protocol.UDP + flow.source_port + flow.destination_port
    return fixed % _MODULUS + 2 * lengths


def _checksum(sums: Octets) -> Octets:
    return _MODULUS - sums % _MODULUS


def _least(run: Buffer, stride: int) -> int:
    """Octets of the shortest datagram."""
    return len(run) % stride or stride
