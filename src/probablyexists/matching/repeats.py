"""How many samples repeat a picture: what a collapsed generator gives, or a filter that blackens pictures."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from probablyexists.basis.seeds import rng
from probablyexists.matching.cosines import similarities

SAME = 0.997
"""Cosine from which two pictures are one. Noise of two grey levels keeps it; the most alike two photos of one person in
250 pairs of LFW have 0.988."""
MOST = 4000
"""Samples that are compared with one another."""


def distinct_pictures(samples: NDArray[np.float32]) -> NDArray[np.intp]:
    """(n,) number of the distinct picture that each of the (n, dim) samples shows."""
    return np.unique(_hashes(samples), return_inverse=True)[1].astype(np.intp)


def repeated(samples: NDArray[np.float32]) -> int:
    """How many of the (n, dim) samples show the same picture as an earlier one.

    Pictures whose embeddings are equal are all counted. Pictures that differ by a little noise are too, up to `MOST`
    samples; of more samples, a draw of `MOST` is looked at, and its share taken for all if that is more.
    """
    n = len(samples)
    equal = n - len(np.unique(_hashes(samples)))
    drawn = samples[np.sort(rng(0, "repeats").permutation(n)[:MOST])]
    again = 0
    for start in range(0, len(drawn), 1024):
        near = similarities(drawn[start : start + 1024], drawn) >= SAME
        again += int(np.tril(near, start - 1).any(axis=1).sum())
    return max(equal, round(again / max(1, len(drawn)) * n))


def _hashes(rows: NDArray[np.float32]) -> NDArray[np.uint64]:
    """(n,) a hash of each row's bits: a sum with random weights, modulo 2^64."""
    weights = rng(0, "hashes").integers(0, 2**64, rows.shape[1], dtype=np.uint64)
    bits = np.ascontiguousarray(rows).view(np.uint32)
    found = np.empty(len(rows), np.uint64)
    for start in range(0, len(rows), 4096):
        found[start : start + 4096] = (bits[start : start + 4096] * weights).sum(axis=1, dtype=np.uint64)
    return found
