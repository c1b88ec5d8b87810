"""Who is exposed: conformal p-values against held-out people, with control of false discoveries.

Null for a member: the generator does not depend on whether this person was in the training set. If members and held-out
people were drawn at random from the same source, a member's score is then exchangeable with the held-out scores, and p
= (1 + #{held-out >= s}) / (n + 1) is valid (marginally over the draw of the held-out people). The p-values of all
members share the held-out people and are positively dependent (PRDS). Benjamini-Hochberg then still controls the false
discovery rate: Bates, Candes, Lei, Romano & Sesia 2023, "Testing for outliers with conformal p-values", Annals of
Statistics 51(1), Theorem 2. With strata of photo counts, members are compared with nested subsets of the held-out
people on templates of different sizes. The theorem does not cover that case; docs/results/coverage.md has simulations.
What breaks it: a split that was not random, held-out people from another source, more photos on one side than on the
other.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from scipy.stats import false_discovery_control

MIN_HELDOUT = 20
"""Held-out people of a comparison, at least: with 18 or fewer no p-value reaches 0.05."""


def conformal_p(scores: NDArray[np.floating], heldout: NDArray[np.floating]) -> NDArray[np.float64]:
    """p-value of each score against the held-out scores; a tie counts against the discovery.

    >>> conformal_p(np.array([5.0, 2.0, 0.0]), np.array([1.0, 2.0, 3.0])).tolist()
    [0.25, 0.75, 1.0]
    """
    at_least = heldout.size - np.searchsorted(np.sort(heldout), scores, "left")
    return np.asarray((1 + at_least) / (heldout.size + 1), dtype=np.float64)


def benjamini_hochberg(p: NDArray[np.floating]) -> NDArray[np.float64]:
    """q-value of each p-value: the smallest false discovery rate at which it is a discovery.

    Benjamini & Hochberg 1995, J. R. Statist. Soc. B 57(1).

    >>> benjamini_hochberg(np.array([0.01, 0.04, 0.03, 0.5])).round(4).tolist()
    [0.04, 0.0533, 0.0533, 0.5]
    """
    # Rounded, so that a q-value exactly at the level in exact arithmetic, as p = k / (n + 1) gives, is at it here too.
    q: NDArray[np.float64] = np.round(false_discovery_control(p), 12)
    return q


def discoveries(p: NDArray[np.floating], level: float) -> NDArray[np.bool_]:
    """Whether each `benjamini_hochberg` q-value is at most the level; ten times as fast, for many small sets.

    >>> discoveries(np.array([0.01, 0.04, 0.03, 0.5]), 0.05).tolist()
    [True, False, False, False]
    """
    ordered = np.sort(p)
    reached = np.flatnonzero(ordered * p.size <= (level + 1e-12) * np.arange(1, p.size + 1))
    return np.asarray(p <= ordered[reached[-1]] if reached.size else np.zeros(p.size, dtype=bool))


def smallest_nameable(n_members: int, n_heldout: int, level: float) -> int:
    """How many members must reach the p-value floor 1 / (n_heldout + 1) before any of them can be named.

    More than `n_members`: nobody can be named, whatever the scores.

    >>> smallest_nameable(n_members=300, n_heldout=1000, level=0.05)
    6
    """
    return max(1, math.ceil(n_members / (level * (n_heldout + 1)) - 1e-9))


def heldout_needed(n_members: int, n_exposed: int, level: float) -> int:
    """How many held-out people it takes to name `n_exposed` members who are above them all, and nobody else.

    The smallest number at which `smallest_nameable` is no more than that.

    >>> heldout_needed(n_members=300, n_exposed=6, level=0.05), heldout_needed(n_members=12, n_exposed=1, level=0.03)
    (999, 399)
    """
    return max(1, math.ceil(n_members / (n_exposed * level) - 1e-9) - 1)
