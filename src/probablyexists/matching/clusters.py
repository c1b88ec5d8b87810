"""People without names: clusters of embeddings.

Average-linkage clustering (scipy) inside the connected components of the graph of near pairs (FAISS). The
threshold comes from the non-mated distances of the set itself. Nearly all random pairs show two people, and distances
between different people are close to normal. Centre and spread are estimated from the median and the 10 % quantile,
where mated pairs hardly matter; they give the far tail.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm

from probablyexists.basis.seeds import rng

N_PAIRS = 2_000_000
LINK_FMR = 3e-4
"""Two clusters are merged if their mean distance is below that of all but 3 in 10,000 pairs of different people."""
GRAPH_FMR = 3e-3
"""Only pairs at least this near can be in one cluster; other pairs are never computed."""
LARGEST = 12_000
"""Largest component, in photos, for average linkage, which needs n^2 / 2 distances."""


def distance_at_fmr(embeddings: NDArray[np.float32], fmr: float, seed: int) -> float:
    """Euclidean distance below which a share `fmr` of non-mated pairs is expected."""
    draw = rng(seed, "pairs")
    n = len(embeddings)
    a = draw.integers(0, n, N_PAIRS)
    b = (a + draw.integers(1, n, N_PAIRS)) % n
    distances = np.empty(N_PAIRS)
    for start in range(0, N_PAIRS, 1 << 16):
        rows = slice(start, start + (1 << 16))
        distances[rows] = np.linalg.norm(embeddings[a[rows]] - embeddings[b[rows]], axis=1)
    middle, low = np.quantile(distances, [0.5, 0.1])
    spread = (middle - low) / norm.ppf(0.9)
    return float(max(0.0, middle + norm.ppf(fmr) * spread))


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
    limit = distance_at_fmr(embeddings, LINK_FMR, seed)
    labels = np.full(n, -1, dtype=np.intp)
    for here in _parts(embeddings, np.arange(n), distance_at_fmr(embeddings, GRAPH_FMR, seed), threads):
        labels[here] = labels.max() + 1 + _average_linkage(embeddings[here], limit)
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


def _average_linkage(embeddings: NDArray[np.float32], limit: float) -> NDArray[np.intp]:
    from scipy.cluster.hierarchy import fcluster, linkage
    from scipy.spatial.distance import pdist

    if len(embeddings) == 1:
        return np.zeros(1, dtype=np.intp)
    tree = linkage(pdist(embeddings), method="average")
    return np.asarray(fcluster(tree, t=limit, criterion="distance") - 1, dtype=np.intp)
