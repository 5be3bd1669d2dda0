"""NAS security: what one end protects the other takes once; nothing else is taken, a refusal changes nothing."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from net4ai.codecs import nas
from net4ai.codecs.causes import Cause
from net4ai.codecs.nas import SecurityHeaderType as Header
from net4ai.stack.drops import Drop
from net4ai.stack.security.algorithms import Direction, nea2, nia2
from net4ai.stack.security.errors import CountExhausted, ProtectionError
from net4ai.stack.security.key_hierarchy import Purpose, algorithm_key, k_gnb
from net4ai.stack.security.nas_security import MAXIMUM_NAS_COUNT, NasSecurity

K_AMF = bytes(range(32))
STATUS = nas.Status(cause=Cause.UNKNOWN_MESSAGE, message_type=0x33)


def pair(integrity: int = 2, ciphering: int = 2) -> tuple[NasSecurity, NasSecurity]:
    """Terminal and core."""
    return tuple(NasSecurity(K_AMF, integrity, ciphering, sends) for sends in Direction)  # type: ignore[return-value]


def refused(end: NasSecurity, protected: nas.Protected) -> str:
    """Why it is refused. Nothing may have changed."""
    before = (end.next_count, end.last_accepted)
    with pytest.raises(ProtectionError) as caught:
        end.unprotect(protected)
    assert (end.next_count, end.last_accepted) == before
    return caught.value.reason


def changed(protected: nas.Protected, **fields: int | bytes) -> nas.Protected:
    values = {name: getattr(protected, name) for name in ("security_header", "mac", "count", "message")}
    return nas.Protected(**{**values, **fields})


def test_on_the_wire() -> None:
    """By the algorithms alone: BEARER 1, MAC-I over COUNT and message as they are on the wire."""
    ue, _ = pair()
    ue.next_count = 7
    protected = ue.protect(STATUS, Header.INTEGRITY_AND_CIPHERING)
    k_enc = algorithm_key(K_AMF, Purpose.NAS_CIPHERING, 2)
    k_int = algorithm_key(K_AMF, Purpose.NAS_INTEGRITY, 2)
    enciphered = nea2(k_enc, 7, 1, Direction.UPLINK, STATUS.encode())
    mac = nia2(k_int, 7, 1, Direction.UPLINK, bytes.fromhex("00000007") + enciphered)
    assert protected == nas.Protected(security_header=2, mac=int.from_bytes(mac, "big"), count=7, message=enciphered)


@pytest.mark.parametrize(
    ("message", "header"),
    [
        (nas.SecurityModeComplete(), Header.INTEGRITY_AND_CIPHERING_NEW_CONTEXT),
        (nas.ServiceRequest(type=0, temporary_identity=5), Header.INTEGRITY),
        (nas.DeregistrationRequest(switch_off=True), Header.INTEGRITY),
        (nas.DeregistrationRequest(switch_off=True), Header.INTEGRITY_AND_CIPHERING),
        (STATUS, Header.INTEGRITY_AND_CIPHERING),
    ],
)
@pytest.mark.parametrize("ciphering", [0, 2])
def test_what_goes_in_comes_out(message: nas.Nas, header: Header, ciphering: int) -> None:
    ue, core = pair(ciphering=ciphering)
    protected = nas.Nas.FAMILY.decode(ue.protect(message, header).encode())
    assert isinstance(protected, nas.Protected)
    in_clear = header in (Header.INTEGRITY, Header.INTEGRITY_NEW_CONTEXT) or not ciphering
    assert (protected.message == message.encode()) is in_clear
    assert core.unprotect(protected) == message.encode()


def test_security_mode_command_comes_in_clear() -> None:
    ue, core = pair()
    command = nas.SecurityModeCommand(
        integrity=2, ciphering=2, key_set=0, capabilities=nas.SecurityCapabilities(integrity=0xA0, ciphering=0xA0)
    )
    protected = core.protect(command, Header.INTEGRITY_NEW_CONTEXT)
    assert protected.message == command.encode(), "the terminal reads the algorithms before it has keys"
    assert ue.unprotect(protected) == command.encode()


def test_count_grows_with_each_message_of_a_direction() -> None:
    ue, core = pair()
    for count in range(3):
        assert ue.protect(STATUS, Header.INTEGRITY_AND_CIPHERING).count == count
    assert core.protect(STATUS, Header.INTEGRITY_AND_CIPHERING).count == 0


@given(st.permutations(range(6)))
def test_taken_once_and_never_behind_a_newer_one(order: list[int]) -> None:
    ue, core = pair()
    sent = [ue.protect(STATUS, Header.INTEGRITY_AND_CIPHERING) for _ in order]
    newest = -1
    for count in [*order, *order]:
        if count > newest:
            assert core.unprotect(sent[count]) == STATUS.encode()
            newest = count
        else:
            assert refused(core, sent[count]) == Drop.REPLAY
    assert core.last_accepted == newest


@given(st.integers(0, 31), st.integers(0, 31), st.integers(0, 8 * len(STATUS.encode()) - 1))
def test_any_flipped_bit_is_an_integrity_failure(mac: int, count: int, bit: int) -> None:
    ue, core = pair()
    protected = ue.protect(STATUS, Header.INTEGRITY_AND_CIPHERING)
    flipped = bytearray(protected.message)
    flipped[bit // 8] ^= 1 << bit % 8
    for damaged in (
        changed(protected, mac=protected.mac ^ 1 << mac),
        changed(protected, count=protected.count ^ 1 << count),
        changed(protected, message=bytes(flipped)),
        changed(protected, message=protected.message[:-1]),
        changed(protected, message=b""),
    ):
        assert refused(core, damaged) == Drop.INTEGRITY_FAILURE
    assert core.unprotect(protected) == STATUS.encode()


@pytest.mark.parametrize("header", [*Header, 0, 5, 255])
@pytest.mark.parametrize(
    ("message", "legal"),
    [
        (STATUS, {2}),
        (nas.RegistrationComplete(temporary_identity=1), {2}),
        (nas.ServiceRequest(type=0, temporary_identity=1), {1}),
        (nas.DeregistrationRequest(switch_off=False), {1, 2}),
        (nas.SecurityModeComplete(), {4}),
        (nas.Protected(security_header=2, mac=0, count=0, message=b"\x64"), set()),
    ],
    ids=lambda value: value.NAME if isinstance(value, nas.Nas) else "",
)
def test_every_message_has_its_security_headers(message: nas.Nas, legal: set[int], header: int) -> None:
    """Sent by a peer who has the keys; with null ciphering the message inside can always be read."""
    ue, core = pair(ciphering=0)
    protected = ue.protect(message, header)  # type: ignore[arg-type]
    if header in legal:
        assert core.unprotect(protected) == message.encode()
    else:
        assert refused(core, protected) == Drop.WRONG_SECURITY_HEADER


def test_a_header_turned_into_another_does_not_uncover_or_lose_a_message() -> None:
    """It stands outside the MAC-I."""
    ue, core = pair()
    protected = ue.protect(STATUS, Header.INTEGRITY_AND_CIPHERING)
    assert refused(core, changed(protected, security_header=Header.INTEGRITY)) == Drop.WRONG_SECURITY_HEADER
    assert refused(core, changed(protected, security_header=4)) == Drop.WRONG_SECURITY_HEADER
    assert core.unprotect(protected) == STATUS.encode()


def test_nothing_inside() -> None:
    _, core = pair()
    mac = nia2(algorithm_key(K_AMF, Purpose.NAS_INTEGRITY, 2), 0, 1, Direction.UPLINK, bytes(4))
    empty = nas.Protected(security_header=2, mac=int.from_bytes(mac, "big"), count=0, message=b"")
    assert refused(core, empty) == Drop.PDU_EMPTY


def test_own_messages_come_not_back() -> None:
    ue, core = pair()
    for end in (ue, core):
        assert refused(end, end.protect(STATUS, Header.INTEGRITY_AND_CIPHERING)) == Drop.INTEGRITY_FAILURE


def test_another_key_is_an_integrity_failure() -> None:
    ue, _ = pair()
    core = NasSecurity(bytes(32), 2, 2, Direction.DOWNLINK)
    assert refused(core, ue.protect(STATUS, Header.INTEGRITY_AND_CIPHERING)) == Drop.INTEGRITY_FAILURE


def test_null_integrity_protects_nothing() -> None:
    """TS 33.501 D.1: MAC-I zero, unchecked; replay is not noticed. COUNT still grows: K_gNB is made of it."""
    ue, core = pair(0, 0)
    protected = ue.protect(STATUS, Header.INTEGRITY_AND_CIPHERING)
    assert (protected.mac, protected.message) == (0, STATUS.encode())
    for _ in range(2):
        assert core.unprotect(changed(protected, mac=5)) == STATUS.encode()
    assert ue.next_count == 1


def test_both_ends_have_the_same_k_gnb() -> None:
    ue, core = pair()
    ue.protect(STATUS, Header.INTEGRITY_AND_CIPHERING)
    complete = ue.protect(nas.SecurityModeComplete(), Header.INTEGRITY_AND_CIPHERING_NEW_CONTEXT)
    core.unprotect(complete)
    assert ue.k_gnb(complete.count) == core.k_gnb(complete.count) == k_gnb(K_AMF, 1)


def test_count_is_never_used_twice() -> None:
    ue, core = pair()
    ue.next_count = MAXIMUM_NAS_COUNT
    assert core.unprotect(ue.protect(STATUS, Header.INTEGRITY_AND_CIPHERING)) == STATUS.encode()
    for _ in range(2):
        with pytest.raises(CountExhausted, match="16777216"):
            ue.protect(STATUS, Header.INTEGRITY_AND_CIPHERING)


@pytest.mark.parametrize(("integrity", "ciphering"), [(0, 2), (1, 0), (2, 3)])
def test_algorithms_that_are_not_there(integrity: int, ciphering: int) -> None:
    with pytest.raises(ValueError):
        NasSecurity(K_AMF, integrity, ciphering, Direction.UPLINK)


def test_no_key_is_shown() -> None:
    ue, _ = pair()
    assert repr(ue) == "NasSecurity(NIA2, NEA2, sends UPLINK)"
