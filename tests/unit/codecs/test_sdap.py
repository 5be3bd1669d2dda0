"""SDAP headers, by hand from TS 37.324 6.2.2."""

from __future__ import annotations

import pytest

from net4ai.codecs.errors import EncodeError
from net4ai.codecs.sdap import SDAP_HEADER_SIZE, DownlinkHeader, UplinkHeader


@pytest.mark.parametrize(
    ("header", "octet"),
    [
        (UplinkHeader(qfi=1), 0b1000_0001),
        (UplinkHeader(qfi=63), 0b1011_1111),
        (UplinkHeader(is_data=False, qfi=5), 0b0000_0101),
        (DownlinkHeader(qfi=9), 0b0000_1001),
        (DownlinkHeader(reflective_flow=True, qfi=9), 0b0100_1001),
        (DownlinkHeader(reflective_mapping=True, qfi=9), 0b1000_1001),
    ],
)
def test_by_hand(header: UplinkHeader | DownlinkHeader, octet: int) -> None:
    assert header.to_bytes() == bytes([octet])
    assert type(header).from_bytes(bytes([octet])) == header
    assert SDAP_HEADER_SIZE == 1


def test_a_reserved_bit_is_ignored() -> None:
    assert UplinkHeader.from_bytes(b"\xc1") == UplinkHeader(qfi=1)


def test_qfi_has_six_bits() -> None:
    with pytest.raises(EncodeError):
        UplinkHeader(qfi=64).to_bytes()
