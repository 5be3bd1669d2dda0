"""What a packet of a capture says, layer by layer, in short words.

Signalling that came in segments is told at the packet that completes it. What cannot be decoded is told with the
reason of its `DecodeError`; what is enciphered, as such.
"""

from __future__ import annotations

import json
import struct
from collections import OrderedDict
from dataclasses import dataclass, field
from ipaddress import IPv4Address
from typing import Any

from net4ai.codecs import dep, l2, link, message, n2, nas, rrc
from net4ai.codecs.declaration import Family, Structure, UnknownMessage
from net4ai.codecs.describe import describe, describe_dep, describe_prefix, values
from net4ai.codecs.errors import DecodeError
from net4ai.stack.io.capture import LINKS
from net4ai.stack.io.capture_stream import StreamedPacket
from net4ai.stack.io.pcapng import LinkType

ETHERNET = 1
RAW_IPV4 = 228
_IPV4_ETHERTYPE = 0x0800
_UDP, _TCP = 17, 6
_TAG_DISSECTOR, _TAG_SOURCE, _TAG_DESTINATION = 12, 20, 21

LINK_SIGNALLING = "link signalling"
"""What stands for the bearer on T4 and T8."""

MAXIMUM_FLOWS = 1024
"""Signalling bearers whose segments and COUNTs are remembered at a time."""
MAXIMUM_SEGMENTS = 64
"""Segments kept of a bearer: more than the longest service data unit has."""
MAXIMUM_SEEN = 256
"""PDUs of a bearer whose repetition is noticed."""
MAXIMUM_NESTING = 2
"""A NAS message within a protected one, no deeper."""

FAMILIES: dict[str, Family] = {
    "net4ai_rrc": rrc.Rrc.FAMILY,
    "net4ai_nas": nas.Nas.FAMILY,
    "net4ai_n2": n2.N2.FAMILY,
    "net4ai_link": link.Link.FAMILY,
}
"""By the dissectors of exported PDUs."""
_CLEAR = (nas.SecurityHeaderType.INTEGRITY, nas.SecurityHeaderType.INTEGRITY_NEW_CONTEXT)
_HAS_OFFSET = (l2.Segmentation.LAST, l2.Segmentation.MIDDLE)


@dataclass(frozen=True, slots=True)
class Layer:
    """One layer of a packet."""

    protocol: str
    """L2, RRC, NAS, N2, link, DEP, message, bus, or of strangers."""
    name: str
    """Of the message; of L2, the bearer."""
    text: str
    fields: dict[str, Any] = field(default_factory=dict)


@dataclass(slots=True)
class Summary:
    """One packet, told."""

    number: int
    time: int
    """UTC nanoseconds."""
    link: str
    source: str
    destination: str
    layers: list[Layer] = field(default_factory=list)
    fault: str = ""
    """Why it, or a part of it, could not be decoded: reason and detail."""
    reason: str = ""
    """The reason alone, as drops are counted by."""
    comments: tuple[str, ...] = ()
    data: tuple[l2.L2Header, dep.DepHeader, dep.DataBody, int] | None = None
    """Of a DATA PDU: its headers, and its octets."""

    @property
    def text(self) -> str:
        """All layers in one line."""
        parts = [layer.text for layer in self.layers if layer.text]
        return " / ".join([*parts, f"NOT DECODED: {self.fault}"] if self.fault else parts)


@dataclass(slots=True)
class _Flow:
    """A signalling bearer in one direction: what was seen of it lately."""

    segments: OrderedDict[int, tuple[int, int, bytes]] = field(default_factory=OrderedDict)
    """Segmentation, offset, octets, by COUNT."""
    seen: OrderedDict[int, None] = field(default_factory=OrderedDict)
    """Hashes of PDUs without their first octet, which holds the poll bit."""


