"""How a wire format is declared: once, as a class whose fields carry their width, range, meaning and source.

    class Setup(Rrc, code=2, bearer="SRB0", direction="down", reference="TS 38.331 5.3.3.3"):
        \"\"\"Accepts a set-up request and names the C-RNTI.\"\"\"

        transaction: int = unsigned(8, "RRC transaction identifier.", maximum=3)
        c_rnti: int = unsigned(16, "Radio identity of the UE in this cell.", minimum=1)

The class is a frozen dataclass. From its declaration come the packer and unpacker (here), the numpy data type
(`net4ai.codecs.numpy_types`), the construct object (`net4ai.codecs.construct_types`), the Wireshark field table and the
tables of the specification (`net4ai.codecs.generate`).

Everything is big endian, most significant bit first. Decoding any bytes gives a value or a `DecodeError`.
"""

from __future__ import annotations

import dataclasses
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import IntEnum
from functools import partial
from typing import Any, ClassVar, Literal, Self, dataclass_transform

from net4ai.codecs.errors import DecodeError, EncodeError

Buffer = bytes | bytearray | memoryview

# ---------------------------------------------------------------------------------------------------------------------
# Field types


@dataclass(frozen=True, slots=True)
class FixedField:
    """A field of a fixed number of bits: an unsigned number, a flag, a code, a constant or reserved bits."""

    bits: int
    doc: str
    minimum: int = 0
    maximum: int = 0
    """0: as large as the bits allow."""
    codes: type[IntEnum] | None = None
    """Named values. Others are kept as plain numbers and survive a round trip."""
    constant: int | None = None
    """The only value allowed."""
    reserved: bool = False
    """Sent as 0, ignored on receipt."""
    hexadecimal: bool = False
    """Shown in base 16."""

    @property
    def largest(self) -> int:
        return self.maximum or (1 << self.bits) - 1

    @property
    def checked(self) -> bool:
        """Whether the range is narrower than the bits."""
        return self.constant is not None or self.minimum > 0 or self.largest != (1 << self.bits) - 1

    @property
    def is_flag(self) -> bool:
        return self.bits == 1 and self.codes is None

    def allowed(self) -> str:
        if self.constant is not None:
            return str(self.constant)
        return f"{self.minimum} to {self.largest}"


@dataclass(frozen=True, slots=True)
class OctetsField:
    """Octets of variable length behind a length of `length_bits`, or (0) all that is left."""

    length_bits: int
    maximum: int
    doc: str
    text: bool = False
    """UTF-8 text, given as `str`."""

    def allowed(self) -> str:
        return f"{'text of ' if self.text else ''}0 to {self.maximum} octets"


@dataclass(frozen=True, slots=True)
class ListField:
    """A counted list of structures, given as a tuple."""

    count_bits: int
    element: type[Structure]
    maximum: int
    doc: str

    def allowed(self) -> str:
        return f"0 to {self.maximum} of {self.element.__name__}"


@dataclass(frozen=True, slots=True)
class NestedField:
    """Another structure, in place."""

    element: type[Structure]
    doc: str

    def allowed(self) -> str:
        return self.element.__name__


VariableField = OctetsField | ListField | NestedField
FieldType = FixedField | VariableField

_SPEC = "net4ai.codecs.field"


def _field(spec: FieldType, default: Any) -> Any:
    return dataclasses.field(default=default, metadata={_SPEC: spec})


def _fixed(spec: FixedField, value: int) -> Any:
    """A field with nothing to choose: no argument of the constructor."""
    return dataclasses.field(init=False, repr=False, compare=False, default=value, metadata={_SPEC: spec})


def unsigned(
    bits: int,
    doc: str,
    *,
    minimum: int = 0,
    maximum: int = 0,
    hexadecimal: bool = False,
    default: Any = dataclasses.MISSING,
) -> Any:
    """An unsigned number of `bits` bits, within `minimum` and `maximum`."""
    return _field(FixedField(bits, doc, minimum, maximum, hexadecimal=hexadecimal), default)


def enumeration(bits: int, codes: type[IntEnum], doc: str, *, default: Any = dataclasses.MISSING) -> Any:
    """A code out of `codes`; unknown codes are kept as numbers."""
    return _field(FixedField(bits, doc, codes=codes), default)


def flag(doc: str, *, default: bool = False) -> Any:
    """One bit, given as `bool`."""
    return _field(FixedField(1, doc), default)


