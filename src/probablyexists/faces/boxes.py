"""The box of a face in a picture: from dlib's HOG detector, or the frame itself."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

SMALLEST = 192
"""Images with a shorter side below this (pixels) are enlarged to it, and none is reduced below it: the detector needs
faces of 80 pixels, and landmarks are rounded to pixels, which is too coarse for a small image."""

FRAME_MARGIN = 0.08
"""Without the detector, the box for the landmarks is 8 to 92 % of the frame."""


@dataclass(frozen=True)
class Box:
    """A face's box in pixels."""

    left: int
    top: int
    right: int
    bottom: int


@dataclass(frozen=True)
class Detection:
    """The face chosen, and the number of faces seen."""

    box: Box | None
    """None: no face."""
    n_faces: int


_idle: list[Any] = []
"""dlib's detectors that no thread uses now. Making one takes a fifth of a second, and each holds its own memory."""


@contextmanager
def a_detector() -> Iterator[Any]:
    """One that no other thread uses meanwhile."""
    import dlib

    try:
        detector = _idle.pop()
    except IndexError:
        detector = dlib.get_frontal_face_detector()
    try:
        yield detector
    finally:
        _idle.append(detector)


_LEAST_FACE = 80
"""Side, in pixels, of the smallest face that the detector sees."""

_SURE = 1.2**4
"""A face is chosen in a reduced image only if its prominence is this many times that of every other face: at another
image size each of two boxes may be one step of the detector's pyramid (1.2 in side) larger or smaller."""


def detect(image: NDArray[np.uint8]) -> Detection:
    """Look for faces: first in the image reduced by powers of two as far as `SMALLEST` allows, last at full size.

    Of several faces the most prominent is chosen: box area times exp(-(d / 0.5)^2), d the distance of its centre from
    the middle as a share of the shorter side. A face found in a reduced image is chosen only if none could be preferred
    to it at full size, not even one too small to be seen in the reduced image. Such small faces are not counted.
    """
    halvings = (min(image.shape[:2]) // SMALLEST).bit_length() - 1
    for power in range(halvings, 0, -1):
        found = _detect_reduced(image, 2**power)
        if found is not None:
            return found
    return detect_whole(image)


def detect_whole(image: NDArray[np.uint8]) -> Detection:
    """Look for faces at full size; as `detect`, but no small face is left uncounted."""
    boxes = every_box(image)
    return Detection(_chosen(boxes, image) if boxes else None, len(boxes))


def every_box(image: NDArray[np.uint8]) -> list[Box]:
    """All faces at the image's own size, else at twice the size, else at twice the size with a lower threshold."""
    for doubled, stricter in ((0, 0.0), (1, 0.0), (1, -0.3)):  # `stricter` is added to the detector's threshold
        boxes = _seen(image, doubled, stricter)
        if boxes:
            return boxes
    return []


def _detect_reduced(image: NDArray[np.uint8], factor: int) -> Detection | None:
    """Faces seen in the reduced image, in pixels of the full one; None if they do not settle which face to choose."""
    from PIL import Image

    small = np.asarray(Image.fromarray(image).reduce(factor))
    boxes = [
        Box(factor * b.left, factor * b.top, factor * (b.right + 1) - 1, factor * (b.bottom + 1) - 1)
        for b in _seen(small, 0, 0.0)
    ]
    if not boxes:
        return None
    chosen = _chosen(boxes, image)
    unseen = (factor * _LEAST_FACE) ** 2.0
    others = [_prominence(box, image) for box in boxes if box is not chosen]
    settled = _prominence(chosen, image) >= _SURE * max([unseen, *others])
    return Detection(chosen, len(boxes)) if settled else None


def _seen(image: NDArray[np.uint8], doubled: int, stricter: float) -> list[Box]:
    with a_detector() as detector:
        rectangles, _, _ = detector.run(image, doubled, stricter)
    return [Box(r.left(), r.top(), r.right(), r.bottom()) for r in rectangles]


def _chosen(boxes: list[Box], image: NDArray[np.uint8]) -> Box:
    return max(boxes, key=lambda b: (_prominence(b, image), b.left, b.top))


def _prominence(box: Box, image: NDArray[np.uint8]) -> float:
    height, width = image.shape[:2]
    area = (box.right - box.left) * (box.bottom - box.top)
    dx = (box.left + box.right - width) / 2
    dy = (box.top + box.bottom - height) / 2
    return float(area * np.exp(-((np.hypot(dx, dy) / min(width, height) / 0.5) ** 2)))


def frame_box(size: tuple[int, int], margin: float = FRAME_MARGIN) -> Box:
    """The box used instead of a detection when the image, of this (width, height), is a face crop."""
    left, top = (round(margin * side) for side in size)
    right, bottom = (round((1 - margin) * side) for side in size)
    return Box(left, top, right, bottom)
