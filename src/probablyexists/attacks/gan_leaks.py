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
EXACT = 1024
"""Pixels whose products are summed in single precision: each is at most 2**14, and integers to 2**24 are exact."""


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
    """(n,) RMS difference of grey levels (0 to 255) to the nearest of the points, mean over a person's photos.

    Squared distances are exact: the same on every processor, and whoever else is scored.
    """
    n, k = faces.embeddings.shape[:2]
    ours = faces.one_by_one.pictures.reshape(n * k, -1)
    best = np.full(n * k, np.inf)
    for top in range(0, n * k, TALL):
        rows = slice(top, top + TALL)
        a = _centred(ours[rows])
        for left in range(0, len(points), WIDE):
            b = _centred(points.pictures[left : left + WIDE].reshape(-1, a.shape[1]))
            lengths = [np.einsum("np,np->n", m, m, dtype=np.float64) for m in (a, b)]
            square = lengths[0][:, None] + lengths[1]
            for first in range(0, a.shape[1], EXACT):
                pixels = slice(first, first + EXACT)
                square -= 2 * (a[:, pixels] @ b[:, pixels].T)
            best[rows] = np.minimum(best[rows], square.min(axis=1))
    mean = np.sqrt(best / ours.shape[1])
    return np.asarray(mean.reshape(n, k).mean(axis=1), dtype=np.float64)


def _centred(pictures: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Grey levels from -128 to 127."""
    return pictures.astype(np.float32) - 128
