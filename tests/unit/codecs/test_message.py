from __future__ import annotations

import struct
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from net4ai.codecs.errors import DecodeError, EncodeError
from net4ai.codecs.message import (
    ELEMENT_SIZE,
    PREFIX_SIZE,
    Chunk,
    Content,
    ElementType,
    Message,
    Taken,
    decode,
    decode_message,
    encode_chunk,
    encode_message,
    encode_prefix,
    encode_taken,
    taken_of,
)


@st.composite
def any_message(draw: st.DrawFn) -> Message:
    head: dict[str, Any] = {"tag": draw(st.integers(0, 0xFFFF)), "index": draw(st.integers(0, 0xFFFF_FFFF))}
    content = draw(st.sampled_from(Content))
    if content is not Content.TENSOR:
        return Message(content=content, data=draw(st.binary(max_size=100)), **head)
    element_type = draw(st.sampled_from(list(ElementType)[1:]))
    dimensions = tuple(draw(st.lists(st.integers(0, 3), max_size=4)))
    size = ELEMENT_SIZE[element_type]
    for dimension in dimensions:
        size *= dimension
    return Message(content=content, data=bytes(size), element_type=element_type, dimensions=dimensions, **head)


@given(any_message())
def test_round_trip(message: Message) -> None:
    octets = encode_message(message)
    assert octets[:PREFIX_SIZE] == encode_prefix(message)
    decoded = decode_message(octets)
    assert replace(decoded, data=bytes(decoded.data)) == message


def test_data_is_a_view_not_a_copy() -> None:
    body = bytearray(encode_message(Message(tag=1, data=b"abc")))
    decoded = decode_message(body)
    body[-1] = ord("d")
    assert bytes(decoded.data) == b"abd"


TENSOR = Message(tag=1, content=Content.TENSOR, data=bytes(24), element_type=ElementType.FLOAT32, dimensions=(2, 3))


@pytest.mark.parametrize(
    ("offset", "octets", "reason"),
    [
        (0, b"N5", "value out of range"),
        (2, b"\x02", "value out of range"),
        (4, b"\0\0\0\x01", "sealed"),
        (8, b"\x04", "unknown content"),
        (9, b"\x00", "unknown element type"),
        (9, b"\x09", "unknown element type"),
        (9, b"\x08", "wrong length"),
        (10, b"\x09", "value out of range"),
        (24, struct.pack(">Q", 23), "wrong length"),
        (24, struct.pack(">Q", 1 << 63), "wrong length"),
        (32, struct.pack(">II", 0xFFFF_FFFF, 0xFFFF_FFFF), "wrong length"),
        (32, struct.pack(">II", 2, 4), "wrong length"),
        (32, struct.pack(">II", 2, 2), "wrong length"),
        (32, struct.pack(">II", 0, 3), "wrong length"),
    ],
)
def test_a_prefix_that_does_not_fit_the_data_is_refused(offset: int, octets: bytes, reason: str) -> None:
    body = bytearray(encode_message(TENSOR))
    body[offset : offset + len(octets)] = octets
    with pytest.raises(DecodeError) as caught:
        decode_message(body)
    assert caught.value.reason == reason


def test_every_truncation() -> None:
    body = encode_message(TENSOR)
    for end in range(len(body)):
        with pytest.raises(DecodeError) as caught:
            decode_message(body[:end])
        assert caught.value.reason == ("truncated" if end < PREFIX_SIZE else "wrong length")


def test_nine_dimensions_are_too_many() -> None:
    with pytest.raises(EncodeError, match=r"Message\.dimensions: .* allowed: at most 8"):
        encode_message(replace(TENSOR, dimensions=(1,) * 9))


def test_eight_dimensions_fit() -> None:
    message = replace(TENSOR, dimensions=(2, 3, 1, 1, 1, 1, 1, 1))
    assert decode_message(encode_message(message)).dimensions == message.dimensions


@pytest.mark.parametrize(
    ("change", "field"),
    [({"tag": 65536}, "tag"), ({"index": -1}, "index"), ({"dimensions": (1 << 32,)}, "dimension_0")],
)
def test_numbers_out_of_range_are_named(change: dict[str, Any], field: str) -> None:
    with pytest.raises(EncodeError, match=rf"MessagePrefix\.{field}: "):
        encode_message(replace(TENSOR, **change))


# Streams


@given(any_message(), st.integers(0, 0xFFFF_FFFF), st.sampled_from([(True, False), (False, False), (False, True)]))
def test_round_trip_of_chunks(message: Message, number: int, end: tuple[bool, bool]) -> None:
    more, broken = end
    chunk = Chunk(replace(message, data=bytes(message.data)[:7]), number, more, broken)
    body = encode_chunk(chunk)
    found = decode(body)
    assert isinstance(found, Chunk)
    assert replace(found, message=replace(found.message, data=bytes(found.message.data))) == chunk
    assert taken_of(body) is None
    with pytest.raises(DecodeError, match="part of a stream"):
        decode_message(body)


@given(st.integers(0, 0xFFFF_FFFF))
def test_round_trip_of_taken(number: int) -> None:
    body = encode_taken(Taken(number))
    assert len(body) == PREFIX_SIZE
    assert decode(body) == Taken(number)
    assert taken_of(body) == number
    with pytest.raises(DecodeError, match="part of a stream"):
        decode_message(body)


def test_a_plain_message_has_no_flags_and_no_number() -> None:
    body = encode_message(TENSOR)
    assert body[3] == 0 and body[20:24] == bytes(4)
    assert decode(body) == decode_message(body)


@pytest.mark.parametrize(
    ("flags", "reason"), [(0x80, "part of a stream"), (0x10, "wrong length"), (0x90, "wrong length")]
)
def test_flags_that_do_not_fit(flags: int, reason: str) -> None:
    body = bytearray(encode_message(TENSOR))
    body[3] = flags
    assert taken_of(body) is None
    with pytest.raises(DecodeError) as caught:
        decode(body)
    assert caught.value.reason == reason


@given(st.binary(max_size=PREFIX_SIZE + 8) | st.binary(min_size=PREFIX_SIZE, max_size=PREFIX_SIZE))
def test_only_what_is_well_formed_is_taken(octets: bytes) -> None:
    taken = taken_of(octets)
    assert taken is None or decode(octets) == Taken(taken)
    assert taken_of(octets[:3] + b"\x10" + octets[4:]) is None or octets.startswith(b"N4\x01")
