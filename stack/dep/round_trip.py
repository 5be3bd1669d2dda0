"""Round-trip time of one QoS flow, smoothed as in RFC 6298 and RFC 9002."""

from __future__ import annotations

from net4ai.stack.dep.constants import (
    ACK_DELAY,
    GRANULARITY,
    INITIAL_ROUND_TRIP,
    LOSS_DELAY_DENOMINATOR,
    LOSS_DELAY_NUMERATOR,
    PROBE_TIMEOUT_MAXIMUM,
)


class RoundTrip:
    """The estimate and the two delays that follow from it. All times in nanoseconds."""

    __slots__ = ("_sampled", "latest", "least", "smoothed", "variation")

    def __init__(self) -> None:
        self.smoothed = INITIAL_ROUND_TRIP
        self.variation = INITIAL_ROUND_TRIP // 2
        self.latest = INITIAL_ROUND_TRIP
        self.least = INITIAL_ROUND_TRIP
        self._sampled = False

    def sample(self, elapsed: int, delay: int) -> None:
        """Take a sample: time since transmission, of which the receiver says it waited `delay` (RFC 9002 5.3)."""
        if not self._sampled:
            self._sampled = True
            self.latest = self.least = self.smoothed = elapsed
            self.variation = elapsed // 2
            return
        self.least = min(self.least, elapsed)
        delay = min(delay, ACK_DELAY)
        self.latest = elapsed - delay if elapsed >= self.least + delay else elapsed
        self.variation = (3 * self.variation + abs(self.smoothed - self.latest)) // 4
        self.smoothed = (7 * self.smoothed + self.latest) // 8

    def loss_delay(self) -> int:
        """Age at which an unacknowledged segment before an acknowledged one counts as lost."""
        return max(LOSS_DELAY_NUMERATOR * max(self.smoothed, self.latest) // LOSS_DELAY_DENOMINATOR, GRANULARITY)

    def probe_timeout(self, probes: int) -> int:
        """Silence after which the sender probes, `probes` probes having gone unanswered."""
        base = self.smoothed + max(4 * self.variation, GRANULARITY) + ACK_DELAY
        return max(base, min(base << min(probes, 32), PROBE_TIMEOUT_MAXIMUM))
