"""Who sends next on a hop, in one direction: logical channel prioritisation of TS 38.321 5.4.3.1, and more.

DATA of computing radio bearers waits here while the hop has a rate, or anything on it a ceiling:

    scheduler.queue(bearer, burst, stride, now)
    for bearer, cut in scheduler.take(now): ...        # what may be sent now
    scheduler.next_deadline()                          # when to ask again

Who is served, as long as the radio gives octets: first bearers below their guaranteed bit rate, then bearers below
their prioritised bit rate, then whoever has something; each time by priority, among equals by octets served. Nobody
exceeds a ceiling: the maximum bit rate of a flow; of sessions, and of the UE, the aggregate maximum bit rate (AMBR) of
all flows without a guarantee. Sessions that share a bearer take turns (deficit round robin).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

from net4ai.codecs.common import QosProfile
from net4ai.codecs.declaration import Buffer
from net4ai.codecs.dep import DEP_HEADER_SIZE
from net4ai.codecs.five_qi import characteristics
from net4ai.codecs.l2 import L2_HEADER_SIZE
from net4ai.stack.drops import Drop, DropCounter
from net4ai.stack.qos.flow_queue import HANDLE_AT, MARK_AT, QFI_MASK, Cut, FlowQueue, mark_congestion
from net4ai.stack.qos.token_bucket import TokenBucket
from net4ai.stack.qos.violations import FlowWatch, Violation
from net4ai.stack.units import KILOBIT, MILLISECOND, SECOND

SLOT = MILLISECOND
"""Who waits for the radio or a ceiling is looked at again after so long, at the earliest: a slot of the radio."""
RADIO_BURST = 4 * SLOT
"""What the radio gives and nobody takes is there for so long: a process does not wake to the nanosecond."""
BURST = 50 * MILLISECOND
"""A flow, session or UE that was silent may send what its guarantee or its ceiling gives in this time at once; a flow
at least the maximum data burst volume of its class."""
DEFAULT_BUCKET = 50 * MILLISECOND
"""Bucket size duration where the profile says none."""
QUANTUM = 16_384
"""Octets a session sends on a shared bearer before the next one's turn; one PDU, if that is more."""
BEARER_QUEUE = 8 << 20
"""Octets that may wait on one bearer: twice the credit a usual socket gives."""
BEARER_FLOWS = 64
"""Flows whose figures a bearer keeps: of twice as many sessions as a UE can have."""
SENDER_QUEUE_MINIMUM = 16_384
"""Octets an end of a session may always have waiting."""
UNLIMITED = 1 << 62
"""Room where nothing is queued."""

KILOBYTE = 8 * KILOBIT
"""In bits."""


def _octets(rate: int, duration: int) -> int:
    """What a rate in bit/s gives in a duration."""
    return rate * duration // (8 * SECOND)


class _Bearer:
    """One bearer: its buckets and the queues of its flows."""

    def __init__(self, number: int, profile: QosProfile, now: int) -> None:
        self.number = number
        self.flows: dict[int, FlowQueue] = {}
        """By session handle; those that were idle longest come first."""
        self.turns: deque[FlowQueue] = deque()
        """Flows with something to send."""
        self.octets = 0
        """Waiting."""
        self.served = 0
        """Octets, to be fair among bearers of one priority."""
        self.configure(profile, now)

    def configure(self, profile: QosProfile, now: int) -> None:
        """Take other quality of service; what waits, waits on."""
        kind = characteristics(profile.five_qi)
        self.profile = profile
        self.budget = kind.delay_budget_ms * MILLISECOND
        self.discards = kind.discard
        self.guaranteed_rate = profile.guaranteed_bit_rate * KILOBIT
        depth = max(kind.burst, _octets(self.guaranteed_rate, BURST))
        self.guaranteed = TokenBucket(self.guaranteed_rate, depth, now) if self.guaranteed_rate else None
        rate = profile.maximum_bit_rate * KILOBIT
        self.maximum = TokenBucket(rate, max(kind.burst, _octets(rate, BURST)), now) if rate else None
        rate = profile.prioritised_bit_rate * KILOBYTE
        duration = profile.bucket_size * MILLISECOND or DEFAULT_BUCKET
        # B_j is 0 when the channel is set up, and PBR times BSD at most (TS 38.321 5.4.3.1.3).
        self.prioritised = TokenBucket(rate, _octets(rate, duration), now, full=False) if rate else None
        for flow in self.flows.values():
            flow.watch.change(self.guaranteed_rate, self.budget, now)

    def fill(self, now: int) -> None:
        for bucket in (self.guaranteed, self.prioritised, self.maximum):
            if bucket is not None:
                bucket.fill(now)

    def bucket_in_turn(self) -> tuple[int, TokenBucket | None]:
        """How urgent it is, 0 first, and the bucket that says so."""
        for urgency, bucket in enumerate((self.guaranteed, self.prioritised)):
            if bucket is not None and bucket.open:
                return urgency, bucket
        return 2, None

    def flow_of(self, burst: Buffer) -> FlowQueue | None:
        """The queue of a burst's flow; None: too many flows have something waiting."""
        handle = int.from_bytes(burst[HANDLE_AT : HANDLE_AT + 4], "big")
        flow = self.flows.get(handle)
        if flow is None:
            if len(self.flows) >= BEARER_FLOWS:
                idle = next((flow for flow in self.flows.values() if not flow), None)
                if idle is None:
                    return None
                del self.flows[idle.handle]
            watch = FlowWatch(self.guaranteed_rate, self.budget)
            flow = self.flows[handle] = FlowQueue(self.number, handle, burst[MARK_AT] & QFI_MASK, watch)
        return flow


