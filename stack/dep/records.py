"""Sealed records: the data of a message as AES-256-GCM ciphertext, in pieces of 64 KiB to 1 MiB (R86, 0020).

    sealer, opener = Sealer(key, epoch=1), Opener(key, epoch=1)
    place = Place(qfi=1, response=False, message_id=7)
    sealed = sealer.seal(place, [prefix, tensor])            # what goes out, sealed straight into its memory
    layout = opener.layout(sealed, len(sealed))
    for index in range(layout.records):
        opener.open(place, sealed, layout, index, plain)     # into the receiver's memory; raises `RecordRefused`
    restore_prefix(sealed, plain)

The keys come from elsewhere: one of 32 octets per direction, session and epoch. A message is sealed once, whatever is
sent again of it, so a nonce never meets two plaintexts: it counts the records of a key (RFC 8446 5.3). The tag binds a
record to its message, its place in it, its prefix and the length of the whole: moved, cut off or mixed, it is refused.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

from net4ai.codecs.causes import Cause
from net4ai.codecs.declaration import Buffer
from net4ai.codecs.errors import DecodeError
from net4ai.codecs.message import PREFIX_SIZE, MessagePrefix, Record
from net4ai.stack.dep.constants import (
    MAXIMUM_EPOCH,
    OCTETS_PER_KEY,
    RECORD_SIZE,
    RECORD_SIZE_MAXIMUM,
    RECORD_SIZE_MINIMUM,
    RECORDS_PER_KEY,
)
from net4ai.stack.dep.errors import KeyExhausted, KeyRefused, NotSealable
from net4ai.stack.dep.finished import FinishedMessages, Past
from net4ai.stack.drops import Drop

KEY_SIZE = 32
TAG_SIZE = 16
_NONCE_SIZE = 12
_HEAD = Record.fixed_run()
HEAD_SIZE = _HEAD.size
RECORD_OVERHEAD = HEAD_SIZE + TAG_SIZE
"""Octets a record is longer than its plaintext."""
assert [name for name, _ in _HEAD.fields] == [
    *("version", "last", "reserved_flags", "reserved_bits", "epoch", "length", "sequence")
]
_VERSION = 1
_LABEL = b"net4ai sealed records"
_RECORD_SIZE_AT = slice(4, 8)
"""`record_size` in the prefix."""
_PLACE = struct.Struct(">BBHIII")


class Place(NamedTuple):
    """The message a record belongs to, as DEP names it in one direction of a session."""

    qfi: int
    response: bool
    message_id: int


class RecordRefused(Exception):
    """A record that cannot be what the peer has sealed. `reason` says how it is counted."""

    def __init__(self, reason: Drop, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason


class UnknownEpoch(Exception):
    """A record of an epoch ahead of those known: its key may be on its way."""


class Layout:
    """Where the records of a message lie: prefix, then head, ciphertext and tag of each."""

    __slots__ = ("_stride", "data_length", "record_size", "records", "sealed_length")

    def __init__(self, data_length: int, record_size: int) -> None:
        self.data_length = data_length
        """Octets of data in plain."""
        self.record_size = record_size
        self.records = max(1, -(-data_length // record_size))
        """How many. Without data there is one of no octets: it vouches for the prefix."""
        self.sealed_length = PREFIX_SIZE + data_length + self.records * RECORD_OVERHEAD
        self._stride = record_size + RECORD_OVERHEAD

    def sealed(self, index: int) -> tuple[int, int]:
        """Where a record begins in the sealed message, and where it ends."""
        start = PREFIX_SIZE + index * self._stride
        return start, min(start + self._stride, self.sealed_length)

    def plain(self, index: int) -> tuple[int, int]:
        """Where its plaintext begins in the message in plain, and where it ends."""
        start = PREFIX_SIZE + index * self.record_size
        return start, min(start + self.record_size, PREFIX_SIZE + self.data_length)

    def index_at(self, offset: int) -> int:
        """The record an octet of the sealed message is of. The prefix goes with the first one."""
        return max(0, offset - PREFIX_SIZE) // self._stride


class _EpochKey:
    """The key of one epoch: cipher and nonces, both derived from what the owner gave (HKDF, RFC 5869)."""

    __slots__ = ("_cipher", "_iv", "epoch")

    def __init__(self, key: bytes, epoch: int) -> None:
        if len(key) != KEY_SIZE:
            raise KeyRefused(f"a key of {len(key)} octets; allowed: {KEY_SIZE}")
        if not 0 <= epoch <= MAXIMUM_EPOCH:
            raise KeyRefused(f"epoch {epoch}; allowed: 0 to {MAXIMUM_EPOCH}")
        info = _LABEL + epoch.to_bytes(4, "big")
        octets = HKDFExpand(SHA256(), KEY_SIZE + _NONCE_SIZE, info).derive(key)
        self.epoch = epoch
        self._cipher = AESGCM(octets[:KEY_SIZE])
        self._iv = int.from_bytes(octets[KEY_SIZE:], "big")

    def same_as(self, other: _EpochKey) -> bool:
        return (self.epoch, self._iv) == (other.epoch, other._iv)

    def nonce(self, sequence: int) -> bytes:
        return (self._iv ^ sequence).to_bytes(_NONCE_SIZE, "big")

    def seal(self, sequence: int, plain: Buffer, associated: bytes, sealed: memoryview) -> None:
        """Ciphertext and tag into `sealed`, which has just their room."""
        self._cipher.encrypt_into(self.nonce(sequence), plain, associated, sealed)

    def open(self, sequence: int, sealed: memoryview, associated: bytes, plain: memoryview) -> None:
        """Plaintext into `plain`, which has just its room. Raises `InvalidTag`."""
        self._cipher.decrypt_into(self.nonce(sequence), sealed, associated, plain)


def _associated(place: Place, index: int, layout: Layout, prefix: Buffer, head: Buffer) -> bytes:
    """What the tag vouches for beside the ciphertext."""
    name = _PLACE.pack(place.qfi, place.response, 0, place.message_id, index, layout.sealed_length)
    return b"".join((name, prefix, head))


def check_record_size(octets: int) -> None:
    """Raises `NotSealable`."""
    if not RECORD_SIZE_MINIMUM <= octets <= RECORD_SIZE_MAXIMUM:
        raise NotSealable(f"records of {octets} octets; allowed: {RECORD_SIZE_MINIMUM} to {RECORD_SIZE_MAXIMUM}")


class Sealer:
    """Seals the messages of one direction of a session under one key. Raises `KeyRefused`, `NotSealable`."""

    def __init__(self, key: bytes, epoch: int, record_size: int = RECORD_SIZE) -> None:
        check_record_size(record_size)
        self.record_size = record_size
        self.records = 0
        """Sealed so far: the number of the next one."""
        self.octets = 0
        self._key = _EpochKey(key, epoch)

    @property
    def epoch(self) -> int:
        return self._key.epoch

    def layout(self, length: int) -> Layout:
        """Of a message of `length` octets in plain, prefix included. Raises `NotSealable`."""
        if length < PREFIX_SIZE:
            raise NotSealable(f"{length} octets; a message has a prefix of {PREFIX_SIZE}")
        return Layout(length - PREFIX_SIZE, self.record_size)

    def seal(self, place: Place, parts: Sequence[Buffer]) -> memoryview:
        """The message made of `parts`, prefix first, as it goes out. Parts are read once, and not kept.

        Raises `NotSealable` for what is no message in plain, `KeyExhausted`; then no key was used.
        """
        source = _Parts(parts)
        layout = self.layout(source.length)
        if self.records + layout.records > RECORDS_PER_KEY or self.octets + layout.data_length > OCTETS_PER_KEY:
            raise KeyExhausted(self.epoch, self.records, self.octets)
        prefix = bytearray(source.read(PREFIX_SIZE))
        _check_plain(prefix, layout.data_length)
        prefix[_RECORD_SIZE_AT] = self.record_size.to_bytes(4, "big")
        sealed = memoryview(bytearray(layout.sealed_length))
        sealed[:PREFIX_SIZE] = prefix
        for index in range(layout.records):
            start, end = layout.sealed(index)
            length = end - start - RECORD_OVERHEAD
            head = _HEAD.pack(_VERSION, index == layout.records - 1, 0, 0, self.epoch, length, self.records)
            sealed[start : start + HEAD_SIZE] = head
            associated = _associated(place, index, layout, prefix, head)
            self._key.seal(self.records, source.read(length), associated, sealed[start + HEAD_SIZE : end])
            self.records += 1
        self.octets += layout.data_length
        return sealed


def _check_plain(prefix: Buffer, data_length: int) -> None:
    try:
        found = MessagePrefix.from_bytes(prefix)
    except DecodeError as error:
        raise NotSealable(str(error)) from error
    if found.record_size or found.data_length != data_length:
        raise NotSealable(
            f"a prefix of record size {found.record_size} and {found.data_length} octets; "
            f"allowed: 0 and {data_length}, what follows it"
        )


class _Parts:
    """Reads through a message in several pieces of memory; copies only what spans two of them."""

    def __init__(self, parts: Iterable[Buffer]) -> None:
        self._views = [memoryview(part).cast("B") for part in parts if len(part)]
        self.length = sum(len(view) for view in self._views)
        self._at = 0
        """In the first of the views left."""

    def read(self, octets: int) -> Buffer:
        """The next ones; there are as many."""
        pieces = []
        while octets:
            piece = self._views[0][self._at : self._at + octets]
            octets -= len(piece)
            self._at += len(piece)
            if self._at == len(self._views[0]):
                del self._views[0]
                self._at = 0
            pieces.append(piece)
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)


class Opener:
    """Opens the messages of the other direction. Two epochs are known: the newest, and the one before.

    A message is opened once: `check` refuses what `taken` was called for, and what is too old to know. Only whole
    authentic messages move this window.
    """

    def __init__(self, key: bytes, epoch: int) -> None:
        """Raises `KeyRefused`."""
        self._keys = [_EpochKey(key, epoch)]
        self._taken: dict[tuple[int, bool], FinishedMessages] = {}

    @property
    def epoch(self) -> int:
        """The newest."""
        return self._keys[0].epoch

    def renew(self, key: bytes, epoch: int) -> None:
        """The peer will go on with another key. Raises `KeyRefused` for an epoch that is not ahead."""
        if epoch <= self.epoch:
            raise KeyRefused(f"epoch {epoch}; allowed: {self.epoch + 1} to {MAXIMUM_EPOCH}")
        self._keys = [_EpochKey(key, epoch), self._keys[0]]

    def knows(self, sealer: Sealer) -> bool:
        """Whether it opens what `sealer` seals."""
        return any(key.same_as(sealer._key) for key in self._keys)

    def check(self, place: Place) -> None:
        """Raises `RecordRefused` for a message that was opened before."""
        taken = self._taken.get((place.qfi, place.response))
        if taken is not None and taken.look_up(place.message_id) is not Past.NEW:
            raise RecordRefused(Drop.RECORD_REPLAY, str(place))

    def taken(self, place: Place) -> None:
        """All records of a message are open."""
        self._taken.setdefault((place.qfi, place.response), FinishedMessages()).add(place.message_id, Cause.NORMAL)

    def layout(self, sealed: Buffer, length: int) -> Layout:
        """Where the records lie in a message of `length` octets of which at least the prefix is in `sealed`.

        Not vouched for until its first record is open. Raises `RecordRefused`.
        """
        try:
            prefix = MessagePrefix.from_bytes(memoryview(sealed)[:PREFIX_SIZE])
        except DecodeError as error:
            raise RecordRefused(Drop.RECORD_TAG, str(error)) from error
        if not prefix.record_size:
            raise RecordRefused(Drop.NOT_SEALED, "a message in plain")
        layout = Layout(prefix.data_length, prefix.record_size)
        if not RECORD_SIZE_MINIMUM <= prefix.record_size <= RECORD_SIZE_MAXIMUM or layout.sealed_length != length:
            raise RecordRefused(
                Drop.RECORD_TAG,
                f"{layout.data_length} octets of data in records of {layout.record_size} are no message of {length}",
            )
        return layout

    def open(self, place: Place, sealed: memoryview, layout: Layout, index: int, plain: memoryview) -> None:
        """Open one record of a message into the message in plain.

        Raises `RecordRefused`, then what lies there in `plain` is void; `UnknownEpoch`.
        """
        start, end = layout.sealed(index)
        head = sealed[start : start + HEAD_SIZE]
        version, last, _, _, epoch, length, sequence = _HEAD.unpack(head, 0)
        wanted = (_VERSION, index == layout.records - 1, end - start - RECORD_OVERHEAD)
        if (version, last, length) != wanted:
            raise RecordRefused(Drop.RECORD_TAG, f"a head that is not of record {index} of {place}")
        associated = _associated(place, index, layout, sealed[:PREFIX_SIZE], head)
        key = self._key_of(epoch)
        at, stop = layout.plain(index)
        try:
            key.open(sequence, sealed[start + HEAD_SIZE : end], associated, plain[at:stop])
        except InvalidTag:
            raise RecordRefused(Drop.RECORD_TAG, f"record {index} of {place}") from None

    def _key_of(self, epoch: int) -> _EpochKey:
        for key in self._keys:
            if key.epoch == epoch:
                return key
        if epoch > self.epoch:
            raise UnknownEpoch(f"epoch {epoch}; known: {self.epoch}")
        raise RecordRefused(Drop.RECORD_EPOCH, f"epoch {epoch}; known: {self._keys[-1].epoch} to {self.epoch}")


def restore_prefix(sealed: memoryview, plain: memoryview) -> None:
    """The prefix of the message in plain, once its records are open."""
    plain[:PREFIX_SIZE] = sealed[:PREFIX_SIZE]
    plain[_RECORD_SIZE_AT] = bytes(4)
