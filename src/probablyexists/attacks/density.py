"""How dense are the samples around a face, and how dense are real faces there?

`KernelDensity` is log p_G(x). `DensityRatio` is log p_G(x) - log p_R(x), the attack of van Breugel, Sun, Qian & van der
Schaar 2023, "Membership Inference Attacks against Synthetic Data through Overfitting Detection" (DOMIAS, arXiv
2302.12580, equation 2): a person around whom samples are denser than real faces is one the generator overfits to.

Both densities are kernel estimates on the unit sphere with the von Mises-Fisher kernel exp(kappa * cosine) and the same
kappa. It maximises the leave-one-out likelihood of the samples (Hall, Watson & Cabrera 1987, Biometrika 74(4)).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray
from scipy.special import ive, logsumexp

from probablyexists.attacks.attack import Faces, Photos, Reference, Scorer
from probablyexists.basis.errors import InputError
from probablyexists.matching.cosines import blocks, similarities
from probablyexists.matching.matcher import HERE, Matcher

KAPPAS = tuple(float(2**e) for e in np.arange(2, 9.5, 0.5))
MOST = 2000
"""Most samples used to choose kappa, evenly spaced."""


@dataclass(frozen=True)
class KernelDensity:
    """Log density of the samples at a person's template, up to a constant."""

    needs_reference = False
    id = "kernel-density/1"

    def prepare(self, samples: Photos, _reference: Reference | None = None, _matcher: Matcher = HERE, /) -> Scorer:
        """InputError with fewer than 2 samples."""
        kappa = concentration(samples.embeddings)

        def score(faces: Faces) -> NDArray[np.float64]:
            return log_density(faces.templates, samples.embeddings, kappa)

        return score


@dataclass(frozen=True)
class DensityRatio:
    """Log density of the samples minus log density of the reference photos; each photo counts the same."""

    needs_reference = True
    id = "density-ratio/1"

    def prepare(self, samples: Photos, reference: Reference | None = None, _matcher: Matcher = HERE, /) -> Scorer:
        """InputError with fewer than 2 samples or without reference photos."""
        if reference is None or not len(reference):
            raise InputError(f"attack {self.id}: needs photos of reference people")
        kappa = concentration(samples.embeddings)
        density = partial(log_density, kappa=kappa)

        def score(faces: Faces) -> NDArray[np.float64]:
            x = faces.templates
            return density(x, samples.embeddings) - density(x, reference.embeddings)

        return score


def log_density(x: NDArray[np.float32], points: NDArray[np.float32], kappa: float) -> NDArray[np.float64]:
    """(n,) log of the mean of exp(kappa * (cosine - 1)) over the points."""
    found = np.full(len(x), -np.inf)
    for rows, _, cosine in blocks(x, points):
        found[rows] = np.logaddexp(found[rows], logsumexp(kappa * (cosine - 1), axis=1))
    return np.asarray(found - np.log(len(points)), dtype=np.float64)


def concentration(points: NDArray[np.float32]) -> float:
    """The kappa of `KAPPAS` with the largest leave-one-out likelihood."""
    if len(points) < 2:
        raise InputError(f"a density of samples needs at least 2 of them, has {len(points)}")
    chosen = points[np.linspace(0, len(points) - 1, min(len(points), MOST)).astype(np.intp)]
    cosine = similarities(chosen, chosen)
    np.fill_diagonal(cosine, -np.inf)
    likely = [_log_constant(k, points.shape[1]) + logsumexp(k * (cosine - 1), axis=1).mean() for k in KAPPAS]
    return KAPPAS[int(np.argmax(likely))]


def _log_constant(kappa: float, dim: int) -> float:
    """Log of exp(kappa) times the kernel's constant, without (2 pi)^(-dim / 2): Mardia & Jupp 2000, eq. 9.3.4."""
    order = dim / 2 - 1
    return float(order * np.log(kappa) - np.log(ive(order, kappa)))
