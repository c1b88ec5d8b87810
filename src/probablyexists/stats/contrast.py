"""Comparisons of two groups of people: standard scores, the excess of resemblances, the slope of a dose curve."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from scipy.stats import t

from probablyexists.stats.estimate import LEVEL, Estimate, Figure, Unresolvable
from probablyexists.stats.rates import clump_freedom, gamma_interval

GUMBEL_SKEWNESS = 1.1395
"""Of the Gumbel distribution, to which the largest of many independent values tends (Fisher & Tippett 1928)."""


def standard_score(scores: NDArray[np.floating], strangers: NDArray[np.floating]) -> NDArray[np.float64]:
    """(n,) exposures: scores in standard deviations of the strangers' scores above their mean.

    `strangers`: (m,), at least 2; their standard deviation counts as at least 1e-9.

    >>> standard_score(np.array([3.0, 0.0]), np.array([-1.0, 0.0, 1.0])).tolist()
    [3.0, 0.0]
    """
    return np.asarray((scores - strangers.mean()) / max(float(strangers.std(ddof=1)), 1e-9), dtype=np.float64)


def excess(members: NDArray[np.floating], heldout: NDArray[np.floating], n_samples: int, gallery: int) -> Figure:
    """Share of samples that resemble a member minus the share that resemble a stranger, -1 to 1.

    `members`, `heldout`: the number of samples credited to each person of the two galleries (a sample that resembles
    several people is divided among them), scaled to galleries of `gallery` people each.
    People are the units. Credits are rare and heavy-tailed: few people get many samples. So each side gets a gamma
    interval, whose upper limit allows for one more person with the largest credit, or with one sample, and whose
    degrees of freedom are few where few people hold most credits. MOVER joins the two (Zou & Donner 2008, Statistics in
    Medicine 27(10)). Samples count one by one: give each distinct picture once.
    """
    n_m, n_h = members.size, heldout.size
    if min(n_m, n_h) < 2 or n_samples < 1:
        return Unresolvable("needs at least 2 people on each side and 1 sample", 2, min(n_m, n_h))
    (ours, low_m, high_m), (theirs, low_h, high_h) = (_mean_credit(credits) for credits in (members, heldout))
    scale = gallery / n_samples
    value = ours - theirs
    low = value - math.hypot(ours - low_m, high_h - theirs)
    high = value + math.hypot(high_m - ours, theirs - low_h)
    method = "gamma, credits a person; MOVER"
    return Estimate(scale * value, max(-1.0, scale * low), min(1.0, scale * high), LEVEL, method, n_m + n_h)


def _mean_credit(credits: NDArray[np.floating]) -> tuple[float, float, float]:
    """Mean over people with its gamma interval."""
    n = credits.size
    variance = float(credits.var(ddof=1)) / n
    largest = max(1.0, float(credits.max())) / n
    value = float(credits.mean())
    # Equal credits have no variance, but are at least as uncertain as that many single samples (Poisson).
    variance = variance if variance > 0.0 else value / n
    return value, *gamma_interval(value, variance, largest, clump_freedom(variance, credits, credits, 1 / n**2))


def slope(dose: NDArray[np.floating], response: NDArray[np.floating]) -> Figure:
    """Least-squares slope of response on dose, one point a person, with a heteroscedastic (HC3) interval.

    In units of response per unit of dose. HC3: MacKinnon & White 1985, recommended below 250 points by Long & Ervin
    2000. Few people have many photos, so the variance depends on few points. Student's quantile has the degrees of
    freedom that match the estimator's first two moments under equal variances (Bell & McCaffrey 2002; Imbens & Kolesar
    2016; for HC3 Hansen 2024).
    """
    n = dose.size
    if n < 10 or np.unique(dose).size < 3:
        return Unresolvable("needs at least 10 people with 3 different photo counts", 10, n)
    if np.ptp(response) == 0.0:
        return Unresolvable("everybody has the same value", None, n)
    x = np.column_stack([np.ones(n), dose])
    bread = np.linalg.inv(x.T @ x)
    beta = bread @ x.T @ response
    slack = np.clip(1 - np.einsum("ij,jk,ik->i", x, bread, x), 1e-6, None)
    pull = ((bread @ x.T)[1] / slack) ** 2
    variance = float((pull * (response - x @ beta) ** 2).sum())
    # The variance is e' M e with M = R diag(pull) R, R = I - x bread x'; freedom = tr(M)^2 / tr(M^2).
    core = bread @ (x.T * pull) @ x
    freedom = float((pull * slack).sum()) ** 2 / float((pull**2 * (2 * slack - 1)).sum() + np.trace(core @ core))
    half = float(t.ppf(0.5 + LEVEL / 2, min(freedom, n - 2))) * math.sqrt(variance)
    value = float(beta[1])
    return Estimate(value, value - half, value + half, LEVEL, "least squares, HC3, Bell-McCaffrey", n)


def mean(values: NDArray[np.floating]) -> Figure:
    """Mean of one value a person; Student's interval, corrected for skewness (Hall 1992, J. R. Statist. Soc. B 54).

    Exposures are maxima with a long right tail: the uncorrected interval would too often be below the truth. Ten people
    rarely show that tail, so for the upper limit the skewness is at least that of the law of maxima (Gumbel's).
    """
    n = values.size
    if n < 2:
        return Unresolvable(f"needs at least 2 people, has {n}", 2, n)
    if np.ptp(values) == 0.0:
        return Unresolvable("everybody has the same value", None, n)
    value = float(values.mean())
    error = float(values.std(ddof=1)) / math.sqrt(n)
    skewness = float(((values - value) ** 3).sum()) / (n * error) ** 3
    quantile = float(t.ppf(0.5 + LEVEL / 2, n - 1))
    low = value - error * _unskewed(quantile, skewness)
    high = value - error * _unskewed(-quantile, max(skewness, GUMBEL_SKEWNESS / math.sqrt(n)))
    return Estimate(value, low, high, LEVEL, "Student, skewness corrected", n)


def mean_difference(values: NDArray[np.floating]) -> Figure:
    """Mean of one difference a person, of two scores of the same kind: Student's interval.

    Long tails of the scores are on both sides of their difference, so the skewness is not corrected as in `mean`.
    """
    n = values.size
    if n < 2:
        return Unresolvable(f"needs at least 2 people, has {n}", 2, n)
    if np.ptp(values) == 0.0:
        return Unresolvable("everybody has the same value", None, n)
    value, error = float(values.mean()), float(values.std(ddof=1)) / math.sqrt(n)
    within = float(t.ppf(0.5 + LEVEL / 2, n - 1)) * error
    return Estimate(value, value - within, value + within, LEVEL, "Student", n)


def _unskewed(quantile: float, skewness: float) -> float:
    """Quantile of a studentised mean whose sum has this skewness: the inverse of Hall's cubic transformation."""
    if abs(skewness) < 1e-6:
        return quantile
    return float(3 / skewness * (np.cbrt(1 + skewness * (quantile - skewness / 6)) - 1))


def satterthwaite(*sides: NDArray[np.float64]) -> float:
    """Degrees of freedom of a sum of squares over people, in groups with different variances.

    `sides`: the squares of each group, one a person, at least 2. Satterthwaite 1946, Biometrics Bulletin 2(6); for two
    groups it is Welch's formula.
    """
    total = sum(float(side.sum()) for side in sides)
    spread = sum(float(side.sum()) ** 2 / (side.size - 1) for side in sides)
    return total**2 / spread if spread else sum(side.size for side in sides) - 1.0