def constant(bits: int, value: int, doc: str, *, hexadecimal: bool = False, init: Literal[False] = False) -> Any:
    """A value that cannot be another."""
    return _fixed(FixedField(bits, doc, constant=value, hexadecimal=hexadecimal), value)


def reserved(bits: int, *, init: Literal[False] = False) -> Any:
    """Bits sent as 0 and ignored on receipt."""
    return _fixed(FixedField(bits, "Reserved: sent as 0, ignored on receipt.", reserved=True), 0)


def octets(length_bits: int, doc: str, *, maximum: int, default: Any = dataclasses.MISSING) -> Any:
    """Octets behind a length field; `length_bits` 0: the rest of the message."""
    return _field(OctetsField(length_bits, maximum, doc), default)


def text(doc: str, *, maximum: int = 255, default: Any = dataclasses.MISSING) -> Any:
    """UTF-8 text behind an 8-bit (over 255 octets: 16-bit) length."""
    return _field(OctetsField(8 if maximum <= 255 else 16, maximum, doc, text=True), default)


def listing(element: type[Structure], doc: str, *, maximum: int, default: Any = ()) -> Any:
    """A list of structures behind an 8-bit (over 255: 16-bit) count."""
    return _field(ListField(8 if maximum <= 255 else 16, element, maximum, doc), default)


def nested(element: type[Structure], doc: str) -> Any:
    """Another structure, in place."""
    return _field(NestedField(element, doc), dataclasses.MISSING)


# ---------------------------------------------------------------------------------------------------------------------
# Layout: fixed fields are gathered in words, words in runs packed by one struct


@dataclass(frozen=True, slots=True)
class Word:
    """8, 16, 32 or 64 bits holding one or more fixed fields, the first in the most significant bits."""

    bits: int
    fields: tuple[tuple[str, FixedField, int], ...]
    """Name, field, shift."""


def gather_words(fields: list[tuple[str, FixedField]], where: str) -> list[Word]:
    """Cut fixed fields into words. Raises TypeError where they do not end on a word."""
    words: list[Word] = []
    pending: list[tuple[str, FixedField]] = []
    used = 0
    for name, spec in fields:
        pending.append((name, spec))
        used += spec.bits
        if used in (8, 16, 32, 64):
            shift, placed = used, []
            for pending_name, pending_spec in pending:
                shift -= pending_spec.bits
                placed.append((pending_name, pending_spec, shift))
            words.append(Word(used, tuple(placed)))
            pending, used = [], 0
        elif used > 64:
            break
    if pending:
        raise TypeError(f"{where}: fields {[name for name, _ in pending]} do not fill a word of 8, 16, 32 or 64 bits")
    return words


_STRUCT_CODE = {8: "B", 16: "H", 32: "I", 64: "Q"}