class PacketReader:
    """Tells packets one after the other. Remembers segments; bounded, whatever comes."""

    def __init__(self, names: dict[IPv4Address, str]) -> None:
        self._names = names
        """May grow while packets are read."""
        self._flows: OrderedDict[tuple[Any, ...], _Flow] = OrderedDict()

    def read(self, packet: StreamedPacket) -> Summary:
        """What `packet` says. Never raises, whatever its octets are."""
        told = Summary(packet.number, packet.time, packet.link, "", "", comments=packet.comments)
        try:
            self._lower(packet, told)
        except DecodeError as error:
            cut = packet.length > len(packet.data)
            told.reason = "cut by the capture" if cut else error.reason
            told.fault = f"cut by the capture after {len(packet.data)} octets" if cut else str(error)
        return told

    # What is below us

    def _lower(self, packet: StreamedPacket, told: Summary) -> None:
        match packet.link_type:
            case LinkType.EXPORTED_PDU:
                self._exported(packet.data, told)
            case LinkType.RAW_IP | 228:
                self._ipv4(packet.data, told)
            case 1 if packet.data[12:14] == _IPV4_ETHERTYPE.to_bytes(2, "big"):
                self._ipv4(packet.data[14:], told)
            case other:
                told.layers.append(Layer("link type", str(other), f"link type {other}, {packet.length} octets"))

    def _name(self, address: bytes) -> str:
        found = IPv4Address(address)
        return self._names.get(found, str(found))

    def _ipv4(self, data: bytes, told: Summary) -> None:
        if len(data) < 20:
            raise DecodeError("IPv4", "truncated", f"{len(data)} octets")
        start = 4 * (data[0] & 15)
        if data[0] >> 4 != 4 or start < 20:
            told.layers.append(Layer("IP", "IP", f"IP version {data[0] >> 4}, {len(data)} octets"))
            return
        total = struct.unpack_from(">H", data, 2)[0]
        told.source, told.destination = self._name(data[12:16]), self._name(data[16:20])
        protocol = data[9]
        body = data[start : max(total, start)]
        if protocol not in (_UDP, _TCP) or len(body) < 8:
            told.layers.append(Layer("IP", f"protocol {protocol}", f"IP protocol {protocol}, {len(body)} octets"))
            return
        ports = struct.unpack_from(">HH", body)
        if protocol == _UDP and (told.link in LINKS or {*ports} & {l2.SIGNALLING_PORT, l2.BULK_PORT}):
            length = struct.unpack_from(">H", body, 4)[0]
            if length > len(body):
                raise DecodeError("UDP", "truncated", f"{length} octets announced, {len(body)} there")
            self._l2(body[8:length], told, ports)
            return
        title = "UDP" if protocol == _UDP else "TCP"
        told.layers.append(Layer(title, title, f"{title} {ports[0]} → {ports[1]}, {len(body)} octets"))

    def _exported(self, data: bytes, told: Summary) -> None:
        at, dissector = 0, ""
        while True:
            if at + 4 > len(data):
                raise DecodeError("exported PDU", "truncated", "tags")
            tag, length = struct.unpack_from(">HH", data, at)
            value = data[at + 4 : at + 4 + length]
            at += 4 + length
            if tag == 0:
                break
            if tag == _TAG_DISSECTOR:
                dissector = value.rstrip(b"\0").decode("ascii", "replace")
            elif tag == _TAG_SOURCE and len(value) == 4:
                told.source = self._name(value)
            elif tag == _TAG_DESTINATION and len(value) == 4:
                told.destination = self._name(value)
        self._pdu(dissector, data[at:], told)

    def _pdu(self, dissector: str, data: bytes, told: Summary) -> None:
        if dissector in FAMILIES:
            self._message(FAMILIES[dissector], data, told)
        elif dissector == "net4ai":
            self._l2(data, told, (0, 0))
        elif dissector == "json":
            told.layers.append(_bus(data))
        else:
            told.layers.append(Layer(dissector, dissector, f"{dissector}, {len(data)} octets"))

    # Layer 2

    def _l2(self, pdu: bytes, told: Summary, ports: tuple[int, ...]) -> None:
        header, start = l2.L2Header.read(pdu)
        offset = 0
        if header.segmentation in _HAS_OFFSET:
            segment, start = l2.SegmentOffset.read(pdu, start)
            offset = segment.offset
        bearer = _bearer_name(header)
        # A message of link signalling says so itself.
        words = [] if bearer == LINK_SIGNALLING and header.is_data else [bearer]
        if told.link == "Uu" and header.c_rnti and "C-RNTI" not in told.source + told.destination:
            words.append(f"C-RNTI {header.c_rnti}")
        bulk = header.bearer_type in (l2.BearerType.CRB, l2.BearerType.DRB) or _is_dep(header)
        flow = None if bulk else self._flow((told.link, told.source, told.destination, ports, bearer, header.c_rnti))
        if flow is not None and _repeated(flow, pdu):
            words.append("again")
        layer = Layer("L2", bearer, " ".join(words), values(header))
        told.layers.append(layer)
        end = len(pdu)
        if header.ciphered:
            part = f" {_SEGMENT[header.segmentation]} segment" if header.segmentation in _SEGMENT else ""
            told.layers.append(Layer("L2", "ciphered", f"ciphered{part}, {end - start} octets"))
            return
        if header.has_mac:
            end -= 4
            if end < start:
                raise DecodeError("L2", "truncated", "no room for a MAC-I")
        self._payload(header, offset, pdu[start:end], flow, told)

    def _payload(self, header: l2.L2Header, offset: int, payload: bytes, flow: _Flow | None, told: Summary) -> None:
        if not header.is_data:
            report = l2.StatusReport.from_bytes(payload)
            missing = ", ".join(
                f"{item.first}" if item.length == 1 else f"{item.first}+{item.length}"
                for item in report.missing_ranges()
            )
            text = f"status: all before {report.next_count}" + (f" but {missing}" if missing else "")
            told.layers.append(Layer("L2", "status report", text, values(report)))
            return
        if _is_dep(header):
            self._dep(header, payload, told)
        elif header.bearer_type == l2.BearerType.DRB:
            told.layers.append(Layer("DRB", "data", f"data, {len(payload)} octets"))
        elif flow is not None:
            if header.segmentation != l2.Segmentation.COMPLETE:
                whole = _assemble(flow, header, offset, payload)
                text = f"{_SEGMENT[header.segmentation]} segment, {offset}..{offset + len(payload)}"
                told.layers.append(Layer("L2", "segment", text))
                if whole is None:
                    return
                payload = whole
            signalling = header.bearer_type == l2.BearerType.SRB
            self._message(rrc.Rrc.FAMILY if signalling else link.Link.FAMILY, payload, told)

    def _flow(self, key: tuple[Any, ...]) -> _Flow:
        flow = self._flows.pop(key, None) or _Flow()
        self._flows[key] = flow
        if len(self._flows) > MAXIMUM_FLOWS:
            self._flows.popitem(last=False)
        return flow

    # Messages

    def _message(self, family: Family, data: bytes, told: Summary, depth: int = 0) -> None:
        found = family.decode(data)
        told.layers.append(_layer(family, found))
        if isinstance(found, nas.Protected):
            if found.security_header not in _CLEAR:
                told.layers.append(Layer("NAS", "ciphered", f"ciphered, {len(found.message)} octets"))
            elif depth < MAXIMUM_NESTING:
                self._message(family, found.message, told, depth + 1)
            return
        inner = getattr(found, "nas", b"")
        if inner:
            self._message(nas.Nas.FAMILY, inner, told, depth + 1)

    def _dep(self, lower: l2.L2Header, pdu: bytes, told: Summary) -> None:
        header, at = dep.DepHeader.read(pdu)
        at += 4 * header.extension_words
        if at > len(pdu):
            raise DecodeError("DepHeader", "truncated", "extensions")
        body_type = dep.BODIES.get(header.type)  # type: ignore[call-overload]
        body: Structure | None = None
        text = ""
        if body_type is dep.DataBody:
            body, at = dep.DataBody.read(pdu, at)
            told.data = (lower, header, body, len(pdu) - at)
            text = _prefix(header, pdu[at:])
        elif body_type is not None:
            body = body_type.from_bytes(pdu[at:])
        name = header.type.name if isinstance(header.type, dep.DepType) else str(header.type)
        fields = values(header) | ({"body": values(body)} if body is not None else {})
        told.layers.append(Layer("DEP", name, f"DEP {describe_dep(header, body, len(pdu) - at)}", fields))
        if text:
            told.layers.append(Layer("message", "prefix", text))


