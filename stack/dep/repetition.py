"""When something that waits for an answer is said again."""

from __future__ import annotations


class Repetition:
    """Due at once, then after `first` nanoseconds, doubling up to `longest`, and given up after `most` repetitions."""

    __slots__ = ("_first", "_longest", "_most", "_said", "due_at")

    def __init__(self, first: int, longest: int, most: int) -> None:
        self._first = first
        self._longest = longest
        self._most = most
        self._said = 0
        self.due_at: int | None = None
        """None: nothing waits for an answer."""

    @property
    def waiting(self) -> bool:
        return self.due_at is not None

    def start(self, now: int) -> None:
        """Something new is to be said, at once."""
        self._said = 0
        self.due_at = now

    def stop(self) -> None:
        """It was answered, or does not matter any more."""
        self.due_at = None

    def is_due(self, now: int) -> bool:
        return self.due_at is not None and self.due_at <= now

    def say(self, now: int) -> bool:
        """Count one more time it is said; False: it was said often enough, nobody answers."""
        if self._said > self._most:
            self.due_at = None
            return False
        self.due_at = now + min(self._first << min(self._said, 32), self._longest)
        self._said += 1
        return True
