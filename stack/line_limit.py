"""How many lines of log a source may write: whoever floods is heard at first, then counted."""

from __future__ import annotations

from collections.abc import Callable

LINES = 200
"""Lines at once."""
LINES_PER_SECOND = 10
"""Lines that may be written again after each second."""


class LineLimit:
    """So many lines at once, and so many again each second. What is above is counted."""

    def __init__(self, now: Callable[[], float], at_once: int = LINES, per_second: float = LINES_PER_SECOND) -> None:
        self.dropped = 0
        """Since `take_dropped`."""
        self._now = now
        self._at_once = at_once
        self._per_second = per_second
        self._room = float(at_once)
        self._counted = now()

    def allows(self) -> bool:
        """Whether another line may be written."""
        now = self._now()
        self._room = min(self._at_once, self._room + (now - self._counted) * self._per_second)
        self._counted = now
        if self._room < 1:
            self.dropped += 1
            return False
        self._room -= 1
        return True

    def take_dropped(self) -> int:
        """Lines dropped since the last time."""
        dropped, self.dropped = self.dropped, 0
        return dropped
