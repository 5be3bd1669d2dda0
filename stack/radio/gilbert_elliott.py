"""Loss that comes in bursts: the Gilbert-Elliott model.

The channel is in a good or a bad state. Before each datagram it changes: from good to bad with probability p, from bad
to good with probability r. A datagram is lost with the probability of the state it meets. (E. N. Gilbert, Capacity of a
burst-noise channel, 1960; E. O. Elliott, Estimates of error rates for codes on burst-noise channels, 1963.)
"""

from __future__ import annotations

import math
from collections.abc import Callable

import msgspec

from net4ai.stack.radio.errors import ConditionsError, check

Draw = Callable[[], float]
"""A random number from 0 to just below 1; each call gives another."""

FOR_EVER = 1 << 62
"""Datagrams in a state that is never left."""


class GilbertElliott(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Parameters. Raises `ConditionsError` where one is out of range."""

    p: float
    """Probability that a good channel becomes bad."""
    r: float
    """Probability that a bad channel becomes good. Bursts have 1 / r datagrams on average."""
    loss_in_good: float = 0.0
    loss_in_bad: float = 1.0

    def __post_init__(self) -> None:
        for name in ("p", "loss_in_good", "loss_in_bad"):
            check(f"bursts.{name}", getattr(self, name), 0, 1)
        check("bursts.r", self.r, 0, 1, above=True)

    @classmethod
    def of(cls, loss: float, burst: float) -> GilbertElliott:
        """The simple Gilbert channel that loses the part `loss` of all datagrams, `burst` in a row on average.

        Raises `ConditionsError`: there is no such channel; where most is lost, bursts are long.
        """
        check("loss", loss, 0, 1, below=True)
        check("burst", burst, 1, 1e9)
        p = loss / (1 - loss) / burst
        if p > 1:
            raise ConditionsError("burst", burst, f"{loss / (1 - loss):g} or more, with a loss of {loss:g}")
        return cls(p=p, r=1 / burst)

    @property
    def part_bad(self) -> float:
        """Part of the datagrams that meet the bad state."""
        return self.p / (self.p + self.r)

    @property
    def mean_loss(self) -> float:
        """Part of the datagrams that is lost."""
        return (1 - self.part_bad) * self.loss_in_good + self.part_bad * self.loss_in_bad

    @property
    def mean_burst(self) -> float:
        """Datagrams lost in a row on average (the loss period of RFC 3357): all that are lost, by the number of first
        ones. 0: none is lost."""
        good, bad = 1 - self.part_bad, self.part_bad
        after_good = (1 - self.p) * self.loss_in_good + self.p * self.loss_in_bad
        after_bad = self.r * self.loss_in_good + (1 - self.r) * self.loss_in_bad
        first = good * (1 - self.loss_in_good) * after_good + bad * (1 - self.loss_in_bad) * after_bad
        if first:
            return self.mean_loss / first
        return math.inf if self.mean_loss else 0.0


class LossPattern:
    """Which datagrams are lost. It depends on their number alone: not on how many are asked for at a time."""

    def __init__(self, p: float, r: float, loss_in_good: float, loss_in_bad: float, draw: Draw) -> None:
        """Parameters as those of `GilbertElliott`, of which p and r are not both 0."""
        self._leave = (p, r)
        self._loss = (loss_in_good, loss_in_bad)
        self._draw = draw
        self._bad = draw() < p / (p + r)
        self._left = self._stay()

    @classmethod
    def independent(cls, loss: float, draw: Draw) -> LossPattern:
        """Each datagram is lost with the same probability, whatever became of the one before: p + r = 1."""
        return cls(loss, 1 - loss, 0.0, 1.0, draw)

    @classmethod
    def bursts(cls, model: GilbertElliott, draw: Draw) -> LossPattern:
        """Losses of a Gilbert-Elliott channel."""
        return cls(model.p, model.r, model.loss_in_good, model.loss_in_bad, draw)

    def take(self, number: int) -> bytearray:
        """The fates of the next `number` datagrams: 1 for each that is lost."""
        lost = bytearray(number)
        start = 0
        while start < number:
            end = min(start + self._left, number)
            loss = self._loss[self._bad]
            if loss == 1:
                lost[start:end] = b"\1" * (end - start)
            elif loss:
                lost[start:end] = bytes(self._draw() < loss for _ in range(end - start))
            self._left -= end - start
            if not self._left:
                self._bad = not self._bad
                self._left = self._stay()
            start = end
        return lost

    def _stay(self) -> int:
        """Datagrams until the state changes: geometrically distributed, at least one."""
        leave = self._leave[self._bad]
        if leave >= 1:
            return 1
        if leave <= 0:
            return FOR_EVER
        return 1 + int(min(math.log1p(-self._draw()) / math.log1p(-leave), FOR_EVER))
