"""One view of many pictures, searched for the best matches of others: in blocks, on several threads."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from probablyexists.basis.threads import mapper
from probablyexists.copies.normalised import HASH_SIDE, Windows, cores, hashes, mirrored, normalise, warp, windows
from probablyexists.embeddings.pictures import Pictures as TablePictures

T = TypeVar("T")
Pictures = NDArray[np.uint8] | TablePictures
Rows = NDArray[np.intp]
Floats = NDArray[np.float64]

N_CANDIDATES = 4

_SCALES = (0.9, 0.95, 1.05, 1.1)
_TURNED = tuple((t, s) for t in (-5.0, -2.5, 2.5, 5.0) for s in (0.9, 0.95, 1.0, 1.05, 1.1))
_REGISTRATION = (
    (0.65, tuple((0.0, s) for s in _SCALES) + _TURNED),
    (0.40, tuple((0.0, s) for s in _SCALES)),
)
"""For each view: the correlation from which turning and scaling is tried, and the turns (degrees) and scales.
Landmarks of an edited picture move by a pixel or two, which turns and scales its chip. A crop of 10 % enlarges the
frame by a ninth and never turns it, but starts from a low correlation. Turns come in pairs of opposite sign, so that a
mirror image gets the same turns."""


@dataclass(frozen=True)
class Portions:
    """How much is compared at once. It changes no result."""

    chunk: int = 1024
    """Queries whose candidates are looked up at once."""
    block: int = 64
    """Pictures compared at once: few enough for the processor's cache."""
    held: int = 65_536
    """Up to this number, all references are prepared once and kept (10 kB each). Of more, only the candidates of each
    chunk are prepared."""


PORTIONS = Portions()


@dataclass(frozen=True)
class How:
    """The view that is compared, and how much of it at once."""

    view: int
    threads: int | None
    """None = all cores."""
    portions: Portions = PORTIONS

    def in_blocks(self, work: Callable[[slice], T], n: int) -> list[T]:
        """`work` on n rows in blocks, on several threads; results in order."""
        block = self.portions.block
        blocks = [slice(start, min(n, start + block)) for start in range(0, n, block)]
        threads = min(self.threads or os.cpu_count() or 1, len(blocks))
        with mapper(max(1, threads)) as in_order:
            return list(in_order(work, blocks))


@dataclass(frozen=True)
class Gallery:
    """One view of the references."""

    pictures: Pictures
    """(m, 48, 48), in memory or on disk."""
    hashes: NDArray[np.uint8]
    """(m, 32)"""
    held: Windows | None
    """All references, prepared; None above `portions.held` references."""
    how: How

    def prepared(self, rows: Rows) -> tuple[Windows, Rows]:
        """References to compare with, and the places among them of these rows."""
        if self.held is not None:
            return self.held, rows
        needed, at = np.unique(rows, return_inverse=True)
        ready = Windows.of_size(len(needed))

        def fill(part: slice) -> None:
            ready.put(part, windows(normalise(self.pictures[needed[part]])))

        self.how.in_blocks(fill, len(needed))
        return ready, at.reshape(rows.shape)


def gallery(pictures: Pictures, how: How) -> Gallery:
    n = len(pictures)
    held = Windows.of_size(n) if n <= how.portions.held else None
    codes = np.empty((n, HASH_SIDE**2 // 8), np.uint8)

    def prepare(rows: slice) -> None:
        normal = normalise(pictures[rows])
        codes[rows] = hashes(normal)[:, 0]
        if held is not None:
            held.put(rows, windows(normal))

    how.in_blocks(prepare, n)
    return Gallery(pictures, codes, held, how)


def compared(
    queries: Pictures, references: Gallery, *, among: Rows | None = None, every: bool = False
) -> Iterator[tuple[slice, Rows, Floats]]:
    """For each chunk of queries: their rows; (n, 2, k) rows of references, for each query and its mirror image; and the
    (n, 2, k) correlations.

    Candidates are the references nearest by hash, all or those in the rows `among`. By default only the best candidate
    is given (k = 1; of equals the first row), with `every` all.
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
        normal, nearest = _candidates(queries[rows], index, references.how)
        candidates = np.sort(nearest if among is None else among[nearest], axis=2)
        ready, place = references.prepared(candidates)
        which, correlation = best(queries[rows], normal, ready, place, references.how, every=every)
        yield rows, np.take_along_axis(candidates, which, axis=2), correlation


def _candidates(queries: Pictures, index: Any, how: How) -> tuple[NDArray[np.float32], Rows]:
    """The queries, normalised, and (n, 2, k) places in the index nearest to each query and its mirror image."""
    normal = np.empty(queries.shape, np.float32)
    nearest = np.empty((len(queries), 2, min(N_CANDIDATES, index.ntotal)), np.intp)

    def prepare(rows: slice) -> None:
        normal[rows] = normalise(queries[rows])
        nearest[rows] = _nearest(index, hashes(normal[rows]))

    how.in_blocks(prepare, len(queries))
    return normal, nearest


def best(
    pictures: Pictures, normal: NDArray[np.float32], references: Windows, place: Rows, how: How, *, every: bool
) -> tuple[Rows, Floats]:
    """(n, 2, k) number of the candidate, and its correlation after small turns and scalings where these are tried.

    `normal`: the pictures, normalised. `place`: (n, 2, c) rows of `references`, for each picture and its mirror image.
    """
    found = np.empty(place.shape)

    def compare(rows: slice) -> None:
        core = cores(normal[rows])
        for flip, both in enumerate((core, mirrored(core))):
            for k in range(place.shape[2]):
                found[rows, flip, k] = references.correlation(both, place[rows, flip, k])

    how.in_blocks(compare, len(pictures))
    which = np.broadcast_to(np.arange(place.shape[2]), place.shape)
    if not every:
        which = found.argmax(axis=2)[:, :, None]
        found, place = np.take_along_axis(found, which, axis=2), np.take_along_axis(place, which, axis=2)
    worth, warps = _REGISTRATION[how.view]
    alike = np.flatnonzero((found >= worth).any(axis=(1, 2)))

    def register(rows: slice) -> None:
        moving, where, now = pictures[alike[rows]], place[alike[rows]], found[alike[rows]]
        asked = [np.nonzero(now[:, flip] >= worth) for flip in range(2)]
        for turn, scale in warps:
            core = cores(normalise(warp(moving, turn, scale)))
            for flip, (i, k) in enumerate(asked):
                if i.size:
                    both = mirrored(core[i]) if flip else core[i]
                    now[i, flip, k] = np.maximum(now[i, flip, k], references.correlation(both, where[i, flip, k]))
        found[alike[rows]] = now

    how.in_blocks(register, len(alike))
    return which, found


def _nearest(index: Any, codes: NDArray[np.uint8]) -> Rows:
    """(n, 2, k) rows nearest by Hamming distance to (n, 2, 32) hashes."""
    import faiss

    # This is one of several threads: FAISS must not start more. The setting is local to the calling thread.
    before = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(1)
    try:
        nearest = index.search(codes.reshape(-1, codes.shape[2]), min(N_CANDIDATES, index.ntotal))[1]
    finally:
        faiss.omp_set_num_threads(before)
    return np.asarray(nearest.reshape(*codes.shape[:2], -1), dtype=np.intp)
