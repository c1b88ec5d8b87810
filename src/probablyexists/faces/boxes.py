"""Where a face lies in a picture: what dlib's HOG detector sees, or the frame itself."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

FRAME_MARGIN = 0.08
"""Without the detector, landmarks are looked for on a box of 8 to 92 % of the frame."""


@dataclass(frozen=True)
class Box:
    """A face's box in pixels."""

    left: int
    top: int
    right: int
    bottom: int


@dataclass(frozen=True)
class Found:
    """What the detector saw: the face chosen, and how many there were."""

    box: Box | None
    n_faces: int


_local = threading.local()


def _detector() -> Any:
    if not hasattr(_local, "detector"):
        import dlib

        _local.detector = dlib.get_frontal_face_detector()
    return _local.detector


_ATTEMPTS = ((0, 0.0), (1, 0.0), (1, -0.3))
"""Times the image is doubled, and what is added to the detector's threshold."""


def detect(image: NDArray[np.uint8]) -> Found:
    """Look for faces at the image's own size, then at twice the size, then at that size less strictly.

    Of several faces the largest, most central one is chosen: box area times exp(-(d / 0.5)^2), d being the
    distance of its centre from the middle in shares of the shorter side.
    """
    height, width = image.shape[:2]
    for doubled, stricter in _ATTEMPTS:
        rectangles, _, _ = _detector().run(image, doubled, stricter)
        boxes = [Box(r.left(), r.top(), r.right(), r.bottom()) for r in rectangles]
        if boxes:
            return Found(max(boxes, key=lambda b: (_prominence(b, width, height), b.left, b.top)), len(boxes))
    return Found(None, 0)


def _prominence(box: Box, width: int, height: int) -> float:
    area = (box.right - box.left) * (box.bottom - box.top)
    dx = (box.left + box.right - width) / 2
    dy = (box.top + box.bottom - height) / 2
    return float(area * np.exp(-((np.hypot(dx, dy) / min(width, height) / 0.5) ** 2)))


def frame_box(size: tuple[int, int]) -> Box:
    """The box that stands for a detection when the image, of this width and height, is a face crop already."""
    width, height = size
    return Box(
        round(FRAME_MARGIN * width),
        round(FRAME_MARGIN * height),
        round((1 - FRAME_MARGIN) * width),
        round((1 - FRAME_MARGIN) * height),
    )
