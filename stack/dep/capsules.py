"""Key capsules of one session, both ways (R86-R88): each is sent until it is answered, and taken once."""

from __future__ import annotations

from net4ai.codecs.dep import CapsuleBody
from net4ai.stack.dep.constants import (
    ANSWER_WAIT,
    ANSWER_WAIT_MAXIMUM,
    CAPSULES_WAITING,
    MAXIMUM_CAPSULE,
    MAXIMUM_EPOCH,
    UNANSWERED_REPETITIONS,
)
from net4ai.stack.dep.errors import CapsuleRefused
from net4ai.stack.dep.repetition import Repetition
from net4ai.stack.drops import Drop


class Capsules:
    """Capsules go out one at a time, in the order of their epochs."""

    def __init__(self) -> None:
        self.repetition = Repetition(ANSWER_WAIT, ANSWER_WAIT_MAXIMUM, UNANSWERED_REPETITIONS)
        self.untaken = 0
        """Capsules of the peer that the owner has not taken yet."""
        self._waiting: list[CapsuleBody] = []
        self._last_epoch = -1
        self._heard: CapsuleBody | None = None

    @property
    def waiting(self) -> bool:
        """Whether the peer has not answered all capsules yet."""
        return bool(self._waiting)

    def send(self, epoch: int, octets: bytes, now: int) -> None:
        """Queue a capsule. Raises `CapsuleRefused`."""
        if not self._last_epoch < epoch <= MAXIMUM_EPOCH:
            raise CapsuleRefused(f"capsule of epoch {epoch}; allowed: {self._last_epoch + 1} to {MAXIMUM_EPOCH}")
        if not 1 <= len(octets) <= MAXIMUM_CAPSULE:
            raise CapsuleRefused(f"capsule of {len(octets)} octets; allowed: 1 to {MAXIMUM_CAPSULE}")
        if len(self._waiting) >= CAPSULES_WAITING:
            raise CapsuleRefused(f"{CAPSULES_WAITING} capsules are waiting already")
        self._last_epoch = epoch
        self._waiting.append(CapsuleBody(epoch=epoch, capsule=bytes(octets)))
        if not self.repetition.waiting:
            self.repetition.start(now)

    def question(self) -> CapsuleBody:
        """The body of CAPSULE to send, and to repeat."""
        return self._waiting[0]

    def take_answer(self, epoch: int, now: int) -> bool:
        """The peer has answered; whether it is what we wait for."""
        if not self._waiting or epoch != self._waiting[0].epoch:
            return False
        self._waiting.pop(0)
        self.repetition.stop()
        if self._waiting:
            self.repetition.start(now)
        return True

    def hear(self, capsule: CapsuleBody) -> Drop | None:
        """A capsule of the peer: None where it is new, else why it is not taken."""
        if self._heard is not None and capsule.epoch <= self._heard.epoch:
            if capsule.epoch < self._heard.epoch:
                return Drop.STALE_CAPSULE
            return Drop.DUPLICATE if capsule == self._heard else Drop.CAPSULE_CHANGED
        if self.untaken >= CAPSULES_WAITING:
            return Drop.RECEIVER_BACKLOG
        self._heard = capsule
        self.untaken += 1
        return None

    def stop(self) -> None:
        """The session is over."""
        self._waiting.clear()
        self.repetition.stop()
