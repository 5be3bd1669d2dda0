"""Messages in one line of text, for people: their names and what they say.

describe(rrc.Setup(...))    RRC Setup (transaction 0, ue identity 0x2a, C-RNTI 1, bulk port 46401)
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from net4ai.codecs.causes import cause_of
from net4ai.codecs.declaration import (
    FixedField,
    ListField,
    Message,
    NestedField,
    OctetsField,
    Structure,
    UnknownMessage,
)
from net4ai.codecs.dep import DataBody, DepHeader, DepType, ErrorBody
from net4ai.codecs.message import Content, ElementType, MessagePrefix

MAXIMUM_ELEMENTS = 3
"""Elements of a list that are told one by one."""
MAXIMUM_TEXT = 40
"""Characters of a text that are told."""

_LABELS = {"c_rnti": "C-RNTI", "ran_ue": "RAN UE", "qfi": "QFI", "five_qi": "5QI", "mac": "MAC-I"}
_KEYS = ("session", "seat", "handle", "bearer", "job", "cell", "measurement", "temporary_identity", "first", "length")
"""Fields by which an element of a list is told."""
_OF_MESSAGES = (DepType.DATA, DepType.GRANT, DepType.ACK, DepType.NACK, DepType.BUSY)
_WITH_OFFSET = (DepType.ACK,)
_QUIET = ("delay", "segment_size", "map_bits", "congestion", "priority")
"""What of a DEP body is left out: it says little to people."""


def describe(message: Structure | UnknownMessage) -> str:
    """A message or structure: its name, and what it says in brackets. Messages of other protocols within are left out:
    they are worth a line of their own."""
    if isinstance(message, UnknownMessage):
        return f"unknown message {message.code} ({len(message.body)} octets)"
    name = message.NAME if isinstance(message, Message) else type(message).__name__
    said = ", ".join(_said(message))
    return f"{name} ({said})" if said else name


def describe_dep(header: DepHeader, body: Structure | None, size: int = 0) -> str:
    """A DEP PDU, as ``GRANT message 12, limit 65536, handle 0x1234abcd``. `size`: octets behind the numbers of DATA."""
    type_ = header.type
    name = type_.name if isinstance(type_, DepType) else f"type {type_}"
    message = f"{'answer' if header.response else 'message'} {header.message_id}"
    parts = [f"{name} {message}" if type_ in _OF_MESSAGES else name]
    if isinstance(body, DataBody):
        parts = [f"{name} {header.offset}..{header.offset + size} of {body.message_length}", message]
    elif body is not None:
        if type_ in _WITH_OFFSET:
            parts.append(f"up to {header.offset}")
        parts += _said(body, _QUIET)
    if not isinstance(body, ErrorBody):
        parts.append(f"handle {header.handle:#010x}")
    return ", ".join(parts)


def describe_prefix(prefix: MessagePrefix) -> str:
    """What functions say to each other, as ``TENSOR FLOAT32 64x7, tag 2, index 9``."""
    content = Content(prefix.content).name if prefix.content in Content.__members__.values() else str(prefix.content)
    if prefix.content == Content.TENSOR:
        sizes = "x".join(str(getattr(prefix, f"dimension_{axis}")) for axis in range(prefix.rank))
        element = prefix.element_type
        content += f" {element.name if isinstance(element, ElementType) else element} {sizes}"
    if prefix.taken:
        return f"chunks below {prefix.number} taken"
    part = f", {'broken off at ' if prefix.broken else ''}chunk {prefix.number}" if prefix.chunk else ""
    return f"{content}, tag {prefix.tag}, index {prefix.index}{part}"


def values(message: Structure | UnknownMessage) -> dict[str, Any]:
    """The fields as JSON holds them: codes by name, octets in base 16."""
    if isinstance(message, UnknownMessage):
        return {"code": message.code, "body": message.body.hex()}
    return {name: _plain(spec, getattr(message, name)) for name, spec in _told(message)}


def _told(message: Structure) -> Iterator[tuple[str, Any]]:
    for name, spec in message.DECLARATION.items():
        if not (isinstance(spec, FixedField) and (spec.reserved or spec.constant is not None)):
            yield name, spec


def _plain(spec: Any, value: Any) -> Any:
    match spec:
        case FixedField(codes=codes) if codes is not None:
            return getattr(value, "name", int(value))
        case FixedField():
            return value
        case OctetsField(text=False):
            return bytes(value).hex()
        case ListField():
            return [values(element) for element in value]
        case NestedField():
            return values(value)
    return value


def _said(message: Structure, quiet: tuple[str, ...] = ()) -> Iterator[str]:
    for name, spec in _told(message):
        if name in quiet:
            continue
        label, value = _LABELS.get(name, name.replace("_", " ")), getattr(message, name)
        match spec:
            case FixedField(is_flag=True):
                if value:
                    yield label
            case FixedField():
                yield f"{label} {_number(name, spec, value)}"
            case OctetsField(text=True):
                if value:
                    yield f"{label} {value[:MAXIMUM_TEXT]!r}"
            case OctetsField():
                if value and name != "nas":
                    yield f"{label} of {len(value)} octets"
            case ListField():
                if value:
                    yield _list(label, value)


def _number(name: str, spec: FixedField, value: int) -> str:
    if name == "cause":
        return cause_of(value).name if spec.bits == 16 else str(getattr(value, "name", value))
    if spec.codes is not None:
        return str(getattr(value, "name", int(value)))
    return f"{value:#x}" if spec.hexadecimal else str(value)


def _list(label: str, elements: tuple[Structure, ...]) -> str:
    told = [
        " ".join(
            f"{_LABELS.get(name, name.replace('_', ' '))} {_number(name, spec, getattr(element, name))}"
            for name, spec in _told(element)
            if name in _KEYS and isinstance(spec, FixedField)
        )
        for element in elements[:MAXIMUM_ELEMENTS]
    ]
    if len(elements) > MAXIMUM_ELEMENTS:
        told.append(f"{len(elements) - MAXIMUM_ELEMENTS} more")
    return f"{label}: {'; '.join(told)}" if any(told) else f"{len(elements)} {label}"
