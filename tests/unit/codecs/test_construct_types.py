"""A second codec, by another library, out of the same declarations: both have to agree in both directions."""

from __future__ import annotations

import struct
from dataclasses import asdict, fields
from typing import Any

import construct
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from net4ai.codecs import link, n2, nas, rrc
from net4ai.codecs.construct_types import construct_type
from net4ai.codecs.declaration import Family, Message, Structure, UnknownMessage
from net4ai.codecs.errors import DecodeError
from net4ai.codecs.l2 import L2Header
from net4ai.codecs.strategies import messages

FAMILIES = [rrc.Rrc.FAMILY, nas.Nas.FAMILY, n2.N2.FAMILY, link.Link.FAMILY]
COMPILED = pytest.mark.parametrize("compiled", [False, True], ids=["interpreted", "compiled"])
EVERY_FAMILY = pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)


def plain(value: Any) -> Any:
    """A value as dicts, lists, numbers: what construct builds from."""
    if isinstance(value, UnknownMessage):
        return {"message_type": value.code, "body": value.body}
    if isinstance(value, Message):
        return {"message_type": value.CODE, "body": asdict(value)}
    return asdict(value)


def value_of(structure: type[Structure], container: Any) -> Structure:
    """The value construct has read."""
    return structure(
        **{
            field.name: _inner(structure.DECLARATION[field.name], container[field.name])
            for field in fields(structure)
            if field.init
        }
    )


def _inner(spec: Any, read: Any) -> Any:
    if isinstance(read, construct.ListContainer):
        return tuple(value_of(spec.element, element) for element in read)
    return value_of(spec.element, read) if isinstance(read, construct.Container) else read


def decoded(family: Family, container: Any) -> Message | UnknownMessage:
    message = family.messages.get(container.message_type)
    if message is None:
        return UnknownMessage(container.message_type, container.body)
    value = value_of(message, container.body)
    assert isinstance(value, Message)
    return value


@COMPILED
def test_construct_agrees_with_the_examples(example: Any, compiled: bool) -> None:
    other = construct_type(example.structure, compiled=compiled)
    assert value_of(example.structure, other.parse(example.octets)) == example.value
    assert other.build(asdict(example.value)) == example.octets


@COMPILED
@EVERY_FAMILY
def test_construct_builds_and_reads_the_same_octets(family: Family, compiled: bool) -> None:
    other = construct_type(family, compiled=compiled)

    @settings(max_examples=60)
    @given(messages(family))
    def agree(value: Message | UnknownMessage) -> None:
        octets = value.encode()
        assert other.build(plain(value)) == octets
        assert decoded(family, other.parse(octets)) == value

    agree()


@EVERY_FAMILY
def test_both_accept_and_refuse_the_same_octets(family: Family) -> None:
    other = construct_type(family)

    @settings(max_examples=150)
    @given(messages(family), st.data())
    def agree(value: Message | UnknownMessage, data: st.DataObject) -> None:
        octets = bytearray(value.encode())
        for at in data.draw(st.lists(st.integers(1, max(1, len(octets) - 1)), max_size=2)):
            if at < len(octets):
                octets[at] ^= data.draw(st.integers(0, 255))
        octets = octets[: data.draw(st.integers(1, len(octets)))] + data.draw(st.sampled_from([b"", b"\0"]))
        try:
            mine: Any = family.decode(octets)
        except DecodeError:
            mine = None
        try:
            theirs = decoded(family, other.parse(bytes(octets)))
        except construct.ConstructError:
            theirs = None
        assert mine == theirs

    agree()


def test_compiled_construct_accepts_octets_cut_short() -> None:
    """Why the stack does not use it: docs/decisions/0002-signalling-codec.md. Once this fails, think again."""
    whole = rrc.UplinkInformationTransfer(nas=b"123456").encode()
    cut = whole[:-2]
    compiled = construct_type(rrc.UplinkInformationTransfer, compiled=True)
    assert compiled.parse(cut).nas == b"1234", "two octets are missing and nobody says so"
    with pytest.raises(construct.StreamError):
        construct_type(rrc.UplinkInformationTransfer).parse(cut)
    with pytest.raises(DecodeError, match="truncated"):
        rrc.Rrc.FAMILY.decode(cut)
    with pytest.raises(struct.error):
        construct_type(n2.ContextReleaseComplete, compiled=True).parse(b"\x0c\0")


def test_a_value_too_large_never_spills_over_its_neighbours() -> None:
    for compiled in (False, True):
        header = construct_type(L2Header, compiled=compiled)
        values = asdict(L2Header.from_bytes(bytes(8)))
        with pytest.raises(construct.CheckError):
            header.build({**values, "bearer": 64})
