"""Image files' bytes -> aligned faces, or the reasons why not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from probablyexists.basis.errors import ImageError
from probablyexists.faces.alignment import Template, cut_chip
from probablyexists.faces.boxes import SMALLEST, Box, detect, frame_box
from probablyexists.faces.compiled import CHIP_SIDE, PICTURE_SIDE, aligner, rgb
from probablyexists.faces.landmarks import landmarks
from probablyexists.images.decode import decode_picture

if TYPE_CHECKING:
    from PIL import Image

ACQUIRE_VERSION = 5
"""Increased whenever the same bytes would give another chip or another reason for none; part of the store's key."""

NO_FACE = "no face found"
FLAT = "flat picture"
"""Of one colour, as a safety filter's black pictures. Less strictly, a network at the start of its training is grey."""

FacesMode = Literal["detect", "aligned"]


@dataclass(frozen=True)
class Face:
    """An acquired face."""

    chip: NDArray[np.uint8]
    """(side, side, 3), upright, in the recogniser's frame."""
    picture: NDArray[np.uint8]
    """(2, 48, 48) grey levels, the views of the copy search: dlib's chip, and the whole frame. An edit that misleads
    the landmarks keeps the frame; an edit that moves the frame keeps the chip."""
    n_faces: int
    """Faces that the detector saw, as `detect` counts them; 0 in mode `aligned`."""


Seen = tuple[NDArray[np.uint8], Box, int]
"""A decoded image, the box of its face, and the number of faces."""


def acquire(
    files: Sequence[bytes], mode: FacesMode, side: int = CHIP_SIDE, template: Template = "dlib"
) -> list[Face | ImageError]:
    """Decode and align each. An ImageError is returned, not raised: its `reason` is counted, the audit goes on.

    A picture of one colour is a "flat picture". `detect` looks for a face and reports "no face found"; `aligned` takes
    the frame as the face. The result for a file does not depend on the others; a batch is faster.
    """
    looked = [_look(data, mode) for data in files]
    seen = [item for item in looked if not isinstance(item, ImageError)]
    points = iter(landmarks([image for image, _, _ in seen], [box for _, box, _ in seen]))
    return [item if isinstance(item, ImageError) else cut(item, next(points), side, template) for item in looked]


def _look(data: bytes, mode: FacesMode) -> Seen | ImageError:
    try:
        image = np.asarray(at_least(decode_picture(data), SMALLEST))
    except ImageError as error:
        return error
    if (image[::8, ::8] == image[0, 0]).all() and (image == image[0, 0]).all():
        return ImageError(FLAT)
    if mode == "aligned":
        return image, frame_box(image.shape[1::-1]), 0
    found = detect(image)
    return ImageError(NO_FACE) if found.box is None else (image, found.box, found.n_faces)


def cut(seen: Seen, points: NDArray[np.float64], side: int = CHIP_SIDE, template: Template = "dlib") -> Face:
    """The face of a decoded image at its (5, 2) landmarks."""
    image, _, n_faces = seen
    dlib_chip = cut_chip(image, points)
    own = (side, template) == (CHIP_SIDE, "dlib")
    chip = dlib_chip if own else cut_chip(image, points, side, template)
    return Face(chip, np.stack([small_grey(view) for view in (dlib_chip, image)]), n_faces)


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


AGREE_WITHIN = 0.05
"""Landmarks agree if their mean distance is below this share of the distance between the outer eye corners."""
AGREEING = 0.97
"""Share of the found faces whose landmarks must agree before the detector is skipped."""
ENOUGH_FOUND = 0.3
"""Share of a sample in which the detector must see a face for its landmarks to be the measure."""


@dataclass(frozen=True)
class FrameCheck:
    """Whether the detector can be skipped for a source, measured on some of its images."""

    seen: tuple[bool | None, ...]
    """Whether the detector sees a face in each; None for an image that cannot be decoded."""
    n_agree: int
    """Found faces whose landmarks with the frame's box agree with those with the detector's box."""
    square: bool
    """Whether all images are square and of one size, as generators make them."""

    @property
    def n_sampled(self) -> int:
        """Images that could be decoded."""
        return len(self.seen) - self.seen.count(None)

    @property
    def n_found(self) -> int:
        """Images in which the detector sees a face."""
        return self.seen.count(True)

    @property
    def detectable(self) -> bool:
        """Whether the detector sees enough faces to be of use."""
        return self.n_found > 0 and self.n_found >= ENOUGH_FOUND * self.n_sampled

    @property
    def mode(self) -> FacesMode:
        """`aligned` if nearly all found faces agree; with few found, if the images look like crops."""
        if self.detectable:
            return "aligned" if self.n_agree >= AGREEING * self.n_found else "detect"
        return "aligned" if self.square else "detect"

    @property
    def why(self) -> str:
        """The decision's reason, in a few words."""
        if self.detectable:
            only = "only " if self.mode == "detect" else ""
            return f"landmarks agree with and without the detector in {only}{self.n_agree} of {self.n_found} sampled"
        shape = "square images of one size" if self.square else "images of different shapes"
        return f"the detector sees a face in {self.n_found} of {self.n_sampled} sampled, {shape}"


def check_frames(samples: Sequence[bytes]) -> FrameCheck:
    """Measure whether landmarks found on the frame agree with those found in the detector's box."""
    shapes = set()
    seen: list[bool | None] = []
    n_agree = 0
    for data in samples:
        try:
            picture = decode_picture(data)
        except ImageError:
            seen.append(None)
            continue
        shapes.add(picture.size)
        image = np.asarray(at_least(picture, SMALLEST))
        box = detect(image).box
        seen.append(box is not None)
        if box is None:
            continue
        detected, framed = landmarks([image, image], [box, frame_box(image.shape[1::-1])])
        scale = float(np.linalg.norm(detected[0] - detected[2]))
        n_agree += bool(np.linalg.norm(detected - framed, axis=1).mean() < AGREE_WITHIN * scale)
    square = len(shapes) == 1 and all(width == height for width, height in shapes)
    return FrameCheck(tuple(seen), n_agree, square)


def at_least(picture: Image.Image, side: int) -> Image.Image:
    """The picture, enlarged (bicubic) if its shorter side is below `side` pixels."""
    from PIL import Image

    width, height = picture.size
    if min(height, width) >= side:
        return picture
    factor = side / min(height, width)
    return picture.resize((round(width * factor), round(height * factor)), Image.Resampling.BICUBIC)
