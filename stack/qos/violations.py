"""Whether a flow gets what it was promised (TS 23.501 5.7.2.5, 5.7.3.4, 5.7.3.6): measured where it is sent."""

from __future__ import annotations

from dataclasses import dataclass

from net4ai.codecs.five_qi import AVERAGING_WINDOW_MS
from net4ai.stack.units import MILLISECOND, SECOND

AVERAGING_WINDOW = AVERAGING_WINDOW_MS * MILLISECOND


@dataclass(frozen=True, slots=True)
class Violation:
    """A promise that was not kept."""

    kind: str
    """"rate" or "delay"."""
    bearer: int
    qfi: int
    handle: int
    """Of the session, as its PDUs carry it on this leg."""
    promised: int
    """bit/s, or nanoseconds."""
    measured: int
    """bit/s over the averaging window, or the longest wait since the last report, in nanoseconds."""
    pdus: int = 0
    """PDUs that came late since the last report."""


class FlowWatch:
    """Watches one flow. Its clock for the rate runs only while the flow has something to send."""

    __slots__ = (
        "_busy_since", "_busy_time", "_guaranteed", "_largest", "_late", "_longest", "_octets", "_quiet_until",
        "achieved", "budget", "delay_violations", "rate_violations",
    )  # fmt: skip

    def __init__(self, guaranteed: int, budget: int) -> None:
        """`guaranteed`: bit/s, 0: none; `budget`: nanoseconds."""
        self._guaranteed = guaranteed
        self.budget = budget
        self._busy_since: int | None = None
        self._busy_time = 0
        self._octets = 0
        self._largest = 0
        self._longest = 0
        self._late = 0
        self._quiet_until = 0
        self.achieved = 0
        """bit/s over the last averaging window."""
        self.rate_violations = 0
        """Averaging windows in which less than the guaranteed rate was sent, though there was enough."""
        self.delay_violations = 0
        """PDUs that waited longer than the delay budget."""

    def change(self, guaranteed: int, budget: int, now: int) -> None:
        """Other promises from now on."""
        if (guaranteed, budget) != (self._guaranteed, self.budget):
            self._guaranteed, self.budget = guaranteed, budget
            self._busy_time = self._octets = 0
            self._busy_since = now if self._busy_since is not None else None

    def begins(self, now: int) -> None:
        """There is something to send again."""
        self._busy_since = now

    def ends(self, now: int) -> None:
        """Nothing is left to send."""
        if self._busy_since is not None:
            self._busy_time += now - self._busy_since
        self._busy_since = None

    def sent(self, octets: int, largest: int, pdus: int, waited: int) -> None:
        """PDUs were sent, the largest of so many octets, each after `waited` nanoseconds."""
        self._octets += octets
        self._largest = max(self._largest, largest)
        self.waited(pdus, waited)

    def waited(self, pdus: int, waited: int) -> None:
        """PDUs have left the queue, sent or thrown away, after `waited` nanoseconds."""
        if waited > self.budget:
            self.delay_violations += pdus
            self._late += pdus
            self._longest = max(self._longest, waited)

    def window_ends(self) -> int | None:
        """When the averaging window will be full; None: the clock stands still, or nothing is guaranteed."""
        if self._busy_since is None or not self._guaranteed:
            return None
        return self._busy_since + AVERAGING_WINDOW - self._busy_time

    def check(self, now: int, bearer: int, qfi: int, handle: int) -> list[Violation]:
        """Promises broken since the last call; delays are reported once in an averaging window at most."""
        found = []
        if (ends := self.window_ends()) is not None and ends <= now:
            found += self._rate(now, bearer, qfi, handle)
        if self._late and now >= self._quiet_until:
            found.append(Violation("delay", bearer, qfi, handle, self.budget, self._longest, self._late))
            self._late = self._longest = 0
            self._quiet_until = now + AVERAGING_WINDOW
        return found

    def _rate(self, now: int, bearer: int, qfi: int, handle: int) -> list[Violation]:
        assert self._busy_since is not None
        time = self._busy_time + now - self._busy_since
        self.achieved = self._octets * 8 * SECOND // time
        # What is on its way out when the window ends counts for it: a PDU is never cut.
        short = (self._octets + self._largest) * 8 * SECOND < self._guaranteed * time
        self._octets, self._busy_time, self._busy_since = 0, 0, now
        self.rate_violations += short
        return [Violation("rate", bearer, qfi, handle, self._guaranteed, self.achieved)] if short else []
