"""Sealed records: by published vectors of the cipher, by hand against the specification, and against every damage."""

from __future__ import annotations

import hashlib
import hmac
import random
import struct
from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given, settings
from hypothesis import strategies as st

from net4ai.codecs.message import (
    PREFIX_SIZE,
    Content,
    ElementType,
    Message,
    MessagePrefix,
    Record,
    decode_message,
    encode_message,
)
from net4ai.stack.dep import records
from net4ai.stack.dep.constants import (
    MAXIMUM_EPOCH,
    OCTETS_PER_KEY,
    RECORD_SIZE,
    RECORD_SIZE_MAXIMUM,
    RECORD_SIZE_MINIMUM,
    RECORDS_PER_KEY,
    REMEMBERED_MESSAGES,
)
from net4ai.stack.dep.errors import KeyExhausted, KeyRefused, NotSealable
from net4ai.stack.dep.records import Layout, Opener, Place, RecordRefused, Sealer, UnknownEpoch, restore_prefix
from net4ai.stack.drops import Drop

KEY = bytes(range(32))
OTHER_KEY = bytes(range(1, 33))
PLACE = Place(qfi=1, response=False, message_id=7)
MIB = 1 << 20


def message(octets: int, seed: int = 1) -> bytes:
    return encode_message(Message(tag=3, index=9, data=random.Random(seed).randbytes(octets)))


def opened(opener: Opener, sealed: memoryview | bytes, place: Place = PLACE) -> bytes:
    """All records of a message, last one first: their order does not matter."""
    view = memoryview(bytearray(sealed))
    layout = opener.layout(view, len(view))
    plain = memoryview(bytearray(PREFIX_SIZE + layout.data_length))
    for index in reversed(range(layout.records)):
        opener.open(place, view, layout, index, plain)
    restore_prefix(view, plain)
    return bytes(plain)


# --- The cipher ---

# McGrew and Viega, The Galois/Counter Mode of Operation, appendix B: test cases 13 to 16 (AES-256, nonce of 96 bits).
_K = "feffe9928665731c6d6a8f9467308308" * 2
_N = "cafebabefacedbaddecaf888"
_P = (
    "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b525"
    "b16aedf5aa0de657ba637b391aafd255"
)
_C = (
    "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa8cb08e48590dbb3da7b08b1056828838"
    "c5f61e6393ba7a0abcc9f662898015ad"
)
PUBLISHED = [
    ("00" * 32, "00" * 12, "", "", "", "530f8afbc74536b9a963b4f1c4cb738b"),
    ("00" * 32, "00" * 12, "00" * 16, "", "cea7403d4d606b6e074ec5d3baf39d18", "d0d1c8a799996bf0265b98b5d48ab919"),
    (_K, _N, _P, "", _C, "b094dac5d93471bdec1a502270e3cc6c"),
    (_K, _N, _P[:120], "feedfacedeadbeeffeedfacedeadbeefabaddad2", _C[:120], "76fc6ece0f4e1768cddf8853bb2d551b"),
]


@pytest.mark.parametrize(("key", "nonce", "plain", "associated", "cipher", "tag"), PUBLISHED)
def test_the_cipher_is_the_published_one(key, nonce, plain, associated, cipher, tag):
    """Through the calls the records use: into memory that is there."""
    plain, expected = bytes.fromhex(plain), bytes.fromhex(cipher + tag)
    epoch_key = records._EpochKey.__new__(records._EpochKey)
    epoch_key._cipher, epoch_key._iv = AESGCM(bytes.fromhex(key)), int(nonce, 16) ^ 5
    sealed = memoryview(bytearray(len(plain) + 16))
    epoch_key.seal(5, plain, bytes.fromhex(associated), sealed)
    assert sealed == expected
    again = memoryview(bytearray(len(plain)))
    epoch_key.open(5, sealed, bytes.fromhex(associated), again)
    assert again == plain


