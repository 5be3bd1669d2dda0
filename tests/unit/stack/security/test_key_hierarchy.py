"""The key hierarchy against a published value of the key derivation function, and against the text of annex A.

No values of K_gNB and below are published; so each is derived here a second time, octet by octet, by hmac alone.
"""

from __future__ import annotations

import hashlib
import hmac

import pytest
from hypothesis import given
from hypothesis import strategies as st

from net4ai.codecs.common import IntegrityAlgorithm
from net4ai.codecs.errors import EncodeError
from net4ai.codecs.rrc import MAXIMUM_CELL, ReestablishmentCause, ReestablishmentRequest
from net4ai.stack.security.algorithms import nia2
from net4ai.stack.security.key_hierarchy import (
    Purpose,
    algorithm_key,
    k_gnb,
    k_ng_ran_star,
    kdf,
    next_hop,
    short_mac,
)

octets = bytes.fromhex
PARENTS = st.binary(min_size=32, max_size=32)


def by_hand(key: bytes, text: str) -> bytes:
    return hmac.new(key, octets(text), hashlib.sha256).digest()


def test_kdf_of_rfc_5448() -> None:
    """RFC 5448 appendix C, case 1: CK' and IK' of EAP-AKA' come from the same function (TS 33.402 A.2, FC 0x20)."""
    ck, ik = octets("5349fbe098649f948f5d2e973a81c00f"), octets("9744871ad32bf9bbd1dd5ce54e3e2e5a")
    sqn_and_ak = octets("bb52e91c747a")
    assert kdf(ck + ik, 0x20, b"WLAN", sqn_and_ak).hex() == (
        "0093962d0dd84aa5684b045c9edffa04ccfc230ca74fcc96c0a5d61164f5a76c"
    )


@given(PARENTS, st.integers(0, 2**32 - 1))
def test_k_gnb(k_amf: bytes, count: int) -> None:
    """A.9: FC 0x6E, uplink NAS COUNT, 4; access type 3GPP (1), 1."""
    assert k_gnb(k_amf, count) == by_hand(k_amf, f"6e {count:08x} 0004 01 0001")


@given(PARENTS, st.integers(0, MAXIMUM_CELL))
def test_k_ng_ran_star(key: bytes, cell: int) -> None:
    """A.11: FC 0x70, physical cell identity, 2; ARFCN, 3."""
    assert k_ng_ran_star(key, cell) == by_hand(key, f"70 {cell:04x} 0002 000000 0003")


@pytest.mark.parametrize(
    ("purpose", "distinguisher"),
    [
        (Purpose.NAS_CIPHERING, "01"),
        (Purpose.NAS_INTEGRITY, "02"),
        (Purpose.RRC_CIPHERING, "03"),
        (Purpose.RRC_INTEGRITY, "04"),
        (Purpose.USER_PLANE_CIPHERING, "05"),
        (Purpose.USER_PLANE_INTEGRITY, "06"),
    ],
)
@pytest.mark.parametrize("algorithm", [0, 2, 15])
def test_algorithm_key(purpose: Purpose, distinguisher: str, algorithm: int) -> None:
    """A.8: FC 0x69, type distinguisher of table A.8-1, 1; algorithm, 1; the last 16 octets."""
    key = bytes(range(32))
    assert algorithm_key(key, purpose, algorithm) == by_hand(key, f"69 {distinguisher} 0001 {algorithm:02x} 0001")[16:]


def test_every_purpose_has_a_key_of_its_own() -> None:
    key = bytes(32)
    keys = {algorithm_key(key, purpose, algorithm) for purpose in Purpose for algorithm in range(16)}
    assert len(keys) == len(Purpose) * 16


@given(
    st.binary(min_size=16, max_size=16), st.integers(0, 2**64 - 1), st.integers(0, MAXIMUM_CELL), st.integers(1, 65535)
)
def test_short_mac_covers_what_the_request_carries(key: bytes, ue_identity: int, cell: int, c_rnti: int) -> None:
    request = ReestablishmentRequest(
        ue_identity=ue_identity,
        cell=cell,
        c_rnti=c_rnti,
        short_mac=0,
        cause=ReestablishmentCause.OTHER_FAILURE,
        bulk_port=1,
    )
    covered = request.encode()[1:13]
    expected = nia2(key, 0xFFFFFFFF, 31, 1, covered)[2:]
    assert short_mac(key, ue_identity, cell, c_rnti, IntegrityAlgorithm.NIA2) == int.from_bytes(expected, "big")
    assert short_mac(key, ue_identity, cell, c_rnti, IntegrityAlgorithm.NIA0) == 0


KEY = bytes(32)


@pytest.mark.parametrize(
    ("call", "field"),
    [
        (lambda: k_gnb(bytes(31), 0), "length of key for K_AMF"),
        (lambda: k_gnb(KEY, 1 << 32), "uplink NAS COUNT"),
        (lambda: k_gnb(KEY, -1), "uplink NAS COUNT"),
        (lambda: k_ng_ran_star(bytes(33), 0), "length of key for K_gNB"),
        (lambda: k_ng_ran_star(KEY, MAXIMUM_CELL + 1), "cell"),
        (lambda: algorithm_key(bytes(16), Purpose.RRC_INTEGRITY, 2), "length of key for RRC_INTEGRITY"),
        (lambda: algorithm_key(KEY, Purpose.RRC_INTEGRITY, 16), "algorithm identity"),
        (lambda: short_mac(bytes(16), 1 << 64, 0, 1, 2), "UE identity"),
        (lambda: short_mac(bytes(16), 0, 1008, 1, 2), "cell"),
        (lambda: short_mac(bytes(16), 0, 0, 65536, 2), "C-RNTI"),
        (lambda: short_mac(bytes(32), 0, 0, 1, 2), "length of key"),
    ],
)
def test_bad_input_is_named_and_no_key_is_shown(call, field: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(EncodeError) as caught:
        call()
    assert caught.value.field == field
    assert "\\x00" not in str(caught.value)


@given(PARENTS, PARENTS)
def test_next_hop(k_amf: bytes, previous: bytes) -> None:
    """A.10: FC 0x6F, P0 the K_gNB or NH before it, L0 32."""
    assert next_hop(k_amf, previous) == by_hand(k_amf, "6f" + previous.hex() + "0020")


@pytest.mark.parametrize(("k_amf", "previous"), [(bytes(31), bytes(32)), (bytes(32), bytes(33))])
def test_next_hop_of_keys_that_do_not_fit(k_amf: bytes, previous: bytes) -> None:
    with pytest.raises(EncodeError):
        next_hop(k_amf, previous)
