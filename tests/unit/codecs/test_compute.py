"""Messages between node and compute worker: round trips, bounds, and any bytes at all."""

from __future__ import annotations

from typing import Any, get_args

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from net4ai.codecs import compute
from net4ai.codecs.compute import FromWorker, ToWorker, decode_from_worker, decode_to_worker, encode
from net4ai.codecs.errors import DecodeError, EncodeError

number = st.integers(0, 0xFFFF_FFFF)
seat = st.integers(0, 0xFFFF)
name = st.text(max_size=compute.MAXIMUM_NAME)
text = st.text(max_size=compute.MAXIMUM_TEXT)
plain = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)
mapping = st.dictionaries(st.text(), plain, max_size=4)
FIELDS: dict[str, st.SearchStrategy[Any]] = {
    "instance": number,
    "execution": number,
    "turn": number,
    "repetition": number,
    "round": number,
    "octets": number,
    "seat": seat,
    "cut": st.integers(0, 255),
    "seats": st.lists(seat, max_size=9),
    "as_server": st.booleans(),
    "sequential": st.booleans(),
    "function": name,
    "routine": name,
    "reason": name,
    "detail": text,
    "error": text,
    "line": text,
    "body": st.binary(max_size=200),
    "settings": mapping,
    "private": mapping,
    "values": st.dictionaries(st.text(), st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False) | st.text()),
    "outcome": st.sampled_from(["complete", "restart", "stop"]),
    "worker": name,
    "memory_mib": st.integers(0, 1 << 24),
    "busy_s": st.floats(0, 3600),
    "checkpoint": st.text(max_size=4096),
    "remove_checkpoint": st.booleans(),
    "next_turn": number,
    "failed": st.booleans(),
    "closed": st.booleans(),
    "radio": st.none()
    | st.builds(
        compute.Radio,
        cell=number,
        rsrp_dbm=st.floats(allow_nan=False),
        rsrq_db=st.floats(allow_nan=False),
        sinr_db=st.floats(allow_nan=False),
    ),
}


def messages(union: Any) -> st.SearchStrategy[Any]:
    kinds: list[Any] = list(get_args(union))
    return st.one_of([st.builds(kind, **{name: FIELDS[name] for name in kind.__struct_fields__}) for kind in kinds])


@given(messages(ToWorker))
def test_round_trip_to_the_worker(message: ToWorker) -> None:
    assert decode_to_worker(encode(message)) == message


@given(messages(FromWorker))
def test_round_trip_from_the_worker(message: FromWorker) -> None:
    assert decode_from_worker(encode(message)) == message


@given(st.binary() | messages(ToWorker | FromWorker).map(encode), st.data())
def test_any_bytes_give_a_message_or_the_decode_error(frame: bytes, data: st.DataObject) -> None:
    damaged = bytearray(frame)
    if damaged and data.draw(st.booleans()):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    for decode in (decode_to_worker, decode_from_worker):
        try:
            decode(damaged)
        except DecodeError as error:
            assert error.reason in {"wrong schema", "not MessagePack"}


DELIVER = compute.Deliver(instance=1, execution=2, as_server=True, seat=3, body=b"abc")


def changed(**fields: object) -> bytes:
    return msgspec.msgpack.encode({**msgspec.to_builtins(DELIVER, builtin_types=(memoryview, bytes)), **fields})


@pytest.mark.parametrize(
    ("frame", "reason", "detail"),
    [
        (b"", "not MessagePack", "truncated"),
        (encode(DELIVER)[:-1], "not MessagePack", "truncated"),
        (encode(DELIVER) + b"\0", "not MessagePack", "trailing"),
        (b"\x91" * 5000, "wrong schema", "object"),
        (changed(type="Begun"), "wrong schema", "Begun"),
        (changed(more=1), "wrong schema", "more"),
        (changed(instance=1 << 32), "wrong schema", "instance"),
        (changed(seat=0x10000), "wrong schema", "seat"),
        (changed(as_server=1), "wrong schema", "as_server"),
        (changed(body="abc"), "wrong schema", "body"),
        (b"\x82\xa4type\xa4Load\xa8settings\x81\xa2\xff\xff\x01", "not MessagePack", "utf-8"),
    ],
)
def test_wrong_frames(frame: bytes, reason: str, detail: str) -> None:
    with pytest.raises(DecodeError, match=detail) as caught:
        decode_to_worker(frame)
    assert caught.value.reason == reason


def test_deep_settings_are_refused() -> None:
    nested = b"\x84\xa4type\xa4Load\xa8instance\x01\xa8function\xa0\xa8settings\x81\xa1x" + b"\x91" * 200_000
    with pytest.raises(DecodeError):
        decode_to_worker(nested)


def test_many_seats_and_long_texts_are_refused() -> None:
    begin: dict[str, Any] = {
        "instance": 1,
        "execution": 1,
        "as_server": True,
        "routine": "r",
        "round": 0,
        "cut": 0,
        "sequential": True,
    }
    seats = list(range(compute.MAXIMUM_SEATS + 1))
    with pytest.raises(DecodeError, match="length <= 4096"):
        decode_to_worker(encode(compute.Begin(**begin, seats=seats)))
    assert decode_to_worker(encode(compute.Begin(**begin, seats=seats[1:])))
    with pytest.raises(DecodeError, match="length <= 1000"):
        decode_from_worker(encode(compute.Log(instance=1, line="x" * 1001)))


def test_the_longest_body_has_a_frame_and_no_longer_one() -> None:
    body = bytes(compute.MAXIMUM_BODY)
    frame = encode(compute.Send(instance=2**32 - 1, execution=2**32 - 1, as_server=True, seat=2**16 - 1, body=body))
    found = decode_from_worker(frame)
    assert isinstance(found, compute.Send)
    assert len(found.body) == len(body)
    with pytest.raises(EncodeError, match="frames of up to"):
        encode(compute.SendResult(instance=1, body=bytes(compute.MAXIMUM_FRAME)))
    with pytest.raises(DecodeError, match="too large"):
        decode_to_worker(frame + bytes(compute.MAXIMUM_FRAME))


def test_a_received_body_is_a_view_of_its_frame() -> None:
    frame = encode(DELIVER)
    found = decode_to_worker(frame)
    assert isinstance(found, compute.Deliver)
    assert isinstance(found.body, memoryview)
    assert found.body.obj is frame


@pytest.mark.parametrize("body", [b"abc", bytearray(b"abc"), memoryview(b"abc")])
def test_any_buffer_can_be_sent(body: bytes | bytearray | memoryview) -> None:
    assert encode(msgspec.structs.replace(DELIVER, body=body)) == encode(DELIVER)


@pytest.mark.parametrize("value", [object(), 2**64, {1: object()}, "\ud800"])
def test_values_without_a_form_are_refused(value: object) -> None:
    with pytest.raises(EncodeError, match=r"compute\.Load"):
        encode(compute.Load(instance=1, function="f", settings={"x": value}, private={}))
