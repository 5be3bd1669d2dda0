"""A scheduler in virtual time, for tests."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from net4ai.codecs.common import QosProfile
from net4ai.codecs.dep import CongestionMark
from net4ai.stack.drops import DropCounter
from net4ai.stack.qos.bearer_scheduler import BearerScheduler
from net4ai.stack.qos.flow_queue import MARK_AT
from net4ai.stack.units import MILLISECOND, SECOND

RADIO = 8_000_000
"""bit/s: 1000 octets a millisecond."""
SIZE = 500
BEST_EFFORT = QosProfile(five_qi=9, priority=90)
HANDLE = 7


def segments(number: int, handle: int = HANDLE, size: int = SIZE, mark: int = CongestionMark.CAPABLE_0) -> bytearray:
    """DATA with nothing in it but what the scheduler looks at."""
    pdu = bytearray(size)
    pdu[MARK_AT] = mark << 6 | 1
    pdu[MARK_AT + 2 : MARK_AT + 6] = handle.to_bytes(4, "big")
    return pdu * number


@dataclass
class World:
    """A scheduler, its clock, and what it has sent."""

    profiles: Mapping[int, QosProfile]
    rate: int | None = RADIO
    now: int = 0
    drops: DropCounter = field(default_factory=DropCounter)
    sent: list[tuple[int, int, int, bytes]] = field(default_factory=list)
    """Time, bearer, handle and octets of each PDU."""
    offered: int = 0

    def __post_init__(self) -> None:
        self.dropped = 0
        self.drops.on_drop = self._drop
        self.scheduler = BearerScheduler(self.drops)
        for bearer, profile in self.profiles.items():
            self.scheduler.configure(bearer, profile, self.now)
        self.scheduler.set_rate(self.rate, self.now)

    def _drop(self, reason: str, octets: int) -> None:
        self.dropped += octets

    def queue(self, bearer: int, number: int = 1, handle: int = HANDLE, size: int = SIZE) -> None:
        self.offered += number * size
        self.scheduler.queue(bearer, segments(number, handle, size), size, self.now)

    def take(self) -> None:
        for bearer, cut in self.scheduler.take(self.now):
            for start in range(0, len(cut.data), cut.stride):
                pdu = bytes(cut.data[start : start + cut.stride])
                self.sent.append((self.now, bearer, int.from_bytes(pdu[MARK_AT + 2 : MARK_AT + 6], "big"), pdu))

    def run(self, until: int, source: Callable[[World], None] | None = None, every: int = MILLISECOND) -> None:
        """Time goes on by the scheduler's deadlines and those of a source."""
        source_at = self.now
        while True:
            if source is not None and source_at <= self.now:
                source(self)
                source_at += every
            self.take()
            deadline = self.scheduler.next_deadline()
            times = [at for at in (deadline, source_at if source is not None else None) if at is not None]
            following = min(times, default=until)
            if following >= until:
                break
            assert following > self.now, "the scheduler asks for a turn in which it does nothing"
            self.now = following
        self.now = until

    def octets(self, since: int = 0, until: int | None = None) -> Counter[int]:
        """Sent by bearer."""
        total: Counter[int] = Counter()
        for time, bearer, _, pdu in self.sent:
            if since <= time and (until is None or time < until):
                total[bearer] += len(pdu)
        return total


def saturate(world: World) -> None:
    """Every bearer has always something to send."""
    for bearer in world.profiles:
        flow = world.scheduler.flow(bearer, HANDLE)
        while flow is None or flow.octets < 50 * SIZE:
            world.queue(bearer, 10)
            flow = world.scheduler.flow(bearer, HANDLE)


def kbps(octets: int, duration: int) -> float:
    return octets * 8 / 1000 * SECOND / duration
