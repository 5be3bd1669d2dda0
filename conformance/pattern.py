"""What a message must look like: its type, and values of its fields."""

from __future__ import annotations

import dataclasses
import enum
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from net4ai.codecs.declaration import Message, Structure, UnknownMessage
from net4ai.codecs.dep import BODIES, DepHeader, DepType
from net4ai.codecs.errors import DecodeError

MAXIMUM_VALUE = 60
"""Characters of a field's value in a description."""


@dataclass(frozen=True, slots=True)
class Malformed:
    """Octets that arrived and are no message."""

    octets: bytes
    error: DecodeError


@dataclass(frozen=True, slots=True)
class Pattern:
    """A type (or several, or a DEP type) and fields. A field's value may be a function that says whether it fits."""

    kind: object
    fields: Mapping[str, object]

    def __post_init__(self) -> None:
        """Raises TypeError for a field that no message of the type has: a slip of the case, not the target's fault."""
        for kind in self.kind if isinstance(self.kind, tuple) else (self.kind,):
            known = _field_names(kind)
            if known is not None and (unknown := sorted(set(self.fields) - known)):
                raise TypeError(
                    f"{_kind_name(kind)} has no field {', '.join(unknown)}; it has {', '.join(sorted(known))}"
                )

    def is_kind(self, message: object) -> bool:
        """Whether `message` is of the type."""
        if isinstance(self.kind, DepType):
            return getattr(getattr(message, "header", None), "type", None) == self.kind
        return isinstance(message, self.kind)  # type: ignore[arg-type]

    def matches(self, message: object) -> bool:
        """Whether `message` is of the type and all fields fit."""
        return self.is_kind(message) and not self.difference(message)

    def difference(self, message: object) -> str:
        """The fields of `message` that do not fit, with what they are."""
        return ", ".join(
            f"{name} {value_text(field_of(message, name))}"
            for name, wanted in self.fields.items()
            if not _fits(field_of(message, name), wanted)
        )

    def __str__(self) -> str:
        kinds = self.kind if isinstance(self.kind, tuple) else (self.kind,)
        fields = ", ".join(f"{name}={_wanted_text(value)}" for name, value in self.fields.items())
        return " or ".join(_kind_name(kind) for kind in kinds) + (f" ({fields})" if fields else "")


def field_of(message: object, name: str) -> Any:
    """A field of a message; of a PDU also of its header and its body."""
    for part in (message, getattr(message, "header", None), getattr(message, "body", None)):
        if part is message or isinstance(part, Structure):
            found = getattr(part, name, _ABSENT)
            if found is not _ABSENT:
                return found
    return None


_ABSENT = object()


def _fits(value: object, wanted: object) -> bool:
    return bool(wanted(value)) if callable(wanted) else value == wanted


def _field_names(kind: object) -> set[str] | None:
    """Names of the fields messages of a type can have; None: not known."""
    if isinstance(kind, DepType):
        body = BODIES.get(kind)
        names = set(DepHeader.DECLARATION) | {"payload", "bearer", "bulk", "extensions"}
        return names | set(body.DECLARATION) if body is not None else names
    if isinstance(kind, type) and issubclass(kind, Structure) and kind.DECLARATION:
        return set(kind.DECLARATION)
    if isinstance(kind, type) and dataclasses.is_dataclass(kind) and not issubclass(kind, Structure):
        names = {field.name for field in dataclasses.fields(kind)}
        extra: Callable[[], set[str]] | None = getattr(kind, "matched_fields", None)
        return names | extra() if extra is not None else names
    return None


def _kind_name(kind: object) -> str:
    if isinstance(kind, DepType):
        return f"DEP {kind.name}"
    if isinstance(kind, type):
        return getattr(kind, "NAME", "") or kind.__name__
    return str(kind)


def describe(message: object) -> str:
    """A message in one line: its name and its fields."""
    if isinstance(message, Malformed):
        return f"malformed: {message.error} [{value_text(message.octets)}]"
    if isinstance(message, UnknownMessage):
        return f"unknown message, type {message.code:#04x} [{value_text(message.body)}]"
    if isinstance(message, Message):
        fields = fields_text(message)
        return f"{message.NAME}: {fields}" if fields else message.NAME
    return str(message)


def fields_text(structure: Structure) -> str:
    """Names and values of the fields worth showing: not reserved bits, constants, and what is empty."""
    shown = {
        name: getattr(structure, name)
        for name, spec in structure.DECLARATION.items()
        if not getattr(spec, "reserved", False) and getattr(spec, "constant", None) is None
    }
    return ", ".join(f"{name} {value_text(value)}" for name, value in shown.items() if value not in (b"", (), ""))


def value_text(value: object) -> str:
    """A value in a few words."""
    if isinstance(value, enum.Enum):
        return value.name
    if isinstance(value, Structure):
        return f"{{{fields_text(value)}}}"
    if isinstance(value, tuple | list) and all(isinstance(each, Structure) for each in value):
        return f"[{', '.join(value_text(each) for each in value)}]"
    if isinstance(value, bytes | bytearray | memoryview):
        octets = bytes(value[: MAXIMUM_VALUE // 2])
        return f"{octets.hex()}{'…' if len(value) > len(octets) else ''} ({len(value)} octets)"
    text = str(value)
    return text if len(text) <= MAXIMUM_VALUE else text[: MAXIMUM_VALUE - 1] + "…"


def _wanted_text(wanted: object) -> str:
    return "as the case demands" if callable(wanted) else value_text(wanted)
