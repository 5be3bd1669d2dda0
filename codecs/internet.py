"""IPv4 and UDP headers of the datagrams a PDU session carries, and their checksum."""

from __future__ import annotations

import struct
from enum import IntEnum

from net4ai.codecs.declaration import Structure, enumeration, flag, reserved, unsigned

IPV4 = 4
"""Version of the internet protocol."""
TIME_TO_LIVE = 64
"""Of what is sent here: no router is passed."""


class Protocol(IntEnum):
    """What an IPv4 packet carries."""

    UDP = 17


class Ipv4Header(Structure, reference="RFC 791 3.1"):
    """The header of an IPv4 packet without options."""

    version: int = unsigned(4, "Version: 4.", default=IPV4)
    header_words: int = unsigned(4, "Length of the header in 32-bit words; more than 5: options follow.", default=5)
    dscp: int = unsigned(6, "Differentiated services (RFC 2474).", default=0)
    ecn: int = unsigned(2, "Explicit congestion notification (RFC 3168).", default=0)
    total_length: int = unsigned(16, "Octets of the packet, this header included.")
    identification: int = unsigned(16, "Of the fragments of a packet; of whole packets nothing (RFC 6864).", default=0)
    reserved_flag: int = reserved(1)
    dont_fragment: bool = flag("Routers must not fragment the packet.", default=True)
    more_fragments: bool = flag("Further fragments follow.", default=False)
    fragment_offset: int = unsigned(13, "Where the fragment belongs, in 8 octets.", default=0)
    time_to_live: int = unsigned(8, "Routers the packet may still pass.", default=TIME_TO_LIVE)
    protocol: int = enumeration(8, Protocol, "What the packet carries.")
    checksum: int = unsigned(16, "Over this header.", hexadecimal=True, default=0)
    source: int = unsigned(32, "Address of the sender.", hexadecimal=True)
    destination: int = unsigned(32, "Address of the receiver.", hexadecimal=True)


class UdpHeader(Structure, reference="RFC 768"):
    """The header of a UDP datagram."""

    source_port: int = unsigned(16, "Port of the sender.")
    destination_port: int = unsigned(16, "Port of the receiver.")
    length: int = unsigned(16, "Octets of the datagram, this header included.")
    checksum: int = unsigned(16, "Over addresses, protocol, length and datagram; 0: none.", hexadecimal=True, default=0)


IPV4_HEADER_SIZE = Ipv4Header.fixed_run().size
UDP_HEADER_SIZE = UdpHeader.fixed_run().size
assert (IPV4_HEADER_SIZE, UDP_HEADER_SIZE) == (20, 8)

_IPV4 = struct.Struct(">BBHHHBBH")
_UDP = struct.Struct(">HHHH")
_PSEUDO = struct.Struct(">HH")
_DO_NOT_FRAGMENT = 0x4000


def internet_checksum(data: bytes) -> int:
    """The checksum of RFC 1071, 1 to 0xFFFF: a sum of 16-bit words in one's complement is the number modulo 65535."""
    if len(data) % 2:
        data += b"\0"
    return int(0xFFFF - int.from_bytes(data, "big") % 0xFFFF)


def udp_over_ipv4(source: bytes, destination: bytes, source_port: int, destination_port: int, data: bytes) -> bytes:
    """The IPv4 and UDP headers in front of `data`, with correct checksums. Addresses are 4 octets each."""
    length = UDP_HEADER_SIZE + len(data)
    addresses = source + destination
    pseudo = addresses + _PSEUDO.pack(Protocol.UDP, length)
    udp_sum = internet_checksum(pseudo + _UDP.pack(source_port, destination_port, length, 0) + data)
    ip = (0x45, 0, IPV4_HEADER_SIZE + length, 0, _DO_NOT_FRAGMENT, TIME_TO_LIVE, Protocol.UDP)
    ip_sum = internet_checksum(_IPV4.pack(*ip, 0) + addresses)
    return b"".join((_IPV4.pack(*ip, ip_sum), addresses, _UDP.pack(source_port, destination_port, length, udp_sum)))
