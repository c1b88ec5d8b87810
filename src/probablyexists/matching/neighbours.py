"""Exact nearest neighbours: all pairs in int8, then the pairs that may matter exactly.

Memory is bounded by a setting, whatever the sizes. Queries and references may be anything that gives arrays by slices,
such as files. The result is the same for any block size and any number of threads, because a similarity depends on its
two vectors alone (`matching.cosines`) and ties go to the lowest index.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from probablyexists.basis.progress import Progress, Silent
from probablyexists.basis.threads import mapper
from probablyexists.matching.cosines import BLOCK_CELLS, pair_similarities, similarities
from probablyexists.matching.int8 import Products, RoughReferences
from probablyexists.matching.kept import Kept, Prepared

MEMORY = 2 << 30
"""Bytes that matching may use in addition to the program itself."""

_TALL = 512
_WIDE = 4096
"""Queries and references in a tile: its products (8 MiB) stay in the core's cache."""
_FIRST = 512
"""References compared exactly before the first tile, so that there is a similarity to beat."""
_PART = 1024
"""Products of a row in one part; a part is searched only if its largest product may matter."""
_MANY = 1 / 64
"""If more than this share of a tile may matter, its rows are computed whole, which is quicker than pair by pair."""
_LONG = 10**10
"""Fewest pairs for which progress is shown."""
SMALL = 1 << 22
"""Largest number of pairs for which neither an int8 pass nor another machine is worth the preparation."""


class Vectors(Protocol):
    """Embeddings in memory or on disk: an array, or an object that returns one for a slice of rows."""

    def __len__(self) -> int: ...

    def __getitem__(self, rows: slice, /) -> NDArray[np.float32]: ...


@dataclass(frozen=True)
class Nearest:
    """For each query its nearest references, best first."""

    similarity: NDArray[np.float64]
    """(n_queries, k)"""
    index: NDArray[np.intp]
    """(n_queries, k) row of the reference; -1 if there are fewer than k."""

    @classmethod
    def nothing(cls, n: int, k: int) -> Nearest:
        """The state before any reference is seen."""
        return cls(np.full((n, k), -np.inf), np.full((n, k), -1, dtype=np.intp))


def nearest(
    queries: Vectors,
    references: Vectors,
    k: int = 1,
    *,
    memory: int = MEMORY,
    threads: int | None = None,
    progress: Progress | None = None,
    kept: Kept | None = None,
) -> Nearest:
    """The k nearest references of every query, exact, on this machine.

    With fewer than k references the rest is -inf, with index -1. `threads` None: all cores. `progress` shows long
    searches, in pairs. `kept`: where references that cannot be written stay prepared, for further searches.
    """
    found = Nearest.nothing(len(queries), k)
    pairs = len(queries) * len(references)
    with (progress if progress is not None and pairs >= _LONG else Silent()).stage("pairs matched", pairs) as bar:
        parts = nearest_parts(queries, references, k, memory=memory, threads=threads, done=bar.advance, kept=kept)
        for rows, part in parts:
            found.similarity[rows], found.index[rows] = part.similarity, part.index
    return found


