"""A threshold from which strangers are refused at a chosen rate: split conformal, with the person as the unit.

Null: a new person is exchangeable with the held-out people, one of their pictures is drawn at random, and nothing of
the score was chosen by looking at the held-out people. Then refusing what scores above the threshold refuses at most
the chosen share on average over the draw of all people: Vovk, Gammerman & Shafer 2005, "Algorithmic Learning in a
Random World"; Angelopoulos & Bates 2023, "Conformal prediction: a gentle introduction", Foundations and Trends in
Machine Learning 16(4); with several pictures a person, each person of the same weight: Lee, Barber & Willett 2023,
"Distribution-free inference with hierarchical data" (arXiv 2306.06342).

Given these held-out people the rate is not known. With one picture each it is Beta(k, n + 1 - k) where k - 1 of n
people are refused (the distribution of an order statistic). Several pictures a person make it vary less, so that the
interval of single pictures is on the safe side.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import beta

from probablyexists.stats.estimate import LEVEL, Estimate


@dataclass(frozen=True)
class Limit:
    """The score above which a picture is refused, and what that costs strangers."""

    value: float
    """A picture is refused if its score is higher; the lowest that keeps the rate."""
    refused: Estimate
    """Expected share of strangers' pictures that are refused, each person of the same weight; n is the people."""


def smallest_rate(n_people: int) -> float:
    """The smallest share that so many held-out people can promise.

    >>> smallest_rate(999)
    0.001
    """
    return 1 / (n_people + 1)


def people_needed(rate: float) -> int:
    """Held-out people needed for a rate.

    >>> people_needed(0.001), people_needed(0.003)
    (999, 333)
    """
    return math.ceil(1 / rate - 1e-9) - 1


def refusal_limit(scores: NDArray[np.floating], whose: NDArray[np.integer], rate: float) -> Limit:
    """The lowest threshold that refuses at most `rate` of strangers' pictures.

    `scores`: (n,) of the held-out pictures, any picture of any held-out person at least once; `whose`: (n,) number of
    each picture's person. Ties stay on the side of what is let through. ValueError if the people cannot promise the
    rate (`smallest_rate`).

    >>> limit = refusal_limit(np.arange(9.0), np.arange(9), 0.2)
    >>> limit.value, limit.refused.value
    (7.0, 0.2)
    """
    people, person, counts = np.unique(whose, return_inverse=True, return_counts=True)
    n = len(people)
    most = rate * (n + 1) - 1 + 1e-9
    if most < 0:
        raise ValueError(f"{n} people cannot promise {rate}")
    values, first = np.unique(scores, return_index=False), 1 / counts[person]
    order = np.argsort(scores, kind="stable")
    below = np.concatenate([[0.0], np.cumsum(first[order])])
    # Weight of the pictures above each value; the highest has none above it.
    above = below[-1] - below[np.searchsorted(scores[order], values, "right")]
    at = int(np.argmax(above <= most))
    k = float(above[at]) + 1
    low, high = beta.ppf([0.5 - LEVEL / 2, 0.5 + LEVEL / 2], k, n + 1 - k) if k < n + 1 else (0.0, 1.0)
    expected = k / (n + 1)
    method = "Beta, order statistic of one picture a person"
    return Limit(
        float(values[at]), Estimate(expected, min(float(low), expected), max(float(high), expected), LEVEL, method, n)
    )
