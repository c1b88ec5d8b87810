"""All people and samples as one recogniser sees them, and one p-value from several attacks and recognisers.

Attacks: trying several and reporting the best inflates false positives. The p-value is corrected for this under the
same exchangeability that each attack assumes (`stats.several`). Recognisers: together they are one (`judges`), or all
must agree. Then the p-value is the largest over the recognisers, which is valid under any dependence (the
intersection-union test, Berger 1982, "Multiparameter Hypothesis Testing and Acceptance Sampling", Technometrics 24(4)).
The null is that at least one recogniser finds no difference between members and strangers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from probablyexists.attacks.attack import Attack, Faces, Scorer, guarded
from probablyexists.matching.crowd import Crowd, Photos, Reference
from probablyexists.matching.matcher import HERE, Matcher
from probablyexists.stats.conformal import conformal_p
from probablyexists.stats.several import conformal_p_of_best

MANY_SAMPLES = 1000
"""Samples from which all photos are planted at once."""


@dataclass(frozen=True)
class View:
    """The same people and samples, as one recogniser sees them."""

    recogniser: str
    training: Crowd
    unseen: Crowd | None
    heldout: Crowd
    samples: Photos
    """Samples that are not copies."""
    reference: Reference | None = None
    """Other people, for attacks that learn from them."""
    matcher: Matcher = HERE
    groups: Mapping[str, str] = field(default_factory=dict)
    """Person -> group, of every member and held-out person; empty without groups."""

    def scorers(self, attacks: Sequence[Attack], planted: Photos | None = None) -> list[Scorer]:
        """The attacks, prepared; `planted`: photos put among the samples."""
        samples = self.samples if planted is None else self.samples.and_(planted)
        return [guarded(attack, samples, self.reference, self.matcher) for attack in attacks]


def scores_of(scorers: Sequence[Scorer], faces: Faces) -> NDArray[np.float64]:
    """(n, attacks) scores."""
    return np.column_stack([score(faces) for score in scorers])


def scores_if_planted(
    prepared: Callable[[Photos], Sequence[Scorer]], faces: Faces, photos: Photos, n_samples: int
) -> NDArray[np.float64]:
    """(n, attacks) scores of n people, a photo of each planted among the samples. `prepared`: attacks, with the photos.

    All are planted at once: for each person, the other people's photos are just samples of strangers. Where samples are
    few, so many more would raise everybody's scores: then they are planted in batches of a twentieth of the samples.
    """
    n = len(faces)
    size = max(1, n) if n_samples >= MANY_SAMPLES else max(1, n_samples // 20)
    batches = [np.arange(start, min(start + size, n)) for start in range(0, n, size)]
    return np.concatenate([scores_of(prepared(photos.take(rows)), faces.take(rows)) for rows in batches])


def p_of(ours: NDArray[np.float64], theirs: NDArray[np.float64]) -> NDArray[np.float64]:
    """(n,) conformal p-values of (n, attacks) against (m, attacks) scores, by the attack that exposes each most."""
    if ours.shape[1] == 1:
        return conformal_p(ours[:, 0], theirs[:, 0])
    return conformal_p_of_best(ours, theirs)
