"""Protection of single PDUs of a signalling radio bearer."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from net4ai.stack.security.algorithms import Direction, nea2, nia2
from net4ai.stack.security.key_hierarchy import Purpose, algorithm_key
from net4ai.stack.security.srb_security import SrbSecurity

K_GNB = bytes(range(32))
HEAD = bytes.fromhex("2580460100000007")


def pair(integrity: int = 2, ciphering: int = 2) -> tuple[SrbSecurity, SrbSecurity]:
    """UE and RAN node."""
    return tuple(SrbSecurity(K_GNB, integrity, ciphering, sends) for sends in Direction)  # type: ignore[return-value]


def test_on_the_wire() -> None:
    """By the algorithms alone: BEARER is the identity less 1; MAC-I over header and clear payload; both enciphered."""
    ue, _ = pair()
    k_int, k_enc = (algorithm_key(K_GNB, purpose, 2) for purpose in (Purpose.RRC_INTEGRITY, Purpose.RRC_CIPHERING))
    mac = nia2(k_int, 7, 2, Direction.UPLINK, HEAD + b"payload")
    assert ue.protect(HEAD, b"payload", 7, 3, ciphered=False) == HEAD + b"payload" + mac
    assert ue.protect(HEAD, b"payload", 7, 3, ciphered=True) == HEAD + nea2(
        k_enc, 7, 2, Direction.UPLINK, b"payload" + mac
    )


@given(st.binary(min_size=8, max_size=12), st.binary(max_size=60), st.integers(0, 2**32 - 1), st.integers(1, 32))
@pytest.mark.parametrize("ciphered", [False, True])
def test_what_goes_in_comes_out(ciphered: bool, head: bytes, payload: bytes, count: int, bearer: int) -> None:
    for sender, receiver in (pair(), pair()[::-1]):
        pdu = sender.protect(head, payload, count, bearer, ciphered)
        view = memoryview(pdu)
        assert receiver.unprotect(view[: len(head)], view[len(head) :], count, bearer, ciphered) == payload
        assert sender.unprotect(view[: len(head)], view[len(head) :], count, bearer, ciphered) is None


@pytest.mark.parametrize("ciphered", [False, True])
def test_any_change_is_noticed(ciphered: bool) -> None:
    ue, node = pair()
    pdu = ue.protect(HEAD, b"payload", 7, 1, ciphered)
    assert node.unprotect(pdu[:8], pdu[8:], 7, 1, ciphered) == b"payload"
    for bit in range(len(pdu) * 8):
        damaged = bytearray(pdu)
        damaged[bit // 8] ^= 1 << bit % 8
        assert node.unprotect(damaged[:8], damaged[8:], 7, 1, ciphered) is None
    for length in range(8, len(pdu)):
        assert node.unprotect(pdu[:8], pdu[8:length], 7, 1, ciphered) is None
    assert node.unprotect(pdu[:8], pdu[8:], 8, 1, ciphered) is None
    assert node.unprotect(pdu[:8], pdu[8:], 7, 2, ciphered) is None
    assert node.unprotect(pdu[:8], pdu[8:], 7, 1, not ciphered) is None


def test_null_integrity_takes_no_mac() -> None:
    ue, node = pair(0, 0)
    assert ue.null
    assert not ue.ciphers
    assert node.unprotect(HEAD, b"payload" + bytes(4), 7, 1, ciphered=False) is None


def test_no_key_is_shown() -> None:
    assert repr(pair(2, 0)[1]) == "SrbSecurity(NIA2, NEA0, sends DOWNLINK)"
