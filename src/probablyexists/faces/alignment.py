"""Find a face, find its landmarks, cut it out upright.

dlib's HOG detector and 5-point landmarks (the 68-point model is non-commercial and never used).
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from probablyexists.basis.models import LANDMARKS_SHA256, model_file

FRAME_MARGIN = 0.08
"""Without the detector, landmarks are looked for on a box of 8 to 92 % of the frame."""

Template = Literal["dlib", "arcface"]

_ARCFACE_POINTS = np.array([[38.2946, 51.6963], [73.5318, 51.5014], [56.0252, 80.5]]) / 112.0
"""Eye centres (right eye of the person first, as it stands left in the picture) and the base of the nose, as
shares of the side. The eyes are ArcFace's published template; the nose base lies between its nose tip and its
mouth corners, because dlib marks the base and not the tip."""


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


@cache
def _predictor() -> Any:
    import dlib

    return dlib.shape_predictor(str(model_file("shape_predictor_5_face_landmarks.dat", LANDMARKS_SHA256)))


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


def frame_box(image: NDArray[np.uint8]) -> Box:
    """The box that stands for a detection when the image is a face crop already."""
    height, width = image.shape[:2]
    return Box(
        round(FRAME_MARGIN * width),
        round(FRAME_MARGIN * height),
        round((1 - FRAME_MARGIN) * width),
        round((1 - FRAME_MARGIN) * height),
    )


def landmarks(image: NDArray[np.uint8], box: Box) -> NDArray[np.float64]:
    """(5, 2) points x, y in pixels: outer and inner corner of each eye, base of the nose."""
    shape = _shape(image, box)
    return np.array([[shape.part(i).x, shape.part(i).y] for i in range(5)], dtype=np.float64)


def _shape(image: NDArray[np.uint8], box: Box) -> Any:
    import dlib

    return _predictor()(image, dlib.rectangle(box.left, box.top, box.right, box.bottom))


def cut_chip(image: NDArray[np.uint8], box: Box, side: int = 150, template: Template = "dlib") -> NDArray[np.uint8]:
    """The face upright in a (side, side, 3) picture: dlib's own chip (padding 0.25) or ArcFace's frame."""
    import dlib

    if template == "dlib":
        chip: NDArray[np.uint8] = dlib.get_face_chip(image, _shape(image, box), size=side, padding=0.25)
        return chip
    return _warp(image, landmarks(image, box), side)


def _warp(image: NDArray[np.uint8], points: NDArray[np.float64], side: int) -> NDArray[np.uint8]:
    from PIL import Image

    eyes = np.array([points[[2, 3]].mean(axis=0), points[[0, 1]].mean(axis=0), points[4]])
    if eyes[0, 0] > eyes[1, 0]:
        eyes[[0, 1]] = eyes[[1, 0]]
    # Points name pixel centres; Pillow counts from the pixel's corner.
    a, b, x, y = _similarity(_ARCFACE_POINTS * side + 0.5, eyes + 0.5)
    picture = Image.fromarray(image).transform(
        (side, side), Image.Transform.AFFINE, (a, -b, x, b, a, y), Image.Resampling.BILINEAR
    )
    return np.asarray(picture)


def _similarity(source: NDArray[np.float64], target: NDArray[np.float64]) -> tuple[float, float, float, float]:
    """Least-squares a, b, x, y with target = [[a, -b], [b, a]] @ source + (x, y)."""
    rows, values = [], []
    for (u, v), (p, q) in zip(source, target, strict=True):
        rows += [[u, -v, 1, 0], [v, u, 0, 1]]
        values += [p, q]
    a, b, x, y = np.linalg.lstsq(np.array(rows), np.array(values), rcond=None)[0]
    return float(a), float(b), float(x), float(y)
