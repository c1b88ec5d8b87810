"""Yes-or-no answers in matched pairs: the exact test, and how many pairs it needs."""

from __future__ import annotations

import numpy as np
from scipy.optimize import brentq
from scipy.stats import binom

from probablyexists.stats.estimate import LEVEL

ERROR = 1 - LEVEL
"""Probability of a one-sided test finding a difference where there is none."""
TARGET = 0.80
"""The power asked for."""
MOST_PAIRS = 10_000


def sign_test(more: int, less: int) -> float:
    """p of the one-sided exact test that "yes" is no more frequent on the first side of pairs, 0 to 1.

    `more`: pairs with a yes on the first side alone; `less`: on the second alone. Pairs with the same answer twice say
    nothing. McNemar 1947, Psychometrika 12(2), exact: under the null the first side has the yes with probability 1/2.

    >>> sign_test(5, 0), sign_test(0, 0)
    (0.03125, 1.0)
    """
    return float(binom.sf(more - 1, more + less, 0.5)) if more else 1.0


def power_of_pairs(n: int, ours: float, theirs: float) -> float:
    """Probability that the test of n pairs is significant, where a side says yes with these rates, 0 to 1.

    The two answers of a pair are taken as independent, given the pairs: the more they agree, the higher the power.
    """
    up, down = ours * (1 - theirs), theirs * (1 - ours)
    if up + down <= 0.0:
        return 0.0
    differing = np.arange(n + 1)
    needed = binom.isf(ERROR, differing, 0.5) + 1  # the smallest number of which the tail is at most ERROR
    found = np.where(needed <= differing, binom.sf(needed - 1, differing, up / (up + down)), 0.0)
    return float((binom.pmf(differing, n, up + down) * found).sum())


def pairs_needed(ours: float, theirs: float) -> int | None:
    """The fewest pairs that find this difference with the power `TARGET`; None if not even `MOST_PAIRS` do."""
    if ours <= theirs:
        return None
    n = 5
    while power_of_pairs(n, ours, theirs) < TARGET:
        n += 1 if n < 200 else n // 20
        if n > MOST_PAIRS:
            return None
    return n


def smallest_rate(n: int, theirs: float) -> float | None:
    """The smallest rate of yes on the first side that n pairs find with the power `TARGET`; None if not even 1."""
    if power_of_pairs(n, 1.0, theirs) < TARGET:
        return None
    return float(brentq(lambda ours: power_of_pairs(n, ours, theirs) - TARGET, theirs, 1.0, xtol=1e-6))
