"""The envelope: what is encoded comes back, what was touched does not."""

from __future__ import annotations

import contextlib
import hmac
import json
import random

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from net4ai.codecs import envelope as module
from net4ai.codecs.envelope import (
    Envelope,
    Failure,
    Reassembler,
    controller_name,
    decode,
    encode,
    node_key,
    provider_of,
)
from net4ai.codecs.errors import DecodeError, EncodeError

RUN_KEY = bytes(range(32))
KEY = node_key(RUN_KEY, "core")
SECOND = 1_000_000_000


def key_of(process: str) -> bytes:
    return node_key(RUN_KEY, process)


def make(body: object = None, **fields: object) -> Envelope:
    values: dict[str, object] = {
        "process": "core",
        "id": "0123456789abcdef" * 2,
        "kind": "request",
        "type": "Execute Routine",
        "sender": "task-manager",
        "to": "routine-manager",
        "sent": 1_700_000_000_000_000_001,
        "body": msgspec.Raw(msgspec.json.encode(body)),
    }
    return Envelope(**(values | fields))  # type: ignore[arg-type]


def reason_of(message: bytes, keys: module.KeyOf = key_of) -> str:
    with pytest.raises(DecodeError) as caught:
        decode(message, keys)
    return caught.value.reason


def signed(text: bytes) -> bytes:
    """A message whose JSON (from behind the opening brace) is `text`, rightly signed."""
    return b'{"hmac":"' + hmac.digest(KEY, text, "sha256").hex().encode() + b'",' + text


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)


@given(
    body=json_values,
    kind=st.sampled_from(["request", "reply", "event"]),
    deadline=st.none() | st.integers(0, 2**63 - 1),
    error=st.none() | st.builds(Failure, cause=st.just("no-such-routine"), detail=st.text(max_size=1000)),
)
def test_round_trip(body: object, kind: str, deadline: int | None, error: Failure | None) -> None:
    envelope = make(body, kind=kind, deadline=deadline, error=error)
    (message,) = encode(envelope, KEY)
    back = decode(message, key_of)
    assert msgspec.structs.asdict(back) | {"body": None} == msgspec.structs.asdict(envelope) | {"body": None}
    assert msgspec.json.decode(back.body) == body
    assert json.loads(message)["body"] == body, "the whole message is plain JSON"


def test_known_message() -> None:
    """Written by hand, so that the format cannot change unseen."""
    text = (
        b'"process":"core","id":"0123456789abcdef0123456789abcdef","kind":"request","type":"Execute Routine",'
        b'"sender":"task-manager","to":"routine-manager","sent":1700000000000000001,"deadline":null,"error":null,'
        b'"part":0,"parts":1,"body":{"routine":7}}'
    )
    assert encode(make({"routine": 7}), KEY) == [signed(text)]


def test_unknown_fields_are_ignored() -> None:
    (message,) = encode(make(1), KEY)
    extended = message[message.index(b'"process"') : -1] + b',"later":[1]}'
    assert decode(signed(extended), key_of).type == "Execute Routine"


def test_every_truncation() -> None:
    (message,) = encode(make([1, 2, 3]), KEY)
    for end in range(len(message)):
        assert reason_of(message[:end]) in {"truncated", "not an envelope", "bad signature"}
    assert reason_of(message[:5]) == reason_of(message[:-1]) == "truncated"


