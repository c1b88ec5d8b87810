"""Where the face of an image is: landmarks on the frame where they settle, else in the detector's box."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from probablyexists.faces.boxes import SMALLEST, detect, frame_box
from probablyexists.faces.landmarks import landmarks
from probablyexists.faces.settling import settled

FacesMode = Literal["auto", "detect", "aligned"]

LONGEST = 4 / 3
"""A face crop's longer side is less than this many times the shorter. Cameras give 4:3, 3:2 and 16:9."""


@dataclass(frozen=True)
class Placed:
    """The face of an image."""

    points: NDArray[np.float64]
    """(5, 2) landmarks x, y in pixels."""
    n_faces: int
    """Faces that the detector counted; 0 if the face is the frame's: nobody counted, or none was seen."""


def place(images: Sequence[NDArray[np.uint8]], mode: FacesMode) -> list[Placed | None]:
    """The face of each (height, width, 3) image, at least `SMALLEST` pixels a side; None if there is none.

    `aligned` takes the frame as the face. `detect` asks the detector. `auto` takes the landmarks on the frame if the
    image may be a face crop and they settle, else asks the detector; if that sees no face, a square no larger than
    `SMALLEST`, as generators make them, is taken on its frame (docs/decisions/0032-the-right-face.md). The result for
    an image does not depend on the others.
    """
    if mode == "detect":
        return _detected(images)
    if mode == "aligned":
        return [*_framed(images)]
    found: list[Placed | None] = [None] * len(images)
    maybe = [i for i, image in enumerate(images) if max(image.shape[:2]) < LONGEST * min(image.shape[:2])]
    for i, points in zip(maybe, settled([images[i] for i in maybe]), strict=True):
        found[i] = None if points is None else Placed(points, 0)
    rest = [i for i, placed in enumerate(found) if placed is None]
    for i, placed in zip(rest, _detected([images[i] for i in rest]), strict=True):
        found[i] = placed
    rest = [i for i in rest if found[i] is None and images[i].shape[:2] == (SMALLEST, SMALLEST)]
    for i, placed in zip(rest, _framed([images[i] for i in rest]), strict=True):
        found[i] = placed
    return found


def _framed(images: Sequence[NDArray[np.uint8]]) -> list[Placed]:
    boxes = [frame_box((image.shape[1], image.shape[0])) for image in images]
    return [Placed(points, 0) for points in landmarks(images, boxes)]


def _detected(images: Sequence[NDArray[np.uint8]]) -> list[Placed | None]:
    looked = [detect(image) for image in images]
    boxes = [its.box for its in looked if its.box is not None]
    seen = [image for image, its in zip(images, looked, strict=True) if its.box is not None]
    points = iter(landmarks(seen, boxes))
    return [None if its.box is None else Placed(next(points), its.n_faces) for its in looked]