_SEGMENT: dict[int, str] = {
    l2.Segmentation.FIRST: "first",
    l2.Segmentation.MIDDLE: "middle",
    l2.Segmentation.LAST: "last",
}


def _is_dep(header: l2.L2Header) -> bool:
    fixed = header.bearer_type == l2.BearerType.FIXED_LINK
    return header.bearer_type == l2.BearerType.CRB or (fixed and header.bearer > 0)


def _bearer_name(header: l2.L2Header) -> str:
    if header.bearer_type == l2.BearerType.FIXED_LINK:
        return "" if header.bearer else LINK_SIGNALLING
    return f"{l2.BearerType(header.bearer_type).name}{header.bearer}"


def _repeated(flow: _Flow, pdu: bytes) -> bool:
    """The same PDU was seen before, its poll bit aside."""
    rest = hash(pdu[1:])
    known = rest in flow.seen
    flow.seen[rest] = None
    if len(flow.seen) > MAXIMUM_SEEN:
        flow.seen.popitem(last=False)
    return known and pdu[0] & 0x20 != 0


def _assemble(flow: _Flow, header: l2.L2Header, offset: int, payload: bytes) -> bytes | None:
    """The whole service data unit, if this segment is the one that was missing."""
    flow.segments[header.count] = header.segmentation, offset, payload
    if len(flow.segments) > MAXIMUM_SEGMENTS:
        flow.segments.popitem(last=False)
    first = header.count
    while flow.segments.get(first, (0, 0, b""))[0] in _HAS_OFFSET:
        first = (first - 1) % (1 << 32)
    parts: list[bytes] = []
    for step in range(MAXIMUM_SEGMENTS):
        found = flow.segments.get((first + step) % (1 << 32))
        if found is None or found[1] != sum(map(len, parts)) or (found[0] == l2.Segmentation.FIRST) != (step == 0):
            return None
        parts.append(found[2])
        if found[0] == l2.Segmentation.LAST:
            for done in range(step + 1):
                flow.segments.pop((first + done) % (1 << 32))
            return b"".join(parts)
    return None


