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
from probablyexists.faces.compiled import Picture, aligner, rgb

N_POINTS = 5
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
    greys = [np.empty(image.shape[:2], np.uint8) for image in images]
    pictures = [_picture(*its) for its in zip(images, greys, boxes, strict=True)]
    points = np.empty((len(images), 12), np.float32)
    library.landmarks(_cascade(library), len(images), (Picture * len(images))(*pictures), points)
    return points[:, : 2 * N_POINTS].reshape(-1, N_POINTS, 2).astype(np.float64)


def _picture(image: NDArray[np.uint8], grey: NDArray[np.uint8], box: Box) -> Picture:
    height, width = grey.shape
    return Picture(image.ctypes.data, grey.ctypes.data, width, height, box.left, box.top, box.right, box.bottom)


@cache
def _cascade(library: ctypes.CDLL) -> NDArray[np.uint8]:
    return read_cascade(library, model_file(_FILE, LANDMARKS_SHA256).read_bytes())


def read_cascade(library: ctypes.CDLL, data: bytes) -> NDArray[np.uint8]:
    """dlib's `shape_predictor` of five points in align.c's layout; InputError if the file is built differently."""
    cascade = np.zeros(ctypes.c_size_t.in_dll(library, "cascade_size").value, np.uint8)
    if not library.read_cascade(data, len(data), cascade):
        raise InputError("not dlib's five landmarks")
    return cascade


def _by_dlib(image: NDArray[np.uint8], box: Box) -> list[tuple[int, int]]:
    import dlib

    shape = _predictor()(image, dlib.rectangle(box.left, box.top, box.right, box.bottom))
    return [(part.x, part.y) for part in shape.parts()]


@cache
def _predictor() -> Any:
    import dlib

    return dlib.shape_predictor(str(model_file(_FILE, LANDMARKS_SHA256)))