def test_a_message_by_hand():
    """docs/spec/messages.md 5, written out once more: prefix, head, nonce, associated data."""
    data = random.Random(1).randbytes(RECORD_SIZE_MINIMUM + 5)
    body = encode_message(Message(tag=1, content=Content.BYTES, data=data))
    place = Place(qfi=5, response=True, message_id=0x01020304)
    sealer = Sealer(KEY, 0xA0B0C0D0, RECORD_SIZE_MINIMUM)
    sealer.records = 41
    sealed = sealer.seal(place, [body])

    info = b"net4ai sealed records" + bytes.fromhex("a0b0c0d0")
    one = hmac.digest(KEY, info + b"\x01", hashlib.sha256)
    two = hmac.digest(KEY, one + info + b"\x02", hashlib.sha256)
    key, iv = one, two[:12]
    prefix = body[:4] + bytes.fromhex("00010000") + body[8:64]
    expected, length = prefix, 64 + len(data) + 2 * 32
    for index, (part, last) in enumerate(((data[:65536], "00"), (data[65536:], "80"))):
        head = bytes.fromhex(f"01{last}0000a0b0c0d0") + struct.pack(">II", len(part), 41 + index)
        name = bytes.fromhex("0501000001020304") + struct.pack(">II", index, length)
        nonce = bytes(a ^ b for a, b in zip(iv, (41 + index).to_bytes(12, "big"), strict=True))
        expected += head + AESGCM(key).encrypt(nonce, part, name + prefix + head)
    assert sealed == expected
    assert sealer.records == 43
    assert opened(Opener(KEY, 0xA0B0C0D0), sealed, place) == body


# --- There and back ---


@pytest.mark.parametrize("record_size", [RECORD_SIZE_MINIMUM, RECORD_SIZE, RECORD_SIZE_MAXIMUM])
@pytest.mark.parametrize("over", [-1, 0, 1])
@pytest.mark.parametrize("times", [1, 3])
def test_what_was_sealed_opens(record_size, over, times):
    body = message(times * record_size + over)
    sealer = Sealer(KEY, 1, record_size)
    sealed = sealer.seal(PLACE, [body])
    number = times + (over > 0)
    assert sealer.records == number
    assert len(sealed) == len(body) + number * records.RECORD_OVERHEAD
    prefix = MessagePrefix.read(sealed)[0]
    assert (prefix.record_size, prefix.data_length) == (record_size, len(body) - 64)
    assert opened(Opener(KEY, 1), sealed) == body
    assert body[64:1064] not in bytes(sealed)


def test_a_message_without_data_is_vouched_for_all_the_same():
    body = message(0)
    sealed = Sealer(KEY, 1).seal(PLACE, [body])
    assert len(sealed) == 64 + 32
    assert opened(Opener(KEY, 1), sealed) == body
    with pytest.raises(RecordRefused):
        opened(Opener(KEY, 1), bytes(sealed[:20]) + b"\x09" + bytes(sealed[21:]))


@given(st.lists(st.binary(max_size=300), max_size=8), st.integers(0, 64), st.integers(0, 2))
@settings(max_examples=60, deadline=None)
def test_the_parts_are_one_message(pieces, cut, large):
    """However the memory is cut, also within the prefix and within a record."""
    data = b"".join(pieces) + bytes(large * RECORD_SIZE_MINIMUM)
    body = encode_message(Message(tag=3, data=data))
    parts = [body[:cut], b"", body[cut:64], *pieces, bytearray(large * RECORD_SIZE_MINIMUM)]
    whole = Sealer(KEY, 1, RECORD_SIZE_MINIMUM).seal(PLACE, [body])
    assert Sealer(KEY, 1, RECORD_SIZE_MINIMUM).seal(PLACE, parts) == whole
    assert opened(Opener(KEY, 1), whole) == body


