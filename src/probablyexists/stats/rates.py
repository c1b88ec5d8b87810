"""Error rates of a recogniser with person-level intervals: FMR, FNMR (ISO/IEC 19795-1), and plain shares.

Comparisons are dependent because people take part in many of them. The interval is Wilson's with the number of
comparisons replaced by the effective one, p (1 - p) / Var(p), as Fogliato, Patil & Perona 2023 ("Confidence
Intervals for Error Rates in 1:1 Matching Tasks", arXiv 2306.01198) found to reach nominal coverage.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm, t

from probablyexists.stats.estimate import LEVEL, Estimate, Figure, Unresolvable


def wilson(p: float, n: float, level: float = LEVEL, freedom: float | None = None) -> tuple[float, float]:
    """Wilson's score interval for a share p of n independent trials (n may be an effective number).

    With `freedom`, Student's quantile stands for the normal one: the variance behind n was itself estimated.

    >>> tuple(round(x, 3) for x in wilson(0.0, 10))
    (0.0, 0.278)
    """
    z = float(norm.ppf(0.5 + level / 2) if freedom is None else t.ppf(0.5 + level / 2, freedom))
    centre = (p + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    return max(0.0, centre - half), min(1.0, centre + half)


def share_of_people(per_person: NDArray[np.floating]) -> Figure:
    """Mean over people of a rate in 0..1 each (FNMR: the share of a person's mated comparisons that fail)."""
    n = per_person.size
    if n < 2:
        return Unresolvable(f"needs at least 2 people, has {n}", 2, n)
    p = float(per_person.mean())
    effective = _effective(p, float(per_person.var(ddof=1)) / n, n)
    low, high = wilson(p, effective, freedom=n - 1)
    return Estimate(p, low, high, LEVEL, "Wilson, variance between people", n)


def false_match_rate(rates: NDArray[np.floating]) -> Figure:
    """FMR from the (n, n) symmetric matrix of match rates between people; its diagonal is not read.

    The FMR is the mean over pairs of people, a U-statistic of degree two: its variance is
    4 (n - 2) / (n (n - 1)) zeta1 + 2 / (n (n - 1)) zeta2 with zeta1 the covariance of two pairs that share a
    person and zeta2 the variance of a pair (Hoeffding 1948; Fogliato et al. 2023, section 3).
    With no false match at all the effective number is that of people: a deliberately wide interval.
    """
    n = rates.shape[0]
    if n < 3:
        return Unresolvable(f"needs at least 3 people, has {n}", 3, n)
    off = ~np.eye(n, dtype=bool)
    p = float(rates[off].mean())
    zeta2 = float(((rates[off] - p) ** 2).mean())
    by_person = np.where(off, rates, 0.0).sum(axis=1) / (n - 1)
    zeta1 = max(0.0, (float(by_person.var(ddof=1)) - zeta2 / (n - 1)) * (n - 1) / (n - 2))
    variance = 4 * (n - 2) / (n * (n - 1)) * zeta1 + 2 / (n * (n - 1)) * zeta2
    low, high = wilson(p, _effective(p, variance, n))
    return Estimate(p, low, high, LEVEL, "Wilson, variance between pairs of people", n)


def _effective(p: float, variance: float, n_people: int) -> float:
    if p in (0.0, 1.0) or variance <= 0.0:
        return float(n_people)
    return max(1.0, p * (1 - p) / variance)
