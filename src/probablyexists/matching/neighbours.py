"""Exact matching of templates with samples, in blocks: memory is bounded, the answer is the same for any block.

Similarities are cosines (unit vectors), taken in double precision and rounded to six decimals, so that the order
of a sum inside a matrix product does not decide between two people. Ties fall to the lowest index.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

BLOCK_CELLS = 1 << 24
"""Cells of a similarity block: 128 MiB of float64."""
WIDE = 1 << 15
"""References of a block, at most."""

DECIMALS = 6


@dataclass(frozen=True)
class Nearest:
    """For each query its nearest references, best first."""

    similarity: NDArray[np.float64]
    """(n_queries, k)"""
    index: NDArray[np.intp]
    """(n_queries, k) row of the reference; -1 where there are fewer than k."""


def similarities(queries: NDArray[np.float32], references: NDArray[np.float32]) -> NDArray[np.float64]:
    """(n_queries, n_references) cosines, rounded. For blocks that fit in memory."""
    # Single precision would not do: its sums differ from block to block by 1e-7, which turns the sixth decimal of
    # one cosine in a hundred.
    return np.round(queries.astype(np.float64) @ references.astype(np.float64).T, DECIMALS)


def blocks(
    queries: NDArray[np.float32], references: NDArray[np.float32]
) -> Iterator[tuple[slice, slice, NDArray[np.float64]]]:
    """(rows of the queries, rows of the references, their cosines); all references of some queries, then the next."""
    wide = max(1, min(len(references), WIDE))
    tall = max(1, BLOCK_CELLS // wide)
    for top in range(0, len(queries), tall):
        rows = slice(top, min(top + tall, len(queries)))
        for left in range(0, len(references), wide):
            columns = slice(left, min(left + wide, len(references)))
            yield rows, columns, similarities(queries[rows], references[columns])


def nearest(queries: NDArray[np.float32], references: NDArray[np.float32], k: int = 1) -> Nearest:
    """The k nearest references of every query, exact.

    Where there are fewer than k references the rest is -inf, index -1.
    """
    similarity = np.full((len(queries), k), -np.inf)
    index = np.full((len(queries), k), -1, dtype=np.intp)
    for rows, columns, block in blocks(queries, references):
        best, where = _top(block, k)
        both = np.concatenate([similarity[rows], best], axis=1)
        places = np.concatenate([index[rows], where + columns.start], axis=1)
        keep = np.argsort(-both, axis=1, kind="stable")[:, :k]
        similarity[rows] = np.take_along_axis(both, keep, axis=1)
        index[rows] = np.take_along_axis(places, keep, axis=1)
    return Nearest(similarity, index)


def _top(block: NDArray[np.float64], k: int) -> tuple[NDArray[np.float64], NDArray[np.intp]]:
    """The k largest of each row, best first, ties to the lowest column."""
    if k == 1:
        where = block.argmax(axis=1)[:, None]
    elif k < block.shape[1] // 4:
        # Everything above or at the k-th largest value, so that ties at the edge are not lost to the partition.
        edge = -np.partition(-block, k - 1, axis=1)[:, k - 1 : k]
        where = np.argsort(-np.where(block >= edge, block, -np.inf), axis=1, kind="stable")[:, :k]
    else:
        where = np.argsort(-block, axis=1, kind="stable")[:, :k]
    return np.take_along_axis(block, where, axis=1), where


@dataclass(frozen=True)
class Credits:
    """Which people the samples resemble."""

    people: NDArray[np.float64]
    """(n_people,) samples credited to each; a sample that resembles c people gives 1 / c to each."""
    share: float
    """Expected share of samples that resemble somebody in a gallery of the asked size."""


def credit(people: NDArray[np.float32], samples: NDArray[np.float32], threshold: float, gallery: int) -> Credits:
    """Credit each sample to the people it resembles (cosine >= threshold).

    With more people than `gallery`, the result is the exact mean over all random galleries of that size: a sample
    that resembles c of n people meets at least one of them with probability 1 - C(n - c, g) / C(n, g).
    """
    n = len(people)
    meets = _meeting_probability(n, gallery)
    total = np.zeros(n)
    tall = max(1, BLOCK_CELLS // max(1, n))
    for top in range(0, len(samples), tall):
        near = similarities(samples[top : top + tall], people) >= threshold
        count = near.sum(axis=1)
        weight = np.divide(meets[count], count, out=np.zeros(len(count)), where=count > 0)
        total += weight @ near
    share = float(total.sum()) / len(samples) if len(samples) else 0.0
    return Credits(total * (n / gallery) if gallery else total, share)


def _meeting_probability(n: int, gallery: int) -> NDArray[np.float64]:
    """(n + 1,): chance that c given people of n include one of `gallery` drawn without replacement."""
    misses = np.ones(n + 1)
    for c in range(1, n + 1):
        remaining = n - c + 1
        misses[c] = misses[c - 1] * max(0.0, (remaining - gallery) / remaining)
    return 1.0 - misses
