"""Does a face look generated? A classifier that separates samples from photos of reference people.

Zhang, Yu, Wen, Backes & Zhang 2024, "Generated Distributions Are All You Need for Membership Inference Attacks Against
Generative Models" (MIAGM, arXiv 2310.19410): a network learns to separate generated from auxiliary images. A face
classified as generated is taken for a member, because generated images are nearer to training photos than to other
photos. Here embeddings replace the images and a logistic regression on them and their squares the network: on a few
thousand embeddings of 128 numbers a deeper network learns little more and depends on its seed.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from probablyexists.attacks.attack import Faces, Photos, Reference, Scorer
from probablyexists.basis.errors import InputError
from probablyexists.matching.matcher import HERE, Matcher

MOST = 20_000
"""Most samples used for training, evenly spaced."""


@dataclass(frozen=True)
class LearnedClassifier:
    """Log odds that a person's template is generated."""

    strength: float = 0.01
    """C of the logistic regression: smaller = stronger regularisation."""
    needs_reference = True
    id = "learned-classifier/1"

    def prepare(self, samples: Photos, reference: Reference | None = None, _matcher: Matcher = HERE, /) -> Scorer:
        """Train with equal class weights. InputError with fewer than 2 samples or 2 reference photos."""
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
