"""Does a face look generated? A classifier of samples against photos of reference people.

Zhang, Yu, Wen, Backes & Zhang 2024, "Generated Distributions Are All You Need for Membership Inference Attacks Against
Generative Models" (MIAGM, arXiv 2310.19410): a network learns to tell generated images from auxiliary ones, and a face
it takes for generated is taken for a member, since generated distributions lie nearer to training photos than to
others. Here the images are embeddings and the network is a logistic regression on them and their squares: with some
thousand embeddings of 128 numbers a deeper one learns little more and depends on its seed.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from probablyexists.attacks.attack import Faces, Photos, Reference, Scorer
from probablyexists.basis.errors import InputError
from probablyexists.matching.matcher import HERE, Matcher

MOST = 20_000
"""Samples learned from, evenly taken."""


@dataclass(frozen=True)
class LearnedClassifier:
    """Log odds of being generated, of a person's template."""

    strength: float = 0.01
    """C of the logistic regression: smaller = flatter."""
    needs_reference = True
    id = "learned-classifier/1"

    def prepare(self, samples: Photos, reference: Reference | None = None, _matcher: Matcher = HERE, /) -> Scorer:
        """Both classes weigh the same. InputError with fewer than 2 samples or reference photos."""
        from sklearn.linear_model import LogisticRegression
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import StandardScaler

        if reference is None or len(reference) < 2 or len(samples) < 2:
            raise InputError(f"attack {self.id}: needs at least 2 samples and 2 photos of reference people")
        taken = np.linspace(0, len(samples) - 1, min(len(samples), MOST)).astype(np.intp)
        x = np.concatenate([samples.embeddings[taken], reference.embeddings])
        y = np.repeat([1, 0], [len(taken), len(reference)])
        model = make_pipeline(
            StandardScaler(), LogisticRegression(C=self.strength, class_weight="balanced", max_iter=2000)
        ).fit(_with_squares(x), y)

        def score(faces: Faces) -> NDArray[np.float64]:
            return np.asarray(model.decision_function(_with_squares(faces.templates)), dtype=np.float64)

        return score


def _with_squares(x: NDArray[np.float32]) -> NDArray[np.float64]:
    wide = x.astype(np.float64)
    return np.concatenate([wide, wide**2], axis=1)
