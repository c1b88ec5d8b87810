"""Commonness: how high such a face is expected to score, memorised or not; and scores with it taken out.

Whoever looks like many people looks like many samples, whether they were trained on or not. Ranked by the nearest
sample alone, people of a common kind hold the top ranks: their p-values are too small, everybody else's too large. So
what is ranked is how much higher a person scores than expected. Two estimates of that are averaged, because they err in
opposite ways: the mean score of the 20 people who look most like the person (as in Papadopoulos, Vovk & Gammerman 2011,
"Regression conformal prediction with nearest neighbours", JAIR 40), which rises with the person's own leak where a
generator spreads it over all who look like them; and a straight line on how similar these 20 are, which knows nothing
of the leak, nor of where the samples are dense.

Nothing tells members and held-out people apart on the way: everybody's neighbours are sought among all of them. If a
member who was not memorised is exchangeable with the held-out people (a fair split, equally many photos each), so are
their corrected scores, and conformal p-values and the false discovery rate hold as before: Marandon, Lei, Mary &
Roquain 2024, "Adaptive novelty detection with false discovery rate guarantee", Annals of Statistics 52(1). Exposed
members among the neighbours cost power, not validity. docs/results/commonness.md compares this with other ways.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from probablyexists.matching.matcher import HERE, Matcher

N_ALIKE = 20
"""Number of people who are looked at. A kind with fewer people than this is not recognised as one."""
N_KEPT_OUT = 3
"""The same for a guard, among the people whom it keeps out."""


@dataclass(frozen=True)
class Alike:
    """Those who look most like each of n people."""

    rows: NDArray[np.intp]
    """(n, 20), or fewer columns if there are fewer people."""
    closeness: NDArray[np.float64]
    """(n,) mean similarity to them; 0 without anybody."""


def most_alike(
    templates: NDArray[np.float32],
    others: NDArray[np.float32],
    own: NDArray[np.intp],
    matcher: Matcher = HERE,
    n_alike: int | None = None,
) -> Alike:
    """The `n_alike` rows of the `others` most similar to each template; default: 20.

    `own`: (n,) row of `others` that shows the same person, which does not count; -1 if none does.
    """
    n, k = len(templates), min(N_ALIKE if n_alike is None else n_alike, len(others) - 1)
    if k < 1:
        return Alike(np.empty((n, 0), dtype=np.intp), np.zeros(n))
    near = matcher.nearest(templates, others, k + 1)
    # The person goes to the end, so that the first k are other people; without a row of their own, so are all.
    order = np.argsort(near.index == own[:, None], axis=1, kind="stable")[:, :k]
    similarity = np.take_along_axis(near.similarity, order, axis=1)
    return Alike(np.take_along_axis(near.index, order, axis=1), similarity.mean(axis=1, dtype=np.float64))


def commonness(alike: Alike, scores: NDArray[np.float64], theirs: Alike) -> NDArray[np.float64]:
    """(n, attacks) by how much a face like each is expected to score above the mean; 0 without anybody else.

    `scores`: (m, attacks) of the people among whom `alike` was sought; `theirs`: those who look most like each of them.
    """
    if not alike.rows.shape[1]:
        return np.zeros((len(alike.rows), scores.shape[1]))
    mean, middle = scores.mean(axis=0), theirs.closeness.mean()
    apart = theirs.closeness - middle
    spread = apart @ apart
    slope = apart @ (scores - mean) / spread if spread else np.zeros(scores.shape[1])
    by_people = scores[alike.rows].mean(axis=1) - mean
    by_closeness = (alike.closeness - middle)[:, None] * slope
    return np.asarray((by_people + by_closeness) / 2, dtype=np.float64)


def without_commonness(scores: NDArray[np.float64], alike: Alike) -> NDArray[np.float64]:
    """(n, attacks) scores less commonness; rows are members and held-out people in any order."""
    return np.asarray(scores - commonness(alike, scores, alike), dtype=np.float64)
