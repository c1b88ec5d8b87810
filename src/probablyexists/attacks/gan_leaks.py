"""GAN-Leaks, full black box: how near is the nearest sample, and how near would it be without this person?

Chen, Yu, Zhang & Fritz 2020, "GAN-Leaks: A Taxonomy of Membership Inference Attacks against Generative Models" (arXiv
1909.03935): the reconstruction error L(x | G_v) is the distance to the nearest sample of the victim (equation 5), and
calibrated L(x | G_v) - L(x | G_r), with a reference model of the same kind that has not seen x (equation 13). Training
a reference model takes the victim's recipe; here photos of reference people replace its samples. Distances are between
embeddings, or between pixels of aligned chips (the paper's are between images). With pixels there is no template, so a
person's score is the mean over the photos. Scores are minus distances.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from probablyexists.attacks.attack import Faces, Photos, Reference, Scorer
from probablyexists.basis.errors import InputError
from probablyexists.matching.matcher import HERE, Matcher

TALL, WIDE = 2048, 8192
"""Pictures on either side of a block of distances."""


@dataclass(frozen=True)
class GanLeaks:
    """Minus the distance to the nearest sample; if `calibrated`, plus the distance to the nearest reference photo."""

    space: Literal["embeddings", "pixels"] = "embeddings"
    calibrated: bool = True

    @property
    def id(self) -> str:
        return f"gan-leaks-{self.space}{'-calibrated' if self.calibrated else ''}/1"

    @property
    def needs_reference(self) -> bool:
        return self.calibrated

    def prepare(self, samples: Photos, reference: Reference | None = None, matcher: Matcher = HERE, /) -> Scorer:
        """InputError without samples, or without reference photos if `calibrated`."""
        if not len(samples) or (self.calibrated and (reference is None or not len(reference))):
            raise InputError(f"attack {self.id}: needs samples{' and reference photos' * self.calibrated}")
        distance = partial(_between_embeddings, matcher) if self.space == "embeddings" else _between_pixels

        def score(faces: Faces) -> NDArray[np.float64]:
            found = -distance(faces, samples)
            return found + distance(faces, reference) if self.calibrated and reference is not None else found

        return score


def _between_embeddings(matcher: Matcher, faces: Faces, points: Photos) -> NDArray[np.float64]:
    cosine = matcher.nearest(faces.templates, points.embeddings).similarity[:, 0]
    return np.sqrt(np.maximum(2 - 2 * cosine, 0))


def _between_pixels(faces: Faces, points: Photos) -> NDArray[np.float64]:
    """(n,) RMS difference of grey levels (0 to 255) to the nearest of the points, mean over a person's photos."""
    n, k = faces.embeddings.shape[:2]
    ours = faces.one_by_one.pictures.reshape(n * k, -1)
    best = np.full(n * k, np.inf)
    for top in range(0, n * k, TALL):
        rows = slice(top, top + TALL)
        a = ours[rows].astype(np.float32)
        for left in range(0, len(points), WIDE):
            b = points.pictures[left : left + WIDE].reshape(-1, a.shape[1]).astype(np.float32)
            # Sums of up to 2,304 squares (integers below 65,026) are exact in double precision, not in single.
            lengths = [np.einsum("np,np->n", m, m, dtype=np.float64) for m in (a, b)]
            square = lengths[0][:, None] + lengths[1] - 2 * (a @ b.T).astype(np.float64)
            best[rows] = np.minimum(best[rows], square.min(axis=1))
    mean = np.sqrt(np.maximum(best, 0) / ours.shape[1])
    return np.asarray(mean.reshape(n, k).mean(axis=1), dtype=np.float64)
