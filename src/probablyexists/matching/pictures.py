"""Small grey pictures, and how alike two are: local contrast normalisation, hashes, correlation over small shifts.

Pictures are (n, 48, 48). Blurs, cosine transforms and the like are linear and separable, so each is two products with
small matrices. Every product has the shape of one picture, whatever the number of pictures: what is said of a picture
does not depend on which others are asked about with it, and no product is large enough for the BLAS to use threads.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from probablyexists.faces.acquire import PICTURE_SIDE as SIDE

REACH = 3
"""Shifts of up to this many pixels (of 48) are tried in both directions."""
HASH_SIDE = 16

_INNER = SIDE - 2 * REACH
_SHIFTS = 2 * REACH + 1


def normalise(pictures: NDArray[np.uint8] | NDArray[np.float32]) -> NDArray[np.float32]:
    """Local contrast normalisation: subtract the blurred picture, divide by the blurred deviation."""
    x = pictures.astype(np.float32)
    # Blurs leave a constant as it is; without it less is lost to rounding, and a flat picture becomes exactly zero.
    x -= x.mean(axis=(1, 2), keepdims=True)
    x -= _both_ways(_blur(3.0), x)
    deviation = _both_ways(_blur(4.5), x * x)
    np.sqrt(deviation, out=deviation)
    deviation += 4.0
    x /= deviation
    return _both_ways(_blur(0.6), x)


def hashes(sharp: NDArray[np.float32]) -> NDArray[np.uint8]:
    """(n, 32) bytes: the signs of the 16 x 16 lowest cosine coefficients."""
    return _packed(_both_ways(_cosines(), sharp))


def hashes_of_both(sharp: NDArray[np.float32]) -> NDArray[np.uint8]:
    """(n, 2, 32) hashes of the pictures and of their mirror images: a mirror turns the odd waves across."""
    low = _both_ways(_cosines(), sharp)
    across = (1 - 2 * (np.arange(HASH_SIDE) % 2)).astype(np.float32)
    return np.stack([_packed(low), _packed(low * across)], axis=1)


def _packed(low: NDArray[np.float32]) -> NDArray[np.uint8]:
    return np.packbits(low.reshape(len(low), -1) > 0, axis=1)


@dataclass(frozen=True)
class Windows:
    """Normalised pictures of which every 42 x 42 window may be asked for: the references."""

    spectra: NDArray[np.complex64]
    """(m, 48, 25)"""
    scale: NDArray[np.float32]
    """(m, 7, 7) one over the length of each window, its mean taken out."""

    def put(self, rows: slice, others: Windows) -> None:
        self.spectra[rows], self.scale[rows] = others.spectra, others.scale

    def correlation(self, core: NDArray[np.complex64], row: NDArray[np.intp]) -> NDArray[np.float64]:
        """(...) largest correlation of each core (..., 48, 25) with any window of the reference in this row (...), to
        six decimals."""
        down, across = _shifts()
        # Correlation theorem: the product of the spectra gives the sum of core times window at every shift at once, and
        # of its inverse transform only the 7 x 7 shifts within reach are worked out.
        products = np.matmul(np.matmul(down, core * self.spectra[row]).view(np.float32), across)
        products *= self.scale[row]
        return np.asarray(np.round(products.max(axis=(-2, -1)).astype(np.float64), 6))


def no_windows(n: int) -> Windows:
    """Room for n."""
    return Windows(np.empty((n, SIDE, SIDE // 2 + 1), np.complex64), np.empty((n, _SHIFTS, _SHIFTS), np.float32))


def windows(sharp: NDArray[np.float32]) -> Windows:
    """What must be known of the references."""
    from scipy.fft import rfft2

    total, squares = _both_ways(_boxes(), sharp), _both_ways(_boxes(), sharp * sharp)
    spread = np.maximum(squares - total * total / np.float32(_INNER**2), np.float32(1e-6))
    return Windows(rfft2(sharp), np.asarray(1 / np.sqrt(spread), dtype=np.float32))


def cores(sharp: NDArray[np.float32]) -> NDArray[np.complex64]:
    """(n, 48, 25) what must be known of the queries: the conjugate spectrum of the middle 42 x 42 pixels,
    their mean taken out and of length one."""
    from scipy.fft import rfft2

    middle = sharp[:, REACH:-REACH, REACH:-REACH]
    middle = middle - middle.mean(axis=(1, 2), keepdims=True)
    length = np.sqrt(np.einsum("nij,nij->n", middle, middle))
    padded = np.zeros((len(sharp), SIDE, SIDE), np.float32)
    padded[:, :_INNER, :_INNER] = middle / np.maximum(length, np.float32(1e-3))[:, None, None]
    return np.asarray(np.conj(rfft2(padded)))


def mirrored(core: NDArray[np.complex64]) -> NDArray[np.complex64]:
    """`cores` of the mirror images, from those of the pictures."""
    k = np.arange(SIDE // 2 + 1)
    shift = np.exp(2j * np.pi * k * (_INNER - 1) / SIDE).astype(np.complex64)
    return np.asarray(np.conj(core)[:, -np.arange(SIDE)] * shift)


def shifted_correlation(a: NDArray[np.float32], b: NDArray[np.float32]) -> NDArray[np.float64]:
    """(n,) largest correlation of each normalised picture of `a`, its border cut, with the same of `b` shifted."""
    return windows(b).correlation(cores(a), np.arange(len(b)))


def warp(pictures: NDArray[np.uint8], turn: float, scale: float) -> NDArray[np.float32]:
    """Turn (degrees) and scale about the middle, bilinear, the edge repeated."""
    flat = pictures.reshape(len(pictures), -1).astype(np.float32)
    return np.ascontiguousarray((_warping(turn, scale) @ flat.T).T).reshape(pictures.shape)


# --- the matrices ---------------------------------------------------------------------------------------------------


def _both_ways(matrix: NDArray[np.float32], pictures: NDArray[np.float32]) -> NDArray[np.float32]:
    """The matrix applied down and across."""
    return np.asarray(np.matmul(np.matmul(matrix, pictures), matrix.T))


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
def _boxes() -> NDArray[np.float32]:
    """(7, 48) ones where each window lies."""
    start, at = np.arange(_SHIFTS)[:, None], np.arange(SIDE)
    return ((at >= start) & (at < start + _INNER)).astype(np.float32)


@lru_cache
def _shifts() -> tuple[NDArray[np.complex64], NDArray[np.float32]]:
    """(7, 48) and (50, 7) the inverse transform of a half spectrum at the first seven shifts, down and across.

    Across, the input is real and imaginary parts in turn, and the output real; all waves but the first and the last
    stand for two.
    """
    shift = np.arange(_SHIFTS)
    down = np.exp(2j * np.pi * np.outer(shift, np.arange(SIDE)) / SIDE) / SIDE
    k = np.arange(SIDE // 2 + 1)
    twice = np.where((k == 0) | (k == SIDE // 2), 1, 2) / SIDE
    wave = np.exp(2j * np.pi * np.outer(k, shift) / SIDE) * twice[:, None]
    across = np.stack([wave.real, -wave.imag], axis=1).reshape(-1, _SHIFTS)
    return down.astype(np.complex64), across.astype(np.float32)


@lru_cache
def _warping(turn: float, scale: float) -> Any:
    """(2304, 2304) sparse: which pixels make a pixel of the turned and scaled picture, and how much of each."""
    from scipy.sparse import csr_array

    middle = (SIDE - 1) / 2
    y, x = np.mgrid[:SIDE, :SIDE] - middle
    cosine, sine = math.cos(math.radians(turn)) / scale, math.sin(math.radians(turn)) / scale
    at_x = np.clip(cosine * x - sine * y + middle, 0, SIDE - 1).ravel()
    at_y = np.clip(sine * x + cosine * y + middle, 0, SIDE - 1).ravel()
    left, top = np.floor(at_x).astype(int), np.floor(at_y).astype(int)
    right, bottom = np.minimum(left + 1, SIDE - 1), np.minimum(top + 1, SIDE - 1)
    across, down = at_x - left, at_y - top
    corners = (
        (top, left, (1 - down) * (1 - across)),
        (top, right, (1 - down) * across),
        (bottom, left, down * (1 - across)),
        (bottom, right, down * across),
    )
    weights = np.concatenate([w for *_, w in corners]).astype(np.float32)
    sources = np.concatenate([row * SIDE + column for row, column, _ in corners])
    return csr_array((weights, (np.tile(np.arange(SIDE**2), 4), sources)), shape=(SIDE**2, SIDE**2))
