"""Raw PDUs: of layer 2, and of DEP; and how to damage them."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from typing import Any

from net4ai.codecs.declaration import Buffer, Structure
from net4ai.codecs.dep import BODIES, DepHeader, DepType
from net4ai.codecs.errors import DecodeError
from net4ai.codecs.l2 import BearerType, L2Header, Segmentation
from net4ai.conformance.pattern import fields_text, value_text


@dataclass(frozen=True, slots=True)
class L2Pdu:
    """A PDU of layer 2, as it is on the wire: header, and whatever follows."""

    header: L2Header
    body: bytes = b""
    bulk: bool = False
    """On the bulk socket."""

    def encode(self) -> bytes:
        """The datagram."""
        return self.header.to_bytes() + self.body

    @classmethod
    def decode(cls, octets: Buffer, bulk: bool = False) -> L2Pdu:
        """The PDU in a datagram. Raises `DecodeError`."""
        header, start = L2Header.read(octets)
        return cls(header, bytes(octets[start:]), bulk)

    @staticmethod
    def matched_fields() -> set[str]:
        """Fields an expectation can name beside those of this class."""
        return set(L2Header.DECLARATION)

    def __str__(self) -> str:
        header = self.header
        kind = BearerType(header.bearer_type).name
        what = "data" if header.is_data else "status report"
        marks = [
            name for name in ("poll", "has_mac", "ciphered") if getattr(header, name)
        ]  # fmt: skip
        part = "" if header.segmentation == Segmentation.COMPLETE else f", {Segmentation(header.segmentation).name}"
        return (
            f"L2 {kind} {header.bearer} {what}: C-RNTI {header.c_rnti}, COUNT {header.count}{part}"
            f"{''.join(f', {mark}' for mark in marks)}, {value_text(self.body)}"
        )


def l2_pdu(
    bearer_type: BearerType,
    bearer: int,
    c_rnti: int,
    count: int,
    body: bytes = b"",
    *,
    is_data: bool = True,
    segmentation: int = Segmentation.COMPLETE,
    poll: bool = False,
    has_mac: bool = False,
    ciphered: bool = False,
    bulk: bool = False,
) -> L2Pdu:
    """A PDU of layer 2 with any header."""
    header = L2Header(
        is_data=is_data,
        segmentation=segmentation,
        poll=poll,
        has_mac=has_mac,
        ciphered=ciphered,
        bearer_type=bearer_type,
        bearer=bearer,
        c_rnti=c_rnti,
        count=count,
    )
    return L2Pdu(header, body, bulk)


@dataclass(frozen=True, slots=True)
class DepPdu:
    """A PDU of DEP, and the bearer it goes over. DATA has a payload behind its body."""

    header: DepHeader
    body: Structure | None = None
    """None: a type without a defined body; its octets are the payload."""
    payload: bytes = b""
    extensions: bytes = b""
    bearer: int = 1
    bulk: bool = False

    def encode(self) -> bytes:
        """From the DEP header on."""
        body = b"" if self.body is None else self.body.to_bytes()
        return self.header.to_bytes() + self.extensions + body + self.payload

    @classmethod
    def decode(cls, octets: Buffer, bearer: int, bulk: bool) -> DepPdu:
        """The PDU, from the DEP header on. Raises `DecodeError`."""
        header, start = DepHeader.read(octets)
        end = start + 4 * header.extension_words
        if end > len(octets):
            raise DecodeError("DEP", "truncated", f"extensions of {header.extension_words} words")
        extensions, rest = bytes(octets[start:end]), bytes(octets[end:])
        kind = BODIES.get(DepType(header.type)) if header.type in DepType.__members__.values() else None
        if kind is None:
            return cls(header, None, rest, extensions, bearer, bulk)
        body, end = kind.read(rest)
        return cls(header, body, rest[end:], extensions, bearer, bulk)

    def __str__(self) -> str:
        header = self.header
        name = DepType(header.type).name if header.type in DepType.__members__.values() else f"type {header.type}"
        marks = [mark for mark in ("response", "ack_requested", "reencrypted") if getattr(header, mark)]
        parts = [f"handle {header.handle:#010x}", f"QFI {header.qfi}", f"message {header.message_id}"]
        parts += [f"offset {header.offset}"] if header.offset else []
        parts += [mark.replace("_", " ") for mark in marks]
        if self.body is not None:
            parts.append(fields_text(self.body))
        parts += [f"payload {value_text(self.payload)}"] if self.payload else []
        return f"DEP {name}: {', '.join(parts)}"


def dep_pdu(
    kind: DepType | int,
    body: Structure | None = None,
    payload: bytes = b"",
    *,
    bearer: int = 1,
    bulk: bool | None = None,
    extensions: bytes = b"",
    **header: Any,
) -> DepPdu:
    """A PDU of DEP with any header; what is not named is 0, the version 1. DATA goes over the bulk socket."""
    fields: dict[str, Any] = {
        "version": 1,
        "response": False,
        "ack_requested": False,
        "reencrypted": False,
        "congestion": 0,
        "qfi": 0,
        "extension_words": len(extensions) // 4,
        "handle": 0,
        "message_id": 0,
        "offset": 0,
    }
    on_bulk = kind == DepType.DATA if bulk is None else bulk
    return DepPdu(DepHeader(type=kind, **fields | header), body, payload, extensions, bearer, on_bulk)


# ---------------------------------------------------------------------------------------------------------------------
# Damage


def with_bits(octets: bytes, at: int, bits: int) -> bytes:
    """`octets` with these bits of the octet at `at` set."""
    return octets[:at] + bytes((octets[at] | bits,)) + octets[at + 1 :]


def with_octet(octets: bytes, at: int, value: int) -> bytes:
    """`octets` with another value of the octet at `at`."""
    return octets[:at] + bytes((value,)) + octets[at + 1 :]


def truncations(octets: bytes) -> list[bytes]:
    """All proper beginnings, the longest last."""
    return [octets[:length] for length in range(len(octets))]


def with_header(pdu: L2Pdu, **fields: Any) -> L2Pdu:
    """`pdu` with other fields of its header."""
    return replace(pdu, header=replace(pdu.header, **fields))


def noise(number: int, longest: int, shortest: int = 1) -> bytes:
    """Octets that look random, of a length between these; the same for the same number, in every run."""
    octets = hashlib.shake_128(number.to_bytes(8, "big")).digest(longest + 4)
    length = shortest + int.from_bytes(octets[:4], "big") % (longest - shortest + 1)
    return octets[4 : 4 + length]


def damaged(octets: bytes, number: int, after: int = 0) -> bytes:
    """`octets` with one to three of those behind `after` changed; the same for the same number, in every run."""
    chosen = noise(number, 6, 2)
    for place, value in zip(chosen[::2], chosen[1::2], strict=False):
        octets = with_octet(octets, after + place % (len(octets) - after), value)
    return octets
