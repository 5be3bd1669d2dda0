"""SRB0: whole messages in one PDU, and what is none."""

from __future__ import annotations

import pytest
from bearer_bench import header

from net4ai.codecs.errors import DecodeError, EncodeError
from net4ai.stack.acknowledged_bearer import MAXIMUM_PDU
from net4ai.stack.drops import Drop
from net4ai.stack.srb0 import srb0_pdu, srb0_sdu


def test_srb0() -> None:
    pdu = srb0_pdu(b"\x01setup")
    assert pdu == bytes.fromhex("20 00 0000 00000000") + b"\x01setup"
    assert srb0_sdu(memoryview(pdu)) == b"\x01setup"


@pytest.mark.parametrize("length", [0, MAXIMUM_PDU - 7])
def test_srb0_is_never_segmented(length: int) -> None:
    with pytest.raises(EncodeError, match="1 to 1392"):
        srb0_pdu(bytes(length))


SRB0 = {"bearer": 0, "c_rnti": 0}


@pytest.mark.parametrize(
    ("pdu", "reason"),
    [
        (b"", "truncated"),
        (header() + b"x", Drop.WRONG_BEARER),
        (header(**SRB0 | {"c_rnti": 1}) + b"x", Drop.WRONG_BEARER),
        (header(**SRB0, has_mac=1) + b"xxxxx", Drop.INTEGRITY_NOT_CONFIGURED),
        (header(**SRB0, is_data=0) + b"x", Drop.SEGMENTED),
        (header(**SRB0, segmentation=1) + b"x", Drop.SEGMENTED),
        (header(**SRB0), Drop.PDU_EMPTY),
        (header(**SRB0) + bytes(MAXIMUM_PDU), Drop.PDU_TOO_LONG),
    ],
)
def test_not_srb0(pdu: bytes, reason: str) -> None:
    with pytest.raises(DecodeError) as caught:
        srb0_sdu(pdu)
    assert caught.value.reason == reason
