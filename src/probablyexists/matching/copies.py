"""Copies, decided in image space: which pictures reproduce which.

Each image has two views, its aligned chip and its whole frame, in which shifts and scales are comparable. First a
perceptual hash (signs of the low-frequency cosine transform, as in pHash) proposes candidates for the picture and its
mirror image; then the pixels decide: the largest normalised correlation over small shifts, turns and scalings, after
local contrast normalisation, which takes out brightness, contrast and what all faces share.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

N_CANDIDATES = 4
REACH = 3
"""Shifts of up to this many pixels (of 48) are tried in both directions."""
SAME_PICTURE = 0.95
"""Correlation from which two photos in two roles are the same picture."""
AT_LEAST = 0.85
"""No threshold for copies is set below this, however dissimilar the strangers are."""
RATE = 1 / 1000
"""Share of strangers' photos that may count as copies."""
SAME_PERSON_RATE = 1 / 100
"""Share of other photos of the same person that may count as copies."""

_SCALES = (0.9, 0.95, 1.05, 1.1)
_TURNED = tuple((t, s) for t in (-5.0, -2.5, 2.5, 5.0) for s in (0.9, 0.95, 1.0, 1.05, 1.1))
_REGISTRATION = (
    (0.65, tuple((0.0, s) for s in _SCALES) + _TURNED),
    (0.40, tuple((0.0, s) for s in _SCALES)),
)
"""For each view, from which correlation it is worth trying, and the turns (degrees) and scales that are tried.
Landmarks of an edited picture move by a pixel or two, which turns and scales its chip; a crop of 10 % enlarges its
frame by a ninth and never turns it, but leaves little correlation to begin with."""
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
            moved = normalise(_warp(pictures[alike], turn, scale))
            best[alike] = np.maximum(best[alike], shifted_correlation(moved, sharp[alike]))
    return best


def _warp(pictures: NDArray[np.uint8], turn: float, scale: float) -> NDArray[np.float32]:
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


def threshold(strangers: NDArray[np.floating], same_person: NDArray[np.floating]) -> CopyThreshold:
    """Smallest threshold that holds both rates of false copies, and at least 0.85.

    `strangers`: each held-out photo's best correlation with a training photo. Conformal: of n photos at most
    floor((n + 1) / 1000) - 1 may reach the threshold; with fewer than 999 it lies above all of them.
    `same_person`: of each held-out person, the best correlation of one photo with the others; at most 1 in 100 may
    reach it, so that a likeness does not pass for a copy.
    """
    n = strangers.size
    allowed = math.floor((n + 1) * RATE + 1e-9) - 1
    edges = [AT_LEAST]
    if n:
        edges.append(float(np.nextafter(np.sort(strangers)[::-1][max(allowed, 0)], 2.0)))
    if same_person.size:
        over = math.floor(same_person.size * SAME_PERSON_RATE + 1e-9)
        edges.append(float(np.nextafter(np.sort(same_person)[::-1][over], 2.0)))
    return CopyThreshold(max(edges), n, allowed >= 0)