def test_the_parts_may_be_tensors():
    array = memoryview(bytearray(4 * 6)).cast("f", (2, 3))
    prefix = encode_message(
        Message(tag=0, content=Content.TENSOR, element_type=ElementType.FLOAT32, dimensions=(2, 3), data=bytes(24))
    )[:64]
    body = opened(Opener(KEY, 1), Sealer(KEY, 1).seal(PLACE, [prefix, array]))
    assert decode_message(body).dimensions == (2, 3)


def test_the_layout_covers_the_message():
    for length in (0, 1, 65535, 65536, 65537, 5 * 65536):
        layout = Layout(length, 65536)
        ends = [layout.sealed(index) for index in range(layout.records)]
        assert [start for start, _ in ends] == [64, *(end for _, end in ends[:-1])]
        assert ends[-1][1] == layout.sealed_length
        plains = [layout.plain(index) for index in range(layout.records)]
        assert [start for start, _ in plains] == [64, *(end for _, end in plains[:-1])]
        assert plains[-1][1] == 64 + length
        for index, (start, end) in enumerate(ends):
            assert end - start - 32 == plains[index][1] - plains[index][0]
            assert {layout.index_at(start), layout.index_at(end - 1)} == {index}
        assert layout.index_at(0) == 0


# --- Damage ---


def test_every_damaged_octet_is_found():
    """Prefix, head, ciphertext and tag: each octet of a small message, one bit each."""
    sealed = bytes(Sealer(KEY, 1).seal(PLACE, [message(40)]))
    for at in range(len(sealed)):
        damaged = bytearray(sealed)
        damaged[at] ^= 1 << at % 8
        with pytest.raises((RecordRefused, UnknownEpoch)):
            opened(Opener(KEY, 1), damaged)


def test_damage_is_told_by_record():
    sealed = Sealer(KEY, 1, RECORD_SIZE_MINIMUM).seal(PLACE, [message(3 * RECORD_SIZE_MINIMUM)])
    opener = Opener(KEY, 1)
    layout = opener.layout(sealed, len(sealed))
    sealed[layout.sealed(1)[0] + 100] ^= 1
    plain = memoryview(bytearray(64 + layout.data_length))
    opener.open(PLACE, sealed, layout, 0, plain)
    opener.open(PLACE, sealed, layout, 2, plain)
    with pytest.raises(RecordRefused) as refused:
        opener.open(PLACE, sealed, layout, 1, plain)
    assert refused.value.reason is Drop.RECORD_TAG
    sealed[layout.sealed(1)[0] + 100] ^= 1
    opener.open(PLACE, sealed, layout, 1, plain)


def test_records_in_another_order_are_refused():
    sealed = bytearray(Sealer(KEY, 1, RECORD_SIZE_MINIMUM).seal(PLACE, [message(3 * RECORD_SIZE_MINIMUM)]))
    stride = RECORD_SIZE_MINIMUM + 32
    first, second = sealed[64 : 64 + stride], sealed[64 + stride : 64 + 2 * stride]
    sealed[64 : 64 + 2 * stride] = second + first
    with pytest.raises(RecordRefused):
        opened(Opener(KEY, 1), sealed)


def test_a_message_cut_off_behind_a_record_is_refused():
    """Also one whose prefix is adapted, and whose last record is called the last."""
    sealed = bytearray(Sealer(KEY, 1, RECORD_SIZE_MINIMUM).seal(PLACE, [message(2 * RECORD_SIZE_MINIMUM)]))
    del sealed[64 + RECORD_SIZE_MINIMUM + 32 :]
    for change in (lambda: None, lambda: set_length(sealed), lambda: set_last(sealed)):
        change()
        with pytest.raises(RecordRefused):
            opened(Opener(KEY, 1), sealed)


def set_length(sealed: bytearray) -> None:
    sealed[24:32] = RECORD_SIZE_MINIMUM.to_bytes(8, "big")


def set_last(sealed: bytearray) -> None:
    sealed[65] = 0x80


