"""Similarity: the cosine of two unit vectors, summed in double precision, rounded to six decimals.

A matrix product adds in an order that depends on the block and the machine. In double precision that changes a sum by
less than d / 2^52. It can change the sixth decimal only if the cosine is next to a rounding boundary; those few are
summed again in one fixed order. So a similarity depends on its two vectors alone, not on the block, the number of
threads or the search method.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

BLOCK_CELLS = 1 << 22
"""Cells of a similarity block: 32 MiB of float64."""
WIDE = 1 << 13
"""Most references in a block."""

_STEPS = 10.0**6
_DOUBT = 1e-6
"""Cosines this near a rounding boundary, in steps of 10^-6, are resummed; above 2 d / 2^53 * 10^6 for d <= 4,096."""


def similarities(queries: NDArray[np.float32], references: NDArray[np.float32]) -> NDArray[np.float64]:
    """(n_queries, n_references) similarities, -1 to 1. The block must fit in memory."""
    steps = queries.astype(np.float64) @ references.astype(np.float64).T
    steps *= _STEPS
    whole = np.rint(steps)
    np.subtract(steps, whole, out=steps)
    np.abs(steps, out=steps)
    rows, columns = np.nonzero(steps >= 0.5 - _DOUBT)
    whole /= _STEPS
    if rows.size:
        whole[rows, columns] = pair_similarities(queries[rows], references[columns])
    return np.asarray(whole, dtype=np.float64)


def reaching(queries: NDArray[np.float32], references: NDArray[np.float32], threshold: float) -> NDArray[np.bool_]:
    """(n_queries, n_references) whether the similarity of unit vectors is at least `threshold`. Must fit in memory.

    Computed in single precision. Pairs so near the threshold that rounding could decide are computed exactly: the
    error of a sum is at most d / 2^23, that of the sixth decimal and the threshold at most 5 / 2^23.
    """
    cosines = queries @ references.T
    found = cosines >= threshold
    cosines -= np.float32(threshold)
    rows, columns = np.nonzero(np.abs(cosines, out=cosines) <= (queries.shape[1] + 32) * 2.0**-23)
    found[rows, columns] = pair_similarities(queries[rows], references[columns]) >= threshold
    return np.asarray(found)


def pair_similarities(a: NDArray[np.float32], b: NDArray[np.float32]) -> NDArray[np.float64]:
    """(n,) similarity of each vector of `a` (n, d) with the same vector of `b`."""
    products = a.astype(np.float64, order="C")
    products *= b
    return np.asarray(np.rint(products.sum(axis=1) * _STEPS) / _STEPS, dtype=np.float64)


def blocks(
    queries: NDArray[np.float32], references: NDArray[np.float32]
) -> Iterator[tuple[slice, slice, NDArray[np.float64]]]:
    """Yield (query rows, reference rows, similarities): all references for some queries, then the next queries."""
    wide = max(1, min(len(references), WIDE))
    tall = max(1, BLOCK_CELLS // wide)
    for top in range(0, len(queries), tall):
        rows = slice(top, min(top + tall, len(queries)))
        for left in range(0, len(references), wide):
            columns = slice(left, min(left + wide, len(references)))
            yield rows, columns, similarities(queries[rows], references[columns])
