"""Which samples show the same picture: what a collapsed generator gives, or a filter that blackens pictures."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from probablyexists.basis.seeds import rng
from probablyexists.matching.cosines import BLOCK_CELLS, reaching

SAME = 0.997
"""Cosine from which two pictures are one. The most alike two photos of one person in 250 pairs of LFW have 0.988. Noise
of two grey levels mostly keeps it: 150 noisy copies of a drawn face are 2 to 5 pictures by this rule."""
MOST = 50_000
"""Pictures that later samples are compared with."""
_TALL = 1024
_WIDE = BLOCK_CELLS // _TALL
_FOR_AXES, _AXES = 4096, 16
_DOUBT = 1e-3
"""More than the rounding error of a cosine in single precision."""


def distinct_pictures(samples: NDArray[np.float32], most: int = MOST) -> NDArray[np.intp]:
    """(n,) for each of the (n, dim) samples, the row of the one sample that stands for the picture it shows.

    Samples are taken in an order that depends on their content alone. Each shows the picture of the first earlier one
    that stands for a picture and has a cosine of at least `SAME` with it; if there is none, it stands for a picture of
    its own. So the order in which samples came changes nothing. Beyond `most` distinct pictures, a further sample that
    is near-identical to none of these counts as distinct, unless its embedding equals another's: the number is then too
    high if such samples repeat each other.
    """
    hashes = content_hashes(samples)
    order = np.argsort(hashes, kind="stable")
    hashes = hashes[order]
    first = np.concatenate([[True], hashes[1:] != hashes[:-1]]) if len(order) else np.empty(0, bool)
    rows = order[first]
    stands = rows.copy()
    few = _Few.of(samples, rows)
    leaders, theirs = np.empty(0, dtype=np.intp), few(samples[:0])
    for start in range(0, len(rows), _TALL):
        some = np.arange(start, min(start + _TALL, len(rows)))
        numbers = few(samples[rows[some]])
        new = _join(samples, rows, some, leaders, few.perhaps(numbers, theirs), stands)
        leaders = np.concatenate([leaders, rows[new]])[:most]
        theirs = np.concatenate([theirs, numbers[new - start]])[:most]
    picture = np.empty(len(samples), dtype=np.intp)
    picture[order] = stands[np.cumsum(first) - 1]
    return picture


def standing(picture: NDArray[np.intp]) -> NDArray[np.intp]:
    """Rows, ascending, of the samples that stand for a picture: one for each distinct picture."""
    return np.flatnonzero(picture == np.arange(len(picture)))


def _join(
    samples: NDArray[np.float32],
    rows: NDArray[np.intp],
    some: NDArray[np.intp],
    leaders: NDArray[np.intp],
    perhaps: Iterable[tuple[int, NDArray[np.intp]]],
    stands: NDArray[np.intp],
) -> NDArray[np.intp]:
    """Set `stands` for `some` of the `rows`; those of them that stand for a new picture. `perhaps`: as `_Few` gives."""
    joined = np.zeros(len(some), dtype=bool)
    for left, near_some in perhaps:
        there = samples[leaders[left : left + _WIDE]]
        left_over = near_some[~joined[near_some]]
        here = left_over[(samples[rows[some[left_over]]] @ there.T).max(axis=1) >= SAME - _DOUBT]
        near = reaching(samples[rows[some[here]]], there, SAME)
        found = near.any(axis=1)
        stands[some[here[found]]] = leaders[left + near[found].argmax(axis=1)]
        joined[here[found]] = True
    some = some[~joined]
    near = np.tril(reaching(samples[rows[some]], samples[rows[some]], SAME), -1)
    leads = np.asarray(~near.any(axis=1))
    for i in np.flatnonzero(~leads):
        earlier = near[i] & leads
        leads[i] = not earlier.any()
        stands[some[i]] = rows[some[i]] if leads[i] else rows[some[earlier.argmax()]]
    return np.asarray(some[leads])


@dataclass(frozen=True)
class _Few:
    """Embeddings in the few numbers along which they differ most. Two embeddings are never nearer than their numbers,
    so these show of most, in a third of the time, that no other is near."""

    centre: NDArray[np.float32]
    axes: NDArray[np.float32]
    """(dim, k), orthonormal: the principal axes of some of them."""
    furthest: float
    """Half the largest squared distance of two with a cosine of `SAME`."""

    @classmethod
    def of(cls, samples: NDArray[np.float32], rows: NDArray[np.intp]) -> _Few:
        some = samples[rows[:_FOR_AXES]].astype(np.float64)
        centre = some.mean(axis=0) if len(some) else np.zeros(samples.shape[1])
        axes = np.linalg.eigh((some - centre).T @ (some - centre))[1][:, ::-1][:, :_AXES]
        longest = max(
            (float(np.linalg.norm(samples[at : at + 4096], axis=1).max()) for at in range(0, len(samples), 4096)),
            default=1.0,
        )
        return cls(centre.astype(np.float32), axes.astype(np.float32), longest**2 - SAME + _DOUBT)

    def __call__(self, embeddings: NDArray[np.float32]) -> NDArray[np.float32]:
        """(n, k + 2): the numbers, minus half their squared length, and 1."""
        numbers = (embeddings - self.centre) @ self.axes
        return np.column_stack([numbers, -(numbers**2).sum(axis=1) / 2, np.ones(len(numbers), np.float32)])

    def perhaps(
        self, some: NDArray[np.float32], leaders: NDArray[np.float32]
    ) -> Iterator[tuple[int, NDArray[np.intp]]]:
        """(first of some leaders, which of `some` may be near one of them), for each block of leaders."""
        asked = np.concatenate([some[:, :-2], some[:, :-3:-1]], axis=1)  # its product is minus half a squared distance
        for left in range(0, len(leaders), _WIDE):
            near = (asked @ leaders[left : left + _WIDE].T).max(axis=1) >= -self.furthest
            if near.any():
                yield left, np.flatnonzero(near)


def content_hashes(rows: NDArray[np.float32], seed: int = 0) -> NDArray[np.uint64]:
    """(n,) a hash of each row's bits: a sum with random weights, modulo 2^64."""
    weights = rng(seed, "hashes").integers(0, 2**64, rows.shape[1], dtype=np.uint64)
    bits = np.ascontiguousarray(rows).view(np.uint32)
    found = np.empty(len(rows), np.uint64)
    for start in range(0, len(rows), 4096):
        found[start : start + 4096] = (bits[start : start + 4096] * weights).sum(axis=1, dtype=np.uint64)
    return found
