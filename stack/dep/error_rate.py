"""How many ERROR PDUs may be sent: a token bucket, as RFC 4443 2.4 (f)."""

from __future__ import annotations

from net4ai.stack.dep.constants import ERROR_BURST, ERROR_INTERVAL


class ErrorRate:
    """ERROR_BURST at once, then one every ERROR_INTERVAL."""

    def __init__(self) -> None:
        self._left = ERROR_BURST
        self._counted = 0

    def take(self, now: int) -> bool:
        """Whether one more may be sent; it counts as sent."""
        refill = (now - self._counted) // ERROR_INTERVAL
        if refill > 0:
            self._left = min(ERROR_BURST, self._left + refill)
            self._counted += refill * ERROR_INTERVAL
        if not self._left:
            return False
        self._left -= 1
        return True
