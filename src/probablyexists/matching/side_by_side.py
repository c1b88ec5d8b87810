"""Several recognisers as one: their embeddings side by side.

The cosine of two such embeddings is the weighted mean of the recognisers' cosines: the sum rule (Kittler, Hatef, Duin &
Matas 1998, "On combining classifiers", IEEE TPAMI 20(3)), applied to each pair of faces. A cosine counts in units of
its own spread among the generated samples.

The weights depend on the samples alone, not on the people. All recognisers together are therefore one recogniser that
treats members and held-out people alike, and whatever holds for one holds for them: conformal p-values are exact,
however much the recognisers agree. docs/results/consensus.md compares this with other rules.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from probablyexists.basis.memory import allocated
from probablyexists.matching.cosines import similarities
from probablyexists.matching.repeats import content_hashes

MOST_SAMPLES = 1000
"""Samples whose similarities are compared; of more, so many are drawn by their content."""
LEAST_SPREAD = 1e-3
"""Cosines that spread less, as those of one picture again and again do, count as spread by so much."""
_ROWS = 65536


def weights(samples: Sequence[NDArray[np.float32]]) -> NDArray[np.float64]:
    """(recognisers,) shares of each recogniser's cosine, with sum 1; neither their order nor that of samples matters.

    `samples`: (n, dim) unit embeddings of the same generated samples, one entry a recogniser.
    """
    shares = 1 / np.array([_spread(embeddings) for embeddings in samples])
    return np.asarray(shares / shares.sum(), dtype=np.float64)


def side_by_side(embeddings: Sequence[NDArray[np.float32]], shares: NDArray[np.float64]) -> NDArray[np.float32]:
    """(n, sum of dims) unit embeddings, the same n rows in each recogniser's (n, dim); `shares` have sum 1.

    >>> both = side_by_side([np.float32([[1, 0], [0, 1]]), np.float32([[1, 0], [1, 0]])], np.array([0.25, 0.75]))
    >>> (both @ both.T).tolist()
    [[1.0, 0.75], [0.75, 1.0]]
    """
    edges = np.cumsum([0, *(each.shape[1] for each in embeddings)])
    joined = allocated((len(embeddings[0]), int(edges[-1])), np.float32)
    for each, share, start, stop in zip(embeddings, shares, edges[:-1], edges[1:], strict=True):
        for row in range(0, len(each), _ROWS):
            np.multiply(each[row : row + _ROWS], np.float32(share**0.5), out=joined[row : row + _ROWS, start:stop])
    return joined


def _spread(embeddings: NDArray[np.float32]) -> float:
    """Standard deviation of the cosines of different samples."""
    if len(embeddings) < 2:
        return LEAST_SPREAD
    some = embeddings[np.argsort(content_hashes(embeddings, 0), kind="stable")[:MOST_SAMPLES]]
    cosines = similarities(some, some)[np.triu_indices(len(some), 1)]
    return max(float(cosines.std(dtype=np.float64)), LEAST_SPREAD)
