"""The hand-written octets of docs/spec/examples.md against the codec, and what follows from each of them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from net4ai.codecs import generate
from net4ai.codecs.declaration import (
    Family,
    FixedField,
    ListField,
    Message,
    NestedField,
    OctetsField,
    Structure,
)
from net4ai.codecs.errors import DecodeError


def decode(structure: type[Structure], octets: bytes | bytearray | memoryview) -> Any:
    if issubclass(structure, Message):
        return structure.FAMILY.decode(octets)
    return structure.from_bytes(octets)


def encode(value: Any) -> bytes:
    octets = value.encode() if isinstance(value, Message) else value.to_bytes()
    assert isinstance(octets, bytes)
    return octets


def declared() -> Iterator[type[Structure]]:
    for _, module in generate.MODULES:
        yield from generate.structures(module)
        for family in generate.families(module):
            yield from family.messages.values()


def test_the_octets_mean_what_is_written_beside_them(example: Any) -> None:
    value = decode(example.structure, example.octets)
    assert value == example.value
    assert type(value) is example.structure
    assert encode(example.value) == example.octets


def test_any_buffer_will_do(example: Any) -> None:
    assert decode(example.structure, bytearray(example.octets)) == example.value
    assert decode(example.structure, memoryview(example.octets)) == example.value


def test_nothing_is_without_example(request: pytest.FixtureRequest) -> None:
    document = generate.source_tree() / "docs" / "spec" / "examples.md"
    titles = {line[4:] for line in document.read_text(encoding="utf-8").splitlines() if line.startswith("### ")}
    assert {f"{item.__module__.rpartition('.')[2]}.{item.__name__}" for item in declared()} == titles


def takes_the_rest(structure: type[Structure]) -> bool:
    fields = list(structure.DECLARATION.values())
    return bool(fields) and isinstance(fields[-1], OctetsField) and not fields[-1].length_bits


def test_every_truncation_is_a_decode_error(example: Any) -> None:
    for end in range(len(example.octets)):
        if takes_the_rest(example.structure):
            # A field that takes the rest cannot know that it was longer.
            try:
                shorter = decode(example.structure, example.octets[:end])
            except DecodeError:
                continue
            assert encode(shorter) == example.octets[:end]
            continue
        with pytest.raises(DecodeError) as caught:
            decode(example.structure, example.octets[:end])
        assert caught.value.reason == "truncated"


def test_octets_left_over_are_a_decode_error(example: Any) -> None:
    if not takes_the_rest(example.structure):
        with pytest.raises(DecodeError) as caught:
            decode(example.structure, example.octets + b"\0")
        assert caught.value.reason == "octets left over"


# ---------------------------------------------------------------------------------------------------------------------
# A second encoder, as plain as can be: a string of binary digits, field after field


def digits(value: Structure, reserved: str) -> str:
    return "".join(_digits(spec, getattr(value, name), reserved) for name, spec in value.DECLARATION.items())


def _digits(spec: Any, value: Any, reserved: str) -> str:
    match spec:
        case FixedField(reserved=True, bits=bits):
            return reserved * bits
        case FixedField(bits=bits):
            return f"{int(value):0{bits}b}"
        case NestedField():
            return digits(value, reserved)
        case ListField(count_bits=bits):
            return f"{len(value):0{bits}b}" + "".join(digits(element, reserved) for element in value)
    octets = value.encode() if spec.text else value
    length = f"{len(octets):0{spec.length_bits}b}" if spec.length_bits else ""
    return length + "".join(f"{octet:08b}" for octet in octets)


def to_octets(value: Structure, reserved: str) -> bytes:
    start = f"{value.CODE:08b}" if isinstance(value, Message) else ""
    text = start + digits(value, reserved)
    return bytes(int(text[at : at + 8], 2) for at in range(0, len(text), 8))


def test_reserved_bits_are_sent_as_0_and_ignored_on_receipt(example: Any) -> None:
    assert to_octets(example.value, "0") == example.octets
    assert decode(example.structure, to_octets(example.value, "1")) == example.value


def test_some_structures_have_reserved_bits() -> None:
    with_reserved = [
        item.__name__
        for item in declared()
        if any(isinstance(spec, FixedField) and spec.reserved for spec in item.DECLARATION.values())
    ]
    assert {"PathBody", "DepHeader", "MessagePrefix", "Consent", "Invite"} <= set(with_reserved)


def test_codes_of_messages_are_unique_and_fit() -> None:
    families: list[Family] = [family for _, module in generate.MODULES for family in generate.families(module)]
    assert [family.name for family in families] == ["RRC", "NAS", "N2", "link"]
    for family in families:
        assert all(1 <= code <= 255 and code == message.CODE for code, message in family.messages.items())
        assert len({message.NAME for message in family.messages.values()}) == len(family.messages)
        assert all(message.BEARER and message.DIRECTION for message in family.messages.values())


def test_code_tables_have_no_aliases_and_fit_their_fields() -> None:
    for item in declared():
        for name, spec in item.DECLARATION.items():
            if isinstance(spec, FixedField) and spec.codes is not None:
                assert len(spec.codes.__members__) == len(set(spec.codes)), spec.codes
                assert all(0 <= code < 1 << spec.bits for code in spec.codes), (item, name)
