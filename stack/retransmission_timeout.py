"""How long a bearer waits for an answer before it repeats."""

from __future__ import annotations

from net4ai.stack.units import MILLISECOND

INITIAL_TIMEOUT = 200 * MILLISECOND
"""Poll timer before the round-trip time is known, in nanoseconds."""
MINIMUM_TIMEOUT = 50 * MILLISECOND
MAXIMUM_TIMEOUT = 1000 * MILLISECOND
"""Bound of the back-off. Only a longer round-trip time makes the poll timer longer."""

PATIENT_EXPIRIES = 2
"""Expiries of the poll timer in a row before the back-off begins."""

_MAXIMUM_EXPIRIES = 16


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
