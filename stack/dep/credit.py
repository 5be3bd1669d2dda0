"""Credit: how many octets may be on their way to one bulk socket.

The kernel drops what its socket cannot hold, so nobody sends DATA that was not permitted. The budget of a socket is
shared by all its sessions, end points and relays alike, in two parts: what was *promised* once and for all as
unscheduled octets of a session, and what is *reserved* for granted octets that have not arrived. What is free never
goes below zero.

A message that needs grants holds a `Claim`. Free credit goes to at most four claims at a time: the shortest ones, and
the one that has waited longest. Each may have GREED times as much outstanding as is left free then: one message gets
eight ninths of the budget, two eight seventeenths each, and something is always left for whoever comes next (Choudhury
and Hahne, dynamic queue length thresholds, 1998).
"""

from __future__ import annotations

import heapq
from collections.abc import Hashable, Mapping

from net4ai.stack.dep.constants import (
    DEFAULT_UNSCHEDULED,
    GRANT_SHARE,
    GREED,
    OLDEST_TURN,
    OVERCOMMITTED,
    PROMISE_SHARE,
    SCHEDULED_MINIMUM,
)
from net4ai.stack.dep.errors import NotEnoughCredit


class Claim:
    """One message's claim on a budget. `granted` is the limit to put into GRANT; the owner watches it grow."""

    __slots__ = ("arrived", "budget", "ceiling", "granted", "length", "owner", "reserved", "segment")

    def __init__(self, budget: CreditBudget, owner: Hashable, length: int, segment: int, arrived: int, ceiling: int):
        self.budget = budget
        self.owner = owner
        self.length = length
        """Octets of the whole message."""
        self.segment = segment
        self.ceiling = ceiling
        """Limit this claim may reach: the length, or at a relay what its own receiver has granted."""
        self.granted = 0
        self.arrived = arrived
        """Octets that have arrived, each counted once."""
        self.reserved = 0
        """Octets of the budget held: granted and not arrived."""

    @property
    def waiting(self) -> bool:
        return self.granted < self.ceiling

    @property
    def remaining(self) -> int:
        return self.length - self.granted

    def arrive(self, octets: int) -> None:
        """So many further octets have arrived: their credit is free again."""
        self.budget.arrive({self: octets})

    def raise_ceiling(self, limit: int) -> None:
        """Further octets may be granted."""
        if limit > self.ceiling:
            self.ceiling = min(limit, self.length)
            self.budget.allocate(changed=True)

    def close(self) -> None:
        """Give everything back. May be called again."""
        self.budget.withdraw(self)


class CreditBudget:
    """The credit of one bulk socket: `octets` may be on their way to it."""

    def __init__(self, octets: int, unscheduled: int = DEFAULT_UNSCHEDULED) -> None:
        if octets < SCHEDULED_MINIMUM:
            raise ValueError(f"a budget of {octets} octets; at least {SCHEDULED_MINIMUM} are needed")
        self.octets = octets
        self.unscheduled = unscheduled
        """What each session is promised; the same at both ends of a hop and along a route."""
        self.promised = 0
        self.reserved = 0
        self._claims: dict[Claim, None] = {}
        """In the order they came."""
        self._shares: list[Claim] | None = None
        """The claims that share what is free, the oldest last; None: to be chosen anew."""
        self._turn = 0
        self._ready: dict[Hashable, None] = {}

    @property
    def free(self) -> int:
        """Octets that can be granted. Some are kept back for sessions to come, so that adding one does not fail."""
        kept = min(self.octets // PROMISE_SHARE, self.octets - SCHEDULED_MINIMUM)
        return self.octets - max(self.promised, kept) - self.reserved

    @property
    def promisable(self) -> int:
        """Unscheduled octets that can still be promised to new sessions."""
        return min(self.octets - SCHEDULED_MINIMUM, self.octets - self.reserved) - self.promised

    def promise(self, octets: int) -> None:
        """Set the unscheduled octets of a session aside. Raises `NotEnoughCredit`."""
        if octets > self.promisable:
            raise NotEnoughCredit(octets, max(0, self.promisable))
        self.promised += octets

    def take_back(self, octets: int) -> None:
        """A promised session is gone."""
        self.promised -= octets
        self.allocate()

    def claim(
        self, owner: Hashable, *, length: int, segment: int, arrived: int = 0, ceiling: int | None = None
    ) -> Claim:
        """A message needs grants. `owner` will be named by `take_ready` when it got some."""
        claim = Claim(self, owner, length, segment, arrived, length if ceiling is None else ceiling)
        self._claims[claim] = None
        self.allocate(changed=True)
        return claim

    def withdraw(self, claim: Claim) -> None:
        """Used by `Claim.close`."""
        if claim in self._claims:
            del self._claims[claim]
            self.reserved -= claim.reserved
            claim.reserved = 0
            self.allocate(changed=True)

    def arrive(self, arrivals: Mapping[Claim, int]) -> None:
        """So many further octets have arrived under these claims: their credit is free again."""
        for claim, octets in arrivals.items():
            claim.arrived += octets
            if claim in self._claims:
                reserved = max(0, claim.granted - claim.arrived)
                self.reserved += reserved - claim.reserved
                claim.reserved = reserved
        self.allocate()

    def take_ready(self) -> list[Hashable]:
        """Owners whose claims grew since the last call: they have GRANTs to send."""
        ready = list(self._ready)
        self._ready.clear()
        return ready

    def allocate(self, changed: bool = False) -> None:
        """Share what is free. `changed`: the set of waiting claims did."""
        if changed:
            self._shares = None
        while self.free > 0:
            shares = self._shares = self._choose() if self._shares is None else self._shares
            if not shares or not self._serve(shares):
                return

    def _choose(self) -> list[Claim]:
        waiting = [claim for claim in self._claims if claim.waiting]
        return heapq.nsmallest(OVERCOMMITTED - 1, waiting[1:], key=lambda claim: claim.remaining) + waiting[:1]

    def _serve(self, shares: list[Claim]) -> bool:
        """One round; whether anyone got anything."""
        oldest_first = self._turn % OLDEST_TURN == OLDEST_TURN - 1
        served = False
        for claim in [shares[-1], *shares[:-1]] if oldest_first else shares:
            if self._extend(claim):
                served = True
            elif oldest_first and claim is shares[-1] and not claim.reserved:
                return False  # the others wait until there is room for a segment of this one
        return served

    def _extend(self, claim: Claim) -> bool:
        free = self.free
        room = max(0, (GREED * free - claim.reserved) // (GREED + 1))
        least = min(claim.segment, claim.ceiling - claim.granted)
        if not claim.reserved and room < least <= free:
            room = least
        limit = min(max(claim.granted, claim.arrived) + room, claim.ceiling)
        if limit < claim.ceiling:
            limit -= limit % claim.segment
            if claim.reserved and limit - claim.granted < (free + self.reserved) // GRANT_SHARE:
                return False
        if limit <= claim.granted:
            return False
        claim.granted = limit
        reserved = max(0, limit - claim.arrived)
        self.reserved += reserved - claim.reserved
        claim.reserved = reserved
        self._ready[claim.owner] = None
        self._turn += 1
        if not claim.waiting:
            self._shares = None
        return True
