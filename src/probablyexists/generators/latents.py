"""Seeds -> latents -> pixels, for every generator that is a network with a latent input.

The latent of a seed is standard normal and depends on that seed alone. A network's float sums may depend on the batch
size, so every batch has the same size: a short one is padded and the padding dropped.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from probablyexists.basis.errors import InputError
from probablyexists.basis.seeds import rng
from probablyexists.images.sizes import MAX_PIXELS, MIN_SIDE

MOST_VALUES = 2**22
"""Most numbers in the latent of one sample; 1024 x 1024 RGB noise has 3.1 million."""
MOST_AT_ONCE = 64
BATCH_PIXELS = 2**20
"""Most pixels in a batch, so that batches of large pictures are small."""
MOST_FIXED = 1024
"""Largest fixed batch size of a model."""

Synthesise = Callable[[NDArray[np.float32]], NDArray[np.floating]]
"""Latents (n, *latent_shape) -> pictures (n, 3, h, w) in [-1, 1]."""


def latents(seeds: Sequence[int], shape: tuple[int, ...]) -> NDArray[np.float32]:
    """Standard normal latents, (n, *shape): one seed a sample.

    >>> bool((latents([7, 8], (4,))[1] == latents([8], (4,))[0]).all())
    True
    """
    rows = np.empty((len(seeds), *shape), np.float32)
    for row, seed in zip(rows, seeds, strict=True):
        row[...] = rng(int(seed), "latent").standard_normal(shape)
    return rows


def checked_shape(shape: Sequence[object], where: str) -> tuple[int, ...]:
    """The shape of one sample's latent; InputError if it is empty, not fixed, or over `MOST_VALUES` numbers."""
    numbers = [n for n in shape if isinstance(n, int) and not isinstance(n, bool) and n > 0]
    has = f"{where}: the latent of a sample has shape {_listed(shape)}"
    if not shape or len(numbers) < len(shape):
        raise InputError(f"{has}; it needs positive integers, fixed in the model")
    if math.prod(numbers) > MOST_VALUES:
        raise InputError(f"{has}, over {MOST_VALUES:,} numbers; is this a generator of pictures?")
    return tuple(numbers)


def to_pixels(images: NDArray[np.floating], where: str) -> NDArray[np.uint8]:
    """(n, 3, h, w) in [-1, 1] -> (n, h, w, 3) uint8: -1 is 0, 1 is 255, rounded; values outside are clipped.

    Raises InputError, with a count, for samples with values that are not finite.
    """
    n_broken = int((~np.isfinite(images).all(axis=(1, 2, 3))).sum())
    if n_broken:
        raise InputError(f"{where}: {n_broken} of {len(images)} samples hold values that are not finite")
    scaled = np.clip((images.astype(np.float32) + 1) * 127.5, 0, 255)
    return np.ascontiguousarray(np.rint(scaled).astype(np.uint8).transpose(0, 2, 3, 1))


def checked_size(shape: Sequence[int], n: int, where: str) -> tuple[int, int]:
    """(h, w) of pictures (n, 3, h, w); InputError for another shape, and for pictures too small or too large."""
    if len(shape) != 4 or shape[0] != n or shape[1] != 3:
        raise InputError(
            f"{where}: gave {_listed(shape)} for {n} latents; it must give ({n}, 3, height, width): RGB, channels first"
        )
    height, width = shape[2], shape[3]
    if min(height, width) < MIN_SIDE or height * width > MAX_PIXELS:
        raise InputError(f"{where}: its pictures are {width} x {height} pixels; faces need at least {MIN_SIDE} a side")
    return height, width


class LatentGenerator:
    """A generator that is a network with a latent input: see `Generator`.

    `where` begins every message. `batch`: the network's fixed batch size; None: any. The network is run once, to learn
    the size of its pictures and to refuse values outside [-1, 1].
    """

    def __init__(
        self, id: str, where: str, latent_shape: Sequence[object], run: Synthesise, batch: int | None = None
    ) -> None:
        self.id = id
        self._where = where
        self._shape = checked_shape(latent_shape, where)
        if batch is not None and not 1 <= batch <= MOST_FIXED:
            raise InputError(f"{where}: insists on {batch:,} samples at once; export it with an open batch size")
        self._run = run
        n = batch or 2
        first = run(latents(range(n), self._shape))
        self.size = checked_size(first.shape, n, where)
        refuse_other_range(first, where)
        self.batch = batch or max(2, min(MOST_AT_ONCE, BATCH_PIXELS // math.prod(self.size)))

    def sample(self, seeds: Sequence[int]) -> NDArray[np.uint8]:
        """One picture a seed, (n, h, w, 3)."""
        pictures = np.empty((len(seeds), *self.size, 3), np.uint8)
        for start in range(0, len(seeds), self.batch):
            rows = latents(seeds[start : start + self.batch], self._shape)
            images = self._run(rows[np.arange(self.batch) % len(rows)])
            if checked_size(images.shape, self.batch, self._where) != self.size:
                raise InputError(f"{self._where}: its pictures have several sizes; they must have one")
            pictures[start : start + len(rows)] = to_pixels(images[: len(rows)], self._where)
        return pictures


def refuse_other_range(images: NDArray[np.floating], where: str) -> None:
    """InputError for pictures in [0, 1] or [0, 255]: read as [-1, 1] they would be washed out, and no leak be found."""
    finite = images[np.isfinite(images)]
    if finite.size == 0:
        return
    low, high = float(finite.min()), float(finite.max())
    # Pictures in [-1, 1] may overshoot a little in a few pixels, and have dark pixels if they have contrast.
    if (np.abs(finite) > 2).mean() > 0.1 or (0 <= low < 0.5 < high - low and high <= 1):
        raise InputError(
            f"{where}: its pictures hold values from {low:.3g} to {high:.3g}; they must be in [-1, 1], black to white"
        )


def _listed(shape: Sequence[object]) -> str:
    return "(" + ", ".join("?" if n is None else str(n) for n in shape[:8]) + (", ...)" if len(shape) > 8 else ")")
