"""Small grey pictures: local contrast normalisation, hashes, correlation over small shifts.

Pictures are (n, 48, 48). What costs most is compiled (alike.c); without it the same is done slower, equal but for
rounding. Blurs and cosine transforms are linear and separable: each is two products with small matrices. A product
always has the shape of one picture. So the result for a picture does not depend on the others in the batch, and no
product is large enough for the BLAS to use threads.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.lib.stride_tricks import as_strided, sliding_window_view
from numpy.typing import NDArray

from probablyexists.copies.alike import alike
from probablyexists.faces.compiled import PICTURE_SIDE as SIDE

REACH = 3
"""Largest shift that is tried, in pixels (of 48), in each direction."""
HASH_SIDE = 16
"""A hash has 16 x 16 bits."""

OUTLINE_SIDE = 8
"""An outline has 8 x 8 cosine coefficients."""

SMOOTH = 0.6
"""Standard deviation, in pixels, of the blur of a normalised picture before it is compared."""

_INNER = SIDE - 2 * REACH
_SHIFTS = 2 * REACH + 1
_INSIDE = slice(REACH, REACH + _INNER)
_BLURS = (3.0, 4.5)
"""Standard deviations, in pixels, of the blurs that normalise."""


def normalise(
    pictures: NDArray[np.uint8] | NDArray[np.float32], out: NDArray[np.float32] | None = None
) -> NDArray[np.float32]:
    """Local contrast normalisation: subtract the blurred picture, divide by the blurred deviation. Written to `out`, if
    given.

    The slight blur by `SMOOTH` is part of `windows` and `cores`, which need it. It changes no hash: it scales
    cosine coefficients by positive factors.
    """
    x = np.empty(pictures.shape, np.float32) if out is None else out
    x[...] = pictures
    library = alike()
    if library is not None:
        library.normalise(x, len(x), *_blurs())
        return x
    # A blur keeps the mean. Removing it first loses less to rounding and makes a flat picture exactly zero.
    x -= x.reshape(len(x), SIDE**2).mean(axis=1)[:, None, None]
    x -= _both_ways(_blur(_BLURS[0]), x)
    deviation = _both_ways(_blur(_BLURS[1]), x * x)
    np.sqrt(deviation, out=deviation)
    deviation += 4.0
    x /= deviation
    return x


def lowest(normal: NDArray[np.float32]) -> NDArray[np.float32]:
    """(n, 2, 16, 16) the lowest cosine coefficients of the normalised pictures and their mirror images."""
    low = _both_ways(_cosines(), normal)
    # Mirroring changes the sign of the coefficients that are odd across.
    return np.stack([low, low * (1 - 2 * (np.arange(HASH_SIDE) % 2)).astype(np.float32)], axis=1)


def hashes(low: NDArray[np.float32]) -> NDArray[np.uint8]:
    """(n, 2, 32) bytes of `lowest`: the signs."""
    return np.packbits(low.reshape(len(low), 2, HASH_SIDE**2) > 0, axis=2)


def outlines(low: NDArray[np.float32]) -> NDArray[np.float32]:
    """(n, 2, 64) of `lowest`: the pictures blurred until small turns, shifts and scalings hardly show; norm 1."""
    found = low[:, :, :OUTLINE_SIDE, :OUTLINE_SIDE] * _outline_weights()
    found = found.reshape(len(low), 2, OUTLINE_SIDE**2)
    found /= np.maximum(np.sqrt((found * found).sum(axis=2, keepdims=True)), np.float32(1e-6))
    return found


@dataclass(frozen=True)
class Windows:
    """References, normalised and slightly blurred, to be compared in each of their 7 x 7 windows of 42 x 42 pixels."""

    sharp: NDArray[np.float32]
    """(m, 48, 48)"""
    scale: NDArray[np.float32]
    """(m, 7, 7) reciprocal norm of each window after subtracting its mean."""

    @staticmethod
    def of_size(n: int) -> Windows:
        """Uninitialised windows of n references, to be filled by `put`."""
        return Windows(np.empty((n, SIDE, SIDE), np.float32), np.empty((n, _SHIFTS, _SHIFTS), np.float32))

    def put(self, rows: slice, others: Windows) -> None:
        self.sharp[rows], self.scale[rows] = others.sharp, others.scale

    def correlation(
        self,
        core: NDArray[np.float32],
        of: NDArray[np.intp],
        row: NDArray[np.intp],
        mirrored: bool,
        near: NDArray[np.int32] | None = None,
    ) -> tuple[NDArray[np.float64], NDArray[np.int32]]:
        """(n,) largest correlation of core `of[i]`, or its mirror image, with any window of reference `row[i]`, rounded
        to six decimals; and (n,) the window, row by row from 0 to 48.

        `near`: only the nine windows around this one, those at the edge moved inside, are tried.
        """
        if near is not None:
            down, across = np.divmod(near, np.int32(_SHIFTS))
            near = np.clip(down, 1, _SHIFTS - 2) * np.int32(_SHIFTS) + np.clip(across, 1, _SHIFTS - 2)
        library = alike()
        if library is not None:
            best, window = np.empty(len(of), np.float32), np.empty(len(of), np.int32)
            pairs = np.ascontiguousarray(of, np.int64), np.ascontiguousarray(row, np.int64), len(of)
            around = None if near is None else near.ctypes.data
            library.correlate(core, self.sharp, self.scale, *pairs, mirrored, around, best, window)
        else:
            products = _products(core[of, :, ::-1] if mirrored else core[of], self.sharp[row]) * self.scale[row]
            products = products.reshape(len(of), _SHIFTS**2)
            if near is not None:
                products[~_around()[near]] = -1
            window = products.argmax(axis=1).astype(np.int32)
            best = products.max(axis=1)
        return np.asarray(np.round(best.astype(np.float64), 6)), window


def windows(normal: NDArray[np.float32]) -> Windows:
    """Normalised references as `Windows`."""
    sharp = _both_ways(_blur(SMOOTH), normal)
    total, squares = _both_ways(_boxes(), sharp), _both_ways(_boxes(), sharp * sharp)
    spread = np.maximum(squares - total * total / np.float32(_INNER**2), np.float32(1e-6))
    return Windows(sharp, np.asarray(1 / np.sqrt(spread), dtype=np.float32))


def cores(normal: NDArray[np.float32]) -> NDArray[np.float32]:
    """(n, 42, 42) normalised queries, to be compared: their middle, slightly blurred, with mean 0 and norm 1."""
    library = alike()
    if library is not None:
        core = np.empty((len(normal), _INNER, _INNER), np.float32)
        library.cut_cores(normal, len(normal), _taps(), core)
        return core
    core = _both_ways(_blur(SMOOTH)[_INSIDE], normal)
    pixels = core.reshape(len(core), _INNER**2)
    pixels -= pixels.mean(axis=1, keepdims=True)
    pixels /= np.maximum(np.sqrt((pixels * pixels).sum(axis=1, keepdims=True)), np.float32(1e-3))
    return core


def warp(pictures: NDArray[np.uint8] | NDArray[np.float32], turn: float, scale: float) -> NDArray[np.float32]:
    """Turn (degrees) and scale about the middle, bilinear, the edge repeated."""
    x, (at, right, below) = np.ascontiguousarray(pictures, np.float32), _between(turn, scale)
    library = alike()
    if library is not None:
        out = np.empty_like(x)
        library.warp(x, len(x), at, right, below, out)
        return out
    flat = x.reshape(len(x), SIDE**2)
    upper = flat[:, at] * (1 - right) + flat[:, at + 1] * right
    lower = flat[:, at + SIDE] * (1 - right) + flat[:, at + SIDE + 1] * right
    warped = upper * (1 - below) + lower * below
    return np.asarray(warped.reshape(x.shape), np.float32)


# --- the matrices ---------------------------------------------------------------------------------------------------


def _both_ways(matrix: NDArray[np.float32], pictures: NDArray[np.float32]) -> NDArray[np.float32]:
    """The matrix applied down and across."""
    # Small products are nearly twice as fast with a contiguous matrix.
    return np.asarray(np.matmul(np.matmul(matrix, pictures), np.ascontiguousarray(matrix.T)))


def _products(core: NDArray[np.float32], sharp: NDArray[np.float32]) -> NDArray[np.float32]:
    """(n, 7, 7) sum of core times window at every shift, down and across."""
    shifted = sliding_window_view(sharp, _INNER, axis=1).swapaxes(2, 3)
    columns = np.matmul(core.swapaxes(1, 2)[:, None], shifted)
    pair, down, row, column = columns.strides
    # Shifted across, the pixels of one row that belong together lie on a diagonal.
    shape, strides = (len(core), _SHIFTS, _SHIFTS, _INNER), (pair, down, column, row + column)
    return np.asarray(np.matmul(as_strided(columns, shape, strides), np.ones(_INNER, np.float32)))


@lru_cache
def _blurs() -> tuple[NDArray[np.float32], NDArray[np.int32]]:
    """(2, 48, 48) and (2,) the blurs that normalise, and how far they reach."""
    blurs = np.stack([_blur(sigma) for sigma in _BLURS])
    apart = np.abs(np.subtract.outer(np.arange(SIDE), np.arange(SIDE)))
    return blurs, np.array([apart[blur > 0].max() for blur in blurs], np.int32)


@lru_cache
def _taps() -> NDArray[np.float32]:
    """(5,) the slight blur, which reaches two pixels."""
    middle = SIDE // 2
    return np.ascontiguousarray(_blur(SMOOTH)[middle, middle - 2 : middle + 3])


@lru_cache
def _blur(sigma: float) -> NDArray[np.float32]:
    """(48, 48) scipy's Gaussian filter along one axis: cut at 4 sigma, the picture continued by its reflection."""
    from scipy.ndimage import gaussian_filter1d

    return np.asarray(gaussian_filter1d(np.eye(SIDE), sigma, axis=0), dtype=np.float32)


