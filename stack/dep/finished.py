"""What became of messages that are no longer open."""

from __future__ import annotations

from array import array
from enum import Enum

import numpy as np

from net4ai.codecs.causes import Cause
from net4ai.stack.dep.constants import REMEMBERED_MESSAGES


class Past(Enum):
    """What a receiver knows of a message id that is not open."""

    NEW = 0
    STALE = 1
    """Too old to know."""


class FinishedMessages:
    """The last REMEMBERED_MESSAGES ids that finished. Ids only grow, so a floor stands for all older ones.

    They are kept as plain numbers, 6 octets each: there is one of these for each flow and kind of a thousand sessions.
    """

    __slots__ = ("_causes", "_floor", "_highest", "_ids", "_oldest")

    def __init__(self) -> None:
        self._ids = array("I")
        self._causes = array("H")
        self._oldest = 0
        """Where the oldest one stands, once there are as many as are kept."""
        self._highest = -1
        self._floor = -1

    def __len__(self) -> int:
        return len(self._ids)

    def add(self, message_id: int, outcome: Cause) -> None:
        """Remember: Cause.NORMAL for a delivered message, else why it was dropped."""
        self._highest = max(self._highest, message_id)
        if len(self._ids) < REMEMBERED_MESSAGES:
            self._ids.append(message_id)
            self._causes.append(outcome)
            return
        at = self._oldest
        self._floor = max(self._floor, self._ids[at])
        self._ids[at], self._causes[at] = message_id, outcome
        self._oldest = (at + 1) % REMEMBERED_MESSAGES

    def look_up(self, message_id: int) -> Cause | Past:
        """The outcome where it is remembered."""
        if message_id > self._highest:
            return Past.NEW
        found = np.flatnonzero(np.frombuffer(self._ids, np.uint32) == message_id)
        if len(found):
            return Cause(self._causes[int(found[0])])
        return Past.STALE if message_id <= self._floor else Past.NEW
