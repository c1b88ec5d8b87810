"""In how many images of a source the detector sees a face."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from probablyexists.basis.seeds import rng
from probablyexists.embeddings.embed import Embedded
from probablyexists.faces.acquire import FLAT, NO_FACE, FacesMode, FrameCheck, check_frames
from probablyexists.sources.listing import Photo
from probablyexists.sources.open_source import Source

N_SAMPLED = 64
"""Images of a source that are drawn to decide on, or to look for faces in."""


def drawn(source: Source, seed: int) -> list[Photo]:
    """`N_SAMPLED` photos of the source in random order, or all if there are fewer."""
    return [source.photos[i] for i in rng(seed, "faces").permutation(len(source.photos))[:N_SAMPLED]]


def look(source: Source, seed: int) -> tuple[FrameCheck, dict[Photo, bool]]:
    """(The check of the images drawn; for those that can be decoded, whether the detector sees a face.)"""
    read = [(photo, data) for photo, data in source.stream(drawn(source, seed)) if isinstance(data, bytes)]
    check = check_frames([data for _, data in read])
    seen = {photo: face for (photo, _), face in zip(read, check.seen, strict=True) if face is not None}
    return check, seen


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


def faces_seen(
    source: Source, table: Embedded, mode: FacesMode, seen: Mapping[Photo, bool] | None, seed: int
) -> FacesSeen:
    """Where the detector was used, its result for every sample; elsewhere, its result for those drawn.

    `seen`: that result, if it is known already (`look`); else the images drawn are read for it.
    """
    if mode == "detect":
        seen = dict.fromkeys(table.photos, True)
        seen |= {aside.photo: False for aside in table.set_aside if aside.reason in (NO_FACE, FLAT)}
    elif seen is None:
        seen = look(source, seed)[1]
    of_drawn = [(photo, seen.get(photo)) for photo in drawn(source, seed)]
    return FacesSeen(len(seen), sum(seen.values()), mode == "detect", of_drawn)
