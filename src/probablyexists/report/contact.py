"""The contact sheet: samples drawn at random, and whether the detector sees a face in each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from probablyexists.answers.rows import Labels
from probablyexists.report.exhibits import pictures_at
from probablyexists.sources.listing import Photo
from probablyexists.sources.open_source import Source

N_SHOWN = 16


@dataclass(frozen=True)
class ContactEntry:
    """One sample."""

    name: str
    has_face: bool | None
    """Whether the detector sees a face; None if the sample could not be decoded."""
    picture: NDArray[np.uint8] | None
    """(h, w, 3); None where faces are not shown, or the file can no longer be read."""


def contact_sheet(
    source: Source, of_drawn: Sequence[tuple[Photo, bool | None]], labels: Labels, *, show_faces: bool
) -> list[ContactEntry]:
    """The first `N_SHOWN` of the samples drawn. `of_drawn`: (sample, whether it has a face), in random order.

    Pictures are read only with `show_faces`.
    """
    some = of_drawn[:N_SHOWN]
    pictures = pictures_at(source, [photo for photo, _ in some]) if show_faces else {}
    return [ContactEntry(labels.sample(photo.path), face, pictures.get(photo)) for photo, face in some]
