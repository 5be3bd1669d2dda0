"""The acknowledged bearer: service data units arrive whole, once and in order, or the bearer says it has failed.

Carries RRC on SRB1 and link signalling on T4 and T8 (bearer type 3, bearer 0). After RLC acknowledged mode
(TS 38.322 5.3), with one simplification: every PDU, also each segment of a service data unit, has a number of its own,
the COUNT of its layer-2 header. SRB0 is not acknowledged: see `net4ai.stack.srb0`.

SRB1 is protected from the security procedures on, as PDCP does it. How each PDU is protected is decided when its
service data unit is given to `send`; repetitions differ in the poll bit, and so in the MAC-I, at most.

Without I/O. After any call take what `datagrams_to_send` and `next_sdu` give, and call `advance` at `next_deadline`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from net4ai.codecs.declaration import Buffer
from net4ai.codecs.errors import DecodeError, EncodeError
from net4ai.codecs.l2 import (
    L2_HEADER,
    L2_HEADER_SIZE,
    VERSION,
    BearerType,
    L2Header,
    MissingRange,
    Segmentation,
    SegmentOffset,
    StatusReport,
)
from net4ai.stack.count import MODULUS, count_after, distance
from net4ai.stack.drops import Drop, DropCounter
from net4ai.stack.retransmission_timeout import MINIMUM_TIMEOUT, RetransmissionTimeout
from net4ai.stack.security.algorithms import MAC_SIZE
from net4ai.stack.security.bearer_protection import BearerProtection, Protection
from net4ai.stack.security.errors import ProtectionError
from net4ai.stack.security.srb_security import SrbSecurity

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

_OFFSET_SIZE = SegmentOffset.fixed_run().size
_RANGE_SIZE = MissingRange.fixed_run().size
_EMPTY_REPORT_SIZE = L2_HEADER_SIZE + 4
_HAS_OFFSET = (Segmentation.MIDDLE, Segmentation.LAST)
_SEGMENTATION = {
    (True, True): Segmentation.COMPLETE,
    (True, False): Segmentation.FIRST,
    (False, False): Segmentation.MIDDLE,
    (False, True): Segmentation.LAST,
}
"""By whether a segment is the first of its service data unit, and the last."""


class BearerError(RuntimeError):
    """Local misuse of a bearer."""


class BearerQueueFull(BearerError):
    """Too much waits to be sent. Nothing was taken: try later or give up."""


class BearerFailed(BearerError):
    """The peer is lost, or COUNT used up; the bearer takes nothing any more."""


@dataclass(slots=True)
class _Segment:
    """A service data unit or a part of it."""

    segmentation: int
    offset: int
    payload: bytes
    protection: Protection


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
        """It takes and sends nothing any more."""
        self.failure: Drop | None = None
        """Why: the peer did not answer after all repetitions, or every COUNT of the key has been used."""
        self.takes_unverified = False
        """Hand up a PDU with a MAC-I that comes before there are keys: a UE needs what is in it to make them."""
        self.verified = False
        """The service data unit that `next_sdu` gave last was verified (with null integrity: security is on)."""
        self._protection = BearerProtection()
        self._maximum_pdu = maximum_pdu
        self._maximum_repetitions = maximum_repetitions
        self._window = window
        self._maximum_queued = maximum_queued
        self._segmented = segmented
        self._maximum_sdu = MAXIMUM_SDU if segmented else maximum_pdu - L2_HEADER_SIZE

        # Queues are lists: short ones, and of a thousand bearers most are empty, where a deque would take 760 octets.
        self._waiting: list[tuple[bytes, Protection]] = []
        self._waiting_octets = 0
        self._cut = 0
        """Octets of the first waiting service data unit that have been cut into PDUs."""
        self._sent: dict[int, _Sent] = {}
        """PDUs not yet acknowledged by COUNT, oldest first."""
        self._sent_octets = 0
        self._since_oldest: list[tuple[int, tuple[bytes, Protection]]] = []
        """Every PDU from the oldest under way on, acknowledged or not: COUNT, and what it is of as it was queued."""
        self._given_up: list[bytes] = []
        self._next_count = first_count % MODULUS
        self._timeout = RetransmissionTimeout()
        self._deadline: int | None = None
        self._expiries = 0

        self._begin_to_receive(first_count % MODULUS)

    def _begin_to_receive(self, first_count: int) -> None:
        self._expected = first_count
        """Oldest COUNT that has not arrived."""
        self._highest = self._expected
        """COUNT behind the highest that has arrived."""
        self._held: dict[int, _Segment] = {}
        """PDUs that wait for an older one."""
        self._held_octets = 0
        self._assembly: bytearray | None = None
        self._assembly_protection = Protection.CLEAR
        self._protected_from = first_count
        """COUNT of the first PDU of the peer that was protected."""
        self._unverified: bytes | None = None
        """A PDU that has come before there were keys; nothing behind it is taken until it is accepted or refused."""
        self._delivered: list[tuple[bytes, bool]] = []
        self._status_due = False
        self._status_count = 0

    # What the owner calls

    def send(self, sdu: Buffer, now: int) -> None:
        """Queue a service data unit of 1 to 65536 octets (not segmented: that fits a PDU); a copy is taken.

        Raises `EncodeError` for another length, `BearerQueueFull`, `BearerFailed`.
        """
        if self.failed:
            raise BearerFailed(f"{self!r}: {self.failure}")
        if not 1 <= len(sdu) <= self._maximum_sdu:
            allowed = f"1 to {self._maximum_sdu}"
            raise EncodeError("AcknowledgedBearer", "length of service data unit", len(sdu), allowed)
        if len(self._waiting) >= self._maximum_queued or self._waiting_octets + len(sdu) > MAXIMUM_QUEUED_OCTETS:
            raise BearerQueueFull(
                f"{self!r}: {len(self._waiting)} service data units of {self._waiting_octets} octets wait; "
                f"allowed: {self._maximum_queued} of {MAXIMUM_QUEUED_OCTETS} octets"
            )
        self._waiting.append((bytes(sdu), self._protection.sending))
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
        if self._status_due and self._status_count == MODULUS:
            self._fail(Drop.COUNT_EXHAUSTED)
        datagrams = [self._status_pdu()] if self._status_due else []
        self._cut_waiting()
        wanted = [(count, sent) for count, sent in self._sent.items() if sent.wanted]
        if any(sent.transmissions > self._maximum_repetitions for _, sent in wanted):
            self._fail(Drop.PEER_LOST)
        if self.failed:
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
        if not self._delivered:
            return None
        sdu, self.verified = self._delivered.pop(0)
        return sdu

    def next_deadline(self) -> int | None:
        """When to call `advance`, in nanoseconds; None while nothing is under way."""
        return self._deadline

    def advance(self, now: int) -> None:
        """Time has come to `now`. When the poll timer has expired, the newest PDU is sent again with a poll."""
        if self._deadline is None or now < self._deadline:
            return
        self._expiries += 1
        if self._expiries > self._maximum_repetitions:
            self._fail(Drop.PEER_LOST)
            return
        self._timeout.expired()
        self._deadline = now + self._timeout.value
        # The newest: the answer then tells about all of them (TS 38.322 5.3.3.4).
        self._sent[next(reversed(self._sent))].wanted = True

    @property
    def idle(self) -> bool:
        """Nothing waits, nothing is under way, nothing is half received."""
        sending = self._waiting or self._sent or self._status_due
        return not (sending or self._held or self._delivered or self._assembly or self._unverified)

    @property
    def all_acknowledged(self) -> bool:
        """The peer has everything that was given to `send`. What it sends itself may still be on its way."""
        return not (self._waiting or self._sent)

    @property
    def unacknowledged(self) -> list[bytes]:
        """Service data units the peer has perhaps not delivered, oldest first: the first that is not acknowledged as a
        whole, and all behind it. Also of a bearer that has failed: for its successor.
        """
        queued = [*(of for _, of in self._since_oldest), *self._waiting]
        # A service data unit in several PDUs is there several times in a row, the last time still waiting perhaps.
        once = [of for number, of in enumerate(queued) if number == 0 or of is not queued[number - 1]]
        return [*self._given_up, *(sdu for sdu, _ in once)]

    def __repr__(self) -> str:
        kind = getattr(self.bearer_type, "name", self.bearer_type)
        return f"AcknowledgedBearer({kind} {self.bearer}, C-RNTI {self.c_rnti})"

    def give_up(self) -> None:
        """The radio link is known to have failed: the bearer has failed too."""
        if not self.failed:
            self._fail(Drop.PEER_LOST)

    # Security

    def start_security(self, security: SrbSecurity, required: bool = False) -> None:
        """What is sent from now on carries a MAC-I, in clear; what comes with one is verified.

        `required`: what comes without is dropped at once (re-establishment), otherwise from the first verified PDU on
        (the RAN node before it sends Security Mode Command). With null integrity nothing changes but `verified`.
        """
        self._protection.start(security, required)
        self._protected_from = self._expected

    @property
    def protects(self) -> bool:
        """What is sent now carries a MAC-I."""
        return self._protection.sending is not Protection.CLEAR

    def start_ciphering(self) -> None:
        """What is sent from now on is enciphered too."""
        self._protection.start_ciphering()

    def stop_security(self) -> None:
        """Send and take in clear again: the UE has answered Security Mode Failure."""
        self._protection.stop()

    def unverified_sdu(self) -> bytes | None:
        """The service data unit with a MAC-I that came before there were keys, once all older ones have been taken.

        Answer with `accept_unverified` or `refuse_unverified`; until then nothing that follows is delivered.
        """
        if self._unverified is None or self._delivered:
            return None
        return self._unverified[L2_HEADER_SIZE:-MAC_SIZE]

    def accept_unverified(self, security: SrbSecurity) -> bool:
        """Verify it with these keys. Right: security starts here, in both directions (see `start_security`), and all
        that follows must be protected and enciphered. Wrong: it is dropped, as by `refuse_unverified`.

        Raises `BearerError` when there is none.
        """
        pdu = self._take_unverified()
        header, _ = L2Header.read(pdu)
        head, body = pdu[:L2_HEADER_SIZE], pdu[L2_HEADER_SIZE:]
        payload = security.unprotect(head, body, header.count, self.bearer, ciphered=False)
        if payload is None:
            self.drops.count(Drop.INTEGRITY_FAILURE, len(pdu))
        else:
            self._protection.start(security, required=True)
            self._took_first(header.count)
        self._take_held()
        return payload is not None

    def refuse_unverified(self) -> None:
        """The service data unit is not taken; all goes on without security. Raises `BearerError` when there is none."""
        self._take_unverified()
        self._take_held()

    def _take_unverified(self) -> bytes:
        pdu, self._unverified = self._unverified, None
        if pdu is None:
            raise BearerError(f"{self!r}: no unverified service data unit waits")
        return pdu

    def _took_first(self, first: int) -> None:
        """The first protected PDU was taken: what came behind it in clear was forged, and has not arrived."""
        self._protection.took_first()
        self._protected_from = first
        for count in [count for count, held in self._held.items() if not held.protection]:
            forged = self._held.pop(count)
            self._held_octets -= len(forged.payload)
            self.drops.count(Drop.NOT_PROTECTED, len(forged.payload))
        newest = max((distance(count, self._expected) for count in self._held), default=-1)
        self._highest = (self._expected + newest + 1) % MODULUS

    # Sending

    def _cut_waiting(self) -> None:
        """Make PDUs out of waiting service data units while the window has room."""
        oldest = next(iter(self._sent), self._next_count)
        while self._waiting and distance(self._next_count, oldest) < self._window and self._sent_octets < WINDOW_OCTETS:
            of, start = self._waiting[0], self._cut
            sdu, protection = of
            if self._next_count == MODULUS:
                self._fail(Drop.COUNT_EXHAUSTED)
                return
            room = self._maximum_pdu - L2_HEADER_SIZE - (_OFFSET_SIZE if start else 0) - protection.size
            end = min(start + room, len(sdu))
            segmentation = _SEGMENTATION[start == 0, end == len(sdu)]
            self._sent[self._next_count] = _Sent(_Segment(segmentation, start, sdu[start:end], protection))
            self._since_oldest.append((self._next_count, of))
            self._sent_octets += end - start
            self._next_count = count_after(self._next_count, bool(protection))
            self._cut = end
            if end == len(sdu):
                self._waiting.pop(0)
                self._waiting_octets -= len(sdu)
                self._cut = 0

    def _header(
        self, count: int, protection: Protection, *, is_data: bool = True, segmentation: int = 0, poll: bool = False
    ) -> bytes:
        has_mac, ciphered = protection is not Protection.CLEAR, protection is Protection.INTEGRITY_AND_CIPHERING
        whose = self.bearer_type, self.bearer, self.c_rnti
        return L2_HEADER.pack(VERSION, is_data, segmentation, poll, has_mac, ciphered, *whose, count)

    def _data_pdu(self, count: int, segment: _Segment, poll: bool) -> bytes:
        head = self._header(count, segment.protection, segmentation=segment.segmentation, poll=poll)
        if segment.segmentation in _HAS_OFFSET:
            head += SegmentOffset(offset=segment.offset).to_bytes()
        return self._protection.protect(head, segment.payload, count, self.bearer, segment.protection)

    def _status_pdu(self) -> bytes:
        """Status reports have a COUNT of their own. They are integrity protected, and never enciphered."""
        self._status_due = False
        protection = min(self._protection.sending, Protection.INTEGRITY)
        missing: list[bytes] = []
        next_count = self._highest
        most = min(MAXIMUM_MISSING_RANGES, (self._maximum_pdu - _EMPTY_REPORT_SIZE - protection.size) // _RANGE_SIZE)
        for first, length in self._gaps():
            if len(missing) == most:
                next_count = first
                break
            missing.append(MissingRange(first=first, length=length).to_bytes())
        count, self._status_count = self._status_count, count_after(self._status_count, bool(protection))
        report = StatusReport(next_count=next_count, missing=b"".join(missing)).to_bytes()
        head = self._header(count, protection, is_data=False)
        return self._protection.protect(head, report, count, self.bearer, protection)

    def _fail(self, reason: Drop) -> None:
        self._given_up = self.unacknowledged
        self._since_oldest.clear()
        self.failed = True
        self.failure = reason
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
        self._unverified = None

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
            if header.has_mac and self.takes_unverified and self._protection.security is None:
                return self._receive_unverified(header, pdu)
            if self._is_older_than_security(header):
                self._status_due |= header.poll
                return Drop.DUPLICATE
            offset = 0
            if header.is_data and header.segmentation in _HAS_OFFSET:
                segment_offset, start = SegmentOffset.read(pdu, start)
                offset = segment_offset.offset
            payload, protection = self._protection.unprotect(header, pdu[:start], pdu[start:])
            if not header.is_data:
                report = StatusReport.from_bytes(payload)
                return self._receive_status(report, report.missing_ranges(), now)
        except (DecodeError, ProtectionError) as error:
            return error.reason
        if not payload:
            return Drop.PDU_EMPTY
        if header.segmentation != Segmentation.COMPLETE and not self._segmented:
            return Drop.SEGMENTED
        return self._receive_data(header, _Segment(header.segmentation, offset, payload, protection))

    def _receive_unverified(self, header: L2Header, pdu: Buffer) -> str | None:
        """A MAC-I without keys. Taken when it is next, whole, in clear and the only one; else its sender repeats it."""
        ahead = distance(header.count, self._expected)
        if not header.is_data or not -self._window <= ahead < self._window:
            return Drop.INTEGRITY_NOT_CONFIGURED
        # Its sender must hear that it, and what is before it, is still missed.
        if distance(header.count, self._highest) >= 0:
            self._highest = (header.count + 1) % MODULUS
        self._status_due |= header.poll
        if ahead < 0:
            return Drop.DUPLICATE
        whole = header.segmentation == Segmentation.COMPLETE and not header.ciphered
        busy = self._assembly is not None or self._unverified is not None
        if ahead or busy or not whole or len(pdu) <= L2_HEADER_SIZE + MAC_SIZE:
            return Drop.INTEGRITY_NOT_CONFIGURED
        self._unverified = bytes(pdu)
        self._expected = count_after(self._expected, protected=True)
        return None

    def _is_older_than_security(self, header: L2Header) -> bool:
        """A PDU in clear that has arrived before security started. Its sender has not heard it yet."""
        if header.has_mac or not header.is_data or not self._protection.required:
            return False
        behind = -self._window <= distance(header.count, self._expected) < 0
        return behind and distance(header.count, self._protected_from) < 0

    def _receive_data(self, header: L2Header, segment: _Segment) -> str | None:
        ahead = distance(header.count, self._expected)
        if not -self._window <= ahead < self._window:
            return Drop.OUT_OF_WINDOW
        if self._protection.required and ahead >= 0 and header.count < self._expected:
            return Drop.REPLAY
        if ahead < 0 or header.count in self._held:
            # Our answer to this one may have been lost.
            self._status_due |= header.poll
            return Drop.DUPLICATE
        if segment.protection is Protection.INTEGRITY and self._protection.ciphering_required:
            return Drop.NOT_CIPHERED
        no_room = ahead > 0 and self._held_octets >= WINDOW_OCTETS
        if no_room or len(self._delivered) >= MAXIMUM_DELIVERED_SDUS:
            return Drop.RECEIVE_QUEUE_FULL
        behind_highest = distance(header.count, self._highest)
        if behind_highest >= 0:
            self._highest = (header.count + 1) % MODULUS
        self._status_due |= header.poll or behind_highest > 0
        self._held[header.count] = segment
        self._held_octets += len(segment.payload)
        self._take_held()
        return None

    def _take_held(self) -> None:
        """Take what is next, in order."""
        while self._unverified is None and (arrived := self._held.pop(self._expected, None)) is not None:
            self._held_octets -= len(arrived.payload)
            count, self._expected = self._expected, count_after(self._expected, bool(arrived.protection))
            if arrived.protection and not self._protection.took_one:
                self._took_first(count)
            self._assemble(arrived)

    def _assemble(self, segment: _Segment) -> None:
        """Take the next segment in order. A peer that segments wrongly loses the service data unit, not the bearer."""
        begins = segment.segmentation in (Segmentation.COMPLETE, Segmentation.FIRST)
        done = b"" if self._assembly is None else self._assembly
        continues = segment.offset == len(done) and (begins or segment.protection is self._assembly_protection)
        if begins != (self._assembly is None) or not continues:
            self.drops.count(Drop.SEGMENT_OUT_OF_ORDER, len(done))
            self._assembly = None
            if not begins:
                return
        if self._assembly is None:
            self._assembly, self._assembly_protection = bytearray(), segment.protection
        if len(self._assembly) + len(segment.payload) > MAXIMUM_SDU:
            self.drops.count(Drop.SDU_TOO_LONG, len(self._assembly))
            self._assembly = None
            return
        self._assembly += segment.payload
        if segment.segmentation in (Segmentation.COMPLETE, Segmentation.LAST):
            self._delivered.append((bytes(self._assembly), bool(segment.protection) or self._protection.null))
            self._assembly = None

    def _gaps(self) -> Iterator[tuple[int, int]]:
        """(first, length) of runs that have not arrived, below the highest that has."""
        first = self._expected
        for count in [*sorted(self._held, key=lambda held: distance(held, self._expected)), self._highest]:
            length = distance(count, first)
            if length > 0:
                yield first, length
            first = (count + 1) % MODULUS

    def _receive_status(self, report: StatusReport, missing: list[MissingRange], now: int) -> str | None:
        oldest = next(iter(self._sent), self._next_count)
        reported = distance(report.next_count, oldest)
        if reported > distance(self._next_count, oldest) or reported < -self._window:
            return Drop.STALE_STATUS
        lost: set[int] = set()
        for gap in missing:
            first = distance(gap.first, oldest)
            # Clipped to what is under way: a range may name 65535 PDUs.
            clipped = range(max(first, 0), min(first + gap.length, reported))
            if not clipped:
                return Drop.STALE_STATUS
            lost.update(clipped)
        newest: _Sent | None = None
        for position, count in [(distance(count, oldest), count) for count in self._sent]:
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
            oldest = next(iter(self._sent), self._next_count)
            while self._since_oldest and distance(self._since_oldest[0][0], oldest) < 0:
                self._since_oldest.pop(0)
        return None

    def _repeat(self, sent: _Sent, now: int) -> None:
        """The peer misses a PDU. One repeated less than a round trip ago may still be on its way."""
        round_trip = MINIMUM_TIMEOUT if self._timeout.smoothed is None else self._timeout.smoothed
        on_its_way = sent.transmissions > 1 and now - sent.last_sent < round_trip
        sent.wanted = sent.wanted or not on_its_way
