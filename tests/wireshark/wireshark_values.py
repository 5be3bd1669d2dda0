"""Random valid values of every declared structure, and the Wireshark fields they must give."""

from __future__ import annotations

import random
import string
from typing import Any, TypeVar

from net4ai.codecs import lua_fields, nas
from net4ai.codecs.common import CipheringAlgorithm
from net4ai.codecs.declaration import (
    FixedField,
    ListField,
    Message,
    NestedField,
    OctetsField,
    Structure,
)

Value = TypeVar("Value", bound=Structure)
ALPHABET = string.ascii_letters + string.digits + " -_.,äß€漢字🙂"
ENCIPHERED = (
    nas.SecurityHeaderType.INTEGRITY_AND_CIPHERING,
    nas.SecurityHeaderType.INTEGRITY_AND_CIPHERING_NEW_CONTEXT,
)
MAXIMUM_ELEMENTS = 3
MAXIMUM_OCTETS = 60

Fields = dict[str, list[int | bytes | str]]
"""Filter name to values, in order."""


def random_value(structure: type[Value], generator: random.Random) -> Value:
    """A value that encodes: extremes of ranges, codes known and unknown, empty and full lists included."""
    values = {
        name: _random_field(structure, name, spec, generator)
        for name, spec in structure.DECLARATION.items()
        if not (isinstance(spec, FixedField) and (spec.reserved or spec.constant is not None))
    }
    return structure(**values)


def _random_field(structure: type[Structure], name: str, spec: Any, generator: random.Random) -> Any:
    match spec:
        case FixedField(is_flag=True):
            return generator.random() < 0.5
        case FixedField(codes=codes) if codes is CipheringAlgorithm:
            # The null algorithm would put the messages that follow in clear.
            return CipheringAlgorithm.NEA2
        case FixedField(codes=codes) if codes is not None and generator.random() < 0.8:
            return generator.choice(list(codes))
        case FixedField(minimum=minimum):
            return generator.choice([minimum, spec.largest, generator.randint(minimum, spec.largest)])
        case ListField(element=element, maximum=maximum):
            count = generator.randint(0, min(maximum, MAXIMUM_ELEMENTS))
            return tuple(random_value(element, generator) for _ in range(count))
        case NestedField(element=element):
            return random_value(element, generator)
        case OctetsField():
            return _random_octets(structure, name, spec, generator)


def _random_octets(structure: type[Structure], name: str, spec: OctetsField, generator: random.Random) -> bytes | str:
    length = generator.randint(0, min(spec.maximum, MAXIMUM_OCTETS))
    if spec.text:
        text = "".join(generator.choice(ALPHABET) for _ in range(length))
        while len(text.encode()) > spec.maximum:
            text = text[:-1]
        return text
    content = lua_fields.CONTENT_OF_OCTETS.get(name)
    if content == "nas" or structure is nas.Protected:
        messages = [item for item in nas.Nas.FAMILY.messages.values() if structure is not item]
        return random_value(generator.choice(messages), generator).encode()
    if content == "json" and generator.random() < 0.5:
        return b'{"learning_rate": 0.05, "layers": [1, 2]}'
    element = lua_fields.ELEMENTS_OF_OCTETS.get((structure, name))
    if element is not None:
        return b"".join(random_value(element, generator).to_bytes() for _ in range(generator.randint(0, 4)))
    return generator.randbytes(length)


def expected_fields(value: Structure, prefix: str) -> Fields:
    """What Wireshark must show of `value`, below the filter name `prefix`."""
    found: Fields = {}
    for name, spec in value.DECLARATION.items():
        _expect(found, value, name, spec, prefix)
    return found


def expected_message_fields(value: Message, family: str) -> Fields:
    """What Wireshark must show of a message of a family, the NAS message inside included."""
    name = lua_fields.snake_case(type(value).__name__)
    found: Fields = {f"net4ai.{family}.type": [value.CODE]}
    merge(found, expected_fields(value, f"net4ai.{family}.{name}"))
    octets = getattr(value, "nas", None)
    if isinstance(value, nas.Protected) and value.security_header not in ENCIPHERED:
        octets = value.message
    if octets is not None:
        inner = nas.Nas.FAMILY.decode(octets)
        assert isinstance(inner, Message)
        merge(found, expected_message_fields(inner, "nas"))
    return found


def merge(found: Fields, more: Fields) -> None:
    for name, values in more.items():
        found.setdefault(name, []).extend(values)


def _expect(found: Fields, value: Structure, name: str, spec: Any, prefix: str) -> None:
    field = getattr(value, name)
    filter_name = f"{prefix}.{name}"
    match spec:
        case FixedField(constant=constant):
            merge(found, {filter_name: [int(field if constant is None else constant)]})
        case NestedField():
            merge(found, expected_fields(field, filter_name))
        case ListField():
            for element in field:
                merge(found, expected_fields(element, filter_name))
        case OctetsField():
            merge(found, {filter_name: [field]})
            element_type = lua_fields.ELEMENTS_OF_OCTETS.get((type(value), name))
            at = 0
            while element_type is not None and at < len(field):
                element, at = element_type.read(field, at)
                merge(found, expected_fields(element, filter_name))


def declared_filters() -> dict[str, str]:
    """Every declared field: filter name to its kind (number, octets or text)."""
    found: dict[str, str] = {}

    def collect(structure: type[Structure], prefix: str) -> None:
        for name, spec in structure.DECLARATION.items():
            filter_name = f"{prefix}.{name}"
            if isinstance(spec, FixedField):
                found[filter_name] = "number"
            elif isinstance(spec, OctetsField):
                found[filter_name] = "text" if spec.text else "octets"
                element = lua_fields.ELEMENTS_OF_OCTETS.get((structure, name))
                if element is not None:
                    collect(element, filter_name)
            else:
                collect(spec.element, filter_name)

    for structure, prefix in lua_fields.STRUCTURES.values():
        collect(structure, prefix)
    for body in lua_fields.dep.BODIES.values():
        collect(body, "dep." + lua_fields.snake_case(body.__name__.removesuffix("Body")))
    for name, family in lua_fields.FAMILIES.items():
        found[f"net4ai.{name}.type"] = "number"
        for item in family.messages.values():
            collect(item, f"net4ai.{name}.{lua_fields.snake_case(item.__name__)}")
    return found


def parse(text: str, kind: str) -> int | bytes | str:
    """A value as tshark prints it."""
    if kind == "number":
        return {"True": 1, "False": 0}[text] if text in ("True", "False") else int(text, 0)
    if kind == "text":
        return text
    return b"" if text == "<MISSING>" else bytes.fromhex(text.replace(":", ""))
