"""What became of messages that are no longer open."""

from __future__ import annotations

from enum import Enum

from net4ai.codecs.causes import Cause
from net4ai.stack.dep.constants import REMEMBERED_MESSAGES


class Past(Enum):
    """What a receiver knows of a message id that is not open."""

    NEW = 0
    STALE = 1
    """Too old to know."""


class FinishedMessages:
    """The last REMEMBERED_MESSAGES ids that finished. Ids only grow, so a floor stands for all older ones."""

    __slots__ = ("_floor", "_outcomes")

    def __init__(self) -> None:
        self._outcomes: dict[int, Cause] = {}
        self._floor = -1

    def add(self, message_id: int, outcome: Cause) -> None:
        """Remember: Cause.NORMAL for a delivered message, else why it was dropped."""
        self._outcomes[message_id] = outcome
        if len(self._outcomes) > REMEMBERED_MESSAGES:
            oldest = next(iter(self._outcomes))
            del self._outcomes[oldest]
            self._floor = max(self._floor, oldest)

    def look_up(self, message_id: int) -> Cause | Past:
        """The outcome where it is remembered."""
        outcome = self._outcomes.get(message_id)
        if outcome is not None:
            return outcome
        return Past.STALE if message_id <= self._floor else Past.NEW
