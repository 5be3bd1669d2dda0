"""The Deep Edge Protocol (DEP): a minimal binary layer 3 between a UE and a service function (R94).

A PDU is the 16-byte header, a body by type, and (for types other than DATA) optional extensions between them. DATA is
laid out so that the layer-2 header, this header and the body's two numbers take 32 bytes together: tensors start
32-byte aligned in the datagram.
"""

from __future__ import annotations

from enum import IntEnum

from net4ai.codecs.causes import Cause
from net4ai.codecs.declaration import (
    Structure,
    constant,
    enumeration,
    flag,
    octets,
    reserved,
    unsigned,
)

VERSION = 1
"""The only version so far; sessions agree on one and the header carries it."""


class DepType(IntEnum):
    """Type of a DEP PDU."""

    DATA = 1
    GRANT = 2
    ACK = 3
    NACK = 4
    BUSY = 5
    PING = 6
    PONG = 7
    CLOSE = 8
    CLOSE_ACK = 9
    PATH = 10
    """First PDU of a session on another bearer or hop: the receiver tells what it holds."""
    ERROR = 11
    CAPSULE = 12
    """Key capsule of proxy re-encryption."""
    EXT = 15
    """Escape to further types. None is defined: dropped and counted."""


class PathReason(IntEnum):
    """Why a session goes on over another path."""

    BEARER_CHANGED = 0
    """RRC reconfiguration has mapped it to another computing radio bearer."""
    REESTABLISHED = 1
    """The radio link had failed and was re-established."""
    HANDED_OVER = 2


class ExtensionType(IntEnum):
    """Types of extensions."""

    PADDING = 0
    """Means nothing, whatever octets it has."""
    TIMESTAMP = 1
    """One word: the sender's clock in microseconds, modulo 2^32. The receiver keeps the jitter of RFC 3550 6.4.1."""


class CongestionMark(IntEnum):
    """Explicit congestion notification, as in RFC 3168."""

    NOT_CAPABLE = 0
    CAPABLE_1 = 1
    CAPABLE_0 = 2
    EXPERIENCED = 3


class DepHeader(Structure, reference="R94"):
    """The header of every DEP PDU. No flag differs among the segments of a bulk run."""

    version: int = unsigned(4, "Version of DEP, agreed when the session is added.")
    type: int = enumeration(4, DepType, "Type of the PDU.")
    response: bool = flag("The message answers the peer's message of the same message id.")
    ack_requested: bool = flag("The receiver shall acknowledge at once.")
    reencrypted: bool = flag("Set by the forwarding function after proxy re-encryption (R87).")
    reserved_flags: int = reserved(5)
    congestion: int = enumeration(2, CongestionMark, "Explicit congestion notification.")
    qfi: int = unsigned(6, "QoS flow identifier (R103, R104).")
    extension_words: int = unsigned(8, "Length of the extensions behind the header, in 32-bit words.")
    handle: int = unsigned(
        32,
        "Session handle: random, allocated by the receiver of this leg, unrelated to any identity.",
        hexadecimal=True,
    )
    message_id: int = unsigned(32, "Number of the message per session, QoS flow and sender of the request.")
    offset: int = unsigned(32, "Offset within the message, in octets.")


class DataBody(Structure, reference="R94"):
    """Body of DATA, before the payload. A payload of no octets announces a message and asks for credit.

    The offset of an announcement tells how much is known to have arrived: 0, unless the path has changed.
    """

    message_length: int = unsigned(32, "Length of the whole message, in octets.")
    packet_number: int = unsigned(
        32, "Per session, QoS flow and direction; fresh on every transmission, unchanged by forwarding."
    )


class GrantBody(Structure):
    """Body of GRANT: the receiver permits the octets before `limit` of the message."""

    limit: int = unsigned(32, "Octets permitted, counted from the start of the message.")
    priority: int = unsigned(8, "Lower goes first.")
    reserved_octet: int = reserved(8)
    reserved_bits: int = reserved(16)


class AckBody(Structure):
    """Body of ACK: all octets before the header's offset have arrived, and the segments whose bit is set.

    The map has just the octets its bits need; bits behind the last one are ignored.
    """

    highest_packet: int = unsigned(32, "Highest packet number seen in this direction of the flow.")
    delay: int = unsigned(32, "Time between its arrival and this PDU, in microseconds.")
    segment_size: int = unsigned(16, "Octets a bit of the map stands for.")
    map_bits: int = unsigned(16, "Number of bits in the map.")
    congestion: int = unsigned(8, "Share of segments marked since the last ACK, in 1/255.")
    reserved_octet: int = reserved(8)
    reserved_bits: int = reserved(16)
    map: bytes = octets(0, "Bit i, most significant first: segment i behind the offset has arrived.", maximum=1024)


