"""A generator as a source of photos, so that an audit reads its samples like a folder of images.

Sample i of a run with seed s has the seed s * 10,000,000 + i, which is in its photo's name. Runs with different seeds
share no sample, and each picture can be made again from its name.
"""

from __future__ import annotations

import io
import time
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from probablyexists.basis.errors import ImageError, InputError
from probablyexists.basis.progress import Progress, Silent
from probablyexists.basis.text import clean
from probablyexists.generators.generator import BrokenPictures, Generator
from probablyexists.sources.listing import Photo

SEEDS_A_RUN = 10_000_000
AT_ONCE = 64
SAY_EVERY = 10.0
"""Seconds of drawing after which it is said how far it is."""
_BEFORE, _AFTER = "seed-", ".png"


class GeneratedSource:
    """`samples` pictures of a generator as PNG files, made on demand: see `Source`.

    Nothing is kept: a photo that is read again is made again, the same. A flat source. `seed` is at least 0.
    """

    def __init__(
        self, generator: Generator, name: str, samples: int, seed: int, progress: Progress | None = None
    ) -> None:
        if seed < 0:
            raise InputError(f"{name}: the seed is {seed}; to draw samples it must be at least 0")
        if not 1 <= samples <= SEEDS_A_RUN:
            raise InputError(f"{name}: {samples:,} samples; give 1 to {SEEDS_A_RUN:,}")
        self.generator = generator
        self.name = clean(name)
        self._progress = progress or Silent()
        first = seed * SEEDS_A_RUN
        self.photos = tuple(Photo(f"{_BEFORE}{first + i:07d}{_AFTER}", None) for i in range(samples))

    def __getstate__(self) -> dict[str, Any]:
        """For other machines, which have no terminal."""
        return {**self.__dict__, "_progress": Silent()}

    def stream(self, wanted: Iterable[Photo]) -> Iterator[tuple[Photo, bytes | ImageError]]:
        """The PNG of each wanted photo, in the order asked for; ImageError for a seed without a picture.

        Raises InputError if the generator fails.
        """
        photos = list(wanted)
        at_once = getattr(self.generator, "batch", AT_ONCE)
        drawing, said = 0.0, 0.0
        for start in range(0, len(photos), at_once):
            some = photos[start : start + at_once]
            begun = time.monotonic()
            pictures, broken = self._drawn([seed_of(photo) for photo in some])
            drawing += time.monotonic() - begun
            done = start + len(some)
            if drawing - said > SAY_EVERY and done < len(photos):
                said = drawing
                left = drawing / done * (len(photos) - done)
                self._progress.say(f"drawn {done:,} of {len(photos):,} samples; {_long(left)} left to draw")
            for i, (photo, picture) in enumerate(zip(some, pictures, strict=True)):
                yield photo, ImageError(broken[i]) if i in broken else as_png(picture)

    def _drawn(self, seeds: list[int]) -> tuple[NDArray[np.uint8], dict[int, str]]:
        try:
            return self.generator.sample(seeds), {}
        except BrokenPictures as error:
            return error.pictures, error.broken


def _long(seconds: float) -> str:
    """
    >>> _long(50), _long(600), _long(9000)
    ('50 seconds', '10 minutes', '2.5 hours')
    """
    if seconds < 100:
        return f"{seconds:.0f} seconds"
    return f"{seconds / 60:.0f} minutes" if seconds < 6000 else f"{seconds / 3600:.1f} hours"


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
