"""GTP-U: the tunnel of a PDU session between RAN node and user plane function, over N3 (TS 29.281, TS 38.415).

A tunnel end is a TEID, given out by who receives on it. The headers are those of 3GPP, bit for bit: Wireshark's own
dissector reads them.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from net4ai.codecs.declaration import Buffer, Structure, constant, enumeration, flag, reserved, unsigned
from net4ai.codecs.errors import DecodeError

PORT = 2152
"""UDP port (TS 29.281 4.4.2.0)."""
VERSION = 1
MAXIMUM_EXTENSIONS = 8
"""Extension headers of one message that are looked at; 3GPP has no message with as many."""


class GtpType(IntEnum):
    """Type of a GTP-U message (TS 29.281 6.1)."""

    ECHO_REQUEST = 1
    ECHO_RESPONSE = 2
    ERROR_INDICATION = 26
    SUPPORTED_EXTENSIONS = 31
    END_MARKER = 254
    G_PDU = 255
    """Carries a packet of the user."""


class ExtensionType(IntEnum):
    """Type of an extension header (TS 29.281 5.2.2.1). From 128 on the end of the tunnel has to understand it."""

    NONE = 0
    UDP_PORT = 0x40
    PDU_SESSION_CONTAINER = 0x85


class PduType(IntEnum):
    """Type of a PDU session container: its direction (TS 38.415 5.5.3)."""

    DOWNLINK = 0
    UPLINK = 1


class Header(Structure, reference="TS 29.281 5.1"):
    """What every message begins with. With any of the three flags set `Options` follow."""

    version: int = unsigned(3, "Version: 1.", default=VERSION)
    protocol_type: bool = flag("GTP (1) or GTP' (0).", default=True)
    reserved_bit: int = reserved(1)
    has_extension: bool = flag("E: an extension header follows the options.", default=False)
    has_sequence: bool = flag("S: the sequence number counts.", default=False)
    has_n_pdu: bool = flag("PN: the N-PDU number counts.", default=False)
    type: int = enumeration(8, GtpType, "Type of the message.")
    length: int = unsigned(16, "Octets behind these eight.")
    teid: int = unsigned(32, "Tunnel end the message is for, given out by its receiver.", hexadecimal=True)


class Options(Structure, reference="TS 29.281 5.1"):
    """Follow the header where any of its three flags is set."""

    sequence: int = unsigned(16, "Sequence number.", default=0)
    n_pdu: int = unsigned(8, "N-PDU number.", default=0)
    next_extension: int = enumeration(8, ExtensionType, "Type of the first extension header.", default=0)


class DownlinkContainer(Structure, reference="TS 38.415 5.5.2.1"):
    """PDU session container towards the RAN node, without its optional octets."""

    pdu_type: int = constant(4, PduType.DOWNLINK, "Downlink.")
    qos_monitoring: bool = flag("QMP: time stamps follow.", default=False)
    has_sequence: bool = flag("SNP: a sequence number follows.", default=False)
    reserved_bits: int = reserved(2)
    paging_policy: bool = flag("PPP: a paging policy follows.", default=False)
    reflective_flow: bool = flag("RQI: reflective QoS (TS 23.501 5.7.5).", default=False)
    qfi: int = unsigned(6, "QoS flow identifier.")


class UplinkContainer(Structure, reference="TS 38.415 5.5.2.2"):
    """PDU session container from the RAN node, without its optional octets."""

    pdu_type: int = constant(4, PduType.UPLINK, "Uplink.")
    qos_monitoring: bool = flag("QMP: time stamps follow.", default=False)
    has_downlink_delay: bool = flag("A downlink delay follows.", default=False)
    has_uplink_delay: bool = flag("An uplink delay follows.", default=False)
    has_sequence: bool = flag("SNP: a sequence number follows.", default=False)
    has_n3_delay: bool = flag("A delay on N3 or N9 follows.", default=False)
    has_more: bool = flag("Further information follows.", default=False)
    qfi: int = unsigned(6, "QoS flow identifier.")


Container = DownlinkContainer | UplinkContainer

HEADER_SIZE = Header.fixed_run().size
OPTIONS_SIZE = Options.fixed_run().size
CONTAINER_SIZE = DownlinkContainer.fixed_run().size
G_PDU_HEADER_SIZE = HEADER_SIZE + OPTIONS_SIZE + 4
"""Octets in front of a user's packet: header, options, extension header with a PDU session container."""
assert (8, 4, UplinkContainer.fixed_run().size) == (HEADER_SIZE, OPTIONS_SIZE, CONTAINER_SIZE)

