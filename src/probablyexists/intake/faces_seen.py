"""In how many samples the detector sees a face."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

from probablyexists.basis.errors import ImageError
from probablyexists.basis.seeds import rng
from probablyexists.embeddings.embed import Embedded
from probablyexists.faces.acquire import FLAT, NO_FACE, decoded
from probablyexists.faces.boxes import detect
from probablyexists.faces.placing import FacesMode
from probablyexists.sources.listing import Photo
from probablyexists.sources.open_source import Source
from probablyexists.stats.estimate import LEVEL, Estimate, Figure, Unresolvable
from probablyexists.stats.rates import wilson

N_SAMPLED = 64
"""Samples that are drawn to look for faces in, if the detector does not look at all."""


def drawn(source: Source, seed: int) -> list[Photo]:
    """`N_SAMPLED` photos of the source in random order, or all if there are fewer."""
    return [source.photos[i] for i in rng(seed, "faces").permutation(len(source.photos))[:N_SAMPLED]]


@dataclass(frozen=True)
class FacesSeen:
    """In which samples the detector sees a face; images that cannot be decoded are not counted."""

    n: int
    """Samples that were looked at."""
    n_seen: int
    """Samples with a face."""
    every: bool
    """Whether all samples were looked at; if not, those drawn."""
    of_drawn: Sequence[tuple[Photo, bool | None]]
    """The samples drawn, in random order, and whether each has a face; None if it cannot be decoded."""

    @property
    def share(self) -> Figure:
        """Share of the samples in which the detector sees a face, 0 to 1."""
        if not self.n:
            return Unresolvable("none of the samples drawn could be decoded", 1, 0)
        share = self.n_seen / self.n
        low, high = wilson(share, self.n)
        which = "all samples" if self.every else "samples drawn at random"
        return Estimate(share, min(low, share), max(high, share), LEVEL, f"Wilson, {which}", self.n)


def faces_seen(source: Source, table: Embedded, mode: FacesMode, seed: int) -> FacesSeen:
    """Where the detector looked at every sample, its results; elsewhere the samples drawn are looked at now."""
    if mode == "detect":
        seen = dict.fromkeys(table.photos, True)
        seen |= {aside.photo: False for aside in table.set_aside if aside.reason in (NO_FACE, FLAT)}
    else:
        seen = _looked(source, seed)
    of_drawn = [(photo, seen.get(photo)) for photo in drawn(source, seed)]
    return FacesSeen(len(seen), sum(seen.values()), mode == "detect", of_drawn)


def _looked(source: Source, seed: int) -> dict[Photo, bool]:
    """Of the images drawn that can be decoded, whether the detector sees a face in each."""
    found = {}
    for photo, data in source.stream(drawn(source, seed)):
        with suppress(ImageError):
            if not isinstance(data, ImageError):
                found[photo] = detect(decoded(data)).box is not None
    return found
