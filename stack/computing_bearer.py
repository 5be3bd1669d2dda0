"""The computing radio bearer, one class for each mode (R92, R99, R102).

Unacknowledged (`ComputingBearer`): numbers what is sent, keeps statistics of what arrives. Also carries DEP on T4 and
T8 (bearer type 3, bearer 1). DEP ends where the bearer ends and is reliable itself, so layer 2 repeats nothing,
segments nothing, and drops nothing for its COUNT: a replay window may move on authenticated PDUs only, or a forged
COUNT shuts out the real ones; PDUs of computing bearers have no MAC-I, so there is none. DEP knows repetitions itself.

Acknowledged (`AcknowledgedComputingBearer`): whole DEP PDUs, each once and in order, late rather than never.

COUNT runs per bearer, direction and socket: have one bearer of either class for each socket.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

import numpy as np

from net4ai.codecs.declaration import Buffer
from net4ai.codecs.dep import DATA_HEADERS_SIZE
from net4ai.codecs.errors import DecodeError, EncodeError
from net4ai.codecs.l2 import L2_HEADER_SIZE, BearerType, L2Header, Segmentation
from net4ai.stack.acknowledged_bearer import AcknowledgedBearer, BearerFailed, BearerQueueFull
from net4ai.stack.drops import Drop, DropCounter
from net4ai.stack.runs import drop_all

DUPLICATE_WINDOW = 1024
"""PDUs behind the highest COUNT within which a second arrival is recognised."""

MAXIMUM_PDU = DATA_HEADERS_SIZE + 4 * 255 + 60_000
"""Longest PDU in acknowledged mode: the largest segment a session may have, all headers, all extensions."""
WINDOW = 1024
"""PDUs under way in acknowledged mode: 1.4 MB of the usual segments; of larger ones `WINDOW_OCTETS` is the bound."""
MAXIMUM_QUEUED = 4096
"""PDUs waiting in acknowledged mode: more than DEP has under way on a good link with its usual segments."""

_MODULUS = 1 << 32
_WINDOW_MASK = (1 << DUPLICATE_WINDOW) - 1
_STEPS = np.arange(256, dtype=np.uint64)
_COUNT = struct.Struct(">I")
_FIXED = 4
"""Octets of the header before COUNT: the same in all PDUs of a bearer."""


@dataclass(slots=True)
class BearerStatistics:
    """What has arrived on a bearer, by COUNT. Numbers of PDUs; forged PDUs can falsify them."""

    received: int = 0
    """First arrivals."""
    expected: int = 0
    """As many as the highest COUNT tells were sent."""
    duplicates: int = 0
    late: int = 0
    """Too far behind to tell whether they had arrived before."""

    @property
    def lost(self) -> int:
        """Sent and not arrived so far; shrinks when a PDU comes late."""
        return max(0, self.expected - self.received - self.late)


class ComputingBearer:
    """One end of a computing bearer in unacknowledged mode, both directions, on one socket.

    `c_rnti` is the peer identity on fixed links.
    """

    def __init__(
        self,
        *,
        bearer_type: BearerType,
        bearer: int,
        c_rnti: int,
        first_count: int = 0,
        drops: DropCounter | None = None,
    ) -> None:
        self.bearer_type = bearer_type
        self.bearer = bearer
        self.c_rnti = c_rnti
        self.statistics = BearerStatistics()
        self.drops = DropCounter() if drops is None else drops
        header = L2Header(
            is_data=True,
            segmentation=Segmentation.COMPLETE,
            poll=False,
            has_mac=False,
            ciphered=False,
            bearer_type=bearer_type,
            bearer=bearer,
            c_rnti=c_rnti,
            count=0,
        ).to_bytes()
        self._fixed = header[:_FIXED]
        self._template = int.from_bytes(header, "big")
        self._next_count = first_count % _MODULUS
        self._highest = (first_count - 1) % _MODULUS
        self._seen = 0
        """Bit i: the PDU i behind the highest has arrived."""

    # Sending

    def stamp(self, burst: bytearray | memoryview, stride: int) -> None:
        """Write the header, with consecutive COUNT, into the first 8 octets of every segment of `burst`.

        Segments lie `stride` octets apart; only the last may be shorter. Raises `EncodeError` where a header does not
        fit.
        """
        segments = -(-len(burst) // stride) if stride >= L2_HEADER_SIZE else 0
        if not segments or len(burst) - (segments - 1) * stride < L2_HEADER_SIZE:
            raise EncodeError(
                "ComputingBearer",
                "burst",
                f"{len(burst)} octets, stride {stride}",
                f"segments of at least {L2_HEADER_SIZE} octets",
            )
        headers = np.ndarray((segments,), ">u8", burst, 0, (stride,))
        if segments <= len(_STEPS) and self._next_count + segments <= _MODULUS:
            headers[:] = _STEPS[:segments] + (self._template | self._next_count)
        else:
            counts = (np.arange(segments, dtype=np.uint64) + np.uint64(self._next_count)) & np.uint64(_MODULUS - 1)
            headers[:] = counts | np.uint64(self._template)
        self._next_count = (self._next_count + segments) % _MODULUS

    def stamp_one(self, pdu: bytearray | memoryview) -> None:
        """Write the header into the first 8 octets of a single PDU. Raises `EncodeError` when it is shorter."""
        if len(pdu) < L2_HEADER_SIZE:
            raise EncodeError("ComputingBearer", "length of PDU", len(pdu), f"at least {L2_HEADER_SIZE}")
        pdu[:_FIXED] = self._fixed
        _COUNT.pack_into(pdu, _FIXED, self._next_count)
        self._next_count = (self._next_count + 1) % _MODULUS

    # Receiving

    def accept(self, pdu: Buffer) -> bool:
        """The same as `accept_run` for a single PDU."""
        return self.accept_run(pdu, max(1, len(pdu)))

    def accept_run(self, run: Buffer, stride: int) -> bool:
        """Whether whole PDUs, headers included, belong to this bearer; if not they are counted as dropped.

        They are a run by `net4ai.stack.runs.HOP`. A COUNT that has been seen before is a matter of statistics only.
        """
        if len(run) < L2_HEADER_SIZE or run[:_FIXED] != self._fixed:
            reason = self._fault(run)
            if reason is not None:
                drop_all(self.drops, reason, len(run), stride)
                return False
        if len(run) <= stride:
            self._count_arrival(_COUNT.unpack_from(run, _FIXED)[0])
        else:
            self._count_arrivals(run, stride)
        return True

    def _fault(self, pdu: Buffer) -> str | None:
        """What is wrong with a header that is not as usual. A poll or reserved bit alone is nothing wrong."""
        try:
            header, _ = L2Header.read(pdu)
        except DecodeError as error:
            return error.reason
        if (header.bearer_type, header.bearer, header.c_rnti) != (self.bearer_type, self.bearer, self.c_rnti):
            return Drop.WRONG_BEARER
        if header.has_mac:
            return Drop.INTEGRITY_NOT_CONFIGURED
        if not header.is_data:
            return Drop.STATUS_UNEXPECTED
        return None if header.segmentation == Segmentation.COMPLETE else Drop.SEGMENTED

    def _count_arrivals(self, run: Buffer, stride: int) -> None:
        """A run that begins with the next COUNT and ends with that of as many PDUs is taken to have all between."""
        number = -(-len(run) // stride)
        (first,), (last,) = _COUNT.unpack_from(run, _FIXED), _COUNT.unpack_from(run, (number - 1) * stride + _FIXED)
        if first != (self._highest + 1) % _MODULUS or last != first + number - 1:
            for count in np.ndarray((number,), ">u4", run, _FIXED, (stride,)).tolist():
                self._count_arrival(count)
            return
        self._seen = (self._seen << number | (1 << number) - 1) & _WINDOW_MASK
        self._highest = first + number - 1
        self.statistics.expected += number
        self.statistics.received += number

    def _count_arrival(self, count: int) -> None:
        statistics = self.statistics
        ahead = (count - self._highest) % _MODULUS
        if 0 < ahead < _MODULUS // 2:
            self._seen = (self._seen << ahead | 1) & _WINDOW_MASK if ahead < DUPLICATE_WINDOW else 1
            self._highest = count
            statistics.expected += ahead
            statistics.received += 1
            return
        behind = -ahead % _MODULUS
        if behind >= DUPLICATE_WINDOW:
            statistics.late += 1
        elif self._seen >> behind & 1:
            statistics.duplicates += 1
        else:
            self._seen |= 1 << behind
            statistics.received += 1


class AcknowledgedComputingBearer(AcknowledgedBearer):
    """One end of a computing bearer in acknowledged mode, both directions, on one socket.

    Never segments. Where DEP is faster than the bearer its PDUs are dropped, and DEP sends them again. When the peer
    does not answer after all repetitions, `failed` tells, and all that comes after is dropped.
    """

    def __init__(
        self,
        *,
        bearer_type: BearerType,
        bearer: int,
        c_rnti: int,
        first_count: int = 0,
        drops: DropCounter | None = None,
    ) -> None:
        super().__init__(
            bearer_type=bearer_type,
            bearer=bearer,
            c_rnti=c_rnti,
            maximum_pdu=MAXIMUM_PDU,
            window=WINDOW,
            maximum_queued=MAXIMUM_QUEUED,
            segmented=False,
            first_count=first_count,
            drops=drops,
        )

    def send_burst(self, burst: Buffer, stride: int, now: int) -> None:
        """Queue DEP PDUs, `stride` octets apart, each behind 8 octets for the header; only the last may be shorter.

        Raises `EncodeError` for one that is empty or too long.
        """
        view = memoryview(burst)
        for start in range(0, len(view), stride):
            pdu = view[start + L2_HEADER_SIZE : start + stride]
            try:
                self.send(pdu, now)
            except BearerQueueFull:
                self.drops.count(Drop.SEND_QUEUE_FULL, len(pdu))
            except BearerFailed:
                self.drops.count(Drop.BEARER_FAILED, len(pdu))
