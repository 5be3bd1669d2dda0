"""Sealed records in a session: its keys, and the records of a message that is arriving."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol

from net4ai.codecs.declaration import Buffer
from net4ai.codecs.message import PREFIX_SIZE
from net4ai.stack.dep.buffers import GrowingBuffer
from net4ai.stack.dep.constants import KEY_WAIT, RECORD_SIZE
from net4ai.stack.dep.errors import KeyRefused
from net4ai.stack.dep.outgoing_message import snapshot
from net4ai.stack.dep.records import Layout, Opener, Place, RecordRefused, Sealer, UnknownEpoch, restore_prefix
from net4ai.stack.drops import Drop


class SessionRecords:
    """The keys of a session, one direction each. Without any, messages go and come in plain.

    Keys come from the owner, and so does their order: one to open with before the peer seals with it. `seal_with` is
    called before the first message is sent, `open_with` before the first one arrives, then for every new epoch.
    """

    def __init__(self) -> None:
        self.opener: Opener | None = None
        self.on_key: Callable[[int], None] = lambda now: None
        """Records that have waited for a key may be opened."""
        self._sealer: Sealer | None = None

    @property
    def seals(self) -> bool:
        return self._sealer is not None

    def seal_with(self, key: bytes, epoch: int, record_size: int = RECORD_SIZE) -> None:
        """Seal what is sent from now on. `key`: 32 octets of this direction and session only.

        Raises `KeyRefused`, also for an epoch that is not ahead or the key of the other direction, `NotSealable`.
        """
        if self._sealer is not None and epoch <= self._sealer.epoch:
            raise KeyRefused(f"epoch {epoch}; allowed: more than {self._sealer.epoch}")
        sealer = Sealer(key, epoch, record_size)
        self._check_different(sealer, self.opener)
        self._sealer = sealer

    def open_with(self, key: bytes, epoch: int, now: int) -> None:
        """Open what arrives from now on, and only that; the epoch before stays known. Raises `KeyRefused`."""
        self._check_different(self._sealer, Opener(key, epoch))
        if self.opener is None:
            self.opener = Opener(key, epoch)
        else:
            self.opener.renew(key, epoch)
            self.on_key(now)

    @staticmethod
    def _check_different(sealer: Sealer | None, opener: Opener | None) -> None:
        if sealer is not None and opener is not None and opener.knows(sealer):
            raise KeyRefused(f"one key for both directions of epoch {sealer.epoch}; allowed: one for each")

    def length(self, parts: Sequence[Buffer]) -> int:
        """Octets of the message made of `parts` as it goes out. Raises `NotSealable`."""
        length = sum(part.nbytes if isinstance(part, memoryview) else len(part) for part in parts)
        return length if self._sealer is None else self._sealer.layout(length).sealed_length

    def body(self, place: Place, parts: Sequence[Buffer]) -> memoryview:
        """The message as it goes out. Raises `NotSealable`, `KeyExhausted`."""
        return snapshot(parts) if self._sealer is None else self._sealer.seal(place, parts)


class Arrived(Protocol):
    """A message that is arriving, as much as its records need to know."""

    @property
    def memory(self) -> memoryview:
        """What has arrived, where it belongs."""

    @property
    def reached(self) -> int:
        """Offset behind the highest octet that has arrived."""

    def has(self, start: int, end: int) -> bool:
        """Whether all of these octets have arrived, as far as the message goes."""


class Refusal(NamedTuple):
    """A record could not be opened."""

    reason: Drop
    ranges: list[tuple[int, int]]
    """Octets of the message that must come again."""


class ArrivingRecords:
    """The records of one message: which of them are open, and the message in plain."""

    __slots__ = ("_layout", "_length", "_next", "_opened", "_opener", "_place", "_plain", "failures", "wait_ends")

    def __init__(self, opener: Opener, place: Place, length: int) -> None:
        """`length`: of the sealed message."""
        self.failures = 0
        self.wait_ends: int | None = None
        """A record waits for its key until then."""
        self._opener = opener
        self._place = place
        self._length = length
        self._layout: Layout | None = None
        self._opened = bytearray()
        """An octet 1 for every record that is open."""
        self._next = 0
        """The first that is not."""
        self._plain = GrowingBuffer(0)

    @property
    def complete(self) -> bool:
        return self._layout is not None and self._next == self._layout.records

    @property
    def confirmed(self) -> int:
        """Octets of the sealed message before the first record that is not open."""
        return self._layout.sealed(self._next)[0] if self._layout is not None and self._next else 0

    def take_body(self) -> memoryview:
        """The message in plain, which is complete. It counts as taken now."""
        self._opener.taken(self._place)
        return self._plain.view

    def wait_ended(self, now: int) -> bool:
        return self.wait_ends is not None and self.wait_ends <= now

    def open(self, message: Arrived, permitted: int, now: int) -> Refusal | None:
        """Open what has arrived. Stops at the first record that cannot be what was sealed; then call it again."""
        if self._layout is None:
            if not message.has(0, PREFIX_SIZE):
                return None
            try:
                self._lay_out(self._opener.layout(message.memory, self._length))
            except RecordRefused as refused:
                return self._fail(refused, (0, PREFIX_SIZE))
        layout = self._layout
        assert layout is not None
        waits = False
        for index in range(self._next, min(layout.records, layout.index_at(message.reached) + 1)):
            if self._opened[index] or not message.has(*layout.sealed(index)):
                continue
            try:
                self._open(layout, index, message.memory, permitted)
            except UnknownEpoch as unknown:
                waits = True
                if self.wait_ended(now):
                    self.wait_ends = None
                    return self._fail(RecordRefused(Drop.RECORD_EPOCH, str(unknown)), layout.sealed(index))
            except RecordRefused as refused:
                return self._fail(refused, layout.sealed(index))
        if not waits:
            self.wait_ends = None
        elif self.wait_ends is None:
            self.wait_ends = now + KEY_WAIT
        missing = self._opened.find(0, self._next)
        self._next = missing if missing >= 0 else layout.records
        return None

    def _lay_out(self, layout: Layout) -> None:
        self._layout = layout
        self._opened = bytearray(layout.records)
        self._plain = GrowingBuffer(PREFIX_SIZE + layout.data_length)

    def _open(self, layout: Layout, index: int, memory: memoryview, permitted: int) -> None:
        _, end = layout.plain(index)
        self._plain.reserve(end, max(end, min(permitted, self._plain.length)))
        self._opener.open(self._place, memory, layout, index, self._plain.view)
        self._opened[index] = 1
        if index == 0:
            restore_prefix(memory, self._plain.view)

    def _fail(self, refused: RecordRefused, octets: tuple[int, int]) -> Refusal:
        """As long as nothing was open, the prefix may be what is wrong."""
        self.failures += 1
        ranges = [octets]
        if not any(self._opened):
            self._layout = None
            ranges = [octets] if octets[0] == 0 else [(0, PREFIX_SIZE), octets]
        return Refusal(refused.reason, ranges)
