"""What a guard sees in pictures: the face's embedding, and the small grey views for the copy check."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from probablyexists.basis.errors import ImageError
from probablyexists.embeddings.embed import embedded
from probablyexists.embeddings.recognisers import Recogniser
from probablyexists.faces.acquire import FLAT, NO_FACE, cut, is_flat, small_grey
from probablyexists.faces.compiled import PICTURE_SIDE
from probablyexists.faces.placing import FacesMode, place
from probablyexists.guarding.given_images import GivenImage

AT_ONCE = 16


@dataclass(frozen=True)
class Looked:
    """n pictures."""

    embeddings: NDArray[np.float32]
    """(n, dim) of unit length, zero without a face."""
    pictures: NDArray[np.uint8]
    """(n, 2, 48, 48) grey: chip and frame; without a face only the frame, without a picture neither."""
    reasons: tuple[str | None, ...]
    """Why there is no embedding; None where there is one."""
    sha256: tuple[bytes, ...]

    @property
    def with_face(self) -> NDArray[np.intp]:
        """Rows with a face."""
        return np.flatnonzero([reason is None for reason in self.reasons])

    @property
    def readable(self) -> NDArray[np.intp]:
        """Rows without a face whose frame can be compared."""
        return np.flatnonzero([reason in (NO_FACE, FLAT) for reason in self.reasons])


def look_at_all(images: Sequence[GivenImage], mode: FacesMode, recogniser: Recogniser) -> Looked:
    """See `Looked`; the result for a picture does not depend on the others."""
    n = len(images)
    embeddings = np.zeros((n, recogniser.dim), np.float32)
    pictures = np.zeros((n, 2, PICTURE_SIDE, PICTURE_SIDE), np.uint8)
    reasons: list[str | None] = [None] * n
    for start in range(0, n, AT_ONCE):
        pixels: dict[int, NDArray[np.uint8]] = {}
        for i, image in enumerate(images[start : start + AT_ONCE], start):
            if isinstance(image.pixels, ImageError):
                reasons[i] = image.pixels.reason
            else:
                pixels[i] = image.pixels
        chips: dict[int, NDArray[np.uint8]] = {}
        for (i, picture), placed in zip(pixels.items(), place([*pixels.values()], mode), strict=True):
            if placed is None or is_flat(picture):
                reasons[i] = FLAT if is_flat(picture) else NO_FACE
                pictures[i, 1] = small_grey(picture)
            else:
                face = cut(picture, placed, recogniser.side, recogniser.template)
                chips[i], pictures[i] = face.chip, face.picture
        if chips:
            embeddings[[*chips]] = embedded(np.stack([*chips.values()]), recogniser)
    return Looked(embeddings, pictures, tuple(reasons), tuple(image.sha256 for image in images))
