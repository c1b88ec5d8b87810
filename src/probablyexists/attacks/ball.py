"""How many samples are near? The Monte Carlo attack of Hilprecht, Haerterich & Bernau 2019.

"Monte Carlo and Reconstruction Membership Inference Attacks against Generative Models" (PoPETs 2019(4)), section 4.1:
with the ball U(x) of radius epsilon, f(x) = 1/n * sum over samples g of 1[g in U(x)] (equation 5), or weighted by
nearness, f(x) = -1/n * sum over g in U(x) of log d(x, g) (equation 8). The radius is a percentile of the distances
between records and samples, as in the paper. The paper uses the records under attack; we use reference people, so that
a person's score does not depend on who else is scored.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from probablyexists.attacks.attack import Faces, Photos, Reference, Scorer
from probablyexists.basis.errors import InputError
from probablyexists.matching.cosines import blocks
from probablyexists.matching.matcher import HERE, Matcher

NEAREST = 1e-3
"""Smallest distance used: cosines are rounded to six decimals, and log 0 (a copy) is not finite."""


@dataclass(frozen=True)
class MonteCarloBall:
    """Share of samples within a radius of a person's template; if `weighted`, each weighs -log of its distance."""

    percentile: float = 0.1
    """Percentile (0 to 100) of the distances between reference photos and samples that is the radius."""
    weighted: bool = True
    needs_reference = True

    @property
    def id(self) -> str:
        return f"monte-carlo-ball-{self.percentile:g}{'-weighted' if self.weighted else ''}/1"

    def prepare(self, samples: Photos, reference: Reference | None = None, _matcher: Matcher = HERE, /) -> Scorer:
        """Set the radius from the reference photos. InputError without reference photos or samples."""
        if reference is None or not len(reference) or not len(samples):
            raise InputError(f"attack {self.id}: needs samples and photos of reference people")
        nearness = _upper_quantile(reference.embeddings, samples.embeddings, self.percentile / 100)
        radius = float(_distance(np.array(nearness)))

        def score(faces: Faces) -> NDArray[np.float64]:
            total = np.zeros(len(faces))
            for rows, _, cosine in blocks(faces.templates, samples.embeddings):
                inside = cosine >= nearness
                # log(radius / d) rather than -log d: the same order of people, and never below zero inside the ball
                worth = np.log(radius / np.minimum(_distance(cosine), radius)) + 1e-9 if self.weighted else 1.0
                total[rows] += np.where(inside, worth, 0.0).sum(axis=1)
            return total / len(samples)

        return score


def _distance(cosine: NDArray[np.float64]) -> NDArray[np.float64]:
    """Euclidean distance of unit vectors with this cosine."""
    return np.maximum(np.sqrt(np.maximum(2 - 2 * cosine, 0)), NEAREST)


def _upper_quantile(queries: NDArray[np.float32], references: NDArray[np.float32], share: float) -> float:
    """The cosine that `share` of all pairs reach, from a histogram of width 2^-14."""
    n_bins = 1 << 15
    counts = np.zeros(n_bins + 1, dtype=np.int64)
    for _, _, cosine in blocks(queries, references):
        place = np.clip((cosine + 1) * (n_bins / 2), 0, n_bins).astype(np.int32)
        counts += np.bincount(place.ravel(), minlength=n_bins + 1)
    above = np.cumsum(counts[::-1])
    bin_ = n_bins - int(np.searchsorted(above, share * above[-1], "left"))
    return bin_ * 2 / n_bins - 1
