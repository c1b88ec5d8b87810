"""dlib's five landmarks: outer and inner corner of each eye, base of the nose."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from probablyexists.basis.errors import InputError
from probablyexists.basis.model_files import LANDMARKS_SHA256, model_file
from probablyexists.faces.boxes import Box
from probablyexists.faces.compiled import Box as CBox
from probablyexists.faces.compiled import Picture, aligner, rgb

N_POINTS = 5
NUMBERS = 12
"""align.c's points of a face: x and y of five, and two that are 0."""
_FILE = "shape_predictor_5_face_landmarks.dat"


def landmarks(images: Sequence[NDArray[np.uint8]], boxes: Sequence[Box]) -> NDArray[np.float64]:
    """(n, 5, 2) points x, y, rounded to pixels.

    `images`: (height, width, 3), RGB, with one box each. The points of a face do not depend on the others; a batch is
    faster.
    """
    images = [rgb(image) for image in images]
    library = aligner()
    if library is None:
        found = [_by_dlib(image, box) for image, box in zip(images, boxes, strict=True)]
        return np.array(found, np.float64).reshape(-1, N_POINTS, 2)
    batch, n = Batch(images, boxes), len(images)
    points = np.empty((n, NUMBERS), np.float32)
    library.landmarks(cascade(library), n, batch.pictures, np.empty(n, np.int32), points)
    return pairs(points)


class Batch:
    """Images as align.c takes them. `pictures` is valid as long as this is there."""

    def __init__(self, images: Sequence[NDArray[np.uint8]], boxes: Sequence[Box]) -> None:
        """`images`: as `rgb` gives them, with one box each. ValueError if there are not as many boxes."""
        self._images = images
        self._greys = [np.empty(image.shape[:2], np.uint8) for image in images]
        rows = [
            Picture(image.ctypes.data, grey.ctypes.data, image.shape[1], image.shape[0], c_box(box))
            for image, grey, box in zip(images, self._greys, boxes, strict=True)
        ]
        self.pictures = (Picture * len(rows))(*rows)


def c_box(box: Box) -> CBox:
    return CBox(box.left, box.top, box.right, box.bottom)


def pairs(points: NDArray[np.float32]) -> NDArray[np.float64]:
    """(n, `NUMBERS`) as align.c gives them -> (n, 5, 2)."""
    return points[:, : 2 * N_POINTS].reshape(-1, N_POINTS, 2).astype(np.float64)


@cache
def cascade(library: ctypes.CDLL) -> NDArray[np.uint8]:
    """dlib's trees, as align.c holds them."""
    return read_cascade(library, model_file(_FILE, LANDMARKS_SHA256).read_bytes())


def read_cascade(library: ctypes.CDLL, data: bytes) -> NDArray[np.uint8]:
    """dlib's `shape_predictor` of five points in align.c's layout; InputError if the file is built differently."""
    trees = np.zeros(ctypes.c_size_t.in_dll(library, "cascade_size").value, np.uint8)
    if not library.read_cascade(data, len(data), trees):
        raise InputError("not dlib's five landmarks")
    return trees


def _by_dlib(image: NDArray[np.uint8], box: Box) -> list[tuple[int, int]]:
    import dlib

    shape = _predictor()(image, dlib.rectangle(box.left, box.top, box.right, box.bottom))
    return [(part.x, part.y) for part in shape.parts()]


@cache
def _predictor() -> Any:
    import dlib

    return dlib.shape_predictor(str(model_file(_FILE, LANDMARKS_SHA256)))
