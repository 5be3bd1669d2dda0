"""Congestion, as the path marks it (RFC 3168) and a sender heeds it (DCTCP, RFC 8257).

A receiver tells in every ACK what share of the segments was marked since the ACKs before. Where nothing marks, credit
alone bounds what is under way.
"""

from __future__ import annotations

from net4ai.stack.dep.constants import CONGESTION_GAIN, CONGESTION_MEMORY, CONGESTION_MINIMUM

SHARE = 255
"""What an ACK says when all segments were marked."""


class MarkCounter:
    """The receiver's side: arrivals of a QoS flow since the last ACKs, and how many of them were marked."""

    __slots__ = ("_arrived", "_marked")

    def __init__(self) -> None:
        self._arrived = 0
        self._marked = 0

    def count(self, segments: int, marked: bool) -> None:
        self._arrived += segments
        if marked:
            self._marked += segments

    def take(self) -> int:
        """The share in 1/255, rounded up, and begin anew."""
        share = -(-SHARE * self._marked // self._arrived) if self._marked else 0
        self._arrived = self._marked = 0
        return share


class CongestionWindow:
    """The sender's side: how many segments of a QoS flow may be in flight. No bound before the first mark.

    Once per round trip the share of marked segments moves an average; where there were marks the window is cut by half
    of that average, otherwise it grows by one segment. A while after the last mark there is no bound any more.
    """

    __slots__ = ("_acknowledged", "_average", "_last_mark", "_marked", "_round_ends", "segments")

    def __init__(self) -> None:
        self.segments: int | None = None
        """None: no bound."""
        self._average = 1.0
        """Alpha of RFC 8257, its first value being 4.2's."""
        self._acknowledged = 0
        self._marked = 0.0
        self._round_ends = 0
        self._last_mark = 0

    def room(self, in_flight: int) -> int:
        """How many segments may be sent beside those in flight; only where there is a bound."""
        return max(0, (self.segments or 0) - in_flight)

    def on_ack(self, news: int, share: int, in_flight: int, highest: int, next_number: int, now: int) -> None:
        """An ACK: `news` segments have arrived, of which `share` in 1/255 was marked.

        `in_flight`: segments before it came. `highest`: packet number acknowledged. `next_number`: not sent yet.
        """
        if share:
            self._last_mark = now
        if self.segments is None:
            if share:
                self.segments = in_flight
                self._cut()
                self._begin_round(next_number)
            return
        self._acknowledged += news
        self._marked += news * share / SHARE
        if highest >= self._round_ends:
            self._end_round(next_number, now)

    def _end_round(self, next_number: int, now: int) -> None:
        if self._acknowledged:
            self._average += CONGESTION_GAIN * (self._marked / self._acknowledged - self._average)
        if self._marked:
            self._cut()
        elif now - self._last_mark >= CONGESTION_MEMORY:
            self.segments = None
        elif self.segments is not None:
            self.segments += 1
        self._begin_round(next_number)

    def _cut(self) -> None:
        self.segments = max(CONGESTION_MINIMUM, int((self.segments or 0) * (1 - self._average / 2)))

    def _begin_round(self, next_number: int) -> None:
        self._round_ends = next_number
        self._acknowledged, self._marked = 0, 0.0
