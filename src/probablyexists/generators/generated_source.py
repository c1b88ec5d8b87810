"""A generator as a source of photos, so that an audit reads its samples like a folder of images.

Sample i of a run with seed s has the seed s * 10,000,000 + i, which is in its photo's name. Runs with different seeds
share no sample, and each picture can be made again from its name.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from probablyexists.basis.errors import ImageError, InputError
from probablyexists.basis.text import clean
from probablyexists.generators.generator import Generator
from probablyexists.sources.listing import Photo

SEEDS_A_RUN = 10_000_000
AT_ONCE = 64
_BEFORE, _AFTER = "seed-", ".png"


class GeneratedSource:
    """`samples` pictures of a generator as PNG files, made on demand: see `Source`.

    Nothing is kept: a photo that is read again is made again, the same. A flat source. `seed` is at least 0.
    """

    def __init__(self, generator: Generator, name: str, samples: int, seed: int) -> None:
        if seed < 0:
            raise InputError(f"{name}: the seed is {seed}; to draw samples it must be at least 0")
        if not 1 <= samples <= SEEDS_A_RUN:
            raise InputError(f"{name}: {samples:,} samples; give 1 to {SEEDS_A_RUN:,}")
        self.generator = generator
        self.name = clean(name)
        first = seed * SEEDS_A_RUN
        self.photos = tuple(Photo(f"{_BEFORE}{first + i:07d}{_AFTER}", None) for i in range(samples))

    def stream(self, wanted: Iterable[Photo]) -> Iterator[tuple[Photo, bytes | ImageError]]:
        """The PNG of each wanted photo, in the order asked for. Raises InputError if the generator fails."""
        rest = iter(wanted)
        while photos := list(islice(rest, AT_ONCE)):
            pictures = self.generator.sample([seed_of(photo) for photo in photos])
            for photo, picture in zip(photos, pictures, strict=True):
                yield photo, as_png(picture)


def seed_of(photo: Photo) -> int:
    """The seed in a photo's name.

    >>> seed_of(Photo("seed-0000123.png", None))
    123
    """
    return int(photo.path.removeprefix(_BEFORE).removesuffix(_AFTER))


def as_png(picture: NDArray[np.uint8]) -> bytes:
    """An (h, w, 3) picture as a lossless PNG file, at the fastest compression."""
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()