class FixedRun:
    """Consecutive fixed fields, packed and unpacked by one `struct.Struct`.

    `pack`, `unpack`, `encode` and `decode` are compiled from the declaration: signalling lives on them, and a loop over
    the fields takes three times as long.
    """

    pack: Callable[..., bytes]
    """The octets of the fields' values, in order; nothing is checked."""
    unpack: Callable[[Buffer, int], tuple[int, ...]]
    """The fields' values, in order, at an offset that is known to be within the data."""
    encode: Encode
    decode: Decode

    def __init__(self, fields: list[tuple[str, FixedField]], where: str) -> None:
        self.fields = fields
        self.words = gather_words(fields, where)
        self.struct = struct.Struct(">" + "".join(_STRUCT_CODE[word.bits] for word in self.words))
        self.size = self.struct.size
        names = {
            "pack_words": self.struct.pack,
            "unpack_from": self.struct.unpack_from,
            "truncated": self._truncated,
            "cannot_encode": self._cannot_encode,
            "cannot_decode": self._cannot_decode,
            **{f"codes{index}": spec.codes._value2member_map_ for index, (_, spec) in enumerate(fields) if spec.codes},
        }
        source = "\n".join(
            (*self._pack_source(), *self._unpack_source(), *self._encode_source(), *self._decode_source())
        )
        exec(source, names)
        for name in ("pack", "unpack", "encode", "decode"):
            setattr(self, name, names[name])

    def _packed(self) -> str:
        """The words out of the fields f0, f1, ...: one expression of shifts, as a person would write it."""
        index = {name: f"f{number}" for number, (name, _) in enumerate(self.fields)}
        return ", ".join(
            " | ".join(f"{index[name]} << {shift}" if shift else index[name] for name, _, shift in word.fields)
            for word in self.words
        )

    def _unpacked(self) -> list[str]:
        """Each field out of the words w0, w1, ..."""
        return [
            f"w{number}" if len(word.fields) == 1 else f"w{number} >> {shift} & {(1 << spec.bits) - 1}"
            for number, word in enumerate(self.words)
            for _, spec, shift in word.fields
        ]

    def _words(self) -> str:
        return " ".join(f"w{number}," for number in range(len(self.words)))

    def _pack_source(self) -> Iterator[str]:
        yield f"def pack({', '.join(f'f{number}' for number in range(len(self.fields)))}):"
        yield f"    return pack_words({self._packed()})"

    def _unpack_source(self) -> Iterator[str]:
        yield "def unpack(data, offset):"
        yield f"    {self._words()} = unpack_from(data, offset)"
        yield f"    return ({', '.join(self._unpacked())},)"

    def _encode_source(self) -> Iterator[str]:
        yield "def encode(message):"
        for number, (name, spec) in enumerate(self.fields):
            if spec.reserved:
                yield f"    f{number} = 0"
                continue
            lowest, highest = (spec.minimum, spec.largest) if spec.constant is None else (spec.constant,) * 2
            yield f"    f{number} = message.{name}"
            yield f"    if not (isinstance(f{number}, int) and {lowest} <= f{number} <= {highest}):"
            yield f"        cannot_encode(message, {number}, f{number})"
        yield f"    return pack_words({self._packed()})"

    def _decode_source(self) -> Iterator[str]:
        yield "def decode(what, data, offset, values):"
        yield f"    if len(data) - offset < {self.size}:"
        yield "        truncated(what, data, offset)"
        yield f"    {self._words()} = unpack_from(data, offset)"
        for number, ((name, spec), value) in enumerate(zip(self.fields, self._unpacked(), strict=True)):
            if spec.reserved:
                continue
            yield f"    f{number} = {value}"
            if spec.checked:
                lowest, highest = (spec.minimum, spec.largest) if spec.constant is None else (spec.constant,) * 2
                yield f"    if not {lowest} <= f{number} <= {highest}:"
                yield f"        cannot_decode(what, {number}, f{number})"
            if spec.codes is not None:
                yield f"    values[{name!r}] = codes{number}.get(f{number}, f{number})"
            elif spec.constant is None:
                yield f"    values[{name!r}] = {f'f{number} == 1' if spec.is_flag else f'f{number}'}"
        yield f"    return offset + {self.size}"

    def _truncated(self, what: str, data: Buffer, offset: int) -> None:
        raise DecodeError(what, "truncated", f"{len(data) - offset} octets left, {self.size} needed")

    def _cannot_encode(self, message: Structure, number: int, value: object) -> None:
        name, spec = self.fields[number]
        raise EncodeError(type(message).__name__, name, value, spec.allowed())

    def _cannot_decode(self, what: str, number: int, value: int) -> None:
        name, spec = self.fields[number]
        raise DecodeError(what, "value out of range", f"{name} {value}, allowed {spec.allowed()}")


_OCTETS = (bytes, bytearray, memoryview)


