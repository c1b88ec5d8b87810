"""One view of many pictures, searched for the best matches of others: in blocks, on several threads."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from probablyexists.copies.blocks import Floats, How, Pictures, Rows
from probablyexists.copies.normalised import (
    HASH_SIDE,
    OUTLINE_SIDE,
    Windows,
    hashes,
    lowest,
    normalise,
    outlines,
    windows,
)
from probablyexists.copies.registration import FEW_BITS, SCREENS, best

N_CANDIDATES = 4


@dataclass(frozen=True)
class Gallery:
    """One view of the references."""

    pictures: Pictures
    """(m, 48, 48), in memory or on disk."""
    hashes: NDArray[np.uint8]
    """(m, 32)"""
    outlines: NDArray[np.float16]
    """(m, 64)"""
    held: Windows | None
    """All references, prepared; None above `portions.held` references."""
    how: How

    def prepared(self, rows: Rows, kept: NDArray[np.bool_]) -> tuple[Windows, Rows]:
        """References to compare with, and the places among them of the rows that are kept; others have any place."""
        if self.held is not None:
            return self.held, rows
        needed, at = np.unique(rows[kept], return_inverse=True)
        ready = Windows.of_size(len(needed))

        def fill(part: slice) -> None:
            ready.put(part, windows(normalise(self.pictures[needed[part]])))

        self.how.in_blocks(fill, len(needed))
        place = np.zeros_like(rows)
        place[kept] = at
        return ready, place


def gallery(pictures: Pictures, how: How) -> Gallery:
    n = len(pictures)
    held = Windows.of_size(n) if n <= how.portions.held else None
    codes, drawn = np.empty((n, HASH_SIDE**2 // 8), np.uint8), np.empty((n, OUTLINE_SIDE**2), np.float16)

    def prepare(rows: slice) -> None:
        normal = normalise(pictures[rows])
        low = lowest(normal)
        codes[rows], drawn[rows] = hashes(low)[:, 0], outlines(low)[:, 0]
        if held is not None:
            held.put(rows, windows(normal))

    how.in_blocks(prepare, n)
    return Gallery(pictures, codes, drawn, held, how)


def compared(
    queries: Pictures,
    references: Gallery,
    *,
    among: Rows | None = None,
    at_least: float | None = None,
    every: bool = False,
) -> Iterator[tuple[slice, Rows, Floats]]:
    """For each chunk of queries: their rows; (n, 2, k) rows of references, for each query and its mirror image; and the
    (n, 2, k) correlations.

    Candidates are the references nearest by hash, all or those in the rows `among`. By default only the best candidate
    is given (k = 1; of equals the first row), with `every` all. With `at_least`, lower correlations may be too low, and
    -1 where the pixels were not compared.
    """
    codes = references.hashes if among is None else references.hashes[among]
    if not len(queries) or not len(codes):
        return
    import faiss

    index = faiss.IndexBinaryFlat(HASH_SIDE**2)
    index.add(codes)
    chunk = references.how.portions.chunk
    for start in range(0, len(queries), chunk):
        rows = slice(start, start + chunk)
        normal, candidates, kept = _candidates(queries[rows], index, references, among, at_least)
        ready, place = references.prepared(candidates, kept)
        which, correlation = best(
            queries[rows], normal, ready, place, references.how, kept=kept, at_least=at_least, every=every
        )
        yield rows, np.take_along_axis(candidates, which, axis=2), correlation


def _candidates(
    queries: Pictures, index: Any, references: Gallery, among: Rows | None, at_least: float | None
) -> tuple[NDArray[np.float32], Rows, NDArray[np.bool_]]:
    """The queries, normalised; (n, 2, k) rows of the references nearest to each query and its mirror image, ascending;
    and which of these are to be compared."""
    normal = np.empty(queries.shape, np.float32)
    candidates = np.empty((len(queries), 2, min(N_CANDIDATES, index.ntotal)), np.intp)
    kept = np.ones(candidates.shape, bool)
    needed = SCREENS[references.how.view].outline

    def prepare(rows: slice) -> None:
        normalise(queries[rows], normal[rows])
        low = lowest(normal[rows])
        bits, nearest = _nearest(index, hashes(low))
        nearest = nearest if among is None else among[nearest]
        order = np.argsort(nearest, axis=2)
        candidates[rows] = np.take_along_axis(nearest, order, axis=2)
        if at_least is not None:
            theirs = references.outlines[candidates[rows]].astype(np.float32)
            kept[rows] = np.matmul(theirs, outlines(low)[:, :, :, None])[:, :, :, 0] >= needed
            kept[rows] |= np.take_along_axis(bits, order, axis=2) <= FEW_BITS

    references.how.in_blocks(prepare, len(queries))
    return normal, candidates, kept


def _nearest(index: Any, codes: NDArray[np.uint8]) -> tuple[NDArray[np.integer], Rows]:
    """(n, 2, k) number of bits that differ, and rows, of the nearest to (n, 2, 32) hashes."""
    import faiss

    # This is one of several threads: FAISS must not start more. The setting is local to the calling thread.
    before = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(1)
    try:
        found = index.search(codes.reshape(-1, codes.shape[2]), min(N_CANDIDATES, index.ntotal))
    finally:
        faiss.omp_set_num_threads(before)
    bits, nearest = (part.reshape(*codes.shape[:2], -1) for part in found)
    return bits, np.asarray(nearest, dtype=np.intp)
