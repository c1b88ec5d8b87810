"""Commonness: how high the people score who look most like a person; and scores with it taken out.

Whoever looks like many people looks like many samples, whether they were trained on or not. Ranked by the nearest
sample alone, people of a common kind hold the top ranks: their p-values are too small, everybody else's too large. So
what is ranked is how much higher a person scores than the 20 people who look most like them. Such a measure from
nearest neighbours is that of Papadopoulos, Vovk & Gammerman 2011, "Regression conformal prediction with nearest
neighbours", JAIR 40.

Nothing tells members and held-out people apart on the way: everybody's neighbours are sought among all of them. If a
member who was not memorised is exchangeable with the held-out people (a fair split, equally many photos each), so are
their corrected scores, and conformal p-values and the false discovery rate hold as before: Marandon, Lei, Mary &
Roquain 2024, "Adaptive novelty detection with false discovery rate guarantee", Annals of Statistics 52(1). Exposed
members among the neighbours cost power, not validity. docs/results/commonness.md compares this with other ways.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from probablyexists.matching.matcher import HERE, Matcher

N_ALIKE = 20
"""Number of people whose scores are averaged. A kind with fewer people than this is not recognised as one."""


def most_alike(
    templates: NDArray[np.float32], others: NDArray[np.float32], own: NDArray[np.intp], matcher: Matcher = HERE
) -> NDArray[np.intp]:
    """(n, 20) rows of the `others` most similar to each template, of fewer if there are fewer.

    `own`: (n,) row of `others` that shows the same person, which does not count; -1 if none does.
    """
    k = min(N_ALIKE, len(others) - 1)
    if k < 1:
        return np.empty((len(templates), 0), dtype=np.intp)
    near = matcher.nearest(templates, others, k + 1).index
    # The person goes to the end, so that the first k are other people; without a row of their own, so are all.
    order = np.argsort(near == own[:, None], axis=1, kind="stable")
    return np.take_along_axis(near, order, axis=1)[:, :k]


def commonness(scores: NDArray[np.float64], alike: NDArray[np.intp]) -> NDArray[np.float64]:
    """(n, attacks) mean of the scores (m, attacks) of those in each row of `alike`; 0 if there is nobody."""
    if not alike.shape[1]:
        return np.zeros((len(alike), scores.shape[1]))
    return np.asarray(scores[alike].mean(axis=1), dtype=np.float64)


def without_commonness(scores: NDArray[np.float64], alike: NDArray[np.intp]) -> NDArray[np.float64]:
    """(n, attacks) scores less commonness plus the mean score; rows are members and held-out people in any order."""
    return np.asarray(scores - commonness(scores, alike) + scores.mean(axis=0), dtype=np.float64)
