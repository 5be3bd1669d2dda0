"""One direction of one UE's radio: what becomes of each datagram, and how fast they may come. Without I/O.

The fate of a datagram depends on its number: the same conditions and the same random numbers give the same fates,
however the datagrams are cut into batches. Only cuts, and a CQI of 0, depend on the time.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable
from itertools import groupby
from typing import NamedTuple, TypeAlias

from net4ai.codecs.rrc import MAXIMUM_CQI
from net4ai.stack.drops import Drop
from net4ai.stack.radio.conditions import RadioConditions
from net4ai.stack.radio.cqi import OUT_OF_RANGE, CqiTrace, bits_per_second
from net4ai.stack.radio.gilbert_elliott import Draw, LossPattern
from net4ai.stack.units import SECOND

Fate: TypeAlias = Drop | int
"""Why a datagram is lost, or its delay in nanoseconds."""


class Quality(NamedTuple):
    """How good a channel is at a time."""

    cqi: int
    """The highest where there is no trace."""
    rate: int | None
    """Bits per second; None: not limited."""


class RadioChannel:
    """One UE, one direction."""

    def __init__(
        self, conditions: RadioConditions, start: int, draw_of: Callable[[str], Draw], *, ahead: int = 0
    ) -> None:
        """`start`: when the run began, in nanoseconds as `now`. `draw_of(what)`: random numbers for a purpose.
        `ahead`: the trace began so many nanoseconds before the run."""
        self.conditions = conditions
        self._start = start
        self._trace_start = start - ahead
        self._delay = round(conditions.delay * SECOND)
        self._jitter = conditions.jitter * SECOND
        self._draw_jitter = draw_of("jitter")
        self._loss: LossPattern | None = None
        if conditions.bursts is not None:
            self._loss = LossPattern.bursts(conditions.bursts, draw_of("loss"))
        elif conditions.loss:
            self._loss = LossPattern.independent(conditions.loss, draw_of("loss"))
        self._trace = CqiTrace(conditions.cqi, conditions.cqi_repeat) if conditions.cqi else None
        cuts = sorted((round(begin * SECOND), round((begin + length) * SECOND)) for begin, length in conditions.cuts)
        self._cut_starts = [begin for begin, _ in cuts]
        self._cut_ends = [max(end for _, end in cuts[: index + 1]) for index in range(len(cuts))]

    # Fates

    def fates(self, number: int, now: int) -> list[tuple[int, Fate]]:
        """What becomes of the next `number` datagrams, sent now: how many neighbours have which fate."""
        # Numbers are drawn whether the channel is cut or not: a fate depends on the datagram's number alone.
        lost = self._loss.take(number) if self._loss is not None else b""
        jitter = [self._draw_jitter() for _ in range(number)] if self._jitter else []
        if (closed := self.closed(now)) is not None:
            return [(number, closed)]
        if not jitter and 1 not in lost:
            return [(number, self._delay)]
        delays = [self._delay + round(part * self._jitter) for part in jitter] or [self._delay] * number
        each: list[Fate] = [
            Drop.LOST if gone else delay for gone, delay in zip(lost or bytes(number), delays, strict=True)
        ]
        return [(sum(1 for _ in group), fate) for fate, group in groupby(each)]

    def closed(self, now: int) -> Drop | None:
        """Why nothing passes now; None: the channel is open."""
        elapsed = now - self._start
        index = bisect_right(self._cut_starts, elapsed)
        if index and elapsed < self._cut_ends[index - 1]:
            return Drop.LINK_CUT
        return Drop.OUT_OF_RANGE if self._trace is not None and self.quality(now).cqi == OUT_OF_RANGE else None

    # Rate

    @property
    def limited(self) -> bool:
        """Whether there is a rate, always or at times."""
        return self._trace is not None or bool(self.conditions.rate)

    def quality(self, now: int) -> Quality:
        """CQI and rate now."""
        if self._trace is None:
            return Quality(MAXIMUM_CQI, self.conditions.rate or None)
        cqi = self._trace.at(max(0, now - self._trace_start))
        return Quality(cqi, bits_per_second(cqi, self.conditions.bandwidth))

    def next_change(self, now: int) -> int | None:
        """When the CQI may change next, in nanoseconds as `now`; None: it stays."""
        if self._trace is None:
            return None
        step = self._trace.next_step(max(0, now - self._trace_start))
        return None if step is None else self._trace_start + step
