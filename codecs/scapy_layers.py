"""Layers for Scapy: build, take apart, change and replay PDUs by hand, in a notebook or a script.

    from net4ai.codecs.scapy_layers import *

    pdu = L2(c_rnti=7) / Dep(handle=0xdeadbeef, message_id=1) / DepData(packet_number=1) / Raw(b"octets")
    L2(bytes(pdu)).show()
    rdpcap("demo.pcapng")[0].show()

The layers come from the declarations at import: a structure is a layer of its name, a message one of its protocol and
name (`RrcSetup`, `NasConsent`, `N2Paging`, `LinkInvite`), the body of a DEP PDU one of its type (`DepData`,
`DepGrant`). Lengths and counts are computed where they are not given, other defaults make a legal PDU. A field that
has the name of an attribute of Scapy ends in an underscore: `name_`.

What Scapy reads it does not judge: ranges are not checked, texts that are not UTF-8 are shown with replacement
characters, octets that fit nothing are Raw. It needs scapy, which the extra `scapy` brings; the stack does not use it.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from enum import IntEnum
from typing import Any, ClassVar

from net4ai.codecs import common, dep, l2, link, message, n2, nas, rrc
from net4ai.codecs.declaration import Family, FieldType, FixedField, ListField, NestedField, OctetsField, Structure

try:
    from scapy.config import conf
    from scapy.fields import (
        BitEnumField,
        BitField,
        ConditionalField,
        FieldLenField,
        IntField,
        PacketField,
        PacketLenField,
        PacketListField,
        StrField,
        StrLenField,
        TrailerField,
        XBitField,
        XIntField,
    )
    from scapy.layers.inet import IP, TCP, UDP
    from scapy.packet import Packet, Raw, bind_bottom_up, bind_layers, bind_top_down, fuzz
    from scapy.utils import PcapReader, hexdump, rdpcap, wrpcap
except ModuleNotFoundError as error:
    raise ModuleNotFoundError(
        f"{error.name} is not installed; the scapy extra brings it: pip install 'net4ai[scapy]'", name=error.name
    ) from None

__all__ = ["IP", "TCP", "UDP", "PcapReader", "Raw", "fuzz", "hexdump", "rdpcap", "wrpcap"]
"""What a notebook needs of Scapy; our layers are added as they are made."""

# ---------------------------------------------------------------------------------------------------------------------
# Fields


class FixedValue(BitField):
    """Constants and reserved bits: `fuzz` leaves them as they are. Another value can be given."""

    def randval(self) -> Any:
        return int(self.default or 0)


class TextField(StrLenField):
    """UTF-8 text, read as `str`."""

    def i2h(self, pkt: Any, x: bytes | None) -> str:
        return (x or b"").decode("utf-8", "replace")

    def i2repr(self, pkt: Any, x: bytes | None) -> str:
        return repr(self.i2h(pkt, x))


DEFAULTS: dict[tuple[type[Structure], str], Any] = {
    (l2.L2Header, "is_data"): 1,
    (dep.DepHeader, "version"): dep.VERSION,
    # None: computed from what follows
    (dep.DepHeader, "extension_words"): None,
    (dep.DataBody, "message_length"): None,
    (dep.AckBody, "map_bits"): None,
    (dep.Extension, "words"): None,
    (message.MessagePrefix, "data_length"): None,
}
"""Defaults of the layers where the declaration has none that suits."""

LISTS: dict[tuple[type[Structure], str], type[Structure]] = {
    (l2.StatusReport, "missing"): l2.MissingRange,
    (dep.NackBody, "ranges"): dep.MissingOctets,
}
"""Octets that are structures, one behind the other."""

PAYLOADS = {(nas.Protected, "message")}
"""Fields that take the rest and are the next layer."""

_INSIDE: dict[str, type[Packet]] = {}
"""Fields that hold a message of another protocol."""

_LENGTH_FORMAT = {8: "B", 16: "!H"}


def field_name(name: str) -> str:
    """What a field is called in its layer: names of Scapy's own get an underscore."""
    return f"{name}_" if hasattr(Packet, name) else name


def _fields(structure: type[Structure]) -> Iterator[Any]:
    declared = {field.name: field.default for field in dataclasses.fields(structure)}  # type: ignore[arg-type]
    for name, spec in structure.DECLARATION.items():
        if (structure, name) in PAYLOADS:
            continue
        if (structure, name) in LISTS:
            yield PacketListField(name, [], layer(LISTS[structure, name]), max_count=64)
            continue
        default = DEFAULTS.get((structure, name), declared[name])
        yield from _field(field_name(name), spec, default)