def _encode_octets(name: str, spec: OctetsField, structure: Structure) -> bytes:
    given = value = getattr(structure, name)
    if spec.text:
        try:
            value = given.encode()
        except (AttributeError, UnicodeEncodeError):
            raise EncodeError(type(structure).__name__, name, given, spec.allowed()) from None
    if not isinstance(value, _OCTETS) or len(encoded := bytes(value)) > spec.maximum:
        raise EncodeError(type(structure).__name__, name, given, spec.allowed())
    return len(encoded).to_bytes(spec.length_bits // 8, "big") + encoded if spec.length_bits else encoded


def _decode_octets(name: str, spec: OctetsField, what: str, data: Buffer, offset: int, values: dict[str, Any]) -> int:
    if spec.length_bits:
        start = offset + spec.length_bits // 8
        if start > len(data):
            raise DecodeError(what, "truncated", f"length of {name}")
        end = start + int.from_bytes(data[offset:start], "big")
    else:
        start, end = offset, len(data)
    if end - start > spec.maximum:
        raise DecodeError(what, "length out of range", f"{name} {end - start}, allowed {spec.allowed()}")
    if end > len(data):
        raise DecodeError(what, "truncated", f"{name} of {end - start} octets, {len(data) - start} left")
    value = bytes(data[start:end])
    try:
        values[name] = value.decode() if spec.text else value
    except UnicodeDecodeError:
        raise DecodeError(what, "not UTF-8", name) from None
    return end


def _encode_list(name: str, spec: ListField, structure: Structure) -> bytes:
    value = getattr(structure, name)
    if not isinstance(value, tuple | list) or len(value) > spec.maximum:
        raise EncodeError(type(structure).__name__, name, value, spec.allowed())
    parts = [len(value).to_bytes(spec.count_bits // 8, "big")]
    for element in value:
        if not isinstance(element, spec.element):
            raise EncodeError(type(structure).__name__, name, element, spec.allowed())
        parts.append(element.to_bytes())
    return b"".join(parts)


def _decode_list(name: str, spec: ListField, what: str, data: Buffer, offset: int, values: dict[str, Any]) -> int:
    start = offset + spec.count_bits // 8
    if start > len(data):
        raise DecodeError(what, "truncated", f"count of {name}")
    count = int.from_bytes(data[offset:start], "big")
    if count > spec.maximum:
        raise DecodeError(what, "length out of range", f"{name} {count}, allowed {spec.allowed()}")
    elements = []
    for _ in range(count):
        element, start = spec.element.read(data, start)
        elements.append(element)
    values[name] = tuple(elements)
    return start


def _encode_nested(name: str, spec: NestedField, structure: Structure) -> bytes:
    value = getattr(structure, name)
    if not isinstance(value, spec.element):
        raise EncodeError(type(structure).__name__, name, value, spec.allowed())
    return value.to_bytes()


def _decode_nested(name: str, spec: NestedField, what: str, data: Buffer, offset: int, values: dict[str, Any]) -> int:
    values[name], end = spec.element.read(data, offset)
    return end


Encode = Callable[["Structure"], bytes]
"""The octets of a part of a structure. Raises `EncodeError`."""
Decode = Callable[[str, Buffer, int, dict[str, Any]], int]
"""Puts a part of a structure of this name into a dictionary; gives the offset behind. Raises `DecodeError`."""

_VARIABLE: dict[type[VariableField], tuple[Callable[..., bytes], Callable[..., int]]] = {
    OctetsField: (_encode_octets, _decode_octets),
    ListField: (_encode_list, _decode_list),
    NestedField: (_encode_nested, _decode_nested),
}
"""What encodes and decodes a field, given its name and declaration first."""


# ---------------------------------------------------------------------------------------------------------------------
# Structures and messages

Part = FixedRun | tuple[str, VariableField]


@dataclass_transform(
    frozen_default=True,
    kw_only_default=True,
    field_specifiers=(unsigned, enumeration, flag, constant, reserved, octets, text, listing, nested),
)
class Structure:
    """A declared sequence of fields. Subclasses become frozen dataclasses."""

    DECLARATION: ClassVar[dict[str, FieldType]] = {}
    """Field name to field type, in order on the wire, reserved bits and constants included."""
    PARTS: ClassVar[tuple[Part, ...]] = ()
    REFERENCE: ClassVar[str] = ""
    """Where it comes from: clause of a 3GPP specification, R-numbers."""
    _ENCODERS: ClassVar[tuple[Encode, ...]] = ()
    _DECODERS: ClassVar[tuple[Decode, ...]] = ()

    def __init_subclass__(cls, *, reference: str = "", **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        dataclass(frozen=True, kw_only=True)(cls)
        cls.DECLARATION = {field.name: field.metadata[_SPEC] for field in dataclasses.fields(cls)}  # type: ignore[arg-type]
        cls.PARTS = tuple(_parts(cls.__name__, cls.DECLARATION))
        both = [_encoder_and_decoder(part) for part in cls.PARTS]
        cls._ENCODERS, cls._DECODERS = tuple(encode for encode, _ in both), tuple(decode for _, decode in both)
        cls.REFERENCE = reference

    def to_bytes(self) -> bytes:
        """The octets of this value. Raises `EncodeError` where a field does not fit."""
        return b"".join([encode(self) for encode in self._ENCODERS])

    @classmethod
    def read(cls, data: Buffer, offset: int = 0) -> tuple[Self, int]:
        """Decode from `offset`; gives the value and the offset behind it. Raises `DecodeError`."""
        values: dict[str, Any] = {}
        what = cls.__name__
        for decode in cls._DECODERS:
            offset = decode(what, data, offset, values)
        # As `cls(**values)`, but for what a frozen dataclass takes to set each field by itself.
        value = cls.__new__(cls)
        value.__dict__.update(values)
        return value, offset

    @classmethod
    def from_bytes(cls, data: Buffer) -> Self:
        """Decode all of `data`. Raises `DecodeError`, also where octets are left over."""
        value, end = cls.read(data)
        if end != len(data):
            raise DecodeError(cls.__name__, "octets left over", f"{len(data) - end}")
        return value

    @classmethod
    def fixed_run(cls) -> FixedRun:
        """The single run of a structure that has fixed fields only. Raises TypeError for others."""
        if len(cls.PARTS) != 1 or not isinstance(cls.PARTS[0], FixedRun):
            raise TypeError(f"{cls.__name__} has fields of variable length")
        return cls.PARTS[0]


def _encoder_and_decoder(part: Part) -> tuple[Encode, Decode]:
    if isinstance(part, FixedRun):
        return part.encode, part.decode
    name, spec = part
    encode, decode = _VARIABLE[type(spec)]
    return partial(encode, name, spec), partial(decode, name, spec)


def _parts(where: str, declaration: dict[str, FieldType]) -> Iterator[Part]:
    run: list[tuple[str, FixedField]] = []
    for name, spec in declaration.items():
        if isinstance(spec, FixedField):
            run.append((name, spec))
            continue
        if run:
            yield FixedRun(run, where)
            run = []
        yield name, spec
    if run:
        yield FixedRun(run, where)


class Message(Structure):
    """A structure behind an 8-bit message type, member of a family."""

    CODE: ClassVar[int] = 0
    NAME: ClassVar[str] = ""
    BEARER: ClassVar[str] = ""
    """Where it is legal: SRB0, SRB1, NAS, N2, T4, T8."""
    DIRECTION: ClassVar[str] = ""
    """up, down or both."""
    BEFORE_SECURITY: ClassVar[bool] = False
    """Taken without integrity protection, where its protocol has security at all (TS 24.501 4.4.4, TS 38.331 B.1)."""
    FAMILY: ClassVar[Family]

    def __init_subclass__(
        cls,
        *,
        code: int = 0,
        name: str = "",
        bearer: str = "",
        direction: str = "",
        before_security: bool = False,
        reference: str = "",
        **kwargs: Any,
    ) -> None:
        super().__init_subclass__(reference=reference, **kwargs)
        if code:
            cls.CODE, cls.NAME, cls.BEARER, cls.DIRECTION = code, name, bearer, direction
            cls.BEFORE_SECURITY = before_security
            cls.FAMILY.add(cls)

    def encode(self) -> bytes:
        """Message type and fields. Raises `EncodeError`."""
        return bytes((self.CODE,)) + self.to_bytes()


@dataclass(frozen=True, slots=True)
class UnknownMessage:
    """A message whose type the family does not know. It survives a round trip."""

    code: int
    body: bytes
    NAME: ClassVar[str] = "unknown message"

    def encode(self) -> bytes:
        """Message type and body. Raises `EncodeError`."""
        if not 0 <= self.code <= 255:
            raise EncodeError("UnknownMessage", "code", self.code, "0 to 255")
        return bytes((self.code,)) + self.body


class Family:
    """The messages of one protocol, by message type."""

    def __init__(self, name: str, doc: str) -> None:
        self.name = name
        self.doc = doc
        self.messages: dict[int, type[Message]] = {}

    def add(self, message: type[Message]) -> None:
        if message.CODE in self.messages:
            raise TypeError(f"{self.name}: code {message.CODE} of {message.__name__} is taken")
        self.messages[message.CODE] = message

    def decode(self, data: Buffer) -> Message | UnknownMessage:
        """The message in `data`. Raises `DecodeError`; an unknown type is no error here."""
        if not len(data):
            raise DecodeError(self.name, "truncated", "no message type")
        message = self.messages.get(data[0])
        if message is None:
            return UnknownMessage(data[0], bytes(data[1:]))
        return message.from_bytes(data[1:])
