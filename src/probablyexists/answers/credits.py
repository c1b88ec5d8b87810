"""Which people the samples resemble, and how many samples each is credited with."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from probablyexists.matching.cosines import BLOCK_CELLS, reaching


@dataclass(frozen=True)
class Credits:
    """Which people the samples resemble."""

    people: NDArray[np.float64]
    """(n_people,) samples credited to each; a sample that resembles c people gives 1 / c to each."""
    share: float
    """Expected share of samples that resemble somebody in a gallery of the given size."""


def credit(people: NDArray[np.float32], samples: NDArray[np.float32], threshold: float, gallery: int) -> Credits:
    """Credit each sample to the people it resembles (cosine >= threshold).

    With more people than `gallery`, the result is the exact mean over all random galleries of that size: a sample
    that resembles c of n people meets at least one of them with probability 1 - C(n - c, g) / C(n, g).
    """
    n = len(people)
    meets = _meeting_probability(n, gallery)
    total = np.zeros(n)
    tall = max(1, BLOCK_CELLS // max(1, n))
    for top in range(0, len(samples), tall):
        near = reaching(samples[top : top + tall], people, threshold)
        count = near.sum(axis=1)
        weight = np.divide(meets[count], count, out=np.zeros(len(count)), where=count > 0)
        total += weight @ near
    share = float(total.sum()) / len(samples) if len(samples) else 0.0
    return Credits(total * (n / gallery) if gallery else total, share)


def _meeting_probability(n: int, gallery: int) -> NDArray[np.float64]:
    """(n + 1,) at c: probability that `gallery` people, drawn from n without replacement, include one of c."""
    remaining = np.arange(n, 0, -1)
    misses = np.cumprod(np.maximum(0.0, (remaining - gallery) / remaining))
    return 1.0 - np.concatenate([[1.0], misses])
