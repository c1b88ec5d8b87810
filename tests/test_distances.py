"""Distances between clouds: by hand, closed forms, independent rewrites, and what is refused."""

from __future__ import annotations

import doctest
import math
from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.linalg import sqrtm
from scipy.stats import t

from probablyexists.basis.errors import InputError
from probablyexists.stats import distances
from probablyexists.stats.distances import frechet_distance, kernel_distance
from probablyexists.stats.estimate import Estimate, Figure, Unresolvable

Floats = NDArray[np.float64]


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def cloud(n: int, d: int, seed: int, shift: float = 0.0, unit: bool = False) -> Floats:
    """Correlated rows."""
    draw = rng(seed)
    x = draw.standard_normal((n, d)) @ (np.eye(d) + 0.3 * rng(d).standard_normal((d, d))) + shift
    return x / np.linalg.norm(x, axis=1, keepdims=True) if unit else x


def estimate(figure: Figure) -> Estimate:
    assert isinstance(figure, Estimate), figure
    assert figure.low <= figure.value <= figure.high
    return figure


def test_documented_examples() -> None:
    assert doctest.testmod(distances).failed == 0


# --- Frechet ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("n", "d"), [(50, 4), (5, 64), (64, 64), (2, 1)])
def test_frechet_of_equal_sets_is_zero(n: int, d: int) -> None:
    x = cloud(n, d, 1)
    assert frechet_distance(x, x[::-1]) == pytest.approx(0, abs=1e-10)


def test_frechet_of_one_dimension_is_the_closed_form() -> None:
    x, y = rng(1).normal(1, 2, (300, 1)), rng(2).normal(-1, 0.5, (200, 1))
    expected = (x.mean() - y.mean()) ** 2 + (x.std(ddof=1) - y.std(ddof=1)) ** 2
    assert frechet_distance(x, y) == pytest.approx(expected, rel=1e-12)


def test_frechet_of_a_shift_is_its_square_and_of_a_scale_that_of_the_spread() -> None:
    x = cloud(100, 8, 3)
    assert frechet_distance(x, x + 2.0) == pytest.approx(8 * 4.0, rel=1e-12)
    centred = x - x.mean(axis=0)
    assert frechet_distance(centred, 3 * centred) == pytest.approx(4 * np.trace(np.cov(x.T)), rel=1e-12)


@pytest.mark.parametrize(("n", "m", "d"), [(200, 300, 8), (400, 150, 40)])
def test_frechet_agrees_with_scipys_matrix_square_root(n: int, m: int, d: int) -> None:
    x, y = cloud(n, d, 4), cloud(m, d, 5, shift=0.2) * np.linspace(0.5, 2, d)
    s_x, s_y = np.cov(x.T), np.cov(y.T)
    expected = ((x.mean(axis=0) - y.mean(axis=0)) ** 2).sum() + np.trace(s_x + s_y - 2 * sqrtm(s_x @ s_y).real)
    assert frechet_distance(x, y) == pytest.approx(expected, rel=1e-9)


def test_frechet_with_fewer_rows_than_numbers_by_eigenvalues() -> None:
    x, y = cloud(10, 50, 6), cloud(20, 50, 7)
    s_x, s_y = np.cov(x.T), np.cov(y.T)
    values, vectors = np.linalg.eigh(s_x)
    root = vectors * np.sqrt(np.clip(values, 0, None)) @ vectors.T
    shared = np.sqrt(np.clip(np.linalg.eigvalsh(root @ s_y @ root), 0, None)).sum()
    expected = ((x.mean(axis=0) - y.mean(axis=0)) ** 2).sum() + np.trace(s_x) + np.trace(s_y) - 2 * shared
    assert frechet_distance(x, y) == pytest.approx(expected, rel=1e-6)


def test_frechet_is_symmetric_and_a_turn_changes_nothing() -> None:
    x, y = cloud(30, 12, 8), cloud(40, 12, 9, shift=1.0)
    turn = np.linalg.qr(rng().standard_normal((12, 12)))[0]
    assert frechet_distance(y, x) == pytest.approx(frechet_distance(x, y), rel=1e-12)
    assert frechet_distance(x @ turn, y @ turn) == pytest.approx(frechet_distance(x, y), rel=1e-12)


def test_frechet_computes_in_float64() -> None:
    x, y = (cloud(50, 6, seed).astype(np.float32) + np.float32(100) for seed in (1, 2))
    assert frechet_distance(x, y) == frechet_distance(x.astype(np.float64), y.astype(np.float64))


def test_frechet_of_few_rows_is_too_large() -> None:
    """Same distribution, zero apart: twice the rows, about half the distance."""
    means = [
        np.mean([frechet_distance(*rng(s).standard_normal((2, n, 16))) for s in range(20)]) for n in (100, 200, 400)
    ]
    assert means[0] / means[1] == pytest.approx(2, rel=0.15)
    assert means[1] / means[2] == pytest.approx(2, rel=0.15)


