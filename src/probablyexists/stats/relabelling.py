"""Two sets of draws, compared with what the same draws give if their labels are dealt again: the permutation test.

Null: nothing changed, so that all draws of both sets are exchangeable (the same generator, independent seeds). Whatever
is computed from the labelled draws, a selection made in the first set included, then has the same distribution for the
actual labels as for labels dealt at random. The actual labels count as one more deal (Phipson & Smyth 2010,
"Permutation p-values should never be zero", Stat. Appl. Genet. Mol. Biol. 9(1):39), so the test is exact for any number
of deals.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from probablyexists.stats.estimate import LEVEL

_ROUNDING = 1e-9


def deals(n: int, n_first: int, times: int, rng: np.random.Generator) -> Iterator[NDArray[np.bool_]]:
    """(n,) whether each draw is of the first set, dealt anew each time; the sizes stay."""
    for _ in range(times):
        label = np.zeros(n, dtype=bool)
        label[rng.random(n).argpartition(n_first - 1)[:n_first] if 0 < n_first < n else slice(n_first)] = True
        yield label


@dataclass(frozen=True)
class NoChange:
    """What dealt labels give."""

    mean: float
    low: float
    high: float
    """The middle 95 % of the deals."""


def no_change(dealt: NDArray[np.float64]) -> NoChange:
    """From (deals,) values."""
    low, high = np.quantile(dealt, [0.5 - LEVEL / 2, 0.5 + LEVEL / 2])
    return NoChange(float(dealt.mean()), float(low), float(high))


def p_low(actual: float, dealt: NDArray[np.float64]) -> float:
    """One-sided p-value of a small value; a tie counts against the discovery.

    >>> p_low(0.0, np.array([0.0, 1.0, 2.0]))
    0.5
    """
    return float((1 + (dealt <= actual + _ROUNDING).sum()) / (1 + dealt.size))


def p_high(actual: float, dealt: NDArray[np.float64]) -> float:
    """The same of a large value."""
    return p_low(-actual, -dealt)


def smallest_of(actual: NDArray[np.float64], dealt: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
    """The smallest of (s,) statistics, each standardised over all deals; the same for each of (deals, s).

    All deals, the actual one among them, are treated alike, so the p-value of the result is exact and corrected for
    choosing among the statistics (Westfall & Young 1993, "Resampling-Based Multiple Testing").
    """
    every = np.concatenate([actual[None], dealt])
    spread = every.std(axis=0)
    scores = (every - every.mean(axis=0)) / np.where(spread > _ROUNDING, spread, np.inf)
    least = scores.min(axis=1)
    return float(least[0]), least[1:]
