"""The acknowledged bearer: service data units arrive whole, once and in order, or the bearer says it has failed.

Carries RRC on SRB1 and link signalling on T4 and T8 (bearer type 3, bearer 0). After RLC acknowledged mode
(TS 38.322 5.3), with one simplification: every PDU, also each segment of a service data unit, has a number of its own,
the COUNT of its layer-2 header. SRB0 is not acknowledged: see `srb0_pdu` and `srb0_sdu`.

Without I/O. After any call take what `datagrams_to_send` and `next_sdu` give, and call `advance` at `next_deadline`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

from net4ai.codecs.declaration import Buffer
from net4ai.codecs.errors import DecodeError, EncodeError
from net4ai.codecs.l2 import (
    L2_HEADER_SIZE,
    BearerType,
    L2Header,
    MissingRange,
    Segmentation,
    SegmentOffset,
    StatusReport,
)
from net4ai.stack.drops import Drop, DropCounter

MAXIMUM_SDU = 65536
"""Longest service data unit, in octets."""
MAXIMUM_PDU = 1400
"""Longest PDU with its header, unless told otherwise, in octets."""
MINIMUM_PDU = 64
WINDOW = 128
"""PDUs that may be under way, and that a receiver accepts ahead of the oldest missing one, unless told otherwise."""
WINDOW_OCTETS = 4 << 20
"""Octets that may be under way, and that a receiver holds while an older PDU is missing."""
MAXIMUM_MISSING_RANGES = 64
"""Missing ranges in one status report: as many gaps as the usual window can have. Of more it reports the oldest."""
MAXIMUM_QUEUED_SDUS = 512
"""Service data units waiting to be sent."""
MAXIMUM_QUEUED_OCTETS = 4 << 20
"""Octets waiting to be sent."""
MAXIMUM_DELIVERED_SDUS = 512
"""Service data units waiting to be taken; beyond that nothing new is accepted."""
MAXIMUM_REPETITIONS = 24
"""Transmissions of one PDU, or expiries of the poll timer in a row, after which the peer is lost (maxRetxThreshold)."""

MILLISECOND = 1_000_000
INITIAL_TIMEOUT = 200 * MILLISECOND
"""Poll timer before the round-trip time is known, in nanoseconds."""
MINIMUM_TIMEOUT = 50 * MILLISECOND
MAXIMUM_TIMEOUT = 1000 * MILLISECOND
"""Bound of the back-off. Only a longer round-trip time makes the poll timer longer."""

PATIENT_EXPIRIES = 2
"""Expiries of the poll timer in a row before the back-off begins."""

_MAXIMUM_EXPIRIES = 16
_MODULUS = 1 << 32
_OFFSET_SIZE = SegmentOffset.fixed_run().size
_RANGE_SIZE = MissingRange.fixed_run().size
_EMPTY_REPORT_SIZE = L2_HEADER_SIZE + 4
_HAS_OFFSET = (Segmentation.MIDDLE, Segmentation.LAST)


class BearerError(RuntimeError):
    """Local misuse of a bearer."""


class BearerQueueFull(BearerError):
    """Too much waits to be sent. Nothing was taken: try later or give up."""


class BearerFailed(BearerError):
    """The peer is lost; the bearer takes nothing any more."""


def _ahead(count: int, base: int) -> int:
    """How far `count` is ahead of `base`; negative when it is behind. Both wrap at 2^32."""
    return ((count - base + _MODULUS // 2) % _MODULUS) - _MODULUS // 2


class RetransmissionTimeout:
    """How long to wait for an answer, in nanoseconds: RFC 6298, made for links with heavy loss.

    The minimum is smaller, and a few expiries in a row are taken for bad luck before the back-off begins.
    """

    def __init__(self) -> None:
        self.smoothed: int | None = None
        """Smoothed round-trip time; None: not measured yet."""
        self._variation = 0
        self._expiries = 0

    @property
    def value(self) -> int:
        smoothed = self.smoothed
        base = INITIAL_TIMEOUT if smoothed is None else max(MINIMUM_TIMEOUT, smoothed + 4 * self._variation)
        return max(base, min(base << max(0, self._expiries - PATIENT_EXPIRIES), MAXIMUM_TIMEOUT))

    def expired(self) -> None:
        """Nothing came."""
        self._expiries = min(self._expiries + 1, _MAXIMUM_EXPIRIES)

    def measured(self, sample: int) -> None:
        """The answer to a PDU that was sent once took `sample`."""
        if self.smoothed is None:
            self.smoothed, self._variation = sample, sample // 2
        else:
            self._variation += (abs(self.smoothed - sample) - self._variation) // 4
            self.smoothed += (sample - self.smoothed) // 8
        self._expiries = 0

    def answered(self) -> None:
        """An answer to one of several transmissions. To which is unknown, so it measures nothing (Karn).

        While no round trip has been measured the back-off stays, lest the timeout remain shorter than one for ever.
        """
        if self.smoothed is not None:
            self._expiries = 0


@dataclass(slots=True)
class _Segment:
    """A service data unit or a part of it."""

    segmentation: int
    offset: int
    payload: bytes


@dataclass(slots=True)
class _Sent:
    """A PDU under way."""

    segment: _Segment
    transmissions: int = 0
    last_sent: int = 0
    wanted: bool = True
    """To be sent (again) with the next datagrams."""


class AcknowledgedBearer:
    """One end of an acknowledged bearer, both directions.

    `c_rnti` is the peer identity on fixed links. `first_count` is the COUNT of the first PDU in both directions; both
    ends must agree. PDUs are at most `maximum_pdu` octets with their header, in both directions. `window` must
    be the same at both ends. Not `segmented`: each service data unit is one PDU, and what is longer is refused.
    """

    def __init__(
        self,
        *,
        bearer_type: BearerType,
        bearer: int,
        c_rnti: int,
        maximum_pdu: int = MAXIMUM_PDU,
        maximum_repetitions: int = MAXIMUM_REPETITIONS,
        window: int = WINDOW,
        maximum_queued: int = MAXIMUM_QUEUED_SDUS,
        segmented: bool = True,
        first_count: int = 0,
        drops: DropCounter | None = None,
    ) -> None:
        if not MINIMUM_PDU <= maximum_pdu <= 65507:
            raise EncodeError("AcknowledgedBearer", "maximum_pdu", maximum_pdu, f"{MINIMUM_PDU} to 65507")
        self.bearer_type = bearer_type
        self.bearer = bearer
        self.c_rnti = c_rnti
        self.drops = DropCounter() if drops is None else drops
        self.failed = False
        """The peer is lost: it did not answer after all repetitions."""
        self._maximum_pdu = maximum_pdu
        self._maximum_repetitions = maximum_repetitions
        self._window = window
        self._maximum_queued = maximum_queued
        self._segmented = segmented
        self._maximum_sdu = MAXIMUM_SDU if segmented else maximum_pdu - L2_HEADER_SIZE

        self._waiting: deque[bytes] = deque()
        self._waiting_octets = 0
        self._cut = 0
        """Octets of the first waiting service data unit that have been cut into PDUs."""
        self._sent: dict[int, _Sent] = {}
        """PDUs not yet acknowledged by COUNT, oldest first."""
        self._sent_octets = 0
        self._next_count = first_count % _MODULUS
        self._timeout = RetransmissionTimeout()
        self._deadline: int | None = None
        self._expiries = 0

        self._expected = first_count % _MODULUS
        """Oldest COUNT that has not arrived."""
        self._highest = self._expected
        """COUNT behind the highest that has arrived."""
        self._held: dict[int, _Segment] = {}
        """PDUs that wait for an older one."""
        self._held_octets = 0
        self._assembly: bytearray | None = None
        self._delivered: deque[bytes] = deque()
        self._status_due = False
        self._status_count = 0

    # What the owner calls

    def send(self, sdu: Buffer, now: int) -> None:
        """Queue a service data unit of 1 to 65536 octets (not segmented: that fits a PDU); a copy is taken.

        Raises `EncodeError` for another length, `BearerQueueFull`, `BearerFailed`.
        """
        if self.failed:
            raise BearerFailed(f"{self!r}: the peer is lost")
        if not 1 <= len(sdu) <= self._maximum_sdu:
            allowed = f"1 to {self._maximum_sdu}"
            raise EncodeError("AcknowledgedBearer", "length of service data unit", len(sdu), allowed)
        if len(self._waiting) >= self._maximum_queued or self._waiting_octets + len(sdu) > MAXIMUM_QUEUED_OCTETS:
            raise BearerQueueFull(
                f"{self!r}: {len(self._waiting)} service data units of {self._waiting_octets} octets wait; "
                f"allowed: {self._maximum_queued} of {MAXIMUM_QUEUED_OCTETS} octets"
            )
        self._waiting.append(bytes(sdu))
        self._waiting_octets += len(sdu)

    def receive(self, pdu: Buffer, now: int) -> None:
        """A whole layer-2 PDU, header included, has arrived. Never raises: what is wrong is dropped and counted."""
        reason = self._receive(pdu, now)
        if reason is not None:
            self.drops.count(reason, len(pdu))

    def datagrams_to_send(self, now: int) -> list[bytes]:
        """PDUs to send now, each a datagram: a status report, repetitions, then new data."""
        if self.failed:
            return []
        datagrams = [self._status_pdu()] if self._status_due else []
        self._cut_waiting()
        wanted = [(count, sent) for count, sent in self._sent.items() if sent.wanted]
        if any(sent.transmissions > self._maximum_repetitions for _, sent in wanted):
            self._fail()
            return []
        for index, (count, sent) in enumerate(wanted):
            sent.wanted = False
            sent.transmissions += 1
            sent.last_sent = now
            datagrams.append(self._data_pdu(count, sent.segment, poll=index == len(wanted) - 1))
        if wanted and self._deadline is None:
            self._deadline = now + self._timeout.value
        return datagrams

    def next_sdu(self) -> bytes | None:
        """The next service data unit of the peer: in order, each once."""
        return self._delivered.popleft() if self._delivered else None

    def next_deadline(self) -> int | None:
        """When to call `advance`, in nanoseconds; None while nothing is under way."""
        return self._deadline

    def advance(self, now: int) -> None:
        """Time has come to `now`. When the poll timer has expired, the newest PDU is sent again with a poll."""
        if self._deadline is None or now < self._deadline:
            return
        self._expiries += 1
        if self._expiries > self._maximum_repetitions:
            self._fail()
            return
        self._timeout.expired()
        self._deadline = now + self._timeout.value
        # The newest: the answer then tells about all of them (TS 38.322 5.3.3.4).
        self._sent[next(reversed(self._sent))].wanted = True

    @property
    def idle(self) -> bool:
        """Nothing waits, nothing is under way, nothing is half received."""
        return not (self._waiting or self._sent or self._held or self._delivered or self._assembly or self._status_due)

    def __repr__(self) -> str:
        kind = getattr(self.bearer_type, "name", self.bearer_type)
        return f"AcknowledgedBearer({kind} {self.bearer}, C-RNTI {self.c_rnti})"

    # Sending

    def _cut_waiting(self) -> None:
        """Make PDUs out of waiting service data units while the window has room."""
        oldest = next(iter(self._sent), self._next_count)
        while self._waiting and _ahead(self._next_count, oldest) < self._window and self._sent_octets < WINDOW_OCTETS:
            sdu, start = self._waiting[0], self._cut
            room = self._maximum_pdu - L2_HEADER_SIZE - (_OFFSET_SIZE if start else 0)
            end = min(start + room, len(sdu))
            segmentation = {
                (True, True): Segmentation.COMPLETE,
                (True, False): Segmentation.FIRST,
                (False, False): Segmentation.MIDDLE,
                (False, True): Segmentation.LAST,
            }[start == 0, end == len(sdu)]
            self._sent[self._next_count] = _Sent(_Segment(segmentation, start, sdu[start:end]))
            self._sent_octets += end - start
            self._next_count = (self._next_count + 1) % _MODULUS
            self._cut = end
            if end == len(sdu):
                self._waiting.popleft()
                self._waiting_octets -= len(sdu)
                self._cut = 0

    def _header(self, count: int, *, is_data: bool, segmentation: int = Segmentation.COMPLETE, poll: bool) -> bytes:
        return L2Header(
            is_data=is_data,
            segmentation=segmentation,
            poll=poll,
            has_mac=False,
            ciphered=False,
            bearer_type=self.bearer_type,
            bearer=self.bearer,
            c_rnti=self.c_rnti,
            count=count,
        ).to_bytes()

    def _data_pdu(self, count: int, segment: _Segment, poll: bool) -> bytes:
        header = self._header(count, is_data=True, segmentation=segment.segmentation, poll=poll)
        offset = SegmentOffset(offset=segment.offset).to_bytes() if segment.segmentation in _HAS_OFFSET else b""
        return header + offset + segment.payload

    def _status_pdu(self) -> bytes:
        """Status reports have a COUNT of their own: it numbers them, and is free for integrity protection to use."""
        self._status_due = False
        missing: list[bytes] = []
        next_count = self._highest
        most = min(MAXIMUM_MISSING_RANGES, (self._maximum_pdu - _EMPTY_REPORT_SIZE) // _RANGE_SIZE)
        for first, length in self._gaps():
            if len(missing) == most:
                next_count = first
                break
            missing.append(MissingRange(first=first, length=length).to_bytes())
        header = self._header(self._status_count, is_data=False, poll=False)
        self._status_count = (self._status_count + 1) % _MODULUS
        return header + StatusReport(next_count=next_count, missing=b"".join(missing)).to_bytes()

    def _fail(self) -> None:
        self.failed = True
        self._deadline = None
        self._status_due = False
        self._waiting.clear()
        self._waiting_octets = 0
        self._cut = 0
        self._sent.clear()
        self._sent_octets = 0
        self._held.clear()
        self._held_octets = 0
        self._assembly = None

    # Receiving. Each gives the reason of a drop, or None.

    def _receive(self, pdu: Buffer, now: int) -> str | None:
        if self.failed:
            return Drop.BEARER_FAILED
        if len(pdu) > self._maximum_pdu:
            return Drop.PDU_TOO_LONG
        try:
            header, start = L2Header.read(pdu)
            if (header.bearer_type, header.bearer, header.c_rnti) != (self.bearer_type, self.bearer, self.c_rnti):
                return Drop.WRONG_BEARER
            if header.has_mac:
                return Drop.INTEGRITY_NOT_CONFIGURED
            if not header.is_data:
                report = StatusReport.from_bytes(pdu[start:])
                return self._receive_status(report, report.missing_ranges(), now)
            offset = 0
            if header.segmentation in _HAS_OFFSET:
                segment_offset, start = SegmentOffset.read(pdu, start)
                offset = segment_offset.offset
        except DecodeError as error:
            return error.reason
        if start == len(pdu):
            return Drop.PDU_EMPTY
        if header.segmentation != Segmentation.COMPLETE and not self._segmented:
            return Drop.SEGMENTED
        return self._receive_data(header, _Segment(header.segmentation, offset, bytes(pdu[start:])))

    def _receive_data(self, header: L2Header, segment: _Segment) -> str | None:
        ahead = _ahead(header.count, self._expected)
        if not -self._window <= ahead < self._window:
            return Drop.OUT_OF_WINDOW
        if ahead < 0 or header.count in self._held:
            # Our answer to this one may have been lost.
            self._status_due |= header.poll
            return Drop.DUPLICATE
        no_room = ahead > 0 and self._held_octets >= WINDOW_OCTETS
        if no_room or len(self._delivered) >= MAXIMUM_DELIVERED_SDUS:
            return Drop.RECEIVE_QUEUE_FULL
        behind_highest = _ahead(header.count, self._highest)
        if behind_highest >= 0:
            self._highest = (header.count + 1) % _MODULUS
        self._status_due |= header.poll or behind_highest > 0
        self._held[header.count] = segment
        self._held_octets += len(segment.payload)
        while (arrived := self._held.pop(self._expected, None)) is not None:
            self._expected = (self._expected + 1) % _MODULUS
            self._held_octets -= len(arrived.payload)
            self._assemble(arrived)
        return None

    def _assemble(self, segment: _Segment) -> None:
        """Take the next segment in order. A peer that segments wrongly loses the service data unit, not the bearer."""
        begins = segment.segmentation in (Segmentation.COMPLETE, Segmentation.FIRST)
        done = b"" if self._assembly is None else self._assembly
        if begins != (self._assembly is None) or segment.offset != len(done):
            self.drops.count(Drop.SEGMENT_OUT_OF_ORDER, len(done))
            self._assembly = None
            if not begins:
                return
        if self._assembly is None:
            self._assembly = bytearray()
        if len(self._assembly) + len(segment.payload) > MAXIMUM_SDU:
            self.drops.count(Drop.SDU_TOO_LONG, len(self._assembly))
            self._assembly = None
            return
        self._assembly += segment.payload
        if segment.segmentation in (Segmentation.COMPLETE, Segmentation.LAST):
            self._delivered.append(bytes(self._assembly))
            self._assembly = None

    def _gaps(self) -> Iterator[tuple[int, int]]:
        """(first, length) of runs that have not arrived, below the highest that has."""
        first = self._expected
        for count in [*sorted(self._held, key=lambda held: _ahead(held, self._expected)), self._highest]:
            length = _ahead(count, first)
            if length > 0:
                yield first, length
            first = (count + 1) % _MODULUS

    def _receive_status(self, report: StatusReport, missing: list[MissingRange], now: int) -> str | None:
        oldest = next(iter(self._sent), self._next_count)
        reported = _ahead(report.next_count, oldest)
        if reported > _ahead(self._next_count, oldest) or reported < -self._window:
            return Drop.STALE_STATUS
        lost: set[int] = set()
        for gap in missing:
            first = _ahead(gap.first, oldest)
            # Clipped to what is under way: a range may name 65535 PDUs.
            clipped = range(max(first, 0), min(first + gap.length, reported))
            if not clipped:
                return Drop.STALE_STATUS
            lost.update(clipped)
        newest: _Sent | None = None
        for position, count in [(_ahead(count, oldest), count) for count in self._sent]:
            if position >= reported:
                break
            if position in lost:
                self._repeat(self._sent[count], now)
                continue
            acknowledged = self._sent.pop(count)
            self._sent_octets -= len(acknowledged.segment.payload)
            if newest is None or acknowledged.last_sent >= newest.last_sent:
                newest = acknowledged
        self._expiries = 0
        if newest is not None:
            if newest.transmissions == 1:
                self._timeout.measured(now - newest.last_sent)
            else:
                self._timeout.answered()
            self._deadline = now + self._timeout.value if self._sent else None
        return None

    def _repeat(self, sent: _Sent, now: int) -> None:
        """The peer misses a PDU. One repeated less than a round trip ago may still be on its way."""
        on_its_way = sent.transmissions > 1 and now - sent.last_sent < (self._timeout.smoothed or 0)
        sent.wanted = sent.wanted or not on_its_way


# ---------------------------------------------------------------------------------------------------------------------
# SRB0


def srb0_pdu(sdu: Buffer) -> bytes:
    """The PDU of an SRB0 message: unacknowledged, whole, C-RNTI 0, COUNT 0; repeated by the procedure's timer.

    Raises `EncodeError` when it does not fit one PDU.
    """
    allowed = MAXIMUM_PDU - L2_HEADER_SIZE
    if not 1 <= len(sdu) <= allowed:
        raise EncodeError("SRB0", "length of service data unit", len(sdu), f"1 to {allowed}")
    return _SRB0_HEADER + bytes(sdu)


def srb0_sdu(pdu: Buffer) -> bytes:
    """The message in an SRB0 PDU. Raises `DecodeError` when it is not one."""
    header, start = L2Header.read(pdu)
    if (header.bearer_type, header.bearer, header.c_rnti) != (BearerType.SRB, 0, 0):
        raise DecodeError("SRB0", Drop.WRONG_BEARER, f"type {header.bearer_type}, bearer {header.bearer}")
    if header.has_mac:
        raise DecodeError("SRB0", Drop.INTEGRITY_NOT_CONFIGURED)
    if not header.is_data or header.segmentation != Segmentation.COMPLETE:
        raise DecodeError("SRB0", Drop.SEGMENTED, "SRB0 carries whole messages only")
    if len(pdu) > MAXIMUM_PDU:
        raise DecodeError("SRB0", Drop.PDU_TOO_LONG, f"{len(pdu)} octets, allowed {MAXIMUM_PDU}")
    if start == len(pdu):
        raise DecodeError("SRB0", Drop.PDU_EMPTY)
    return bytes(pdu[start:])


_SRB0_HEADER = L2Header(
    is_data=True,
    segmentation=Segmentation.COMPLETE,
    poll=False,
    has_mac=False,
    ciphered=False,
    bearer_type=BearerType.SRB,
    bearer=0,
    c_rnti=0,
    count=0,
).to_bytes()