# --- kernel ----------------------------------------------------------------------------------------------------


def plain_mmd(x: Floats, y: Floats) -> float:
    """Binkowski's formula on rows of length sqrt(d), pair by pair."""
    d = x.shape[1]

    def kernel(a: Floats, b: Floats) -> float:
        return float((np.sqrt(d) * a @ (np.sqrt(d) * b) / d + 1) ** 3)

    n, m = len(x), len(y)
    in_x = sum(kernel(x[i], x[j]) for i in range(n) for j in range(n) if i != j) / (n * (n - 1))
    in_y = sum(kernel(y[i], y[j]) for i in range(m) for j in range(m) if i != j) / (m * (m - 1))
    return in_x + in_y - 2 * sum(kernel(a, b) for a in x for b in y) / (n * m)


def test_kernel_distance_by_hand() -> None:
    """All samples at one point, all photos at right angles: 2^3 + 2^3 - 2 * 1^3; opposite: 16 - 0."""
    x, y = np.tile([1.0, 0.0], (3, 1)), np.tile([0.0, 1.0], (2, 1))
    assert estimate(kernel_distance(x, y)).value == pytest.approx(14)
    assert estimate(kernel_distance(x, -x)).value == pytest.approx(16)
    assert estimate(kernel_distance(x, x)).value == pytest.approx(0, abs=1e-12)


def test_kernel_distance_and_its_error_by_a_plain_loop() -> None:
    x, y = cloud(12, 5, 1, unit=True), cloud(9, 5, 2, shift=0.5, unit=True)
    figure = estimate(kernel_distance(x, y))
    assert figure.value == pytest.approx(plain_mmd(x, y), rel=1e-10)
    without = np.array([plain_mmd(np.delete(x, i, axis=0), y) for i in range(12)])
    error = math.sqrt(11 / 12 * ((without - without.mean()) ** 2).sum())
    assert figure.high - figure.value == pytest.approx(t.ppf(0.975, 11) * error, rel=1e-8)
    assert figure.n == 12


def test_kernel_distance_in_chunks_is_the_same() -> None:
    x, y = cloud(30, 5, 3, unit=True), cloud(20, 5, 4, unit=True)
    whole = estimate(kernel_distance(x, y))
    parts = estimate(kernel_distance(x[::-1], y[::-1], chunk=7))
    assert (parts.value, parts.low, parts.high) == pytest.approx((whole.value, whole.low, whole.high), abs=1e-12)


def test_kernel_distance_is_unbiased_and_covers() -> None:
    """Against fixed photos: the mean over small samples is the value of a large one, and intervals hold it."""
    y = cloud(60, 8, 5, unit=True)
    truth = estimate(kernel_distance(cloud(6_000, 8, 6, shift=0.3, unit=True), y)).value
    figures = [estimate(kernel_distance(cloud(40, 8, 100 + s, shift=0.3, unit=True), y)) for s in range(300)]
    values = np.array([f.value for f in figures])
    assert values.mean() == pytest.approx(truth, abs=4 * values.std() / math.sqrt(300))  # of both means
    covered = np.mean([f.low <= truth <= f.high for f in figures])
    assert 0.92 <= covered <= 0.98


def test_kernel_sees_more_than_the_mean() -> None:
    """Points at +-e1 beside points at +-e1 and +-e2, both of mean zero: 4 + 2.5 - 2 * 2.5 for ever more of them."""
    e1, e2 = np.eye(2)
    x, y = np.tile([e1, -e1], (200, 1)), np.tile([e1, -e1, e2, -e2], (100, 1))
    assert estimate(kernel_distance(x, y)).value == pytest.approx(1.5, abs=0.03)


# --- what is refused -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("distance", [frechet_distance, kernel_distance])
def test_what_is_no_cloud_is_refused(distance: Callable[[Floats, Floats], object]) -> None:
    x = cloud(6, 3, 1, unit=True)
    broken = x.copy()
    broken[2, 1], broken[4] = np.nan, np.inf
    with pytest.raises(InputError, match="2 of 6 rows of y are not finite"):
        distance(x, broken)
    with pytest.raises(InputError, match=r"x has shape \(6,\)"):
        distance(x[:, 0], x)
    with pytest.raises(InputError, match="rows of x have 3 numbers, those of y 2"):
        distance(x, x[:, :2])


def test_too_few_rows() -> None:
    x = cloud(6, 3, 1, unit=True)
    with pytest.raises(InputError, match="at least 2 rows on each side, has 1 and 6"):
        frechet_distance(x[:1], x)
    assert isinstance(kernel_distance(x[:2], x), Unresolvable)
    assert isinstance(kernel_distance(x, x[:1]), Unresolvable)


def test_kernel_rows_are_of_unit_length() -> None:
    x = cloud(6, 3, 1, unit=True)
    with pytest.raises(InputError, match="6 of 6 rows of y are not of unit length"):
        kernel_distance(x, 2 * x)
