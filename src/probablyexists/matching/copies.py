"""Copies, decided in image space: which pictures reproduce which.

The pictures are aligned chips, so shifts and scales are comparable. First a perceptual hash (signs of the
low-frequency cosine transform, as in pHash) proposes candidates for the picture and its mirror image; then the
pixels decide: the largest normalised correlation over small shifts, after local contrast normalisation, which
takes out brightness, contrast and what all faces share.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

N_CANDIDATES = 4
REACH = 3
"""Shifts of up to this many pixels (of 48) are tried in both directions."""
SAME_PICTURE = 0.85
"""Correlation from which two photos in two roles are the same picture."""
AT_LEAST = 0.80
"""No threshold for copies is set below this, however dissimilar the strangers are."""
RATE = 1 / 1000
"""Share of strangers' photos that may count as copies."""

_HASH_SIDE = 16
_CHUNK = 2048


@dataclass(frozen=True)
class Matches:
    """For each query its best match in image space."""

    correlation: NDArray[np.float64]
    """(n,) -1 where there was nothing to compare with."""
    index: NDArray[np.intp]
    """(n,) row of the reference; -1 where there was none."""


@dataclass(frozen=True)
class CopyThreshold:
    """The correlation from which a sample is a copy, and how it was found."""

    value: float
    n_heldout: int
    resolvable: bool
    """False: fewer than 999 held-out photos, so the rate of 1 in 1,000 is believed, not measured."""


def find(queries: NDArray[np.uint8], references: NDArray[np.uint8]) -> Matches:
    """The most alike reference picture of every query: (n, 48, 48) against (m, 48, 48) grey levels."""
    correlation = np.full(len(queries), -1.0)
    index = np.full(len(queries), -1, dtype=np.intp)
    if not len(queries) or not len(references):
        return Matches(correlation, index)
    import faiss

    reference_sharp = normalise(references)
    search = faiss.IndexBinaryFlat(_HASH_SIDE**2)
    search.add(hashes(reference_sharp))
    k = min(N_CANDIDATES, len(references))
    for start in range(0, len(queries), _CHUNK):
        rows = slice(start, start + _CHUNK)
        for turned in (queries[rows], queries[rows, :, ::-1]):
            sharp = normalise(turned)
            _, candidates = search.search(hashes(sharp), k)
            for column in np.sort(candidates, axis=1).T:
                found = shifted_correlation(sharp, reference_sharp[column])
                better = found > correlation[rows]
                correlation[rows] = np.where(better, found, correlation[rows])
                index[rows] = np.where(better, column, index[rows])
    return Matches(correlation, index)


def normalise(pictures: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Local contrast normalisation: subtract the blurred picture, divide by the blurred deviation."""
    from scipy.ndimage import gaussian_filter

    x = pictures.astype(np.float32)
    detail = x - gaussian_filter(x, (0, 3, 3))
    deviation = np.sqrt(gaussian_filter(detail**2, (0, 4.5, 4.5))) + 4.0
    return np.asarray(gaussian_filter(detail / deviation, (0, 0.6, 0.6)), dtype=np.float32)


def hashes(sharp: NDArray[np.float32]) -> NDArray[np.uint8]:
    """(n, 32) bytes: the signs of the 16 x 16 lowest cosine coefficients."""
    from scipy.fft import dctn

    low = dctn(sharp, axes=(1, 2), norm="ortho")[:, :_HASH_SIDE, :_HASH_SIDE]
    return np.packbits(low.reshape(len(sharp), -1) > 0, axis=1)


def shifted_correlation(a: NDArray[np.float32], b: NDArray[np.float32]) -> NDArray[np.float64]:
    """(n,) largest correlation of each picture of `a`, its border cut, with the same picture of `b` shifted."""
    from scipy.fft import irfft2, rfft2

    side = a.shape[1]
    inner = side - 2 * REACH
    core = a[:, REACH : REACH + inner, REACH : REACH + inner]
    core = core - core.mean(axis=(1, 2), keepdims=True)
    core_length = np.sqrt(np.einsum("nij,nij->n", core, core))
    # Correlation theorem: the product of the spectra gives the sum of core times window at every shift at once.
    products = irfft2(np.conj(rfft2(core, (side, side), workers=-1)) * rfft2(b, workers=-1), (side, side), workers=-1)
    products = products[:, : 2 * REACH + 1, : 2 * REACH + 1]
    total, squares = _window_sums(b, inner), _window_sums(b * b, inner)
    length = np.sqrt(np.maximum(squares - total**2 / inner**2, 1e-6))
    best = (products / length / np.maximum(core_length, 1e-3)[:, None, None]).max(axis=(1, 2))
    return np.asarray(np.round(best, 6), dtype=np.float64)


def _window_sums(pictures: NDArray[np.float32], inner: int) -> NDArray[np.float64]:
    """(n, s, s) sums over every inner x inner window."""
    sums = np.cumsum(np.cumsum(pictures, axis=1, dtype=np.float64), axis=2)
    padded = np.pad(sums, ((0, 0), (1, 0), (1, 0)))
    far, near = padded[:, inner:], padded[:, :-inner]
    return np.asarray(far[:, :, inner:] - far[:, :, :-inner] - near[:, :, inner:] + near[:, :, :-inner])


def threshold(heldout: NDArray[np.floating]) -> CopyThreshold:
    """Smallest threshold at which at most 1 in 1,000 strangers' photos would count as a copy.

    `heldout`: each held-out photo's best correlation with a training photo. Conformal: with n photos, at most
    floor((n + 1) / 1000) - 1 of them may reach it. With fewer than 999 it lies above all of them, and at 0.80 or
    higher in any case.
    """
    n = heldout.size
    allowed = math.floor((n + 1) * RATE + 1e-9) - 1
    falling = np.sort(heldout)[::-1]
    edge = falling[max(allowed, 0)] if n else -1.0
    return CopyThreshold(max(AT_LEAST, float(np.nextafter(edge, 2.0))), n, allowed >= 0)
