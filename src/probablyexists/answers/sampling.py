"""Answer 6: how much of the generator do the samples show?"""

from __future__ import annotations

from probablyexists.results.findings import Sampling
from probablyexists.stats.estimate import Unresolvable


def sampling(n_samples: int, n_distinct: int) -> Sampling:
    """Distinct pictures, samples with a face, and what so many samples can have missed."""
    return Sampling(
        n_samples=n_samples,
        n_distinct=n_distinct,
        with_face=Unresolvable("not measured"),
        unseen_rate=1 - 0.05 ** (1 / max(1, n_distinct)),
        curve=[],
    )
