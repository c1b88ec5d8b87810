"""Image files' bytes -> aligned faces, or the reasons why not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from probablyexists.basis.errors import ImageError
from probablyexists.faces.alignment import Template, cut_chip
from probablyexists.faces.boxes import SMALLEST
from probablyexists.faces.compiled import CHIP_SIDE, PICTURE_SIDE, aligner, rgb
from probablyexists.faces.placing import FacesMode, Placed, place
from probablyexists.images.decode import decode_picture

if TYPE_CHECKING:
    from PIL import Image

ACQUIRE_VERSION = 5
"""Increased whenever the same bytes would give another chip or another reason for none; part of the store's key."""

NO_FACE = "no face found"
FLAT = "flat picture"
"""Of one colour, as a safety filter's black pictures. Less strictly, a network at the start of its training is grey."""


@dataclass(frozen=True)
class Face:
    """An acquired face."""

    chip: NDArray[np.uint8]
    """(side, side, 3), upright, in the recogniser's frame."""
    picture: NDArray[np.uint8]
    """(2, 48, 48) grey levels, the views of the copy search: dlib's chip, and the whole frame. An edit that misleads
    the landmarks keeps the frame; an edit that moves the frame keeps the chip."""
    n_faces: int
    """Faces that the detector counted; 0 if the face is the frame's."""


def acquire(
    files: Sequence[bytes], mode: FacesMode, side: int = CHIP_SIDE, template: Template = "dlib"
) -> list[Face | ImageError]:
    """Decode and align each. An ImageError is returned, not raised: its `reason` is counted, the audit goes on.

    A picture of one colour is a "flat picture", one in which `place` finds no face has "no face found". The result for
    a file does not depend on the others; a batch is faster.
    """
    images = [_image(data) for data in files]
    placed = iter(place([image for image in images if not isinstance(image, ImageError)], mode))
    return [
        image if isinstance(image, ImageError) else _acquired(image, next(placed), side, template) for image in images
    ]


def decoded(data: bytes) -> NDArray[np.uint8]:
    """(height, width, 3) RGB, enlarged to `SMALLEST` pixels if need be. ImageError if it cannot be decoded."""
    return np.asarray(at_least(decode_picture(data), SMALLEST))


def _image(data: bytes) -> NDArray[np.uint8] | ImageError:
    try:
        image = decoded(data)
    except ImageError as error:
        return error
    return ImageError(FLAT) if is_flat(image) else image


def is_flat(image: NDArray[np.uint8]) -> bool:
    """Whether the picture is of one colour."""
    return bool((image[::8, ::8] == image[0, 0]).all() and (image == image[0, 0]).all())


def _acquired(image: NDArray[np.uint8], placed: Placed | None, side: int, template: Template) -> Face | ImageError:
    return ImageError(NO_FACE) if placed is None else cut(image, placed, side, template)


def cut(image: NDArray[np.uint8], placed: Placed, side: int = CHIP_SIDE, template: Template = "dlib") -> Face:
    """The face of a decoded image."""
    dlib_chip = cut_chip(image, placed.points)
    own = (side, template) == (CHIP_SIDE, "dlib")
    chip = dlib_chip if own else cut_chip(image, placed.points, side, template)
    return Face(chip, np.stack([small_grey(view) for view in (dlib_chip, image)]), placed.n_faces)


def small_grey(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """(48, 48) grey levels by Pillow's box filter, or by C code with the same result."""
    library = aligner()
    height, width = image.shape[:2]
    if library is not None and width >= CHIP_SIDE and CHIP_SIDE <= height <= 1.5 * width:
        # Other shapes go to Pillow: some of its versions reduce a tall picture along its height first, and round
        # differently.
        small, sums = np.empty((PICTURE_SIDE, PICTURE_SIDE), np.uint8), np.empty(width + 1, np.int32)
        library.small_grey(rgb(image), width, height, sums, small)
        return small
    from PIL import Image

    grey = Image.fromarray(image).convert("L")
    return np.asarray(grey.resize((PICTURE_SIDE, PICTURE_SIDE), Image.Resampling.BOX))


def at_least(picture: Image.Image, side: int) -> Image.Image:
    """The picture, enlarged (bicubic) if its shorter side is below `side` pixels."""
    from PIL import Image

    width, height = picture.size
    if min(height, width) >= side:
        return picture
    factor = side / min(height, width)
    return picture.resize((round(width * factor), round(height * factor)), Image.Resampling.BICUBIC)