def test_every_flipped_bit() -> None:
    (message,) = encode(make({"seats": [1, 2, 3]}), KEY)
    for bit in range(8 * len(message)):
        damaged = bytearray(message)
        damaged[bit // 8] ^= 1 << bit % 8
        assert reason_of(bytes(damaged)) in {"truncated", "not an envelope", "bad signature"}


def test_random_inputs() -> None:
    """Half of them rightly signed, so that the JSON behind the signature is reached too."""
    seed = 20260301
    print("seed", seed)
    source = random.Random(seed)
    (message,) = encode(make({"seats": [1, 2, 3]}, error=Failure("busy")), KEY)
    text = bytearray(message[message.index(b'"process"') :])
    for number in range(20_000):
        if number % 2:
            damaged = source.randbytes(source.randrange(200))
        else:
            changed = bytearray(text)
            for _ in range(source.randrange(1, 4)):
                changed[source.randrange(len(changed))] = source.choice(b'{}[]",:0-9aeu\\\xff\x00')
            damaged = signed(bytes(changed))
        with contextlib.suppress(DecodeError):
            decode(damaged, key_of)


def test_wrong_key_and_unknown_process() -> None:
    (message,) = encode(make(1), KEY)
    assert reason_of(message, lambda process: node_key(bytes(32), process)) == "bad signature"
    assert reason_of(message, lambda process: None) == "unknown process"
    (as_another,) = encode(make(1, process="ran-1"), KEY)
    assert reason_of(as_another) == "bad signature"


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        (b'"kind":"request"', b'"kind":"shout"', "wrong schema"),
        (b'"sent":17', b'"sent":-17', "wrong schema"),
        (b'"sent":17', b'"sent":1e400,"x":17', "wrong schema"),
        (b'"part":0', b'"part":1', "wrong schema"),
        (b'"parts":1', b'"parts":100000000', "wrong schema"),
        (b'"to":"', b'"to":"net4ai/#', "wrong schema"),
        (b'"id":"0', b'"id":"x', "wrong schema"),
        (b'"body":1', b'"body":1,"process":"edge"', "wrong schema"),
        (b'"body":1', b'"body":', "not JSON"),
        (b'"body":1', b'"body":' + b"[" * 20_000, "not JSON"),
    ],
)
def test_signed_nonsense(old: bytes, new: bytes, reason: str) -> None:
    (message,) = encode(make(1), KEY)
    text = message[message.index(b'"process"') :]
    assert text.count(old) == 1
    assert reason_of(signed(text.replace(old, new))) == reason


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"sender": "two words"}, "sender"),
        ({"to": "net4ai/+"}, "to"),
        ({"process": ""}, "process"),
        ({"id": "1"}, "id"),
        ({"deadline": -1}, "deadline"),
        ({"kind": "shout"}, "kind"),
        ({"error": Failure("busy", "x" * 1001)}, "error"),
        ({"body": msgspec.Raw(b"{")}, "body"),
        ({"body": msgspec.Raw(b"")}, "body"),
        ({"body": msgspec.Raw(b'"\xff"')}, "body"),
        ({"body": msgspec.Raw(b'"' + b"x" * module.MAXIMUM_BODY + b'"')}, "body"),
    ],
)
def test_what_cannot_be_encoded(fields: dict[str, object], field: str) -> None:
    with pytest.raises(EncodeError) as caught:
        encode(make(**fields), KEY)
    assert caught.value.field == field


def test_too_large_message() -> None:
    assert reason_of(b'{"hmac":"' + b"0" * module.MAXIMUM_MESSAGE) == "too large"


def parts_of(body: object, **fields: object) -> list[Envelope]:
    return [decode(message, key_of) for message in encode(make(body, **fields), KEY)]


