"""The copy check written out plainly: one blur after the other, whole Fourier transforms, every picture by itself.

The rule of `probablyexists.copies.search` before it was made fast; slow, and an independent implementation of it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from probablyexists.copies.search import Matches

N_CANDIDATES = 4
REACH = 3
_SCALES = (0.9, 0.95, 1.05, 1.1)
_TURNED = tuple((t, s) for t in (-5.0, -2.5, 2.5, 5.0) for s in (0.9, 0.95, 1.0, 1.05, 1.1))
_REGISTRATION = (
    (0.65, tuple((0.0, s) for s in _SCALES) + _TURNED),
    (0.40, tuple((0.0, s) for s in _SCALES)),
)
_HASH_SIDE = 16
_CHUNK = 2048


def find(queries: NDArray[np.uint8], references: NDArray[np.uint8]) -> Matches:
    """The most alike reference of every query, in the view in which they are most alike.

    (n, v, 48, 48) against (m, v, 48, 48) grey levels, v views of each image.
    """
    correlation = np.full(len(queries), -1.0)
    index = np.full(len(queries), -1, dtype=np.intp)
    for view in range(queries.shape[1]):
        sharp_references = normalise(references[:, view])
        for rows, turned, sharp, candidates in _candidates(queries[:, view], sharp_references):
            best, column = np.full(len(sharp), -1.0), np.zeros(len(sharp), dtype=np.intp)
            for candidate in candidates:
                found = shifted_correlation(sharp, sharp_references[candidate])
                better = found > best
                best, column = np.where(better, found, best), np.where(better, candidate, column)
            best = _registered(turned, sharp_references[column], best, view)
            better = best > correlation[rows]
            correlation[rows] = np.where(better, best, correlation[rows])
            index[rows] = np.where(better, column, index[rows])
    return Matches(correlation, index)


def find_all(
    queries: NDArray[np.uint8], references: NDArray[np.uint8], at_least: float
) -> dict[tuple[int, int], float]:
    """(query, reference) -> correlation of every pair among the candidates that reaches `at_least` in some view."""
    pairs: dict[tuple[int, int], float] = {}
    for view in range(queries.shape[1]):
        sharp_references = normalise(references[:, view])
        for rows, turned, sharp, candidates in _candidates(queries[:, view], sharp_references):
            for candidate in candidates:
                other = sharp_references[candidate]
                found = _registered(turned, other, shifted_correlation(sharp, other), view)
                for i in np.flatnonzero(found >= at_least):
                    pair = (rows.start + int(i), int(candidate[i]))
                    pairs[pair] = max(pairs.get(pair, -1.0), float(found[i]))
    return pairs


def _candidates(
    queries: NDArray[np.uint8], sharp_references: NDArray[np.float32]
) -> Iterator[tuple[slice, NDArray[np.uint8], NDArray[np.float32], NDArray[np.intp]]]:
    """Blocks of queries as they are and mirrored: rows, pictures, the same normalised, and (k, n) rows of the
    references nearest by hash."""
    if not len(queries) or not len(sharp_references):
        return
    import faiss

    search = faiss.IndexBinaryFlat(_HASH_SIDE**2)
    search.add(hashes(sharp_references))
    k = min(N_CANDIDATES, len(sharp_references))
    for start in range(0, len(queries), _CHUNK):
        rows = slice(start, start + _CHUNK)
        for turned in (queries[rows], queries[rows, :, ::-1]):
            sharp = normalise(turned)
            _, nearest = search.search(hashes(sharp), k)
            yield rows, turned, sharp, np.sort(nearest, axis=1).T


def correlate(a: NDArray[np.uint8], b: NDArray[np.uint8]) -> NDArray[np.float64]:
    """(n,) correlation of each image of `a` or its mirror image with the same image of `b`, in their best view."""
    best = np.full(len(a), -1.0)
    for view in range(a.shape[1]):
        sharp = normalise(b[:, view])
        for pictures in (a[:, view], a[:, view, :, ::-1]):
            best = np.maximum(best, _registered(pictures, sharp, shifted_correlation(normalise(pictures), sharp), view))
    return best


def _registered(
    pictures: NDArray[np.uint8], sharp: NDArray[np.float32], correlation: NDArray[np.float64], view: int
) -> NDArray[np.float64]:
    """The correlation after small turns and scalings of the picture too, for pairs that are at all alike."""
    worth, warps = _REGISTRATION[view]
    best = correlation.copy()
    alike = np.flatnonzero(correlation >= worth)
    if alike.size:
        for turn, scale in warps:
            moved = normalise(warp(pictures[alike], turn, scale))
            best[alike] = np.maximum(best[alike], shifted_correlation(moved, sharp[alike]))
    return best


def warp(pictures: NDArray[np.uint8], turn: float, scale: float) -> NDArray[np.float32]:
    """Turn (degrees) and scale about the middle, bilinear, the edge repeated."""
    side = pictures.shape[1]
    middle = (side - 1) / 2
    y, x = np.mgrid[:side, :side] - middle
    cosine, sine = math.cos(math.radians(turn)) / scale, math.sin(math.radians(turn)) / scale
    at_x = np.clip(cosine * x - sine * y + middle, 0, side - 1)
    at_y = np.clip(sine * x + cosine * y + middle, 0, side - 1)
    left, top = np.floor(at_x).astype(int), np.floor(at_y).astype(int)
    right, bottom = np.minimum(left + 1, side - 1), np.minimum(top + 1, side - 1)
    across, down = (at_x - left).astype(np.float32), (at_y - top).astype(np.float32)
    upper = pictures[:, top, left] * (1 - across) + pictures[:, top, right] * across
    lower = pictures[:, bottom, left] * (1 - across) + pictures[:, bottom, right] * across
    return np.asarray(upper * (1 - down) + lower * down, dtype=np.float32)


def normalise(pictures: NDArray[np.uint8] | NDArray[np.float32]) -> NDArray[np.float32]:
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
    products = irfft2(np.conj(rfft2(core, (side, side))) * rfft2(b), (side, side))
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
