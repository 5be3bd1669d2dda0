"""PATH, both ways: what this end asks the peer after its path changed, and what it has heard of the peer's changes."""

from __future__ import annotations

from enum import Enum

from net4ai.codecs.dep import PathBody, PathReason
from net4ai.stack.dep.constants import ANSWER_WAIT, ANSWER_WAIT_MAXIMUM, UNANSWERED_REPETITIONS
from net4ai.stack.dep.repetition import Repetition

_MODULUS = 1 << 16


class Age(Enum):
    """A sequence number beside the highest one so far."""

    NEWER = 0
    SAME = 1
    OLDER = 2


class PathChange:
    """Sequence numbers of one session: ours, with the repetition of PATH until it is answered, and the peer's."""

    def __init__(self) -> None:
        self.repetition = Repetition(ANSWER_WAIT, ANSWER_WAIT_MAXIMUM, UNANSWERED_REPETITIONS)
        self._sequence = 0
        self._reason = PathReason.BEARER_CHANGED
        self._heard: int | None = None

    @property
    def waiting(self) -> bool:
        """Whether the peer has not answered yet."""
        return self.repetition.waiting

    def begin(self, reason: PathReason, now: int) -> None:
        """Our path has changed; an earlier question is void."""
        self._sequence = (self._sequence + 1) % _MODULUS
        self._reason = reason
        self.repetition.start(now)

    def question(self) -> PathBody:
        """The body of PATH to send, and to repeat."""
        return PathBody(sequence=self._sequence, reason=self._reason, answer=False)

    def take_answer(self, sequence: int) -> bool:
        """The peer has answered; whether it is what we wait for."""
        if not self.waiting or sequence != self._sequence:
            return False
        self.repetition.stop()
        return True

    def hear(self, sequence: int) -> Age:
        """The peer's path has changed. Sequence numbers wrap around: less than half the circle ahead is newer."""
        ahead = (sequence - self._heard) % _MODULUS if self._heard is not None else 1
        if not ahead:
            return Age.SAME
        if ahead >= _MODULUS // 2:
            return Age.OLDER
        self._heard = sequence
        return Age.NEWER
