"""People without names: clusters of embeddings.

Average-linkage clustering (scipy) inside the connected components of the graph of near pairs (FAISS). The
threshold comes from the non-mated distances of the set itself. Nearly all random pairs show two people, and distances
between different people are close to normal. Centre and spread are estimated from the median and the 10 % quantile,
where mated pairs hardly matter; they give the far tail.

The more people, the nearer the nearest stranger, and the fewer photos a person has, the less there is to join. So the
threshold is the largest at which a photo is expected to have no more photos of strangers than of its own person as
near: n photos in k clusters have n / k - 1 others each, and a false match rate f brings n f strangers.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm

from probablyexists.basis.seeds import rng

N_PAIRS = 2_000_000
GRAPH_FMR = 3e-3
"""Largest false match rate of the threshold. Pairs farther apart are never computed: clusters whose mean distance is
below the threshold have a pair below it."""
LARGEST = 12_000
"""Largest component, in photos, for average linkage, which needs n^2 / 2 distances."""


@dataclass(frozen=True)
class Strangers:
    """How far apart two people are: close to normal."""

    middle: float
    spread: float

    def distance_at(self, fmr: float) -> float:
        """Euclidean distance below which a share `fmr` of non-mated pairs is expected."""
        return float(max(0.0, self.middle + norm.ppf(fmr) * self.spread))


def strangers(embeddings: NDArray[np.float32], seed: int) -> Strangers:
    """Distances between people, from random pairs of photos."""
    draw = rng(seed, "pairs")
    n = len(embeddings)
    a = draw.integers(0, n, N_PAIRS)
    b = (a + draw.integers(1, n, N_PAIRS)) % n
    distances = np.empty(N_PAIRS)
    for start in range(0, N_PAIRS, 1 << 16):
        rows = slice(start, start + (1 << 16))
        distances[rows] = np.linalg.norm(embeddings[a[rows]] - embeddings[b[rows]], axis=1)
    middle, low = np.quantile(distances, [0.5, 0.1])
    return Strangers(float(middle), float((middle - low) / norm.ppf(0.9)))


def cluster(
    embeddings: NDArray[np.float32], seed: int = 0, threads: int | None = None
) -> tuple[NDArray[np.intp], float]:
    """((n,) cluster of every photo, numbered by first appearance; distance threshold).

    The order of the photos changes only the numbering, because photos are sorted by value first.
    """
    n = len(embeddings)
    if n < 2:
        return np.zeros(n, dtype=np.intp), 0.0
    order_of_values = np.lexsort(embeddings.T)
    embeddings = embeddings[order_of_values]
    apart = strangers(embeddings, seed)
    parts = list(_parts(embeddings, np.arange(n), apart.distance_at(GRAPH_FMR), threads))
    trees: list[_Tree] = [(here, _linkage(embeddings[here])) for here in parts]
    fmr, allowed = 1.0, GRAPH_FMR
    while allowed < fmr:  # a smaller threshold leaves more clusters, of fewer photos each, and allows less
        fmr, limit = allowed, apart.distance_at(allowed)
        labels = _cut(trees, n, limit)
        allowed = 1 / (int(labels.max()) + 1) - 1 / n
    labels[order_of_values] = labels.copy()
    _, first, inverse = np.unique(labels, return_index=True, return_inverse=True)
    order = np.argsort(np.argsort(first))
    return order[inverse].astype(np.intp), limit


def _parts(
    embeddings: NDArray[np.float32], rows: NDArray[np.intp], near: float, threads: int | None
) -> Iterator[NDArray[np.intp]]:
    """Rows of each component. One too large for average linkage is split again at a smaller distance."""
    for component in _components(embeddings[rows], near, threads):
        here = rows[component]
        if len(here) > LARGEST:
            yield from _parts(embeddings, here, near * 0.97, threads)
        else:
            yield here


def _components(embeddings: NDArray[np.float32], near: float, threads: int | None) -> list[NDArray[np.intp]]:
    import faiss
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    n, dim = embeddings.shape
    if threads is not None:
        faiss.omp_set_num_threads(threads)  # applies to the calling thread only
    index = faiss.IndexFlatL2(dim)
    index.add(embeddings)
    sources, targets = [], []
    for start in range(0, n, 4096):
        limits, _, found = index.range_search(embeddings[start : start + 4096], float(near**2))
        ends: NDArray[np.int64] = np.asarray(limits, dtype=np.int64)
        sources.append(np.repeat(np.arange(start, start + len(ends) - 1), ends[1:] - ends[:-1]))
        targets.append(found)
    source, target = np.concatenate(sources), np.concatenate(targets)
    graph = coo_array((np.ones(len(source), np.int8), (source, target)), shape=(n, n))
    n_components, labels = connected_components(graph, directed=False)
    order = np.argsort(labels, kind="stable")
    return [np.sort(c) for c in np.split(order, np.searchsorted(labels[order], np.arange(1, n_components)))]


_Tree = tuple[NDArray[np.intp], NDArray[np.float64] | None]
"""Rows, and their linkage."""


def _linkage(embeddings: NDArray[np.float32]) -> NDArray[np.float64] | None:
    """Average linkage; None for one photo."""
    from scipy.cluster.hierarchy import linkage
    from scipy.spatial.distance import pdist

    return None if len(embeddings) == 1 else np.asarray(linkage(pdist(embeddings), method="average"))


def _cut(trees: Iterable[_Tree], n: int, limit: float) -> NDArray[np.intp]:
    """(n,) clusters of the trees' rows, below this distance."""
    from scipy.cluster.hierarchy import fcluster

    labels, n_clusters = np.empty(n, dtype=np.intp), 0
    for here, tree in trees:
        found = np.zeros(1, np.intp) if tree is None else fcluster(tree, t=limit, criterion="distance") - 1
        labels[here] = n_clusters + found
        n_clusters += int(found.max()) + 1
    return labels


def sides(
    labels: NDArray[np.intp], is_training: NDArray[np.bool_], sha256: Sequence[bytes], seed: int
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """(n_clusters,) whether each cluster is of the training side; (n_clusters,) whether it has photos of both sides.

    A cluster is of the side of one of its photos, drawn by `seed` and the photos' content (`sha256`, one each). A
    cluster on both sides is often of two people who look alike, and lies where faces are dense. Were all such clusters
    left out of one side, the other side would keep its own, which score higher although nothing leaks. Left out of
    both, they still would not balance unless the sides are equally large, because a cluster of m people is all on a
    side with the m-th power of that side's share. One photo is on a side with that share, whatever m is
    (docs/results/nulls.md).
    """
    salt = f"side/{seed}/".encode()
    order = sorted(range(len(labels)), key=lambda i: hashlib.sha256(salt + sha256[i]).digest())
    n = int(labels.max()) + 1
    of_training = np.zeros(n, dtype=np.bool_)
    of_training[labels[order]] = is_training[order]  # the last photo of each cluster stays
    n_training = np.bincount(labels[is_training], minlength=n)
    return of_training, (n_training > 0) & (n_training < np.bincount(labels, minlength=n))
