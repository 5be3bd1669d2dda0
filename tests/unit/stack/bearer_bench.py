"""Two acknowledged bearers joined in memory, with an explicit clock and a bad link between them."""

from __future__ import annotations

import heapq
import itertools
import random
from dataclasses import dataclass, field

from net4ai.codecs.declaration import Buffer
from net4ai.codecs.l2 import BearerType, L2Header
from net4ai.stack.acknowledged_bearer import (
    MAXIMUM_PDU,
    AcknowledgedBearer,
)

MS = 1_000_000
SECOND = 1000 * MS
END_OF_PATIENCE = 3600 * SECOND


def bearer(first_count: int = 0, maximum_pdu: int = MAXIMUM_PDU, **options: int) -> AcknowledgedBearer:
    return AcknowledgedBearer(
        bearer_type=BearerType.SRB,
        bearer=1,
        c_rnti=0x4601,
        first_count=first_count,
        maximum_pdu=maximum_pdu,
        **options,
    )


def header(**fields: int) -> bytes:
    usual = {"is_data": 1, "segmentation": 0, "poll": 0, "has_mac": 0, "bearer": 1, "c_rnti": 0x4601, "count": 0}
    return L2Header(**{"bearer_type": BearerType.SRB, **usual, **fields}).to_bytes()


def fields_of(pdu: Buffer) -> L2Header:
    return L2Header.read(pdu)[0]


@dataclass
class Link:
    """Two bearers, each direction with loss, duplication, delay and jitter (which reorders), under one clock."""

    near: AcknowledgedBearer
    far: AcknowledgedBearer
    seed: int = 0
    loss: float = 0.0
    duplicate: float = 0.0
    delay: int = 0
    jitter: int = 0
    now: int = 0
    sent: int = 0
    longest: int = 0
    random: random.Random = field(init=False)
    _under_way: list[tuple[int, int, AcknowledgedBearer, bytes]] = field(default_factory=list)
    _order: itertools.count[int] = field(default_factory=itertools.count)

    def __post_init__(self) -> None:
        self.random = random.Random(self.seed)

    def flush(self) -> None:
        """Put on the link what the bearers want to send."""
        for source, target in ((self.near, self.far), (self.far, self.near)):
            for pdu in source.datagrams_to_send(self.now):
                self.sent += 1
                self.longest = max(self.longest, len(pdu))
                copies = 0 if self.random.random() < self.loss else 1 + (self.random.random() < self.duplicate)
                for _ in range(copies):
                    due = self.now + self.delay + round(self.random.random() * self.jitter)
                    heapq.heappush(self._under_way, (due, next(self._order), target, pdu))

    def step(self) -> bool:
        """Go to the next event. False: there is none."""
        self.flush()
        times = [end.next_deadline() for end in (self.near, self.far)]
        times += [self._under_way[0][0]] if self._under_way else []
        events = [time for time in times if time is not None]
        if not events:
            return False
        self.now = max(self.now, min(events))
        assert self.now < END_OF_PATIENCE
        while self._under_way and self._under_way[0][0] <= self.now:
            _, _, target, pdu = heapq.heappop(self._under_way)
            target.receive(pdu, self.now)
        for end in (self.near, self.far):
            end.advance(self.now)
        return True

    def run(self) -> None:
        """Until nothing happens any more."""
        while self.step():
            pass

    def take(self, end: AcknowledgedBearer) -> list[bytes]:
        return list(iter(end.next_sdu, None))


def pair(first_count: int = 0, maximum_pdu: int = MAXIMUM_PDU, **link: float) -> Link:
    return Link(bearer(first_count, maximum_pdu), bearer(first_count, maximum_pdu), **link)  # type: ignore[arg-type]


def check_all_quiet(link: Link) -> None:
    for end in (link.near, link.far):
        check_quiet(end)


def check_quiet(end: AcknowledgedBearer) -> None:
    assert not end.failed
    assert end.idle
    assert end.next_deadline() is None
    assert end.datagrams_to_send(END_OF_PATIENCE) == []