_RECOVERY, _TEID_DATA, _ADDRESS = 14, 16, 133
"""Types of information elements (TS 29.281 8.1)."""


@dataclass(frozen=True, slots=True)
class GtpMessage:
    """A message, taken apart."""

    type: int
    teid: int
    sequence: int | None
    container: Container | None
    start: int
    """Where what it carries begins."""


def g_pdu_header(teid: int, container: Container, size: int) -> bytes:
    """What goes in front of a user's packet of `size` octets."""
    return b"".join(
        (
            Header(
                has_extension=True, type=GtpType.G_PDU, length=G_PDU_HEADER_SIZE - HEADER_SIZE + size, teid=teid
            ).to_bytes(),
            Options(next_extension=ExtensionType.PDU_SESSION_CONTAINER).to_bytes(),
            bytes([1]),  # length of the extension header in 4 octets
            container.to_bytes(),
            bytes([ExtensionType.NONE]),
        )
    )


def read(data: Buffer) -> GtpMessage:
    """Take a message apart. Raises `DecodeError`: truncated, wrong version, malformed, unknown critical extension."""
    header, at = Header.read(data)
    if header.version != VERSION or not header.protocol_type:
        raise DecodeError("GTP-U", "wrong version", f"version {header.version}, GTP' {not header.protocol_type}")
    if header.length != len(data) - HEADER_SIZE:
        reason = "truncated" if header.length > len(data) - HEADER_SIZE else "malformed"
        raise DecodeError("GTP-U", reason, f"length {header.length} of {len(data) - HEADER_SIZE} octets")
    sequence, container = None, None
    if header.has_extension or header.has_sequence or header.has_n_pdu:
        options, at = Options.read(data, at)
        sequence = options.sequence if header.has_sequence else None
        if header.has_extension:
            container, at = _read_extensions(data, at, options.next_extension)
    return GtpMessage(header.type, header.teid, sequence, container, at)


def _read_extensions(data: Buffer, at: int, kind: int) -> tuple[Container | None, int]:
    container: Container | None = None
    for _ in range(MAXIMUM_EXTENSIONS):
        if kind == ExtensionType.NONE:
            return container, at
        size = 4 * data[at] if at < len(data) else 0
        if size == 0 or at + size > len(data):
            raise DecodeError("GTP-U extension header", "truncated", f"{size} octets at {at} of {len(data)}")
        if kind == ExtensionType.PDU_SESSION_CONTAINER:
            uplink = data[at + 1] >> 4 == PduType.UPLINK
            container, _ = (UplinkContainer if uplink else DownlinkContainer).read(data, at + 1)
        elif kind & 0x80:
            raise DecodeError("GTP-U extension header", "unknown critical extension", f"type 0x{kind:02x}")
        at += size
        kind = data[at - 1]
    raise DecodeError("GTP-U", "malformed", f"more than {MAXIMUM_EXTENSIONS} extension headers")


def echo_request(sequence: int) -> bytes:
    """Asks whether the other end is alive (TS 29.281 7.2.1)."""
    return _message(GtpType.ECHO_REQUEST, 0, sequence, b"")


def echo_response(sequence: int) -> bytes:
    """Answers an Echo Request (TS 29.281 7.2.2). The restart counter is 0 in GTP-U."""
    return _message(GtpType.ECHO_RESPONSE, 0, sequence, bytes([_RECOVERY, 0]))


def error_indication(teid: int, address: bytes) -> bytes:
    """No tunnel ends at `teid` here (TS 29.281 7.3.1); `address`: our own, 4 or 16 octets."""
    body = bytes([_TEID_DATA]) + teid.to_bytes(4, "big") + bytes([_ADDRESS, 0, len(address)]) + address
    return _message(GtpType.ERROR_INDICATION, 0, 0, body)


def end_marker(teid: int) -> bytes:
    """The last message on a tunnel that moves or ends (TS 29.281 7.3.2)."""
    return Header(type=GtpType.END_MARKER, length=0, teid=teid).to_bytes()


def unknown_teid(body: Buffer) -> int:
    """The TEID an Error Indication is about. Raises `DecodeError`."""
    if len(body) < 5 or body[0] != _TEID_DATA:
        raise DecodeError("GTP-U Error Indication", "malformed", "begins with no TEID Data I")
    return int.from_bytes(body[1:5], "big")


def _message(kind: GtpType, teid: int, sequence: int, body: bytes) -> bytes:
    header = Header(has_sequence=True, type=kind, length=OPTIONS_SIZE + len(body), teid=teid)
    return header.to_bytes() + Options(sequence=sequence).to_bytes() + body
