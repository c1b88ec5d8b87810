"""All people and samples as one recogniser sees them, and one p-value from several attacks and recognisers.

Attacks: trying several and reporting the best inflates false positives. The p-value is corrected for this under the
same exchangeability that each attack assumes (`stats.several`). Recognisers: all must agree. The p-value is the largest
over the recognisers, which is valid under any dependence (the intersection-union test, Berger 1982, "Multiparameter
Hypothesis Testing and Acceptance Sampling", Technometrics 24(4)). The null is that at least one recogniser finds no
difference between members and strangers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from probablyexists.attacks.attack import Attack, Faces, Scorer, guarded
from probablyexists.matching.crowd import Crowd, Photos, Reference
from probablyexists.matching.matcher import HERE, Matcher
from probablyexists.stats.conformal import conformal_p
from probablyexists.stats.several import conformal_p_of_best


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


def p_of(ours: NDArray[np.float64], theirs: NDArray[np.float64]) -> NDArray[np.float64]:
    """(n,) conformal p-values of (n, attacks) against (m, attacks) scores, by the attack that exposes each most."""
    if ours.shape[1] == 1:
        return conformal_p(ours[:, 0], theirs[:, 0])
    return conformal_p_of_best(ours, theirs)
