"""How much more likely are the samples if they show this person? Probabilistic linear discriminant analysis.

Ioffe 2006 (ECCV) and Prince & Elder 2007 (ICCV); here the two-covariance model of Brummer & de Villiers 2010 ("The
speaker partitioning problem", Odyssey, section 2): an embedding is a point for the person plus noise for the photo.
Both are normal, with covariances B and W estimated from reference people. Let x be the mean of k photos of a person and
g a sample. The likelihood ratio of "same person" to "two people" is of normal densities: x has covariance B + W / k,
g has B + W, and their cross-covariance is B for the same person, 0 for two. In the basis where W is the identity and B
is diagonal, its log is a sum over dimensions. The score is the log of the ratio's mean over all samples.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import eigh
from scipy.special import logsumexp

from probablyexists.attacks.attack import Faces, Photos, Reference, Scorer
from probablyexists.basis.errors import InputError
from probablyexists.matching.matcher import HERE, Matcher

SHRINK = 0.1
"""Weight of a multiple of the identity in W, as people have few photos and embeddings many dimensions."""
CELLS = 1 << 23
NEEDS = 5


@dataclass(frozen=True)
class Model:
    """The two covariances, in the basis where the covariance within people is the identity."""

    mean: NDArray[np.float64]
    """(dim,)"""
    basis: NDArray[np.float64]
    """(dim, dim): an embedding x in this basis is (x - mean) @ basis"""
    between: NDArray[np.float64]
    """(dim,) variances between people"""

    def ratios(self, x: NDArray[np.float64], photos: int, g: NDArray[np.float64]) -> NDArray[np.float64]:
        """(n, m) log likelihood ratios of x (n, dim), means of `photos` photos, and samples g (m, dim), in `basis`."""
        b = self.between
        a, c = b + 1 / photos, b + 1
        d = a * c - b**2
        alone_x, alone_g = (1 / a - c / d) / 2, (1 / c - a / d) / 2
        constant = -0.5 * np.log(d / (a * c)).sum()
        return np.asarray(constant + (x**2 @ alone_x)[:, None] + g**2 @ alone_g + (x * (b / d)) @ g.T)


def fit(reference: Reference) -> Model:
    """Fit by moments: W from deviations within people, B from the covariance of their means minus the share due to W.

    InputError with fewer than 5 people with 2 photos.
    """
    x = reference.embeddings.astype(np.float64)
    _, whose, counts = np.unique(reference.people, return_inverse=True, return_counts=True)
    several = counts >= 2
    if several.sum() < NEEDS:
        raise InputError(f"attack plda: needs at least {NEEDS} reference people with 2 photos, has {several.sum()}")
    sums = np.zeros((len(counts), x.shape[1]))
    np.add.at(sums, whose, x)
    means = sums / counts[:, None]
    apart = (x - means[whose])[several[whose]]
    within = apart.T @ apart / (counts[several] - 1).sum()
    within = (1 - SHRINK) * within + SHRINK * np.trace(within) / len(within) * np.eye(len(within))
    mean = means.mean(axis=0)
    spread = np.cov(means, rowvar=False) - within * (1 / counts).mean()
    between, basis = eigh(spread, within)
    return Model(mean, basis, np.maximum(between, 0.0))


class Plda:
    """Log of the mean likelihood ratio over the samples."""

    id = "plda/1"
    needs_reference = True

    def prepare(self, samples: Photos, reference: Reference | None = None, _matcher: Matcher = HERE, /) -> Scorer:
        """InputError without samples or with fewer than 5 reference people with 2 photos."""
        if reference is None or not len(samples):
            raise InputError(f"attack {self.id}: needs samples and photos of reference people")
        model = fit(reference)
        g = (samples.embeddings - model.mean) @ model.basis

        def score(faces: Faces) -> NDArray[np.float64]:
            k = faces.embeddings.shape[1]
            x = (faces.embeddings.mean(axis=1) - model.mean) @ model.basis
            found = np.empty(len(x))
            tall = max(1, CELLS // len(g))
            for top in range(0, len(x), tall):
                rows = slice(top, top + tall)
                found[rows] = logsumexp(model.ratios(x[rows], k, g), axis=1)
            return np.asarray(found - np.log(len(g)), dtype=np.float64)

        return score
