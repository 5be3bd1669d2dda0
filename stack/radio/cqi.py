"""Channel quality indicators: how many bits per second a UE can be sent, and how that changes over time."""

from __future__ import annotations

from bisect import bisect_right
from typing import NamedTuple

from net4ai.stack.units import SECOND

OUT_OF_RANGE = 0
"""The CQI of a UE that nothing reaches."""


class Coding(NamedTuple):
    """Modulation and code rate that a CQI stands for."""

    bits: int
    """Of a symbol: 2 for QPSK, 4 for 16QAM, 6 for 64QAM."""
    code_rate: int
    """In 1024ths."""


CQI_TABLE = {
    1: Coding(2, 78),
    2: Coding(2, 120),
    3: Coding(2, 193),
    4: Coding(2, 308),
    5: Coding(2, 449),
    6: Coding(2, 602),
    7: Coding(4, 378),
    8: Coding(4, 490),
    9: Coding(4, 616),
    10: Coding(6, 466),
    11: Coding(6, 567),
    12: Coding(6, 666),
    13: Coding(6, 772),
    14: Coding(6, 873),
    15: Coding(6, 948),
}
"""TS 38.214, table 5.2.2.1-2: the CQI table for up to 64QAM and a block error rate of at most 0.1."""


def efficiency(cqi: int) -> float:
    """Bits per second and hertz at `cqi`; 0 where it is out of range. Raises KeyError: there is no such CQI."""
    if cqi == OUT_OF_RANGE:
        return 0.0
    coding = CQI_TABLE[cqi]
    return coding.bits * coding.code_rate / 1024


def bits_per_second(cqi: int, bandwidth: float) -> int:
    """The rate at `cqi` with `bandwidth` hertz: one layer, nothing taken off for control channels and guard bands."""
    return round(efficiency(cqi) * bandwidth)


class CqiTrace:
    """CQI over time: each of `steps` (seconds, CQI) holds until the next. Checked by `RadioConditions`.

    After `repeat` seconds it begins anew; with 0 the last value stays.
    """

    def __init__(self, steps: tuple[tuple[float, int], ...], repeat: float = 0.0) -> None:
        self._times = [round(time * SECOND) for time, _ in steps]
        self._values = [cqi for _, cqi in steps]
        self._repeat = round(repeat * SECOND)

    def at(self, elapsed: int) -> int:
        """The CQI `elapsed` nanoseconds (from 0 on) after the trace began."""
        return self._values[bisect_right(self._times, self._place(elapsed)) - 1]

    def next_step(self, elapsed: int) -> int | None:
        """When the next value begins, in nanoseconds after the trace began; None: there is no other."""
        place = self._place(elapsed)
        index = bisect_right(self._times, place)
        if index < len(self._times):
            return elapsed - place + self._times[index]
        return elapsed - place + self._repeat if self._repeat else None

    def _place(self, elapsed: int) -> int:
        return elapsed % self._repeat if self._repeat else elapsed