def _field(name: str, spec: FieldType, default: Any) -> Iterator[Any]:
    given = default is not dataclasses.MISSING
    match spec:
        case FixedField():
            yield _fixed_field(name, spec, default if given else _first_value(spec))
        case OctetsField(length_bits=0):
            yield StrField(name, default if given else b"")
        case OctetsField(length_bits=bits):
            length = f"{name}_length"
            yield FieldLenField(length, None, length_of=name, fmt=_LENGTH_FORMAT[bits])
            length_from = _value_of(length)
            if name in _INSIDE:
                yield PacketLenField(name, None, _INSIDE[name], length_from=length_from)  # type: ignore[arg-type]
            else:
                kind = TextField if spec.text else StrLenField
                default = default if given else b""
                yield kind(name, default, length_from=length_from, max_length=spec.maximum)
        case ListField(count_bits=bits, element=element, maximum=maximum):
            count = f"{name}_count"
            yield FieldLenField(count, None, count_of=name, fmt=_LENGTH_FORMAT[bits])
            yield PacketListField(name, [], layer(element), count_from=_value_of(count), max_count=maximum)
        case NestedField(element=element):
            yield PacketField(name, layer(element)(), layer(element))


def _value_of(name: str) -> Any:
    return lambda packet: getattr(packet, name)


def _fixed_field(name: str, spec: FixedField, default: Any) -> Any:
    default = None if default is None else int(default)
    if spec.constant is not None or spec.reserved:
        return FixedValue(name, default, spec.bits)
    if spec.codes is not None:
        return BitEnumField(name, default, spec.bits, _names(spec.codes))
    return (XBitField if spec.hexadecimal else BitField)(name, default, spec.bits)


def _first_value(spec: FixedField) -> int:
    return int(next(iter(spec.codes))) if spec.codes else spec.minimum


def _names(codes: type[IntEnum]) -> dict[int, str]:
    return {int(code): code.name for code in codes}


# ---------------------------------------------------------------------------------------------------------------------
# Layers of structures and messages


class Element(Packet):
    """A structure within another: what follows belongs to the other."""

    def extract_padding(self, s: bytes) -> tuple[bytes, bytes]:
        return b"", s


def _make(name: str, base: type[Packet], fields: list[Any], title: str, doc: str | None, **more: Any) -> type[Packet]:
    """A layer of that name, in this module."""
    made = type(name, (base,), {"name": title, "fields_desc": fields, "__doc__": doc, "__module__": __name__, **more})
    if name in globals():
        raise TypeError(f"there are two layers {name}")
    globals()[name] = made
    __all__.append(name)
    return made


_ELEMENTS: dict[type[Structure], type[Packet]] = {}


def layer(structure: type[Structure]) -> type[Packet]:
    """The layer of a structure that stands within others."""
    if structure not in _ELEMENTS:
        name = structure.__name__
        _ELEMENTS[structure] = _make(name, Element, list(_fields(structure)), name, structure.__doc__)
    return _ELEMENTS[structure]


def _family(title: str, family: Family) -> tuple[type[Packet], dict[int, type[Packet]]]:
    """The layer that reads any message of a protocol and is an unknown one, and the layers of messages by type."""
    layers: dict[int, type[Packet]] = {}

    def dispatch_hook(cls: type[Packet], _pkt: bytes | None = None, *args: Any, **kwargs: Any) -> type[Packet]:
        return layers.get(_pkt[0], cls) if _pkt else cls

    names = {code: item.NAME for code, item in family.messages.items()}
    fields = [BitEnumField("code", 0, 8, names), StrField("body", b"")]
    doc = f"{family.doc}\n\nGiven octets, the layer of that message. Without: a message of an unknown type."
    base = _make(title, Packet, fields, f"{title} message", doc, dispatch_hook=classmethod(dispatch_hook))
    for code, item in family.messages.items():
        fields = [FixedValue("code", code, 8), *_fields(item)]
        layers[code] = _make(f"{title}{item.__name__}", base, fields, item.NAME, item.__doc__)
    return base, layers


Nas, NAS_LAYERS = _family("Nas", nas.Nas.FAMILY)
_INSIDE["nas"] = Nas
Rrc, RRC_LAYERS = _family("Rrc", rrc.Rrc.FAMILY)
N2, N2_LAYERS = _family("N2", n2.N2.FAMILY)
Link, LINK_LAYERS = _family("Link", link.Link.FAMILY)
for _structure in (l2.StatusReport, l2.SegmentOffset, message.Record, common.SessionRelease):
    layer(_structure)

