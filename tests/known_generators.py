"""Generators whose truth is known: where an audit of them is wrong, it is the audit that is wrong.

They give photos they were handed, picked by the sample's seed. `Copycat` can only reproduce training photos; `Likeness`
shows chosen people in photos that were never trained on, the leak that the paper is about; `Null` shows strangers.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from probablyexists.basis.errors import InputError
from probablyexists.basis.files import written_whole
from probablyexists.basis.seeds import rng
from probablyexists.generators.generated_source import as_png
from probablyexists.generators.generator import Generator


@dataclass(frozen=True)
class _Picked:
    """Each sample is one of the photos, all equally likely."""

    photos: NDArray[np.uint8]
    """(n, h, w, 3) RGB."""

    name: ClassVar[str]

    def __post_init__(self) -> None:
        _check(self.name, self.photos)

    @cached_property
    def id(self) -> str:
        """See `Generator`."""
        return f"{self.name}/{_content(self.photos)}"

    def sample(self, seeds: Sequence[int]) -> NDArray[np.uint8]:
        """A photo a seed, (n, h, w, 3)."""
        rows = [int(rng(int(seed), self.name).integers(len(self.photos))) for seed in seeds]
        return self.photos[np.array(rows, dtype=np.intp)]


class Copycat(_Picked):
    """`photos` of the training set. The truth: every sample is a copy; nobody is to be named by likeness."""

    name = "copycat"


class Null(_Picked):
    """`photos` of people who are neither members nor held out. The truth: no copy, and nobody to be named."""

    name = "null"


@dataclass(frozen=True)
class Likeness:
    """Strangers, and some members in new photos. The truth: these members are to be named; no sample is a copy."""

    unseen: NDArray[np.uint8]
    """(n, h, w, 3) RGB, photos of the planted members: not trained on, and not among the audit's unseen photos."""
    people: tuple[str, ...]
    """Whose photo each of `unseen` is."""
    strangers: NDArray[np.uint8]
    """(m, h, w, 3) RGB, photos of people who are neither members nor held out."""
    share: float
    """Of the samples, 0 to 1, that show a planted member; each member, then each photo, is equally likely."""

    def __post_init__(self) -> None:
        _check("likeness", self.unseen, self.strangers)
        if len(self.people) != len(self.unseen):
            raise InputError(f"likeness: {len(self.people)} names for {len(self.unseen)} photos; give one a photo")
        if not 0 <= self.share <= 1:
            raise InputError(f"likeness: the share is {self.share}; give 0 to 1")

    @cached_property
    def id(self) -> str:
        """See `Generator`."""
        names = np.frombuffer("\x1f".join(self.people).encode(), np.uint8)
        return f"likeness/{_content(self.unseen, names, self.strangers)}/{self.share}"

    def sample(self, seeds: Sequence[int]) -> NDArray[np.uint8]:
        """A photo a seed, (n, h, w, 3)."""
        pictures = np.empty((len(seeds), *self.unseen.shape[1:]), np.uint8)
        for i, seed in enumerate(seeds):
            person, row = self._drawn(seed)
            pictures[i] = (self.strangers if person is None else self.unseen)[row]
        return pictures

    def shows(self, seed: int) -> str | None:
        """The member whom this seed's sample shows; None: a stranger."""
        return self._drawn(seed)[0]

    def _drawn(self, seed: int) -> tuple[str | None, int]:
        draw = rng(int(seed), "likeness")
        if draw.random() >= self.share:
            return None, int(draw.integers(len(self.strangers)))
        planted = sorted(set(self.people))
        person = planted[draw.integers(len(planted))]
        own = [row for row, who in enumerate(self.people) if who == person]
        return person, own[draw.integers(len(own))]


def write_samples(generator: Generator, seeds: Iterable[int], folder: Path) -> None:
    """One PNG a seed, without loss and named as `GeneratedSource` names it, in a folder that an audit can read."""
    for seed in seeds:
        with written_whole(folder / f"seed-{seed:07d}.png") as aside:
            aside.write_bytes(as_png(generator.sample([seed])[0]))


def _check(name: str, *sets: NDArray[np.uint8]) -> None:
    for photos in sets:
        if photos.dtype != np.uint8 or photos.ndim != 4 or photos.shape[3] != 3 or not len(photos):
            raise InputError(f"{name}: photos are {photos.dtype} {photos.shape}; give uint8 (n, height, width, 3)")
    if len({photos.shape[1:] for photos in sets}) > 1:
        raise InputError(f"{name}: photos are {' and '.join(str(p.shape[1:3]) for p in sets)} pixels; give one size")


def _content(*parts: NDArray[np.uint8]) -> str:
    digest = hashlib.sha256()
    for part in parts:
        digest.update(f"{part.shape}".encode() + part.tobytes())
    return digest.hexdigest()[:16]
