"""Nearest neighbours by an approximate index, and how many of the true ones it finds on this very data.

HNSW (Malkov & Yashunin 2020, IEEE TPAMI 42(4)) and IVF-PQ (Jegou, Douze & Schmid 2011, IEEE TPAMI 33(1)), by FAISS. The
candidates of either are compared exactly, so a similarity that is reported is right; a nearer reference may be missed.
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from probablyexists.matching.cosines import pair_similarities
from probablyexists.matching.neighbours import Nearest, Vectors, nearest_here
from probablyexists.stats.estimate import Figure
from probablyexists.stats.rates import share_of_people

Index = Literal["hnsw", "ivf-pq"]

N_CHECKED = 256
"""Queries of each search whose true neighbours are found too."""
CANDIDATES = 16
"""References compared exactly, for each neighbour asked for."""
FEW = 39 * 256
"""References below which all are looked at: IVF-PQ could not learn its codes (FAISS wants 39 points for each)."""
_PARTS = (32, 16, 8, 4, 2, 1)
"""Bytes of a code: the most of these that divides the length of an embedding."""
_BLOCK = 1 << 12


class Approximate:
    """Searches by one kind of index. An index is built for the references of a search and kept for the next."""

    def __init__(self, kind: Index, threads: int | None = None) -> None:
        self.kind = kind
        self._threads = threads
        self._built: tuple[Vectors, Any] | None = None
        self._found: list[NDArray[np.float64]] = []

    def search(self, queries: Vectors, references: Vectors, k: int) -> Nearest:
        """As `neighbours.nearest`, though not all true neighbours need be found."""
        points, index = np.asarray(references[:], np.float32), self._index(references)
        found = Nearest.nothing(len(queries), k)
        n = min(len(points), CANDIDATES * k)
        for start in range(0, len(queries), _BLOCK):
            some = np.asarray(queries[start : start + _BLOCK], np.float32)
            _, candidates = index.search(some, n)
            candidates = np.sort(candidates, axis=1)  # ties fall to the lowest index; -1, none, comes first
            flat = pair_similarities(np.repeat(some, n, axis=0), points[candidates.ravel()])
            alike = np.where(candidates < 0, -np.inf, flat.reshape(candidates.shape))
            best = np.argsort(-alike, axis=1, kind="stable")[:, :k]
            rows = slice(start, start + len(some))
            found.similarity[rows, : best.shape[1]] = np.take_along_axis(alike, best, axis=1)
            found.index[rows, : best.shape[1]] = np.take_along_axis(candidates, best, axis=1)
        self._check(queries, points, found, k)
        return found

    @property
    def recall(self) -> Figure:
        """Share of the true nearest references that were found, over the checked queries of all searches."""
        return share_of_people(np.concatenate([np.empty(0), *self._found]))

    def _check(self, queries: Vectors, points: NDArray[np.float32], found: Nearest, k: int) -> None:
        rows = np.linspace(0, len(queries) - 1, min(len(queries), N_CHECKED)).astype(np.intp)
        some = np.concatenate([queries[row : row + 1] for row in rows])
        true = nearest_here(some, points, k, threads=self._threads)
        k = min(k, len(points))
        hit = (found.index[rows, :, None] == true.index[:, None, :k]).any(axis=1)
        self._found.append(hit.mean(axis=1))

    def _index(self, references: Vectors) -> Any:
        if self._built is None or self._built[0] is not references:
            self._built = references, self._build(np.asarray(references[:], np.float32))
        return self._built[1]

    def _build(self, points: NDArray[np.float32]) -> Any:
        import faiss

        if self._threads is not None:
            faiss.omp_set_num_threads(self._threads)
        n, dim = points.shape
        index: Any
        if self.kind == "hnsw":
            index = faiss.IndexHNSWFlat(dim, 32, faiss.METRIC_INNER_PRODUCT)
            index.hnsw.efConstruction, index.hnsw.efSearch = 80, 128
        elif n < FEW:
            index = faiss.IndexFlatIP(dim)
        else:
            lists = min(round(4 * n**0.5), n // 39)
            parts = next(parts for parts in _PARTS if dim % parts == 0)
            index = faiss.index_factory(dim, f"IVF{lists},PQ{parts}", faiss.METRIC_INNER_PRODUCT)
            index.nprobe = min(lists, 32)
            index.pq.cp.niter = 8  # of 25: FAISS is slow at it, and the candidates are compared exactly
            index.train(points[:: max(1, n // 200_000)])
        index.add(points)
        return index