class BearerScheduler:
    """One hop's scheduler, in one direction. `violations` fills up with broken promises until it is emptied."""

    def __init__(self, drops: DropCounter) -> None:
        self.violations: list[Violation] = []
        self.rate_violations = 0
        self.delay_violations = 0
        """So far, of all flows."""
        self.discarded = 0
        self.marked = 0
        """Octets, of all flows."""
        self._drops = drops
        self._bearers: dict[int, _Bearer] = {}
        self._busy: dict[int, _Bearer] = {}
        """Bearers on which something waits."""
        self._radio: TokenBucket | None = None
        self._ue: TokenBucket | None = None
        self._sessions: dict[int, TokenBucket] = {}
        """Ceilings by session handle."""
        self._handles: dict[int, int] = {}
        """Of sessions with a ceiling."""
        self._look_again = 0

    # Configuration

    def set_rate(self, bits_per_second: int | None, now: int) -> None:
        """What the radio gives; None: whatever is sent, 0: nothing for the time being."""
        if bits_per_second is None:
            self._radio = None
        elif self._radio is None:
            self._radio = TokenBucket(bits_per_second, _octets(bits_per_second, RADIO_BURST), now)
        else:
            self._radio.change(bits_per_second, _octets(bits_per_second, RADIO_BURST), now)

    def configure(self, bearer: int, profile: QosProfile, now: int) -> None:
        """Add a bearer, or give it other quality of service."""
        if (found := self._bearers.get(bearer)) is None:
            self._bearers[bearer] = _Bearer(bearer, profile, now)
        elif found.profile != profile:
            found.configure(profile, now)

    def remove(self, bearer: int) -> None:
        """Forget a bearer; what waits on it is dropped."""
        found = self._bearers.pop(bearer, None)
        self._busy.pop(bearer, None)
        for flow in found.turns if found is not None else ():
            self._drops.count(Drop.BEARER_REMOVED, flow.octets)

    def set_ue_ceiling(self, bits_per_second: int, now: int) -> None:
        """UE AMBR; 0: none."""
        self._ue = self._ceiling(self._ue, bits_per_second, now)

    def set_session_ceiling(self, session: int, handle: int, bits_per_second: int, now: int) -> None:
        """Session AMBR of a session, whose PDUs carry `handle` from now on; 0: none."""
        bucket = self._ceiling(self._sessions.pop(self._handles.pop(session, 0), None), bits_per_second, now)
        if bucket is not None:
            self._handles[session] = handle
            self._sessions[handle] = bucket

    @staticmethod
    def _ceiling(bucket: TokenBucket | None, rate: int, now: int) -> TokenBucket | None:
        if not rate:
            return None
        if bucket is None:
            return TokenBucket(rate, _octets(rate, BURST), now)
        bucket.change(rate, _octets(rate, BURST), now)
        return bucket

    @property
    def shapes(self) -> bool:
        """Whether DATA has to pass here: something limits it, or some waits that must not be overtaken."""
        return bool(
            self._radio is not None
            or self._busy
            or self._ue is not None
            or self._sessions
            or any(bearer.maximum is not None for bearer in self._bearers.values())
        )

    # What goes in

    def room(self, bearer: int, handle: int) -> int:
        """Octets an end of a session should add on a bearer: as much waits then as it may send in half the delay
        budget at the best. Not a little at a time: 0 until half of that has gone."""
        found = self._bearers.get(bearer)
        if found is None or not self.shapes:
            return UNLIMITED
        buckets = [self._radio, *self._ceilings(found, handle)]
        rates = [bucket.rate for bucket in buckets if bucket is not None]
        wanted = min(_octets(min(rates), found.budget // 2), BEARER_QUEUE) if rates else BEARER_QUEUE
        wanted = max(SENDER_QUEUE_MINIMUM, wanted)
        flow = found.flows.get(handle)
        room = min(wanted - (flow.octets if flow is not None else 0), BEARER_QUEUE - found.octets)
        return room if room >= wanted // 2 else 0

    def queue(self, bearer: int, burst: Buffer, stride: int, now: int) -> None:
        """DATA segments for the hop, each behind 8 octets for the layer-2 header; copied. What finds no room is
        dropped."""
        size = len(burst)
        last = size % stride or stride
        found = self._bearers.get(bearer)
        if found is None:
            self._drops.count(Drop.WRONG_BEARER, size)
        elif min(last, size) < L2_HEADER_SIZE + DEP_HEADER_SIZE:
            self._drops.count(Drop.TRUNCATED, size)
        elif (flow := found.flow_of(burst)) is None:
            self._drops.count(Drop.BEARER_QUEUE_FULL, size)
        elif found.octets + size > BEARER_QUEUE:
            flow.refused += size
            self._drops.count(Drop.BEARER_QUEUE_FULL, size)
        else:
            self._put(found, flow, burst, stride, now)

    def _put(self, bearer: _Bearer, flow: FlowQueue, burst: Buffer, stride: int, now: int) -> None:
        if not bearer.turns:
            priority = bearer.profile.priority
            peers = (other.served for other in self._busy.values() if other.profile.priority == priority)
            bearer.served = max(bearer.served, min(peers, default=0))
            self._busy[bearer.number] = bearer
        if not flow:
            bearer.turns.append(flow)
            bearer.flows[flow.handle] = bearer.flows.pop(flow.handle)
            flow.deficit = max(QUANTUM, stride)
        flow.put(burst, stride, now)
        bearer.octets += len(burst)

    def charge(self, octets: int, now: int) -> None:
        """Signalling has gone out, which never waits: there is less for DATA."""
        if self._radio is not None:
            self._radio.fill(now)
            self._radio.take(octets)

    # What comes out

    def take(self, now: int) -> Iterator[tuple[int, Cut]]:
        """Bearer and PDUs of all that is to be sent now. What has become worthless is thrown away before."""
        for bearer in list(self._busy.values()):
            bearer.fill(now)
            if bearer.discards:
                self._discard(bearer, now)
        for bucket in (self._radio, self._ue, *self._sessions.values()):
            if bucket is not None:
                bucket.fill(now)
        while self._busy and (self._radio is None or self._radio.open):
            choice = self._choose()
            if choice is None:
                break
            yield choice[0].number, self._send(*choice, now)
        self._look_again = now + SLOT
        self._check(now)

    def _discard(self, bearer: _Bearer, now: int) -> None:
        for flow in list(bearer.turns):
            while flow and now - flow.waits_since > bearer.budget:
                cut = flow.take(1 << 16, now)
                flow.discarded += len(cut.data)
                flow.watch.waited(cut.pdus, cut.waited)
                self.discarded += len(cut.data)
                self.delay_violations += cut.pdus
                self._left(bearer, flow, cut)
                for start in range(0, len(cut.data), cut.stride):
                    self._drops.count(Drop.DELAY_BUDGET, min(cut.stride, len(cut.data) - start))

    def _choose(self) -> tuple[_Bearer, FlowQueue] | None:
        best: tuple[_Bearer, FlowQueue] | None = None
        rank: tuple[int, int, int] | None = None
        for bearer in self._busy.values():
            urgency, _ = bearer.bucket_in_turn()
            its = urgency, bearer.profile.priority, bearer.served
            if (rank is None or its < rank) and (flow := self._flow_in_turn(bearer)) is not None:
                best, rank = (bearer, flow), its
        return best

    def _flow_in_turn(self, bearer: _Bearer) -> FlowQueue | None:
        """The first flow in turn that no ceiling keeps back."""
        for flow in bearer.turns:
            if all(bucket.open for bucket in self._ceilings(bearer, flow.handle)):
                return flow
        return None

    def _ceilings(self, bearer: _Bearer, handle: int) -> list[TokenBucket]:
        """Of one flow. The aggregate ones do not count flows with a guarantee (TS 23.501 5.7.2.6)."""
        aggregate = () if bearer.guaranteed is not None else (self._sessions.get(handle), self._ue)
        return [bucket for bucket in (bearer.maximum, *aggregate) if bucket is not None]

    def _send(self, bearer: _Bearer, flow: FlowQueue, now: int) -> Cut:
        _, in_turn = bearer.bucket_in_turn()
        size = flow.next_size
        buckets = self._ceilings(bearer, flow.handle)
        buckets += [bucket for bucket in (in_turn, self._radio) if bucket is not None]
        pdus = min([-(-flow.deficit // size), *(bucket.pdus(size) for bucket in buckets)])
        cut = flow.take(pdus, now)
        octets = len(cut.data)
        for bucket in buckets:
            bucket.take(octets)
        bearer.served += octets
        flow.deficit -= octets
        flow.sent += octets
        flow.watch.sent(octets, size, cut.pdus, cut.waited)
        if cut.waited > bearer.budget // 2:
            marked = mark_congestion(cut)
            flow.marked += marked
            self.marked += marked
        if cut.waited > bearer.budget:
            self.delay_violations += cut.pdus
        self._left(bearer, flow, cut)
        if flow and flow.deficit <= 0:
            flow.deficit += max(QUANTUM, flow.next_size)
            bearer.turns.remove(flow)
            bearer.turns.append(flow)
        return cut

    def _left(self, bearer: _Bearer, flow: FlowQueue, cut: Cut) -> None:
        """PDUs have left the queue."""
        bearer.octets -= len(cut.data)
        if not flow:
            bearer.turns.remove(flow)
            if not bearer.turns:
                del self._busy[bearer.number]

    def _check(self, now: int) -> None:
        for bearer in self._bearers.values():
            for flow in bearer.flows.values():
                found = flow.watch.check(now, bearer.number, flow.qfi, flow.handle)
                self.rate_violations += sum(violation.kind == "rate" for violation in found)
                self.violations += found

    # Time and figures

    def next_deadline(self) -> int | None:
        """When `take` will have something to do; in the past: now. None: nothing waits, or nothing may ever go."""
        deadlines = []
        for bearer in self._busy.values():
            for flow in bearer.turns:
                opens = self._opens_at(bearer, flow)
                ends = flow.watch.window_ends()
                late = flow.waits_since + bearer.budget + 1 if bearer.discards else None
                deadlines += [at for at in (opens, ends, late) if at is not None]
        return max(min(deadlines), self._look_again) if deadlines else None

    def _opens_at(self, bearer: _Bearer, flow: FlowQueue) -> int | None:
        """When everything that keeps a flow back is open again."""
        at = 0
        for bucket in (self._radio, *self._ceilings(bearer, flow.handle)):
            if bucket is not None:
                opens = bucket.open_at()
                if opens is None:
                    return None
                at = max(at, opens)
        return at

    @property
    def octets(self) -> int:
        """Octets that wait."""
        return sum(bearer.octets for bearer in self._busy.values())

    def flows(self) -> Iterator[FlowQueue]:
        """All flows whose figures are kept."""
        for bearer in self._bearers.values():
            yield from bearer.flows.values()

    def ceilings(self) -> dict[int | str, int]:
        """Aggregate maximum bit rates in bit/s: of the "UE", and of sessions by handle."""
        ue: dict[int | str, int] = {} if self._ue is None else {"UE": self._ue.rate}
        return ue | {handle: bucket.rate for handle, bucket in self._sessions.items()}

    def five_qi(self, bearer: int) -> int:
        """Class of a bearer. Raises KeyError."""
        return self._bearers[bearer].profile.five_qi

    def flow(self, bearer: int, handle: int) -> FlowQueue | None:
        """The flow of a session on a bearer."""
        found = self._bearers.get(bearer)
        return found.flows.get(handle) if found is not None else None
