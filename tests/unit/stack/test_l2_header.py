from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from net4ai.codecs.errors import DecodeError
from net4ai.codecs.l2 import L2_HEADER_SIZE, L2Header
from net4ai.stack.l2_header import L2Fields, l2_fields


def test_written_by_hand():
    assert l2_fields(bytes.fromhex("22834601000000ff") + b"more") == L2Fields(
        version=0,
        is_data=1,
        segmentation=0,
        poll=0,
        has_mac=1,
        ciphered=0,
        bearer_type=2,
        bearer=3,
        c_rnti=0x4601,
        count=0xFF,
    )


@given(st.binary(min_size=L2_HEADER_SIZE, max_size=L2_HEADER_SIZE))
def test_the_same_as_the_codec(octets: bytes):
    try:
        header = L2Header.from_bytes(octets)
    except DecodeError:
        assert l2_fields(octets).version != 0
        return
    fields = l2_fields(octets)
    assert all(getattr(header, name) == value for name, value in fields._asdict().items())


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_any_buffer(kind):
    assert l2_fields(kind(bytes(40))).c_rnti == 0