@lru_cache
def _cosines() -> NDArray[np.float32]:
    """(16, 48) the lowest waves of the orthonormal cosine transform (type 2)."""
    from scipy.fft import dct

    return np.asarray(dct(np.eye(SIDE), axis=0, norm="ortho")[:HASH_SIDE], dtype=np.float32)


@lru_cache
def _outline_weights() -> NDArray[np.float32]:
    """(8, 8) a Gaussian blur: weights that fall with the frequency, by a standard deviation of 3 coefficients."""
    k = np.arange(OUTLINE_SIDE)
    return np.asarray(np.exp(-np.add.outer(k * k, k * k) / (2 * 3.0**2)), dtype=np.float32)


@lru_cache
def _boxes() -> NDArray[np.float32]:
    """(7, 48) ones inside each window."""
    start, at = np.arange(_SHIFTS)[:, None], np.arange(SIDE)
    return ((at >= start) & (at < start + _INNER)).astype(np.float32)


@lru_cache
def _between(turn: float, scale: float) -> tuple[NDArray[np.int32], NDArray[np.float32], NDArray[np.float32]]:
    """(2304,) of each pixel of the turned and scaled picture: the source pixel to its upper left, and the shares of
    those to the right and below."""
    middle = (SIDE - 1) / 2
    y, x = np.mgrid[:SIDE, :SIDE] - middle
    cosine, sine = math.cos(math.radians(turn)) / scale, math.sin(math.radians(turn)) / scale
    at_x = np.clip(cosine * x - sine * y + middle, 0, SIDE - 1).ravel()
    at_y = np.clip(sine * x + cosine * y + middle, 0, SIDE - 1).ravel()
    left, top = (np.minimum(np.floor(at).astype(np.int32), SIDE - 2) for at in (at_x, at_y))
    return top * np.int32(SIDE) + left, (at_x - left).astype(np.float32), (at_y - top).astype(np.float32)


@lru_cache
def _around() -> NDArray[np.bool_]:
    """(49, 49) which windows are the nine around each."""
    down, across = np.divmod(np.arange(_SHIFTS**2), _SHIFTS)
    apart = [np.abs(np.subtract.outer(at, at)) for at in (down, across)]
    return np.asarray(np.maximum(*apart) <= 1)
