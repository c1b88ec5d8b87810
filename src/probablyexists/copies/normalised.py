"""Small grey pictures: local contrast normalisation, hashes, correlation over small shifts.

Pictures are (n, 48, 48). Blurs and cosine transforms are linear and separable: each is two products with small
matrices. A product always has the shape of one picture. So the result for a picture does not depend on the others in
the batch, and no product is large enough for the BLAS to use threads.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

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
_WAVES = SIDE // 2 + 1


def normalise(pictures: NDArray[np.uint8] | NDArray[np.float32]) -> NDArray[np.float32]:
    """Local contrast normalisation: subtract the blurred picture, divide by the blurred deviation.

    The slight blur by `SMOOTH` is part of `windows` and `cores`, where it costs nothing. It changes no hash: it scales
    cosine coefficients by positive factors.
    """
    x = pictures.astype(np.float32)
    # A blur keeps the mean. Removing it first loses less to rounding and makes a flat picture exactly zero.
    x -= x.reshape(len(x), SIDE**2).mean(axis=1)[:, None, None]
    x -= _both_ways(_blur(3.0), x)
    deviation = _both_ways(_blur(4.5), x * x)
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

    spectra: NDArray[np.complex64]
    """(m, 50, 25) spectra, as in `_spectra`."""
    scale: NDArray[np.float32]
    """(m, 7, 7) reciprocal norm of each window after subtracting its mean."""

    @staticmethod
    def of_size(n: int) -> Windows:
        """Uninitialised windows of n references, to be filled by `put`."""
        return Windows(np.empty((n, 2 * _WAVES, _WAVES), np.complex64), np.empty((n, _SHIFTS, _SHIFTS), np.float32))

    def put(self, rows: slice, others: Windows) -> None:
        self.spectra[rows], self.scale[rows] = others.spectra, others.scale

    def correlation(self, core: NDArray[np.complex64], row: NDArray[np.intp]) -> NDArray[np.float64]:
        """(n,) largest correlation of core i with any window of reference `row[i]`, rounded to six decimals."""
        down, across = _shifts()
        # Correlation theorem: the inverse transform of the product of the spectra is the sum of core times window at
        # every shift. Only the 7 x 7 shifts within `REACH` are computed.
        spectra = self.spectra[row]
        # Always in place: by default numpy does this for large operands only, and the rounding differs.
        np.multiply(core, spectra, out=spectra)
        products = np.matmul(np.matmul(down, spectra).view(np.float32), across)
        products *= self.scale[row]
        return np.asarray(np.round(products.max(axis=(1, 2)).astype(np.float64), 6))


def windows(normal: NDArray[np.float32]) -> Windows:
    """Normalised references as `Windows`."""
    sharp = _both_ways(_blur(SMOOTH), normal)
    total, squares = _both_ways(_boxes(), sharp), _both_ways(_boxes(), sharp * sharp)
    spread = np.maximum(squares - total * total / np.float32(_INNER**2), np.float32(1e-6))
    return Windows(_spectra(_whole_waves(), sharp), np.asarray(1 / np.sqrt(spread), dtype=np.float32))


def cores(normal: NDArray[np.float32], scale: float = 1.0) -> NDArray[np.complex64]:
    """(n, 50, 25) normalised queries, to be compared: the conjugate spectrum of the middle 42 x 42 pixels, slightly
    blurred, with mean 0 and norm 1; scaled first, as by `warp`."""
    waves, flat, power = _core_waves(scale)
    core = _spectra(waves, normal)
    core -= core[:, :1, :1].real / np.float32(_INNER**2) * flat
    parts = core.view(np.float32).reshape(len(core), 1, -1)
    length = np.sqrt(np.matmul(parts * parts, power))
    parts /= np.maximum(length, np.float32(1e-3))
    return core


def mirrored(core: NDArray[np.complex64]) -> NDArray[np.complex64]:
    """`cores` of the mirror images, computed from the `cores` of the pictures."""
    shift = np.exp(2j * np.pi * np.arange(_WAVES) * (_INNER - 1) / SIDE).astype(np.complex64)
    halves = np.conj(core.reshape(-1, 2, _WAVES, _WAVES)[:, ::-1])
    halves *= shift
    return halves.reshape(core.shape)


def warp(pictures: NDArray[np.uint8] | NDArray[np.float32], turn: float, scale: float) -> NDArray[np.float32]:
    """Turn (degrees) and scale about the middle, bilinear, the edge repeated."""
    x = pictures.astype(np.float32)
    if not turn:
        return _both_ways(_scaling(scale), x)
    return np.ascontiguousarray((_warping(turn, scale) @ x.reshape(len(x), -1).T).T).reshape(x.shape)


# --- the matrices ---------------------------------------------------------------------------------------------------


def _both_ways(matrix: NDArray[np.float32], pictures: NDArray[np.float32]) -> NDArray[np.float32]:
    """The matrix applied down and across."""
    # Small products are nearly twice as fast with a contiguous matrix.
    return np.asarray(np.matmul(np.matmul(matrix, pictures), np.ascontiguousarray(matrix.T)))


def _spectra(
    waves: tuple[NDArray[np.float32], NDArray[np.float32]], pictures: NDArray[np.float32]
) -> NDArray[np.complex64]:
    """(n, 50, 25) Fourier coefficients: down the frequencies 0 to 24, then 0 to -24; across 0 to 24.

    Down, the frequencies 0 and 24 are there twice: sums must count them half.
    """
    down, across = waves
    parts = np.matmul(down, np.matmul(pictures, across)).view(np.complex64)
    cosine, sine = parts[:, :_WAVES], parts[:, _WAVES:] * np.complex64(1j)
    spectra = np.empty((len(pictures), 2 * _WAVES, _WAVES), np.complex64)
    np.add(cosine, sine, out=spectra[:, :_WAVES])
    np.subtract(cosine, sine, out=spectra[:, _WAVES:])
    return spectra


def _waves(at: NDArray[np.integer], sign: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(50, n) cosines, then sines, and (n, 50) the two interleaved, at n positions. Sign -1: a spectrum, 1: its
    conjugate."""
    angle = 2 * np.pi * np.outer(np.arange(_WAVES), at) / SIDE
    cosine, sine = np.cos(angle), sign * np.sin(angle)
    return np.concatenate([cosine, sine]), np.stack([cosine, sine], axis=1).reshape(2 * _WAVES, -1).T