@pytest.mark.parametrize("place", [PLACE._replace(qfi=2), PLACE._replace(response=True), PLACE._replace(message_id=8)])
def test_a_message_under_another_name_is_refused(place):
    sealed = Sealer(KEY, 1).seal(PLACE, [message(100)])
    assert opened(Opener(KEY, 1), sealed)
    with pytest.raises(RecordRefused):
        opened(Opener(KEY, 1), sealed, place)


def test_records_of_two_messages_do_not_mix():
    """The same place, key and index: the prefix of one says another thing."""
    sealer = Sealer(KEY, 1)
    one, other = (sealer.seal(PLACE, [encode_message(Message(tag=tag, data=bytes(9)))]) for tag in (1, 2))
    with pytest.raises(RecordRefused):
        opened(Opener(KEY, 1), bytes(one[:64]) + bytes(other[64:]))


def test_a_message_in_plain_is_refused():
    with pytest.raises(RecordRefused) as refused:
        opened(Opener(KEY, 1), message(100))
    assert refused.value.reason is Drop.NOT_SEALED


@pytest.mark.parametrize(
    ("record_size", "data_length", "length"),
    [
        (RECORD_SIZE_MINIMUM - 1, 100, 196),
        (RECORD_SIZE_MAXIMUM + 1, 100, 196),
        (0xFFFFFFFF, 100, 196),
        (RECORD_SIZE_MINIMUM, 100, 197),
        (RECORD_SIZE_MINIMUM, 0xFFFFFFFFFFFFFFFF, 196),
        (1, 0xFFFFFFFFFFFFFFFF, 196),
    ],
)
def test_a_prefix_that_does_not_fit_the_message(record_size, data_length, length):
    prefix = replace(MessagePrefix.read(message(0))[0], record_size=record_size, data_length=data_length)
    with pytest.raises(RecordRefused):
        Opener(KEY, 1).layout(prefix.to_bytes(), length)


@given(st.binary(max_size=200))
@settings(max_examples=200, deadline=None)
def test_random_octets_are_refused(octets):
    with pytest.raises((RecordRefused, UnknownEpoch)):
        opened(Opener(KEY, 1), octets)


# --- Keys and epochs ---


def test_the_newest_two_epochs_are_known():
    opener = Opener(KEY, 3)
    sealed = {
        epoch: Sealer(OTHER_KEY if epoch == 9 else KEY, epoch).seal(PLACE, [message(50)]) for epoch in (2, 3, 7, 9)
    }
    with pytest.raises(RecordRefused) as refused:
        opened(opener, sealed[2])
    assert refused.value.reason is Drop.RECORD_EPOCH
    with pytest.raises(UnknownEpoch):
        opened(opener, sealed[7])
    opener.renew(KEY, 7)
    assert opened(opener, sealed[3]) == opened(opener, sealed[7]) == message(50)
    opener.renew(OTHER_KEY, 9)
    assert opened(opener, sealed[7]) == opened(opener, sealed[9]) == message(50)
    with pytest.raises(RecordRefused):
        opened(opener, sealed[3])
    for epoch in (9, 8, 0):
        with pytest.raises(KeyRefused, match="allowed: 10"):
            opener.renew(KEY, epoch)


def test_another_key_or_epoch_opens_nothing():
    sealed = Sealer(KEY, 1).seal(PLACE, [message(50)])
    with pytest.raises(RecordRefused):
        opened(Opener(OTHER_KEY, 1), sealed)
    relabelled = bytearray(sealed)
    relabelled[68:72] = (2).to_bytes(4, "big")
    with pytest.raises(RecordRefused):
        opened(Opener(KEY, 2), relabelled)


@pytest.mark.parametrize(
    ("key", "epoch"), [(b"", 1), (KEY[:31], 1), (KEY + b"x", 1), (KEY, -1), (KEY, MAXIMUM_EPOCH + 1)]
)
def test_keys_and_epochs_that_are_none(key, epoch):
    for make in (Sealer, Opener):
        with pytest.raises(KeyRefused, match="allowed"):
            make(key, epoch)