def nearest_parts(
    queries: Vectors,
    references: Vectors,
    k: int = 1,
    *,
    memory: int = MEMORY,
    threads: int | None = None,
    done: Callable[[int], None] | None = None,
    kept: Kept | None = None,
) -> Iterator[tuple[slice, Nearest]]:
    """The same, yielded as (query rows, their nearest), for results that do not fit in memory.

    `done` is called with the number of further pairs compared. All references are read once for each part. Half of
    `memory` goes to the queries, a quarter to the references, an eighth to those that are kept.
    """
    if not len(queries):
        return
    dim = queries[:1].shape[1]
    tall = max(_TALL, memory // 2 // (4 * dim + 16 * k))
    # Bytes a reference: as read, in double precision, and in int8.
    wide = min(max(_TALL, memory // 4 // (40 * dim)), 1 << 16)
    prepared = (kept or Kept()).of(references, memory // 8)
    # The matrix library's own threads would compete with ours for the cores.
    with threadpool_limits(1, "blas"), mapper(threads) as in_order:
        for top in range(0, len(queries), tall):
            rows = slice(top, min(top + tall, len(queries)))
            some = queries[rows]
            found = Nearest.nothing(len(some), k)
            for left in range(0, len(references), wide):
                rough = len(some) * len(references) > SMALL
                block = _Block(references[left : left + wide], left, k, rough, prepared)
                tiles = [slice(at, at + _TALL) for at in range(0, len(some), _TALL)]
                list(in_order(partial(block.search, some, found), tiles))
                if done is not None:
                    done(len(some) * len(block))
            yield rows, found


class _EachThread(threading.local):
    def __init__(self) -> None:
        self.products = Products()


_local = _EachThread()


class _Block:
    """A block of references, and the search of queries among them."""

    def __init__(self, references: NDArray[np.float32], start: int, k: int, rough: bool, prepared: Prepared) -> None:
        self._references, self._start = references, start
        n = len(references)
        exactly = n if not rough else min(n, max(_FIRST, k)) if start == 0 else 0
        self._exact = slice(0, exactly)
        self._rough: RoughReferences | None = None
        if exactly < n:
            key = start, start + n, exactly
            self._rough = prepared.get(key) or RoughReferences(references[exactly:], _WIDE)
            prepared[key] = self._rough

    def __len__(self) -> int:
        return len(self._references)

    def search(self, queries: NDArray[np.float32], found: Nearest, some: slice) -> None:
        """Update `found` for some of the queries. Blocks must come in the order of their index."""
        queries, found = queries[some], Nearest(found.similarity[some], found.index[some])  # views
        every = np.arange(len(queries))
        self._exactly(queries, self._exact, found, every)
        if self._rough is None:
            return
        rough = self._rough.rough(queries)
        for left, tile in self._rough.tiles:
            columns = slice(self._exact.stop + left, self._exact.stop + left + tile.shape[1])
            to_beat = found.similarity[:, -1]
            if not np.isfinite(to_beat).all():  # fewer than k references so far
                self._exactly(queries, columns, found, every)
                continue
            products = _local.products(rough.codes, rough.zero, tile)
            row, column = _reaching(products, rough.needed(to_beat))
            if row.size > _MANY * products.size:
                self._exactly(queries, columns, found, np.unique(row))
            elif row.size:
                self._pairs(queries, row, column + columns.start, found)

    def _exactly(self, queries: NDArray[np.float32], columns: slice, found: Nearest, rows: NDArray[np.intp]) -> None:
        references = self._references[columns]
        wide = max(1, BLOCK_CELLS // max(1, len(rows)))
        for left in range(0, len(references), wide):
            best, where = _top(similarities(queries[rows], references[left : left + wide]), found.index.shape[1])
            both = np.concatenate([found.similarity[rows], best], axis=1)
            places = np.concatenate([found.index[rows], where + self._start + columns.start + left], axis=1)
            keep = np.argsort(-both, axis=1, kind="stable")[:, : found.index.shape[1]]
            found.similarity[rows] = np.take_along_axis(both, keep, axis=1)
            found.index[rows] = np.take_along_axis(places, keep, axis=1)

    def _pairs(
        self, queries: NDArray[np.float32], row: NDArray[np.intp], column: NDArray[np.intp], found: Nearest
    ) -> None:
        """Merge single pairs, sorted by row and column."""
        similarity = pair_similarities(queries[row], self._references[column])
        # References already found have lower indices, so an equal similarity must not replace them.
        better = similarity > found.similarity[row, -1]
        row, index, similarity = row[better], column[better] + self._start, similarity[better]
        if not row.size:
            return
        k = found.index.shape[1]
        rows = np.unique(row)
        if k > 1:
            row = np.concatenate([np.repeat(rows, k), row])
            similarity = np.concatenate([found.similarity[rows].ravel(), similarity])
            index = np.concatenate([found.index[rows].ravel(), index])
        order = np.lexsort((index, -similarity, row))
        row, similarity, index = row[order], similarity[order], index[order]
        first = np.searchsorted(row, rows)
        for place in range(k):
            at = first + place
            found.similarity[rows, place], found.index[rows, place] = similarity[at], index[at]


def _reaching(products: NDArray[np.int32], needed: NDArray[np.int32]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Rows and columns, sorted by row and column, where a product is at least what its row needs."""
    n, wide = products.shape
    part = _PART if wide % _PART == 0 else wide
    parts = products.reshape(-1, part)
    row_of = np.repeat(np.arange(n), wide // part)
    some = np.flatnonzero(parts.max(axis=1) >= needed[row_of])
    # flatnonzero on a flat array is several times as fast as nonzero on a two-dimensional one.
    at, column = np.divmod(np.flatnonzero(parts[some] >= needed[row_of[some], None]), part)
    return row_of[some[at]], some[at] % (wide // part) * part + column


def _top(block: NDArray[np.float64], k: int) -> tuple[NDArray[np.float64], NDArray[np.intp]]:
    """The k largest values of each row, best first, and their columns; ties go to the lowest column."""
    if k == 1:
        where = block.argmax(axis=1)[:, None]
    elif k < block.shape[1] // 4:
        # Keep everything at or above the k-th largest value, so that the partition does not drop ties there.
        edge = -np.partition(-block, k - 1, axis=1)[:, k - 1 : k]
        where = np.argsort(-np.where(block >= edge, block, -np.inf), axis=1, kind="stable")[:, :k]
    else:
        where = np.argsort(-block, axis=1, kind="stable")[:, :k]
    return np.take_along_axis(block, where, axis=1), where
