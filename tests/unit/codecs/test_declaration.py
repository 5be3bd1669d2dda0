from __future__ import annotations

from enum import IntEnum
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from net4ai.codecs import causes, dep, l2, link, message, n2, nas, rrc
from net4ai.codecs.declaration import (
    Family,
    Message,
    Structure,
    UnknownMessage,
    constant,
    enumeration,
    flag,
    listing,
    nested,
    octets,
    reserved,
    text,
    unsigned,
)
from net4ai.codecs.errors import DecodeError, EncodeError
from net4ai.codecs.strategies import messages, values

FAMILIES = [rrc.Rrc.FAMILY, nas.Nas.FAMILY, n2.N2.FAMILY, link.Link.FAMILY]


class Colour(IntEnum):
    RED = 1


class Inner(Structure):
    """A pair."""

    a: int = unsigned(8, "First.", minimum=1, maximum=9)
    b: int = unsigned(8, "Second.")


class Everything(Structure):
    """One field of every kind."""

    magic: int = constant(4, 5, "Always 5.")
    colour: int = enumeration(3, Colour, "A code.")
    on: bool = flag("A flag.")
    unused: int = reserved(8)
    name: str = text("A text.", maximum=10)
    pair: Inner = nested(Inner, "A pair.")
    pairs: tuple[Inner, ...] = listing(Inner, "Pairs.", maximum=2)
    rest: bytes = octets(0, "The rest.", maximum=4, default=b"")


def everything(**changes: Any) -> Everything:
    return Everything(**{"colour": Colour.RED, "on": True, "name": "x", "pair": Inner(a=1, b=2), **changes})


def test_one_field_of_every_kind() -> None:
    value = everything(pairs=(Inner(a=3, b=4),), rest=b"\xff")
    encoded = bytes.fromhex("53 00 01 78 01 02 01 03 04 ff")
    assert value.to_bytes() == encoded
    assert Everything.from_bytes(encoded) == value
    assert Everything.read(b"??" + encoded, 2) == (value, 12)


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
def test_every_message_survives_a_round_trip(family: Family) -> None:
    @given(messages(family))
    def round_trip(value: Message | UnknownMessage) -> None:
        assert family.decode(value.encode()) == value

    round_trip()


@pytest.mark.parametrize("module", [l2, dep, message, nas, link], ids=lambda module: module.__name__)
def test_every_structure_survives_a_round_trip(module: Any) -> None:
    structures = [
        item
        for item in vars(module).values()
        if isinstance(item, type) and issubclass(item, Structure) and not issubclass(item, Message) and item.DECLARATION
    ]

    @given(st.one_of(map(values, structures)))
    def round_trip(value: Structure) -> None:
        assert type(value).from_bytes(value.to_bytes()) == value

    round_trip()


@given(st.integers(0, 255), st.binary(max_size=50))
def test_unknown_messages_survive(code: int, body: bytes) -> None:
    if code not in rrc.Rrc.FAMILY.messages:
        unknown = rrc.Rrc.FAMILY.decode(bytes((code,)) + body)
        assert unknown == UnknownMessage(code, body)
        assert unknown.encode() == bytes((code,)) + body


@given(st.integers(0, 0xFFFF))
def test_unknown_codes_survive(code: int) -> None:
    octets_sent = bytes((7, 1)) + code.to_bytes(2, "big")
    decoded = rrc.Rrc.FAMILY.decode(octets_sent)
    assert isinstance(decoded, rrc.ReconfigurationFailure)
    assert decoded.cause == code
    assert isinstance(decoded.cause, causes.Cause) == (code in list(causes.Cause))
    assert decoded.encode() == octets_sent


@pytest.mark.parametrize(
    ("changes", "field", "allowed"),
    [
        ({"colour": 8}, "colour", "0 to 7"),
        ({"colour": -1}, "colour", "0 to 7"),
        ({"colour": "red"}, "colour", "0 to 7"),
        ({"on": 2}, "on", "0 to 1"),
        ({"on": None}, "on", "0 to 1"),
        ({"name": b"x"}, "name", "text of 0 to 10 octets"),
        ({"name": "ü" * 6}, "name", "text of 0 to 10 octets"),
        ({"name": "\ud800"}, "name", "text of 0 to 10 octets"),
        ({"pair": (1, 2)}, "pair", "Inner"),
        ({"pairs": [Inner(a=1, b=1)] * 3}, "pairs", "0 to 2 of Inner"),
        ({"pairs": (7,)}, "pairs", "0 to 2 of Inner"),
        ({"pairs": 7}, "pairs", "0 to 2 of Inner"),
        ({"rest": "text"}, "rest", "0 to 4 octets"),
        ({"rest": bytes(5)}, "rest", "0 to 4 octets"),
    ],
)
def test_encode_errors_name_message_field_value_and_what_is_allowed(
    changes: dict[str, Any], field: str, allowed: str
) -> None:
    with pytest.raises(EncodeError) as caught:
        everything(**changes).to_bytes()
    error = caught.value
    assert (error.what, error.field, error.allowed) == ("Everything", field, allowed)
    assert str(error).startswith(f"Everything.{field}: ")
    assert str(error).endswith(f"is not allowed; allowed: {allowed}")


