"""Statistics of samples that are counted by level: they add up exactly, and one liar cannot move them far.

Each terminal gives one sample a round. The mean leaves out the lowest and the highest part `trim` of the samples, so a
terminal that is not more than that part of its cell moves it by no more than `shift_bound`, whatever it says.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray


def mean(counts: NDArray[np.int64]) -> float:
    """Of the levels; one liar moves it as far as it likes."""
    return float((counts * np.arange(len(counts))).sum() / counts.sum())


def trimmed_mean(counts: NDArray[np.int64], trim: float) -> float:
    """Mean of the levels, without the lowest and the highest part `trim` of the samples (rounded up)."""
    total = int(counts.sum())
    cut = trimmed(total, trim)
    above = np.cumsum(counts)
    kept = np.clip(above, cut, total - cut) - np.clip(above - counts, cut, total - cut)
    return mean(kept)


def trimmed(total: int, trim: float) -> int:
    """Samples left out at each end; at least one stays."""
    return min(math.ceil(trim * total - 1e-9), (total - 1) // 2)


def quantile(counts: NDArray[np.int64], share: float) -> int:
    """The lowest level that at least the part `share` of the samples do not exceed."""
    return int(np.searchsorted(np.cumsum(counts), share * int(counts.sum())))


def shift_bound(spread: float, terminals: int, trim: float) -> float:
    """How far one lying terminal among `terminals` can move the trimmed mean.

    `spread`: highest less lowest level of the others. The samples that are kept move up or down the order by no more
    places than the liar has samples, and stay within the others' range. Holds where trim * terminals is at least 1.
    """
    return spread / (terminals - 2 * trim * terminals - 2)
