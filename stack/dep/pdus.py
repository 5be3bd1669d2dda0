"""DEP PDUs as octets: the headers of the hot path, and builders of everything that is not DATA."""

from __future__ import annotations

import struct
from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np

from net4ai.codecs.causes import Cause
from net4ai.codecs.declaration import Buffer
from net4ai.codecs.dep import (
    DATA_BODY,
    DEP_HEADER,
    AckBody,
    CloseBody,
    CongestionMark,
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

Flags = np.ndarray[Any, np.dtype[np.uint8]]
"""An element 0 or 1 for each of many segments."""
_NO_FLAGS: Flags = np.empty(0, np.uint8)


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
    congestion: CongestionMark = CongestionMark.NOT_CAPABLE,
) -> bytes:
    """A header."""
    return DEP_HEADER.pack(
        version, kind, response, ack_requested, 0, 0, congestion, qfi, extension_words, handle, message_id, offset
    )


def grant(limit: int) -> bytes:
    """Body of GRANT."""
    return GrantBody(limit=limit, priority=0).to_bytes()


class Acknowledgement(NamedTuple):
    """What an ACK says."""

    highest: int
    """Packet number, modulo 2^32."""
    delay: int
    """Nanoseconds since that packet arrived."""
    segment_size: int
    congestion: int
    """Share of segments marked, in 1/255."""
    arrived: Flags
    """An element 1 for every segment behind the offset that has arrived."""


def read_ack(body: Buffer) -> Acknowledgement:
    """The body of an ACK. Raises `DecodeError`."""
    ack = AckBody.from_bytes(body)
    arrived = expand_bits(ack.map, ack.map_bits)
    return Acknowledgement(ack.highest_packet, ack.delay * 1000, ack.segment_size, ack.congestion, arrived)


def ack(
    highest_packet: int, delay: int, segment_size: int, arrived: bytes | bytearray = b"", congestion: int = 0
) -> bytes:
    """Body of ACK. `delay` in nanoseconds; `arrived` has an octet 0 or 1 for every segment behind the offset."""
    return AckBody(
        highest_packet=highest_packet & 0xFFFFFFFF,
        delay=min(delay // 1000, 0xFFFFFFFF),
        segment_size=segment_size,
        map_bits=len(arrived),
        congestion=congestion,
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


def _pack_bits(flags: bytes | bytearray) -> bytes:
    """Octets 0 or 1 to bits, most significant first."""
    return np.packbits(np.frombuffer(flags, np.uint8), bitorder="big").tobytes() if flags else b""


def expand_bits(bits: bytes, count: int) -> Flags:
    """`count` bits as elements 0 or 1. Raises `DecodeError` unless there are just the octets they need."""
    if len(bits) != (count + 7) // 8:
        raise DecodeError("AckBody", "length out of range", f"{count} bits in {len(bits)} octets")
    return np.unpackbits(np.frombuffer(bits, np.uint8), count=count, bitorder="big") if count else _NO_FLAGS


def unwrap(number: int, near: int) -> int:
    """The number whose low 32 bits are `number` and that is nearest to `near` (packet numbers wrap around)."""
    return near + ((number - near + 0x80000000) & 0xFFFFFFFF) - 0x80000000
