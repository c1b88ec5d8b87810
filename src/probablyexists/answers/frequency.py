"""No member known: which faces does the generator give more often than chance? Samples against each other.

Around each sample those other samples are counted that are as alike as two photos of different people hardly ever are,
and the reference people of whom a photo is. Null: samples and reference photos, one a person, are drawn from one
distribution of faces. Given how many are near in all, those that are samples are then a draw without replacement, and a
Fisher exact test (Fisher 1934; here one-sided, one for each sample, Benjamini-Hochberg over all) tells whether they are
too many. The tests of neighbouring samples go together (positively dependent). What breaks the null without any person
being remembered: a generator with little variety, or reference people of another kind.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import hypergeom

from probablyexists.matching.cosines import blocks, similarities
from probablyexists.stats.conformal import benjamini_hochberg

FMR = 1e-3
"""Share of pairs of different reference people who count as one face."""
MOST_PEOPLE = 3000
"""Reference people among whom that is measured."""
MOST_FACES = 50


@dataclass(frozen=True)
class RepeatedFace:
    """One face that is given too often."""

    samples: NDArray[np.intp]
    """Rows of the samples that show it, most typical first; no sample shows two faces."""
    n_reference: int
    """Reference people as alike."""
    p: float
    q: float
    """Of its most typical sample."""


@dataclass(frozen=True)
class Frequent:
    """All faces given too often, the least explicable by chance first."""

    faces: tuple[RepeatedFace, ...]
    threshold: float
    """Cosine from which two pictures count as one face."""
    n_samples: int
    n_reference: int


def frequent(samples: NDArray[np.float32], reference: NDArray[np.float32], level: float) -> Frequent:
    """(m, dim) samples; (n, dim) one photo of each reference person, at least 50 of them; faces with q <= level."""
    threshold = one_face(reference)
    near, near_reference = _near(samples, samples, threshold) - 1, _near(samples, reference, threshold)
    m, n = len(samples) - 1, len(reference)
    p = hypergeom.sf(near - 1, m + n, m, near + near_reference)
    q = benjamini_hochberg(p)
    # Where p has run out of digits the more of the samples, the more telling.
    order = np.lexsort((-near, hypergeom.logsf(near - 1, m + n, m, near + near_reference)))
    free = np.ones(len(samples), dtype=bool)
    faces: list[RepeatedFace] = []
    for leader in order:
        if q[leader] > level or len(faces) == MOST_FACES:
            break
        if not free[leader]:
            continue
        alike = similarities(samples[leader : leader + 1], samples)[0]
        members = np.flatnonzero((alike >= threshold) & free)
        free[members] = False
        if len(members) > 1:
            typical = members[np.argsort(-alike[members], kind="stable")]
            faces.append(RepeatedFace(typical, int(near_reference[leader]), float(p[leader]), float(q[leader])))
    return Frequent(tuple(faces), threshold, len(samples), n)


def one_face(reference: NDArray[np.float32]) -> float:
    """The cosine that 1 in 1,000 pairs of different people reach."""
    some = reference[np.linspace(0, len(reference) - 1, min(len(reference), MOST_PEOPLE)).astype(np.intp)]
    pairs = similarities(some, some)[np.triu_indices(len(some), 1)]
    return float(np.quantile(pairs, 1 - FMR, method="higher"))


def _near(x: NDArray[np.float32], points: NDArray[np.float32], threshold: float) -> NDArray[np.intp]:
    found = np.zeros(len(x), dtype=np.intp)
    for rows, _, cosine in blocks(x, points):
        found[rows] += (cosine >= threshold).sum(axis=1)
    return found
