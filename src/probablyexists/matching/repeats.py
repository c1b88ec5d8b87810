"""Which samples show the same picture: what a collapsed generator gives, or a filter that blackens pictures."""

from __future__ import annotations

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
    leaders = np.empty(0, dtype=np.intp)
    for start in range(0, len(rows), _TALL):
        some = np.arange(start, min(start + _TALL, len(rows)))
        new = _join(samples, rows, some, leaders[:most], stands)
        leaders = np.concatenate([leaders, new])
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
    stands: NDArray[np.intp],
) -> NDArray[np.intp]:
    """Set `stands` for `some` of the `rows`; the rows among them that stand for a new picture."""
    wide = max(1, BLOCK_CELLS // _TALL)
    for left in range(0, len(leaders), wide):
        there = samples[leaders[left : left + wide]]
        # Mostly nothing is near: that is quickly seen.
        perhaps = np.flatnonzero((samples[rows[some]] @ there.T).max(axis=1) >= SAME - _DOUBT)
        near = reaching(samples[rows[some[perhaps]]], there, SAME)
        found = near.any(axis=1)
        stands[some[perhaps[found]]] = leaders[left + near[found].argmax(axis=1)]
        some = np.delete(some, perhaps[found])
    near = np.tril(reaching(samples[rows[some]], samples[rows[some]], SAME), -1)
    leads = np.asarray(~near.any(axis=1))
    for i in np.flatnonzero(~leads):
        earlier = near[i] & leads
        leads[i] = not earlier.any()
        stands[some[i]] = rows[some[i]] if leads[i] else rows[some[earlier.argmax()]]
    return np.asarray(rows[some[leads]])


def content_hashes(rows: NDArray[np.float32], seed: int = 0) -> NDArray[np.uint64]:
    """(n,) a hash of each row's bits: a sum with random weights, modulo 2^64."""
    weights = rng(seed, "hashes").integers(0, 2**64, rows.shape[1], dtype=np.uint64)
    bits = np.ascontiguousarray(rows).view(np.uint32)
    found = np.empty(len(rows), np.uint64)
    for start in range(0, len(rows), 4096):
        found[start : start + 4096] = (bits[start : start + 4096] * weights).sum(axis=1, dtype=np.uint64)
    return found
