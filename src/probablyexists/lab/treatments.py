"""What an owner does to the training photos: remove a person, cap the photos a person, take out near-identical ones.

An over-represented person of the lab may have near-identical pictures too: a photo again, as when it was sent on.
"""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from probablyexists.basis.seeds import rng
from probablyexists.copies.search import SAME_PICTURE, find_all
from probablyexists.embeddings.pictures import of_rows
from probablyexists.lab.design import Design, Split, Treatment
from probablyexists.lab.sets import read

GREY = 48
"""Pixels a side of the grey pictures in which copies are looked for."""

Photos = NDArray[np.uint8]
"""(n, size, size, 3) RGB."""
Rows = NDArray[np.intp]
"""Numbers of photos, in order."""


@dataclass(frozen=True)
class TrainedOn:
    """What the generator would be trained on without a treatment."""

    photos: Photos
    people: Sequence[str]
    """Who each photo shows."""
    most: str | None
    """The over-represented person."""


def trained_photos(roles: Split, design: Design, seed: int) -> Photos:
    """(n, size, size, 3): what the generator is trained on, near-identical pictures added, then treated."""
    photos, people = read(list(roles.trained)), [crop.person for crop in roles.trained]
    theirs = [i for i, who in enumerate(people) if who == roles.most]
    again = [_sent_on(photos[i], rng(seed, "lab", "near", i, k)) for i in theirs for k in range(design.near)]
    people += [people[i] for i in theirs for _ in range(design.near)]
    own = TrainedOn(np.stack([*photos, *again]), people, roles.most)
    return own.photos[TREATMENTS[design.treat](own, design)]


def _sent_on(photo: Photos, draw: np.random.Generator) -> Photos:
    """The same picture, moved by at most half a pixel along each axis, brightened a little and compressed."""
    x, y = draw.uniform(-0.5, 0.5, size=2)
    image = Image.fromarray(photo)
    moved = image.transform(image.size, Image.Transform.AFFINE, (1, 0, x, 0, 1, y), Image.Resampling.BICUBIC)
    # Beyond the border a transform is black.
    kept = np.where(np.asarray(moved.convert("L"))[:, :, None] > 0, np.asarray(moved), photo)
    brighter = np.clip(kept * draw.uniform(0.93, 1.07), 0, 255).round().astype(np.uint8)
    file = io.BytesIO()
    Image.fromarray(brighter).save(file, format="JPEG", quality=int(draw.integers(80, 96)))
    return np.asarray(Image.open(file).convert("RGB"))


def _nothing(own: TrainedOn, _design: Design) -> Rows:
    return np.arange(len(own.photos))


def _remove(own: TrainedOn, _design: Design) -> Rows:
    return np.array([i for i, who in enumerate(own.people) if who != own.most], dtype=np.intp)


def _cap(own: TrainedOn, design: Design) -> Rows:
    """The first `cap` photos of everybody."""
    so_far: Counter[str] = Counter()
    kept = []
    for i, who in enumerate(own.people):
        so_far[who] += 1
        if so_far[who] <= design.cap:
            kept.append(i)
    return np.array(kept, dtype=np.intp)


def _deduplicate(own: TrainedOn, _design: Design) -> Rows:
    """The first of pictures that are the same, as the audit finds the same picture in two roles."""
    grey = [Image.fromarray(photo).convert("L").resize((GREY, GREY), Image.Resampling.BICUBIC) for photo in own.photos]
    pictures = of_rows(np.stack([np.asarray(picture) for picture in grey])[:, None])
    later = {b for a, b in find_all(pictures, pictures, SAME_PICTURE, threads=1) if a < b}
    return np.array([i for i in range(len(grey)) if i not in later], dtype=np.intp)


TREATMENTS: Mapping[Treatment, Callable[[TrainedOn, Design], Rows]] = {
    "nothing": _nothing,
    "remove": _remove,
    "cap": _cap,
    "deduplicate": _deduplicate,
}