_CLEAR = (nas.SecurityHeaderType.INTEGRITY, nas.SecurityHeaderType.INTEGRITY_NEW_CONTEXT)


def _inside_protected(self: Any, payload: bytes) -> type[Packet]:
    """The message within; as Raw where it may be enciphered."""
    return Nas if self.security_header in _CLEAR else Raw


NAS_LAYERS[nas.Protected.CODE].guess_payload_class = _inside_protected  # type: ignore[method-assign]


# ---------------------------------------------------------------------------------------------------------------------
# DEP


class DepExtension(Element):
    """One extension of a DEP PDU, padded to whole words."""

    name = "DEP extension"
    fields_desc: ClassVar[list[Any]] = [
        *_fields(dep.Extension),
        StrLenField("value", b"", length_from=lambda extension: 4 * extension.words - 4),
    ]

    def post_build(self, p: bytes, pay: bytes) -> bytes:
        if self.words is None:
            p += bytes(-len(p) % 4)
            p = _set(p, 1, 1, len(p) // 4)
        return p + pay


class Dep(Packet):
    """The header of a DEP PDU, with its extensions."""

    name = "DEP"
    fields_desc: ClassVar[list[Any]] = [
        *_fields(dep.DepHeader),
        PacketListField("extensions", [], DepExtension, length_from=lambda header: 4 * header.extension_words),
    ]

    def post_build(self, p: bytes, pay: bytes) -> bytes:
        if self.extension_words is None:
            p = _set(p, 3, 1, (len(p) - dep.DEP_HEADER_SIZE) // 4)
        return p + pay


def _set(octets: bytes, at: int, size: int, value: int) -> bytes:
    """`octets` with a number written over `size` of them."""
    return octets[:at] + value.to_bytes(size, "big") + octets[at + size :]


def _compute_message_length(self: Any, p: bytes, pay: bytes) -> bytes:
    """One segment is taken for the last: the message ends with it."""
    if self.message_length is None:
        offset = self.underlayer.offset if isinstance(self.underlayer, Dep) else 0
        p = _set(p, 0, 4, (offset + len(pay)) & 0xFFFF_FFFF)
    return p + pay


def _compute_map_bits(self: Any, p: bytes, pay: bytes) -> bytes:
    if self.map_bits is None:
        p = _set(p, 10, 2, 8 * len(self.map))
    return p + pay


def _compute_data_length(self: Any, p: bytes, pay: bytes) -> bytes:
    if self.data_length is None:
        p = _set(p, 24, 8, len(pay))
    return p + pay


def _first_octets(self: Any, payload: bytes) -> type[Packet]:
    """Where a message begins, its prefix."""
    begins = isinstance(self.underlayer, Dep) and self.underlayer.offset == 0
    whole = len(payload) >= message.PREFIX_SIZE and payload.startswith(b"N4\x01")
    return _PREFIX if begins and whole else Raw


_PREFIX = _make(
    "MessagePrefix",
    Packet,
    list(_fields(message.MessagePrefix)),
    "message prefix",
    message.MessagePrefix.__doc__,
    post_build=_compute_data_length,
)
_BODY_METHODS: dict[dep.DepType, dict[str, Any]] = {
    dep.DepType.DATA: {"post_build": _compute_message_length, "guess_payload_class": _first_octets},
    dep.DepType.ACK: {"post_build": _compute_map_bits},
}


def _body(type_: dep.DepType, body: type[Structure]) -> type[Packet]:
    title = "".join(word.capitalize() for word in type_.name.split("_"))
    methods = _BODY_METHODS.get(type_, {})
    made = _make(f"Dep{title}", Packet, list(_fields(body)), f"DEP {type_.name}", body.__doc__, **methods)
    bind_layers(Dep, made, type=int(type_))
    return made


DEP_LAYERS = {type_: _body(type_, body) for type_, body in dep.BODIES.items()}


# ---------------------------------------------------------------------------------------------------------------------
# Layer 2 and what is below

_HAS_OFFSET = (l2.Segmentation.LAST, l2.Segmentation.MIDDLE)


class L2(Packet):
    """The header of every PDU on the Uu, T4 and T8, with the segment offset and MAC-I where there are any.

    The MAC-I ends the PDU; where the PDU is enciphered, it is part of the Raw octets.
    """

    name = "L2"
    fields_desc: ClassVar[list[Any]] = [
        *_fields(l2.L2Header),
        ConditionalField(IntField("segment_offset", 0), lambda header: header.segmentation in _HAS_OFFSET),
        ConditionalField(TrailerField(XIntField("mac", 0)), lambda header: header.has_mac and not header.ciphered),
    ]

    def guess_payload_class(self, payload: bytes) -> type[Packet]:
        """Whole PDUs in clear by their bearer. Segments stay Raw."""
        if self.ciphered or self.segmentation != l2.Segmentation.COMPLETE:
            return Raw
        if not self.is_data:
            return layer(l2.StatusReport)
        match self.bearer_type:
            case l2.BearerType.SRB:
                return Rrc
            case l2.BearerType.FIXED_LINK if self.bearer == 0:
                return Link
            case l2.BearerType.CRB | l2.BearerType.FIXED_LINK:
                return Dep
        return Raw


class N2Frame(Packet):
    """The length in front of each N2 message on TCP."""

    name = "N2 frame"
    fields_desc: ClassVar[list[Any]] = [BitField("length", None, 32)]

    def post_build(self, p: bytes, pay: bytes) -> bytes:
        return (_set(p, 0, 4, len(pay)) if self.length is None else p) + pay

    def extract_padding(self, s: bytes) -> tuple[bytes, bytes]:
        return s[: self.length], s[self.length :]

    @classmethod
    def tcp_reassemble(cls, data: bytes, metadata: Any, session: Any) -> Any:
        """For `TCPSession`: a frame once it is whole."""
        whole = len(data) >= 4 and len(data) >= 4 + int.from_bytes(data[:4], "big")
        return cls(data) if whole else None


class ExportedTag(Element):
    """What Wireshark says about an exported PDU."""

    name = "tag"
    fields_desc: ClassVar[list[Any]] = [
        BitEnumField("tag", 0, 16, {0: "end", 12: "dissector", 20: "source", 21: "destination", 35: "direction"}),
        FieldLenField("length", None, length_of="value", fmt="!H"),
        StrLenField("value", b"", length_from=_value_of("length")),
    ]


def _further_tags(packet: Any, tags: list[Any], tag: Any, rest: bytes) -> type[Packet] | None:
    return ExportedTag if len(rest) >= 4 and (tag is None or tag.tag) else None


class ExportedPdu(Packet):
    """A PDU without the layers below it (link type 252), as captures hold N2 and the bus."""

    name = "exported PDU"
    fields_desc: ClassVar[list[Any]] = [PacketListField("tags", [], next_cls_cb=_further_tags, max_count=64)]

    def guess_payload_class(self, payload: bytes) -> type[Packet]:
        """By the name of Wireshark's dissector."""
        names = {bytes(tag.value).rstrip(b"\0") for tag in self.tags if isinstance(tag, ExportedTag) and tag.tag == 12}
        return next((_DISSECTORS[name] for name in names if name in _DISSECTORS), Raw)


_DISSECTORS: dict[bytes, type[Packet]] = {
    b"net4ai": L2,
    b"net4ai_rrc": Rrc,
    b"net4ai_nas": Nas,
    b"net4ai_n2": N2,
    b"net4ai_link": Link,
}

__all__ += ["L2", "Dep", "DepExtension", "ExportedPdu", "ExportedTag", "N2Frame"]


def _bind() -> None:
    """Which layer lies above which, both for reading and for the fields a layer below gets by itself."""
    for port in (l2.SIGNALLING_PORT, l2.BULK_PORT):
        bind_bottom_up(UDP, L2, sport=port)
        bind_bottom_up(UDP, L2, dport=port)
    bind_top_down(UDP, L2, sport=l2.SIGNALLING_PORT, dport=l2.SIGNALLING_PORT)
    bind_bottom_up(TCP, N2Frame, sport=n2.PORT)
    bind_bottom_up(TCP, N2Frame, dport=n2.PORT)
    bind_top_down(TCP, N2Frame, dport=n2.PORT)
    for code, made in RRC_LAYERS.items():
        bearer = 0 if rrc.Rrc.FAMILY.messages[code].BEARER == "SRB0" else 1
        bind_top_down(L2, made, bearer_type=int(l2.BearerType.SRB), bearer=bearer)
    for made in LINK_LAYERS.values():
        bind_top_down(L2, made, bearer_type=int(l2.BearerType.FIXED_LINK), bearer=0)
    bind_top_down(L2, Dep, bearer_type=int(l2.BearerType.CRB), bearer=1)
    bind_top_down(L2, layer(l2.StatusReport), is_data=0)
    bind_layers(N2Frame, N2)
    conf.l2types.register(252, ExportedPdu)


_bind()
