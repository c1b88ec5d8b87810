"""Differences between people of two kinds: the excess of resemblances, and the slope of a dose curve."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.stats import t

from probablyexists.stats.estimate import LEVEL, Estimate, Figure, Unresolvable


def excess(members: NDArray[np.floating], heldout: NDArray[np.floating], n_samples: int, gallery: int) -> Figure:
    """Share of samples that resemble a member minus the share that resemble a stranger.

    `members`, `heldout`: for each person of the two galleries, the number of samples credited to them (a sample
    that resembles several people is divided among them), scaled to galleries of `gallery` people each.
    The people are the units: sum of independent credits on each side, Welch's interval for their difference.
    """
    n_m, n_h = members.size, heldout.size
    if min(n_m, n_h) < 2 or n_samples < 1:
        return Unresolvable("needs at least 2 people on each side and 1 sample", 2, min(n_m, n_h))
    scale = gallery / n_samples
    value = scale * float(members.mean() - heldout.mean())
    parts = np.array([members.var(ddof=1) / n_m, heldout.var(ddof=1) / n_h])
    variance = float(parts.sum())
    if variance == 0.0:
        half = 1.0 - (1.0 - LEVEL) ** (1.0 / n_samples)
        return Estimate(value, value - half, value + half, LEVEL, "rule of three (no resemblance seen)", n_m + n_h)
    freedom = variance**2 / float((parts**2 / np.array([n_m - 1, n_h - 1])).sum())
    half = float(t.ppf(0.5 + LEVEL / 2, freedom)) * scale * np.sqrt(variance)
    return Estimate(value, value - half, value + half, LEVEL, "Welch, credits a person", n_m + n_h)


def slope(dose: NDArray[np.floating], response: NDArray[np.floating]) -> Figure:
    """Least-squares slope of response on dose, one point a person, with a heteroscedastic (HC3) interval.

    HC3: MacKinnon & White 1985, as Long & Ervin 2000 recommend below 250 points; Student's quantile.
    """
    n = dose.size
    if n < 10 or np.unique(dose).size < 3:
        return Unresolvable("needs at least 10 people with 3 different photo counts", 10, n)
    x = np.column_stack([np.ones(n), dose])
    bread = np.linalg.inv(x.T @ x)
    beta = bread @ x.T @ response
    leverage = np.einsum("ij,jk,ik->i", x, bread, x)
    errors = (response - x @ beta) / np.clip(1 - leverage, 1e-6, None)
    variance = (bread @ (x.T * errors**2) @ x @ bread)[1, 1]
    half = float(t.ppf(0.5 + LEVEL / 2, n - 2) * np.sqrt(variance))
    value = float(beta[1])
    return Estimate(value, value - half, value + half, LEVEL, "least squares, HC3", n)


def mean(values: NDArray[np.floating]) -> Figure:
    """Mean of one value a person, Student's interval."""
    n = values.size
    if n < 2:
        return Unresolvable(f"needs at least 2 people, has {n}", 2, n)
    value = float(values.mean())
    half = float(t.ppf(0.5 + LEVEL / 2, n - 1) * values.std(ddof=1) / np.sqrt(n))
    return Estimate(value, value - half, value + half, LEVEL, "Student", n)
