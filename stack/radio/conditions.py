"""The conditions of one UE in one direction of the radio, as they stand in a configuration."""

from __future__ import annotations

from itertools import pairwise

import msgspec

from net4ai.codecs.rrc import MAXIMUM_CQI
from net4ai.stack.radio.cqi import OUT_OF_RANGE
from net4ai.stack.radio.errors import ConditionsError, check
from net4ai.stack.radio.gilbert_elliott import GilbertElliott

LOWEST_RATE = 1000
"""Bits per second: a rate is reported in kbit/s, and 0 stands for no limit."""
HIGHEST_RATE = 1_000_000_000_000
NARROWEST_BANDWIDTH = 100_000.0
"""Hertz: with it CQI 1 still gives more than the lowest rate."""
WIDEST_BANDWIDTH = 2_000_000_000.0
"""The widest channel of TS 38.104, table 5.3.5-2."""
DEFAULT_BANDWIDTH = 20_000_000.0
MAXIMUM_DELAY = 10.0
"""Longest delay, and longest jitter, in seconds."""
MAXIMUM_CUTS = 1000
LATEST = 86_400.0
"""Latest time in a trace, latest start and longest duration of a cut, in seconds."""
MAXIMUM_STEPS = 10_000
"""Of a CQI trace."""
SHORTEST_STEP = 0.01
"""Seconds a CQI holds at least: each change is a message of the UE."""


class RadioConditions(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How the radio of one UE is in one direction. Raises `ConditionsError` where a value is not allowed."""

    rate: int = 0
    """Bits per second; 0: not limited."""
    cqi: tuple[tuple[float, int], ...] = ()
    """A trace instead of a rate: seconds from the start of the run (the first is 0), and the CQI from then on."""
    cqi_repeat: float = 0.0
    """Seconds after which the trace begins anew; 0: the last CQI stays."""
    bandwidth: float = DEFAULT_BANDWIDTH
    """Hertz: what a CQI is worth."""
    delay: float = 0.0
    """Seconds every datagram takes."""
    jitter: float = 0.0
    """Seconds; a random part of it comes on top of the delay. Datagrams may overtake one another."""
    loss: float = 0.0
    """Part of the datagrams that is lost, each by itself."""
    bursts: GilbertElliott | None = None
    """Loss in bursts, instead."""
    cuts: tuple[tuple[float, float], ...] = ()
    """Times when nothing passes: start and duration in seconds, counted from the start of the run."""

    def __post_init__(self) -> None:
        if self.rate:
            check("rate", self.rate, LOWEST_RATE, HIGHEST_RATE)
        check("bandwidth", self.bandwidth, NARROWEST_BANDWIDTH, WIDEST_BANDWIDTH)
        for name in ("delay", "jitter"):
            check(name, getattr(self, name), 0, MAXIMUM_DELAY)
        check("loss", self.loss, 0, 1)
        if self.loss and self.bursts is not None:
            raise ConditionsError("loss", self.loss, "0 where there are bursts: they have a loss of their own")
        self._check_trace()
        if len(self.cuts) > MAXIMUM_CUTS:
            raise ConditionsError("cuts", f"a list of {len(self.cuts)}", f"at most {MAXIMUM_CUTS}")
        for index, (start, duration) in enumerate(self.cuts):
            check(f"cuts[{index}][0]", start, 0, LATEST)
            check(f"cuts[{index}][1]", duration, 0, LATEST)

    def _check_trace(self) -> None:
        if len(self.cqi) > MAXIMUM_STEPS:
            raise ConditionsError("cqi", f"a trace of {len(self.cqi)} steps", f"at most {MAXIMUM_STEPS}")
        if self.cqi and self.rate:
            raise ConditionsError("rate", self.rate, "0 where there is a CQI trace: the rate follows from it")
        for index, (time, cqi) in enumerate(self.cqi):
            check(f"cqi[{index}][0]", time, 0, LATEST if index else 0)
            if not OUT_OF_RANGE <= cqi <= MAXIMUM_CQI:
                raise ConditionsError(f"cqi[{index}][1]", cqi, f"{OUT_OF_RANGE} to {MAXIMUM_CQI}")
        for index, ((before, _), (time, _)) in enumerate(pairwise(self.cqi)):
            check(f"cqi[{index + 1}][0]", time, before + SHORTEST_STEP, LATEST)
        if self.cqi_repeat:
            least = (self.cqi[-1][0] if self.cqi else 0.0) + SHORTEST_STEP
            if not least <= self.cqi_repeat <= LATEST:
                raise ConditionsError("cqi_repeat", self.cqi_repeat, f"0, or {least:g} to {LATEST:g}")

    @property
    def perfect(self) -> bool:
        """Nothing is done to any datagram, and as many pass as the socket takes."""
        return not (
            self.rate or self.cqi or self.delay or self.jitter or self.loss or self.bursts is not None or self.cuts
        )


PERFECT = RadioConditions()
