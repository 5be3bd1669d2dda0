"""DEP PDUs as octets: the headers of the hot path, and builders of everything that is not DATA."""

from __future__ import annotations

import struct
from collections.abc import Iterable
from typing import NamedTuple

from net4ai.codecs.causes import Cause
from net4ai.codecs.declaration import Buffer
from net4ai.codecs.dep import (
    DATA_BODY,
    DEP_HEADER,
    AckBody,
    CloseBody,
    DepType,
    ErrorBody,
    GrantBody,
)
from net4ai.codecs.errors import DecodeError
from net4ai.codecs.l2 import L2_HEADER_SIZE

HEADER_SIZE = DEP_HEADER.size
DATA_SIZE = HEADER_SIZE + DATA_BODY.size
"""DEP header and DATA numbers."""
SEGMENT_HEADERS = L2_HEADER_SIZE + DATA_SIZE
"""The 32 octets before the payload."""

SEGMENT = struct.Struct(">8sIIII")
"""Headers of one DATA segment: what is the same in a bulk run, message id, offset, message length, packet number."""
assert SEGMENT.size == DATA_SIZE == struct.calcsize(">" + DEP_HEADER.struct.format[1:] + DATA_BODY.struct.format[1:])

HANDLE_AT = L2_HEADER_SIZE + 4
"""Where the handle stands in a PDU with its layer-2 header."""
MAXIMUM_MESSAGE_ID = 0xFFFFFFFF


class Header(NamedTuple):
    """The fields of a DEP header."""

    version: int
    type: int
    response: int
    ack_requested: int
    reencrypted: int
    reserved_flags: int
    congestion: int
    qfi: int
    extension_words: int
    handle: int
    message_id: int
    offset: int


assert Header._fields == tuple(name for name, _ in DEP_HEADER.fields)


def header(pdu: Buffer, at: int = 0) -> Header:
    """The header at `at`; at least HEADER_SIZE octets must be there."""
    return Header._make(DEP_HEADER.unpack(pdu, at))


def pack_header(
    version: int,
    kind: DepType,
    *,
    handle: int,
    qfi: int = 0,
    message_id: int = 0,
    response: bool = False,
    ack_requested: bool = False,
    offset: int = 0,
    extension_words: int = 0,
) -> bytes:
    """A header."""
    return DEP_HEADER.pack(
        version, kind, response, ack_requested, 0, 0, 0, qfi, extension_words, handle, message_id, offset
    )


def grant(limit: int) -> bytes:
    """Body of GRANT."""
    return GrantBody(limit=limit, priority=0).to_bytes()


def ack(highest_packet: int, delay: int, segment_size: int, arrived: bytes | bytearray) -> bytes:
    """Body of ACK. `delay` in nanoseconds; `arrived` has an octet 0 or 1 for every segment behind the offset."""
    bits = len(arrived)
    return AckBody(
        highest_packet=highest_packet & 0xFFFFFFFF,
        delay=min(delay // 1000, 0xFFFFFFFF),
        segment_size=segment_size,
        map_bits=bits,
        congestion=0,
        map=_pack_bits(arrived),
    ).to_bytes()


def error(cause: Cause, handle: int) -> bytes:
    """Body of ERROR."""
    return ErrorBody(cause=cause, handle=handle).to_bytes()


def close(cause: Cause) -> bytes:
    """Body of CLOSE and CLOSE_ACK."""
    return CloseBody(cause=cause).to_bytes()


def nack(ranges: Iterable[tuple[int, int]]) -> bytes:
    """Body of NACK: pairs of first missing octet and the one behind the last."""
    return b"".join(struct.pack(">II", start, end) for start, end in ranges)


_EXPANDED = [bytes(value >> (7 - bit) & 1 for bit in range(8)) for value in range(256)]
_DIGITS = bytes.maketrans(b"\x00\x01", b"01")


def _pack_bits(flags: bytes | bytearray) -> bytes:
    """Octets 0 or 1 to bits, most significant first."""
    if not flags:
        return b""
    octets = (len(flags) + 7) // 8
    return (int(flags.translate(_DIGITS), 2) << (octets * 8 - len(flags))).to_bytes(octets, "big")


def expand_bits(bits: bytes, count: int) -> bytes:
    """`count` bits as octets 0 or 1. Raises `DecodeError` unless there are just the octets they need."""
    if len(bits) != (count + 7) // 8:
        raise DecodeError("AckBody", "length out of range", f"{count} bits in {len(bits)} octets")
    return b"".join([_EXPANDED[octet] for octet in bits])[:count]


def unwrap(number: int, near: int) -> int:
    """The number whose low 32 bits are `number` and that is nearest to `near` (packet numbers wrap around)."""
    return near + ((number - near + 0x80000000) & 0xFFFFFFFF) - 0x80000000
