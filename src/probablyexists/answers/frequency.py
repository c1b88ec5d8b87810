"""No member known: which faces does the generator produce more often than chance? Samples against each other.

For each sample, count the other samples and the reference people that are near: at least as similar as 1 in 1,000
pairs of different people. Null: samples and reference photos (one a person) come from one distribution of faces. Given
the total number near, the number of samples among them is then hypergeometric. A one-sided Fisher exact test (Fisher
1934) for each sample, Benjamini-Hochberg over all, finds the samples with too many. Tests of neighbouring samples are
positively dependent. The null also fails, though nobody is remembered, if the generator has little variety or the
reference people are of another kind.
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
"""Most reference people used to measure it."""
MOST_FACES = 50


@dataclass(frozen=True)
class RepeatedFace:
    """One face that is produced too often."""

    samples: NDArray[np.intp]
    """Rows of the samples that show the face, most typical first; no sample shows two faces."""
    n_reference: int
    """Number of reference people near the most typical sample."""
    p: float
    q: float
    """p and q are those of the most typical sample."""


@dataclass(frozen=True)
class Frequent:
    """All faces produced too often, smallest p-value first."""

    faces: tuple[RepeatedFace, ...]
    threshold: float
    """Cosine from which two pictures count as one face."""
    n_samples: int
    n_reference: int


def frequent(samples: NDArray[np.float32], reference: NDArray[np.float32], level: float) -> Frequent:
    """Faces with q <= level, from (m, dim) samples and (n, dim) reference photos, one a person, at least 50."""
    threshold = one_face(reference)
    near, near_reference = _near(samples, samples, threshold) - 1, _near(samples, reference, threshold)
    m, n = len(samples) - 1, len(reference)
    p = hypergeom.sf(near - 1, m + n, m, near + near_reference)
    q = benjamini_hochberg(p)
    # Sort by log p, as p may underflow; then by the number of near samples.
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