class MissingOctets(Structure):
    """A range of a message that has not arrived."""

    start: int = unsigned(32, "First missing octet.")
    end: int = unsigned(32, "Octet behind the last missing one.")


class NackBody(Structure):
    """Body of NACK: octets to send again now."""

    ranges: bytes = octets(0, "Missing ranges (MissingOctets), 8 octets each.", maximum=8 * 64)


class BusyBody(Structure):
    """Body of BUSY: alive, but no credit yet; the sender's timer starts anew."""

    reserved_bits: int = reserved(32)


class EchoBody(Structure):
    """Body of PING and PONG: PONG repeats what PING said."""

    echo: int = unsigned(32, "Anything; comes back in PONG.")


class CloseBody(Structure):
    """Body of CLOSE and CLOSE_ACK: the data phase ends. The session itself is released by RRC or link signalling."""

    cause: int = enumeration(16, Cause, "Why.")
    reserved_bits: int = reserved(16)


class ErrorBody(Structure):
    """Body of ERROR: never sent in answer to ERROR, rate-limited, to bound peers only.

    The header names session, QoS flow and message it is about. Only where the handle of the offending PDU is unknown,
    so that nobody can tell the sender's, the header's handle is 0 and the body has the offending one.
    """

    cause: int = enumeration(16, Cause, "What was wrong.")
    reserved_bits: int = reserved(16)
    handle: int = unsigned(32, "The offending handle where it is unknown, else 0.", hexadecimal=True)


class PathBody(Structure, reference="R94, R107"):
    """Body of PATH, the first PDU of a session on another path. DATA waits until it is answered; so it is repeated.

    The receiver answers with PATH of the same sequence and `answer` set, behind an ACK, and GRANT where credit was
    given, for every message it has begun to receive. The sender of PATH says the same of what it receives. Both go on
    from there; what was permitted on the old path is void. An older sequence is answered and changes nothing.
    """

    sequence: int = unsigned(16, "Number of the change, per session and sender; greater than the last, modulo 2^16.")
    reason: int = enumeration(8, PathReason, "Why the path changed.")
    answer: bool = flag("The answer to a PATH of the peer.")
    reserved_flags: int = reserved(7)


class CapsuleBody(Structure, reference="R86-R88"):
    """Body of CAPSULE: a key capsule that belongs to the sender's direction, sent before records that need it.

    Opaque to DEP. Repeated until the receiver has answered CAPSULE with the same epoch and no octets; one at a time. A
    receiver takes an epoch newer than all before, answers older ones, and refuses other octets under one by ERROR.
    """

    epoch: int = unsigned(32, "Number of the key, growing.")
    capsule: bytes = octets(0, "Opaque.", maximum=1024)


class Extension(Structure):
    """Head of one extension; its value follows, padded to whole words. Legal on every type; bulk DATA has none.

    Unknown ones that are not critical are passed over. Reserved bits other than 0 and lengths that do not end where the
    extensions end make the PDU malformed.
    """

    critical: bool = flag("A receiver that does not know the type must answer ERROR.")
    type: int = enumeration(7, ExtensionType, "Type of the extension.")
    words: int = unsigned(8, "Length with this head, in 32-bit words.", minimum=1)
    reserved_bits: int = constant(16, 0, "Must be 0.")


BODIES: dict[DepType, type[Structure]] = {
    DepType.DATA: DataBody,
    DepType.GRANT: GrantBody,
    DepType.ACK: AckBody,
    DepType.NACK: NackBody,
    DepType.BUSY: BusyBody,
    DepType.PING: EchoBody,
    DepType.PONG: EchoBody,
    DepType.CLOSE: CloseBody,
    DepType.CLOSE_ACK: CloseBody,
    DepType.PATH: PathBody,
    DepType.ERROR: ErrorBody,
    DepType.CAPSULE: CapsuleBody,
}
"""Body by type. Types that are missing have none defined: dropped and counted."""

DEP_HEADER = DepHeader.fixed_run()
DEP_HEADER_SIZE = DEP_HEADER.size
DATA_BODY = DataBody.fixed_run()
DATA_HEADERS_SIZE = 8 + DEP_HEADER_SIZE + DATA_BODY.size
"""Layer-2 header, DEP header and DATA numbers: where the payload starts in a datagram."""
assert DATA_HEADERS_SIZE == 32
