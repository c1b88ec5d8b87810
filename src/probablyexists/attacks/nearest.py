"""How similar are the most similar samples?

`NearestSample` is the attack of Webster, Rabin, Simon & Jurie, "This Person (Probably) Exists" (arXiv 2107.06018), with
cosine similarity of face embeddings; on images it goes back to GAN-Leaks (Chen et al. 2020, arXiv 1909.03935, full
black box). `NearestSamples` takes the mean of the k best, which depends less on one chance match.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from probablyexists.attacks.attack import Faces, Photos, Reference, Scorer
from probablyexists.matching.matcher import HERE, Matcher


@dataclass(frozen=True)
class NearestSamples:
    """Mean cosine with the k most similar samples, or with all if there are fewer."""

    k: int = 10
    needs_reference = False

    @property
    def id(self) -> str:
        return f"nearest-{self.k}/1"

    def prepare(self, samples: Photos, _reference: Reference | None = None, matcher: Matcher = HERE, /) -> Scorer:
        """Without samples everybody scores -1, the lowest cosine."""
        k = min(self.k, len(samples))

        def score(faces: Faces) -> NDArray[np.float64]:
            if not k:
                return np.full(len(faces), -1.0)
            found: NDArray[np.float64] = _nearest(faces.templates, samples, k, matcher).mean(axis=1)
            return found

        return score


class NearestSample(NearestSamples):
    """Largest cosine of a person's template with any sample."""

    id = "nearest-sample/1"

    def __init__(self) -> None:
        super().__init__(1)


class PhotoSet:
    """Mean, over a person's photos, of each photo's largest cosine with any sample: set membership.

    Hilprecht, Haerterich & Bernau 2019, "Monte Carlo and Reconstruction Membership Inference Attacks against
    Generative Models" (PoPETs 2019(4)), section 4.2: the scores of the records of a set are added up.
    """

    id = "photo-set/1"
    needs_reference = False

    def prepare(self, samples: Photos, _reference: Reference | None = None, matcher: Matcher = HERE, /) -> Scorer:
        """Without any sample everybody scores -1."""

        def score(faces: Faces) -> NDArray[np.float64]:
            n, k = faces.embeddings.shape[:2]
            best = _nearest(faces.one_by_one.embeddings, samples, 1, matcher)[:, 0]
            found: NDArray[np.float64] = np.maximum(best, -1.0).reshape(n, k).mean(axis=1)
            return found

        return score


def _nearest(queries: NDArray[np.float32], samples: Photos, k: int, matcher: Matcher) -> NDArray[np.float64]:
    """(n, k) similarities of the nearest samples, best first. Planted photos are searched apart from the others."""
    found = [matcher.nearest(queries, part.embeddings, k).similarity for part in samples.parts]
    return found[0] if len(found) == 1 else -np.sort(-np.concatenate(found, axis=1), axis=1)[:, :k]
