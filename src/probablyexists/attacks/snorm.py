"""Similarity, normalised by each side's similarity to a cohort of other people: adaptive symmetric normalisation.

Matejka et al. 2017, "Analysis of Score Normalization in Multilingual Speaker Recognition" (Interspeech), equation 6
(adaptive S-norm1); S-norm is Kenny's 2010 (Odyssey). For a face x and a sample g with cosine s,
1/2 * ((s - mean_x) / deviation_x + (s - mean_g) / deviation_g), where mean_x and deviation_x are those of the cosines
of x with its `top` most similar photos of the cohort, and likewise for g. The score is the largest over the samples.
A person who looks like many people needs a more similar sample; so does a sample that looks like everybody.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from probablyexists.attacks.attack import Faces, Photos, Reference, Scorer
from probablyexists.basis.errors import InputError
from probablyexists.matching.cosines import blocks
from probablyexists.matching.matcher import HERE, Matcher

LEAST = 1e-3
"""Smallest deviation used."""


@dataclass(frozen=True)
class AdaptiveSNorm:
    """The largest normalised cosine with any sample."""

    top: int = 200
    needs_reference = True

    @property
    def id(self) -> str:
        return f"adaptive-s-norm-{self.top}/1"

    def prepare(self, samples: Photos, reference: Reference | None = None, matcher: Matcher = HERE, /) -> Scorer:
        """InputError with fewer than 3 reference photos, or without samples."""
        if reference is None or len(reference) < 3 or not len(samples):
            raise InputError(f"attack {self.id}: needs samples and at least 3 photos of reference people")
        cohort = reference.embeddings
        mean_g, deviation_g = self._against(samples.embeddings, cohort, matcher)

        def score(faces: Faces) -> NDArray[np.float64]:
            mean_x, deviation_x = self._against(faces.templates, cohort, matcher)
            best = np.full(len(faces), -np.inf)
            for rows, columns, cosine in blocks(faces.templates, samples.embeddings):
                of_x = (cosine - mean_x[rows, None]) / deviation_x[rows, None]
                of_g = (cosine - mean_g[columns]) / deviation_g[columns]
                best[rows] = np.maximum(best[rows], (of_x + of_g).max(axis=1) / 2)
            return best

        return score

    def _against(
        self, x: NDArray[np.float32], cohort: NDArray[np.float32], matcher: Matcher
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        alike = matcher.nearest(x, cohort, min(self.top, len(cohort))).similarity
        return alike.mean(axis=1), np.maximum(alike.std(axis=1, ddof=1), LEAST)