@lru_cache
def _whole_waves() -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    down, across = _waves(np.arange(SIDE), -1)
    return down.astype(np.float32), np.ascontiguousarray(across, dtype=np.float32)


@lru_cache
def _core_waves(
    scale: float,
) -> tuple[tuple[NDArray[np.float32], NDArray[np.float32]], NDArray[np.complex64], NDArray[np.float32]]:
    """Waves of the middle pixels, scaling and blur included; the spectrum of a middle of ones; (2500, 1) weights of
    squared real and imaginary parts in the squared norm of the picture (Parseval)."""
    from scipy.ndimage import gaussian_filter1d

    down, across = np.zeros((2 * _WAVES, SIDE)), np.zeros((SIDE, 2 * _WAVES))
    inside = slice(REACH, REACH + _INNER)
    down[:, inside], across[inside] = _waves(np.arange(_INNER), 1)
    ones = np.zeros((1, SIDE, SIDE), np.float32)
    ones[:, inside, inside] = 1
    flat = _spectra((down.astype(np.float32), across.astype(np.float32)), ones)[0]
    blur = gaussian_filter1d(np.eye(SIDE), SMOOTH, axis=0)
    if scale != 1.0:
        blur = blur @ _scaling(scale)
    power = np.outer(np.tile(_share(), 2) / 2, _share()) / SIDE**2
    return (
        ((down @ blur).astype(np.float32), (blur.T @ across).astype(np.float32)),
        flat,
        np.repeat(power.ravel(), 2).astype(np.float32)[:, None],
    )


def _share() -> NDArray[np.float64]:
    """(25,) number of frequencies of the full spectrum that each frequency of the half spectrum represents."""
    k = np.arange(_WAVES)
    return np.where((k == 0) | (k == _WAVES - 1), 1.0, 2.0)


@lru_cache
def _shifts() -> tuple[NDArray[np.complex64], NDArray[np.float32]]:
    """(7, 50) and (50, 7) the inverse transform at the first seven shifts, down and across.

    Across, the input is interleaved real and imaginary parts, the output real.
    """
    wave = np.exp(2j * np.pi * np.outer(np.arange(_SHIFTS), np.arange(_WAVES)) / SIDE) * _share() / SIDE
    down = np.concatenate([wave, np.conj(wave)], axis=1) / 2
    across = np.stack([wave.real, -wave.imag], axis=2).reshape(_SHIFTS, -1).T
    return down.astype(np.complex64), np.ascontiguousarray(across, dtype=np.float32)


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


def _between(at: NDArray[np.float64]) -> tuple[tuple[NDArray[np.intp], NDArray[np.float64]], ...]:
    """Linear interpolation at `at`: the pixel on either side and its weight; positions outside count as the edge."""
    at = np.clip(at, 0, SIDE - 1)
    low = np.floor(at).astype(np.intp)
    return (low, 1 - (at - low)), (np.minimum(low + 1, SIDE - 1), at - low)


@lru_cache
def _scaling(scale: float) -> NDArray[np.float32]:
    """(48, 48) scaling along one axis."""
    middle = (SIDE - 1) / 2
    matrix = np.zeros((SIDE, SIDE))
    for source, share in _between((np.arange(float(SIDE)) - middle) / scale + middle):
        np.add.at(matrix, (np.arange(SIDE), source), share)
    return matrix.astype(np.float32)


@lru_cache
def _warping(turn: float, scale: float) -> Any:
    """(2304, 2304) sparse: the weight of each source pixel in each pixel of the turned and scaled picture."""
    from scipy.sparse import csr_array

    middle = (SIDE - 1) / 2
    y, x = np.mgrid[:SIDE, :SIDE] - middle
    cosine, sine = math.cos(math.radians(turn)) / scale, math.sin(math.radians(turn)) / scale
    at_x = (cosine * x - sine * y + middle).ravel()
    at_y = (sine * x + cosine * y + middle).ravel()
    n = SIDE**2
    matrix = csr_array((n, n), dtype=np.float32)
    for row, down in _between(at_y):
        for column, across in _between(at_x):
            share = (down * across).astype(np.float32)
            matrix = matrix + csr_array((share, (np.arange(n), row * SIDE + column)), shape=(n, n))
    return matrix
