"""Every query against every reference, a block at a time, so that memory does not grow with either."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from probablyexists.matching.neighbours import similarities

CELLS = 1 << 23
"""Of a block: 64 MiB of float64."""
WIDE = 1 << 14

Block = tuple[slice, slice, NDArray[np.float64]]


def blocks(queries: NDArray[np.float32], references: NDArray[np.float32]) -> Iterator[Block]:
    """(rows of the queries, rows of the references, their cosines); all references of some queries, then the next."""
    wide = max(1, min(len(references), WIDE))
    tall = max(1, CELLS // wide)
    for top in range(0, len(queries), tall):
        rows = slice(top, min(top + tall, len(queries)))
        for left in range(0, len(references), wide):
            columns = slice(left, min(left + wide, len(references)))
            yield rows, columns, similarities(queries[rows], references[columns])
