"""Error rates of a recogniser with person-level intervals: FMR, FNMR (ISO/IEC 19795-1), and plain shares.

Comparisons are dependent because people take part in many of them. Variances are those between people, as in
Fogliato, Patil & Perona 2023 ("Confidence Intervals for Error Rates in 1:1 Matching Tasks", arXiv 2306.01198):
shares get Wilson's interval with an effective number of trials, rare sums a gamma interval.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from scipy.stats import chi2, norm, t

from probablyexists.stats.estimate import LEVEL, Estimate, Figure, Unresolvable


def wilson(p: float, n: float, level: float = LEVEL, freedom: float | None = None) -> tuple[float, float]:
    """Wilson's score interval for a share p of n independent trials (n may be an effective number).

    With `freedom`, Student's quantile replaces the normal one, for an n whose variance was itself estimated.

    >>> tuple(round(x, 3) for x in wilson(0.0, 10))
    (0.0, 0.278)
    """
    z = float(norm.ppf(0.5 + level / 2) if freedom is None else t.ppf(0.5 + level / 2, freedom))
    centre = (p + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    return max(0.0, centre - half), min(1.0, centre + half)


def share_of_people(per_person: NDArray[np.floating]) -> Figure:
    """Mean over people of a rate in 0..1 each (FNMR: the share of a person's mated comparisons that fail).

    The effective number of people is n divided by the design effect: the variance between people divided by that of n
    independent yes-or-no answers. Before, z^2 / 2 people of rate 0 and as many of rate 1 are added, as Agresti & Coull
    1998 add them to the share itself. Without them, one failure in a tenth of one person's comparisons would count as
    ten times as many people.
    """
    n = per_person.size
    if n < 2:
        return Unresolvable(f"needs at least 2 people, has {n}", 2, n)
    p = float(per_person.mean())
    added = float(norm.ppf(0.5 + LEVEL / 2)) ** 2
    mean = (float(per_person.sum()) + added / 2) / (n + added)
    squares = float(((per_person - mean) ** 2).sum()) + added / 2 * (mean**2 + (1 - mean) ** 2)
    design_effect = squares / (n + added) / (mean * (1 - mean))
    low, high = wilson(p, max(1.0, (n - 1) / design_effect), freedom=n - 1)
    return Estimate(p, min(low, p), max(high, p), LEVEL, "Wilson, variance between people", n)


def false_match_rate(rates: NDArray[np.floating]) -> Figure:
    """FMR from the (n, n) symmetric matrix of match rates between people; its diagonal is not read.

    The FMR is the mean over pairs of people, a U-statistic of degree two: its variance is 4 (n - 2) / (n (n - 1)) zeta1
    + 2 / (n (n - 1)) zeta2 with zeta1 the covariance of two pairs that share a person and zeta2 the variance of a pair
    (Hoeffding 1948; Fogliato et al. 2023, section 3), or the jackknife's over people if larger (never too small on
    average: Efron & Stein 1981, Annals of Statistics 9(3)). A few people ("wolves", Doddington et al. 1998) cause most
    false matches, so the rate is skewed and its variance uncertain. The interval is the gamma one, whose degrees of
    freedom are few where few people cause most of the variance. Its upper limit and its degrees of freedom allow for
    one more person like the worst. Without any false match it is Wilson's with the number of people as trials:
    deliberately wide.
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
    variance = max(variance, 4 * (n - 1) / (n * (n - 2) ** 2) * float(((by_person - p) ** 2).sum()))
    if p == 0.0 or variance <= 0.0:
        low, high = wilson(p, n)
        return Estimate(p, min(low, p), max(high, p), LEVEL, "Wilson, number of people", n)
    matches = np.where(off, rates, 0.0)
    matches = np.concatenate([matches, matches[[int(by_person.argmax())]]])
    freedom = clump_freedom(variance, matches.sum(axis=1), (matches**2).sum(axis=1), 4 / (n * (n - 1)) ** 2)
    low, high = gamma_interval(p, variance, 2 * float(by_person.max()) / n, freedom)
    return Estimate(p, low, min(1.0, high), LEVEL, "gamma, variance between pairs of people", n)


def gamma_interval(value: float, variance: float, largest: float, freedom: float = math.inf) -> tuple[float, float]:
    """Interval for a sum of rare events of unequal weight, `largest` the largest weight.

    Fay & Feuer 1997, "Confidence intervals for directly standardized rates: a method based on the gamma
    distribution", Statistics in Medicine 16(7). Equal weights give the exact Poisson interval:

    >>> tuple(round(x, 2) for x in gamma_interval(10, 10, 1))
    (4.8, 18.39)

    It takes the variance as known. With `freedom`, an estimated variance has so many degrees of freedom: the gamma
    quantiles are then those at the normal tail of Student's quantile (as Korn & Graubard 1998, Survey Methodology
    24(2), adjust the exact interval of a share).
    """
    tail = float(norm.sf(t.ppf(0.5 + LEVEL / 2, freedom)))
    low = variance / (2 * value) * float(chi2.ppf(tail, 2 * value**2 / variance)) if value > 0.0 else 0.0
    upper_value, upper_variance = value + largest, variance + largest**2
    scale, degrees = upper_variance / (2 * upper_value), 2 * upper_value**2 / upper_variance
    return min(low, value), max(scale * float(chi2.isf(tail, degrees)), value)


def clump_freedom(variance: float, sums: NDArray[np.floating], singles: NDArray[np.floating], scale: float) -> float:
    """Degrees of freedom of the `variance` of a sum of rare events over people; infinite if they are all single events.

    `sums`: of each person's events; `singles`: the variance of these if their events were single ones (Poisson, so
    known); `scale`: what multiplies both in `variance`. What people above the average have beyond single events are
    clumps. If they are all of the variance, there are as many degrees of freedom as effective clumps, (sum c)^2 / sum
    c^2 (Kish 1965; Carter, Schnepel & Steigerwald 2017, Review of Economics and Statistics 99(4)); in general
    variance^2 / sum c^2, at least 1.
    """
    above = np.maximum(0.0, sums - sums.mean())
    uncertain = float((np.maximum(0.0, above**2 - singles) ** 2).sum()) * scale**2
    return max(1.0, variance**2 / uncertain) if uncertain > 0.0 else math.inf