def test_encode_errors_inside_name_the_inner_structure() -> None:
    with pytest.raises(EncodeError, match=r"Inner\.a: 10 is not allowed; allowed: 1 to 9"):
        everything(pairs=(Inner(a=10, b=0),)).to_bytes()


def test_a_view_of_wide_elements_is_measured_in_octets() -> None:
    view = memoryview(bytes(8)).cast("I")
    with pytest.raises(EncodeError):
        everything(rest=view).to_bytes()
    assert everything(rest=view[:1]).to_bytes().endswith(bytes(4))


@pytest.mark.parametrize(
    ("encoded", "what", "reason"),
    [
        ("", "Everything", "truncated"),
        ("43 00 00 01 02 00", "Everything", "value out of range"),
        ("53 00 0b", "Everything", "length out of range"),
        ("53 00 02 c3 28 01 02 00", "Everything", "not UTF-8"),
        ("53 00 03 ed a0 80 01 02 00", "Everything", "not UTF-8"),
        ("53 00 00 00 02 00", "Inner", "value out of range"),
        ("53 00 00 0a 02 00", "Inner", "value out of range"),
        ("53 00 00 01 02 03", "Everything", "length out of range"),
        ("53 00 00 01 02 01 01", "Inner", "truncated"),
        ("53 00 00 01 02 00 01 02 03 04 05", "Everything", "length out of range"),
    ],
)
def test_decode_errors_name_structure_and_reason(encoded: str, what: str, reason: str) -> None:
    with pytest.raises(DecodeError) as caught:
        Everything.from_bytes(bytes.fromhex(encoded))
    assert (caught.value.what, caught.value.reason) == (what, reason)


def test_no_octets_are_no_message() -> None:
    with pytest.raises(DecodeError, match="RRC: truncated"):
        rrc.Rrc.FAMILY.decode(b"")


@pytest.mark.parametrize("code", [-1, 256])
def test_an_unknown_message_has_a_code_of_8_bits(code: int) -> None:
    with pytest.raises(EncodeError, match=r"UnknownMessage\.code"):
        UnknownMessage(code, b"").encode()


def test_a_code_is_given_once() -> None:
    with pytest.raises(TypeError, match="RRC: code 1 of Second is taken"):

        class Second(rrc.Rrc, code=1):
            """Takes the code of another."""


def test_bits_that_fill_no_word_are_refused() -> None:
    with pytest.raises(TypeError, match=r"Odd: fields \['a', 'b'\] do not fill a word of 8, 16, 32 or 64 bits"):

        class Odd(Structure):
            """Twelve bits."""

            a: int = unsigned(4, "Four.")
            b: int = flag("One.")


def test_values_are_frozen_and_equal_by_content() -> None:
    assert Inner(a=1, b=2) == Inner(a=1, b=2)
    assert len({Inner(a=1, b=2), Inner(a=1, b=2)}) == 1
    with pytest.raises(AttributeError):
        Inner(a=1, b=2).a = 3  # type: ignore[misc]


def test_only_structures_of_fixed_fields_have_one_run() -> None:
    assert l2.L2Header.fixed_run().size == 8
    with pytest.raises(TypeError, match="Everything has fields of variable length"):
        Everything.fixed_run()


@pytest.mark.parametrize("sent", [rrc.MAXIMUM_NAS_OCTETS, rrc.MAXIMUM_NAS_OCTETS + 1])
def test_the_longest_nas_message(sent: int) -> None:
    value = rrc.UplinkInformationTransfer(nas=bytes(sent))
    if sent <= rrc.MAXIMUM_NAS_OCTETS:
        assert rrc.Rrc.FAMILY.decode(value.encode()) == value
    else:
        with pytest.raises(EncodeError):
            value.encode()
        with pytest.raises(DecodeError, match="length out of range"):
            rrc.Rrc.FAMILY.decode(bytes((9,)) + sent.to_bytes(2, "big") + bytes(sent))


@pytest.mark.parametrize("count", [link.MAXIMUM_SEATS, link.MAXIMUM_SEATS + 1])
def test_the_longest_list(count: int) -> None:
    seats = tuple(link.SeatNumber(seat=seat) for seat in range(count))
    value = link.Begin(transaction=1, execution=2, instance=3, seats=seats)
    if count <= link.MAXIMUM_SEATS:
        assert link.Link.FAMILY.decode(value.encode()) == value
    else:
        with pytest.raises(EncodeError, match=r"Begin\.seats"):
            value.encode()
