"""Seeds -> latents -> pixels, for every generator that is a network with a latent input.

The latent of a seed is standard normal and depends on that seed alone. A network's float sums may depend on the batch
size, so every batch has the same size: a short one is padded and the padding dropped. The size follows from the size of
a picture and from the network's counted arithmetic, never from a clock: the same command gives the same pictures.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from probablyexists.basis.errors import InputError
from probablyexists.basis.seeds import rng
from probablyexists.generators.generator import BrokenPictures, refuse_changing
from probablyexists.generators.picture_range import Range, settled_range, to_pixels
from probablyexists.images.sizes import MAX_PIXELS, MIN_SIDE

MOST_VALUES = 2**22
"""Most numbers in the latent of one sample; 1024 x 1024 RGB noise has 3.1 million."""
MOST_AT_ONCE = 64
BATCH_PIXELS = 2**20
"""Most pixels in a batch, so that batches of large pictures are small."""
BATCH_WORK = 2**37
"""Most arithmetic operations in a batch: about 2 seconds on two cores."""
MOST_FIXED = 1024
"""Largest fixed batch size of a model."""

Synthesise = Callable[[NDArray[np.float32]], NDArray[Any]]
"""Latents (n, *latent_shape) -> pictures (n, 3, h, w), floats or uint8."""


@dataclass(frozen=True)
class Network:
    """A network that was opened and not yet run. `where` begins every message."""

    id: str
    where: str
    latent_shape: Sequence[object]
    run: Synthesise
    batch: int | None = None
    """Its fixed batch size; None: any."""
    range: Range | None = None
    """Of its pictures, where that is known."""
    counted: Callable[[NDArray[np.float32]], tuple[NDArray[Any], float]] | None = None
    """As `run`, with the number of arithmetic operations."""
    samples: int | None = None
    """See `Given`."""


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

    The network is run on one seed, then on two, to learn the size and the range of its pictures and to refuse pictures
    that change with their company; more seeds are drawn while the range is open.
    """

    def __init__(self, network: Network) -> None:
        self._where, self._run = network.where, network.run
        self._shape = checked_shape(network.latent_shape, network.where)
        if network.batch is not None and not 1 <= network.batch <= MOST_FIXED:
            raise InputError(
                f"{network.where}: insists on {network.batch:,} samples at once; export it with an open batch size"
            )
        one, work = self._first(network)
        self.size = checked_size(one.shape, len(one), self._where)
        n = network.batch or 2
        two = np.concatenate([self._images([0], 1), one]) if n == 1 else self._images([0, 1], n)
        self.range = settled_range(
            two, lambda first: self._images(range(first, first + min(n, 2)), n), self._where, network.range
        )
        self.batch = network.batch or self._fitting(work, network.samples or MOST_AT_ONCE)
        self.id = network.id + ("" if one.dtype == np.uint8 else self.range.tag)
        (pictures, broken), (alone, broken_alone) = to_pixels(two, self.range), to_pixels(one[:1], self.range)
        if 1 not in broken and 0 not in broken_alone:
            refuse_changing(pictures[1], alone[0], self._where)

    def _first(self, network: Network) -> tuple[NDArray[Any], float]:
        """The picture of seed 1 alone, and the operations for one picture."""
        n = network.batch or 1
        rows = latents([1] * n, self._shape)
        images, work = (network.run(rows), 0.0) if network.counted is None else network.counted(rows)
        return images, work / n

    def _images(self, seeds: Sequence[int], batch: int) -> NDArray[Any]:
        """Of at most `batch` seeds."""
        rows = latents(seeds, self._shape)
        images = self._run(rows[np.arange(batch) % len(rows)])
        if checked_size(images.shape, batch, self._where) != self.size:
            raise InputError(f"{self._where}: its pictures have several sizes; they must have one")
        return images[: len(rows)]

    def _fitting(self, work: float, samples: int) -> int:
        most = max(2, min(MOST_AT_ONCE, BATCH_PIXELS // math.prod(self.size), 1 << (samples - 1).bit_length()))
        return most if work * most <= BATCH_WORK else 1 << int(math.log2(max(1, BATCH_WORK / work)))

    def sample(self, seeds: Sequence[int]) -> NDArray[np.uint8]:
        """One picture a seed, (n, h, w, 3)."""
        pictures = np.empty((len(seeds), *self.size, 3), np.uint8)
        broken: dict[int, str] = {}
        for start in range(0, len(seeds), self.batch):
            images = self._images(seeds[start : start + self.batch], self.batch)
            pictures[start : start + len(images)], failed = to_pixels(images, self.range)
            broken |= {start + i: why for i, why in failed.items()}
        if broken:
            raise BrokenPictures(self._where, pictures, broken)
        return pictures


def _listed(shape: Sequence[object]) -> str:
    some = ["?" if n is None else str(n)[:24] for n in shape[:8]] + ["..."] * (len(shape) > 8)
    return f"({', '.join(some)})"
