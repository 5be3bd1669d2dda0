from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from net4ai.codecs.causes import Cause
from net4ai.codecs.dep import AckBody, DepType
from net4ai.codecs.errors import DecodeError
from net4ai.stack.dep import pdus


def test_the_handle_stands_where_the_switch_rewrites_it():
    pdu = bytes(8) + pdus.pack_header(1, DepType.PING, handle=0x01020304)
    assert pdu[pdus.HANDLE_AT : pdus.HANDLE_AT + 4] == b"\x01\x02\x03\x04"


def test_an_error_without_handle():
    pdu = pdus.pack_header(1, DepType.ERROR, handle=0) + pdus.error(Cause.UNKNOWN_SESSION, 0xAABBCCDD)
    assert pdu == bytes.fromhex("1b000000 00000000 00000000 00000000 00200000 aabbccdd")


@given(st.binary(max_size=300).map(lambda octets: bytes(octet & 1 for octet in octets)))
def test_bits_survive_a_round_trip(flags: bytes):
    body = AckBody.from_bytes(pdus.ack(7, 5000, 1000, flags))
    assert (body.highest_packet, body.delay, body.map_bits) == (7, 5, len(flags))
    assert pdus.expand_bits(body.map, body.map_bits).tobytes() == flags


@pytest.mark.parametrize(("octets", "count"), [(1, 9), (2, 8), (1, 0), (0, 1), (3, 65535)])
def test_the_map_has_just_the_octets_its_bits_need(octets: int, count: int):
    with pytest.raises(DecodeError):
        pdus.expand_bits(bytes(octets), count)


@given(st.integers(0, 1 << 40), st.integers(-(1 << 31) + 1, (1 << 31) - 1))
def test_numbers_are_unwrapped_near_the_last(near: int, step: int):
    number = near + step
    assert pdus.unwrap(number & 0xFFFFFFFF, near) == number