@settings(max_examples=30)
@given(
    text=st.text(st.sampled_from('aé"\\\n😀\x01'), min_size=1, max_size=40),
    times=st.integers(2_000, 4_000),
    order=st.randoms(),
)
def test_parts_in_any_order(text: str, times: int, order: random.Random) -> None:
    body = [text] * times
    envelope = make(body)
    messages = encode(envelope, KEY)
    assert all(len(message) <= module.MAXIMUM_MESSAGE for message in messages)
    parts = [decode(message, key_of) for message in messages]
    parts += parts[: len(parts) // 2]
    order.shuffle(parts)
    reassembler = Reassembler()
    whole = [done for part in parts if (done := reassembler.add(part, now=0)) is not None]
    assert len(whole) >= 1
    assert msgspec.json.decode(whole[0].body) == body
    assert (whole[0].part, whole[0].parts) == (0, 1)


def test_largest_body() -> None:
    for text in ("x" * (module.MAXIMUM_BODY - 2), "😀" * ((module.MAXIMUM_BODY - 2) // 4)):
        parts = parts_of(text)
        reassembler = Reassembler()
        results = [reassembler.add(part, now=0) for part in parts]
        assert results[:-1] == [None] * (len(parts) - 1), "takes effect at the last part"
        assert results[-1] is not None
        assert msgspec.json.decode(results[-1].body) == text
        assert reassembler.size == 0


def test_most_parts() -> None:
    """The widest characters and the narrowest cut still stay within MAXIMUM_PARTS."""
    text = "é" + "x" * (module.MAXIMUM_BODY - 4)
    assert len(encode(make(text), KEY)) <= module.MAXIMUM_PARTS


def test_repeats_do_not_mix() -> None:
    """A repeated request (same id, later) is a batch of its own."""
    first, second = parts_of("a" * 100_000, sent=1), parts_of("b" * 100_000, sent=2)
    reassembler = Reassembler()
    results = [reassembler.add(part, now=0) for pair in zip(first, second, strict=True) for part in pair]
    bodies = [msgspec.json.decode(done.body)[0] for done in results if done is not None]
    assert bodies == ["a", "b"]


def test_contradicting_part() -> None:
    parts = parts_of("a" * 100_000)
    reassembler = Reassembler()
    reassembler.add(parts[0], now=0)
    with pytest.raises(DecodeError, match="wrong part"):
        reassembler.add(msgspec.structs.replace(parts[1], parts=len(parts) + 1), now=0)
    with pytest.raises(DecodeError, match="wrong part"):
        reassembler.add(msgspec.structs.replace(parts[1], body=msgspec.Raw(b"7")), now=0)


def test_parts_that_make_no_json() -> None:
    parts = parts_of("a" * 100_000)
    reassembler = Reassembler()
    with pytest.raises(DecodeError, match="not JSON"):
        for part in parts:
            reassembler.add(msgspec.structs.replace(part, body=msgspec.Raw(b'"]"')), now=0)
    assert reassembler.size == 0


def test_expiry() -> None:
    parts = parts_of("a" * 100_000)
    reassembler = Reassembler(lifetime=SECOND)
    assert reassembler.next_deadline() is None
    reassembler.add(parts[0], now=5)
    assert reassembler.next_deadline() == SECOND + 5
    assert reassembler.expire(SECOND + 4) == 0
    assert reassembler.expire(SECOND + 5) == 1
    assert (reassembler.size, reassembler.next_deadline()) == (0, None)


def test_bounded() -> None:
    reassembler = Reassembler()
    first = parts_of("a" * 100_000)[0]
    for number in range(module.MAXIMUM_BATCHES):
        reassembler.add(msgspec.structs.replace(first, sent=number), now=0)
    with pytest.raises(DecodeError, match="too many batches"):
        reassembler.add(msgspec.structs.replace(first, sent=module.MAXIMUM_BATCHES), now=0)

    reassembler = Reassembler()
    parts = parts_of("a" * (module.MAXIMUM_BODY - 2))
    with pytest.raises(DecodeError, match="too large"):
        for number in range(module.MAXIMUM_BATCH_BYTES // module.MAXIMUM_BODY + 1):
            for part in parts[:-1]:
                reassembler.add(msgspec.structs.replace(part, sent=number), now=0)
    assert reassembler.size <= module.MAXIMUM_BATCH_BYTES


def test_run_key_length() -> None:
    with pytest.raises(EncodeError, match="32 bytes"):
        node_key(b"short", "core")


# Names of application controllers (R41)


@pytest.mark.parametrize(
    ("name", "provider"),
    [
        ("controller-health", "health"),
        ("controller-health-research", "health-research"),
        ("controller-health.2", "health"),
        ("controller-a_b-c.123456789", "a_b-c"),
        ("controller-", None),
        ("controller-health.", None),
        ("controller-health.x", None),
        ("controller-health.1234567890", None),
        ("controller-health/x", None),
        ("controller-1", None),
        ("controller-" + "a" * 33, None),
        ("application-controller", None),
        ("my-controller-health", None),
        ("core", None),
        ("", None),
    ],
)
def test_provider_of_a_controller(name: str, provider: str | None) -> None:
    assert provider_of(name) == provider


@given(st.from_regex(r"[A-Za-z][A-Za-z0-9_-]{0,31}", fullmatch=True), st.integers(0, 999_999_999))
def test_controller_names_are_read_back(provider: str, number: int) -> None:
    assert provider_of(controller_name(provider, number)) == provider
