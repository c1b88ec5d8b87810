"""Distances of a generator's samples from photos, as two sets of points: image quality, to be read beside the leak.

Zero means the same distribution. Neither distance knows who is shown: a generator that copies its training photos has
the smallest.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from scipy.stats import t

from probablyexists.basis.errors import InputError
from probablyexists.stats.estimate import LEVEL, Estimate, Figure, Unresolvable

_LENGTH_TOLERANCE = 1e-3


def frechet_distance(x: NDArray[np.floating], y: NDArray[np.floating]) -> float:
    """Squared Frechet distance of the normal distributions fitted to the rows of `x` (n, d) and `y` (m, d).

    |mean_x - mean_y|^2 + tr(S_x + S_y - 2 (S_x S_y)^(1/2)), S the covariances (divisor n - 1): Dowson & Landau 1982,
    J. Multivariate Analysis 12(3); for generators Heusel et al. 2017, arXiv 1706.08500, equation 6. At least 0, in the
    square of the rows' unit.

    Compare only distances with equal n and equal m: few rows make the distance too large, by an amount that falls about
    as 1 / n and differs between generators (Chong & Forsyth 2020, arXiv 1911.07023). The distance between two halves of
    the photos, of the same sizes, shows that amount. Because of it there is no interval.

    Raises InputError unless both are matrices of finite numbers with the same d and at least 2 rows.

    >>> frechet_distance(np.array([[0.0], [2.0]]), np.array([[3.0], [9.0]]))  # (1 - 6)^2 + (sqrt 2 - sqrt 18)^2
    33.0
    """
    x, y = _checked(x, y)
    if min(len(x), len(y)) < 2:
        raise InputError(f"the Frechet distance needs at least 2 rows on each side, has {len(x)} and {len(y)}")
    roots = [_root(rows) for rows in (x, y)]
    # tr (S_x S_y)^(1/2) is the sum of singular values of A B', S_x = A'A, S_y = B'B: the eigenvalues of S_x S_y are
    # those of (A B')(A B')'. This takes no square root of a rounded zero, so n < d loses no digits.
    shared = float(np.linalg.svd(roots[0] @ roots[1].T, compute_uv=False).sum())
    spread = sum(float((root**2).sum()) for root in roots)
    apart = float(((x.mean(axis=0) - y.mean(axis=0)) ** 2).sum())
    return max(0.0, apart + spread - 2 * shared)


def kernel_distance(x: NDArray[np.floating], y: NDArray[np.floating], *, chunk: int = 1024) -> Figure:
    """Unbiased squared maximum mean discrepancy of samples `x` (n, d) from photos `y` (m, d), cubic kernel.

    Gretton et al. 2012, J. Machine Learning Research 13, equation 3; for generators Binkowski et al. 2018,
    arXiv 1801.01401, over all pairs, not over subsets. It can be negative, because it is unbiased at zero.

    Rows have unit length, as recognisers give them, and the kernel is (cos + 1)^3. Binkowski's kernel is
    (x.y / d + 1)^3 for features of about unit size *a coordinate*, that is of length sqrt(d): the same function of the
    cosine. With unit rows it would be 1 +- 0.02 at d = 128, which measures hardly more than the mean.

    The interval is Student's with the jackknife's standard error over the rows of `x`, which must be independent (one
    seed each). `y` is fixed: the interval compares generators, or training steps, on the same photos. It does not test
    whether the distance is zero: other photos of the same people would change it, and photos are not independent. Near
    zero the jackknife is too wide. `n` is the number of rows of `x`.

    `chunk`: rows compared at once; it changes no result.

    Unresolvable with fewer than 3 rows of `x` or 2 of `y`. Raises InputError as `frechet_distance` does, and for rows
    that are not of unit length.
    """
    x, y = _checked(x, y)
    n, m = len(x), len(y)
    if n < 3 or m < 2:
        return Unresolvable(f"needs at least 3 samples and 2 photos, has {n} and {m}", 3, min(n, m))
    for name, rows in (("x", x), ("y", y)):
        lengths = np.sqrt(np.einsum("ij,ij->i", rows, rows))
        if wrong := int((np.abs(lengths - 1) > _LENGTH_TOLERANCE).sum()):
            raise InputError(f"{wrong} of {len(rows)} rows of {name} are not of unit length; divide each by its length")
    within, across = _others(x, chunk), _kernel_sums(x, y, chunk) / m
    among_y = float(_others(y, chunk).sum()) / (m * (m - 1))
    value = float(within.sum()) / (n * (n - 1)) - 2 * float(across.mean()) + among_y
    # The same without row i: each of its pairs is removed twice, as (i, j) and (j, i).
    without = (within.sum() - 2 * within) / ((n - 1) * (n - 2)) - 2 * (across.sum() - across) / (n - 1)
    error = math.sqrt((n - 1) / n * float(((without - without.mean()) ** 2).sum()))
    half = float(t.ppf(0.5 + LEVEL / 2, n - 1)) * error
    return Estimate(value, value - half, value + half, LEVEL, "jackknife over samples, photos as given", n)


def _checked(x: NDArray[np.floating], y: NDArray[np.floating]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    for name, rows in (("x", x), ("y", y)):
        if rows.ndim != 2:
            raise InputError(f"{name} has shape {rows.shape}; give one row a face, (n, d)")
        if not_finite := int((~np.isfinite(rows).all(axis=1)).sum()):
            raise InputError(f"{not_finite} of {len(rows)} rows of {name} are not finite; set them aside first")
    if x.shape[1] != y.shape[1]:
        raise InputError(f"rows of x have {x.shape[1]} numbers, those of y {y.shape[1]}; use one recogniser for both")
    return np.asarray(x, np.float64), np.asarray(y, np.float64)


def _root(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """(min(n, d), d) A with A'A the covariance of the rows."""
    centred = (rows - rows.mean(axis=0)) / math.sqrt(len(rows) - 1)
    return np.asarray(np.linalg.qr(centred, mode="r"), dtype=np.float64)


def _kernel_sums(x: NDArray[np.float64], y: NDArray[np.float64], chunk: int) -> NDArray[np.float64]:
    """(n,) for each row of x, the sum of the kernel with all rows of y."""
    sums = np.empty(len(x), dtype=np.float64)
    for start in range(0, len(x), chunk):
        sums[start : start + chunk] = ((x[start : start + chunk] @ y.T + 1) ** 3).sum(axis=1)
    return sums


def _others(x: NDArray[np.float64], chunk: int) -> NDArray[np.float64]:
    """(n,) for each row, the sum of the kernel with all others."""
    return np.asarray(_kernel_sums(x, x, chunk) - (np.einsum("ij,ij->i", x, x) + 1) ** 3, dtype=np.float64)