def test_a_nonce_is_never_used_twice(monkeypatch):
    """Not for a request and its response, not for the same message sealed again."""
    used = []
    seal = records._EpochKey.seal
    monkeypatch.setattr(
        records._EpochKey,
        "seal",
        lambda self, number, *rest: (used.append(self.nonce(number)), seal(self, number, *rest)),
    )
    sealer = Sealer(KEY, 1, RECORD_SIZE_MINIMUM)
    for place in (PLACE, PLACE, PLACE._replace(response=True), PLACE._replace(qfi=2)):
        sealer.seal(place, [message(2 * RECORD_SIZE_MINIMUM)])
    assert len(used) == len(set(used)) == 8


def test_a_key_seals_so_many_records():
    sealer = Sealer(KEY, 1, RECORD_SIZE_MINIMUM)
    sealer.records = RECORDS_PER_KEY - 2
    with pytest.raises(KeyExhausted, match="epoch 1"):
        sealer.seal(PLACE, [message(2 * RECORD_SIZE_MINIMUM + 1)])
    body = message(2 * RECORD_SIZE_MINIMUM)
    sealed = sealer.seal(PLACE, [body])
    assert opened(Opener(KEY, 1), sealed) == body
    assert int.from_bytes(sealed[-(RECORD_SIZE_MINIMUM + 20) :][:4], "big") == RECORDS_PER_KEY - 1
    with pytest.raises(KeyExhausted):
        sealer.seal(PLACE, [message(0)])


def test_a_key_seals_so_many_octets():
    sealer = Sealer(KEY, 1)
    sealer.octets = OCTETS_PER_KEY - 10
    with pytest.raises(KeyExhausted):
        sealer.seal(PLACE, [message(11)])
    sealer.seal(PLACE, [message(10)])
    with pytest.raises(KeyExhausted):
        sealer.seal(PLACE, [message(1)])


@pytest.mark.parametrize(
    "parts",
    [
        [],
        [bytes(63)],
        [bytes(64)],
        [message(5), b"x"],
        [message(5)[:-1]],
        [bytes(Sealer(KEY, 1).seal(PLACE, [message(5)]))],
    ],
)
def test_what_is_no_message_is_not_sealed(parts):
    sealer = Sealer(KEY, 1)
    with pytest.raises(NotSealable, match=r"allowed|prefix|Prefix"):
        sealer.seal(PLACE, parts)
    assert sealer.records == 0


@pytest.mark.parametrize("record_size", [0, RECORD_SIZE_MINIMUM - 1, RECORD_SIZE_MAXIMUM + 1])
def test_a_record_size_out_of_range(record_size):
    with pytest.raises(NotSealable, match="allowed: 65536 to 1048576"):
        Sealer(KEY, 1, record_size)


# --- Replay ---


def test_a_message_opens_once():
    opener = Opener(KEY, 1)
    opener.check(PLACE)
    opener.taken(PLACE)
    with pytest.raises(RecordRefused) as refused:
        opener.check(PLACE)
    assert refused.value.reason is Drop.RECORD_REPLAY
    opener.renew(OTHER_KEY, 2)
    with pytest.raises(RecordRefused):
        opener.check(PLACE)
    for other in (PLACE._replace(qfi=2), PLACE._replace(response=True), PLACE._replace(message_id=8)):
        opener.check(other)


def test_what_is_too_old_to_know_is_refused():
    opener = Opener(KEY, 1)
    for message_id in range(1, REMEMBERED_MESSAGES + 2):
        opener.taken(PLACE._replace(message_id=message_id))
    for message_id in (0, 1, 2, REMEMBERED_MESSAGES + 1):
        with pytest.raises(RecordRefused):
            opener.check(PLACE._replace(message_id=message_id))
    opener.check(PLACE._replace(message_id=REMEMBERED_MESSAGES + 2))


def test_the_head_is_as_declared():
    sealed = Sealer(KEY, 6).seal(PLACE, [message(50)])
    assert Record.from_bytes(sealed[64:80]) == Record(last=True, epoch=6, length=50, sequence=0)
