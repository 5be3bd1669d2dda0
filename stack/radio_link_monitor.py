"""Whether the cell is heard: in and out of synchrony, N310, N311 and T310 (TS 38.331 5.3.10).

A cell sends System Information periodically. Hearing one is an in-sync indication; a period without one, and half of
the next, is an out-of-sync indication. Without I/O: say what was heard, call `advance` at `next_deadline`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

N310 = 3
"""Out-of-sync indications in a row after which T310 starts."""
N311 = 1
"""In-sync indications in a row that stop it."""


class LinkState(Enum):
    """What is known of the radio link."""

    SEARCHING = "searching"
    """Not heard yet, or lost: there is nothing to lose."""
    IN_SYNC = "in sync"
    OUT_OF_SYNC = "out of sync"
    """T310 runs."""


class Indication(Enum):
    """What the lower layers say."""

    IN_SYNC = "in-sync"
    OUT_OF_SYNC = "out-of-sync"
    T310_EXPIRED = "T310 expired"


@dataclass(frozen=True, slots=True)
class Transition:
    """After `needed` indications of the kind in a row the link is in state `to`."""

    needed: int
    to: LinkState


TRANSITIONS: dict[tuple[LinkState, Indication], Transition] = {
    (LinkState.SEARCHING, Indication.IN_SYNC): Transition(1, LinkState.IN_SYNC),
    (LinkState.IN_SYNC, Indication.OUT_OF_SYNC): Transition(N310, LinkState.OUT_OF_SYNC),
    (LinkState.OUT_OF_SYNC, Indication.IN_SYNC): Transition(N311, LinkState.IN_SYNC),
    (LinkState.OUT_OF_SYNC, Indication.T310_EXPIRED): Transition(1, LinkState.SEARCHING),
}
"""An indication without an entry leaves the state as it is, and ends a row of others."""


class RadioLinkMonitor:
    """Watches one cell. `t310` in nanoseconds."""

    def __init__(self, t310: int) -> None:
        self.state = LinkState.SEARCHING
        self._t310 = t310
        self._in_a_row = 0
        """Indications that count towards the next state."""
        self._period = 0
        self._missed_at: int | None = None
        self._t310_ends: int | None = None

    def heard(self, period: int, now: int) -> None:
        """System Information was heard; the next is announced for `period` nanoseconds later."""
        self._period = period
        self._missed_at = now + period + period // 2
        self._indicate(Indication.IN_SYNC, now)

    def advance(self, now: int) -> bool:
        """Time has come to `now`. True: the radio link has failed (5.3.10.3).

        However late the call comes, it misses one period at most: who was stopped for a while has not lost the cell.
        """
        if self._t310_ends is not None and now >= self._t310_ends:
            self._missed_at = None
            self._indicate(Indication.T310_EXPIRED, now)
            return True
        if self._missed_at is not None and now >= self._missed_at:
            self._missed_at = now + self._period
            self._indicate(Indication.OUT_OF_SYNC, now)
        return False

    def next_deadline(self) -> int | None:
        """When to call `advance`; None while searching."""
        return min((at for at in (self._missed_at, self._t310_ends) if at is not None), default=None)

    def _indicate(self, indication: Indication, now: int) -> None:
        transition = TRANSITIONS.get((self.state, indication))
        self._in_a_row = 0 if transition is None else self._in_a_row + 1
        if transition is None or self._in_a_row < transition.needed:
            return
        self.state, self._in_a_row = transition.to, 0
        self._t310_ends = now + self._t310 if transition.to is LinkState.OUT_OF_SYNC else None