def _layer(family: Family, found: Structure | UnknownMessage) -> Layer:
    protocol = "link" if family is link.Link.FAMILY else family.name
    text = describe(found)
    name = text.split(" (")[0] if isinstance(found, UnknownMessage) else type(found).NAME  # type: ignore[attr-defined]
    if isinstance(found, nas.Protected):
        header = found.security_header
        said = header.name if isinstance(header, nas.SecurityHeaderType) else header
        return Layer(protocol, name, f"NAS protected ({said}, count {found.count})", values(found))
    # Names of RRC and N2 messages often say the protocol themselves.
    title = text if text.startswith(f"{protocol} ") else f"{protocol} {text}"
    return Layer(protocol, name, title, values(found))


def _prefix(header: dep.DepHeader, data: bytes) -> str:
    """What the message is, where it begins here."""
    if header.offset or len(data) < message.PREFIX_SIZE:
        return ""
    try:
        return describe_prefix(message.MessagePrefix.read(data)[0])
    except DecodeError:
        return ""


def _bus(data: bytes) -> Layer:
    """A message of the control bus: kind, type, sender and receiver stand in its JSON."""
    try:
        found = json.loads(data)
    except (ValueError, RecursionError):
        raise DecodeError("bus", "not JSON") from None
    if not isinstance(found, dict):
        raise DecodeError("bus", "not an envelope")
    kind, type_ = str(found.get("kind", "")), str(found.get("type", ""))
    words = [f"{kind} {type_}"]
    if (parts := found.get("parts", 1)) != 1:
        words.append(f"part {found.get('part', 0)} of {parts}")
    error = found.get("error")
    if isinstance(error, dict):
        words.append(f"failed: {error.get('cause')}")
    return Layer("bus", type_, f"bus {', '.join(words)}", {"kind": kind, "type": type_})
